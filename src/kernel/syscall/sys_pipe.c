/* SPDX-License-Identifier: Apache-2.0 */
/* pipe(2), pipe2(2), tee(2). */
#include <errno.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/poll.h"
#include "fdobj/pipe.h"
#include "kernel/kernel.h"
#include "kernel/restart.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/file.h"
#include "kernel/vfs/special.h"
#include "kernel/wait/block.h"

static long do_pipe(struct task *t, uaddr_t at, uint32_t flags)
{
    struct file *rd, *wr;
    int32_t fds[2];
    bool cloexec = flags & LX_O_CLOEXEC;
    if (flags & ~(uint32_t) (LX_O_CLOEXEC | LX_O_NONBLOCK | LX_O_DIRECT))
        return -EINVAL;
    int r = pipe_new(t->k->specials->pipes, t->cred, flags & ~(uint32_t) LX_O_CLOEXEC, &rd, &wr);
    if (r < 0)
        return r;
    fds[0] = task_fd_install(t, rd, cloexec);
    if (fds[0] < 0) {
        file_put(wr);
        return fds[0];
    }
    fds[1] = task_fd_install(t, wr, cloexec);
    if (fds[1] < 0) {
        (void) !fd_close(t->files, fds[0], t);
        return fds[1];
    }
    if (copy_out(t, at, fds, sizeof(fds)) == 0)
        return 0;
    (void) !fd_close(t->files, fds[0], t);
    (void) !fd_close(t->files, fds[1], t);
    return -EFAULT;
}

long sys_pipe(struct task *t, const uint64_t a[static 6])
{
    return do_pipe(t, uaddr(a[0]), 0);
}

long sys_pipe2(struct task *t, const uint64_t a[static 6])
{
    return do_pipe(t, uaddr(a[0]), (uint32_t) a[1]);
}

#define SPLICE_F_NONBLOCK 2u
#define SPLICE_F_ALL      15u

struct tee_call {
    struct file *from, *to;
    size_t n;
};

static long try_tee(void *arg)
{
    struct tee_call *c = arg;
    return pipe_move(c->from, c->to, c->n, false);
}

/* Waits on the source first; a full destination is then waited for in turn. */
static long tee_files(struct task *t, struct tee_call *c, bool nonblock)
{
    for (;;) {
        long r = try_tee(c);
        if (r != -EAGAIN || nonblock)
            return r;
        bool empty = !(file_poll(c->from) & (LX_POLLIN | LX_POLLHUP));
        struct task_waiter tw;
        task_wait_on(&tw, t, empty ? c->from->wq : c->to->wq,
                     empty ? LX_POLL_READABLE : LX_POLL_WRITABLE);
        r = try_tee(c);
        int e = r == -EAGAIN ? task_block(t, NULL) : 0;
        task_wait_end(&tw);
        if (r != -EAGAIN || e < 0)
            return r != -EAGAIN ? r : e;
    }
}

long sys_tee(struct task *t, const uint64_t a[static 6])
{
    struct tee_call c = {.n = a[2]};
    uint32_t flags = (uint32_t) a[3];
    if (flags & ~SPLICE_F_ALL)
        return -EINVAL;
    if (c.n == 0)
        return 0;
    int r = fd_lookup(t->files, (int) a[0], &c.from);
    if (r < 0)
        return r;
    r = fd_lookup(t->files, (int) a[1], &c.to);
    if (r < 0) {
        file_put(c.from);
        return r;
    }
    long n = -EBADF;
    if ((c.from->flags & LX_O_ACCMODE) != LX_O_WRONLY &&
        (c.to->flags & LX_O_ACCMODE) != LX_O_RDONLY)
        n = tee_files(t, &c,
                      (flags & SPLICE_F_NONBLOCK) ||
                          ((c.from->flags | c.to->flags) & LX_O_NONBLOCK));
    file_put(c.from);
    file_put(c.to);
    if (n == -EPIPE)
        signal_send_self(t, LX_SIGPIPE);
    return n;
}
