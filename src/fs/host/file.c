/* SPDX-License-Identifier: Apache-2.0 */
/* Opened host files: the data goes between a host descriptor and the transfer. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/stat.h"
#include "base/cleanup.h"
#include "fs/host/internal.h"
#include "kernel/vfs/special.h"

#define SMALL_PIECE (16u << 10)  /* on the stack */
#define LARGE_PIECE (256u << 10) /* beyond it: few calls, and it stays in the second cache */

static ssize_t one_read(int fd, void *buf, size_t n, int64_t pos, int flags)
{
    struct iovec v = {buf, n};
    ssize_t r = flags     ? preadv2(fd, &v, 1, pos, flags)
                : pos < 0 ? read(fd, buf, n)
                          : pread(fd, buf, n, pos);
    return r < 0 ? -errno : r;
}

static ssize_t one_write(int fd, const void *buf, size_t n, int64_t pos, int flags)
{
    struct iovec v = {(void *) buf, n};
    ssize_t r = flags     ? pwritev2(fd, &v, 1, pos, flags)
                : pos < 0 ? write(fd, buf, n)
                          : pwrite(fd, buf, n, pos);
    return r < 0 ? -errno : r;
}

/* A piece of the transfer's own memory, or one that is copied. */
struct piece {
    void *at;
    size_t n;
    bool window;
};

struct pieces {
    uint8_t *large;
    uint8_t small[SMALL_PIECE];
};

static int next_piece(struct pieces *p, struct iobuf *io, bool toward_guest, struct piece *ret)
{
    ret->at = iobuf_window(io, toward_guest, &ret->n);
    ret->window = ret->at != NULL;
    if (ret->window)
        return 0;
    ret->n = MIN(io->left, (size_t) LARGE_PIECE);
    ret->at = p->small;
    if (ret->n <= sizeof(p->small))
        return 0;
    if (!p->large)
        p->large = malloc(LARGE_PIECE);
    ret->at = p->large;
    return ret->at ? 0 : -ENOMEM;
}

/* What the guest's memory did not take is read again next time, where there is an offset. */
static void put_back(int fd, ssize_t n)
{
    if (n > 0)
        (void) !lseek(fd, -n, SEEK_CUR);
}

ssize_t host_fd_read(int fd, struct iobuf *io, int64_t pos, int flags)
{
    struct pieces p = {.large = NULL};
    ssize_t done = 0, r = 0;
    do {
        struct piece at;
        r = next_piece(&p, io, true, &at);
        if (r < 0)
            break;
        size_t want = at.n;
        r = one_read(fd, at.at, want, pos < 0 ? -1 : pos + done, flags);
        if (r <= 0)
            break;
        ssize_t got = r;
        if (at.window)
            iobuf_advance(io, (size_t) got);
        else if ((r = iobuf_put(io, at.at, (size_t) got)) < got && pos < 0)
            put_back(fd, got - MAX(r, (ssize_t) 0));
        if (r < 0)
            break;
        done += r;
        if (r < got || (size_t) got < want)
            break;
    } while (io->left);
    free(p.large);
    return done ? done : r;
}

ssize_t host_fd_write(int fd, struct iobuf *io, int64_t pos, int flags)
{
    struct pieces p = {.large = NULL};
    ssize_t done = 0, r = 0;
    do {
        struct piece at;
        r = next_piece(&p, io, false, &at);
        if (r < 0)
            break;
        struct iobuf before = *io;
        size_t want = at.n;
        if (!at.window) {
            r = iobuf_take(io, at.at, want);
            if (r < 0)
                break;
            want = (size_t) r;
        }
        r = one_write(fd, at.at, want, pos < 0 ? -1 : pos + done, flags);
        if (r >= 0 && at.window)
            iobuf_advance(io, (size_t) r);
        else if (!at.window && (size_t) MAX(r, (ssize_t) 0) < want) {
            /* What was not written is still to come: step over what was, from where we stood. */
            *io = before;
            iobuf_skip(io, (size_t) MAX(r, (ssize_t) 0));
        }
        if (r <= 0)
            break;
        done += r;
        if ((size_t) r < want)
            break;
    } while (io->left);
    free(p.large);
    return done ? done : r;
}

int64_t host_fd_seek(int fd, int64_t off, int whence)
{
    off_t r = lseek(fd, off, whence);
    return r < 0 ? -errno : r;
}

int host_fd_fsync(int fd, bool data_only)
{
    return (data_only ? fdatasync(fd) : fsync(fd)) < 0 ? -errno : 0;
}

