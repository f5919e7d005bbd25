/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mounts of `do`: see hostroot.h. As real root each mount of the host is cloned by itself, never
 * recursively: so no kernel file system comes along, and nothing has to be covered. A plain user's
 * mounts are locked together; the sandbox clones them at one go and covers what must not be seen.
 */
#include "host/hostroot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/textio.h"
#include "host/specbuild.h"
#include "host/tree.h"

/* More mounts than this are not shown (with a warning): a desktop has dozens, a container host thousands. */
#define MAX_HOST_MOUNTS 256

/* Places that the container has for itself. */
static const char *const covered[] = {"/proc", "/sys", "/dev", "/tmp"};

/* Windows into the host's kernel: never inside. */
static const char *const kernel_types[] = {
    "autofs",    "binfmt_misc", "bpf",      "cgroup",     "cgroup2", "configfs",    "debugfs",
    "devpts",    "devtmpfs",    "efivarfs", "fusectl",    "mqueue",  "nsfs",        "proc",
    "pstore",    "rpc_pipefs",  "ramfs",    "securityfs", "sysfs",   "selinuxfs",   "tracefs",
    "hugetlbfs",
};

static bool is_below(const char *path, const char *dir)
{
    size_t n = strlen(dir);

    if (strcmp(dir, "/") == 0)
        return true;
    return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static bool is_covered(const char *path)
{
    for (size_t i = 0; i < ARRAY_LEN(covered); i++)
        if (is_below(path, covered[i]))
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
        if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' &&
            s[3] <= '7') {
            *out++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
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
    bool readonly, noexec;
};

static bool has_option(const char *options, const char *name)
{
    size_t n = strlen(name);

    for (const char *p = options; p; p = strchr(p, ','), p = p ? p + 1 : NULL)
        if (strncmp(p, name, n) == 0 && (p[n] == ',' || p[n] == '\0'))
            return true;
    return false;
}

/* One line of mountinfo, cut in place: id parent maj:min root point options [tags] - type source superoptions. */
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
    ret->readonly = has_option(options, "ro");
    ret->noexec = has_option(options, "noexec");
    return true;
}

static int add_tree(struct sandbox_spec *s, const struct hostroot *h, const char *path,
                    const char *dest, uint32_t flags, struct fail *f)
{
    struct mount_spec *m;
    int fd = -1, r;

    if (h->privileged) {
        r = tree_open(path, flags & MOUNT_F_RDONLY ? TREE_RDONLY : 0, &fd, f);
        if (r < 0)
            return r;
    } else {
        flags |= MOUNT_F_RECURSIVE;
    }
    r = spec_add_mount(s, MOUNT_TREE, dest, path, flags | MOUNT_F_NODEV, &m);
    if (r < 0) {
        close_fd(fd);
        return fail(f, ENOMEM, "out of memory");
    }
    m->tree_fd = fd;
    return 0;
}

/* Real root: the host's other mounts below the root, each as a tree of its own. */
static int add_submounts(struct sandbox_spec *s, const struct hostroot *h, uint32_t flags,
                         struct fail *f)
{
    _cleanup_free_ char *text = NULL;
    char *save = NULL;
    size_t n = 0, root_len = strcmp(h->root, "/") == 0 ? 0 : strlen(h->root);
    int r = read_file_at(AT_FDCWD, "/proc/self/mountinfo", 4u << 20, &text, NULL);

    if (r < 0)
        return fail_errno(f, -r, "reading /proc/self/mountinfo");
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        struct mount_line m;

        if (!parse_line(line, &m) || is_kernel_type(m.type) || !is_below(m.point, h->root) ||
            m.point[root_len] != '/' || m.point[root_len + 1] == '\0' ||
            is_covered(m.point + root_len))
            continue;
        if (tree_mount_id(m.point) != m.id)
            continue; /* hidden below a later mount, or out of our reach */
        if (++n > MAX_HOST_MOUNTS) {
            log_warn("more than %d mounts below %s: %s and later ones are not in the sandbox",
                     MAX_HOST_MOUNTS, h->root, m.point);
            break;
        }
        r = add_tree(s, h, m.point, m.point + root_len,
                     flags | (m.readonly ? MOUNT_F_RDONLY : 0u) | (m.noexec ? MOUNT_F_NOEXEC : 0u), f);
        if (r < 0) {
            log_info("not in the sandbox: %s", f->text);
            f->text[0] = '\0';
        }
    }
    return 0;
}

struct own_mount {
    enum mount_kind kind;
    const char *dest;
    const char *source;
    uint32_t flags;
    uint32_t mode;
};

static const struct own_mount own_mounts[] = {
    {MOUNT_PROC, "/proc", "proc", MOUNT_F_NOSUID | MOUNT_F_NODEV | MOUNT_F_NOEXEC, 0},
    {MOUNT_SYS, "/sys", "sysfs", MOUNT_F_RDONLY | MOUNT_F_NOSUID | MOUNT_F_NODEV | MOUNT_F_NOEXEC, 0},
    {MOUNT_DEV, "/dev", "dev", MOUNT_F_NOSUID, 0},
    {MOUNT_DEVPTS, "/dev/pts", "devpts", MOUNT_F_NOSUID | MOUNT_F_NOEXEC, 0},
    {MOUNT_TMPFS, "/dev/shm", "tmpfs", MOUNT_F_NOSUID | MOUNT_F_NODEV | MOUNT_F_EXCLUSIVE, 01777},
    {MOUNT_TMPFS, "/tmp", "tmpfs", MOUNT_F_NOSUID | MOUNT_F_NODEV | MOUNT_F_EXCLUSIVE, 01777},
};

int hostroot_add_mounts(struct sandbox_spec *s, const struct hostroot *h, struct fail *f)
{
    uint32_t flags = MOUNT_F_NOSUID | (h->writable ? 0u : MOUNT_F_RDONLY);
    struct mount_spec *m;
    int r;

    r = add_tree(s, h, h->root, "/", flags, f);
    if (r == 0 && h->privileged)
        r = add_submounts(s, h, flags, f);
    if (r < 0)
        return r;
    for (size_t i = 0; i < ARRAY_LEN(own_mounts); i++) {
        const struct own_mount *o = &own_mounts[i];

        r = spec_add_mount(s, o->kind, o->dest, o->source, o->flags, &m);
        if (r < 0)
            return fail(f, ENOMEM, "out of memory");
        m->mode = o->mode;
    }
    /* Standing in /tmp/work and finding it empty would surprise: the caller's directory stays in sight. */
    if (h->cwd && is_below(h->cwd, "/tmp") && strcmp(h->cwd, "/tmp") != 0)
        return add_tree(s, h, h->cwd, h->cwd, flags, f);
    return 0;
}
