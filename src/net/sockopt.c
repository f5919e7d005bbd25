/* SPDX-License-Identifier: Apache-2.0 */
/* Options of level SOL_SOCKET that are the same for all families: socket(7). */
#include <errno.h>
#include <string.h>

#include "kernel/task/task.h"
#include "kernel/time/timeval.h"
#include "net/socket.h"

/* Switches: kept and shown. What they would change cannot be seen where they are only kept. */
#define SWITCH(o) (1ull << (o))
#define SWITCHES                                                                   \
    (SWITCH(LX_SO_DEBUG) | SWITCH(LX_SO_REUSEADDR) | SWITCH(LX_SO_DONTROUTE) |     \
     SWITCH(LX_SO_BROADCAST) | SWITCH(LX_SO_KEEPALIVE) | SWITCH(LX_SO_OOBINLINE) | \
     SWITCH(LX_SO_NO_CHECK) | SWITCH(LX_SO_REUSEPORT) | SWITCH(LX_SO_TIMESTAMP) |  \
     SWITCH(LX_SO_TIMESTAMPNS) | SWITCH(LX_SO_RXQ_OVFL))

static bool is_switch(int name)
{
    return name >= 0 && name < 64 && (SWITCHES & SWITCH(name));
}

bool socket_switch(const struct socket *s, int name)
{
    return atomic_load(&s->options) & SWITCH(name);
}

int sockopt_put_int(int32_t value, void *v, size_t *len)
{
    *len = MIN(*len, sizeof(value));
    memcpy(v, &value, *len);
    return 0;
}

int sockopt_get_int(const void *v, size_t len, int32_t *ret)
{
    if (len < sizeof(*ret))
        return -EINVAL;
    memcpy(ret, v, sizeof(*ret));
    return 0;
}

/* ---- timeouts ---- */

static int set_timeout(struct socket *s, int dir, const void *v, size_t len)
{
    struct lx_timeval tv;
    uint64_t ns;
    if (len < sizeof(tv))
        return -EINVAL;
    memcpy(&tv, v, sizeof(tv));
    if (tv.usec < 0 || tv.usec >= 1000000)
        return -EDOM;
    if (tv.sec < 0) /* as if it had passed */
        ns = 0;
    else if (ns_from_timeval(&tv, &ns) < 0)
        return -EDOM;
    atomic_store(&s->timeout[dir],
                 tv.sec == 0 && tv.usec == 0 ? -1 : (int64_t) MIN(ns, (uint64_t) NS_MAX));
    socket_take_back(s);
    return 0;
}

static int get_timeout(struct socket *s, int dir, void *v, size_t *len)
{
    int64_t ns = atomic_load(&s->timeout[dir]);
    struct lx_timeval tv = timeval_from_ns(ns < 0 ? 0 : (uint64_t) ns);
    *len = MIN(*len, sizeof(tv));
    memcpy(v, &tv, *len);
    return 0;
}

/* ---- set ---- */

static int set_switch(struct task *t, struct socket *s, int name, bool on)
{
    if (name == LX_SO_DEBUG && on && !cred_capable(t->cred, LX_CAP_NET_ADMIN))
        return -EACCES;
    if (on)
        atomic_fetch_or(&s->options, SWITCH(name));
    else
        atomic_fetch_and(&s->options, ~SWITCH(name));
    return 0;
}

static bool may_mark(const struct task *t)
{
    return cred_capable(t->cred, LX_CAP_NET_ADMIN) || cred_capable(t->cred, LX_CAP_NET_RAW);
}

static int set_linger(struct socket *s, const void *v, size_t len)
{
    struct lx_linger l;
    if (len < sizeof(l))
        return -EINVAL;
    memcpy(&l, v, sizeof(l));
    atomic_store(&s->linger_on, l.onoff != 0);
    atomic_store(&s->linger, l.linger);
    return 0;
}

