/* SPDX-License-Identifier: Apache-2.0 */
/* The container's mount trees: see trees.h. Sources: open_tree(2), mount_setattr(2),
 * mount_namespaces(7). */
#include "boot/trees.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "base/sys.h"
#include "base/textio.h"
#include "boot/mountinfo.h"
#include "boot/uppers.h"

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

/* ---- what /sys and /proc tell about the machine and the network ---- */

#define MACHINE_PATH "/sys/devices/system"
#define NET_PATH     "/proc/sys/net"

/*
 * A tree of the host's kernel that ends there, read-only, when a mount of this kind is to tell of
 * it. Where it cannot be had, what is shown inside says less.
 */
static void open_facts(const struct sandbox_spec *s, enum mount_kind kind, const char *path,
                       int *ret_fd)
{
    struct mount_attr a = {
        .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |
                    MOUNT_ATTR_NOSYMFOLLOW,
        .propagation = MS_PRIVATE,
    };
    bool wanted = false;
    int fd, r;

    for (size_t i = 0; i < s->n_mounts; i++)
        wanted |= s->mounts[i].kind == kind;
    if (!wanted)
        return;
    fd = host_open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    r = fd < 0 ? fd : host_mount_setattr(fd, "", AT_EMPTY_PATH, &a, sizeof(a));
    if (r < 0) {
        close_fd(fd);
        log_info("boot 0: no tree of %s (%s): the container is told little of it", path,
                 strerror(-r));
        return;
    }
    log_debug("boot 0: %s cloned as descriptor %d, read-only", path, fd);
    *ret_fd = fd;
}

int trees_open(struct sandbox_spec *s, struct fail *f)
{
    for (size_t i = 0; i < s->n_mounts; i++) {
        struct mount_spec *m = &s->mounts[i];
        unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
        int fd;

        if (m->kind != MOUNT_TREE || m->tree_fd >= 0)
            continue;
        if (!m->source)
            return fail(f, EINVAL, "the mount on %s has neither a tree nor a source", m->dest);
        fd = -EINVAL;
        if (!(m->flags & MOUNT_F_RECURSIVE))
            fd = host_open_tree(AT_FDCWD, m->source, flags);
        if (fd == -EINVAL) {
            /* A plain user's mounts are locked together: all of them, or none. */
            m->flags |= MOUNT_F_RECURSIVE;
            fd = host_open_tree(AT_FDCWD, m->source, flags | AT_RECURSIVE);
        }
        if (fd < 0)
            return fail_errno(f, -fd, "cloning the mount tree %s for %s", m->source, m->dest);
        log_debug("boot 0: %s cloned%s as descriptor %d, for %s", m->source,
                  m->flags & MOUNT_F_RECURSIVE ? " with the mounts below" : "", fd, m->dest);
        m->tree_fd = fd;
    }
    /* Processors and memory nodes; settings of the network namespace, of whichever one looks. */
    open_facts(s, MOUNT_SYS, MACHINE_PATH, &s->machine_fd);
    open_facts(s, MOUNT_PROC, NET_PATH, &s->net_fd);
    return uppers_open(s, f);
}

/* ---- mounts made here ---- */

/* "key=value" and plain words of a tmpfs, with commas between: the kernel judges them. */
static int set_data(int fs, char *data, struct fail *f)
{
    char *save = NULL;

    for (char *o = strtok_r(data, ",", &save); o; o = strtok_r(NULL, ",", &save)) {
        char *value = strchr(o, '=');
        int r;

        if (value)
            *value++ = '\0';
        r = value ? host_fsconfig(fs, FSCONFIG_SET_STRING, o, value, 0)
                  : host_fsconfig(fs, FSCONFIG_SET_FLAG, o, NULL, 0);
        if (r < 0)
            return fail_errno(f, -r, "the option \"%s%s%s\"", o, value ? "=" : "",
                              value ? value : "");
    }
    return 0;
}

int trees_make_tmpfs(const struct mount_spec *m, uint32_t attributes, int *ret_fd, struct fail *f)
{
    _cleanup_close_ int fs = host_fsopen("tmpfs", FSOPEN_CLOEXEC);
    _cleanup_free_ char *data = NULL;
    char text[32];
    int r;

    if (fs < 0)
        return fail_errno(f, -fs, "opening tmpfs");
    r = host_fsconfig(fs, FSCONFIG_SET_STRING, "source", "tmpfs", 0);
    if (r == 0) {
        snprintf(text, sizeof(text), "%o", m->mode & 07777);
        r = host_fsconfig(fs, FSCONFIG_SET_STRING, "mode", text, 0);
    }
    if (r == 0 && m->size) {
        snprintf(text, sizeof(text), "%llu", (unsigned long long) m->size);
        r = host_fsconfig(fs, FSCONFIG_SET_STRING, "size", text, 0);
    }
    if (r == 0 && m->data) {
        data = strdup(m->data);
        r = data ? set_data(fs, data, f) : -ENOMEM;
        if (r < 0 && f->text[0])
            return r;
    }
    if (r == 0)
        r = host_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
    if (r == 0)
        r = host_fsmount(fs, FSMOUNT_CLOEXEC, attributes);
    if (r < 0)
        return fail_errno(f, -r, "mounting a tmpfs");
    *ret_fd = r;
    return 0;
}

