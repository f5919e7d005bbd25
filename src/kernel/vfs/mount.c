/* SPDX-License-Identifier: Apache-2.0 */
/* The name space: making mounts and their mount points. */
#include "kernel/vfs/mount.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/stat.h"
#include "base/cleanup.h"
#include "kernel/task/cred.h"
#include "kernel/vfs/lock_table.h"
#include "kernel/vfs/mount_table.h"
#include "kernel/vfs/walk_state.h"
#include "rpc/spec.h"

#define FIRST_MOUNT_ID 20

/* ---- making and freeing ---- */

static void mount_free(struct mount *m)
{
    if (!m)
        return;
    dentry_put(m->root);
    dentry_put(m->mountpoint);
    free(m->source);
    free(m);
}

/* Consumes sb when it succeeds. */
static int mount_alloc(struct vfs *v, struct super *sb, struct node *root, uint32_t flags,
                       const char *source, struct mount **ret)
{
    struct mount *m = calloc(1, sizeof(*m));
    if (!m)
        return -ENOMEM;
    m->vfs = v;
    m->flags = flags;
    m->source = strdup(source ? source : "none");
    m->root = dentry_new(NULL, NULL, "/", 1, root);
    list_init(&m->all_link);
    if (!m->source || !m->root) {
        mount_free(m);
        return -ENOMEM;
    }
    m->sb = sb;
    *ret = m;
    return 0;
}

static int internal_mount(struct vfs *v)
{
    int r = ghosts_new(&v->ghosts);
    if (r < 0)
        return r;
    r = mount_alloc(v, v->ghosts, NULL, 0, NULL, &v->internal);
    return r;
}

int vfs_new(struct vfs **ret)
{
    struct vfs *v = calloc(1, sizeof(*v));
    if (!v)
        return -ENOMEM;
    mutex_init(&v->lock, RANK_MOUNTS);
    list_init(&v->mounts);
    list_init(&v->ghost_list);
    v->last_id = FIRST_MOUNT_ID;
    int r = internal_mount(v);
    if (r == 0)
        r = locks_new(&v->locks);
    if (r < 0) {
        vfs_free(v);
        return r;
    }
    *ret = v;
    return 0;
}

/* The super's cache and root hold references on it: they go first. */
static void super_end(struct super *sb)
{
    dcache_clear(sb);
    struct node *root = sb->root;
    sb->root = NULL;
    node_put(root);
    super_put(sb);
}

void vfs_free(struct vfs *v)
{
    struct list *l;
    ghosts_free(v);
    while (!list_empty(&v->mounts)) {
        l = v->mounts.prev; /* the youngest first: it stands in an older one */
        struct mount *m = list_entry(l, struct mount, all_link);
        struct super *sb = m->sb;
        list_del(l);
        mount_free(m);
        super_end(sb);
    }
    mount_free(v->internal);
    if (v->ghosts)
        super_end(v->ghosts);
    locks_free(v->locks);
    free(v);
}

/* Mounts are only ever added at the end, and stay: the lock is for the links alone. */
void vfs_sync(struct vfs *v)
{
    for (struct list *l = &v->mounts;;) {
        mutex_lock(&v->lock);
        l = l->next;
        mutex_unlock(&v->lock);
        if (l == &v->mounts)
            return;
        struct super *sb = list_entry(l, struct mount, all_link)->sb;
        if (sb->ops->sync)
            (void) sb->ops->sync(sb);
    }
}

int vfs_root(struct vfs *v, struct path *ret)
{
    struct mount *m = v->root;
    if (!m)
        return -ENOENT;
    /* What is mounted over "/" is the root. */
    for (struct mount *over = m; over; over = mount_at(m, m->root))
        m = over;
    *ret = (struct path){.mnt = m, .dentry = dentry_get(m->root)};
    return 0;
}

/* ---- mount points ---- */

/* Makes the missing name in its directory, on the file system or else as a ghost. */
static int make_point(struct walk *s, bool is_dir, struct path *ret)
{
    struct mount *mnt = s->cur.mnt;
    struct dentry *dir = s->cur.dentry, *d = NULL;
    struct super *sb = dir->node->sb;
    struct create_args a = {.mode = is_dir ? LX_S_IFDIR | 0755 : LX_S_IFREG | 0644,
                            .cred = s->w->cred};
    struct list dying = LIST_INIT(dying);
    int r = -EROFS;
    if (dir->node->type != LX_S_IFDIR)
        return -ENOTDIR;
    if (!(mnt->flags & MOUNT_F_RDONLY)) {
        mutex_lock(&sb->tree_lock);
        r = dcache_create(dir, s->last.name, s->last.len, &a, &d, &dying);
        mutex_unlock(&sb->tree_lock);
        dentry_reap(&dying);
    }
    if (r < 0 && r != -ENOMEM && r != -EEXIST)
        r = ghost_make(mnt->vfs, dir, s->last.name, s->last.len, is_dir, &d);
    if (r == 0)
        *ret = (struct path){.mnt = mnt, .dentry = d};
    return r;
}

