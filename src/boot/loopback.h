/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "rpc/fail.h"
#include "rpc/spec.h"

/*
 * First stage, while the sandbox still has capabilities over its fresh network namespace: brings
 * its loopback interface up, and leaves it to the guest's own capabilities who may use low ports
 * and send echo requests; then the settings that the config wants. Only for NETWORK_OWN.
 */
int loopback_up(const struct sandbox_spec *s, struct fail *f) must_check;
