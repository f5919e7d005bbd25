/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses: names in a file system, found again by the node's device and number, and abstract
 * ones, which are their text. A bound name holds its node, so that its number is not given to
 * another file meanwhile.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "abi/linux/stat.h"
#include "kernel/kernel.h"
#include "kernel/task/task.h"
#include "kernel/vfs/names.h"
#include "kernel/vfs/node.h"
#include "kernel/vfs/walk.h"
#include "net/unix/internal.h"

#define AUTO_NAMES (1u << 20)
#define AUTO_LEN   (LX_UN_PATH_AT + 6u) /* a NUL and five hexadecimal digits */

int unix_name_check(const struct sockname *n, bool *ret_abstract)
{
    if (n->len <= LX_UN_PATH_AT || n->len > sizeof(struct lx_sockaddr_un) ||
        sockname_family(n) != LX_AF_UNIX)
        return -EINVAL;
    *ret_abstract = n->bytes[LX_UN_PATH_AT] == '\0';
    return 0;
}

static void path_of(const struct sockname *n, char dst[static LX_UN_PATH_MAX + 1])
{
    size_t len = n->len - LX_UN_PATH_AT;
    memcpy(dst, n->bytes + LX_UN_PATH_AT, len);
    dst[len] = '\0';
}

/* ---- names as objects ---- */

static struct unix_name *name_new(struct unix_end *e)
{
    struct unix_name *n = calloc(1, sizeof(*n));
    if (!n)
        return NULL;
    ref_init(&n->ref);
    n->net = e->net;
    n->type = e->type;
    return n;
}

struct unix_name *unix_name_get(struct unix_name *n)
{
    if (n)
        ref_get(&n->ref);
    return n;
}

void unix_name_put(struct unix_name *n)
{
    if (!n || !ref_put(&n->ref))
        return;
    if (n->path.dentry)
        path_put(&n->path);
    free(n);
}

/* ---- the table ---- */

static uint64_t node_hash(uint64_t dev, uint64_t ino)
{
    return hash_u64(ino ^ hash_u64(dev));
}

static uint64_t text_hash(const struct unix_net *net, int type, const struct sockname *n)
{
    return hash_bytes(n->bytes, n->len, net->seed ^ (uint64_t) type);
}

/* [names_lock] Abstract names are told apart by type, too. */
static struct unix_name *find_text(struct unix_net *net, int type, const struct sockname *text)
{
    struct htab_node *hn;
    htab_for_each_hash (hn, &net->names, text_hash(net, type, text)) {
        struct unix_name *n = container_of(hn, struct unix_name, link);
        if (!n->path.dentry && n->type == type && n->text.len == text->len &&
            memcmp(n->text.bytes, text->bytes, text->len) == 0)
            return n;
    }
    return NULL;
}

static struct unix_name *find_node(struct unix_net *net, uint64_t dev, uint64_t ino)
{
    struct htab_node *hn;
    htab_for_each_hash (hn, &net->names, node_hash(dev, ino)) {
        struct unix_name *n = container_of(hn, struct unix_name, link);
        if (n->path.dentry && n->dev == dev && n->ino == ino)
            return n;
    }
    return NULL;
}

/* -EADDRINUSE for an abstract name that is taken. */
static int publish(struct unix_net *net, struct unix_name *n, struct unix_end *e)
{
    MUTEX_GUARD(&net->names_lock);
    if (!n->path.dentry && find_text(net, n->type, &n->text))
        return -EADDRINUSE;
    n->end = e;
    htab_insert(&net->names, &n->link,
                n->path.dentry ? node_hash(n->dev, n->ino) : text_hash(net, n->type, &n->text));
    return 0;
}

void unix_name_unbind(struct unix_name *n, struct unix_end *e)
{
    MUTEX_GUARD(&n->net->names_lock);
    if (n->end != e) /* an accepted end shows its listener's name */
        return;
    n->end = NULL;
    htab_remove(&n->net->names, &n->link);
}

