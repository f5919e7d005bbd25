/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container's control group, on the unified hierarchy or on version 1's: made before the
 * sandbox goes on, removed at delete. Limits that cannot be set are errors, never dropped. Sources:
 * cgroups(7), the kernel's cgroup-v2.rst.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/util.h"
#include "rpc/fail.h"
#include "rpc/spec.h"

/* 2, 1, or 0 when no hierarchy is mounted at /sys/fs/cgroup. */
int cgroup_version(void);

/* Turns a config's cgroupsPath into a clean absolute path below the hierarchies. Refuses systemd's
 * a:b:c form. */
int cgroup_check_path(const char *path, char **ret, struct fail *f) must_check;

/* Makes the group, with what its parents can give it. */
int cgroup_make(const char *path, struct fail *f) must_check;
/* Opens what of its files there is, for reading: descriptors into fds, -1 for the others. */
void cgroup_open_files(const char *path, int fds[static N_GROUP_FILES]);
/* Moves a process into it. */
int cgroup_join(const char *path, pid_t pid, struct fail *f) must_check;
/* The path of one of the group's files; `controller` says where on version 1. */
void cgroup_file(const char *path, const char *controller, const char *name, char *buf, size_t cap);
/* The host needs tasks of its own for each guest task: what a limit of n becomes there. */
int64_t cgroup_host_tasks(int64_t guest);
/* Whether the group lies where there is a freezer. */
bool cgroup_can_freeze(const char *path);
/* Stops all its processes, or lets them go on, and waits until it is so. */
int cgroup_freeze(const char *path, bool frozen, struct fail *f) must_check;
/* Removes it; fine when it is not there. Waits a little for processes that are just dying. */
int cgroup_remove(const char *path, struct fail *f) must_check;
