/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/PID/maps and smaps: the host's own text for the stub, without the stub. Names of files are
 * those inside their donated tree, which for the container's root are the guest's own; the heap and
 * the first stack, which the host does not know as such, are named by us.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "fs/proc/internal.h"

#define NAME_COLUMN 73 /* where the kernel puts the name */

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
    return s->gap_end && m->start == s->gap_start && m->end == s->gap_end &&
           memmem(m->line, m->len, " ---p ", 6);
}

static void show_mapping(struct strbuf *out, const struct mapping *m, const struct task_snapshot *s)
{
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

static int show(const struct pseudo_ctx *c, const char *file, struct strbuf *out)
{
    _cleanup_free_ char *text = NULL;
    struct task_snapshot s;
    bool hidden = false;
    int r = task_snapshot(c->k, c->tid, &s);
    if (r < 0)
        return r;
    if (proc_host_text(s.host_pid, file, &text) < 0)
        return 0; /* a zombie has none */
    for (const char *line = text, *next; *line; line = next) {
        struct mapping m;
        size_t len = strcspn(line, "\n");
        next = line + len + (line[len] == '\n');
        if (parse_mapping(line, len, &m)) {
            hidden = is_hidden(&m, &s);
            if (!hidden)
                show_mapping(out, &m, &s);
        } else if (!hidden) {
            sb_addn(out, line, (size_t) (next - line));
        }
    }
    return 0;
}

uint64_t proc_hidden_bytes(const struct task_snapshot *s)
{
    _cleanup_free_ char *text = NULL;
    uint64_t sum = 0;
    if (proc_host_text(s->host_pid, "maps", &text) < 0)
        return 0;
    for (const char *line = text; *line;) {
        struct mapping m;
        size_t len = strcspn(line, "\n");
        if (parse_mapping(line, len, &m) && is_hidden(&m, s))
            sum += m.end - m.start;
        line += len + (line[len] == '\n');
    }
    return sum;
}

int proc_show_maps(const struct pseudo_ctx *c, struct strbuf *out)
{
    return show(c, "maps", out);
}

int proc_show_smaps(const struct pseudo_ctx *c, struct strbuf *out)
{
    return show(c, "smaps", out);
}

/* The sums include the stub's few pages. */
int proc_show_smaps_rollup(const struct pseudo_ctx *c, struct strbuf *out)
{
    _cleanup_free_ char *text = NULL;
    struct task_snapshot s;
    int r = task_snapshot(c->k, c->tid, &s);
    if (r == 0 && proc_host_text(s.host_pid, "smaps_rollup", &text) == 0)
        sb_add(out, text);
    return r;
}
