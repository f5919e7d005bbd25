/* SPDX-License-Identifier: Apache-2.0 */
/* See pipe_slots.h. */
#include "fdobj/pipe_slots.h"

#include <errno.h>
#include <stdlib.h>

struct pipe_slot *slots_at(const struct pipe_slots *s, uint32_t i)
{
    return &s->at[(s->first + i) % s->max];
}

int slots_resize(struct pipe_slots *s, uint32_t max)
{
    if (max < s->n)
        return -EBUSY;
    if (s->at && max == s->max)
        return 0;
    struct pipe_slot *fresh = calloc(max, sizeof(*fresh));
    if (!fresh)
        return -ENOMEM;
    for (uint32_t i = 0; i < s->n; i++)
        fresh[i] = *slots_at(s, i);
    free(s->at);
    s->at = fresh;
    s->first = 0;
    s->max = max;
    return 0;
}

void slots_free(struct pipe_slots *s)
{
    free(s->at);
    s->at = NULL;
}

size_t slots_room(const struct pipe_slots *s, size_t want, size_t *ret_merge)
{
    size_t odd = want % PIPE_PAGE, free_bytes = (size_t) (s->max - s->n) * PIPE_PAGE;
    *ret_merge = 0;
    if (odd && s->n) {
        const struct pipe_slot *last = slots_at(s, s->n - 1);
        if ((last->flags & SLOT_MERGE) && last->off + last->len + odd <= PIPE_PAGE)
            *ret_merge = odd;
    }
    return *ret_merge + MIN(want - *ret_merge, free_bytes);
}

void slots_push(struct pipe_slots *s, struct pipe_slot slot)
{
    s->n++;
    *slots_at(s, s->n - 1) = slot;
}

void slots_write(struct pipe_slots *s, size_t n, size_t merge, uint8_t flags)
{
    if (merge && s->n) {
        slots_at(s, s->n - 1)->len += (uint16_t) merge;
        n -= merge;
    }
    for (size_t piece; n; n -= piece) {
        piece = MIN(n, (size_t) PIPE_PAGE);
        slots_push(s, (struct pipe_slot){.len = (uint16_t) piece, .flags = flags});
    }
}

size_t slots_readable(const struct pipe_slots *s, size_t want)
{
    size_t n = 0;
    for (uint32_t i = 0; i < s->n && n < want; i++) {
        const struct pipe_slot *slot = slots_at(s, i);
        n += MIN((size_t) slot->len, want - n);
        if (slot->flags & SLOT_PACKET)
            break;
    }
    return n;
}

size_t slots_read(struct pipe_slots *s, size_t n, bool packets)
{
    size_t more = 0;
    while (n) {
        struct pipe_slot *slot = slots_at(s, 0);
        uint16_t piece = (uint16_t) MIN(n, (size_t) slot->len);
        n -= piece;
        slot->off += piece;
        slot->len -= piece;
        if (packets && (slot->flags & SLOT_PACKET)) {
            more += slot->len;
            slot->len = 0;
        }
        if (slot->len)
            break;
        s->first = (s->first + 1) % s->max;
        s->n--;
    }
    return more;
}

size_t slots_whole(const struct pipe_slots *s, size_t n)
{
    size_t whole = 0;
    for (uint32_t i = 0; i < s->n && whole + slots_at(s, i)->len <= n; i++)
        whole += slots_at(s, i)->len;
    return whole;
}
