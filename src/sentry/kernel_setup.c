/* SPDX-License-Identifier: Apache-2.0 */
/* A guest kernel and its mounts: see kernel_setup.h. The one place that names concrete file
 * systems. */
#include "sentry/kernel_setup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "abi/linux/stat.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "boot/caps.h"
#include "fdobj/pipe.h"
#include "fs/dev/dev.h"
#include "fs/host/hostfs.h"
#include "fs/proc/proc.h"
#include "fs/sys/cgroup.h"
#include "fs/sys/sys.h"
#include "fs/tmp/tmp.h"
#include "fs/union/union.h"
#include "kernel/host_facts.h"
#include "kernel/task/task.h"
#include "kernel/vfs/mount.h"
#include "kernel/vfs/node.h"
#include "kernel/vfs/special.h"
#include "kernel/wait/poller.h"
#include "net/inet/egress.h"
#include "net/links.h"
#include "net/unix/unix.h"
#include "sentry/copy_tree.h"
#include "sentry/mount_options.h"
#include "tty/tty.h"

/* What the kernel points to for its whole life, in one piece. */
struct parts {
    struct kernel kernel;
    struct specials specials;
    struct host_facts facts;
};

static void copy_name(char *dst, size_t cap, const char *given, const char *fallback)
{
    const char *name = given ? given : fallback;
    size_t n = strnlen(name, cap - 1);

    memcpy(dst, name, n);
    dst[n] = '\0';
}

/* Without names of its own a container shows the host's: its UTS namespace is a copy. */
static void set_names(struct kernel *k, const struct sandbox_spec *s)
{
    struct utsname u;

    if (uname(&u) < 0)
        u.nodename[0] = u.domainname[0] = '\0';
    copy_name(k->hostname, sizeof(k->hostname), s->hostname, u.nodename);
    copy_name(k->domainname, sizeof(k->domainname), s->domainname, u.domainname);
}

static void take_facts(struct host_facts *facts, struct handoff *h)
{
    facts->cpuinfo = h->cpuinfo;
    facts->meminfo = h->meminfo;
    facts->version = h->version;
    facts->uid_map = h->uid_map;
    facts->gid_map = h->gid_map;
    facts->huge_pages = h->huge_pages;
    h->cpuinfo = h->meminfo = h->version = h->uid_map = h->gid_map = NULL;
    h->huge_pages = NULL;
}

/* A plain user's one id is no map to show: programs may take any, files belong to that one. */
static int take_ids(struct kernel *k, const struct host_facts *facts)
{
    int r;

    if (k->one_id)
        return 0;
    r = id_map_parse(facts->uid_map, &k->ids.uid);
    return r < 0 ? r : id_map_parse(facts->gid_map, &k->ids.gid);
}

/*
 * For how long the host's changes below the root may stay unseen. A tenth of a second takes most of
 * the asking away: what is used much is used often. Volumes are asked always.
 */
#define TRUST_ROOT_MS 100u

static int mount_host(struct kernel *k, struct mount_spec *m, struct super **ret)
{
    const bool tmpfs = m->kind == MOUNT_TMPFS || m->kind == MOUNT_MQUEUE;
    struct hostfs_config c = {
        .tree_fd = m->tree_fd,
        .type_name = m->kind == MOUNT_MQUEUE ? "mqueue"
                     : tmpfs                 ? "tmpfs"
                                             : "hostfs",
        .exclusive = tmpfs || (m->flags & MOUNT_F_EXCLUSIVE),
        .trust_ms = strcmp(m->dest, "/") == 0 ? TRUST_ROOT_MS : 0,
        .map_ids = k->one_id,
    };

    m->tree_fd = -1;
    return hostfs_mount(k, &c, ret);
}

/* The tree below and what is written over it, as one. */
static int mount_union(struct kernel *k, struct mount_spec *m, struct union_quota *quota,
                       struct super **ret)
{
    const struct hostfs_config c = {
        .tree_fd = take_fd(&m->upper_fd),
        .type_name = "overlay",
        .exclusive = true,
        .map_ids = k->one_id,
    };
    const bool kept = !(m->flags & MOUNT_F_DROPPED); /* else the tmpfs behind it is the limit */
    struct union_config uc = {.kept = kept, .quota = kept ? quota : NULL};
    int r = mount_host(k, m, &uc.lower);

    if (r < 0) {
        close_fd(c.tree_fd);
        return r;
    }
    if (uc.lower->root->type != LX_S_IFDIR) { /* a file alone cannot be replaced: it stays */
        m->flags |= MOUNT_F_RDONLY;
        close_fd(c.tree_fd);
        *ret = uc.lower;
        return 0;
    }
    r = hostfs_mount(k, &c, &uc.upper);
    if (r < 0) {
        super_put(uc.lower);
        return r;
    }
    return union_mount(k, &uc, ret);
}

