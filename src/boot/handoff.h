/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the first stage (in the host's tree) tells the second (inside the minimal root) besides the
 * spec: things that can only be known or opened before the host's tree is left. It travels through
 * the re-exec in a sealed memfd.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/util.h"

#define HANDOFF_N_LIMITS 16

/* How the sandbox sees /proc. */
enum proc_mode {
    PROC_FRESH, /* a procfs of its own pid namespace */
    PROC_BOUND, /* the outer one, bound: outer processes are visible in it (weaker) */
};

struct handoff {
    enum proc_mode proc_mode;
    bool exec_from_memfd; /* the binary could not be put at /sentry: executed from a sealed memfd */
    bool no_reexec;       /* built with libraries: nothing to re-execute in an empty root */
    int inner_net_fd;     /* boot/outer.h: the sandbox's own network namespace, or -1 */
    int oom_score_fd;     /* /proc/self/oom_score_adj, writable, or -1 */
    struct {
        uint64_t soft, hard;
    } limits[HANDOFF_N_LIMITS]; /* RLIMIT_*: as the caller had them, for the guest */
    char *cpuinfo, *meminfo,
        *version;            /* the host's /proc files of these names; NULL when unreadable */
    char *uid_map, *gid_map; /* of our user namespace */
    bool one_id; /* they have one user and one group and no more: there is nothing to change to */
    char *huge_pages; /* /sys/kernel/mm/transparent_hugepage/enabled */
};

/* Reads the host's texts and limits of the calling process. Nothing in it fails: what cannot be
 * read is NULL. */
void handoff_collect(struct handoff *h);
/* Into a new sealed memfd (CLOEXEC). */
int handoff_encode(const struct handoff *h, int *ret_fd) must_check;
/* From a memfd by pread. -EBADMSG, -ENOMEM. Release with handoff_done(). */
int handoff_read(int fd, struct handoff *ret) must_check;
/* Frees the texts; closes nothing. */
void handoff_done(struct handoff *h);
