/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID: the table of a process's directory, and the files that need no file of their own.
 * proc(5). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "fs/proc/internal.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/mount.h"
#include "kernel/vfs/walk.h"

#define RANGE_MAX (8u << 20) /* arguments and environment */

/* What a debugger might see is not for everybody. */
static int may_inspect(const struct pseudo_ctx *c)
{
    return !c->opener || task_may_inspect(c->opener, c->tid) ? 0 : -EACCES;
}

/* A process reaches its own descriptors, whoever its files in /proc belong to by now. */
static bool is_own(const struct pseudo_ctx *c)
{
    return c->opener && c->opener->tg->tgid == c->pid;
}

/* The same rights are not those over the program that it executes next. */
static uint64_t image_of(const struct pseudo_ctx *c)
{
    return task_snapshot_image(c->k, c->tid);
}

/* ---- guest memory as text ---- */

static int show_range(const struct pseudo_ctx *c, uint64_t from, uint64_t to, struct strbuf *out)
{
    if (to <= from || to - from > RANGE_MAX)
        return 0;
    _cleanup_free_ char *buf = malloc(to - from);
    if (!buf)
        return -ENOMEM;
    ssize_t n = task_snapshot_read(c->k, c->tid, buf, from, to - from);
    if (n > 0)
        sb_addn(out, buf, (size_t) n);
    return 0;
}

static int show_cmdline(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct task_snapshot s;
    int r = task_snapshot(c->k, c->tid, &s);
    return r < 0 ? r : show_range(c, s.arg_start, s.arg_end, out);
}

static int show_environ(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct task_snapshot s;
    int r = task_snapshot(c->k, c->tid, &s);
    return r < 0 ? r : show_range(c, s.env_start, s.env_end, out);
}

static int show_auxv(const struct pseudo_ctx *c, struct strbuf *out)
{
    uint64_t auxv[64];
    ssize_t n = task_snapshot_auxv(c->k, c->tid, auxv, sizeof(auxv));
    if (n > 0)
        sb_addn(out, auxv, (size_t) n);
    return n < 0 ? (int) n : 0;
}

/* ---- links ---- */

static int follow_exe(const struct pseudo_ctx *c, struct path *ret)
{
    return task_snapshot_exe(c->k, c->tid, ret);
}

static int follow_fs(const struct pseudo_ctx *c, bool root, struct path *ret)
{
    struct fsctx *fs;
    int r = task_snapshot_fs(c->k, c->tid, &fs);
    if (r < 0)
        return r;
    mutex_lock(&fs->lock);
    *ret = root ? fs->root : fs->cwd;
    path_get(ret);
    mutex_unlock(&fs->lock);
    fsctx_put(fs);
    return 0;
}

static int follow_cwd(const struct pseudo_ctx *c, struct path *ret)
{
    return follow_fs(c, false, ret);
}

static int follow_root(const struct pseudo_ctx *c, struct path *ret)
{
    return follow_fs(c, true, ret);
}

static int walk_to(const struct pseudo_ctx *c,
                   int (*follow)(const struct pseudo_ctx *c, struct path *ret), struct path *ret)
{
    int r = may_inspect(c);
    return r < 0 ? r : follow(c, ret);
}

static int walk_exe(const struct pseudo_ctx *c, struct path *ret)
{
    return walk_to(c, follow_exe, ret);
}

static int walk_cwd(const struct pseudo_ctx *c, struct path *ret)
{
    return walk_to(c, follow_cwd, ret);
}

static int walk_root(const struct pseudo_ctx *c, struct path *ret)
{
    return walk_to(c, follow_root, ret);
}

/* The text of a magic link: the path as the reader's root sees it. */
static ssize_t link_of(const struct pseudo_ctx *c,
                       int (*follow)(const struct pseudo_ctx *c, struct path *ret), char *dst,
                       size_t cap)
{
    char text[GUEST_PATH_MAX];
    struct path p, root;
    int r = may_inspect(c);
    if (r == 0)
        r = follow(c, &p);
    if (r < 0)
        return r;
    struct pseudo_ctx reader = *c;
    if (c->opener)
        reader.tid = c->opener->tid;
    r = follow_root(&reader, &root);
    ssize_t n = r < 0 ? r : path_text_far(&p, &root, text, sizeof(text));
    if (r == 0)
        path_put(&root);
    path_put(&p);
    if (n < 0)
        return n;
    n = MIN(n, (ssize_t) cap);
    memcpy(dst, text, (size_t) n);
    return n;
}

static ssize_t link_exe(const struct pseudo_ctx *c, char *dst, size_t cap)
{
    return link_of(c, follow_exe, dst, cap);
}

