/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options and control messages under an egress policy: those that change how packets look, wait or
 * are told of, not where they come from or by which way they go. What is not listed is refused.
 */
#include <errno.h>
#include <sys/socket.h>

#include "abi/linux/inet.h"
#include "net/inet/egress_internal.h"
#include "net/scm.h"

/* clang-format off */
#define O(level, name) {LX_SOL_##level, LX_##name}

static const struct option_name {
    int level, name;
} plain[] = {
    O(SOCKET, SO_REUSEADDR), O(SOCKET, SO_REUSEPORT), O(SOCKET, SO_BROADCAST), O(SOCKET, SO_KEEPALIVE),
    O(SOCKET, SO_OOBINLINE), O(SOCKET, SO_DONTROUTE), O(SOCKET, SO_LINGER), O(SOCKET, SO_SNDBUF), O(SOCKET, SO_RCVBUF),
    O(SOCKET, SO_BUF_LOCK), O(SOCKET, SO_RCVLOWAT), O(SOCKET, SO_PRIORITY), O(SOCKET, SO_NO_CHECK),
    O(SOCKET, SO_BSDCOMPAT), O(SOCKET, SO_TIMESTAMP), O(SOCKET, SO_TIMESTAMPNS), O(SOCKET, SO_TIMESTAMPING),
    O(SOCKET, SO_TIMESTAMP_NEW), O(SOCKET, SO_TIMESTAMPNS_NEW), O(SOCKET, SO_TIMESTAMPING_NEW),
    O(SOCKET, SO_RXQ_OVFL), O(SOCKET, SO_PEEK_OFF), O(SOCKET, SO_SELECT_ERR_QUEUE), O(SOCKET, SO_BUSY_POLL),
    O(SOCKET, SO_PREFER_BUSY_POLL), O(SOCKET, SO_BUSY_POLL_BUDGET), O(SOCKET, SO_MAX_PACING_RATE),
    O(SOCKET, SO_INCOMING_CPU), O(SOCKET, SO_TXREHASH), O(SOCKET, SO_PASSSEC), O(SOCKET, SO_CNX_ADVICE),
    O(IP, IP_TOS), O(IP, IP_TTL), O(IP, IP_RECVOPTS), O(IP, IP_RETOPTS), O(IP, IP_PKTINFO), O(IP, IP_MTU_DISCOVER),
    O(IP, IP_RECVERR), O(IP, IP_RECVERR_RFC4884), O(IP, IP_RECVTTL), O(IP, IP_RECVTOS), O(IP, IP_RECVORIGDSTADDR),
    O(IP, IP_RECVFRAGSIZE), O(IP, IP_CHECKSUM), O(IP, IP_PASSSEC), O(IP, IP_MINTTL), O(IP, IP_BIND_ADDRESS_NO_PORT),
    O(IP, IP_MULTICAST_TTL), O(IP, IP_MULTICAST_LOOP), O(IP, IP_MULTICAST_ALL),
    O(IPV6, IPV6_UNICAST_HOPS), O(IPV6, IPV6_MULTICAST_HOPS), O(IPV6, IPV6_MULTICAST_LOOP), O(IPV6, IPV6_MULTICAST_ALL),
    O(IPV6, IPV6_MTU_DISCOVER), O(IPV6, IPV6_MTU), O(IPV6, IPV6_RECVERR), O(IPV6, IPV6_RECVERR_RFC4884),
    O(IPV6, IPV6_V6ONLY), O(IPV6, IPV6_RECVPKTINFO), O(IPV6, IPV6_RECVHOPLIMIT), O(IPV6, IPV6_RECVHOPOPTS),
    O(IPV6, IPV6_RECVRTHDR), O(IPV6, IPV6_RECVDSTOPTS), O(IPV6, IPV6_RECVPATHMTU), O(IPV6, IPV6_DONTFRAG),
    O(IPV6, IPV6_RECVTCLASS), O(IPV6, IPV6_TCLASS), O(IPV6, IPV6_AUTOFLOWLABEL), O(IPV6, IPV6_ADDR_PREFERENCES),
    O(IPV6, IPV6_MINHOPCOUNT), O(IPV6, IPV6_RECVORIGDSTADDR), O(IPV6, IPV6_RECVFRAGSIZE),
    O(TCP, TCP_NODELAY), O(TCP, TCP_MAXSEG), O(TCP, TCP_CORK), O(TCP, TCP_KEEPIDLE), O(TCP, TCP_KEEPINTVL),
    O(TCP, TCP_KEEPCNT), O(TCP, TCP_SYNCNT), O(TCP, TCP_LINGER2), O(TCP, TCP_DEFER_ACCEPT), O(TCP, TCP_WINDOW_CLAMP),
    O(TCP, TCP_QUICKACK), O(TCP, TCP_CONGESTION), O(TCP, TCP_THIN_LINEAR_TIMEOUTS), O(TCP, TCP_THIN_DUPACK),
    O(TCP, TCP_USER_TIMEOUT), O(TCP, TCP_FASTOPEN), O(TCP, TCP_FASTOPEN_KEY), O(TCP, TCP_NOTSENT_LOWAT),
    O(TCP, TCP_SAVE_SYN), O(TCP, TCP_INQ), O(TCP, TCP_RTO_MAX_MS), O(TCP, TCP_RTO_MIN_US),
    O(TCP, TCP_DELACK_MAX_US),
    O(UDP, UDP_CORK), O(UDP, UDP_NO_CHECK6_TX), O(UDP, UDP_NO_CHECK6_RX), O(UDP, UDP_SEGMENT), O(UDP, UDP_GRO),
},
/* For groups: of the inside alone, and not taken along. */
grouping[] = {
    O(IP, IP_MULTICAST_IF), O(IP, IP_ADD_MEMBERSHIP), O(IP, IP_DROP_MEMBERSHIP), O(IP, IP_ADD_SOURCE_MEMBERSHIP),
    O(IP, IP_DROP_SOURCE_MEMBERSHIP), O(IP, IP_BLOCK_SOURCE), O(IP, IP_UNBLOCK_SOURCE), O(IP, IP_MSFILTER),
    O(IP, MCAST_JOIN_GROUP), O(IP, MCAST_LEAVE_GROUP), O(IP, MCAST_JOIN_SOURCE_GROUP), O(IP, MCAST_LEAVE_SOURCE_GROUP),
    O(IP, MCAST_BLOCK_SOURCE), O(IP, MCAST_UNBLOCK_SOURCE), O(IP, MCAST_MSFILTER),
    O(IPV6, IPV6_MULTICAST_IF), O(IPV6, IPV6_ADD_MEMBERSHIP), O(IPV6, IPV6_DROP_MEMBERSHIP), O(IPV6, MCAST_JOIN_GROUP),
    O(IPV6, MCAST_LEAVE_GROUP), O(IPV6, MCAST_JOIN_SOURCE_GROUP), O(IPV6, MCAST_LEAVE_SOURCE_GROUP),
    O(IPV6, MCAST_BLOCK_SOURCE), O(IPV6, MCAST_UNBLOCK_SOURCE), O(IPV6, MCAST_MSFILTER),
},
accompanying[] = {
    O(SOCKET, SO_PRIORITY), O(SOCKET, SO_TIMESTAMPING), O(IP, IP_TOS), O(IP, IP_TTL), O(IPV6, IPV6_HOPLIMIT),
    O(IPV6, IPV6_TCLASS), O(IPV6, IPV6_DONTFRAG), O(UDP, UDP_SEGMENT),
};
/* clang-format on */

/* A value of zeros switches off, or names nothing. */
static bool is_off(const uint8_t *v, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (v[i])
            return false;
    return true;
}

static bool is_in(const struct option_name *table, size_t n, int level, int name)
{
    for (size_t i = 0; i < n; i++)
        if (table[i].level == level && table[i].name == name)
            return true;
    return false;
}

#define IS_IN(table, level, name) is_in(table, ARRAY_LEN(table), level, name)

int egress_setsockopt(struct host_socket *hs, int level, int name, const void *v, size_t len)
{
    bool keep = IS_IN(plain, level, name);

    MUTEX_GUARD(&hs->side->lock);
    if (!keep && !(IS_IN(grouping, level, name) && !hs->side->outside) && !is_off(v, len))
        return -EPERM;
    if (setsockopt(hs->fd, level, name, v, (socklen_t) len) < 0)
        return -errno;
    if (keep)
        egress_keep_option(hs->side, level, name, v, len);
    return 0;
}

bool egress_may_accompany(const struct sock_msg *m, size_t control)
{
    struct cmsg c;
    size_t at = 0;

    while (control && cmsg_next(m->control, control, &at, &c) == 1)
        if (!IS_IN(accompanying, c.level, c.type))
            return false;
    return true;
}
