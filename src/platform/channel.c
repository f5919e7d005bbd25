/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sentry's side of the conversation with a stub (stub_abi.h). All that is read here was written
 * by the guest: each word is read once, with a plain atomic load, and only the copy is used.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "base/log.h"
#include "base/sys.h"
#include "platform/internal.h"

#define BOUNDED_WAIT_MS 50 /* without futex_waitv: how long a death may go unnoticed */
/* Of a longer time in which the sandbox was frozen only a slice counts. */
#define EXPEL_SLICE_MS 100

static _Atomic uint32_t *turn_word(struct channel *ch)
{
    return (_Atomic uint32_t *) &ch->turn;
}

void channel_reply(struct stub_thread *st, enum stub_reply rep)
{
    struct channel *ch = st->ch;
    ch->rep = rep;
    __atomic_store_n(&ch->turn, TURN_STUB, __ATOMIC_SEQ_CST);
    /* INT_MAX: a guest may have put sleepers of its own on the word. */
    if (__atomic_load_n(&ch->stub_asleep, __ATOMIC_SEQ_CST))
        host_futex_wake(turn_word(ch), INT_MAX, FUTEX_SCOPE_SHARED);
}

static bool stub_is_done(struct stub_thread *st)
{
    return __atomic_load_n(&st->ch->turn, __ATOMIC_SEQ_CST) == TURN_SENTRY;
}

/*
 * Sleeps until the shared turn word or our own event word changes. A bound pair's sleep is short:
 * -ETIMEDOUT says that the stub computes.
 */
static int sleep_on_both(struct stub_thread *st, uint32_t event)
{
    struct platform *p = st->p;
    struct timespec deadline;
    bool bound = st->place.bound;
    bool timed = bound || atomic_load(&st->expelled) || !p->reaping;
    if (timed)
        deadline_after_ms(&deadline, bound ? UNBIND_MS : EXPEL_SLICE_MS);
    if (!p->no_waitv) {
        struct futex_waitv w[2] = {
            {.val = TURN_STUB, .uaddr = (uintptr_t) &st->ch->turn, .flags = FUTEX_32},
            {.val = event, .uaddr = (uintptr_t) &st->event, .flags = FUTEX_32 | FUTEX_PRIVATE_FLAG},
        };
        int r = host_futex_waitv(w, 2, timed ? &deadline : NULL);
        if (r != -ENOSYS)
            return r;
        p->no_waitv = true;
    }
    if (!timed)
        deadline_after_ms(&deadline, BOUNDED_WAIT_MS);
    return host_futex_wait(turn_word(st->ch), TURN_STUB, FUTEX_SCOPE_SHARED, &deadline);
}

static uint64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}

struct patience {
    uint64_t since, spent; /* ms */
};

/* After each sleep, however it ended: a hostile guest can cut every one short. */
static void lose_patience(struct stub_thread *st, struct patience *pt)
{
    if (!atomic_load(&st->expelled))
        return;
    uint64_t now = now_ms();
    if (pt->since)
        pt->spent += now - pt->since < EXPEL_SLICE_MS ? now - pt->since : EXPEL_SLICE_MS;
    pt->since = now;
    if (pt->spent < EXPEL_MS)
        return;
    pt->spent = 0;
    log_warn("stub %d does not leave guest code; killed", st->tid);
    platform_kill(st);
}

static int breach(struct stub_thread *st, const char *what, uint32_t value)
{
    log_warn("stub %d broke the protocol: %s %u; killed", st->tid, what, value);
    platform_kill(st);
    /* Its death arrives through the reaper; until then nothing may be believed. */
    while (!atomic_load(&st->proc->dead)) {
        uint32_t event = atomic_load(&st->event);
        if (!atomic_load(&st->proc->dead))
            host_futex_wait(&st->event, event, FUTEX_SCOPE_PRIVATE, NULL);
    }
    return -ESRCH;
}

