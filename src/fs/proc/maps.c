/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/PID/maps and smaps: the host's own text for the stub, without the stub. Names of files are
 * those inside their donated tree, to which the mount point is added; the heap and the first stack,
 * which the host does not know as such, are named by us.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "fs/proc/internal.h"

#define NAME_COLUMN 73 /* where the kernel puts the name */
#define PAGE        ((uint64_t) 4096)
#define MAPS_LINE   (NAME_COLUMN + 4096)

struct mapping {
    uint64_t start, end;
    const char *line;
    size_t len;
};

/* The header line of a mapping, as opposed to one of smaps' "Key: value". */
static bool parse_mapping(const char *line, size_t len, struct mapping *ret)
{
    int used = 0;
    if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %n", &ret->start, &ret->end, &used) < 2 || !used)
        return false;
    ret->line = line;
    ret->len = len;
    return true;
}

/* The stub's region, and the gap as long as the guest has not touched it. */
static bool is_hidden(const struct mapping *m, const struct task_snapshot *s)
{
    uint64_t start, end;
    platform_reserved(&start, &end);
    if (m->start < end && m->end > start)
        return true;
    for (size_t i = 0; i < s->n_pieces; i++)
        if (m->start >= s->pieces[i].start && m->end <= s->pieces[i].end)
            return true;
    return s->gap_end && m->start == s->gap_start && m->end == s->gap_end &&
           memmem(m->line, m->len, " ---p ", 6);
}

/*
 * Where the guest has mounted the tree that a file of this device is in: the one mount of it from
 * its top, in a text of mountinfo (proc(5)). False: there is none, or more than one, which its
 * device does not tell apart.
 */
static bool mount_point(const char *info, const char dev[static 16], char ret[static 256])
{
    unsigned found = 0;
    for (const char *line = info; line && *line; line = strchr(line, '\n')) {
        char its_dev[16], root[8], point[256];
        line += *line == '\n';
        if (sscanf(line, "%*s %*s %15s %7s %255s", its_dev, root, point) == 3 &&
            strcmp(its_dev, dev) == 0 && strcmp(root, "/") == 0 && found++ == 0)
            memcpy(ret, point, sizeof(point));
    }
    return found == 1 && !strchr(ret, '\\'); /* names are not escaped as mount points are */
}

/* What is to be put before the mapping's name, and where it begins. */
static const char *name_with_mount(const struct mapping *m, const char *info, char ret[static 256])
{
    char dev[16];
    unsigned major, minor;
    const char *name = memchr(m->line, '/', m->len);
    if (!name || sscanf(m->line, "%*s %*s %*s %x:%x", &major, &minor) != 2)
        return NULL;
    (void) snprintf(dev, sizeof(dev), "%u:%u", major, minor);
    return mount_point(info, dev, ret) && strcmp(ret, "/") != 0 ? name : NULL;
}

static void show_mapping(struct strbuf *out, const struct mapping *m, const struct task_snapshot *s,
                         const char *info)
{
    char point[256];
    const char *file = name_with_mount(m, info, point);
    if (file) {
        sb_addn(out, m->line, (size_t) (file - m->line));
        sb_add(out, point);
        sb_addn(out, file, (size_t) (m->line + m->len - file));
        sb_add(out, "\n");
        return;
    }
    const char *name = s->brk_start >= m->start && s->brk_start < m->end       ? "[heap]"
                       : s->stack_start >= m->start && s->stack_start < m->end ? "[stack]"
                                                                               : NULL;
    size_t bare = m->len;
    while (name && bare && m->line[bare - 1] == ' ')
        bare--;
    sb_addn(out, m->line, bare);
    if (name && bare < NAME_COLUMN)
        sb_addf(out, "%*s%s", NAME_COLUMN - (int) bare, "", name);
    sb_add(out, "\n");
}

/*
 * A page of code with a patched call in it has been writable for a moment, and the host does not
 * join what it has split for that: *m is made one with its neighbours. `text`: room for the line.
 */
static const char *join_code(struct mapping *m, const char *next, char *text, size_t cap)
{
    uint64_t offset;
    int at = 0;
    if (sscanf(m->line, "%*x-%*x r-xp %" SCNx64 "%n", &offset, &at) < 1 || !at ||
        !memchr(m->line, '/', m->len) || m->len >= cap)
        return next;
    const char *file = m->line + at;
    const size_t file_len = m->len - (size_t) at;
    const uint64_t start = m->start;
    for (;;) {
        struct mapping n;
        size_t len = strcspn(next, "\n");
        uint64_t here;
        if (!parse_mapping(next, len, &n) || n.start != m->end ||
            sscanf(next, "%*x-%*x r-xp %" SCNx64 "%n", &here, &at) < 1 ||
            here != offset + (n.start - start) || len - (size_t) at != file_len ||
            memcmp(next + at, file, file_len) != 0)
            return next;
        m->end = n.end;
        int used = snprintf(text, cap, "%08" PRIx64 "-%08" PRIx64 " r-xp %08" PRIx64 "%.*s", start,
                            n.end, offset, (int) file_len, file);
        m->line = text;
        m->len = MIN((size_t) used, cap - 1);
        next += len + (next[len] == '\n');
    }
}

