/* SPDX-License-Identifier: Apache-2.0 */
/* futex(2). Most calls never get here: the host answers them, or the stub the timed ones. */
#include "kernel/syscall/native.h"
#include "kernel/syscall/syscall.h"

long sys_futex(struct task *t, const uint64_t a[static 6])
{
    return native_futex(t, a);
}
