/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The egress policy as the caller gives it: --allow-net, or the annotation of a bundle. Here its
 * rules are checked, and the servers of names are looked up that our own resolv.conf(5) names.
 */
#pragma once

#include <json.h>
#include <stdbool.h>

#include "base/util.h"
#include "rpc/fail.h"
#include "rpc/spec.h"

/* Of a bundle: rules with spaces or commas between them. The option, if it is given, is all there
 * is. */
#define EGRESS_ANNOTATION "org.cloister.allow-net"

/* Fills s->allow_net and s->nameservers; without rules both stay NULL, and there is no policy.
 * annotations may be NULL. */
int egress_fill(struct sandbox_spec *s, const char *const *rules, size_t n,
                json_object *annotations, struct fail *f) must_check;
