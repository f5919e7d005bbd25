/* SPDX-License-Identifier: Apache-2.0 */
/* Terminals: see terminal.h. Sources: pts(4), ioctl_tty(2), termios(3), unix(7). */
#include "host/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/log.h"

#define END_OF_FILE 4   /* ^D, VEOF of a fresh terminal */
#define DRAIN_MS    100 /* how long the output may pause before it counts as over */
/* More than is under way: 64 KiB with the host, at most 128 KiB with the sentry. Who writes more is
 * not the process. */
#define DRAIN_BYTES (256u << 10)
#define TTY_CHUNK   256 /* what a terminal that is ready takes without waiting */

/* ---- the pty ---- */

int host_pty_open(uint32_t rows, uint32_t cols, struct host_pty *ret, struct fail *f)
{
    struct host_pty p = HOST_PTY_NONE;
    struct winsize ws = {.ws_row = (unsigned short) rows, .ws_col = (unsigned short) cols};

    p.master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (p.master < 0)
        return fail_errno(f, errno, "making a terminal: /dev/ptmx");
    if (unlockpt(p.master) == 0)
        p.slave = ioctl(p.master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (p.slave < 0 || (rows && cols && ioctl(p.master, TIOCSWINSZ, &ws) < 0)) {
        int err = errno;

        host_pty_close(&p);
        return fail_errno(f, err, "making a terminal");
    }
    *ret = p;
    return 0;
}

void host_pty_close(struct host_pty *p)
{
    p->master = close_fd(p->master);
    p->slave = close_fd(p->slave);
}

static int send_fd(int socket_fd, int fd, const char *name)
{
    _Alignas(struct cmsghdr) char room[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec iov = {.iov_base = (void *) (uintptr_t) name, .iov_len = strlen(name)};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = room,
                       .msg_controllen = sizeof(room)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(int));
    return sendmsg(socket_fd, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int host_pty_send(const struct host_pty *p, const char *path, struct fail *f)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    _cleanup_close_ int fd = -1;
    char name[64];
    int r;

    if (strlen(path) >= sizeof(sa.sun_path))
        return fail(f, ENAMETOOLONG, "option --console-socket: %s", path);
    memcpy(sa.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *) &sa, sizeof(sa)) < 0)
        return fail_errno(f, errno, "option --console-socket: connecting to %s", path);
    if (ptsname_r(p->master, name, sizeof(name)) != 0)
        snprintf(name, sizeof(name), "/dev/ptmx");
    r = send_fd(fd, p->master, name);
    return r < 0 ? fail_errno(f, -r, "sending the terminal over %s", path) : 0;
}

int terminal_check(bool terminal, bool detached, const char *console_socket, struct fail *f)
{
    if (terminal && detached && !console_socket)
        return fail(f, EINVAL,
                    "cannot allocate tty if cloister will detach without setting console socket");
    if (console_socket && (!terminal || !detached))
        return fail(f, EINVAL,
                    "cannot use console socket if cloister will not detach or allocate tty");
    return 0;
}

bool terminal_is_ours(void)
{
    return isatty(0) && isatty(1) && isatty(2) && tcgetpgrp(0) == getpgrp();
}

/* ---- the relay ---- */

int relay_begin(struct relay *r, int master, struct fail *f)
{
    int flags = fcntl(master, F_GETFL);

    *r = (struct relay){.master = master};
    if (flags < 0 || fcntl(master, F_SETFL, flags | O_NONBLOCK) < 0) {
        int err = errno;

        r->master = close_fd(r->master);
        return fail_errno(f, err, "preparing the terminal");
    }
    r->sigpipe = signal(SIGPIPE, SIG_IGN);
    if (tcgetattr(0, &r->saved) == 0) {
        r->modes = r->saved;
        cfmakeraw(&r->modes);
        r->raw = tcsetattr(0, TCSADRAIN, &r->modes) == 0;
        if (!r->raw)
            log_warn("the terminal cannot be made raw: %s", strerror(errno));
    }
    relay_resize(r);
    return 0;
}

void relay_resize(const struct relay *r)
{
    struct winsize ws;

    if ((ioctl(0, TIOCGWINSZ, &ws) == 0 || ioctl(1, TIOCGWINSZ, &ws) == 0) &&
        ioctl(r->master, TIOCSWINSZ, &ws) < 0)
        log_debug("setting the terminal's size: %s", strerror(errno));
}

