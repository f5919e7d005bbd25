/* SPDX-License-Identifier: Apache-2.0 */
#include "base/htab.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BITS 4

void htab_init(struct htab *h)
{
    *h = (struct htab){0};
}

void htab_free(struct htab *h)
{
    free(h->buckets);
    htab_init(h);
}

static size_t index_of(const struct htab *h, uint64_t hash)
{
    /* Callers may hand in poor hashes (small numbers, addresses): spread them over the high bits.
     */
    return h->bits ? (size_t) ((hash * 0x9e3779b97f4a7c15u) >> (64 - h->bits)) : 0;
}

static size_t n_buckets(const struct htab *h)
{
    return (size_t) 1 << h->bits;
}

static struct htab_node *const *bucket_const(const struct htab *h, size_t i)
{
    return h->buckets ? &h->buckets[i] : &h->single;
}

static struct htab_node **bucket(struct htab *h, size_t i)
{
    return h->buckets ? &h->buckets[i] : &h->single;
}

static void grow(struct htab *h)
{
    struct htab bigger = {.bits = h->bits ? h->bits + 1 : FIRST_BITS};
    if (bigger.bits > 40)
        return;
    bigger.buckets = calloc(n_buckets(&bigger), sizeof(struct htab_node *));
    if (!bigger.buckets)
        return; /* longer chains, still right */
    for (size_t i = 0; i < n_buckets(h); i++) {
        struct htab_node *n = *bucket(h, i);
        while (n) {
            struct htab_node *next = n->next;
            struct htab_node **b = bucket(&bigger, index_of(&bigger, n->hash));
            n->next = *b;
            *b = n;
            n = next;
        }
    }
    free(h->buckets);
    h->buckets = bigger.buckets;
    h->bits = bigger.bits;
    h->single = NULL;
}

void htab_insert(struct htab *h, struct htab_node *n, uint64_t hash)
{
    if (h->count >= n_buckets(h))
        grow(h);
    struct htab_node **b = bucket(h, index_of(h, hash));
    n->hash = hash;
    n->next = *b;
    *b = n;
    h->count++;
}

void htab_remove(struct htab *h, struct htab_node *n)
{
    struct htab_node **at = bucket(h, index_of(h, n->hash));
    while (*at != n) {
        if (!*at)
            abort(); /* not in this table: memory is already wrong */
        at = &(*at)->next;
    }
    *at = n->next;
    n->next = NULL;
    h->count--;
}

static struct htab_node *skip_to(struct htab_node *n, uint64_t hash)
{
    while (n && n->hash != hash)
        n = n->next;
    return n;
}

struct htab_node *htab_find_first(const struct htab *h, uint64_t hash)
{
    return skip_to(*bucket_const(h, index_of(h, hash)), hash);
}

struct htab_node *htab_find_next(const struct htab_node *n)
{
    return skip_to(n->next, n->hash);
}

static struct htab_node *first_from(const struct htab *h, size_t i)
{
    for (; i < n_buckets(h); i++) {
        struct htab_node *n = *bucket_const(h, i);
        if (n)
            return n;
    }
    return NULL;
}

struct htab_node *htab_first(const struct htab *h)
{
    return first_from(h, 0);
}

struct htab_node *htab_next(const struct htab *h, const struct htab_node *n)
{
    return n->next ? n->next : first_from(h, index_of(h, n->hash) + 1);
}

struct sip {
    uint64_t a, b, c, d;
};

static uint64_t rotate(uint64_t v, unsigned by)
{
    return v << by | v >> (64 - by);
}

static void sip_round(struct sip *s)
{
    s->a += s->b;
    s->c += s->d;
    s->b = rotate(s->b, 13) ^ s->a;
    s->d = rotate(s->d, 16) ^ s->c;
    s->a = rotate(s->a, 32);
    s->c += s->b;
    s->a += s->d;
    s->b = rotate(s->b, 17) ^ s->c;
    s->d = rotate(s->d, 21) ^ s->a;
    s->c = rotate(s->c, 32);
}

static void sip_word(struct sip *s, uint64_t word)
{
    s->d ^= word;
    sip_round(s);
    s->a ^= word;
}

/* SipHash-1-3 (Aumasson, Bernstein), key = (seed, ~seed). Its constants spell
 * "somepseudorandomlygeneratedbytes". */
uint64_t hash_bytes(const void *bytes, size_t n, uint64_t seed)
{
    struct sip s = {
        .a = seed ^ 0x736f6d6570736575u,
        .b = ~seed ^ 0x646f72616e646f6du,
        .c = seed ^ 0x6c7967656e657261u,
        .d = ~seed ^ 0x7465646279746573u,
    };
    const uint8_t *p = bytes;
    size_t left = n;
    for (; left >= 8; p += 8, left -= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        sip_word(&s, word);
    }
    uint64_t last = (uint64_t) n << 56;
    for (size_t i = 0; i < left; i++)
        last |= (uint64_t) p[i] << (8 * i);
    sip_word(&s, last);
    s.c ^= 0xff;
    sip_round(&s);
    sip_round(&s);
    sip_round(&s);
    return s.a ^ s.b ^ s.c ^ s.d;
}

uint64_t hash_u64(uint64_t v)
{
    v ^= v >> 32;
    v *= 0xe9846af9b1a615du;
    v ^= v >> 32;
    v *= 0xe9846af9b1a615du;
    v ^= v >> 28;
    return v;
}
