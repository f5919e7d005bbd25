/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The direct plane. Files are opened, named and checked by the sentry, sockets made and connected;
 * once a descriptor is busy, the sentry gives this process the very description behind it, and the
 * calls that move data, or wait for events, go to the host. Offset, O_APPEND and their like live in
 * the description, which dup and fork share; what a socket's guest has made of O_NONBLOCK comes
 * with the gift, for the host's sockets never wait.
 *
 * A table of words says which host descriptor carries a guest's one. A word counts its users, so
 * that a descriptor closed by one thread while another one reads is closed by the last of them, and
 * its number is not another file's before. The table changes under a lock; calls only count.
 *
 * Nothing stale may be read. What guest number means which file is the sentry's to know, so the
 * stub drops a word *before* it asks for the close, and says so; if the sentry closes a number that
 * it gave in this epoch and hears no such thing, because the gift was on its way then, it begins a
 * new epoch before the number is free:
 *
 *     thread 1                    sentry                      thread 2
 *                                                             close(3): no word, nothing to drop
 *     read(3): asks
 *                                 file A is 3: given, epoch 5
 *                                 close(3): given in epoch 5, nothing dropped: epoch 6
 *     word 3 = A, epoch 5
 *                                                             open() = 3, file B
 *                                                             read(3): epoch 6, not 5: drops all
 *
 * Between the bytes of that table and other memory there is no wall: a guest that forges a word
 * reads and writes descriptors of its own process, all of which it was given.
 */
#include "platform/stub/direct.h"

#define SYS_READ        0
#define SYS_WRITE       1
#define SYS_OPEN        2
#define SYS_CLOSE       3
#define SYS_PREAD64     17
#define SYS_PWRITE64    18
#define SYS_READV       19
#define SYS_WRITEV      20
#define SYS_DUP2        33
#define SYS_SENDFILE    40
#define SYS_FUTEX       202
#define SYS_OPENAT      257
#define SYS_DUP3        292
#define SYS_PREADV      295
#define SYS_PWRITEV     296
#define SYS_CLOSE_RANGE 436
#define SYS_OPENAT2     437

#define FUTEX_WAIT_PRIVATE 128
#define FUTEX_WAKE_PRIVATE 129

/* A word. No host descriptor: the number is not direct. */
#define HOST    0xfffu     /* host descriptor + 1 */
#define USER    0x1000u    /* one call under way */
#define USERS   0xffff000u /* how many */
#define DEAD    (1u << 28) /* dropped while in use: the last user closes it */
#define EVICTED (1u << 29) /* made room for another; the sentry does not know */
#define KIND    30         /* enum stub_direct */

_Static_assert(DIRECT_TABLE < UINT16_MAX, "a guest number fits gone_from");
_Static_assert(DIRECT_TABLE <= 1u << 12, "and channel.closed");
_Static_assert(STUB_DESCRIPTORS < HOST, "a host descriptor fits a word");
_Static_assert(STUB_MAX_SLOTS <= USERS / USER, "all threads of a process fit a word");

static struct {
    uint32_t lock;  /* futex: 0 free, 1 held, 2 held and wanted */
    uint32_t epoch; /* [lock] of what stands in the table */
    uint32_t live;  /* [lock] words with a host descriptor that may be used */
    uint32_t top;   /* [lock] all words from here on are 0 */
    uint32_t hand;  /* [lock] where the search for a victim goes on */
    uint64_t mark;  /* of epoll sets; the same in all gifts */
    uint32_t word[DIRECT_TABLE];
    uint8_t sentry_next[DIRECT_TABLE]; /* of epoll sets: direct.h */
    uint16_t gone_from[DIRECT_TABLE];  /* of their members: direct.h */
    bool quiet[DIRECT_TABLE];          /* as the gift said */
} direct;

static void lock(void)
{
    uint32_t free = 0;
    if (__atomic_compare_exchange_n(&direct.lock, &free, 1, false, __ATOMIC_ACQUIRE,
                                    __ATOMIC_RELAXED))
        return;
    while (__atomic_exchange_n(&direct.lock, 2, __ATOMIC_ACQUIRE))
        stub_syscall(SYS_FUTEX, (long) &direct.lock, FUTEX_WAIT_PRIVATE, 2, 0, 0, 0);
}

