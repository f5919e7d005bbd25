/* SPDX-License-Identifier: Apache-2.0 */
/* The argument kinds of syscalls.tbl, for the sentry and the freestanding stub alike. */
#pragma once

#include <stdint.h>

/* clang-format off */
enum arg_kind {
    ARG_NA,
    ARG_INT, ARG_UINT, ARG_LONG, ARG_HEX, ARG_FLAGS, ARG_MODE, ARG_SIZE, ARG_OFF, ARG_PID, ARG_SIG, ARG_ID,
    ARG_PROT, ARG_MAP, ARG_AT, ARG_ACC, ARG_SEEK,
    ARG_FD, ARG_DIRFD, ARG_ADDR, ARG_ARGV,
    ARG_PATH, ARG_STR, ARG_IN, ARG_OUT, ARG_INS, ARG_OUTS, ARG_IOS, /* from here on: marshalled */
};

struct arg_desc {
    uint8_t kind;    /* enum arg_kind */
    uint8_t len_arg; /* IN, OUT: index of the length argument */
    uint16_t size;   /* INS, OUTS, IOS (both ways): bytes */
};

/* A table column to its initialiser. */
#define ARG_K_NA {ARG_NA, 0, 0}
#define ARG_K_INT {ARG_INT, 0, 0}
#define ARG_K_UINT {ARG_UINT, 0, 0}
#define ARG_K_LONG {ARG_LONG, 0, 0}
#define ARG_K_HEX {ARG_HEX, 0, 0}
#define ARG_K_FLAGS {ARG_FLAGS, 0, 0}
#define ARG_K_MODE {ARG_MODE, 0, 0}
#define ARG_K_SIZE {ARG_SIZE, 0, 0}
#define ARG_K_OFF {ARG_OFF, 0, 0}
#define ARG_K_PID {ARG_PID, 0, 0}
#define ARG_K_SIG {ARG_SIG, 0, 0}
#define ARG_K_ID {ARG_ID, 0, 0}
#define ARG_K_PROT {ARG_PROT, 0, 0}
#define ARG_K_MAP {ARG_MAP, 0, 0}
#define ARG_K_AT {ARG_AT, 0, 0}
#define ARG_K_ACC {ARG_ACC, 0, 0}
#define ARG_K_SEEK {ARG_SEEK, 0, 0}
#define ARG_K_FD {ARG_FD, 0, 0}
#define ARG_K_DIRFD {ARG_DIRFD, 0, 0}
#define ARG_K_ADDR {ARG_ADDR, 0, 0}
#define ARG_K_ARGV {ARG_ARGV, 0, 0}
#define ARG_K_PATH {ARG_PATH, 0, 0}
#define ARG_K_STR {ARG_STR, 0, 0}
#define ARG_K_IN(i) {ARG_IN, i, 0}
#define ARG_K_OUT(i) {ARG_OUT, i, 0}
#define ARG_K_INS(n) {ARG_INS, 0, n}
#define ARG_K_OUTS(n) {ARG_OUTS, 0, n}
#define ARG_K_IOS(n) {ARG_IOS, 0, n}
/* clang-format on */
