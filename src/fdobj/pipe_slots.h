/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the bytes of a pipe lie in pages. Linux fills a page per write and adds the odd end of a
 * later one to it where that fits, so how much a pipe takes depends on how it was written; guests
 * see it in short writes, in poll(2) and in F_SETPIPE_SZ. Only the book-keeping is here: the bytes
 * are in the pipe's ring, one slot's after another's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/util.h"

#define PIPE_PAGE 4096u

enum { SLOT_MERGE = 1, SLOT_PACKET = 2 };

struct pipe_slot {
    uint16_t off, len; /* of the page: where its bytes begin, how many there are */
    uint8_t flags;
};

/* All of it is the pipe's lock's. */
struct pipe_slots {
    struct pipe_slot *at; /* ring of max; NULL before the first use */
    uint32_t first, n, max;
};

/* Room for max slots; what is in use stays. -ENOMEM, -EBUSY when more than max are in use. */
int slots_resize(struct pipe_slots *s, uint32_t max) must_check;
void slots_free(struct pipe_slots *s);
/* The i-th in use. */
struct pipe_slot *slots_at(const struct pipe_slots *s, uint32_t i);
static inline bool slots_full(const struct pipe_slots *s)
{
    return s->n >= s->max;
}

/* How many bytes of a write of `want` there is room for; *ret_merge of them go to the last page. */
size_t slots_room(const struct pipe_slots *s, size_t want, size_t *ret_merge);
/* n bytes were written, of which `merge` go to the last page; if that has been read meanwhile, it
 * has left room for another. */
void slots_write(struct pipe_slots *s, size_t n, size_t merge, uint8_t flags);
void slots_push(struct pipe_slots *s, struct pipe_slot slot);

/* How many bytes a read of `want` gets: it ends with the first packet. */
size_t slots_readable(const struct pipe_slots *s, size_t want);
/* n bytes were read. Returns how many more go: the rest of a packet, if `packets`. */
size_t slots_read(struct pipe_slots *s, size_t n, bool packets);
/* As many of n bytes from the head as end with a page; of the first page alone, none. */
size_t slots_whole(const struct pipe_slots *s, size_t n);
