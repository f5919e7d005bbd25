/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of /proc, one file each, and what they share. */
#pragma once

#include <stdint.h>

#include "abi/linux/stat.h"
#include "kernel/task/snapshot.h"
#include "kernel/vfs/pseudo.h"

#define NSEC_PER_TICK ((uint64_t) 10000000) /* USER_HZ 100 */

extern const struct pseudo_entry proc_pid_dir;  /* /proc/PID; c->pid, c->tid set */
extern const struct pseudo_entry proc_task_dir; /* /proc/PID/task/TID */
extern const struct pseudo_entry proc_sys_table[];
extern const struct pseudo_entry proc_net_table[]; /* /proc/PID/net */
extern const struct pseudo_dynamic proc_fd_dynamic, proc_fdinfo_dynamic;

/* A decimal number without sign or leading zeros, as names in /proc are; -1 otherwise. */
int32_t proc_number(const char *name, size_t len);
/* A file of the task's stub in the host's /proc; freed by the caller. -ESRCH when it is gone. */
int proc_host_text(pid_t host_pid, const char *file, char **ret) must_check;
/* The same opened for reading, or negative errno. */
int proc_host_open(pid_t host_pid, const char *file);
/* What the host counts in a stub's size that is not the guest's: bytes, and of them resident. */
struct proc_hidden {
    uint64_t bytes, anon, file, shmem;
};
void proc_hidden(const struct task_snapshot *s, struct proc_hidden *ret);
/* The line of `text` that starts with "key:", without its end, into dst; false: none. */
bool proc_line(const char *text, const char *key, char *dst, size_t cap);
/* Below /proc/PID/task: about the thread alone. */
static inline bool proc_is_thread(const struct pseudo_ctx *c)
{
    return c->index != 0;
}
/* CLOCK_BOOTTIME in ns. */
uint64_t proc_uptime_ns(void);

/* Text producers shared between tables. */
int proc_show_status(const struct pseudo_ctx *c, struct strbuf *out);
int proc_show_stat(const struct pseudo_ctx *c, struct strbuf *out);
int proc_show_statm(const struct pseudo_ctx *c, struct strbuf *out);
int proc_show_limits(const struct pseudo_ctx *c, struct strbuf *out);
int proc_show_mountinfo(const struct pseudo_ctx *c, struct strbuf *out);
int proc_show_maps(const struct pseudo_ctx *c, struct strbuf *out);
int proc_show_smaps(const struct pseudo_ctx *c, struct strbuf *out);
int proc_show_smaps_rollup(const struct pseudo_ctx *c, struct strbuf *out);

int proc_show_numa_maps(const struct pseudo_ctx *c, struct strbuf *out);
extern const struct pseudo_dynamic proc_map_files_dynamic;
/* KiB of the process in memory; false: it has none. */
bool proc_resident(const struct task_snapshot *s, long *ret_kib);

/* pagemap.c */
int proc_open_pagemap(const struct pseudo_ctx *c, const struct open_args *a, struct file **ret);

/* details.c */
extern const struct pseudo_entry proc_attr_table[];
int proc_show_oom_score(const struct pseudo_ctx *c, struct strbuf *out);
int proc_show_oom_score_adj(const struct pseudo_ctx *c, struct strbuf *out);
int proc_store_oom_score_adj(const struct pseudo_ctx *c, const char *text, size_t n);
int proc_show_oom_adj(const struct pseudo_ctx *c, struct strbuf *out);
int proc_store_oom_adj(const struct pseudo_ctx *c, const char *text, size_t n);
int proc_show_sched(const struct pseudo_ctx *c, struct strbuf *out);
int proc_show_schedstat(const struct pseudo_ctx *c, struct strbuf *out);
int proc_show_wchan(const struct pseudo_ctx *c, struct strbuf *out);
int proc_show_syscall(const struct pseudo_ctx *c, struct strbuf *out);
int proc_show_stack(const struct pseudo_ctx *c, struct strbuf *out);
int proc_show_timers(const struct pseudo_ctx *c, struct strbuf *out);
int proc_show_timerslack(const struct pseudo_ctx *c, struct strbuf *out);
int proc_store_timerslack(const struct pseudo_ctx *c, const char *text, size_t n);
int proc_show_loginuid(const struct pseudo_ctx *c, struct strbuf *out);
int proc_store_loginuid(const struct pseudo_ctx *c, const char *text, size_t n);
int proc_show_sessionid(const struct pseudo_ctx *c, struct strbuf *out);
int proc_show_coredump_filter(const struct pseudo_ctx *c, struct strbuf *out);
int proc_store_coredump_filter(const struct pseudo_ctx *c, const char *text, size_t n);
int proc_show_io(const struct pseudo_ctx *c, struct strbuf *out);
int proc_show_children(const struct pseudo_ctx *c, struct strbuf *out);
int proc_show_autogroup(const struct pseudo_ctx *c, struct strbuf *out);
int proc_open_mem(const struct pseudo_ctx *c, const struct open_args *a,
                  struct file **ret); /* mem.c */

/* The machine: machine.c */
int64_t proc_total_kib(struct kernel *k);
int proc_show_buddyinfo(const struct pseudo_ctx *c, struct strbuf *out);
int proc_show_zoneinfo(const struct pseudo_ctx *c, struct strbuf *out);
int proc_show_interrupts(const struct pseudo_ctx *c, struct strbuf *out);
int proc_show_softirqs(const struct pseudo_ctx *c, struct strbuf *out);
int proc_show_meminfo(const struct pseudo_ctx *c, struct strbuf *out);
int proc_show_cpuinfo(const struct pseudo_ctx *c, struct strbuf *out);
int proc_show_machine_stat(const struct pseudo_ctx *c, struct strbuf *out);
int proc_show_uptime(const struct pseudo_ctx *c, struct strbuf *out);
int proc_show_loadavg(const struct pseudo_ctx *c, struct strbuf *out);
int proc_show_version(const struct pseudo_ctx *c, struct strbuf *out);
int proc_show_vmstat(const struct pseudo_ctx *c, struct strbuf *out);

#define PROC_CONST(fn, text)                                              \
    static int fn(const struct pseudo_ctx *c unused_, struct strbuf *out) \
    {                                                                     \
        sb_add(out, text);                                                \
        return 0;                                                         \
    }

/* net_sysctl.c */
extern const struct pseudo_entry proc_sys_net_table[];

/* ipc.c */
extern const struct pseudo_entry proc_sysvipc_table[], proc_mqueue_table[];
int proc_show_msgmax(const struct pseudo_ctx *c, struct strbuf *out);
int proc_show_msgmnb(const struct pseudo_ctx *c, struct strbuf *out);
int proc_show_msgmni(const struct pseudo_ctx *c, struct strbuf *out);
int proc_show_sem(const struct pseudo_ctx *c, struct strbuf *out);
int proc_show_shmall(const struct pseudo_ctx *c, struct strbuf *out);
int proc_show_shmmax(const struct pseudo_ctx *c, struct strbuf *out);
int proc_show_shmmni(const struct pseudo_ctx *c, struct strbuf *out);
