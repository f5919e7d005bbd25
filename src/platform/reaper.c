/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reaper: one thread that waits for host processes to end. A process is marked dead, and its
 * guest threads' partners are woken, before its number is given back to the host.
 */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "platform/internal.h"

static void bury(struct platform *p, const siginfo_t *info)
{
    mutex_lock(&p->lock);
    struct stub_proc *proc = proc_by_pid(p, info->si_pid);
    mutex_unlock(&p->lock);
    /* Unknown: a child that died before its hello. */
    if (!proc)
        return;
    int signo = info->si_code == CLD_EXITED ? 0 : info->si_status;
    log_debug("stub process %d ended: %s %d", info->si_pid, signo ? "signal" : "exit",
              info->si_status);
    if (proc == p->zygote->proc) {
        log_error("the zygote died; the sandbox cannot go on");
        _exit(128 + 9);
    }
    proc_died(proc, signo);
    proc_put(proc); /* the table's reference */
}

static void *reaper_main(void *arg)
{
    struct platform *p = arg;
    for (;;) {
        siginfo_t info = {0};
        if (waitid(P_ALL, 0, &info, WEXITED | WNOWAIT | __WALL) < 0) {
            if (errno == EINTR)
                continue;
            log_error("waiting for stubs: %s", strerror(errno));
            _exit(128 + 9);
        }
        bury(p, &info);
        if (waitid(P_PID, (id_t) info.si_pid, &info, WEXITED | __WALL) < 0 && errno != ECHILD)
            log_warn("reaping %d: %s", info.si_pid, strerror(errno));
    }
    return NULL;
}

int reaper_start(struct platform *p)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 128 << 10);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int r = pthread_create(&p->reaper, &attr, reaper_main, p);
    pthread_attr_destroy(&attr);
    p->reaping = r == 0;
    return -r;
}