/* Never more rights than the guest's own open had: mmap(2), EACCES. */
int host_fd_donate(int fd, uint32_t open_flags, int prot, bool shared, int *ret_fd)
{
    uint32_t mode = open_flags & LX_O_ACCMODE;
    char path[PROC_FD_CAP];
    if (mode == LX_O_WRONLY)
        return -EACCES;
    bool writable = shared && mode == LX_O_RDWR;
    if (shared && (prot & PROT_WRITE) && !writable)
        return -EACCES;
    /* A shared mapping of a writable file may be made writable later (mprotect(2)). */
    int r = open(proc_fd_path(fd, path), (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOCTTY);
    if (r < 0)
        return -errno;
    *ret_fd = r;
    return 0;
}

/* ---- file_ops ---- */

static ssize_t file_read_op(struct file *f, struct iobuf *io, int64_t pos)
{
    return host_fd_read(host_file(f)->fd, io, pos, (int) io->rwf);
}

static ssize_t file_write_op(struct file *f, struct iobuf *io, int64_t pos)
{
    return host_fd_write(host_file(f)->fd, io, pos, (int) io->rwf);
}

static int64_t file_seek_op(struct file *f, int64_t off, int whence)
{
    return host_fd_seek(host_file(f)->fd, off, whence);
}

static int file_donate(struct file *f, int prot, bool shared, int *ret_fd)
{
    return host_fd_donate(host_file(f)->fd, atomic_load(&f->flags), prot, shared, ret_fd);
}

static int file_fsync(struct file *f, bool data_only)
{
    return host_fd_fsync(host_file(f)->fd, data_only);
}

static int file_getattr_op(struct file *f, struct attr *ret)
{
    return host_fd_getattr(host_file(f)->fd, ret);
}

static int file_setattr_op(struct file *f, const struct attr *a, uint32_t mask)
{
    return host_fd_setattr(host_file(f)->fd, a, mask);
}

static int file_fallocate(struct file *f, int mode, int64_t off, int64_t len)
{
    return fallocate(host_file(f)->fd, mode, off, len) < 0 ? -errno : 0;
}

static int file_host_fd(struct file *f)
{
    return host_file(f)->fd;
}

/*
 * File systems whose regular files are nothing but data: no read or write of theirs waits for
 * anybody, is a request in disguise (proc, sys and their kin are full of such), or asks another
 * process.
 */
static bool is_storage(int64_t fs_type)
{
    static const uint32_t kinds[] = {
        0xef53,     /* ext2, ext3, ext4 */
        0x58465342, /* xfs */
        0x9123683e, /* btrfs */
        0x01021994, /* tmpfs */
        0x794c7630, /* overlay */
        0xf2f52010, /* f2fs */
        0x2fc12fc1, /* zfs */
        0xca451a4e, /* bcachefs */
        0xe0f5e1e2, /* erofs */
        0x73717368, /* squashfs */
    };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if ((uint32_t) fs_type == kinds[i])
            return true;
    return false;
}

static int file_direct(struct file *f, enum direct_kind *ret_kind)
{
    struct statfs s;
    int fd = host_file(f)->fd;
    *ret_kind = DIRECT_KIND_FILE;
    return fstatfs(fd, &s) == 0 && is_storage((int64_t) s.f_type) ? fd : -1;
}

static int file_attr_flags(struct file *f, bool set, uint32_t *flags)
{
    int v = (int) *flags;
    if (ioctl(host_file(f)->fd, set ? FS_IOC_SETFLAGS : FS_IOC_GETFLAGS, &v) < 0)
        return -errno;
    *flags = (uint32_t) v;
    return 0;
}

static int file_clone_range(struct file *f, int from, uint64_t off, uint64_t len, uint64_t to)
{
    struct file_clone_range r = {from, off, len, to};
    return ioctl(host_file(f)->fd, FICLONERANGE, &r) < 0 ? -errno : 0;
}

static long write_hint(struct file *f, struct task *t, int cmd, uaddr_t at)
{
    uint64_t hint;
    if (cmd == LX_F_SET_RW_HINT && copy_in(t, &hint, at, sizeof(hint)) < 0)
        return -EFAULT;
    if (fcntl(host_file(f)->fd, cmd, &hint) < 0)
        return -errno;
    return cmd == LX_F_GET_RW_HINT ? copy_out(t, at, &hint, sizeof(hint)) : 0;
}

/* Seals: of memfds; the host says what other files answer. */
static long file_fcntl(struct file *f, struct task *t, int cmd, uint64_t arg)
{
    if (cmd == LX_F_GET_RW_HINT || cmd == LX_F_SET_RW_HINT)
        return write_hint(f, t, cmd, uaddr(arg));
    if (cmd != LX_F_ADD_SEALS && cmd != LX_F_GET_SEALS)
        return cmd == LX_F_GETPIPE_SZ || cmd == LX_F_SETPIPE_SZ ? -EBADF : -EINVAL;
    int r = fcntl(host_file(f)->fd, cmd, (unsigned) arg);
    return r < 0 ? -errno : r;
}

/* O_APPEND acts where the offset is: in the host's description. */
static void file_flags_changed(struct file *f, uint32_t old)
{
    uint32_t now = atomic_load(&f->flags), own = LX_O_APPEND | LX_O_DIRECT | LX_O_NOATIME;
    int host = fcntl(host_file(f)->fd, F_GETFL);
    if (((now ^ old) & own) && host >= 0)
        (void) fcntl(host_file(f)->fd, F_SETFL, (host & ~(int) own) | (int) (now & own));
}

static void host_file_release(struct file *f)
{
    dir_reader_free(host_file(f)->dir);
    host_file_leave(host_file(f));
    close_fd(host_file(f)->fd);
    free(host_file(f));
}

static const struct file_ops file_ops = {
    .read = file_read_op,
    .write = file_write_op,
    .seek = file_seek_op,
    .donate = file_donate,
    .fsync = file_fsync,
    .getattr = file_getattr_op,
    .setattr = file_setattr_op,
    .fallocate = file_fallocate,
    .fcntl = file_fcntl,
    .host_fd = file_host_fd,
    .direct = file_direct,
    .attr_flags = file_attr_flags,
    .clone_range = file_clone_range,
    .flags_changed = file_flags_changed,
    .release = host_file_release,
};

static const struct file_ops dir_ops = {
    .readdir = host_readdir,
    .seek = host_dir_seek,
    .fsync = file_fsync,
    .getattr = file_getattr_op,
    .setattr = file_setattr_op,
    .attr_flags = file_attr_flags,
    .release = host_file_release,
};

/* The node of an O_TMPFILE needs its super: the file carries it until the vfs has named it. */
struct host_tmpfile {
    struct host_file hf; /* first */
    struct node *dir;    /* referenced */
};

static void tmpfile_release(struct file *f)
{
    struct host_tmpfile *tf = (struct host_tmpfile *) f;
    node_put(tf->dir);
    host_file_release(f);
}

static int file_anon_node(struct file *f, struct node **ret)
{
    char path[PROC_FD_CAP];
    int fd = open(proc_fd_path(host_file(f)->fd, path), O_PATH | O_CLOEXEC);
    return fd < 0 ? -errno : host_node_new(((struct host_tmpfile *) f)->dir->sb, fd, ret);
}

static const struct file_ops tmpfile_ops = {
    .read = file_read_op,
    .write = file_write_op,
    .seek = file_seek_op,
    .donate = file_donate,
    .fsync = file_fsync,
    .getattr = file_getattr_op,
    .setattr = file_setattr_op,
    .fallocate = file_fallocate,
    .fcntl = file_fcntl,
    .anon_node = file_anon_node,
    .host_fd = file_host_fd,
    .direct = file_direct,
    .attr_flags = file_attr_flags,
    .clone_range = file_clone_range,
    .flags_changed = file_flags_changed,
    .release = tmpfile_release,
};

/* ---- opening ---- */

#define PASSED_ON (LX_O_ACCMODE | LX_O_APPEND | LX_O_DSYNC | LX_O_SYNC | LX_O_DIRECT | LX_O_NOATIME)

static int wrap(int fd, const struct file_ops *ops, uint32_t flags, size_t size, struct file **ret)
{
    _cleanup_close_ int own = fd;
    struct host_file *hf = calloc(1, size);
    if (!hf)
        return -ENOMEM;
    file_init(&hf->file, ops, flags);
    hf->fd = take_fd(&own);
    *ret = &hf->file;
    return 0;
}

static int reopen(struct node *n, uint32_t flags, int more)
{
    char path[PROC_FD_CAP];
    int held = host_node_fd(n);
    if (held < 0)
        return held;
    proc_fd_path(held, path);
    int host = (int) (flags & PASSED_ON) | more | O_CLOEXEC | O_NOCTTY;
    int fd = open(path, host);
    /* The host compares owners with the sandbox's ids, the vfs has compared them with the guest's.
     */
    if (fd < 0 && errno == EPERM && (flags & LX_O_NOATIME))
        fd = open(path, host & ~O_NOATIME);
    return fd < 0 ? -errno : fd;
}

int host_open(struct node *n, const struct open_args *a, struct file **ret)
{
    struct kernel *k = host_super(n->sb)->k;
    struct attr at;
    int fd, r;
    switch (n->type) {
    case LX_S_IFREG:
        fd = reopen(n, a->flags, 0);
        return fd < 0 ? fd : wrap(fd, &file_ops, a->flags, sizeof(struct host_file), ret);
    case LX_S_IFDIR:
        fd = reopen(n, LX_O_RDONLY | (a->flags & LX_O_NOATIME), O_DIRECTORY);
        return fd < 0 ? fd : wrap(fd, &dir_ops, a->flags, sizeof(struct host_file), ret);
    case LX_S_IFIFO:
        return a->task ? k->specials->fifo_open(k, n, a, ret) : -ENXIO;
    case LX_S_IFCHR:
        r = host_getattr(n, &at);
        return r < 0 ? r : k->specials->device_open(k, at.rdev, a, ret);
    default:
        return -ENXIO;
    }
}

/*
 * O_NONBLOCK: what the name stands for by now may be a FIFO, or leased. For the files that stay it
 * means nothing.
 */
#define BY_NAME (O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)

/* What was opened at fd (consumed), as a file of `known`, or of a new node. 1: not what was
 * expected. */
static int opened(struct super *sb, int fd, struct node *known, const struct open_args *a,
                  struct attr *ret_attr, struct node **ret, struct file **ret_file)
{
    _cleanup_close_ int own = fd;
    struct attr at;
    int r = host_fd_getattr(own, &at);
    uint32_t type = at.mode & LX_S_IFMT;
    if (r < 0)
        return r;
    if (type != LX_S_IFREG && type != LX_S_IFDIR)
        return 1;
    if (known && (known->ino != at.ino || known->dev != at.dev || known->type != type))
        return 1;
    struct node *n = known ? node_get(known) : NULL;
    r = known ? 0 : host_node_opened(sb, &at, &n);
    if (r == 0)
        r = wrap(take_fd(&own), type == LX_S_IFDIR ? &dir_ops : &file_ops, a->flags,
                 sizeof(struct host_file), ret_file);
    if (r < 0) {
        node_put(n);
        return r;
    }
    host_file_is_of(host_file(*ret_file), n);
    *ret_attr = at;
    *ret = n;
    return 0;
}

int host_open_at(struct node *dir, const char *name, struct node *known, const struct open_args *a,
                 struct attr *ret_attr, struct node **ret, struct file **ret_file)
{
    int r = host_check_name(name);
    int at = r < 0 ? r : host_node_fd(dir);
    if (at < 0)
        return 1;
    bool is_dir = (a->flags & LX_O_DIRECTORY) || (known && known->type == LX_S_IFDIR);
    int fd = openat(at, name, (int) (a->flags & PASSED_ON) | (is_dir ? O_DIRECTORY : 0) | BY_NAME);
    if (fd >= 0)
        return opened(dir->sb, fd, known, a, ret_attr, ret, ret_file);
    return errno == ENOENT || errno == EMFILE || errno == ENFILE || errno == ENOMEM ? -errno : 1;
}

int host_create_open(struct node *dir, const char *name, const struct create_args *c,
                     const struct open_args *a, struct node **ret, struct file **ret_file)
{
    struct attr attr;
    int r = host_check_name(name);
    int at = r < 0 ? r : host_node_fd(dir);
    if (at < 0)
        return at;
    int fd =
        openat(at, name, (int) (a->flags & PASSED_ON & ~LX_O_NOATIME) | O_CREAT | O_EXCL | BY_NAME,
               c->mode & 07777);
    if (fd < 0)
        return -errno;
    /* The host would ask for the owner, and only after it has made the file. */
    if (a->flags & LX_O_NOATIME)
        (void) fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NOATIME);
    r = opened(dir->sb, fd, NULL, a, &attr, ret, ret_file);
    return r == 1 ? -EIO : r;
}

int host_tmpfile(struct node *dir, const struct create_args *c, const struct open_args *a,
                 struct file **ret)
{
    int at = host_node_fd(dir);
    if (at < 0)
        return at;
    int fd = openat(at, ".", O_TMPFILE | (int) (a->flags & (PASSED_ON | LX_O_EXCL)) | O_CLOEXEC,
                    c->mode & 07777);
    if (fd < 0)
        return -errno;
    int r = wrap(fd, &tmpfile_ops, a->flags, sizeof(struct host_tmpfile), ret);
    if (r == 0)
        ((struct host_tmpfile *) *ret)->dir = node_get(dir);
    return r;
}
