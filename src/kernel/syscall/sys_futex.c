/* SPDX-License-Identifier: Apache-2.0 */
/*
 * futex(2) and futex_waitv(2), as far as the host or the stub has not answered them: priority
 * inheritance, and what somebody wants to see. kernel/futex/futex.h says why.
 */
#include <errno.h>

#include "abi/linux/futex.h"
#include "kernel/syscall/native.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/time/ktimer.h"
#include "kernel/time/timeval.h"

static int get_deadline(struct task *t, uint64_t addr, bool realtime, struct timespec *ret)
{
    struct lx_timespec ts;
    uint64_t ns;
    int r = copy_in(t, &ts, uaddr(addr), sizeof(ts));

    if (r == 0)
        r = ns_from_timespec(&ts, &ns);
    if (r == 0)
        *ret = host_timespec_from_ns(realtime ? clock_to_mono_ns(CLOCK_REALTIME, ns) : ns);
    return r;
}

/* Those that sleep. */
static long wait_op(struct task *t, const uint64_t a[static 6], uint32_t cmd, bool shared,
                    bool realtime)
{
    struct timespec ts, *deadline = NULL;
    int r;

    if (a[3]) {
        r = get_deadline(t, a[3], realtime, &ts);
        if (r < 0)
            return r;
        deadline = &ts;
    }
    if (cmd == LX_FUTEX_WAIT_REQUEUE_PI)
        return futex_wait_requeue_pi(t, a[0], a[4], shared, (uint32_t) a[2], deadline);
    return futex_lock_pi(t, a[0], shared, false, deadline);
}

long sys_futex(struct task *t, const uint64_t a[static 6])
{
    uint32_t op = (uint32_t) a[1], cmd = op & LX_FUTEX_CMD_MASK;
    bool shared = !(op & LX_FUTEX_PRIVATE_FLAG), realtime = op & LX_FUTEX_CLOCK_REALTIME;

    switch (cmd) {
    case LX_FUTEX_LOCK_PI: /* its clock is the real one, and the flag not for it */
        return realtime ? -ENOSYS : wait_op(t, a, cmd, shared, true);
    case LX_FUTEX_LOCK_PI2:
    case LX_FUTEX_WAIT_REQUEUE_PI:
        return wait_op(t, a, cmd, shared, realtime);
    case LX_FUTEX_TRYLOCK_PI:
        return realtime ? -ENOSYS : futex_lock_pi(t, a[0], shared, true, NULL);
    case LX_FUTEX_UNLOCK_PI:
        return realtime ? -ENOSYS : futex_unlock_pi(t, a[0], shared);
    case LX_FUTEX_CMP_REQUEUE_PI:
        if (realtime)
            return -ENOSYS;
        if ((int) a[2] != 1 || (int) a[3] < 0)
            return -EINVAL;
        return futex_cmp_requeue_pi(t, a[0], a[4], shared, (int) a[3], (uint32_t) a[5]);
    default:
        return native_futex(t, a);
    }
}

long sys_futex_waitv(struct task *t, const uint64_t a[static 6])
{
    return native_futex_waitv(t, a);
}
