/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sentry's own system call filter: the last thing that stands when the sentry has fallen. The
 * table in seccomp.c gives the reason for every call that is admitted; everything else ends the
 * sandbox with a line in the log that names the call.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/util.h"
#include "rpc/fail.h"

struct sock_filter;

/* The program: number of instructions, or -E2BIG. raw: with raw and packet sockets. Separate from
 * its installation for tests. */
int seccomp_build(bool raw, struct sock_filter *code, size_t cap) must_check;
/* Installs it for the calling process, which must have one thread. Needs no_new_privs. */
int seccomp_confine(bool raw, struct fail *f) must_check;
