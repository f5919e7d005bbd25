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
#include "kernel/vfs/watch.h"
#include "rpc/spec.h"

#define FIRST_MOUNT_ID  20
#define FIRST_NAMESPACE 4026531841u /* as Linux numbers them */
#define FIRST_DEVICE    0xf0000u

/* ---- making and freeing ---- */

static int internal_mount(struct vfs *v)
{
    int r = ghosts_new(&v->ghosts);
    if (r < 0)
        return r;
    mutex_lock(&v->lock);
    r = mount_alloc(v, v->ghosts, NULL, 0, NULL, &v->internal);
    if (r == 0)
        v->internal->counted = false;
    mutex_unlock(&v->lock);
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
    v->last_ns = FIRST_NAMESPACE;
    int r = mount_ns_alloc(v, &v->first);
    if (r == 0)
        r = internal_mount(v);
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
void super_end(struct super *sb)
{
    if (super_is_watched(sb))
        vfs_saw_unmount(sb);
    dcache_clear(sb);
    struct node *root = sb->root;
    struct dentry *top = sb->top;
    sb->root = NULL;
    sb->top = NULL;
    dentry_put(top);
    node_put(root);
    super_put(sb);
}

static struct mount *first_uncounted(struct vfs *v)
{
    struct mount *m;
    list_for_each_entry (m, &v->mounts, all_link)
        if (!m->counted)
            return m;
    return NULL;
}

void vfs_free(struct vfs *v)
{
    ghosts_free(v);
    if (v->first)
        mount_ns_put(v->first);
    for (struct mount *m; (m = first_uncounted(v));) { /* with them all others go */
        m->counted = true;
        mount_put(m);
    }
    locks_free(v->locks);
    free(v);
}

int mounts_all(struct vfs *v, struct mount ***ret, size_t *ret_n)
{
    struct mount *m;
    size_t n = 0;
    MUTEX_GUARD(&v->lock);
    struct mount **all = malloc((v->n_mounts + 1) * sizeof(struct mount *));
    if (!all)
        return -ENOMEM;
    list_for_each_entry (m, &v->mounts, all_link)
        if (!m->counted || ref_tryget(&m->ref))
            all[n++] = m;
    *ret = all;
    *ret_n = n;
    return 0;
}

void vfs_sync(struct vfs *v)
{
    struct mount **all;
    size_t n;
    if (mounts_all(v, &all, &n) < 0)
        return;
    for (size_t i = 0; i < n; i++) {
        struct super *sb = all[i]->sb;
        if (sb->ops->sync)
            (void) sb->ops->sync(sb);
        mount_put(all[i]);
    }
    free(all);
}

int vfs_root(struct vfs *v, struct path *ret)
{
    return mount_ns_root(v->first, ret);
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
    /* Of a copy-on-write tree it would be a change. */
    if (!(mnt->flags & (MOUNT_F_RDONLY | MOUNT_F_OVERLAY))) {
        mutex_lock(&sb->tree_lock);
        r = dcache_create(dir, s->last.name, s->last.len, &a, &d, &dying);
        mutex_unlock(&sb->tree_lock);
        dentry_reap(&dying);
    }
    if (r < 0 && r != -ENOMEM && r != -EEXIST)
        r = ghost_make(mnt->vfs, dir, s->last.name, s->last.len, is_dir, &d);
    if (r < 0)
        return r;
    mount_get(mnt);
    *ret = (struct path){.mnt = mnt, .dentry = d};
    return 0;
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

static int make_way(const struct walkctx *w, const struct path *from, const char *dest, bool is_dir,
                    unsigned links, struct path *ret);

/* A link whose target is missing, or the way to it: both are made, below the container's root like
 * all that a walk finds. Replaces *p. */
static int make_target(const struct walkctx *w, struct path *p, const char *name, bool is_dir,
                       unsigned links)
{
    struct path link, next;
    int r = links < WALK_MAX_LINKS ? path_walk(w, p, name, WALK_NOFOLLOW, &link) : -ELOOP;
    if (r < 0)
        return r;
    struct node *n = path_node(&link);
    _cleanup_free_ char *text = malloc(GUEST_PATH_MAX);
    ssize_t len = !text                   ? -ENOMEM
                  : n->type != LX_S_IFLNK ? -ENOENT
                                          : n->ops->readlink(n, NULL, text, GUEST_PATH_MAX - 1);
    path_put(&link);
    if (len < 0)
        return (int) len;
    text[len] = '\0';
    r = make_way(w, text[0] == '/' ? &w->root : p, text, is_dir, links + 1, &next);
    if (r == 0) {
        path_put(p);
        *p = next;
    }
    return r;
}

/* mkdir -p; the last one is a plain file when a file is to be mounted. */
static int make_way(const struct walkctx *w, const struct path *from, const char *dest, bool is_dir,
                    unsigned links, struct path *ret)
{
    char name[GUEST_NAME_CAP];
    struct path p = *from;
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
        bool dir = is_dir || at[strspn(at, "/")];
        r = descend(w, &p, name, dir);
        if (r == -ENOENT)
            r = make_target(w, &p, name, dir, links);
    }
    if (r == 0 && (path_node(&p)->type == LX_S_IFDIR) != is_dir)
        r = -ENOTDIR;
    if (r < 0)
        path_put(&p);
    else
        *ret = p;
    return r;
}

/* Devices of file systems without one: far from the host's. */
void vfs_give_device(struct vfs *v, struct super *sb)
{
    if (!sb->dev)
        sb->dev = lx_makedev(0, FIRST_DEVICE + v->last_dev++);
}

static int mount_attach(struct mount_ns *ns, struct mount *m, const struct path *at)
{
    struct vfs *v = ns->vfs;
    MUTEX_GUARD(&v->lock);
    vfs_give_device(v, m->sb);
    int r = at ? mount_hook(m, at->mnt, at->dentry) : 0;
    if (r == 0 && !at)
        ns->root = m;
    if (r == 0)
        mount_tree_join(m, ns);
    return r;
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
        r = make_way(&w, &w.root, dest, m->root->node->type == LX_S_IFDIR, 0, &point);
        walkctx_done(&w);
    }
    cred_put(root);
    if (r == 0)
        r = mount_attach(v->first, m, &point);
    path_put(&point);
    return r;
}

