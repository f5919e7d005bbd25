/* SPDX-License-Identifier: Apache-2.0 */
/* Capability names and sets; source: capabilities(7), linux/capability.h. */
#pragma once

#include <stdint.h>

#include "base/util.h"

/*
 * What root gets in `do` and in a config that names no capabilities by default: enough to own files
 * and change ids within the container. Guest capabilities never reach the host; they are checks of
 * the application kernel's own.
 */
#define CAPS_DEFAULT                                                                  \
    ((UINT64_C(1) << 0) /* CHOWN */ | (UINT64_C(1) << 1) /* DAC_OVERRIDE */ |         \
     (UINT64_C(1) << 3) /* FOWNER */ | (UINT64_C(1) << 4) /* FSETID */ |              \
     (UINT64_C(1) << 5) /* KILL */ | (UINT64_C(1) << 6) /* SETGID */ |                \
     (UINT64_C(1) << 7) /* SETUID */ | (UINT64_C(1) << 8) /* SETPCAP */ |             \
     (UINT64_C(1) << 10) /* NET_BIND_SERVICE */ | (UINT64_C(1) << 13) /* NET_RAW */ | \
     (UINT64_C(1) << 18) /* SYS_CHROOT */ | (UINT64_C(1) << 19) /* SYS_PTRACE */ |    \
     (UINT64_C(1) << 23) /* SYS_NICE */ | (UINT64_C(1) << 24) /* SYS_RESOURCE */ |    \
     (UINT64_C(1) << 27) /* MKNOD */ | (UINT64_C(1) << 29) /* AUDIT_WRITE */ |        \
     (UINT64_C(1) << 31) /* SETFCAP */)

/* Number of the capability called "CAP_..."; -EINVAL for an unknown name. */
int caps_by_name(const char *name) must_check;
/* Name of capability n, or NULL. */
const char *caps_name(unsigned n);
/* Number of capabilities known. */
unsigned caps_count(void);
