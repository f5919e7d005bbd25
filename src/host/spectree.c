/* SPDX-License-Identifier: Apache-2.0 */
/* Host trees in a spec: see spectree.h. Source: proc_pid_mountinfo(5). */
#include "host/spectree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/textio.h"
#include "host/idmount.h"
#include "host/path.h"
#include "host/specbuild.h"
#include "host/tree.h"

/* More mounts than this are not shown (with a warning): a desktop has dozens, a container host
 * thousands. */
#define MAX_HOST_MOUNTS 256

/* Windows into the host's kernel: never inside. */
static const char *const kernel_types[] = {
    "autofs",  "binfmt_misc", "bpf",      "cgroup",     "cgroup2", "configfs",
    "debugfs", "devpts",      "devtmpfs", "efivarfs",   "fusectl", "mqueue",
    "nsfs",    "proc",        "pstore",   "rpc_pipefs", "ramfs",   "securityfs",
    "sysfs",   "selinuxfs",   "tracefs",  "hugetlbfs",
};

bool path_is_kernel_window(const char *path)
{
    static const long refused[] = {0x9fa0 /* proc */, 0x62656572 /* sysfs */, 0x1cd1 /* devpts */};
    struct statfs sf;

    if (statfs(path, &sf) < 0)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        if (sf.f_type == refused[i])
            return true;
    return false;
}

static bool is_kernel_type(const char *type)
{
    for (size_t i = 0; i < ARRAY_LEN(kernel_types); i++)
        if (strcmp(type, kernel_types[i]) == 0)
            return true;
    return false;
}

