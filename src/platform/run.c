/* SPDX-License-Identifier: Apache-2.0 */
/* platform_run(): finish a trap, run guest code, take the next trap out of the channel. */
#include <string.h>

#include "base/log.h"
#include "platform/internal.h"

_Static_assert(sizeof(struct guest_regs) == sizeof(struct stub_regs), "one register layout");
_Static_assert((int) REP_RETURN == (int) RESUME_RETURN + 1 &&
                   (int) REP_REGS == (int) RESUME_REGS + 1,
               "replies mirror enum resume_kind");

static void put_signal(struct channel *ch, const struct signal_delivery *s)
{
    struct stub_signal *to = &ch->signal;
    memcpy(to->info, s->info, sizeof(to->info));
    to->handler = s->handler;
    to->restorer = s->restorer;
    to->stack = s->stack;
    to->stack_floor = s->stack_floor;
    to->saved_mask = s->saved_mask;
    to->ss_sp = s->ss_sp;
    to->ss_size = s->ss_size;
    to->ss_flags = s->ss_flags;
    to->signo = s->signo;
    to->more = s->more;
    to->no_restart = s->no_restart;
}

static void put_resume(struct stub_thread *st, const struct resume *how)
{
    struct channel *ch = st->ch;
    ch->value = how->value;
    for (unsigned i = 0; i < STUB_SEGMENTS; i++)
        ch->out_len[i] = how->kind == RESUME_RETURN ? st->out_len[i] : 0;
    if (how->kind == RESUME_REGS)
        memcpy(&ch->new_regs, how->regs, sizeof(ch->new_regs));
    ch->has_signal = how->signal != NULL;
    ch->come_back = how->come_back;
    ch->patch_answer = PATCH_LATER;
    if (st->patch && how->kind == RESUME_RETURN && !how->signal && !how->come_back) {
        uint64_t chunk = 0;
        ch->patch_answer = patches_judge(st, st->patch, &chunk);
        ch->new_chunk = chunk;
    }
    /* Only while we look at it now and then: a bound pair's sleep is short. */
    __atomic_store_n(&ch->closed, how->may_close && st->place.bound ? CLOSED_MAY : 0,
                     __ATOMIC_RELAXED);
    ch->gifts = st->gifts;
    st->gifts = 0;
    if (how->signal)
        put_signal(ch, how->signal);
}

/* Pieces in the bounce buffer, as the guest claims; a lie moves the wrong bytes of its own. */
static uint32_t take_segments(struct stub_segment *to, const struct stub_segment *from, uint32_t n)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n && i < STUB_SEGMENTS; i++) {
        struct stub_segment s;
        memcpy(&s, &from[i], sizeof(s));
        __asm__ volatile("" ::: "memory"); /* s is the only copy looked at from here on */
        if (s.off > BOUNCE_SIZE || s.len > BOUNCE_SIZE - s.off || s.addr + s.len < s.addr)
            break;
        to[kept++] = s;
    }
    return kept;
}

static enum trap take_syscall(struct stub_thread *st, struct trap_info *ret)
{
    struct channel *ch = st->ch;
    ret->nr = __atomic_load_n(&ch->nr, __ATOMIC_RELAXED);
    memcpy(ret->args, ch->args, sizeof(ret->args));
    st->patch = __atomic_load_n(&ch->patch, __ATOMIC_RELAXED);
    st->direct = __atomic_load_n(&ch->direct, __ATOMIC_RELAXED);
    if (st->direct)
        ch->direct = 0; /* it is about this call alone */
    const uint32_t n_in = __atomic_load_n(&ch->n_in, __ATOMIC_RELAXED);
    st->n_in = take_segments(st->in, ch->segments, n_in);
    if (n_in <= STUB_SEGMENTS)
        st->n_out = take_segments(st->out, ch->segments + n_in,
                                  __atomic_load_n(&ch->n_out, __ATOMIC_RELAXED));
    return TRAP_SYSCALL;
}

static enum trap take_fault(struct stub_thread *st, struct trap_info *ret)
{
    struct channel *ch = st->ch;
    ret->signo = __atomic_load_n(&ch->signo, __ATOMIC_RELAXED);
    ret->code = __atomic_load_n(&ch->code, __ATOMIC_RELAXED);
    ret->addr = __atomic_load_n(&ch->addr, __ATOMIC_RELAXED);
    /* Only what hardware can raise; anything else is a guest that forges its own faults. */
    if (ret->signo != 4 && ret->signo != 5 && ret->signo != 7 && ret->signo != 8)
        ret->signo = 11;
    return TRAP_FAULT;
}

static enum trap dead(struct stub_thread *st, struct trap_info *ret)
{
    placement_forget(st);
    memset(ret, 0, sizeof(*ret));
    ret->signo = st->proc->dead_signal;
    return TRAP_DEAD;
}

void platform_take_regs(struct stub_thread *st, struct trap_info *trap)
{
    if (!trap->whole)
        memcpy(&trap->regs, &st->ch->regs, sizeof(trap->regs));
    trap->whole = true;
}

enum trap platform_run(struct stub_thread *st, const struct resume *how, struct trap_info *ret)
{
    if (channel_settle(st) < 0)
        return dead(st, ret);
    put_resume(st, how);
    channel_reply(st, (enum stub_reply)(how->kind + 1));
    return platform_go_on(st, ret);
}

enum trap platform_go_on(struct stub_thread *st, struct trap_info *ret)
{
    int r = channel_wait_or_quiet(st);
    if (r < 0)
        return dead(st, ret);
    if (r > 0)
        return TRAP_QUIET;

    memset(st->out_len, 0, sizeof(st->out_len));
    st->n_in = st->n_out = 0;
    st->patch = 0;
    const uint32_t req = __atomic_load_n(&st->ch->req, __ATOMIC_RELAXED);
    ret->whole = req != REQ_CALL;
    if (ret->whole) {
        memcpy(&ret->regs, &st->ch->regs, sizeof(ret->regs));
    } else {
        /* One word each: others may look at them. */
        __atomic_store_n(&ret->regs.rip, st->ch->rip, __ATOMIC_RELAXED);
        __atomic_store_n(&ret->regs.rsp, st->ch->rsp, __ATOMIC_RELAXED);
    }
    switch (req) {
    case REQ_SYSCALL:
    case REQ_CALL:
        return take_syscall(st, ret);
    case REQ_FAULT:
        return take_fault(st, ret);
    case REQ_BADFRAME:
        return TRAP_BADFRAME;
    default:
        return TRAP_KICKED; /* harmless whatever it was: the kernel looks for work and finds none */
    }
}