/* ---- bind ---- */

/* One bind at a time, and once. */
static int bind_begin(struct unix_end *e)
{
    MUTEX_GUARD(&e->lock);
    if (e->name || e->binding)
        return -EINVAL;
    e->binding = true;
    return 0;
}

/* Consumes the name; with it the bind is done. */
static void bind_end(struct unix_end *e, struct unix_name *n)
{
    mutex_lock(&e->lock);
    e->binding = false;
    e->name = n;
    mutex_unlock(&e->lock);
}

/* The node, where the path says, with the mode a socket has. */
static int make_node(struct task *t, struct socket *s, const char *path, struct unix_name *n)
{
    uint32_t mode = atomic_load(&s->mode) & 0777;
    struct walkctx w;
    struct attr a;
    walkctx_init(&w, t);
    int r = vfs_mknod_path(&w, NULL, path, LX_S_IFSOCK | mode, &n->path);
    if (r == 0)
        r = path_getattr(&n->path, &a);
    walkctx_done(&w);
    if (r < 0)
        return r == -EEXIST ? -EADDRINUSE : r;
    n->dev = a.dev;
    n->ino = a.ino;
    return 0;
}

static int make_name(struct task *t, struct socket *s, const struct sockname *text, bool abstract,
                     struct unix_name *n)
{
    char path[LX_UN_PATH_MAX + 1];
    n->text = *text;
    if (abstract)
        return publish(n->net, n, unix_end_of(s));
    path_of(text, path);
    n->text.len = (uint32_t) (LX_UN_PATH_AT + strlen(path) + 1);
    n->text.bytes[n->text.len - 1] = '\0';
    int r = make_node(t, s, path, n);
    return r < 0 ? r : publish(n->net, n, unix_end_of(s));
}

/* A socket that has a name already finds that out only when the new one is made: it goes again. */
static int bind_twice(struct unix_end *e, struct task *t, struct socket *s,
                      const struct sockname *text)
{
    char path[LX_UN_PATH_MAX + 1];
    struct walkctx w;
    struct unix_name *n = name_new(e);
    if (!n)
        return -ENOMEM;
    path_of(text, path);
    int r = make_node(t, s, path, n);
    if (r == 0) {
        walkctx_init(&w, t);
        r = vfs_unlink(&w, NULL, path, false);
        walkctx_done(&w);
    }
    unix_name_put(n);
    return r < 0 ? r : -EINVAL;
}

int unix_bind(struct socket *s, struct task *t, const struct sockname *text)
{
    struct unix_end *e = unix_end_of(s);
    bool abstract;
    if (text->len == LX_UN_PATH_AT && sockname_family(text) == LX_AF_UNIX)
        return unix_autobind(e);
    int r = unix_name_check(text, &abstract);
    if (r == 0)
        r = bind_begin(e);
    else
        return r;
    if (r < 0)
        return abstract ? r : bind_twice(e, t, s, text);
    struct unix_name *n = name_new(e);
    r = n ? make_name(t, s, text, abstract, n) : -ENOMEM;
    if (r < 0) {
        unix_name_put(n);
        n = NULL;
    }
    bind_end(e, n);
    return r;
}

int unix_autobind(struct unix_end *e)
{
    struct unix_net *net = e->net;
    char digits[8];
    int r = bind_begin(e);
    if (r < 0)
        return 0; /* it has a name, or is about to */
    struct unix_name *n = name_new(e);
    r = n ? -EADDRINUSE : -ENOMEM;
    for (uint32_t i = 0; n && r == -EADDRINUSE && i < AUTO_NAMES; i++) {
        mutex_lock(&net->names_lock);
        uint32_t nr = net->next_auto++ % AUTO_NAMES;
        mutex_unlock(&net->names_lock);
        (void) snprintf(digits, sizeof(digits), "%05x", nr);
        n->text = (struct sockname){.len = AUTO_LEN, .bytes = {LX_AF_UNIX}};
        memcpy(n->text.bytes + LX_UN_PATH_AT + 1, digits, 5);
        r = publish(net, n, e);
    }
    if (r < 0) {
        unix_name_put(n);
        n = NULL;
    }
    bind_end(e, n);
    return r == -EADDRINUSE ? -ENOSPC : r;
}

