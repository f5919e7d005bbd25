/* SPDX-License-Identifier: Apache-2.0 */
/* The posture: see posture.h. Sources: proc(5), capabilities(7), seccomp(2). */
#include "boot/posture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/textio.h"
#include "boot/caps.h"
#include "boot/mountinfo.h"

struct look {
    const struct confinement *c;
    struct strbuf *json;
    struct strbuf wrong; /* JSON strings, with commas between */
    char first[256];     /* the first mismatch, as text */
    bool at_start;       /* no guest yet: every descriptor is accounted for */
};

static void mismatch(struct look *l, const char *fmt, ...) printf_like(2, 3);
static void mismatch(struct look *l, const char *fmt, ...)
{
    char text[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (l->wrong.len)
        sb_add(&l->wrong, ",");
    sb_add_json_string(&l->wrong, text);
    if (!l->first[0])
        memcpy(l->first, text, sizeof(text));
}

static const char *error_name(int err)
{
    const char *name = strerrorname_np(err);

    return err == 0 ? "allowed" : name ? name : "unknown";
}

/* ---- the root and its mounts ---- */

static bool has_sentry(const struct look *l)
{
    return !l->c->handoff.exec_from_memfd;
}

static void look_at_root(struct look *l)
{
    DIR *d = opendir("/");
    unsigned found = 0, n = 0;

    sb_add(l->json, "\"root\":[");
    for (struct dirent *e; d && (e = readdir(d));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        sb_add(l->json, n++ ? "," : "");
        sb_add_json_string(l->json, e->d_name);
        if (strcmp(e->d_name, "proc") == 0 || (has_sentry(l) && strcmp(e->d_name, "sentry") == 0))
            found++;
    }
    sb_add(l->json, "]");
    if (d)
        (void) closedir(d);
    if (!d || found != n || n != (has_sentry(l) ? 2u : 1u))
        mismatch(l, "the root holds other things than /proc%s",
                 has_sentry(l) ? " and /sentry" : "");
}

static bool is_expected_mount(const struct look *l, const struct mount_row *row)
{
    if (strcmp(row->point, "/") == 0)
        return strcmp(row->type, "tmpfs") == 0 && strcmp(row->source, "cloister-root") == 0;
    if (strcmp(row->point, "/proc") == 0)
        return strcmp(row->type, "proc") == 0;
    if (strcmp(row->point, "/sentry") == 0)
        return has_sentry(l);
    return l->c->handoff.proc_mode == PROC_BOUND && strncmp(row->point, "/proc/", 6) == 0;
}

static void look_at_mounts(struct look *l)
{
    _cleanup_free_ char *text = NULL;
    struct mount_row row;
    unsigned n = 0;
    char *cursor;
    int r = read_file_at(AT_FDCWD, "/proc/self/mountinfo", 1u << 20, &text, NULL);

    sb_add(l->json, ",\"mounts\":[");
    cursor = r < 0 ? NULL : text;
    while (mountinfo_next(&cursor, &row)) {
        sb_add(l->json, n++ ? ",{\"point\":" : "{\"point\":");
        sb_add_json_string(l->json, row.point);
        sb_add(l->json, ",\"type\":");
        sb_add_json_string(l->json, row.type);
        sb_add(l->json, ",\"source\":");
        sb_add_json_string(l->json, row.source);
        sb_add(l->json, ",\"options\":");
        sb_add_json_string(l->json, row.options);
        sb_add(l->json, "}");
        if (!is_expected_mount(l, &row))
            mismatch(l, "an unexpected mount of type %s on %s", row.type, row.point);
        if (!mount_has_option(row.options, "ro") || !mount_has_option(row.options, "nosuid") ||
            !mount_has_option(row.options, "nodev"))
            mismatch(l, "the mount on %s is not read-only, nosuid and nodev", row.point);
    }
    sb_add(l->json, "]");
    if (r < 0 || n < (has_sentry(l) ? 3u : 2u))
        mismatch(l, "the sandbox's own mounts cannot be read");
}

/* What happens to one who tries. */
static void tried(struct look *l, const char *what, const char *path, int err, int expected)
{
    sb_addf(l->json, "%s\"%s %s\":\"%s\"", l->json->data[l->json->len - 1] == '{' ? "" : ",", what,
            path, error_name(err));
    if (err != expected)
        mismatch(l, "%s %s: %s instead of %s", what, path, error_name(err), error_name(expected));
}

static void try_open(struct look *l, const char *what, const char *path, int flags, int expected)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    int err = fd < 0 ? errno : 0;

    (void) close_fd(fd);
    tried(l, what, path, err, expected);
}

/* A change that would do no harm, refused before anything but the mount is looked at. */
static void try_touch(struct look *l, const char *path)
{
    tried(l, "touch", path, utimensat(AT_FDCWD, path, NULL, 0) < 0 ? errno : 0, EROFS);
}

