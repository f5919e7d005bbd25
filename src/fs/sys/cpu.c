/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processors: see cpu.h. Which there are is a matter of the container's limits; what they are like
 * is the host's to say, and where it says nothing each is a core of its own in one package. Source:
 * sysfs-devices-system-cpu of the kernel.
 */
#include "fs/sys/cpu.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "abi/linux/stat.h"
#include "fs/sys/cpulist.h"
#include "fs/sys/machine.h"
#include "kernel/group/group.h"
#include "kernel/kernel.h"
#include "kernel/vfs/pseudo_names.h"

#define MAX_CACHES 16

static int show_cpus(const struct pseudo_ctx *c, struct strbuf *out)
{
    cpu_set_t set;
    group_cpus(c->k, &set);
    cpu_list_text(&set, out);
    return 0;
}

/* The host's, unless the container has fewer of them than there are. */
static int show_all_cpus(const struct pseudo_ctx *c, struct strbuf *out, const char *name)
{
    _cleanup_sb_ struct strbuf own = STRBUF_INIT, online = STRBUF_INIT;
    int r = show_cpus(c, &own);
    if (r == 0 && machine_text(c->k, &online, "cpu/online") == 0 &&
        strcmp(sb_text(&own), sb_text(&online)) == 0 &&
        machine_text(c->k, out, "cpu/%s", name) == 0)
        return 0;
    sb_add(out, sb_text(&own));
    return r;
}

static int show_possible(const struct pseudo_ctx *c, struct strbuf *out)
{
    return show_all_cpus(c, out, "possible");
}

static int show_present(const struct pseudo_ctx *c, struct strbuf *out)
{
    return show_all_cpus(c, out, "present");
}

/* ---- one processor ---- */

static const char *const topology_names[] = {
    "cluster_cpus",
    "cluster_cpus_list",
    "cluster_id",
    "core_cpus",
    "core_cpus_list",
    "core_id",
    "core_siblings",
    "core_siblings_list",
    "die_cpus",
    "die_cpus_list",
    "die_id",
    "package_cpus",
    "package_cpus_list",
    "physical_package_id",
    "ppin",
    "thread_siblings",
    "thread_siblings_list",
    NULL,
};

static bool is_alone(const char *name)
{
    return strncmp(name, "core_cpus", 9) == 0 || strncmp(name, "thread_", 7) == 0;
}

/* What there is where the host says nothing. */
static int plain_topology(const struct pseudo_ctx *c, struct strbuf *out, const char *name)
{
    const unsigned cpu = INDEX_NUMBER(c->index);
    const size_t n = strlen(name);
    cpu_set_t set;
    if (strcmp(name, "core_id") == 0) {
        sb_addf(out, "%u\n", cpu);
        return 0;
    }
    if (n > 3 && strcmp(name + n - 3, "_id") == 0) {
        sb_add(out, "0\n");
        return 0;
    }
    if (is_alone(name)) {
        CPU_ZERO(&set);
        CPU_SET(cpu, &set);
    } else {
        group_cpus(c->k, &set);
    }
    if (n > 5 && strcmp(name + n - 5, "_list") == 0)
        cpu_list_text(&set, out);
    else
        cpu_mask_text(&set, out);
    return 0;
}

static int show_topology(const struct pseudo_ctx *c, struct strbuf *out)
{
    const char *name = topology_names[INDEX_NAME(c->index)];
    int r = machine_text(c->k, out, "cpu/cpu%u/topology/%s", INDEX_NUMBER(c->index), name);
    return r < 0 ? plain_topology(c, out, name) : 0;
}

static bool has_topology(const struct pseudo_ctx *c, const char *name)
{
    const unsigned cpu = INDEX_NUMBER(c->index);
    if (machine_has(c->k, "cpu/cpu%u/topology", cpu))
        return machine_has(c->k, "cpu/cpu%u/topology/%s", cpu, name);
    return strncmp(name, "cluster", 7) != 0 && strcmp(name, "ppin") != 0 &&
           strncmp(name, "die_cpus", 8) != 0;
}

