/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control protocol between the command line and a running sandbox, over a SOCK_SEQPACKET unix
 * socket that the host side binds in the container's state directory and the sentry listens on.
 *
 * One connection carries any number of requests; each request gets exactly one answer. A frame is
 * one packet: {u32 magic, u32 type, u32 len} followed by len bytes, native byte order (both ends
 * run on one machine and come from one build; the magic says which). Both sides treat the other as
 * hostile: a frame that is too long, truncated, or of an unknown type ends the connection.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/util.h"

#define CONTROL_MAGIC 0x31544c43u /* "CLT1" */

/* Largest payload of a frame. A buffer of CONTROL_MAX_FRAME bytes holds any frame. */
#define CONTROL_MAX_PAYLOAD (128u << 10)
#define CONTROL_MAX_FRAME   (CONTROL_MAX_PAYLOAD + 12u)

enum control_type {
    /* requests */
    CONTROL_START = 1, /* let the created init run; no payload; OK, or ERROR if it runs already */
    CONTROL_KILL,      /* struct control_kill; OK, or ERROR */
    CONTROL_STATE,     /* TEXT: {"status": "created"|"running"|"stopped"} */
    CONTROL_PS, /* TEXT: {"processes": [{"pid", "ppid", "uid", "cmd"}...]}, the guest's numbers */
    CONTROL_POSTURE, /* TEXT: the posture as JSON */
    /* answers */
    CONTROL_OK = 0x100,
    CONTROL_ERROR, /* one line of text, no newline */
    CONTROL_TEXT,  /* a JSON document */
};

/* Payload of CONTROL_KILL. */
struct control_kill {
    int32_t signo; /* 1..64, Linux numbers */
    uint32_t all;  /* 0: init alone; 1: every guest process */
};

/* A received frame; payload points into the caller's buffer and is NUL-terminated there. */
struct control_frame {
    enum control_type type;
    size_t len;
    const char *payload;
};

/* Sends one frame. 0, -EMSGSIZE when len is too large, -EPIPE when the peer has gone. No SIGPIPE.
 */
int control_send(int fd, enum control_type type, const void *payload, size_t len) must_check;
/* The same with a text, cut at CONTROL_MAX_PAYLOAD only for CONTROL_ERROR. */
int control_send_text(int fd, enum control_type type, const char *text) must_check;

/*
 * Receives one frame into buf, which must have cap >= CONTROL_MAX_FRAME + 1 bytes. 0; -ENOTCONN at
 * the end of the connection; -EBADMSG for anything malformed; -EAGAIN on a non-blocking or timed
 * socket. Descriptors sent along are not received.
 */
int control_recv(int fd, char *buf, size_t cap, struct control_frame *ret) must_check;

/* The payload of a CONTROL_KILL frame, checked. -EBADMSG when it has the wrong size or values. */
int control_parse_kill(const struct control_frame *f, struct control_kill *ret) must_check;

/*
 * The client's side: one request, one answer. 0 for OK or TEXT (ret_text gets a malloc'ed string or
 * NULL for OK); -EREMOTEIO for ERROR, with the peer's line in *ret_text; other negative errno when
 * the connection failed (*ret_text = NULL). ret_text may not be NULL.
 */
int control_call(int fd, enum control_type type, const void *payload, size_t len, char **ret_text)
    must_check;

/* Connects to a control socket by path; paths longer than sun_path go through a directory
 * descriptor. */
int control_connect(const char *path, int timeout_ms, int *ret_fd) must_check;
/* Makes the listening socket (mode 0600 by umask of the caller's directory), CLOEXEC, non-blocking
 * off. */
int control_listen(const char *path, int *ret_fd) must_check;
