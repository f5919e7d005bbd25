/* SPDX-License-Identifier: Apache-2.0 */
/* A union as a file system: see union.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi/linux/stat.h"
#include "abi/linux/statfs.h"
#include "fs/union/listing.h"

static int union_statfs(struct super *sb, struct lx_statfs *ret)
{
    struct super *upper = union_super(sb)->upper;
    int r = upper->ops->statfs ? upper->ops->statfs(upper, ret) : -ENOSYS;
    if (r == 0)
        ret->type = LX_OVERLAYFS_SUPER_MAGIC;
    if (r == 0)
        quota_statfs(union_super(sb), ret);
    return r;
}

static int union_sync(struct super *sb)
{
    struct super *upper = union_super(sb)->upper;
    return upper->ops->sync ? upper->ops->sync(upper) : 0;
}

/* A layer's root holds a reference on it. */
static void layer_end(struct super *sb)
{
    if (!sb)
        return;
    struct node *root = sb->root;
    sb->root = NULL;
    node_put(root);
    super_put(sb);
}

static void union_super_release(struct super *sb)
{
    struct union_super *us = union_super(sb);
    node_put(us->work);
    node_put(us->index);
    layer_end(us->lower);
    layer_end(us->upper);
    htab_free(&us->nodes);
    facts_free_all(us);
    links_free_all(us);
    union_quota_put(us->quota);
    free(us);
}

static const struct super_ops super_ops = {.statfs = union_statfs,
                                           .sync = union_sync,
                                           .release = union_super_release};

/* ---- mount ---- */

/* A directory in the upper's root, made if it is not there. */
static int own_dir(struct union_super *us, const char *name, struct node **ret, bool *ret_made)
{
    const struct create_args a = {.mode = LX_S_IFDIR | 0700};
    struct node *top = us->upper->root;
    int r = layer_find(top, name, ret);
    *ret_made = r == 0 && !*ret;
    if (*ret_made)
        r = top->ops->create ? top->ops->create(top, name, &a, ret) : -EROFS;
    if (r == 0 && (*ret)->type != LX_S_IFDIR) {
        node_put(*ret);
        *ret = NULL;
        r = -ENOTDIR;
    }
    return r;
}

/* The upper's top looks like the lower's. */
static int dress_root(struct union_super *us, struct node *root)
{
    struct node *lower = us->lower->root;
    struct attr a;
    bool fact = false;
    int r = lower->ops->getattr(lower, &a);
    if (r == 0)
        r = upper_set_owner(us, root, a.uid, a.gid, &fact);
    if (r == 0)
        r = copy_xattrs(lower, root);
    if (r == 0)
        r = root->ops->setattr(root, &a, ATTR_MODE | ATTR_ATIME | ATTR_MTIME);
    return r == 0 && fact ? facts_set_owner(us, root, a.uid, a.gid) : r;
}

/* What is kept must be able to carry what we know of it. */
static int try_facts(struct node *n)
{
    static const char name[] = FACT_PREFIX "try";
    int r = n->ops->setxattr ? n->ops->setxattr(n, name, "y", 1, 0) : -EOPNOTSUPP;
    return r < 0 ? r : n->ops->removexattr(n, name);
}

struct count_sink {
    struct dirsink sink; /* first */
    uint64_t n;
};

static bool count(struct dirsink *s, const char *name, size_t len unused_, uint64_t ino unused_,
                  uint32_t type unused_, int64_t next unused_)
{
    container_of(s, struct count_sink, sink)->n += name[0] != '.';
    return true;
}

static int count_index(struct union_super *us)
{
    struct count_sink c = {.sink = {.emit = count}};
    int r = layer_list(us->index, &c.sink);
    atomic_store(&us->n_index, c.n);
    return r;
}

/* On the table first: what is made before the root is there must not be seen by anybody. */
static int set_up(struct union_super *us)
{
    struct layers l = {.lower = node_get(us->lower->root)};
    bool made, ignored;
    int r = own_dir(us, "work", &us->work, &ignored);
    if (r == 0)
        r = own_dir(us, "index", &us->index, &ignored);
    if (r == 0 && us->kept)
        r = try_facts(us->work);
    if (r == 0)
        r = own_dir(us, "root", &l.upper, &made);
    if (r == 0 && made)
        r = dress_root(us, l.upper);
    if (r == 0)
        r = facts_get(us, l.upper, &l.f);
    if (r == 0 && us->kept)
        r = count_index(us);
    if (r < 0) {
        layers_clear(&l);
        return r;
    }
    work_empty(us);
    r = quota_count(us, l.upper);
    if (r < 0) {
        layers_clear(&l);
        return r;
    }
    return union_node_get(us, NULL, NULL, 0, &l, &us->sb.root);
}

int union_mount(struct kernel *k, const struct union_config *c, struct super **ret)
{
    struct union_super *us = calloc(1, sizeof(*us));
    if (!us || c->lower->root->type != LX_S_IFDIR || c->upper->root->type != LX_S_IFDIR) {
        free(us);
        layer_end(c->lower);
        layer_end(c->upper);
        return us ? -ENOTDIR : -ENOMEM;
    }
    super_init(&us->sb, &super_ops, "overlay");
    us->k = k;
    us->lower = c->lower;
    us->upper = c->upper;
    us->kept = c->kept;
    us->quota = union_quota_get(c->quota);
    us->own_gid = getgid();
    us->sb.dev = c->lower->dev;
    us->sb.exclusive = c->lower->exclusive;
    mutex_init(&us->table_lock, RANK_LEAF);
    htab_init(&us->nodes);
    htab_init(&us->facts);
    htab_init(&us->lost);
    list_init(&us->ended);
    int r = set_up(us);
    if (r < 0) {
        super_put(&us->sb);
        return r;
    }
    *ret = &us->sb;
    return 0;
}
