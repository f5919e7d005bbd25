/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which network namespace a sandbox gets: one of its own, the caller's, or one that is joined.
 * Sources: namespaces(7), setns(2), ioctl_ns(2), the OCI runtime specification's config-linux.md.
 */
#pragma once

#include "base/util.h"
#include "oci/config.h"
#include "rpc/fail.h"
#include "rpc/spec.h"

struct network_choice {
    enum network_mode mode;
    int fd; /* NETWORK_JOINED: the namespace; else -1. The caller's to close */
};

/*
 * What --network says: none, host, sandbox, or the path of a namespace. NULL is sandbox: what the
 * config says; without a config (NULL) that is one of its own.
 */
int network_choose(const char *option, const struct oci_config *config, struct network_choice *ret,
                   struct fail *f) must_check;

/* Takes this thread into the namespace; *ret_back leads back by network_leave(), which takes it. */
int network_enter(int fd, int *ret_back, struct fail *f) must_check;
/*
 * In the joined namespace: the settings that the config wants, and, as the sandbox has no privilege
 * there, that low ports are the guest's own privileged's to take.
 */
int network_prepare(const struct sandbox_spec *s, struct fail *f) must_check;
/* In a user namespace one may have the right to go there, and none to come back: then we stay,
 * which but for hooks makes no difference. */
int network_leave(int back, struct fail *f) must_check;
