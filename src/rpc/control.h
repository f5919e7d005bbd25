/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control protocol between the command line and a running sandbox, over a SOCK_SEQPACKET unix
 * socket that the host side binds in the container's state directory and the sentry listens on.
 *
 * One connection carries any number of requests; each request gets exactly one answer, in order,
 * and nothing else comes but the EXITED of an EXEC. A frame is
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
    CONTROL_STATE, /* TEXT: {"status": "created"|"running"|"paused"|"stopped", "tasks", "maxTasks"}
                    */
    CONTROL_PS, /* TEXT: {"processes": [{"pid", "ppid", "uid", "cmd"}...]}, the guest's numbers */
    CONTROL_POSTURE, /* TEXT: the posture as JSON */
    CONTROL_EXEC,    /* struct control_exec and descriptors; STARTED, FAILED or ERROR; when the new
                        process has ended, EXITED. One per connection at a time; the process is
                        killed when the connection ends before it does */
    CONTROL_SIGNAL,  /* struct control_kill: to the process that this connection's EXEC made; OK, or
                        ERROR. `all` must be 0 */
    CONTROL_PAUSE,   /* no guest code runs after the OK; or ERROR. OK also if it was paused */
    CONTROL_RESUME,  /* OK, also if it was not paused; or ERROR */
    CONTROL_RESIZED, /* the host has resized a terminal of the container: OK */
    CONTROL_LIMITS,  /* struct control_limits; OK */
    CONTROL_LAST_REQUEST = CONTROL_LIMITS,
    /* answers */
    CONTROL_OK = 0x100,
    CONTROL_ERROR,   /* one line of text, no newline */
    CONTROL_TEXT,    /* a JSON document */
    CONTROL_STARTED, /* struct control_started */
    CONTROL_FAILED,  /* u32: the exit status to end with (126, 127); then text as for ERROR */
    CONTROL_EXITED,  /* struct control_exited; not an answer: comes when it happens */
    CONTROL_LAST_ANSWER = CONTROL_EXITED,
};

/* Payload of CONTROL_KILL. */
struct control_kill {
    int32_t signo; /* 1..64, Linux numbers */
    uint32_t all;  /* 0: init alone; 1: every guest process */
};

/* Payload of CONTROL_LIMITS. */
struct control_limits {
    uint32_t pids_max; /* guest tasks admitted from now on; 0: the default */
};

/*
 * Payload of CONTROL_EXEC. The frame's descriptors are, in this order: a memfd with the encoded
 * process_spec (process_spec_encode()), then one for each bit set in `stdio`, lowest first, then
 * `preserved` ones that become 3, 4 ... of the process.
 */
struct control_exec {
    uint32_t stdio;     /* bit N: the process has a descriptor N, 0 <= N <= 2 */
    uint32_t preserved; /* 0..CONTROL_MAX_PRESERVED */
};

#define CONTROL_MAX_PRESERVED 64u
#define CONTROL_MAX_FDS       (1u + 3u + CONTROL_MAX_PRESERVED)

struct control_started {
    int32_t pid; /* the guest's number */
};

struct control_exited {
    uint32_t wait_status; /* as of wait(2) */
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

/* Descriptors that came or go with a frame. */
struct control_fds {
    int fd[CONTROL_MAX_FDS];
    size_t n;
};

/* Closes those that are not -1; n becomes 0. */
void control_fds_close(struct control_fds *fds);
/* control_send() with descriptors (at least one byte goes along: the header). They stay ours. */
int control_send_fds(int fd, enum control_type type, const void *payload, size_t len,
                     const struct control_fds *fds) must_check;
/*
 * control_recv() that takes descriptors (CLOEXEC) into *ret_fds; the caller closes them. On errors
 * none is left open. -EBADMSG also for more than CONTROL_MAX_FDS.
 */
int control_recv_fds(int fd, char *buf, size_t cap, struct control_frame *ret,
                     struct control_fds *ret_fds) must_check;

/*
 * Payloads, checked. -EBADMSG when the frame is of another type, or has the wrong size or values.
 * control_parse_kill() takes CONTROL_KILL and CONTROL_SIGNAL; control_parse_exec() also compares
 * the number of descriptors.
 */
int control_parse_kill(const struct control_frame *f, struct control_kill *ret) must_check;
int control_parse_exec(const struct control_frame *f, const struct control_fds *fds,
                       struct control_exec *ret) must_check;
int control_parse_limits(const struct control_frame *f, struct control_limits *ret) must_check;
int control_parse_started(const struct control_frame *f, struct control_started *ret) must_check;
int control_parse_exited(const struct control_frame *f, struct control_exited *ret) must_check;
/* ret_text points into the frame. */
int control_parse_failed(const struct control_frame *f, uint32_t *ret_status, const char **ret_text)
    must_check;
int control_send_failed(int fd, uint32_t status, const char *text) must_check;

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
