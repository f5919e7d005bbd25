/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host tasks that the sentry does not know. A clone it has ordered is continued for a guest that
 * may have taken the stub's place: such a guest can let the child never say hello and report a
 * failure. What it has made then runs on without a channel, and enough of them would use up the
 * host's limit of processes for the sentry itself.
 *
 * So after each continued clone without an arrival we look. A child process of ours that no table
 * knows is a newcomer of somebody else's order, or a stray; when it is still unknown after the time
 * a newcomer has, it is killed. A process with more threads than we know is killed as a whole.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/sys.h"
#include "base/textio.h"
#include "platform/internal.h"

#define MAX_STRAYS 64 /* at a time; the rest is found by the next look */
#define MAX_LOOKS  16

struct search {
    struct platform *p;
    const struct stub_thread *self;
    pid_t found[MAX_STRAYS];
    unsigned n;
};

/* A field of /proc/PID/status: its first number, or its last. -1 when it is not there. */
static long status_number(const char *text, const char *field, bool last)
{
    const char *line = strstr(text, field);
    if (!line)
        return -1;
    line += strlen(field);
    size_t n = strcspn(line, "\n");
    if (last)
        while (n > 1 && line[n - 1] != '\t' && line[n - 1] != ' ')
            n--;
    return strtol(last ? line + n : line, NULL, 10);
}

static char *read_status(const char *shown)
{
    char path[64], *text = NULL;
    (void) snprintf(path, sizeof(path), "/proc/%.20s/status", shown);
    return read_file_at(AT_FDCWD, path, 16384, &text, NULL) < 0 ? NULL : text;
}

/* The number, here, of a living child process of ours; 0 for all others. */
static pid_t living_child(const char *shown, long parent)
{
    _cleanup_free_ char *text = read_status(shown);
    if (!text || status_number(text, "\nPPid:\t", false) != parent || strstr(text, "\nState:\tZ"))
        return 0;
    long pid = status_number(text, "\nNSpid:", true);
    return pid > 0 ? (pid_t) pid : 0;
}

static bool is_known(struct platform *p, pid_t pid)
{
    mutex_lock(&p->lock);
    bool known = proc_by_pid(p, pid) != NULL;
    mutex_unlock(&p->lock);
    return known;
}

static unsigned look(struct search *s)
{
    long self = host_proc_pid(getpid());
    DIR *d = opendir("/proc");
    s->n = 0;
    if (!d)
        return 0;
    for (struct dirent *e; s->n < MAX_STRAYS && (e = readdir(d));) {
        if (e->d_name[0] < '1' || e->d_name[0] > '9')
            continue;
        pid_t pid = living_child(e->d_name, self);
        if (pid > 0 && !is_known(s->p, pid))
            s->found[s->n++] = pid;
    }
    (void) closedir(d);
    return s->n;
}

/* Might an unknown child be the newcomer of another order? */
static bool others_expect(const struct search *s)
{
    struct htab_node *node;
    bool expected = false;
    mutex_lock(&s->p->lock);
    htab_for_each (node, &s->p->threads) {
        struct stub_thread *st = container_of(node, struct stub_thread, by_tid);
        enum clone_state state = atomic_load(&st->clone.state);
        if (st != s->self && st->clone.flags != STUB_CLONE_THREAD &&
            (state == CLONE_ORDERED || state == CLONE_CONTINUED))
            expected = true;
    }
    mutex_unlock(&s->p->lock);
    return expected;
}

static bool is_gone(pid_t pid)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t) pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid != 0;
}

static bool is_settled(void *arg)
{
    struct search *s = arg;
    bool open = false;
    for (unsigned i = 0; i < s->n && !open; i++)
        open = !is_known(s->p, s->found[i]) && !is_gone(s->found[i]);
    return !open || !others_expect(s);
}

static void end_stray(struct platform *p, pid_t pid)
{
    _cleanup_close_ int fd = host_pidfd_open(pid, 0);
    if (fd < 0 || is_known(p, pid) || is_gone(pid))
        return;
    int r = host_pidfd_send_signal(fd, SIGKILL);
    log_warn("stub %d was made behind our back; killed (%d)", pid, r);
}

static void end_processes(struct platform *p, struct stub_thread *self)
{
    struct search s = {.p = p, .self = self};
    for (int i = 0; i < MAX_LOOKS && look(&s) > 0; i++) {
        if (notify_wait(self, is_settled, &s, ARRIVAL_MS) < 0)
            log_debug("%u children of ours are unknown", s.n);
        for (unsigned k = 0; k < s.n; k++)
            end_stray(p, s.found[k]);
    }
}

/* [platform.lock] Threads of the process that we know of or expect. */
static unsigned known_threads(struct platform *p, struct stub_proc *proc)
{
    struct list *at;
    unsigned n = 0;
    list_for_each (at, &proc->threads) {
        struct stub_thread *st = list_entry(at, struct stub_thread, link);
        enum clone_state state = atomic_load(&st->clone.state);
        n += 1 + (state != CLONE_IDLE && st->clone.flags == STUB_CLONE_THREAD);
    }
    list_for_each (at, &proc->leaving)
        n++;
    (void) p;
    return n;
}

static bool has_strange_threads(struct platform *p, struct stub_proc *proc)
{
    char shown[32];
    (void) snprintf(shown, sizeof(shown), "%d", host_proc_pid(proc->pid));
    _cleanup_free_ char *text = read_status(shown);
    long have = text ? status_number(text, "\nThreads:\t", false) : -1;
    mutex_lock(&p->lock);
    unsigned known = known_threads(p, proc);
    bool dead = proc->dead;
    mutex_unlock(&p->lock);
    return !dead && have > (long) known;
}

void strays_end(struct stub_thread *st)
{
    struct platform *p = st->p;
    if (st->clone.flags != STUB_CLONE_THREAD) {
        end_processes(p, st);
        return;
    }
    /* Counted more than once: a thread may leave between the two numbers. */
    for (int i = 0; i < 3; i++)
        if (!has_strange_threads(p, st->proc))
            return;
    log_warn("stub %d has threads made behind our back; killed", st->proc->pid);
    platform_kill(st);
}