static void unlock(void)
{
    if (__atomic_exchange_n(&direct.lock, 0, __ATOMIC_RELEASE) == 2)
        stub_syscall(SYS_FUTEX, (long) &direct.lock, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
}

static void close_host(uint32_t word)
{
    stub_syscall(SYS_CLOSE, (long) (word & HOST) - 1, 0, 0, 0, 0, 0);
}

/* [lock] The word is used no more and becomes `left`, at once or when its last user is done.
 * Whether the sentry may believe it to be direct. */
static bool drop(uint32_t fd, uint32_t left)
{
    uint32_t w = __atomic_load_n(&direct.word[fd], __ATOMIC_RELAXED), to;
    do {
        if (w & DEAD)
            return false;
        to = w & USERS ? w | DEAD : left;
    } while (!__atomic_compare_exchange_n(&direct.word[fd], &w, to, false, __ATOMIC_ACQ_REL,
                                          __ATOMIC_RELAXED));
    if (!(w & HOST))
        return w & EVICTED;
    direct.live--;
    if (!(w & USERS))
        close_host(w);
    return true;
}

/* [lock] */
static void drop_all(void)
{
    for (uint32_t fd = 0; fd < direct.top; fd++) {
        drop(fd, 0);
        direct.gone_from[fd] = 0;
    }
}

/* [lock] The table is of the epoch that the sentry has begun. */
static void begin(uint32_t epoch)
{
    if ((int32_t) (epoch - direct.epoch) <= 0)
        return;
    drop_all();
    __atomic_store_n(&direct.epoch, epoch, __ATOMIC_RELEASE);
}

static void catch_up(uint32_t epoch)
{
    lock();
    begin(epoch);
    unlock();
}

/* [lock] One descriptor that nobody is using goes, so that there is room. */
static void evict(void)
{
    for (uint32_t n = 0; n < DIRECT_TABLE; n++) {
        uint32_t fd = direct.hand++ % DIRECT_TABLE, w = direct.word[fd];
        if ((w & HOST) && !(w & (DEAD | USERS))) {
            drop(fd, EVICTED);
            return;
        }
    }
}

/* [lock] Is there a descriptor under this number, perhaps on its way out? */
static bool is_taken(uint32_t host)
{
    for (uint32_t fd = 0; host && fd < direct.top; fd++)
        if ((direct.word[fd] & HOST) == host + 1)
            return true;
    return false;
}

/* [lock] May this number be given as of this epoch? There is room then. */
static bool make_room(uint64_t fd, uint32_t epoch)
{
    if (fd >= DIRECT_TABLE || epoch != direct.epoch || (direct.word[fd] & HOST))
        return false;
    if (direct.live >= DIRECT_MAX)
        evict();
    return true;
}

/* [lock] `host` stands for fd. */
static void place(uint32_t fd, uint32_t kind, bool quiet, long host)
{
    if (direct.top <= fd)
        direct.top = fd + 1;
    direct.live++;
    direct.gone_from[fd] = 0;
    direct.quiet[fd] = quiet;
    __atomic_store_n(&direct.word[fd], ((uint32_t) host + 1) | (kind & 3) << KIND,
                     __ATOMIC_RELEASE);
}

static bool fits_word(long host)
{
    return host >= 0 && host < (long) HOST - 1;
}

long direct_install(const uint64_t args[6])
{
    const uint64_t fd = args[0];
    const uint32_t epoch = (uint32_t) args[1];
    long host = -11; /* EAGAIN */
    lock();
    begin(epoch);
    direct.mark = args[3];
    if (!is_taken((uint32_t) args[4]) && make_room(fd, epoch)) {
        host = stub_syscall(STUB_NR_DONATE, 0, 0, 0, 0, 0, 0);
        if (fits_word(host))
            place((uint32_t) fd, (uint32_t) args[2], false, host);
        else if (host >= 0)
            stub_syscall(SYS_CLOSE, host, 0, 0, 0, 0, 0);
    }
    unlock();
    return host < 0 ? host : 0;
}

/* ---- gifts that come by the post ---- */

long direct_take_post(void)
{
    long host = stub_syscall(STUB_NR_DONATE, 0, 0, 0, 0, 0, 0);
    if (host < 0)
        return host;
    lock();
    post_become(host);
    unlock();
    return 0;
}

/* It may be another thread's, whose turn comes later: each says itself what it is. */
static void accept_one(void)
{
    struct stub_gift g = {0};
    lock();
    long host = post_next(&g);
    if (host >= 0)
        begin(g.epoch);
    if (fits_word(host) && make_room(g.fd, g.epoch)) {
        direct.mark = g.mark;
        place(g.fd, g.kind, g.quiet, host);
    } else if (host >= 0) {
        stub_syscall(SYS_CLOSE, host, 0, 0, 0, 0, 0);
    }
    unlock();
}

void direct_accept(struct channel *ch)
{
    uint32_t n = ch->gifts;
    ch->gifts = 0;
    while (n--)
        accept_one();
}

/* The guest closes this number, or puts another file there. */
static uint64_t forget(uint64_t fd)
{
    uint64_t note = 0;
    if ((uint32_t) fd >= DIRECT_TABLE)
        return 0;
    fd = (uint32_t) fd;
    heat_closed((uint32_t) fd);
    if (direct.sentry_next[fd])
        direct.sentry_next[fd] = 0;
    if (direct.gone_from[fd])
        direct.gone_from[fd] = 0;
    if (!__atomic_load_n(&direct.word[fd], __ATOMIC_ACQUIRE))
        return 0;
    lock();
    if (direct.word[fd] >> KIND == DIRECT_EPOLL) /* another set may get its number */
        for (uint32_t member = 0; member < direct.top; member++)
            if (direct.gone_from[member] == fd + 1)
                direct.gone_from[member] = 0;
    if (drop((uint32_t) fd, 0))
        note = DIRECT_DROPPED | direct.epoch;
    unlock();
    return note;
}

static void forget_all(void)
{
    if (!direct.top)
        return;
    lock();
    drop_all();
    unlock();
}

static void last_user_is_done(uint32_t fd, uint32_t w)
{
    lock();
    __atomic_store_n(&direct.word[fd], 0, __ATOMIC_RELEASE);
    close_host(w);
    unlock();
}

/* What /proc/PID/io counts: read(2), write(2) and their kin. */
static void count(struct channel *ch, uint64_t nr, long r)
{
    bool writes = nr == SYS_WRITE || nr == SYS_PWRITE64 || nr == SYS_WRITEV || nr == SYS_PWRITEV;
    bool reads = nr == SYS_READ || nr == SYS_PREAD64 || nr == SYS_READV || nr == SYS_PREADV;
    if (reads || nr == SYS_SENDFILE) {
        ch->rchar += r > 0 ? (uint64_t) r : 0;
        ch->syscr++;
    }
    if (writes || nr == SYS_SENDFILE) {
        ch->wchar += r > 0 ? (uint64_t) r : 0;
        ch->syscw++;
    }
}

/* Counts a user of the word, if it is of one of these kinds: *ret. */
static bool use(uint32_t fd, unsigned kinds, uint32_t *ret)
{
    uint32_t w = __atomic_load_n(&direct.word[fd], __ATOMIC_ACQUIRE);
    do {
        if (!(w & HOST) || (w & DEAD) || !(kinds & 1u << (w >> KIND)))
            return false;
    } while (!__atomic_compare_exchange_n(&direct.word[fd], &w, w + USER, false, __ATOMIC_ACQUIRE,
                                          __ATOMIC_ACQUIRE));
    *ret = w;
    return true;
}

static void leave(uint32_t fd)
{
    uint32_t w = __atomic_sub_fetch(&direct.word[fd], USER, __ATOMIC_RELEASE);
    if ((w & DEAD) && !(w & USERS))
        last_user_is_done(fd, w);
}

long direct_file_hold(uint32_t fd)
{
    uint32_t w;
    if (fd >= DIRECT_TABLE || !use(fd, 1u << DIRECT_FILE, &w))
        return -1;
    heat_used(fd);
    return (long) (w & HOST) - 1;
}

void direct_file_drop(uint32_t fd)
{
    leave(fd);
}

bool direct_member_hold(uint32_t fd, struct direct_member *ret)
{
    uint32_t w;
    if (fd >= DIRECT_TABLE || !use(fd, 1u << DIRECT_STREAM | 1u << DIRECT_STREAM_WAITS, &w))
        return false;
    *ret = (struct direct_member){fd, (long) (w & HOST) - 1, &direct.gone_from[fd]};
    if (ret->host >= (long) DIRECT_KEYS)
        return true;
    leave(fd);
    return false;
}

void direct_member_drop(const struct direct_member *m)
{
    leave(m->fd);
}

/* The call on the host's descriptor, if there is one. */
static bool transfer(struct channel *ch, uint32_t fd, struct direct_call *c, long *ret)
{
    uint32_t epoch = __atomic_load_n(&ch->direct_epoch, __ATOMIC_ACQUIRE), w;
    if ((int32_t) (epoch - __atomic_load_n(&direct.epoch, __ATOMIC_ACQUIRE)) > 0) {
        catch_up(epoch);
        return false;
    }
    if (!use(fd, direct_kinds(c->nr), &w))
        return false;
    c->host = (long) (w & HOST) - 1;
    c->kind = (enum stub_direct)(w >> KIND);
    c->mark = direct.mark;
    c->sentry_next = &direct.sentry_next[fd];
    bool made = direct_make(c, ret);
    leave(fd);
    if (made) {
        heat_used(fd);
        count(ch, c->nr, *ret);
    }
    return made;
}

/* close(2) of a quiet one: the sentry hears of it with the next request. */
static bool close_quietly(struct channel *ch, uint32_t fd)
{
    uint32_t w = __atomic_load_n(&direct.word[fd], __ATOMIC_ACQUIRE);
    if (!(w & HOST) || (w & DEAD) || !direct.quiet[fd] ||
        __atomic_load_n(&ch->direct_epoch, __ATOMIC_ACQUIRE) != direct.epoch)
        return false;
    uint64_t c = __atomic_load_n(&ch->closed, __ATOMIC_RELAXED), to;
    do {
        const unsigned n = CLOSED_COUNT(c);
        if (!(c & CLOSED_MAY) || n >= CLOSED_MAX)
            return false;
        to = (c + 2) | (uint64_t) fd << (4 + 12 * n);
    } while (!__atomic_compare_exchange_n(&ch->closed, &c, to, false, __ATOMIC_ACQ_REL,
                                          __ATOMIC_RELAXED));
    forget(fd);
    return true;
}

/* Not for who lives in another's memory, whose numbers the table is about. */
static bool may_transfer(const struct channel *ch, uint32_t slot)
{
    return !(ch->facts_flags & FACTS_TRACE) && !slot_local(slot)->no_direct;
}

bool direct_call(struct channel *ch, uint32_t slot, uint64_t nr, const struct stub_regs *r,
                 bool masked, long *ret)
{
    if (nr == SYS_CLOSE) {
        *ret = 0;
        return (uint32_t) r->rdi < DIRECT_TABLE && may_transfer(ch, slot) &&
               close_quietly(ch, (uint32_t) r->rdi);
    }
    struct direct_call c = {.local = slot_local(slot), .r = r, .nr = nr, .masked = masked};
    return direct_kinds(nr) && (uint32_t) r->rdi < DIRECT_TABLE && may_transfer(ch, slot) &&
           transfer(ch, (uint32_t) r->rdi, &c, ret);
}

void direct_note(struct channel *ch, uint32_t slot, uint64_t nr, const struct stub_regs *r)
{
    if (direct_kinds(nr)) {
        if (may_transfer(ch, slot) && heat_makes_busy(nr, r))
            ch->direct = DIRECT_WANT;
        if (slot_local(slot)->left_ms) { /* part of epoll_wait(2)'s time is over */
            ch->args[3] = slot_local(slot)->left_ms - 1;
            slot_local(slot)->left_ms = 0;
        }
        return;
    }
    if (nr == SYS_OPEN || nr == SYS_OPENAT || nr == SYS_OPENAT2) {
        if (heat_is_eager() && may_transfer(ch, slot))
            ch->direct = DIRECT_WANT;
        return;
    }
    if ((nr != SYS_CLOSE && nr != SYS_DUP2 && nr != SYS_DUP3 && nr != SYS_CLOSE_RANGE) ||
        slot_local(slot)->no_direct)
        return;
    if (nr == SYS_CLOSE_RANGE)
        forget_all(); /* the sentry begins a new epoch where it matters */
    else
        ch->direct = forget(nr == SYS_CLOSE ? r->rdi : r->rsi);
}

/* ---- new processes ---- */

void direct_before_fork(uint32_t slot)
{
    if (!slot_local(slot)->no_direct)
        lock();
}

void direct_after_fork(uint32_t slot)
{
    if (!slot_local(slot)->no_direct)
        unlock();
}

/* The table came with the memory, its descriptors with the process; other threads did not. */
void direct_in_child(uint32_t slot)
{
    bool foreign = slot_local(slot)->no_direct;
    slot_local(slot)->no_direct = 0;
    direct.lock = 0;
    post_left_behind(!foreign);
    for (uint32_t fd = 0; fd < direct.top; fd++) {
        uint32_t w = direct.word[fd];
        if (foreign || (w & DEAD)) {
            if (!foreign)
                close_host(w);
            direct.word[fd] = 0;
        } else if (w & USERS) {
            direct.word[fd] = w & ~USERS;
        }
    }
    if (foreign)
        direct.live = direct.top = 0;
}

void direct_disown(uint32_t slot)
{
    slot_local(slot)->no_direct = 1;
    if (direct.top)
        stub_syscall(SYS_CLOSE_RANGE, 0, UINT32_MAX, 0, 0, 0, 0);
}
