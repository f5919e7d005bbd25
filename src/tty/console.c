/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Consoles: terminals whose other side is the slave of a pty of the host, made raw, so that nothing
 * happens to the bytes on the way. One thread per console takes input as soon as it comes (^C must
 * work while nobody reads), hands on the output that the host did not take at once, and notices
 * the host's hang-up. It also looks at the host's window size every WATCH_MS: the kernel tells of a
 * change only by SIGWINCH to the session that the host pty controls, and a sandbox can have but one
 * of those for any number of consoles.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/poll.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "kernel/kernel.h"
#include "kernel/task/cred.h"
#include "kernel/task/task.h"
#include "kernel/vfs/walk.h"
#include "tty/terminal.h"

#define WATCH_MS    250
#define STACK_BYTES (64u << 10)
#define DRAIN_MS    100
#define DRAIN_TRIES 30

struct console {
    struct terminal *t;          /* immutable; the thread holds a reference */
    int host_fd;                 /* immutable but for its end: -1, [t->lock] */
    int wake_fd;                 /* immutable: eventfd the thread polls */
    struct termios host_modes;   /* immutable: as they were given */
    int host_flags;              /* immutable: same */
    bool keep;                   /* immutable: the container's own, never ends by itself */
    bool in_waits;               /* [t->lock] input is not looked for: there is no room */
    bool out_waits;              /* [t->lock] the thread waits until the host takes more */
    struct lx_winsize host_size; /* [t->lock] last seen */
};

/* ---- the host's descriptor ---- */

static int make_raw(struct console *c, int fd)
{
    c->host_flags = fcntl(fd, F_GETFL);
    if (c->host_flags < 0 || tcgetattr(fd, &c->host_modes) < 0)
        return -errno;
    struct termios raw = c->host_modes;
    cfmakeraw(&raw);
    if (tcsetattr(fd, TCSANOW, &raw) < 0 || fcntl(fd, F_SETFL, c->host_flags | O_NONBLOCK) < 0)
        return -errno;
    return 0;
}

/* Whoever looks at the host's terminal next finds it as it was. */
static void restore(struct console *c)
{
    MUTEX_GUARD(&c->t->lock);
    if (c->host_fd >= 0 && (tcsetattr(c->host_fd, TCSANOW, &c->host_modes) < 0 ||
                            fcntl(c->host_fd, F_SETFL, c->host_flags) < 0))
        log_debug("the console's modes could not be restored: error %d", errno);
}

void console_poke(struct console *c)
{
    const uint64_t one = 1;
    if (write(c->wake_fd, &one, sizeof(one)) < 0) {
        /* the counter is full: it is awake */
    }
}

void console_room(struct console *c)
{
    if (c->in_waits)
        console_poke(c);
    c->in_waits = false;
}

void console_flush(struct console *c)
{
    struct byteq *out = &c->t->ld.out;
    const uint8_t *p;
    size_t n;
    bool any = false;
    while (c->host_fd >= 0 && (p = byteq_peek(out, &n)) != NULL) {
        ssize_t r = write(c->host_fd, p, n);
        if (r <= 0)
            break;
        byteq_drop(out, (size_t) r);
        any = true;
    }
    if (c->host_fd < 0)
        byteq_keep(out, 0);
    if (any)
        waitq_wake(&c->t->slave_wq, LX_POLL_WRITABLE);
    if (byteq_used(out) && !c->out_waits) {
        c->out_waits = true;
        console_poke(c);
    }
}

/* ---- window size ---- */

void console_check_size(struct console *c)
{
    struct winsize ws;
    struct lx_winsize size;
    bool changed = false;
    mutex_lock(&c->t->lock);
    if (c->host_fd >= 0 && ioctl(c->host_fd, TIOCGWINSZ, &ws) == 0) {
        size = (struct lx_winsize){ws.ws_row, ws.ws_col, ws.ws_xpixel, ws.ws_ypixel};
        changed = memcmp(&size, &c->host_size, sizeof(size)) != 0;
        c->host_size = size;
    }
    mutex_unlock(&c->t->lock);
    if (changed)
        terminal_resize(c->t, &size);
}

void console_set_size(struct console *c, const struct lx_winsize *size)
{
    struct winsize ws = {size->row, size->col, size->xpixel, size->ypixel};
    MUTEX_GUARD(&c->t->lock);
    if (c->host_fd >= 0 && ioctl(c->host_fd, TIOCSWINSZ, &ws) == 0)
        c->host_size = *size;
}

/* ---- the thread ---- */

/* Whether the host has news worth waiting for; false: the console has come to its end. */
static bool plan(struct console *c, struct pollfd *p)
{
    MUTEX_GUARD(&c->t->lock);
    if (!c->keep && !c->t->n_slaves && !byteq_used(&c->t->ld.out))
        return false;
    c->in_waits = terminal_in_room(c->t) == 0;
    p->events = (short) ((c->in_waits ? 0 : POLLIN) | (c->out_waits ? POLLOUT : 0));
    p->revents = 0;
    return true;
}

/* False: the host has hung up. */
static bool take_input(struct console *c)
{
    uint8_t buf[CONSOLE_BUFFER];
    struct terminal *t = c->t;
    mutex_lock(&t->lock);
    size_t room = terminal_in_room(t);
    mutex_unlock(&t->lock);
    if (!room)
        return true;
    ssize_t n = read(c->host_fd, buf, MIN(room, sizeof(buf)));
    if (n <= 0)
        return n < 0 && (errno == EAGAIN || errno == EINTR);
    kernel_heard(t->all->k);
    mutex_lock(&t->lock);
    (void) terminal_input(t, buf, (size_t) n); /* only we put something in: there is room */
    uint64_t signals = terminal_settle(t);
    mutex_unlock(&t->lock);
    terminal_signal(t, signals);
    return true;
}

