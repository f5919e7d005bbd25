/* SPDX-License-Identifier: Apache-2.0 */
/* Hooks: see hooks.h. Source: the OCI runtime specification, "POSIX-platform Hooks". */
#include "host/hooks.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/sys.h"
#include "base/textio.h"
#include "host/state_file.h"

static int make_stdin(const struct container *ct, int *ret_fd, struct fail *f)
{
    _cleanup_free_ char *state = NULL;
    _cleanup_close_ int fd = memfd_create("cloister-state", MFD_CLOEXEC);
    int r = state_file_format_oci(ct, false, &state);

    if (fd < 0)
        return fail_errno(f, errno, "making a hook's input");
    if (r == 0)
        r = write_full(fd, state, strlen(state));
    if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
        r = -errno;
    if (r < 0)
        return fail_errno(f, -r, "making a hook's input");
    *ret_fd = take_fd(&fd);
    return 0;
}

static int spawn(const struct oci_hook *h, int input, pid_t *ret, struct fail *f)
{
    static char *const no_env[] = {NULL};
    char *only_name[] = {h->path, NULL};
    posix_spawn_file_actions_t fa;
    posix_spawnattr_t at;
    sigset_t none;
    int r;

    sigemptyset(&none);
    posix_spawn_file_actions_init(&fa);
    posix_spawnattr_init(&at);
    posix_spawnattr_setflags(&at, POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&at, &none);
    r = posix_spawn_file_actions_adddup2(&fa, input, 0);
    if (r == 0)
        r = posix_spawn(ret, h->path, &fa, &at, h->args && h->args[0] ? h->args : only_name,
                        h->env ? h->env : no_env);
    posix_spawn_file_actions_destroy(&fa);
    posix_spawnattr_destroy(&at);
    return r == 0 ? 0 : fail_errno(f, r, "executing the hook %s", h->path);
}

static int run_one(const struct oci_hook *h, const struct container *ct, struct fail *f)
{
    _cleanup_close_ int input = -1, pidfd = -1;
    struct pollfd p = {.events = POLLIN};
    siginfo_t si = {0};
    bool late = false;
    pid_t pid;
    int r = make_stdin(ct, &input, f);

    if (r == 0)
        r = spawn(h, input, &pid, f);
    if (r < 0)
        return r;
    pidfd = host_pidfd_open(pid, 0);
    p.fd = pidfd;
    if (h->timeout > 0 && pidfd >= 0) {
        do {
            r = poll(&p, 1, (int) (h->timeout * 1000));
        } while (r < 0 && errno == EINTR);
        late = r == 0;
        if (late)
            (void) kill(pid, SIGKILL);
    }
    while (waitid(P_PID, (id_t) pid, &si, WEXITED) < 0)
        if (errno != EINTR)
            return fail_errno(f, errno, "waiting for the hook %s", h->path);
    if (late)
        return fail(f, ETIMEDOUT, "the hook %s took longer than %lld s", h->path,
                    (long long) h->timeout);
    if (si.si_code != CLD_EXITED)
        return fail(f, ECHILD, "the hook %s was killed by signal %d", h->path, si.si_status);
    if (si.si_status != 0)
        return fail(f, ECHILD, "the hook %s ended with status %d", h->path, si.si_status);
    return 0;
}

int hooks_run(const struct oci_config *c, enum oci_hook_kind kind, const struct container *ct,
              struct fail *f)
{
    for (size_t i = 0; i < c->hooks[kind].n; i++) {
        int r = run_one(&c->hooks[kind].list[i], ct, f);

        if (r < 0)
            return fail_wrap(f, r, "hooks.%s[%zu]", oci_hook_names[kind], i);
    }
    return 0;
}

void hooks_run_all(const struct oci_config *c, enum oci_hook_kind kind, const struct container *ct)
{
    struct fail f = {0};

    for (size_t i = 0; i < c->hooks[kind].n; i++)
        if (run_one(&c->hooks[kind].list[i], ct, &f) < 0)
            log_warn("hooks.%s[%zu]: %s", oci_hook_names[kind], i, f.text);
}
