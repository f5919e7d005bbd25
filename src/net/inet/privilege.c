/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What takes CAP_NET_RAW of a guest. The sentry may have that capability itself, for raw sockets,
 * so the host cannot be left to judge: socket(7), ip(7), ipv6(7).
 */
#include <errno.h>
#include <string.h>

#include "abi/linux/inet.h"
#include "kernel/task/task.h"
#include "net/inet/internal.h"
#include "net/scm.h"

enum { PRIORITY_MAX = 6 }; /* of those without it */

static bool is_privileged(const struct task *t)
{
    return t && (cred_capable(t->cred, LX_CAP_NET_RAW) || cred_capable(t->cred, LX_CAP_NET_ADMIN));
}

/* Without a whole int it is not what Linux would look at: the host says so. */
static bool number_is(const void *v, size_t len, bool (*bad)(int32_t))
{
    int32_t n;
    return sockopt_get_int(v, len, &n) == 0 && bad(n);
}

static bool is_not_zero(int32_t n)
{
    return n != 0;
}

static bool is_high(int32_t n)
{
    return n < 0 || n > PRIORITY_MAX;
}

/* A socket is bound to a device once, and then is there. */
static bool is_bound(const struct socket *s)
{
    int32_t n = 0;
    socklen_t len = sizeof(n);
    return getsockopt(host_socket_of((struct socket *) s)->fd, SOL_SOCKET, LX_SO_BINDTOIFINDEX, &n,
                      &len) < 0 ||
           n != 0;
}

/* The options that everybody may put into a packet's head; of others Linux says EINVAL. */
static bool are_plain(const uint8_t *v, size_t len)
{
    enum { END = 0, NOOP = 1, RECORD = 7, STAMP = 68, LOOSE = 131, STRICT = 137, ALERT = 148 };
    for (size_t at = 0; at < len && v[at] != END;) {
        size_t step = v[at] == NOOP ? 1 : at + 1 < len ? v[at + 1] : 0;
        switch (v[at]) {
        case NOOP:
        case RECORD:
        case STAMP:
        case LOOSE:
        case STRICT:
        case ALERT:
            break;
        default:
            return false;
        }
        if (step == 0) /* the host refuses it */
            return true;
        at += step;
    }
    return true;
}

static int may_set_socket(const struct socket *s, int name, const void *v, size_t len)
{
    switch (name) {
    case LX_SO_PRIORITY:
        return number_is(v, len, is_high) ? -EPERM : 0;
    case LX_SO_RCVMARK:
        return number_is(v, len, is_not_zero) ? -EPERM : 0;
    case LX_SO_BINDTODEVICE:
    case LX_SO_BINDTOIFINDEX:
        return is_bound(s) ? -EPERM : 0;
    default:
        return 0;
    }
}

static int may_set_ipv6(int name, const void *v, size_t len)
{
    switch (name) {
    case LX_IPV6_TRANSPARENT:
        return number_is(v, len, is_not_zero) ? -EPERM : 0;
    case LX_IPV6_HOPOPTS:
    case LX_IPV6_RTHDRDSTOPTS:
    case LX_IPV6_DSTOPTS:
    case LX_IPV6_2292PKTOPTIONS:
        return -EPERM;
    default:
        return 0;
    }
}

int inet_may_set(const struct socket *s, const struct task *t, int level, int name, const void *v,
                 size_t len)
{
    if (is_privileged(t))
        return 0;
    if (level == LX_SOL_SOCKET)
        return may_set_socket(s, name, v, len);
    if (level == LX_SOL_IPV6)
        return may_set_ipv6(name, v, len);
    if (level == LX_SOL_IP && name == LX_IP_TRANSPARENT) { /* one byte is enough for it */
        static const uint8_t none[sizeof(int32_t)];
        return memcmp(v, none, MIN(len, sizeof(none))) != 0 ? -EPERM : 0;
    }
    if (level == LX_SOL_IP && name == LX_IP_OPTIONS)
        return are_plain(v, len) ? 0 : -EINVAL;
    return 0;
}

int inet_may_accompany(const struct task *t, const struct cmsg *c)
{
    if (c->level != LX_SOL_SOCKET || is_privileged(t))
        return 0;
    if (c->type == LX_SO_MARK)
        return -EPERM;
    return c->type == LX_SO_PRIORITY && number_is(c->data, c->len, is_high) ? -EPERM : 0;
}
