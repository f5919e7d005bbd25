/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/mounts and mountinfo: proc(5). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/stat.h"
#include "kernel/vfs/mount_table.h"
#include "rpc/spec.h"

/* Blanks and backslashes would break the table: they are written in octal. */
static void add_escaped(struct strbuf *out, const char *text)
{
    for (; *text; text++) {
        if (strchr(" \t\n\\#", *text))
            sb_addf(out, "\\%03o", (unsigned) (unsigned char) *text);
        else
            sb_addch(out, *text);
    }
}

static void add_options(struct strbuf *out, uint32_t flags)
{
    sb_add(out, flags & MOUNT_F_RDONLY ? "ro" : "rw");
    if (flags & MOUNT_F_NOSUID)
        sb_add(out, ",nosuid");
    if (flags & MOUNT_F_NODEV)
        sb_add(out, ",nodev");
    if (flags & MOUNT_F_NOEXEC)
        sb_add(out, ",noexec");
    if (flags & MOUNT_F_NOATIME)
        sb_add(out, ",noatime");
    if (flags & MOUNT_F_NODIRATIME)
        sb_add(out, ",nodiratime");
    if (!(flags & (MOUNT_F_NOATIME | MOUNT_F_STRICTATIME)))
        sb_add(out, ",relatime");
    if (flags & MOUNT_F_NOSYMFOLLOW)
        sb_add(out, ",nosymfollow");
}

static void add_super_options(struct strbuf *out, const struct mount *m)
{
    if (m->sb->options)
        sb_addf(out, ",%s", m->sb->options);
    else if (m->sb->ops->show_options)
        m->sb->ops->show_options(m->sb, out);
}

/* Where m is as seen from root: 0, or negative when it cannot be seen. */
static int place_of(const struct mount *m, const struct path *root, char *dst, size_t cap)
{
    struct path top = {.mnt = (struct mount *) m, .dentry = m->root};
    ssize_t n = path_text(&top, root, dst, cap);
    if (n < 0)
        return (int) n;
    return dst[0] == '/' ? 0 : -ENOENT;
}

static void add_mounts_line(struct strbuf *out, const struct mount *m, const char *place)
{
    struct path top = {.mnt = (struct mount *) m, .dentry = m->root};
    add_escaped(out, m->source);
    sb_addch(out, ' ');
    add_escaped(out, place);
    sb_addf(out, " %s ", m->sb->type_name);
    add_options(out, path_mount_flags(&top));
    add_super_options(out, m);
    sb_add(out, " 0 0\n");
}

static int parent_id(const struct mount *m)
{
    MUTEX_GUARD(&m->vfs->lock);
    return m->parent ? m->parent->id : 1;
}

static void add_groups(struct strbuf *out, const struct mount *m)
{
    MUTEX_GUARD(&m->vfs->lock);
    if (m->group)
        sb_addf(out, " shared:%d", m->group);
    if (m->master)
        sb_addf(out, " master:%d", m->master);
    if (m->unbindable)
        sb_add(out, " unbindable");
}

static void add_mountinfo_line(struct strbuf *out, const struct mount *m, const char *place)
{
    char root[GUEST_PATH_MAX];
    struct attr a;
    uint64_t dev = m->sb->dev;
    uint32_t flags = atomic_load(&m->flags);
    if (m->sb->root->ops->getattr(m->sb->root, &a) == 0 && a.dev)
        dev = a.dev;
    sb_addf(out, "%d %d %u:%u ", m->id, parent_id(m), lx_major(dev), lx_minor(dev));
    add_escaped(out, dentry_text(m->root, root, sizeof(root)) < 0 ? "/" : root);
    if (atomic_load(&m->root->gone))
        sb_add(out, "//deleted");
    sb_addch(out, ' ');
    add_escaped(out, place);
    sb_addch(out, ' ');
    add_options(out, flags);
    add_groups(out, m);
    sb_addf(out, " - %s ", m->sb->type_name);
    add_escaped(out, m->source);
    sb_add(out,
           (flags & MOUNT_F_RDONLY & m->locked) || atomic_load(&m->sb->rdonly) ? " ro" : " rw");
    add_super_options(out, m);
    sb_addch(out, '\n');
}

static void add_mountstats_line(struct strbuf *out, const struct mount *m, const char *place)
{
    sb_add(out, "device ");
    add_escaped(out, m->source);
    sb_add(out, " mounted on ");
    add_escaped(out, place);
    sb_addf(out, " with fstype %s\n", m->sb->type_name);
}

static int format(struct mount_ns *ns, const struct path *root, struct strbuf *out,
                  void (*add)(struct strbuf *out, const struct mount *m, const char *place))
{
    char place[GUEST_PATH_MAX];
    struct mount **all;
    size_t n;
    int r = mounts_all(ns->vfs, &all, &n);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++) {
        struct mount *m = all[i];
        if (atomic_load(&m->ns) == ns && place_of(m, root, place, sizeof(place)) == 0)
            add(out, m, place);
        mount_put(m);
    }
    free(all);
    return sb_error(out);
}

int vfs_format_mounts(struct mount_ns *ns, const struct path *root, struct strbuf *out)
{
    return format(ns, root, out, add_mounts_line);
}

int vfs_format_mountinfo(struct mount_ns *ns, const struct path *root, struct strbuf *out)
{
    return format(ns, root, out, add_mountinfo_line);
}

int vfs_format_mountstats(struct mount_ns *ns, const struct path *root, struct strbuf *out)
{
    return format(ns, root, out, add_mountstats_line);
}
