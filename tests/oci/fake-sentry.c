/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stand-in for cloister-sentry with which the host side is tested alone: it decodes the spec,
 * prints it as lines, reports READY, answers the control socket, and "runs" a few commands:
 *   exit N, kill N, sleep (until a KILL arrives), error TEXT, die (before READY), slow (hangs
 * before READY)
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rpc/control.h"
#include "rpc/spec.h"
#include "rpc/sync.h"

static void print_spec(const struct sandbox_spec *s)
{
    printf("id=%s rootless=%d start_now=%d control_fd=%d log_fd=%d self_fd=%d network=%d\n", s->id,
           s->rootless, s->start_now, s->control_fd, s->log_fd, s->self_fd, (int) s->network);
    for (size_t i = 0; i < s->n_mounts; i++)
        printf("mount %s kind=%d flags=%x fd=%d source=%s size=%llu mode=%o\n", s->mounts[i].dest,
               (int) s->mounts[i].kind, s->mounts[i].flags, s->mounts[i].tree_fd,
               s->mounts[i].source ? s->mounts[i].source : "-",
               (unsigned long long) s->mounts[i].size, s->mounts[i].mode);
    for (size_t i = 0; s->process.argv[i]; i++)
        printf("arg %s\n", s->process.argv[i]);
    printf("uid=%u gid=%u cwd=%s umask=%o caps=%llx pid=%d\n", s->process.uid, s->process.gid,
           s->process.cwd, s->process.umask, (unsigned long long) s->process.cap_effective,
           (int) getpid());
    fflush(stdout);
}

/* Serves one connection's next request; returns the signal of a KILL, 0 otherwise, -1 at the end.
 */
static int serve(int fd, bool *started)
{
    static char buf[CONTROL_MAX_FRAME + 1];
    struct control_frame f;
    struct control_kill k;

    if (control_recv(fd, buf, sizeof(buf), &f) < 0)
        return -1;
    switch (f.type) {
    case CONTROL_START:
        (void) !(*started ? control_send_text(fd, CONTROL_ERROR, "the container is running already")
                          : control_send(fd, CONTROL_OK, NULL, 0));
        *started = true;
        return 0;
    case CONTROL_KILL:
        (void) !control_send(fd, CONTROL_OK, NULL, 0);
        return control_parse_kill(&f, &k) == 0 ? k.signo : 0;
    case CONTROL_STATE:
        (void) !control_send_text(fd, CONTROL_TEXT,
                                  *started ? "{\"status\":\"running\"}"
                                           : "{\"status\":\"created\"}");
        return 0;
    default:
        (void) !control_send_text(fd, CONTROL_TEXT, "{}");
        return 0;
    }
}

int main(void)
{
    struct sandbox_spec *s;
    bool started;
    int r = sandbox_spec_read(SPEC_FD_SPEC, &s), listening = 0;
    socklen_t len = sizeof(listening);
    const char *cmd;

    if (r < 0) {
        (void) !sync_send(SPEC_FD_SYNC, SYNC_ERROR, 125, "the spec cannot be decoded");
        return 125;
    }
    cmd = s->process.argv[0];
    if (strrchr(cmd, '/'))
        cmd = strrchr(cmd, '/') + 1;
    started = s->start_now;
    if (strcmp(cmd, "die") == 0)
        return 7;
    if (strcmp(cmd, "slow") == 0)
        (void) poll(&(struct pollfd){.fd = SPEC_FD_SYNC}, 1, 20000);
    if (strcmp(cmd, "error") == 0) {
        (void) !sync_send(SPEC_FD_SYNC, SYNC_ERROR, 127, s->process.argv[1]);
        return 125;
    }
    if (sync_send(SPEC_FD_SYNC, SYNC_READY, 0, NULL) < 0 ||
        (!s->start_now && sync_expect(SPEC_FD_SYNC, SYNC_COMMIT) < 0))
        return 125;
    close(SPEC_FD_SYNC);
    if (s->control_fd >= 0)
        getsockopt(s->control_fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len);
    for (;;) {
        int fd = s->control_fd, k = 0;

        if (started && strcmp(cmd, "sleep") != 0)
            break;
        if (listening) {
            fd = accept(s->control_fd, NULL, NULL);
            k = fd >= 0 ? serve(fd, &started) : 0;
            close(fd);
        } else {
            k = serve(fd, &started);
        }
        if (k != 0)
            _exit(k < 0 ? 0 : 128 + k);
    }
    if (strcmp(cmd, "exit") == 0)
        return atoi(s->process.argv[1]);
    print_spec(s);
    return 0;
}
