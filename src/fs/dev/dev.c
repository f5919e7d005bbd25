/* SPDX-License-Identifier: Apache-2.0 */
/* The table of /dev and the memory devices in it. */
#include "fs/dev/dev.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/ioctl.h"
#include "abi/linux/stat.h"
#include "kernel/task/task.h"
#include "kernel/vfs/pseudo.h"
#include "kernel/vfs/special.h"

#define TMPFS_MAGIC 0x01021994 /* what /dev is elsewhere */
/* Linux's 64-bit st_rdev for small numbers. */
#define RDEV(major, minor) (((uint64_t) (major) << 8) | (minor))

struct dev_file {
    struct file file; /* first */
};

static void dev_release(struct file *f)
{
    free(container_of(f, struct dev_file, file));
}

static int64_t dev_seek(struct file *f unused_, int64_t off unused_, int whence unused_)
{
    return 0; /* as mem.c's null_lseek */
}

static ssize_t null_read(struct file *f unused_, struct iobuf *io unused_, int64_t pos unused_)
{
    return 0;
}

/* The bytes go nowhere: they are not even fetched. */
static ssize_t null_write(struct file *f unused_, struct iobuf *io, int64_t pos unused_)
{
    size_t n = io->left;
    iobuf_advance(io, n);
    return (ssize_t) n;
}

static ssize_t full_write(struct file *f unused_, struct iobuf *io, int64_t pos unused_)
{
    return io->left ? -ENOSPC : 0;
}

static ssize_t zero_read(struct file *f unused_, struct iobuf *io, int64_t pos unused_)
{
    static const uint8_t zeros[65536];
    ssize_t done = 0;
    while (io->left) {
        ssize_t r = iobuf_put(io, zeros, MIN(io->left, sizeof(zeros)));
        if (r <= 0)
            return done ? done : r;
        done += r;
    }
    return done;
}

static ssize_t random_read(struct file *f unused_, struct iobuf *io, int64_t pos unused_)
{
    uint8_t buf[4096];
    ssize_t done = 0;
    while (io->left) {
        ssize_t n = getrandom(buf, MIN(io->left, sizeof(buf)), 0);
        if (n < 0)
            return done ? done : -errno;
        ssize_t r = iobuf_put(io, buf, (size_t) n);
        if (r <= 0)
            return done ? done : r;
        done += r;
        if (r < n)
            break;
    }
    return done;
}

static long random_ioctl(struct file *f unused_, struct task *t, uint32_t cmd, uint64_t arg)
{
    int32_t bits = 256;
    return cmd == LX_RNDGETENTCNT ? copy_out(t, uaddr(arg), &bits, sizeof(bits)) : -ENOTTY;
}

/*
 * A mapping of /dev/zero is anonymous memory. Shared ones must be shared over fork: a fresh memfd
 * is that; it is made as large as files get, and stays as sparse as it is.
 */
