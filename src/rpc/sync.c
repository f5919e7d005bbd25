/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of the sync socket: see sync.h. */
#include "rpc/sync.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

struct wire_sync {
    uint32_t kind;
    uint32_t code;
};

int sync_send(int fd, enum sync_kind kind, uint32_t code, const char *text)
{
    struct wire_sync h = {.kind = kind, .code = code};
    size_t len = text ? strnlen(text, SYNC_MAX_TEXT) : 0;
    struct iovec iov[2] = {
        {.iov_base = &h, .iov_len = sizeof(h)},
        {.iov_base = (void *) (uintptr_t) text, .iov_len = len},
    };
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = len ? 2 : 1};

    while (sendmsg(fd, &m, MSG_NOSIGNAL) < 0) {
        if (errno == ECONNRESET)
            return -EPIPE;
        if (errno != EINTR)
            return -errno;
    }
    return 0;
}

int sync_recv(int fd, struct sync_report *ret)
{
    struct sync_report r = {0};
    struct wire_sync h;
    struct iovec iov[2] = {
        {.iov_base = &h, .iov_len = sizeof(h)},
        {.iov_base = r.text, .iov_len = SYNC_MAX_TEXT},
    };
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
    ssize_t n;

    do {
        n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == ECONNRESET ? -ENOTCONN : -errno;
    if (n == 0)
        return -ENOTCONN;
    if ((size_t) n < sizeof(h) || (m.msg_flags & MSG_TRUNC) || h.kind < SYNC_GO ||
        h.kind > SYNC_COMMIT)
        return -EBADMSG;
    r.kind = (enum sync_kind) h.kind;
    r.code = h.code;
    *ret = r;
    return 0;
}

int sync_expect(int fd, enum sync_kind kind)
{
    struct sync_report got;
    int r = sync_recv(fd, &got);

    if (r < 0)
        return r;
    return got.kind == kind ? 0 : -EBADMSG;
}
