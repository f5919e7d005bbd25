/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets as the x86-64 guest sees them: socket(2), socket(7), unix(7), send(2), recv(2). */
#pragma once

#include <stdint.h>

enum {
    LX_AF_UNSPEC = 0,
    LX_AF_UNIX = 1,
    LX_AF_INET = 2,
    LX_AF_INET6 = 10,
    LX_AF_NETLINK = 16,
    LX_AF_PACKET = 17,
    LX_AF_MAX = 46
};

enum {
    LX_SOCK_STREAM = 1,
    LX_SOCK_DGRAM = 2,
    LX_SOCK_RAW = 3,
    LX_SOCK_RDM = 4,
    LX_SOCK_SEQPACKET = 5,
    LX_SOCK_DCCP = 6,
    LX_SOCK_PACKET = 10,
    LX_SOCK_MAX = 11,
    LX_SOCK_TYPE_MASK = 0xf,
};
#define LX_SOCK_NONBLOCK 04000u
#define LX_SOCK_CLOEXEC  02000000u

#define LX_SOMAXCONN 4096u /* /proc/sys/net/core/somaxconn */

enum { LX_SHUT_RD = 0, LX_SHUT_WR = 1, LX_SHUT_RDWR = 2 };

#define LX_MSG_OOB          0x1u
#define LX_MSG_PEEK         0x2u
#define LX_MSG_DONTROUTE    0x4u
#define LX_MSG_CTRUNC       0x8u
#define LX_MSG_TRUNC        0x20u
#define LX_MSG_DONTWAIT     0x40u
#define LX_MSG_EOR          0x80u
#define LX_MSG_WAITALL      0x100u
#define LX_MSG_CONFIRM      0x800u
#define LX_MSG_ERRQUEUE     0x2000u
#define LX_MSG_NOSIGNAL     0x4000u
#define LX_MSG_MORE         0x8000u
#define LX_MSG_WAITFORONE   0x10000u
#define LX_MSG_FASTOPEN     0x20000000u
#define LX_MSG_CMSG_CLOEXEC 0x40000000u
#define LX_MSG_CMSG_COMPAT  0x80000000u

enum {
    LX_SOL_IP = 0,
    LX_SOL_SOCKET = 1,
    LX_SOL_TCP = 6,
    LX_SOL_UDP = 17,
    LX_SOL_IPV6 = 41,
    LX_SOL_ICMPV6 = 58,
    LX_SOL_UDPLITE = 136,
};