static int mount_devpts(struct kernel *k, const struct mount_spec *m, struct super **ret)
{
    const struct devpts_options o = {.mode = m->mode,
                                     .ptmx_mode = m->ptmx_mode,
                                     .uid = m->uid,
                                     .gid = m->gid};

    return devpts_mount(k, &o, ret);
}

/* ---- what guests may mount ---- */

static int new_proc(struct kernel *k, const char *options unused_, struct super **ret)
{
    return proc_mount(k, ret);
}

static int new_sysfs(struct kernel *k, const char *options unused_, struct super **ret)
{
    return sysfs_mount(k, ret);
}

static int new_cgroup(struct kernel *k, const char *options unused_, struct super **ret)
{
    return cgroupfs_mount(k, ret);
}

static int new_devpts(struct kernel *k, const char *options, struct super **ret)
{
    return devpts_mount_again(k, options, ret);
}

/* clang-format off */
static const struct fs_type fs_types[] = {
    {"proc", new_proc},
    {"sysfs", new_sysfs},
    {"devpts", new_devpts},
    {"cgroup2", new_cgroup},
    {"tmpfs", tmpfs_mount},
    {"ramfs", ramfs_mount},
    /* In /proc/filesystems, but the host's, or made at the start only. */
    {"devtmpfs", NULL},
    {"ext4", NULL},
    {"mqueue", NULL},
    {"overlay", NULL},
    {NULL, NULL},
};
/* clang-format on */

static int mount_dev(struct kernel *k, const struct sandbox_spec *s, const struct mount_spec *m,
                     struct super **ret)
{
    const struct dev_options o = {.mode = m->mode,
                                  .devices = s->devices,
                                  .n_devices = s->n_devices};

    return dev_mount(k, &o, ret);
}

static int make_super(struct kernel *k, const struct sandbox_spec *s, struct mount_spec *m,
                      struct union_quota *quota, struct super **ret)
{
    switch (m->kind) {
    case MOUNT_TREE:
        return m->flags & MOUNT_F_OVERLAY ? mount_union(k, m, quota, ret) : mount_host(k, m, ret);
    case MOUNT_TMPFS:
    case MOUNT_MQUEUE:
        return mount_host(k, m, ret);
    case MOUNT_PROC:
        return proc_mount(k, ret);
    case MOUNT_SYS:
        return sysfs_mount(k, ret);
    case MOUNT_CGROUP:
        return cgroupfs_mount(k, ret);
    case MOUNT_DEV:
        return mount_dev(k, s, m, ret);
    case MOUNT_DEVPTS:
        return mount_devpts(k, m, ret);
    case MOUNT_READONLY:
    case MOUNT_MASK:
        break; /* no file systems of their own: cover() */
    }
    return -EINVAL;
}

/* What is to be seen of it besides its names: its options, and with "tmpcopyup" what was there. */
static int furnish(struct kernel *k, const struct mount_spec *m, struct super *sb)
{
    struct path at;
    int r = mount_options_text(m, &sb->options);

    if (r < 0 || !(m->flags & MOUNT_F_COPY_UP))
        return r;
    r = vfs_lookup(k->vfs, m->dest, &at);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    if (path_node(&at)->type == LX_S_IFDIR)
        r = copy_tree(path_node(&at), sb->root);
    path_put(&at);
    return r;
}

/* linux.readonlyPaths and maskedPaths. What is not there needs no cover. */
static int cover(struct kernel *k, const struct mount_spec *m)
{
    struct super *sb;
    struct path at;
    int r;

    if (m->kind == MOUNT_READONLY) {
        r = vfs_mount_readonly(k->vfs, m->dest);
    } else {
        r = vfs_lookup(k->vfs, m->dest, &at);
        if (r == 0) {
            const bool is_dir = path_node(&at)->type == LX_S_IFDIR;

            path_put(&at);
            r = mask_mount(k, is_dir, &sb);
        }
        if (r == 0)
            r = vfs_mount(k->vfs, sb, m->dest, m->flags, "tmpfs");
    }
    return r == -ENOENT || r == -ENOTDIR ? 0 : r;
}

/* Those of linux.devices that are not in the tree of /dev. */
static int mount_devices(struct kernel *k, const struct sandbox_spec *s, struct fail *f)
{
    bool dev = false;

    for (size_t i = 0; i < s->n_mounts; i++)
        dev |= s->mounts[i].kind == MOUNT_DEV;
    for (size_t i = 0; i < s->n_devices; i++) {
        const struct device_spec *d = &s->devices[i];
        struct super *sb;
        int r;

        if (dev && dev_is_in_tree(d))
            continue;
        r = device_mount(k, d, &sb);
        if (r == 0)
            r = vfs_mount(k->vfs, sb, d->path, MOUNT_F_NOSUID | MOUNT_F_NOEXEC, "dev");
        if (r < 0)
            return fail_errno(f, -r, "putting a device at %s", d->path);
    }
    return 0;
}

