/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sandbox process may do as a process: ids, capabilities, limits, no_new_privs. Sources:
 * capabilities(7), prctl(2), core(5).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/util.h"
#include "rpc/fail.h"
#include "rpc/spec.h"

/*
 * Whether the sentry keeps CAP_NET_RAW, to have the guest's raw and packet sockets: when a guest
 * may have the capability at all, and the network namespace was made for the sandbox. In any other
 * it would be no capability: those belong to other user namespaces.
 */
bool caps_raw_sockets(const struct sandbox_spec *s);

/* The capabilities the running sentry keeps in its own user namespace (bit = number), and why:
 * caps.c. raw: caps_raw_sockets(). */
uint64_t caps_kept(bool one_id, bool raw);

/*
 * Drops everything else for good, from the bounding set too; whatever is executed later gets none
 * at all. Then restores what an id or capability change has taken: dumpable, the parent-death
 * signal.
 */
int caps_confine(bool one_id, const struct sandbox_spec *s, struct fail *f) must_check;

/* Limits of the sentry itself: no core dump, no file-size signal, room for descriptors. */
int caps_set_limits(struct fail *f) must_check;
int caps_no_new_privs(struct fail *f) must_check;
/* Signals, session and umask of a process that answers for others. */
int caps_settle_process(struct fail *f) must_check;
/* Armed again: an exec that changes capabilities disarms it. */
int caps_die_with_parent(struct fail *f) must_check;
