/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New guest processes and threads. The order of things, and why a guest cannot make a host task of
 * its own:
 *
 *   sentry: limits, slot, channel, cookie; order        nothing exists yet
 *   stub:   clone(), held by seccomp                     continued only for this order, once
 *   child:  hello(cookie)                                its tid comes from the kernel; it gets the
 * channel child:  maps the channel, REQ_READY                  now the child is a trapped stub like
 * any other
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "platform/internal.h"

static const uint32_t clone_flags[] = {
    [STUB_FORK] = STUB_CLONE_FORK,
    [STUB_VFORK] = STUB_CLONE_VFORK,
    [STUB_SHARED_VM] = STUB_CLONE_SHARED,
    [STUB_THREAD] = STUB_CLONE_THREAD,
};

static struct stub_proc *proc_like(struct platform *p, struct stub_mm *mm,
                                   const struct stub_proc *parent)
{
    struct stub_proc *proc = proc_new(p, mm);
    if (proc)
        proc->natives_trapped = atomic_load(&parent->natives_trapped); /* filters are inherited */
    return proc;
}

static int child_new(struct stub_thread *parent, enum stub_clone_kind kind,
                     struct stub_thread **ret)
{
    struct platform *p = parent->p;
    struct stub_proc *proc = parent->proc;
    struct stub_mm *mm = NULL;
    int slot = (int) parent->slot;

    if (kind != STUB_FORK) {
        slot = mm_take_slot(proc);
        if (slot < 0)
            return slot;
    }
    if (kind == STUB_FORK) {
        mm = mm_new();
        if (!mm)
            return -ENOMEM;
        mm->vdso = proc->mm->vdso;
        mm->gap_start = proc->mm->gap_start;
        mm->gap_end = proc->mm->gap_end;
        mm->slots[slot / 64] = 1ull << (slot % 64);
        patches_inherit(mm, proc);
    }
    if (kind != STUB_THREAD)
        proc = proc_like(p, mm ? mm : proc->mm, proc);
    struct stub_thread *child = proc ? thread_new(p, proc, (uint32_t) slot) : NULL;
    if (kind != STUB_THREAD)
        proc_put(proc); /* the thread holds it */
    if (mm && ref_put(&mm->ref))
        free(mm);
    if (!child)
        return -EAGAIN;
    *ret = child;
    return 0;
}

static bool parent_answered(void *arg)
{
    struct stub_thread *parent = arg;
    return atomic_load(&parent->clone.state) == CLONE_ARRIVED || atomic_load(&parent->proc->dead) ||
           __atomic_load_n(&parent->ch->turn, __ATOMIC_SEQ_CST) == TURN_SENTRY;
}

static bool child_arrived(void *arg)
{
    struct stub_thread *parent = arg;
    return atomic_load(&parent->clone.state) == CLONE_ARRIVED;
}

/* A parent that is to leave guest code has less time. */
static int wait_for(struct stub_thread *parent, bool (*done)(void *parent))
{
    unsigned expelled_ms = 0;
    for (unsigned ms = 0; ms < ARRIVAL_MS && expelled_ms < EXPEL_MS; ms += EXPEL_LOOK_MS) {
        if (notify_wait(parent, done, parent, EXPEL_LOOK_MS) == 0)
            return 0;
        if (atomic_load(&parent->expelled))
            expelled_ms += EXPEL_LOOK_MS;
    }
    return -ETIMEDOUT;
}

/* From the order to the child's arrival. */
static int await_child(struct stub_thread *parent, enum stub_clone_kind kind)
{
    int64_t result = 0;
    int r = wait_for(parent, parent_answered);
    if (r < 0)
        return r;
    if (kind == STUB_VFORK && child_arrived(parent)) {
        parent->owed_done = true;
        return 0;
    }
    if (!child_arrived(parent)) {
        /* Either the call failed, or the parent was quicker than its child's hello. */
        r = channel_wait(parent);
        if (r < 0)
            return -EAGAIN;
        result = __atomic_load_n(&parent->ch->result, __ATOMIC_RELAXED);
        if (result < 0)
            return result == -ENOMEM ? -ENOMEM : -EAGAIN;
        r = wait_for(parent, child_arrived);
        if (r < 0)
            return r;
    }
    parent->owed_done = true;
    return channel_settle(parent) < 0 ? -EAGAIN : 0;
}

int platform_clone(struct stub_thread *parent, const struct stub_clone_args *a,
                   struct stub_thread **ret)
{
    struct platform *p = parent->p;
    struct stub_thread *child = NULL;
    int r = channel_settle(parent);
    if (r < 0)
        return -EAGAIN;

    mutex_lock(&p->lock);
    bool full = p->n_threads >= p->max_threads;
    if (full) {
        threads_reclaim(p);
        full = p->n_threads >= p->max_threads;
    }
    mutex_unlock(&p->lock);
    if (full)
        return -EAGAIN;
    r = child_new(parent, a->kind, &child);
    if (r < 0)
        return r;

    struct channel *ch = parent->ch;
    uint64_t cookie;
    if (getrandom(&cookie, sizeof(cookie), 0) != sizeof(cookie)) {
        platform_put(child);
        return -EAGAIN;
    }
    ch->clone.cookie = cookie;
    ch->clone.stack = a->stack;
    ch->clone.tls = a->tls;
    ch->clone.set_tls = a->set_tls;
    ch->clone.flags = clone_flags[a->kind];
    ch->clone.slot = child->slot;

    mutex_lock(&p->lock);
    parent->clone.cookie = cookie;
    parent->clone.flags = clone_flags[a->kind];
    parent->clone.child = child;
    atomic_store(&parent->clone.state, CLONE_ORDERED);
    mutex_unlock(&p->lock);

    channel_reply(parent, REP_CLONE);
    r = await_child(parent, a->kind);
    if (a->kind != STUB_THREAD)
        post_end(parent->proc);

    mutex_lock(&p->lock);
    bool arrived = atomic_load(&parent->clone.state) == CLONE_ARRIVED;
    bool hidden = atomic_load(&parent->clone.state) == CLONE_CONTINUED;
    parent->clone.child = NULL;
    atomic_store(&parent->clone.state, CLONE_IDLE);
    mutex_unlock(&p->lock);

    if (!arrived) {
        if (r == -ETIMEDOUT) {
            log_warn("stub %d: a child was ordered and never came; killed", parent->tid);
            platform_kill(parent);
        }
        if (hidden)
            strays_end(parent);
        platform_put(child);
        return r < 0 ? r : -EAGAIN;
    }
    child->expect_ready = true;
    placement_inherit(child, parent);
    *ret = child;
    return 0;
}