static int set_generic(struct task *t, struct socket *s, int name, const void *v, size_t len)
{
    int32_t n;
    int r = sockopt_get_int(v, len, &n);
    if (r < 0)
        return r;
    if (is_switch(name))
        return set_switch(t, s, name, n != 0);
    switch (name) {
    case LX_SO_TYPE:
    case LX_SO_PROTOCOL:
    case LX_SO_DOMAIN:
    case LX_SO_ERROR:
    case LX_SO_ACCEPTCONN:
    case LX_SO_SNDLOWAT:
        return -ENOPROTOOPT;
    case LX_SO_RCVTIMEO:
    case LX_SO_RCVTIMEO_NEW:
        return set_timeout(s, SOCK_RCV, v, len);
    case LX_SO_SNDTIMEO:
    case LX_SO_SNDTIMEO_NEW:
        return set_timeout(s, SOCK_SND, v, len);
    case LX_SO_LINGER:
        return set_linger(s, v, len);
    case LX_SO_PRIORITY:
        if ((n < 0 || n > 6) && !may_mark(t))
            return -EPERM;
        atomic_store(&s->priority, n);
        return 0;
    case LX_SO_MARK:
        if (!may_mark(t))
            return -EPERM;
        atomic_store(&s->mark, n);
        return 0;
    case LX_SO_RCVLOWAT:
        atomic_store(&s->rcvlowat, n < 0 ? INT32_MAX : n ? n : 1);
        socket_take_back(s);
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

int socket_setsockopt(struct task *t, struct socket *s, int level, int name, const void *v,
                      size_t len)
{
    const struct socket_ops *ops = socket_ops_of(s);
    int r = ops->setsockopt ? ops->setsockopt(s, t, level, name, v, len) : 1;
    if (r != 1)
        return r;
    return level == LX_SOL_SOCKET ? set_generic(t, s, name, v, len) : -EOPNOTSUPP;
}

/* ---- get ---- */

static int get_generic(struct socket *s, int name, void *v, size_t *len)
{
    struct lx_linger l;
    if (is_switch(name))
        return sockopt_put_int(socket_switch(s, name), v, len);
    switch (name) {
    case LX_SO_TYPE:
        return sockopt_put_int(s->type, v, len);
    case LX_SO_PROTOCOL:
        return sockopt_put_int(s->protocol, v, len);
    case LX_SO_DOMAIN:
        return sockopt_put_int(s->family, v, len);
    case LX_SO_RCVTIMEO:
    case LX_SO_RCVTIMEO_NEW:
        return get_timeout(s, SOCK_RCV, v, len);
    case LX_SO_SNDTIMEO:
    case LX_SO_SNDTIMEO_NEW:
        return get_timeout(s, SOCK_SND, v, len);
    case LX_SO_LINGER:
        l = (struct lx_linger){atomic_load(&s->linger_on), atomic_load(&s->linger)};
        *len = MIN(*len, sizeof(l));
        memcpy(v, &l, *len);
        return 0;
    case LX_SO_PRIORITY:
        return sockopt_put_int(atomic_load(&s->priority), v, len);
    case LX_SO_MARK:
        return sockopt_put_int(atomic_load(&s->mark), v, len);
    case LX_SO_RCVLOWAT:
        return sockopt_put_int(atomic_load(&s->rcvlowat), v, len);
    case LX_SO_SNDLOWAT:
        return sockopt_put_int(1, v, len);
    default:
        return -ENOPROTOOPT;
    }
}

int socket_getsockopt(struct task *t, struct socket *s, int level, int name, void *v, size_t *len)
{
    const struct socket_ops *ops = socket_ops_of(s);
    int r = ops->getsockopt ? ops->getsockopt(s, t, level, name, v, len) : 1;
    if (r != 1)
        return r;
    return level == LX_SOL_SOCKET ? get_generic(s, name, v, len) : -EOPNOTSUPP;
}
