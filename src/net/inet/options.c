/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of Internet sockets. What is in the table passes to the host's socket as it is: the host
 * judges lengths and values, and refuses what takes CAP_NET_ADMIN, for the sandbox has none over
 * its network. docs/sockets.md says what each group does and why others are not there;
 * `scripts/lint sockets` compares the two.
 */
#include <errno.h>
#include <string.h>

#include "abi/linux/inet.h"
#include "kernel/task/task.h"
#include "net/inet/internal.h"

#define O(level, how, name)                                          \
    {                                                                \
        LX_SOL_##level, LX_##name, HOST_OPTION_##how, 0, SOCKOPT_MAX \
    }

/* clang-format off */
static const struct host_option options[] = {
    O(SOCKET, BOTH, SO_REUSEADDR), O(SOCKET, BOTH, SO_REUSEPORT), O(SOCKET, BOTH, SO_BROADCAST),
    O(SOCKET, BOTH, SO_KEEPALIVE), O(SOCKET, BOTH, SO_OOBINLINE), O(SOCKET, BOTH, SO_DONTROUTE),
    O(SOCKET, BOTH, SO_LINGER), O(SOCKET, BOTH, SO_SNDBUF), O(SOCKET, BOTH, SO_RCVBUF), O(SOCKET, BOTH, SO_BUF_LOCK),
    O(SOCKET, BOTH, SO_RCVLOWAT), O(SOCKET, BOTH, SO_PRIORITY), O(SOCKET, BOTH, SO_NO_CHECK),
    O(SOCKET, BOTH, SO_BSDCOMPAT), O(SOCKET, BOTH, SO_BINDTODEVICE), O(SOCKET, BOTH, SO_BINDTOIFINDEX),
    O(SOCKET, BOTH, SO_TIMESTAMP), O(SOCKET, BOTH, SO_TIMESTAMPNS), O(SOCKET, BOTH, SO_TIMESTAMPING),
    O(SOCKET, BOTH, SO_TIMESTAMP_NEW), O(SOCKET, BOTH, SO_TIMESTAMPNS_NEW), O(SOCKET, BOTH, SO_TIMESTAMPING_NEW),
    O(SOCKET, BOTH, SO_TXTIME), O(SOCKET, BOTH, SO_RXQ_OVFL), O(SOCKET, BOTH, SO_WIFI_STATUS),
    O(SOCKET, BOTH, SO_PEEK_OFF), O(SOCKET, BOTH, SO_NOFCS), O(SOCKET, BOTH, SO_LOCK_FILTER),
    O(SOCKET, BOTH, SO_SELECT_ERR_QUEUE), O(SOCKET, BOTH, SO_BUSY_POLL), O(SOCKET, BOTH, SO_PREFER_BUSY_POLL),
    O(SOCKET, BOTH, SO_BUSY_POLL_BUDGET), O(SOCKET, BOTH, SO_MAX_PACING_RATE), O(SOCKET, BOTH, SO_INCOMING_CPU),
    O(SOCKET, BOTH, SO_TXREHASH), O(SOCKET, BOTH, SO_RCVMARK), O(SOCKET, BOTH, SO_PASSSEC),
    O(SOCKET, SET, SO_DETACH_FILTER), O(SOCKET, SET, SO_CNX_ADVICE),
    O(SOCKET, GET, SO_ERROR), O(SOCKET, GET, SO_ACCEPTCONN), O(SOCKET, GET, SO_PEERNAME),
    O(SOCKET, GET, SO_BPF_EXTENSIONS), O(SOCKET, GET, SO_INCOMING_NAPI_ID), O(SOCKET, GET, SO_MEMINFO),
    O(SOCKET, GET, SO_COOKIE), O(SOCKET, GET, SO_NETNS_COOKIE), O(SOCKET, GET, SO_PEERCRED),
    O(SOCKET, GET, SO_PEERGROUPS),
    O(IP, BOTH, IP_TOS), O(IP, BOTH, IP_TTL), O(IP, BOTH, IP_OPTIONS), O(IP, BOTH, IP_RECVOPTS),
    O(IP, BOTH, IP_RETOPTS), O(IP, BOTH, IP_PKTINFO), O(IP, BOTH, IP_MTU_DISCOVER), O(IP, BOTH, IP_RECVERR),
    O(IP, BOTH, IP_RECVERR_RFC4884), O(IP, BOTH, IP_RECVTTL), O(IP, BOTH, IP_RECVTOS),
    O(IP, BOTH, IP_RECVORIGDSTADDR), O(IP, BOTH, IP_RECVFRAGSIZE), O(IP, BOTH, IP_CHECKSUM), O(IP, BOTH, IP_PASSSEC),
    O(IP, BOTH, IP_MINTTL), O(IP, BOTH, IP_NODEFRAG), O(IP, BOTH, IP_FREEBIND), O(IP, BOTH, IP_TRANSPARENT),
    O(IP, BOTH, IP_BIND_ADDRESS_NO_PORT), O(IP, BOTH, IP_LOCAL_PORT_RANGE), O(IP, BOTH, IP_UNICAST_IF),
    O(IP, BOTH, IP_MULTICAST_IF), O(IP, BOTH, IP_MULTICAST_TTL), O(IP, BOTH, IP_MULTICAST_LOOP),
    O(IP, BOTH, IP_MULTICAST_ALL), O(IP, BOTH, IP_MSFILTER), O(IP, BOTH, MCAST_MSFILTER),
    O(IP, BOTH, IP_ROUTER_ALERT), O(IP, SET, IP_ADD_MEMBERSHIP), O(IP, SET, IP_DROP_MEMBERSHIP),
    O(IP, SET, IP_ADD_SOURCE_MEMBERSHIP), O(IP, SET, IP_DROP_SOURCE_MEMBERSHIP), O(IP, SET, IP_BLOCK_SOURCE),
    O(IP, SET, IP_UNBLOCK_SOURCE), O(IP, SET, MCAST_JOIN_GROUP), O(IP, SET, MCAST_LEAVE_GROUP),
    O(IP, SET, MCAST_JOIN_SOURCE_GROUP), O(IP, SET, MCAST_LEAVE_SOURCE_GROUP), O(IP, SET, MCAST_BLOCK_SOURCE),
    O(IP, SET, MCAST_UNBLOCK_SOURCE),
    O(IP, GET, IP_HDRINCL), O(IP, GET, IP_MTU), O(IP, GET, IP_PKTOPTIONS), O(IP, GET, IP_PROTOCOL), O(IP, GET, IP_ORIGINAL_DST),
    O(IPV6, BOTH, IPV6_2292PKTINFO), O(IPV6, BOTH, IPV6_2292HOPOPTS), O(IPV6, BOTH, IPV6_2292DSTOPTS),
    O(IPV6, BOTH, IPV6_2292RTHDR), O(IPV6, BOTH, IPV6_2292PKTOPTIONS), O(IPV6, BOTH, IPV6_2292HOPLIMIT),
    O(IPV6, BOTH, IPV6_FLOWINFO), O(IPV6, BOTH, IPV6_UNICAST_HOPS), O(IPV6, BOTH, IPV6_MULTICAST_IF),
    O(IPV6, BOTH, IPV6_MULTICAST_HOPS), O(IPV6, BOTH, IPV6_MULTICAST_LOOP), O(IPV6, BOTH, IPV6_MULTICAST_ALL),
    O(IPV6, BOTH, IPV6_ROUTER_ALERT_ISOLATE), O(IPV6, BOTH, IPV6_MTU_DISCOVER), O(IPV6, BOTH, IPV6_MTU),
    O(IPV6, BOTH, IPV6_RECVERR), O(IPV6, BOTH, IPV6_RECVERR_RFC4884), O(IPV6, BOTH, IPV6_V6ONLY),
    O(IPV6, BOTH, IPV6_FLOWLABEL_MGR), O(IPV6, BOTH, IPV6_FLOWINFO_SEND), O(IPV6, BOTH, IPV6_RECVPKTINFO),
    O(IPV6, BOTH, IPV6_PKTINFO), O(IPV6, BOTH, IPV6_RECVHOPLIMIT), O(IPV6, BOTH, IPV6_HOPLIMIT),
    O(IPV6, BOTH, IPV6_RECVHOPOPTS), O(IPV6, BOTH, IPV6_HOPOPTS), O(IPV6, BOTH, IPV6_RTHDRDSTOPTS),
    O(IPV6, BOTH, IPV6_RECVRTHDR), O(IPV6, BOTH, IPV6_RTHDR), O(IPV6, BOTH, IPV6_RECVDSTOPTS),
    O(IPV6, BOTH, IPV6_DSTOPTS), O(IPV6, BOTH, IPV6_RECVPATHMTU), O(IPV6, BOTH, IPV6_DONTFRAG),
    O(IPV6, BOTH, IPV6_RECVTCLASS), O(IPV6, BOTH, IPV6_TCLASS), O(IPV6, BOTH, IPV6_AUTOFLOWLABEL),
    O(IPV6, BOTH, IPV6_ADDR_PREFERENCES), O(IPV6, BOTH, IPV6_MINHOPCOUNT), O(IPV6, BOTH, IPV6_RECVORIGDSTADDR),
    O(IPV6, BOTH, IPV6_TRANSPARENT), O(IPV6, BOTH, IPV6_UNICAST_IF), O(IPV6, BOTH, IPV6_RECVFRAGSIZE),
    O(IPV6, BOTH, IPV6_FREEBIND), O(IPV6, BOTH, MCAST_MSFILTER),
    O(IPV6, SET, IPV6_ADD_MEMBERSHIP), O(IPV6, SET, IPV6_DROP_MEMBERSHIP), O(IPV6, BOTH, IPV6_ROUTER_ALERT),
    O(IPV6, SET, IPV6_JOIN_ANYCAST), O(IPV6, SET, IPV6_LEAVE_ANYCAST), O(IPV6, SET, MCAST_JOIN_GROUP),
    O(IPV6, SET, MCAST_LEAVE_GROUP), O(IPV6, SET, MCAST_JOIN_SOURCE_GROUP), O(IPV6, SET, MCAST_LEAVE_SOURCE_GROUP),
    O(IPV6, SET, MCAST_BLOCK_SOURCE), O(IPV6, SET, MCAST_UNBLOCK_SOURCE),
    O(IPV6, GET, IPV6_PATHMTU), O(IPV6, GET, IPV6_ORIGINAL_DST),
    O(TCP, BOTH, TCP_NODELAY), O(TCP, BOTH, TCP_MAXSEG), O(TCP, BOTH, TCP_CORK), O(TCP, BOTH, TCP_KEEPIDLE),
    O(TCP, BOTH, TCP_KEEPINTVL), O(TCP, BOTH, TCP_KEEPCNT), O(TCP, BOTH, TCP_SYNCNT), O(TCP, BOTH, TCP_LINGER2),
    O(TCP, BOTH, TCP_DEFER_ACCEPT), O(TCP, BOTH, TCP_WINDOW_CLAMP), O(TCP, BOTH, TCP_QUICKACK),
    O(TCP, BOTH, TCP_CONGESTION), O(TCP, BOTH, TCP_THIN_LINEAR_TIMEOUTS), O(TCP, BOTH, TCP_THIN_DUPACK),
    O(TCP, BOTH, TCP_USER_TIMEOUT), O(TCP, BOTH, TCP_FASTOPEN), O(TCP, BOTH, TCP_FASTOPEN_CONNECT),
    O(TCP, BOTH, TCP_FASTOPEN_KEY), O(TCP, BOTH, TCP_FASTOPEN_NO_COOKIE), O(TCP, BOTH, TCP_NOTSENT_LOWAT),
    O(TCP, BOTH, TCP_SAVE_SYN), O(TCP, BOTH, TCP_TIMESTAMP), O(TCP, BOTH, TCP_REPAIR), O(TCP, BOTH, TCP_INQ),
    O(TCP, BOTH, TCP_RTO_MAX_MS), O(TCP, BOTH, TCP_RTO_MIN_US),
    O(TCP, BOTH, TCP_DELACK_MAX_US),
    O(TCP, GET, TCP_INFO), O(TCP, GET, TCP_CC_INFO), O(TCP, GET, TCP_SAVED_SYN), O(TCP, GET, TCP_ULP),
    O(TCP, GET, TCP_IS_MPTCP),
    O(UDP, BOTH, UDP_CORK), O(UDP, BOTH, UDP_NO_CHECK6_TX), O(UDP, BOTH, UDP_NO_CHECK6_RX), O(UDP, BOTH, UDP_SEGMENT),
    O(UDP, BOTH, UDP_GRO),
    O(UDPLITE, BOTH, UDPLITE_SEND_CSCOV), O(UDPLITE, BOTH, UDPLITE_RECV_CSCOV),
};
/* clang-format on */

