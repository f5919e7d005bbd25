/* SPDX-License-Identifier: Apache-2.0 */
/* The calls on sockets that the egress policy watches: see egress.h. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "abi/linux/inet.h"
#include "base/outer.h"
#include "kernel/kernel.h"
#include "net/inet/egress_internal.h"

static bool is_stream(const struct host_socket *hs)
{
    return hs->sock.type == LX_SOCK_STREAM;
}

/* Connected, on the way to it, listening: anything that is not over. */
static bool is_busy(const struct host_socket *hs)
{
    struct tcp_info info = {0};
    socklen_t n = sizeof(info);

    return getsockopt(hs->fd, IPPROTO_TCP, TCP_INFO, &info, &n) < 0 || n < 1 ||
           info.tcpi_state != TCP_CLOSE;
}

static int host_connect(struct host_socket *hs, const struct sockname *n)
{
    return connect(hs->fd, host_sockaddr(n), n->len) < 0 ? -errno : 0;
}

/* ---- connect ---- */

/* What a local reject of a packet filter looks like: a reset for one that connects. */
static int refuse(struct host_socket *hs, const struct destination *d)
{
    policy_log_refusal(hs->sock.k->egress->policy, d, egress_now());
    return is_stream(hs) ? -ECONNREFUSED : -EPERM;
}

/*
 * No packet is sent by connecting a datagram socket, and getaddrinfo(3) connects them to learn
 * which of its addresses have a way; so the ports count when something is sent.
 */
static int judge_connect(struct host_socket *hs, const struct destination *d, bool *ret_may_send,
                         bool *ret_asks)
{
    struct policy *p = hs->sock.k->egress->policy;
    uint64_t now = egress_now();

    *ret_asks = policy_is_server(p, d);
    *ret_may_send = policy_allows(p, d, now);
    if (*ret_may_send || (!is_stream(hs) && (*ret_asks || policy_knows(p, d, now))))
        return 0;
    return refuse(hs, d);
}

static int connect_to(struct host_socket *hs, const struct destination *d,
                      const struct sockname *clean)
{
    struct egress *e = hs->sock.k->egress;
    struct egress_side *side = hs->side;
    struct destination to = *d;
    bool may_send = true, asks = false, outside = false;
    int r = 0;

    if (egress_where(e, &to) == WHERE_OUTSIDE) {
        r = judge_connect(hs, &to, &may_send, &asks);
        outside = e->outer->split;
    }
    if (r == 0)
        r = egress_move(hs, outside);
    if (r < 0)
        return r;
    r = host_connect(hs, clean);
    if (is_stream(hs) || r == 0) { /* one that begins, too, names it again */
        side->peer = *clean;
        side->to = to;
        side->connected = !is_stream(hs);
        side->may_send = may_send;
        side->asks = asks;
    }
    return r;
}

int egress_connect(struct host_socket *hs, const struct sockname *n)
{
    struct egress_side *side = hs->side;
    struct sockname clean;
    struct destination d;

    MUTEX_GUARD(&side->lock);
    int r = egress_parse(&hs->sock, n, true, &d, &clean);
    if (r < 0)
        return r;
    if (r == 1) {
        r = host_connect(hs, n);
        if (r == 0)
            side->connected = side->may_send = side->asks = false;
        return r;
    }
    /* How that goes on is not a matter of the address; only one that was allowed is named. */
    if (is_stream(hs) && is_busy(hs))
        return side->peer.len ? host_connect(hs, &side->peer) : -EISCONN;
    return connect_to(hs, &d, &clean);
}

/* ---- bind, listen ---- */

static enum bound bound_by(const struct socket *s, const struct sockname *n)
{
    struct destination d;
    struct sockname clean;
    struct net_addr zero = {0};

    if (egress_parse(s, n, false, &d, &clean) != 0)
        return BOUND_ANY;
    zero.v6 = d.addr.v6;
    if (!net_addr_equal(&d.addr, &zero))
        return BOUND_ADDRESS;
    return d.port ? BOUND_PORT : BOUND_ANY;
}

int egress_bind(struct host_socket *hs, const struct sockname *n)
{
    struct egress_side *side = hs->side;
    struct sockaddr_in6 own = {0}; /* the port is at the same place in both kinds */
    socklen_t len = sizeof(own);

    MUTEX_GUARD(&side->lock);
    if (side->outside) {
        if (getsockname(hs->fd, (struct sockaddr *) &own, &len) < 0 || own.sin6_port)
            return -EINVAL; /* it has a name already */
        int r = egress_move(hs, false);
        if (r < 0)
            return r;
    }
    if (bind(hs->fd, host_sockaddr(n), n->len) < 0)
        return -errno;
    side->bound = bound_by(&hs->sock, n);
    return 0;
}

