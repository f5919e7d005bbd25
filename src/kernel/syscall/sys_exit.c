/* SPDX-License-Identifier: Apache-2.0 */
/* exit(2), exit_group(2), and what threads register for their end. */
#include <errno.h>

#include "abi/linux/wait.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"

long sys_exit(struct task *t, const uint64_t a[static 6])
{
    t->exit_code = LX_W_EXITED(a[0]);
    atomic_fetch_or(&t->work, WORK_EXIT);
    return 0;
}

long sys_exit_group(struct task *t, const uint64_t a[static 6])
{
    tgroup_exit(t->tg, LX_W_EXITED(a[0]));
    return 0;
}

long sys_set_tid_address(struct task *t, const uint64_t a[static 6])
{
    t->clear_child_tid = a[0];
    return t->tid;
}

#define ROBUST_HEAD_SIZE 24

long sys_set_robust_list(struct task *t, const uint64_t a[static 6])
{
    if (a[1] != ROBUST_HEAD_SIZE)
        return -EINVAL;
    t->robust_list = a[0];
    return 0;
}

long sys_get_robust_list(struct task *t, const uint64_t a[static 6])
{
    pid_t pid = (pid_t) a[0];
    uint64_t head = t->robust_list, size = ROBUST_HEAD_SIZE;
    int r;

    if (pid && pid != t->tid) {
        struct task *o = task_find_get(t->k, pid);

        if (!o)
            return -ESRCH;
        r = o->cred->uid == t->cred->euid || cred_capable(t->cred, LX_CAP_SYS_PTRACE) ? 0 : -EPERM;
        head = o->robust_list;
        task_put(o);
        if (r)
            return r;
    }
    r = copy_out(t, uaddr(a[2]), &size, sizeof(size));
    return r ? r : copy_out(t, uaddr(a[1]), &head, sizeof(head));
}
