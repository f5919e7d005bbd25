/* SPDX-License-Identifier: Apache-2.0 */
/* Interfaces of the sandbox's network namespace, asked of the host through a socket of our own. */
#include "net/interfaces.h"

#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "kernel/mem/uaccess.h"
#include "net/ethtool.h"

#define MAX_INTERFACES 256u

struct lx_ifconf {
    int32_t len, pad;
    uint64_t buf;
};

/* A name or a number goes in, an answer comes out. */
static const uint32_t questions[] = {
    SIOCGIFNAME,   SIOCGIFFLAGS, SIOCGIFADDR,   SIOCGIFDSTADDR, SIOCGIFBRDADDR, SIOCGIFNETMASK,
    SIOCGIFMETRIC, SIOCGIFMTU,   SIOCGIFHWADDR, SIOCGIFINDEX,   SIOCGIFTXQLEN,
};

static long ask(int fd, struct task *t, uint32_t cmd, uint64_t arg)
{
    struct ifreq q;
    if (copy_in(t, &q, uaddr(arg), sizeof(q)) < 0)
        return -EFAULT;
    q.ifr_name[IFNAMSIZ - 1] = '\0';
    if (ioctl(fd, cmd, &q) < 0)
        return -errno;
    return copy_out(t, uaddr(arg), &q, sizeof(q));
}

static long list(int fd, struct task *t, uint64_t arg)
{
    _cleanup_free_ struct ifreq *all = calloc(MAX_INTERFACES, sizeof(*all));
    struct ifconf c = {.ifc_len = (int) (MAX_INTERFACES * sizeof(*all)), .ifc_req = all};
    struct lx_ifconf to;
    if (!all)
        return -ENOMEM;
    if (copy_in(t, &to, uaddr(arg), sizeof(to)) < 0)
        return -EFAULT;
    if (ioctl(fd, SIOCGIFCONF, &c) < 0)
        return -errno;
    if (!to.buf) {
        to.len = c.ifc_len;
    } else {
        size_t room = to.len > 0 ? (size_t) to.len / sizeof(*all) * sizeof(*all) : 0;
        to.len = (int32_t) MIN(room, (size_t) c.ifc_len);
        if (copy_out(t, uaddr(to.buf), all, (size_t) to.len) < 0)
            return -EFAULT;
    }
    return copy_out(t, uaddr(arg), &to, sizeof(to));
}

static bool is_question(uint32_t cmd)
{
    for (size_t i = 0; i < ARRAY_LEN(questions); i++)
        if (questions[i] == cmd)
            return true;
    return false;
}

long interface_ioctl(struct task *t, uint32_t cmd, uint64_t arg)
{
    if (cmd == SIOCETHTOOL)
        return ethtool_ioctl(t, arg);
    if (cmd != SIOCGIFCONF && !is_question(cmd))
        return -ENOTTY;
    _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    return cmd == SIOCGIFCONF ? list(fd, t, arg) : ask(fd, t, cmd, arg);
}
