/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Epoll sets from many threads: members are added, changed, taken out, closed and woken, sets are
 * put into sets and closed, all at once. There is little to assert but the end state: what counts
 * is what the sanitizers and the lock ranks say, and that it comes to an end.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "abi/linux/epoll.h"
#include "abi/linux/eventfd.h"
#include "abi/linux/poll.h"
#include "fdobj/epoll.h"
#include "fdobj/eventfd.h"
#include "kernel/kernel.h"
#include "kernel/vfs/file.h"

#define THREADS 4
#define ROUNDS  20000
#define SETS    3
#define SLOTS   8 /* the first SETS of them are sets */

struct world {
    struct kernel k;
    struct mutex lock;
    struct file *slot[SLOTS]; /* [lock] as a descriptor table would hold them */
};

struct worker {
    pthread_t id;
    struct world *x;
    uint32_t random;
    unsigned strange; /* results nothing explains */
};

static uint32_t next(struct worker *w)
{
    w->random = w->random * 1664525u + 1013904223u;
    return w->random >> 16;
}

static struct file *make(struct world *x, unsigned slot)
{
    struct file *f = NULL;
    int r = slot < SETS ? epoll_new(&x->k, &f) : eventfd_new(0, LX_EFD_NONBLOCK, &f);
    return r < 0 ? NULL : f;
}

static struct file *get(struct world *x, unsigned slot)
{
    MUTEX_GUARD(&x->lock);
    return file_get(x->slot[slot]);
}

/* close(2) and a new object under the same number. */
static void renew(struct world *x, unsigned slot)
{
    struct file *fresh = make(x, slot);
    if (!fresh)
        return;
    mutex_lock(&x->lock);
    struct file *old = x->slot[slot];
    x->slot[slot] = fresh;
    mutex_unlock(&x->lock);
    file_put(old);
}

static void count(struct file *f, bool up)
{
    uint64_t n = 1;
    struct iobuf io;
    iobuf_kernel(&io, &n, sizeof(n));
    ssize_t r = up ? file_write(NULL, f, &io, -1) : file_read(NULL, f, &io, -1);
    (void) r; /* empty, or not an eventfd: both are fine */
}

static void control(struct worker *w, struct file *ep)
{
    static const uint32_t how[] = {0, LX_EPOLLET, LX_EPOLLONESHOT};
    unsigned slot = next(w) % SLOTS;
    struct lx_epoll_event ev = {.events = LX_POLLIN | how[next(w) % ARRAY_LEN(how)], .data = slot};
    struct file *target = get(w->x, slot);
    int r = epoll_control(ep, 1 + (int) (next(w) % 3), (int) slot, target, &ev);
    if (r < 0 && r != -EEXIST && r != -ENOENT && r != -EINVAL && r != -ELOOP)
        w->strange++;
    file_put(target);
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct lx_epoll_event ev[4];
    for (int i = 0; i < ROUNDS; i++) {
        struct file *ep = get(w->x, next(w) % SETS);
        struct file *f = get(w->x, SETS + next(w) % (SLOTS - SETS));
        switch (next(w) % 8) {
        case 0:
            renew(w->x, next(w) % SLOTS);
            break;
        case 1:
        case 2:
            count(f, true);
            break;
        case 3:
            count(f, false);
            break;
        case 4:
            (void) file_poll(ep);
            break;
        case 5:
            if (epoll_collect(ep, ev, ARRAY_LEN(ev)) > ARRAY_LEN(ev))
                w->strange++;
            break;
        default:
            control(w, ep);
        }
        file_put(f);
        file_put(ep);
    }
    return NULL;
}

static void init(struct world *x)
{
    *x = (struct world){.lock = MUTEX_INIT(RANK_NONE)};
    mutex_init(&x->k.epoll_nest, RANK_EPOLL_NEST);
    for (unsigned i = 0; i < SLOTS; i++) {
        x->slot[i] = make(x, i);
        assert_non_null(x->slot[i]);
    }
}

static void close_all(struct world *x)
{
    for (unsigned i = 0; i < SLOTS; i++)
        file_put(x->slot[i]);
}

static void test_storm(void **state unused_)
{
    struct worker workers[THREADS];
    struct world x;
    init(&x);
    for (uint32_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.x = &x, .random = i * 7919};
        assert_int_equal(pthread_create(&workers[i].id, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(workers[i].id, NULL), 0);
        assert_int_equal(workers[i].strange, 0);
    }
    close_all(&x);
}

/* What is ready through sets of sets is found, and is gone when the innermost file is. */
static void test_nested(void **state unused_)
{
    struct lx_epoll_event ev = {.events = LX_POLLIN, .data = 7}, out[2];
    struct world x;
    init(&x);
    assert_int_equal(epoll_control(x.slot[0], LX_EPOLL_CTL_ADD, 1, x.slot[1], &ev), 0);
    assert_int_equal(epoll_control(x.slot[1], LX_EPOLL_CTL_ADD, 3, x.slot[3], &ev), 0);
    assert_int_equal(epoll_control(x.slot[1], LX_EPOLL_CTL_ADD, 0, x.slot[0], &ev), -ELOOP);
    assert_int_equal(epoll_collect(x.slot[0], out, 2), 0);
    count(x.slot[3], true);
    assert_int_equal(epoll_collect(x.slot[0], out, 2), 1);
    assert_true(out[0].data == 7 && out[0].events == LX_POLLIN);
    assert_int_equal(file_poll(x.slot[0]), LX_POLL_READABLE);
    renew(&x, 3);
    assert_int_equal(file_poll(x.slot[0]), 0);
    assert_int_equal(epoll_collect(x.slot[0], out, 2), 0);
    close_all(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_storm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
