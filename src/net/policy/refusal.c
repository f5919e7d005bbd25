/* SPDX-License-Identifier: Apache-2.0 */
/* What the log says of what was refused: one line for each destination a minute, and not too many.
 */
#include <stdio.h>
#include <string.h>

#include "base/htab.h"
#include "base/log.h"
#include "net/policy/internal.h"

#define QUIET      60u /* seconds */
#define PER_SECOND 10u

/* Whether a line about `key` may be written. */
static bool is_news(struct policy *p, uint64_t key, uint64_t now)
{
    struct refusal *r = &p->refusals[hash_u64(key) % MAX_REFUSALS];

    MUTEX_GUARD(&p->lock);
    if (r->said && r->key == key && now < r->said + QUIET)
        return false;
    if (p->burst_began != now) {
        p->burst_began = now;
        p->burst = 0;
    }
    if (p->burst++ >= PER_SECOND)
        return false;
    *r = (struct refusal){key, now ? now : 1};
    return true;
}

/* A name that the address was given for; "" if none. */
static void name_of(struct policy *p, const struct net_addr *a, char ret[static NET_NAME_MAX])
{
    ret[0] = '\0';
    MUTEX_GUARD(&p->lock);
    for (size_t i = 0; i < p->n_learned; i++)
        if (net_addr_equal(&p->learned[i].addr, a)) {
            memcpy(ret, p->learned[i].name, NET_NAME_MAX);
            return;
        }
}

void policy_log_refusal(struct policy *p, const struct destination *d, uint64_t now)
{
    uint8_t key[] = {d->addr.v6, d->protocol, (uint8_t) (d->port >> 8), (uint8_t) d->port};
    char name[NET_NAME_MAX], text[NET_ADDR_TEXT], where[NET_ADDR_TEXT + 4];
    bool udp = d->protocol == NET_UDP, special = d->own || policy_is_special(&d->addr);

    if (!log_enabled(LOG_WARN) ||
        !is_news(p, hash_bytes(key, sizeof(key), hash_bytes(d->addr.bytes, 16, 0)), now))
        return;
    net_addr_format(&d->addr, text, sizeof(text));
    snprintf(where, sizeof(where), d->addr.v6 ? "[%s]" : "%s", text);
    name_of(p, &d->addr, name);
    log_warn("egress: no rule allows %s %s:%u%s%s%s; --allow-net %s:%u%s would",
             udp ? "udp" : "tcp", where, d->port, name[0] ? " (" : "", name, name[0] ? ")" : "",
             name[0] && !special ? name : where, d->port, udp ? "/udp" : "");
}

void policy_log_name(struct policy *p, const char *name, uint64_t now)
{
    if (log_enabled(LOG_WARN) && is_news(p, hash_bytes(name, strlen(name), 1), now))
        log_warn("egress: no rule allows asking for the name %s; --allow-net %s would", name, name);
}

void policy_log_message(struct policy *p, const struct net_addr *server, uint64_t now)
{
    char text[NET_ADDR_TEXT];

    if (log_enabled(LOG_WARN) && is_news(p, hash_bytes(server, sizeof(*server), 2), now))
        log_warn("egress: what was sent to the name server %s is no plain question for an address; "
                 "refused",
                 net_addr_format(server, text, sizeof(text)));
}