static const struct pseudo_entry topology_file = PSEUDO_FILE("", 0444, show_topology);
static const struct pseudo_names topology = {topology_names, has_topology, &topology_file};

#define NAMES_DIR(which)                                                                         \
    static const struct pseudo_entry *which##_lookup(struct pseudo_ctx *c, const char *name,     \
                                                     size_t len)                                 \
    {                                                                                            \
        return pseudo_names_lookup(&which, c, name, len);                                        \
    }                                                                                            \
    static int which##_list(const struct pseudo_ctx *c, uint64_t cursor,                         \
                            bool (*emit)(void *arg, const char *name, uint64_t next), void *arg) \
    {                                                                                            \
        return pseudo_names_list(&which, c, cursor, emit, arg);                                  \
    }                                                                                            \
    static const struct pseudo_dynamic which##_dynamic = {.lookup = which##_lookup,              \
                                                          .list = which##_list};
NAMES_DIR(topology)

/* ---- its caches ---- */

static const char *const cache_names[] = {
    "coherency_line_size",
    "id",
    "level",
    "number_of_sets",
    "physical_line_partition",
    "shared_cpu_list",
    "shared_cpu_map",
    "size",
    "type",
    "ways_of_associativity",
    NULL,
};

static int show_cache(const struct pseudo_ctx *c, struct strbuf *out)
{
    return machine_text(c->k, out, "cpu/cpu%u/cache/index%u/%s", INDEX_NUMBER(c->index),
                        INDEX_CACHE(c->index), cache_names[INDEX_NAME(c->index)]);
}

static bool has_cache(const struct pseudo_ctx *c, const char *name)
{
    return machine_has(c->k, "cpu/cpu%u/cache/index%u/%s", INDEX_NUMBER(c->index),
                       INDEX_CACHE(c->index), name);
}

static const struct pseudo_entry cache_file = PSEUDO_FILE("", 0444, show_cache);
static const struct pseudo_names cache = {cache_names, has_cache, &cache_file};
NAMES_DIR(cache)
static const struct pseudo_entry cache_dir = {.name = "",
                                              .mode = LX_S_IFDIR | 0555,
                                              .dynamic = &cache_dynamic};

static bool has_index(const struct pseudo_ctx *c, unsigned index)
{
    return index < MAX_CACHES &&
           machine_has(c->k, "cpu/cpu%u/cache/index%u", INDEX_NUMBER(c->index), index);
}

static const struct pseudo_entry *caches_lookup(struct pseudo_ctx *c, const char *name, size_t len)
{
    int index = pseudo_number_behind("index", name, len);
    if (index < 0 || !has_index(c, (unsigned) index))
        return NULL;
    c->index = INDEX_WITH_CACHE(c->index, index);
    return &cache_dir;
}

static int caches_list(const struct pseudo_ctx *c, uint64_t cursor,
                       bool (*emit)(void *arg, const char *name, uint64_t next), void *arg)
{
    char name[16];
    for (unsigned i = (unsigned) cursor; i < MAX_CACHES; i++) {
        (void) snprintf(name, sizeof(name), "index%u", i);
        if (has_index(c, i) && !emit(arg, name, i + 1))
            break;
    }
    return 0;
}

static const struct pseudo_dynamic caches_dynamic = {.lookup = caches_lookup, .list = caches_list};

static int has_caches(const struct pseudo_ctx *c)
{
    return machine_has(c->k, "cpu/cpu%u/cache", INDEX_NUMBER(c->index)) ? 0 : -ENOENT;
}

/* ---- the processors ---- */

static const struct pseudo_entry cpu_entries[] = {
    {.name = "topology", .mode = LX_S_IFDIR | 0555, .dynamic = &topology_dynamic},
    {.name = "cache", .mode = LX_S_IFDIR | 0555, .dynamic = &caches_dynamic, .exists = has_caches},
    {.name = NULL},
};
static const struct pseudo_entry one_cpu_dir = PSEUDO_DIR("", 0555, cpu_entries);

