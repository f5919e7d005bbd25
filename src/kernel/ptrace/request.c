/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests: what a tracer needs done by the tracee's own thread, which alone may give orders to its
 * stub. At most one at a time, since only one tracer asks, and it waits.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "kernel/ptrace/internal.h"
#include "kernel/wait/block.h"

#define ANSWER_SECONDS 30 /* a stub that does not answer for so long is not well */

struct trace_request *trace_request_new(size_t n)
{
    struct trace_request *rq = calloc(1, sizeof(*rq) + n);

    if (!rq)
        return NULL;
    ref_init(&rq->ref);
    rq->n = n;
    return rq;
}

void trace_request_put(struct trace_request *rq)
{
    if (rq && ref_put(&rq->ref)) {
        task_put(rq->asker);
        free(rq);
    }
}

static void answer(struct trace_request *rq, int result)
{
    rq->result = result;
    atomic_store(&rq->done, true);
    task_wake(rq->asker);
    trace_request_put(rq);
}

void trace_serve(struct task *t, struct trace_request *rq)
{
    answer(rq, rq->fn(t, rq));
}

void trace_refuse(struct trace_request *rq)
{
    answer(rq, -ESRCH);
}

struct trace_request *trace_take_request_locked(struct task *t)
{
    struct trace_request *rq = t->trace.request;

    t->trace.request = NULL;
    return rq;
}

static int post(struct task *tracer, struct task *t, struct trace_request *rq)
{
    struct sighand *sh = sighand_lock(t->tg);
    int r = -ESRCH;

    if (atomic_load(&t->trace.tracer) == tracer && t->trace.stopped && !t->trace.listening &&
        !t->trace.request) {
        ref_get(&rq->ref);
        t->trace.request = rq;
        task_wake(t);
        r = 0;
    }
    mutex_unlock(&sh->lock);
    return r;
}

int trace_ask(struct task *tracer, struct task *asker, struct task *t, struct trace_request *rq)
{
    struct timespec deadline;
    int r;

    rq->asker = task_get(asker);
    (void) clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += ANSWER_SECONDS;
    r = post(tracer, t, rq);
    while (r == 0 && !atomic_load(&rq->done)) {
        r = task_block_killable(asker, &deadline);
        if (r == -ETIMEDOUT)
            return -EIO;
        if (r)
            return -EINTR;
    }
    return r ? r : rq->result;
}
