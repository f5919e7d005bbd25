/* SPDX-License-Identifier: Apache-2.0 */
/* Asking the host's kernel about interfaces: see links.h. Sources: rtnetlink(7), netlink(7),
 * linux/ethtool.h. */
#include "net/links.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"

#define ANSWER_MAX 32768u /* what one receive of a dump fills at most */

/* Of the flags, what is no setting but tells of a state. */
#define STATES (IFF_RUNNING | IFF_LOWER_UP | IFF_DORMANT)

struct question {
    struct nlmsghdr h;
    struct ifinfomsg info;
    struct rtattr name_head;
    char name[LINK_NAME_MAX];
};

/* ---- reading an answer ---- */

static uint32_t number_of(const struct rtattr *a)
{
    uint32_t v = 0;
    memcpy(&v, RTA_DATA(a), MIN(RTA_PAYLOAD(a), sizeof(v)));
    return v;
}

static void text_of(const struct rtattr *a, char *dst, size_t cap)
{
    size_t n = MIN((size_t) RTA_PAYLOAD(a), cap - 1);
    memcpy(dst, RTA_DATA(a), n);
    dst[n] = '\0';
}

static void take_attribute(const struct rtattr *a, struct link_info *l)
{
    switch (a->rta_type) {
    case IFLA_IFNAME:
        text_of(a, l->name, sizeof(l->name));
        break;
    case IFLA_IFALIAS:
        text_of(a, l->alias, sizeof(l->alias));
        break;
    case IFLA_ADDRESS:
        l->address_len = (uint8_t) MIN((size_t) RTA_PAYLOAD(a), sizeof(l->address));
        memcpy(l->address, RTA_DATA(a), l->address_len);
        break;
    case IFLA_BROADCAST:
        memcpy(l->broadcast, RTA_DATA(a), MIN((size_t) RTA_PAYLOAD(a), sizeof(l->broadcast)));
        break;
    case IFLA_STATS64:
        memcpy(l->statistics, RTA_DATA(a), MIN((size_t) RTA_PAYLOAD(a), sizeof(l->statistics)));
        break;
    case IFLA_LINK:
        l->iflink = number_of(a);
        break;
    case IFLA_MTU:
        l->mtu = number_of(a);
        break;
    case IFLA_TXQLEN:
        l->tx_queue_len = number_of(a);
        break;
    case IFLA_GROUP:
        l->group = number_of(a);
        break;
    case IFLA_OPERSTATE:
        l->operstate = (uint8_t) number_of(a);
        break;
    case IFLA_LINKMODE:
        l->mode = (uint8_t) number_of(a);
        break;
    case IFLA_CARRIER:
        l->carrier = number_of(a) != 0;
        break;
    case IFLA_CARRIER_CHANGES:
        l->carrier_changes = number_of(a);
        break;
    case IFLA_CARRIER_UP_COUNT:
        l->carrier_ups = number_of(a);
        break;
    case IFLA_CARRIER_DOWN_COUNT:
        l->carrier_downs = number_of(a);
        break;
    case IFLA_PROTO_DOWN:
        l->proto_down = number_of(a) != 0;
        break;
    case IFLA_PROMISCUITY:
        if (number_of(a))
            l->flags |= IFF_PROMISC;
        break;
    default:
        break;
    }
}

static void take_link(const struct nlmsghdr *h, struct link_info *l)
{
    const struct ifinfomsg *info = NLMSG_DATA(h);
    size_t left = IFLA_PAYLOAD(h);

    *l = (struct link_info){
        .index = (uint32_t) info->ifi_index,
        .iflink = (uint32_t) info->ifi_index,
        .type = info->ifi_type,
        .flags = info->ifi_flags & ~(uint32_t) STATES,
        .running = info->ifi_flags & IFF_UP,
    };
    for (const struct rtattr *a = IFLA_RTA(info); RTA_OK(a, left); a = RTA_NEXT(a, left))
        take_attribute(a, l);
}

/* The wanted one of the messages in buf: 1; *ret is the best so far. 0: go on. -ENODEV: the end. */
static int take_answer(const void *buf, size_t n, uint32_t after, bool dump, struct link_info *ret)
{
    for (const struct nlmsghdr *h = buf; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
        struct link_info l;

        if (h->nlmsg_type == NLMSG_DONE)
            return ret->index ? 1 : -ENODEV;
        if (h->nlmsg_type == NLMSG_ERROR) {
            const struct nlmsgerr *e = NLMSG_DATA(h);
            return e->error ? e->error : -ENODEV;
        }
        if (h->nlmsg_type != RTM_NEWLINK || h->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifinfomsg)))
            continue;
        take_link(h, &l);
        if (l.index > after && (!ret->index || l.index < ret->index))
            *ret = l;
        if (!dump)
            return 1;
    }
    return 0;
}

/* The host's kernel answers while it is asked: nothing here waits. */
static int ask(struct question *q, uint32_t after, struct link_info *ret)
{
    _cleanup_close_ int fd =
        socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
    _cleanup_free_ struct nlmsghdr *buf = malloc(ANSWER_MAX);
    struct link_info found = {0};
    int r = 0;

    if (!buf)
        return -ENOMEM;
    q->h.nlmsg_type = RTM_GETLINK;
    q->h.nlmsg_flags |= NLM_F_REQUEST;
    if (fd < 0 || send(fd, q, q->h.nlmsg_len, MSG_NOSIGNAL) < 0)
        return -errno;
    while (r == 0) {
        ssize_t n = recv(fd, buf, ANSWER_MAX, 0);

        if (n < 0)
            return -errno;
        r = take_answer(buf, (size_t) n, after, q->h.nlmsg_flags & NLM_F_DUMP, &found);
    }
    if (r < 0)
        return r;
    *ret = found;
    return 0;
}

static int by_index(uint32_t index, struct link_info *ret)
{
    struct question q = {.h.nlmsg_len = NLMSG_LENGTH(sizeof(q.info)),
                         .info.ifi_index = (int) index};
    return index == 0 || index > INT32_MAX ? -ENODEV : ask(&q, 0, ret);
}

static int by_name(const char *name, size_t len, struct link_info *ret)
{
    struct question q = {.h.nlmsg_len = sizeof(q),
                         .name_head = {sizeof(q) - offsetof(struct question, name_head),
                                       IFLA_IFNAME}};

    if (len == 0 || len >= sizeof(q.name))
        return -ENODEV;
    memcpy(q.name, name, len);
    return ask(&q, 0, ret);
}

static int after(uint32_t index, struct link_info *ret)
{
    struct question q = {
        .h = {.nlmsg_len = NLMSG_LENGTH(sizeof(q.info)), .nlmsg_flags = NLM_F_DUMP}};
    return ask(&q, index, ret);
}

static int speed(const struct link_info *link, int32_t *ret_speed, int *ret_duplex)
{
    _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct ethtool_cmd c = {.cmd = ETHTOOL_GSET};
    struct ifreq q = {.ifr_data = (void *) &c};

    memcpy(q.ifr_name, link->name, sizeof(q.ifr_name));
    if (fd < 0 || ioctl(fd, SIOCETHTOOL, &q) < 0)
        return -errno;
    *ret_speed = (int32_t) ethtool_cmd_speed(&c);
    *ret_duplex = c.duplex == DUPLEX_HALF ? 0 : c.duplex == DUPLEX_FULL ? 1 : -1;
    return 0;
}

const struct link_ops host_links = {
    .by_index = by_index,
    .by_name = by_name,
    .after = after,
    .speed = speed,
};
