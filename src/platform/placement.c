/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the two threads of a pair run. A wake-up across processors costs ten times one on the same
 * processor, and the host's scheduler, which sees a waker and a sleeper and an idle neighbour,
 * pulls the pair apart. So a pair that talks is bound to one processor: the one the stub was found
 * on.
 *
 * A stub that computes must be free to move: after UNBIND_MS without a word its binding is lifted,
 * and renewed where it is found at its next word. Pairs that talk at the same time are spread: each
 * processor has a count of the pairs that are awake there, and a pair that shares one moves to an
 * empty one when it is bound, or at every REBALANCE_TRAPS of its traps.
 *
 * A pair that talks without pause while a processor is to spare is set apart: the sentry's thread
 * moves there, and both sides spin for the other's word, which saves the sleeps and the switches.
 * The first silence longer than SPIN_NS, a blocking call, or a pair that wakes when no processor is
 * left brings it back together; each time that comes before the move has paid, the next separation
 * takes longer to earn. The first words are waited for longer: a stub that slept through the move
 * takes its time to wake.
 *
 * All of this is a matter of speed alone: the stub's own word for its processor is checked against
 * the host's mask, and a lie moves the liar.
 */
#include <errno.h>
#include <sched.h>
#include <time.h>
#include <x86intrin.h>

#include "platform/internal.h"

#define REBALANCE_TRAPS  64
#define WINDOW_TRAPS     32      /* how many words are timed together */
#define WINDOW_NS        2000000 /* what they may take to be talk without pause, on a busy host */
#define SPIN_NS          25000
#define FIRST_WORDS      8  /* after a separation */
#define FIRST_PATIENCE   8  /* how many times SPIN_NS they are waited for */
#define POLLS            64 /* between two looks at the clock, which is the slower look */
#define SHORT_SEPARATION 64 /* words: a separation shorter than this was not worth it */
#define MAX_PATIENCE     64

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
        p->cpu_busy[cpu] = p->cpu_spun[cpu] = 0;
    p->n_cpus = CPU_COUNT(&p->cpus);
    p->placement = p->n_cpus > 1;
}

static int counted(_Atomic int *n)
{
    return atomic_load_explicit(n, memory_order_relaxed);
}

static void count(_Atomic int *n, int more)
{
    atomic_fetch_add_explicit(n, more, memory_order_relaxed);
}

/* The processor to bind a pair to that was found on `cpu`, itself not counted. One where somebody
 * spins is better than one where a pair works: the spinner notices and goes. */
static int choose(struct platform *p, int cpu)
{
    int best = cpu;
    if (!counted(&p->cpu_busy[cpu]))
        return cpu;
    for (int other = 0; other < PLATFORM_CPUS; other++) {
        if (!CPU_ISSET(other, &p->cpus) || counted(&p->cpu_busy[other]))
            continue;
        best = other;
        if (!counted(&p->cpu_spun[other]))
            break;
    }
    return best;
}

static void leave(struct stub_thread *st)
{
    if (!st->place.counted)
        return;
    count(&st->p->cpu_busy[st->place.cpu], -1);
    count(&st->p->awake, -1);
    st->place.counted = false;
}

static void enter(struct stub_thread *st)
{
    if (st->place.counted || st->place.cpu < 0)
        return;
    count(&st->p->cpu_busy[st->place.cpu], 1);
    count(&st->p->awake, 1);
    st->place.counted = true;
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

static void end_separation(struct stub_thread *st)
{
    if (!st->place.apart)
        return;
    st->place.apart = false;
    st->ch->spin = 0;
    count(&st->p->cpu_spun[st->place.own_cpu], -1);
    count(&st->p->apart, -1);
}

static void bring_together(struct stub_thread *st)
{
    uint32_t patience = st->place.patience * 2 + 1;
    st->place.patience =
        st->place.traps > SHORT_SEPARATION ? 0 : MIN(patience, (uint32_t) MAX_PATIENCE);
    st->place.quick_windows = 0;
    st->place.traps = 0;
    end_separation(st);
    pin(0, st->place.cpu);
    st->place.own_cpu = st->place.cpu;
}

static void set_apart(struct stub_thread *st, int cpu, uint64_t ticks, uint64_t ns)
{
    st->place.spin_ticks = ns ? ticks * SPIN_NS / ns : 0;
    st->place.apart = true;
    st->place.traps = 0;
    count(&st->p->cpu_spun[cpu], 1);
    count(&st->p->apart, 1);
    st->ch->spin = (uint32_t) MIN(st->place.spin_ticks, (uint64_t) UINT32_MAX);
    pin(0, cpu);
    st->place.own_cpu = cpu;
}

static int spare_cpu(struct stub_thread *st)
{
    struct platform *p = st->p;
    if (counted(&p->awake) + counted(&p->apart) >= p->n_cpus)
        return -1;
    for (int cpu = 0; cpu < PLATFORM_CPUS; cpu++)
        if (CPU_ISSET(cpu, &p->cpus) && cpu != st->place.cpu && !counted(&p->cpu_busy[cpu]) &&
            !counted(&p->cpu_spun[cpu]))
            return cpu;
    return -1;
}

/* Every WINDOW_TRAPS words: has the pair earned a separation? */
static void end_window(struct stub_thread *st)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    uint64_t now = (uint64_t) ts.tv_sec * 1000000000u + (uint64_t) ts.tv_nsec;
    uint64_t tsc = __rdtsc();
    uint64_t ns = now - st->place.window_ns, ticks = tsc - st->place.window_tsc;
    bool quick = st->place.window_ns && ns < WINDOW_NS;
    st->place.window_ns = now;
    st->place.window_tsc = tsc;
    st->place.quick_windows = quick ? st->place.quick_windows + 1 : 0;
    int cpu = st->place.quick_windows > st->place.patience ? spare_cpu(st) : -1;
    if (cpu >= 0)
        set_apart(st, cpu, ticks, ns);
}

