/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: one line, one write(2), from any thread. Lines below 1 KiB are made without allocation.
 * Text lines are for people; JSON lines are what engines read from runc's --log-format json:
 * {"level":"error","msg":"...","time":"2026-01-31T12:00:00Z"}. errno is kept.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>

#include "base/util.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_TEXT, LOG_JSON };

/* fd is borrowed and must stay open; -1: log nothing. Before the first call: stderr, text,
 * LOG_WARN. */
void log_init(int fd, enum log_format format, enum log_level level);
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);
void log_line(enum log_level level, const char *fmt, ...) printf_like(2, 3);
void log_linev(enum log_level level, const char *fmt, va_list ap) printf_like(2, 0);

#define LOG_AT_(level, ...)               \
    do {                                  \
        if (log_enabled(level))           \
            log_line(level, __VA_ARGS__); \
    } while (0)
#define log_error(...) LOG_AT_(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  LOG_AT_(LOG_WARN, __VA_ARGS__)
#define log_info(...)  LOG_AT_(LOG_INFO, __VA_ARGS__)
#define log_debug(...) LOG_AT_(LOG_DEBUG, __VA_ARGS__)
