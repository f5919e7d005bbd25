/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the calls of the direct plane do on a host descriptor. Those of sockets never wait in
 * themselves: the stub waits for its guest, in a call that a kick ends, and what a kick has ended
 * before anything was moved is the sentry's to make.
 */
#include "platform/stub/direct.h"

#define SYS_READ          0
#define SYS_WRITE         1
#define SYS_FSTAT         5
#define SYS_LSEEK         8
#define SYS_PREAD64       17
#define SYS_PWRITE64      18
#define SYS_IOCTL         16
#define SYS_READV         19
#define SYS_WRITEV        20
#define SYS_SENDFILE      40
#define SYS_SENDTO        44
#define SYS_RECVFROM      45
#define SYS_SENDMSG       46
#define SYS_RECVMSG       47
#define SYS_SETSOCKOPT    54
#define SYS_CLOCK_GETTIME 228
#define SYS_EPOLL_WAIT    232
#define SYS_EPOLL_CTL     233
#define SYS_NEWFSTATAT    262
#define SYS_PPOLL         271
#define SYS_EPOLL_PWAIT   281
#define SYS_PREADV        295
#define SYS_PWRITEV       296

#define MSG_PEEK     0x2ul
#define MSG_TRUNC    0x20ul
#define MSG_DONTWAIT 0x40ul
#define MSG_NOSIGNAL 0x4000ul
#define MSG_MORE     0x8000ul
/* The flags with which a call is made here. */
#define RECV_FLAGS (MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT | MSG_NOSIGNAL | MSG_CMSG_CLOEXEC)
#define SEND_FLAGS (MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE)

#define POLLIN  1
#define POLLOUT 4

#define EPOLL_CTL_ADD 1
#define EPOLL_CTL_DEL 2
#define EPOLL_CTL_MOD 3

#define ENOENT 2
#define EAGAIN 11
#define EPIPE  32

#define IOV_MAX 1024
#define RW_MAX  0x7ffff000ul /* what one call moves at most */

#define AT_EMPTY_PATH 0x1000

unsigned direct_kinds(uint64_t nr)
{
    const unsigned file = 1u << DIRECT_FILE,
                   stream = 1u << DIRECT_STREAM | 1u << DIRECT_STREAM_WAITS;
    switch (nr) {
    case SYS_READ:
    case SYS_WRITE:
    case SYS_READV:
    case SYS_WRITEV:
        return file | stream;
    case SYS_FSTAT:
    case SYS_NEWFSTATAT:
    case SYS_LSEEK:
    case SYS_PREAD64:
    case SYS_PWRITE64:
    case SYS_PREADV:
    case SYS_PWRITEV:
        return file;
    case SYS_IOCTL:
    case SYS_SENDFILE:
    case SYS_SENDTO:
    case SYS_RECVFROM:
    case SYS_SENDMSG:
    case SYS_RECVMSG:
    case SYS_SETSOCKOPT:
        return stream;
    case SYS_EPOLL_WAIT:
    case SYS_EPOLL_CTL:
    case SYS_EPOLL_PWAIT:
        return 1u << DIRECT_EPOLL;
    default:
        return 0;
    }
}

bool direct_is_busy_call(uint64_t nr)
{
    return nr != SYS_IOCTL && nr != SYS_SETSOCKOPT && nr != SYS_FSTAT && nr != SYS_NEWFSTATAT;
}

static long make_call(uint64_t nr, long host, const struct stub_regs *r)
{
    return stub_syscall((long) nr, host, (long) r->rsi, (long) r->rdx, (long) r->r10, (long) r->r8,
                        (long) r->r9);
}

/* ---- regular files ---- */

/* newfstatat(2) with an empty name and AT_EMPTY_PATH, the only flag. */
bool direct_is_fstat(uint64_t nr, const struct stub_regs *r)
{
    char first;
    return nr == SYS_FSTAT || (nr == SYS_NEWFSTATAT && (uint32_t) r->r10 == AT_EMPTY_PATH &&
                               !stub_copy(&first, (const void *) r->rsi, 1) && !first);
}

