/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is in a regular file: a memfd while it is open, and else plain memory if it is small, for
 * descriptors are few and small files many. One that was ever mapped keeps its memfd, because the
 * mapping shows that and no other; so does one with extended attributes, which are the memfd's.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "abi/linux/fcntl.h"
#include "fs/tmp/internal.h"
#include "kernel/vfs/special.h"
#include "kernel/vfs/walk.h"

#define SMALL 16384u

/* Half of all descriptors are for the rest of the sandbox. */
static int take_descriptor(struct kernel *k)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return -errno;
    if (atomic_fetch_add(&k->memory_files, 1) < files.rlim_cur / 2)
        return 0;
    atomic_fetch_sub(&k->memory_files, 1);
    return -ENOSPC;
}

static void drop_memfd(struct kernel *k, struct node *n)
{
    if (!n)
        return;
    node_put(n);
    atomic_fetch_sub(&k->memory_files, 1);
}

/* The node of a new memfd: one descriptor. */
static int make_memfd(struct kernel *k, struct node **ret)
{
    struct file *f;
    int r = take_descriptor(k);
    if (r < 0)
        return r;
    r = k->specials->memfd_new(k, "tmpfs", 0, &f);
    if (r < 0) {
        atomic_fetch_sub(&k->memory_files, 1);
        return r == -EMFILE || r == -ENFILE ? -ENOSPC : r;
    }
    *ret = node_get(path_node(&f->path));
    file_put(f);
    return 0;
}

/* All of n bytes between a buffer and an opening of the memfd, which the caller puts: *ret_file. */
static int transfer(struct node *memfd, void *buf, size_t n, bool write, struct file **ret_file)
{
    const struct open_args a = {.flags = LX_O_RDWR | LX_O_LARGEFILE};
    struct iobuf io;
    int r = memfd->ops->open(memfd, &a, ret_file);
    if (r < 0 || !n)
        return r;
    iobuf_kernel(&io, buf, n);
    const struct file_ops *ops = (*ret_file)->ops;
    ssize_t got = write ? ops->write(*ret_file, &io, 0) : ops->read(*ret_file, &io, 0);
    return got == (ssize_t) n ? 0 : got < 0 ? (int) got : -EIO;
}

/* [tn.lock] Its times go over; only later changes of the memfd's are changes of the file. */
static int take_times(struct tmp_node *tn, struct node *memfd)
{
    struct attr a;
    int r = memfd->ops->setattr(memfd, &tn->attr, ATTR_ATIME | ATTR_MTIME);
    if (r == 0)
        r = memfd->ops->getattr(memfd, &a);
    if (r == 0)
        tn->memfd_ctime = a.ctime;
    return r;
}

int tmp_content_use(struct tmp_node *tn)
{
    struct kernel *k = tmp_super(tn->node.sb)->k;
    struct node *fresh = NULL;
    struct file *f = NULL;
    mutex_lock(&tn->lock);
    bool there = tn->content;
    tn->users += there;
    mutex_unlock(&tn->lock);
    if (there)
        return 0;
    int r = make_memfd(k, &fresh);
    if (r < 0)
        return r;
    mutex_lock(&tn->lock);
    if (!tn->content) {
        r = transfer(fresh, tn->data, tn->data_len, true, &f);
        if (r == 0)
            r = take_times(tn, fresh);
        if (r == 0) {
            tn->content = fresh;
            fresh = NULL;
            free(tn->data);
            tn->data = NULL;
            tn->data_len = 0;
        }
    }
    tn->users += r == 0;
    mutex_unlock(&tn->lock);
    file_put(f);
    drop_memfd(k, fresh);
    return r;
}

/* [tn.lock] Takes the contents over if they are small; on error the memfd just stays. */
static struct node *settle(struct tmp_node *tn, struct file **ret_file)
{
    struct node *memfd = tn->content;
    struct attr a = tn->attr;
    char *data = NULL;
    if (tmp_add_content(tn, memfd, &a) < 0 || a.size > SMALL)
        return NULL;
    if (a.size && !(data = malloc(a.size)))
        return NULL;
    if (transfer(memfd, data, a.size, false, ret_file) < 0) {
        free(data);
        return NULL;
    }
    tn->data = data;
    tn->data_len = a.size;
    tn->attr = a;
    tn->attr.size = a.size;
    tn->content = NULL;
    return memfd;
}

void tmp_content_done(struct tmp_node *tn)
{
    struct node *memfd = NULL;
    struct file *f = NULL;
    mutex_lock(&tn->lock);
    if (--tn->users == 0 && !tn->keep)
        memfd = settle(tn, &f);
    mutex_unlock(&tn->lock);
    file_put(f);
    drop_memfd(tmp_super(tn->node.sb)->k, memfd);
}

void tmp_content_keep(struct tmp_node *tn)
{
    MUTEX_GUARD(&tn->lock);
    tn->keep = true;
}

void tmp_content_end(struct tmp_node *tn)
{
    drop_memfd(tmp_super(tn->node.sb)->k, tn->content);
    free(tn->data);
}
