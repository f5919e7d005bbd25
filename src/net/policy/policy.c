/* SPDX-License-Identifier: Apache-2.0 */
/* Rules, and what has been learned of names: see policy.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "net/policy/internal.h"

#define DNS_PORT 53

/*
 * Programs keep addresses for longer than a name's owner says, and the owner may say 0; so they
 * stay open for ten minutes at least, and for a day at most.
 */
#define TTL_MIN 600u
#define TTL_MAX 86400u

#define ANSWER_TIME 30u /* seconds for which an answer is waited for */
#define MAX_WRONG   8u  /* guesses at a number of 16 bits */

/* ---- making one ---- */

/* Who opens the way to one address, for what is asked of servers of names, calls it one. */
static bool is_server_rule(const struct net_rule *r)
{
    return r->kind == NET_RULE_ADDRESS && r->prefix == (r->addr.v6 ? 128 : 32) &&
           r->first == DNS_PORT && r->last == DNS_PORT && (r->protocols & NET_UDP);
}

static int read_rules(struct policy *p, const char *const *texts)
{
    char why[128];
    size_t n = 0;

    while (texts[n])
        n++;
    p->rules = calloc(n ? n : 1, sizeof(*p->rules));
    if (!p->rules)
        return -ENOMEM;
    for (; p->n_rules < n; p->n_rules++) {
        struct net_rule *r = &p->rules[p->n_rules];

        if (net_rule_parse(texts[p->n_rules], r, why, sizeof(why)) < 0)
            return -EINVAL;
        if (is_server_rule(r) && p->n_servers < MAX_SERVERS)
            p->servers[p->n_servers++] = r->addr;
    }
    return 0;
}

static int read_servers(struct policy *p, const char *const *texts)
{
    for (; texts && *texts; texts++) {
        struct net_addr a;

        if (net_addr_parse(*texts, &a) < 0)
            return -EINVAL;
        net_addr_unmap(&a);
        if (p->n_servers < MAX_SERVERS)
            p->servers[p->n_servers++] = a;
    }
    return 0;
}

int policy_new(const char *const *rules, const char *const *servers, struct policy **ret)
{
    struct policy *p = calloc(1, sizeof(*p));
    int r;

    if (!p)
        return -ENOMEM;
    mutex_init(&p->lock, RANK_LEAF);
    r = read_rules(p, rules);
    if (r == 0)
        r = read_servers(p, servers);
    if (r < 0) {
        policy_free(p);
        return r;
    }
    *ret = p;
    return 0;
}

void policy_free(struct policy *p)
{
    if (!p)
        return;
    free(p->rules);
    free(p);
}

/* ---- asking it ---- */

bool policy_is_special(const struct net_addr *a)
{
    static const struct {
        struct net_addr network;
        unsigned prefix;
    } special[] = {
        {{false, {0}}, 8},         {{false, {127}}, 8},
        {{false, {169, 254}}, 16}, {{false, {255, 255, 255, 255}}, 32},
        {{true, {0}}, 96},         {{true, {0xfe, 0x80}}, 10},
    };

    for (size_t i = 0; i < ARRAY_LEN(special); i++)
        if (net_addr_in(a, &special[i].network, special[i].prefix))
            return true;
    return false;
}

bool policy_is_server(const struct policy *p, const struct destination *d)
{
    if (d->protocol != NET_UDP || d->port != DNS_PORT)
        return false;
    for (size_t i = 0; i < p->n_servers; i++)
        if (net_addr_equal(&p->servers[i], &d->addr))
            return true;
    return false;
}

/* lock held */
static bool is_learned(const struct policy *p, const struct net_rule *r, const struct net_addr *a,
                       uint64_t now)
{
    for (size_t i = 0; i < p->n_learned; i++) {
        const struct learned *l = &p->learned[i];

        if (l->expires > now && net_addr_equal(&l->addr, a) && net_rule_names(r, l->name))
            return true;
    }
    return false;
}

/* lock held */
static bool covers(const struct policy *p, const struct net_rule *r, const struct destination *d,
                   uint64_t now)
{
    /* A server of names is the user's own choice, wherever it is. */
    bool special = (d->own || policy_is_special(&d->addr)) && !policy_is_server(p, d);

    switch (r->kind) {
    case NET_RULE_ADDRESS:
        return net_addr_in(&d->addr, &r->addr, r->prefix);
    case NET_RULE_ALL:
        return !special && (!r->one_family || r->addr.v6 == d->addr.v6);
    case NET_RULE_NAME:
    case NET_RULE_DOMAIN:
        return !special && is_learned(p, r, &d->addr, now);
    }
    return false;
}

