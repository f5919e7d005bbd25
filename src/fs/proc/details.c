/* SPDX-License-Identifier: Apache-2.0 */
/* The small files of /proc/PID that tell about one thing each: proc(5). */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/sys.h"
#include "fs/proc/internal.h"
#include "kernel/syscall/syscall.h"
#include "kernel/time/itimer.h"

#define PAGE_KIB 4

/* One number of a written text: 0 or -EINVAL. */
static int parse_long(const char *text, long *ret)
{
    char *end;
    errno = 0;
    long v = strtol(text, &end, 0);
    if (end == text || errno || (*end && *end != '\n'))
        return -EINVAL;
    *ret = v;
    return 0;
}

/* ---- what the out-of-memory killer would think ---- */

int proc_show_oom_score_adj(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct task_snapshot s;
    int r = task_snapshot(c->k, c->tid, &s);
    if (r == 0)
        sb_addf(out, "%d\n", s.oom_score_adj);
    return r;
}

/* Kept for whoever reads it; the host's score of all guests is the sandbox's. */
static int set_oom_score_adj(const struct pseudo_ctx *c, long v)
{
    struct tgroup *tg = tgroup_find_get(c->k, c->pid);
    if (!tg)
        return -ESRCH;
    bool may = c->opener && cred_capable(c->opener->cred, LX_CAP_SYS_RESOURCE);
    mutex_lock(&c->k->tasks_lock);
    int r = v < (int) tg->oom_score_adj && !may ? -EACCES : 0;
    if (r == 0)
        tg->oom_score_adj = (uint32_t) (int) v;
    mutex_unlock(&c->k->tasks_lock);
    tgroup_put(tg);
    return r;
}

int proc_store_oom_score_adj(const struct pseudo_ctx *c, const char *text, size_t n unused_)
{
    long v;
    int r = parse_long(text, &v);
    if (r == 0 && (v < -1000 || v > 1000))
        r = -EINVAL;
    return r < 0 ? r : set_oom_score_adj(c, v);
}

/* The same in the scale of Linux before 2.6.36: -17 (never) to 15. */
#define OLD_DISABLE (-17)
#define OLD_MAX     15

int proc_show_oom_adj(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct task_snapshot s;
    int r = task_snapshot(c->k, c->tid, &s);
    if (r == 0)
        sb_addf(out, "%d\n",
                s.oom_score_adj == 1000 ? OLD_MAX : s.oom_score_adj * -OLD_DISABLE / 1000);
    return r;
}

int proc_store_oom_adj(const struct pseudo_ctx *c, const char *text, size_t n unused_)
{
    long v;
    int r = parse_long(text, &v);
    if (r == 0 && (v < OLD_DISABLE || v > OLD_MAX))
        r = -EINVAL;
    return r < 0 ? r : set_oom_score_adj(c, v == OLD_MAX ? 1000 : v * 1000 / -OLD_DISABLE);
}

/* Two thirds of: a thousand, thousandths of the memory in use, and the adjustment. */
int proc_show_oom_score(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct task_snapshot s;
    struct usage u;
    int64_t score = 0;
    int r = task_snapshot(c->k, c->tid, &s);
    if (r < 0)
        return r;
    if (s.oom_score_adj > -1000 && proc_resident(&s, &u.maxrss))
        score = (1000 + (int64_t) u.maxrss * 1000 / MAX(proc_total_kib(c->k), (int64_t) 1) +
                 s.oom_score_adj) *
                2 / 3;
    sb_addf(out, "%" PRId64 "\n", MAX(score, (int64_t) 0));
    return 0;
}

/* ---- scheduling ---- */

static void sched_ns(struct strbuf *out, const char *name, uint64_t ns)
{
    sb_addf(out, "%-45s:%14" PRIu64 ".%06" PRIu64 "\n", name, ns / 1000000, ns % 1000000);
}

static void sched_count(struct strbuf *out, const char *name, int64_t n)
{
    sb_addf(out, "%-45s:%21" PRId64 "\n", name, n);
}

int proc_show_sched(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct task_snapshot s;
    struct usage u, children;
    int r = task_snapshot(c->k, c->tid, &s);
    if (r == 0)
        r = task_snapshot_usage(c->k, c->tid, true, &u, &children);
    if (r < 0)
        return r;
    sb_addf(out,
            "%.15s (%d, #threads: %u)\n"
            "-------------------------------------------------------------------\n",
            s.comm, s.tid, s.n_threads);
    sched_ns(out, "se.sum_exec_runtime", u.utime_ns + u.stime_ns);
    sched_count(out, "nr_switches", u.nvcsw + u.nivcsw);
    sched_count(out, "nr_voluntary_switches", u.nvcsw);
    sched_count(out, "nr_involuntary_switches", u.nivcsw);
    sched_count(out, "policy", s.policy);
    sched_count(out, "prio", 120 + s.nice);
    return 0;
}