static int show(const struct pseudo_ctx *c, const char *file, struct strbuf *out)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_sb_ struct strbuf mounts;
    struct task_snapshot s;
    bool hidden = false;
    sb_init(&mounts);
    int r = task_snapshot(c->k, c->tid, &s);
    if (r < 0)
        return r;
    if (proc_host_text(s.host_pid, file, &text) < 0)
        return 0; /* a zombie has none */
    if (proc_show_mountinfo(c, &mounts) < 0)
        sb_reset(&mounts);
    for (const char *line = text, *next; *line; line = next) {
        struct mapping m;
        size_t len = strcspn(line, "\n");
        next = line + len + (line[len] == '\n');
        if (parse_mapping(line, len, &m)) {
            char joined[MAPS_LINE];
            hidden = is_hidden(&m, &s);
            if (s.n_pieces && strcmp(file, "maps") == 0)
                next = join_code(&m, next, joined, sizeof(joined));
            if (!hidden)
                show_mapping(out, &m, &s, sb_text(&mounts));
        } else if (!hidden) {
            sb_addn(out, line, (size_t) (next - line));
        }
    }
    return 0;
}

/* Present pages of a range by what they are, from the host's pagemap: bit 63 present, 61 of a file.
 */
static void count_present(int pagemap, const struct mapping *m, struct proc_hidden *h)
{
    uint64_t bits[64];
    bool memfd = memmem(m->line, m->len, "/memfd:", 7);
    for (uint64_t at = m->start; at < m->end;) {
        ssize_t n = pread(pagemap, bits, sizeof(bits), (off_t) (at / PAGE * sizeof(bits[0])));
        if (n < (ssize_t) sizeof(bits[0]))
            return;
        for (size_t i = 0; i < (size_t) n / sizeof(bits[0]) && at < m->end; i++, at += PAGE) {
            if (!(bits[i] >> 63))
                continue;
            uint64_t *kind = memfd ? &h->shmem : bits[i] >> 61 & 1 ? &h->file : &h->anon;
            *kind += PAGE;
        }
    }
}

/* Not what is kept free for slots that nobody has, a gigabyte of it. */
static bool may_hold_pages(const struct mapping *m)
{
    const char *mode = memchr(m->line, ' ', m->len);
    return !mode || strncmp(mode, " ---", 4) != 0;
}

void proc_hidden(const struct task_snapshot *s, struct proc_hidden *ret)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_close_ int pagemap = proc_host_open(s->host_pid, "pagemap");
    *ret = (struct proc_hidden){0};
    if (proc_host_text(s->host_pid, "maps", &text) < 0)
        return;
    for (const char *line = text; *line;) {
        struct mapping m;
        size_t len = strcspn(line, "\n");
        if (parse_mapping(line, len, &m) && is_hidden(&m, s)) {
            ret->bytes += m.end - m.start;
            if (pagemap >= 0 && may_hold_pages(&m) &&
                (m.start != s->gap_start || m.end != s->gap_end))
                count_present(pagemap, &m, ret);
        }
        line += len + (line[len] == '\n');
    }
}

int proc_show_maps(const struct pseudo_ctx *c, struct strbuf *out)
{
    return show(c, "maps", out);
}

int proc_show_smaps(const struct pseudo_ctx *c, struct strbuf *out)
{
    return show(c, "smaps", out);
}

/* ---- the sum of smaps ---- */

#define ROLLUP_KEYS 32

struct rollup {
    struct {
        char key[24];
        uint64_t kib;
    } line[ROLLUP_KEYS];
    size_t n;
    uint64_t start, end; /* of all that is seen */
};

/* One "Key:   12 kB" of a mapping. */
static void rollup_add(struct rollup *u, const char *line)
{
    char key[24];
    uint64_t kib;
    size_t i;
    if (sscanf(line, "%23[^:]: %" SCNu64 " kB", key, &kib) != 2 || strstr(key, "Size") ||
        strcmp(key, "THPeligible") == 0 || strcmp(key, "ProtectionKey") == 0)
        return;
    for (i = 0; i < u->n && strcmp(u->line[i].key, key) != 0; i++)
        ;
    if (i == ROLLUP_KEYS)
        return;
    if (i == u->n) {
        memcpy(u->line[i].key, key, sizeof(key));
        u->n++;
    }
    u->line[i].kib += kib;
}

static void rollup_text(struct rollup *u, const char *text, const struct task_snapshot *s)
{
    bool hidden = true;
    for (const char *line = text, *next; *line; line = next) {
        struct mapping m;
        size_t len = strcspn(line, "\n");
        next = line + len + (line[len] == '\n');
        if (parse_mapping(line, len, &m)) {
            hidden = is_hidden(&m, s);
            if (!hidden && !u->end)
                u->start = m.start;
            if (!hidden && m.end <= INT64_MAX) /* not the kernel's vsyscall page */
                u->end = m.end;
        } else if (!hidden) {
            rollup_add(u, line);
        }
    }
}

