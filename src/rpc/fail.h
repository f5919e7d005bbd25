/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A failure as a person reads it: made where the cause is known, wrapped on the way up. Functions
 * that take one return a negative errno and have filled it in; on success it is untouched.
 */
#pragma once

#include <stddef.h>

#include "base/util.h"

enum {
    EXIT_OURS = 125,     /* do, run: the runtime itself failed */
    EXIT_NOT_EXEC = 126, /* the program exists and cannot be executed */
    EXIT_NOT_FOUND = 127,
};

struct fail {
    int status;      /* exit status the command should end with; 0: the command's usual one */
    char text[1024]; /* "what on what: why (what to do)", one line, no newline */
};

/* Sets the text and returns -err, so that `return fail(f, ENOENT, "...")` reads well. err > 0. */
int fail(struct fail *f, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The same with ": strerror(err)" appended. */
int fail_errno(struct fail *f, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Puts "prefix: " in front of the text. Returns err unchanged. */
int fail_wrap(struct fail *f, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
