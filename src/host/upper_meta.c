/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes of a layer's objects: see upper_meta.h. Source: xattr(7). */
#include "host/upper_meta.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "host/path.h"

#define NSEC 1000000000u

/* ---- texts ---- */

struct cursor {
    const char *at, *end;
};

static bool take(struct cursor *c, char wanted)
{
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

/* Digits of the base, at least one, and a value of at most max. */
static bool take_number(struct cursor *c, unsigned base, uint64_t max, uint64_t *ret)
{
    const char *start = c->at;
    uint64_t v = 0;

    for (; c->at < c->end && *c->at >= '0' && (unsigned) (*c->at - '0') < base; c->at++)
        if (!check_mul(v, (uint64_t) base, &v) || !check_add(v, (uint64_t) (*c->at - '0'), &v))
            return false;
    *ret = v;
    return c->at > start && v <= max;
}

static bool take_u32(struct cursor *c, unsigned base, uint32_t *ret)
{
    uint64_t v;

    if (!take_number(c, base, UINT32_MAX, &v))
        return false;
    *ret = (uint32_t) v;
    return true;
}

static bool take_time(struct cursor *c, struct timespec *ret)
{
    bool negative = take(c, '-');
    uint64_t s, ns;

    if (!take_number(c, 10, INT64_MAX, &s) || !take(c, '.') || !take_number(c, 10, NSEC - 1, &ns))
        return false;
    ret->tv_sec = negative ? -(time_t) s : (time_t) s;
    ret->tv_nsec = (long) ns;
    return true;
}

int upper_origin_parse(const char *text, size_t n, struct upper_origin *ret)
{
    struct cursor c = {text, text + n};
    struct upper_origin o = {0};

    if (!take_number(&c, 10, UINT64_MAX, &o.dev) || !take(&c, ':') ||
        !take_number(&c, 10, UINT64_MAX, &o.ino) || !take(&c, ':') || !take_u32(&c, 8, &o.mode) ||
        !take(&c, ':') || !take_number(&c, 10, INT64_MAX, &o.size) || !take(&c, ':') ||
        !take_time(&c, &o.mtime) || !take(&c, ':') || !take_time(&c, &o.ctime) || c.at != c.end)
        return -EBADMSG;
    *ret = o;
    return 0;
}

int upper_owner_parse(const char *text, size_t n, struct upper_owner *ret)
{
    struct cursor c = {text, text + n};
    struct upper_owner o = {0};

    if (!take_u32(&c, 10, &o.uid) || !take(&c, ':') || !take_u32(&c, 10, &o.gid) ||
        !take(&c, ':') || !take_u32(&c, 8, &o.mode))
        return -EBADMSG;
    o.is_device = take(&c, ':');
    if ((o.is_device && !take_number(&c, 10, UINT64_MAX, &o.rdev)) || c.at != c.end)
        return -EBADMSG;
    *ret = o;
    return 0;
}

int upper_redirect_parse(const char *text, size_t n, char **ret)
{
    _cleanup_free_ char *path = NULL;

    if (n == 0 || n >= PATH_MAX || memchr(text, 0, n))
        return -EBADMSG;
    path = strndup(text, n);
    if (!path)
        return -ENOMEM;
    if (!path_is_normal(path) || strcmp(path, "/") == 0)
        return -EBADMSG;
    *ret = take_ptr(&path);
    return 0;
}

/* ---- attributes ---- */

/* Its bytes in buf; 0 and *ret_n, -ENODATA, -EBADMSG when it is longer than any of ours. */
static int get(int fd, const char *name, char *buf, size_t cap, size_t *ret_n)
{
    ssize_t n = fgetxattr(fd, name, buf, cap);

    if (n < 0)
        return errno == ERANGE ? -EBADMSG : errno == EOPNOTSUPP ? -ENODATA : -errno;
    *ret_n = (size_t) n;
    return 0;
}

static int read_texts(int fd, struct upper_meta *m)
{
    char buf[PATH_MAX];
    size_t n = 0;
    int r = get(fd, UPPER_XATTR_PREFIX "whiteout", buf, sizeof(buf), &n);

    if (r == 0) {
        m->whiteout = true;
        m->has_origin = true;
        return upper_origin_parse(buf, n, &m->origin);
    }
    if (r == -ENODATA && (r = get(fd, UPPER_XATTR_PREFIX "opaque", buf, sizeof(buf), &n)) == 0) {
        m->opaque = true;
        if (n != 1 || buf[0] != 'y')
            return -EBADMSG;
    }
    if (r < 0 && r != -ENODATA)
        return r;
    r = get(fd, UPPER_XATTR_PREFIX "redirect", buf, sizeof(buf), &n);
    if (r == 0)
        r = upper_redirect_parse(buf, n, &m->redirect);
    if (r < 0 && r != -ENODATA)
        return r;
    r = get(fd, UPPER_XATTR_PREFIX "origin", buf, sizeof(buf), &n);
    m->has_origin = r == 0;
    if (r == 0)
        r = upper_origin_parse(buf, n, &m->origin);
    if (r < 0 && r != -ENODATA)
        return r;
    r = get(fd, UPPER_XATTR_PREFIX "owner", buf, sizeof(buf), &n);
    m->has_owner = r == 0;
    if (r == 0)
        r = upper_owner_parse(buf, n, &m->owner);
    return r == -ENODATA ? 0 : r;
}

int upper_meta_read(int fd, struct upper_meta *ret)
{
    struct upper_meta m = {0};
    int r = read_texts(fd, &m);

    if (r < 0) {
        upper_meta_clear(&m);
        return r;
    }
    *ret = m;
    return 0;
}

void upper_meta_clear(struct upper_meta *m)
{
    free(m->redirect);
    *m = (struct upper_meta){0};
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool upper_origin_holds(const struct upper_origin *o, const struct stat *st)
{
    if (o->dev != st->st_dev || o->ino != st->st_ino || o->mode != st->st_mode)
        return false;
    return S_ISDIR(st->st_mode) ||
           (o->size == (uint64_t) st->st_size && same_time(&o->mtime, &st->st_mtim) &&
            same_time(&o->ctime, &st->st_ctim));
}
