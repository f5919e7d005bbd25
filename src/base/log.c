/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "base/textio.h"

#define LINE_INLINE 1024

/* The process has one log; these are the only globals of base. */
static _Atomic int log_fd = STDERR_FILENO;
static _Atomic int log_format = LOG_TEXT;
static _Atomic int log_threshold = LOG_WARN;

static const char *const text_names[] = {"ERROR", "WARN ", "INFO ", "DEBUG"};
static const char *const json_names[] = {"error", "warning", "info", "debug"};

void log_init(int fd, enum log_format format, enum log_level level)
{
    log_format = format;
    log_threshold = level;
    log_fd = fd;
}

void log_set_level(enum log_level level)
{
    log_threshold = level;
}

bool log_enabled(enum log_level level)
{
    return (int) level <= atomic_load_explicit(&log_threshold, memory_order_relaxed);
}

/* RFC 3339 in UTC. gmtime_r would want the time zone's lock and file: days to date by hand. */
static void format_time(char out[static 32], bool millis)
{
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) < 0)
        now = (struct timespec){0};
    long days = now.tv_sec / 86400, secs = now.tv_sec % 86400;
    /* Civil from days, years starting in March so that the leap day is the last one. */
    long z = days + 719468, era = z / 146097, doe = z - era * 146097;
    long yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    long doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    long day = doy - (153 * mp + 2) / 5 + 1, month = mp < 10 ? mp + 3 : mp - 9;
    long year = yoe + era * 400 + (month <= 2);
    int n = snprintf(out, 32, "%04u-%02u-%02uT%02u:%02u:%02u", (unsigned) (year % 10000),
                     (unsigned) month, (unsigned) day, (unsigned) (secs / 3600),
                     (unsigned) (secs / 60 % 60), (unsigned) (secs % 60));
    if (n < 0 || n >= 24)
        n = 0;
    if (millis)
        (void) snprintf(out + n, 32 - (size_t) n, ".%03uZ", (unsigned) (now.tv_nsec / 1000000));
    else
        (void) snprintf(out + n, 32 - (size_t) n, "Z");
}

static void emit_json(enum log_level level, const char *msg, size_t n, const char *time)
{
    _cleanup_sb_ struct strbuf sb = STRBUF_INIT;
    sb_addf(&sb, "{\"level\":\"%s\",\"msg\":", json_names[level]);
    sb_add_json_stringn(&sb, msg, n);
    sb_addf(&sb, ",\"time\":\"%s\"}\n", time);
    if (sb_error(&sb) == 0)
        (void) write_full(log_fd, sb_text(&sb), sb.len);
}

/* True when nothing in it needs escaping: the common case goes without allocation. */
static bool is_plain(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char) s[i] < 0x20 || (unsigned char) s[i] >= 0x7f || s[i] == '"' ||
            s[i] == '\\')
            return false;
    return true;
}

/* A text line stays one line and cannot play with the reader's terminal. */
static void flatten(char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char) s[i] < 0x20 || s[i] == 0x7f)
            s[i] = s[i] == '\n' || s[i] == '\t' ? ' ' : '?';
}

static void emit(enum log_level level, char *msg, size_t n, const char *time)
{
    char line[LINE_INLINE + 128], *at = line;
    _cleanup_(sb_free) struct strbuf big = STRBUF_INIT;
    bool json = log_format == LOG_JSON;
    while (n > 0 && msg[n - 1] == '\n')
        n--;
    if (json && (n > LINE_INLINE || !is_plain(msg, n))) {
        emit_json(level, msg, n, time);
        return;
    }
    if (!json)
        flatten(msg, n);
    const char *fmt = json ? "{\"level\":\"%s\",\"msg\":\"%.*s\",\"time\":\"%s\"}\n" : NULL;
    int len;
    if (json) {
        len = snprintf(line, sizeof(line), fmt, json_names[level], (int) n, msg, time);
    } else if (n <= LINE_INLINE) {
        len = snprintf(line, sizeof(line), "%s %s %.*s\n", time, text_names[level], (int) n, msg);
    } else {
        sb_addf(&big, "%s %s ", time, text_names[level]);
        sb_addn(&big, msg, n);
        sb_addch(&big, '\n');
        if (sb_error(&big) < 0)
            return;
        at = big.data;
        len = (int) big.len;
    }
    if (len > 0)
        (void) write_full(log_fd, at, (size_t) len);
}

void log_linev(enum log_level level, const char *fmt, va_list ap)
{
    int saved = errno;
    char inline_msg[LINE_INLINE], time[32];
    if (log_fd < 0 || !log_enabled(level))
        return;
    format_time(time, log_format == LOG_TEXT);
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(inline_msg, sizeof(inline_msg), fmt, ap);
    if (n >= 0 && (size_t) n < sizeof(inline_msg)) {
        emit(level, inline_msg, (size_t) n, time);
    } else if (n >= 0) {
        char *big = malloc((size_t) n + 1);
        if (big) {
            (void) vsnprintf(big, (size_t) n + 1, fmt, again);
            emit(level, big, (size_t) n, time);
            free(big);
        } else {
            emit(level, inline_msg, sizeof(inline_msg) - 1, time);
        }
    }
    va_end(again);
    errno = saved;
}

void log_line(enum log_level level, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    log_linev(level, fmt, ap);
    va_end(ap);
}
