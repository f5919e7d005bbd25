/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses as the egress policy takes them from a guest. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "net/inet/egress_internal.h"

static struct sockname v4(int family, const char *addr, uint16_t port)
{
    struct sockaddr_in a = {.sin_family = (sa_family_t) family, .sin_port = htons(port)};
    struct sockname n = {.len = sizeof(a)};

    assert_int_equal(inet_pton(AF_INET, addr, &a.sin_addr), 1);
    memset(a.sin_zero, 0xff, sizeof(a.sin_zero));
    memcpy(n.bytes, &a, sizeof(a));
    return n;
}

static struct sockname v6(const char *addr, uint16_t port, uint32_t scope)
{
    struct sockaddr_in6 a = {.sin6_family = AF_INET6,
                             .sin6_port = htons(port),
                             .sin6_flowinfo = 0xffffff,
                             .sin6_scope_id = scope};
    struct sockname n = {.len = sizeof(a)};

    assert_int_equal(inet_pton(AF_INET6, addr, &a.sin6_addr), 1);
    memcpy(n.bytes, &a, sizeof(a));
    return n;
}

enum { CONNECT = true, SEND = false };

static struct sockname clean;
static struct destination d;

static int parse(int family, int type, struct sockname n, bool connect)
{
    const struct socket s = {.family = family, .type = type};

    return egress_parse(&s, &n, connect, &d, &clean);
}

static const char *text(void)
{
    static char buf[NET_ADDR_TEXT];

    return net_addr_format(&d.addr, buf, sizeof(buf));
}

static void plain_v4(void **state)
{
    static const uint8_t zeros[8];

    (void) state;
    assert_int_equal(parse(LX_AF_INET, LX_SOCK_STREAM, v4(AF_INET, "192.0.2.1", 443), CONNECT), 0);
    assert_string_equal(text(), "192.0.2.1");
    assert_int_equal(d.port, 443);
    assert_int_equal(d.protocol, NET_TCP);
    assert_int_equal(clean.len, sizeof(struct sockaddr_in));
    assert_memory_equal(clean.bytes + 8, zeros, sizeof(zeros)); /* nothing behind it */
    struct sockname n = v4(AF_INET, "192.0.2.1", 443);
    for (n.len = 0; n.len < sizeof(struct sockaddr_in); n.len++)
        assert_int_equal(parse(LX_AF_INET, LX_SOCK_STREAM, n, CONNECT), -EINVAL);
    n.len = sizeof(n.bytes);
    assert_int_equal(parse(LX_AF_INET, LX_SOCK_STREAM, n, CONNECT), 0);
    assert_int_equal(clean.len, sizeof(struct sockaddr_in));
}

static void families(void **state)
{
    struct sockname four = v4(AF_INET, "192.0.2.1", 53), none = v4(AF_UNSPEC, "192.0.2.1", 53);
    struct sockname other = v4(AF_UNIX, "192.0.2.1", 53), six = v6("2001:db8::1", 53, 0);

    (void) state;
    assert_int_equal(parse(LX_AF_INET, LX_SOCK_STREAM, none, CONNECT), 1);
    assert_int_equal(parse(LX_AF_INET, LX_SOCK_DGRAM, none, SEND), 0); /* as sendto(2) takes it */
    assert_string_equal(text(), "192.0.2.1");
    assert_int_equal(d.protocol, NET_UDP);
    assert_int_equal(sockname_family(&clean), AF_INET);
    assert_int_equal(parse(LX_AF_INET6, LX_SOCK_DGRAM, none, SEND), 1);
    assert_int_equal(parse(LX_AF_INET, LX_SOCK_DGRAM, six, SEND), -EAFNOSUPPORT);
    assert_int_equal(parse(LX_AF_INET, LX_SOCK_DGRAM, other, SEND), -EAFNOSUPPORT);
    assert_int_equal(parse(LX_AF_INET6, LX_SOCK_DGRAM, other, SEND), -EINVAL);
    assert_int_equal(parse(LX_AF_INET6, LX_SOCK_DGRAM, four, SEND), 0);
    assert_int_equal(parse(LX_AF_INET6, LX_SOCK_DGRAM, four, CONNECT), 0);
    assert_false(d.addr.v6);
    assert_int_equal(parse(LX_AF_INET6, LX_SOCK_STREAM, four, CONNECT), -EAFNOSUPPORT);
}

static void six(void **state)
{
    struct sockaddr_in6 a;
    struct sockname n = v6("2001:db8::1", 443, 7);

    (void) state;
    assert_int_equal(parse(LX_AF_INET6, LX_SOCK_STREAM, n, CONNECT), 0);
    memcpy(&a, clean.bytes, sizeof(a));
    assert_true(a.sin6_flowinfo == 0 && a.sin6_scope_id == 0 && a.sin6_port == htons(443));
    n.len = 24; /* RFC 2133's */
    assert_int_equal(parse(LX_AF_INET6, LX_SOCK_STREAM, n, CONNECT), 0);
    n.len = 23;
    assert_int_equal(parse(LX_AF_INET6, LX_SOCK_STREAM, n, CONNECT), -EINVAL);
    assert_int_equal(parse(LX_AF_INET6, LX_SOCK_STREAM, v6("fe80::1", 443, 7), CONNECT), 0);
    memcpy(&a, clean.bytes, sizeof(a));
    assert_int_equal(a.sin6_scope_id, 7);
    assert_int_equal(parse(LX_AF_INET6, LX_SOCK_STREAM, v6("::ffff:127.0.0.1", 1, 0), CONNECT), 0);
    assert_string_equal(text(), "127.0.0.1");
    assert_false(d.addr.v6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_v4),
        cmocka_unit_test(families),
        cmocka_unit_test(six),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
