/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sync socket: a SOCK_SEQPACKET pair between the host side and the sandbox process while a
 * container is made. One packet is {u32 kind, u32 code} followed by text.
 *
 *   host side                         sandbox process
 *   clone, id maps, cgroup
 *   GO                      ->        (before the exec of cloister-sentry)
 *                                     boot, posture check, mounts, loading of init
 *                           <-        READY, or ERROR(exit code, one line)
 *   state file, pid file
 *   COMMIT                  ->        only when spec.start_now is false: the sandbox waits for it,
 * and exits at the end of file, so a killed `create` leaves nothing behind
 *
 * With spec.start_now no COMMIT is sent: the sandbox closes its end after READY and runs.
 */
#pragma once

#include <stdint.h>

#include "base/util.h"

enum sync_kind {
    SYNC_GO = 1,
    SYNC_READY,
    SYNC_ERROR,
    SYNC_COMMIT,
};

#define SYNC_MAX_TEXT 1023

struct sync_report {
    enum sync_kind kind;
    uint32_t code; /* SYNC_ERROR: exit status for do and run: 125 our own failure, 126 init not
                      executable, 127 not found */
    char text[SYNC_MAX_TEXT + 1];
};

/* Sends one packet; text may be NULL and is cut at SYNC_MAX_TEXT. 0, -EPIPE when the peer is gone.
 */
int sync_send(int fd, enum sync_kind kind, uint32_t code, const char *text) must_check;

/* Receives one packet (blocking). 0; -ENOTCONN at the end of file; -EBADMSG when malformed. */
int sync_recv(int fd, struct sync_report *ret) must_check;

/* For the sandbox: receives one packet of exactly this kind. -EBADMSG for another one. */
int sync_expect(int fd, enum sync_kind kind) must_check;
