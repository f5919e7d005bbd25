/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory calls that the stub could not make by itself: mappings of files, and anonymous ones with
 * flags the filter does not admit. The memory is the host's; what is decided here is which file
 * descriptor may be mapped how, and which flags reach the host.
 */
#include <errno.h>
#include <unistd.h>

#include "abi/linux/mman.h"
#include "abi/linux/resource.h"
#include "base/cleanup.h"
#include "kernel/syscall/native.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/file.h"
#include "kernel/vfs/node.h"
#include "kernel/vfs/walk.h"
#include "rpc/spec.h"

#define NR_MEMBARRIER   324
#define MEMBARRIER_CPU  1u       /* MEMBARRIER_CMD_FLAG_CPU */
#define MEMBARRIER_RSEQ (1 << 7) /* MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ */

#define PAGE       4096ull
#define O_ACCMODE_ 3u
#define O_WRONLY_  1u
#define O_RDWR_    2u

#define PROT_KNOWN (LX_PROT_READ | LX_PROT_WRITE | LX_PROT_EXEC)
/* What goes on to the host; the rest is advice that Linux ignores, too (DENYWRITE, EXECUTABLE), or
 * is refused. */
#define HOST_FLAGS                                                                                \
    (LX_MAP_FIXED | LX_MAP_FIXED_NOREPLACE | LX_MAP_NORESERVE | LX_MAP_STACK | LX_MAP_GROWSDOWN | \
     LX_MAP_POPULATE | LX_MAP_32BIT)

/* The type bits for the host, or an error for combinations Linux refuses. */
static int sanitise(uint64_t flags, bool file, int *ret)
{
    int type = (int) (flags & LX_MAP_TYPE);

    if (type == LX_MAP_SHARED_VALIDATE) {
        const uint64_t known = HOST_FLAGS | LX_MAP_TYPE | LX_MAP_ANONYMOUS | LX_MAP_DENYWRITE |
                               LX_MAP_EXECUTABLE | LX_MAP_LOCKED | LX_MAP_NONBLOCK | LX_MAP_HUGETLB;

        if (flags & ~known)
            return -EOPNOTSUPP;
        type = LX_MAP_SHARED;
    }
    if (type != LX_MAP_SHARED && type != LX_MAP_PRIVATE)
        return -EINVAL;
    if (flags & LX_MAP_HUGETLB)
        return file ? -EINVAL : -ENOMEM; /* as on a host without reserved huge pages */
    if (type == LX_MAP_SHARED && (flags & LX_MAP_GROWSDOWN))
        return -EINVAL;
    *ret = (int) (flags & HOST_FLAGS) | type;
    return 0;
}

/* mmap(2), "ERRORS": the open mode decides; then the driver gives a descriptor with no more rights
 * than that. */
static int donate(struct file *f, int prot, int type, int *ret_fd)
{
    uint32_t mode = atomic_load(&f->flags) & O_ACCMODE_;
    bool shared = type == LX_MAP_SHARED;

    if (mode == O_WRONLY_ || mode == O_ACCMODE_)
        return -EACCES;
    if (shared && (prot & LX_PROT_WRITE) && mode != O_RDWR_)
        return -EACCES;
    if ((prot & LX_PROT_EXEC) && f->path.mnt && (path_mount_flags(&f->path) & MOUNT_F_NOEXEC))
        return -EPERM;
    if (!f->ops->donate)
        return -ENODEV;
    /* A later mprotect() is the host's alone to judge: a shared mapping gets all the rights of its
     * opening now. */
    if (shared && mode == O_RDWR_) {
        prot |= LX_PROT_WRITE;
        if (path_node(&f->path))
            atomic_store(&path_node(&f->path)->is_direct, true);
    }
    return f->ops->donate(f, prot | LX_PROT_READ, shared, ret_fd);
}

/* What a mapping of `f` is refused for before its rights are looked at. */
static int check_range(uint64_t len, uint64_t off)
{
    uint64_t end;

    if (!len)
        return -EINVAL;
    if (len > GUEST_TASK_SIZE)
        return -ENOMEM;
    if (__builtin_add_overflow(off, (len + PAGE - 1) & ~(PAGE - 1), &end) ||
        end > (uint64_t) INT64_MAX)
        return -EOVERFLOW;
    return 0;
}

