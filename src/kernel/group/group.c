/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the container's cgroup: see group.h. */
#include "kernel/group/group.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/kernel.h"

#define MAX_TEXT     (64u << 10)
#define PIECE        4096
#define MIN_SHARES   2u
#define MAX_SHARES   262144u
#define MAX_WEIGHT   10000u
#define PLAIN_WEIGHT 100u
#define PLAIN_PERIOD 100000u
#define V1_NO_LIMIT  (UINT64_C(1) << 62) /* version 1 shows the largest page count in bytes */

void group_init(struct group *g, const int fds[static N_GROUP_FILES], bool v2)
{
    for (size_t i = 0; i < N_GROUP_FILES; i++)
        g->fds[i] = fds[i];
    g->v2 = v2;
}

int group_text(const struct kernel *k, enum group_file which, struct strbuf *out)
{
    int fd = k->group.fds[which];
    char piece[PIECE];
    off_t at = 0;

    if (fd < 0)
        return -ENOENT;
    while (at < (off_t) MAX_TEXT) {
        ssize_t n = pread(fd, piece, sizeof(piece), at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -ENOENT : sb_error(out); /* ENODEV: the group is gone */
        sb_addn(out, piece, (size_t) n);
        at += n;
    }
    return sb_error(out);
}

static uint64_t parse_limit(const char *text)
{
    char *end;
    uint64_t v;

    if (strncmp(text, "max", 3) == 0 || text[0] == '-')
        return GROUP_NO_LIMIT;
    v = strtoull(text, &end, 10);
    return end == text || v >= V1_NO_LIMIT ? GROUP_NO_LIMIT : v;
}

bool group_number(const struct kernel *k, enum group_file which, uint64_t *ret)
{
    _cleanup_sb_ struct strbuf sb = STRBUF_INIT;

    if (group_text(k, which, &sb) < 0)
        return false;
    *ret = parse_limit(sb_text(&sb));
    return true;
}

bool group_field(const struct kernel *k, enum group_file which, const char *word, uint64_t *ret)
{
    _cleanup_sb_ struct strbuf sb = STRBUF_INIT;
    size_t n = strlen(word);

    if (group_text(k, which, &sb) < 0)
        return false;
    for (const char *line = sb_text(&sb); line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, word, n) == 0 && line[n] == ' ') {
            *ret = strtoull(line + n + 1, NULL, 10);
            return true;
        }
    }
    return false;
}

/* ---- limits ---- */

uint64_t group_memory_max(const struct kernel *k)
{
    uint64_t v;

    return group_number(k, GROUP_MEMORY_MAX, &v) ? v : GROUP_NO_LIMIT;
}

uint64_t group_swap_max(const struct kernel *k)
{
    uint64_t v, memory = group_memory_max(k);

    if (!group_number(k, GROUP_SWAP_MAX, &v) || v == GROUP_NO_LIMIT)
        return GROUP_NO_LIMIT;
    if (k->group.v2)
        return v;
    return memory == GROUP_NO_LIMIT ? v : v - MIN(v, memory);
}

uint64_t group_swap_used(const struct kernel *k)
{
    uint64_t v, memory;

    if (!group_number(k, GROUP_SWAP_CURRENT, &v))
        return 0;
    if (k->group.v2)
        return v;
    return group_number(k, GROUP_MEMORY_CURRENT, &memory) ? v - MIN(v, memory) : 0;
}

void group_cpu_max(const struct kernel *k, uint64_t *ret_quota, uint64_t *ret_period)
{
    _cleanup_sb_ struct strbuf sb = STRBUF_INIT;
    const char *space;

    *ret_quota = GROUP_NO_LIMIT;
    *ret_period = PLAIN_PERIOD;
    if (group_text(k, GROUP_CPU_MAX, &sb) < 0)
        return;
    *ret_quota = parse_limit(sb_text(&sb));
    space = strchr(sb_text(&sb), ' ');
    if (k->group.v2 && space)
        *ret_period = strtoull(space + 1, NULL, 10);
    else if (!k->group.v2)
        (void) group_number(k, GROUP_CPU_PERIOD, ret_period);
}

uint64_t group_cpu_weight(const struct kernel *k)
{
    uint64_t v;

    if (!group_number(k, GROUP_CPU_WEIGHT, &v) || v == GROUP_NO_LIMIT)
        return PLAIN_WEIGHT;
    if (k->group.v2)
        return v;
    if (v == 1024) /* the default of either */
        return PLAIN_WEIGHT;
    v = MIN(v < MIN_SHARES ? MIN_SHARES : v, (uint64_t) MAX_SHARES);
    return 1 + (v - MIN_SHARES) * (MAX_WEIGHT - 1) / (MAX_SHARES - MIN_SHARES);
}
