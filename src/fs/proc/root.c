/* SPDX-License-Identifier: Apache-2.0 */
/* The top of /proc. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/sys.h"
#include "base/textio.h"
#include "fs/proc/internal.h"
#include "fs/proc/proc.h"
#include "kernel/mem/mappings.h"

#define PROC_MAGIC 0x9fa0

int32_t proc_number(const char *name, size_t len)
{
    int32_t v = 0;
    if (len == 0 || len > 9 || (name[0] == '0' && len > 1))
        return -1;
    for (size_t i = 0; i < len; i++) {
        if (name[i] < '0' || name[i] > '9')
            return -1;
        v = v * 10 + (name[i] - '0');
    }
    return v;
}

int proc_host_text(pid_t host_pid, const char *file, char **ret)
{
    return host_process_text(host_pid, file, ret);
}

int proc_host_open(pid_t host_pid, const char *file)
{
    char path[64];
    if (host_pid <= 0)
        return -ESRCH;
    (void) snprintf(path, sizeof(path), "/proc/%d/%s", (int) host_proc_pid(host_pid), file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -ESRCH : fd;
}

bool proc_line(const char *text, const char *key, char *dst, size_t cap)
{
    size_t len = strlen(key);
    for (const char *l = text; l && *l; l = strchr(l, '\n')) {
        l += *l == '\n';
        if (strncmp(l, key, len) != 0 || l[len] != ':')
            continue;
        size_t n = MIN(strcspn(l, "\n"), cap - 1);
        memcpy(dst, l, n);
        dst[n] = 0;
        return true;
    }
    return false;
}

uint64_t proc_uptime_ns(void)
{
    struct timespec ts;
    (void) clock_gettime(CLOCK_BOOTTIME, &ts);
    return (uint64_t) ts.tv_sec * 1000000000ull + (uint64_t) ts.tv_nsec;
}

/* ---- processes ---- */

/* Threads have directories too, which are not listed. */
static const struct pseudo_entry *pid_lookup(struct pseudo_ctx *c, const char *name, size_t len)
{
    int32_t pid = proc_number(name, len);
    if (pid <= 0)
        return NULL;
    if (task_next_pid(c->k, pid) != pid) {
        struct task *t = task_find_get(c->k, pid);
        if (!t)
            return NULL;
        task_put(t);
    }
    c->pid = c->tid = pid;
    return &proc_pid_dir;
}

static int pid_list(const struct pseudo_ctx *c, uint64_t cursor,
                    bool (*emit)(void *arg, const char *name, uint64_t next), void *arg)
{
    char name[16];
    for (pid_t pid = (pid_t) cursor; (pid = task_next_pid(c->k, pid)) > 0; pid++) {
        (void) snprintf(name, sizeof(name), "%d", (int) pid);
        if (!emit(arg, name, (uint64_t) pid + 1))
            break;
    }
    return 0;
}

static const struct pseudo_dynamic pid_dynamic = {.lookup = pid_lookup, .list = pid_list};

static ssize_t link_self(const struct pseudo_ctx *c, char *dst, size_t cap)
{
    char text[16];
    if (!c->opener)
        return -ENOENT;
    int n = snprintf(text, sizeof(text), "%d", (int) c->opener->tg->tgid);
    size_t len = MIN((size_t) n, cap);
    memcpy(dst, text, len);
    return (ssize_t) len;
}

static ssize_t link_thread_self(const struct pseudo_ctx *c, char *dst, size_t cap)
{
    char text[48];
    if (!c->opener)
        return -ENOENT;
    int n =
        snprintf(text, sizeof(text), "%d/task/%d", (int) c->opener->tg->tgid, (int) c->opener->tid);
    size_t len = MIN((size_t) n, cap);
    memcpy(dst, text, len);
    return (ssize_t) len;
}

static ssize_t link_to(const char *text, char *dst, size_t cap)
{
    size_t n = MIN(strlen(text), cap);
    memcpy(dst, text, n);
    return (ssize_t) n;
}

static ssize_t link_mounts(const struct pseudo_ctx *c unused_, char *dst, size_t cap)
{
    return link_to("self/mounts", dst, cap);
}

static ssize_t link_net(const struct pseudo_ctx *c unused_, char *dst, size_t cap)
{
    return link_to("self/net", dst, cap);
}

/* ---- texts that never change ---- */

PROC_CONST(show_filesystems,
           "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tcgroup2\nnodev\tdevpts\nnodev\tmqueue\n"
           "nodev\tpipefs\nnodev\tramfs\nnodev\toverlay\n\text4\n")
PROC_CONST(show_cmdline, "cloister\n")
PROC_CONST(show_devices,
           "Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/ptmx\n136 pts\n\nBlock devices:\n")
