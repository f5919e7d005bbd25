/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes: see xattrs.h. Source: xattr(7). */
#include "host/xattrs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/cleanup.h"
#include "host/upper_meta.h"

#define CAPABILITY "security.capability"

/* The kernel's own bounds, of a list and of a value. */
#define MAX_BYTES 65536

static bool begins(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

static bool is_ours(const char *name)
{
    return (begins(name, "user.") && !begins(name, UPPER_XATTR_PREFIX)) ||
           begins(name, "system.posix_acl_") || strcmp(name, CAPABILITY) == 0;
}

struct names {
    char *text; /* NUL-terminated names, one behind the other */
    size_t n;   /* bytes */
};

/* A file system without attributes has none. */
static int list(int fd, struct names *ret)
{
    char *text = malloc(MAX_BYTES + 1);
    ssize_t n;

    if (!text)
        return -ENOMEM;
    n = flistxattr(fd, text, MAX_BYTES);
    if (n < 0 && errno != EOPNOTSUPP) {
        free(text);
        return -errno;
    }
    n = n < 0 ? 0 : n;
    text[n] = '\0';
    *ret = (struct names){text, (size_t) n};
    return 0;
}

static const char *next(const struct names *l, const char *at)
{
    for (at = at ? at + strlen(at) + 1 : l->text; at < l->text + l->n; at += strlen(at) + 1)
        if (is_ours(at))
            return at;
    return NULL;
}

static ssize_t get(int fd, const char *name, char *buf)
{
    ssize_t n = fgetxattr(fd, name, buf, MAX_BYTES);

    return n < 0 ? -errno : n;
}

/* Whether everything of a is in b, with the same value. bufs: two of MAX_BYTES. */
static int contained(int a, const struct names *la, int b, char *bufs, bool *ret)
{
    for (const char *name = next(la, NULL); name; name = next(la, name)) {
        ssize_t na = get(a, name, bufs), nb = get(b, name, bufs + MAX_BYTES);

        if (na < 0)
            return (int) na;
        if (na != nb || memcmp(bufs, bufs + MAX_BYTES, (size_t) na) != 0) {
            *ret = false;
            return 0;
        }
    }
    *ret = true;
    return 0;
}

int xattrs_differ(int a, int b, bool *ret)
{
    struct names la = {0}, lb = {0};
    _cleanup_free_ char *bufs = malloc(2 * MAX_BYTES);
    bool same = true;
    int r = bufs ? list(a, &la) : -ENOMEM;

    if (r == 0)
        r = list(b, &lb);
    if (r == 0)
        r = contained(a, &la, b, bufs, &same);
    if (r == 0 && same)
        r = contained(b, &lb, a, bufs, &same);
    free(la.text);
    free(lb.text);
    if (r == 0)
        *ret = !same;
    return r;
}

static int copy_all(int from, const struct names *l, int to, bool capabilities, char *buf)
{
    for (const char *name = next(l, NULL); name; name = next(l, name)) {
        ssize_t n;

        if (!capabilities && strcmp(name, CAPABILITY) == 0)
            continue;
        n = get(from, name, buf);
        if (n < 0)
            return (int) n;
        if (fsetxattr(to, name, buf, (size_t) n, 0) < 0)
            return -errno;
    }
    return 0;
}

int xattrs_copy(int from, int to, bool capabilities)
{
    struct names lf = {0}, lt = {0};
    _cleanup_free_ char *buf = malloc(MAX_BYTES);
    int r = buf ? list(from, &lf) : -ENOMEM;

    if (r == 0)
        r = copy_all(from, &lf, to, capabilities, buf);
    if (r == 0)
        r = list(to, &lt);
    for (const char *name = r == 0 ? next(&lt, NULL) : NULL; name && r == 0;
         name = next(&lt, name)) {
        bool wanted = false;

        for (const char *o = next(&lf, NULL); o; o = next(&lf, o))
            wanted |= strcmp(o, name) == 0;
        if (!wanted && fremovexattr(to, name) < 0 && errno != ENODATA)
            r = -errno;
    }
    free(lf.text);
    free(lt.text);
    return r;
}

bool xattrs_capable(int fd)
{
    return fgetxattr(fd, CAPABILITY, NULL, 0) > 0;
}
