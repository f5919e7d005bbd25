/* SPDX-License-Identifier: Apache-2.0 */
/* Strict numbers: the whole text, nothing before or after it. -EINVAL not a number, -ERANGE does
 * not fit. */
#pragma once

#include <stdint.h>

#include "base/util.h"

/* Decimal digits only: no sign, space or prefix. */
int parse_u64(const char *text, uint64_t *ret) must_check;
int parse_u32(const char *text, uint32_t *ret) must_check;
/* A '-' may lead. */
int parse_i64(const char *text, int64_t *ret) must_check;
int parse_i32(const char *text, int32_t *ret) must_check;
/* Octal digits, as in file modes. */
int parse_octal(const char *text, uint32_t *ret) must_check;
/* Hexadecimal digits without prefix. */
int parse_hex(const char *text, uint64_t *ret) must_check;
/* A number of bytes with an optional K, M, G or T (powers of 1024; "KiB", "KB" and small letters
 * too). */
int parse_size(const char *text, uint64_t *ret) must_check;
/* true/false, yes/no, on/off, 1/0. */
int parse_bool(const char *text, bool *ret) must_check;
