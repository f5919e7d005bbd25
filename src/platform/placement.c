/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the two threads of a pair run. A wake-up across processors costs ten times one on the same
 * processor, and the host's scheduler, which sees a waker and a sleeper and an idle neighbour, pulls
 * the pair apart. So a pair that talks is bound to one processor: the one the stub was found on.
 *
 * A stub that computes must be free to move: after UNBIND_MS without a word its binding is lifted,
 * and renewed where it is found at its next word. Pairs that talk at the same time are spread: each
 * processor has a count of the pairs that are awake there, and a pair that shares one moves to an
 * empty one when it is bound, or at every REBALANCE_TRAPS of its traps.
 *
 * All of this is a matter of speed alone: the stub's own word for its processor is checked against
 * the host's mask, and a lie moves the liar.
 */
#include <errno.h>
#include <sched.h>

#include "platform/internal.h"

#define REBALANCE_TRAPS 64

static void pin(pid_t tid, int cpu)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    (void) sched_setaffinity(tid, sizeof(one), &one); /* only slower without */
}

void placement_init(struct platform *p)
{
    if (sched_getaffinity(0, sizeof(p->cpus), &p->cpus) < 0)
        CPU_ZERO(&p->cpus);
    for (int cpu = 0; cpu < PLATFORM_CPUS; cpu++)
        p->cpu_busy[cpu] = 0;
    p->placement = CPU_COUNT(&p->cpus) > 1;
}

/* The processor to bind a pair to that was found on `cpu`, itself not counted. */
static int choose(struct platform *p, int cpu)
{
    if (atomic_load_explicit(&p->cpu_busy[cpu], memory_order_relaxed) == 0)
        return cpu;
    for (int other = 0; other < PLATFORM_CPUS; other++)
        if (CPU_ISSET(other, &p->cpus) &&
            atomic_load_explicit(&p->cpu_busy[other], memory_order_relaxed) == 0)
            return other;
    return cpu;
}

static void leave(struct stub_thread *st)
{
    if (st->place.counted)
        atomic_fetch_sub_explicit(&st->p->cpu_busy[st->place.cpu], 1, memory_order_relaxed);
    st->place.counted = false;
}

static void enter(struct stub_thread *st)
{
    if (!st->place.counted && st->place.cpu >= 0)
        atomic_fetch_add_explicit(&st->p->cpu_busy[st->place.cpu], 1, memory_order_relaxed);
    st->place.counted = st->place.cpu >= 0;
}

static void bind_pair(struct stub_thread *st, int found)
{
    struct platform *p = st->p;
    leave(st);
    int cpu = choose(p, found);
    if (sched_getcpu() != cpu || st->place.own_cpu != cpu)
        pin(0, cpu);
    st->place.own_cpu = cpu;
    pin(st->tid, cpu);
    st->place.cpu = cpu;
    st->place.bound = true;
    enter(st);
}

void placement_trapped(struct stub_thread *st)
{
    struct platform *p = st->p;
    uint32_t found = __atomic_load_n(&st->ch->cpu, __ATOMIC_RELAXED);
    if (!p->placement || st == p->zygote || found >= PLATFORM_CPUS || !CPU_ISSET(found, &p->cpus))
        return;
    bool stay = st->place.bound && st->place.cpu == (int) found && st->place.own_cpu == (int) found;
    if (stay && !st->place.counted)
        enter(st);
    if (stay && (++st->place.traps % REBALANCE_TRAPS ||
                 atomic_load_explicit(&p->cpu_busy[found], memory_order_relaxed) < 2))
        return;
    bind_pair(st, (int) found);
}

void placement_quiet(struct stub_thread *st)
{
    if (!st->place.bound)
        return;
    leave(st);
    st->place.bound = false;
    (void) sched_setaffinity(st->tid, sizeof(st->p->cpus), &st->p->cpus);
}

void placement_bring(struct stub_thread *zygote)
{
    int cpu = sched_getcpu();
    if (!zygote->p->placement || cpu < 0 || cpu >= PLATFORM_CPUS || zygote->place.cpu == cpu)
        return;
    pin(zygote->tid, cpu);
    zygote->place.cpu = cpu;
}

void placement_inherit(struct stub_thread *child, const struct stub_thread *parent)
{
    child->place.cpu = parent->place.cpu;
    child->place.own_cpu = -1;
    child->place.bound = parent->place.bound || parent == parent->p->zygote;
}

void placement_forget(struct stub_thread *st)
{
    leave(st);
}

void platform_sleeping(struct stub_thread *st, bool asleep)
{
    if (!st || !st->place.bound)
        return;
    if (asleep)
        leave(st);
    else
        enter(st);
}
