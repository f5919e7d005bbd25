/* SPDX-License-Identifier: Apache-2.0 */
/* Making the sandbox process: see sandbox.h. Sources: clone(2), namespaces(7), capabilities(7),
 * prctl(2). */
#include "host/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/sys.h"
#include "host/network.h"
#include "rpc/sync.h"

#ifndef CLOISTER_LIBEXECDIR
#define CLOISTER_LIBEXECDIR "/usr/local/libexec/cloister"
#endif

/* Descriptors to hand over: passed[i] of ours becomes SPEC_FD_SYNC + i of the sandbox. */
#define MAX_PASSED 1100

struct child_plan {
    int passed[MAX_PASSED];
    int n_passed;
    int sync_fd;     /* the sandbox's end */
    int terminal_fd; /* or -1 */
    bool die_with_parent;
    bool take_ids; /* not a plain user, who is mapped anyway */
    uint32_t uid, gid;
    const char *sentry_path;
    int sentry_fd; /* O_PATH */
    sigset_t mask;
};

int sandbox_find_sentry(const char *override, char **ret, struct fail *f)
{
    char self[4096];
    _cleanup_free_ char *beside = NULL;
    const char *found = override;
    ssize_t n;

    if (!found) {
        n = readlink("/proc/self/exe", self, sizeof(self) - 1);
        if (n > 0) {
            self[n] = '\0';
            *(strrchr(self, '/') + 1) = '\0';
            if (asprintf(&beside, "%scloister-sentry", self) < 0)
                return fail(f, ENOMEM, "out of memory");
            if (access(beside, X_OK) == 0)
                found = beside;
        }
    }
    if (!found)
        found = CLOISTER_LIBEXECDIR "/cloister-sentry";
    if (access(found, X_OK) < 0)
        return fail_errno(f, errno, "the sandbox program %s", found);
    *ret = strdup(found);
    return *ret ? 0 : fail(f, ENOMEM, "out of memory");
}

/* ---- in the child: async-signal-safe calls only ---- */

noreturn_ static void child_fail(int sync_fd, int err, const char *what)
{
    char text[256];

    snprintf(text, sizeof(text), "%s: %s", what, strerror(err));
    (void) !sync_send(sync_fd, SYNC_ERROR, EXIT_OURS, text);
    _exit(EXIT_OURS);
}

/* Real root's own ids may have no place in the map: without a mapped one nothing can be made
 * inside. */
static int take_mapped_ids(const struct child_plan *p)
{
    if (!p->take_ids || (p->uid == getuid() && p->gid == getgid()))
        return 0;
    if (setgroups(0, NULL) < 0 || setresgid(p->gid, p->gid, p->gid) < 0 ||
        setresuid(p->uid, p->uid, p->uid) < 0)
        return -errno;
    return 0;
}

static int die_with_parent(const struct child_plan *p)
{
    return p->die_with_parent && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ? -errno : 0;
}

/* Without uid 0 inside, an exec keeps capabilities only if they are ambient. */
static int keep_capabilities(void)
{
    struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct d[2];

    if (getuid() == 0)
        return 0;
    if (syscall(SYS_capget, &h, d) < 0)
        return -errno;
    d[0].inheritable = d[0].permitted;
    d[1].inheritable = d[1].permitted;
    if (syscall(SYS_capset, &h, d) < 0)
        return -errno;
    for (unsigned cap = 0; cap < 64; cap++) {
        if (!(d[cap / 32].permitted & (1u << (cap % 32))))
            continue;
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
            return -errno;
    }
    return 0;
}

static int take_terminal(const struct child_plan *p)
{
    for (int fd = 0; fd < SPEC_FD_SYNC && p->terminal_fd >= 0; fd++)
        if (dup2(p->terminal_fd, fd) < 0)
            return -errno;
    return 0;
}

/* Moves the passed descriptors to their numbers; everything else above becomes close-on-exec. */
static int place_descriptors(struct child_plan *p)
{
    int end = SPEC_FD_SYNC + p->n_passed;

    /* First out of the way of every target, so that no dup2 below hits one still needed. */
    for (int i = 0; i < p->n_passed; i++) {
        if (p->passed[i] < end && p->passed[i] != SPEC_FD_SYNC + i) {
            p->passed[i] = fcntl(p->passed[i], F_DUPFD_CLOEXEC, end);
            if (p->passed[i] < 0)
                return -errno;
        }
    }
    if (p->sentry_fd < end) {
        p->sentry_fd = fcntl(p->sentry_fd, F_DUPFD_CLOEXEC, end);
        if (p->sentry_fd < 0)
            return -errno;
    }
    for (int i = 0; i < p->n_passed; i++) {
        int target = SPEC_FD_SYNC + i;
        if (p->passed[i] == target) {
            if (fcntl(target, F_SETFD, 0) < 0)
                return -errno;
        } else if (dup2(p->passed[i], target) < 0) {
            return -errno;
        }
    }
    return host_close_range((unsigned) end, ~0u, CLOSE_RANGE_CLOEXEC);
}