static void look_by_trying(struct look *l)
{
    sb_add(l->json, ",\"attempts\":{");
    try_open(l, "create", "/x", O_WRONLY | O_CREAT | O_EXCL, EROFS);
    try_touch(l, "/");
    try_touch(l, "/proc");
    try_open(l, "write", "/proc/self/oom_score_adj", O_WRONLY, EROFS);
    if (has_sentry(l)) {
        try_touch(l, "/sentry");
        /* Nothing but Landlock stands in the way of reading it. */
        try_open(l, "read", "/sentry", O_RDONLY, l->c->landlock_abi > 0 ? EACCES : 0);
    }
    try_open(l, "read", "/../etc/passwd", O_RDONLY, ENOENT);
    try_open(l, "read", "/proc/self/root/etc/passwd", O_RDONLY, ENOENT);
    sb_add(l->json, "}");
}

/* ---- the process ---- */

static void look_at_namespaces(struct look *l)
{
    static const char *const names[] = {"user", "mnt", "pid", "ipc", "uts", "cgroup", "net"};
    char path[64], target[64];

    sb_add(l->json, ",\"namespaces\":{");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        ssize_t n;

        snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
        n = readlink(path, target, sizeof(target) - 1);
        target[n < 0 ? 0 : n] = '\0';
        sb_addf(l->json, "%s\"%s\":", i ? "," : "", names[i]);
        sb_add_json_string(l->json, target);
        if (n < 0)
            mismatch(l, "%s cannot be read", path);
    }
    sb_add(l->json, "}");
    if (getpid() != 1)
        mismatch(l, "the sentry is process %d of its pid namespace, not 1", (int) getpid());
}

/* The value of "Name:\tvalue\n" in /proc/PID/status, cut out of the text; "" when it is not there.
 */
static const char *status_value(char *text, const char *name, char *buf, size_t cap)
{
    size_t n = strlen(name);

    buf[0] = '\0';
    for (char *line = text; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
        if (strncmp(line, name, n) != 0 || line[n] != ':')
            continue;
        line += n + 1;
        line += strspn(line, " \t");
        n = strcspn(line, "\n");
        snprintf(buf, cap, "%.*s", (int) (n < cap ? n : cap - 1), line);
        break;
    }
    return buf;
}

static void look_at_capabilities(struct look *l, char *status)
{
    static const struct {
        const char *key, *field;
        bool kept;
    } sets[] = {
        {"effective", "CapEff", true}, {"permitted", "CapPrm", true},
        {"bounding", "CapBnd", true},  {"inheritable", "CapInh", false},
        {"ambient", "CapAmb", false},
    };
    char value[64];

    sb_add(l->json, ",\"capabilities\":{");
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        uint64_t expected =
            sets[i].kept ? caps_kept(l->c->handoff.one_id, caps_raw_sockets(l->c->spec)) : 0;

        status_value(status, sets[i].field, value, sizeof(value));
        sb_addf(l->json, "%s\"%s\":\"%s\"", i ? "," : "", sets[i].key, value);
        if (!value[0] || strtoull(value, NULL, 16) != expected)
            mismatch(l, "%s capabilities are %s instead of %016" PRIx64, sets[i].key, value,
                     expected);
    }
    sb_add(l->json, "}");
}

static void look_at_status(struct look *l)
{
    _cleanup_free_ char *status = NULL;
    char value[64];
    int r = read_file_at(AT_FDCWD, "/proc/self/status", 1u << 16, &status, NULL);

    if (r < 0) {
        mismatch(l, "/proc/self/status cannot be read");
        return;
    }
    look_at_capabilities(l, status);
    status_value(status, "NoNewPrivs", value, sizeof(value));
    sb_addf(l->json, ",\"no_new_privs\":%s", strcmp(value, "1") == 0 ? "true" : "false");
    if (strcmp(value, "1") != 0)
        mismatch(l, "no_new_privs is not set");
    status_value(status, "Seccomp", value, sizeof(value));
    sb_addf(l->json, ",\"seccomp\":{\"mode\":\"%s\"", strcmp(value, "2") == 0 ? "filter" : value);
    if (strcmp(value, "2") != 0)
        mismatch(l, "no system call filter is in force");
    status_value(status, "Seccomp_filters", value, sizeof(value));
    sb_addf(l->json, ",\"filters\":%d}", atoi(value));
    status_value(status, "Threads", value, sizeof(value));
    sb_addf(l->json, ",\"threads\":%d", atoi(value));
}

static void look_at_landlock(struct look *l)
{
    int abi = l->c->landlock_abi;

    sb_addf(l->json, ",\"landlock\":{\"active\":%s,\"abi\":%d}", abi > 0 ? "true" : "false", abi);
}

static void look_at_limits(struct look *l)
{
    struct rlimit core = {0};
    int dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);

    (void) getrlimit(RLIMIT_CORE, &core);
    sb_addf(l->json, ",\"core_limit\":%llu,\"dumpable\":%d", (unsigned long long) core.rlim_max,
            dumpable);
    if (core.rlim_cur != 1 || core.rlim_max != 1)
        mismatch(l, "the core limit is not 1");
    if (dumpable != 1)
        mismatch(l, "the sentry is not dumpable: its stubs' memory would be out of reach");
}

