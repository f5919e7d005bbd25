/* SPDX-License-Identifier: Apache-2.0 */
/* epoll_create(2), epoll_ctl(2), epoll_wait(2) and its variants. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/epoll.h"
#include "abi/linux/poll.h"
#include "abi/linux/time.h"
#include "base/cleanup.h"
#include "fdobj/epoll.h"
#include "kernel/restart.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/direct.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/file.h"
#include "kernel/wait/poll_set.h"

#define N_ON_STACK 32

static long do_create(struct task *t, bool cloexec)
{
    struct file *f;
    int r = epoll_new(t->k, &f);
    return r < 0 ? r : task_fd_install(t, f, cloexec);
}

long sys_epoll_create(struct task *t, const uint64_t a[static 6])
{
    return (int32_t) a[0] <= 0 ? -EINVAL : do_create(t, false);
}

long sys_epoll_create1(struct task *t, const uint64_t a[static 6])
{
    return (uint32_t) a[0] & ~(uint32_t) LX_EPOLL_CLOEXEC ? -EINVAL
                                                          : do_create(t, a[0] & LX_EPOLL_CLOEXEC);
}

long sys_epoll_ctl(struct task *t, const uint64_t a[static 6])
{
    int op = (int) a[1], fd = (int) a[2];
    struct lx_epoll_event ev = {0};
    struct file *ep, *target;
    if (op != LX_EPOLL_CTL_DEL && copy_in(t, &ev, uaddr(a[3]), sizeof(ev)) < 0)
        return -EFAULT;
    int r = fd_lookup(t->files, (int) a[0], &ep);
    if (r < 0)
        return r;
    r = fd_lookup(t->files, fd, &target);
    if (r == 0) {
        r = epoll_control(ep, op, fd, target, &ev);
        if (r == 0)
            direct_consider(t, (int) a[0], ep);
        file_put(target);
    }
    file_put(ep);
    return r;
}

struct epoll_call {
    struct file *ep;
    struct lx_epoll_event *events;
    size_t max;
    enum poll_timeout how;
    struct timespec deadline;
};

static long wait_events(struct task *t, struct epoll_call *c)
{
    struct task_waiter tw;
    size_t n = epoll_collect(c->ep, c->events, c->max);
    int r = 0;
    if (n || c->how == POLL_NO_WAIT)
        return (long) n;
    task_wait_on(&tw, t, c->ep->wq, LX_POLL_READABLE);
    while (r == 0 && (r = c->ep->ops->poll_arm(c->ep, LX_POLL_READABLE)) == 0 &&
           !(n = epoll_collect(c->ep, c->events, c->max)))
        r = task_block(t, c->how == POLL_UNTIL ? &c->deadline : NULL);
    task_wait_end(&tw);
    if (r == -ETIMEDOUT)
        n = epoll_collect(c->ep, c->events, c->max);
    if (r < 0 && r != -ETIMEDOUT && r != -ERESTARTSYS)
        return r;                                 /* no memory to be told later */
    return r == -ERESTARTSYS ? -EINTR : (long) n; /* never restarted: signal(7) */
}

static long wait_and_tell(struct task *t, struct epoll_call *c, uaddr_t at)
{
    struct lx_epoll_event few[N_ON_STACK];
    _cleanup_free_ struct lx_epoll_event *many = NULL;
    c->events = few;
    /* Room for all there are; what joins while we wait may have to wait for the next call. */
    if (c->max > N_ON_STACK)
        c->max = MIN(c->max, MAX(epoll_count(c->ep), (size_t) N_ON_STACK));
    if (c->max > N_ON_STACK) {
        many = calloc(c->max, sizeof(*many));
        if (!many)
            return -ENOMEM;
        c->events = many;
    }
    long n = wait_events(t, c);
    if (n > 0 && copy_out(t, at, c->events, (size_t) n * sizeof(few[0])) < 0)
        return -EFAULT;
    return n;
}

/* a: epfd, events, maxevents as the guest passed them. */
static long do_wait(struct task *t, const uint64_t a[static 6], struct epoll_call *c)
{
    int32_t max = (int32_t) a[2];
    int r = fd_lookup(t->files, (int) a[0], &c->ep);
    if (r < 0)
        return r;
    c->max = (size_t) max;
    long n = -EINVAL;
    if (max > 0 && (size_t) max <= INT32_MAX / sizeof(struct lx_epoll_event))
        n = a[1] > GUEST_TASK_SIZE - (uint64_t) max * sizeof(struct lx_epoll_event) ? -EFAULT
            : !file_is_epoll(c->ep)                                                 ? -EINVAL
                                    : wait_and_tell(t, c, uaddr(a[1]));
    if (n >= 0)
        direct_consider(t, (int) a[0], c->ep);
    file_put(c->ep);
    return n;
}

static int millis(uint64_t arg, struct epoll_call *c)
{
    int32_t ms = (int32_t) arg;
    c->how = POLL_FOR_EVER;
    return ms < 0 ? 0 : poll_deadline(ms / 1000, ms % 1000 * 1000000l, &c->how, &c->deadline);
}

long sys_epoll_wait(struct task *t, const uint64_t a[static 6])
{
    struct epoll_call c = {0};
    int r = millis(a[3], &c);
    return r < 0 ? r : do_wait(t, a, &c);
}

static long wait_masked(struct task *t, const uint64_t a[static 6], struct epoll_call *c)
{
    uint64_t mask;
    if (!a[4])
        return do_wait(t, a, c);
    if (a[5] != sizeof(mask))
        return -EINVAL;
    if (copy_in(t, &mask, uaddr(a[4]), sizeof(mask)) < 0)
        return -EFAULT;
    signal_set_temp_mask(t, mask);
    long r = do_wait(t, a, c);
    signal_end_temp_mask(t, r == -EINTR);
    return r;
}

long sys_epoll_pwait(struct task *t, const uint64_t a[static 6])
{
    struct epoll_call c = {0};
    int r = millis(a[3], &c);
    return r < 0 ? r : wait_masked(t, a, &c);
}

long sys_epoll_pwait2(struct task *t, const uint64_t a[static 6])
{
    struct epoll_call c = {.how = POLL_FOR_EVER};
    struct lx_timespec ts;
    if (a[3]) {
        if (copy_in(t, &ts, uaddr(a[3]), sizeof(ts)) < 0)
            return -EFAULT;
        int r = poll_deadline(ts.sec, ts.nsec, &c.how, &c.deadline);
        if (r < 0)
            return r;
    }
    return wait_masked(t, a, &c);
}
