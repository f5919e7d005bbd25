/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to files of any file system: ioctl_ficlone(2), ioctl_fideduperange(2), ioctl_iflags(2),
 * and what the kernel's fiemap.rst and ioctl.h of <linux/fs.h> name.
 */
#include <errno.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/ioctl.h"
#include "abi/linux/stat.h"
#include "kernel/syscall/ioctl.h"
#include "kernel/task/task.h"
#include "kernel/vfs/attr.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/file.h"
#include "kernel/vfs/walk.h"
#include "rpc/spec.h"

/* ---- sizes ---- */

/* FIONREAD of a regular file: what is left of it. */
static long bytes_left(struct task *t, struct file *f, uaddr_t to)
{
    struct attr a;
    int64_t pos = file_seek(f, 0, LX_SEEK_CUR);
    if (pos < 0)
        return pos;
    int r = file_getattr(f, &a);
    if (r < 0)
        return r;
    int32_t left = (int32_t) ((int64_t) a.size - pos);
    return copy_out(t, to, &left, sizeof(left));
}

/* FIOQSIZE: the room it takes. */
static long bytes_used(struct task *t, struct file *f, uaddr_t to)
{
    struct attr a;
    int r = file_getattr(f, &a);
    if (r < 0)
        return r;
    uint32_t type = a.mode & LX_S_IFMT;
    if (type != LX_S_IFREG && type != LX_S_IFDIR && type != LX_S_IFLNK)
        return -ENOTTY;
    uint64_t n = a.blocks * 512;
    return copy_out(t, to, &n, sizeof(n));
}

static long block_size(struct task *t, struct file *f, uaddr_t to)
{
    struct attr a;
    int r = file_getattr(f, &a);
    int32_t n = (int32_t) a.blksize;
    return r < 0 ? r : copy_out(t, to, &n, sizeof(n));
}

/* ---- flags: chattr(1) ---- */

static int may_change_flags(struct task *t, struct file *f, uint32_t old, uint32_t fresh)
{
    struct attr a;
    if (path_mount_flags(&f->path) & MOUNT_F_RDONLY)
        return -EROFS;
    int r = file_getattr(f, &a);
    if (r < 0)
        return r;
    if (a.uid != t->cred->fsuid && !cred_capable(t->cred, LX_CAP_FOWNER))
        return -EPERM;
    bool fixed = (old ^ fresh) & (LX_FS_IMMUTABLE_FL | LX_FS_APPEND_FL);
    return fixed && !cred_capable(t->cred, LX_CAP_LINUX_IMMUTABLE) ? -EPERM : 0;
}

static long attr_flags(struct task *t, struct file *f, bool set, uaddr_t arg)
{
    uint32_t old = 0, fresh = 0;
    if (!f->ops->attr_flags)
        return -ENOTTY;
    int r = set ? copy_in(t, &fresh, arg, sizeof(fresh)) : 0;
    if (r == 0)
        r = f->ops->attr_flags(f, false, &old);
    if (r == 0 && !set)
        return copy_out(t, arg, &old, sizeof(old));
    if (r == 0)
        r = may_change_flags(t, f, old, fresh);
    return r < 0 ? r : f->ops->attr_flags(f, true, &fresh);
}

/* ---- sharing data ---- */

static int check_pair(struct file *from, struct file *to)
{
    struct attr in, out;
    const struct node *n = path_node(&from->path), *m = path_node(&to->path);
    int r = file_getattr(from, &in);
    if (r == 0)
        r = file_getattr(to, &out);
    if (r < 0)
        return r;
    if (n && m ? n->sb != m->sb : from->ops != to->ops)
        return -EXDEV;
    if ((in.mode & LX_S_IFMT) == LX_S_IFDIR || (out.mode & LX_S_IFMT) == LX_S_IFDIR)
        return -EISDIR;
    if ((in.mode & LX_S_IFMT) != LX_S_IFREG || (out.mode & LX_S_IFMT) != LX_S_IFREG)
        return -EINVAL;
    uint32_t rd = atomic_load(&from->flags), wr = atomic_load(&to->flags);
    if ((rd & LX_O_ACCMODE) == LX_O_WRONLY || (wr & LX_O_ACCMODE) == LX_O_RDONLY ||
        (wr & LX_O_APPEND))
        return -EBADF;
    return from->ops->host_fd && to->ops->clone_range ? 0 : -EOPNOTSUPP;
}

static long clone_range(struct task *t, struct file *to, const struct lx_file_clone_range *c)
{
    struct file *from;
    int r = fd_lookup(t->files, (int) c->src_fd, &from);
    if (r < 0)
        return r;
    r = check_pair(from, to);
    if (r == 0)
        r = to->ops->clone_range(to, from->ops->host_fd(from), c->src_offset, c->src_length,
                                 c->dest_offset);
    file_put(from);
    return r;
}

static long clone_range_of(struct task *t, struct file *to, uaddr_t arg)
{
    struct lx_file_clone_range c;
    int r = copy_in(t, &c, arg, sizeof(c));
    return r < 0 ? r : clone_range(t, to, &c);
}

/* Nothing is looked for: two files that are equal stay two. */
static long dedupe(struct file *f)
{
    struct attr a;
    int r = file_getattr(f, &a);
    if (r < 0)
        return r;
    if ((a.mode & LX_S_IFMT) == LX_S_IFDIR)
        return -EISDIR;
    return (a.mode & LX_S_IFMT) == LX_S_IFREG ? -EOPNOTSUPP : -EINVAL;
}

/* ---- all of them ---- */

static bool is_regular(const struct file *f)
{
    const struct node *n = path_node(&f->path);
    return n && n->type == LX_S_IFREG;
}

long file_request(struct task *t, struct file *f, uint32_t cmd, uint64_t arg)
{
    switch (cmd) {
    case LX_FIOQSIZE:
        return bytes_used(t, f, uaddr(arg));
    case LX_FIGETBSZ:
        return block_size(t, f, uaddr(arg));
    case LX_FIONREAD:
        return is_regular(f) && f->ops->seek && !f->ops->ioctl ? bytes_left(t, f, uaddr(arg))
                                                               : NOT_OF_FILES;
    case LX_FS_IOC_FIEMAP: /* where on a disk the host has it is no guest's business */
        return -EOPNOTSUPP;
    case LX_FIBMAP:
        if (!is_regular(f))
            return NOT_OF_FILES;
        return cred_capable(t->cred, LX_CAP_SYS_RAWIO) ? -EINVAL : -EPERM;
    case LX_FS_IOC_GETFLAGS:
    case LX_FS_IOC_SETFLAGS:
        return attr_flags(t, f, cmd == LX_FS_IOC_SETFLAGS, uaddr(arg));
    case LX_FICLONE:
        return clone_range(t, f, &(struct lx_file_clone_range){.src_fd = (int) arg});
    case LX_FICLONERANGE:
        return clone_range_of(t, f, uaddr(arg));
    case LX_FIDEDUPERANGE:
        return dedupe(f);
    default:
        return NOT_OF_FILES;
    }
}
