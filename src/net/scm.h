/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes with a message between processes of one kernel: open files and credentials, unix(7).
 * Control messages of the guest are parsed from one private copy.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/linux/socket.h"
#include "base/util.h"

struct file;
struct task;
struct tgroup;

struct scm {
    struct file **files; /* references; NULL: none */
    size_t n_files;
    bool has_creds; /* send: given by the caller; receive: to be shown */
    struct lx_ucred creds;
};

#define SCM_CREDS_NONE                       \
    {                                        \
        .pid = 0, .uid = 65534, .gid = 65534 \
    }

/* One control message of a buffer; *at moves on. 1: there is one; 0: the end; -EINVAL. */
struct cmsg {
    int32_t level, type;
    const uint8_t *data;
    size_t len;
};
int cmsg_next(const uint8_t *buf, size_t len, size_t *at, struct cmsg *ret) must_check;

/*
 * The SOL_SOCKET messages of a control buffer a unix socket sends: SCM_RIGHTS becomes references,
 * SCM_CREDENTIALS is checked against t. Others of this level: -EINVAL; other levels are left out.
 * *ret is empty on error. -EBADF, -EPERM, -ESRCH, -EINVAL.
 */
int scm_parse(struct task *t, const uint8_t *buf, size_t len, struct scm *ret) must_check;
/* Drops what is held. */
void scm_done(struct scm *scm);

/* Writes control messages to the guest, with the truncation of put_cmsg: cut, and MSG_CTRUNC. */
struct cmsg_writer {
    struct task *t;
    uint64_t at; /* guest address of the next one */
    size_t left; /* room */
    size_t used;
    bool truncated;
};
int cmsg_write(struct cmsg_writer *w, int level, int type, const void *data, size_t len) must_check;
/* Installs the files as descriptors and tells their numbers; what does not fit is dropped. */
int cmsg_write_rights(struct cmsg_writer *w, struct scm *scm, bool cloexec) must_check;
