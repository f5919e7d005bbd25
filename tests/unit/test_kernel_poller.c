/* SPDX-License-Identifier: Apache-2.0 */
/* kernel/wait: the poller and eventfds of the host. */
#include <errno.h>
#include <poll.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/util.h"
#include "kernel/wait/poller.h"

struct watched {
    struct poll_source source;
    struct waitq wq;
    struct waiter waiter;
    sem_t told;
};

static bool on_event(struct waiter *w, uint32_t events unused_)
{
    sem_post(&container_of(w, struct watched, waiter)->told);
    return true;
}

static void watched_init(struct watched *w, struct poller *p)
{
    waitq_init(&w->wq);
    sem_init(&w->told, 0, 0);
    w->waiter = (struct waiter){.mask = POLLIN, .notify = on_event};
    w->source = (struct poll_source){.p = p, .fd = eventfd(0, EFD_CLOEXEC), .wq = &w->wq};
    assert_true(w->source.fd >= 0);
    waitq_add(&w->wq, &w->waiter);
}

static void begin(struct watched *w, struct watched *fence)
{
    struct poller *p;
    assert_int_equal(poller_new(&p), 0);
    watched_init(w, p);
    watched_init(fence, p);
}

static void watched_end(struct watched *w)
{
    poller_forget(&w->source);
    close(w->source.fd);
    sem_destroy(&w->told);
}

static void happen(struct watched *w)
{
    const uint64_t one = 1;
    assert_int_equal(write(w->source.fd, &one, sizeof(one)), sizeof(one));
}

static void wait_until_told(struct watched *w)
{
    while (sem_wait(&w->told) < 0)
        assert_int_equal(errno, EINTR);
}

static int times_told(struct watched *w)
{
    int n;
    sem_getvalue(&w->told, &n);
    return n;
}

/* The poller takes events in their order: after this one it has seen all that came before. */
static void pass(struct watched *fence)
{
    assert_int_equal(poller_arm(&fence->source, POLLIN), 0);
    happen(fence);
    wait_until_told(fence);
}

static void each_request_is_for_one_event(void **state)
{
    struct watched w, fence;
    begin(&w, &fence);
    assert_int_equal(poller_arm(&w.source, POLLIN), 0);
    happen(&w);
    wait_until_told(&w);
    happen(&w);
    pass(&fence);
    assert_int_equal(times_told(&w), 0);
    watched_end(&fence);
    watched_end(&w);
}

static void edges_go_on_while_somebody_is_there(void **state)
{
    struct watched w, fence;
    begin(&w, &fence);
    assert_int_equal(poller_arm(&w.source, POLLIN | EPOLLET), 0);
    for (int i = 0; i < 3; i++) {
        happen(&w);
        wait_until_told(&w);
    }

    waitq_del(&w.wq, &w.waiter);
    happen(&w); /* nobody is there: the last edge */
    pass(&fence);
    waitq_add(&w.wq, &w.waiter);
    happen(&w);
    pass(&fence);
    assert_int_equal(times_told(&w), 0);

    assert_int_equal(poller_arm(&w.source, POLLIN | EPOLLET), 0); /* it holds: told at once */
    wait_until_told(&w);
    happen(&w);
    wait_until_told(&w);
    watched_end(&fence);
    watched_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_request_is_for_one_event),
        cmocka_unit_test(edges_go_on_while_somebody_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
