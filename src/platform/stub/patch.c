/* SPDX-License-Identifier: Apache-2.0 */
/* Sites that trap often, their trampolines, and the code that is changed for them: patch.h. */
#include "platform/stub/patch.h"

#define SYS_MPROTECT   10
#define SYS_MEMBARRIER 324

#define SYNC_CORE          (1 << 5) /* MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE */
#define REGISTER_SYNC_CORE (1 << 6)
#define BREAKPOINT         0xcc

#define PROT_RX   5
#define PROT_RWX  7
#define PAGE      4096ul
#define PER_CHUNK (STUB_CHUNK_SIZE / sizeof(struct trampoline))
#define HOT       48 /* traps; a patch costs about as much as twenty */
#define N_SITES   256
#define NEVER     UINT32_MAX

/* How often which rips have trapped. A count that is lost, by a neighbour or a race, is only late.
 */
static struct {
    uint64_t rip;
    uint32_t hits;
} sites[N_SITES];

uint64_t patch_wanted(uint64_t nr, uint64_t rip)
{
    if (!stub_process.patching.on || !may_be_fast(nr))
        return 0;
    size_t i = (rip ^ rip >> 8) % N_SITES;
    if (sites[i].rip != rip && (sites[i ^ 1].rip == rip || sites[i ^ 1].hits < sites[i].hits))
        i ^= 1;
    if (sites[i].rip != rip) {
        if (sites[i].hits == NEVER)
            return 0;
        sites[i].rip = rip;
        sites[i].hits = 0;
    }
    if (sites[i].hits == NEVER || ++sites[i].hits < HOT)
        return 0;
    return rip - 2;
}

/* [patching.lock] False: another thread has had this site's answer before, or its count is lost. */
static bool settle(uint64_t rip)
{
    size_t i = (rip ^ rip >> 8) % N_SITES;
    if (sites[i].rip != rip)
        i ^= 1;
    if (sites[i].rip != rip || sites[i].hits == NEVER)
        return false;
    sites[i].hits = NEVER;
    return true;
}

/* ---- trampolines ---- */

static struct trampoline *nth(uint64_t chunk, size_t i)
{
    return (struct trampoline *) chunk + i;
}

struct trampoline *trampoline_at(uint64_t addr)
{
    for (uint32_t i = 0; i < stub_process.patching.n_chunks; i++) {
        uint64_t chunk = stub_process.patching.chunks[i];
        if (addr >= chunk && addr - chunk < STUB_CHUNK_SIZE)
            return nth(chunk, (addr - chunk) / sizeof(struct trampoline));
    }
    return NULL;
}

static bool displacement(uint64_t from, uint64_t to, int32_t *ret)
{
    int64_t d = (int64_t) (to - from);
    *ret = (int32_t) d;
    return d == *ret;
}

static bool fits(const struct window *w, const struct trampoline *t)
{
    int32_t d;
    return displacement(w->at + JUMP_SIZE, (uint64_t) t, &d) &&
           (w->n_before || is_no_opcode((uint8_t) (d >> 8)));
}

static struct trampoline *place(const struct window *w)
{
    for (uint32_t i = 0; i < stub_process.patching.n_chunks; i++) {
        uint64_t chunk = stub_process.patching.chunks[i];
        int32_t d;
        if (!displacement(w->at, chunk, &d))
            continue;
        for (size_t k = 0; k < PER_CHUNK; k++) {
            struct trampoline *t = nth(chunk, k);
            if (!t->after && fits(w, t))
                return t;
        }
    }
    return NULL;
}

static void add_chunk(uint64_t chunk)
{
    uint32_t n = stub_process.patching.n_chunks;
    if (!chunk || n == STUB_MAX_CHUNKS)
        return;
    stub_process.patching.chunks[n] = chunk;
    __atomic_store_n(&stub_process.patching.n_chunks, n + 1, __ATOMIC_RELEASE);
}

static long protect(uint64_t addr, int prot)
{
    return stub_syscall(SYS_MPROTECT, (long) (addr & ~(PAGE - 1)), PAGE, prot, 0, 0, 0);
}

static uint8_t *put(uint8_t *to, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = bytes[i];
    return to + n;
}

