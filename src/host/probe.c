/* SPDX-License-Identifier: Apache-2.0 */
/* Probes of the host: see probe.h. Sources: namespaces(7), landlock(7), seccomp(2), the kernel's
 * Yama.rst. */
#include "host/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "base/sys.h"
#include "base/textio.h"
#include "host/cgroup.h"
#include "host/idmap.h"
#include "host/sandbox.h"

static void found(struct probe *p, enum probe_verdict verdict, const char *advice, const char *fmt,
                  ...) printf_like(4, 5);
static void found(struct probe *p, enum probe_verdict verdict, const char *advice, const char *fmt,
                  ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(p->detail, sizeof(p->detail), fmt, ap);
    va_end(ap);
    p->verdict = verdict;
    p->advice = advice;
}

/* The first line of a small file; "" when it is not there. */
static void first_line(const char *path, char *dst, size_t cap)
{
    _cleanup_free_ char *text = NULL;

    dst[0] = '\0';
    if (read_file_at(AT_FDCWD, path, 4096, &text, NULL) < 0)
        return;
    text[strcspn(text, "\n")] = '\0';
    snprintf(dst, cap, "%s", text);
}

static void probe_kernel(struct probe *p, const char *sentry)
{
    struct utsname u;
    unsigned major = 0, minor = 0;

    uname(&u);
    if (sscanf(u.release, "%u.%u", &major, &minor) == 2 &&
        (major > 5 || (major == 5 && minor >= 14)))
        found(p, PROBE_OK, NULL, "Linux %s", u.release);
    else
        found(p, PROBE_MISSING, "use Linux 5.14 or newer", "Linux %s", u.release);
}

static void probe_sentry(struct probe *p, const char *sentry)
{
    _cleanup_free_ char *path = NULL;
    struct fail f = {0};
    struct statvfs sv;

    if (sandbox_find_sentry(sentry, &path, &f) < 0) {
        found(p, PROBE_MISSING, "install cloister-sentry beside cloister", "%.180s", f.text);
        return;
    }
    if (statvfs(path, &sv) == 0 && (sv.f_flag & ST_NOEXEC))
        found(p, PROBE_WEAK, "install it on a file system mounted without noexec",
              "%.120s lies on a noexec mount: it runs from memory", path);
    else
        found(p, PROBE_OK, NULL, "%.180s", path);
}

/* ---- namespaces, by a process that tries ---- */

enum { STEP_NONE, STEP_MAPS, STEP_SLAVE, STEP_TMPFS, STEP_PROC };

