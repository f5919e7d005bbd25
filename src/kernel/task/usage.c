/* SPDX-License-Identifier: Apache-2.0 */
/* The books of the host about stubs, read from its /proc: see usage.h and proc_pid_stat(5). */
#include "kernel/task/usage.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sys.h"

#define PAGE_KIB 4

/*
 * A process that has run for less had no time to give back memory worth telling: its present size
 * stands for its largest, which costs another file to read.
 */
#define SHORT_RUN_NS 1000000u

struct host_stat {
    char state;
    long minflt, majflt, rss_pages;
    uint64_t utime, stime; /* ticks: good for their ratio only */
};

static bool read_host(char *dst, size_t cap, const char *path)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, dst, cap - 1);

    if (n <= 0)
        return false;
    dst[n] = '\0';
    return true;
}

/* Of the thread, or with tid 0 of the whole process. */
static bool host_stat(pid_t pid, pid_t tid, struct host_stat *ret)
{
    char path[64], text[1024], *p;

    if (pid <= 0)
        return false;
    if (tid)
        (void) snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", (int) host_proc_pid(pid),
                        (int) host_proc_tid(pid, tid));
    else
        (void) snprintf(path, sizeof(path), "/proc/%d/stat", (int) host_proc_pid(pid));
    if (!read_host(text, sizeof(text), path))
        return false;
    p = strrchr(text, ')');
    return p && sscanf(p + 1,
                       " %c %*d %*d %*d %*d %*d %*u %ld %*u %ld %*u %" SCNu64 " %" SCNu64
                       " %*d %*d %*d %*d %*d %*d %*u %*u %ld",
                       &ret->state, &ret->minflt, &ret->majflt, &ret->utime, &ret->stime,
                       &ret->rss_pages) == 6;
}

/* The largest size so far, and switches the leader did not want. */
static void host_status(pid_t pid, long *maxrss, long *nivcsw)
{
    char path[64], text[4096];
    const char *p;

    (void) snprintf(path, sizeof(path), "/proc/%d/status", (int) host_proc_pid(pid));
    if (!read_host(text, sizeof(text), path))
        return;
    p = strstr(text, "VmHWM:");
    if (p)
        *maxrss = strtol(p + 6, NULL, 10);
    p = strstr(text, "nonvoluntary_ctxt_switches:");
    if (p)
        *nivcsw = strtol(p + 27, NULL, 10);
}

/* Processor time of one host thread; its clock can only be read by its own process. */
static uint64_t host_thread_cpu_ns(pid_t pid, pid_t tid)
{
    char path[64], text[128];

    (void) snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", (int) host_proc_pid(pid),
                    (int) host_proc_tid(pid, tid));
    return read_host(text, sizeof(text), path) ? strtoull(text, NULL, 10) : 0;
}

static uint64_t share(uint64_t total, uint64_t part, uint64_t whole)
{
    return whole ? (uint64_t) ((unsigned __int128) total * part / whole) : 0;
}

/* The exact sum in the ratio of the ticks; what was told before never shrinks. */
static void split_time(struct tgroup *tg, uint64_t total, const struct host_stat *h)
{
    uint64_t s = MAX(share(total, h->stime, h->utime + h->stime), tg->host_stime_ns), u;

    s = MIN(s, total);
    u = MAX(total - s, tg->host_utime_ns);
    tg->host_utime_ns = u;
    tg->host_stime_ns = MAX(total - MIN(u, total), tg->host_stime_ns);
}

/* A thread of tg whose host process is there. */
static struct task *any_stub(struct tgroup *tg)
{
    struct task *t;

    list_for_each_entry (t, &tg->threads, tg_link) {
        if (t->st)
            return t;
    }
    return NULL;
}

