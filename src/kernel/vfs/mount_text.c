/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/mounts and mountinfo: proc(5). */
#include <errno.h>
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
    sb_add(out, flags & MOUNT_F_NOATIME ? ",noatime" : ",relatime");
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
    add_escaped(out, m->source);
    sb_addch(out, ' ');
    add_escaped(out, place);
    sb_addf(out, " %s ", m->sb->type_name);
    add_options(out, m->flags);
    sb_add(out, " 0 0\n");
}

static void add_mountinfo_line(struct strbuf *out, const struct mount *m, const char *place)
{
    struct attr a;
    uint64_t dev = m->sb->dev;
    if (m->sb->root->ops->getattr(m->sb->root, &a) == 0)
        dev = a.dev;
    sb_addf(out, "%d %d %u:%u / ", m->id, m->parent ? m->parent->id : 1, lx_major(dev),
            lx_minor(dev));
    add_escaped(out, place);
    sb_addch(out, ' ');
    add_options(out, m->flags);
    sb_addf(out, " - %s ", m->sb->type_name);
    add_escaped(out, m->source);
    sb_add(out, m->flags & MOUNT_F_RDONLY ? " ro\n" : " rw\n");
}

static void add_mountstats_line(struct strbuf *out, const struct mount *m, const char *place)
{
    sb_add(out, "device ");
    add_escaped(out, m->source);
    sb_add(out, " mounted on ");
    add_escaped(out, place);
    sb_addf(out, " with fstype %s\n", m->sb->type_name);
}

/* Mounts never go away, so the list can be walked without its lock, up to what was its end. */
static int format(struct vfs *v, const struct path *root, struct strbuf *out,
                  void (*add)(struct strbuf *out, const struct mount *m, const char *place))
{
    char place[GUEST_PATH_MAX];
    mutex_lock(&v->lock);
    struct list *l = v->mounts.next, *end = v->mounts.prev;
    mutex_unlock(&v->lock);
    for (; l != &v->mounts; l = l->next) {
        const struct mount *m = list_entry(l, struct mount, all_link);
        if (place_of(m, root, place, sizeof(place)) == 0)
            add(out, m, place);
        if (l == end)
            break;
    }
    return sb_error(out);
}

int vfs_format_mounts(struct vfs *v, const struct path *root, struct strbuf *out)
{
    return format(v, root, out, add_mounts_line);
}

int vfs_format_mountinfo(struct vfs *v, const struct path *root, struct strbuf *out)
{
    return format(v, root, out, add_mountinfo_line);
}

int vfs_format_mountstats(struct vfs *v, const struct path *root, struct strbuf *out)
{
    return format(v, root, out, add_mountstats_line);
}
