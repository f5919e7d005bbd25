/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of the egress policy: see netrule.h. Sources: RFC 1123 2.1, RFC 4291 2.2, inet_pton(3). */
#include "base/netrule.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"

#define LABEL_MAX 63
#define PORT_MAX  65535u

/* ---- addresses ---- */

int net_addr_parse(const char *text, struct net_addr *ret)
{
    struct net_addr a = {0};
    unsigned char b[16];
    int family = strchr(text, ':') ? AF_INET6 : AF_INET;

    if (inet_pton(family, text, b) != 1)
        return -EINVAL;
    a.v6 = family == AF_INET6;
    memcpy(a.bytes, b, a.v6 ? 16 : 4);
    *ret = a;
    return 0;
}

void net_addr_unmap(struct net_addr *a)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

    if (!a->v6 || memcmp(a->bytes, mapped, sizeof(mapped)) != 0)
        return;
    memmove(a->bytes, a->bytes + 12, 4);
    memset(a->bytes + 4, 0, 12);
    a->v6 = false;
}

bool net_addr_equal(const struct net_addr *a, const struct net_addr *b)
{
    return a->v6 == b->v6 && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool net_addr_in(const struct net_addr *a, const struct net_addr *network, unsigned prefix)
{
    unsigned whole = prefix / 8, rest = prefix % 8;

    if (a->v6 != network->v6 || prefix > (a->v6 ? 128u : 32u) ||
        memcmp(a->bytes, network->bytes, whole) != 0)
        return false;
    return rest == 0 || ((a->bytes[whole] ^ network->bytes[whole]) >> (8 - rest)) == 0;
}

const char *net_addr_format(const struct net_addr *a, char *buf, size_t cap)
{
    if (!inet_ntop(a->v6 ? AF_INET6 : AF_INET, a->bytes, buf, (socklen_t) cap))
        snprintf(buf, cap, "?");
    return buf;
}

/* ---- names ---- */

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

int net_name_normal(const char *text, size_t n, char ret[static NET_NAME_MAX])
{
    size_t label = 0;

    if (n && text[n - 1] == '.')
        n--;
    if (n == 0 || n >= NET_NAME_MAX)
        return -EINVAL;
    for (size_t i = 0; i < n; i++) {
        char c = text[i] >= 'A' && text[i] <= 'Z' ? (char) (text[i] - 'A' + 'a') : text[i];

        if (c == '.' ? label == 0 : !is_name_char(c) || ++label > LABEL_MAX)
            return -EINVAL;
        if (c == '.')
            label = 0;
        ret[i] = c;
    }
    ret[n] = '\0';
    return label ? 0 : -EINVAL;
}

bool net_rule_names(const struct net_rule *r, const char *name)
{
    size_t n = strlen(name), m = strlen(r->name);

    if (r->kind == NET_RULE_NAME)
        return strcmp(r->name, name) == 0;
    return r->kind == NET_RULE_DOMAIN && n > m + 1 && name[n - m - 1] == '.' &&
           strcmp(name + n - m, r->name) == 0;
}

/* ---- rules ---- */

/* One text on its way to a rule, and where its complaints go. */
struct rule_text {
    char host[NET_NAME_MAX + 8];           /* or an address; without brackets */
    const char *prefix, *ports, *protocol; /* NULL: not given */
    bool bracketed;
    char parts[64]; /* what those three point into */
    char *why;
    size_t cap;
};

static int wrong(struct rule_text *t, const char *fmt, ...) printf_like(2, 3);
static int wrong(struct rule_text *t, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(t->why, t->cap, fmt, ap);
    va_end(ap);
    return -EINVAL;
}

static int take_host(struct rule_text *t, const char *text, size_t n)
{
    if (n == 0)
        return wrong(t, "it names no host");
    if (n >= sizeof(t->host))
        return wrong(t, "its host is longer than any name can be");
    memcpy(t->host, text, n);
    t->host[n] = '\0';
    return 0;
}

/* "/PREFIX:PORTS/PROTOCOL", each of them or none. */
static int split_rest(struct rule_text *t, const char *rest)
{
    char *p = t->parts;

    if (strlen(rest) >= sizeof(t->parts))
        return wrong(t, "what follows its host is too long");
    strcpy(p, rest);
    if (*p == '/' && p[1] >= '0' && p[1] <= '9') {
        *p++ = '\0';
        t->prefix = p;
        p += strcspn(p, ":/");
    }
    if (*p == ':') {
        *p++ = '\0';
        t->ports = p;
        p += strcspn(p, "/");
    }
    if (*p == '/') {
        *p++ = '\0';
        t->protocol = p;
        p += strlen(p);
    }
    return *p ? wrong(t, "\"%s\" is not ports, nor a protocol", p) : 0;
}

static int split(struct rule_text *t, const char *text)
{
    const char *colon = strchr(text, ':'), *end;
    int r;

    if (text[0] == '[') {
        end = strchr(text, ']');
        if (!end)
            return wrong(t, "its bracket is not closed");
        t->bracketed = true;
        r = take_host(t, text + 1, (size_t) (end - text - 1));
        return r < 0 ? r : split_rest(t, end + 1);
    }
    /* Two colons before any slash: an IPv6 address, and no ports. */
    end = text + strcspn(text, "/");
    if (!(colon && colon < end && memchr(colon + 1, ':', (size_t) (end - colon - 1))))
        end = text + strcspn(text, ":/");
    r = take_host(t, text, (size_t) (end - text));
    return r < 0 ? r : split_rest(t, end);
}

static int read_ports(struct rule_text *t, struct net_rule *q)
{
    char first[8] = "";
    const char *dash, *last;
    uint32_t a, b;
    size_t n;

    q->first = 0;
    q->last = PORT_MAX;
    if (!t->ports)
        return 0;
    dash = strchr(t->ports, '-');
    last = dash ? dash + 1 : t->ports;
    n = dash ? (size_t) (dash - t->ports) : strlen(t->ports);
    if (n < sizeof(first))
        memcpy(first, t->ports, n);
    if (parse_u32(first, &a) < 0 || parse_u32(last, &b) < 0 || a == 0 || a > PORT_MAX ||
        b > PORT_MAX)
        return wrong(t, "\"%s\" is not a port from 1 to 65535, nor a range of them", t->ports);
    if (a > b)
        return wrong(t, "the range %s ends before it begins", t->ports);
    q->first = (uint16_t) a;
    q->last = (uint16_t) b;
    return 0;
}

static int read_protocol(struct rule_text *t, struct net_rule *q)
{
    q->protocols = NET_TCP | NET_UDP;
    if (!t->protocol)
        return 0;
    if (strcmp(t->protocol, "tcp") == 0)
        q->protocols = NET_TCP;
    else if (strcmp(t->protocol, "udp") == 0)
        q->protocols = NET_UDP;
    else
        return wrong(t, "\"%s\" is neither tcp nor udp", t->protocol);
    return 0;
}

static int read_prefix(struct rule_text *t, struct net_rule *q)
{
    unsigned bits = q->addr.v6 ? 128 : 32;
    struct net_addr zero = {.v6 = q->addr.v6}, rest = q->addr;
    uint32_t n = bits;

    if (t->prefix && (parse_u32(t->prefix, &n) < 0 || n > bits))
        return wrong(t, "the length of its network, \"%s\", is not one from 0 to %u", t->prefix,
                     bits);
    for (unsigned i = 0; i < n; i++)
        rest.bytes[i / 8] &= (uint8_t) ~(0x80u >> (i % 8));
    if (!net_addr_equal(&rest, &zero))
        return wrong(t, "%s has bits set beyond the first %u of its network", t->host, n);
    q->prefix = (uint8_t) n;
    q->kind = n ? NET_RULE_ADDRESS : NET_RULE_ALL;
    q->one_family = n == 0;
    return 0;
}

static bool looks_like_v4(const char *host)
{
    const char *last = strrchr(host, '.');

    last = last ? last + 1 : host;
    return *last && last[strspn(last, "0123456789")] == '\0';
}

static int read_name(struct rule_text *t, struct net_rule *q)
{
    const char *name = t->host;

    q->kind = NET_RULE_NAME;
    if (strcmp(name, "all") == 0) {
        q->kind = NET_RULE_ALL;
    } else {
        if (strncmp(name, "*.", 2) == 0) {
            q->kind = NET_RULE_DOMAIN;
            name += 2;
        }
        if (looks_like_v4(name))
            return wrong(t, "\"%s\" is not an IPv4 address", t->host);
        if (net_name_normal(name, strlen(name), q->name) < 0)
            return wrong(t, "\"%s\" is neither an address nor the name of a host", t->host);
    }
    if (t->prefix)
        return wrong(t, "\"/%s\" follows a name: only addresses make networks", t->prefix);
    return 0;
}

static int read_host(struct rule_text *t, struct net_rule *q)
{
    bool v6 = t->bracketed || strchr(t->host, ':');
    int r = net_addr_parse(t->host, &q->addr);

    if (v6 && (r < 0 || !q->addr.v6))
        return wrong(t, "\"%s\" is not an IPv6 address", t->host);
    if (r < 0)
        return read_name(t, q);
    r = read_prefix(t, q);
    if (r == 0 && q->addr.v6 && q->prefix >= 96) { /* the policy sees such an address as IPv4 */
        net_addr_unmap(&q->addr);
        q->prefix = (uint8_t) (q->addr.v6 ? q->prefix : q->prefix - 96);
        if (q->prefix == 0)
            q->kind = NET_RULE_ALL, q->one_family = true;
    }
    return r;
}

int net_rule_parse(const char *text, struct net_rule *ret, char *why, size_t cap)
{
    struct rule_text t = {.why = why, .cap = cap};
    struct net_rule q = {0};
    int r = split(&t, text);

    if (r == 0)
        r = read_host(&t, &q);
    if (r == 0)
        r = read_ports(&t, &q);
    if (r == 0)
        r = read_protocol(&t, &q);
    if (r == 0)
        *ret = q;
    return r;
}