void relay_continue(const struct relay *r)
{
    if (!relay_is_on(r))
        return;
    if (r->raw && tcsetattr(0, TCSADRAIN, &r->modes) < 0)
        log_debug("the terminal cannot be made raw again: %s", strerror(errno));
    relay_resize(r);
}

void relay_prepare(const struct relay *r, struct pollfd p[RELAY_POLLED])
{
    bool want_in = !r->input_over && r->n_in < sizeof(r->in);
    short master = (short) ((r->n_in ? POLLOUT : 0) |
                            (!r->output_over && r->n_out < sizeof(r->out) ? POLLIN : 0));

    for (int i = 0; i < RELAY_POLLED; i++)
        p[i] = (struct pollfd){.fd = -1};
    if (!relay_is_on(r))
        return;
    if (want_in && !r->output_over)
        p[0] = (struct pollfd){.fd = 0, .events = POLLIN};
    if (r->n_out)
        p[1] = (struct pollfd){.fd = 1, .events = POLLOUT};
    if (master && !r->output_over)
        p[2] = (struct pollfd){.fd = r->master, .events = master};
}

/* Our input's end is what a terminal's user would type for it. */
static void take_input(struct relay *r)
{
    ssize_t n = read(0, r->in + r->n_in, sizeof(r->in) - r->n_in);

    if (n > 0) {
        r->n_in += (size_t) n;
    } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
        r->input_over = true;
        r->in[r->n_in++] = END_OF_FILE;
    }
}

static void drop_front(char *buf, size_t *n, size_t gone)
{
    memmove(buf, buf + gone, *n - gone);
    *n -= gone;
}

static void give_input(struct relay *r)
{
    ssize_t n = write(r->master, r->in, r->n_in);

    if (n > 0)
        drop_front(r->in, &r->n_in, (size_t) n);
    else if (n < 0 && errno != EINTR && errno != EAGAIN)
        r->n_in = 0; /* nobody is there to read it */
}

static void take_output(struct relay *r)
{
    ssize_t n = read(r->master, r->out + r->n_out, sizeof(r->out) - r->n_out);

    if (n > 0) {
        r->n_out += (size_t) n;
        r->n_taken += (size_t) n;
    } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
        r->output_over = true; /* EIO: the slave is closed for good */
    }
}

static void restore(const struct relay *r)
{
    if (r->raw && tcsetattr(0, TCSADRAIN, &r->saved) < 0)
        log_warn("the terminal's modes cannot be restored: %s", strerror(errno));
}

/* Nobody reads our output any more. Ends us, unless the caller had SIGPIPE ignored. */
static void break_pipe(const struct relay *r)
{
    if (r->sigpipe == SIG_IGN)
        return;
    restore(r);
    (void) signal(SIGPIPE, r->sigpipe);
    (void) raise(SIGPIPE);
}

static void give_output(struct relay *r)
{
    size_t chunk = r->raw && r->n_out > TTY_CHUNK ? TTY_CHUNK : r->n_out;
    ssize_t n = write(1, r->out, chunk);

    if (n > 0) {
        drop_front(r->out, &r->n_out, (size_t) n);
    } else if (n < 0 && errno != EINTR && errno != EAGAIN) {
        if (errno == EPIPE)
            break_pipe(r);
        r->n_out = 0; /* our output is closed: the rest is nobody's */
    }
}

void relay_move(struct relay *r, const struct pollfd p[RELAY_POLLED])
{
    if (p[0].revents)
        take_input(r);
    if ((p[2].revents & (POLLIN | POLLHUP | POLLERR)) && r->n_out < sizeof(r->out))
        take_output(r);
    if (p[2].revents & POLLOUT)
        give_input(r);
    if (p[1].revents)
        give_output(r);
}

void relay_end(struct relay *r)
{
    struct pollfd p[RELAY_POLLED];
    size_t end = r->n_taken + DRAIN_BYTES;

    if (!relay_is_on(r))
        return;
    r->input_over = true;
    r->n_in = 0;
    while ((!r->output_over || r->n_out) && r->n_taken < end) {
        int n;

        relay_prepare(r, p);
        n = poll(p, RELAY_POLLED, DRAIN_MS);
        if (n == 0 || (n < 0 && errno != EINTR))
            break;
        if (n > 0)
            relay_move(r, p);
    }
    restore(r);
    (void) signal(SIGPIPE, r->sigpipe);
    r->master = close_fd(r->master);
}
