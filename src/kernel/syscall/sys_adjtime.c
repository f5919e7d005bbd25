/* SPDX-License-Identifier: Apache-2.0 */
/* adjtimex(2), clock_adjtime(2): the clock is the host's, and may be asked about. */
#include <errno.h>
#include <string.h>
#include <sys/timex.h>

#include "abi/linux/time.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"

#define ONLY_ASKS 0xa001u /* ADJ_OFFSET_SS_READ */

/* The host's structure is the guest's: one machine. */
static long adjust(struct task *t, uint64_t at)
{
    struct timex tx;
    int r = copy_in(t, &tx, uaddr(at), sizeof(tx)), state;

    if (r < 0)
        return r;
    if (tx.modes && tx.modes != ONLY_ASKS)
        return -EPERM;
    state = clock_adjtime(CLOCK_REALTIME, &tx);
    if (state < 0)
        return -errno;
    r = copy_out(t, uaddr(at), &tx, sizeof(tx));
    return r ? r : state;
}

long sys_adjtimex(struct task *t, const uint64_t a[static 6])
{
    return adjust(t, a[0]);
}

long sys_clock_adjtime(struct task *t, const uint64_t a[static 6])
{
    switch ((int) a[0]) {
    case LX_CLOCK_REALTIME:
        return adjust(t, a[1]);
    case LX_CLOCK_MONOTONIC:
    case LX_CLOCK_BOOTTIME:
        return -EOPNOTSUPP;
    default:
        return -EINVAL;
    }
}
