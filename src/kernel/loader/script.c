/* SPDX-License-Identifier: Apache-2.0 */
/* "#!" scripts: execve(2), "Interpreter scripts". */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/loader/internal.h"

#define SCRIPT_LINE_MAX 255 /* Linux looks at 256 bytes, the last of them a NUL */

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Puts `text` in front of all strings. */
static int prepend(struct exec_strings *s, const char *text, size_t len)
{
    size_t old = s->len;
    int r = exec_strings_add(s, text, len);

    if (r)
        return r;
    memmove(s->data + len + 1, s->data, old);
    memcpy(s->data, text, len);
    s->data[len] = '\0';
    return 0;
}

static void drop_first(struct exec_strings *s)
{
    size_t n;

    if (s->n == 0)
        return;
    n = strlen(s->data) + 1;
    memmove(s->data, s->data + n, s->len - n);
    s->len -= n;
    s->n--;
}

int script_parse(const struct binary *b, const char *script_path, struct exec_strings *argv,
                 char **ret_interp)
{
    char line[SCRIPT_LINE_MAX + 1], *p, *end, *name, *arg = NULL;
    size_t n = b->n_head < SCRIPT_LINE_MAX ? b->n_head : SCRIPT_LINE_MAX;
    bool whole;
    int r;

    if (n < 2 || b->head[0] != '#' || b->head[1] != '!')
        return 0;
    memcpy(line, b->head, n);
    line[n] = '\0';
    end = memchr(line, '\n', n);
    whole = end || n < SCRIPT_LINE_MAX;
    if (!end)
        end = line + n;
    while (end > line + 2 && blank(end[-1]))
        end--;
    *end = '\0';

    for (p = line + 2; blank(*p); p++)
        ;
    if (*p == '\0')
        return -ENOEXEC;
    name = p;
    while (*p && !blank(*p))
        p++;
    if (*p) {
        *p++ = '\0';
        while (blank(*p))
            p++;
        if (*p)
            arg = p;
    } else if (!whole) {
        return -ENOEXEC; /* a name cut off would be another program's */
    }

    drop_first(argv);
    r = prepend(argv, script_path, strlen(script_path));
    if (r == 0 && arg)
        r = prepend(argv, arg, strlen(arg));
    if (r == 0)
        r = prepend(argv, name, strlen(name));
    if (r)
        return r;
    *ret_interp = strdup(name);
    return *ret_interp ? 1 : -ENOMEM;
}