/* ---- set ---- */

/* For the privileged to exceed the host's limit, which they may not: up to it. */
static int set_forced(struct socket *s, struct task *t, int name, const void *v, size_t len)
{
    if (len < sizeof(int32_t))
        return -EINVAL;
    if (!cred_capable(t->cred, LX_CAP_NET_ADMIN))
        return -EPERM;
    int plain = name == LX_SO_SNDBUFFORCE ? LX_SO_SNDBUF : LX_SO_RCVBUF;
    return inet_setsockopt(s, t, LX_SOL_SOCKET, plain, v, len);
}

/* Pages of ours are used again after a send: nothing could be told when they are free. */
static int set_zerocopy(const void *v, size_t len)
{
    int32_t on;
    int r = sockopt_get_int(v, len, &on);
    if (r < 0)
        return r;
    return on < 0 || on > 1 ? -EINVAL : on ? -EOPNOTSUPP : 0;
}

/* What the host has made of it, for the loop that waits for so much. */
static void note_low_water(struct socket *s)
{
    int32_t n = 1;
    socklen_t len = sizeof(n);
    if (getsockopt(host_socket_of(s)->fd, SOL_SOCKET, SO_RCVLOWAT, &n, &len) == 0)
        atomic_store(&s->rcvlowat, n);
    socket_take_back(s);
}

