/* SPDX-License-Identifier: Apache-2.0 */
#include "base/park.h"

#include <errno.h>

#include "base/sys.h"

int parker_wait(struct parker *p, uint32_t ticket, const struct timespec *deadline)
{
    uint32_t expected = ticket;
    if (!atomic_compare_exchange_strong_explicit(&p->word, &expected, ticket | 1,
                                                 memory_order_seq_cst, memory_order_seq_cst))
        return 0; /* the count moved: woken already */
    for (;;) {
        int r = host_futex_wait(&p->word, ticket | 1, FUTEX_SCOPE_PRIVATE, deadline);
        if (atomic_load_explicit(&p->word, memory_order_seq_cst) != (ticket | 1))
            return 0;
        if (r == 0 || r == -EAGAIN)
            continue; /* spurious */
        expected = ticket | 1;
        if (!atomic_compare_exchange_strong_explicit(&p->word, &expected, ticket,
                                                     memory_order_seq_cst, memory_order_seq_cst))
            return 0; /* woken while giving up: a wake-up counts for more */
        return r == -EINTR ? -EINTR : -ETIMEDOUT;
    }
}

void parker_wake(struct parker *p)
{
    uint32_t old = atomic_load_explicit(&p->word, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&p->word, &old, (old + 2) & ~1u,
                                                  memory_order_seq_cst, memory_order_relaxed)) {
    }
    if (old & 1)
        (void) host_futex_wake(&p->word, 1, FUTEX_SCOPE_PRIVATE);
}