static ssize_t link_cwd(const struct pseudo_ctx *c, char *dst, size_t cap)
{
    return link_of(c, follow_cwd, dst, cap);
}

static ssize_t link_root(const struct pseudo_ctx *c, char *dst, size_t cap)
{
    return link_of(c, follow_root, dst, cap);
}

/* ---- mounts ---- */

static int show_mount_table(const struct pseudo_ctx *c, struct strbuf *out,
                            int (*format)(struct mount_ns *ns, const struct path *root,
                                          struct strbuf *out))
{
    struct fsctx *fs;
    struct path root;
    int r = task_snapshot_fs(c->k, c->tid, &fs);
    if (r < 0)
        return r;
    mutex_lock(&fs->lock);
    struct mount_ns *ns = mount_ns_get(fs->ns);
    root = fs->root;
    path_get(&root);
    mutex_unlock(&fs->lock);
    r = format(ns, &root, out);
    path_put(&root);
    mount_ns_put(ns);
    fsctx_put(fs);
    return r;
}

static int mounts_of(const struct pseudo_ctx *c, struct mount_ns **ret)
{
    struct fsctx *fs;
    int r = task_snapshot_fs(c->k, c->tid, &fs);
    if (r < 0)
        return r;
    mutex_lock(&fs->lock);
    *ret = mount_ns_get(fs->ns);
    mutex_unlock(&fs->lock);
    fsctx_put(fs);
    return 0;
}

static int show_mounts(const struct pseudo_ctx *c, struct strbuf *out)
{
    return show_mount_table(c, out, vfs_format_mounts);
}

int proc_show_mountinfo(const struct pseudo_ctx *c, struct strbuf *out)
{
    return show_mount_table(c, out, vfs_format_mountinfo);
}

static int show_mountstats(const struct pseudo_ctx *c, struct strbuf *out)
{
    return show_mount_table(c, out, vfs_format_mountstats);
}

/* ---- names ---- */

static int show_comm(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct task_snapshot s;
    int r = task_snapshot(c->k, c->tid, &s);
    if (r < 0)
        return r;
    sb_addf(out, "%.15s\n", s.comm);
    return 0;
}

/* Only a thread of the same process may rename one: proc(5). */
static int store_comm(const struct pseudo_ctx *c, const char *text, size_t n)
{
    struct task *t = task_find_get(c->k, c->tid);
    if (!t)
        return -ESRCH;
    int r = c->opener && c->opener->tg == t->tg ? 0 : -EINVAL;
    if (r == 0) {
        size_t len = MIN(strcspn(text, "\n"), sizeof(t->comm) - 1);
        mutex_lock(&c->k->tasks_lock);
        memset(t->comm, 0, sizeof(t->comm));
        memcpy(t->comm, text, len);
        mutex_unlock(&c->k->tasks_lock);
    }
    task_put(t);
    return r;
}

static int show_personality(const struct pseudo_ctx *c, struct strbuf *out)
{
    sb_addf(out, "%08llx\n", (unsigned long long) task_snapshot_personality(c->k, c->tid));
    return 0;
}

/* ---- threads ---- */

static const struct pseudo_entry *task_lookup(struct pseudo_ctx *c, const char *name, size_t len)
{
    int32_t tid = proc_number(name, len);
    if (tid <= 0 || task_next_tid(c->k, c->pid, tid) != tid)
        return NULL;
    c->tid = tid;
    c->index = 1; /* proc_is_thread() */
    return &proc_task_dir;
}

static int task_list(const struct pseudo_ctx *c, uint64_t cursor,
                     bool (*emit)(void *arg, const char *name, uint64_t next), void *arg)
{
    char name[16];
    for (pid_t tid = (pid_t) cursor; (tid = task_next_tid(c->k, c->pid, tid)) > 0; tid++) {
        (void) snprintf(name, sizeof(name), "%d", (int) tid);
        if (!emit(arg, name, (uint64_t) tid + 1))
            break;
    }
    return 0;
}

static const struct pseudo_dynamic task_dynamic = {.lookup = task_lookup, .list = task_list};

PROC_CONST(show_cgroup, "0::/\n")
PROC_CONST(show_cpuset, "/\n")

static int show_id_map(const struct id_map *m, struct strbuf *out)
{
    if (m->n == 0)
        sb_add(out, "         0          0 4294967295\n");
    for (size_t i = 0; i < m->n; i++)
        sb_addf(out, "%10u %10u %10u\n", m->ranges[i].inside, m->ranges[i].outside,
                m->ranges[i].count);
    return 0;
}

static int show_uid_map(const struct pseudo_ctx *c, struct strbuf *out)
{
    return show_id_map(&c->k->ids.uid, out);
}

