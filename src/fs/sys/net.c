/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network interfaces: see net.h. All are shown as virtual ones: hardware is not told of. What may
 * be set on Linux by the privileged is the host's business, as for a namespace that belongs to
 * another user namespace: EPERM. Source: sysfs-class-net of the kernel.
 */
#include "fs/sys/net.h"

#include <errno.h>
#include <stdio.h>

#include "abi/linux/stat.h"
#include "kernel/kernel.h"
#include "kernel/links.h"
#include "kernel/vfs/special.h"

static const struct link_ops *links_of(const struct pseudo_ctx *c)
{
    return c->k->specials->links;
}

/* ---- files: the number of the interface is the context's index ---- */

static int link_of(const struct pseudo_ctx *c, struct link_info *ret)
{
    return links_of(c)->by_index(c->index, ret);
}

static int refuse(const struct pseudo_ctx *c unused_, const char *text unused_, size_t n unused_)
{
    return -EPERM;
}

#define SHOW(name, format, value)                                          \
    static int show_##name(const struct pseudo_ctx *c, struct strbuf *out) \
    {                                                                      \
        struct link_info l;                                                \
        int r = link_of(c, &l);                                            \
        if (r == 0)                                                        \
            sb_addf(out, format "\n", value);                              \
        return r;                                                          \
    }
SHOW(addr_len, "%u", (unsigned) l.address_len)
SHOW(carrier_changes, "%u", l.carrier_changes)
SHOW(carrier_down_count, "%u", l.carrier_downs)
SHOW(carrier_up_count, "%u", l.carrier_ups)
SHOW(flags, "0x%x", l.flags)
SHOW(ifindex, "%u", l.index)
SHOW(iflink, "%u", l.iflink)
SHOW(link_mode, "%u", (unsigned) l.mode)
SHOW(mtu, "%u", l.mtu)
SHOW(netdev_group, "%u", l.group)
SHOW(proto_down, "%d", l.proto_down)
SHOW(tx_queue_len, "%u", l.tx_queue_len)
SHOW(type, "%u", (unsigned) l.type)

static int show_uevent(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct link_info l;
    int r = link_of(c, &l);
    if (r == 0)
        sb_addf(out, "INTERFACE=%s\nIFINDEX=%u\n", l.name, l.index);
    return r;
}

static int show_alias(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct link_info l;
    int r = link_of(c, &l);
    if (r == 0 && l.alias[0])
        sb_addf(out, "%s\n", l.alias);
    return r;
}

static void show_bytes(const uint8_t *v, size_t n, struct strbuf *out)
{
    for (size_t i = 0; i < n; i++)
        sb_addf(out, i ? ":%02x" : "%02x", v[i]);
    sb_add(out, "\n");
}

static int show_address(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct link_info l;
    int r = link_of(c, &l);
    if (r == 0)
        show_bytes(l.address, l.address_len, out);
    return r;
}

static int show_broadcast(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct link_info l;
    int r = link_of(c, &l);
    if (r == 0)
        show_bytes(l.broadcast, l.address_len, out);
    return r;
}

/* An interface that is down has no carrier to ask about. */
static int show_carrier(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct link_info l;
    int r = link_of(c, &l);
    if (r == 0 && !l.running)
        r = -EINVAL;
    if (r == 0)
        sb_addf(out, "%d\n", l.carrier);
    return r;
}

static const char *const operstates[] = {"unknown", "notpresent", "down", "lowerlayerdown",
                                         "testing", "dormant",    "up"};
enum { TESTING = 4, DORMANT = 5 };

static int show_operstate(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct link_info l;
    int r = link_of(c, &l);
    if (r == 0 && l.operstate >= ARRAY_LEN(operstates))
        r = -EINVAL;
    if (r == 0)
        sb_addf(out, "%s\n", operstates[l.operstate]);
    return r;
}

static int show_state(const struct pseudo_ctx *c, struct strbuf *out, uint8_t state)
{
    struct link_info l;
    int r = link_of(c, &l);
    if (r == 0 && !l.running)
        r = -EINVAL;
    if (r == 0)
        sb_addf(out, "%d\n", l.operstate == state);
    return r;
}

static int show_dormant(const struct pseudo_ctx *c, struct strbuf *out)
{
    return show_state(c, out, DORMANT);
}

static int show_testing(const struct pseudo_ctx *c, struct strbuf *out)
{
    return show_state(c, out, TESTING);
}

static int ask_speed(const struct pseudo_ctx *c, int32_t *ret_speed, int *ret_duplex)
{
    struct link_info l;
    int r = link_of(c, &l);
    return r < 0                                                             ? r
           : !l.running || links_of(c)->speed(&l, ret_speed, ret_duplex) < 0 ? -EINVAL
                                                                             : 0;
}

static int show_speed(const struct pseudo_ctx *c, struct strbuf *out)
{
    int32_t speed;
    int duplex, r = ask_speed(c, &speed, &duplex);
    if (r == 0)
        sb_addf(out, "%d\n", speed);
    return r;
}

