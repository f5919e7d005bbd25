/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stub's end of the post: a socket pair of its process's own, by which descriptors come with
 * the reply to their opening. All under the table's lock (direct.c).
 */
#include "platform/stub/direct.h"

#define SYS_CLOSE   3
#define SYS_RECVMSG 47

static uint32_t post; /* host descriptor + 1 of STUB_CALL_POST, 0: none */

static void close_post(void)
{
    if (post)
        stub_syscall(SYS_CLOSE, (long) post - 1, 0, 0, 0, 0, 0);
}

void post_become(long host)
{
    close_post();
    post = (uint32_t) host + 1;
}

void post_left_behind(bool inherited)
{
    if (inherited)
        close_post();
    post = 0;
}

long post_next(struct stub_gift *ret)
{
    struct {
        uint64_t len;
        int32_t level, type, fd, pad;
    } control = {.fd = -1};
    struct stub_iovec iov = {(uint64_t) ret, sizeof(*ret)};
    struct stub_msghdr h = {.iov = (uint64_t) &iov,
                            .iovlen = 1,
                            .control = (uint64_t) &control,
                            .controllen = sizeof(control)};
    if (!post)
        return -1;
    long n = stub_syscall(SYS_RECVMSG, (long) post - 1, (long) &h, MSG_CMSG_CLOEXEC, 0, 0, 0);
    return n == sizeof(*ret) && h.controllen ? control.fd : -1;
}