static void note_linger(struct socket *s)
{
    struct linger l = {0};
    socklen_t len = sizeof(l);
    if (getsockopt(host_socket_of(s)->fd, SOL_SOCKET, SO_LINGER, &l, &len) == 0)
        atomic_store(&s->linger_on, l.l_onoff && l.l_linger);
}

static int set_socket_option(struct socket *s, struct task *t, int name, const void *v, size_t len)
{
    switch (name) {
    case LX_SO_SNDBUFFORCE:
    case LX_SO_RCVBUFFORCE:
        return set_forced(s, t, name, v, len);
    case LX_SO_ZEROCOPY:
        return set_zerocopy(v, len);
    default:
        break;
    }
    int r = host_option_set(s, options, ARRAY_LEN(options), LX_SOL_SOCKET, name, v, len);
    if (r == 0 && name == LX_SO_RCVLOWAT)
        note_low_water(s);
    if (r == 0 && name == LX_SO_LINGER)
        note_linger(s);
    return r;
}

int inet_setsockopt(struct socket *s, struct task *t, int level, int name, const void *v,
                    size_t len)
{
    int r = inet_may_set(s, t, level, name, v, len);
    if (r < 0)
        return r;
    if (level == LX_SOL_SOCKET)
        return set_socket_option(s, t, name, v, len);
    if (level == LX_SOL_TCP && name == LX_TCP_ULP && s->protocol == LX_SOL_TCP)
        return len ? -ENOENT : -EINVAL; /* as a kernel has it that knows none */
    r = host_option_set(s, options, ARRAY_LEN(options), level, name, v, len);
    /* TCP and UDP want an int before they look at the name. */
    return r == -ENOPROTOOPT && level == s->protocol && len < sizeof(int32_t) ? -EINVAL : r;
}

/* ---- get ---- */

/* Whose options such a socket has at all. */
static bool has_level(const struct socket *s, int level)
{
    switch (level) {
    case LX_SOL_SOCKET:
    case LX_SOL_IP:
        return true;
    case LX_SOL_IPV6:
        return s->family == LX_AF_INET6;
    case LX_SOL_UDP:
        return s->protocol == LX_SOL_UDP || s->protocol == LX_SOL_UDPLITE;
    default:
        return level == s->protocol && (level == LX_SOL_TCP || level == LX_SOL_UDPLITE);
    }
}

int inet_getsockopt(struct socket *s, struct task *t unused_, int level, int name, void *v,
                    size_t *len)
{
    if (!has_level(s, level))
        return s->family == LX_AF_INET ? -EOPNOTSUPP : -ENOPROTOOPT;
    if (level == LX_SOL_SOCKET && name == LX_SO_ZEROCOPY)
        return sockopt_put_int(0, v, len);
    return host_option_get(s, options, ARRAY_LEN(options), level, name, v, len);
}
