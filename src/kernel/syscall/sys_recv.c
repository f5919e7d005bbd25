/* SPDX-License-Identifier: Apache-2.0 */
/* recvfrom(2), recvmsg(2), recvmmsg(2). */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "abi/linux/time.h"
#include "base/cleanup.h"
#include "kernel/syscall/sock.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/direct.h"
#include "kernel/wait/poll_set.h"
#include "net/scm.h"

#define CONTROL_ROOM 16384u /* for what the host says */

long sys_recvfrom(struct task *t, const uint64_t a[static 6])
{
    struct sockname name = {.len = 0};
    struct sock_msg m = {.flags = (uint32_t) a[3], .name = a[4] ? &name : NULL};
    struct iobuf io;
    struct socket *s;
    int r = iobuf_guest(&io, t, uaddr(a[1]), a[2]);
    if (r == 0)
        r = sock_lookup(t, a[0], &s);
    if (r < 0)
        return r;
    m.io = &io;
    ssize_t n = socket_recv(t, s, &m);
    if (n >= 0)
        direct_consider(t, (int) a[0], &s->file);
    sock_put(s);
    if (n >= 0 && a[4]) {
        r = sockname_out(t, &name, a[4], a[5]);
        if (r < 0)
            return r;
    }
    return n;
}

/* ---- control messages ---- */

/* What came along, as far as there is room. */
static int control_out(struct cmsg_writer *w, struct sock_msg *m, const struct user_msg *u)
{
    struct scm *scm = m->scm;
    int r = 0;
    w->at = u->h.control;
    w->left = u->h.control ? u->h.controllen : 0;
    if (m->control) { /* as the host has made it */
        w->used = MIN(m->control_len, (size_t) w->left);
        return copy_out(w->t, uaddr(w->at), m->control, w->used);
    }
    if (scm->has_creds)
        r = cmsg_write(w, LX_SOL_SOCKET, LX_SCM_CREDENTIALS, &scm->creds, sizeof(scm->creds));
    if (r == 0)
        r = cmsg_write_rights(w, scm, m->flags & LX_MSG_CMSG_CLOEXEC);
    return r;
}

static int result_out(struct task *t, uint64_t hdr, const struct user_msg *u,
                      const struct sock_msg *m, const struct cmsg_writer *w)
{
    uint32_t flags =
        m->out_flags | (m->flags & LX_MSG_CMSG_CLOEXEC) | (w->truncated ? LX_MSG_CTRUNC : 0);
    uint64_t used = w->used;
    if (u->h.name) {
        int r = sockname_out(t, m->name, u->h.name, hdr + offsetof(struct lx_msghdr, namelen));
        if (r < 0)
            return r;
    }
    if (copy_out(t, uaddr(hdr + offsetof(struct lx_msghdr, flags)), &flags, sizeof(flags)) < 0)
        return -EFAULT;
    return copy_out(t, uaddr(hdr + offsetof(struct lx_msghdr, controllen)), &used, sizeof(used));
}

static ssize_t recv_one(struct task *t, struct socket *s, uint64_t hdr, struct user_msg *u,
                        uint32_t flags)
{
    struct sockname name = {.len = 0};
    struct scm scm = {.files = NULL};
    struct sock_msg m = {.io = &u->io, .flags = flags, .name = &name, .scm = &scm};
    struct cmsg_writer w = {.t = t};
    _cleanup_free_ uint8_t *control = NULL;
    if (s->family != LX_AF_UNIX && u->h.control && u->h.controllen) {
        m.control_cap = MIN(u->h.controllen, (uint64_t) CONTROL_ROOM);
        m.control = control = calloc(1, m.control_cap);
        if (!control)
            return -ENOBUFS;
    }
    ssize_t n = socket_recv(t, s, &m);
    if (n < 0)
        return n;
    int r = control_out(&w, &m, u);
    scm_done(&scm);
    if (r == 0)
        r = result_out(t, hdr, u, &m, &w);
    return r < 0 ? r : n;
}

static ssize_t recv_at(struct task *t, struct socket *s, uint64_t hdr, uint32_t flags)
{
    struct user_msg u;
    int r = user_msg_in(t, hdr, &u);
    ssize_t n = r < 0 ? r : recv_one(t, s, hdr, &u, flags);
    user_msg_done(&u);
    return n;
}

long sys_recvmsg(struct task *t, const uint64_t a[static 6])
{
    uint32_t flags = (uint32_t) a[2];
    struct socket *s;
    if (flags & LX_MSG_CMSG_COMPAT)
        return -EINVAL;
    int r = sock_lookup(t, a[0], &s);
    if (r < 0)
        return r;
    ssize_t n = recv_at(t, s, a[1], flags);
    if (n >= 0)
        direct_consider(t, (int) a[0], &s->file);
    sock_put(s);
    return n;
}

/* ---- recvmmsg ---- */

struct many {
    uint64_t at;
    uint32_t count, flags;
    enum poll_timeout how;
    struct timespec deadline;
};

static bool time_is_up(const struct many *m)
{
    struct timespec left;
    if (m->how != POLL_UNTIL)
        return m->how == POLL_NO_WAIT;
    left = poll_time_left(&m->deadline);
    return left.tv_sec == 0 && left.tv_nsec == 0;
}

static long recv_many(struct task *t, struct socket *s, const struct many *m)
{
    uint32_t flags = m->flags & ~LX_MSG_WAITFORONE, i = 0;
    ssize_t n = 0;
    while (i < m->count) {
        uint64_t at = m->at + i * sizeof(struct lx_mmsghdr);
        n = recv_at(t, s, at, flags);
        if (n < 0)
            break;
        uint32_t len = (uint32_t) n;
        n = copy_out(t, uaddr(at + sizeof(struct lx_msghdr)), &len, sizeof(len));
        if (n < 0)
            break;
        i++;
        if (m->flags & LX_MSG_WAITFORONE)
            flags |= LX_MSG_DONTWAIT;
        if (time_is_up(m))
            break;
    }
    return i ? (long) i : n;
}

/* The timeout is looked at after each message only: recvmmsg(2), "BUGS". */
long sys_recvmmsg(struct task *t, const uint64_t a[static 6])
{
    struct many m = {.at = a[1],
                     .count = (uint32_t) MIN(a[2] & UINT32_MAX, (uint64_t) GUEST_IOV_MAX),
                     .flags = (uint32_t) a[3],
                     .how = POLL_FOR_EVER};
    struct lx_timespec ts;
    struct socket *s;
    int r = 0;
    if (m.flags & LX_MSG_CMSG_COMPAT)
        return -EINVAL;
    if (a[4]) {
        if (copy_in(t, &ts, uaddr(a[4]), sizeof(ts)) < 0)
            return -EFAULT;
        r = poll_deadline(ts.sec, ts.nsec, &m.how, &m.deadline);
    }
    if (r == 0)
        r = sock_lookup(t, a[0], &s);
    if (r < 0)
        return r;
    long n = recv_many(t, s, &m);
    sock_put(s);
    if (n > 0 && a[4]) {
        struct timespec left =
            m.how == POLL_UNTIL ? poll_time_left(&m.deadline) : (struct timespec){0};
        ts = (struct lx_timespec){left.tv_sec, left.tv_nsec};
        if (copy_out(t, uaddr(a[4]), &ts, sizeof(ts)) < 0)
            return -EFAULT;
    }
    return n;
}
