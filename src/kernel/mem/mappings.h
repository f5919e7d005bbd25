/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is mapped where in a guest's address space. The mappings are the host's, so its own list in
 * /proc/PID/maps is the truth: a guest maps and unmaps memory without telling the sentry.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/util.h"

struct mapping {
    uint64_t start, end, offset; /* offset in the file, bytes */
    uint64_t dev, ino;           /* 0: anonymous memory */
    bool read, write, exec, shared;
};

/* The text of /proc/<host_pid>/FILE; malloc'd. -ESRCH when the process is gone. */
int host_process_text(pid_t host_pid, const char *file, char **ret) must_check;
/* The next mapping of a text of `maps`, in order of address; false at the end. */
bool mapping_next(const char **pos, struct mapping *ret);
/* The mapping that holds addr: 0, -EFAULT for none, -ESRCH. */
int mapping_at(pid_t host_pid, uint64_t addr, struct mapping *ret) must_check;