PROC_CONST(show_partitions, "major minor  #blocks  name\n\n")
PROC_CONST(show_swaps, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n")
/* All of version 2's one hierarchy. */
PROC_CONST(show_cgroups, "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t0\t1\t1\n"
                         "cpu\t0\t1\t1\ncpuacct\t0\t1\t1\nmemory\t0\t1\t1\npids\t0\t1\t1\n")
PROC_CONST(show_nothing, "")

PROC_CONST(show_execdomains, "0-0\tLinux           \t[kernel]\n")
PROC_CONST(show_slabinfo,
           "slabinfo - version: 2.1\n# name            <active_objs> <num_objs> <objsize> "
           "<objperslab> <pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : slabdata "
           "<active_slabs> <num_slabs> <sharedavail>\n")
PROC_CONST(show_tty_drivers, "/dev/tty             /dev/tty        5       0 system:/dev/tty\n"
                             "/dev/console         /dev/console    5       1 system:console\n"
                             "/dev/ptmx            /dev/ptmx       5       2 system\n"
                             "pty_slave            /dev/pts      136 0-1048575 pty:slave\n"
                             "pty_master           /dev/ptm      128 0-1048575 pty:master\n")

/* Pressure is the machine's, and the sandbox is not told of it: as a kernel started with psi=0. */
static int show_no_pressure(const struct pseudo_ctx *c unused_, struct strbuf *out unused_)
{
    return -EOPNOTSUPP;
}

static const struct pseudo_entry pressure_table[] = {
    PSEUDO_FILE("cpu", 0444, show_no_pressure),
    PSEUDO_FILE("io", 0444, show_no_pressure),
    PSEUDO_FILE("memory", 0444, show_no_pressure),
    {0},
};

static const struct pseudo_entry tty_table[] = {
    PSEUDO_FILE("drivers", 0444, show_tty_drivers),
    {0},
};

static const struct pseudo_entry root_table[] = {
    PSEUDO_LINK("self", link_self),
    PSEUDO_LINK("thread-self", link_thread_self),
    PSEUDO_FILE("buddyinfo", 0444, proc_show_buddyinfo),
    PSEUDO_FILE("cgroups", 0444, show_cgroups),
    PSEUDO_FILE("cmdline", 0444, show_cmdline),
    PSEUDO_FILE("consoles", 0444, show_nothing),
    PSEUDO_FILE("cpuinfo", 0444, proc_show_cpuinfo),
    PSEUDO_FILE("devices", 0444, show_devices),
    PSEUDO_FILE("diskstats", 0444, show_nothing),
    PSEUDO_FILE("execdomains", 0444, show_execdomains),
    PSEUDO_FILE("filesystems", 0444, show_filesystems),
    PSEUDO_FILE("interrupts", 0444, proc_show_interrupts),
    PSEUDO_FILE("loadavg", 0444, proc_show_loadavg),
    PSEUDO_FILE("locks", 0444, show_nothing),
    PSEUDO_FILE("meminfo", 0444, proc_show_meminfo),
    PSEUDO_FILE("modules", 0444, show_nothing),
    PSEUDO_LINK("mounts", link_mounts),
    PSEUDO_LINK("net", link_net),
    PSEUDO_FILE("partitions", 0444, show_partitions),
    PSEUDO_DIR("pressure", 0555, pressure_table),
    PSEUDO_FILE("slabinfo", 0400, show_slabinfo),
    PSEUDO_FILE("softirqs", 0444, proc_show_softirqs),
    PSEUDO_FILE("stat", 0444, proc_show_machine_stat),
    PSEUDO_FILE("swaps", 0444, show_swaps),
    PSEUDO_DIR("sys", 0555, proc_sys_table),
    PSEUDO_DIR("sysvipc", 0555, proc_sysvipc_table),
    PSEUDO_DIR("tty", 0555, tty_table),
    PSEUDO_FILE("uptime", 0444, proc_show_uptime),
    PSEUDO_FILE("version", 0444, proc_show_version),
    PSEUDO_FILE("vmstat", 0444, proc_show_vmstat),
    PSEUDO_FILE("zoneinfo", 0444, proc_show_zoneinfo),
    {0},
};

static const struct pseudo_entry proc_root = {
    .name = "",
    .mode = LX_S_IFDIR | 0555,
    .children = root_table,
    .dynamic = &pid_dynamic,
};

/* A process's files belong to its effective user, unless it may not be inspected (proc(5)). */
static void owner(const struct pseudo_ctx *c, uint32_t *uid, uint32_t *gid)
{
    struct task_snapshot s;
    if (c->pid == 0 || task_snapshot(c->k, c->tid, &s) < 0 || !s.dumpable)
        return;
    *uid = s.euid;
    *gid = s.egid;
}

static const struct pseudo_fs proc_fs = {
    .type_name = "proc",
    .magic = PROC_MAGIC,
    .root = &proc_root,
    .owner = owner,
};

int proc_mount(struct kernel *k, struct super **ret)
{
    return pseudo_mount(k, &proc_fs, ret);
}
