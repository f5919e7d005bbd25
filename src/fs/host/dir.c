/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listing host directories. Positions are the host's own cookies, so that seekdir(3) works across
 * other openings and processes. Entries are read ahead; a seek drops them.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "abi/linux/dirent.h"
#include "abi/linux/fcntl.h"
#include "fs/host/internal.h"

#define AHEAD (32u << 10)

struct dir_reader {
    int64_t at; /* cookie of the next entry in data; the host stands behind the last one */
    size_t have, next;
    uint8_t data[AHEAD] __attribute__((aligned(8)));
};

void dir_reader_free(struct dir_reader *d)
{
    free(d);
}

static int fill(struct host_file *hf, struct dir_reader *d)
{
    long n = syscall(SYS_getdents64, hf->fd, d->data, sizeof(d->data));
    if (n < 0)
        return -errno;
    d->have = (size_t) n;
    d->next = 0;
    return 0;
}

static int prepare(struct host_file *hf)
{
    struct dir_reader *d = hf->dir;
    if (!d) {
        d = malloc(sizeof(*d));
        if (!d)
            return -ENOMEM;
        d->at = 0;
        d->have = d->next = 0;
        hf->dir = d;
    }
    if (d->at == hf->file.pos)
        return 0;
    if (lseek(hf->fd, hf->file.pos, SEEK_SET) < 0)
        return -errno;
    d->have = d->next = 0;
    d->at = hf->file.pos;
    return 0;
}

int host_readdir(struct file *f, struct dirsink *out)
{
    struct host_file *hf = host_file(f);
    int r = prepare(hf);
    if (r < 0)
        return r;
    struct dir_reader *d = hf->dir;
    for (;;) {
        if (d->next == d->have && ((r = fill(hf, d)) < 0 || d->have == 0))
            return r;
        const struct lx_dirent64 *e = (const void *) (d->data + d->next);
        if (!out->emit(out, e->name, strlen(e->name), e->ino, e->type, e->off))
            return 0;
        d->next += e->reclen;
        d->at = f->pos = e->off;
    }
}

int64_t host_dir_seek(struct file *f, int64_t off, int whence)
{
    MUTEX_GUARD(&f->dir_lock);
    if (whence == LX_SEEK_CUR) {
        if (__builtin_add_overflow(off, f->pos, &off))
            return -EOVERFLOW;
    } else if (whence != LX_SEEK_SET) { /* the end: some file systems have a name for it */
        off = lseek(host_file(f)->fd, off, whence);
        if (off < 0)
            return -errno;
    }
    if (off < 0)
        return -EINVAL;
    return f->pos = off;
}
