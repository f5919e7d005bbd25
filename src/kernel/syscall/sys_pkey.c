/* SPDX-License-Identifier: Apache-2.0 */
/* pkeys(7), as on a processor without protection keys. */
#include <errno.h>

#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"

#define ACCESS_MASK 3u

long sys_pkey_alloc(struct task *t unused_, const uint64_t a[static 6])
{
    return a[0] || (a[1] & ~(uint64_t) ACCESS_MASK) ? -EINVAL : -ENOSPC;
}

long sys_pkey_free(struct task *t unused_, const uint64_t a[static 6] unused_)
{
    return -EINVAL; /* none was given out */
}

/* With key -1 it is mprotect(2). */
long sys_pkey_mprotect(struct task *t, const uint64_t a[static 6])
{
    return (int) a[3] == -1 ? platform_mprotect(t->st, a[0], a[1], (int) a[2]) : -EINVAL;
}
