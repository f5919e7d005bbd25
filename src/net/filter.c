/* SPDX-License-Identifier: Apache-2.0 */
/* See filter.h. */
#include "net/filter.h"

#include <errno.h>
#include <linux/filter.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/packet.h"
#include "base/cleanup.h"
#include "kernel/mem/uaccess.h"

struct lx_sock_fprog {
    uint16_t len, pad[3];
    uint64_t filter;
};
_Static_assert(sizeof(struct lx_sock_fprog) == 16, "struct sock_fprog");

static int attach(struct socket *s, struct task *t, const void *v, size_t len)
{
    struct lx_sock_fprog given;
    if (len != sizeof(given))
        return -EINVAL;
    memcpy(&given, v, sizeof(given));
    if (given.len == 0 || given.len > BPF_MAXINSNS)
        return -EINVAL;
    _cleanup_free_ struct sock_filter *code = calloc(given.len, sizeof(*code));
    if (!code)
        return -ENOMEM;
    if (copy_in(t, code, uaddr(given.filter), given.len * sizeof(*code)) < 0)
        return -EFAULT;
    const struct sock_fprog p = {.len = given.len, .filter = code};
    return setsockopt(host_socket_of(s)->fd, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof(p)) < 0
               ? -errno
               : 0;
}

int socket_filter_set(struct socket *s, struct task *t, int name, const void *v, size_t len)
{
    const int none = 0;
    if (name == LX_SO_ATTACH_FILTER)
        return attach(s, t, v, len);
    return setsockopt(host_socket_of(s)->fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof(none)) < 0
               ? -errno
               : 0;
}
