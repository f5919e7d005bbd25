/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interval timers and POSIX timers. Both are one thing: a clock, an expiry, an interval, and a
 * signal.
 *
 * Timers on processor time cannot be armed on a clock of ours: they look at the consumption when it
 * could have been reached at the earliest (all threads running), and then again, until it is.
 *
 * An expiry while the timer's last signal is still queued counts as an overrun in the queued entry.
 */
#include "kernel/time/itimer.h"

#include <errno.h>
#include <stdlib.h>

#include "base/strbuf.h"
#include "kernel/task/task.h"
#include "kernel/time/ktimer.h"
#include "kernel/time/timeval.h"

#define MAX_POSIX_TIMERS 4096
#define CPU_POLL_MIN_NS  1000000ull

enum basis { BASIS_MONO, BASIS_REAL, BASIS_VIRTUAL, BASIS_PROF };

struct gtimer {
    struct ktimer kt;
    struct itimers *owner;
    struct list link; /* [itimers.lock] POSIX timers */
    enum basis basis;
    bool is_posix, armed;      /* armed: [itimers.lock] */
    uint64_t expiry, interval; /* [itimers.lock] ns on the basis's clock */
    int id, signo, notify, clock;
    uint64_t value;
    struct task *target; /* SIGEV_THREAD_ID: referenced */
    int overrun;         /* [itimers.lock] of the last delivered signal */
};

struct itimers {
    struct mutex lock; /* RANK_TIMERS */
    struct tgroup *tg; /* the owner, not referenced */
    struct gtimer it[3];
    struct list posix; /* [lock] */
    int next_id;       /* [lock] */
    unsigned n_posix;  /* [lock] */
};

static uint64_t basis_now(struct tgroup *tg, enum basis b)
{
    uint64_t u, s;

    if (b == BASIS_MONO)
        return mono_now_ns();
    if (b == BASIS_REAL)
        return real_now_ns();
    mutex_lock(&tg->k->tasks_lock);
    tgroup_cpu_time(tg, &u, &s);
    mutex_unlock(&tg->k->tasks_lock);
    return b == BASIS_VIRTUAL ? u : u + s;
}

/* itimers.lock held. */
static void arm_locked(struct gtimer *g, uint64_t now)
{
    struct kernel *k = g->owner->tg->k;
    uint64_t left = g->expiry > now ? g->expiry - now : 0;

    if (g->basis == BASIS_VIRTUAL || g->basis == BASIS_PROF) {
        unsigned n = __atomic_load_n(&g->owner->tg->n_threads, __ATOMIC_RELAXED);

        left /= n ? n : 1;
        if (left < CPU_POLL_MIN_NS)
            left = CPU_POLL_MIN_NS;
    }
    ktimer_arm(k, &g->kt, mono_now_ns() + left);
}

static void send_expiry(struct gtimer *g, int overruns)
{
    struct tgroup *tg = g->owner->tg;
    struct lx_siginfo info = {.signo = g->signo, .code = LX_SI_KERNEL};
    struct sighand *sh;

    if (g->is_posix) {
        info.code = LX_SI_TIMER;
        info.timer.tid = g->id;
        info.timer.overrun = overruns;
        info.timer.value = g->value;
    }
    sh = sighand_lock(tg);
    if (!g->is_posix ||
        !sigqueue_timer_again(g->target ? &g->target->pending : &tg->pending, g->id, overruns + 1))
        (void) signal_send_locked(tg, g->target, &info);
    mutex_unlock(&sh->lock);
}

static void fire(struct ktimer *kt)
{
    struct gtimer *g = container_of(kt, struct gtimer, kt);
    uint64_t now = basis_now(g->owner->tg, g->basis), missed = 0;
    bool due = false;

    mutex_lock(&g->owner->lock);
    if (g->armed && now >= g->expiry) {
        due = true;
        if (g->interval) {
            missed = (now - g->expiry) / g->interval;
            g->expiry += (missed + 1) * g->interval;
        } else {
            g->armed = false;
        }
    }
    if (g->armed)
        arm_locked(g, now);
    mutex_unlock(&g->owner->lock);
    if (due && g->notify != LX_SIGEV_NONE)
        send_expiry(g, missed > INT32_MAX / 2 ? INT32_MAX / 2 : (int) missed);
}

static void gtimer_init(struct gtimer *g, struct itimers *it, enum basis b, int signo)
{
    *g = (struct gtimer){.owner = it, .basis = b, .signo = signo};
    ktimer_init(&g->kt, fire);
    list_init(&g->link);
}

struct itimers *itimers_new(struct tgroup *tg)
{
    struct itimers *it = malloc(sizeof(*it));