static long map_anonymous(struct task *t, const uint64_t a[static 6])
{
    int prot = (int) a[2] & PROT_KNOWN, flags, r = 0;
    uint64_t got;

    if (!a[1])
        return -EINVAL;
    if (a[1] > GUEST_TASK_SIZE)
        return -ENOMEM;
    r = sanitise(a[3], false, &flags);
    if (r == 0)
        r = platform_mmap(t->st, a[0], a[1], prot, flags | LX_MAP_ANONYMOUS, -1, 0, &got);
    return r ? r : (long) got;
}

long sys_mmap(struct task *t, const uint64_t a[static 6])
{
    _cleanup_close_ int host_fd = -1;
    int prot = (int) a[2] & PROT_KNOWN, flags, r;
    uint64_t got;
    struct file *f;

    if (a[5] & (PAGE - 1))
        return -EINVAL;
    if (a[3] & LX_MAP_ANONYMOUS)
        return map_anonymous(t, a);
    r = fd_lookup(t->files, (int) a[4], &f);
    if (r)
        return r;
    r = check_range(a[1], a[5]);
    if (r == 0)
        r = sanitise(a[3], true, &flags);
    if (r == 0)
        r = donate(f, prot, flags & LX_MAP_TYPE, &host_fd);
    file_put(f);
    if (r == 0)
        r = platform_mmap(t->st, a[0], a[1], prot, flags, host_fd, a[5], &got);
    return r ? r : (long) got;
}

/*
 * The host's own calls. They come here only when somebody wants to see each call, or with arguments
 * that the stubs' filter does not admit.
 */

#define NATIVE(name)                                            \
    long sys_##name(struct task *t, const uint64_t a[static 6]) \
    {                                                           \
        return native_call(t, t->trap.nr, a);                   \
    }

NATIVE(munmap)
NATIVE(mprotect)
NATIVE(mremap)
NATIVE(msync)
NATIVE(remap_file_pages)
NATIVE(mincore)
NATIVE(mlock)
NATIVE(mlock2)
NATIVE(munlock)
NATIVE(brk) /* the stub's, which keeps the break */

long sys_membarrier(struct task *t, const uint64_t a[static 6])
{
    const uint64_t all[6] = {a[0], 0, 0};

    /* Restartable sequences on one processor: those on all are restarted, which is no less. */
    if ((uint32_t) a[1] == MEMBARRIER_CPU && (int) a[0] == MEMBARRIER_RSEQ)
        return native_call(t, NR_MEMBARRIER, all);
    return (uint32_t) a[1] ? -EINVAL : native_call(t, NR_MEMBARRIER, all);
}

/* Memory is not locked: success would be a promise. The limit for the unprivileged is smaller than
 * any process. */
long sys_mlockall(struct task *t, const uint64_t a[static 6])
{
    if (!a[0] || (a[0] & ~(uint64_t) (LX_MCL_CURRENT | LX_MCL_FUTURE | LX_MCL_ONFAULT)) ||
        a[0] == LX_MCL_ONFAULT)
        return -EINVAL;
    return cred_capable(t->cred, 14 /* CAP_IPC_LOCK */) || tgroup_rlimit(t->tg, LX_RLIMIT_MEMLOCK)
               ? -ENOMEM
               : -EPERM;
}

long sys_munlockall(struct task *t unused_, const uint64_t a[static 6] unused_)
{
    return 0;
}

#define MADV_REMOVE_       9u
#define MADV_HWPOISON_     100u
#define MADV_SOFT_OFFLINE_ 101u

long sys_madvise(struct task *t, const uint64_t a[static 6])
{
    long r = native_call(t, t->trap.nr, a);

    if (r != -ENOSYS)
        return r;
    if ((a[0] & (PAGE - 1)) || (int) a[2] < 0)
        return -EINVAL;
    switch ((uint32_t) a[2]) {
    case MADV_HWPOISON_:
    case MADV_SOFT_OFFLINE_:
        return -EPERM;
    case 12: /* MADV_MERGEABLE: page sharing across tenants is a side channel, and advice may be
                declined */
    case 13:
        return -EINVAL;
    case MADV_REMOVE_:
        return -EOPNOTSUPP;
    default:
        return -EINVAL;
    }
}
