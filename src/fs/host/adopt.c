/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inherited descriptors: what stdin, stdout and stderr of the container's first process are
 * outside. The descriptions are shared with whoever gave them, so nothing about them is changed.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/ioctl.h"
#include "abi/linux/stat.h"
#include "base/cleanup.h"
#include "fs/host/internal.h"
#include "kernel/task/pid.h"
#include "kernel/task/task.h"
#include "kernel/wait/poller.h"

struct adopted {
    struct file file;       /* first */
    struct kernel *k;       /* immutable */
    int fd;                 /* immutable */
    bool blocks;            /* immutable: not a regular file */
    _Atomic bool no_nowait; /* the host's driver cannot say EAGAIN: ask poll(2) first */
    struct waitq wq;
    struct poll_source source;
};

static struct adopted *adopted(struct file *f)
{
    return (struct adopted *) f;
}

static uint32_t ready_now(const struct adopted *a)
{
    struct pollfd p = {.fd = a->fd,
                       .events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP | POLLRDNORM | POLLRDBAND |
                                 POLLWRNORM | POLLWRBAND};
    return poll(&p, 1, 0) > 0 ? (uint32_t) p.revents : 0;
}

/*
 * One transfer that does not wait. Not all drivers of the host know RWF_NOWAIT (terminals do not):
 * there, poll(2) has the word, and only another reader that is quicker can make us wait.
 */
static ssize_t now_or_never(struct adopted *a, struct iobuf *io, int64_t pos, bool write)
{
    ssize_t (*move)(int, struct iobuf *, int64_t, int) = write ? host_fd_write : host_fd_read;
    if (!a->blocks)
        return move(a->fd, io, pos, (int) io->rwf);
    if (!atomic_load(&a->no_nowait)) {
        ssize_t r = move(a->fd, io, pos, RWF_NOWAIT);
        if (r != -EOPNOTSUPP)
            return r;
        atomic_store(&a->no_nowait, true);
    }
    if (!(ready_now(a) & (write ? POLLOUT | POLLERR | POLLHUP : POLLIN | POLLERR | POLLHUP)))
        return -EAGAIN;
    return move(a->fd, io, pos, 0);
}

static ssize_t adopted_read(struct file *f, struct iobuf *io, int64_t pos)
{
    ssize_t r = now_or_never(adopted(f), io, pos, false);
    if (r >= 0)
        kernel_heard(adopted(f)->k);
    return r;
}

static ssize_t adopted_write(struct file *f, struct iobuf *io, int64_t pos)
{
    return now_or_never(adopted(f), io, pos, true);
}

static int64_t adopted_seek(struct file *f, int64_t off, int whence)
{
    return host_fd_seek(adopted(f)->fd, off, whence);
}

static uint32_t adopted_poll(struct file *f)
{
    return ready_now(adopted(f));
}

static int adopted_arm(struct file *f, uint32_t mask)
{
    struct adopted *a = adopted(f);
    int r = poller_arm(&a->source, mask);
    /* Always ready as far as epoll is concerned (/dev/null): the next attempt will tell. */
    return r == -EPERM ? 0 : r;
}

/* ---- terminals ---- */

/* The bytes that go in and out with each request that may pass; 0xff: the value is an integer
 * argument. */
static const struct tty_request {
    uint32_t cmd;
    uint8_t in, out;
} tty_requests[] = {
    {TCGETS, 0, 36},    {TCSETS, 36, 0},    {TCSETSW, 36, 0},  {TCSETSF, 36, 0},
    {TIOCGWINSZ, 0, 8}, {TIOCSWINSZ, 8, 0}, {TIOCOUTQ, 0, 4},  {FIONREAD, 0, 4},
    {TCFLSH, 0xff, 0},  {TCSBRK, 0xff, 0},  {TCXONC, 0xff, 0},
};