/* Time on a processor, time waiting for one, how often it got one. */
int proc_show_schedstat(const struct pseudo_ctx *c, struct strbuf *out)
{
    _cleanup_free_ char *text = NULL;
    struct task_snapshot s;
    struct usage u, children;
    uint64_t waited = 0;
    char file[48];
    int r = task_snapshot(c->k, c->tid, &s);
    if (r == 0)
        r = task_snapshot_usage(c->k, c->tid, true, &u, &children);
    if (r < 0)
        return r;
    (void) snprintf(file, sizeof(file), "task/%d/schedstat",
                    (int) host_proc_tid(s.host_pid, s.host_tid));
    if (s.host_tid > 0 && proc_host_text(s.host_pid, file, &text) == 0)
        (void) sscanf(text, "%*u %" SCNu64, &waited);
    sb_addf(out, "%" PRIu64 " %" PRIu64 " %ld\n", u.utime_ns + u.stime_ns, waited,
            u.nvcsw + u.nivcsw);
    return 0;
}

/* ---- where it waits ---- */

/* The sentry's function in which it sleeps. */
int proc_show_wchan(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct task_snapshot s;
    int r = task_snapshot(c->k, c->tid, &s);
    if (r < 0)
        return r;
    const struct syscall_desc *d = syscall_desc(s.syscall[0]);
    if (s.state == 'S' && d && (!c->opener || task_may_inspect(c->opener, c->tid)))
        sb_addf(out, "sys_%s", d->name);
    else
        sb_add(out, "0");
    return 0;
}

int proc_show_syscall(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct task_snapshot s;
    int r = task_snapshot(c->k, c->tid, &s);
    if (r < 0)
        return r;
    if (s.state == 'S' || (c->opener && c->opener->tid == c->tid)) {
        sb_addf(out, "%" PRIu64, s.syscall[0]);
        for (int i = 1; i < 7; i++)
            sb_addf(out, " 0x%" PRIx64, s.syscall[i]);
        sb_addf(out, " 0x%" PRIx64 " 0x%" PRIx64 "\n", s.sp, s.ip);
    } else if (s.state == 'R') {
        sb_add(out, "running\n");
    } else {
        sb_addf(out, "-1 0x%" PRIx64 " 0x%" PRIx64 "\n", s.sp, s.ip);
    }
    return 0;
}

/* A kernel's stack is shown to the machine's administrator, who is never inside. */
int proc_show_stack(const struct pseudo_ctx *c unused_, struct strbuf *out unused_)
{
    return -EPERM;
}

/* ---- timers ---- */

int proc_show_timers(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct tgroup *tg = tgroup_find_get(c->k, c->pid);
    if (!tg)
        return -ESRCH;
    posix_timers_format(tg, out);
    tgroup_put(tg);
    return 0;
}

#define DEFAULT_SLACK_NS 50000

static int slack_of(const struct pseudo_ctx *c, const uint64_t *set, uint64_t *ret)
{
    struct task *t = task_find_get(c->k, c->tid);
    int r = 0;
    if (!t)
        return -ESRCH;
    if (c->opener != t && c->opener && !cred_capable(c->opener->cred, LX_CAP_SYS_NICE))
        r = -EPERM;
    if (r == 0 && set)
        __atomic_store_n(&t->timerslack, *set ? *set : DEFAULT_SLACK_NS, __ATOMIC_RELAXED);
    *ret = __atomic_load_n(&t->timerslack, __ATOMIC_RELAXED);
    task_put(t);
    return r;
}

int proc_show_timerslack(const struct pseudo_ctx *c, struct strbuf *out)
{
    uint64_t ns;
    int r = slack_of(c, NULL, &ns);
    if (r == 0)
        sb_addf(out, "%" PRIu64 "\n", ns);
    return r;
}

int proc_store_timerslack(const struct pseudo_ctx *c, const char *text, size_t n unused_)
{
    long v;
    uint64_t ns;
    int r = parse_long(text, &v);
    if (r == 0 && v < 0)
        r = -EINVAL;
    ns = (uint64_t) v;
    return r < 0 ? r : slack_of(c, &ns, &ns);
}

/* ---- who logged in ---- */

/* audit(7): set once by login programs, inherited, and changed by CAP_AUDIT_CONTROL only. */
static int login_of(const struct pseudo_ctx *c, uint32_t *ret_uid, uint32_t *ret_session)
{
    struct tgroup *tg = tgroup_find_get(c->k, c->pid);
    if (!tg)
        return -ESRCH;
    mutex_lock(&c->k->tasks_lock);
    *ret_uid = tg->login_set ? tg->loginuid : UINT32_MAX;
    *ret_session = tg->login_set ? tg->login_session : UINT32_MAX;
    mutex_unlock(&c->k->tasks_lock);
    tgroup_put(tg);
    return 0;
}

