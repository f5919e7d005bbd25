/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two network namespaces for a sandbox with an egress policy: the outer one, in which the host side
 * has left it, and one of its own, in which everything but one thread lives (base/outer.h).
 *
 *   first stage:  outer_make_inner()   makes the inner namespace beside our own
 *   second stage: outer_split()        leaves a thread outside and goes in
 *                 outer_confine()      takes from that thread all but socket(2) for TCP and UDP
 */
#pragma once

#include "base/outer.h"
#include "base/util.h"
#include "rpc/fail.h"
#include "rpc/spec.h"

struct sock_filter;

/* A descriptor of a new network namespace with its loopback up; -1 where there is no need. */
int outer_make_inner(const struct sandbox_spec *s, int *ret_fd, struct fail *f) must_check;
/* *ret stays NULL without a policy. inner_fd is used up. */
int outer_split(const struct sandbox_spec *s, int inner_fd, struct outer **ret, struct fail *f)
    must_check;
/* o may be NULL. */
int outer_confine(struct outer *o, struct fail *f) must_check;
/* The thread's filter, for its test. */
int outer_build_filter(struct sock_filter *code, size_t cap) must_check;
