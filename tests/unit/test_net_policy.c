/* SPDX-License-Identifier: Apache-2.0 */
/* The egress policy: messages of the domain name system, and what is allowed when. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/policy/dns.h"
#include "net/policy/policy.h"

/* ---- messages, built by hand ---- */

struct message {
    uint8_t b[2048];
    size_t n;
};

static void put(struct message *m, const void *bytes, size_t n)
{
    memcpy(m->b + m->n, bytes, n);
    m->n += n;
}

static void put16(struct message *m, unsigned v)
{
    uint8_t b[2] = {(uint8_t) (v >> 8), (uint8_t) v};

    put(m, b, 2);
}

static void put_name(struct message *m, const char *name)
{
    while (*name) {
        uint8_t n = (uint8_t) strcspn(name, ".");

        put(m, &n, 1);
        put(m, name, n);
        name += n + (name[n] == '.');
    }
    put(m, "", 1);
}

static void begin(struct message *m, unsigned id, unsigned flags, unsigned answers,
                  const char *name, unsigned type)
{
    m->n = 0;
    put16(m, id);
    put16(m, flags);
    put16(m, 1);
    put16(m, answers);
    put16(m, 0);
    put16(m, 0);
    put_name(m, name);
    put16(m, type);
    put16(m, 1);
}

static void record(struct message *m, const char *name, unsigned type, unsigned ttl,
                   const void *data, unsigned len)
{
    put_name(m, name);
    put16(m, type);
    put16(m, 1);
    put16(m, ttl >> 16);
    put16(m, ttl & 0xffff);
    put16(m, len);
    put(m, data, len);
}

static void alias(struct message *m, const char *name, const char *to, unsigned ttl)
{
    struct message data = {.n = 0};

    put_name(&data, to);
    record(m, name, DNS_CNAME, ttl, data.b, (unsigned) data.n);
}

enum { QUERY = 0x0100, ANSWER = 0x8180 };

static int question_of(const struct message *m, struct dns_question *q)
{
    return dns_parse_question(m->b, m->n, q);
}

static void questions(void **state)
{
    struct message m;
    struct dns_question q;
    static const uint8_t edns[] = {0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0};
    static const uint8_t cookie[] = {0,  0, 41, 4, 208, 0, 0, 0, 0, 0, 12, 0,
                                     10, 0, 8,  1, 2,   3, 4, 5, 6, 7, 8};

    (void) state;
    begin(&m, 7, QUERY, 0, "PyPI.org", DNS_A);
    assert_int_equal(question_of(&m, &q), 0);
    assert_string_equal(q.name, "pypi.org");
    assert_int_equal(q.id, 7);
    assert_int_equal(q.type, DNS_A);
    for (size_t n = 0; n < m.n; n++)
        assert_int_equal(dns_parse_question(m.b, n, &q), -EBADMSG);
    m.b[m.n++] = 0; /* a letter to the server */
    assert_int_equal(question_of(&m, &q), -EBADMSG);
    m.n--;
    m.b[11] = 1; /* EDNS */
    put(&m, edns, sizeof(edns));
    assert_int_equal(question_of(&m, &q), 0);
    m.n -= sizeof(edns);
    put(&m, cookie, sizeof(cookie));
    assert_int_equal(question_of(&m, &q), 0);
    m.b[m.n - 11] = 11; /* another option */
    assert_int_equal(question_of(&m, &q), -EBADMSG);
    begin(&m, 7, QUERY, 0, "pypi.org", 16 /* TXT */);
    assert_int_equal(question_of(&m, &q), -EBADMSG);
    begin(&m, 7, ANSWER, 0, "pypi.org", DNS_A);
    assert_int_equal(question_of(&m, &q), -EBADMSG);
    begin(&m, 7, 0x2800 /* update */, 0, "pypi.org", DNS_A);
    assert_int_equal(question_of(&m, &q), -EBADMSG);
    begin(&m, 7, QUERY, 0, "", DNS_A);
    assert_int_equal(question_of(&m, &q), -EBADMSG);
    begin(&m, 7, QUERY, 0, "pypi.org", DNS_A);
    m.b[14] = '.'; /* within a label */
    assert_int_equal(question_of(&m, &q), -EBADMSG);
    m.b[14] = 0;
    assert_int_equal(question_of(&m, &q), -EBADMSG);
    begin(&m, 7, QUERY, 0, "pypi.org", DNS_A);
    m.b[12] = 0xc0; /* a question is not compressed */
    assert_int_equal(question_of(&m, &q), -EBADMSG);
    m.b[12] = 0x41;
    assert_int_equal(question_of(&m, &q), -EBADMSG);
}

