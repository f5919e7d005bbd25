/* SPDX-License-Identifier: Apache-2.0 */
/* One call from number to result. */
#include <errno.h>
#include <inttypes.h>

#include "abi/linux/seccomp.h"
#include "base/log.h"
#include "kernel/seccomp/seccomp.h"
#include "kernel/syscall/strace.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"

/* The 64-bit entry knows the numbers of its table alone; what is not there is no call at all. */
static long not_there(struct task *t, uint64_t nr, const struct syscall_desc *d)
{
    if (nr < KERNEL_MAX_SYSCALL && atomic_fetch_add(&t->k->missing[nr], 1) == 0)
        log_info("system call %" PRIu64 " (%s) is not implemented", nr, d ? d->name : "unknown");
    return -ENOSYS;
}

long syscall_dispatch(struct task *t, uint64_t nr, const uint64_t a[static 6])
{
    const struct syscall_desc *d = syscall_desc(nr);

    if (t->k->strace)
        strace_enter(t, nr, a);
    long r;
    bool admitted = true;
    if (atomic_load(&t->seccomp.mode) != LX_SECCOMP_MODE_DISABLED) {
        admitted = seccomp_admits(t, nr, a, &r);
        nr = t->trap.nr; /* the tracer's, if it was asked: a is t->trap.args */
        d = syscall_desc(nr);
    }
    if (admitted)
        r = d && d->fn ? d->fn(t, a) : not_there(t, nr, d);
    if (t->k->strace)
        strace_exit(t, nr, a, r);
    return r;
}
