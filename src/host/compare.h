/* SPDX-License-Identifier: Apache-2.0 */
/* One object of a kept sandbox beside the one of the host at the same place. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/util.h"
#include "host/change.h"
#include "host/progress.h"
#include "host/upper_meta.h"

/* What a user namespace with one id shows of all others' ids: the host's own owner, unknown to the
 * sandbox. */
#define UNMAPPED_ID 65534u

/* As the sandbox sees it. -EBADMSG when its attributes do not fit it. */
int object_view(const struct stat *st, const struct upper_meta *m, struct object *ret) must_check;

struct pair {
    int upper_dir, host_dir;       /* host_dir may be O_PATH */
    const char *name, *host_name;  /* in them */
    int upper_fd;                  /* open for reading, regular files and directories; or -1 */
    const struct object *object;   /* of the sandbox */
    const struct upper_meta *meta; /* all zero for what has none */
    const struct stat *host;
    struct progress *progress; /* may be NULL */
};

/* CHANGED_* in which the two differ. What of the host's cannot be read counts as different
 * contents, and as the same attributes. */
int pair_compare(const struct pair *p, unsigned *ret) must_check;

/* Whether something in the host's tree at dirfd, name has changed after the time, or may have. */
bool tree_changed_since(int dirfd, const char *name, uint64_t since_ns);

static inline uint64_t timespec_ns(const struct timespec *t)
{
    return t->tv_sec < 0 ? 0 : (uint64_t) t->tv_sec * 1000000000u + (uint64_t) t->tv_nsec;
}
