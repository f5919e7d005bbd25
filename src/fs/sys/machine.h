/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host's /sys/devices/system says, read below the donated tree: names of files are this
 * side's own, never a guest's. Source: sysfs-devices-system-cpu and sysfs-devices-node of the
 * kernel.
 */
#pragma once

#include <stdbool.h>

#include "base/strbuf.h"
#include "base/util.h"

struct kernel;

/* Appends the file's text. 0, or -ENOENT: no tree, or no such file. */
int machine_text(const struct kernel *k, struct strbuf *out, const char *fmt, ...)
    must_check printf_like(3, 4);
bool machine_has(const struct kernel *k, const char *fmt, ...) printf_like(2, 3);
