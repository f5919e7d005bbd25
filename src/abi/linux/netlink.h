/* SPDX-License-Identifier: Apache-2.0 */
/* Netlink as the guest sees it: netlink(7), rtnetlink(7), sock_diag(7). */
#pragma once

#include <stdint.h>

enum {
    LX_NETLINK_ROUTE = 0,
    LX_NETLINK_SOCK_DIAG = 4,
    LX_NETLINK_AUDIT = 9,
    LX_NETLINK_KOBJECT_UEVENT = 15,
    LX_NETLINK_MAX = 32, /* protocols are below */
};

#define LX_SOL_NETLINK 270

enum { /* level SOL_NETLINK */
       LX_NETLINK_ADD_MEMBERSHIP = 1,
       LX_NETLINK_DROP_MEMBERSHIP = 2,
       LX_NETLINK_PKTINFO = 3,
       LX_NETLINK_BROADCAST_ERROR = 4,
       LX_NETLINK_NO_ENOBUFS = 5,
       LX_NETLINK_LIST_MEMBERSHIPS = 9,
       LX_NETLINK_CAP_ACK = 10,
       LX_NETLINK_EXT_ACK = 11,
       LX_NETLINK_GET_STRICT_CHK = 12,
};

struct lx_sockaddr_nl {
    uint16_t family, pad;
    uint32_t pid, groups;
};

struct lx_nlmsghdr {
    uint32_t len; /* of the message, this header included */
    uint16_t type, flags;
    uint32_t seq, pid;
};

#define LX_NLMSG_ALIGN(n) (((n) + 3u) & ~3u)

enum { /* types of NETLINK_ROUTE that ask and change nothing */
       LX_RTM_GETLINK = 18,
       LX_RTM_GETADDR = 22,
       LX_RTM_GETROUTE = 26,
       LX_RTM_GETNEIGH = 30,
       LX_RTM_GETRULE = 34,
       LX_RTM_GETQDISC = 38,
       LX_RTM_GETANYCAST = 62,
       LX_RTM_GETMULTICAST = 58,
       LX_RTM_GETNEIGHTBL = 66,
       LX_RTM_GETADDRLABEL = 74,
       LX_RTM_GETNETCONF = 82,
       LX_RTM_GETNSID = 90,
       LX_RTM_GETSTATS = 94,
       LX_RTM_GETNEXTHOP = 106,
};

enum { LX_SOCK_DIAG_BY_FAMILY = 20 };
