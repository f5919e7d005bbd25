/* SPDX-License-Identifier: Apache-2.0 */
/* The engine of synthetic file systems: nodes made from tables, and openings of their texts. */
#include "kernel/vfs/pseudo.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/dirent.h"
#include "abi/linux/fcntl.h"
#include "abi/linux/poll.h"
#include "abi/linux/stat.h"
#include "abi/linux/statfs.h"
#include "base/cleanup.h"
#include "base/htab.h"
#include "kernel/kernel.h"
#include "kernel/vfs/mount.h"
#include "kernel/vfs/special.h"

#define STORE_MAX 65536u /* longest text written at once */

/* Names are quickly made again, and those of processes that have ended are of no use. */
#define MAX_DENTRIES 256

struct pseudo_super {
    struct super sb; /* first */
    struct kernel *k;
    const struct pseudo_fs *fs;
    struct timespec made;
};

struct pseudo_node {
    struct node node;             /* first */
    const struct pseudo_entry *e; /* immutable */
    int32_t pid, tid, fd;         /* immutable: see struct pseudo_ctx */
    uint32_t index;
    bool dynamic;    /* immutable: found by a lookup callback */
    bool is_process; /* immutable: below it things are of one process, above it they are not */
};

static struct pseudo_node *pnode(struct node *n)
{
    return container_of(n, struct pseudo_node, node);
}

static struct pseudo_super *psuper(struct super *sb)
{
    return container_of(sb, struct pseudo_super, sb);
}

static struct pseudo_ctx ctx_of(struct pseudo_node *pn, struct task *opener)
{
    return (struct pseudo_ctx){.k = psuper(pn->node.sb)->k,
                               .opener = opener,
                               .pid = pn->pid,
                               .tid = pn->tid,
                               .fd = pn->fd,
                               .index = pn->index};
}

/* The same place has the same number, without a table of them. */
static uint64_t ino_of(const struct pseudo_entry *e, const struct pseudo_ctx *c)
{
    uint64_t h = hash_u64((uint64_t) (uintptr_t) e);
    h = hash_u64(h ^ ((uint64_t) (uint32_t) c->pid << 32 | (uint32_t) c->tid));
    h = hash_u64(h ^ ((uint64_t) (uint32_t) c->fd << 32 | c->index));
    return (h & 0x7fffffffffull) | 1;
}

static const struct node_ops pseudo_node_ops, pseudo_magic_ops, pseudo_granting_ops;

static int node_make(struct super *sb, const struct pseudo_entry *e, const struct pseudo_ctx *c,
                     bool dynamic, bool is_process, struct node **ret)
{
    struct pseudo_node *pn = calloc(1, sizeof(*pn));
    if (!pn)
        return -ENOMEM;
    const struct node_ops *ops = e->follow   ? &pseudo_magic_ops
                                 : e->grants ? &pseudo_granting_ops
                                             : &pseudo_node_ops;
    node_init(&pn->node, sb, ops, e->mode & LX_S_IFMT, ino_of(e, c));
    pn->e = e;
    pn->pid = c->pid;
    pn->tid = c->tid;
    pn->fd = c->fd;
    pn->index = c->index;
    pn->dynamic = dynamic;
    pn->is_process = is_process;
    *ret = &pn->node;
    return 0;
}

/* ---- names ---- */

/* The entry of a name in directory e; c becomes the child's. */
static const struct pseudo_entry *find(const struct pseudo_entry *e, struct pseudo_ctx *c,
                                       const char *name, size_t len, bool *ret_dynamic)
{
    *ret_dynamic = false;
    for (const struct pseudo_entry *i = e->children; i && i->name; i++)
        if (strlen(i->name) == len && memcmp(i->name, name, len) == 0)
            return !i->exists || i->exists(c) == 0 ? i : NULL;
    if (!e->dynamic)
        return NULL;
    *ret_dynamic = true;
    return e->dynamic->lookup(c, name, len);
}