static int zero_donate(struct file *f unused_, int prot unused_, bool shared unused_, int *ret_fd)
{
    int fd = memfd_create("zero", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    if (ftruncate(fd, INT64_MAX & ~0xfffll) < 0) {
        int r = -errno;
        close(fd);
        return r;
    }
    *ret_fd = fd;
    return 0;
}

#define DEV_OPS .seek = dev_seek, .release = dev_release

static const struct file_ops null_ops = {DEV_OPS, .read = null_read, .write = null_write};
static const struct file_ops zero_ops = {DEV_OPS, .read = zero_read, .write = null_write,
                                         .donate = zero_donate};
static const struct file_ops full_ops = {DEV_OPS, .read = zero_read, .write = full_write};
static const struct file_ops random_ops = {
    DEV_OPS,
    .read = random_read,
    .write = null_write,
    .ioctl = random_ioctl,
};

static int dev_open(const struct file_ops *ops, const struct open_args *a, struct file **ret)
{
    struct dev_file *d = calloc(1, sizeof(*d));
    if (!d)
        return -ENOMEM;
    file_init(&d->file, ops, a->flags);
    *ret = &d->file;
    return 0;
}

#define MEM_MAJOR 1
#define TTY_MAJOR 5 /* tty, console and ptmx: the terminal driver's */

int device_open(struct kernel *k, uint64_t rdev, const struct open_args *a, struct file **ret)
{
    switch (rdev) {
    case RDEV(MEM_MAJOR, 3):
        return dev_open(&null_ops, a, ret);
    case RDEV(MEM_MAJOR, 5):
        return dev_open(&zero_ops, a, ret);
    case RDEV(MEM_MAJOR, 7):
        return dev_open(&full_ops, a, ret);
    case RDEV(MEM_MAJOR, 8):
    case RDEV(MEM_MAJOR, 9):
        return dev_open(&random_ops, a, ret);
    case RDEV(TTY_MAJOR, 0):
    case RDEV(TTY_MAJOR, 1):
    case RDEV(TTY_MAJOR, 2):
        return k->specials->terminal_open(k, rdev, a, ret);
    }
    return -ENXIO;
}

static int open_null(const struct pseudo_ctx *c unused_, const struct open_args *a,
                     struct file **ret)
{
    return dev_open(&null_ops, a, ret);
}

static int open_zero(const struct pseudo_ctx *c unused_, const struct open_args *a,
                     struct file **ret)
{
    return dev_open(&zero_ops, a, ret);
}

static int open_full(const struct pseudo_ctx *c unused_, const struct open_args *a,
                     struct file **ret)
{
    return dev_open(&full_ops, a, ret);
}

static int open_random(const struct pseudo_ctx *c unused_, const struct open_args *a,
                       struct file **ret)
{
    return dev_open(&random_ops, a, ret);
}

static int open_tty(const struct pseudo_ctx *c, const struct open_args *a, struct file **ret)
{
    return c->k->specials->terminal_open(c->k, RDEV(TTY_MAJOR, 0), a, ret);
}

static int open_console(const struct pseudo_ctx *c, const struct open_args *a, struct file **ret)
{
    return c->k->specials->terminal_open(c->k, RDEV(TTY_MAJOR, 1), a, ret);
}

static int has_console(const struct pseudo_ctx *c)
{
    return c->k->specials->has_console(c->k) ? 0 : -ENOENT;
}

static ssize_t link_text(const char *text, char *dst, size_t cap)
{
    size_t n = MIN(strlen(text), cap);
    memcpy(dst, text, n);
    return (ssize_t) n;
}

static ssize_t link_fd(const struct pseudo_ctx *c unused_, char *dst, size_t cap)
{
    return link_text("/proc/self/fd", dst, cap);
}

static ssize_t link_stdin(const struct pseudo_ctx *c unused_, char *dst, size_t cap)
{
    return link_text("/proc/self/fd/0", dst, cap);
}

static ssize_t link_stdout(const struct pseudo_ctx *c unused_, char *dst, size_t cap)
{
    return link_text("/proc/self/fd/1", dst, cap);
}

static ssize_t link_stderr(const struct pseudo_ctx *c unused_, char *dst, size_t cap)
{
    return link_text("/proc/self/fd/2", dst, cap);
}

static ssize_t link_ptmx(const struct pseudo_ctx *c unused_, char *dst, size_t cap)
{
    return link_text("pts/ptmx", dst, cap);
}

#define DEVICE(name_, major, minor, open_)                                                  \
    {                                                                                       \
        .name = name_, .mode = LX_S_IFCHR | 0666, .rdev = RDEV(major, minor), .open = open_ \
    }

static const struct pseudo_entry dev_table[] = {
    DEVICE("null", MEM_MAJOR, 3, open_null),
    DEVICE("zero", MEM_MAJOR, 5, open_zero),
    DEVICE("full", MEM_MAJOR, 7, open_full),
    DEVICE("random", MEM_MAJOR, 8, open_random),
    DEVICE("urandom", MEM_MAJOR, 9, open_random),
    DEVICE("tty", TTY_MAJOR, 0, open_tty),
    {.name = "console",
     .mode = LX_S_IFCHR | 0600,
     .rdev = RDEV(TTY_MAJOR, 1),
     .open = open_console,
     .exists = has_console},
    PSEUDO_LINK("fd", link_fd),
    PSEUDO_LINK("stdin", link_stdin),
    PSEUDO_LINK("stdout", link_stdout),
    PSEUDO_LINK("stderr", link_stderr),
    PSEUDO_LINK("ptmx", link_ptmx),
    PSEUDO_DIR("shm", 01777, NULL), /* places for mounts */
    PSEUDO_DIR("mqueue", 01777, NULL),
    PSEUDO_DIR("pts", 0755, NULL),
    {0},
};

static const struct pseudo_entry dev_root = PSEUDO_DIR("", 0755, dev_table);
static const struct pseudo_fs dev_fs = {.type_name = "tmpfs",
                                        .magic = TMPFS_MAGIC,
                                        .root = &dev_root};

int dev_mount(struct kernel *k, struct super **ret)
{
    return pseudo_mount(k, &dev_fs, ret);
}

static const struct pseudo_entry empty_table[] = {{0}};
static const struct pseudo_entry mask_dir = PSEUDO_DIR("", 0755, empty_table);
static const struct pseudo_entry mask_file = DEVICE("", MEM_MAJOR, 3, open_null);

int mask_mount(struct kernel *k, bool is_dir, struct super **ret)
{
    static const struct pseudo_fs dir = {.type_name = "tmpfs",
                                         .magic = TMPFS_MAGIC,
                                         .root = &mask_dir};
    static const struct pseudo_fs file = {.type_name = "tmpfs",
                                          .magic = TMPFS_MAGIC,
                                          .root = &mask_file};
    return pseudo_mount(k, is_dir ? &dir : &file, ret);
}