/* Adds what the host process of t has used. */
static void add_host(struct task *t, struct usage *u)
{
    pid_t pid = platform_host_pid(t->st);
    uint64_t total = host_process_cpu_ns(pid);
    struct host_stat h = {.state = 'R'};
    long maxrss, nivcsw = 0;
    bool alive = host_stat(pid, 0, &h);

    if (alive)
        split_time(t->tg, total, &h);
    u->utime_ns += t->tg->host_utime_ns;
    u->stime_ns += t->tg->host_stime_ns;
    if (!alive)
        return;
    u->minflt += h.minflt;
    u->majflt += h.majflt;
    maxrss = h.rss_pages * PAGE_KIB;
    if (total >= SHORT_RUN_NS)
        host_status(pid, &maxrss, &nivcsw);
    u->maxrss = MAX(u->maxrss, maxrss);
    u->nivcsw += nivcsw;
}

void tgroup_usage(struct tgroup *tg, struct usage *ret)
{
    struct task *any = any_stub(tg), *t;

    *ret = tg->own_usage;
    list_for_each_entry (t, &tg->threads, tg_link) {
        ret->stime_ns += sentry_thread_cpu_ns(atomic_load(&t->sentry_tid));
        ret->nvcsw += (long) atomic_load_explicit(&t->sleeps, memory_order_relaxed);
    }
    if (any)
        add_host(any, ret);
}

void tgroup_cpu_time(struct tgroup *tg, uint64_t *ret_utime_ns, uint64_t *ret_stime_ns)
{
    struct task *any = any_stub(tg), *t;
    struct host_stat h;
    pid_t pid = any ? platform_host_pid(any->st) : 0;

    *ret_utime_ns = tg->own_usage.utime_ns;
    *ret_stime_ns = tg->own_usage.stime_ns;
    list_for_each_entry (t, &tg->threads, tg_link)
        *ret_stime_ns += sentry_thread_cpu_ns(atomic_load(&t->sentry_tid));
    if (any && host_stat(pid, 0, &h))
        split_time(tg, host_process_cpu_ns(pid), &h);
    if (any) {
        *ret_utime_ns += tg->host_utime_ns;
        *ret_stime_ns += tg->host_stime_ns;
    }
}

void task_usage(struct task *t, struct usage *ret)
{
    struct host_stat h = {.state = 'R'};
    uint64_t total;
    pid_t pid;

    *ret = (struct usage){.stime_ns = sentry_thread_cpu_ns(atomic_load(&t->sentry_tid))};
    ret->nvcsw = (long) atomic_load_explicit(&t->sleeps, memory_order_relaxed);
    if (!t->st)
        return;
    pid = platform_host_pid(t->st);
    if (!host_stat(pid, platform_host_tid(t->st), &h))
        return;
    total = host_thread_cpu_ns(pid, platform_host_tid(t->st));
    ret->minflt = h.minflt;
    ret->majflt = h.majflt;
    ret->maxrss = h.rss_pages * PAGE_KIB;
    host_status(pid, &ret->maxrss, &ret->nivcsw);
    ret->stime_ns += share(total, h.stime, h.utime + h.stime);
    ret->utime_ns = total - share(total, h.stime, h.utime + h.stime);
}

void io_count_add(struct io_count *to, const struct io_count *n)
{
    to->rchar += __atomic_load_n(&n->rchar, __ATOMIC_RELAXED);
    to->wchar += __atomic_load_n(&n->wchar, __ATOMIC_RELAXED);
    to->syscr += __atomic_load_n(&n->syscr, __ATOMIC_RELAXED);
    to->syscw += __atomic_load_n(&n->syscw, __ATOMIC_RELAXED);
}

static void add_direct(struct io_count *to, const struct task *t)
{
    struct stub_io io;

    if (!t->st)
        return;
    platform_direct_io(t->st, &io);
    io_count_add(to, &(struct io_count){io.rchar, io.wchar, io.syscr, io.syscw});
}

void task_io(const struct task *t, struct io_count *to)
{
    io_count_add(to, &t->io);
    add_direct(to, t);
}

void task_collect_io(struct task *t)
{
    add_direct(&t->io, t);
}

void usage_collect(struct task *t)
{
    add_host(t, &t->tg->own_usage);
    t->tg->host_utime_ns = t->tg->host_stime_ns = 0;
}
