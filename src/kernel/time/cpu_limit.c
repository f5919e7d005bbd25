/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/time/cpu_limit.h"

#include "abi/linux/resource.h"
#include "kernel/task/task.h"
#include "kernel/time/timeval.h"

#define POLL_MIN_NS ((uint64_t) 5000000)

static struct guest_rlimit limit_of(const struct tgroup *tg)
{
    const struct guest_rlimit *l = &tg->rlimits[LX_RLIMIT_CPU];

    return (struct guest_rlimit){__atomic_load_n(&l->soft, __ATOMIC_RELAXED),
                                 __atomic_load_n(&l->hard, __ATOMIC_RELAXED)};
}

static void send(struct tgroup *tg, int signo)
{
    struct lx_siginfo info = {.signo = signo, .code = LX_SI_KERNEL};

    (void) signal_send_group(tg, &info);
}

/* Looks when the next limit could have been reached at the earliest: all threads running. */
static void look(struct ktimer *kt)
{
    struct cpu_limit *c = container_of(kt, struct cpu_limit, kt);
    struct tgroup *tg = c->tg;
    struct guest_rlimit l = limit_of(tg);
    uint64_t u, s, used, due, left;
    unsigned n;

    if (l.soft == LX_RLIM_INFINITY && l.hard == LX_RLIM_INFINITY)
        return;
    mutex_lock(&tg->k->tasks_lock);
    tgroup_cpu_time(tg, &u, &s);
    n = tg->n_threads;
    mutex_unlock(&tg->k->tasks_lock);
    used = u + s;
    if (n == 0)
        return;
    if (used / NS_PER_SEC >= l.hard) {
        send(tg, LX_SIGKILL);
        return;
    }
    due = atomic_load(&c->next_xcpu_s);
    if (used / NS_PER_SEC >= due) {
        send(tg, LX_SIGXCPU);
        due = used / NS_PER_SEC + 1;
        atomic_store(&c->next_xcpu_s, due);
    }
    due = MIN(MIN(due, l.hard), (uint64_t) (NS_MAX / NS_PER_SEC)) * NS_PER_SEC;
    left = (due - used) / n;
    ktimer_arm(tg->k, &c->kt, mono_now_ns() + MAX(left, POLL_MIN_NS));
}

void cpu_limit_init(struct cpu_limit *c, struct tgroup *tg)
{
    ktimer_init(&c->kt, look);
    c->tg = tg;
    atomic_init(&c->next_xcpu_s, limit_of(tg).soft);
}

void cpu_limit_update(struct cpu_limit *c)
{
    struct guest_rlimit l = limit_of(c->tg);

    atomic_store(&c->next_xcpu_s, l.soft);
    if (l.soft == LX_RLIM_INFINITY && l.hard == LX_RLIM_INFINITY)
        return;
    atomic_store(&c->used, true);
    ktimer_arm(c->tg->k, &c->kt, mono_now_ns());
}

void cpu_limit_stop(struct cpu_limit *c)
{
    if (atomic_load(&c->used)) /* the timer's own state is for those who hold its lock */
        ktimer_cancel_sync(c->tg->k, &c->kt);
}
