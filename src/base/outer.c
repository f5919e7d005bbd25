/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to the thread outside: see outer.h. */
#include "base/outer.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/sys.h"

void outer_init(struct outer *o)
{
    o->routes_fd = -1;
    mutex_init(&o->lock, RANK_LEAF);
    mutex_init(&o->routes, RANK_LEAF);
    atomic_init(&o->turn, OUTER_IDLE);
}

static void pass_on(struct outer *o, uint32_t turn)
{
    atomic_store_explicit(&o->turn, turn, memory_order_release);
    (void) host_futex_wake(&o->turn, 2, FUTEX_SCOPE_PRIVATE);
}

static void wait_for(struct outer *o, uint32_t turn)
{
    uint32_t now;

    while ((now = atomic_load_explicit(&o->turn, memory_order_acquire)) != turn)
        (void) !host_futex_wait(&o->turn, now, FUTEX_SCOPE_PRIVATE, NULL);
}

int outer_socket(struct outer *o, int family, int type, int protocol)
{
    if (!o->split)
        return -ENOSYS;
    MUTEX_GUARD(&o->lock);
    o->family = family;
    o->type = type;
    o->protocol = protocol;
    pass_on(o, OUTER_REQUEST);
    wait_for(o, OUTER_ANSWER);
    int answer = o->answer;
    atomic_store_explicit(&o->turn, OUTER_IDLE, memory_order_relaxed);
    return answer;
}

void outer_serve(struct outer *o)
{
    for (;;) {
        wait_for(o, OUTER_REQUEST);
        int fd = socket(o->family, o->type, o->protocol);
        o->answer = fd < 0 ? -errno : fd;
        pass_on(o, OUTER_ANSWER);
    }
}
