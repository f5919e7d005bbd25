/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bitmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void bitmap_init(struct bitmap *b)
{
    *b = (struct bitmap){0};
}

void bitmap_free(struct bitmap *b)
{
    free(b->words);
    bitmap_init(b);
}

bool bitmap_test(const struct bitmap *b, size_t bit)
{
    return bit / 64 < b->n_words && (b->words[bit / 64] >> (bit % 64) & 1);
}

int bitmap_reserve(struct bitmap *b, size_t n)
{
    size_t need = n / 64 + (n % 64 != 0);
    if (need <= b->n_words)
        return 0;
    size_t want = MAX(need, 2 * b->n_words);
    uint64_t *words = reallocarray(b->words, want, sizeof(uint64_t));
    if (!words)
        return -ENOMEM;
    memset(words + b->n_words, 0, (want - b->n_words) * sizeof(uint64_t));
    b->words = words;
    b->n_words = want;
    return 0;
}

int bitmap_set(struct bitmap *b, size_t bit)
{
    if (bit == SIZE_MAX)
        return -ENOMEM;
    int r = bitmap_reserve(b, bit + 1);
    if (r < 0)
        return r;
    b->words[bit / 64] |= (uint64_t) 1 << (bit % 64);
    return 0;
}

void bitmap_clear(struct bitmap *b, size_t bit)
{
    if (bit / 64 < b->n_words)
        b->words[bit / 64] &= ~((uint64_t) 1 << (bit % 64));
}

/* First bit >= from that differs from `flip`'s bits; SIZE_MAX when the words end. */
static size_t scan(const struct bitmap *b, size_t from, uint64_t flip)
{
    size_t w = from / 64;
    uint64_t mask = ~(uint64_t) 0 << (from % 64);
    for (; w < b->n_words; w++, mask = ~(uint64_t) 0) {
        uint64_t hit = (b->words[w] ^ flip) & mask;
        if (hit)
            return w * 64 + (size_t) __builtin_ctzll(hit);
    }
    return SIZE_MAX;
}

size_t bitmap_first_zero(const struct bitmap *b, size_t from)
{
    size_t at = scan(b, from, ~(uint64_t) 0);
    return at != SIZE_MAX ? at : MAX(from, b->n_words * 64);
}

size_t bitmap_first_set(const struct bitmap *b, size_t from)
{
    return scan(b, from, 0);
}

size_t bitmap_count(const struct bitmap *b)
{
    size_t n = 0;
    for (size_t w = 0; w < b->n_words; w++)
        n += (size_t) __builtin_popcountll(b->words[w]);
    return n;
}

int bitmap_copy(struct bitmap *to, const struct bitmap *from)
{
    uint64_t *words = NULL;
    if (from->n_words) {
        words = reallocarray(NULL, from->n_words, sizeof(uint64_t));
        if (!words)
            return -ENOMEM;
        memcpy(words, from->words, from->n_words * sizeof(uint64_t));
    }
    free(to->words);
    to->words = words;
    to->n_words = from->n_words;
    return 0;
}
