/* SPDX-License-Identifier: Apache-2.0 */
/* Reading /proc/self/mountinfo: proc_pid_mountinfo(5). */
#pragma once

#include <stdbool.h>

#include "base/util.h"

struct mount_row {
    char *point;   /* unescaped */
    char *options; /* of the mount: "ro,nosuid,..." */
    char *type;
    char *source;
};

/*
 * Takes the next line off *cursor, which is cut in place. False at the end; malformed lines are
 * skipped. The strings point into the text.
 */
bool mountinfo_next(char **cursor, struct mount_row *ret);
/* Whether the comma-separated list has the word. */
bool mount_has_option(const char *options, const char *word);
/* Whether the type is a window into the host's kernel: never inside a sandbox. */
bool mount_type_is_kernel(const char *type);
