/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/time/cpuclock.h"

#include <errno.h>

#include "abi/linux/time.h"
#include "kernel/task/usage.h"

/* An id that is not one of the fixed ones holds a number, inverted, and three bits. */
#define ID_KIND   3
#define ID_THREAD 4
#define ID_FD     3 /* in place of a kind: a descriptor's clock */

bool is_cpu_clock(int id)
{
    return id < 0 || id == LX_CLOCK_PROCESS_CPUTIME_ID || id == LX_CLOCK_THREAD_CPUTIME_ID;
}

int cpu_clock_find(struct task *t, int id, struct cpu_clock *ret)
{
    struct cpu_clock c = {.kind = CPU_CLOCK_SCHED, .thread = id == LX_CLOCK_THREAD_CPUTIME_ID};
    pid_t number = 0;

    if (id < 0) {
        number = (pid_t) ~((unsigned) id >> 3 | 0xe0000000u);
        c.thread = id & ID_THREAD;
        c.kind = id & ID_KIND;
        if (c.kind == ID_FD)
            return -EINVAL;
    }
    c.task = number ? task_find_get(t->k, number) : task_get(t);
    if (!c.task)
        return -EINVAL;
    if (number && (c.thread ? c.task->tg != t->tg : c.task->tg->tgid != number)) {
        task_put(c.task);
        return -EINVAL;
    }
    *ret = c;
    return 0;
}

void cpu_clock_put(struct cpu_clock *c)
{
    task_put(c->task);
    c->task = NULL;
}

uint64_t cpu_clock_read(const struct cpu_clock *c)
{
    struct task *t = c->task;
    struct usage u = {0};

    mutex_lock(&t->k->tasks_lock);
    if (c->thread)
        task_usage(t, &u);
    else
        tgroup_cpu_time(t->tg, &u.utime_ns, &u.stime_ns);
    mutex_unlock(&t->k->tasks_lock);
    return c->kind == CPU_CLOCK_VIRT ? u.utime_ns : u.utime_ns + u.stime_ns;
}
