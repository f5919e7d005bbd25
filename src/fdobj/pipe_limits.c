/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the pipes of one user may hold: pipe(7), "/proc/sys/fs/pipe-user-pages-soft". Counted are
 * the pages that they could hold, not those in use.
 */
#include <errno.h>
#include <stdlib.h>

#include "fdobj/pipe_internal.h"
#include "kernel/task/cred.h"

/* There while the user has a pipe. */
struct pipe_user {
    struct htab_node link; /* [pipes.lock] */
    uint32_t uid;          /* immutable */
    uint64_t pages;        /* [pipes.lock] */
};

static bool unlimited(const struct cred *cred)
{
    return !cred || cred_capable(cred, LX_CAP_SYS_RESOURCE) || cred_capable(cred, LX_CAP_SYS_ADMIN);
}

/* [lock] NULL: the user has none. */
static struct pipe_user *find(struct pipes *ps, uint32_t uid)
{
    struct htab_node *hn;
    htab_for_each_hash (hn, &ps->users, hash_u64(uid)) {
        struct pipe_user *u = container_of(hn, struct pipe_user, link);
        if (u->uid == uid)
            return u;
    }
    return NULL;
}

/* [lock] */
static struct pipe_user *find_or_make(struct pipes *ps, uint32_t uid)
{
    struct pipe_user *u = find(ps, uid);
    if (u)
        return u;
    u = calloc(1, sizeof(*u));
    if (u) {
        u->uid = uid;
        htab_insert(&ps->users, &u->link, hash_u64(uid));
    }
    return u;
}

int pipe_user_begin(struct pipes *ps, const struct cred *cred, uint32_t *ret_capacity)
{
    MUTEX_GUARD(&ps->lock);
    struct pipe_user *u = find_or_make(ps, cred ? cred->uid : 0);
    if (!u)
        return -ENOMEM;
    bool many = u->pages + PIPE_DEFAULT_SIZE / PIPE_PAGE > PIPE_USER_PAGES && !unlimited(cred);
    *ret_capacity = many ? PIPE_POOR_SIZE : PIPE_DEFAULT_SIZE;
    u->pages += *ret_capacity / PIPE_PAGE;
    return 0;
}

int pipe_user_change(struct pipes *ps, uint32_t user, const struct cred *cred, uint32_t from,
                     uint32_t to)
{
    MUTEX_GUARD(&ps->lock);
    struct pipe_user *u = find(ps, user); /* the pipe is counted in it */
    uint64_t pages = u->pages - from / PIPE_PAGE + to / PIPE_PAGE;
    if (to > from && pages > PIPE_USER_PAGES && !unlimited(cred))
        return -EPERM;
    u->pages = pages;
    return 0;
}

void pipe_user_end(struct pipes *ps, uint32_t user, uint32_t capacity)
{
    MUTEX_GUARD(&ps->lock);
    struct pipe_user *u = find(ps, user);
    u->pages -= capacity / PIPE_PAGE;
    if (u->pages)
        return;
    htab_remove(&ps->users, &u->link);
    free(u);
}
