/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of /sys: see sys.h. Source: sysfs(5),
 * Documentation/ABI/testing/sysfs-devices-system-cpu. */
#include "fs/sys/sys.h"

#include <sched.h>
#include <stdio.h>

#include "abi/linux/stat.h"
#include "abi/linux/statfs.h"
#include "kernel/kernel.h"
#include "kernel/vfs/pseudo.h"
#include "platform/platform.h"

/* Processors the sandbox may use, as a list of ranges: "0-3,6". */
static int show_cpus(const struct pseudo_ctx *c, struct strbuf *out)
{
    cpu_set_t set;
    const char *comma = "";
    platform_cpus(c->k->platform, &set);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &set))
            continue;
        int last = cpu;
        while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, &set))
            last++;
        sb_addf(out, last > cpu ? "%s%d-%d" : "%s%d", comma, cpu, last);
        comma = ",";
        cpu = last;
    }
    sb_add(out, "\n");
    return 0;
}

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
static const struct pseudo_entry devices_system[] = {PSEUDO_DIR("cpu", 0555, cpu), {.name = NULL}};
static const struct pseudo_entry devices[] = {PSEUDO_DIR("system", 0555, devices_system),
                                              {.name = NULL}};
static const struct pseudo_entry fs[] = {PSEUDO_DIR("cgroup", 0555, none), {.name = NULL}};
static const struct pseudo_entry thp[] = {PSEUDO_FILE("enabled", 0444, show_thp), {.name = NULL}};
static const struct pseudo_entry mm[] = {PSEUDO_DIR("transparent_hugepage", 0555, thp),
                                         {.name = NULL}};
static const struct pseudo_entry kernel[] = {PSEUDO_DIR("mm", 0555, mm), {.name = NULL}};

static const struct pseudo_entry top[] = {
    PSEUDO_DIR("block", 0555, none),
    PSEUDO_DIR("bus", 0555, none),
    PSEUDO_DIR("class", 0555, none),
    PSEUDO_DIR("devices", 0555, devices),
    PSEUDO_DIR("firmware", 0555, none),
    PSEUDO_DIR("fs", 0555, fs),
    PSEUDO_DIR("kernel", 0555, kernel),
    PSEUDO_DIR("module", 0555, none),
    {.name = NULL},
};

static const struct pseudo_entry root = PSEUDO_DIR("", 0555, top);

static const struct pseudo_fs sysfs = {.type_name = "sysfs",
                                       .magic = LX_SYSFS_MAGIC,
                                       .root = &root};

int sysfs_mount(struct kernel *k, struct super **ret)
{
    return pseudo_mount(k, &sysfs, ret);
}