static const struct dns_question asked = {.id = 7, .type = DNS_A, .name = "pypi.org"};

static int answers_of(const struct message *m, struct dns_answers *a)
{
    return dns_parse_answer(m->b, m->n, &asked, a);
}

static void answers(void **state)
{
    struct message m;
    struct dns_answers a;

    (void) state;
    begin(&m, 7, ANSWER, 2, "pypi.org", DNS_A);
    record(&m, "PYPI.org", DNS_A, 300, "\1\2\3\4", 4);
    record(&m, "other.org", DNS_A, 300, "\5\5\5\5", 4); /* nobody asked */
    assert_int_equal(answers_of(&m, &a), 0);
    assert_int_equal(a.n, 1);
    assert_memory_equal(a.items[0].addr.bytes, "\1\2\3\4", 4);
    assert_int_equal(a.items[0].ttl, 300);
    for (size_t n = 0; n < m.n; n++)
        assert_int_equal(dns_parse_answer(m.b, n, &asked, &a), -EBADMSG);
    m.b[1] = 8;
    assert_int_equal(answers_of(&m, &a), -ENOMSG);
    begin(&m, 7, ANSWER, 1, "pypa.org", DNS_A);
    record(&m, "pypa.org", DNS_A, 300, "\1\2\3\4", 4);
    assert_int_equal(answers_of(&m, &a), -ENOMSG);
    begin(&m, 7, ANSWER, 1, "pypi.org", DNS_AAAA);
    assert_int_equal(answers_of(&m, &a), -ENOMSG);
    begin(&m, 7, ANSWER | 3 /* no such name */, 0, "pypi.org", DNS_A);
    assert_int_equal(answers_of(&m, &a), 0);
    assert_int_equal(a.n, 0);
    begin(&m, 7, QUERY, 0, "pypi.org", DNS_A);
    assert_int_equal(answers_of(&m, &a), -EBADMSG);
    begin(&m, 7, ANSWER, 1, "pypi.org", DNS_A);
    record(&m, "pypi.org", DNS_A, 300, "\1\2\3\4\5", 5);
    assert_int_equal(answers_of(&m, &a), 0);
    assert_int_equal(a.n, 0);
    begin(&m, 7, ANSWER, 1, "pypi.org", DNS_A);
    record(&m, "pypi.org", DNS_A, 0x80000001, "\1\2\3\4", 4);
    assert_int_equal(answers_of(&m, &a), 0);
    assert_int_equal(a.items[0].ttl, 0);
}

static void chains(void **state)
{
    struct message m;
    struct dns_answers a;

    (void) state;
    begin(&m, 7, ANSWER, 4, "pypi.org", DNS_A);
    record(&m, "c.cdn.net", DNS_A, 900, "\1\2\3\4", 4); /* in any order */
    alias(&m, "b.cdn.net", "c.cdn.net", 20);
    alias(&m, "pypi.org", "b.cdn.net", 600);
    record(&m, "pypi.org", DNS_A, 900, "\6\6\6\6", 4); /* an alias has no address of its own */
    assert_int_equal(answers_of(&m, &a), 0);
    assert_int_equal(a.n, 1);
    assert_memory_equal(a.items[0].addr.bytes, "\1\2\3\4", 4);
    assert_int_equal(a.items[0].ttl, 20);

    begin(&m, 7, ANSWER, 2, "pypi.org", DNS_A);
    alias(&m, "pypi.org", "b.org", 600);
    alias(&m, "b.org", "pypi.org", 600);
    assert_int_equal(answers_of(&m, &a), 0);
    assert_int_equal(a.n, 0);

    begin(&m, 7, ANSWER, 20, "pypi.org", DNS_A);
    alias(&m, "pypi.org", "a.org", 600);
    for (char c = 'a'; c < 'a' + 18; c++)
        alias(&m, (char[]){c, '.', 'o', 'r', 'g', 0},
              (char[]){(char) (c + 1), '.', 'o', 'r', 'g', 0}, 600);
    record(&m, "s.org", DNS_A, 900, "\1\2\3\4", 4);
    assert_int_equal(answers_of(&m, &a), 0);
    assert_int_equal(a.n, 0);
}

