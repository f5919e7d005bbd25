/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/PID/net: proc_pid_net(5). Interfaces, routes and Internet sockets are the host's, in the
 * sandbox's own network namespace, so their tables are the host's as the sentry sees them there;
 * unix sockets are ours.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "fs/proc/internal.h"
#include "kernel/vfs/special.h"

static int show_host(const char *file, struct strbuf *out)
{
    _cleanup_free_ char *text = NULL;
    int r = proc_host_text(getpid(), file, &text);
    if (r == 0)
        sb_add(out, text);
    return r;
}

static int show_unix(const struct pseudo_ctx *c, struct strbuf *out)
{
    sb_add(out, "Num       RefCount Protocol Flags    Type St Inode Path\n");
    return c->k->specials->unix_show(c->k, out);
}

/* clang-format off */
#define HOST_TABLES(X) \
    X(arp) X(dev) X(dev_mcast) X(fib_trie) X(fib_triestat) X(icmp) X(icmp6) X(if_inet6) X(igmp) X(igmp6) \
    X(ipv6_route) X(netlink) X(netstat) X(packet) X(ptype) X(raw) X(raw6) X(route) X(snmp) X(snmp6) \
    X(sockstat) X(sockstat6) X(tcp) X(tcp6) X(udp) X(udp6) X(udplite) X(udplite6)
/* clang-format on */

#define SHOW(name)                                                                 \
    static int show_##name(const struct pseudo_ctx *c unused_, struct strbuf *out) \
    {                                                                              \
        return show_host("net/" #name, out);                                       \
    }
HOST_TABLES(SHOW)

#define ENTRY(name) PSEUDO_FILE(#name, 0444, show_##name),
const struct pseudo_entry proc_net_table[] = {
    HOST_TABLES(ENTRY) PSEUDO_FILE("unix", 0444, show_unix),
    {0},
};
