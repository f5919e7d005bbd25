/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The direct plane's epochs and gifts. The stub believes an epoch when it reads it in its channel,
 * before each call: whoever begins one has written it to all threads of the process before he goes
 * on.
 */
#include "platform/internal.h"

bool platform_direct_wanted(const struct stub_thread *st)
{
    return st->direct == DIRECT_WANT;
}

bool platform_direct_dropped(const struct stub_thread *st, uint32_t *ret_epoch)
{
    *ret_epoch = (uint32_t) st->direct;
    return (st->direct & ~(uint64_t) UINT32_MAX) == DIRECT_DROPPED;
}

uint32_t platform_direct_epoch(struct stub_thread *st)
{
    /* First the word that says there is something to revoke, then the epoch. */
    if (!atomic_load(&st->p->direct_given))
        atomic_store(&st->p->direct_given, true);
    return atomic_load(&st->proc->direct_epoch);
}

_Static_assert((int) DIRECT_FILE == (int) DIRECT_KIND_FILE &&
                   (int) DIRECT_STREAM == (int) DIRECT_KIND_STREAM &&
                   (int) DIRECT_STREAM_WAITS == (int) DIRECT_KIND_STREAM_WAITS &&
                   (int) DIRECT_EPOLL == (int) DIRECT_KIND_EPOLL,
               "the stub's kinds mirror enum direct_kind");

_Static_assert(PLATFORM_KEYS == DIRECT_KEYS && PLATFORM_KEYS_END == STUB_DESCRIPTORS, "one range");

uint64_t platform_direct_mark(const struct platform *p)
{
    return p->direct_mark;
}

void platform_direct_give(struct stub_thread *st, int fd, int host_fd, enum direct_kind kind,
                          uint32_t epoch, bool quiet)
{
    bool is_key = host_fd >= (int) DIRECT_KEYS && host_fd < (int) STUB_DESCRIPTORS &&
                  (kind == DIRECT_KIND_STREAM || kind == DIRECT_KIND_STREAM_WAITS);
    if (is_key) {
        struct stub_call c = {.nr = STUB_CALL_DIRECT,
                              .args = {(uint64_t) fd, epoch, kind, st->p->direct_mark,
                                       (uint64_t) host_fd},
                              .donate = (uint32_t) host_fd};
        (void) !channel_calls(st, &c, 1, host_fd);
    } else {
        struct stub_gift g = {.fd = (uint32_t) fd,
                              .epoch = epoch,
                              .kind = kind,
                              .quiet = quiet,
                              .mark = st->p->direct_mark};
        st->gifts += post_send(st, &g, host_fd);
    }
}

_Static_assert(PLATFORM_CLOSED_MAX == CLOSED_MAX, "one number of them");

bool platform_has_closed(const struct stub_thread *st)
{
    return CLOSED_COUNT(__atomic_load_n(&st->ch->closed, __ATOMIC_SEQ_CST)) != 0;
}

unsigned platform_take_closed(struct stub_thread *st, int ret[PLATFORM_CLOSED_MAX])
{
    const uint64_t w = __atomic_fetch_and(&st->ch->closed, CLOSED_MAY, __ATOMIC_SEQ_CST);
    const unsigned n = MIN(CLOSED_COUNT(w), CLOSED_MAX);
    for (unsigned i = 0; i < n; i++)
        ret[i] = (int) CLOSED_FD(w, i);
    return n;
}

/* [platform.lock] */
static void revoke(struct stub_proc *proc)
{
    uint32_t epoch = atomic_fetch_add(&proc->direct_epoch, 1) + 1;
    struct stub_thread *st;
    list_for_each_entry (st, &proc->threads, link)
        __atomic_store_n(&st->ch->direct_epoch, epoch, __ATOMIC_SEQ_CST);
}

void platform_direct_revoke(struct stub_thread *st)
{
    MUTEX_GUARD(&st->p->lock);
    revoke(st->proc);
}

void platform_direct_revoke_all(struct platform *p)
{
    struct htab_node *node;
    if (!atomic_exchange(&p->direct_given, false))
        return;
    MUTEX_GUARD(&p->lock);
    htab_for_each (node, &p->procs)
        revoke(container_of(node, struct stub_proc, by_pid));
}

bool platform_direct_may_write(const struct platform *p)
{
    return !p->size_limited;
}

void platform_direct_io(const struct stub_thread *st, struct stub_io *ret)
{
    const struct channel *ch = st->ch;
    ret->rchar = __atomic_load_n(&ch->rchar, __ATOMIC_RELAXED);
    ret->wchar = __atomic_load_n(&ch->wchar, __ATOMIC_RELAXED);
    ret->syscr = __atomic_load_n(&ch->syscr, __ATOMIC_RELAXED);
    ret->syscw = __atomic_load_n(&ch->syscw, __ATOMIC_RELAXED);
}