    if (!it)
        return NULL;
    mutex_init(&it->lock, RANK_TIMERS);
    it->tg = tg;
    it->next_id = 0;
    it->n_posix = 0;
    list_init(&it->posix);
    gtimer_init(&it->it[LX_ITIMER_REAL], it, BASIS_MONO, LX_SIGALRM);
    gtimer_init(&it->it[LX_ITIMER_VIRTUAL], it, BASIS_VIRTUAL, LX_SIGVTALRM);
    gtimer_init(&it->it[LX_ITIMER_PROF], it, BASIS_PROF, LX_SIGPROF);
    return it;
}

static void posix_free(struct gtimer *g)
{
    ktimer_cancel_sync(g->owner->tg->k, &g->kt);
    if (g->target)
        task_put(g->target);
    free(g);
}

void itimers_stop(struct itimers *it, bool exec)
{
    struct list gone = LIST_INIT(gone), *l;

    mutex_lock(&it->lock);
    list_splice_tail(&it->posix, &gone);
    it->n_posix = 0;
    list_for_each (l, &gone)
        container_of(l, struct gtimer, link)->armed = false;
    mutex_unlock(&it->lock);
    while ((l = list_pop(&gone)))
        posix_free(container_of(l, struct gtimer, link));
    if (exec)
        return;
    for (int i = 0; i < 3; i++) {
        mutex_lock(&it->lock);
        l = it->it[i].armed ? &it->it[i].link : NULL;
        it->it[i].armed = false;
        mutex_unlock(&it->lock);
        if (l || it->it[i].kt.running)
            ktimer_cancel_sync(it->tg->k, &it->it[i].kt);
    }
}

void itimers_free(struct itimers *it)
{
    if (!it)
        return;
    itimers_stop(it, false);
    free(it);
}

/* itimers.lock held. What is left; a timer that is due but has not fired shows 1 ns, as Linux. */
static void read_locked(const struct gtimer *g, uint64_t now, uint64_t *ret_value,
                        uint64_t *ret_interval)
{
    if (ret_value)
        *ret_value = !g->armed ? 0 : g->expiry > now ? g->expiry - now : 1;
    if (ret_interval)
        *ret_interval = g->interval;
}

static void set_timer(struct gtimer *g, bool absolute, uint64_t value, uint64_t interval,
                      uint64_t *ret_value, uint64_t *ret_interval)
{
    struct itimers *it = g->owner;
    uint64_t now = basis_now(it->tg, g->basis);

    mutex_lock(&it->lock);
    read_locked(g, now, ret_value, ret_interval);
    g->armed = value != 0;
    g->interval = interval;
    if (value) {
        g->expiry = absolute ? value : now + value;
        arm_locked(g, now);
    } else {
        (void) ktimer_cancel(it->tg->k, &g->kt);
    }
    mutex_unlock(&it->lock);
}

int itimer_set(struct tgroup *tg, int which, uint64_t value, uint64_t interval, uint64_t *ret_value,
               uint64_t *ret_interval)
{
    if (which < 0 || which > 2)
        return -EINVAL;
    set_timer(&tg->itimers->it[which], false, value, interval, ret_value, ret_interval);
    return 0;
}

int itimer_get(struct tgroup *tg, int which, uint64_t *ret_value, uint64_t *ret_interval)
{
    struct gtimer *g;
    uint64_t now;

    if (which < 0 || which > 2)
        return -EINVAL;
    g = &tg->itimers->it[which];
    now = basis_now(tg, g->basis);
    mutex_lock(&tg->itimers->lock);
    read_locked(g, now, ret_value, ret_interval);
    mutex_unlock(&tg->itimers->lock);
    return 0;
}

/* POSIX timers. Only threads of the group get here, and deletion by another one is its own race:
 * ids are looked up under the lock each time. */

static struct gtimer *find_locked(struct itimers *it, int id)
{
    struct gtimer *g;

    list_for_each_entry (g, &it->posix, link) {
        if (g->id == id)
            return g;
    }
    return NULL;
}

static int basis_of(int clock, enum basis *ret)
{
    switch (clock) {
    case LX_CLOCK_REALTIME:
    case LX_CLOCK_TAI:
        *ret = BASIS_REAL;
        return 0;
    case LX_CLOCK_MONOTONIC:
    case LX_CLOCK_BOOTTIME:
        *ret = BASIS_MONO;
        return 0;
    case LX_CLOCK_PROCESS_CPUTIME_ID:
    case LX_CLOCK_THREAD_CPUTIME_ID:
        *ret = BASIS_PROF;
        return 0;
    case LX_CLOCK_REALTIME_ALARM:
    case LX_CLOCK_BOOTTIME_ALARM:
        return -EPERM;
    default:
        return -EINVAL;
    }
}

