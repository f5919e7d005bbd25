/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Marshalling, from the one system call table: what the arguments of a common call point to goes
 * through the bounce buffer, which is much cheaper than the sentry reaching into this process.
 * What does not fit or faults is left to the sentry, which finds out for itself.
 */
#include "kernel/syscall/arg_kinds.h"
#include "platform/stub/stub.h"

#define STRING_MAX 4096
#define PIECE_MAX  0xc000 /* larger buffers go directly between the processes */

/* One row of argument kinds per number, most of them empty. */
static const struct arg_desc table[][6] = {
#define SYS(nr, name, level, a0, a1, a2, a3, a4, a5) \
    [nr] = {ARG_K_##a0, ARG_K_##a1, ARG_K_##a2, ARG_K_##a3, ARG_K_##a4, ARG_K_##a5},
#include "kernel/syscall/syscalls.tbl"
#undef SYS
};

static uint64_t argument(const struct stub_regs *r, unsigned i)
{
    switch (i) {
    case 0:
        return r->rdi;
    case 1:
        return r->rsi;
    case 2:
        return r->rdx;
    case 3:
        return r->r10;
    case 4:
        return r->r8;
    default:
        return r->r9;
    }
}

static void add_segment(struct stub_segment list[STUB_SEGMENTS], uint32_t *n, uint64_t addr,
                        uint32_t len, uint32_t *used)
{
    list[*n] = (struct stub_segment){.addr = addr, .len = len, .off = *used};
    *n += 1;
    *used = (*used + len + 7) & ~7u;
}

static bool writable(uint64_t at)
{
    return stub_cmpxchg((uint32_t *) (at & ~3ul), 0, 0) >= 0;
}

/*
 * Results that only come once, a pipe's bytes, must not be lost in memory that cannot take them:
 * where the ends of the buffer fault, the sentry copies, and knows how far it came. Both ends stand
 * for what is between them; a page touched for nothing costs more than a call.
 */
static bool takes_results(uint64_t addr, uint64_t len)
{
    return writable(addr) && writable(addr + len - 1);
}

void marshal(struct channel *ch, uint64_t nr, const struct stub_regs *r)
{
    uint32_t used = 0, n_in = 0, n_out = 0;
    struct stub_segment out[STUB_SEGMENTS];

    for (unsigned i = 0; i < 6 && nr < sizeof(table) / sizeof(table[0]); i++) {
        const struct arg_desc *d = &table[nr][i];
        if (d->kind == ARG_NA)
            break;
        uint64_t addr = argument(r, i);
        if (d->kind < ARG_PATH || !addr)
            continue;
        uint32_t left = used < BOUNCE_SIZE ? BOUNCE_SIZE - used : 0;
        uint64_t len = d->kind == ARG_IN || d->kind == ARG_OUT ? argument(r, d->len_arg) : d->size;
        uint8_t *to = channel_bounce(ch) + used;

        if (d->kind == ARG_PATH || d->kind == ARG_STR) {
            long got = left >= STRING_MAX && n_in < STUB_SEGMENTS
                           ? stub_copy_string((char *) to, (const char *) addr, STRING_MAX)
                           : -1;
            if (got > 0)
                add_segment(ch->segments, &n_in, addr, (uint32_t) got, &used);
            continue;
        }
        if (len == 0 || len > PIECE_MAX || len > left)
            continue;
        const bool in = d->kind != ARG_OUT && d->kind != ARG_OUTS;
        if (in && n_in < STUB_SEGMENTS && stub_copy(to, (const void *) addr, len) == 0)
            add_segment(ch->segments, &n_in, addr, (uint32_t) len, &used);
        if ((!in || d->kind == ARG_IOS) && n_out < STUB_SEGMENTS && BOUNCE_SIZE - used >= len &&
            (d->kind != ARG_OUT || takes_results(addr, len)))
            add_segment(out, &n_out, addr, (uint32_t) len, &used);
    }
    for (uint32_t i = 0; i < n_out; i++)
        ch->segments[n_in + i] = out[i];
    ch->n_in = n_in;
    ch->n_out = n_out;
}

long unmarshal(struct channel *ch)
{
    uint32_t n = ch->n_out, n_in = ch->n_in;
    for (uint32_t i = 0; i < n && i < STUB_SEGMENTS && n_in <= STUB_SEGMENTS; i++) {
        const struct stub_segment *s = &ch->segments[n_in + i];
        if (ch->out_len[i] &&
            stub_copy((void *) s->addr, channel_bounce(ch) + s->off, ch->out_len[i]))
            return -STUB_EFAULT;
    }
    return 0;
}
