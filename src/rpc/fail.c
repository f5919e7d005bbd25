/* SPDX-License-Identifier: Apache-2.0 */
/* Failure texts: see fail.h. */
#include "rpc/fail.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Control characters from file names and JSON must not reach a terminal or split a log line. */
static void make_printable(char *s)
{
    for (; *s; s++)
        if ((unsigned char) *s < 0x20 || *s == 0x7f)
            *s = ' ';
}

int fail(struct fail *f, int err, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(f->text, sizeof(f->text), fmt, ap);
    va_end(ap);
    make_printable(f->text);
    return -err;
}

/* Appends ": text" as far as there is room; n is what vsnprintf returned. */
static void append(struct fail *f, int n, const char *text)
{
    size_t used = n < 0 ? 0 : MIN((size_t) n, sizeof(f->text) - 1);
    size_t room = sizeof(f->text) - 1 - used, len = strlen(text);

    if (room < 3)
        return;
    len = MIN(len, room - 2);
    memcpy(f->text + used, ": ", 2);
    memcpy(f->text + used + 2, text, len);
    f->text[used + 2 + len] = '\0';
}

int fail_errno(struct fail *f, int err, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(f->text, sizeof(f->text), fmt, ap);
    va_end(ap);
    append(f, n, strerror(err));
    make_printable(f->text);
    return -err;
}

int fail_wrap(struct fail *f, int err, const char *fmt, ...)
{
    char inner[sizeof(f->text)];
    va_list ap;
    int n;

    memcpy(inner, f->text, sizeof(inner));
    va_start(ap, fmt);
    n = vsnprintf(f->text, sizeof(f->text), fmt, ap);
    va_end(ap);
    append(f, n, inner);
    make_printable(f->text);
    return err;
}
