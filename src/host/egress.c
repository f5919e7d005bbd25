/* SPDX-License-Identifier: Apache-2.0 */
/* Rules from the caller and servers from the host: see egress.h. Source: resolv.conf(5). */
#include "host/egress.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/netrule.h"
#include "base/textio.h"
#include "host/specbuild.h"

#define RESOLV_CONF     "/etc/resolv.conf"
#define RESOLV_CONF_MAX (1u << 16)
#define MAX_SERVERS     8
#define MAX_RULES       1024u
#define BLANKS          " \t\r\n,"

static int add(char ***list, size_t *n, const char *text, size_t len)
{
    char **v = reallocarray(*list, *n + 2, sizeof(*v));

    if (!v)
        return -ENOMEM;
    *list = v;
    v[*n] = strndup(text, len);
    v[*n + 1] = NULL;
    return v[(*n)++] ? 0 : -ENOMEM;
}

static int add_rule(struct sandbox_spec *s, size_t *n, const char *what, const char *text,
                    size_t len, struct fail *f)
{
    struct net_rule rule;
    char why[128];

    if (*n == MAX_RULES)
        return fail(f, E2BIG, "%s: there are more than %u rules", what, MAX_RULES);
    if (add(&s->allow_net, n, text, len) < 0)
        return fail(f, ENOMEM, "out of memory");
    if (net_rule_parse(s->allow_net[*n - 1], &rule, why, sizeof(why)) < 0)
        return fail(f, EINVAL, "%s: in \"%s\", %s (a rule is HOST[:PORTS][/tcp|/udp])", what,
                    s->allow_net[*n - 1], why);
    return 0;
}

static int add_annotation(struct sandbox_spec *s, size_t *n, json_object *annotations,
                          struct fail *f)
{
    json_object *o = NULL;
    const char *p;
    int r = 0;

    if (!annotations || !json_object_object_get_ex(annotations, EGRESS_ANNOTATION, &o))
        return 0;
    if (!json_object_is_type(o, json_type_string))
        return fail(f, EINVAL, "annotations.%s: not a string", EGRESS_ANNOTATION);
    p = json_object_get_string(o);
    for (p += strspn(p, BLANKS); *p && r == 0; p += strspn(p, BLANKS)) {
        size_t len = strcspn(p, BLANKS);

        r = add_rule(s, n, "annotations." EGRESS_ANNOTATION, p, len, f);
        p += len;
    }
    if (r == 0 && *n == 0)
        return fail(f, EINVAL, "annotations.%s: it holds no rule", EGRESS_ANNOTATION);
    return r;
}

/* One line of resolv.conf; of servers that only a zone tells apart nothing is believed. */
static int add_server(struct sandbox_spec *s, size_t *n, char *line)
{
    static const char word[] = "nameserver";
    struct net_addr a;

    line += strspn(line, " \t");
    if (strncmp(line, word, sizeof(word) - 1) != 0)
        return 0;
    line += sizeof(word) - 1;
    if (*line != ' ' && *line != '\t')
        return 0;
    line += strspn(line, " \t");
    line[strcspn(line, " \t\r#;")] = '\0';
    if (net_addr_parse(line, &a) < 0) {
        log_info("egress: the name server \"%s\" in %s is not an address: left out", line,
                 RESOLV_CONF);
        return 0;
    }
    return *n < MAX_SERVERS ? add(&s->nameservers, n, line, strlen(line)) : 0;
}

static int add_servers(struct sandbox_spec *s, struct fail *f)
{
    _cleanup_close_ int fd = open(RESOLV_CONF, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    _cleanup_free_ char *text = NULL;
    size_t n = 0;
    int r = fd < 0 ? -errno : read_fd_all(fd, RESOLV_CONF_MAX, &text, NULL);

    if (r < 0)
        log_info("egress: %s cannot be read: error %d", RESOLV_CONF, -r);
    r = 0;
    for (char *next = text; next && r == 0;) {
        char *line = strsep(&next, "\n");

        r = add_server(s, &n, line);
    }
    if (r == 0 && n == 0)
        r = add(&s->nameservers, &n, "127.0.0.1", strlen("127.0.0.1")); /* the resolver's own */
    return r < 0 ? fail(f, ENOMEM, "out of memory") : 0;
}

int egress_fill(struct sandbox_spec *s, const char *const *rules, size_t n,
                json_object *annotations, struct fail *f)
{
    size_t have = 0;
    int r = 0;

    for (size_t i = 0; i < n && r == 0; i++)
        r = add_rule(s, &have, "option --allow-net", rules[i], strlen(rules[i]), f);
    if (r == 0 && n == 0)
        r = add_annotation(s, &have, annotations, f);
    if (r < 0 || have == 0)
        return r;
    return add_servers(s, f);
}