/* Exit status: the step that failed; the reason goes into *report of the parent through a pipe. */
noreturn_ static void try_mounts(int go, int report)
{
    char c;
    int step = STEP_NONE, err = 0;

    if (read(go, &c, 1) != 1)
        _exit(STEP_MAPS);
    if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
        step = STEP_SLAVE;
    else if (mount("cloister-probe", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        step = STEP_TMPFS;
    else if (mkdir("/tmp/proc", 0700) < 0 ||
             mount("proc", "/tmp/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY,
                   "hidepid=invisible,subset=pid") < 0)
        step = STEP_PROC;
    err = errno;
    if (step != STEP_NONE)
        (void) !write(report, &err, sizeof(err));
    _exit(step);
}

/* 0 and the step that failed with its errno; a negative errno when there was no namespace at all.
 */
static int try_namespaces(int *ret_step, int *ret_err)
{
    struct clone_args a = {
        .flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
                 CLONE_NEWCGROUP | CLONE_NEWNET,
        .exit_signal = SIGCHLD,
    };
    bool privileged = geteuid() == 0;
    _cleanup_close_ int go_r = -1, go_w = -1, say_r = -1, say_w = -1;
    struct fail f = {0};
    struct idmap *m;
    int go[2], say[2], status = 0, r;
    pid_t pid;

    if (pipe2(go, O_CLOEXEC) < 0)
        return -errno;
    go_r = go[0], go_w = go[1];
    if (pipe2(say, O_CLOEXEC) < 0)
        return -errno;
    say_r = say[0], say_w = say[1];
    m = malloc(sizeof(*m));
    if (!m)
        return -ENOMEM;
    pid = host_clone3(&a, sizeof(a));
    if (pid == 0) {
        close(go_w);
        try_mounts(go_r, say_w);
    }
    if (pid < 0) {
        free(m);
        return pid;
    }
    if (privileged)
        idmap_identity(m);
    else
        idmap_single(m, 0, 0);
    r = idmap_write(m, pid, privileged, &f);
    free(m);
    if (r == 0)
        (void) !write(go_w, "g", 1);
    go_w = close_fd(go_w);
    say_w = close_fd(say_w);
    *ret_err = r < 0 ? -r : 0;
    (void) !read(say_r, ret_err, sizeof(*ret_err));
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    *ret_step = WIFEXITED(status) ? WEXITSTATUS(status) : STEP_MAPS;
    return 0;
}

/* Which of the known switches forbids a plain user's namespaces. */
static const char *namespace_advice(void)
{
    char text[32];

    first_line("/proc/sys/kernel/unprivileged_userns_clone", text, sizeof(text));
    if (strcmp(text, "0") == 0)
        return "as root: sysctl kernel.unprivileged_userns_clone=1";
    first_line("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", text, sizeof(text));
    if (text[0] && strcmp(text, "0") != 0)
        return "as root: sysctl kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor "
               "profile for "
               "cloister that allows userns";
    first_line("/proc/sys/user/max_user_namespaces", text, sizeof(text));
    if (strcmp(text, "0") == 0)
        return "as root: sysctl user.max_user_namespaces=10000";
    return "inside another container: let its seccomp profile allow clone with namespaces; else "
           "ask the "
           "administrator";
}

static void probe_namespaces(struct probe *p, const char *sentry)
{
    static const char *const steps[] = {
        [STEP_MAPS] = "writing its id maps",
        [STEP_SLAVE] = "making its mounts slaves",
        [STEP_TMPFS] = "mounting a tmpfs",
    };
    int step = STEP_NONE, err = 0, r = try_namespaces(&step, &err);

    if (r < 0)
        found(p, PROBE_MISSING, namespace_advice(), "%s cannot make them: %s",
              geteuid() == 0 ? "root" : "a plain user", strerror(-r));
    else if (step == STEP_PROC)
        found(p, PROBE_WEAK, "inside a container: run it without masked paths below /proc",
              "user, mount, pid, ipc, uts, cgroup, net; no fresh /proc (%s): the sandbox binds the "
              "existing one",
              strerror(err));
    else if (step != STEP_NONE)
        found(p, PROBE_MISSING, namespace_advice(), "%s fails: %s", steps[step], strerror(err));
    else
        found(p, PROBE_OK, NULL, "user, mount, pid, ipc, uts, cgroup, net; fresh /proc");
}

/* ---- the rest ---- */

static void probe_id_maps(struct probe *p, const char *sentry)
{
    static const char *const dirs[] = {"/usr/bin", "/bin", "/usr/local/bin", "/usr/sbin"};
    char path[64];

    if (geteuid() == 0) {
        found(p, PROBE_OK, NULL, "real root: any");
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
        snprintf(path, sizeof(path), "%s/newuidmap", dirs[i]);
        if (access(path, X_OK) == 0) {
            found(p, PROBE_OK, NULL,
                  "a plain user: the caller's own, and those of /etc/subuid by %s", path);
            return;
        }
    }
    found(p, PROBE_WEAK, "install uidmap and add the user to /etc/subuid and /etc/subgid",
          "a plain user: only the caller's own");
}

static void probe_seccomp(struct probe *p, const char *sentry)
{
    char actions[256];

    first_line("/proc/sys/kernel/seccomp/actions_avail", actions, sizeof(actions));
    if (strstr(actions, "trap") && strstr(actions, "kill_process") && strstr(actions, "errno"))
        found(p, PROBE_OK, NULL, "filters with trap, errno and kill_process");
    else
        found(p, PROBE_MISSING, "use a kernel with CONFIG_SECCOMP_FILTER",
              "filters are not available");
}

static void probe_landlock(struct probe *p, const char *sentry)
{
    int abi = host_landlock_abi();

    if (abi > 0)
        found(p, PROBE_OK, NULL, "ABI %d", abi);
    else
        found(p, PROBE_WEAK, "add landlock to the lsm= list of the kernel's command line",
              "not available (%s): one layer less around the sandbox", strerror(-abi));
}

static void probe_memory_access(struct probe *p, const char *sentry)
{
    char scope[16];

    first_line("/proc/sys/kernel/yama/ptrace_scope", scope, sizeof(scope));
    if (!scope[0] || strcmp(scope, "0") == 0 || strcmp(scope, "1") == 0)
        found(p, PROBE_OK, NULL, scope[0] ? "Yama ptrace_scope %s" : "no Yama%s", scope);
    else if (strcmp(scope, "2") == 0)
        found(p, PROBE_OK, NULL,
              "Yama ptrace_scope 2: by CAP_SYS_PTRACE in the sandbox's user namespace");
    else
        found(p, PROBE_WEAK, "set kernel.yama.ptrace_scope to 2 or less (needs a reboot)",
              "Yama ptrace_scope %s forbids it: guest memory is copied by the guest's side, slower",
              scope);
}

static void probe_cgroups(struct probe *p, const char *sentry)
{
    int version = cgroup_version();

    if (version == 0)
        found(p, PROBE_WEAK, "mount cgroup2 at /sys/fs/cgroup",
              "none: memory limits cannot be set");
    else if (geteuid() != 0)
        found(p, PROBE_WEAK, "run as root if a container needs a memory limit",
              "version %d, not used for a plain user", version);
    else if (access("/sys/fs/cgroup", W_OK) < 0)
        found(p, PROBE_WEAK, "make /sys/fs/cgroup writable if a container needs a memory limit",
              "version %d, read-only here", version);
    else
        found(p, PROBE_OK, NULL, "version %d", version);
}

static void probe_processors(struct probe *p, const char *sentry)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

    if (n > 1)
        found(p, PROBE_OK, NULL, "%d: system calls may be handed over by spinning", n);
    else
        found(p, PROBE_WEAK, "allow it two or more processors",
              "1: every system call costs a switch");
}

static void probe_surroundings(struct probe *p, const char *sentry)
{
    if (access("/.dockerenv", F_OK) == 0)
        found(p, PROBE_OK, NULL, "inside a Docker container");
    else if (access("/run/.containerenv", F_OK) == 0)
        found(p, PROBE_OK, NULL, "inside a Podman container");
    else
        found(p, PROBE_OK, NULL, "%s", geteuid() == 0 ? "real root" : "a plain user");
}

static const struct {
    const char *name;
    void (*run)(struct probe *p, const char *sentry);
} probes[] = {
    {"caller", probe_surroundings},    {"kernel", probe_kernel},
    {"sandbox program", probe_sentry}, {"namespaces", probe_namespaces},
    {"id maps", probe_id_maps},        {"seccomp", probe_seccomp},
    {"landlock", probe_landlock},      {"memory access", probe_memory_access},
    {"cgroups", probe_cgroups},        {"processors", probe_processors},
};

size_t probe_host(const char *sentry, struct probe v[PROBE_MAX])
{
    static_assert(ARRAY_LEN(probes) <= PROBE_MAX, "room for every probe");

    for (size_t i = 0; i < ARRAY_LEN(probes); i++) {
        v[i] = (struct probe){.name = probes[i].name};
        probes[i].run(&v[i], sentry);
    }
    return ARRAY_LEN(probes);
}