enum { /* level SOL_SOCKET */
       LX_SO_DEBUG = 1,
       LX_SO_REUSEADDR = 2,
       LX_SO_TYPE = 3,
       LX_SO_ERROR = 4,
       LX_SO_DONTROUTE = 5,
       LX_SO_BROADCAST = 6,
       LX_SO_SNDBUF = 7,
       LX_SO_RCVBUF = 8,
       LX_SO_KEEPALIVE = 9,
       LX_SO_OOBINLINE = 10,
       LX_SO_NO_CHECK = 11,
       LX_SO_PRIORITY = 12,
       LX_SO_LINGER = 13,
       LX_SO_BSDCOMPAT = 14,
       LX_SO_REUSEPORT = 15,
       LX_SO_PASSCRED = 16,
       LX_SO_PEERCRED = 17,
       LX_SO_RCVLOWAT = 18,
       LX_SO_SNDLOWAT = 19,
       LX_SO_RCVTIMEO = 20,
       LX_SO_SNDTIMEO = 21,
       LX_SO_BINDTODEVICE = 25,
       LX_SO_DETACH_FILTER = 27,
       LX_SO_PEERNAME = 28,
       LX_SO_TIMESTAMP = 29,
       LX_SO_ACCEPTCONN = 30,
       LX_SO_PEERSEC = 31,
       LX_SO_SNDBUFFORCE = 32,
       LX_SO_RCVBUFFORCE = 33,
       LX_SO_PASSSEC = 34,
       LX_SO_TIMESTAMPNS = 35,
       LX_SO_MARK = 36,
       LX_SO_TIMESTAMPING = 37,
       LX_SO_PROTOCOL = 38,
       LX_SO_DOMAIN = 39,
       LX_SO_RXQ_OVFL = 40,
       LX_SO_WIFI_STATUS = 41,
       LX_SO_PEEK_OFF = 42,
       LX_SO_NOFCS = 43,
       LX_SO_LOCK_FILTER = 44,
       LX_SO_SELECT_ERR_QUEUE = 45,
       LX_SO_BUSY_POLL = 46,
       LX_SO_MAX_PACING_RATE = 47,
       LX_SO_BPF_EXTENSIONS = 48,
       LX_SO_INCOMING_CPU = 49,
       LX_SO_CNX_ADVICE = 53,
       LX_SO_MEMINFO = 55,
       LX_SO_INCOMING_NAPI_ID = 56,
       LX_SO_COOKIE = 57,
       LX_SO_PEERGROUPS = 59,
       LX_SO_ZEROCOPY = 60,
       LX_SO_TXTIME = 61,
       LX_SO_BINDTOIFINDEX = 62,
       LX_SO_TIMESTAMP_NEW = 63,
       LX_SO_TIMESTAMPNS_NEW = 64,
       LX_SO_TIMESTAMPING_NEW = 65,
       LX_SO_RCVTIMEO_NEW = 66,
       LX_SO_SNDTIMEO_NEW = 67,
       LX_SO_PREFER_BUSY_POLL = 69,
       LX_SO_BUSY_POLL_BUDGET = 70,
       LX_SO_NETNS_COOKIE = 71,
       LX_SO_BUF_LOCK = 72,
       LX_SO_TXREHASH = 74,
       LX_SO_RCVMARK = 75,
       LX_SO_PEERPIDFD = 77,
};

enum { LX_SCM_RIGHTS = 1, LX_SCM_CREDENTIALS = 2 };
#define LX_SCM_MAX_FD 253

#define LX_SIOCOUTQ     0x5411u
#define LX_SIOCINQ      0x541bu
#define LX_FIOSETOWN    0x8901u
#define LX_SIOCSPGRP    0x8902u
#define LX_FIOGETOWN    0x8903u
#define LX_SIOCGPGRP    0x8904u
#define LX_SIOCATMARK   0x8905u
#define LX_SIOCGSTAMP   0x8906u
#define LX_SIOCGSTAMPNS 0x8907u
#define LX_SIOCOUTQNSD  0x894bu
#define LX_SIOCUNIXFILE 0x89e0u

struct lx_ucred {
    int32_t pid;
    uint32_t uid, gid;
};

struct lx_linger {
    int32_t onoff, linger;
};

struct lx_msghdr {
    uint64_t name;
    int32_t namelen, pad;
    uint64_t iov, iovlen;
    uint64_t control, controllen;
    uint32_t flags, pad2;
};
_Static_assert(sizeof(struct lx_msghdr) == 56, "struct msghdr");

struct lx_mmsghdr {
    struct lx_msghdr hdr;
    uint32_t len, pad;
};
_Static_assert(sizeof(struct lx_mmsghdr) == 64, "struct mmsghdr");

/* Followed by its data; the next one begins at a multiple of 8. */
struct lx_cmsghdr {
    uint64_t len; /* with this header */
    int32_t level, type;
};
#define LX_CMSG_LEN(n)   (sizeof(struct lx_cmsghdr) + (n))
#define LX_CMSG_SPACE(n) ((LX_CMSG_LEN(n) + 7) & ~(uint64_t) 7)

/* Any address: struct sockaddr_storage. */
#define LX_SOCKADDR_MAX 128
#define LX_UN_PATH_MAX  108

struct lx_sockaddr_un {
    uint16_t family;
    char path[LX_UN_PATH_MAX];
};
_Static_assert(sizeof(struct lx_sockaddr_un) == 110, "struct sockaddr_un");
#define LX_UN_PATH_AT 2 /* offset of the path */