static int show_gid_map(const struct pseudo_ctx *c, struct strbuf *out)
{
    return show_id_map(&c->k->ids.gid, out);
}

PROC_CONST(show_projid_map, "         0          0 4294967295\n")
PROC_CONST(show_setgroups, "allow\n")
PROC_CONST(show_timens_offsets,
           "monotonic           0         0\nboottime            0         0\n")

/* ---- namespaces ---- */

/*
 * But for those of mounts there is one of each, so the links only tell that all processes share
 * them. The numbers are those Linux gives to its first ones.
 */
#define NAMESPACE(fn, text)                                              \
    static ssize_t fn(const struct pseudo_ctx *c, char *dst, size_t cap) \
    {                                                                    \
        int r = may_inspect(c);                                          \
        size_t n = MIN(sizeof(text) - 1, cap);                           \
        if (r == 0)                                                      \
            memcpy(dst, text, n);                                        \
        return r < 0 ? r : (ssize_t) n;                                  \
    }

NAMESPACE(link_ns_time, "time:[4026531834]")
NAMESPACE(link_ns_cgroup, "cgroup:[4026531835]")
NAMESPACE(link_ns_pid, "pid:[4026531836]")
NAMESPACE(link_ns_user, "user:[4026531837]")
NAMESPACE(link_ns_uts, "uts:[4026531838]")
NAMESPACE(link_ns_ipc, "ipc:[4026531839]")
NAMESPACE(link_ns_net, "net:[4026531840]")

static int follow_ns_mnt(const struct pseudo_ctx *c, struct path *ret)
{
    struct fsctx *fs;
    int r = task_snapshot_fs(c->k, c->tid, &fs);
    if (r < 0)
        return r;
    struct mount_ns *ns = fsctx_ns(fs);
    r = mount_ns_path(ns, ret);
    mount_ns_put(ns);
    fsctx_put(fs);
    return r;
}

static int walk_ns_mnt(const struct pseudo_ctx *c, struct path *ret)
{
    return walk_to(c, follow_ns_mnt, ret);
}

static ssize_t link_ns_mnt(const struct pseudo_ctx *c, char *dst, size_t cap)
{
    return link_of(c, follow_ns_mnt, dst, cap);
}

static int is_alive(const struct pseudo_ctx *c)
{
    struct task_snapshot s;
    return task_snapshot(c->k, c->tid, &s);
}

#define MAGIC(name_, link_, follow_)                                               \
    {                                                                              \
        .name = name_, .mode = LX_S_IFLNK | 0777, .link = link_, .follow = follow_ \
    }
#define PRIVATE_FILE(name_, mode_, show_)                                                   \
    {                                                                                       \
        .name = name_, .mode = LX_S_IFREG | (mode_), .show = show_, .may_open = may_inspect \
    }
#define IMAGE_FILE(name_, mode_, show_)                                                      \
    {                                                                                        \
        .name = name_, .mode = LX_S_IFREG | (mode_), .show = show_, .may_open = may_inspect, \
        .subject = image_of                                                                  \
    }
#define DYNAMIC_DIR(name_, mode_, dynamic_, may_)                                           \
    {                                                                                       \
        .name = name_, .mode = LX_S_IFDIR | (mode_), .dynamic = dynamic_, .may_open = may_, \
        .alive = is_alive                                                                   \
    }

static const struct pseudo_entry ns_table[] = {
    PSEUDO_LINK("cgroup", link_ns_cgroup),
    PSEUDO_LINK("ipc", link_ns_ipc),
    MAGIC("mnt", link_ns_mnt, walk_ns_mnt),
    PSEUDO_LINK("net", link_ns_net),
    PSEUDO_LINK("pid", link_ns_pid),
    PSEUDO_LINK("pid_for_children", link_ns_pid),
    PSEUDO_LINK("time", link_ns_time),
    PSEUDO_LINK("time_for_children", link_ns_time),
    PSEUDO_LINK("user", link_ns_user),
    PSEUDO_LINK("uts", link_ns_uts),
    {0},
};

