/* SPDX-License-Identifier: Apache-2.0 */
/* Options and ioctls that pass to the host's sockets: what is in a table, no more. */
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "abi/linux/ioctl.h"
#include "kernel/task/task.h"
#include "net/inet/internal.h"
#include "net/interfaces.h"

enum {
    GET = HOST_OPTION_GET,
    SET = HOST_OPTION_SET,
    BOTH = HOST_OPTION_BOTH,
    CHAR = HOST_OPTION_CHAR,
};

/* clang-format off */
static const struct host_option options[] = {
    {LX_SOL_SOCKET, LX_SO_REUSEADDR, BOTH, 4, 4}, {LX_SOL_SOCKET, LX_SO_REUSEPORT, BOTH, 4, 4},
    {LX_SOL_SOCKET, LX_SO_BROADCAST, BOTH, 4, 4}, {LX_SOL_SOCKET, LX_SO_KEEPALIVE, BOTH, 4, 4},
    {LX_SOL_SOCKET, LX_SO_OOBINLINE, BOTH, 4, 4}, {LX_SOL_SOCKET, LX_SO_DONTROUTE, BOTH, 4, 4},
    {LX_SOL_SOCKET, LX_SO_LINGER, BOTH, 8, 8},    {LX_SOL_SOCKET, LX_SO_SNDBUF, BOTH, 4, 4},
    {LX_SOL_SOCKET, LX_SO_RCVBUF, BOTH, 4, 4},    {LX_SOL_SOCKET, LX_SO_TIMESTAMP, BOTH, 4, 4},
    {LX_SOL_SOCKET, LX_SO_TIMESTAMPNS, BOTH, 4, 4}, {LX_SOL_SOCKET, LX_SO_RXQ_OVFL, BOTH, 4, 4},
    {LX_SOL_SOCKET, LX_SO_ERROR, GET, 4, 4},      {LX_SOL_SOCKET, LX_SO_ACCEPTCONN, GET, 4, 4},
    {LX_SOL_SOCKET, LX_SO_INCOMING_CPU, GET, 4, 4},
    /* IP_: TOS TTL RECVTTL RECVTOS PKTINFO MTU_DISCOVER RECVERR MTU FREEBIND BIND_ADDRESS_NO_PORT */
    {LX_SOL_IP, 1, BOTH | CHAR, 1, 4}, {LX_SOL_IP, 2, BOTH | CHAR, 1, 4}, {LX_SOL_IP, 12, BOTH | CHAR, 1, 4},
    {LX_SOL_IP, 13, BOTH | CHAR, 1, 4}, {LX_SOL_IP, 8, BOTH | CHAR, 1, 4}, {LX_SOL_IP, 10, BOTH | CHAR, 1, 4},
    {LX_SOL_IP, 11, BOTH | CHAR, 1, 4}, {LX_SOL_IP, 14, GET, 4, 4}, {LX_SOL_IP, 15, BOTH | CHAR, 1, 4},
    {LX_SOL_IP, 24, BOTH, 4, 4},
    /* IP_MULTICAST_: IF TTL LOOP, ADD_ and DROP_MEMBERSHIP */
    {LX_SOL_IP, 32, BOTH, 4, 12}, {LX_SOL_IP, 33, BOTH | CHAR, 1, 4}, {LX_SOL_IP, 34, BOTH | CHAR, 1, 4},
    {LX_SOL_IP, 35, SET, 8, 12}, {LX_SOL_IP, 36, SET, 8, 12},
    /* IPV6_: UNICAST_HOPS MULTICAST_IF _HOPS _LOOP ADD_ DROP_MEMBERSHIP MTU_DISCOVER MTU RECVERR V6ONLY */
    {LX_SOL_IPV6, 16, BOTH, 4, 4}, {LX_SOL_IPV6, 17, BOTH, 4, 4}, {LX_SOL_IPV6, 18, BOTH, 4, 4},
    {LX_SOL_IPV6, 19, BOTH, 4, 4}, {LX_SOL_IPV6, 20, SET, 20, 20}, {LX_SOL_IPV6, 21, SET, 20, 20},
    {LX_SOL_IPV6, 23, BOTH, 4, 4}, {LX_SOL_IPV6, 24, BOTH, 4, 4}, {LX_SOL_IPV6, 25, BOTH, 4, 4},
    {LX_SOL_IPV6, 26, BOTH, 4, 4},
    /* IPV6_: RECVPKTINFO RECVHOPLIMIT RECVTCLASS TCLASS */
    {LX_SOL_IPV6, 49, BOTH, 4, 4}, {LX_SOL_IPV6, 51, BOTH, 4, 4}, {LX_SOL_IPV6, 66, BOTH, 4, 4},
    {LX_SOL_IPV6, 67, BOTH, 4, 4},
    /* TCP_: NODELAY MAXSEG CORK KEEPIDLE KEEPINTVL KEEPCNT SYNCNT LINGER2 DEFER_ACCEPT WINDOW_CLAMP */
    {LX_SOL_TCP, 1, BOTH, 4, 4}, {LX_SOL_TCP, 2, BOTH, 4, 4}, {LX_SOL_TCP, 3, BOTH, 4, 4},
    {LX_SOL_TCP, 4, BOTH, 4, 4}, {LX_SOL_TCP, 5, BOTH, 4, 4}, {LX_SOL_TCP, 6, BOTH, 4, 4},
    {LX_SOL_TCP, 7, BOTH, 4, 4}, {LX_SOL_TCP, 8, BOTH, 4, 4}, {LX_SOL_TCP, 9, BOTH, 4, 4},
    {LX_SOL_TCP, 10, BOTH, 4, 4},
    /* TCP_: INFO QUICKACK CONGESTION USER_TIMEOUT FASTOPEN NOTSENT_LOWAT */
    {LX_SOL_TCP, 11, GET, 0, 512}, {LX_SOL_TCP, 12, BOTH, 4, 4}, {LX_SOL_TCP, 13, BOTH, 1, 16},
    {LX_SOL_TCP, 18, BOTH, 4, 4}, {LX_SOL_TCP, 23, BOTH, 4, 4}, {LX_SOL_TCP, 25, BOTH, 4, 4},
    /* UDP_: CORK SEGMENT GRO */
    {LX_SOL_UDP, 1, BOTH, 4, 4}, {LX_SOL_UDP, 103, BOTH, 4, 4}, {LX_SOL_UDP, 104, BOTH, 4, 4},
};
/* clang-format on */

