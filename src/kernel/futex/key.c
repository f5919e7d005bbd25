/* SPDX-License-Identifier: Apache-2.0 */
/* Which futex an address means, and the table of those that are the sentry's. */
#include <errno.h>
#include <stdlib.h>

#include "kernel/futex/futex.h"
#include "kernel/mem/mappings.h"
#include "kernel/task/task.h"

int futexes_new(struct futexes **ret)
{
    struct futexes *f = calloc(1, sizeof(*f));

    if (!f)
        return -ENOMEM;
    mutex_init(&f->lock, RANK_LEAF);
    list_init(&f->pi);
    list_init(&f->requeueable);
    waitq_init(&f->idle);
    *ret = f;
    return 0;
}

/* Memory of one process alone is known by its address even if the futex is not called private. */
int futex_key(struct task *t, uint64_t addr, bool shared, struct futex_key *ret)
{
    struct mapping m;
    int r;

    if (addr & 3)
        return -EINVAL;
    if (addr >= GUEST_TASK_SIZE)
        return -EFAULT;
    *ret = (struct futex_key){.space = (uintptr_t) platform_mm(t->st),
                              .offset = addr,
                              .shared = shared};
    if (!shared)
        return 0;
    r = mapping_at(platform_host_pid(t->st), addr, &m);
    if (r < 0)
        return r;
    if (m.shared) {
        ret->space = m.dev;
        ret->object = m.ino;
        ret->offset = addr - m.start + m.offset;
    }
    return 0;
}

bool futex_key_equal(const struct futex_key *a, const struct futex_key *b)
{
    return a->space == b->space && a->object == b->object && a->offset == b->offset &&
           a->shared == b->shared;
}
