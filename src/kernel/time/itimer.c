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
#include "kernel/time/cpuclock.h"
#include "kernel/time/ktimer.h"
#include "kernel/time/timeval.h"

#define MAX_POSIX_TIMERS 4096
#define CPU_POLL_MIN_NS  ((uint64_t) 1000000)

enum basis { BASIS_HOST, BASIS_VIRTUAL, BASIS_PROF, BASIS_CPU };

struct basis_clock {
    enum basis basis;
    int id;               /* of POSIX timers: the guest's, LX_CLOCK_* */
    struct cpu_clock cpu; /* BASIS_CPU: its task is referenced */
};

struct gtimer {
    struct ktimer kt;
    struct itimers *owner;
    struct list link;          /* [itimers.lock] POSIX timers */
    struct basis_clock clock;  /* immutable */
    int on;                    /* [itimers.lock] BASIS_HOST: CLOCK_*, of which expiry is a time */
    bool is_posix, armed;      /* armed: [itimers.lock] */
    uint64_t expiry, interval; /* [itimers.lock] ns on the basis's clock */
    int id, signo, notify;
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

/* No locks held. What a clock of ours says; one of the host's is asked by now_locked(). */
static uint64_t consumed(struct tgroup *tg, const struct basis_clock *c)
{
    uint64_t u, s;

    switch (c->basis) {
    case BASIS_HOST:
        return 0;
    case BASIS_CPU:
        return cpu_clock_read(&c->cpu);
    default:
        break;
    }
    mutex_lock(&tg->k->tasks_lock);
    tgroup_cpu_time(tg, &u, &s);
    mutex_unlock(&tg->k->tasks_lock);
    return c->basis == BASIS_VIRTUAL ? u : u + s;
}

/* itimers.lock held. */
static uint64_t now_locked(const struct gtimer *g, uint64_t consumed_now)
{
    return g->clock.basis == BASIS_HOST ? clock_now_ns(g->on) : consumed_now;
}

/* itimers.lock held. */
static void arm_locked(struct gtimer *g, uint64_t now)
{
    struct kernel *k = g->owner->tg->k;
    uint64_t left = g->expiry > now ? g->expiry - now : 0;
    unsigned n = __atomic_load_n(&g->owner->tg->n_threads, __ATOMIC_RELAXED);

    if (g->clock.basis == BASIS_HOST)
        ktimer_arm_on(k, &g->kt, g->on, g->expiry);
    else
        ktimer_arm(k, &g->kt, mono_now_ns() + MAX(left / (n ? n : 1), CPU_POLL_MIN_NS));
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
    uint64_t now = consumed(g->owner->tg, &g->clock), missed = 0;
    bool due = false;

    mutex_lock(&g->owner->lock);
    now = now_locked(g, now);
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
    *g = (struct gtimer){.owner = it, .clock = {.basis = b}, .on = CLOCK_MONOTONIC, .signo = signo};
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
    gtimer_init(&it->it[LX_ITIMER_REAL], it, BASIS_HOST, LX_SIGALRM);
    gtimer_init(&it->it[LX_ITIMER_VIRTUAL], it, BASIS_VIRTUAL, LX_SIGVTALRM);
    gtimer_init(&it->it[LX_ITIMER_PROF], it, BASIS_PROF, LX_SIGPROF);
    return it;
}

static void posix_free(struct gtimer *g)
{
    ktimer_cancel_sync(g->owner->tg->k, &g->kt);
    task_put(g->target);
    cpu_clock_put(&g->clock.cpu);
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

/* itimers.lock held. The setting before is told as read_locked() does. */
static void set_locked(struct gtimer *g, bool absolute, uint64_t consumed_now, uint64_t value,
                       uint64_t interval, uint64_t *ret_value, uint64_t *ret_interval)
{
    read_locked(g, now_locked(g, consumed_now), ret_value, ret_interval);
    g->armed = value != 0;
    g->interval = interval;
    g->on = ktimer_clock_for(g->clock.id, absolute);
    if (!value) {
        (void) ktimer_cancel(g->owner->tg->k, &g->kt);
        return;
    }
    const uint64_t now = now_locked(g, consumed_now);
    g->expiry = absolute ? value : now + value;
    arm_locked(g, now);
}

int itimer_set(struct tgroup *tg, int which, uint64_t value, uint64_t interval, uint64_t *ret_value,
               uint64_t *ret_interval)
{
    if (which < 0 || which > 2)
        return -EINVAL;
    struct gtimer *g = &tg->itimers->it[which];
    uint64_t now = consumed(tg, &g->clock);
    MUTEX_GUARD(&tg->itimers->lock);
    set_locked(g, false, now, value, interval, ret_value, ret_interval);
    return 0;
}

int itimer_get(struct tgroup *tg, int which, uint64_t *ret_value, uint64_t *ret_interval)
{
    struct gtimer *g;
    uint64_t now;

    if (which < 0 || which > 2)
        return -EINVAL;
    g = &tg->itimers->it[which];
    now = consumed(tg, &g->clock);
    mutex_lock(&tg->itimers->lock);
    read_locked(g, now_locked(g, now), ret_value, ret_interval);
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

/* Of timer `id`: a copy with a reference of its own. -EINVAL. */
static int clock_of(struct itimers *it, int id, struct basis_clock *ret)
{
    struct gtimer *g;

    MUTEX_GUARD(&it->lock);
    g = find_locked(it, id);
    if (!g)
        return -EINVAL;
    *ret = g->clock;
    if (ret->cpu.task)
        task_get(ret->cpu.task);
    return 0;
}

static int find_clock(struct task *t, int clock, struct basis_clock *ret)
{
    *ret = (struct basis_clock){.basis = BASIS_HOST, .id = clock};
    if (is_cpu_clock(clock)) {
        ret->basis = BASIS_CPU;
        return cpu_clock_find(t, clock, &ret->cpu);
    }
    switch (clock) {
    case LX_CLOCK_REALTIME:
    case LX_CLOCK_TAI:
    case LX_CLOCK_MONOTONIC:
    case LX_CLOCK_BOOTTIME:
        return 0;
    case LX_CLOCK_REALTIME_ALARM:
    case LX_CLOCK_BOOTTIME_ALARM:
        return -EPERM;
    default:
        return -EINVAL;
    }
}

static int check_event(struct task *t, const struct lx_sigevent *ev, struct task **ret_target)
{
    struct task *target = NULL;

    *ret_target = NULL;
    if (!ev)
        return 0;
    if (ev->notify != LX_SIGEV_NONE && (ev->signo < 1 || ev->signo > LX_NSIG))
        return -EINVAL;
    if (ev->notify == (LX_SIGEV_SIGNAL | LX_SIGEV_THREAD_ID)) {
        target = task_find_get(t->k, ev->tid);
        if (!target || target->tg != t->tg) {
            task_put(target);
            return -EINVAL;
        }
    } else if (ev->notify != LX_SIGEV_SIGNAL && ev->notify != LX_SIGEV_NONE &&
               ev->notify != LX_SIGEV_THREAD) {
        return -EINVAL;
    }
    *ret_target = target;
    return 0;
}

int posix_timer_create(struct task *t, int clock, const struct lx_sigevent *ev, int *ret_id)
{
    struct itimers *it = t->tg->itimers;
    struct basis_clock c;
    struct task *target;
    struct gtimer *g;
    int r = find_clock(t, clock, &c);

    if (r)
        return r;
    r = check_event(t, ev, &target);
    g = r ? NULL : malloc(sizeof(*g));
    if (!g) {
        task_put(r ? NULL : target);
        cpu_clock_put(&c.cpu);
        return r ? r : -EAGAIN;
    }
    gtimer_init(g, it, c.basis, ev ? ev->signo : LX_SIGALRM);
    g->clock = c;
    g->is_posix = true;
    g->notify = ev ? ev->notify : LX_SIGEV_SIGNAL;
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
    struct basis_clock c;
    struct gtimer *g;
    uint64_t now;
    int r = clock_of(it, id, &c);

    if (r)
        return r;
    if (c.basis == BASIS_HOST && ktimer_clock_for(c.id, absolute) != CLOCK_MONOTONIC)
        ktimer_mind_sets(t->k);
    now = consumed(t->tg, &c);
    cpu_clock_put(&c.cpu);

    mutex_lock(&it->lock);
    g = find_locked(it, id); /* a new one by that number has another clock: its owner's race */
    if (!g) {
        mutex_unlock(&it->lock);
        return -EINVAL;
    }
    set_locked(g, absolute, now, value, interval, ret_value, ret_interval);
    g->overrun = 0;
    mutex_unlock(&it->lock);
    return 0;
}

int posix_timer_get(struct task *t, int id, uint64_t *ret_value, uint64_t *ret_interval)
{
    struct itimers *it = t->tg->itimers;
    struct basis_clock c;
    struct gtimer *g;
    uint64_t now;
    int r = clock_of(it, id, &c);

    if (r)
        return r;
    now = consumed(t->tg, &c);
    cpu_clock_put(&c.cpu);
    mutex_lock(&it->lock);
    g = find_locked(it, id);
    if (g)
        read_locked(g, now_locked(g, now), ret_value, ret_interval);
    mutex_unlock(&it->lock);
    return g ? 0 : -EINVAL;
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
                g->target ? (int) g->target->tid : (int) tg->tgid, g->clock.id);
    }
    mutex_unlock(&it->lock);
}
