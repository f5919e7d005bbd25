/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seccomp user notifications: the calls of a stub that wait for the sentry's word - clone, hello,
 * donate, seccomp. Nothing is granted that the sentry has not ordered itself a moment ago, and the
 * caller is known by the pid that the kernel reports, never by a number that the guest wrote.
 *
 * There is no thread of its own for them: whoever has given an order serves the listener until its
 * own order is through, for itself and for others; if somebody else is serving already, it waits.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/sys.h"
#include "platform/internal.h"

#define SERVE_SLICE_MS 20 /* how long news that come by another way may go unnoticed, at first */
#define MAX_SLICE_MS   640

static void answer(struct platform *p, const struct seccomp_notif *n, int error, bool go_on)
{
    struct seccomp_notif_resp resp = {
        .id = n->id,
        .error = error,
        .flags = go_on ? SECCOMP_USER_NOTIF_FLAG_CONTINUE : 0,
    };
    /* ENOENT: the caller died meanwhile; nothing to do. */
    if (ioctl(p->listener, SECCOMP_IOCTL_NOTIF_SEND, &resp) < 0 && errno != ENOENT)
        log_warn("seccomp answer to %u: %m", n->pid);
}

/* The descriptor becomes the result of the call, in the calling thread's process, in one step; as:
 * under this number, 0: any. */
static bool answer_with_fd(struct platform *p, const struct seccomp_notif *n, int fd, uint32_t as)
{
    struct seccomp_notif_addfd add = {
        .id = n->id,
        .flags = SECCOMP_ADDFD_FLAG_SEND | (as ? SECCOMP_ADDFD_FLAG_SETFD : 0),
        .srcfd = (uint32_t) fd,
        .newfd = as,
        .newfd_flags = O_CLOEXEC,
    };
    if (ioctl(p->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) >= 0)
        return true;
    if (errno != ENOENT)
        answer(p, n, -errno, false);
    return false;
}

static void on_clone(struct platform *p, const struct seccomp_notif *n)
{
    mutex_lock(&p->lock);
    struct stub_thread *st = thread_by_tid(p, (pid_t) n->pid);
    bool ordered =
        st && atomic_load(&st->clone.state) == CLONE_ORDERED && st->clone.flags == n->data.args[0];
    if (ordered)
        atomic_store(&st->clone.state, CLONE_CONTINUED);
    mutex_unlock(&p->lock);
    answer(p, n, ordered ? 0 : -EPERM, ordered);
}

/* [platform.lock] The parent whose order carries this cookie. */
static struct stub_thread *find_order(struct platform *p, uint64_t cookie)
{
    struct htab_node *node;
    htab_for_each (node, &p->threads) {
        struct stub_thread *st = container_of(node, struct stub_thread, by_tid);
        if (atomic_load(&st->clone.state) == CLONE_CONTINUED && st->clone.cookie == cookie)
            return st;
    }
    return NULL;
}

/* Is this host tid what the order was meant to make: a thread of the parent, or a new child of
 * ours? */