int egress_listen(struct host_socket *hs, int backlog)
{
    MUTEX_GUARD(&hs->side->lock);
    if (hs->side->outside) {
        int r = is_stream(hs) && is_busy(hs) ? -EINVAL : egress_move(hs, false);
        if (r < 0)
            return r;
    }
    return listen(hs->fd, backlog) < 0 ? -errno : 0;
}

/* ---- datagrams out ---- */

static int int_option(int fd, int level, int name)
{
    int v = 0;
    socklen_t n = sizeof(v);

    return getsockopt(fd, level, name, &v, &n) < 0 ? 0 : v;
}

/* A question must be one whole datagram, or what was looked at is not what is sent. */
static bool is_whole(struct host_socket *hs, const struct sock_msg *m, size_t control)
{
    return !(m->flags & (LX_MSG_MORE | LX_MSG_OOB)) && !control &&
           !int_option(hs->fd, IPPROTO_UDP, LX_UDP_CORK) &&
           !int_option(hs->fd, IPPROTO_UDP, LX_UDP_SEGMENT);
}

/* To a server of names. anything: a rule allows whatever is sent there. */
static int ask(struct host_socket *hs, const struct destination *d, const struct sock_msg *m,
               size_t control, uint8_t *data, size_t len, bool anything)
{
    if (!is_whole(hs, m, control))
        return anything ? 0 : -EPERM;
    return policy_ask(hs->sock.k->egress->policy, hs->side->id, &d->addr, data, len, anything,
                      egress_now());
}

static int send_named(struct host_socket *hs, const struct destination *d, const struct sock_msg *m,
                      uint8_t *data, size_t len, size_t control)
{
    struct egress *e = hs->sock.k->egress;
    struct egress_side *side = hs->side;
    struct destination to = *d;
    bool outside = false, allowed = true, server = false;
    int r = 0;

    if (egress_where(e, &to) == WHERE_OUTSIDE) {
        allowed = policy_allows(e->policy, &to, egress_now());
        server = policy_is_server(e->policy, &to);
        if (!allowed && !server)
            return refuse(hs, &to);
        if (!egress_may_accompany(m, control))
            return -EPERM;
        outside = e->outer->split;
    }
    if (side->outside != outside)
        r = side->connected ? -EPERM : egress_move(hs, outside);
    if (r == 0 && server)
        r = ask(hs, &to, m, control, data, len, allowed);
    return r;
}

/* To the peer that connect(2) has named, if there is one. */
static int send_connected(struct host_socket *hs, const struct sock_msg *m, uint8_t *data,
                          size_t len, size_t control)
{
    struct egress_side *side = hs->side;

    if (!side->connected || (!side->outside && hs->sock.k->egress->outer->split))
        return 0;
    if (!egress_may_accompany(m, control))
        return -EPERM;
    if (side->asks)
        return ask(hs, &side->to, m, control, data, len, side->may_send);
    return side->may_send ? 0 : refuse(hs, &side->to);
}

ssize_t egress_send(struct host_socket *hs, const struct sock_msg *m, uint8_t *data, size_t len,
                    size_t control)
{
    struct sock_msg out = *m;
    struct sockname clean;
    struct destination d = {.protocol = 0};
    int r = 1;

    MUTEX_GUARD(&hs->side->lock);
    if (m->name && m->name->len)
        r = egress_parse(&hs->sock, m->name, false, &d, &clean);
    if (r < 0)
        return r;
    out.name = r == 1 ? NULL : &clean;
    r = out.name ? send_named(hs, &d, m, data, len, control)
                 : send_connected(hs, m, data, len, control);
    return r < 0 ? r : host_socket_send(&hs->sock, &out, data, len, control);
}

/* ---- datagrams in ---- */

uint64_t egress_receiver(struct host_socket *hs)
{
    return hs->side->outside || !hs->sock.k->egress->outer->split ? hs->side->id : 0;
}

bool egress_received(struct host_socket *hs, uint64_t to, const struct sockname *from,
                     uint8_t *data, size_t len, bool peek)
{
    struct egress *e = hs->sock.k->egress;
    struct sockname clean;
    struct destination d;
    bool server;

    if (!to)
        return true;
    if (egress_parse(&hs->sock, from, false, &d, &clean) != 0)
        return false;
    server = policy_is_server(e->policy, &d);
    if (server)
        policy_hear(e->policy, to, &d.addr, data, len, peek, egress_now());
    /* With one namespace there may be servers in it that all may send to. */
    return server || !e->outer->split || policy_allows(e->policy, &d, egress_now());
}
