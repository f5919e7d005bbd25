/* SPDX-License-Identifier: Apache-2.0 */
/* Questions and answers: see dns.h. */
#include "net/policy/dns.h"

#include <errno.h>
#include <string.h>

enum {
    HEADER = 12,
    QR = 0x8000,
    OPCODE = 0x7800,
    ANSWERED = 0x8000 | 0x7800, /* and the code */
    RCODE = 0x000f,
    CLASS_IN = 1,
    POINTER = 0xc0,
    MAX_LABELS = 128,
    MAX_RECORDS = 256, /* looked at in one message */
    OPTION_COOKIE = 10,
    COOKIE_MIN = 8,
    COOKIE_MAX = 40,
};

/* A message being read; `at` never passes n. */
struct cursor {
    const uint8_t *bytes;
    size_t n, at;
};

static int get16(struct cursor *c, uint16_t *ret)
{
    if (c->n - c->at < 2)
        return -EBADMSG;
    *ret = (uint16_t) (c->bytes[c->at] << 8 | c->bytes[c->at + 1]);
    c->at += 2;
    return 0;
}

static int get32(struct cursor *c, uint32_t *ret)
{
    uint16_t high, low;

    if (get16(c, &high) < 0 || get16(c, &low) < 0)
        return -EBADMSG;
    *ret = (uint32_t) high << 16 | low;
    return 0;
}

/*
 * A name; what it points to must lie before where the pointer's name began, so that each jump leads
 * further back and no loop is possible. An unusual one (with characters no host name has) is
 * skipped: ret is then "". pointers: whether they may be used at all.
 */
static int get_name(struct cursor *c, bool pointers, char ret[static NET_NAME_MAX])
{
    char text[NET_NAME_MAX + 1];
    size_t at = c->at, len = 0, limit = c->at, end = 0;

    for (unsigned i = 0; i < MAX_LABELS; i++) {
        if (at >= c->n)
            return -EBADMSG;
        uint8_t head = c->bytes[at];
        if ((head & POINTER) == POINTER) {
            if (!pointers || c->n - at < 2)
                return -EBADMSG;
            size_t to = (size_t) (head & ~POINTER & 0xff) << 8 | c->bytes[at + 1];
            if (!end)
                end = at + 2;
            if (to < HEADER || to >= limit)
                return -EBADMSG;
            at = limit = to;
            continue;
        }
        if (head & POINTER) /* types of labels that nobody uses */
            return -EBADMSG;
        at++;
        if (head == 0) {
            c->at = end ? end : at;
            if (memchr(text, '\0', len) || net_name_normal(text, len, ret) < 0)
                ret[0] = '\0';
            return 0;
        }
        if (head > c->n - at || len + head + 1 > NET_NAME_MAX)
            return -EBADMSG;
        /* A dot within a label is no dot between two. */
        if (memchr(c->bytes + at, '.', head))
            text[len] = '\0';
        else
            memcpy(text + len, c->bytes + at, head);
        len += head;
        text[len++] = '.';
        at += head;
    }
    return -EBADMSG;
}

struct counts {
    uint16_t id, flags, questions, answers, authorities, additional;
};

static int get_header(struct cursor *c, struct counts *h)
{
    uint16_t *const fields[] = {&h->id,      &h->flags,       &h->questions,
                                &h->answers, &h->authorities, &h->additional};

    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (get16(c, fields[i]) < 0)
            return -EBADMSG;
    return 0;
}

static int get_question(struct cursor *c, struct dns_question *q)
{
    uint16_t class;

    if (get_name(c, false, q->name) < 0 || get16(c, &q->type) < 0 || get16(c, &class) < 0)
        return -EBADMSG;
    return class == CLASS_IN && q->name[0] ? 0 : -EBADMSG;
}

struct record {
    char name[NET_NAME_MAX];
    uint16_t type, class;
    uint32_t ttl;
    size_t data, len; /* in the message */
};

static int get_record(struct cursor *c, struct record *r)
{
    uint16_t len;

    if (get_name(c, true, r->name) < 0 || get16(c, &r->type) < 0 || get16(c, &r->class) < 0 ||
        get32(c, &r->ttl) < 0 || get16(c, &len) < 0 || len > c->n - c->at)
        return -EBADMSG;
    r->data = c->at;
    r->len = len;
    c->at += len;
    if (r->ttl > INT32_MAX) /* RFC 2181, 8 */
        r->ttl = 0;
    return 0;
}

/* ---- questions ---- */

static bool is_asked_type(uint16_t type)
{
    return type == DNS_A || type == DNS_AAAA || type == DNS_CNAME || type == DNS_HTTPS;
}