bool placement_spin(struct stub_thread *st)
{
    if (!st->place.apart)
        return false;
    const uint32_t *turn = &st->ch->turn;
    const uint64_t ticks =
        st->place.spin_ticks * (st->place.traps < FIRST_WORDS ? FIRST_PATIENCE : 1);
    uint64_t start = 0;
    do {
        for (int i = 0; i < POLLS; i++) {
            if (__atomic_load_n(turn, __ATOMIC_ACQUIRE) == TURN_SENTRY)
                return true;
            _mm_pause();
        }
        if (!start)
            start = __rdtsc();
    } while (__rdtsc() - start < ticks);
    bring_together(st);
    return false;
}

void placement_trapped(struct stub_thread *st)
{
    struct platform *p = st->p;
    uint32_t found = __atomic_load_n(&st->ch->cpu, __ATOMIC_RELAXED);
    if (!p->placement || st == p->zygote || found >= PLATFORM_CPUS || !CPU_ISSET(found, &p->cpus) ||
        atomic_load_explicit(&st->place.off, memory_order_relaxed))
        return;
    st->place.traps++;
    if (st->place.apart) {
        if (counted(&p->awake) + counted(&p->apart) > p->n_cpus)
            bring_together(st);
        return;
    }
    if (!st->place.bound || st->place.cpu != (int) found || st->place.own_cpu != (int) found) {
        bind_pair(st, (int) found);
        return;
    }
    enter(st);
    if (st->place.traps % WINDOW_TRAPS == 0)
        end_window(st);
    if (!st->place.apart && st->place.traps % REBALANCE_TRAPS == 0 &&
        counted(&p->cpu_busy[found]) > 1)
        bind_pair(st, (int) found);
}

void placement_quiet(struct stub_thread *st)
{
    if (!st->place.bound)
        return;
    leave(st);
    st->place.bound = false;
    st->place.window_ns = 0;
    if (atomic_load_explicit(&st->place.off, memory_order_relaxed))
        return;
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
    atomic_store(&child->place.off, atomic_load(&parent->place.off));
    child->place.bound = parent->place.bound || parent == parent->p->zygote;
}

void placement_forget(struct stub_thread *st)
{
    end_separation(st);
    leave(st);
}

void platform_sleeping(struct stub_thread *st, bool asleep)
{
    if (!st || !st->place.bound)
        return;
    if (!asleep) {
        enter(st);
        return;
    }
    if (st->place.apart)
        bring_together(st);
    leave(st);
}

/* ---- what the guest asks for ---- */

void platform_cpus(const struct platform *p, cpu_set_t *ret)
{
    *ret = p->cpus;
}

int platform_get_affinity(const struct stub_thread *st, cpu_set_t *ret)
{
    if (!atomic_load(&st->place.off)) {
        *ret = st->p->cpus;
        return 0;
    }
    return sched_getaffinity(st->tid, sizeof(*ret), ret) < 0 ? -errno : 0;
}

int platform_set_affinity(struct stub_thread *st, const cpu_set_t *set)
{
    cpu_set_t allowed;
    CPU_AND(&allowed, set, &st->p->cpus);
    if (CPU_COUNT(&allowed) == 0)
        return -EINVAL;
    bool was = atomic_exchange(&st->place.off, !CPU_EQUAL(&allowed, &st->p->cpus));
    if (sched_setaffinity(st->tid, sizeof(allowed), &allowed) < 0) {
        atomic_store(&st->place.off, was);
        return -errno;
    }
    return 0;
}

void platform_keep_affinity(struct stub_thread *to, const struct stub_thread *from)
{
    cpu_set_t set;
    if (atomic_load(&from->place.off) && platform_get_affinity(from, &set) == 0)
        (void) !platform_set_affinity(to, &set);
}
