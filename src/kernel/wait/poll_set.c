/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for many files at once. */
#include "kernel/wait/poll_set.h"

#include <errno.h>

#include "abi/linux/poll.h"
#include "kernel/vfs/file.h"

#define NSEC 1000000000

static long scan(struct poll_item *items, size_t n)
{
    long count = 0;
    for (size_t i = 0; i < n; i++) {
        struct poll_item *p = &items[i];
        if (!p->f)
            continue;
        p->ready = file_poll(p->f) & (p->events | LX_POLLERR | LX_POLLHUP);
        count += p->ready != 0;
    }
    return count;
}

/* Files without a wait queue are always ready, so there is nothing to wait for. */
static void arm(struct task *t, struct poll_item *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct poll_item *p = &items[i];
        if (p->f && p->f->wq)
            task_wait_on(&p->tw, t, p->f->wq, p->events | LX_POLLERR | LX_POLLHUP);
    }
}

/* A host descriptor's poller forgets after each event. */
static int arm_host(struct poll_item *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct poll_item *p = &items[i];
        if (p->f && p->f->ops->poll_arm) {
            int r = p->f->ops->poll_arm(p->f, p->events | LX_POLLERR | LX_POLLHUP);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

static void disarm(struct poll_item *items, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (items[i].f && items[i].f->wq)
            task_wait_end(&items[i].tw);
}

long poll_set_wait(struct task *t, struct poll_item *items, size_t n, enum poll_timeout how,
                   const struct timespec *deadline)
{
    long r = scan(items, n);
    if (r > 0 || how == POLL_NO_WAIT)
        return r;
    arm(t, items, n);
    for (;;) {
        r = arm_host(items, n);
        if (r < 0)
            break;
        r = scan(items, n);
        if (r > 0)
            break;
        r = task_block(t, how == POLL_UNTIL ? deadline : NULL);
        if (r == -ETIMEDOUT) {
            r = scan(items, n);
            break;
        }
        if (r < 0)
            break;
    }
    disarm(items, n);
    return r;
}

void poll_set_done(struct poll_item *items, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (items[i].f)
            file_put(items[i].f);
}

int poll_deadline(int64_t sec, int64_t nsec, enum poll_timeout *ret_how, struct timespec *ret)
{
    struct timespec now;
    if (sec < 0 || nsec < 0 || nsec >= NSEC)
        return -EINVAL;
    *ret = (struct timespec){0};
    if (sec == 0 && nsec == 0) {
        *ret_how = POLL_NO_WAIT;
        return 0;
    }
    (void) clock_gettime(CLOCK_MONOTONIC, &now);
    if (__builtin_add_overflow(now.tv_sec, sec, &ret->tv_sec) ||
        ret->tv_sec > INT64_MAX / NSEC - 1) {
        *ret_how = POLL_FOR_EVER;
        return 0;
    }
    ret->tv_nsec = now.tv_nsec + nsec;
    if (ret->tv_nsec >= NSEC) {
        ret->tv_nsec -= NSEC;
        ret->tv_sec++;
    }
    *ret_how = POLL_UNTIL;
    return 0;
}

struct timespec poll_time_left(const struct timespec *deadline)
{
    struct timespec now, left;
    (void) clock_gettime(CLOCK_MONOTONIC, &now);
    left.tv_sec = deadline->tv_sec - now.tv_sec;
    left.tv_nsec = deadline->tv_nsec - now.tv_nsec;
    if (left.tv_nsec < 0) {
        left.tv_nsec += NSEC;
        left.tv_sec--;
    }
    return left.tv_sec < 0 ? (struct timespec){0} : left;
}
