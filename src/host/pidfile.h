/* SPDX-License-Identifier: Apache-2.0 */
/* --pid-file. */
#pragma once

#include <sys/types.h>

#include "base/util.h"
#include "rpc/fail.h"

/* The number, without a newline, at once: a watcher never reads half of it. */
int pid_file_write(const char *path, pid_t pid, struct fail *f) must_check;
