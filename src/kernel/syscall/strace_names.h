/* SPDX-License-Identifier: Apache-2.0 */
/* The names strace(1) uses for numbers. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/syscall/arg_kinds.h"

struct strbuf;

/* By name, as far as the kind is one of names: false otherwise, and nothing is written. */
bool strace_show_name(struct strbuf *out, enum arg_kind kind, uint64_t v);
