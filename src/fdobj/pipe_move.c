/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From pipe to pipe, and out of a pipe in place: splice(2), tee(2). Pages are not moved but copied,
 * which no guest can tell; what it can tell is how they fill the other pipe.
 */
#include <errno.h>
#include <string.h>

#include "abi/linux/poll.h"
#include "fdobj/pipe_internal.h"
#include "kernel/vfs/file.h"

/* ---- between two ---- */

/* [both locks] n bytes at position `at` of one ring to the end of the other. */
static void copy(const struct pipe *from, uint64_t at, struct pipe *to, size_t n)
{
    while (n) {
        uint32_t src = (uint32_t) at & (from->size - 1), dst = (uint32_t) to->tail & (to->size - 1);
        size_t piece = MIN(n, (size_t) MIN(from->size - src, to->size - dst));
        memcpy(to->data + dst, from->data + src, piece);
        at += piece;
        to->tail += piece;
        n -= piece;
    }
}

/* [both locks] The bytes that could go, by the pages there are here and there. */
static size_t measure(const struct pipe *from, const struct pipe *to, size_t n)
{
    uint32_t pages = MIN(from->slots.n, to->slots.max - to->slots.n);
    size_t sum = 0;
    for (uint32_t i = 0; i < pages && sum < n; i++)
        sum += slots_at(&from->slots, i)->len;
    return MIN(sum, n);
}

/*
 * [both locks] Page by page, whole ones as they are. The part of a page, and all that stays in the
 * other pipe too, is never added to.
 */
static size_t link_pages(struct pipe *from, struct pipe *to, size_t n, bool consume)
{
    uint64_t at = from->head;
    size_t done = 0;
    for (uint32_t i = 0; done < n; i++) {
        struct pipe_slot slot = *slots_at(&from->slots, i);
        if (!consume || slot.len > n - done)
            slot.flags &= (uint8_t) ~SLOT_MERGE;
        slot.len = (uint16_t) MIN((size_t) slot.len, n - done);
        copy(from, at + done, to, slot.len);
        slots_push(&to->slots, slot);
        done += slot.len;
    }
    return done;
}

/* [both locks] The source is looked at first, and its end last. */
static ssize_t move(struct pipe *from, struct pipe *to, size_t n, bool consume)
{
    bool empty = from->head == from->tail;
    if ((empty && from->writers) || from->reading) {
        from->reader_waits = true;
        return -EAGAIN;
    }
    if (!to->readers)
        return -EPIPE;
    if (slots_full(&to->slots)) {
        to->writer_waits = true;
        return -EAGAIN;
    }
    if (empty)
        return 0;
    n = measure(from, to, n);
    if (to->writing) {
        to->writer_behind = true;
        return -EAGAIN;
    }
    int r = pipe_ring_grow(to, n);
    if (r == 0)
        r = slots_resize(&to->slots, to->slots.max);
    if (r < 0)
        return r;
    n = MIN(n, (size_t) (to->size - pipe_used(to)));
    if (n == 0) { /* a reader at work keeps the ring small, and wakes us */
        to->writer_behind = true;
        return -EAGAIN;
    }
    n = link_pages(from, to, n, consume);
    if (consume)
        from->head += n + slots_read(&from->slots, n, false);
    return (ssize_t) n;
}

ssize_t pipe_move(struct file *from, struct file *to, size_t n, bool consume)
{
    if (!file_is_pipe(from) || !file_is_pipe(to) || pipes_are_one(from, to))
        return -EINVAL;
    struct pipe *a = pipe_of(from), *b = pipe_of(to);
    uint32_t in = 0, out = 0;
    mutex_lock_two(&a->lock, &b->lock);
    bool was_full = slots_full(&a->slots);
    ssize_t r = move(a, b, n, consume);
    if (r > 0) {
        out = pipe_events_for_writers(a, was_full);
        in = pipe_events_for_readers(b);
    }
    mutex_unlock_two(&a->lock, &b->lock);
    pipe_wake(a, out);
    pipe_wake(b, in);
    return r;
}

/* ---- out of one ---- */

ssize_t pipe_drain(struct file *from, size_t n, pipe_take_fn *take, void *arg)
{
    ssize_t r = 0;
    if (!file_is_pipe(from))
        return -EINVAL;
    struct pipe *p = pipe_of(from);
    mutex_lock(&p->lock);
    bool begun = pipe_read_begin(p, n, false, &n, &r);
    const uint8_t *data = p->data;
    uint32_t size = p->size;
    mutex_unlock(&p->lock);
    if (!begun)
        return r;
    uint32_t at = (uint32_t) p->head & (size - 1);
    size_t first = MIN(n, (size_t) (size - at));
    r = take(arg, data + at, first);
    if (r == (ssize_t) first && n > first) {
        ssize_t more = take(arg, data, n - first);
        r += more > 0 ? more : 0;
    }
    pipe_read_end(p, r > 0 ? (size_t) r : 0, false);
    return r;
}

bool pipes_are_one(const struct file *a, const struct file *b)
{
    return file_is_pipe(a) && file_is_pipe(b) && pipe_of(a) == pipe_of(b);
}
