/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/sys: the values programs read. What a container may not change is read-only here. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>

#include "fs/proc/internal.h"
#include "kernel/kernel.h"

static int show_uuid_of(const uint8_t random[16], struct strbuf *out)
{
    uint8_t b[16];
    memcpy(b, random, sizeof(b));
    b[6] = (uint8_t) ((b[6] & 0x0f) | 0x40); /* version 4, RFC 4122 */
    b[8] = (uint8_t) ((b[8] & 0x3f) | 0x80);
    for (int i = 0; i < 16; i++)
        sb_addf(out, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", b[i]);
    sb_add(out, "\n");
    return 0;
}

static int show_uuid(const struct pseudo_ctx *c, struct strbuf *out)
{
    uint8_t b[16];
    if (getrandom(b, sizeof(b), 0) != sizeof(b))
        return -EIO;
    return show_uuid_of(b, out);
}

/* The same for the container's whole life: made of the moment it started. */
static int show_boot_id(const struct pseudo_ctx *c, struct strbuf *out)
{
    uint8_t b[16] = {0};
    memcpy(b, &c->k->boot_real.tv_nsec, 4);
    memcpy(b + 4, &c->k->boot_mono.tv_nsec, 4);
    memcpy(b + 8, &c->k->boot_real.tv_sec, 8);
    return show_uuid_of(b, out);
}

static int show_hostname(const struct pseudo_ctx *c, struct strbuf *out)
{
    mutex_lock(&c->k->tasks_lock);
    sb_addf(out, "%s\n", c->k->hostname);
    mutex_unlock(&c->k->tasks_lock);
    return 0;
}

static int show_domainname(const struct pseudo_ctx *c, struct strbuf *out)
{
    mutex_lock(&c->k->tasks_lock);
    sb_addf(out, "%s\n", c->k->domainname);
    mutex_unlock(&c->k->tasks_lock);
    return 0;
}

/* Up to the first newline, and no longer than a name may be. */
static int store_name(const struct pseudo_ctx *c, char dst[KERNEL_NAME_MAX + 1], const char *text)
{
    size_t n = MIN(strcspn(text, "\n"), (size_t) KERNEL_NAME_MAX);
    mutex_lock(&c->k->tasks_lock);
    memset(dst, 0, KERNEL_NAME_MAX + 1);
    memcpy(dst, text, n);
    mutex_unlock(&c->k->tasks_lock);
    return 0;
}

static int store_hostname(const struct pseudo_ctx *c, const char *text, size_t n unused_)
{
    return store_name(c, c->k->hostname, text);
}

static int store_domainname(const struct pseudo_ctx *c, const char *text, size_t n unused_)
{
    return store_name(c, c->k->domainname, text);
}

static int show_osrelease(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct utsname u;
    if (uname(&u) == 0)
        sb_addf(out, "%s\n", u.release);
    return 0;
}

static int show_osversion(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct utsname u;
    if (uname(&u) == 0)
        sb_addf(out, "%s\n", u.version);
    return 0;
}

static int show_pid_max(const struct pseudo_ctx *c, struct strbuf *out)
{
    sb_addf(out, "%d\n", KERNEL_PID_MAX);
    return 0;
}

static int show_threads_max(const struct pseudo_ctx *c, struct strbuf *out)
{
    sb_addf(out, "%u\n", c->k->max_tasks);
    return 0;
}

PROC_CONST(show_ostype, "Linux\n")
PROC_CONST(show_entropy, "256\n")
PROC_CONST(show_ngroups, "65536\n")
PROC_CONST(show_last_cap, "40\n")
PROC_CONST(show_overflow, "65534\n")
PROC_CONST(show_core_pattern, "core\n")
PROC_CONST(show_0, "0\n")
PROC_CONST(show_1, "1\n")
PROC_CONST(show_2, "2\n")
PROC_CONST(show_50, "50\n")
PROC_CONST(show_max_map_count, "65530\n")
PROC_CONST(show_mmap_min, "65536\n")
PROC_CONST(show_nr_open, "1048576\n")
PROC_CONST(show_file_max, "9223372036854775807\n")
PROC_CONST(show_pipe_max, "1048576\n")
PROC_CONST(show_pipe_pages, "16384\n")

static const struct pseudo_entry random_table[] = {
    PSEUDO_SYSCTL("boot_id", 0444, show_boot_id),
    PSEUDO_SYSCTL("entropy_avail", 0444, show_entropy),
    PSEUDO_SYSCTL("poolsize", 0444, show_entropy),
    PSEUDO_SYSCTL("uuid", 0444, show_uuid),
    {0},
};

static const struct pseudo_entry kernel_table[] = {
    PSEUDO_SYSCTL("cap_last_cap", 0444, show_last_cap),
    PSEUDO_SYSCTL("core_pattern", 0444, show_core_pattern),
    PSEUDO_SYSCTL_RW("domainname", 0644, show_domainname, store_domainname),
    PSEUDO_SYSCTL_RW("hostname", 0644, show_hostname, store_hostname),
    PSEUDO_SYSCTL("msgmax", 0444, proc_show_msgmax),
    PSEUDO_SYSCTL("msgmnb", 0444, proc_show_msgmnb),
    PSEUDO_SYSCTL("msgmni", 0444, proc_show_msgmni),
    PSEUDO_SYSCTL("ngroups_max", 0444, show_ngroups),
    PSEUDO_SYSCTL("osrelease", 0444, show_osrelease),
    PSEUDO_SYSCTL("ostype", 0444, show_ostype),
    PSEUDO_SYSCTL("overflowgid", 0444, show_overflow),
    PSEUDO_SYSCTL("overflowuid", 0444, show_overflow),
    PSEUDO_SYSCTL("pid_max", 0444, show_pid_max),
    PSEUDO_DIR("random", 0555, random_table),
    PSEUDO_SYSCTL("randomize_va_space", 0444, show_2),
    PSEUDO_SYSCTL("sem", 0444, proc_show_sem),
    PSEUDO_SYSCTL("shm_rmid_forced", 0444, show_0),
    PSEUDO_SYSCTL("shmall", 0444, proc_show_shmall),
    PSEUDO_SYSCTL("shmmax", 0444, proc_show_shmmax),
    PSEUDO_SYSCTL("shmmni", 0444, proc_show_shmmni),
    PSEUDO_SYSCTL("threads-max", 0444, show_threads_max),
    PSEUDO_SYSCTL("version", 0444, show_osversion),
    {0},
};

PROC_CONST(show_max_watches, "1048576\n")
PROC_CONST(show_10, "10\n")
PROC_CONST(show_20, "20\n")
PROC_CONST(show_100, "100\n")

static const struct pseudo_entry epoll_table[] = {
    PSEUDO_SYSCTL("max_user_watches", 0444, show_max_watches),
    {0},
};

static int show_max_queued(const struct pseudo_ctx *c unused_, struct strbuf *out)
{
    sb_addf(out, "%u\n", KERNEL_INOTIFY_EVENTS);
    return 0;
}

static int show_max_instances(const struct pseudo_ctx *c unused_, struct strbuf *out)
{
    sb_addf(out, "%u\n", KERNEL_INOTIFY_INSTANCES);
    return 0;
}

static int show_max_user_watches(const struct pseudo_ctx *c unused_, struct strbuf *out)
{
    sb_addf(out, "%u\n", KERNEL_INOTIFY_WATCHES);
    return 0;
}

static const struct pseudo_entry inotify_table[] = {
    PSEUDO_SYSCTL("max_queued_events", 0444, show_max_queued),
    PSEUDO_SYSCTL("max_user_instances", 0444, show_max_instances),
    PSEUDO_SYSCTL("max_user_watches", 0444, show_max_user_watches),
    {0},
};

static const struct pseudo_entry fs_table[] = {
    PSEUDO_DIR("epoll", 0555, epoll_table),
    PSEUDO_SYSCTL("file-max", 0444, show_file_max),
    PSEUDO_DIR("inotify", 0555, inotify_table),
    PSEUDO_DIR("mqueue", 0555, proc_mqueue_table),
    PSEUDO_SYSCTL("nr_open", 0444, show_nr_open),
    PSEUDO_SYSCTL("pipe-max-size", 0444, show_pipe_max),
    PSEUDO_SYSCTL("pipe-user-pages-hard", 0444, show_0),
    PSEUDO_SYSCTL("pipe-user-pages-soft", 0444, show_pipe_pages),
    PSEUDO_SYSCTL("protected_hardlinks", 0444, show_1),
    PSEUDO_SYSCTL("protected_symlinks", 0444, show_1),
    {0},
};

static const struct pseudo_entry vm_table[] = {
    PSEUDO_SYSCTL("dirty_background_ratio", 0444, show_10),
    PSEUDO_SYSCTL("dirty_ratio", 0444, show_20),
    PSEUDO_SYSCTL("max_map_count", 0444, show_max_map_count),
    PSEUDO_SYSCTL("mmap_min_addr", 0444, show_mmap_min),
    PSEUDO_SYSCTL("nr_hugepages", 0444, show_0),
    PSEUDO_SYSCTL("overcommit_memory", 0444, show_0),
    PSEUDO_SYSCTL("overcommit_ratio", 0444, show_50),
    PSEUDO_SYSCTL("swappiness", 0444, show_0),
    PSEUDO_SYSCTL("vfs_cache_pressure", 0444, show_100),
    {0},
};

const struct pseudo_entry proc_sys_table[] = {
    PSEUDO_DIR("fs", 0555, fs_table),
    PSEUDO_DIR("kernel", 0555, kernel_table),
    PSEUDO_DIR("net", 0555, proc_sys_net_table),
    PSEUDO_DIR("vm", 0555, vm_table),
    {0},
};
