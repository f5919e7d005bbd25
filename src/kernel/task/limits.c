/* SPDX-License-Identifier: Apache-2.0 */
/* Limits on memory, passed on to the stubs: see limits.h. */
#include "kernel/task/limits.h"

#include <sys/resource.h> /* the host: prlimit(2) */

#include "abi/linux/resource.h"

static struct stub_thread *any_stub(struct tgroup *tg)
{
    struct task *t;

    list_for_each_entry (t, &tg->threads, tg_link) {
        if (t->st)
            return t->st;
    }
    return NULL;
}

/* What the guest does not see but the host counts comes on top. */
static uint64_t with_hidden(uint64_t soft, uint64_t hidden)
{
    uint64_t sum;

    return __builtin_add_overflow(soft, hidden, &sum) ? LX_RLIM_INFINITY : sum;
}

/*
 * The stub cannot change its limits, so the soft one is enough. The hard one stays as it is: to
 * raise it again takes a privilege over the machine.
 */
static void limit_stub(struct stub_thread *st, int resource, uint64_t soft)
{
    pid_t pid = platform_host_pid(st);
    struct rlimit host;

    if (prlimit(pid, (enum __rlimit_resource) resource, NULL, &host))
        return; /* it is gone */
    host.rlim_cur = MIN(soft, host.rlim_max);
    if (prlimit(pid, (enum __rlimit_resource) resource, &host, NULL)) {
        /* Gone meanwhile. */
    }
}

void tgroup_limit_host(struct tgroup *tg, int resource)
{
    struct stub_thread *st = any_stub(tg);
    uint64_t soft = tg->rlimits[resource].soft;

    if (!st)
        return;
    switch (resource) {
    case LX_RLIMIT_AS:
        limit_stub(st, resource, with_hidden(soft, platform_hidden_size(st)));
        break;
    case LX_RLIMIT_DATA:
        limit_stub(st, resource, with_hidden(soft, platform_hidden_data(st)));
        break;
    case LX_RLIMIT_MEMLOCK:
    case LX_RLIMIT_STACK:
        limit_stub(st, resource, soft);
        break;
    default:
        break;
    }
}

void tgroup_limit_image(struct tgroup *tg)
{
    static const int kinds[] = {LX_RLIMIT_AS, LX_RLIMIT_DATA, LX_RLIMIT_MEMLOCK, LX_RLIMIT_STACK};

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        tgroup_limit_host(tg, kinds[i]);
}