int unix_autobind_for_creds(struct unix_end *e)
{
    if (!atomic_load(&e->pass_creds))
        return 0;
    mutex_lock(&e->lock);
    bool named = e->name;
    mutex_unlock(&e->lock);
    return named ? 0 : unix_autobind(e);
}

/* ---- finding ---- */

/* The node a path leads to, if it may be written to: connect(2) needs that. */
static int find_path(struct task *t, const struct sockname *text, uint64_t *ret_dev,
                     uint64_t *ret_ino)
{
    char name[LX_UN_PATH_MAX + 1];
    struct walkctx w;
    struct path p;
    struct attr a;
    path_of(text, name);
    walkctx_init(&w, t);
    int r = path_walk(&w, NULL, name, 0, &p);
    if (r == 0) {
        r = path_permission(&w, &p, MAY_WRITE);
        if (r == 0 && path_node(&p)->type != LX_S_IFSOCK)
            r = -ECONNREFUSED;
        if (r == 0)
            r = path_getattr(&p, &a);
        path_put(&p);
    }
    walkctx_done(&w);
    if (r < 0)
        return r;
    *ret_dev = a.dev;
    *ret_ino = a.ino;
    return 0;
}

int unix_find(struct unix_end *e, struct task *t, const struct sockname *text,
              struct unix_end **ret)
{
    struct unix_net *net = e->net;
    uint64_t dev = 0, ino = 0;
    bool abstract;
    int r = unix_name_check(text, &abstract);
    if (r == 0 && !abstract)
        r = find_path(t, text, &dev, &ino);
    if (r < 0)
        return r;
    MUTEX_GUARD(&net->names_lock);
    struct unix_name *n = abstract ? find_text(net, e->type, text) : find_node(net, dev, ino);
    if (!n || !n->end)
        return -ECONNREFUSED;
    if (n->type != e->type)
        return -EPROTOTYPE;
    if (!ref_tryget(&n->end->ref))
        return -ECONNREFUSED;
    *ret = n->end;
    return 0;
}

int unix_getname(struct socket *s, bool peer, struct sockname *ret)
{
    struct unix_end *e = unix_end_of(s), *of = e;
    struct unix_name *n;
    mutex_lock(&e->lock);
    if (peer)
        of = e->peer ? unix_end_get(e->peer) : NULL;
    n = of == e ? unix_name_get(e->name) : NULL;
    mutex_unlock(&e->lock);
    if (!of)
        return -ENOTCONN;
    if (of != e || peer) {
        mutex_lock(&of->lock);
        if (!n)
            n = unix_name_get(of->name);
        mutex_unlock(&of->lock);
        unix_end_put(of);
    }
    *ret = (struct sockname){.len = LX_UN_PATH_AT, .bytes = {LX_AF_UNIX}};
    if (n)
        *ret = n->text;
    unix_name_put(n);
    return 0;
}

/* ---- what all share ---- */

int unix_net_new(struct unix_net **ret)
{
    struct unix_net *net = calloc(1, sizeof(*net));
    if (!net)
        return -ENOMEM;
    mutex_init(&net->names_lock, RANK_LEAF);
    htab_init(&net->names);
    list_init(&net->ends);
    net->seed = hash_u64((uint64_t) (uintptr_t) net);
    (void) !getrandom(&net->seed, sizeof(net->seed), GRND_NONBLOCK);
    net->next_auto = (uint32_t) net->seed % AUTO_NAMES;
    mutex_init(&net->gc_lock, RANK_UNIX_GC);
    list_init(&net->flying);
    mutex_init(&net->fly_lock, RANK_LEAF);
    htab_init(&net->users);
    list_init(&net->dying);
    *ret = net;
    return 0;
}
