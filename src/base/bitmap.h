/* SPDX-License-Identifier: Apache-2.0 */
/* Growable bit set. Bits beyond the allocated words read as 0. Locking is the caller's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/util.h"

struct bitmap {
    uint64_t *words;
    size_t n_words;
};

void bitmap_init(struct bitmap *b);
void bitmap_free(struct bitmap *b);
bool bitmap_test(const struct bitmap *b, size_t bit);
/* Grows as needed: 0 or -ENOMEM. */
int bitmap_set(struct bitmap *b, size_t bit) must_check;
void bitmap_clear(struct bitmap *b, size_t bit);
/* Room for bits 0..n-1, so that bitmap_set() of them cannot fail. */
int bitmap_reserve(struct bitmap *b, size_t n) must_check;
/* Lowest clear bit >= from; always exists. */
size_t bitmap_first_zero(const struct bitmap *b, size_t from);
/* Lowest set bit >= from, or SIZE_MAX. */
size_t bitmap_first_set(const struct bitmap *b, size_t from);
size_t bitmap_count(const struct bitmap *b);
/* `to` becomes a copy; 0 or -ENOMEM with `to` untouched. */
int bitmap_copy(struct bitmap *to, const struct bitmap *from) must_check;
