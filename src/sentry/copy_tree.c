/* SPDX-License-Identifier: Apache-2.0 */
/* Copying a tree between file systems by their nodes: see copy_tree.h. */
#include "sentry/copy_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/stat.h"
#include "base/cleanup.h"
#include "base/strbuf.h"
#include "kernel/mem/uaccess.h"
#include "kernel/task/cred.h"
#include "kernel/vfs/file.h"
#include "kernel/vfs/node.h"

#define MAX_DEPTH 64
#define PIECE     (64u << 10)
#define LINK_MAX_ 4096u

struct copying {
    struct cred *root; /* owner of what is made, until it gets its own */
    uint8_t *piece;    /* PIECE bytes */
};

/* Names of a directory, each with its NUL. */
struct names {
    struct dirsink sink; /* first */
    struct strbuf text;
};

static bool take_name(struct dirsink *s, const char *name, size_t len, uint64_t ino unused_,
                      uint32_t type unused_, int64_t next unused_)
{
    struct names *n = container_of(s, struct names, sink);

    if ((len == 1 && name[0] == '.') || (len == 2 && memcmp(name, "..", 2) == 0))
        return true;
    sb_addn(&n->text, name, len);
    sb_addn(&n->text, "", 1);
    return true;
}

static int open_node(struct node *n, uint32_t flags, const struct cred *cred, struct file **ret)
{
    const struct open_args a = {.flags = flags, .cred = cred};

    return n->ops->open ? n->ops->open(n, &a, ret) : -ENXIO;
}

static int list_names(struct copying *c, struct node *dir, struct names *ret)
{
    struct file *f;
    int r = open_node(dir, LX_O_RDONLY | LX_O_DIRECTORY, c->root, &f);

    if (r < 0)
        return r;
    ret->sink.emit = take_name;
    r = file_readdir(f, &ret->sink);
    file_put(f);
    return r < 0 ? r : sb_error(&ret->text);
}

static int write_all(struct file *f, uint8_t *data, size_t n)
{
    struct iobuf io;

    iobuf_kernel(&io, data, n);
    while (io.left) {
        ssize_t done = f->ops->write(f, &io, -1);
        if (done <= 0)
            return done < 0 ? (int) done : -EIO;
    }
    return 0;
}

static int move_data(struct copying *c, struct file *in, struct file *out)
{
    for (;;) {
        struct iobuf io;
        iobuf_kernel(&io, c->piece, PIECE);
        ssize_t n = in->ops->read(in, &io, -1);
        if (n <= 0)
            return (int) n;
        int r = write_all(out, c->piece, (size_t) n);
        if (r < 0)
            return r;
    }
}

static int copy_data(struct copying *c, struct node *from, struct node *to)
{
    struct file *in, *out;
    int r = open_node(from, LX_O_RDONLY, c->root, &in);

    if (r < 0)
        return r;
    r = open_node(to, LX_O_WRONLY, c->root, &out);
    if (r == 0) {
        r = move_data(c, in, out);
        file_put(out);
    }
    file_put(in);
    return r;
}

static int copy_attributes(const struct attr *a, struct node *to)
{
    uint32_t mask = ATTR_UID | ATTR_GID | ATTR_ATIME | ATTR_MTIME;

    if (to->type != LX_S_IFLNK)
        mask |= ATTR_MODE;
    return to->ops->setattr ? to->ops->setattr(to, a, mask) : 0;
}

static int make_like(struct copying *c, struct node *from, const struct attr *a, struct node *dir,
                     const char *name, struct node **ret)
{
    _cleanup_free_ char *target = NULL;
    struct create_args args = {.mode = a->mode, .cred = c->root};
    int r;

    if (from->type == LX_S_IFLNK) {
        target = malloc(LINK_MAX_);
        if (!target)
            return -ENOMEM;
        ssize_t n = from->ops->readlink(from, NULL, target, LINK_MAX_ - 1);
        if (n < 0)
            return (int) n;
        target[n] = '\0';
        args.target = target;
    }
    if (!dir->ops->create)
        return -EPERM;
    mutex_lock(&dir->sb->tree_lock);
    r = dir->ops->create(dir, name, &args, ret);
    mutex_unlock(&dir->sb->tree_lock);
    return r;
}

static int copy_names(struct copying *c, struct node *from, struct node *to, unsigned depth);

static int copy_one(struct copying *c, struct node *from, struct node *dir, const char *name,
                    unsigned depth)
{
    struct node *made;
    struct attr a;
    int r = from->ops->getattr(from, &a);

    if (r < 0 || from->type == LX_S_IFCHR || from->type == LX_S_IFBLK)
        return r;
    r = make_like(c, from, &a, dir, name, &made);
    if (r < 0)
        return r;
    if (from->type == LX_S_IFDIR)
        r = copy_names(c, from, made, depth + 1);
    else if (from->type == LX_S_IFREG)
        r = copy_data(c, from, made);
    if (r == 0)
        r = copy_attributes(&a, made);
    node_put(made);
    return r;
}

/* Bounded by MAX_DEPTH. */
static int copy_names(struct copying *c, struct node *from, struct node *to, unsigned depth)
{
    struct names n = {.text = STRBUF_INIT};
    int r = depth > MAX_DEPTH ? -ELOOP : list_names(c, from, &n);

    for (size_t at = 0; r == 0 && at < n.text.len;) {
        const char *name = n.text.data + at;
        struct node *child;
        size_t len = strlen(name);

        at += len + 1;
        mutex_lock(&from->sb->tree_lock);
        r = from->ops->lookup(from, name, len, &child);
        mutex_unlock(&from->sb->tree_lock);
        if (r == 0) {
            r = copy_one(c, child, to, name, depth);
            node_put(child);
        } else if (r == -ENOENT) {
            r = 0; /* gone meanwhile, outside */
        }
    }
    sb_free(&n.text);
    return r;
}

int copy_tree(struct node *from, struct node *to)
{
    struct copying c = {.root = cred_alloc(0), .piece = malloc(PIECE)};
    struct attr a;
    int r = c.root && c.piece ? 0 : -ENOMEM;

    if (r == 0)
        r = copy_names(&c, from, to, 0);
    if (r == 0)
        r = from->ops->getattr(from, &a);
    if (r == 0)
        r = copy_attributes(&a, to);
    if (c.root)
        cred_put(c.root);
    free(c.piece);
    return r;
}