int proc_show_smaps_rollup(const struct pseudo_ctx *c, struct strbuf *out)
{
    _cleanup_free_ char *text = NULL;
    struct task_snapshot s;
    struct rollup u = {.n = 0};
    int r = task_snapshot(c->k, c->tid, &s);
    if (r < 0 || proc_host_text(s.host_pid, "smaps", &text) < 0)
        return r;
    rollup_text(&u, text, &s);
    sb_addf(out, "%08" PRIx64 "-%08" PRIx64 " ---p 00000000 00:00 0%*s[rollup]\n", u.start, u.end,
            26, "");
    for (size_t i = 0; i < u.n; i++)
        sb_addf(out, "%s:%*s%8" PRIu64 " kB\n", u.line[i].key,
                15 - (int) strlen(u.line[i].key) > 0 ? 15 - (int) strlen(u.line[i].key) : 0, "",
                u.line[i].kib);
    return 0;
}

/* ---- numa_maps: one line per mapping, with its start alone ---- */

int proc_show_numa_maps(const struct pseudo_ctx *c, struct strbuf *out)
{
    _cleanup_free_ char *text = NULL;
    struct task_snapshot s;
    uint64_t start, end, at;
    int r = task_snapshot(c->k, c->tid, &s);
    if (r < 0 || proc_host_text(s.host_pid, "numa_maps", &text) < 0)
        return r;
    platform_reserved(&start, &end);
    for (const char *line = text; *line;) {
        size_t len = strcspn(line, "\n");
        len += line[len] == '\n';
        if (sscanf(line, "%" SCNx64, &at) == 1 && (at < start || at >= end) && at != s.gap_start)
            sb_addn(out, line, len);
        line += len;
    }
    return 0;
}

/* ---- map_files: a link for each mapped file, named by its range ---- */

/* The mappings of files, in one text of the host's; ended with files_done(). */
struct files {
    char *text;
    const char *at;
    struct task_snapshot s;
};

static bool files_begin(const struct pseudo_ctx *c, struct files *f)
{
    f->text = NULL;
    if (task_snapshot(c->k, c->tid, &f->s) < 0 ||
        proc_host_text(f->s.host_pid, "maps", &f->text) < 0)
        return false;
    f->at = f->text;
    return true;
}

static void files_done(struct files *f)
{
    free(f->text);
}

/* *ret_name points to what follows the mapping's columns. */
static bool files_next(struct files *f, struct mapping *m, const char **ret_name)
{
    while (*f->at) {
        const char *line = f->at;
        size_t len = strcspn(line, "\n");
        const char *name = memchr(line, '/', len);
        f->at += len + (line[len] == '\n');
        if (name && parse_mapping(line, len, m) && !is_hidden(m, &f->s)) {
            *ret_name = name;
            return true;
        }
    }
    return false;
}

static ssize_t map_link(const struct pseudo_ctx *c, char *dst, size_t cap)
{
    _cleanup_(files_done) struct files f;
    const char *name;
    struct mapping m;
    if (c->opener && !task_may_inspect(c->opener, c->tid))
        return -EACCES;
    if (!files_begin(c, &f))
        return -ENOENT;
    for (uint32_t i = 0; i <= c->index; i++)
        if (!files_next(&f, &m, &name))
            return -ENOENT;
    size_t n = MIN((size_t) (m.line + m.len - name), cap);
    memcpy(dst, name, n);
    return (ssize_t) n;
}

/* To open what is mapped takes a privilege over the machine: proc_pid_map_files(5). */
static int map_follow(const struct pseudo_ctx *c unused_, struct path *ret unused_)
{
    return -EPERM;
}

static const struct pseudo_entry map_entry = {
    .name = "",
    .mode = LX_S_IFLNK | 0600,
    .link = map_link,
    .follow = map_follow,
};

static void map_name(const struct mapping *m, char dst[static 40])
{
    (void) snprintf(dst, 40, "%" PRIx64 "-%" PRIx64, m->start, m->end);
}

static const struct pseudo_entry *map_lookup(struct pseudo_ctx *c, const char *name, size_t len)
{
    _cleanup_(files_done) struct files f;
    const char *file;
    struct mapping m;
    char want[40];
    if (!files_begin(c, &f))
        return NULL;
    for (uint32_t i = 0; files_next(&f, &m, &file); i++) {
        map_name(&m, want);
        if (strlen(want) == len && memcmp(want, name, len) == 0) {
            c->index = i;
            return &map_entry;
        }
    }
    return NULL;
}

static int map_list(const struct pseudo_ctx *c, uint64_t cursor,
                    bool (*emit)(void *arg, const char *name, uint64_t next), void *arg)
{
    _cleanup_(files_done) struct files f;
    const char *file;
    struct mapping m;
    char name[40];
    if (!files_begin(c, &f))
        return 0;
    for (uint64_t i = 0; files_next(&f, &m, &file); i++) {
        if (i < cursor)
            continue;
        map_name(&m, name);
        if (!emit(arg, name, i + 1))
            break;
    }
    return 0;
}

const struct pseudo_dynamic proc_map_files_dynamic = {.lookup = map_lookup,
                                                      .list = map_list,
                                                      .same = &map_entry};
