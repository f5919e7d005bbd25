/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/PID/net. Unix sockets are shown; the guest has no others and sees no interfaces, so each
 * other table is its heading, in the form proc_pid_net(5) and its readers expect.
 */
#include "fs/proc/internal.h"
#include "kernel/vfs/special.h"

PROC_CONST(show_nothing, "")
PROC_CONST(show_arp,
           "IP address       HW type     Flags       HW address            Mask     Device\n")
PROC_CONST(
    show_dev,
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs "
    "drop fifo colls carrier compressed\n")
PROC_CONST(show_netlink,
           "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    "
           "Drops    Inode\n")
PROC_CONST(show_packet, "sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n")
PROC_CONST(show_raw,
           "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   "
           "uid  timeout inode ref pointer drops\n")
PROC_CONST(show_route, "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\t"
                       "Window\tIRTT\n")
PROC_CONST(show_sockstat, "sockets: used 0\nTCP: inuse 0 orphan 0 tw 0 alloc 0 mem 0\n"
                          "UDP: inuse 0 mem 0\nUDPLITE: inuse 0\nRAW: inuse 0\n"
                          "FRAG: inuse 0 memory 0\n")
PROC_CONST(show_tcp,
           "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   "
           "uid  timeout inode\n")
PROC_CONST(show_tcp6, "  sl  local_address                         remote_address                  "
                      "      st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n")
PROC_CONST(show_udp,
           "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt  "
           " uid  timeout inode ref pointer drops\n")
PROC_CONST(show_udp6, "  sl  local_address                         remote_address                  "
                      "      st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref "
                      "pointer drops\n")
static int show_unix(const struct pseudo_ctx *c, struct strbuf *out)
{
    sb_add(out, "Num       RefCount Protocol Flags    Type St Inode Path\n");
    return c->k->specials->unix_show(c->k, out);
}

const struct pseudo_entry proc_net_table[] = {
    PSEUDO_FILE("arp", 0444, show_arp),          PSEUDO_FILE("dev", 0444, show_dev),
    PSEUDO_FILE("if_inet6", 0444, show_nothing), PSEUDO_FILE("netlink", 0444, show_netlink),
    PSEUDO_FILE("packet", 0444, show_packet),    PSEUDO_FILE("raw", 0444, show_raw),
    PSEUDO_FILE("route", 0444, show_route),      PSEUDO_FILE("sockstat", 0444, show_sockstat),
    PSEUDO_FILE("tcp", 0444, show_tcp),          PSEUDO_FILE("tcp6", 0444, show_tcp6),
    PSEUDO_FILE("udp", 0444, show_udp),          PSEUDO_FILE("udp6", 0444, show_udp6),
    PSEUDO_FILE("unix", 0444, show_unix),        {0},
};