static int pseudo_lookup(struct node *dir, const char *name, size_t len, struct node **ret)
{
    struct pseudo_node *pd = pnode(dir);
    struct pseudo_ctx c = ctx_of(pd, NULL);
    bool dynamic;
    if (dir->type != LX_S_IFDIR)
        return -ENOTDIR;
    const struct pseudo_entry *e = find(pd->e, &c, name, len, &dynamic);
    return e ? node_make(dir->sb, e, &c, dynamic, c.pid != pd->pid, ret) : -ENOENT;
}

/* n NULL: a name that was not there. */
static bool pseudo_revalidate(struct node *n, struct node *dir, const char *name)
{
    struct pseudo_node *pd = dir ? pnode(dir) : NULL;
    if (n && !pnode(n)->dynamic && !pnode(n)->e->exists)
        return true;
    if (!pd)
        return false;
    struct pseudo_ctx c = ctx_of(pd, NULL);
    bool dynamic;
    const struct pseudo_entry *e = find(pd->e, &c, name, strlen(name), &dynamic);
    if (!n)
        return !e;
    struct pseudo_node *pn = pnode(n);
    return e == pn->e && c.pid == pn->pid && c.tid == pn->tid && c.fd == pn->fd &&
           c.index == pn->index;
}

static ssize_t pseudo_readlink(struct node *n, struct task *t, char *dst, size_t cap)
{
    struct pseudo_node *pn = pnode(n);
    struct pseudo_ctx c = ctx_of(pn, t);
    return pn->e->link ? pn->e->link(&c, dst, cap) : -EINVAL;
}

static int pseudo_follow(struct node *n, struct task *t, struct path *ret)
{
    struct pseudo_node *pn = pnode(n);
    struct pseudo_ctx c = ctx_of(pn, t);
    return pn->e->follow(&c, ret);
}

/* ---- attributes ---- */

static unsigned count_subdirs(const struct pseudo_entry *e)
{
    unsigned n = 0;
    for (const struct pseudo_entry *i = e->children; i && i->name; i++)
        n += (i->mode & LX_S_IFMT) == LX_S_IFDIR;
    return n;
}

static int pseudo_getattr(struct node *n, struct attr *ret)
{
    struct pseudo_node *pn = pnode(n);
    struct pseudo_super *ps = psuper(n->sb);
    struct pseudo_ctx c = ctx_of(pn, NULL);
    *ret = (struct attr){.dev = n->sb->dev,
                         .ino = n->ino,
                         .rdev = pn->e->rdev,
                         .mode = pn->e->mode,
                         .nlink = 1,
                         .uid = pn->e->uid,
                         .gid = pn->e->gid,
                         .blksize = 4096,
                         .atime = ps->made,
                         .mtime = ps->made,
                         .ctime = ps->made,
                         .btime = {0, -1}};
    if (n->type == LX_S_IFDIR)
        ret->nlink = 2 + count_subdirs(pn->e);
    if (n->type == LX_S_IFLNK && pn->e->follow)
        ret->size = 64; /* as Linux shows magic links */
    if (ps->fs->owner)
        ps->fs->owner(&c, &ret->uid, &ret->gid);
    if (pn->e->attr)
        pn->e->attr(&c, ret);
    return 0;
}

/* Times and owners of what only exists here may be set, without effect: touch /dev/null works. */
static int pseudo_setattr(struct node *n, const struct attr *a, uint32_t mask)
{
    const uint32_t times = ATTR_ATIME | ATTR_MTIME | ATTR_ATIME_NOW | ATTR_MTIME_NOW;
    if ((mask & ATTR_SIZE) && n->type == LX_S_IFREG && pnode(n)->e->store && a->size == 0)
        mask &= ~(uint32_t) ATTR_SIZE; /* open(O_TRUNC) before a write */
    if ((mask & ATTR_SIZE) && n->type == LX_S_IFCHR)
        mask &= ~(uint32_t) ATTR_SIZE;
    if (pnode(n)->e->setattr) {
        struct pseudo_ctx c = ctx_of(pnode(n), NULL);
        return pnode(n)->e->setattr(&c, a, mask);
    }
    return mask & ~times ? -EPERM : 0;
}

/* ---- texts ---- */

/* One rendering; readers keep theirs while another one is made. */
struct text {
    struct ref ref;
    size_t len;
    char data[];
};

