/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/PID/pagemap: eight bytes per page of the guest's memory. The sentry has no privilege over
 * the machine, so the host itself leaves out where pages are; what lies in the stub's region reads
 * as nothing. proc_pid_pagemap(5)
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi/linux/fcntl.h"
#include "base/cleanup.h"
#include "fs/proc/internal.h"
#include "kernel/vfs/file.h"

#define PAGE      ((uint64_t) 4096)
#define ENTRY     ((uint64_t) 8)
#define AT_ONCE   512 /* entries */
#define SPACE_END ((int64_t) ((1ull << 47) / PAGE * ENTRY))

struct pagemap {
    struct file file; /* first */
    int fd;           /* immutable: the host's file */
};

static struct pagemap *pagemap_of(struct file *f)
{
    return container_of(f, struct pagemap, file);
}

static void hide_stub(uint64_t *bits, size_t n, uint64_t page)
{
    uint64_t start, end;
    platform_reserved(&start, &end);
    for (size_t i = 0; i < n; i++)
        if ((page + i) * PAGE >= start && (page + i) * PAGE < end)
            bits[i] = 0;
}

static ssize_t pagemap_read(struct file *f, struct iobuf *io, int64_t pos)
{
    uint64_t bits[AT_ONCE];
    bool own = pos < 0;
    ssize_t done = 0;
    if (own) {
        mutex_lock(&f->pos_lock);
        pos = f->pos;
        mutex_unlock(&f->pos_lock);
    }
    if ((uint64_t) pos % ENTRY || io->left % ENTRY)
        return -EINVAL;
    while (io->left && pos < SPACE_END) {
        ssize_t n = pread(pagemap_of(f)->fd, bits, MIN(io->left, sizeof(bits)), pos);
        if (n <= 0)
            break;
        hide_stub(bits, (size_t) n / ENTRY, (uint64_t) pos / ENTRY);
        ssize_t r = iobuf_put(io, bits, (size_t) n);
        if (r <= 0)
            return done ? done : r;
        done += r;
        pos += r;
    }
    if (own) {
        mutex_lock(&f->pos_lock);
        f->pos = pos;
        mutex_unlock(&f->pos_lock);
    }
    return done;
}

static void pagemap_release(struct file *f)
{
    close_fd(pagemap_of(f)->fd);
    free(pagemap_of(f));
}

static const struct file_ops pagemap_ops = {
    .read = pagemap_read,
    .seek = file_seek_pos,
    .release = pagemap_release,
};

int proc_open_pagemap(const struct pseudo_ctx *c, const struct open_args *a, struct file **ret)
{
    struct task_snapshot s;
    int r = task_snapshot(c->k, c->tid, &s);
    if (r < 0)
        return r;
    _cleanup_close_ int fd = proc_host_open(s.host_pid, "pagemap");
    if (fd < 0)
        return fd;
    struct pagemap *p = calloc(1, sizeof(*p));
    if (!p)
        return -ENOMEM;
    file_init(&p->file, &pagemap_ops, a->flags);
    p->fd = take_fd(&fd);
    *ret = &p->file;
    return 0;
}
