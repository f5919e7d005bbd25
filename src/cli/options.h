/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command-line options from tables: one table both parses and is printed by --help, so the two
 * agree. Spelled as runc's users expect: --name VALUE, --name=VALUE, -n VALUE, and Go's -name; a
 * flag may be given as --flag=false.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/util.h"
#include "rpc/fail.h"

enum option_kind {
    OPTION_FLAG,    /* bool */
    OPTION_STRING,  /* const char * */
    OPTION_LIST,    /* struct string_list: may be repeated */
    OPTION_NUMBER,  /* uint32_t */
    OPTION_REFUSED, /* known to runc, not to us yet: giving it is an error that says so */
    OPTION_IGNORED, /* accepted and of no effect, as the help says */
};

struct option {
    const char *name; /* without dashes */
    char letter;      /* 0: none */
    enum option_kind kind;
    bool takes_value;  /* REFUSED and IGNORED only; the others follow from their kind */
    const char *value; /* how the help names the value */
    const char *help;
    size_t offset; /* of the field in the command's struct */
};

struct string_list {
    const char **items; /* borrowed from argv */
    size_t n;
};

enum { OPTIONS_HELP = 1, OPTIONS_VERSION };

struct option_set {
    const struct option *table;
    size_t n;
    bool stop_at_argument; /* do, exec and the global options: what follows the first argument is
                              not ours */
};

/*
 * Reads argv[1..] into the struct at `target` and moves the arguments to the front of argv+1, NULL-
 * terminated; *argc counts them plus argv[0]. 0, OPTIONS_HELP or OPTIONS_VERSION when --help or -h,
 * --version or -v was given (unless the table has a -v of its own), or -EINVAL.
 */
int options_parse(const struct option_set *set, void *target, int *argc, char **argv,
                  struct fail *f) must_check;

/* One line per option, aligned. */
void options_print(const struct option_set *set, FILE *out);