/* Job control of the guest's own: the terminal's groups are numbers of the host. */
static long job_control(struct task *t, uint32_t cmd, uint64_t arg)
{
    int32_t group;
    mutex_lock(&t->k->tasks_lock);
    group = cmd == TIOCGSID ? t->tg->sid : t->tg->pgid;
    mutex_unlock(&t->k->tasks_lock);
    if (cmd == TIOCSPGRP)
        return copy_in(t, &group, uaddr(arg), sizeof(group));
    return copy_out(t, uaddr(arg), &group, sizeof(group));
}

static long pass_on(struct adopted *a, struct task *t, const struct tty_request *q, uint64_t arg)
{
    uint8_t data[64] = {0};
    if (q->in == 0xff)
        return ioctl(a->fd, q->cmd, (int) arg) < 0 ? -errno : 0;
    int r = q->in ? copy_in(t, data, uaddr(arg), q->in) : 0;
    if (r < 0)
        return r;
    if (ioctl(a->fd, q->cmd, data) < 0)
        return -errno;
    return q->out ? copy_out(t, uaddr(arg), data, q->out) : 0;
}

static long adopted_ioctl(struct file *f, struct task *t, uint32_t cmd, uint64_t arg)
{
    struct adopted *a = adopted(f);
    if ((cmd == TIOCGPGRP || cmd == TIOCSPGRP || cmd == TIOCGSID) && isatty(a->fd))
        return job_control(t, cmd, arg);
    for (size_t i = 0; i < ARRAY_LEN(tty_requests); i++)
        if (tty_requests[i].cmd == cmd)
            return pass_on(a, t, &tty_requests[i], arg);
    return -ENOTTY;
}

/* ---- the rest ---- */

static int adopted_donate(struct file *f, int prot, bool shared, int *ret_fd)
{
    if (adopted(f)->blocks)
        return -ENODEV;
    return host_fd_donate(adopted(f)->fd, atomic_load(&f->flags), prot, shared, ret_fd);
}

static int adopted_fsync(struct file *f, bool data_only)
{
    return host_fd_fsync(adopted(f)->fd, data_only);
}

static int adopted_getattr(struct file *f, struct attr *ret)
{
    return host_fd_getattr(adopted(f)->fd, ret);
}

/*
 * Data is what the descriptor was given for. Its owner, mode and times stay the giver's: a guest's
 * root could otherwise take the host's /dev/null away from everybody else.
 */
static int adopted_setattr(struct file *f, const struct attr *a, uint32_t mask)
{
    uint32_t now = mask & (ATTR_ATIME_NOW | ATTR_MTIME_NOW);
    uint32_t times =
        (now & ATTR_ATIME_NOW ? ATTR_ATIME : 0) | (now & ATTR_MTIME_NOW ? ATTR_MTIME : 0);
    if (mask & ~(ATTR_SIZE | now | times))
        return -EPERM;
    return host_fd_setattr(adopted(f)->fd, a, mask);
}

static ssize_t adopted_link_text(struct file *f, char *dst, size_t cap)
{
    char path[PROC_FD_CAP];
    ssize_t n = readlink(proc_fd_path(adopted(f)->fd, path), dst, cap);
    return n < 0 ? -errno : n;
}

/* ---- /dev/stdout and its like: opening the object again through /proc/self/fd ---- */

struct adopted_node {
    struct node node; /* first */
    struct file *f;   /* referenced */
};

static void adopted_super_release(struct super *sb)
{
    free(sb);
}

static const struct super_ops adopted_super_ops = {.release = adopted_super_release};

static int adopted_node_getattr(struct node *n, struct attr *ret)
{
    return adopted_getattr(((struct adopted_node *) n)->f, ret);
}