/* While no reaper runs nobody tells of a death: the zygote's, during its preparation. */
static bool died_unnoticed(const struct stub_thread *st)
{
    siginfo_t info = {0};
    return !st->p->reaping &&
           waitid(P_PID, (id_t) st->proc->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid != 0;
}

/* Nobody will look for a long time: what is closed from now on is told. Is there something now? */
static bool end_quiet_closes(struct stub_thread *st)
{
    return CLOSED_COUNT(__atomic_fetch_and(&st->ch->closed, ~CLOSED_MAY, __ATOMIC_SEQ_CST)) != 0;
}

static int wait_for_word(struct stub_thread *st, bool or_quiet)
{
    struct channel *ch = st->ch;
    struct patience patience = {0};
    for (;;) {
        uint32_t event = atomic_load(&st->event);
        if (stub_is_done(st) || placement_spin(st)) {
            placement_trapped(st);
            return 0;
        }
        if (atomic_load(&st->proc->dead) || died_unnoticed(st))
            return -ESRCH;
        __atomic_store_n(&ch->sentry_asleep, 1, __ATOMIC_SEQ_CST);
        uint32_t turn = __atomic_load_n(&ch->turn, __ATOMIC_SEQ_CST);
        if (turn == TURN_STUB) {
            int r = sleep_on_both(st, event);
            lose_patience(st, &patience);
            if (r == -ETIMEDOUT && !stub_is_done(st)) {
                placement_quiet(st);
                if (or_quiet && end_quiet_closes(st)) {
                    __atomic_store_n(&ch->sentry_asleep, 0, __ATOMIC_RELAXED);
                    return 1;
                }
            }
        } else if (turn != TURN_SENTRY) {
            return breach(st, "the turn word is", turn); /* no sleep would come of it */
        }
        __atomic_store_n(&ch->sentry_asleep, 0, __ATOMIC_RELAXED);
    }
}

int channel_wait(struct stub_thread *st)
{
    return wait_for_word(st, false);
}

int channel_wait_or_quiet(struct stub_thread *st)
{
    return wait_for_word(st, true);
}

static int expect(struct stub_thread *st, uint32_t want, int64_t *ret_result)
{
    int r = channel_wait(st);
    if (r < 0)
        return r;
    uint32_t req = __atomic_load_n(&st->ch->req, __ATOMIC_RELAXED);
    if (req != want)
        return breach(st, "an order was answered with request", req);
    *ret_result = __atomic_load_n(&st->ch->result, __ATOMIC_RELAXED);
    return 0;
}

int channel_settle(struct stub_thread *st)
{
    int64_t ignored;
    if (st->expect_ready) {
        st->expect_ready = false;
        return expect(st, REQ_READY, &ignored);
    }
    if (!st->owed_done)
        return 0;
    st->owed_done = false;
    return expect(st, REQ_DONE, &ignored);
}

int channel_order(struct stub_thread *st, enum stub_reply rep, int64_t *ret_result)
{
    channel_reply(st, rep);
    return expect(st, REQ_DONE, ret_result);
}

/* What the thread's next donate is answered with. After offer(-1) the descriptor is the caller's
 * alone. */
static void offer(struct stub_thread *st, int fd, uint32_t as)
{
    MUTEX_GUARD(&st->donate_lock);
    st->donate_fd = fd;
    st->donate_as = as > 1 ? as : 0;
}

static bool donated(void *arg)
{
    struct stub_thread *st = arg;
    MUTEX_GUARD(&st->donate_lock);
    return st->donate_fd < 0 || stub_is_done(st) || atomic_load(&st->proc->dead);
}

/* served: true when no notification of this thread is to be expected any more; NULL: there is none.
 */
static int run_calls(struct stub_thread *st, struct stub_call *calls, unsigned n,
                     bool (*served)(void *st))
{
    int64_t made;
    memcpy(st->ch->calls, calls, n * sizeof(calls[0]));
    st->ch->n_calls = n;
    channel_reply(st, REP_CALLS);
    unsigned expelled_ms = 0;
    while (served && notify_wait(st, served, st, EXPEL_LOOK_MS) == -ETIMEDOUT)
        if (atomic_load(&st->expelled) && (expelled_ms += EXPEL_LOOK_MS) == EXPEL_MS)
            platform_kill(st);
    int r = expect(st, REQ_DONE, &made);
    if (r < 0)
        return r;
    for (unsigned i = 0; i < n; i++)
        calls[i].result = __atomic_load_n(&st->ch->calls[i].result, __ATOMIC_RELAXED);
    return 0;
}

int channel_calls(struct stub_thread *st, struct stub_call *calls, unsigned n, int donate_fd)
{
    int r = channel_settle(st);
    if (r < 0)
        return r;
    offer(st, donate_fd, calls[0].donate);
    r = run_calls(st, calls, n, donate_fd >= 0 ? donated : NULL);
    offer(st, -1, 0);
    return r;
}

int channel_calls_notified(struct stub_thread *st, struct stub_call *call, bool (*served)(void *st))
{
    int r = channel_settle(st);
    return r < 0 ? r : run_calls(st, call, 1, served);
}
