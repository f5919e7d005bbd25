/* SPDX-License-Identifier: Apache-2.0 */
/* The devices there are, by number: those of memory here, the terminals' elsewhere. */
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
#include "fs/dev/numbers.h"
#include "kernel/task/task.h"
#include "kernel/vfs/node.h"
#include "kernel/vfs/special.h"

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

static const struct {
    uint64_t rdev;
    const struct file_ops *ops; /* NULL: the terminal driver's */
} known[] = {
    {DEV_NULL, &null_ops},     {DEV_ZERO, &zero_ops},      {DEV_FULL, &full_ops},
    {DEV_RANDOM, &random_ops}, {DEV_URANDOM, &random_ops}, {DEV_TTY, NULL},
    {DEV_CONSOLE, NULL},       {DEV_PTMX, NULL},
};

bool device_is_known(uint64_t rdev)
{
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (known[i].rdev == rdev)
            return true;
    return false;
}

int device_open(struct kernel *k, uint64_t rdev, const struct open_args *a, struct file **ret)
{
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (known[i].rdev == rdev)
            return known[i].ops ? dev_open(known[i].ops, a, ret)
                                : k->specials->terminal_open(k, rdev, a, ret);
    return -ENXIO;
}
