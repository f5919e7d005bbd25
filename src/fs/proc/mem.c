/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/PID/mem: the memory of the image that runs when it is opened; after an exec it is empty.
 * What its protections forbid is there only while the process is in a ptrace-stop, which is when
 * debuggers want it. proc_pid_mem(5)
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "fs/proc/internal.h"
#include "kernel/ptrace/ptrace.h"
#include "kernel/vfs/file.h"

#define AT_ONCE 4096

struct mem_file {
    struct file file; /* first */
    struct task *t;   /* immutable, referenced */
    uint32_t n_execs; /* immutable */
};

static struct mem_file *mem_of(struct file *f)
{
    return container_of(f, struct mem_file, file);
}

static uint32_t count_execs(const struct task *t)
{
    MUTEX_GUARD(&t->k->tasks_lock);
    return t->tg->n_execs;
}

/* One piece, through private memory. Bytes, 0 at the end of the transfer, or errno. */
static ssize_t move(struct mem_file *m, struct iobuf *io, uint64_t addr, bool write)
{
    uint8_t buf[AT_ONCE];
    size_t n = MIN(io->left, sizeof(buf));
    if (!io->t)
        return -EIO; /* splice and its like: nobody to wait for the stub */
    if (write) {
        ssize_t r = iobuf_take(io, buf, n);
        return r <= 0 ? r : trace_memory(io->t, m->t, m->n_execs, addr, buf, (size_t) r, true);
    }
    ssize_t r = trace_memory(io->t, m->t, m->n_execs, addr, buf, n, false);
    return r <= 0 ? r : iobuf_put(io, buf, (size_t) r);
}

static ssize_t transfer(struct file *f, struct iobuf *io, int64_t pos, bool write)
{
    struct mem_file *m = mem_of(f);
    bool own = pos < 0;
    ssize_t done = 0, r = 0;
    if (own) {
        mutex_lock(&f->pos_lock);
        pos = f->pos;
        mutex_unlock(&f->pos_lock);
    }
    while (io->left && (r = move(m, io, (uint64_t) (pos + done), write)) > 0)
        done += r;
    if (own) {
        mutex_lock(&f->pos_lock);
        f->pos = pos + done;
        mutex_unlock(&f->pos_lock);
    }
    if (done)
        return done;
    return r == -ESRCH ? 0 : r;
}

static ssize_t mem_read(struct file *f, struct iobuf *io, int64_t pos)
{
    return transfer(f, io, pos, false);
}

static ssize_t mem_write(struct file *f, struct iobuf *io, int64_t pos)
{
    return transfer(f, io, pos, true);
}

static void mem_release(struct file *f)
{
    task_put(mem_of(f)->t);
    free(mem_of(f));
}

static const struct file_ops mem_ops = {
    .read = mem_read,
    .write = mem_write,
    .seek = file_seek_pos,
    .release = mem_release,
};

int proc_open_mem(const struct pseudo_ctx *c, const struct open_args *a, struct file **ret)
{
    struct mem_file *m = calloc(1, sizeof(*m));
    if (!m)
        return -ENOMEM;
    m->t = task_find_get(c->k, c->tid);
    if (!m->t) {
        free(m);
        return -ESRCH;
    }
    m->n_execs = count_execs(m->t);
    /* Asked once more: what was opened is what this image's rights are about. */
    if (c->opener && !task_may_inspect(c->opener, c->tid)) {
        task_put(m->t);
        free(m);
        return -EACCES;
    }
    file_init(&m->file, &mem_ops, a->flags);
    *ret = &m->file;
    return 0;
}
