/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way into confinement, in two stages of one process:
 *
 *   boot_enter()    in the host's tree: opens what must survive, makes the minimal root,
 * re-executes boot_confine()  inside: inventory, capabilities, limits, no_new_privs, Landlock, then
 * the zygote, then the sentry's own filter, then the posture check
 *
 * The order of the second matters: a zygote older than Landlock could not be read by the sentry,
 * one younger than the filter could not be made.
 */
#pragma once

#include "base/outer.h"
#include "base/util.h"
#include "boot/handoff.h"
#include "boot/inventory.h"
#include "platform/platform.h"
#include "rpc/fail.h"
#include "rpc/spec.h"

/* The confined sentry, as it was told and as it became. */
struct confinement {
    struct sandbox_spec *spec; /* owned */
    struct handoff handoff;    /* owned */
    struct inventory inventory;
    int landlock_abi; /* 0: none */
    struct platform *platform;
    struct outer *outer; /* base/outer.h; NULL: no egress policy */
};

/*
 * First stage. Does not return on success, except in builds that cannot re-execute themselves: then
 * 0 and the number of the hand-over's descriptor, and the caller goes on with boot_confine().
 */
int boot_enter(int *ret_handoff_fd, struct fail *f) must_check;

/* Second stage. What it has made is never released: it lives as long as the process. */
int boot_confine(int handoff_fd, struct confinement *ret, struct fail *f) must_check;