/* Nothing, or a cookie: what else could be in it is a letter to the server. */
static bool is_plain_edns(const struct cursor *c, const struct record *r)
{
    struct cursor data = {c->bytes, r->data + r->len, r->data};
    uint16_t option, len;

    /* Version 0, no extended code; the flags hold one, DO. */
    if (r->type != DNS_OPT || (r->ttl & ~0x8000u))
        return false;
    if (r->len == 0)
        return true;
    return get16(&data, &option) == 0 && get16(&data, &len) == 0 && option == OPTION_COOKIE &&
           len >= COOKIE_MIN && len <= COOKIE_MAX && data.at + len == data.n;
}

int dns_parse_question(const uint8_t *bytes, size_t n, struct dns_question *ret)
{
    struct cursor c = {bytes, n, 0};
    struct counts h;
    struct record r;

    if (get_header(&c, &h) < 0 || (h.flags & (QR | OPCODE | RCODE)) || h.questions != 1 ||
        h.answers || h.authorities || h.additional > 1 || get_question(&c, ret) < 0 ||
        !is_asked_type(ret->type))
        return -EBADMSG;
    /* The root's name is one byte; a longer one would say something. */
    if (h.additional &&
        (c.at >= n || bytes[c.at] != 0 || get_record(&c, &r) < 0 || !is_plain_edns(&c, &r)))
        return -EBADMSG;
    ret->id = h.id;
    return c.at == n ? 0 : -EBADMSG;
}

/* ---- answers ---- */

/* The names that the question's is an alias for, in order; the last one's addresses count. */
struct chain {
    char name[NET_NAME_MAX];
    uint32_t ttl;
};

static int follow(struct cursor *c, const struct record *r, struct chain *ch)
{
    struct cursor data = {c->bytes, c->n, r->data};
    char target[NET_NAME_MAX];

    if (get_name(&data, true, target) < 0 || data.at != r->data + r->len)
        return -EBADMSG;
    memcpy(ch->name, target, sizeof(target));
    ch->ttl = MIN(ch->ttl, r->ttl);
    return 0;
}

/* The alias of ch's name, if there is one among the records at c. 1: found. */
static int step(struct cursor c, unsigned records, struct chain *ch)
{
    struct record r;

    for (unsigned i = 0; i < records; i++) {
        if (get_record(&c, &r) < 0)
            return -EBADMSG;
        if (r.type == DNS_CNAME && r.class == CLASS_IN && strcmp(r.name, ch->name) == 0) {
            int e = follow(&c, &r, ch);

            return e < 0 ? e : 1;
        }
    }
    return 0;
}

static void take_address(const struct cursor *c, const struct record *r, uint32_t ttl,
                         struct dns_answers *ret)
{
    size_t want = r->type == DNS_A ? 4 : 16;
    struct dns_answer *a = &ret->items[ret->n];

    if (r->len != want || ret->n == DNS_ANSWERS_MAX)
        return;
    *a = (struct dns_answer){.addr.v6 = r->type == DNS_AAAA, .ttl = MIN(ttl, r->ttl)};
    memcpy(a->addr.bytes, c->bytes + r->data, want);
    net_addr_unmap(&a->addr);
    ret->n++;
}

static int collect(struct cursor c, unsigned records, const struct chain *ch, uint16_t type,
                   struct dns_answers *ret)
{
    struct record r;

    for (unsigned i = 0; i < records; i++) {
        if (get_record(&c, &r) < 0)
            return -EBADMSG;
        if (r.type == type && r.class == CLASS_IN && strcmp(r.name, ch->name) == 0)
            take_address(&c, &r, ch->ttl, ret);
    }
    return 0;
}

int dns_parse_answer(const uint8_t *bytes, size_t n, const struct dns_question *q,
                     struct dns_answers *ret)
{
    struct cursor c = {bytes, n, 0};
    struct chain ch = {.ttl = INT32_MAX};
    struct dns_question asked;
    struct counts h;
    int r = 1;

    ret->n = 0;
    if (get_header(&c, &h) < 0 || (h.flags & ANSWERED) != QR || h.questions != 1 ||
        h.answers > MAX_RECORDS)
        return -EBADMSG;
    if (get_question(&c, &asked) < 0)
        return -EBADMSG;
    if (h.id != q->id || asked.type != q->type || strcmp(asked.name, q->name) != 0)
        return -ENOMSG;
    if ((h.flags & RCODE) || (q->type != DNS_A && q->type != DNS_AAAA))
        return 0;
    memcpy(ch.name, asked.name, sizeof(ch.name));
    for (unsigned i = 0; i < DNS_CHAIN_MAX && r == 1 && ch.name[0]; i++)
        r = step(c, h.answers, &ch);
    if (r == 1) /* too long, or a loop; or it leads to what is no host's name */
        return 0;
    if (r == 0)
        r = collect(c, h.answers, &ch, q->type, ret);
    if (r < 0)
        ret->n = 0;
    return r;
}
