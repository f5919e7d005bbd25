/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container may use and does use: from its cgroup, whose files are donated descriptors
 * (rpc/spec.h), else from the machine and from its own tasks. Everything is asked for when it is
 * shown, so that a changed limit is seen at once. Sources: cgroup-v2.rst, and memory.rst,
 * cpuacct.rst and sched-bwc.rst of the kernel for version 1.
 */
#pragma once

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "base/util.h"
#include "rpc/spec.h"

struct kernel;

/* Immutable. All descriptors -1: the container has no cgroup. */
struct group {
    int fds[N_GROUP_FILES];
    bool v2;
};

#define GROUP_NO_LIMIT UINT64_MAX

/* Takes over the descriptors of a spec. */
void group_init(struct group *g, const int fds[static N_GROUP_FILES], bool v2);

/* The text of one of the files as the host has it. 0, or -ENOENT. */
int group_text(const struct kernel *k, enum group_file which, struct strbuf *out) must_check;
/* Its first number; "max", and version 1's way to say so, are GROUP_NO_LIMIT. False: no such file.
 */
bool group_number(const struct kernel *k, enum group_file which, uint64_t *ret);
/* The number behind a word at the beginning of one of its lines; false: neither. */
bool group_field(const struct kernel *k, enum group_file which, const char *word, uint64_t *ret);

/* Bytes, or GROUP_NO_LIMIT. Swap is counted by itself, whatever the version. */
uint64_t group_memory_max(const struct kernel *k);
uint64_t group_swap_max(const struct kernel *k);
/* Bytes; without a cgroup the resident memory of all guest processes, and no swap. */
uint64_t group_memory_used(struct kernel *k);
uint64_t group_swap_used(const struct kernel *k);
/* Microseconds; quota GROUP_NO_LIMIT without one. */
void group_cpu_max(const struct kernel *k, uint64_t *ret_quota, uint64_t *ret_period);
/* 1 to 10000; 100 without a cgroup. */
uint64_t group_cpu_weight(const struct kernel *k);

struct cpu_time {
    uint64_t user_us, system_us;
};
/* Of the cgroup, else of all guest processes and what they waited for. */
void group_cpu_time(struct kernel *k, struct cpu_time *ret);

/* The processors that guests may use: the sandbox's, less what the cpuset has taken away since. */
void group_cpus(const struct kernel *k, cpu_set_t *ret);

/* Takes away from *io what the cpuset does not have; when nothing is left it is the cpuset's. */
void group_clamp_cpus(const struct kernel *k, cpu_set_t *io);

/* The machine as the container sees it, in bytes: the host's memory, within the cgroup's limit. */
struct memory_view {
    uint64_t total, free, available, cached, buffers, shared;
    uint64_t swap_total, swap_free;
};
void group_memory_view(struct kernel *k, struct memory_view *ret);
