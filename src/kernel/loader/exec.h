/* SPDX-License-Identifier: Apache-2.0 */
/* Giving a task a new image: execve(2). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/util.h"
#include "kernel/vfs/file.h"

struct task;

/* Strings of a new image, in one block: each NUL-terminated, one after the other. */
struct exec_strings {
    char *data;
    size_t len, cap;
    unsigned n;
};

struct exec_args {
    const char *path;      /* as given; what a script's interpreter gets, and AT_EXECFN */
    const char *name;      /* what to walk if that differs from path (execveat); NULL: path */
    const struct path *at; /* where a relative path starts; NULL: cwd */
    const struct path
        *target; /* execveat with AT_EMPTY_PATH: the file itself; path is then "/dev/fd/N" */
    uint32_t walk_flags;   /* WALK_NOFOLLOW */
    bool path_unreachable; /* a close-on-exec dirfd: scripts cannot be reached through it */
    struct exec_strings argv,
        envp; /* consumed: exec_strings_free() by the caller, changed by scripts */
};

/*
 * Replaces the image of t, on t's own thread (or before its thread is started). 0: the next
 * platform_run() enters the new image; until then nothing of the old one is left. Negative errno:
 * the old image is unharmed, unless the task is dying (WORK_EXIT).
 */
int exec_image(struct task *t, struct exec_args *a) must_check;

int exec_strings_add(struct exec_strings *s, const char *text, size_t len) must_check;
void exec_strings_free(struct exec_strings *s);

/* For boot: argv and envp are NULL-terminated arrays of the kernel's own. */
int exec_init(struct task *t, const char *path, char *const argv[], char *const envp[]) must_check;
