/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/sys/net: settings of the sandbox's network namespace, read below the host's directory,
 * which shows whoever reads his own namespace's. Those that only its kernel has are there when it
 * has them. They are the host side's to set (linux.sysctl). Sources: ip(7), tcp(7), udp(7),
 * ip-sysctl.rst of the kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "fs/proc/internal.h"
#include "kernel/host_facts.h"
#include "kernel/kernel.h"
#include "kernel/links.h"
#include "kernel/vfs/pseudo_names.h"
#include "kernel/vfs/special.h"

#define PATH_MAX_HERE 128
#define TEXT_MAX      4096

/* Interfaces by number, and two names that stand for none: in the context's index. */
#define ALL_LINKS     0u
#define DEFAULT_LINKS 0xfffffu

static int tree(const struct pseudo_ctx *c)
{
    return c->k->host ? c->k->host->net_fd : -1;
}

static bool has(const struct pseudo_ctx *c, const char *path)
{
    struct stat st;
    return tree(c) >= 0 && fstatat(tree(c), path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int show(const struct pseudo_ctx *c, const char *path, struct strbuf *out)
{
    char text[TEXT_MAX];
    if (tree(c) < 0)
        return -ENOENT;
    _cleanup_close_ int fd = openat(tree(c), path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
    if (n < 0)
        return -errno;
    sb_addn(out, text, (size_t) n);
    return 0;
}

/* ---- directories of files ---- */

#define DIRECTORY(dir, path, ...)                                                                  \
    static const char *const dir##_names[] = {__VA_ARGS__, NULL};                                  \
    static bool has_##dir(const struct pseudo_ctx *c, const char *name)                            \
    {                                                                                              \
        char at[PATH_MAX_HERE];                                                                    \
        (void) snprintf(at, sizeof(at), path "/%s", name);                                         \
        return has(c, at);                                                                         \
    }                                                                                              \
    static int show_##dir(const struct pseudo_ctx *c, struct strbuf *out)                          \
    {                                                                                              \
        char at[PATH_MAX_HERE];                                                                    \
        (void) snprintf(at, sizeof(at), path "/%s", dir##_names[INDEX_NAME(c->index)]);            \
        return show(c, at, out);                                                                   \
    }                                                                                              \
    static const struct pseudo_entry dir##_file = PSEUDO_SYSCTL("", 0444, show_##dir);             \
    static const struct pseudo_names dir##_files = {dir##_names, has_##dir, &dir##_file};          \
    static const struct pseudo_entry *find_##dir(struct pseudo_ctx *c, const char *name, size_t n) \
    {                                                                                              \
        return pseudo_names_lookup(&dir##_files, c, name, n);                                      \
    }                                                                                              \
    static int list_##dir(const struct pseudo_ctx *c, uint64_t cursor,                             \
                          bool (*emit)(void *arg, const char *name, uint64_t next), void *arg)     \
    {                                                                                              \
        return pseudo_names_list(&dir##_files, c, cursor, emit, arg);                              \
    }                                                                                              \
    static const struct pseudo_dynamic dir = {.lookup = find_##dir, .list = list_##dir};

/* clang-format off */
DIRECTORY(core, "core",
    "bpf_jit_enable", "busy_poll", "busy_read", "default_qdisc", "netdev_budget", "netdev_max_backlog", "optmem_max",
    "rmem_default", "rmem_max", "somaxconn", "tstamp_allow_data", "txrehash", "wmem_default", "wmem_max")

DIRECTORY(ipv4, "ipv4",
    "fib_multipath_hash_policy", "fwmark_reflect", "icmp_echo_ignore_all", "icmp_echo_ignore_broadcasts",
    "icmp_errors_use_inbound_ifaddr", "icmp_ignore_bogus_error_responses", "icmp_msgs_burst", "icmp_msgs_per_sec",
    "icmp_ratelimit", "icmp_ratemask", "igmp_max_memberships", "igmp_max_msf", "igmp_qrv", "ip_autobind_reuse",
    "ip_default_ttl", "ip_dynaddr", "ip_early_demux", "ip_forward", "ip_forward_use_pmtu", "ip_local_port_range",
    "ip_local_reserved_ports", "ip_no_pmtu_disc", "ip_nonlocal_bind", "ip_unprivileged_port_start", "ipfrag_high_thresh",
    "ipfrag_low_thresh", "ipfrag_time", "ping_group_range", "tcp_abort_on_overflow", "tcp_adv_win_scale",
    "tcp_allowed_congestion_control", "tcp_app_win", "tcp_autocorking", "tcp_available_congestion_control", "tcp_base_mss",
    "tcp_congestion_control", "tcp_dsack", "tcp_early_retrans", "tcp_ecn", "tcp_ecn_fallback", "tcp_fastopen",
    "tcp_fin_timeout", "tcp_frto", "tcp_keepalive_intvl", "tcp_keepalive_probes", "tcp_keepalive_time",
    "tcp_limit_output_bytes", "tcp_low_latency", "tcp_max_orphans", "tcp_max_reordering", "tcp_max_syn_backlog",
    "tcp_max_tw_buckets", "tcp_mem", "tcp_min_rtt_wlen", "tcp_min_snd_mss", "tcp_min_tso_segs", "tcp_moderate_rcvbuf",
    "tcp_mtu_probing", "tcp_no_metrics_save", "tcp_notsent_lowat", "tcp_orphan_retries", "tcp_pacing_ca_ratio",
    "tcp_pacing_ss_ratio", "tcp_probe_interval", "tcp_probe_threshold", "tcp_recovery", "tcp_reordering",
    "tcp_retrans_collapse", "tcp_retries1", "tcp_retries2", "tcp_rfc1337", "tcp_rmem", "tcp_sack",
    "tcp_slow_start_after_idle", "tcp_stdurg", "tcp_syn_retries", "tcp_synack_retries", "tcp_syncookies",
    "tcp_thin_linear_timeouts", "tcp_timestamps", "tcp_tw_reuse", "tcp_window_scaling", "tcp_wmem",
    "tcp_workaround_signed_windows", "udp_early_demux", "udp_mem", "udp_rmem_min", "udp_wmem_min")

DIRECTORY(ipv6, "ipv6",
    "anycast_src_echo_reply", "auto_flowlabels", "bindv6only", "flowlabel_consistency", "flowlabel_reflect",
    "fwmark_reflect", "idgen_delay", "idgen_retries", "ip6frag_high_thresh", "ip6frag_low_thresh", "ip6frag_time",
    "ip_nonlocal_bind", "max_dst_opts_length", "max_dst_opts_number", "max_hbh_length", "max_hbh_opts_number",
    "mld_max_msf", "mld_qrv")
/* clang-format on */

static int show_dgram_qlen(const struct pseudo_ctx *c unused_, struct strbuf *out)
{
    sb_addf(out, "%u\n", KERNEL_UNIX_DGRAM_BACKLOG); /* unix sockets are the sentry's own */
    return 0;
}

/* ---- one directory for each interface ---- */

static const char *link_name(const struct pseudo_ctx *c, struct link_info *room)
{
    const uint32_t index = INDEX_NUMBER(c->index);
    if (index == ALL_LINKS)
        return "all";
    if (index == DEFAULT_LINKS)
        return "default";
    return c->k->specials->links->by_index(index, room) < 0 ? NULL : room->name;
}

static bool has_of_link(const struct pseudo_ctx *c, const char *family, const char *name)
{
    char at[PATH_MAX_HERE];
    struct link_info l;
    const char *link = link_name(c, &l);
    if (!link)
        return false;
    (void) snprintf(at, sizeof(at), "%s/conf/%s/%s", family, link, name);
    return has(c, at);
}

static int show_of_link(const struct pseudo_ctx *c, const char *family, const char *name,
                        struct strbuf *out)
{
    char at[PATH_MAX_HERE];
    struct link_info l;
    const char *link = link_name(c, &l);
    if (!link)
        return -ENOENT;
    (void) snprintf(at, sizeof(at), "%s/conf/%s/%s", family, link, name);
    return show(c, at, out);
}

static int list_links(const struct pseudo_ctx *c, uint64_t cursor,
                      bool (*emit)(void *arg, const char *name, uint64_t next), void *arg)
{
    struct link_info l;
    if (cursor < 1 && !emit(arg, "all", 1))
        return 0;
    if (cursor < 2 && !emit(arg, "default", 2))
        return 0;
    for (uint32_t at = cursor < 2 ? 0 : (uint32_t) cursor - 2;
         c->k->specials->links->after(at, &l) == 0; at = l.index)
        if (!emit(arg, l.name, (uint64_t) l.index + 2))
            break;
    return 0;
}

static bool find_link(struct pseudo_ctx *c, const char *name, size_t len)
{
    struct link_info l;
    if (len == 3 && memcmp(name, "all", len) == 0)
        c->index = ALL_LINKS;
    else if (len == 7 && memcmp(name, "default", len) == 0)
        c->index = DEFAULT_LINKS;
    else if (c->k->specials->links->by_name(name, len, &l) == 0 && l.index < DEFAULT_LINKS)
        c->index = l.index;
    else
        return false;
    return true;
}

static int link_is_there(const struct pseudo_ctx *c)
{
    struct link_info l;
    return link_name(c, &l) ? 0 : -ENOENT;
}

#define LINKS(dir, family, ...)                                                                    \
    static const char *const dir##_names[] = {__VA_ARGS__, NULL};                                  \
    static bool has_##dir(const struct pseudo_ctx *c, const char *name)                            \
    {                                                                                              \
        return has_of_link(c, family, name);                                                       \
    }                                                                                              \
    static int show_##dir(const struct pseudo_ctx *c, struct strbuf *out)                          \
    {                                                                                              \
        return show_of_link(c, family, dir##_names[INDEX_NAME(c->index)], out);                    \
    }                                                                                              \
    static const struct pseudo_entry dir##_file = PSEUDO_SYSCTL("", 0444, show_##dir);             \
    static const struct pseudo_names dir##_files = {dir##_names, has_##dir, &dir##_file};          \
    static const struct pseudo_entry *find_##dir(struct pseudo_ctx *c, const char *name, size_t n) \
    {                                                                                              \
        return pseudo_names_lookup(&dir##_files, c, name, n);                                      \
    }                                                                                              \
    static int list_##dir(const struct pseudo_ctx *c, uint64_t cursor,                             \
                          bool (*emit)(void *arg, const char *name, uint64_t next), void *arg)     \
    {                                                                                              \
        return pseudo_names_list(&dir##_files, c, cursor, emit, arg);                              \
    }                                                                                              \
    static const struct pseudo_dynamic dir##_in = {.lookup = find_##dir, .list = list_##dir};      \
    static const struct pseudo_entry dir##_one = {.name = "",                                      \
                                                  .mode = LX_S_IFDIR | 0555,                       \
                                                  .dynamic = &dir##_in,                            \
                                                  .exists = link_is_there};                        \
    static const struct pseudo_entry *find_in_##dir(struct pseudo_ctx *c, const char *name,        \
                                                    size_t n)                                      \
    {                                                                                              \
        return find_link(c, name, n) ? &dir##_one : NULL;                                          \
    }                                                                                              \
    static const struct pseudo_dynamic dir = {.lookup = find_in_##dir, .list = list_links};

/* clang-format off */
LINKS(conf4, "ipv4",
    "accept_local", "accept_redirects", "accept_source_route", "arp_accept", "arp_announce", "arp_filter", "arp_ignore",
    "arp_notify", "bootp_relay", "disable_policy", "disable_xfrm", "force_igmp_version", "forwarding", "log_martians",
    "mc_forwarding", "medium_id", "promote_secondaries", "proxy_arp", "proxy_arp_pvlan", "route_localnet", "rp_filter",
    "secure_redirects", "send_redirects", "shared_media", "src_valid_mark", "tag")

LINKS(conf6, "ipv6",
    "accept_dad", "accept_ra", "accept_ra_defrtr", "accept_ra_pinfo", "accept_redirects", "accept_source_route",
    "addr_gen_mode", "autoconf", "dad_transmits", "disable_ipv6", "disable_policy", "enhanced_dad", "forwarding",
    "hop_limit", "keep_addr_on_down", "max_addresses", "mc_forwarding", "mtu", "ndisc_notify", "optimistic_dad",
    "proxy_ndp", "router_solicitations", "seg6_enabled", "temp_prefered_lft", "temp_valid_lft", "use_oif_addrs_only",
    "use_tempaddr")
/* clang-format on */

static int have_ipv6(const struct pseudo_ctx *c)
{
    return has(c, "ipv6") ? 0 : -ENOENT;
}

static const struct pseudo_entry ipv4_table[] = {
    {.name = "conf", .mode = LX_S_IFDIR | 0555, .dynamic = &conf4},
    {0},
};
static const struct pseudo_entry ipv6_table[] = {
    {.name = "conf", .mode = LX_S_IFDIR | 0555, .dynamic = &conf6},
    {0},
};
static const struct pseudo_entry unix_table[] = {
    PSEUDO_SYSCTL("max_dgram_qlen", 0444, show_dgram_qlen),
    {0},
};

const struct pseudo_entry proc_sys_net_table[] = {
    {.name = "core", .mode = LX_S_IFDIR | 0555, .dynamic = &core},
    {.name = "ipv4", .mode = LX_S_IFDIR | 0555, .children = ipv4_table, .dynamic = &ipv4},
    {.name = "ipv6",
     .mode = LX_S_IFDIR | 0555,
     .children = ipv6_table,
     .dynamic = &ipv6,
     .exists = have_ipv6},
    PSEUDO_DIR("unix", 0555, unix_table),
    {0},
};
