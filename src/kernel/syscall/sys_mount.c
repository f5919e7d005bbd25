/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount(2), umount2(2), pivot_root(2). The mount table of a container is made before its first
 * program runs and does not change: a refusal, with the errno of those who may not, whatever
 * capabilities the guest has.
 */
#include <errno.h>

#include "kernel/syscall/syscall.h"

long sys_mount(struct task *t unused_, const uint64_t a[static 6] unused_)
{
    return -EPERM;
}

long sys_umount2(struct task *t unused_, const uint64_t a[static 6] unused_)
{
    return -EPERM;
}

long sys_pivot_root(struct task *t unused_, const uint64_t a[static 6] unused_)
{
    return -EPERM;
}