static bool call_file(const struct direct_call *c, long *ret)
{
    const struct stub_regs *r = c->r;
    if (c->nr == SYS_NEWFSTATAT && !direct_is_fstat(c->nr, r))
        return false;
    *ret = c->nr == SYS_NEWFSTATAT ? stub_syscall(SYS_FSTAT, c->host, (long) r->rdx, 0, 0, 0, 0)
                                   : make_call(c->nr, c->host, r);
    return true;
}

/* ---- sleeping ---- */

static long sleep_in(const struct direct_call *c, const long call[7])
{
    return c->masked ? stub_wait_interruptible(call) : stub_sleep(call, &c->local->kicked);
}

/* False: a kick came. */
static bool wait_for(const struct direct_call *c, short events)
{
    struct {
        int32_t fd;
        int16_t events, got;
    } p = {.fd = (int32_t) c->host, .events = events};
    const long call[7] = {SYS_PPOLL, (long) &p, 1, 0, 0, 8, 0};
    return sleep_in(c, call) > 0;
}

/* ---- streams ---- */

static bool may_receive(const struct direct_call *c, uint64_t *ret_flags)
{
    const struct stub_regs *r = c->r;
    struct stub_msghdr h;
    *ret_flags = 0;
    switch (c->nr) {
    case SYS_RECVFROM:
        *ret_flags = r->r10;
        return !r->r8 && !(r->r10 & ~RECV_FLAGS);
    case SYS_RECVMSG:
        *ret_flags = r->rdx;
        return !(r->rdx & ~RECV_FLAGS) && !stub_copy(&h, (const void *) r->rsi, sizeof(h)) &&
               !h.name;
    default:
        return true;
    }
}

static bool receive(const struct direct_call *c, long *ret)
{
    uint64_t flags;
    if (!may_receive(c, &flags))
        return false;
    bool waits = c->kind == DIRECT_STREAM_WAITS && !(flags & MSG_DONTWAIT);
    for (;;) {
        *ret = make_call(c->nr, c->host, c->r);
        if (*ret != -EAGAIN || !waits)
            return true;
        if (!wait_for(c, POLLIN))
            return false;
    }
}

struct outgoing {
    struct stub_msghdr h;
    struct stub_iovec
        iov[8]; /* a copy, which shrinks as it is sent; those that do not wait need none */
    uint64_t flags;
    long file; /* sendfile(2): the host's descriptor of the source; else -1 */
};

/* A vector of the guest's. */
static bool take_vector(struct outgoing *o, uint64_t at, uint64_t n, bool waits)
{
    o->h.iov = at;
    o->h.iovlen = n;
    if (!waits)
        return n <= IOV_MAX;
    o->h.iov = (uint64_t) o->iov;
    return n <= sizeof(o->iov) / sizeof(o->iov[0]) &&
           !stub_copy(o->iov, (const void *) at, n * sizeof(o->iov[0]));
}

static bool may_send(const struct direct_call *c, struct outgoing *o)
{
    const struct stub_regs *r = c->r;
    const bool waits = c->kind == DIRECT_STREAM_WAITS;
    struct stub_msghdr h;
    o->h = (struct stub_msghdr){.iov = (uint64_t) o->iov, .iovlen = 1};
    o->iov[0] = (struct stub_iovec){r->rsi, r->rdx};
    o->flags = 0;
    o->file = -1;
    switch (c->nr) {
    case SYS_SENDTO:
        o->flags = r->r10;
        return !r->r8 && !(o->flags & ~SEND_FLAGS);
    case SYS_WRITEV:
        return take_vector(o, r->rsi, r->rdx, waits);
    case SYS_SENDMSG:
        o->flags = r->rdx;
        return !(o->flags & ~SEND_FLAGS) && !stub_copy(&h, (const void *) r->rsi, sizeof(h)) &&
               !h.name && !h.control && take_vector(o, h.iov, h.iovlen, waits);
    default:
        return true;
    }
}

