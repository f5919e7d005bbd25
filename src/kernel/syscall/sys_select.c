/* SPDX-License-Identifier: Apache-2.0 */
/* select(2), pselect6(2). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/poll.h"
#include "abi/linux/time.h"
#include "base/cleanup.h"
#include "kernel/restart.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/file.h"
#include "kernel/wait/poll_set.h"

/* What makes a descriptor readable, writable, exceptional: select(2), "Correspondence". */
static const uint32_t set_events[3] = {
    LX_POLLIN | LX_POLLRDNORM | LX_POLLRDBAND | LX_POLLHUP | LX_POLLERR | LX_POLLNVAL,
    LX_POLLOUT | LX_POLLWRNORM | LX_POLLWRBAND | LX_POLLERR | LX_POLLNVAL,
    LX_POLLPRI | LX_POLLNVAL,
};

struct selection {
    struct task *t;
    size_t n, words;
    uint64_t at[3];    /* guest addresses, 0: set not given */
    uint64_t *bits[3]; /* the sets, in one block */
    struct poll_item *items;
    int32_t *fds;
    size_t n_items;
    bool places; /* O_PATH descriptors are open, and never anything to wait for */
};

static uint32_t wanted(const struct selection *s, size_t fd)
{
    uint32_t ev = 0;
    for (int i = 0; i < 3; i++)
        if (s->bits[i][fd / 64] >> (fd % 64) & 1)
            ev |= set_events[i];
    return ev;
}

static int load_sets(struct selection *s)
{
    for (int i = 0; i < 3; i++)
        if (s->at[i] && s->words && copy_in(s->t, s->bits[i], uaddr(s->at[i]), s->words * 8) < 0)
            return -EFAULT;
    return 0;
}

static int make_items(struct selection *s)
{
    size_t count = 0;
    for (size_t fd = 0; fd < s->n; fd++)
        count += wanted(s, fd) != 0;
    s->items = calloc(count + 1, sizeof(*s->items));
    s->fds = calloc(count + 1, sizeof(*s->fds));
    if (!s->items || !s->fds)
        return -ENOMEM;
    for (size_t fd = 0; fd < s->n; fd++) {
        uint32_t ev = wanted(s, fd);
        if (!ev)
            continue;
        struct poll_item *p = &s->items[s->n_items];
        int r = fd_lookup(s->t->files, (int) fd, &p->f);
        if (r < 0) {
            p->f = NULL;
            if (fd_file_flags(s->t->files, (int) fd) < 0)
                return r;
            p->ready = LX_POLLNVAL;
            s->places = true;
        }
        p->events = ev;
        s->fds[s->n_items++] = (int32_t) fd;
    }
    return 0;
}

/* The sets become the results: the number of bits set. */
static long store_results(struct selection *s)
{
    long count = 0;
    for (int i = 0; i < 3; i++) {
        uint64_t *in = s->bits[i];
        for (size_t j = 0; j < s->n_items; j++) {
            size_t fd = (size_t) s->fds[j];
            uint64_t bit = 1ull << (fd % 64);
            if (!(in[fd / 64] & bit))
                continue;
            if (s->items[j].ready & set_events[i])
                count++;
            else
                in[fd / 64] &= ~bit;
        }
        /* bits beyond n that shared a word with asked ones read back as zero */
        if (s->n % 64 && s->words)
            in[s->words - 1] &= (1ull << (s->n % 64)) - 1;
        if (s->at[i] && s->words && copy_out(s->t, uaddr(s->at[i]), in, s->words * 8) < 0)
            return -EFAULT;
    }
    return count;
}

static long do_select(struct task *t, const uint64_t a[static 6], enum poll_timeout how,
                      const struct timespec *deadline)
{
    struct selection s = {.t = t, .at = {a[1], a[2], a[3]}};
    if ((int32_t) a[0] < 0)
        return -EINVAL;
    s.n = MIN((size_t) (int32_t) a[0],
              (size_t) fdtable_size(t->files)); /* what is beyond is left alone */
    s.words = (s.n + 63) / 64;
    _cleanup_free_ uint64_t *block = calloc(3 * s.words + 1, 8);
    if (!block)
        return -ENOMEM;
    for (size_t i = 0; i < 3; i++)
        s.bits[i] = block + i * s.words;
    long r = load_sets(&s);
    if (r == 0)
        r = make_items(&s);
    if (r == 0)
        r = poll_set_wait(t, s.items, s.n_items, s.places ? POLL_NO_WAIT : how, deadline);
    if (r >= 0)
        r = store_results(&s);
    if (s.items)
        poll_set_done(s.items, s.n_items);
    free(s.items);
    free(s.fds);
    return r;
}

long sys_select(struct task *t, const uint64_t a[static 6])
{
    struct timespec deadline;
    struct lx_timeval tv;
    enum poll_timeout how = POLL_FOR_EVER;
    if (a[4]) {
        if (copy_in(t, &tv, uaddr(a[4]), sizeof(tv)) < 0)
            return -EFAULT;
        if (tv.sec < 0 || tv.usec < 0)
            return -EINVAL;
        int64_t sec; /* Linux accepts more than a second of microseconds here */
        if (__builtin_add_overflow(tv.sec, tv.usec / 1000000, &sec))
            return -EINVAL;
        int e = poll_deadline(sec, tv.usec % 1000000 * 1000, &how, &deadline);
        if (e < 0)
            return e;
    }
    long r = do_select(t, a, how, &deadline);
    if (how == POLL_UNTIL) {
        struct timespec left = poll_time_left(&deadline);
        tv = (struct lx_timeval){left.tv_sec, left.tv_nsec / 1000};
        if (copy_out(t, uaddr(a[4]), &tv, sizeof(tv)) < 0 && r == -ERESTARTSYS)
            return -EINTR;
    }
    return r == -ERESTARTSYS ? -ERESTARTNOHAND : r;
}

long sys_pselect6(struct task *t, const uint64_t a[static 6])
{
    struct timespec deadline;
    struct lx_timespec ts;
    struct lx_sigset_arg sa = {0};
    enum poll_timeout how = POLL_FOR_EVER;
    uint64_t mask;
    if (a[4]) {
        if (copy_in(t, &ts, uaddr(a[4]), sizeof(ts)) < 0)
            return -EFAULT;
        int e = poll_deadline(ts.sec, ts.nsec, &how, &deadline);
        if (e < 0)
            return e;
    }
    if (a[5] && copy_in(t, &sa, uaddr(a[5]), sizeof(sa)) < 0)
        return -EFAULT;
    if (sa.set) {
        if (sa.size != sizeof(mask))
            return -EINVAL;
        if (copy_in(t, &mask, uaddr(sa.set), sizeof(mask)) < 0)
            return -EFAULT;
        signal_set_temp_mask(t, mask);
    }
    long r = do_select(t, a, how, &deadline);
    bool interrupted = r == -ERESTARTSYS;
    if (sa.set)
        signal_end_temp_mask(t, interrupted);
    if (how == POLL_UNTIL) {
        struct timespec left = poll_time_left(&deadline);
        ts = (struct lx_timespec){left.tv_sec, left.tv_nsec};
        if (copy_out(t, uaddr(a[4]), &ts, sizeof(ts)) < 0 && interrupted)
            return -EINTR;
    }
    return interrupted ? -ERESTARTNOHAND : r;
}