/* An answer whose record's name is these bytes. */
static int answer_named(const char *bytes, size_t n, struct dns_answers *a)
{
    struct message m;

    begin(&m, 7, ANSWER, 1, "pypi.org", DNS_A);
    put(&m, bytes, n);
    put(&m, "\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4", 14);
    return answers_of(&m, a);
}

static void compression(void **state)
{
    struct dns_answers a;

    (void) state;
    assert_int_equal(answer_named("\xc0\x0c", 2, &a), 0);
    assert_int_equal(a.n, 1);
    assert_int_equal(answer_named("\4pypi\xc0\x11", 7, &a), 0); /* the question's "org" */
    assert_int_equal(a.n, 1);
    assert_int_equal(answer_named("\xc0\x1a", 2, &a), -EBADMSG);    /* to itself */
    assert_int_equal(answer_named("\xc0\x1c", 2, &a), -EBADMSG);    /* forward */
    assert_int_equal(answer_named("\1x\xc0\x1a", 4, &a), -EBADMSG); /* a loop */
    assert_int_equal(answer_named("\xc0\x00", 2, &a), -EBADMSG);    /* into the header */
    assert_int_equal(answer_named("\xff\xff", 2, &a), -EBADMSG);    /* outside */
    assert_int_equal(answer_named("\x80\x0c", 2, &a), -EBADMSG);
}

/* ---- the policy ---- */

static struct destination to(const char *addr, unsigned port, unsigned protocol)
{
    struct destination d = {.port = (uint16_t) port, .protocol = (uint8_t) protocol};

    assert_int_equal(net_addr_parse(addr, &d.addr), 0);
    net_addr_unmap(&d.addr);
    return d;
}

static bool allowed(struct policy *p, const char *addr, unsigned port, unsigned protocol)
{
    struct destination d = to(addr, port, protocol);

    return policy_allows(p, &d, 100);
}

static struct policy *make(const char *const *rules, const char *const *servers)
{
    struct policy *p = NULL;

    assert_int_equal(policy_new(rules, servers, &p), 0);
    return p;
}

static void by_address(void **state)
{
    struct policy *p = make((const char *const[]){"10.0.0.0/8:5432/tcp", "[2001:db8::1]:53/udp",
                                                  "127.0.0.0/8:80", "192.0.2.1", NULL},
                            NULL);

    (void) state;
    assert_true(allowed(p, "10.1.2.3", 5432, NET_TCP));
    assert_true(allowed(p, "::ffff:10.1.2.3", 5432, NET_TCP));
    assert_false(allowed(p, "10.1.2.3", 5432, NET_UDP));
    assert_false(allowed(p, "10.1.2.3", 5433, NET_TCP));
    assert_false(allowed(p, "11.1.2.3", 5432, NET_TCP));
    assert_true(allowed(p, "2001:db8::1", 53, NET_UDP));
    assert_false(allowed(p, "2001:db8::2", 53, NET_UDP));
    assert_true(allowed(p, "127.0.0.1", 80, NET_TCP));
    assert_true(allowed(p, "192.0.2.1", 1, NET_UDP));
    struct destination d = to("192.0.2.1", 0, NET_TCP);
    d.own = true; /* said by its address */
    assert_true(policy_allows(p, &d, 0));
    policy_free(p);
    assert_int_equal(policy_new((const char *const[]){"10.0.0.1/8", NULL}, NULL, &p), -EINVAL);
    assert_int_equal(policy_new((const char *const[]){NULL}, (const char *const[]){"x", NULL}, &p),
                     -EINVAL);
}

