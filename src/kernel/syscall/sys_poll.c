/* SPDX-License-Identifier: Apache-2.0 */
/* poll(2), ppoll(2). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/poll.h"
#include "abi/linux/resource.h"
#include "abi/linux/time.h"
#include "base/cleanup.h"
#include "kernel/restart.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/file.h"
#include "kernel/wait/poll_set.h"

#define N_ON_STACK 16

/* Looks the descriptors up: a bad one is a result, not an error. Returns how many of those there
 * are. */
static long lookup_all(struct task *t, struct lx_pollfd *fds, struct poll_item *items, size_t n)
{
    long bad = 0;
    for (size_t i = 0; i < n; i++) {
        items[i].f = NULL;
        items[i].ready = 0;
        items[i].events = (uint16_t) fds[i].events;
        fds[i].revents = 0;
        if (fds[i].fd >= 0 && fd_lookup(t->files, fds[i].fd, &items[i].f) < 0) {
            items[i].f = NULL;
            fds[i].revents = (int16_t) LX_POLLNVAL;
            bad++;
        }
    }
    return bad;
}

static long poll_copied(struct task *t, struct lx_pollfd *fds, struct poll_item *items, size_t n,
                        enum poll_timeout how, const struct timespec *deadline)
{
    long bad = lookup_all(t, fds, items, n);
    long r = poll_set_wait(t, items, n, bad ? POLL_NO_WAIT : how, deadline);
    for (size_t i = 0; i < n; i++)
        if (items[i].f)
            fds[i].revents = (int16_t) items[i].ready;
    poll_set_done(items, n);
    return r < 0 ? r : r + bad;
}

static long do_poll(struct task *t, uaddr_t at, uint64_t n, enum poll_timeout how,
                    const struct timespec *deadline)
{
    struct lx_pollfd few_fds[N_ON_STACK], *fds = few_fds;
    struct poll_item few_items[N_ON_STACK], *items = few_items;
    _cleanup_free_ void *more_fds = NULL, *more_items = NULL;
    if (n > tgroup_rlimit(t->tg, LX_RLIMIT_NOFILE) || n > 1u << 20)
        return -EINVAL;
    if (n > N_ON_STACK) {
        more_fds = calloc(n, sizeof(*fds));
        more_items = calloc(n, sizeof(*items));
        if (!more_fds || !more_items)
            return -ENOMEM;
        fds = more_fds;
        items = more_items;
    }
    if (n && copy_in(t, fds, at, n * sizeof(*fds)) < 0)
        return -EFAULT;
    long r = poll_copied(t, fds, items, n, how, deadline);
    if (r < 0)
        return r;
    return n && copy_out(t, at, fds, n * sizeof(*fds)) < 0 ? -EFAULT : r;
}

/* After a stop, or a signal without a handler: the same call with what is left of its time. */
static long restart_poll(struct task *t)
{
    struct timespec deadline = {(time_t) t->restart.args[2], (long) t->restart.args[3]};
    long r = do_poll(t, uaddr(t->restart.args[0]), t->restart.args[1], POLL_UNTIL, &deadline);
    return r == -ERESTARTSYS ? -ERESTART_RESTARTBLOCK : r;
}

long sys_poll(struct task *t, const uint64_t a[static 6])
{
    struct timespec deadline;
    enum poll_timeout how = POLL_FOR_EVER;
    int32_t ms = (int32_t) a[2];
    uint32_t n = (uint32_t) a[1];
    if (ms >= 0) {
        int e = poll_deadline(ms / 1000, ms % 1000 * 1000000l, &how, &deadline);
        if (e < 0)
            return e;
    }
    long r = do_poll(t, uaddr(a[0]), n, how, &deadline);
    if (r != -ERESTARTSYS)
        return r;
    if (how == POLL_FOR_EVER)
        return -ERESTARTNOHAND;
    t->restart.fn = restart_poll;
    t->restart.args[0] = a[0];
    t->restart.args[1] = n;
    t->restart.args[2] = (uint64_t) deadline.tv_sec;
    t->restart.args[3] = (uint64_t) deadline.tv_nsec;
    return -ERESTART_RESTARTBLOCK;
}

long sys_ppoll(struct task *t, const uint64_t a[static 6])
{
    struct timespec deadline;
    struct lx_timespec ts;
    enum poll_timeout how = POLL_FOR_EVER;
    uint64_t mask;
    if (a[2]) {
        if (copy_in(t, &ts, uaddr(a[2]), sizeof(ts)) < 0)
            return -EFAULT;
        int e = poll_deadline(ts.sec, ts.nsec, &how, &deadline);
        if (e < 0)
            return e;
    }
    if (a[3]) {
        if (a[4] != sizeof(mask))
            return -EINVAL;
        if (copy_in(t, &mask, uaddr(a[3]), sizeof(mask)) < 0)
            return -EFAULT;
        signal_set_temp_mask(t, mask);
    }
    long r = do_poll(t, uaddr(a[0]), (uint32_t) a[1], how, &deadline);
    bool interrupted = r == -ERESTARTSYS;
    if (a[3])
        signal_end_temp_mask(t, interrupted);
    if (how == POLL_UNTIL) { /* the kernel's own call tells the time left; best effort, as Linux */
        struct timespec left = poll_time_left(&deadline);
        ts = (struct lx_timespec){left.tv_sec, left.tv_nsec};
        if (copy_out(t, uaddr(a[2]), &ts, sizeof(ts)) < 0 && interrupted)
            return -EINTR;
    }
    return interrupted ? -ERESTARTNOHAND : r;
}