static int show_duplex(const struct pseudo_ctx *c, struct strbuf *out)
{
    int32_t speed;
    int duplex, r = ask_speed(c, &speed, &duplex);
    if (r == 0)
        sb_addf(out, "%s\n", duplex < 0 ? "unknown" : duplex ? "full" : "half");
    return r;
}

static ssize_t subsystem_link(const struct pseudo_ctx *c unused_, char *dst, size_t cap)
{
    return snprintf(dst, cap, "../../../../class/net");
}

#define STATISTIC(name)                                                             \
    static int show_stat_##name(const struct pseudo_ctx *c, struct strbuf *out)     \
    {                                                                               \
        struct link_info l;                                                         \
        int r = link_of(c, &l);                                                     \
        if (r == 0)                                                                 \
            sb_addf(out, "%llu\n", (unsigned long long) l.statistics[LINK_##name]); \
        return r;                                                                   \
    }
LINK_STATISTICS(STATISTIC)

#define STATISTIC_FILE(name) PSEUDO_FILE(#name, 0444, show_stat_##name),
static const struct pseudo_entry statistics[] = {LINK_STATISTICS(STATISTIC_FILE){.name = NULL}};

static const struct pseudo_entry files[] = {
    PSEUDO_FILE("addr_len", 0444, show_addr_len),
    PSEUDO_FILE("address", 0444, show_address),
    PSEUDO_FILE("broadcast", 0444, show_broadcast),
    PSEUDO_RW("carrier", 0644, show_carrier, refuse),
    PSEUDO_FILE("carrier_changes", 0444, show_carrier_changes),
    PSEUDO_FILE("carrier_down_count", 0444, show_carrier_down_count),
    PSEUDO_FILE("carrier_up_count", 0444, show_carrier_up_count),
    PSEUDO_FILE("dormant", 0444, show_dormant),
    PSEUDO_FILE("duplex", 0444, show_duplex),
    PSEUDO_RW("flags", 0644, show_flags, refuse),
    PSEUDO_RW("ifalias", 0644, show_alias, refuse),
    PSEUDO_FILE("ifindex", 0444, show_ifindex),
    PSEUDO_FILE("iflink", 0444, show_iflink),
    PSEUDO_FILE("link_mode", 0444, show_link_mode),
    PSEUDO_RW("mtu", 0644, show_mtu, refuse),
    PSEUDO_RW("netdev_group", 0644, show_netdev_group, refuse),
    PSEUDO_FILE("operstate", 0444, show_operstate),
    PSEUDO_RW("proto_down", 0644, show_proto_down, refuse),
    PSEUDO_FILE("speed", 0444, show_speed),
    PSEUDO_DIR("statistics", 0555, statistics),
    PSEUDO_LINK("subsystem", subsystem_link),
    PSEUDO_FILE("testing", 0444, show_testing),
    PSEUDO_RW("tx_queue_len", 0644, show_tx_queue_len, refuse),
    PSEUDO_FILE("type", 0444, show_type),
    PSEUDO_RW("uevent", 0644, show_uevent, refuse),
    {.name = NULL},
};

/* ---- names ---- */

static int exists(const struct pseudo_ctx *c)
{
    struct link_info l;
    return link_of(c, &l) < 0 ? -ENOENT : 0;
}

static const struct pseudo_entry device = {.name = "",
                                           .mode = LX_S_IFDIR | 0555,
                                           .children = files,
                                           .exists = exists};

static ssize_t device_link(const struct pseudo_ctx *c, char *dst, size_t cap)
{
    struct link_info l;
    int r = link_of(c, &l);
    return r < 0 ? -ENOENT : snprintf(dst, cap, "../../devices/virtual/net/%s", l.name);
}

static const struct pseudo_entry to_device = PSEUDO_LINK("", device_link);

static const struct pseudo_entry *find(struct pseudo_ctx *c, const char *name, size_t len,
                                       const struct pseudo_entry *entry)
{
    struct link_info l;
    if (links_of(c)->by_name(name, len, &l) < 0)
        return NULL;
    c->index = l.index;
    return entry;
}

static const struct pseudo_entry *find_link(struct pseudo_ctx *c, const char *name, size_t len)
{
    return find(c, name, len, &to_device);
}

static const struct pseudo_entry *find_device(struct pseudo_ctx *c, const char *name, size_t len)
{
    return find(c, name, len, &device);
}

static int list(const struct pseudo_ctx *c, uint64_t cursor,
                bool (*emit)(void *arg, const char *name, uint64_t next), void *arg)
{
    struct link_info l;
    for (uint32_t at = (uint32_t) cursor; links_of(c)->after(at, &l) == 0; at = l.index)
        if (!emit(arg, l.name, l.index))
            break;
    return 0;
}

const struct pseudo_dynamic sys_net_links = {.lookup = find_link, .list = list};
const struct pseudo_dynamic sys_net_devices = {.lookup = find_device, .list = list};