/* What processes and threads have alike. */
/* clang-format off */
#define COMMON_ENTRIES                                                     \
    PSEUDO_DIR("attr", 0555, proc_attr_table),                             \
    IMAGE_FILE("auxv", 0400, show_auxv),                                   \
    PSEUDO_FILE("cgroup", 0444, show_cgroup),                              \
    PSEUDO_FILE("cmdline", 0444, show_cmdline),                            \
    PSEUDO_RW("comm", 0644, show_comm, store_comm),                        \
    PSEUDO_FILE("cpuset", 0444, show_cpuset),                              \
    MAGIC("cwd", link_cwd, walk_cwd),                                      \
    IMAGE_FILE("environ", 0400, show_environ),                             \
    MAGIC("exe", link_exe, walk_exe),                                      \
    {.name = "fd",                                                         \
     .mode = LX_S_IFDIR | 0500,                                            \
     .dynamic = &proc_fd_dynamic,                                          \
     .grants = is_own,                                                     \
     .alive = is_alive},                       \
    DYNAMIC_DIR("fdinfo", 0555, &proc_fdinfo_dynamic, may_inspect),        \
    PSEUDO_FILE("gid_map", 0644, show_gid_map),                            \
    PRIVATE_FILE("io", 0400, proc_show_io),                                \
    PSEUDO_FILE("limits", 0444, proc_show_limits),                         \
    PSEUDO_RW("loginuid", 0644, proc_show_loginuid, proc_store_loginuid),  \
    IMAGE_FILE("maps", 0444, proc_show_maps),                              \
    {.name = "mem", .mode = LX_S_IFREG | 0600, .open = proc_open_mem, .may_open = may_inspect}, \
    {.name = "mountinfo", .mode = LX_S_IFREG | 0444, .show = proc_show_mountinfo, .mounts = mounts_of}, \
    {.name = "mounts", .mode = LX_S_IFREG | 0444, .show = show_mounts, .mounts = mounts_of}, \
    PSEUDO_DIR("net", 0555, proc_net_table),                               \
    PSEUDO_DIR("ns", 0511, ns_table),                                      \
    IMAGE_FILE("numa_maps", 0444, proc_show_numa_maps),                    \
    PSEUDO_RW("oom_adj", 0644, proc_show_oom_adj, proc_store_oom_adj),     \
    PSEUDO_FILE("oom_score", 0444, proc_show_oom_score),                   \
    PSEUDO_RW("oom_score_adj", 0644, proc_show_oom_score_adj, proc_store_oom_score_adj), \
    {.name = "pagemap", .mode = LX_S_IFREG | 0400, .open = proc_open_pagemap, .may_open = may_inspect}, \
    PRIVATE_FILE("personality", 0400, show_personality),                   \
    PSEUDO_FILE("projid_map", 0644, show_projid_map),                      \
    MAGIC("root", link_root, walk_root),                                   \
    PSEUDO_FILE("sched", 0644, proc_show_sched),                           \
    PSEUDO_FILE("schedstat", 0444, proc_show_schedstat),                   \
    PSEUDO_FILE("sessionid", 0444, proc_show_sessionid),                   \
    PSEUDO_FILE("setgroups", 0644, show_setgroups),                        \
    IMAGE_FILE("smaps", 0444, proc_show_smaps),                            \
    IMAGE_FILE("smaps_rollup", 0444, proc_show_smaps_rollup),              \
    PSEUDO_FILE("stack", 0400, proc_show_stack),                           \
    PSEUDO_FILE("stat", 0444, proc_show_stat),                             \
    PSEUDO_FILE("statm", 0444, proc_show_statm),                           \
    PSEUDO_FILE("status", 0444, proc_show_status),                         \
    PRIVATE_FILE("syscall", 0400, proc_show_syscall),                      \
    PSEUDO_FILE("uid_map", 0644, show_uid_map),                            \
    PSEUDO_FILE("wchan", 0444, proc_show_wchan)

static const struct pseudo_entry pid_table[] = {
    COMMON_ENTRIES,
    PSEUDO_FILE("autogroup", 0444, proc_show_autogroup),
    PSEUDO_RW("coredump_filter", 0644, proc_show_coredump_filter, proc_store_coredump_filter),
    DYNAMIC_DIR("map_files", 0500, &proc_map_files_dynamic, may_inspect),
    PRIVATE_FILE("mountstats", 0400, show_mountstats),
    DYNAMIC_DIR("task", 0555, &task_dynamic, NULL),
    PSEUDO_FILE("timens_offsets", 0444, show_timens_offsets),
    PSEUDO_FILE("timers", 0444, proc_show_timers),
    PSEUDO_RW("timerslack_ns", 0666, proc_show_timerslack, proc_store_timerslack),
    {0},
};

static const struct pseudo_entry task_table[] = {
    COMMON_ENTRIES,
    PSEUDO_FILE("children", 0444, proc_show_children),
    {0},
};
/* clang-format on */

const struct pseudo_entry proc_pid_dir = {.name = "",
                                          .mode = LX_S_IFDIR | 0555,
                                          .children = pid_table,
                                          .alive = is_alive};
const struct pseudo_entry proc_task_dir = {.name = "",
                                           .mode = LX_S_IFDIR | 0555,
                                           .children = task_table,
                                           .alive = is_alive};
