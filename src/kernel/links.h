/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interfaces of the sandbox's network namespace, as its kernel, the host's, describes them:
 * rtnetlink(7). Asked anew each time; for file systems, which may not name net/.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/util.h"

#define LINK_NAME_MAX    16
#define LINK_ADDRESS_MAX 32
#define LINK_ALIAS_MAX   256

/* In the order of struct rtnl_link_stats64. */
/* clang-format off */
#define LINK_STATISTICS(X) \
    X(rx_packets) X(tx_packets) X(rx_bytes) X(tx_bytes) X(rx_errors) X(tx_errors) X(rx_dropped) X(tx_dropped) \
    X(multicast) X(collisions) X(rx_length_errors) X(rx_over_errors) X(rx_crc_errors) X(rx_frame_errors) \
    X(rx_fifo_errors) X(rx_missed_errors) X(tx_aborted_errors) X(tx_carrier_errors) X(tx_fifo_errors) \
    X(tx_heartbeat_errors) X(tx_window_errors) X(rx_compressed) X(tx_compressed) X(rx_nohandler)
/* clang-format on */

#define LINK_STATISTIC_INDEX(name) LINK_##name,
enum link_statistic { LINK_STATISTICS(LINK_STATISTIC_INDEX) N_LINK_STATISTICS };

enum { LINK_FLAG_UP = 0x1, LINK_FLAG_PROMISC = 0x100 }; /* netdevice(7) */

struct link_info {
    uint32_t index, iflink; /* iflink: of what it is made on, or its peer; else its own */
    uint32_t flags;         /* as /sys shows them: without what is a state (running) */
    uint32_t mtu, tx_queue_len, group, carrier_changes, carrier_ups, carrier_downs;
    uint16_t type;
    uint8_t operstate, mode, address_len;
    bool running, carrier, proto_down;
    uint8_t address[LINK_ADDRESS_MAX], broadcast[LINK_ADDRESS_MAX];
    char name[LINK_NAME_MAX];
    char alias[LINK_ALIAS_MAX]; /* "": none */
    uint64_t statistics[N_LINK_STATISTICS];
};

struct link_ops {
    /* -ENODEV when there is none. */
    int (*by_index)(uint32_t index, struct link_info *ret);
    int (*by_name)(const char *name, size_t len, struct link_info *ret);
    /* The one with the lowest number above `index`; 0 begins. */
    int (*after)(uint32_t index, struct link_info *ret);
    /* Megabits per second, and 0 half or 1 full duplex, -1: unknown. -EINVAL, -EOPNOTSUPP. */
    int (*speed)(const struct link_info *link, int32_t *ret_speed, int *ret_duplex);
};