/* What the host's own mounts forbid as well cannot be allowed inside. */
#define LOCKED_FLAGS ((uint32_t) (MOUNT_F_RDONLY | MOUNT_F_NOEXEC))

int vfs_mount(struct vfs *v, struct super *sb, const char *dest, uint32_t flags, const char *source)
{
    struct mount *m;
    bool first = !v->first->root;
    mutex_lock(&v->lock);
    int r = *dest == '/' && sb->root ? mount_alloc(v, sb, NULL, flags, source, &m) : -EINVAL;
    mutex_unlock(&v->lock);
    if (r < 0) {
        super_end(sb);
        return r;
    }
    m->locked = flags & LOCKED_FLAGS;
    m->counted = !first; /* most of all walks are in it, and it stays */
    if (!first)
        r = mount_below(v, m, dest);
    else if (dest[strspn(dest, "/")])
        r = -EINVAL; /* the root comes first */
    else
        r = mount_attach(v->first, m, NULL);
    if (r < 0)
        mount_discard(m);
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

int vfs_mount_readonly(struct vfs *v, const char *dest)
{
    struct path at;
    struct mount *m = NULL;
    int r = vfs_lookup(v, dest, &at);
    if (r < 0)
        return r;
    uint32_t flags = path_mount_flags(&at) | MOUNT_F_RDONLY;
    mutex_lock(&v->lock);
    r = mount_alloc(v, at.mnt->sb, at.dentry, flags, at.mnt->source, &m);
    mutex_unlock(&v->lock);
    if (r == 0) {
        m->locked = flags & LOCKED_FLAGS;
        r = mount_attach(v->first, m, &at);
        if (r < 0)
            mount_discard(m);
    }
    path_put(&at);
    return r;
}
