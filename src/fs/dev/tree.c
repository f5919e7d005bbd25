/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree of /dev: what every container has, and the devices its config lists among it. A listed
 * device in the place of one that is there anyway replaces it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/stat.h"
#include "base/log.h"
#include "fs/dev/dev.h"
#include "fs/dev/numbers.h"
#include "kernel/kernel.h"
#include "kernel/vfs/pseudo.h"
#include "kernel/vfs/special.h"
#include "rpc/spec.h"

#define TMPFS_MAGIC 0x01021994 /* what /dev is elsewhere */

static int has_console(const struct pseudo_ctx *c)
{
    return c->k->specials->has_console(c->k) ? 0 : -ENOENT;
}

static ssize_t link_text(const char *text, char *dst, size_t cap)
{
    size_t n = MIN(strlen(text), cap);
    memcpy(dst, text, n);
    return (ssize_t) n;
}

static ssize_t link_fd(const struct pseudo_ctx *c unused_, char *dst, size_t cap)
{
    return link_text("/proc/self/fd", dst, cap);
}

static ssize_t link_stdin(const struct pseudo_ctx *c unused_, char *dst, size_t cap)
{
    return link_text("/proc/self/fd/0", dst, cap);
}

static ssize_t link_stdout(const struct pseudo_ctx *c unused_, char *dst, size_t cap)
{
    return link_text("/proc/self/fd/1", dst, cap);
}

static ssize_t link_stderr(const struct pseudo_ctx *c unused_, char *dst, size_t cap)
{
    return link_text("/proc/self/fd/2", dst, cap);
}

static ssize_t link_ptmx(const struct pseudo_ctx *c unused_, char *dst, size_t cap)
{
    return link_text("pts/ptmx", dst, cap);
}

#define DEVICE(name_, rdev_)                                    \
    {                                                           \
        .name = name_, .mode = LX_S_IFCHR | 0666, .rdev = rdev_ \
    }

static const struct pseudo_entry dev_table[] = {
    DEVICE("null", DEV_NULL),
    DEVICE("zero", DEV_ZERO),
    DEVICE("full", DEV_FULL),
    DEVICE("random", DEV_RANDOM),
    DEVICE("urandom", DEV_URANDOM),
    DEVICE("tty", DEV_TTY),
    {.name = "console", .mode = LX_S_IFCHR | 0600, .rdev = DEV_CONSOLE, .exists = has_console},
    PSEUDO_LINK("fd", link_fd),
    PSEUDO_LINK("stdin", link_stdin),
    PSEUDO_LINK("stdout", link_stdout),
    PSEUDO_LINK("stderr", link_stderr),
    PSEUDO_LINK("ptmx", link_ptmx),
    PSEUDO_DIR("shm", 01777, NULL), /* places for mounts */
    PSEUDO_DIR("mqueue", 01777, NULL),
    PSEUDO_DIR("pts", 0755, NULL),
    {0},
};

/* ---- listed devices ---- */

#define DEV_PREFIX "/dev/"
#define MAX_DEPTH  16

static struct pseudo_entry entry_of(const struct device_spec *d)
{
    return (struct pseudo_entry){.mode = d->mode,
                                 .rdev = lx_makedev(d->major, d->minor),
                                 .uid = d->uid,
                                 .gid = d->gid};
}

static const struct pseudo_entry *find(const struct pseudo_entry *table, const char *name,
                                       size_t len)
{
    for (const struct pseudo_entry *e = table; e && e->name; e++)
        if (strlen(e->name) == len && memcmp(e->name, name, len) == 0)
            return e;
    return NULL;
}

bool dev_is_in_tree(const struct device_spec *d)
{
    const struct pseudo_entry *there;
    unsigned depth = 0;
    if (strncmp(d->path, DEV_PREFIX, strlen(DEV_PREFIX)) != 0)
        return false;
    const char *name = d->path + strlen(DEV_PREFIX);
    there = find(dev_table, name, strcspn(name, "/"));
    if (there && (strchr(name, '/') || (there->mode & LX_S_IFMT) == LX_S_IFDIR))
        return false;
    for (const char *at = name;; at++) {
        size_t n = strcspn(at, "/");
        if (n == 0 || (n == 1 && at[0] == '.') || (n == 2 && at[0] == '.' && at[1] == '.') ||
            ++depth > MAX_DEPTH)
            return false;
        at += n;
        if (!*at)
            return true;
    }
}