static uint8_t *put_relative(uint8_t *to, const uint8_t *opcode, size_t n, uint64_t target)
{
    to = put(to, opcode, n);
    int32_t d = 0;
    (void) displacement((uint64_t) to + sizeof(d), target, &d);
    return put(to, (const uint8_t *) &d, sizeof(d));
}

static void jump_to(uint64_t at, uint64_t target, uint8_t jump[JUMP_SIZE])
{
    int32_t d = 0;
    (void) displacement(at + JUMP_SIZE, target, &d);
    jump[0] = 0xe9;
    put(jump + 1, (const uint8_t *) &d, sizeof(d));
}

static void fill_trampoline(struct trampoline *t, const struct window *w, uint64_t site)
{
    static const uint8_t lea_r11[] = {0x4c, 0x8d, 0x1d}, jmp_indirect[] = {0xff, 0x25};
    static const uint8_t jmp[] = {0xe9}, syscall[] = {0x0f, 0x05};
    t->after = site + 2;
    t->resume = w->n_tail ? (uint64_t) t->tail : t->after;
    t->entry = (uint64_t) fast_entry;
    t->patched_at = w->at;
    put(t->original, w->original, JUMP_SIZE);
    jump_to(w->at, (uint64_t) t, t->jump);

    uint8_t *p = put(t->head, w->before, w->n_before);
    p = put_relative(p, lea_r11, sizeof(lea_r11), (uint64_t) t);
    put_relative(p, jmp_indirect, sizeof(jmp_indirect), (uint64_t) &t->entry);
    put(t->slow, syscall, sizeof(syscall));
    p = put(t->tail, w->tail, w->n_tail);
    put_relative(p, jmp, sizeof(jmp), t->after + w->n_tail);
}

/* ---- code ---- */

/* The eight bytes that are exchanged, and how far into them the jump lies: an aligned quadword
 * where that is possible. */
static uint64_t around(uint64_t at, size_t *ret_offset)
{
    uint64_t from = at & ~7ul;
    if (at - from > 8 - JUMP_SIZE) {
        from = at;
        if (from % LINE > LINE - 8)
            from = at - at % LINE + LINE - 8;
    }
    *ret_offset = at - from;
    return from;
}

static bool is_in_quad(uint64_t at)
{
    return at % 8 <= 8 - JUMP_SIZE;
}

/* True: the bytes were `from` and are `to`. */
static bool exchange(uint64_t at, const uint8_t *from, const uint8_t *to)
{
    size_t offset;
    uint64_t quad = around(at, &offset);
    uint8_t old[8], new[8];
    if (stub_copy(old, (const void *) quad, sizeof(old)))
        return false;
    put(new, old, sizeof(new));
    for (size_t i = 0; i < JUMP_SIZE; i++)
        if (old[offset + i] != from[i])
            return false;
    put(new + offset, to, JUMP_SIZE);
    uint64_t was, is;
    put((uint8_t *) &was, old, sizeof(was));
    put((uint8_t *) &is, new, sizeof(is));
    return stub_exchange((uint64_t *) quad, was, is) == 1;
}

/* Every processor that runs this process fetches its code anew: membarrier(2), SYNC_CORE. */
static bool sync_code(void)
{
    if (stub_syscall(SYS_MEMBARRIER, SYNC_CORE, 0, 0, 0, 0, 0) == 0)
        return true;
    return stub_syscall(SYS_MEMBARRIER, REGISTER_SYNC_CORE, 0, 0, 0, 0, 0) == 0 &&
           stub_syscall(SYS_MEMBARRIER, SYNC_CORE, 0, 0, 0, 0, 0) == 0;
}

/*
 * Where other threads may fetch one half of the bytes before and the other after: a breakpoint
 * keeps them away (who runs into it tries again: patch_meets_change()), and only behind it the rest
 * is changed.
 */
static bool exchange_by_steps(uint64_t at, const uint8_t *from, const uint8_t *to)
{
    uint8_t held[JUMP_SIZE], ready[JUMP_SIZE];
    put(held, from, JUMP_SIZE);
    put(ready, to, JUMP_SIZE);
    held[0] = ready[0] = BREAKPOINT;
    if (!sync_code())
        return false;
    __atomic_store_n(&stub_process.patching.changing, at, __ATOMIC_SEQ_CST);
    bool done = exchange(at, from, held) && sync_code() && exchange(at, held, ready) &&
                sync_code() && exchange(at, ready, to) && sync_code();
    __atomic_store_n(&stub_process.patching.changing, 0, __ATOMIC_SEQ_CST);
    return done;
}

