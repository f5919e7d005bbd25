/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses as the egress policy sees them: see egress.h. Sources: ip(7), ipv6(7), rtnetlink(7). */
#include "net/inet/egress.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/outer.h"
#include "kernel/kernel.h"
#include "net/inet/egress_internal.h"

int egress_new(const struct egress_config *c, struct egress **ret)
{
    struct egress *e = calloc(1, sizeof(*e));
    int r;

    if (!e)
        return -ENOMEM;
    e->outer = c->outer;
    e->own_loopback = c->own_loopback;
    r = policy_new(c->rules, c->servers, &e->policy);
    if (r < 0) {
        free(e);
        return r;
    }
    *ret = e;
    return 0;
}

uint64_t egress_now(void)
{
    struct timespec ts;

    (void) clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
    return (uint64_t) ts.tv_sec + 1; /* never 0 */
}

/* ---- addresses ---- */

static int parse_v4(const struct sockname *n, struct destination *ret, struct sockname *clean)
{
    struct sockaddr_in a, out = {.sin_family = AF_INET};

    if (n->len < sizeof(a))
        return -EINVAL;
    memcpy(&a, n->bytes, sizeof(a));
    out.sin_port = a.sin_port;
    out.sin_addr = a.sin_addr;
    ret->port = ntohs(a.sin_port);
    memcpy(ret->addr.bytes, &a.sin_addr, sizeof(a.sin_addr));
    memcpy(clean->bytes, &out, sizeof(out));
    clean->len = sizeof(out);
    return 0;
}

static int parse_v6(const struct sockname *n, struct destination *ret, struct sockname *clean)
{
    struct sockaddr_in6 a = {0}, out = {.sin6_family = AF_INET6};
    const uint32_t least = offsetof(struct sockaddr_in6, sin6_scope_id); /* RFC 2133's */

    if (n->len < least)
        return -EINVAL;
    memcpy(&a, n->bytes, n->len < sizeof(a) ? least : sizeof(a));
    out.sin6_port = a.sin6_port;
    out.sin6_addr = a.sin6_addr;
    if (IN6_IS_ADDR_LINKLOCAL(&a.sin6_addr) || IN6_IS_ADDR_MULTICAST(&a.sin6_addr))
        out.sin6_scope_id = a.sin6_scope_id;
    ret->addr.v6 = true;
    ret->port = ntohs(a.sin6_port);
    memcpy(ret->addr.bytes, &a.sin6_addr, sizeof(a.sin6_addr));
    net_addr_unmap(&ret->addr);
    memcpy(clean->bytes, &out, sizeof(out));
    clean->len = sizeof(out);
    return 0;
}

int egress_parse(const struct socket *s, const struct sockname *n, bool connect,
                 struct destination *ret, struct sockname *clean)
{
    bool datagrams = s->type == LX_SOCK_DGRAM;
    uint16_t family;

    *ret = (struct destination){.protocol = datagrams ? NET_UDP : NET_TCP};
    *clean = (struct sockname){0};
    if (n->len < sizeof(family))
        return -EINVAL;
    family = sockname_family(n);
    if (family == LX_AF_UNSPEC && (connect || s->family == LX_AF_INET6))
        return 1;
    if (s->family == LX_AF_INET) /* sendto(2) takes AF_UNSPEC for it */
        return family == LX_AF_INET || family == LX_AF_UNSPEC ? parse_v4(n, ret, clean)
                                                              : -EAFNOSUPPORT;
    if (family == LX_AF_INET6)
        return parse_v6(n, ret, clean);
    if (family == LX_AF_INET && datagrams)
        return parse_v4(n, ret, clean);
    return connect ? -EAFNOSUPPORT : -EINVAL;
}

static bool in_v4(const struct net_addr *a, uint8_t first, unsigned prefix)
{
    const struct net_addr network = {false, {first}};

    return net_addr_in(a, &network, prefix);
}

static bool is_zero(const struct net_addr *a)
{
    const struct net_addr zero = {.v6 = a->v6};

    return net_addr_equal(a, &zero);
}

static bool is_loopback(const struct net_addr *a)
{
    const struct net_addr one = {true, {[15] = 1}};

    return a->v6 ? net_addr_equal(a, &one) : in_v4(a, 127, 8);
}

/* All or some of those on a wire: no packet to them leaves the inside. */
static bool is_many(const struct net_addr *a)
{
    const struct net_addr all = {false, {255, 255, 255, 255}};

    return a->v6 ? a->bytes[0] == 0xff : in_v4(a, 224, 4) || net_addr_equal(a, &all);
}

/* ---- routes ---- */

struct route_question {
    struct nlmsghdr h;
    struct rtmsg m;
    struct rtattr a;
    uint8_t addr[16];
};

/* What kind of way leads there: RTN_*; 0: none at all; negative errno. */
static int route_type(struct outer *o, const struct net_addr *a)
{
    size_t len = a->v6 ? 16 : 4;
    struct route_question q = {
        .h = {.nlmsg_type = RTM_GETROUTE, .nlmsg_flags = NLM_F_REQUEST},
        .m = {.rtm_family = a->v6 ? AF_INET6 : AF_INET, .rtm_dst_len = (uint8_t) (len * 8)},
        .a = {.rta_len = (uint16_t) RTA_LENGTH(len), .rta_type = RTA_DST},
    };
    const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    uint8_t answer[4096];
    struct nlmsghdr h;
    struct rtmsg m;

    memcpy(q.addr, a->bytes, len);
    q.h.nlmsg_len = (uint32_t) (offsetof(struct route_question, addr) + len);
    MUTEX_GUARD(&o->routes);
    while (recv(o->routes_fd, answer, sizeof(answer), MSG_DONTWAIT) >= 0) {
    } /* nothing old */
    if (sendto(o->routes_fd, &q, q.h.nlmsg_len, 0, (const struct sockaddr *) &kernel,
               sizeof(kernel)) < 0)
        return -errno;
    ssize_t n = recv(o->routes_fd, answer, sizeof(answer), MSG_DONTWAIT); /* it is there by now */
    if (n < (ssize_t) NLMSG_LENGTH(sizeof(m)))
        return n < 0 ? -errno : -EBADMSG;
    memcpy(&h, answer, sizeof(h));
    memcpy(&m, answer + NLMSG_HDRLEN, sizeof(m));
    if (h.nlmsg_type == NLMSG_ERROR)
        return 0;
    return h.nlmsg_type == RTM_NEWROUTE ? m.rtm_type : -EBADMSG;
}

enum where egress_where(const struct egress *e, struct destination *d)
{
    int type;

    if (e->outer->split) {
        if (!policy_is_server(e->policy, d) &&
            (is_zero(&d->addr) || is_loopback(&d->addr) || is_many(&d->addr)))
            return WHERE_INSIDE;
    } else if (e->own_loopback && (is_zero(&d->addr) || is_loopback(&d->addr))) {
        return WHERE_INSIDE;
    }
    if (is_zero(&d->addr)) { /* as the host takes it */
        d->addr.bytes[d->addr.v6 ? 15 : 0] = d->addr.v6 ? 1 : 127;
        if (!d->addr.v6)
            d->addr.bytes[3] = 1;
    }
    type = route_type(e->outer, &d->addr);
    if (type == RTN_LOCAL && !e->outer->split && e->own_loopback)
        return WHERE_INSIDE;
    d->own = type != 0 && type != RTN_UNICAST;
    return WHERE_OUTSIDE;
}