noreturn_ static void child_main(struct child_plan *p)
{
    static char *const argv[] = {(char *) (uintptr_t) "cloister-sentry",
                                 (char *) (uintptr_t) "boot", NULL};
    static char *const envp[] = {NULL};
    int r;

    /* Before GO, so that a parent that dies later is noticed by signal and one that died earlier by
     * the end of the sync socket. */
    r = die_with_parent(p);
    if (r < 0)
        child_fail(p->sync_fd, -r, "asking for a parent-death signal");
    /* A session of its own: the caller's terminal must not send signals to stubs directly. */
    (void) setsid();
    r = take_terminal(p);
    if (r == 0)
        r = place_descriptors(p);
    if (r < 0)
        child_fail(p->sync_fd, -r, "placing the sandbox's descriptors");
    if (sync_expect(SPEC_FD_SYNC, SYNC_GO) < 0)
        _exit(EXIT_OURS);
    r = take_mapped_ids(p);
    if (r < 0)
        child_fail(SPEC_FD_SYNC, -r, "taking the user namespace's ids");
    r = die_with_parent(p); /* a change of ids has cleared it */
    if (r == 0)
        r = keep_capabilities();
    if (r < 0)
        child_fail(SPEC_FD_SYNC, -r, "keeping capabilities inside the user namespace");
    sigprocmask(SIG_SETMASK, &p->mask, NULL);
    execve(p->sentry_path, argv, envp);
    /* A mapped root may be unable to walk there; executing what the host side opened needs no walk.
     */
    if (errno == EACCES)
        errno = -host_execveat(p->sentry_fd, "", argv, envp, AT_EMPTY_PATH);
    child_fail(SPEC_FD_SYNC, errno, "executing cloister-sentry");
}

/* ---- in the parent ---- */

/* Notes that *fd is handed over and replaces it by its number inside. */
static int pass(struct child_plan *p, int *fd)
{
    if (*fd < 0)
        return 0;
    if (p->n_passed == MAX_PASSED)
        return -EMFILE;
    p->passed[p->n_passed] = *fd;
    *fd = SPEC_FD_SYNC + p->n_passed++;
    return 0;
}

/* Chooses the inherited numbers and encodes the spec with them. */
static int plan_descriptors(struct child_plan *p, struct sandbox_spec *s, int *ret_spec_fd)
{
    int r = 0;

    p->passed[0] = p->sync_fd;
    p->n_passed = 2; /* the spec comes last, its number is fixed */
    r = pass(p, &s->control_fd);
    if (r == 0 && s->log_fd > 2)
        r = pass(p, &s->log_fd);
    if (r == 0)
        r = pass(p, &s->self_fd);
    for (size_t i = 0; i < N_GROUP_FILES && r == 0; i++)
        r = pass(p, &s->group_fds[i]);
    for (size_t i = 0; i < s->n_mounts && r == 0; i++) {
        r = pass(p, &s->mounts[i].tree_fd);
        if (r == 0)
            r = pass(p, &s->mounts[i].upper_fd);
    }
    if (r == 0)
        r = sandbox_spec_encode(s, ret_spec_fd);
    if (r == 0)
        p->passed[SPEC_FD_SPEC - SPEC_FD_SYNC] = *ret_spec_fd;
    return r;
}

/* 0 if it is mapped, else the first that is. */
static uint32_t pick_id(const struct id_range *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (v[i].inside == 0)
            return 0;
    return n ? v[0].inside : 0;
}

static int explain_clone(struct fail *f, int err)
{
    if (err == ENOSPC || err == EPERM)
        return fail(f, err,
                    "making the sandbox's namespaces: %s (unprivileged user namespaces are "
                    "off or used up here; `cloister doctor` says how to allow them)",
                    strerror(err));
    return fail_errno(f, err, "making the sandbox process");
}

int sandbox_keep_log(struct sandbox_spec *s, int *ret_copy, struct fail *f)
{
    if (!s->process.terminal || s->log_fd < 0 || s->log_fd > 2)
        return 0;
    *ret_copy = s->log_fd = fcntl(s->log_fd, F_DUPFD_CLOEXEC, SPEC_FD_FIRST_FREE);
    return *ret_copy < 0 ? fail_errno(f, errno, "copying the log's descriptor") : 0;
}

