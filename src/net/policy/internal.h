/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/mutex.h"
#include "net/policy/dns.h"
#include "net/policy/policy.h"

#define MAX_LEARNED   1024u
#define MAX_QUESTIONS 256u
#define MAX_REFUSALS  64u
#define MAX_SERVERS   8u

/* An address that a server has given for a name. */
struct learned {
    struct net_addr addr;
    uint64_t expires;
    char name[NET_NAME_MAX];
};

/* One that is waited for. */
struct question {
    uint64_t from, asked; /* from 0: a free place */
    struct net_addr server;
    uint16_t guest_id;
    uint8_t wrong; /* answers with other numbers that came meanwhile */
    struct dns_question q;
};

/* What the log has been told lately. */
struct refusal {
    uint64_t key, said;
};

struct policy {
    struct net_rule *rules; /* immutable, as are the servers */
    size_t n_rules, n_servers;
    struct net_addr servers[MAX_SERVERS];
    struct mutex lock;                        /* RANK_LEAF */
    struct learned learned[MAX_LEARNED];      /* [lock] the first n_learned */
    size_t n_learned;                         /* [lock] */
    struct question questions[MAX_QUESTIONS]; /* [lock] a ring */
    size_t next_question;                     /* [lock] */
    struct refusal refusals[MAX_REFUSALS];    /* [lock] by key */
    uint64_t burst, burst_began;              /* [lock] lines of this second */
};

/* refusal.c */
void policy_log_name(struct policy *p, const char *name, uint64_t now);
void policy_log_message(struct policy *p, const struct net_addr *server, uint64_t now);
