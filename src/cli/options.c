/* SPDX-License-Identifier: Apache-2.0 */
/* Command-line options: see options.h. */
#include "cli/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"

static bool wants_value(const struct option *o)
{
    switch (o->kind) {
    case OPTION_STRING:
    case OPTION_LIST:
    case OPTION_NUMBER:
        return true;
    case OPTION_REFUSED:
    case OPTION_IGNORED:
        return o->takes_value;
    case OPTION_FLAG:
        break;
    }
    return false;
}

/* `word` starts with a dash; *ret_value points behind '=' or is NULL. */
static const struct option *find(const struct option_set *set, const char *word,
                                 const char **ret_value)
{
    const char *name = word + (word[1] == '-' ? 2 : 1);
    const char *eq = strchr(name, '=');
    size_t n = eq ? (size_t) (eq - name) : strlen(name);

    *ret_value = eq ? eq + 1 : NULL;
    for (size_t i = 0; i < set->n; i++) {
        const struct option *o = &set->table[i];
        if (n > 1 && strlen(o->name) == n && strncmp(o->name, name, n) == 0)
            return o;
        if (n == 1 && word[1] != '-' && o->letter == name[0])
            return o;
    }
    return NULL;
}

static int add_to_list(struct string_list *l, const char *value)
{
    const char **v = reallocarray(l->items, l->n + 1, sizeof(*v));

    if (!v)
        return -ENOMEM;
    v[l->n++] = value;
    l->items = v;
    return 0;
}

static int store(const struct option *o, const char *word, const char *value, void *target,
                 struct fail *f)
{
    void *field = (char *) target + o->offset;

    switch (o->kind) {
    case OPTION_FLAG:
        if (!value)
            *(bool *) field = true;
        else if (parse_bool(value, field) < 0)
            return fail(f, EINVAL, "option %s: expected true or false, found \"%s\"", word, value);
        return 0;
    case OPTION_STRING:
        *(const char **) field = value;
        return 0;
    case OPTION_LIST:
        if (add_to_list(field, value) < 0)
            return fail(f, ENOMEM, "out of memory");
        return 0;
    case OPTION_NUMBER:
        if (parse_u32(value, field) < 0)
            return fail(f, EINVAL, "option --%s: expected a number, found \"%s\"", o->name, value);
        return 0;
    case OPTION_REFUSED:
        return fail(f, EINVAL, "option --%s is not supported yet", o->name);
    case OPTION_IGNORED:
        return 0;
    }
    return 0;
}

int options_parse(const struct option_set *set, void *target, int *argc, char **argv,
                  struct fail *f)
{
    int kept = 1, i;

    for (i = 1; i < *argc; i++) {
        const struct option *o;
        const char *value;
        int r;

        if (strcmp(argv[i], "--") == 0) {
            i++;
            break;
        }
        if (argv[i][0] != '-' || argv[i][1] == '\0') {
            if (set->stop_at_argument)
                break;
            argv[kept++] = argv[i];
            continue;
        }
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-help") == 0 ||
            strcmp(argv[i], "-h") == 0)
            return OPTIONS_HELP;
        o = find(set, argv[i], &value);
        if (!o && (strcmp(argv[i], "--version") == 0 || strcmp(argv[i], "-version") == 0 ||
                   strcmp(argv[i], "-v") == 0))
            return OPTIONS_VERSION;
        if (!o)
            return fail(f, EINVAL, "unknown option %s (--help lists them)", argv[i]);
        if (wants_value(o) && !value) {
            if (i + 1 >= *argc)
                return fail(f, EINVAL, "option %s needs a value: %s", argv[i], o->value);
            value = argv[i + 1];
            r = store(o, argv[i], value, target, f);
            i++;
        } else {
            r = store(o, argv[i], value, target, f);
        }
        if (r < 0)
            return r;
    }
    while (i < *argc)
        argv[kept++] = argv[i++];
    argv[kept] = NULL;
    *argc = kept;
    return 0;
}

void options_print(const struct option_set *set, FILE *out)
{
    char left[80];
    bool own_v = false;

    for (size_t i = 0; i < set->n; i++) {
        const struct option *o = &set->table[i];
        char letter[8] = "";

        own_v |= o->letter == 'v';
        if (o->letter)
            snprintf(letter, sizeof(letter), "-%c, ", o->letter);
        snprintf(left, sizeof(left), "%s--%s%s%s", letter, o->name, wants_value(o) ? " " : "",
                 wants_value(o) ? o->value : "");
        fprintf(out, "  %-28s %s%s\n", left, o->help,
                o->kind == OPTION_REFUSED ? " (not supported yet: refused)" : "");
    }
    fprintf(out, "  %-28s %s\n", "-h, --help", "show this help");
    fprintf(out, "  %-28s %s\n", own_v ? "--version" : "-v, --version", "print the version");
}
