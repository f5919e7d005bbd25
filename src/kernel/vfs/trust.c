/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long an answer of a file system that others change is trusted: super.trust_ns. Time alone
 * would let a guest be told of a change outside and then not find it:
 *
 *     guest                              outside
 *     stat("/bin/tool"): the old one
 *                                        mv new /bin/tool
 *                                        cloister exec ... /bin/tool
 *     exec("/bin/tool"): the new one
 *
 * So whatever comes in from outside (a command, a process, bytes of an inherited descriptor or of a
 * network) ends all trust: kernel_heard().
 */
#include <time.h>

#include "kernel/kernel.h"
#include "kernel/vfs/node.h"

uint64_t coarse_now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
    return (uint64_t) ts.tv_sec * 1000000000u + (uint64_t) ts.tv_nsec;
}

/* What was asked for in the tick in which we heard something may be older than that. */
bool super_trusts(const struct super *sb, uint64_t when)
{
    return sb->trust_ns && coarse_now_ns() - when < sb->trust_ns &&
           when > atomic_load_explicit(sb->heard_ns, memory_order_acquire);
}

void kernel_heard(struct kernel *k)
{
    uint64_t before = atomic_load_explicit(&k->heard_ns, memory_order_relaxed);
    if (before != UINT64_MAX) /* who came first has heard as much as we */
        (void) !atomic_compare_exchange_strong(&k->heard_ns, &before, coarse_now_ns());
}

void kernel_hears(struct kernel *k)
{
    atomic_store(&k->heard_ns, UINT64_MAX);
}
