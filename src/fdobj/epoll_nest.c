/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Epoll sets as members of epoll sets. They form no ring and are at most five deep (epoll_ctl(2),
 * ELOOP), so that polling and waking through them comes to an end.
 */
#include <errno.h>

#include "fdobj/epoll_internal.h"

#define MAX_DEPTH 5

/* Sets below s on the longest way down, itself included. *found: `wanted` is one of them. Each set
 * is visited once. */
static unsigned height_below(struct epoll_set *s, const struct epoll_set *wanted, uint64_t mark,
                             bool *found)
{
    struct epoll_item *it;
    unsigned most = 0;
    if (s == wanted)
        *found = true;
    if (s->mark == mark)
        return s->height;
    s->mark = mark;
    list_for_each_entry (it, &s->members, member_link)
        most = MAX(most, height_below(it->nested, wanted, mark, found));
    s->height = most + 1;
    return s->height;
}

static unsigned height_above(struct epoll_set *s, uint64_t mark)
{
    struct epoll_item *it;
    unsigned most = 0;
    if (s->mark == mark)
        return s->height;
    s->mark = mark;
    list_for_each_entry (it, &s->owners, owner_link)
        most = MAX(most, height_above(it->set, mark));
    s->height = most + 1;
    return s->height;
}

int epoll_nest_check(struct epoll_set *outer, struct epoll_set *inner)
{
    bool ring = false;
    unsigned below = height_below(inner, outer, ++outer->k->epoll_mark, &ring);
    if (ring)
        return -ELOOP;
    return below + height_above(outer, ++outer->k->epoll_mark) > MAX_DEPTH ? -ELOOP : 0;
}

void epoll_nest_link(struct epoll_item *it)
{
    list_add_tail(&it->member_link, &it->set->members);
    list_add_tail(&it->owner_link, &it->nested->owners);
}

void epoll_nest_unlink(struct epoll_item *it)
{
    if (!it->nested)
        return;
    MUTEX_GUARD(&it->set->k->epoll_nest);
    list_del(&it->member_link);
    list_del(&it->owner_link);
}
