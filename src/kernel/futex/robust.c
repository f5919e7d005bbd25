/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Robust futexes: set_robust_list(2). The list is guest memory, of a thread that is going and may
 * be hostile: it is walked by copies, to a limit, and every word is changed by a compare and
 * exchange in the guest, because others add their FUTEX_WAITERS at the same time:
 *
 *     dying owner                           waiter
 *     reads the word: tid
 *                                           word: tid -> tid | WAITERS, sleeps
 *     word: tid -> OWNER_DIED fails,
 *     looks again: tid | WAITERS -> OWNER_DIED | WAITERS, wakes one
 */
#include <errno.h>

#include "abi/linux/futex.h"
#include "kernel/futex/futex.h"
#include "kernel/task/task.h"

#define RETRIES 1000 /* a hostile thread may change the word for ever */

static void wake_one(struct task *t, uint64_t addr)
{
    if (platform_futex_wake(t->st, addr, 1)) {
        /* Unmapped by now: there is nobody to wake. */
    }
}

/* What a link leads to. */
struct entry {
    uint64_t addr; /* 0: nothing */
    bool pi;
};

static struct entry entry_of(uint64_t link)
{
    return (struct entry){link & ~LX_ROBUST_PI, link & LX_ROBUST_PI};
}

/* False when the guest's memory ends the walk. */
static bool owner_died(struct task *t, uint64_t addr, bool pi, bool pending)
{
    uint32_t v, found;

    if ((addr & 3) || copy_in(t, &v, uaddr(addr), sizeof(v)))
        return false;
    for (int i = 0; i < RETRIES; i++) {
        /* Released, but the thread went before it could wake: the waiter must look for itself. */
        if (pending && !pi && !v) {
            wake_one(t, addr);
            return true;
        }
        if ((v & LX_FUTEX_TID_MASK) != (uint32_t) t->tid)
            return true;
        if (platform_cmpxchg(t->st, addr, v, (v & LX_FUTEX_WAITERS) | LX_FUTEX_OWNER_DIED, &found))
            return false;
        if (found == v) {
            if (!pi && (v & LX_FUTEX_WAITERS))
                wake_one(t, addr);
            return true;
        }
        v = found;
    }
    return false;
}

void futex_robust_exit(struct task *t)
{
    struct lx_robust_list_head head;
    uint64_t list = t->robust_list, link;
    struct entry pending;

    t->robust_list = 0;
    if (!list || copy_in(t, &head, uaddr(list), sizeof(head)))
        return;
    pending = entry_of(head.pending);
    link = head.next;
    for (int n = 0; (link & ~LX_ROBUST_PI) != list && n < LX_ROBUST_LIST_LIMIT; n++) {
        struct entry e = entry_of(link);
        /* Read before the futex is released: its next owner may unmap it. */
        bool more = copy_in(t, &link, uaddr(e.addr), sizeof(link)) == 0;

        if (e.addr != pending.addr &&
            !owner_died(t, e.addr + (uint64_t) head.futex_offset, e.pi, false))
            return;
        if (!more)
            break;
        if (atomic_load(&t->work) & WORK_DEAD)
            return;
    }
    if (pending.addr)
        (void) owner_died(t, pending.addr + (uint64_t) head.futex_offset, pending.pi, true);
}