/* One component below *p, which it replaces. */
static int descend(const struct walkctx *w, struct path *p, const char *name, bool is_dir)
{
    struct walk s;
    struct path next = {0};
    int r = walk_to_parent(&s, w, p, name, 0);
    while (r == 0 && (r = walk_last(&s)) == 1)
        r = walk_parent(&s);
    if (r == 0)
        walk_take(&s, &next);
    else if (r == -ENOENT && s.at_last && s.last.kind == LAST_NAME)
        r = make_point(&s, is_dir, &next);
    walk_end(&s);
    if (r == 0) {
        path_put(p);
        *p = next;
    }
    return r;
}

/* mkdir -p; the last one is a plain file when a file is to be mounted. */
static int mountpoint_for(const struct walkctx *w, const char *dest, bool is_dir, struct path *ret)
{
    char name[GUEST_NAME_CAP];
    struct path p = w->root;
    int r = 0;
    path_get(&p);
    for (const char *at = dest; r == 0;) {
        while (*at == '/')
            at++;
        size_t len = strcspn(at, "/");
        if (!len)
            break;
        if (len >= sizeof(name)) {
            r = -ENAMETOOLONG;
            break;
        }
        memcpy(name, at, len);
        name[len] = 0;
        at += len;
        r = descend(w, &p, name, is_dir || at[strspn(at, "/")]);
    }
    if (r == 0 && (path_node(&p)->type == LX_S_IFDIR) != is_dir)
        r = -ENOTDIR;
    if (r < 0)
        path_put(&p);
    else
        *ret = p;
    return r;
}

/* The mount becomes visible. Consumes the references of `point`. */
static void publish(struct vfs *v, struct mount *m, const struct path *point)
{
    mutex_lock(&v->lock);
    m->id = ++v->last_id;
    list_add_tail(&m->all_link, &v->mounts);
    if (point) {
        m->parent = point->mnt;
        m->mountpoint = point->dentry;
        m->next_here = atomic_load(&point->dentry->mounts);
        atomic_store_explicit(&point->dentry->mounts, m, memory_order_release);
    } else {
        v->root = m;
    }
    mutex_unlock(&v->lock);
}

static int mount_below(struct vfs *v, struct mount *m, const char *dest)
{
    struct walkctx w;
    struct path point = {0};
    struct cred *root = cred_alloc(0);
    if (!root)
        return -ENOMEM;
    root->cap_effective = UINT64_MAX;
    int r = walkctx_init_root(&w, v, root);
    if (r == 0) {
        r = mountpoint_for(&w, dest, m->root->node->type == LX_S_IFDIR, &point);
        walkctx_done(&w);
    }
    cred_put(root);
    if (r == 0)
        publish(v, m, &point);
    return r;
}

int vfs_mount(struct vfs *v, struct super *sb, const char *dest, uint32_t flags, const char *source)
{
    struct mount *m = NULL;
    int r = *dest == '/' && sb->root ? 0 : -EINVAL;
    if (r == 0)
        r = mount_alloc(v, sb, sb->root, flags, source, &m);
    if (r == 0 && v->root)
        r = mount_below(v, m, dest);
    else if (r == 0 && dest[strspn(dest, "/")])
        r = -EINVAL; /* the root comes first */
    else if (r == 0)
        publish(v, m, NULL);
    if (r < 0) {
        mount_free(m);
        super_end(sb);
    }
    return r;
}

int vfs_lookup(struct vfs *v, const char *path, struct path *ret)
{
    struct walkctx w;
    struct cred *root = cred_alloc(0);
    if (!root)
        return -ENOMEM;
    root->cap_effective = UINT64_MAX;
    int r = walkctx_init_root(&w, v, root);
    if (r == 0) {
        r = path_walk(&w, NULL, path, 0, ret);
        walkctx_done(&w);
    }
    cred_put(root);
    return r;
}

/* The two share their super, but no names: what is below was reachable by one path only. */
int vfs_mount_readonly(struct vfs *v, const char *dest)
{
    struct path at;
    struct mount *m = NULL;
    int r = vfs_lookup(v, dest, &at);
    if (r < 0)
        return r;
    r = mount_alloc(v, at.mnt->sb, path_node(&at), at.mnt->flags | MOUNT_F_RDONLY, at.mnt->source,
                    &m);
    if (r < 0) {
        path_put(&at);
        return r;
    }
    (void) super_get(m->sb);
    publish(v, m, &at);
    return 0;
}