/* When a file's access time moves is the host's doing: what is read goes through its tree. */
static uint64_t time_attributes(const struct mount_spec *m)
{
    return (m->flags & MOUNT_F_NOATIME       ? (uint64_t) MOUNT_ATTR_NOATIME
            : m->flags & MOUNT_F_STRICTATIME ? (uint64_t) MOUNT_ATTR_STRICTATIME
                                             : 0) |
           (m->flags & MOUNT_F_NODIRATIME ? (uint64_t) MOUNT_ATTR_NODIRATIME : 0);
}

static int set_times(const struct mount_spec *m, struct fail *f)
{
    struct mount_attr a = {.attr_set = time_attributes(m)};
    int r;

    if (!a.attr_set)
        return 0;
    if (a.attr_set & ~(uint64_t) MOUNT_ATTR_NODIRATIME)
        a.attr_clr = MOUNT_ATTR__ATIME;
    r = host_mount_setattr(m->tree_fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &a, sizeof(a));
    if (r == -EPERM) {
        /* A plain user's clone of a mount that the host has locked: its times stay the host's. */
        log_info("boot trees: the host keeps the access times of %s as they are", m->dest);
        return 0;
    }
    return r < 0 ? fail_errno(f, -r, "setting when access times change on %s", m->dest) : 0;
}

/* The kernel itself then refuses to follow a link, to honour set-uid bits or to open a device for
 * us. */
static int restrict_tree(const struct mount_spec *m, struct fail *f)
{
    uint64_t set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSYMFOLLOW;
    struct mount_attr a = {.propagation = MS_PRIVATE};
    int r;

    if (m->flags & (MOUNT_F_RDONLY | MOUNT_F_OVERLAY))
        set |= MOUNT_ATTR_RDONLY;
    if (m->flags & MOUNT_F_NOEXEC)
        set |= MOUNT_ATTR_NOEXEC; /* so that mprotect(PROT_EXEC) of a mapping is the host's to
                                     refuse */
    a.attr_set = set;
    r = host_mount_setattr(m->tree_fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &a, sizeof(a));
    if (r < 0)
        return fail_errno(f, -r,
                          "restricting the mount tree of %s for %s (Linux 5.14 or newer is needed)",
                          m->source ? m->source : "a tmpfs", m->dest);
    return set_times(m, f);
}

/* ---- covering ---- */