static bool is_expected(const struct stub_thread *parent, pid_t tid)
{
    siginfo_t info;
    if (parent->clone.flags == STUB_CLONE_THREAD)
        return syscall(SYS_tgkill, parent->proc->pid, tid, 0) == 0;
    return waitid(P_PID, (id_t) tid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static void on_hello(struct platform *p, const struct seccomp_notif *n)
{
    pid_t tid = (pid_t) n->pid;
    struct stub_thread *arrived = NULL;
    int fd = -1;
    mutex_lock(&p->lock);
    struct stub_thread *parent = find_order(p, n->data.args[0]);
    if (parent && !thread_by_tid(p, tid) && is_expected(parent, tid)) {
        struct stub_thread *child = parent->clone.child;
        pid_t pid = parent->clone.flags == STUB_CLONE_THREAD ? parent->proc->pid : tid;
        /* The descriptors came with the table of them, at the latest in this epoch. */
        if (child->proc != parent->proc)
            atomic_store(&child->proc->direct_epoch, atomic_load(&parent->proc->direct_epoch));
        thread_register(child, pid, tid);
        p->n_threads++;
        fd = child->channel_fd;
        child->channel_fd = -1;
        atomic_store(&parent->clone.state, CLONE_ARRIVED);
        arrived = parent;
        ref_get(&arrived->ref);
    }
    mutex_unlock(&p->lock);
    if (fd < 0) {
        answer(p, n, -EPERM, false);
        return;
    }
    answer_with_fd(p, n, fd, 0);
    close(fd);
    notify_wake(arrived);
    platform_put(arrived);
}

static void on_donate(struct platform *p, const struct seccomp_notif *n)
{
    mutex_lock(&p->lock);
    struct stub_thread *st = thread_by_tid(p, (pid_t) n->pid);
    if (st)
        ref_get(&st->ref);
    mutex_unlock(&p->lock);
    bool woken = false;
    if (st) {
        /* Held over the answer: the owner closes the descriptor, and its number must not be
         * another's by then. */
        MUTEX_GUARD(&st->donate_lock);
        int fd = st->donate_fd;
        st->donate_fd = -1;
        if (fd < 0)
            answer(p, n, -EBADF, false);
        else
            answer_with_fd(p, n, fd, st->donate_as);
        woken = fd >= 0;
    } else {
        answer(p, n, -EBADF, false);
    }
    if (woken)
        notify_wake(st);
    platform_put(st);
}

/* The program lies in guest memory, so a guest may install another than ours: it hurts itself. What
 * must not be is that it installs many: they cost the host's kernel memory. */
static void on_seccomp(struct platform *p, const struct seccomp_notif *n)
{
    mutex_lock(&p->lock);
    struct stub_thread *st = thread_by_tid(p, (pid_t) n->pid);
    bool ordered = st && atomic_exchange(&st->may_confine, false);
    if (ordered)
        ref_get(&st->ref);
    mutex_unlock(&p->lock);
    answer(p, n, ordered ? 0 : -EPERM, ordered);
    if (ordered) {
        notify_wake(st);
        platform_put(st);
    }
}

static void serve_one(struct platform *p)
{
    struct seccomp_notif n;
    memset(&n, 0, sizeof(n));
    if (ioctl(p->listener, SECCOMP_IOCTL_NOTIF_RECV, &n) < 0)
        return; /* withdrawn: its caller was killed */
    switch (n.data.nr) {
    case SYS_clone:
        on_clone(p, &n);
        break;
    case STUB_NR_HELLO:
        on_hello(p, &n);
        break;
    case STUB_NR_DONATE:
        on_donate(p, &n);
        break;
    case SYS_seccomp:
        on_seccomp(p, &n);
        break;
    default:
        answer(p, &n, -EPERM, false);
        break;
    }
}

static uint64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}

void deadline_after_ms(struct timespec *ts, unsigned ms)
{
    uint64_t at = now_ms() + ms;
    ts->tv_sec = (time_t) (at / 1000);
    ts->tv_nsec = (long) (at % 1000) * 1000000;
}

/*
 * One of those who wait serves the listener, for all of them; the others sleep on words of their
 * own, so that a notification wakes the one whom it concerns. Whoever leaves wakes the next, who
 * becomes the server if there is none. A sleeper looks again by itself, at ever longer intervals:
 * a stub's answer in its channel wakes nobody here.
 */
struct notify_waiter {
    struct list link;
    _Atomic uint32_t word;
};

static void wake(struct notify_waiter *w)
{
    atomic_fetch_add(&w->word, 1);
    host_futex_wake(&w->word, 1, FUTEX_SCOPE_PRIVATE);
}

void notify_wake(struct stub_thread *st)
{
    MUTEX_GUARD(&st->p->waiters_lock);
    if (st->waiter)
        wake(st->waiter);
}

static void enter(struct stub_thread *st, struct notify_waiter *w)
{
    atomic_store(&w->word, 0);
    MUTEX_GUARD(&st->p->waiters_lock);
    list_add_tail(&w->link, &st->p->waiters);
    st->waiter = w;
}

static void leave(struct stub_thread *st, struct notify_waiter *w)
{
    struct platform *p = st->p;
    MUTEX_GUARD(&p->waiters_lock);
    list_del(&w->link);
    st->waiter = NULL;
    if (!list_empty(&p->waiters))
        wake(list_first_entry(&p->waiters, struct notify_waiter, link));
}

static void serve(struct platform *p, bool (*done)(void *arg), void *arg, uint64_t deadline)
{
    while (!done(arg) && now_ms() < deadline) {
        struct pollfd pfd = {.fd = p->listener, .events = POLLIN};
        if (poll(&pfd, 1, SERVE_SLICE_MS) > 0)
            serve_one(p);
    }
}

int notify_wait(struct stub_thread *st, bool (*done)(void *arg), void *arg, unsigned ms)
{
    struct platform *p = st->p;
    struct notify_waiter w;
    unsigned slice_ms = SERVE_SLICE_MS;
    uint64_t deadline = now_ms() + ms;
    bool is_done;
    enter(st, &w);
    for (;;) {
        uint32_t seen = atomic_load(&w.word);
        is_done = done(arg);
        if (is_done || now_ms() >= deadline)
            break;
        if (mutex_trylock(&p->listener_lock)) {
            serve(p, done, arg, deadline);
            mutex_unlock(&p->listener_lock);
            continue;
        }
        struct timespec slice;
        deadline_after_ms(&slice, slice_ms);
        host_futex_wait(&w.word, seen, FUTEX_SCOPE_PRIVATE, &slice);
        if (slice_ms < MAX_SLICE_MS)
            slice_ms *= 2;
    }
    leave(st, &w);
    return is_done ? 0 : -ETIMEDOUT;
}