/* A new description of the same object, with no access that the inherited one had not. */
static int adopted_node_open(struct node *n, const struct open_args *o, struct file **ret)
{
    struct adopted *a = adopted(((struct adopted_node *) n)->f);
    uint32_t had = atomic_load(&a->file.flags) & LX_O_ACCMODE, want = o->flags & LX_O_ACCMODE;
    char path[PROC_FD_CAP];
    if (had != LX_O_RDWR && want != had)
        return -EACCES;
    int fd = open(proc_fd_path(a->fd, path),
                  (int) (o->flags & (LX_O_ACCMODE | LX_O_APPEND | LX_O_TRUNC)) | O_NONBLOCK |
                      O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = hostfs_adopt(a->k, fd, ret);
    if (r == 0) /* O_NONBLOCK was ours: it keeps the open from waiting */
        atomic_store(&(*ret)->flags, o->flags);
    return r;
}

static void adopted_node_release(struct node *n)
{
    file_put(((struct adopted_node *) n)->f);
    free(n);
}

static const struct node_ops adopted_node_ops = {
    .getattr = adopted_node_getattr,
    .open = adopted_node_open,
    .release = adopted_node_release,
};

static int adopted_anon_node(struct file *f, struct node **ret)
{
    struct attr at;
    int r = adopted_getattr(f, &at);
    if (r < 0)
        return r;
    struct super *sb = calloc(1, sizeof(*sb));
    struct adopted_node *an = calloc(1, sizeof(*an));
    if (!sb || !an) {
        free(sb);
        free(an);
        return -ENOMEM;
    }
    super_init(sb, &adopted_super_ops, "inherited");
    node_init(&an->node, sb, &adopted_node_ops, at.mode & LX_S_IFMT, at.ino);
    super_put(sb); /* the node's own reference keeps it */
    an->f = file_get(f);
    *ret = &an->node;
    return 0;
}

static int adopted_host_fd(struct file *f)
{
    return adopted(f)->blocks ? -EINVAL : adopted(f)->fd;
}

static void adopted_release(struct file *f)
{
    struct adopted *a = adopted(f);
    poller_forget(&a->source);
    close_fd(a->fd);
    free(a);
}

static const struct file_ops stream_ops = {
    .read = adopted_read,
    .write = adopted_write,
    .seek = adopted_seek, /* the host knows: ESPIPE for streams, 0 for devices like /dev/null */
    .poll = adopted_poll,
    .poll_arm = adopted_arm,
    .ioctl = adopted_ioctl,
    .getattr = adopted_getattr,
    .setattr = adopted_setattr,
    .anon_node = adopted_anon_node,
    .link_text = adopted_link_text,
    .release = adopted_release,
    .write_all = true,
    .name = "inherited",
};

static const struct file_ops regular_ops = {
    .read = adopted_read,
    .write = adopted_write,
    .seek = adopted_seek,
    .donate = adopted_donate,
    .fsync = adopted_fsync,
    .getattr = adopted_getattr,
    .setattr = adopted_setattr,
    .anon_node = adopted_anon_node,
    .link_text = adopted_link_text,
    .host_fd = adopted_host_fd,
    .release = adopted_release,
    .name = "inherited",
};

int hostfs_adopt(struct kernel *k, int fd, struct file **ret)
{
    _cleanup_close_ int own = fd;
    struct stat st;
    int flags = fcntl(own, F_GETFL);
    if (flags < 0 || fstat(own, &st) < 0)
        return -errno;
    if (S_ISDIR(st.st_mode) || (flags & O_PATH))
        return -EINVAL; /* a directory of the host's would be a way around the donated trees */
    struct adopted *a = calloc(1, sizeof(*a));
    if (!a)
        return -ENOMEM;
    a->k = k;
    a->blocks = !S_ISREG(st.st_mode);
    file_init(&a->file, a->blocks ? &stream_ops : &regular_ops,
              (uint32_t) flags & (LX_O_ACCMODE | LX_O_APPEND | LX_O_NONBLOCK | LX_O_LARGEFILE));
    waitq_init(&a->wq);
    if (a->blocks) {
        a->file.wq = &a->wq;
        if (!k->poller) {
            int r = poller_new(&k->poller);
            if (r < 0) {
                free(a);
                return r;
            }
        }
        a->source.p = k->poller;
    }
    a->fd = a->source.fd = take_fd(&own);
    a->source.wq = &a->wq;
    *ret = &a->file;
    return 0;
}