static void everything(void **state)
{
    struct policy *p =
        make((const char *const[]){"all", NULL}, (const char *const[]){"127.0.0.53", NULL});
    struct destination d = to("192.0.2.1", 80, NET_TCP);

    (void) state;
    assert_true(allowed(p, "192.0.2.1", 80, NET_TCP));
    assert_true(allowed(p, "2001:db8::1", 80, NET_TCP));
    assert_false(allowed(p, "127.0.0.1", 80, NET_TCP));
    assert_false(allowed(p, "::1", 80, NET_TCP));
    assert_false(allowed(p, "::ffff:127.0.0.1", 80, NET_TCP));
    assert_false(allowed(p, "169.254.169.254", 80, NET_TCP));
    assert_false(allowed(p, "fe80::1", 80, NET_TCP));
    assert_false(allowed(p, "0.0.0.0", 80, NET_TCP));
    assert_true(allowed(p, "127.0.0.53", 53, NET_UDP)); /* the configured server */
    assert_false(allowed(p, "127.0.0.53", 53, NET_TCP));
    d.own = true;
    assert_false(policy_allows(p, &d, 0));
    policy_free(p);
    p = make((const char *const[]){"0.0.0.0/0", NULL}, NULL);
    assert_true(allowed(p, "192.0.2.1", 80, NET_TCP));
    assert_false(allowed(p, "2001:db8::1", 80, NET_TCP));
    policy_free(p);
}

static void by_name(void **state)
{
    const char *const servers[] = {"127.0.0.53", "10.9.9.9", NULL};
    struct policy *p =
        make((const char *const[]){"pypi.org:443/tcp", "*.cdn.net:80", NULL}, servers);
    struct destination server = to("127.0.0.53", 53, NET_UDP), there = to("1.2.3.4", 443, NET_TCP);
    struct destination other = to("10.9.9.9", 53, NET_UDP);
    struct message m;
    unsigned id;

    (void) state;
    assert_true(policy_is_server(p, &server));
    assert_false(policy_allows(p, &server, 0)); /* datagrams are looked at one by one */
    begin(&m, 7, QUERY, 0, "evil.org", DNS_A);
    assert_int_equal(policy_ask(p, 1, &server.addr, m.b, m.n, false, 100), -EPERM);
    begin(&m, 7, QUERY, 0, "cdn.net", DNS_A);
    assert_int_equal(policy_ask(p, 1, &server.addr, m.b, m.n, false, 100), -EPERM);
    assert_int_equal(policy_ask(p, 1, &server.addr, (uint8_t *) "tunnel", 0, false, 100), -EPERM);
    begin(&m, 7, QUERY, 0, "pypi.org", DNS_A);
    assert_int_equal(policy_ask(p, 1, &server.addr, m.b, m.n, false, 100), 0);
    id = (unsigned) m.b[0] << 8 | m.b[1];

    begin(&m, id, ANSWER, 2, "pypi.org", DNS_A);
    record(&m, "pypi.org", DNS_A, 3600, "\1\2\3\4", 4);
    record(&m, "pypi.org", DNS_A, 3600, "\x7f\0\0\1", 4);
    policy_hear(p, 2, &server.addr, m.b, m.n, false, 100); /* who has not asked */
    assert_false(policy_allows(p, &there, 100));
    policy_hear(p, 1, &other.addr, m.b, m.n, false, 100); /* who was not asked */
    assert_false(policy_allows(p, &there, 100));
    policy_hear(p, 1, &server.addr, m.b, m.n, false, 200); /* too late */
    assert_false(policy_allows(p, &there, 100));
    policy_hear(p, 1, &server.addr, m.b, m.n, true, 100);
    assert_int_equal(m.b[1], 7);
    assert_true(policy_allows(p, &there, 100));
    assert_true(policy_allows(p, &there, 3699));
    assert_false(policy_allows(p, &there, 3700));
    there.protocol = NET_UDP;
    assert_false(policy_allows(p, &there, 100));
    assert_true(policy_knows(p, &there, 100));
    there.protocol = NET_TCP;
    there.own = true;
    assert_false(policy_allows(p, &there, 100));
    assert_false(allowed(p, "1.2.3.4", 80, NET_TCP));
    assert_false(allowed(p, "127.0.0.1", 443, NET_TCP)); /* rebinding */
    /* Looked at before, now received. */
    m.b[0] = (uint8_t) (id >> 8);
    m.b[1] = (uint8_t) id;
    policy_hear(p, 1, &server.addr, m.b, m.n, false, 100);
    assert_int_equal(m.b[1], 7);
    m.b[1] = (uint8_t) id;
    policy_hear(p, 1, &server.addr, m.b, m.n, false, 100);
    assert_int_equal(m.b[1], (uint8_t) id); /* answered once */
    policy_free(p);
}

