/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of threads, processes, groups and sessions. Everything here runs with tasks_lock held,
 * but for kernel_trim(). */
#include "kernel/task/pid.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#define TRIM_FROM        64  /* fewer leave nothing worth looking for */
#define FIRST_AFTER_WRAP 300 /* as Linux: low numbers are left to what started early */

struct pid_entry *pid_find(struct kernel *k, pid_t nr)
{
    struct htab_node *n;

    htab_for_each_hash (n, &k->pids, hash_u64((uint64_t) (uint32_t) nr)) {
        struct pid_entry *e = container_of(n, struct pid_entry, node);

        if (e->nr == nr)
            return e;
    }
    return NULL;
}

int pid_alloc(struct kernel *k, struct pid_entry **ret)
{
    struct pid_entry *e;
    uint32_t nr = k->last_pid;

    for (unsigned tries = 0;; tries++) {
        if (tries > KERNEL_PID_MAX)
            return -EAGAIN;
        nr = nr + 1 >= KERNEL_PID_MAX ? FIRST_AFTER_WRAP : nr + 1;
        if (!pid_find(k, (pid_t) nr))
            break;
    }
    e = calloc(1, sizeof(*e));
    if (!e)
        return -ENOMEM;
    e->nr = (pid_t) nr;
    list_init(&e->pgrp);
    htab_insert(&k->pids, &e->node, hash_u64(nr));
    k->last_pid = nr;
    k->most_pids = MAX(k->most_pids, (uint32_t) htab_count(&k->pids));
    *ret = e;
    return 0;
}

void pid_check(struct kernel *k, struct pid_entry *e)
{
    if (!e || e->task || e->tg || e->n_session || !list_empty(&e->pgrp))
        return;
    htab_remove(&k->pids, &e->node);
    free(e);
}

void kernel_trim(struct kernel *k)
{
    uint32_t now;
    bool fallen;

    mutex_lock(&k->tasks_lock);
    now = (uint32_t) htab_count(&k->pids);
    fallen = k->most_pids >= TRIM_FROM && now <= k->most_pids / 8;
    if (fallen)
        k->most_pids = now; /* these may still be many, and leave in their turn */
    mutex_unlock(&k->tasks_lock);
    if (fallen)
        malloc_trim(0);
}

void tgroup_join(struct tgroup *tg, pid_t pgid, pid_t sid)
{
    struct kernel *k = tg->k;
    struct pid_entry *old_pgrp = tg->pgid ? pid_find(k, tg->pgid) : NULL;
    struct pid_entry *old_sess = tg->sid ? pid_find(k, tg->sid) : NULL;
    struct pid_entry *pgrp = pgid ? pid_find(k, pgid) : NULL;
    struct pid_entry *sess = sid ? pid_find(k, sid) : NULL;

    list_del(&tg->pgrp_link);
    if (pgrp)
        list_add_tail(&tg->pgrp_link, &pgrp->pgrp);
    if (sess)
        sess->n_session++;
    if (old_sess)
        old_sess->n_session--;
    tg->pgid = pgid;
    tg->sid = sid;
    pid_check(k, old_pgrp);
    if (old_sess != old_pgrp)
        pid_check(k, old_sess);
}

bool pgrp_is_orphaned(struct kernel *k, pid_t pgid, const struct tgroup *but)
{
    struct pid_entry *e = pid_find(k, pgid);
    struct tgroup *tg;

    if (!e)
        return true;
    list_for_each_entry (tg, &e->pgrp, pgrp_link) {
        const struct tgroup *p = tg->parent;

        /* Linux sets the machine's own init apart here, not the init of a pid namespace, which ours
         * is. */
        if (tg == but || tg->zombie || !p)
            continue;
        if (p->pgid != tg->pgid && p->sid == tg->sid)
            return false;
    }
    return true;
}

bool pgrp_has_stopped(struct kernel *k, pid_t pgid)
{
    struct pid_entry *e = pid_find(k, pgid);
    struct tgroup *tg;

    if (!e)
        return false;
    list_for_each_entry (tg, &e->pgrp, pgrp_link) {
        struct sighand *sh = sighand_lock(tg);
        bool stopped = tg->stopped;

        mutex_unlock(&sh->lock);
        if (stopped)
            return true;
    }
    return false;
}