struct pseudo_file {
    struct file file;      /* first */
    struct node *node;     /* referenced */
    uint64_t subject;      /* immutable: when it was opened */
    struct mount_ns *ns;   /* immutable, referenced; NULL: not of a mount table */
    _Atomic uint64_t seen; /* of its changes */
    struct text *text;     /* [file.pos_lock] NULL before the first read */
};

static struct pseudo_file *pfile(struct file *f)
{
    return container_of(f, struct pseudo_file, file);
}

static void text_put(struct text *t)
{
    if (t && ref_put(&t->ref))
        free(t);
}

static int text_render(const struct pseudo_file *pf, struct task *reader, struct text **ret)
{
    struct pseudo_node *pn = pnode(pf->node);
    struct pseudo_ctx c = ctx_of(pn, reader);
    _cleanup_sb_ struct strbuf sb = STRBUF_INIT;
    if (!pn->e->show)
        return -EINVAL;
    int r = pn->e->show(&c, &sb);
    if (r == 0)
        r = sb_error(&sb);
    if (r < 0)
        return r;
    /* Asked afterwards: it may have changed while the text was made. */
    size_t len = pn->e->subject && pn->e->subject(&c) != pf->subject ? 0 : sb.len;
    struct text *t = malloc(sizeof(*t) + len);
    if (!t)
        return -ENOMEM;
    ref_init(&t->ref);
    t->len = len;
    if (len)
        memcpy(t->data, sb.data, len);
    *ret = t;
    return 0;
}

/* The text to read from at *pos; a new reference. Callbacks take locks ranked above pos_lock, so it
 * is not held. */
static int text_get(struct pseudo_file *pf, struct task *reader, int64_t *pos, struct text **ret)
{
    mutex_lock(&pf->file.pos_lock);
    if (*pos < 0)
        *pos = pf->file.pos;
    struct text *t = *pos > 0 ? pf->text : NULL;
    if (t)
        ref_get(&t->ref);
    mutex_unlock(&pf->file.pos_lock);
    if (!t) {
        int r = text_render(pf, reader, &t);
        if (r < 0)
            return r;
        ref_get(&t->ref);
        mutex_lock(&pf->file.pos_lock);
        struct text *old = pf->text;
        pf->text = t;
        mutex_unlock(&pf->file.pos_lock);
        text_put(old);
    }
    *ret = t;
    return 0;
}

static ssize_t text_read(struct file *f, struct iobuf *io, int64_t pos)
{
    struct pseudo_file *pf = pfile(f);
    bool own = pos < 0;
    struct text *t;
    int e = text_get(pf, io->t, &pos, &t);
    if (e < 0)
        return e;
    ssize_t r = 0;
    if ((uint64_t) pos < t->len)
        r = iobuf_put(io, t->data + pos, MIN(t->len - (size_t) pos, io->left));
    text_put(t);
    if (r > 0 && own) {
        mutex_lock(&f->pos_lock);
        f->pos = pos + r;
        mutex_unlock(&f->pos_lock);
    }
    return r;
}

static ssize_t text_write(struct file *f, struct iobuf *io, int64_t pos)
{
    struct pseudo_node *pn = pnode(pfile(f)->node);
    struct pseudo_ctx c = ctx_of(pn, io->t);
    size_t n = io->left;
    if (!pn->e->store)
        return -EINVAL;
    if (n > STORE_MAX)
        return -EINVAL;
    _cleanup_free_ char *buf = malloc(n + 1);
    if (!buf)
        return -ENOMEM;
    ssize_t r = n ? iobuf_take(io, buf, n) : 0;
    if (r < 0)
        return r;
    buf[r] = 0;
    int e = pn->e->store(&c, buf, (size_t) r);
    if (e < 0)
        return e;
    if (pos < 0) {
        mutex_lock(&f->pos_lock);
        f->pos += r;
        mutex_unlock(&f->pos_lock);
    }
    return r;
}

static void pseudo_file_release(struct file *f)
{
    struct pseudo_file *pf = pfile(f);
    text_put(pf->text);
    if (pf->ns)
        mount_ns_put(pf->ns);
    node_put(pf->node);
    free(pf);
}

static const struct file_ops text_ops = {
    .read = text_read,
    .write = text_write,
    .seek = file_seek_pos,
    .release = pseudo_file_release,
};

