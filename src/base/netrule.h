/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rule of the egress policy, as text and as a value:
 *
 *     HOST[:PORTS][/tcp|/udp]
 *
 * HOST is an IPv4 address or network (10.0.0.0/8), an IPv6 one in brackets ([2001:db8::]/32; the
 * brackets may be left out where no ports follow), a name, *.NAME for all names below it, or `all`.
 * PORTS is a number or a range A-B; none: all. No protocol: both.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/util.h"

#define NET_NAME_MAX 254 /* with the NUL: RFC 1035, 2.3.4, without the last dot */

/* An address: of IPv4 the first four bytes count and the others are zero. */
struct net_addr {
    bool v6;
    uint8_t bytes[16];
};

enum { NET_TCP = 1, NET_UDP = 2 };

enum net_rule_kind {
    NET_RULE_ALL,     /* every address but those that need a rule of their own: net/policy */
    NET_RULE_ADDRESS, /* those that agree in the first `prefix` bits; prefix is not 0 */
    NET_RULE_NAME,    /* what `name` resolves to */
    NET_RULE_DOMAIN,  /* what any name below `name` resolves to */
};

struct net_rule {
    enum net_rule_kind kind;
    bool one_family; /* NET_RULE_ALL: only addresses of addr.v6 (0.0.0.0/0, ::/0) */
    struct net_addr addr;
    uint8_t prefix;
    char name[NET_NAME_MAX]; /* small letters, no dot at the end */
    uint16_t first, last;    /* ports */
    uint8_t protocols;       /* NET_TCP | NET_UDP */
};

/* 0, or -EINVAL with the reason in why: what is wrong with which part of the text. */
int net_rule_parse(const char *text, struct net_rule *ret, char *why, size_t cap) must_check;
/* The whole text; -EINVAL. IPv4 in four decimal parts, IPv6 without a zone; mapped ones stay IPv6.
 */
int net_addr_parse(const char *text, struct net_addr *ret) must_check;
/* ::ffff:a.b.c.d becomes a.b.c.d. */
void net_addr_unmap(struct net_addr *a);
bool net_addr_equal(const struct net_addr *a, const struct net_addr *b);
/* Of one family, and the first `prefix` bits agree. */
bool net_addr_in(const struct net_addr *a, const struct net_addr *network, unsigned prefix);

#define NET_ADDR_TEXT 48
const char *net_addr_format(const struct net_addr *a, char *buf, size_t cap);

/* n bytes of text as a name: small letters in ret, a last dot dropped. -EINVAL: empty or too long
 * labels, characters no host name has (an underscore is let through, as resolvers do). */
int net_name_normal(const char *text, size_t n, char ret[static NET_NAME_MAX]) must_check;
/* Whether a rule of a name is about this (normal) name. */
bool net_rule_names(const struct net_rule *r, const char *name);
