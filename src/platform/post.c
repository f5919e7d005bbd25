/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process's post: a socket of sequenced packets by which the stub gets descriptors with a reply,
 * so that a gift costs no conversation of its own. Who holds the stub's end gets what comes by it;
 * a new process inherits it, so the post of its parent ends before anything more is given. Nothing
 * can be written into the stub's end: packets and descriptors that nobody takes would pile up here.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "platform/internal.h"

#define ROOM 8192 /* of packets that a stub does not take: it is the host's memory */

/* The stub's process gets one, unless another process may have been made of it meanwhile. */
static void make(struct stub_thread *st, uint32_t age)
{
    struct stub_proc *proc = st->proc;
    struct stub_call c = {.nr = STUB_CALL_POST, .donate = 1};
    const int room = ROOM;
    int ends[2] = {-1, -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0)
        return;
    _cleanup_close_ int ours = ends[0], theirs = ends[1];
    /* What is written at the stub's end is refused with EPIPE. */
    if (shutdown(ours, SHUT_RD) < 0 ||
        setsockopt(ours, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)) < 0)
        return;
    if (channel_calls(st, &c, 1, theirs) < 0 || c.result < 0)
        return;
    MUTEX_GUARD(&proc->post_lock);
    if (proc->post < 0 && proc->post_age == age)
        proc->post = take_fd(&ours);
}

static void ensure(struct stub_thread *st)
{
    struct stub_proc *proc = st->proc;
    mutex_lock(&proc->post_lock);
    bool have = proc->post >= 0;
    uint32_t age = proc->post_age;
    mutex_unlock(&proc->post_lock);
    /* One at a time: the stub has the one that came last. The others' gifts come another time. */
    if (!have && !atomic_exchange(&proc->post_making, true)) {
        make(st, age);
        atomic_store(&proc->post_making, false);
    }
}

bool post_send(struct stub_thread *st, const struct stub_gift *g, int host_fd)
{
    struct stub_proc *proc = st->proc;
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec iov = {(void *) g, sizeof(*g)};
    struct msghdr h = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof(control.space)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&h);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &host_fd, sizeof(host_fd));
    ensure(st);
    MUTEX_GUARD(&proc->post_lock);
    return proc->post >= 0 &&
           sendmsg(proc->post, &h, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t) sizeof(*g);
}

void post_end(struct stub_proc *proc)
{
    MUTEX_GUARD(&proc->post_lock);
    proc->post_age++;
    if (proc->post >= 0)
        close(proc->post);
    proc->post = -1;
}