int sandbox_clone(struct sandbox_params *p, struct sandbox *ret, struct fail *f)
{
    struct child_plan plan = {
        .die_with_parent = p->spec->die_with_parent,
        .take_ids = p->privileged,
        .uid = pick_id(p->ids.uid, p->ids.n_uid),
        .gid = pick_id(p->ids.gid, p->ids.n_gid),
        .sentry_path = p->sentry_path,
        .terminal_fd = p->terminal_fd,
        .mask = *p->signal_mask,
    };
    _cleanup_close_ int ours = -1, theirs = -1, spec_fd = -1, sentry_fd = -1;
    int pidfd = -1, pair[2], back = -1, r;
    pid_t pid;
    struct clone_args a = {
        .flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
                 CLONE_NEWCGROUP | CLONE_PIDFD,
        .pidfd = (uintptr_t) &pidfd,
        .exit_signal = SIGCHLD,
    };

    if (p->spec->network == NETWORK_OWN && !spec_has_two_networks(p->spec))
        a.flags |= CLONE_NEWNET;
    if (p->sibling) {
        a.flags |= CLONE_PARENT;
        a.exit_signal = 0; /* the caller's own is taken */
    }
    sentry_fd = plan.sentry_fd = open(p->sentry_path, O_PATH | O_CLOEXEC);
    if (sentry_fd < 0)
        return fail_errno(f, errno, "the sandbox program %s", p->sentry_path);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return fail_errno(f, errno, "making the sync socket");
    ours = pair[0];
    theirs = pair[1];
    plan.sync_fd = theirs;
    r = plan_descriptors(&plan, p->spec, &spec_fd);
    if (r == -E2BIG)
        return fail(f, E2BIG, "arguments and environment are longer than 4 MiB together");
    if (r < 0)
        return fail_errno(f, -r, "writing the sandbox's specification");
    if (p->spec->network == NETWORK_JOINED)
        r = network_enter(p->network_fd, &back, f);
    if (back >= 0)
        r = network_prepare(p->spec, f);
    if (r < 0) {
        struct fail ignored = {0};

        return back >= 0 && network_leave(back, &ignored) < 0 ? fail_wrap(f, r, "%s", ignored.text)
                                                              : r;
    }
    pid = host_clone3(&a, sizeof(a));
    if (pid == 0) {
        close(ours);
        child_main(&plan);
    }
    if (back >= 0)
        r = network_leave(take_fd(&back), f);
    if (pid < 0)
        return explain_clone(f, -pid);
    *ret = (struct sandbox){.pid = pid, .pidfd = pidfd, .sync_fd = take_fd(&ours)};
    return r;
}

int sandbox_release(struct sandbox *s, const struct sandbox_params *p, struct fail *f)
{
    int r = idmap_write(&p->ids, s->pid, p->privileged, f);

    if (r < 0)
        return r;
    r = sync_send(s->sync_fd, SYNC_GO, 0, NULL);
    if (r < 0)
        return fail_errno(f, -r, "telling the sandbox process to go on");
    return 0;
}

/* What the dead sandbox process ended with, when it is our child and did not say anything. */
static int explain_death(struct sandbox *s, struct fail *f)
{
    siginfo_t si = {0};

    if (waitid(P_PIDFD, (id_t) s->pidfd, &si, WEXITED | WNOWAIT) == 0) {
        if (si.si_code == CLD_EXITED)
            return fail(f, ECHILD, "the sandbox process ended with status %d before it was ready",
                        si.si_status);
        return fail(f, ECHILD,
                    "the sandbox process was killed by signal %d (%s) before it was ready",
                    si.si_status, strsignal(si.si_status));
    }
    return fail(f, ECHILD, "the sandbox process ended before it was ready");
}

int sandbox_wait_ready(struct sandbox *s, struct fail *f)
{
    struct sync_report report;
    int r = sync_recv(s->sync_fd, &report);

    if (r == -ENOTCONN)
        return explain_death(s, f);
    if (r < 0)
        return fail_errno(f, -r, "reading the sandbox's report");
    if (report.kind == SYNC_ERROR) {
        f->status = report.code >= 1 && report.code <= 255 ? (int) report.code : EXIT_OURS;
        return fail(f, ECANCELED, "%s", report.text);
    }
    if (report.kind != SYNC_READY)
        return fail(f, EBADMSG, "the sandbox sent an unexpected report");
    return 0;
}

int sandbox_commit(struct sandbox *s, struct fail *f)
{
    int r = sync_send(s->sync_fd, SYNC_COMMIT, 0, NULL);

    if (r < 0)
        return fail_errno(f, -r, "the sandbox process is gone");
    s->sync_fd = close_fd(s->sync_fd);
    return 0;
}

void sandbox_forget(struct sandbox *s)
{
    s->sync_fd = close_fd(s->sync_fd);
    s->pidfd = close_fd(s->pidfd);
}

void sandbox_destroy(struct sandbox *s)
{
    if (s->pidfd >= 0) {
        struct pollfd pfd = {.fd = s->pidfd, .events = POLLIN};

        (void) !host_pidfd_send_signal(s->pidfd, SIGKILL);
        /* Wait for its end, so that callers who look find nothing left; it has at most a few
         * processes. */
        (void) !poll(&pfd, 1, 10000);
        (void) waitid(P_PIDFD, (id_t) s->pidfd, NULL, WEXITED | WNOHANG);
    }
    sandbox_forget(s);
    s->pid = -1;
}