static const struct pseudo_entry *cpu_lookup(struct pseudo_ctx *c, const char *name, size_t len)
{
    int n = pseudo_number_behind("cpu", name, len);
    cpu_set_t set;
    group_cpus(c->k, &set);
    if (n < 0 || n >= CPU_SETSIZE || !CPU_ISSET(n, &set))
        return NULL;
    c->index = (uint32_t) n;
    return &one_cpu_dir;
}

static int cpu_list(const struct pseudo_ctx *c, uint64_t cursor,
                    bool (*emit)(void *arg, const char *name, uint64_t next), void *arg)
{
    cpu_set_t set;
    char name[16];
    group_cpus(c->k, &set);
    for (uint64_t cpu = cursor; cpu < CPU_SETSIZE; cpu++) {
        (void) snprintf(name, sizeof(name), "cpu%u", (unsigned) cpu);
        if (CPU_ISSET(cpu, &set) && !emit(arg, name, cpu + 1))
            break;
    }
    return 0;
}

const struct pseudo_dynamic sys_cpu_dynamic = {.lookup = cpu_lookup, .list = cpu_list};

/* ---- all of them ---- */

static const char *const weak_names[] = {
    "gather_data_sampling",
    "ghostwrite",
    "indirect_target_selection",
    "itlb_multihit",
    "l1tf",
    "mds",
    "meltdown",
    "mmio_stale_data",
    "old_microcode",
    "reg_file_data_sampling",
    "retbleed",
    "spec_rstack_overflow",
    "spec_store_bypass",
    "spectre_v1",
    "spectre_v2",
    "srbds",
    "tsa",
    "tsx_async_abort",
    "vmscape",
    NULL,
};

static int show_weak(const struct pseudo_ctx *c, struct strbuf *out)
{
    return machine_text(c->k, out, "cpu/vulnerabilities/%s", weak_names[INDEX_NAME(c->index)]);
}

static bool has_weak(const struct pseudo_ctx *c, const char *name)
{
    return machine_has(c->k, "cpu/vulnerabilities/%s", name);
}

static const struct pseudo_entry weak_file = PSEUDO_FILE("", 0444, show_weak);
static const struct pseudo_names weak = {weak_names, has_weak, &weak_file};
NAMES_DIR(weak)

static int has_vulnerabilities(const struct pseudo_ctx *c)
{
    return machine_has(c->k, "cpu/vulnerabilities") ? 0 : -ENOENT;
}

/* Files of the host whole, where it has them. */
#define HOST_FILE(fn, path)                                              \
    static int show_##fn(const struct pseudo_ctx *c, struct strbuf *out) \
    {                                                                    \
        return machine_text(c->k, out, "%s", path);                      \
    }                                                                    \
    static int has_##fn(const struct pseudo_ctx *c)                      \
    {                                                                    \
        return machine_has(c->k, "%s", path) ? 0 : -ENOENT;              \
    }
HOST_FILE(isolated, "cpu/isolated")
HOST_FILE(kernel_max, "cpu/kernel_max")
HOST_FILE(offline, "cpu/offline")
HOST_FILE(smt_active, "cpu/smt/active")
HOST_FILE(smt_control, "cpu/smt/control")

#define OPTIONAL(name_, fn)                                                             \
    {                                                                                   \
        .name = name_, .mode = LX_S_IFREG | 0444, .show = show_##fn, .exists = has_##fn \
    }

static const struct pseudo_entry smt[] = {
    OPTIONAL("active", smt_active),
    OPTIONAL("control", smt_control),
    {.name = NULL},
};

const struct pseudo_entry sys_cpu_table[] = {
    PSEUDO_FILE("online", 0444, show_cpus),
    PSEUDO_FILE("possible", 0444, show_possible),
    PSEUDO_FILE("present", 0444, show_present),
    OPTIONAL("isolated", isolated),
    OPTIONAL("kernel_max", kernel_max),
    OPTIONAL("offline", offline),
    {.name = "smt", .mode = LX_S_IFDIR | 0555, .children = smt, .exists = has_smt_active},
    {.name = "vulnerabilities",
     .mode = LX_S_IFDIR | 0555,
     .dynamic = &weak_dynamic,
     .exists = has_vulnerabilities},
    {.name = NULL},
};