struct builder {
    const struct device_spec *devices;
    size_t n;
};

static int build_dir(const struct builder *b, const char *prefix, const struct pseudo_entry *always,
                     struct pseudo_entry **ret);

/* What the device's path has directly below the prefix: itself, or a directory on the way to it. */
static int add_entry(const struct builder *b, const struct device_spec *d, size_t prefix_len,
                     struct pseudo_entry *table, size_t *n)
{
    const char *name = d->path + prefix_len;
    size_t len = strcspn(name, "/");
    struct pseudo_entry e = entry_of(d), *children;
    struct pseudo_entry *there = (struct pseudo_entry *) (uintptr_t) find(table, name, len);
    char *copy, *below;
    int r;
    if (there && name[len]) /* the directory has been made with all that is in it */
        return 0;
    if (name[len]) {
        below = strndup(d->path, prefix_len + len + 1);
        r = below ? build_dir(b, below, NULL, &children) : -ENOMEM;
        free(below);
        if (r < 0)
            return r;
        e = (struct pseudo_entry) PSEUDO_DIR("", 0755, children);
    }
    copy = strndup(name, len);
    if (!copy)
        return -ENOMEM;
    e.name = copy;
    *(there ? there : &table[(*n)++]) = e;
    return 0;
}

/* The table of one directory, which stays for ever, like the kernel it belongs to. */
static int build_dir(const struct builder *b, const char *prefix, const struct pseudo_entry *always,
                     struct pseudo_entry **ret)
{
    size_t n = 0, prefix_len = strlen(prefix);
    struct pseudo_entry *table;
    while (always && always[n].name)
        n++;
    table = calloc(n + b->n + 1, sizeof(*table));
    if (!table)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        table[i] = always[i];
    for (size_t i = 0; i < b->n; i++) {
        const struct device_spec *d = &b->devices[i];
        if (strncmp(d->path, prefix, prefix_len) != 0 || !dev_is_in_tree(d))
            continue;
        int r = add_entry(b, d, prefix_len, table, &n);
        if (r < 0)
            return r;
    }
    *ret = table;
    return 0;
}

struct dev_tree {
    struct pseudo_fs fs;
    struct pseudo_entry root;
};

static int mount_tree(struct kernel *k, const struct pseudo_entry *root, struct super **ret)
{
    struct dev_tree *t = calloc(1, sizeof(*t));
    if (!t)
        return -ENOMEM;
    t->root = *root;
    t->root.name = "";
    t->fs = (struct pseudo_fs){.type_name = "tmpfs", .magic = TMPFS_MAGIC, .root = &t->root};
    int r = pseudo_mount(k, &t->fs, ret);
    if (r < 0)
        free(t);
    return r;
}

static void tell_unknown(const struct device_spec *d)
{
    if ((d->mode & LX_S_IFMT) == LX_S_IFIFO ||
        ((d->mode & LX_S_IFMT) == LX_S_IFCHR && device_is_known(lx_makedev(d->major, d->minor))))
        return;
    log_info("%s (%u:%u) is a node only: there is no such device inside, opening it is ENXIO",
             d->path, d->major, d->minor);
}

int dev_mount(struct kernel *k, const struct dev_options *o, struct super **ret)
{
    const struct builder b = {o->devices, o->n_devices};
    struct pseudo_entry root = PSEUDO_DIR("", 0, NULL), *table;
    root.mode |= o->mode & 07777;
    for (size_t i = 0; i < b.n; i++)
        tell_unknown(&b.devices[i]);
    int r = build_dir(&b, DEV_PREFIX, dev_table, &table);
    root.children = table;
    return r < 0 ? r : mount_tree(k, &root, ret);
}

int device_mount(struct kernel *k, const struct device_spec *d, struct super **ret)
{
    const struct pseudo_entry root = entry_of(d);
    return mount_tree(k, &root, ret);
}

/* ---- covers ---- */

static const struct pseudo_entry empty_table[] = {{0}};
static const struct pseudo_entry mask_dir = PSEUDO_DIR("", 0755, empty_table);
static const struct pseudo_entry mask_file = DEVICE("", DEV_NULL);

int mask_mount(struct kernel *k, bool is_dir, struct super **ret)
{
    return mount_tree(k, is_dir ? &mask_dir : &mask_file, ret);
}
