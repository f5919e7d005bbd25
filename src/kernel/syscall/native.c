/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/syscall/native.h"

#include <errno.h>
#include <string.h>

#include "abi/linux/futex.h"
#include "abi/linux/seccomp.h"
#include "kernel/ptrace/ptrace.h"
#include "kernel/restart.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/time/ktimer.h"
#include "kernel/time/timeval.h"

#define NR_FUTEX     202
#define ERRNO_LAST   4095
#define ERRNO_FOR_US 511 /* beyond are restart codes, which no host kernel gives its user */

int task_see_natives(struct task *t)
{
    int r = platform_trap_natives(t->st);

    if (r == 0)
        task_publish_facts(t);
    return r;
}

bool task_wants_natives(const struct task *t)
{
    return t->k->strace || is_traced(t) ||
           atomic_load(&t->seccomp.mode) != LX_SECCOMP_MODE_DISABLED;
}

void task_see_natives_if_wanted(struct task *t)
{
    if (task_wants_natives(t) && task_see_natives(t)) {
        /* It is being killed. */
    }
}

/* The stub's word is not to be mistaken for one of our own codes. */
static long taken(int64_t result)
{
    return result < -ERRNO_FOR_US && result >= -ERRNO_LAST ? -EINVAL : (long) result;
}

long native_call(struct task *t, uint64_t nr, const uint64_t a[static 6])
{
    int64_t result;

    return platform_native(t->st, nr, a, &result) ? -EINTR : taken(result);
}

/* A wait that signals can reach: from the outside it is like guest code that waits by itself. */
static long wait_once(struct task *t, const uint64_t a[static 6], bool many,
                      const struct timespec *deadline)
{
    int64_t result = -EINTR;

    atomic_store(&t->in_guest, 1); /* then look at work: signal/send.c has the argument */
    if (!atomic_load(&t->work)) {
        atomic_store(&t->state, TASK_SLEEPING);
        if (many ? platform_native_waitv(t->st, a, &result)
                 : platform_native_wait(t->st, a, deadline, &result))
            result = -EINTR;
        atomic_store(&t->state, TASK_RUNNING);
    }
    atomic_store(&t->in_guest, 0);
    return taken(result);
}

static long wait_again(struct task *t);

/* deadline NULL: none. The kick comes also without anything to do. */
static long wait_for_wake(struct task *t, const uint64_t a[static 6],
                          const struct timespec *deadline)
{
    long r;

    do {
        r = wait_once(t, a, false, deadline);
    } while (r == -EINTR && !atomic_load(&t->work));
    if (r != -EINTR)
        return r;
    if (!deadline)
        return -ERESTARTSYS;
    t->restart.fn = wait_again;
    memcpy(t->restart.args, a, sizeof(t->restart.args));
    t->restart.args[3] = (uint64_t) deadline->tv_sec;
    t->restart.args[4] = (uint64_t) deadline->tv_nsec;
    return -ERESTART_RESTARTBLOCK;
}

static long wait_again(struct task *t)
{
    struct timespec ts = {.tv_sec = (time_t) t->restart.args[3],
                          .tv_nsec = (long) t->restart.args[4]};
    uint64_t a[6];

    memcpy(a, t->restart.args, sizeof(a));
    return wait_for_wake(t, a, &ts);
}

static long futex_wait(struct task *t, const uint64_t a[static 6])
{
    struct lx_timespec given;
    struct timespec deadline;
    uint64_t ns;
    int r;

    if (!a[3])
        return wait_for_wake(t, a, NULL);
    r = copy_in(t, &given, uaddr(a[3]), sizeof(given));
    if (r == 0)
        r = ns_from_timespec(&given, &ns);
    if (r)
        return r;
    if (((uint32_t) a[1] & LX_FUTEX_CMD_MASK) == LX_FUTEX_WAIT)
        ns += mono_now_ns(); /* FUTEX_WAIT_BITSET's is absolute already */
    deadline = host_timespec_from_ns(ns);
    return wait_for_wake(t, a, &deadline);
}

long native_futex(struct task *t, const uint64_t a[static 6])
{
    uint32_t op = (uint32_t) a[1], cmd = op & LX_FUTEX_CMD_MASK;
    bool realtime = op & LX_FUTEX_CLOCK_REALTIME;

    switch (cmd) {
    case LX_FUTEX_WAIT:
        return realtime ? -ENOSYS : futex_wait(t, a);
    case LX_FUTEX_WAIT_BITSET:
        return futex_wait(t, a);
    case LX_FUTEX_WAKE:
    case LX_FUTEX_WAKE_BITSET:
    case LX_FUTEX_REQUEUE:
    case LX_FUTEX_CMP_REQUEUE:
    case LX_FUTEX_WAKE_OP:
        return realtime ? -ENOSYS : native_call(t, NR_FUTEX, a);
    default:
        return -ENOSYS;
    }
}

/* Its deadline is absolute and stays where the guest has it: a wait that was ended is made again.
 */
long native_futex_waitv(struct task *t, const uint64_t a[static 6])
{
    long r;

    do {
        r = wait_once(t, a, true, NULL);
    } while (r == -EINTR && !atomic_load(&t->work));
    return r == -EINTR ? -ERESTARTSYS : r;
}
