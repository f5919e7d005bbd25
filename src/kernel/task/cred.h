/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest credentials: credentials(7), capabilities(7). Immutable once published; changed by copying.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ref.h"
#include "base/util.h"

struct cred {
    struct ref ref;
    uint32_t uid, euid, suid, fsuid;
    uint32_t gid, egid, sgid, fsgid;
    uint64_t cap_permitted, cap_effective, cap_inheritable, cap_bounding,
        cap_ambient; /* bit = capability number */
    uint32_t securebits;
    size_t n_groups;
    uint32_t groups[];
};

enum { /* numbers of linux/capability.h that the kernel itself asks for */
       LX_CAP_CHOWN = 0,
       LX_CAP_DAC_OVERRIDE = 1,
       LX_CAP_DAC_READ_SEARCH = 2,
       LX_CAP_FOWNER = 3,
       LX_CAP_FSETID = 4,
       LX_CAP_KILL = 5,
       LX_CAP_SETGID = 6,
       LX_CAP_SETUID = 7,
       LX_CAP_SETPCAP = 8,
       LX_CAP_LINUX_IMMUTABLE = 9,
       LX_CAP_NET_BIND_SERVICE = 10,
       LX_CAP_NET_ADMIN = 12,
       LX_CAP_NET_RAW = 13,
       LX_CAP_SYS_RAWIO = 17,
       LX_CAP_SYS_CHROOT = 18,
       LX_CAP_SYS_PTRACE = 19,
       LX_CAP_SYS_ADMIN = 21,
       LX_CAP_SYS_NICE = 23,
       LX_CAP_SYS_RESOURCE = 24,
       LX_CAP_SYS_TTY_CONFIG = 26,
       LX_CAP_MKNOD = 27,
       LX_CAP_AUDIT_CONTROL = 30,
       LX_CAP_SETFCAP = 31,
       LX_CAP_LAST = 40,
};

/* New object with one reference and room for n_groups; NULL without memory. */
struct cred *cred_alloc(size_t n_groups);
/* A private, writable copy. */
struct cred *cred_copy(const struct cred *c);
const struct cred *cred_get(const struct cred *c);
void cred_put(const struct cred *c);
bool cred_capable(const struct cred *c, int cap);
bool cred_in_group(const struct cred *c, uint32_t gid); /* fsgid or supplementary */
/* Whether a file of this group may get or keep the set-group-ID bit: chmod(2), acl(5). */
bool cred_may_set_group(const struct cred *c, uint32_t gid);
