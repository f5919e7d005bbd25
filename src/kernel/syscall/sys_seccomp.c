/* SPDX-License-Identifier: Apache-2.0 */
/* seccomp(2), and the two prctl(2) options it grew from. */
#include <errno.h>

#include "abi/linux/prctl.h"
#include "abi/linux/seccomp.h"
#include "base/bpf.h"
#include "kernel/seccomp/seccomp.h"
#include "kernel/syscall/native.h"
#include "kernel/syscall/seccomp.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"

#define FLAGS                                                    \
    (LX_SECCOMP_FILTER_FLAG_TSYNC | LX_SECCOMP_FILTER_FLAG_LOG | \
     LX_SECCOMP_FILTER_FLAG_SPEC_ALLOW | LX_SECCOMP_FILTER_FLAG_TSYNC_ESRCH)

/* A checked copy of the guest's program. */
static int take_program(struct task *t, uint64_t at, struct seccomp_filter **ret)
{
    struct lx_sock_fprog prog;
    struct seccomp_filter *f;
    int r = copy_in(t, &prog, uaddr(at), sizeof(prog));

    if (r)
        return r;
    if (prog.len == 0 || prog.len > BPF_MAXINSNS)
        return -EINVAL;
    if (!t->no_new_privs && !cred_capable(t->cred, LX_CAP_SYS_ADMIN))
        return -EACCES;
    f = seccomp_filter_new(prog.len);
    if (!f)
        return -ENOMEM;
    r = copy_in(t, f->code, uaddr(prog.filter), prog.len * sizeof(f->code[0]));
    if (r == 0)
        r = bpf_check(f->code, f->len);
    if (r) {
        seccomp_filter_put(f);
        return r;
    }
    *ret = f;
    return 0;
}

static long set_filter(struct task *t, uint32_t flags, uint64_t at)
{
    struct seccomp_filter *f;
    long r;

    if (flags & ~FLAGS)
        return -EINVAL;
    r = take_program(t, at, &f);
    if (r)
        return r;
    /* The host's means first: from here on no call passes by unseen, whatever comes of the filter.
     */
    r = task_see_natives(t);
    if (r) {
        seccomp_filter_put(f);
        return -EINTR;
    }
    r = seccomp_install(t, f, flags & LX_SECCOMP_FILTER_FLAG_TSYNC);
    return r > 0 && (flags & LX_SECCOMP_FILTER_FLAG_TSYNC_ESRCH) ? -ESRCH : r;
}

static long set_strict(struct task *t)
{
    long r = seccomp_set_strict(t);

    return r ? r : task_see_natives(t);
}

static long action_avail(struct task *t, uint64_t at)
{
    uint32_t action;
    int r = copy_in(t, &action, uaddr(at), sizeof(action));

    if (r)
        return r;
    switch (action) {
    case LX_SECCOMP_RET_KILL_PROCESS:
    case LX_SECCOMP_RET_KILL_THREAD:
    case LX_SECCOMP_RET_TRAP:
    case LX_SECCOMP_RET_ERRNO:
    case LX_SECCOMP_RET_TRACE:
    case LX_SECCOMP_RET_LOG:
    case LX_SECCOMP_RET_ALLOW:
        return 0;
    default: /* USER_NOTIF: there are no listeners */
        return -EOPNOTSUPP;
    }
}

long sys_seccomp(struct task *t, const uint64_t a[static 6])
{
    uint32_t flags = (uint32_t) a[1];

    switch ((uint32_t) a[0]) {
    case LX_SECCOMP_SET_MODE_STRICT:
        return flags || a[2] ? -EINVAL : set_strict(t);
    case LX_SECCOMP_SET_MODE_FILTER:
        return set_filter(t, flags, a[2]);
    case LX_SECCOMP_GET_ACTION_AVAIL:
        return flags ? -EINVAL : action_avail(t, a[2]);
    default: /* GET_NOTIF_SIZES: as a kernel before listeners */
        return -EINVAL;
    }
}

long prctl_set_seccomp(struct task *t, uint64_t mode, uint64_t at)
{
    switch (mode) {
    case LX_SECCOMP_MODE_STRICT:
        return set_strict(t);
    case LX_SECCOMP_MODE_FILTER:
        return set_filter(t, 0, at);
    default:
        return -EINVAL;
    }
}
