/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of another task, for its tracer and for /proc/PID/mem. What its protections allow is moved
 * between the processes at once. The rest (breakpoints in a program's text) needs an order to a
 * stub of that address space, which a thread that sits in a ptrace-stop can give.
 */
#include <errno.h>
#include <string.h>

#include "kernel/ptrace/internal.h"

#define PAGE 4096u

/* tasks_lock held. */
static bool is_image(const struct task *t, uint32_t image)
{
    return image == TRACE_ANY_IMAGE || image == t->tg->n_execs;
}

/* t stands still, and so does its image. */
static int force(struct task *t, struct trace_request *rq)
{
    bool same;

    mutex_lock(&t->k->tasks_lock);
    same = is_image(t, rq->image);
    mutex_unlock(&t->k->tasks_lock);
    if (!same)
        return -ESRCH;
    return platform_force(t->st, rq->addr, rq->data, rq->n, rq->write);
}

/* A new reference on a thread of t's process that serves requests, t itself if it can. */
static struct task *find_stopped(struct task *t, struct task **ret_tracer)
{
    struct task *o, *found = NULL;
    struct sighand *sh;

    MUTEX_GUARD(&t->k->tasks_lock);
    sh = sighand_lock(t->tg);
    list_for_each_entry (o, &t->tg->threads, tg_link) {
        if (is_traced(o) && o->trace.stopped && !o->trace.listening && (!found || o == t))
            found = o;
    }
    if (found) {
        task_get(found);
        *ret_tracer = atomic_load(&found->trace.tracer);
    }
    mutex_unlock(&sh->lock);
    return found;
}

static int force_piece(struct task *self, struct task *t, uint32_t image, uint64_t addr, void *buf,
                       size_t n, bool write)
{
    struct trace_request *rq = trace_request_new(n);
    struct task *server, *tracer;
    int r = -EIO;

    if (!rq)
        return -ENOMEM;
    rq->fn = force;
    rq->addr = addr;
    rq->image = image;
    rq->write = write;
    if (write)
        memcpy(rq->data, buf, n);
    server = find_stopped(t, &tracer);
    if (server) {
        r = trace_ask(tracer, self, server, rq);
        if (r == 0 && !write)
            memcpy(buf, rq->data, n);
        task_put(server);
    }
    trace_request_put(rq);
    return r == -EINTR ? r : r ? -EIO : 0;
}

ssize_t trace_memory(struct task *self, struct task *t, uint32_t image, uint64_t addr, void *buf,
                     size_t n, bool write)
{
    struct stub_thread *st;
    size_t done = 0;
    ssize_t r = 0;

    mutex_lock(&t->k->tasks_lock);
    st = is_image(t, image) ? t->st : NULL;
    if (st)
        platform_get(st);
    mutex_unlock(&t->k->tasks_lock);
    if (!st)
        return -ESRCH;
    while (done < n) {
        uint8_t *at = (uint8_t *) buf + done;
        uint64_t from = addr + done;
        size_t piece = MIN(n - done, (size_t) (PAGE - (from & (PAGE - 1))));

        r = write ? platform_write_remote(st, from, at, piece)
                  : platform_read_remote(st, at, from, piece);
        if (r <= 0)
            r = force_piece(self, t, image, from, at, piece, write) ?: (ssize_t) piece;
        if (r <= 0)
            break;
        done += (size_t) r;
    }
    platform_put(st);
    return done ? (ssize_t) done : r;
}
