/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control protocol as the sentry reads it: the first byte says how many descriptors come along,
 * the rest is one packet. Whatever a frame is taken for, its payload must be parsed in bounds; what
 * follows a good EXEC frame is tried as the description of a process.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rpc/control.h"
#include "rpc/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse_all(const struct control_frame *f, const struct control_fds *fds)
{
    struct control_kill k;
    struct control_exec e;
    struct control_limits l;
    struct control_started s;
    struct control_exited x;
    const char *text;
    uint32_t status;

    if (control_parse_kill(f, &k) == 0 && (k.signo < 1 || k.signo > 64))
        abort();
    if (control_parse_exec(f, fds, &e) == 0 &&
        1u + (unsigned) __builtin_popcount(e.stdio) + e.preserved != fds->n)
        abort();
    if (control_parse_limits(f, &l) == 0 || control_parse_started(f, &s) == 0 ||
        control_parse_exited(f, &x) == 0)
        return;
    if (control_parse_failed(f, &status, &text) == 0 && strlen(text) > CONTROL_MAX_PAYLOAD)
        abort();
}

static void send_packet(int fd, const uint8_t *data, size_t size, size_t n_fds)
{
    static int null_fd = -1;
    _Alignas(struct cmsghdr) char room[CMSG_SPACE(sizeof(int) * 128)] = {0};
    struct iovec iov = {.iov_base = (void *) (uintptr_t) data, .iov_len = size};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

    if (null_fd < 0)
        null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (n_fds) {
        struct cmsghdr *c = (struct cmsghdr *) (void *) room;

        m.msg_control = room;
        m.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
        for (size_t i = 0; i < n_fds; i++)
            memcpy(CMSG_DATA(c) + i * sizeof(int), &null_fd, sizeof(int));
    }
    (void) !sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char buf[CONTROL_MAX_FRAME + 1];
    struct control_frame frame;
    struct control_fds fds;
    struct process_spec spec;
    int pair[2];

    if (size < 2)
        return 0;
    if (process_spec_decode(data + 1, size - 1, &spec) == 0)
        process_spec_clear(&spec);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return 0;
    send_packet(pair[0], data + 1, size - 1, data[0] % 128);
    if (control_recv_fds(pair[1], buf, sizeof(buf), &frame, &fds) == 0) {
        parse_all(&frame, &fds);
        control_fds_close(&fds);
    }
    close(pair[0]);
    close(pair[1]);
    return 0;
}