static uint64_t total(const struct outgoing *o)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < o->h.iovlen; i++)
        sum += o->iov[i].len;
    return sum;
}

static void advance(struct outgoing *o, uint64_t n)
{
    for (uint64_t i = 0; i < o->h.iovlen && n; i++) {
        uint64_t part = n < o->iov[i].len ? n : o->iov[i].len;
        o->iov[i].base += part;
        o->iov[i].len -= part;
        n -= part;
    }
}

/* One step of it; of a file the kernel moves whichever offset there is. */
static long send_some(const struct direct_call *c, const struct outgoing *o, uint64_t left)
{
    if (o->file >= 0)
        return stub_syscall(SYS_SENDFILE, c->host, o->file, (long) c->r->rdx, (long) left, 0, 0);
    return stub_syscall(SYS_SENDMSG, c->host, (long) &o->h, (long) (o->flags | MSG_NOSIGNAL), 0, 0,
                        0);
}

/* All of it, `left` bytes, if the descriptor waits; else one step. */
static bool send_all(const struct direct_call *c, struct outgoing *o, uint64_t left, long *ret)
{
    const bool waits = c->kind == DIRECT_STREAM_WAITS && !(o->flags & MSG_DONTWAIT);
    long done = 0;
    for (;;) {
        long n = send_some(c, o, left);
        if (n == -EPIPE && !done && !(o->flags & MSG_NOSIGNAL))
            return false; /* a signal goes with it */
        *ret = n < 0 && done ? done : n < 0 ? n : done + n;
        if (!waits || n == 0 || (n < 0 && n != -EAGAIN))
            return true;
        if (n > 0) {
            done += n;
            left -= (uint64_t) n;
            advance(o, (uint64_t) n);
        }
        if (!left)
            return true;
        if (!wait_for(c, POLLOUT))
            return done > 0;
    }
}

static bool send(const struct direct_call *c, long *ret)
{
    struct outgoing o;
    return may_send(c, &o) && send_all(c, &o, c->kind == DIRECT_STREAM_WAITS ? total(&o) : 0, ret);
}

static bool send_file(const struct direct_call *c, long *ret)
{
    const uint32_t fd = (uint32_t) c->r->rsi;
    const uint64_t count = c->r->r10;
    struct outgoing o = {.file = direct_file_hold(fd)};
    if (o.file < 0)
        return false;
    bool made = send_all(c, &o, count < RW_MAX ? count : RW_MAX, ret);
    direct_file_drop(fd);
    return made;
}

/* What the filter lets through: how much there is, and when segments leave. */
static bool is_native_ioctl(uint64_t cmd)
{
    return (uint32_t) cmd == STUB_FIONREAD;
}

static bool is_native_option(const struct stub_regs *r)
{
    const uint32_t level = (uint32_t) r->rsi, name = (uint32_t) r->rdx;
    return level == STUB_SOL_TCP &&
           (name == STUB_TCP_NODELAY || name == STUB_TCP_CORK || name == STUB_TCP_QUICKACK);
}

static bool call_stream(const struct direct_call *c, long *ret)
{
    switch (c->nr) {
    case SYS_READ:
    case SYS_READV:
    case SYS_RECVFROM:
    case SYS_RECVMSG:
        return receive(c, ret);
    case SYS_IOCTL:
    case SYS_SETSOCKOPT:
        if (c->nr == SYS_IOCTL ? !is_native_ioctl(c->r->rsi) : !is_native_option(c->r))
            return false;
        *ret = make_call(c->nr, c->host, c->r);
        return true;
    case SYS_SENDFILE:
        return send_file(c, ret);
    default:
        return send(c, ret);
    }
}

/* ---- epoll sets ---- */

struct epoll_event {
    uint32_t events;
    uint64_t data;
} __attribute__((packed));

