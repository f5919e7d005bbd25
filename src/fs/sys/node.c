/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory nodes: see node.h. Where the host says nothing there is one, with all processors. Source:
 * sysfs-devices-node of the kernel.
 */
#include "fs/sys/node.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "abi/linux/stat.h"
#include "fs/sys/cpulist.h"
#include "fs/sys/machine.h"
#include "kernel/group/group.h"
#include "kernel/kernel.h"
#include "kernel/vfs/pseudo_names.h"

#define MAX_NODES 1024

static bool has_node(const struct pseudo_ctx *c, unsigned n)
{
    if (machine_has(c->k, "node/node0"))
        return n < MAX_NODES && machine_has(c->k, "node/node%u", n);
    return n == 0;
}

static const char *const names[] = {"cpulist", "cpumap", "distance", "meminfo", "numastat", NULL};

static bool has_file(const struct pseudo_ctx *c, const char *name)
{
    const unsigned n = INDEX_NUMBER(c->index);
    return strncmp(name, "cpu", 3) == 0 || machine_has(c->k, "node/node%u/%s", n, name);
}

static int show_file(const struct pseudo_ctx *c, struct strbuf *out)
{
    const char *name = names[INDEX_NAME(c->index)];
    cpu_set_t set;
    if (machine_text(c->k, out, "node/node%u/%s", INDEX_NUMBER(c->index), name) == 0)
        return 0;
    group_cpus(c->k, &set);
    if (strcmp(name, "cpulist") == 0)
        cpu_list_text(&set, out);
    else
        cpu_mask_text(&set, out);
    return 0;
}

static const struct pseudo_entry node_file = PSEUDO_FILE("", 0444, show_file);
static const struct pseudo_names files = {names, has_file, &node_file};

static const struct pseudo_entry *file_lookup(struct pseudo_ctx *c, const char *name, size_t len)
{
    return pseudo_names_lookup(&files, c, name, len);
}

static int file_list(const struct pseudo_ctx *c, uint64_t cursor,
                     bool (*emit)(void *arg, const char *name, uint64_t next), void *arg)
{
    return pseudo_names_list(&files, c, cursor, emit, arg);
}

static const struct pseudo_dynamic file_dynamic = {.lookup = file_lookup, .list = file_list};
static const struct pseudo_entry one_node_dir = {.name = "",
                                                 .mode = LX_S_IFDIR | 0555,
                                                 .dynamic = &file_dynamic};

static const struct pseudo_entry *node_lookup(struct pseudo_ctx *c, const char *name, size_t len)
{
    int n = pseudo_number_behind("node", name, len);
    if (n < 0 || !has_node(c, (unsigned) n))
        return NULL;
    c->index = (uint32_t) n;
    return &one_node_dir;
}

/* Nodes are numbered without gaps, but for those taken out of the running machine. */
static int node_list(const struct pseudo_ctx *c, uint64_t cursor,
                     bool (*emit)(void *arg, const char *name, uint64_t next), void *arg)
{
    char name[16];
    unsigned missing = 0;
    for (unsigned n = (unsigned) cursor; n < MAX_NODES && missing < 8; n++) {
        (void) snprintf(name, sizeof(name), "node%u", n);
        if (!has_node(c, n))
            missing++;
        else if (!emit(arg, name, n + 1))
            break;
    }
    return 0;
}

const struct pseudo_dynamic sys_node_dynamic = {.lookup = node_lookup, .list = node_list};

#define NODE_SET(name)                                                     \
    static int show_##name(const struct pseudo_ctx *c, struct strbuf *out) \
    {                                                                      \
        if (machine_text(c->k, out, "node/" #name) < 0)                    \
            sb_add(out, "0\n");                                            \
        return 0;                                                          \
    }
NODE_SET(has_cpu)
NODE_SET(has_memory)
NODE_SET(has_normal_memory)
NODE_SET(online)
NODE_SET(possible)

const struct pseudo_entry sys_node_table[] = {
    PSEUDO_FILE("has_cpu", 0444, show_has_cpu),
    PSEUDO_FILE("has_memory", 0444, show_has_memory),
    PSEUDO_FILE("has_normal_memory", 0444, show_has_normal_memory),
    PSEUDO_FILE("online", 0444, show_online),
    PSEUDO_FILE("possible", 0444, show_possible),
    {.name = NULL},
};
