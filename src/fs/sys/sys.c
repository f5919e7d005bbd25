/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of /sys: see sys.h. Source: sysfs(5),
 * Documentation/ABI/testing/sysfs-devices-system-cpu. */
#include "fs/sys/sys.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "abi/linux/stat.h"
#include "abi/linux/statfs.h"
#include "fs/sys/cpulist.h"
#include "kernel/group/group.h"
#include "kernel/kernel.h"
#include "kernel/vfs/pseudo.h"

static cpu_set_t one_cpu(uint32_t cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return set;
}

/* Processors the sandbox may use. */
static int show_cpus(const struct pseudo_ctx *c, struct strbuf *out)
{
    cpu_set_t set;
    group_cpus(c->k, &set);
    cpu_list_text(&set, out);
    return 0;
}

static int show_cpu_mask(const struct pseudo_ctx *c, struct strbuf *out)
{
    cpu_set_t set;
    group_cpus(c->k, &set);
    cpu_mask_text(&set, out);
    return 0;
}

/* ---- one processor: a core of its own, all of them in one package ---- */

static int show_own_list(const struct pseudo_ctx *c, struct strbuf *out)
{
    const cpu_set_t set = one_cpu(c->index);
    cpu_list_text(&set, out);
    return 0;
}

static int show_own_mask(const struct pseudo_ctx *c, struct strbuf *out)
{
    const cpu_set_t set = one_cpu(c->index);
    cpu_mask_text(&set, out);
    return 0;
}

static int show_index(const struct pseudo_ctx *c, struct strbuf *out)
{
    sb_addf(out, "%u\n", c->index);
    return 0;
}

static int show_zero(const struct pseudo_ctx *c unused_, struct strbuf *out)
{
    sb_add(out, "0\n");
    return 0;
}

static const struct pseudo_entry topology[] = {
    PSEUDO_FILE("core_cpus", 0444, show_own_mask),
    PSEUDO_FILE("core_cpus_list", 0444, show_own_list),
    PSEUDO_FILE("core_id", 0444, show_index),
    PSEUDO_FILE("core_siblings", 0444, show_cpu_mask),
    PSEUDO_FILE("core_siblings_list", 0444, show_cpus),
    PSEUDO_FILE("die_id", 0444, show_zero),
    PSEUDO_FILE("package_cpus", 0444, show_cpu_mask),
    PSEUDO_FILE("package_cpus_list", 0444, show_cpus),
    PSEUDO_FILE("physical_package_id", 0444, show_zero),
    PSEUDO_FILE("thread_siblings", 0444, show_own_mask),
    PSEUDO_FILE("thread_siblings_list", 0444, show_own_list),
    {.name = NULL},
};

static const struct pseudo_entry cpu_entries[] = {PSEUDO_DIR("topology", 0555, topology),
                                                  {.name = NULL}};
static const struct pseudo_entry one_cpu_dir = PSEUDO_DIR("", 0555, cpu_entries);

static const struct pseudo_entry *cpu_lookup(struct pseudo_ctx *c, const char *name, size_t len)
{
    cpu_set_t set;
    uint32_t n = 0;
    if (len < 4 || len > 7 || memcmp(name, "cpu", 3) != 0 || (name[3] == '0' && len > 4))
        return NULL;
    for (size_t i = 3; i < len; i++) {
        if (name[i] < '0' || name[i] > '9')
            return NULL;
        n = n * 10 + (uint32_t) (name[i] - '0');
    }
    group_cpus(c->k, &set);
    if (n >= CPU_SETSIZE || !CPU_ISSET(n, &set))
        return NULL;
    c->index = n;
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

static const struct pseudo_dynamic cpu_dynamic = {.lookup = cpu_lookup, .list = cpu_list};

/* ---- the rest ---- */

static int show_thp(const struct pseudo_ctx *c, struct strbuf *out)
{
    sb_add(out, "always [madvise] never\n");
    return 0;
}

static const struct pseudo_entry none[] = {{.name = NULL}};

static const struct pseudo_entry cpu[] = {
    PSEUDO_FILE("online", 0444, show_cpus),
    PSEUDO_FILE("possible", 0444, show_cpus),
    PSEUDO_FILE("present", 0444, show_cpus),
    {.name = NULL},
};
/* One memory node, as far as a guest can tell. */
static const struct pseudo_entry node0[] = {
    PSEUDO_FILE("cpulist", 0444, show_cpus),
    PSEUDO_FILE("cpumap", 0444, show_cpu_mask),
    {.name = NULL},
};
static const struct pseudo_entry node[] = {
    PSEUDO_FILE("online", 0444, show_zero),
    PSEUDO_FILE("possible", 0444, show_zero),
    PSEUDO_DIR("node0", 0555, node0),
    {.name = NULL},
};
static const struct pseudo_entry devices_system[] = {
    {.name = "cpu", .mode = LX_S_IFDIR | 0555, .children = cpu, .dynamic = &cpu_dynamic},
    PSEUDO_DIR("node", 0555, node),
    {.name = NULL},
};
static const struct pseudo_entry devices[] = {PSEUDO_DIR("system", 0555, devices_system),
                                              {.name = NULL}};
static const struct pseudo_entry fs[] = {PSEUDO_DIR("cgroup", 0555, none), {.name = NULL}};
static const struct pseudo_entry thp[] = {PSEUDO_FILE("enabled", 0444, show_thp), {.name = NULL}};
static const struct pseudo_entry mm[] = {PSEUDO_DIR("transparent_hugepage", 0555, thp),
                                         {.name = NULL}};
static const struct pseudo_entry kernel[] = {PSEUDO_DIR("mm", 0555, mm), {.name = NULL}};

/* Where programs look for devices, of which there are none to see. */
static const struct pseudo_entry class[] = {
    PSEUDO_DIR("block", 0555, none),
    PSEUDO_DIR("net", 0555, none),
    PSEUDO_DIR("tty", 0555, none),
    {.name = NULL},
};
static const struct pseudo_entry dev[] = {
    PSEUDO_DIR("block", 0555, none),
    PSEUDO_DIR("char", 0555, none),
    {.name = NULL},
};

static const struct pseudo_entry top[] = {
    PSEUDO_DIR("block", 0555, none),      PSEUDO_DIR("bus", 0555, none),
    PSEUDO_DIR("class", 0555, class),     PSEUDO_DIR("dev", 0555, dev),
    PSEUDO_DIR("devices", 0555, devices), PSEUDO_DIR("firmware", 0555, none),
    PSEUDO_DIR("fs", 0555, fs),           PSEUDO_DIR("kernel", 0555, kernel),
    PSEUDO_DIR("module", 0555, none),     {.name = NULL},
};

static const struct pseudo_entry root = PSEUDO_DIR("", 0555, top);

static const struct pseudo_fs sysfs = {.type_name = "sysfs",
                                       .magic = LX_SYSFS_MAGIC,
                                       .root = &root};

int sysfs_mount(struct kernel *k, struct super **ret)
{
    return pseudo_mount(k, &sysfs, ret);
}