static uint32_t setting_poll(struct file *f unused_)
{
    return LX_POLL_READABLE | LX_POLL_WRITABLE;
}

/* Each change is told once to each file, by whoever looks first: proc(5), /proc/mounts. */
static uint32_t mounts_poll(struct file *f)
{
    struct pseudo_file *pf = pfile(f);
    uint64_t now = mount_ns_changes(pf->ns);
    bool news = atomic_exchange(&pf->seen, now) != now;
    return LX_POLL_READABLE | (news ? LX_POLLERR | LX_POLLPRI : 0u);
}

static const struct file_ops setting_ops = {
    .read = text_read,
    .write = text_write,
    .seek = file_seek_pos,
    .poll = setting_poll,
    .release = pseudo_file_release,
};

static const struct file_ops mounts_ops = {
    .read = text_read,
    .write = text_write,
    .seek = file_seek_pos,
    .poll = mounts_poll,
    .release = pseudo_file_release,
};

/* ---- directories ---- */

/* Positions: ".", "..", the table's entries, then the cursors of the dynamic part. */
#define POS_TABLE   2
#define POS_DYNAMIC (1ll << 32)

static uint32_t dirent_type(uint32_t mode)
{
    return (mode & LX_S_IFMT) >> 12; /* DT_* are the S_IFMT bits */
}

struct listing {
    struct pseudo_file *pf;
    struct dirsink *out;
    bool full;
};

static bool list_one(void *arg, const char *name, uint64_t next)
{
    struct listing *l = arg;
    struct pseudo_node *pn = pnode(l->pf->node);
    struct pseudo_ctx c = ctx_of(pn, NULL);
    int64_t next_pos = POS_DYNAMIC + (int64_t) next;
    const struct pseudo_entry *e = pn->e->dynamic->same;
    if (e)
        c.index = (uint32_t) (next - 1);
    else
        e = pn->e->dynamic->lookup(&c, name, strlen(name));
    if (e) {
        if (!l->out->emit(l->out, name, strlen(name), ino_of(e, &c), dirent_type(e->mode),
                          next_pos)) {
            l->full = true;
            return false;
        }
    }
    l->pf->file.pos = next_pos;
    return true;
}

static bool list_table(struct listing *l)
{
    struct pseudo_node *pn = pnode(l->pf->node);
    struct pseudo_ctx c = ctx_of(pn, NULL);
    int64_t i = POS_TABLE;
    for (const struct pseudo_entry *e = pn->e->children; e && e->name; e++, i++) {
        if (i < l->pf->file.pos)
            continue;
        if ((!e->exists || e->exists(&c) == 0) &&
            !l->out->emit(l->out, e->name, strlen(e->name), ino_of(e, &c), dirent_type(e->mode),
                          i + 1))
            return false;
        l->pf->file.pos = i + 1;
    }
    return true;
}

static int pseudo_readdir(struct file *f, struct dirsink *out)
{
    struct listing l = {.pf = pfile(f), .out = out};
    struct pseudo_node *pn = pnode(l.pf->node);
    struct pseudo_ctx c = ctx_of(pn, NULL);
    if (pn->e->alive && pn->e->alive(&c) < 0)
        return -ENOENT; /* the process is gone, its directory is still open */
    for (; f->pos < POS_TABLE; f->pos++)
        if (!out->emit(out, "..", (size_t) f->pos + 1, pn->node.ino, LX_DT_DIR, f->pos + 1))
            return 0;
    if (f->pos < POS_DYNAMIC && !list_table(&l))
        return 0;
    if (!pn->e->dynamic)
        return 0;
    uint64_t cursor = f->pos >= POS_DYNAMIC ? (uint64_t) (f->pos - POS_DYNAMIC) : 0;
    return pn->e->dynamic->list(&c, cursor, list_one, &l);
}

static const struct file_ops dir_ops = {
    .readdir = pseudo_readdir,
    .seek = file_seek_pos,
    .release = pseudo_file_release,
};

/* ---- openings and supers ---- */