static bool exchange_safely(uint64_t at, const uint8_t *from, const uint8_t *to)
{
    if (stub_process.patching.threads && !is_in_quad(at))
        return exchange_by_steps(at, from, to);
    return exchange(at, from, to);
}

static bool change(uint64_t at, const uint8_t *from, const uint8_t *to)
{
    if (protect(at, PROT_RWX) < 0)
        return false;
    bool done = exchange_safely(at, from, to);
    protect(at, PROT_RX);
    return done;
}

static bool bytes_equal(const uint8_t *a, const uint8_t *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (a[i] != b[i])
            return false;
    return true;
}

/* Whether the jump stands there, its first byte aside where that is being changed. */
static bool is_in_place(const struct trampoline *t)
{
    uint8_t now[JUMP_SIZE];
    if (!t->after || stub_copy(now, (const void *) t->patched_at, JUMP_SIZE))
        return false;
    return bytes_equal(now + 1, t->jump + 1, JUMP_SIZE - 1) &&
           (now[0] == t->jump[0] || t->patched_at == stub_process.patching.changing);
}

/* The trampoline with a jump in place whose call ends here. */
static struct trampoline *find_patched(uint64_t after)
{
    for (uint32_t i = 0; i < stub_process.patching.n_chunks; i++)
        for (size_t k = 0; k < PER_CHUNK; k++) {
            struct trampoline *t = nth(stub_process.patching.chunks[i], k);
            if (t->after == after && is_in_place(t))
                return t;
        }
    return NULL;
}

void patch_answered(const struct channel *ch, uint64_t site, uint64_t nr)
{
    struct window w;
    struct trampoline *t;
    if (ch->patch_answer == PATCH_LATER)
        return;
    spin_lock(&stub_process.patching.lock);
    add_chunk(ch->patch_answer == PATCH_GRANTED ? ch->new_chunk : 0);
    if (settle(site + 2) && ch->patch_answer == PATCH_GRANTED && stub_process.patching.on &&
        !find_patched(site + 2) && window_find(site, nr, &w) && is_in_line(w.at) &&
        (t = place(&w)) && protect((uint64_t) t, PROT_RWX) == 0) {
        fill_trampoline(t, &w, site);
        protect((uint64_t) t, PROT_RX);
        (void) change(w.at, w.original, t->jump);
    }
    spin_unlock(&stub_process.patching.lock);
}

bool patch_stands_at(uint64_t site)
{
    const struct trampoline *t = find_patched(site + 2);
    return t && t->patched_at == site;
}

uint64_t patch_tail_of(uint64_t after)
{
    const struct trampoline *t = find_patched(after);
    return t && t->resume != after ? t->resume : 0;
}

bool patch_meets_change(uint64_t rip)
{
    uint8_t now;
    for (uint32_t i = 0; i < stub_process.patching.n_chunks; i++)
        for (size_t k = 0; k < PER_CHUNK; k++)
            if (nth(stub_process.patching.chunks[i], k)->patched_at == rip)
                return stub_process.patching.changing == rip ||
                       (stub_copy(&now, (const void *) rip, 1) == 0 && now != BREAKPOINT);
    return false;
}

/* Trampolines stay: threads may be in them. */
long patches_undo(void)
{
    spin_lock(&stub_process.patching.lock);
    stub_process.patching.on = 0;
    for (uint32_t i = 0; i < stub_process.patching.n_chunks; i++)
        for (size_t k = 0; k < PER_CHUNK; k++) {
            struct trampoline *t = nth(stub_process.patching.chunks[i], k);
            /* Without mprotect(2) where the guest has made it writable meanwhile. */
            if (is_in_place(t) && !exchange_safely(t->patched_at, t->jump, t->original))
                (void) change(t->patched_at, t->jump, t->original);
        }
    spin_unlock(&stub_process.patching.lock);
    return 0;
}
