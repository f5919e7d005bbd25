/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory policies on a machine with one node: set_mempolicy(2), get_mempolicy(2), mbind(2).
 * Whatever a policy says, there is one place to put pages; a thread's own is kept to be asked for,
 * one for a range of addresses is checked and has no effect.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "kernel/mem/mappings.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"

#define PAGE           4096ull
#define NODE_BITS_MAX  (PAGE * 8)
#define STATIC_NODES   (1u << 15)
#define RELATIVE_NODES (1u << 14)
#define BALANCING      (1u << 13)
#define MODE_FLAGS     (STATIC_NODES | RELATIVE_NODES | BALANCING)

enum {
    MODE_DEFAULT,
    MODE_PREFERRED,
    MODE_BIND,
    MODE_INTERLEAVE,
    MODE_LOCAL,
    MODE_MANY,
    MODE_COUNT
};
enum { GET_NODE = 1, GET_ADDR = 2, GET_ALLOWED = 4 };
enum { MBIND_STRICT = 1, MBIND_MOVE = 2, MBIND_MOVE_ALL = 4 };

/* A mask of nodes. ret_any: some bit is set; ret_0: that of the one node. maxnode counts one more.
 */
static int get_nodes(struct task *t, uint64_t at, uint64_t maxnode, bool *ret_any, bool *ret_0)
{
    uint64_t bits = maxnode - 1; /* 0 wraps, and is too much: as Linux has it */

    *ret_any = *ret_0 = false;
    if (!at || !bits)
        return 0;
    if (bits > NODE_BITS_MAX)
        return -EINVAL;
    for (uint64_t i = 0; i < bits; i += 64) {
        uint64_t word, keep = bits - i < 64 ? (1ull << (bits - i)) - 1 : UINT64_MAX;

        if (copy_in(t, &word, uaddr(at + i / 8), sizeof(word)))
            return -EFAULT;
        word &= keep;
        if (i == 0)
            *ret_0 = word & 1;
        *ret_any |= word != 0;
        if (i >= 1024 && word)
            return -EINVAL; /* more nodes than any kernel has */
    }
    return 0;
}

static int check_policy(uint32_t mode, bool any, bool node_0)
{
    uint32_t flags = mode & MODE_FLAGS;

    mode &= ~MODE_FLAGS;
    if (mode >= MODE_COUNT ||
        (flags & (STATIC_NODES | RELATIVE_NODES)) == (STATIC_NODES | RELATIVE_NODES))
        return -EINVAL;
    if ((flags & BALANCING) && mode != MODE_BIND && mode != MODE_MANY)
        return -EINVAL;
    switch (mode) {
    case MODE_DEFAULT:
    case MODE_LOCAL:
        return any || flags ? -EINVAL : 0;
    case MODE_PREFERRED:
        return any ? (node_0 ? 0 : -EINVAL)
                   : (flags & (STATIC_NODES | RELATIVE_NODES) ? -EINVAL : 0);
    default:
        return node_0 ? 0 : -EINVAL;
    }
}

long sys_set_mempolicy(struct task *t, const uint64_t a[static 6])
{
    bool any, node_0;
    int r = get_nodes(t, a[1], a[2], &any, &node_0);

    if (r == 0)
        r = check_policy((uint32_t) a[0], any, node_0);
    if (r < 0)
        return r;
    t->mempolicy = (uint32_t) a[0];
    t->mempolicy_nodes = node_0;
    if (t->mempolicy == MODE_PREFERRED && !any)
        t->mempolicy = MODE_LOCAL;
    return 0;
}

static int is_mapped(struct task *t, uint64_t addr)
{
    struct mapping m;

    return mapping_at(platform_host_pid(t->st), addr, &m);
}

/* What is asked for, as a number and a mask. */
static int ask(struct task *t, const uint64_t a[static 6], int32_t *mode, uint64_t *nodes)
{
    uint32_t flags = (uint32_t) a[4];
    int r;

    if (flags & GET_ALLOWED) {
        *mode = 0;
        *nodes = 1;
        return flags & (GET_NODE | GET_ADDR) ? -EINVAL : 0;
    }
    if (!(flags & GET_ADDR) && a[3])
        return -EINVAL;
    r = flags & GET_ADDR ? is_mapped(t, a[3]) : 0;
    if (r < 0)
        return r;
    *mode = (int32_t) t->mempolicy;
    *nodes = t->mempolicy_nodes;
    if (!(flags & GET_NODE))
        return 0;
    if (!(flags & GET_ADDR) && (t->mempolicy & ~MODE_FLAGS) != MODE_INTERLEAVE)
        return -EINVAL;
    *mode = 0; /* the node's number */
    return 0;
}

long sys_get_mempolicy(struct task *t, const uint64_t a[static 6])
{
    uint64_t nodes = 0, bytes = (a[2] + 63) / 64 * 8;
    int32_t mode = 0;
    int r;

    if ((a[4] & ~(uint64_t) (GET_NODE | GET_ADDR | GET_ALLOWED)) || (a[1] && !a[2]))
        return -EINVAL;
    r = ask(t, a, &mode, &nodes);
    if (r == 0 && a[0])
        r = copy_out(t, uaddr(a[0]), &mode, sizeof(mode));
    if (r < 0 || !a[1])
        return r;
    if (bytes > PAGE)
        return -EINVAL;
    r = copy_out(t, uaddr(a[1]), &nodes, sizeof(nodes));
    return r < 0 || bytes <= sizeof(nodes)
               ? r
               : clear_out(t, uaddr(a[1] + sizeof(nodes)), bytes - sizeof(nodes));
}

/* Every page from start to end belongs to some mapping. */
static int check_range(struct task *t, uint64_t start, uint64_t end)
{
    _cleanup_free_ char *text = NULL;
    struct mapping m;
    const char *pos;
    int r = host_process_text(platform_host_pid(t->st), "maps", &text);

    if (r < 0)
        return r;
    pos = text;
    while (start < end && mapping_next(&pos, &m)) {
        if (m.end <= start)
            continue;
        if (m.start > start)
            break;
        start = m.end;
    }
    return start < end ? -EFAULT : 0;
}

long sys_mbind(struct task *t, const uint64_t a[static 6])
{
    uint64_t start = a[0], len = (a[1] + PAGE - 1) & ~(PAGE - 1);
    uint32_t flags = (uint32_t) a[5];
    bool any, node_0;
    int r;

    if ((start & (PAGE - 1)) || (flags & ~(uint32_t) (MBIND_STRICT | MBIND_MOVE | MBIND_MOVE_ALL)))
        return -EINVAL;
    if ((flags & MBIND_MOVE_ALL) && !cred_capable(t->cred, LX_CAP_SYS_NICE))
        return -EPERM;
    r = get_nodes(t, a[3], a[4], &any, &node_0);
    if (r == 0)
        r = check_policy((uint32_t) a[2], any, node_0);
    if (r < 0)
        return r;
    if (start + len < start)
        return -EINVAL;
    return len ? check_range(t, start, start + len) : 0;
}