static int mount_one(struct kernel *k, struct confinement *c, struct mount_spec *m,
                     struct union_quota *quota, struct fail *f)
{
    struct super *sb;
    int r;

    if (m->kind == MOUNT_READONLY || m->kind == MOUNT_MASK) {
        r = cover(k, m);
        return r < 0 ? fail_errno(f, -r, "covering %s", m->dest) : 0;
    }
    inventory_remove(&c->inventory, m->tree_fd);
    inventory_remove(&c->inventory, m->upper_fd);
    r = make_super(k, c->spec, m, quota, &sb);
    if (r == 0) {
        r = furnish(k, m, sb);
        if (r < 0)
            super_put(sb);
    }
    if (r == 0)
        r = vfs_mount(k->vfs, sb, m->dest, m->flags, m->source ? m->source : "none");
    return r < 0 ? fail_errno(f, -r, "mounting %s onto %s", m->source ? m->source : "a file system",
                              m->dest)
                 : 0;
}

/* The covers are last in the spec, and on top of the devices, too. */
static int mount_each(struct kernel *k, struct confinement *c, struct union_quota *quota,
                      struct fail *f)
{
    bool devices = false;
    int r = 0;

    for (size_t i = 0; i < c->spec->n_mounts && r == 0; i++) {
        struct mount_spec *m = &c->spec->mounts[i];

        if (!devices && (m->kind == MOUNT_READONLY || m->kind == MOUNT_MASK)) {
            devices = true;
            r = mount_devices(k, c->spec, f);
        }
        if (r == 0)
            r = mount_one(k, c, m, quota, f);
    }
    return r < 0 || devices ? r : mount_devices(k, c->spec, f);
}

static int mount_all(struct kernel *k, struct confinement *c, struct fail *f)
{
    struct union_quota *quota = NULL;
    int r = 0;

    if (c->spec->overlay_size)
        r = union_quota_new(c->spec->overlay_size, &quota);
    if (r < 0)
        return fail(f, ENOMEM, "out of memory");
    r = mount_each(k, c, quota, f);
    union_quota_put(quota);
    return r;
}

static int make_egress(struct kernel *k, const struct confinement *c)
{
    const struct egress_config e = {
        .rules = (const char *const *) c->spec->allow_net,
        .servers = (const char *const *) c->spec->nameservers,
        .outer = c->outer,
        .own_loopback = c->spec->network != NETWORK_HOST,
    };

    return c->outer ? egress_new(&e, &k->egress) : 0;
}

int kernel_setup(struct confinement *c, struct kernel **ret, struct fail *f)
{
    const struct sandbox_spec *s = c->spec;
    struct parts *p = calloc(1, sizeof(*p));
    struct kernel *k;
    int r;

    if (!p)
        return fail(f, ENOMEM, "out of memory");
    k = &p->kernel;
    k->platform = c->platform;
    k->strace = s->strace;
    k->mediate_data = s->mediate_data;
    k->own_network = s->network == NETWORK_OWN;
    k->raw_sockets = caps_raw_sockets(s);
    group_init(&k->group, s->group_fds, s->group_v2);
    k->one_id = c->handoff.one_id;
    k->max_tasks = s->pids_max;
    set_names(k, s);
    take_facts(&p->facts, &c->handoff);
    p->facts.machine_fd = s->machine_fd;
    p->facts.net_fd = s->net_fd;
    k->host = &p->facts;
    p->specials.fs_types = fs_types;
    p->specials.fifo_open = fifo_open;
    p->specials.device_open = device_open;
    p->specials.memfd_new = hostfs_memfd_new;
    p->specials.terminal_open = terminal_open;
    p->specials.has_console = terminal_has_console;
    p->specials.unix_show = unix_show;
    p->specials.links = &host_links;
    k->specials = &p->specials;
    r = take_ids(k, &p->facts);
    if (r == 0)
        r = kernel_tasks_init(k);
    if (r == 0)
        r = terminals_new(k, &p->specials.terminals);
    if (r == 0)
        r = pipes_new(&p->specials.pipes);
    if (r == 0)
        r = poller_new(&k->poller);
    if (r == 0)
        r = make_egress(k, c);
    if (r == 0)
        r = unix_net_new(&p->specials.unix_net);
    if (r == 0)
        r = vfs_new(&k->vfs);
    if (r == 0)
        r = hostfs_memfds(k, &p->specials.memfds);
    if (r < 0)
        return fail_errno(f, -r, "making the sandbox's kernel");
    r = mount_all(k, c, f);
    if (r < 0)
        return r;
    *ret = k;
    return 0;
}
