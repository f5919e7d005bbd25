/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of the domain name system, as far as the egress policy must understand them: one
 * question on its way out, and the addresses an answer gives for it. Strict: what is not understood
 * as a whole is no question and no answer. Sources: RFC 1035 chapter 4, RFC 3596, RFC 6891, RFC
 * 7873.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/netrule.h"
#include "base/util.h"

struct dns_question {
    uint16_t id;
    uint16_t type; /* DNS_A... */
    char name[NET_NAME_MAX];
};

enum { DNS_A = 1, DNS_CNAME = 5, DNS_AAAA = 28, DNS_OPT = 41, DNS_HTTPS = 65 };

#define DNS_ANSWERS_MAX 64 /* addresses taken from one message */
#define DNS_CHAIN_MAX   16 /* names of a chain of aliases */

struct dns_answer {
    struct net_addr addr;
    uint32_t ttl; /* the least of it and of the aliases that lead to it */
};

struct dns_answers {
    struct dns_answer items[DNS_ANSWERS_MAX];
    size_t n;
};

/*
 * A standard query with one question of class IN, about an address, an alias or a service of a host
 * name, and nothing else: no records but EDNS's, in which there is at most a cookie. -EBADMSG.
 */
int dns_parse_question(const uint8_t *bytes, size_t n, struct dns_question *ret) must_check;

/*
 * The answer to q (same number, same question): the addresses of the name, or of the last of the
 * aliases that begin with it. A message without addresses, or one that says it failed, is an answer
 * with n = 0. -ENOMSG: one to another question; -EBADMSG: none at all.
 */
int dns_parse_answer(const uint8_t *bytes, size_t n, const struct dns_question *q,
                     struct dns_answers *ret) must_check;
