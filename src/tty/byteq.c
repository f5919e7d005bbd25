/* SPDX-License-Identifier: Apache-2.0 */
#include "tty/byteq.h"

#include <stdlib.h>
#include <string.h>

#define SMALLEST 256u

/* Makes it hold `want` bytes in all; on failure it stays as large as it was. */
static void grow(struct byteq *q, uint32_t want)
{
    uint32_t size = q->size ? q->size : SMALLEST, used = byteq_used(q);
    while (size < want)
        size *= 2;
    if (size == q->size)
        return;
    uint8_t *fresh = malloc(size);
    if (!fresh)
        return;
    for (uint32_t i = 0; i < used; i++)
        fresh[i] = q->data[(q->head + i) & (q->size - 1)];
    free(q->data);
    q->data = fresh;
    q->size = size;
    q->head = 0;
    q->tail = used;
}

size_t byteq_push(struct byteq *q, const uint8_t *src, size_t n, uint32_t limit)
{
    size_t done = 0;
    n = MIN(n, (size_t) byteq_room(q, MIN(limit, BYTEQ_MAX)));
    if (byteq_used(q) + n > q->size)
        grow(q, byteq_used(q) + (uint32_t) n);
    n = MIN(n, (size_t) (q->size - byteq_used(q)));
    while (done < n) {
        uint32_t at = q->tail & (q->size - 1);
        size_t part = MIN(n - done, (size_t) (q->size - at));
        memcpy(q->data + at, src + done, part);
        q->tail += (uint32_t) part;
        done += part;
    }
    return done;
}

const uint8_t *byteq_peek(const struct byteq *q, size_t *ret_n)
{
    uint32_t used = byteq_used(q);
    *ret_n = 0;
    if (!used)
        return NULL;
    uint32_t at = q->head & (q->size - 1);
    *ret_n = MIN(used, q->size - at);
    return q->data + at;
}

void byteq_drop(struct byteq *q, size_t n)
{
    q->head += (uint32_t) n;
    if (q->head == q->tail)
        q->head = q->tail = 0;
}

size_t byteq_pop(struct byteq *q, uint8_t *dst, size_t n)
{
    size_t done = 0, part;
    const uint8_t *p;
    while (done < n && (p = byteq_peek(q, &part)) != NULL) {
        part = MIN(part, n - done);
        memcpy(dst + done, p, part);
        byteq_drop(q, part);
        done += part;
    }
    return done;
}

void byteq_keep(struct byteq *q, size_t n)
{
    if (byteq_used(q) > n)
        q->tail = q->head + (uint32_t) n;
}

void byteq_free(struct byteq *q)
{
    free(q->data);
    *q = (struct byteq){0};
}