/* For the privileged to exceed the host's limit, which they may not: up to it. */
static int set_forced(struct socket *s, struct task *t, int name, const void *v, size_t len)
{
    if (!cred_capable(t->cred, LX_CAP_NET_ADMIN))
        return -EPERM;
    int plain = name == LX_SO_SNDBUFFORCE ? LX_SO_SNDBUF : LX_SO_RCVBUF;
    return inet_setsockopt(s, t, LX_SOL_SOCKET, plain, v, len);
}

int inet_setsockopt(struct socket *s, struct task *t, int level, int name, const void *v,
                    size_t len)
{
    if (level == LX_SOL_SOCKET && (name == LX_SO_SNDBUFFORCE || name == LX_SO_RCVBUFFORCE))
        return set_forced(s, t, name, v, len);
    return host_option_set(s, options, ARRAY_LEN(options), level, name, v, len);
}

int inet_getsockopt(struct socket *s, struct task *t unused_, int level, int name, void *v,
                    size_t *len)
{
    return host_option_get(s, options, ARRAY_LEN(options), level, name, v, len);
}

/* ---- ioctl ---- */

static long ask_number(struct host_socket *is, struct task *t, uint32_t cmd, uint64_t arg)
{
    int32_t n = 0;
    if (ioctl(is->fd, cmd, &n) < 0)
        return -errno;
    return copy_out(t, uaddr(arg), &n, sizeof(n));
}

long inet_ioctl(struct file *f, struct task *t, uint32_t cmd, uint64_t arg)
{
    struct host_socket *is = host_socket_of(socket_of(f));
    if (cmd == LX_SIOCINQ || cmd == LX_SIOCOUTQ || cmd == LX_SIOCATMARK)
        return ask_number(is, t, cmd, arg);
    return interface_ioctl(t, cmd, arg);
}