bool policy_allows(struct policy *p, const struct destination *d, uint64_t now)
{
    MUTEX_GUARD(&p->lock);
    for (size_t i = 0; i < p->n_rules; i++) {
        const struct net_rule *r = &p->rules[i];

        if ((r->protocols & d->protocol) && d->port >= r->first && d->port <= r->last &&
            covers(p, r, d, now))
            return true;
    }
    return false;
}

bool policy_knows(struct policy *p, const struct destination *d, uint64_t now)
{
    MUTEX_GUARD(&p->lock);
    for (size_t i = 0; i < p->n_rules; i++)
        if (covers(p, &p->rules[i], d, now))
            return true;
    return false;
}

/* ---- names ---- */

static bool is_name_of_rule(const struct policy *p, const char *name)
{
    for (size_t i = 0; i < p->n_rules; i++)
        if (net_rule_names(&p->rules[i], name))
            return true;
    return false;
}

int policy_ask(struct policy *p, uint64_t from, const struct net_addr *server, uint8_t *bytes,
               size_t n, bool anything, uint64_t now)
{
    struct question q = {.from = from, .asked = now, .server = *server};
    uint16_t id;

    if (dns_parse_question(bytes, n, &q.q) < 0) {
        if (anything)
            return 0;
        policy_log_message(p, server, now);
        return -EPERM;
    }
    if (!is_name_of_rule(p, q.q.name)) {
        if (anything)
            return 0;
        policy_log_name(p, q.q.name, now);
        return -EPERM;
    }
    if (getrandom(&id, sizeof(id), 0) != sizeof(id))
        return -EPERM;
    q.guest_id = q.q.id;
    q.q.id = id;
    bytes[0] = (uint8_t) (id >> 8);
    bytes[1] = (uint8_t) id;
    MUTEX_GUARD(&p->lock);
    p->questions[p->next_question++ % MAX_QUESTIONS] = q;
    return 0;
}

/* lock held. The place of the same pair, a new one, or that of the first to expire. */
static void learn(struct policy *p, const struct dns_answer *a, const char *name, uint64_t now)
{
    struct learned *best = &p->learned[0];
    uint64_t expires = now + MAX(TTL_MIN, MIN(a->ttl, TTL_MAX));

    for (size_t i = 0; i < p->n_learned; i++) {
        struct learned *l = &p->learned[i];

        if (net_addr_equal(&l->addr, &a->addr) && strcmp(l->name, name) == 0) {
            l->expires = MAX(l->expires, expires);
            return;
        }
        if (l->expires < best->expires)
            best = l;
    }
    if (p->n_learned < MAX_LEARNED)
        best = &p->learned[p->n_learned++];
    best->addr = a->addr;
    best->expires = expires;
    memcpy(best->name, name, sizeof(best->name));
}

/* lock held. Somebody guesses: after some tries at one question none is believed any more. */
static void count_wrong(struct policy *p, uint64_t to)
{
    for (size_t i = 0; i < MAX_QUESTIONS; i++)
        if (p->questions[i].from == to && ++p->questions[i].wrong > MAX_WRONG)
            p->questions[i].from = 0;
}

/* lock held; NULL: to no question of this socket */
static struct question *find_question(struct policy *p, uint64_t to, const struct net_addr *server,
                                      const uint8_t *bytes, size_t n, struct dns_answers *ret,
                                      uint64_t now)
{
    for (size_t i = 0; i < MAX_QUESTIONS; i++) {
        struct question *q = &p->questions[i];

        if (q->from == to && q->asked + ANSWER_TIME >= now && net_addr_equal(&q->server, server) &&
            dns_parse_answer(bytes, n, &q->q, ret) == 0)
            return q;
    }
    return NULL;
}

void policy_hear(struct policy *p, uint64_t to, const struct net_addr *server, uint8_t *bytes,
                 size_t n, bool peek, uint64_t now)
{
    struct dns_answers answers;
    struct question *q;

    MUTEX_GUARD(&p->lock);
    q = find_question(p, to, server, bytes, n, &answers, now);
    if (!q) {
        count_wrong(p, to);
        return;
    }
    bytes[0] = (uint8_t) (q->guest_id >> 8);
    bytes[1] = (uint8_t) q->guest_id;
    for (size_t i = 0; i < answers.n; i++)
        learn(p, &answers.items[i], q->q.name, now);
    if (!peek)
        q->from = 0;
}
