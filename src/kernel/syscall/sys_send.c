/* SPDX-License-Identifier: Apache-2.0 */
/* sendto(2), sendmsg(2), sendmmsg(2). */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "kernel/syscall/sock.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/direct.h"
#include "net/scm.h"

#define CONTROL_MAX 131072u /* net.core.optmem_max */

long sys_sendto(struct task *t, const uint64_t a[static 6])
{
    struct sock_msg m = {.flags = (uint32_t) a[3] & ~LX_MSG_CMSG_COMPAT};
    struct sockname name;
    struct iobuf io;
    struct socket *s;
    int r = iobuf_guest(&io, t, uaddr(a[1]), a[2]);
    if (r == 0)
        r = sock_lookup(t, a[0], &s);
    if (r < 0)
        return r;
    m.io = &io;
    if (a[4]) {
        r = sockname_in(t, a[4], a[5], &name);
        m.name = &name;
    }
    ssize_t n = r < 0 ? r : socket_send(t, s, &m);
    if (n >= 0)
        direct_consider(t, (int) a[0], &s->file);
    sock_put(s);
    return n;
}

/* The control buffer, copied; NULL without one. */
static int control_in(struct task *t, const struct lx_msghdr *h, uint8_t **ret)
{
    if (h->controllen > CONTROL_MAX)
        return -ENOBUFS;
    if (!h->controllen || !h->control)
        return 0;
    uint8_t *buf = malloc(h->controllen);
    if (!buf)
        return -ENOBUFS;
    if (copy_in(t, buf, uaddr(h->control), h->controllen) < 0) {
        free(buf);
        return -EFAULT;
    }
    *ret = buf;
    return 0;
}

/* A unix socket's control messages mean something to us, another's to the host. */
static ssize_t send_one(struct task *t, struct socket *s, struct user_msg *u, uint32_t flags)
{
    _cleanup_free_ uint8_t *control = NULL;
    struct sockname name;
    struct scm scm = {.files = NULL};
    struct sock_msg m = {.io = &u->io, .flags = flags};
    int r = 0;
    if (u->h.namelen) {
        r = sockname_in(t, u->h.name, (uint64_t) u->h.namelen, &name);
        m.name = &name;
    }
    if (r == 0)
        r = control_in(t, &u->h, &control);
    if (r == 0 && control && socket_ops_of(s)->check_send)
        r = socket_ops_of(s)->check_send(s);
    if (r == 0 && control && s->family == LX_AF_UNIX)
        r = scm_parse(t, control, u->h.controllen, &scm);
    if (r < 0)
        return r;
    m.scm = &scm;
    m.control = control;
    m.control_len = control ? u->h.controllen : 0;
    ssize_t n = socket_send(t, s, &m);
    scm_done(&scm);
    return n;
}

static ssize_t send_at(struct task *t, struct socket *s, uint64_t hdr, uint32_t flags)
{
    struct user_msg u;
    int r = user_msg_in(t, hdr, &u);
    ssize_t n = r < 0 ? r : send_one(t, s, &u, flags);
    user_msg_done(&u);
    return n;
}

long sys_sendmsg(struct task *t, const uint64_t a[static 6])
{
    uint32_t flags = (uint32_t) a[2];
    struct socket *s;
    if (flags & LX_MSG_CMSG_COMPAT)
        return -EINVAL;
    int r = sock_lookup(t, a[0], &s);
    if (r < 0)
        return r;
    ssize_t n = send_at(t, s, a[1], flags);
    if (n >= 0)
        direct_consider(t, (int) a[0], &s->file);
    sock_put(s);
    return n;
}

long sys_sendmmsg(struct task *t, const uint64_t a[static 6])
{
    uint32_t count = (uint32_t) MIN(a[2] & UINT32_MAX, (uint64_t) GUEST_IOV_MAX), i;
    uint32_t flags = (uint32_t) a[3];
    struct socket *s;
    ssize_t n = 0;
    if (flags & LX_MSG_CMSG_COMPAT)
        return -EINVAL;
    int r = sock_lookup(t, a[0], &s);
    if (r < 0)
        return r;
    for (i = 0; i < count; i++) {
        uint64_t at = a[1] + i * sizeof(struct lx_mmsghdr);
        n = send_at(t, s, at, flags);
        if (n < 0)
            break;
        uint32_t len = (uint32_t) n;
        if (copy_out(t, uaddr(at + sizeof(struct lx_msghdr)), &len, sizeof(len)) < 0) {
            n = -EFAULT;
            break;
        }
    }
    sock_put(s);
    return i ? (long) i : n < 0 ? n : 0;
}
