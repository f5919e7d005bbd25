/* SPDX-License-Identifier: Apache-2.0 */
/* setsockopt(2), getsockopt(2). */
#include <errno.h>
#include <stdlib.h>

#include "abi/linux/inet.h"
#include "base/cleanup.h"
#include "fdobj/pidfd.h"
#include "kernel/syscall/sock.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/fdtable.h"
#include "net/unix/unix.h"

#define SMALL 64u /* most options are an int or two */

static int set(struct task *t, struct socket *s, const uint64_t a[static 6])
{
    _cleanup_free_ uint8_t *heap = NULL;
    uint8_t small[SMALL] = {0}, *v = small;
    int32_t len = (int32_t) a[4];
    if (len < 0)
        return -EINVAL;
    size_t n = MIN((size_t) len, (size_t) SOCKOPT_MAX);
    if (n > SMALL) {
        v = heap = malloc(n);
        if (!heap)
            return -ENOMEM;
    }
    if (copy_in(t, v, uaddr(a[3]), n) < 0)
        return -EFAULT;
    return socket_setsockopt(t, s, (int) a[1], (int) a[2], v, n);
}

long sys_setsockopt(struct task *t, const uint64_t a[static 6])
{
    struct socket *s;
    int r = sock_lookup(t, a[0], &s);
    if (r < 0)
        return r;
    r = set(t, s, a);
    sock_put(s);
    return r;
}

/* SO_PEERPIDFD: a descriptor as the option's value. */
static int get_peer_pidfd(struct task *t, struct socket *s, void *v, size_t *len)
{
    struct tgroup *tg = unix_peer_process(s);
    struct file *f;
    if (!tg)
        return -ENODATA;
    int r = pidfd_new(tg, 0, &f);
    tgroup_put(tg);
    if (r == 0)
        r = task_fd_install(t, f, true);
    return r < 0 ? r : sockopt_put_int(r, v, len);
}

/* Those that are asked by what lies in the room for the answer. */
static bool is_question(int level, int name)
{
    switch (name) {
    case LX_IP_MSFILTER:
        return level == LX_SOL_IP;
    case LX_MCAST_MSFILTER:
        return level == LX_SOL_IP || level == LX_SOL_IPV6;
    case LX_IPV6_FLOWLABEL_MGR:
        return level == LX_SOL_IPV6;
    default:
        return false;
    }
}

static int get(struct task *t, struct socket *s, const uint64_t a[static 6])
{
    _cleanup_free_ uint8_t *heap = NULL;
    uint8_t small[SMALL] = {0}, *v = small;
    int level = (int) a[1], name = (int) a[2];
    int32_t len;
    if (copy_in(t, &len, uaddr(a[4]), sizeof(len)) < 0)
        return -EFAULT;
    if (len < 0)
        return -EINVAL;
    size_t n = MIN((size_t) len, (size_t) SOCKOPT_MAX);
    if (n > SMALL) {
        v = heap = calloc(1, n);
        if (!heap)
            return -ENOMEM;
    }
    if (is_question(level, name) && copy_in(t, v, uaddr(a[3]), n) < 0)
        return -EFAULT;
    int r = level == LX_SOL_SOCKET && name == LX_SO_PEERPIDFD
                ? get_peer_pidfd(t, s, v, &n)
                : socket_getsockopt(t, s, level, name, v, &n);
    len = (int32_t) n;
    if (r == -ERANGE) /* the room that is needed: SO_PEERGROUPS */
        return copy_out(t, uaddr(a[4]), &len, sizeof(len)) < 0 ? -EFAULT : r;
    if (r < 0)
        return r;
    if (copy_out(t, uaddr(a[3]), v, n) < 0)
        return -EFAULT;
    return copy_out(t, uaddr(a[4]), &len, sizeof(len));
}

long sys_getsockopt(struct task *t, const uint64_t a[static 6])
{
    struct socket *s;
    int r = sock_lookup(t, a[0], &s);
    if (r < 0)
        return r;
    r = get(t, s, a);
    sock_put(s);
    return r;
}
