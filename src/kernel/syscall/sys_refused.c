/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changes or watches the whole machine, and so is refused to whoever is not privileged on the
 * host itself: nobody in a container is. Linux answers before it looks at the arguments.
 */
#include <errno.h>

#include "abi/linux/fcntl.h"
#include "kernel/syscall/at.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"

#define REFUSED(name)                                                           \
    long sys_##name(struct task *t unused_, const uint64_t a[static 6] unused_) \
    {                                                                           \
        return -EPERM;                                                          \
    }

/* Accounting, swap, quotas, reboot. */
REFUSED(acct)
REFUSED(swapon)
REFUSED(swapoff)
REFUSED(quotactl)
REFUSED(quotactl_fd)
REFUSED(reboot)
REFUSED(kexec_load)
REFUSED(kexec_file_load)
/* Modules. */
REFUSED(init_module)
REFUSED(finit_module)
REFUSED(delete_module)
/* Watching and extending the kernel. */
REFUSED(bpf)
REFUSED(perf_event_open)
REFUSED(fanotify_init)
REFUSED(userfaultfd)
/* Key rings are the host user's. */
REFUSED(add_key)
REFUSED(request_key)
REFUSED(keyctl)
/* Files behind the back of names. */
REFUSED(open_by_handle_at)
/* Pages of other processes, to other nodes. */
REFUSED(migrate_pages)

#define LEVEL_LAST 3
#define PORTS      65536

/* iopl(2): 0 is what everybody has. */
long sys_iopl(struct task *t unused_, const uint64_t a[static 6])
{
    uint32_t level = (uint32_t) a[0];

    if (level > LEVEL_LAST)
        return -EINVAL;
    return level ? -EPERM : 0;
}

/* ioperm(2): giving up what one does not have is allowed. */
long sys_ioperm(struct task *t unused_, const uint64_t a[static 6])
{
    if (a[0] > PORTS || a[1] > PORTS || a[0] + a[1] > PORTS || !a[1])
        return -EINVAL;
    return (int) a[2] ? -EPERM : 0;
}

/*
 * name_to_handle_at(2): a handle outlives the names and openings that a container has been given,
 * so that, as far as a guest can tell, no file system here makes any.
 */
long sys_name_to_handle_at(struct task *t, const uint64_t a[static 6])
{
    uint32_t flags = (uint32_t) a[4];
    struct target g;

    if (flags & ~(uint32_t) (LX_AT_SYMLINK_FOLLOW | LX_AT_EMPTY_PATH | LX_AT_HANDLE_FID |
                             LX_AT_HANDLE_MNT_ID_UNIQUE))
        return -EINVAL;
    int r = target_at(t, NULL, (int) a[0], a[1],
                      (flags & LX_AT_SYMLINK_FOLLOW ? 0 : (uint32_t) WALK_NOFOLLOW) |
                          (flags & LX_AT_EMPTY_PATH ? (uint32_t) WALK_EMPTY : 0),
                      &g);
    if (r < 0)
        return r;
    target_done(&g);
    return -EOPNOTSUPP;
}
