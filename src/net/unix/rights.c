/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors in flight: SCM_RIGHTS. Their number is limited by user, as unix(7) has it, and the
 * unix sockets among them are known, so that gc.c finds those that only hold each other.
 */
#include <errno.h>
#include <stdlib.h>

#include "abi/linux/resource.h"
#include "kernel/task/task.h"
#include "net/unix/internal.h"

/* How many a user has in flight; there while there is one. */
struct flyer {
    struct htab_node link; /* [fly_lock] */
    uint32_t uid;
    uint64_t n;
};

/* [fly_lock] */
static struct flyer *find_flyer(struct unix_net *net, uint32_t uid)
{
    struct htab_node *hn;
    htab_for_each_hash (hn, &net->users, hash_u64(uid)) {
        struct flyer *u = container_of(hn, struct flyer, link);
        if (u->uid == uid)
            return u;
    }
    return NULL;
}

static int count_in(struct unix_net *net, struct task *t, size_t n)
{
    uint32_t uid = t->cred->uid;
    uint64_t limit = tgroup_rlimit(t->tg, LX_RLIMIT_NOFILE);
    bool unlimited =
        cred_capable(t->cred, LX_CAP_SYS_RESOURCE) || cred_capable(t->cred, LX_CAP_SYS_ADMIN);
    MUTEX_GUARD(&net->fly_lock);
    struct flyer *u = find_flyer(net, uid);
    if (u && u->n > limit && !unlimited)
        return -ETOOMANYREFS;
    if (!u) {
        u = calloc(1, sizeof(*u));
        if (!u)
            return -ENOMEM;
        u->uid = uid;
        htab_insert(&net->users, &u->link, hash_u64(uid));
    }
    u->n += n;
    return 0;
}

static void count_out(struct unix_net *net, uint32_t uid, size_t n)
{
    MUTEX_GUARD(&net->fly_lock);
    struct flyer *u = find_flyer(net, uid);
    if (!u)
        return;
    u->n -= MIN((uint64_t) n, u->n);
    if (u->n)
        return;
    htab_remove(&net->users, &u->link);
    free(u);
}

/* ---- which unix sockets fly ---- */

static void take_off(struct unix_net *net, struct file *f)
{
    struct unix_end *e = unix_end_of_file(f);
    if (!e)
        return;
    if (e->in_flight++ == 0) {
        e->file = f;
        list_add_tail(&e->gc_link, &net->flying);
        atomic_fetch_add(&net->n_flying, 1);
    }
}

static void land(struct unix_net *net, struct file *f)
{
    struct unix_end *e = unix_end_of_file(f);
    if (!e || --e->in_flight)
        return;
    e->file = NULL;
    list_del(&e->gc_link);
    atomic_fetch_sub(&net->n_flying, 1);
}

static void land_all(struct unix_net *net, const struct unix_rights *r)
{
    mutex_lock(&net->gc_lock);
    for (size_t i = 0; i < r->n; i++)
        land(net, r->files[i]);
    mutex_unlock(&net->gc_lock);
    count_out(net, r->uid, r->n);
}

/* ---- sending and receiving ---- */

int unix_rights_send(struct unix_net *net, struct task *t, struct scm *scm,
                     struct unix_rights **ret)
{
    struct unix_rights *r = calloc(1, sizeof(*r));
    if (!r)
        return -ENOMEM;
    unix_gc_if_many(net);
    int e = count_in(net, t, scm->n_files);
    if (e < 0) {
        free(r);
        return e;
    }
    list_init(&r->link);
    r->uid = t->cred->uid;
    r->files = scm->files;
    r->n = scm->n_files;
    scm->files = NULL;
    scm->n_files = 0;
    mutex_lock(&net->gc_lock);
    for (size_t i = 0; i < r->n; i++)
        take_off(net, r->files[i]);
    mutex_unlock(&net->gc_lock);
    *ret = r;
    return 0;
}

void unix_rights_receive(struct unix_net *net, struct unix_rights *r, struct scm *scm)
{
    land_all(net, r);
    scm->files = r->files;
    scm->n_files = r->n;
    free(r);
}

int unix_rights_copy(struct unix_net *net, struct unix_end *e, struct unix_msg *msg,
                     struct scm *scm)
{
    struct file **files = calloc(LX_SCM_MAX_FD, sizeof(struct file *));
    size_t n = 0;
    if (!files)
        return -ENOMEM;
    /* Not while gc.c compares references: it would take these for a way to reach the socket. */
    mutex_lock(&net->gc_lock);
    mutex_lock(&e->lock);
    if (msg->rights)
        for (; n < msg->rights->n; n++)
            files[n] = file_get(msg->rights->files[n]);
    mutex_unlock(&e->lock);
    mutex_unlock(&net->gc_lock);
    scm->files = files;
    scm->n_files = n;
    return 0;
}

static void let_go(struct unix_rights *r)
{
    for (size_t i = 0; i < r->n; i++)
        file_put(r->files[i]);
    free(r->files);
    free(r);
}

void unix_rights_drop(struct unix_net *net, struct unix_rights *r)
{
    land_all(net, r);
    mutex_lock(&net->fly_lock);
    list_add_tail(&r->link, &net->dying);
    bool mine = !net->reaping;
    net->reaping = true;
    while (mine) {
        struct list *l = list_pop(&net->dying);
        if (!l)
            break;
        mutex_unlock(&net->fly_lock);
        let_go(container_of(l, struct unix_rights, link));
        mutex_lock(&net->fly_lock);
    }
    if (mine)
        net->reaping = false;
    mutex_unlock(&net->fly_lock);
}
