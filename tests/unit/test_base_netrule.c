/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of the egress policy as text. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/netrule.h"

static void parse(const char *text, struct net_rule *r)
{
    char why[128] = "";

    if (net_rule_parse(text, r, why, sizeof(why)) < 0)
        fail_msg("%s: %s", text, why);
}

static void addresses(void **state)
{
    static const struct {
        const char *text, *addr;
        unsigned prefix, first, last, protocols;
    } cases[] = {
        {"10.0.0.0/8", "10.0.0.0", 8, 0, 65535, NET_TCP | NET_UDP},
        {"10.0.0.0/8:5432/tcp", "10.0.0.0", 8, 5432, 5432, NET_TCP},
        {"10.0.0.7:80-90", "10.0.0.7", 32, 80, 90, NET_TCP | NET_UDP},
        {"10.0.0.7/udp", "10.0.0.7", 32, 0, 65535, NET_UDP},
        {"2001:db8::/32", "2001:db8::", 32, 0, 65535, NET_TCP | NET_UDP},
        {"2001:db8::1/udp", "2001:db8::1", 128, 0, 65535, NET_UDP},
        {"[2001:db8::1]:53/udp", "2001:db8::1", 128, 53, 53, NET_UDP},
        {"[2001:db8::]/32:1-65535/tcp", "2001:db8::", 32, 1, 65535, NET_TCP},
        {"::ffff:10.0.0.0/104", "10.0.0.0", 8, 0, 65535, NET_TCP | NET_UDP},
        {"[::ffff:10.1.2.3]:80", "10.1.2.3", 32, 80, 80, NET_TCP | NET_UDP},
    };
    char text[NET_ADDR_TEXT];

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct net_rule r;

        parse(cases[i].text, &r);
        assert_int_equal(r.kind, NET_RULE_ADDRESS);
        assert_string_equal(net_addr_format(&r.addr, text, sizeof(text)), cases[i].addr);
        assert_int_equal(r.prefix, cases[i].prefix);
        assert_int_equal(r.first, cases[i].first);
        assert_int_equal(r.last, cases[i].last);
        assert_int_equal(r.protocols, cases[i].protocols);
    }
}

static void names_and_all(void **state)
{
    struct net_rule r;

    (void) state;
    parse("PyPI.org.:443", &r);
    assert_int_equal(r.kind, NET_RULE_NAME);
    assert_string_equal(r.name, "pypi.org");
    assert_true(net_rule_names(&r, "pypi.org"));
    assert_false(net_rule_names(&r, "www.pypi.org"));
    parse("*.pypi.org", &r);
    assert_int_equal(r.kind, NET_RULE_DOMAIN);
    assert_true(net_rule_names(&r, "a.b.pypi.org"));
    assert_false(net_rule_names(&r, "pypi.org"));
    assert_false(net_rule_names(&r, "notpypi.org"));
    assert_false(net_rule_names(&r, ".pypi.org"));
    parse("all", &r);
    assert_int_equal(r.kind, NET_RULE_ALL);
    assert_false(r.one_family);
    parse("0.0.0.0/0:443", &r);
    assert_true(r.kind == NET_RULE_ALL && r.one_family && !r.addr.v6 && r.first == 443);
    parse("::/0", &r);
    assert_true(r.kind == NET_RULE_ALL && r.one_family && r.addr.v6);
    parse("::ffff:0.0.0.0/96", &r);
    assert_true(r.kind == NET_RULE_ALL && r.one_family && !r.addr.v6);
}

static void refused(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "no host"},
        {":80", "no host"},
        {"/tcp", "no host"},
        {"a b", "neither an address nor"},
        {"a..b", "neither an address nor"},
        {"*", "neither an address nor"},
        {"*.", "neither an address nor"},
        {"a.*.b", "neither an address nor"},
        {"https://pypi.org", "\"\" is not a port"},
        {"pypi.org:443/http", "neither tcp nor udp"},
        {"pypi.org:443/tcp/udp", "neither tcp nor udp"},
        {"pypi.org:0", "not a port"},
        {"pypi.org:65536", "not a port"},
        {"pypi.org:80-", "not a port"},
        {"pypi.org:-80", "not a port"},
        {"pypi.org:90-80", "ends before"},
        {"pypi.org:http", "not a port"},
        {"pypi.org:+80", "not a port"},
        {"pypi.org:", "not a port"},
        {"pypi.org/8", "follows a name"},
        {"pypi.org/", "neither tcp nor udp"},
        {"10.0.0.1/8", "bits set beyond"},
        {"10.0.0.0/33", "length of its network"},
        {"10.0.0.0/8x", "length of its network"},
        {"10.0.0", "not an IPv4 address"},
        {"10.0.0.256", "not an IPv4 address"},
        {"1234", "not an IPv4 address"},
        {"[10.0.0.1]:80", "not an IPv6 address"},
        {"[::1", "not closed"},
        {"[::1]80", "not ports"},
        {"[fe80::1%eth0]", "not an IPv6 address"},
        {"::1:80:x", "not an IPv6 address"},
        {"2001:db8::1/129", "length of its network"},
        {"all/0", "follows a name"},
    };
    struct net_rule r;
    char why[128], name[600];

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        why[0] = '\0';
        if (net_rule_parse(cases[i].text, &r, why, sizeof(why)) == 0)
            fail_msg("\"%s\" was taken for a rule", cases[i].text);
        if (!strstr(why, cases[i].why))
            fail_msg("\"%s\": \"%s\" does not say \"%s\"", cases[i].text, why, cases[i].why);
    }
    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(net_rule_parse(name, &r, why, sizeof(why)), -EINVAL);
    name[64] = '\0'; /* one label */
    assert_int_equal(net_rule_parse(name, &r, why, sizeof(why)), -EINVAL);
    name[63] = '\0';
    assert_int_equal(net_rule_parse(name, &r, why, sizeof(why)), 0);
}

static void prefixes(void **state)
{
    struct net_addr a, b;

    (void) state;
    assert_int_equal(net_addr_parse("10.127.255.255", &a), 0);
    assert_int_equal(net_addr_parse("10.0.0.0", &b), 0);
    assert_true(net_addr_in(&a, &b, 9));
    assert_false(net_addr_in(&a, &b, 10));
    assert_true(net_addr_in(&a, &b, 0));
    assert_false(net_addr_in(&a, &b, 33));
    assert_int_equal(net_addr_parse("::ffff:10.0.0.0", &b), 0);
    assert_false(net_addr_equal(&a, &b));
    net_addr_unmap(&b);
    assert_true(net_addr_in(&a, &b, 8));
    assert_int_equal(net_addr_parse("fe80::1%1", &b), -EINVAL);
    assert_int_equal(net_addr_parse("010.0.0.1", &b), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test(names_and_all),
        cmocka_unit_test(refused),
        cmocka_unit_test(prefixes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
