/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals that are read: signalfd(2). A descriptor gives each process that reads or polls it that
 * process's own signals; so it listens to the queue of every process that ever did, by a relay
 * each, and passes what it hears on to its own queue.
 */
#include "fdobj/signalfd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "abi/linux/eventfd.h"
#include "abi/linux/fcntl.h"
#include "abi/linux/poll.h"
#include "base/strbuf.h"
#include "fdobj/anon.h"
#include "kernel/task/task.h"

#define PRUNE_FROM 16 /* relays: from here on those of dead processes are looked for */

struct signalfd {
    struct file file;   /* first */
    struct kernel *k;   /* immutable */
    struct mutex lock;  /* RANK_PIPE */
    uint64_t mask;      /* [lock] */
    struct list relays; /* [lock] */
    unsigned n_relays;  /* [lock] */
    struct waitq wq;
};

struct relay {
    struct list link; /* [signalfd.lock] */
    struct waiter waiter;
    struct tgroup *tg; /* immutable, holds a reference */
    struct signalfd *sf;
};

static struct signalfd *signalfd_of(struct file *f)
{
    return container_of(f, struct signalfd, file);
}

/* ---- relays ---- */

static bool pass_on(struct waiter *w, uint32_t events)
{
    return waitq_wake_nested(&container_of(w, struct relay, waiter)->sf->wq, events);
}

/* No locks held. */
static void free_relays(struct list *gone)
{
    struct list *l;
    while ((l = list_pop(gone)) != NULL) {
        struct relay *r = container_of(l, struct relay, link);
        waitq_del(&r->tg->signal_wq, &r->waiter);
        tgroup_put(r->tg);
        free(r);
    }
}

/* A descriptor handed from process to process must not remember them all. */
static void prune(struct signalfd *sf)
{
    struct list gone = LIST_INIT(gone), *l, *next;
    mutex_lock(&sf->k->tasks_lock);
    mutex_lock(&sf->lock);
    list_for_each_safe (l, next, &sf->relays) {
        if (container_of(l, struct relay, link)->tg->zombie) {
            list_move_tail(l, &gone);
            sf->n_relays--;
        }
    }
    mutex_unlock(&sf->lock);
    mutex_unlock(&sf->k->tasks_lock);
    free_relays(&gone);
}

/* [lock] */
static bool knows(struct signalfd *sf, const struct tgroup *tg)
{
    struct relay *r;
    list_for_each_entry (r, &sf->relays, link)
        if (r->tg == tg)
            return true;
    return false;
}

/* From now on signals to tg wake wq. */
static int listen_to(struct signalfd *sf, struct tgroup *tg)
{
    mutex_lock(&sf->lock);
    bool known = knows(sf, tg), many = sf->n_relays >= PRUNE_FROM;
    mutex_unlock(&sf->lock);
    if (known)
        return 0;
    if (many)
        prune(sf);
    struct relay *r = calloc(1, sizeof(*r));
    if (!r)
        return -ENOMEM;
    r->sf = sf;
    r->tg = tgroup_get(tg);
    r->waiter = (struct waiter){.mask = LX_POLL_READABLE, .notify = pass_on};
    list_init(&r->waiter.link);
    list_init(&r->link);
    mutex_lock(&sf->lock);
    known = knows(sf, tg);
    if (!known) {
        list_add(&r->link, &sf->relays);
        sf->n_relays++;
        waitq_add(&tg->signal_wq, &r->waiter);
    }
    mutex_unlock(&sf->lock);
    if (known) { /* another thread of the process was quicker */
        tgroup_put(r->tg);
        free(r);
    }
    return 0;
}

/* ---- what is read ---- */

static bool is_fault(int signo)
{
    return signo == LX_SIGSEGV || signo == LX_SIGBUS || signo == LX_SIGFPE || signo == LX_SIGILL ||
           signo == LX_SIGTRAP;
}

