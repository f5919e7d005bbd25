/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control server's thread: one poll(2) for the listening socket, all clients, and the news that
 * a process of `exec` has ended. Requests are short and answered one after the other; nothing here
 * waits for a client. A silent one is given up after a while, unless it waits for its process.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "sentry/control_server.h"
#include "sentry/exec_session.h"

#define SERVER_STACK (256u << 10)
#define MAX_CLIENTS  512
#define SILENCE_MS   5000 /* how long a client may say nothing */
#define RETRY_MS     100  /* after accept(2) has failed for want of something */

struct client {
    int fd; /* -1: gone, and its process is still dying */
    int64_t silent_until;
    bool for_ever; /* the one client of `do` may be silent */
    struct exec_session exec;
};

struct loop {
    struct control_server *cs;
    int listener;           /* -1: none */
    int64_t no_accept_till; /* 0: accept */
    struct client *clients[MAX_CLIENTS];
    size_t n;
    struct pollfd polled[MAX_CLIENTS + 2];
    char buf[CONTROL_MAX_FRAME + 1];
};

static int64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int add_client(struct loop *l, int fd, bool for_ever)
{
    struct client *c = l->n < MAX_CLIENTS ? calloc(1, sizeof(*c)) : NULL;

    if (!c) {
        close_fd(fd);
        return -ENOMEM;
    }
    c->fd = fd;
    c->for_ever = for_ever;
    c->silent_until = now_ms() + SILENCE_MS;
    exec_session_init(&c->exec);
    l->clients[l->n++] = c;
    return 0;
}

/* Ends the connection. What the client has left is killed; the client goes when that is dead. */
static void hang_up(struct client *c, int why)
{
    if (why != -ENOTCONN && why != -EPIPE)
        log_debug("control connection ended: %s", strerror(-why));
    c->fd = close_fd(c->fd);
    exec_session_abandon(&c->exec);
}

static void serve(struct loop *l, struct client *c)
{
    struct control_frame frame;
    struct control_fds fds;
    int r = control_recv_fds(c->fd, l->buf, sizeof(l->buf), &frame, &fds);

    if (r == 0) {
        r = control_answer(l->cs, c->fd, &frame, &fds, &c->exec);
        control_fds_close(&fds);
        c->silent_until = now_ms() + SILENCE_MS;
    }
    if (r < 0 && r != -EAGAIN)
        hang_up(c, r);
}

static void accept_one(struct loop *l)
{
    int fd = accept4(l->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd >= 0) {
        if (add_client(l, fd, false) < 0)
            log_warn("no room for another control connection");
        return;
    }
    if (errno == EINTR || errno == ECONNABORTED || errno == EAGAIN)
        return;
    log_warn("accepting control connections: %s", strerror(errno));
    l->no_accept_till = now_ms() + RETRY_MS;
}

/* Looks after a client that is due for more than a request: its process or its patience has ended.
 */
static void look_after(struct client *c, int64_t now)
{
    int r = exec_session_news(&c->exec, c->fd);

    if (c->fd >= 0 && r < 0)
        hang_up(c, r);
    if (c->fd >= 0 && !c->for_ever && !exec_session_is_on(&c->exec) && now >= c->silent_until)
        hang_up(c, -ETIMEDOUT);
}

static void sweep(struct loop *l)
{
    size_t kept = 0;

    for (size_t i = 0; i < l->n; i++) {
        struct client *c = l->clients[i];

        if (c->fd < 0 && !exec_session_is_on(&c->exec))
            free(c);
        else
            l->clients[kept++] = c;
    }
    l->n = kept;
}

/* Fills l->polled: [0] news, [1] listener, then one for each client. How long to wait at most. */
static int prepare(struct loop *l)
{
    int64_t now = now_ms(), until = INT64_MAX;
    bool accepting = l->listener >= 0 && l->n < MAX_CLIENTS;

    if (accepting && l->no_accept_till > now) {
        accepting = false;
        until = l->no_accept_till;
    }
    l->polled[0] = (struct pollfd){.fd = l->cs->news_fd, .events = POLLIN};
    l->polled[1] = (struct pollfd){.fd = accepting ? l->listener : -1, .events = POLLIN};
    for (size_t i = 0; i < l->n; i++) {
        const struct client *c = l->clients[i];

        l->polled[i + 2] = (struct pollfd){.fd = c->fd, .events = POLLIN};
        if (c->fd >= 0 && !c->for_ever && !exec_session_is_on(&c->exec) && c->silent_until < until)
            until = c->silent_until;
    }
    if (until == INT64_MAX)
        return -1;
    return until <= now ? 0 : (int) MIN(until - now, (int64_t) INT_MAX);
}

static void *server_main(void *arg)
{
    struct loop *l = arg;

    while (l->listener >= 0 || l->n) {
        size_t n = l->n;
        int r = poll(l->polled, (nfds_t) (n + 2), prepare(l));
        eventfd_t count;
        int64_t now;

        if (r < 0 && errno != EINTR && errno != EAGAIN) {
            log_error("waiting for control connections: %s", strerror(errno));
            return NULL;
        }
        if (r < 0)
            continue;
        if (l->polled[0].revents && eventfd_read(l->cs->news_fd, &count) < 0) {
            /* nothing new after all */
        }
        now = now_ms();
        for (size_t i = 0; i < n; i++) {
            if (l->polled[i + 2].revents)
                serve(l, l->clients[i]);
            look_after(l->clients[i], now);
        }
        if (l->polled[1].revents)
            accept_one(l);
        sweep(l);
    }
    return NULL;
}

/* Listens, or serves the one client it was born with: SO_ACCEPTCONN tells. */
static int take_socket(struct loop *l, int fd)
{
    int listening = 0, flags = fcntl(fd, F_GETFL);
    socklen_t len = sizeof(listening);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 && listening) {
        l->listener = fd;
        return 0;
    }
    l->listener = -1;
    return add_client(l, fd, true);
}

static int start_thread(struct loop *l)
{
    pthread_attr_t attr;
    pthread_t thread;
    int r = pthread_attr_init(&attr);

    if (r)
        return -r;
    pthread_attr_setstacksize(&attr, SERVER_STACK);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    r = pthread_create(&thread, &attr, server_main, l);
    pthread_attr_destroy(&attr);
    return -r;
}

int control_server_start(struct control_server *cs)
{
    struct loop *l;
    int r;

    if (cs->c->spec->control_fd < 0)
        return 0;
    cs->news_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (cs->news_fd < 0)
        return -errno;
    l = calloc(1, sizeof(*l));
    if (!l)
        return -ENOMEM;
    l->cs = cs;
    r = take_socket(l, cs->c->spec->control_fd);
    return r < 0 ? r : start_thread(l); /* on failure the sandbox ends */
}
