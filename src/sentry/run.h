/* SPDX-License-Identifier: Apache-2.0 */
/* The second stage of the sandbox process: from confinement to the end of the container. */
#pragma once

#include "base/util.h"
#include "rpc/fail.h"

/*
 * Confines, builds the kernel, loads the program, reports READY, waits for what the spec asks for,
 * and runs. Returns the program's exit status (128 + signal), or a negative errno with f filled in
 * when the program was never started.
 */
int sentry_run(int handoff_fd, struct fail *f) must_check;
