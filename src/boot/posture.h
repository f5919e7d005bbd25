/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The posture: what the running sentry is confined to, as it finds it from /proc/self and by
 * trying, not as it remembers it. At the start a mismatch refuses to go on; later the same look is
 * what `cloister posture` prints.
 */
#pragma once

#include "base/strbuf.h"
#include "base/util.h"
#include "boot/boot.h"
#include "rpc/fail.h"

/* Right after the sentry's own filter, before anything of the guest: every point must be as
 * expected. */
int posture_check(const struct confinement *c, struct fail *f) must_check;
/* A JSON object. Any thread, at any time; "mismatches" is an empty list as long as all is well. */
int posture_format(const struct confinement *c, struct strbuf *out) must_check;