int proc_show_loginuid(const struct pseudo_ctx *c, struct strbuf *out)
{
    uint32_t uid, session;
    int r = login_of(c, &uid, &session);
    if (r == 0)
        sb_addf(out, "%u", uid);
    return r;
}

int proc_show_sessionid(const struct pseudo_ctx *c, struct strbuf *out)
{
    uint32_t uid, session;
    int r = login_of(c, &uid, &session);
    if (r == 0)
        sb_addf(out, "%u", session);
    return r;
}

int proc_store_loginuid(const struct pseudo_ctx *c, const char *text, size_t n unused_)
{
    long v;
    int r = parse_long(text, &v);
    if (r < 0 || v < 0 || v > UINT32_MAX)
        return -EINVAL;
    if (!c->opener || c->opener->tg->tgid != c->pid)
        return -EPERM;
    struct tgroup *tg = c->opener->tg;
    mutex_lock(&c->k->tasks_lock);
    if (tg->login_set && !cred_capable(c->opener->cred, LX_CAP_AUDIT_CONTROL)) {
        r = -EPERM;
    } else {
        tg->login_set = v != UINT32_MAX;
        tg->loginuid = (uint32_t) v;
        tg->login_session = tg->login_set ? ++c->k->login_sessions : UINT32_MAX;
    }
    mutex_unlock(&c->k->tasks_lock);
    return r;
}

/* ---- core dumps ---- */

int proc_show_coredump_filter(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct tgroup *tg = tgroup_find_get(c->k, c->pid);
    if (!tg)
        return -ESRCH;
    mutex_lock(&c->k->tasks_lock);
    if (!tg->zombie)
        sb_addf(out, "%08x\n", tg->coredump_filter);
    mutex_unlock(&c->k->tasks_lock);
    tgroup_put(tg);
    return 0;
}

#define COREDUMP_KNOWN 0x1ff /* core(5), "Controlling which mappings are written" */

int proc_store_coredump_filter(const struct pseudo_ctx *c, const char *text, size_t n unused_)
{
    long v;
    int r = parse_long(text, &v);
    if (r < 0)
        return r;
    struct tgroup *tg = tgroup_find_get(c->k, c->pid);
    if (!tg)
        return -ESRCH;
    mutex_lock(&c->k->tasks_lock);
    tg->coredump_filter = (uint32_t) v & COREDUMP_KNOWN;
    mutex_unlock(&c->k->tasks_lock);
    tgroup_put(tg);
    return 0;
}

/* ---- transfers ---- */

int proc_show_io(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct io_count n;
    int r = task_snapshot_io(c->k, c->tid, proc_is_thread(c), &n);
    if (r == 0)
        sb_addf(out,
                "rchar: %" PRIu64 "\nwchar: %" PRIu64 "\nsyscr: %" PRIu64 "\nsyscw: %" PRIu64
                "\nread_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n",
                n.rchar, n.wchar, n.syscr, n.syscw);
    return r;
}

/* ---- children ---- */

/* [tasks_lock] Is t's number that of a thread of tg? */
static bool has_thread(const struct tgroup *tg, pid_t tid)
{
    const struct task *t;
    list_for_each_entry (t, &tg->threads, tg_link)
        if (t->tid == tid)
            return true;
    return false;
}

/* Those that the thread made; what is left of threads that ended is the first one's. */
int proc_show_children(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct tgroup *tg = tgroup_find_get(c->k, c->pid), *child;
    if (!tg)
        return -ESRCH;
    mutex_lock(&c->k->tasks_lock);
    list_for_each_entry (child, &tg->children, sibling)
        if (child->maker == c->tid || (c->tid == c->pid && !has_thread(tg, child->maker)))
            sb_addf(out, "%d ", (int) child->tgid);
    mutex_unlock(&c->k->tasks_lock);
    tgroup_put(tg);
    return 0;
}

/* ---- sessions that share the processor ---- */

int proc_show_autogroup(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct task_snapshot s;
    int r = task_snapshot(c->k, c->tid, &s);
    if (r == 0)
        sb_addf(out, "/autogroup-%d nice 0\n", (int) s.sid);
    return r;
}

/* ---- security modules: there is none ---- */

static int no_module(const struct pseudo_ctx *c unused_, struct strbuf *out unused_)
{
    return -EINVAL;
}

const struct pseudo_entry proc_attr_table[] = {
    PSEUDO_FILE("current", 0666, no_module),
    PSEUDO_FILE("exec", 0666, no_module),
    PSEUDO_FILE("fscreate", 0666, no_module),
    PSEUDO_FILE("keycreate", 0666, no_module),
    PSEUDO_FILE("prev", 0444, no_module),
    PSEUDO_FILE("sockcreate", 0666, no_module),
    {0},
};
