/* SPDX-License-Identifier: Apache-2.0 */
/* A queue of bytes that grows up to a limit. The owner's lock protects it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/util.h"

#define BYTEQ_MAX (128u << 10) /* no queue holds more, whatever its limit */

struct byteq {
    uint8_t *data; /* NULL while nothing was ever in it */
    uint32_t size; /* of data: a power of two, or 0 */
    uint32_t head, tail;
};

static inline uint32_t byteq_used(const struct byteq *q)
{
    return q->tail - q->head;
}

static inline uint32_t byteq_room(const struct byteq *q, uint32_t limit)
{
    uint32_t used = byteq_used(q);
    return used < limit ? limit - used : 0;
}

/* Appends at most n bytes, as many as fit below the limit and memory allows: how many. */
size_t byteq_push(struct byteq *q, const uint8_t *src, size_t n, uint32_t limit);
/* Takes up to n bytes from the front: how many. */
size_t byteq_pop(struct byteq *q, uint8_t *dst, size_t n);
/* The first bytes where they lie; *ret_n of them, 0 when it is empty. */
const uint8_t *byteq_peek(const struct byteq *q, size_t *ret_n);
/* Takes n bytes, that are there, from the front. */
void byteq_drop(struct byteq *q, size_t n);
/* Forgets all but the first n bytes. */
void byteq_keep(struct byteq *q, size_t n);
void byteq_free(struct byteq *q);
