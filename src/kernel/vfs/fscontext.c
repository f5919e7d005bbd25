/* SPDX-License-Identifier: Apache-2.0 */
/* File systems in the making, and being changed: what fsopen(2) and fspick(2) return. */
#include "kernel/vfs/fscontext.h"

#include <errno.h>
#include <stdlib.h>

#include "base/strbuf.h"
#include "kernel/vfs/mount_table.h"
#include "kernel/vfs/node.h"

#define OPTIONS_MAX 4096u

static void fscontext_release(struct file *f)
{
    struct fscontext *c = fscontext_of(f);
    if (c->sb)
        super_end(c->sb);
    sb_free(&c->options);
    free(c->type);
    free(c->source);
    free(c);
}

/* The log of what went wrong: nothing is written there. */
static ssize_t fscontext_read(struct file *f unused_, struct iobuf *io unused_, int64_t pos unused_)
{
    return -ENODATA;
}

static const struct file_ops fscontext_ops = {
    .read = fscontext_read,
    .release = fscontext_release,
    .name = "[fscontext]",
};

struct fscontext *fscontext_of(struct file *f)
{
    return f->ops == &fscontext_ops ? container_of(f, struct fscontext, file) : NULL;
}

int fscontext_new(char *type, const struct path *at, struct file **ret)
{
    struct fscontext *c = calloc(1, sizeof(*c));
    if (!c) {
        free(type);
        return -ENOMEM;
    }
    file_init(&c->file, &fscontext_ops, LX_O_RDWR);
    mutex_init(&c->lock, RANK_FILE);
    c->options = (struct strbuf) STRBUF_INIT;
    c->type = type;
    c->phase = at ? FSCONTEXT_CHANGE : FSCONTEXT_PARAMETERS;
    if (at) {
        c->rdonly = atomic_load(&at->mnt->sb->rdonly);
        file_set_path(&c->file, at);
    }
    *ret = &c->file;
    return 0;
}

int fscontext_add(struct fscontext *c, const char *key, const char *value)
{
    MUTEX_GUARD(&c->lock);
    if (c->phase != FSCONTEXT_PARAMETERS && c->phase != FSCONTEXT_CHANGE)
        return -EBUSY;
    if (!value && (strcmp(key, "ro") == 0 || strcmp(key, "rw") == 0)) {
        c->rdonly = key[1] == 'o';
        return 0;
    }
    if (value && strcmp(key, "source") == 0) {
        if (c->source)
            return -EINVAL;
        c->source = strdup(value);
        return c->source ? 0 : -ENOMEM;
    }
    if (strchr(key, ',') || (value && strchr(value, ',')))
        return -EINVAL;
    if (c->options.len + strlen(key) + (value ? strlen(value) : 0) + 2 > OPTIONS_MAX)
        return -EINVAL;
    if (c->options.len)
        sb_addch(&c->options, ',');
    sb_add(&c->options, key);
    if (value) {
        sb_addch(&c->options, '=');
        sb_add(&c->options, value);
    }
    return sb_error(&c->options);
}

int fscontext_take(struct fscontext *c, enum fscontext_phase from, char **ret_options)
{
    MUTEX_GUARD(&c->lock);
    if (c->phase != from)
        return -EBUSY;
    *ret_options = strdup(c->options.len ? c->options.data : "");
    if (!*ret_options)
        return -ENOMEM;
    c->phase = FSCONTEXT_FAILED; /* until it is done */
    return 0;
}

void fscontext_created(struct fscontext *c, struct super *sb)
{
    MUTEX_GUARD(&c->lock);
    atomic_store(&sb->rdonly, c->rdonly);
    c->sb = sb;
    c->phase = FSCONTEXT_CREATED;
}

void fscontext_changed(struct fscontext *c)
{
    MUTEX_GUARD(&c->lock);
    sb_reset(&c->options);
    c->phase = FSCONTEXT_CHANGE;
}

int fscontext_mount(struct fscontext *c, struct vfs *v, uint32_t flags, struct path *ret)
{
    mutex_lock(&c->lock);
    struct super *sb = c->phase == FSCONTEXT_CREATED ? c->sb : NULL;
    bool early = c->phase == FSCONTEXT_PARAMETERS;
    if (sb)
        c->sb = NULL;
    mutex_unlock(&c->lock);
    if (!sb)
        return early ? -EINVAL : -EBUSY;
    int r = mount_detached(v, sb, flags, c->source, ret);
    if (r < 0)
        super_end(sb);
    return r;
}