/* ---- descriptors ---- */

static bool is_platform_target(const char *target)
{
    return strcmp(target, "anon_inode:seccomp notify") == 0 ||
           strncmp(target, "/memfd:channel", 14) == 0 || strcmp(target, "anon_inode:[pidfd]") == 0;
}

static void look_at_descriptors(struct look *l)
{
    DIR *d = opendir("/proc/self/fd");
    char target[256];
    unsigned n = 0;

    sb_add(l->json, ",\"descriptors\":[");
    for (struct dirent *e; d && (e = readdir(d));) {
        int fd = atoi(e->d_name);
        const char *name;
        ssize_t len;

        if (e->d_name[0] == '.' || fd == dirfd(d))
            continue;
        len = readlinkat(dirfd(d), e->d_name, target, sizeof(target) - 1);
        if (len < 0)
            continue; /* closed meanwhile */
        target[len] = '\0';
        name = inventory_name(&l->c->inventory, fd);
        if (!name && is_platform_target(target))
            name = "platform";
        if (!name && l->at_start)
            mismatch(l, "descriptor %d (%s) is not on the inventory", fd, target);
        sb_addf(l->json, "%s{\"fd\":%d,\"what\":\"%s\",\"target\":", n++ ? "," : "", fd,
                name ? name : "kernel object of the guest");
        sb_add_json_string(l->json, target);
        sb_add(l->json, "}");
    }
    sb_add(l->json, "]");
    if (d)
        (void) closedir(d);
    else
        mismatch(l, "/proc/self/fd cannot be read");
}

/* ---- all of it ---- */

static void list_degradations(struct look *l)
{
    const struct handoff *h = &l->c->handoff;
    const char *const names[] = {
        h->proc_mode == PROC_BOUND
            ? "the outer /proc is bound: outer processes are visible to the sentry"
            : NULL,
        h->exec_from_memfd
            ? "the sentry runs from a sealed memfd: its binary is on a noexec file system"
            : NULL,
        h->no_reexec ? "not re-executed: a build for tests that needs its libraries" : NULL,
        l->c->landlock_abi == 0 ? "no Landlock in this kernel" : NULL,
    };
    unsigned n = 0;

    sb_add(l->json, ",\"degradations\":[");
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i]) {
            sb_add(l->json, n++ ? "," : "");
            sb_add_json_string(l->json, names[i]);
        }
    sb_add(l->json, "]");
}

static void add_list(struct look *l, const char *name, char *const *items)
{
    sb_addf(l->json, "\"%s\":[", name);
    for (size_t i = 0; items && items[i]; i++) {
        sb_add(l->json, i ? "," : "");
        sb_add_json_string(l->json, items[i]);
    }
    sb_add(l->json, "]");
}

/* The policy, and whether there is a thread in an outer network namespace. */
static void look_at_egress(struct look *l)
{
    const struct sandbox_spec *s = l->c->spec;

    if (!l->c->outer)
        return;
    sb_addf(l->json, ",\"egress\":{\"outer_network\":%s,", l->c->outer->split ? "true" : "false");
    add_list(l, "rules", s->allow_net);
    sb_add(l->json, ",");
    add_list(l, "name_servers", s->nameservers);
    sb_add(l->json, "}");
}

static int look(struct look *l)
{
    sb_add(l->json, "{");
    look_at_root(l);
    look_at_mounts(l);
    look_by_trying(l);
    look_at_namespaces(l);
    look_at_status(l);
    look_at_landlock(l);
    look_at_limits(l);
    look_at_descriptors(l);
    look_at_egress(l);
    list_degradations(l);
    sb_addf(l->json, ",\"zygote\":%d,\"mismatches\":[%s]}",
            (int) platform_zygote_pid(l->c->platform), sb_text(&l->wrong));
    return sb_error(l->json) < 0 ? sb_error(l->json) : sb_error(&l->wrong);
}

int posture_check(const struct confinement *c, struct fail *f)
{
    _cleanup_sb_ struct strbuf json = STRBUF_INIT;
    struct look l = {.c = c, .json = &json, .at_start = true};
    const char *why = NULL;
    int r = look(&l);

    sb_free(&l.wrong);
    if (r < 0)
        return fail_errno(f, -r, "looking at the sandbox's own posture");
    if (l.first[0])
        return fail(f, EPERM, "the sandbox is not confined as it must be: %s", l.first);
    r = platform_selfcheck(c->platform, &why);
    if (r < 0)
        return fail_errno(f, -r, "the sandbox cannot work on this host: %s", why);
    return 0;
}

int posture_format(const struct confinement *c, struct strbuf *out)
{
    struct look l = {.c = c, .json = out};
    int r = look(&l);

    sb_free(&l.wrong);
    return r;
}
