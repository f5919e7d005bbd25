/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/time/clock_sets.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "abi/linux/poll.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "kernel/time/timeval.h"
#include "kernel/wait/poller.h"

struct clock_sets {
    struct mutex lock; /* RANK_CLOCK_SETS: above the poller's */
    bool watching;     /* [lock] */
    struct poll_source source;
    struct waitq wq;
    struct waiter waiter;
    void (*told)(void *arg);
    void *arg;
};

static bool on_event(struct waiter *w, uint32_t events unused_)
{
    struct clock_sets *cs = container_of(w, struct clock_sets, waiter);
    cs->told(cs->arg);
    return true;
}

int clock_sets_new(void (*told)(void *arg), void *arg, struct clock_sets **ret)
{
    struct clock_sets *cs = calloc(1, sizeof(*cs));
    if (!cs)
        return -ENOMEM;
    mutex_init(&cs->lock, RANK_CLOCK_SETS);
    waitq_init(&cs->wq);
    cs->waiter = (struct waiter){.mask = LX_POLLIN, .notify = on_event};
    waitq_add(&cs->wq, &cs->waiter);
    cs->told = told;
    cs->arg = arg;
    *ret = cs;
    return 0;
}

/* It never expires: it is there to be cancelled. What has been set before does not count. */
static int arm(int fd)
{
    const struct itimerspec never = {.it_value.tv_sec = LONG_MAX / (long) NS_PER_SEC};
    int r = timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL);
    return r < 0 && errno != ECANCELED ? -errno : 0;
}

/* [lock] */
static int begin(struct clock_sets *cs, struct poller *p)
{
    _cleanup_close_ int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    int r = fd < 0 ? -errno : arm(fd);
    if (r < 0)
        return r;
    cs->source = (struct poll_source){.p = p, .fd = fd, .wq = &cs->wq};
    r = poller_arm(&cs->source, LX_POLLIN);
    if (r < 0) {
        poller_forget(&cs->source);
        return r;
    }
    fd = -1; /* the source has it for good */
    return 0;
}

void clock_sets_watch(struct clock_sets *cs, struct poller *p)
{
    MUTEX_GUARD(&cs->lock);
    if (cs->watching)
        return;
    int r = begin(cs, p);
    cs->watching = r == 0;
    if (r < 0)
        log_warn("who waits for a time of day will not see the clock being set: error %d", -r);
}

bool clock_sets_take(struct clock_sets *cs)
{
    uint64_t expirations;
    MUTEX_GUARD(&cs->lock);
    if (!cs->watching)
        return false;
    bool set = read(cs->source.fd, &expirations, sizeof(expirations)) < 0 && errno == ECANCELED;
    if (poller_arm(&cs->source, LX_POLLIN) < 0)
        log_warn("who waits for a time of day will not see the clock being set again");
    return set;
}