static bool is_below(const char *path, const char *dir)
{
    size_t n = strlen(dir);

    return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* An empty directory or file of our own over one mount of the host's kernel. */
static int cover(const char *point, const char *empty_file, struct fail *f)
{
    _cleanup_close_ int fd = -1;
    struct stat st;
    int r;

    if (lstat(point, &st) < 0) {
        if (errno != EACCES)
            return fail_errno(f, errno, "looking at %s, which must be covered", point);
        /* What we cannot look up now, with all our capabilities, cannot be reached later either. */
        log_debug("boot trees: %s is out of reach, not covered", point);
        return 0;
    }
    if (S_ISDIR(st.st_mode)) {
        const struct mount_spec covered = {.size = 4096, .mode = 0555};

        r = trees_make_tmpfs(&covered,
                             MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
                                 MOUNT_ATTR_NOEXEC,
                             &fd, f);
        if (r < 0)
            return fail_wrap(f, r, "covering %s", point);
    } else {
        fd = host_open_tree(AT_FDCWD, empty_file, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        r = fd < 0 ? fd : 0;
    }
    if (r == 0)
        r = host_move_mount(fd, "", AT_FDCWD, point, MOVE_MOUNT_F_EMPTY_PATH);
    if (r < 0)
        return fail_errno(f, -r, "covering %s with an empty file system", point);
    log_debug("boot trees: %s covered", point);
    return 0;
}

static int cover_kernel_mounts(const char *staging, const char *empty_file, struct fail *f)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_sb_ struct strbuf covered = STRBUF_INIT; /* NUL-separated */
    struct mount_row row;
    char *cursor;
    int r = read_file_at(AT_FDCWD, "/proc/self/mountinfo", 8u << 20, &text, NULL);

    if (r < 0)
        return fail_errno(f, -r, "reading /proc/self/mountinfo");
    cursor = text;
    while (mountinfo_next(&cursor, &row)) {
        bool hidden = false;

        if (!is_below(row.point, staging) || !mount_type_is_kernel(row.type))
            continue;
        for (size_t at = 0; at < covered.len; at += strlen(covered.data + at) + 1)
            hidden |= is_below(row.point, covered.data + at);
        if (hidden)
            continue;
        r = cover(row.point, empty_file, f);
        if (r < 0)
            return r;
        sb_addn(&covered, row.point, strlen(row.point) + 1);
    }
    return sb_error(&covered) < 0 ? fail(f, ENOMEM, "out of memory") : 0;
}

/* Attaches the tree at the staging place, covers what must not be seen, and clones it again. */
static int stage(struct mount_spec *m, const char *staging, const char *empty_file, struct fail *f)
{
    int fd, r = host_move_mount(m->tree_fd, "", AT_FDCWD, staging, MOVE_MOUNT_F_EMPTY_PATH);

    if (r < 0)
        return fail_errno(f, -r, "mounting the tree %s onto %s for a moment", m->source, staging);
    r = cover_kernel_mounts(staging, empty_file, f);
    if (r < 0)
        return fail_wrap(f, r, "preparing the tree %s", m->source);
    fd = host_open_tree(AT_FDCWD, staging, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    if (fd < 0)
        return fail_errno(f, -fd, "cloning the covered tree %s", m->source);
    close(m->tree_fd);
    m->tree_fd = fd;
    if (umount2(staging, MNT_DETACH) < 0)
        return fail_errno(f, errno, "detaching %s", staging);
    return 0;
}

/* The place to stage m at: a directory, or a file when the tree is one. */
static int stage_one(struct mount_spec *m, const char *work, const char *empty_file, struct fail *f)
{
    _cleanup_free_ char *staging = NULL;
    struct stat st;
    bool is_dir;
    int r;

    if (fstat(m->tree_fd, &st) < 0)
        return fail_errno(f, errno, "looking at %s", m->source);
    is_dir = S_ISDIR(st.st_mode);
    if (!is_dir)
        return 0; /* nothing can be mounted below a file */
    if (asprintf(&staging, "%s/tree", work) < 0)
        return fail(f, ENOMEM, "out of memory");
    if (mkdir(staging, 0700) < 0)
        return fail_errno(f, errno, "making %s", staging);
    r = stage(m, staging, empty_file, f);
    if (rmdir(staging) < 0 && r == 0)
        r = fail_errno(f, errno, "removing %s", staging);
    return r;
}

static int finish_one(struct mount_spec *m, const char *work, const char *empty_file, bool ours,
                      struct fail *f)
{
    int r;

    switch (m->kind) {
    case MOUNT_TMPFS:
    case MOUNT_MQUEUE:
        r = trees_make_tmpfs(m, 0, &m->tree_fd, f);
        if (r < 0)
            return fail_wrap(f, r, "the tmpfs for %s", m->dest);
        return restrict_tree(m, f);
    case MOUNT_TREE:
        r = ours && (m->flags & MOUNT_F_RECURSIVE) ? stage_one(m, work, empty_file, f) : 0;
        return r < 0 ? r : restrict_tree(m, f);
    default:
        return 0;
    }
}

/* In a tmpfs of its own: bound somewhere it goes on being used, and the one at `work`, which
 * becomes the root, could not be made read-only with a removed file in use. */
static int make_empty_file(const char *place, const char *name, struct fail *f)
{
    const struct mount_spec own = {.size = 4096, .mode = 0555};
    _cleanup_close_ int fs = -1, fd = -1;
    int r =
        trees_make_tmpfs(&own, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, &fs, f);

    if (r < 0)
        return r;
    if (mkdir(place, 0700) < 0)
        return fail_errno(f, errno, "making %s", place);
    r = host_move_mount(fs, "", AT_FDCWD, place, MOVE_MOUNT_F_EMPTY_PATH);
    if (r < 0)
        return fail_errno(f, -r, "mounting a tmpfs on %s for a moment", place);
    fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    return fd < 0 ? fail_errno(f, errno, "making %s", name) : 0;
}

int trees_finish(struct sandbox_spec *s, const char *work, struct fail *f)
{
    _cleanup_free_ char *place = NULL, *empty_file = NULL;
    int r;

    if (asprintf(&place, "%s/empty", work) < 0 || asprintf(&empty_file, "%s/file", place) < 0)
        return fail(f, ENOMEM, "out of memory");
    r = make_empty_file(place, empty_file, f);
    for (size_t i = 0; i < s->n_mounts && r == 0; i++)
        r = finish_one(&s->mounts[i], work, empty_file, s->rootless, f);
    if (r == 0)
        r = uppers_finish(s, work, f);
    if (r == 0 && (umount2(place, MNT_DETACH) < 0 || rmdir(place) < 0))
        r = fail_errno(f, errno, "removing %s", place);
    return r;
}