int posix_timer_create(struct task *t, int clock, const struct lx_sigevent *ev, int *ret_id)
{
    struct itimers *it = t->tg->itimers;
    struct task *target = NULL;
    enum basis b;
    struct gtimer *g;
    int notify = ev ? ev->notify : LX_SIGEV_SIGNAL, r = basis_of(clock, &b);

    if (r)
        return r;
    if (notify != LX_SIGEV_NONE && (ev && (ev->signo < 1 || ev->signo > LX_NSIG)))
        return -EINVAL;
    if (notify == (LX_SIGEV_SIGNAL | LX_SIGEV_THREAD_ID)) {
        target = task_find_get(t->k, ev->tid);
        if (!target || target->tg != t->tg) {
            task_put(target);
            return -EINVAL;
        }
    } else if (notify != LX_SIGEV_SIGNAL && notify != LX_SIGEV_NONE && notify != LX_SIGEV_THREAD) {
        return -EINVAL;
    }
    g = malloc(sizeof(*g));
    if (!g) {
        task_put(target);
        return -EAGAIN;
    }
    gtimer_init(g, it, b, ev ? ev->signo : LX_SIGALRM);
    g->is_posix = true;
    g->notify = notify;
    g->clock = clock;
    g->target = target;

    mutex_lock(&it->lock);
    if (it->n_posix >= MAX_POSIX_TIMERS) {
        mutex_unlock(&it->lock);
        posix_free(g);
        return -EAGAIN;
    }
    do {
        g->id = it->next_id++ & 0x7fffffff;
    } while (find_locked(it, g->id));
    g->value = ev ? ev->value : (uint64_t) g->id;
    list_add_tail(&g->link, &it->posix);
    it->n_posix++;
    *ret_id = g->id;
    mutex_unlock(&it->lock);
    return 0;
}

int posix_timer_set(struct task *t, int id, bool absolute, uint64_t value, uint64_t interval,
                    uint64_t *ret_value, uint64_t *ret_interval)
{
    struct itimers *it = t->tg->itimers;
    struct gtimer *g;
    enum basis b;
    uint64_t now;

    mutex_lock(&it->lock);
    g = find_locked(it, id);
    b = g ? g->basis : BASIS_MONO;
    mutex_unlock(&it->lock);
    now = basis_now(t->tg, b);

    mutex_lock(&it->lock);
    g = find_locked(it, id);
    if (!g || g->basis != b) {
        mutex_unlock(&it->lock);
        return -EINVAL;
    }
    read_locked(g, now, ret_value, ret_interval);
    g->armed = value != 0;
    g->interval = interval;
    g->overrun = 0;
    if (value) {
        g->expiry = absolute ? value : now + value;
        arm_locked(g, now);
    } else {
        (void) ktimer_cancel(t->k, &g->kt);
    }
    mutex_unlock(&it->lock);
    return 0;
}

int posix_timer_get(struct task *t, int id, uint64_t *ret_value, uint64_t *ret_interval)
{
    struct itimers *it = t->tg->itimers;
    uint64_t now[4];
    struct gtimer *g;
    int r = -EINVAL;

    for (int b = 0; b < 4; b++)
        now[b] = basis_now(t->tg, (enum basis) b);
    mutex_lock(&it->lock);
    g = find_locked(it, id);
    if (g) {
        read_locked(g, now[g->basis], ret_value, ret_interval);
        r = 0;
    }
    mutex_unlock(&it->lock);
    return r;
}

int posix_timer_overrun(struct task *t, int id)
{
    struct itimers *it = t->tg->itimers;
    struct gtimer *g;
    int r;

    mutex_lock(&it->lock);
    g = find_locked(it, id);
    r = g ? g->overrun : -EINVAL;
    mutex_unlock(&it->lock);
    return r;
}

int posix_timer_delete(struct task *t, int id)
{
    struct itimers *it = t->tg->itimers;
    struct gtimer *g;

    mutex_lock(&it->lock);
    g = find_locked(it, id);
    if (g) {
        g->armed = false;
        list_del(&g->link);
        it->n_posix--;
    }
    mutex_unlock(&it->lock);
    if (!g)
        return -EINVAL;
    posix_free(g);
    return 0;
}

void posix_timer_delivered(struct tgroup *tg, const struct lx_siginfo *info)
{
    struct itimers *it = tg->itimers;
    struct gtimer *g;

    mutex_lock(&it->lock);
    g = find_locked(it, info->timer.tid);
    if (g)
        g->overrun = info->timer.overrun;
    mutex_unlock(&it->lock);
}

void posix_timers_format(struct tgroup *tg, struct strbuf *out)
{
    static const char *const how[] = {"signal", "none", "thread"};
    struct itimers *it = tg->itimers;
    struct gtimer *g;

    mutex_lock(&it->lock);
    list_for_each_entry (g, &it->posix, link) {
        int notify = g->notify & ~LX_SIGEV_THREAD_ID;

        sb_addf(out, "ID: %d\nsignal: %d/%016llx\n", g->id, g->signo,
                (unsigned long long) g->value);
        sb_addf(out, "notify: %s/%s.%d\nClockID: %d\n",
                how[(size_t) notify < ARRAY_LEN(how) ? notify : 0], g->target ? "tid" : "pid",
                g->target ? (int) g->target->tid : (int) tg->tgid, g->clock);
    }
    mutex_unlock(&it->lock);
}
