/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of /sys: see sys.h. Source: sysfs(5),
 * Documentation/ABI/testing/sysfs-devices-system-cpu. */
#include "fs/sys/sys.h"

#include "abi/linux/stat.h"
#include "abi/linux/statfs.h"
#include "fs/sys/cpu.h"
#include "fs/sys/net.h"
#include "fs/sys/node.h"
#include "kernel/host_facts.h"
#include "kernel/kernel.h"
#include "kernel/vfs/pseudo.h"

static int show_thp(const struct pseudo_ctx *c, struct strbuf *out)
{
    if (c->k->host && c->k->host->huge_pages)
        sb_add(out, c->k->host->huge_pages);
    else
        sb_add(out, "always [madvise] never\n");
    return 0;
}

static const struct pseudo_entry none[] = {{.name = NULL}};

static const struct pseudo_entry devices_system[] = {
    {.name = "cpu",
     .mode = LX_S_IFDIR | 0555,
     .children = sys_cpu_table,
     .dynamic = &sys_cpu_dynamic},
    {.name = "node",
     .mode = LX_S_IFDIR | 0555,
     .children = sys_node_table,
     .dynamic = &sys_node_dynamic},
    {.name = NULL},
};
static const struct pseudo_entry virtual[] = {
    {.name = "net", .mode = LX_S_IFDIR | 0555, .dynamic = &sys_net_devices},
    {.name = NULL},
};
static const struct pseudo_entry devices[] = {PSEUDO_DIR("system", 0555, devices_system),
                                              PSEUDO_DIR("virtual", 0555, virtual),
                                              {.name = NULL}};
static const struct pseudo_entry fs[] = {PSEUDO_DIR("cgroup", 0555, none), {.name = NULL}};
static const struct pseudo_entry thp[] = {PSEUDO_FILE("enabled", 0444, show_thp), {.name = NULL}};
static const struct pseudo_entry mm[] = {PSEUDO_DIR("transparent_hugepage", 0555, thp),
                                         {.name = NULL}};
static const struct pseudo_entry kernel[] = {PSEUDO_DIR("mm", 0555, mm), {.name = NULL}};

/* Where programs look for devices, of which there are none to see but network interfaces. */
static const struct pseudo_entry class[] = {
    PSEUDO_DIR("block", 0555, none),
    {.name = "net", .mode = LX_S_IFDIR | 0555, .dynamic = &sys_net_links},
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
