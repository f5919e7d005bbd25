/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pausing: see pause.h. No task slips through:
 *
 *     task, before guest code                 kernel_pause()
 *     in_guest = 1                            paused = 1
 *     work has WORK_PAUSE? then in_guest = 0  for each: work |= WORK_PAUSE
 *     and pause_wait(): clear WORK_PAUSE,     in_guest? kick
 *     paused? sleep                           in_guest still? look again
 *
 * A task made meanwhile is marked in task_link(), under the lock that the loop holds.
 */
#include "kernel/task/pause.h"

#include <errno.h>
#include <time.h>

#include "kernel/task/task.h"

#define LOOKS      5000 /* how often kernel_pause() looks before it gives up */
#define LOOK_NS    1000000
#define TELL_AGAIN 50 /* looks after which it asks once more: a kick is a request */

bool kernel_is_paused(const struct kernel *k)
{
    return atomic_load(&k->paused) != 0;
}

/* Whether any guest code still runs; with `mark`, all are told to stop. */
static bool any_runs(struct kernel *k, bool mark)
{
    bool found = false;
    struct task *t;

    MUTEX_GUARD(&k->tasks_lock);
    list_for_each_entry (t, &k->tasks, all_link) {
        if (mark) {
            struct sighand *sh = sighand_lock(t->tg);

            atomic_fetch_or(&t->work, WORK_PAUSE);
            signal_poke_locked(t);
            mutex_unlock(&sh->lock);
        }
        if (atomic_load(&t->in_guest))
            found = true;
    }
    return found;
}

int kernel_pause(struct kernel *k)
{
    const struct timespec while_ = {.tv_nsec = LOOK_NS};
    bool running;

    if (kernel_is_paused(k))
        return -EALREADY;
    atomic_store(&k->paused, 1);
    running = any_runs(k, true);
    for (int i = 0; running && i < LOOKS; i++) {
        (void) nanosleep(&while_, NULL);
        running = any_runs(k, i % TELL_AGAIN == TELL_AGAIN - 1);
    }
    if (!running)
        return 0;
    return kernel_resume(k) < 0 ? -EALREADY : -ETIMEDOUT;
}

int kernel_resume(struct kernel *k)
{
    struct task *t;

    if (!kernel_is_paused(k))
        return -EALREADY;
    atomic_store(&k->paused, 0);
    MUTEX_GUARD(&k->tasks_lock);
    list_for_each_entry (t, &k->tasks, all_link)
        parker_wake(&t->park);
    return 0;
}

void pause_wait(struct task *t)
{
    for (;;) {
        atomic_fetch_and(&t->work, ~(uint32_t) WORK_PAUSE);
        if (!kernel_is_paused(t->k) || (atomic_load(&t->work) & (WORK_EXIT | WORK_DEAD)))
            return;
        atomic_store(&t->state, TASK_SLEEPING);
        platform_sleeping(t->st, true);
        if (parker_wait(&t->park, t->ticket, NULL)) {
            /* a host signal came: look again */
        }
        platform_sleeping(t->st, false);
        atomic_store(&t->state, TASK_RUNNING);
        t->ticket = parker_arm(&t->park);
    }
}
