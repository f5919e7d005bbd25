/* SPDX-License-Identifier: Apache-2.0 */
/* Dispositions: shared between groups by CLONE_SIGHAND, copied by fork, reset by exec. */
#include <stdlib.h>
#include <string.h>

#include "kernel/task/task.h"

struct sighand *sighand_new(void)
{
    struct sighand *sh = calloc(1, sizeof(*sh));

    if (!sh)
        return NULL;
    ref_init(&sh->ref);
    mutex_init(&sh->lock, RANK_SIGHAND);
    return sh;
}

struct sighand *sighand_copy(struct tgroup *tg)
{
    struct sighand *sh = sighand_new(), *old;

    if (!sh)
        return NULL;
    old = sighand_lock(tg);
    memcpy(sh->actions, old->actions, sizeof(sh->actions));
    mutex_unlock(&old->lock);
    return sh;
}

void sighand_put(struct sighand *sh)
{
    if (sh && ref_put(&sh->ref))
        free(sh);
}

/*
 * Exec may replace the pointer while we wait for the old one's lock:
 *
 *     us                                  exec (holds old->lock)
 *     sh = tg->sighand (old)
 *                                         tg->sighand = new
 *     lock(old) ...                       unlock(old)
 *     tg->sighand != old: try again
 *
 * The old object stays allocated until the group is freed (tgroup.old_sighands).
 */
struct sighand *sighand_lock(struct tgroup *tg)
{
    for (;;) {
        struct sighand *sh = __atomic_load_n(&tg->sighand, __ATOMIC_ACQUIRE);

        mutex_lock(&sh->lock);
        if (sh == __atomic_load_n(&tg->sighand, __ATOMIC_RELAXED))
            return sh;
        mutex_unlock(&sh->lock);
    }
}