static int pseudo_open(struct node *n, const struct open_args *a, struct file **ret)
{
    struct pseudo_node *pn = pnode(n);
    struct pseudo_ctx c = ctx_of(pn, a->task);
    /* Before permission is asked for: then that is about this one or a later one. */
    uint64_t subject = pn->e->subject ? pn->e->subject(&c) : 0;
    if (pn->e->may_open) {
        int r = pn->e->may_open(&c);
        if (r < 0)
            return r;
    }
    if (pn->e->open)
        return pn->e->open(&c, a, ret);
    if (n->type == LX_S_IFCHR)
        return c.k->specials->device_open(c.k, pn->e->rdev, a, ret);
    if (n->type == LX_S_IFIFO && a->task)
        return c.k->specials->fifo_open(c.k, n, a, ret);
    if (n->type != LX_S_IFREG && n->type != LX_S_IFDIR)
        return -ENXIO;
    struct pseudo_file *pf = calloc(1, sizeof(*pf));
    if (!pf)
        return -ENOMEM;
    int r = pn->e->mounts ? pn->e->mounts(&c, &pf->ns) : 0;
    if (r < 0) {
        free(pf);
        return r;
    }
    file_init(&pf->file,
              n->type == LX_S_IFDIR ? &dir_ops
              : pf->ns              ? &mounts_ops
              : pn->e->polls        ? &setting_ops
                                    : &text_ops,
              a->flags);
    if (pf->ns) {
        pf->file.wq = mount_ns_queue(pf->ns);
        atomic_init(&pf->seen, mount_ns_changes(pf->ns));
    }
    pf->node = node_get(n);
    pf->subject = subject;
    *ret = &pf->file;
    return 0;
}

static bool pseudo_grants(struct node *n, struct task *t)
{
    struct pseudo_ctx c = ctx_of(pnode(n), t);
    return pnode(n)->e->grants(&c);
}

static void pseudo_node_release(struct node *n)
{
    free(pnode(n));
}

#define PSEUDO_NODE_OPS                                                                    \
    .lookup = pseudo_lookup, .revalidate = pseudo_revalidate, .readlink = pseudo_readlink, \
    .getattr = pseudo_getattr, .setattr = pseudo_setattr, .open = pseudo_open,             \
    .release = pseudo_node_release

static const struct node_ops pseudo_node_ops = {PSEUDO_NODE_OPS};
static const struct node_ops pseudo_granting_ops = {PSEUDO_NODE_OPS, .grants = pseudo_grants};
/* A link is magic by its operations, so those have operations of their own. */
static const struct node_ops pseudo_magic_ops = {PSEUDO_NODE_OPS, .follow = pseudo_follow};

static int pseudo_statfs(struct super *sb, struct lx_statfs *ret)
{
    *ret = (struct lx_statfs){.type = psuper(sb)->fs->magic,
                              .bsize = 4096,
                              .frsize = 4096,
                              .namelen = 255};
    return 0;
}

static void pseudo_super_release(struct super *sb)
{
    free(psuper(sb));
}

static const struct super_ops pseudo_super_ops = {
    .statfs = pseudo_statfs,
    .release = pseudo_super_release,
};

int32_t pseudo_process(const struct node *n)
{
    const struct pseudo_node *pn = container_of(n, const struct pseudo_node, node);
    if (n->ops != &pseudo_node_ops || n->type != LX_S_IFDIR)
        return 0;
    return pn->is_process ? pn->pid : 0;
}

int pseudo_mount(struct kernel *k, const struct pseudo_fs *fs, struct super **ret)
{
    struct pseudo_super *ps = calloc(1, sizeof(*ps));
    if (!ps)
        return -ENOMEM;
    super_init(&ps->sb, &pseudo_super_ops, fs->type_name);
    ps->sb.max_dentries = MAX_DENTRIES;
    mutex_init(&ps->sb.tree_lock, RANK_PSEUDO_TREE);
    ps->k = k;
    ps->fs = fs;
    (void) clock_gettime(CLOCK_REALTIME, &ps->made);
    struct pseudo_ctx c = {.k = k, .fd = -1};
    int r = node_make(&ps->sb, fs->root, &c, false, false, &ps->sb.root);
    if (r < 0) {
        super_put(&ps->sb);
        return r;
    }
    *ret = &ps->sb;
    return 0;
}
