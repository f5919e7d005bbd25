/* SPDX-License-Identifier: Apache-2.0 */
/* One tmpfs: its options and limits. Source: tmpfs(5). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "abi/linux/stat.h"
#include "abi/linux/statfs.h"
#include "base/cleanup.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "fs/tmp/internal.h"
#include "kernel/task/cred.h"

#define RAMFS_MAGIC 0x858458f6

struct options {
    uint64_t max_pages, max_nodes;
    uint32_t mode, uid, gid;
};

static uint64_t machine_pages(void)
{
    struct sysinfo s;
    if (sysinfo(&s) < 0)
        return 1u << 18;
    return s.totalram / TMP_PAGE * s.mem_unit;
}

/* A number of bytes, or so many percent of the machine's memory. */
static int parse_bytes(const char *value, uint64_t *ret_pages)
{
    size_t n = strlen(value);
    uint64_t v;
    if (n > 1 && n < 8 && value[n - 1] == '%') {
        char number[8];
        memcpy(number, value, n - 1);
        number[n - 1] = 0;
        int r = parse_u64(number, &v);
        if (r == 0)
            *ret_pages = machine_pages() * v / 100;
        return r;
    }
    int r = parse_size(value, &v);
    if (r == 0)
        *ret_pages = v / TMP_PAGE + (v % TMP_PAGE != 0);
    return r;
}

static int parse_value(const char *name, const char *value, struct options *o)
{
    if (strcmp(name, "size") == 0)
        return parse_bytes(value, &o->max_pages);
    if (strcmp(name, "nr_blocks") == 0)
        return parse_size(value, &o->max_pages);
    if (strcmp(name, "nr_inodes") == 0)
        return parse_size(value, &o->max_nodes);
    if (strcmp(name, "uid") == 0)
        return parse_u32(value, &o->uid);
    if (strcmp(name, "gid") == 0)
        return parse_u32(value, &o->gid);
    if (strcmp(name, "mode") == 0)
        return parse_octal(value, &o->mode);
    /* How memory is laid out is the host's. */
    return strcmp(name, "huge") == 0 || strcmp(name, "mpol") == 0 ? 0 : -EINVAL;
}

static int parse_one(char *option, struct options *o)
{
    static const char *const flags[] = {"inode32", "inode64", "noswap", ""};
    char *value = strchr(option, '=');
    if (value) {
        *value++ = 0;
        return parse_value(option, value, o) < 0 ? -EINVAL : 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (strcmp(option, flags[i]) == 0)
            return 0;
    return -EINVAL;
}

static int parse(const char *text, bool forgiving, struct options *o)
{
    _cleanup_free_ char *copy = strdup(text);
    char *rest = copy, *one;
    if (!copy)
        return -ENOMEM;
    while ((one = strsep(&rest, ",")))
        if (parse_one(one, o) < 0 && !forgiving)
            return -EINVAL;
    o->mode &= 07777;
    return 0;
}

static int tmp_statfs(struct super *sb, struct lx_statfs *ret)
{
    struct tmp_super *ts = tmp_super(sb);
    *ret = (struct lx_statfs){.type = ts->ram ? RAMFS_MAGIC : LX_TMPFS_MAGIC,
                              .bsize = TMP_PAGE,
                              .frsize = TMP_PAGE,
                              .namelen = 255};
    MUTEX_GUARD(&ts->lock);
    if (ts->max_pages) {
        ret->blocks = ts->max_pages;
        ret->bfree = ret->bavail = ts->max_pages - MIN(ts->pages, ts->max_pages);
    }
    if (ts->max_nodes) {
        ret->files = ts->max_nodes;
        ret->ffree = ts->max_nodes - MIN(ts->nodes, ts->max_nodes);
    }
    return 0;
}

static void tmp_show_options(struct super *sb, struct strbuf *out)
{
    struct tmp_super *ts = tmp_super(sb);
    MUTEX_GUARD(&ts->lock);
    if (ts->ram)
        return;
    if (ts->max_pages)
        sb_addf(out, ",size=%lluk", (unsigned long long) (ts->max_pages * (TMP_PAGE / 1024)));
    if (ts->max_nodes)
        sb_addf(out, ",nr_inodes=%llu", (unsigned long long) ts->max_nodes);
    if (ts->mode != 01777)
        sb_addf(out, ",mode=%03o", ts->mode);
    if (ts->uid)
        sb_addf(out, ",uid=%u", ts->uid);
    if (ts->gid)
        sb_addf(out, ",gid=%u", ts->gid);
}

/* Not below what is in use; who owns the root stays. */
static int tmp_reconfigure(struct super *sb, const char *options)
{
    struct tmp_super *ts = tmp_super(sb);
    struct options o = {.mode = 0};
    int r;
    mutex_lock(&ts->lock);
    o.max_pages = ts->max_pages;
    o.max_nodes = ts->max_nodes;
    mutex_unlock(&ts->lock);
    r = parse(options, ts->ram, &o);
    if (r < 0 || ts->ram)
        return r;
    MUTEX_GUARD(&ts->lock);
    if ((o.max_pages && (o.max_pages < ts->pages || !ts->max_pages)) ||
        (o.max_nodes && (o.max_nodes < ts->nodes || !ts->max_nodes)))
        return -EINVAL;
    ts->max_pages = o.max_pages;
    ts->max_nodes = o.max_nodes;
    return 0;
}

static void tmp_super_release(struct super *sb)
{
    free(tmp_super(sb));
}

static const struct super_ops super_ops = {
    .statfs = tmp_statfs,
    .show_options = tmp_show_options,
    .reconfigure = tmp_reconfigure,
    .release = tmp_super_release,
};

static int mount(struct kernel *k, const struct options *o, bool ram, struct super **ret)
{
    struct tmp_super *ts = calloc(1, sizeof(*ts));
    if (!ts)
        return -ENOMEM;
    super_init(&ts->sb, &super_ops, ram ? "ramfs" : "tmpfs");
    ts->sb.exclusive = true;
    ts->k = k;
    ts->ram = ram;
    ts->mode = o->mode;
    ts->uid = o->uid;
    ts->gid = o->gid;
    mutex_init(&ts->lock, RANK_LEAF);
    ts->max_pages = ram ? 0 : o->max_pages;
    ts->max_nodes = ram ? 0 : o->max_nodes;
    const struct cred owner = {.fsuid = o->uid, .fsgid = o->gid};
    const struct create_args a = {.mode = LX_S_IFDIR | o->mode, .cred = &owner};
    int r = tmp_node_new(ts, &a, 2, &ts->sb.root);
    if (r < 0) {
        super_put(&ts->sb);
        return r;
    }
    *ret = &ts->sb;
    return 0;
}

int tmpfs_mount(struct kernel *k, const char *options, struct super **ret)
{
    struct options o = {.mode = 01777};
    o.max_pages = o.max_nodes = machine_pages() / 2;
    int r = parse(options, false, &o);
    return r < 0 ? r : mount(k, &o, false, ret);
}

int ramfs_mount(struct kernel *k, const char *options, struct super **ret)
{
    struct options o = {.mode = 0755};
    int r = parse(options, true, &o);
    o.uid = o.gid = 0;
    return r < 0 ? r : mount(k, &o, true, ret);
}