/* siginfo_t by its layout, as sigaction(2) tells it. */
static struct lx_signalfd_siginfo convert(const struct lx_siginfo *in)
{
    struct lx_signalfd_siginfo out = {.signo = (uint32_t) in->signo,
                                      .err = in->err,
                                      .code = in->code};
    if (in->code == LX_SI_TIMER) {
        out.tid = (uint32_t) in->timer.tid;
        out.overrun = (uint32_t) in->timer.overrun;
        out.value_ptr = in->timer.value;
        out.value_int = (int32_t) in->timer.value;
    } else if (in->signo == LX_SIGCHLD && in->code > 0 && in->code != LX_SI_KERNEL) {
        out.pid = (uint32_t) in->chld.pid;
        out.uid = in->chld.uid;
        out.status = in->chld.status;
        out.utime = (uint64_t) in->chld.utime;
        out.stime = (uint64_t) in->chld.stime;
    } else if (is_fault(in->signo) && in->code > 0 && in->code != LX_SI_KERNEL) {
        out.addr = in->fault.addr;
    } else {
        out.pid = (uint32_t) in->rt.pid;
        out.uid = in->rt.uid;
        if (in->code == LX_SI_QUEUE) {
            out.value_ptr = in->rt.value;
            out.value_int = (int32_t) in->rt.value;
        }
    }
    return out;
}

static uint64_t mask_of(struct signalfd *sf)
{
    MUTEX_GUARD(&sf->lock);
    return sf->mask;
}

static ssize_t read_as(struct task *t, struct signalfd *sf, struct iobuf *io)
{
    size_t n = io->left / sizeof(struct lx_signalfd_siginfo);
    ssize_t done = 0, r = listen_to(sf, t->tg);
    if (r < 0)
        return r;
    while (n--) {
        struct lx_siginfo info;
        if (signal_take(t, mask_of(sf), &info) < 0)
            break;
        struct lx_signalfd_siginfo out = convert(&info);
        r = iobuf_put(io, &out, sizeof(out));
        if (r < (ssize_t) sizeof(out))
            return done ? done : -EFAULT;
        done += r;
    }
    return done ? done : -EAGAIN;
}

static ssize_t signalfd_read(struct file *f, struct iobuf *io, int64_t pos unused_)
{
    struct signalfd *sf = signalfd_of(f);
    if (io->left < sizeof(struct lx_signalfd_siginfo))
        return -EINVAL;
    struct task *t = task_current_get(sf->k);
    if (!t)
        return -EAGAIN;
    ssize_t r = read_as(t, sf, io);
    task_put(t);
    return r;
}

static uint32_t signalfd_poll(struct file *f)
{
    struct signalfd *sf = signalfd_of(f);
    struct task *t = task_current_get(sf->k);
    uint32_t now = 0;
    if (!t)
        return 0;
    if (listen_to(sf, t->tg) < 0)
        now = LX_POLLERR; /* would never be woken */
    else if (signal_pending(t) & mask_of(sf))
        now = LX_POLLIN;
    task_put(t);
    return now;
}

static int signalfd_fdinfo(struct file *f, struct strbuf *out)
{
    sb_addf(out, "sigmask:\t%016" PRIx64 "\n", mask_of(signalfd_of(f)));
    return sb_error(out);
}

static void signalfd_release(struct file *f)
{
    struct signalfd *sf = signalfd_of(f);
    free_relays(&sf->relays);
    free(sf);
}

static const struct file_ops signalfd_ops = {
    .read = signalfd_read,
    .poll = signalfd_poll,
    .seek = anon_seek,
    .getattr = anon_getattr,
    .fdinfo = signalfd_fdinfo,
    .release = signalfd_release,
    .name = "anon_inode:[signalfd]",
};

bool file_is_signalfd(const struct file *f)
{
    return f->ops == &signalfd_ops;
}

void signalfd_set_mask(struct file *f, uint64_t mask)
{
    struct signalfd *sf = signalfd_of(f);
    mutex_lock(&sf->lock);
    sf->mask = mask & ~SIGSET_UNBLOCKABLE;
    mutex_unlock(&sf->lock);
    waitq_wake(&sf->wq, LX_POLL_READABLE);
}

int signalfd_new(struct kernel *k, uint64_t mask, uint32_t flags, struct file **ret)
{
    struct signalfd *sf = calloc(1, sizeof(*sf));
    if (!sf)
        return -ENOMEM;
    file_init(&sf->file, &signalfd_ops, LX_O_RDWR | (flags & LX_SFD_NONBLOCK));
    mutex_init(&sf->lock, RANK_PIPE);
    list_init(&sf->relays);
    waitq_init(&sf->wq);
    sf->file.wq = &sf->wq;
    sf->k = k;
    sf->mask = mask & ~SIGSET_UNBLOCKABLE;
    *ret = &sf->file;
    return 0;
}