/* mountinfo writes space, tab, newline and backslash as three octal digits. */
static void unescape(char *s)
{
    char *out = s;

    while (*s) {
        if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
            s[3] >= '0' && s[3] <= '7') {
            *out++ = (char) ((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
            s += 4;
        } else {
            *out++ = *s++;
        }
    }
    *out = '\0';
}

struct mount_line {
    uint64_t id;
    char *point, *type;
    uint32_t flags; /* MOUNT_F_ */
};

/* Flags that a mount of the host has and its clone inside should show. */
static const struct {
    const char *name;
    uint32_t flag;
} kept_options[] = {
    {"ro", MOUNT_F_RDONLY},
    {"nosuid", MOUNT_F_NOSUID},
    {"nodev", MOUNT_F_NODEV},
    {"noexec", MOUNT_F_NOEXEC},
    {"noatime", MOUNT_F_NOATIME},
    {"nodiratime", MOUNT_F_NODIRATIME},
    {"nosymfollow", MOUNT_F_NOSYMFOLLOW},
};

static bool has_option(const char *options, const char *name)
{
    size_t n = strlen(name);

    for (const char *p = options; p; p = strchr(p, ','), p = p ? p + 1 : NULL)
        if (strncmp(p, name, n) == 0 && (p[n] == ',' || p[n] == '\0'))
            return true;
    return false;
}

/* One line of mountinfo, cut in place: id parent maj:min root point options [tags] - type source
 * superoptions. */
static bool parse_line(char *line, struct mount_line *ret)
{
    char *save = NULL, *word, *options = NULL;
    int field = 0;

    *ret = (struct mount_line){0};
    for (word = strtok_r(line, " ", &save); word; word = strtok_r(NULL, " ", &save), field++) {
        if (field == 0 && parse_u64(word, &ret->id) < 0)
            return false;
        if (field == 4)
            ret->point = word;
        if (field == 5)
            options = word;
        if (field > 5 && strcmp(word, "-") == 0) {
            ret->type = strtok_r(NULL, " ", &save);
            break;
        }
    }
    if (!ret->point || !options || !ret->type)
        return false;
    unescape(ret->point);
    for (size_t i = 0; i < ARRAY_LEN(kept_options); i++)
        if (has_option(options, kept_options[i].name))
            ret->flags |= kept_options[i].flag;
    return true;
}

int spec_add_tree(struct sandbox_spec *s, const struct tree_source *t, struct fail *f)
{
    uint32_t flags = t->flags;
    struct mount_spec *m;
    int fd = -1, r;

    if (t->privileged)
        r = tree_open(t->path, flags & (MOUNT_F_RDONLY | MOUNT_F_OVERLAY) ? TREE_RDONLY : 0, &fd,
                      f);
    else
        r = 0;
    if (r == 0 && t->idmap)
        r = idmount_apply(fd, t->userns_fd, false, t->path, f);
    if (r < 0) {
        close_fd(fd);
        return r;
    }
    if (!t->privileged && t->recursive)
        flags |= MOUNT_F_RECURSIVE;
    if (!t->devices)
        flags |= MOUNT_F_NODEV;
    r = spec_add_mount(s, MOUNT_TREE, t->dest, t->path, flags, &m);
    if (r < 0) {
        close_fd(fd);
        return fail(f, ENOMEM, "out of memory");
    }
    m->tree_fd = fd;
    return 0;
}

/* One submount at `point` of the host, seen below t->dest. */
static int add_submount(struct sandbox_spec *s, const struct tree_source *t, const char *point,
                        uint32_t flags, struct fail *f)
{
    size_t root_len = strcmp(t->path, "/") == 0 ? 0 : strlen(t->path);
    _cleanup_free_ char *dest = NULL;
    struct tree_source sub = {.path = point,
                              .flags = flags,
                              .privileged = true,
                              .devices = t->devices,
                              .idmap = t->idmap_below,
                              .userns_fd = t->userns_fd};
    int r;

    if (asprintf(&dest, "%s%s", strcmp(t->dest, "/") == 0 ? "" : t->dest, point + root_len) < 0)
        return fail(f, ENOMEM, "out of memory");
    sub.dest = dest;
    r = spec_add_tree(s, &sub, f);
    if (r < 0 && sub.idmap)
        return r; /* with the wrong owners it must not be seen */
    if (r < 0) {
        log_info("not in the sandbox: %s", f->text);
        f->text[0] = '\0';
    }
    return 0;
}

static bool is_left_out(const struct tree_source *t, const char *below)
{
    for (size_t i = 0; t->covered && t->covered[i]; i++)
        if (path_is_below(below, t->covered[i]))
            return true;
    return false;
}

/* What the host does not allow is not allowed inside either; nor can a single file be copied on
 * write.
 */
static uint32_t submount_flags(const struct tree_source *t, const struct mount_line *m)
{
    const uint32_t held = m->flags & (MOUNT_F_RDONLY | MOUNT_F_NOEXEC);
    uint32_t flags = t->flags;
    struct stat st;

    if (t->own_below)
        flags = (m->flags & ~t->below_clear) | t->below_set;
    if ((held & MOUNT_F_RDONLY) ||
        ((flags & MOUNT_F_OVERLAY) && (stat(m->point, &st) < 0 || !S_ISDIR(st.st_mode))))
        flags = (flags & ~MOUNT_F_OVERLAY) | MOUNT_F_RDONLY;
    return flags | held;
}

/* Real root: the host's other mounts below the tree, each as a tree of its own. */
static int add_submounts(struct sandbox_spec *s, const struct tree_source *t, struct fail *f)
{
    _cleanup_free_ char *text = NULL;
    char *save = NULL;
    size_t n = 0, root_len = strcmp(t->path, "/") == 0 ? 0 : strlen(t->path);
    int r = read_file_at(AT_FDCWD, "/proc/self/mountinfo", 4u << 20, &text, NULL);

    if (r < 0)
        return fail_errno(f, -r, "reading /proc/self/mountinfo");
    for (char *line = strtok_r(text, "\n", &save); line && r == 0;
         line = strtok_r(NULL, "\n", &save)) {
        struct mount_line m;

        if (!parse_line(line, &m) || is_kernel_type(m.type) || !path_is_below(m.point, t->path) ||
            m.point[root_len] != '/' || m.point[root_len + 1] == '\0' ||
            is_left_out(t, m.point + root_len))
            continue;
        if (tree_mount_id(m.point) != m.id)
            continue; /* hidden below a later mount, or out of our reach */
        if (++n > MAX_HOST_MOUNTS) {
            log_warn("more than %d mounts below %s: %s and later ones are not in the sandbox",
                     MAX_HOST_MOUNTS, t->path, m.point);
            break;
        }
        r = add_submount(s, t, m.point, submount_flags(t, &m), f);
    }
    return r;
}

int spec_add_trees(struct sandbox_spec *s, const struct tree_source *t, struct fail *f)
{
    int r = spec_add_tree(s, t, f);

    if (r == 0 && t->privileged && t->recursive)
        r = add_submounts(s, t, f);
    return r;
}
