/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The egress policy: which addresses the guest's Internet sockets may reach. Rules of addresses
 * speak for themselves; rules of names are about the addresses that the configured servers of names
 * have given for them, to questions that went through policy_ask(). Nothing here makes host calls
 * but the log's. All of it may be called from any thread.
 *
 * Some addresses are open to rules of addresses only, never to `all` or a name: those of loopback
 * and of a link, and the host's own, or a name's owner could lead the guest to what listens there.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/netrule.h"
#include "base/util.h"

struct policy;

/* Where a guest wants to go. */
struct destination {
    struct net_addr addr; /* IPv4 as such, never mapped */
    uint16_t port;
    uint8_t protocol; /* NET_TCP or NET_UDP */
    bool own;         /* one of the host's own addresses, or it could not be found out */
};

/* rules, servers: texts, NULL-terminated; servers NULL: none. -EINVAL: one that does not parse. */
int policy_new(const char *const *rules, const char *const *servers, struct policy **ret)
    must_check;
void policy_free(struct policy *p); /* NULL is fine */

/* now: seconds, of a clock that never goes back. */
bool policy_allows(struct policy *p, const struct destination *d, uint64_t now) must_check;
/* Whether a rule allows anything there, at any port by any protocol. */
bool policy_knows(struct policy *p, const struct destination *d, uint64_t now) must_check;
/* A server of names of this sandbox, asked by datagrams. */
bool policy_is_server(const struct policy *p, const struct destination *d);
/* Loopback, a link's, none at all: see above. */
bool policy_is_special(const struct net_addr *a);

/*
 * A datagram of socket `from` on its way to a server of names. 0: it is a question that a rule of
 * names is about; its number has been exchanged for one that nobody outside can know, and the
 * answer is waited for. -EPERM: anything else; the log has it. anything: a rule of addresses allows
 * that server, and nothing is refused.
 */
int policy_ask(struct policy *p, uint64_t from, const struct net_addr *server, uint8_t *bytes,
               size_t n, bool anything, uint64_t now) must_check;
/*
 * A datagram of a server of names that `to` has received: an answer that is waited for is believed,
 * and has its old number again. peek: it will be received once more.
 */
void policy_hear(struct policy *p, uint64_t to, const struct net_addr *server, uint8_t *bytes,
                 size_t n, bool peek, uint64_t now);

/* Says in the log that no rule allows it, and which would; not too often. */
void policy_log_refusal(struct policy *p, const struct destination *d, uint64_t now);
