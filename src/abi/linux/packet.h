/* SPDX-License-Identifier: Apache-2.0 */
/* Raw and packet sockets: raw(7), icmp(7), ipv6(7), packet(7). */
#pragma once

enum { /* levels of their options */
       LX_SOL_RAW = 255,
       LX_SOL_PACKET = 263,
};

enum { LX_SO_ATTACH_FILTER = 26 }; /* level SOL_SOCKET */

enum {
    LX_IP_HDRINCL = 3,    /* SOL_IP */
    LX_ICMP_FILTER = 1,   /* SOL_RAW */
    LX_IPV6_CHECKSUM = 7, /* SOL_IPV6, SOL_RAW */
    LX_IPV6_HDRINCL = 36, /* SOL_IPV6 */
    LX_ICMP6_FILTER = 1,  /* SOL_ICMPV6 */
};

enum { /* level SOL_PACKET */
       LX_PACKET_ADD_MEMBERSHIP = 1,
       LX_PACKET_DROP_MEMBERSHIP = 2,
       LX_PACKET_STATISTICS = 6,
       LX_PACKET_AUXDATA = 8,
       LX_PACKET_ORIGDEV = 9,
       LX_PACKET_IGNORE_OUTGOING = 23,
};
