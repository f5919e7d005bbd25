/* SPDX-License-Identifier: Apache-2.0 */
/* A socket's way from one side of the wall to the other: see egress.h. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi/linux/poll.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/outer.h"
#include "kernel/kernel.h"
#include "net/inet/egress_internal.h"

/* Whoever wakes looks for himself. */
#define ANYTHING (LX_POLL_READABLE | LX_POLL_WRITABLE)

int egress_adopt(struct host_socket *hs)
{
    struct egress *e = hs->sock.k->egress;
    bool datagrams = hs->sock.type == LX_SOCK_DGRAM;

    if (!e)
        return 0;
    if (hs->sock.protocol != (datagrams ? IPPROTO_UDP : IPPROTO_TCP))
        return e->outer->split ? 0 : -EACCES; /* inside they may be what they like */
    hs->side = calloc(1, sizeof(*hs->side));
    if (!hs->side)
        return -ENOMEM;
    mutex_init(&hs->side->lock, RANK_PIPE);
    atomic_init(&hs->side->id, atomic_fetch_add(&e->last_id, 1) + 1);
    return 0;
}

void egress_side_free(struct egress_side *side)
{
    if (!side)
        return;
    free(side->kept);
    free(side);
}

/* ---- options ---- */

void egress_keep_option(struct egress_side *side, int level, int name, const void *v, size_t len)
{
    struct option_kept o = {.level = level, .name = name, .len = (uint32_t) len};

    if (len > sizeof(o.value))
        return;
    memcpy(o.value, v, len);
    for (size_t i = 0; i < side->n_kept; i++)
        if (side->kept[i].level == level && side->kept[i].name == name) {
            memmove(&side->kept[i], &side->kept[i + 1],
                    (side->n_kept - i - 1) * sizeof(side->kept[0]));
            side->n_kept--;
            break;
        }
    if (!side->kept)
        side->kept = calloc(MAX_KEPT, sizeof(*side->kept));
    if (side->kept && side->n_kept < MAX_KEPT)
        side->kept[side->n_kept++] = o;
}

static void replay(const struct egress_side *side, int fd)
{
    for (size_t i = 0; i < side->n_kept; i++) {
        const struct option_kept *o = &side->kept[i];

        if (setsockopt(fd, o->level, o->name, o->value, o->len) < 0)
            log_debug("egress: option %d of level %d cannot be set again: error %d", o->name,
                      o->level, errno);
    }
}

/* ---- the move ---- */

static int make_socket(struct host_socket *hs, bool outside)
{
    int type = hs->sock.type | SOCK_NONBLOCK | SOCK_CLOEXEC, fd;

    if (outside)
        return outer_socket(hs->sock.k->egress->outer, hs->sock.family, type, hs->sock.protocol);
    fd = socket(hs->sock.family, type, hs->sock.protocol);
    return fd < 0 ? -errno : fd;
}

/* getsockname(2) tells of a port, as it did before. */
static int bind_any(struct host_socket *hs, int fd)
{
    struct sockaddr_in6 a6 = {.sin6_family = AF_INET6};
    struct sockaddr_in a4 = {.sin_family = AF_INET};
    bool v6 = hs->sock.family == LX_AF_INET6;
    int r = v6 ? bind(fd, (struct sockaddr *) &a6, sizeof(a6))
               : bind(fd, (struct sockaddr *) &a4, sizeof(a4));

    return r < 0 ? -errno : 0;
}

int egress_move(struct host_socket *hs, bool outside)
{
    struct egress *e = hs->sock.k->egress;
    struct egress_side *side = hs->side;
    _cleanup_close_ int fd = -1;
    int r = 0;

    if (side->outside == outside)
        return 0;
    if (!e->outer->split)
        return -EPERM;
    if (outside && side->bound == BOUND_ADDRESS)
        return -EINVAL; /* as from an address that leads nowhere */
    if (outside && side->bound == BOUND_PORT)
        return -EADDRNOTAVAIL;
    fd = make_socket(hs, outside);
    if (fd < 0)
        return fd;
    replay(side, fd);
    if (side->bound == BOUND_ANY)
        r = bind_any(hs, fd);
    if (r == 0)
        r = poller_replace(&hs->source, fd);
    if (r < 0)
        return r;
    side->outside = outside;
    side->connected = side->may_send = side->asks = false;
    side->peer.len = 0;
    side->id = atomic_fetch_add(&e->last_id, 1) + 1;
    waitq_wake(&hs->wq, ANYTHING);
    return 0;
}