static int64_t now_ms(void)
{
    struct {
        int64_t sec, nsec;
    } ts;
    stub_syscall(SYS_CLOCK_GETTIME, 1 /* CLOCK_MONOTONIC */, (long) &ts, 0, 0, 0, 0);
    return ts.sec * 1000 + ts.nsec / 1000000;
}

/* Takes the mark out of n events. How many are left; *ret_found: it was there. */
static long strike_mark(const struct direct_call *c, long n, bool *ret_found)
{
    struct epoll_event *ev = (struct epoll_event *) c->r->rsi;
    *ret_found = false;
    for (long i = 0; i < n; i++) {
        uint64_t data;
        if (stub_copy(&data, &ev[i].data, sizeof(data)))
            return n; /* it came, and has been unmapped since */
        if (data != c->mark)
            continue;
        *ret_found = true;
        stub_copy(&ev[i], &ev[i + 1], (size_t) (n - i - 1) * sizeof(ev[0]));
        return n - 1;
    }
    return n;
}

static bool wait_events(const struct direct_call *c, long *ret)
{
    const struct stub_regs *r = c->r;
    const int32_t timeout = (int32_t) r->r10;
    bool found = false;
    if ((c->nr == SYS_EPOLL_PWAIT && r->r8) || (int32_t) r->rdx <= 0 || *c->sentry_next) {
        *c->sentry_next = 0;
        return false;
    }
    long n = stub_syscall(SYS_EPOLL_WAIT, c->host, (long) r->rsi, (long) r->rdx, 0, 0, 0);
    int64_t since = 0;
    if (n == 0 && timeout) {
        const long call[7] = {SYS_EPOLL_WAIT, c->host, (long) r->rsi, (long) r->rdx, timeout, 0, 0};
        since = timeout > 0 ? now_ms() : 0;
        n = sleep_in(c, call);
    }
    if (n > 0)
        n = strike_mark(c, n, &found);
    if (n > 0 && found)
        *c->sentry_next = 1; /* its members must have their turn */
    if (n != -STUB_EINTR && (n || !found)) {
        *ret = n;
        return true;
    }
    if (since) {
        int64_t left = timeout - (now_ms() - since);
        c->local->left_ms = 1 + (uint32_t) (left > 0 ? left : 0);
    }
    return false;
}

/*
 * Members come by the sentry, which must know of each: what is done here is done to one that it
 * knows. A member that was taken out here stays known to it, and may be put in again here.
 */
static bool change_member(const struct direct_call *c, long *ret)
{
    const struct stub_regs *r = c->r;
    const uint32_t set = (uint32_t) r->rdi, op = (uint32_t) r->rsi;
    struct direct_member m;
    if ((op != EPOLL_CTL_ADD && op != EPOLL_CTL_DEL && op != EPOLL_CTL_MOD) ||
        !direct_member_hold((uint32_t) r->rdx, &m))
        return false;
    const uint16_t gone = *m.gone_from;
    bool made = op == EPOLL_CTL_ADD   ? gone == set + 1
                : op == EPOLL_CTL_DEL ? gone == 0 || gone == set + 1
                                      : true;
    if (made) {
        *ret = stub_syscall(SYS_EPOLL_CTL, c->host, op, m.host, (long) r->r10, 0, 0);
        if (*ret == 0 && op != EPOLL_CTL_MOD)
            *m.gone_from = op == EPOLL_CTL_DEL ? (uint16_t) (set + 1) : 0;
        made = *ret != -ENOENT || gone; /* else: known by another number, or not to the host */
    }
    direct_member_drop(&m);
    return made;
}

bool direct_make(const struct direct_call *c, long *ret)
{
    bool made;
    switch (c->kind) {
    case DIRECT_FILE:
        made = call_file(c, ret);
        break;
    case DIRECT_EPOLL:
        made = c->nr == SYS_EPOLL_CTL ? change_member(c, ret) : wait_events(c, ret);
        break;
    default:
        made = call_stream(c, ret);
        break;
    }
    if (!made && c->masked)
        c->local->kicked = 0; /* the sentry knows better than the kick what there is to do */
    return made;
}