static void give_output(struct console *c)
{
    MUTEX_GUARD(&c->t->lock);
    c->out_waits = false;
    console_flush(c);
}

/* One round; false when it was the last. */
static bool serve(struct console *c)
{
    struct pollfd p[2] = {{.fd = c->host_fd}, {.fd = c->wake_fd, .events = POLLIN}};
    uint64_t count;
    if (!plan(c, &p[0]))
        return false;
    if (poll(p, 2, WATCH_MS) < 0 && errno != EINTR)
        return false;
    if (p[1].revents && read(c->wake_fd, &count, sizeof(count)) < 0) {
        /* somebody else's turn has emptied it */
    }
    if ((p[0].revents & (POLLIN | POLLHUP | POLLERR)) && !take_input(c))
        return false;
    if ((p[0].revents & (POLLHUP | POLLERR)) && !(p[0].revents & POLLIN))
        return false;
    if (p[0].revents & POLLOUT)
        give_output(c);
    console_check_size(c);
    return true;
}

static void *console_main(void *arg)
{
    struct console *c = arg;
    struct terminal *t = c->t;
    while (serve(c))
        continue;
    mutex_lock(&t->lock);
    int fd = c->host_fd;
    c->host_fd = -1;
    mutex_unlock(&t->lock);
    (void) close_fd(fd);
    terminal_lose_master(t);
    terminal_put(t); /* may free c */
    return NULL;
}

static int start(struct console *c)
{
    pthread_attr_t attr;
    pthread_t thread;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    (void) terminal_get(c->t);
    int r = pthread_create(&thread, &attr, console_main, c);
    pthread_attr_destroy(&attr);
    if (r)
        terminal_put(c->t);
    return -r;
}

/* ---- life ---- */

void console_attach(struct console *c, struct terminal *t)
{
    c->t = t;
}

void console_free(struct console *c)
{
    (void) close_fd(c->host_fd);
    (void) close_fd(c->wake_fd);
    free(c);
}

/* The container's own: the table keeps it. */
static void claim(struct terminals *all, struct terminal *t)
{
    MUTEX_GUARD(&all->lock);
    if (!all->console)
        all->console = terminal_get(t);
}

/* Opens the terminal as /dev/pts/N, so that ttyname(3) finds it; without a devpts it has no name.
 */
static int open_named(struct terminal *t, const struct cred *owner, struct file **ret)
{
    struct open_args a = {.flags = LX_O_RDWR | LX_O_NOCTTY | LX_O_LARGEFILE, .cred = owner};
    struct terminals *all = t->all;
    struct walkctx w;
    struct path p;
    char name[32];
    int r = slave_open(t, &a, ret);
    if (r < 0)
        return r;
    atomic_fetch_and(&(*ret)->flags, ~(uint32_t) LX_O_NOCTTY);
    if (walkctx_init_root(&w, all->k->vfs, owner) < 0)
        return 0;
    (void) snprintf(name, sizeof(name), "/dev/pts/%u", t->index);
    if (path_walk(&w, NULL, name, 0, &p) == 0) {
        file_set_path(*ret, &p);
        path_put(&p);
    }
    walkctx_done(&w);
    return 0;
}

int console_open(struct kernel *k, int host_fd, const struct cred *owner, bool keep,
                 struct file **ret)
{
    _cleanup_close_ int fd = host_fd;
    struct terminals *all = terminals_of(k);
    struct terminal *t;
    struct console *c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    c->host_fd = -1;
    c->keep = keep;
    c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int r = c->wake_fd < 0 ? -errno : make_raw(c, fd);
    if (r == 0)
        r = terminal_new(all, owner, c, &t);
    if (r < 0) {
        console_free(c);
        return r;
    }
    mutex_lock(&t->lock);
    c->host_fd = take_fd(&fd);
    mutex_unlock(&t->lock);
    console_check_size(c);
    r = open_named(t, owner, ret);
    if (r == 0 && (r = start(c)) < 0)
        file_put(*ret);
    if (r == 0 && keep)
        claim(all, t);
    terminal_put(t);
    return r;
}

int console_make_controlling(struct task *t, struct file *f)
{
    return ctty_take(t, &terminal_file(f)->t->tty, false, true);
}

void consoles_resized(struct kernel *k)
{
    struct terminals *all = terminals_of(k);
    for (uint32_t i = 0; (i = terminal_next(all, i)) != UINT32_MAX; i++) {
        struct terminal *t = terminal_find(all, i);
        if (t && t->console)
            console_check_size(t->console);
        if (t)
            terminal_put(t);
    }
}

/* ---- the container's end ---- */

/* Waits for one; false when it has everything, or is gone. */
static bool wait_for_host(struct console *c)
{
    mutex_lock(&c->t->lock);
    console_flush(c);
    struct pollfd p = {.fd = byteq_used(&c->t->ld.out) ? c->host_fd : -1, .events = POLLOUT};
    mutex_unlock(&c->t->lock);
    if (p.fd < 0)
        return false;
    (void) poll(&p, 1, DRAIN_MS);
    return true;
}

void consoles_drain(struct kernel *k)
{
    struct terminals *all = terminals_of(k);
    for (uint32_t i = 0; (i = terminal_next(all, i)) != UINT32_MAX; i++) {
        struct terminal *t = terminal_find(all, i);
        if (!t)
            continue;
        for (int n = 0; t->console && n < DRAIN_TRIES && wait_for_host(t->console); n++)
            continue;
        if (t->console)
            restore(t->console);
        terminal_put(t);
    }
}