static void short_lives_and_guesses(void **state)
{
    const char *const servers[] = {"10.9.9.9", NULL};
    struct policy *p = make((const char *const[]){"*.cdn.net:80", NULL}, servers);
    struct destination server = to("10.9.9.9", 53, NET_UDP), there = to("1.2.3.4", 80, NET_TCP);
    struct message m;
    unsigned id;

    (void) state;
    begin(&m, 7, QUERY, 0, "a.cdn.net", DNS_A);
    assert_int_equal(policy_ask(p, 1, &server.addr, m.b, m.n, false, 100), 0);
    id = (unsigned) m.b[0] << 8 | m.b[1];
    begin(&m, id, ANSWER, 1, "a.cdn.net", DNS_A);
    record(&m, "a.cdn.net", DNS_A, 0, "\1\2\3\4", 4);
    policy_hear(p, 1, &server.addr, m.b, m.n, false, 100);
    assert_true(policy_allows(p, &there, 699)); /* ten minutes at least */
    assert_false(policy_allows(p, &there, 700));

    begin(&m, 7, QUERY, 0, "b.cdn.net", DNS_A);
    assert_int_equal(policy_ask(p, 1, &server.addr, m.b, m.n, false, 800), 0);
    id = (unsigned) m.b[0] << 8 | m.b[1];
    begin(&m, id ^ 1, ANSWER, 1, "b.cdn.net", DNS_A);
    record(&m, "b.cdn.net", DNS_A, 0, "\1\2\3\4", 4);
    for (int i = 0; i < 20; i++)
        policy_hear(p, 1, &server.addr, m.b, m.n, false, 800);
    m.b[1] ^= 1;
    policy_hear(p, 1, &server.addr, m.b, m.n, false, 800);
    assert_false(policy_allows(p, &there, 800));

    /* More than there is room for: the newest are there. */
    for (unsigned i = 0; i < 3000; i++) {
        begin(&m, 7, QUERY, 0, "c.cdn.net", DNS_A);
        assert_int_equal(policy_ask(p, 1, &server.addr, m.b, m.n, false, 900 + i), 0);
        id = (unsigned) m.b[0] << 8 | m.b[1];
        uint8_t addr[4] = {9, 9, (uint8_t) (i >> 8), (uint8_t) i};
        begin(&m, id, ANSWER, 1, "c.cdn.net", DNS_A);
        record(&m, "c.cdn.net", DNS_A, 0, addr, 4);
        policy_hear(p, 1, &server.addr, m.b, m.n, false, 900 + i);
        memcpy(there.addr.bytes, addr, 4);
        assert_true(policy_allows(p, &there, 900 + i));
    }
    policy_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(questions),  cmocka_unit_test(answers),
        cmocka_unit_test(chains),     cmocka_unit_test(compression),
        cmocka_unit_test(by_address), cmocka_unit_test(everything),
        cmocka_unit_test(by_name),    cmocka_unit_test(short_lives_and_guesses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
