/* SPDX-License-Identifier: Apache-2.0 */
/* See loopback.h. Sources: netdevice(7), ip(7) (ip_unprivileged_port_start), icmp(7). */
#include "boot/loopback.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/log.h"

/* Where /proc/sys is read-only the kernel's own rules stay: weaker for the guest, not for us. */
static void set(const char *path, const char *value)
{
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, value, strlen(value)) < 0)
        log_debug("boot: %s cannot be set: error %d", path, errno);
}

int loopback_up(const struct sandbox_spec *s, struct fail *f)
{
    struct ifreq q = {.ifr_name = "lo"};
    _cleanup_close_ int fd = -1;

    if (s->network == NETWORK_HOST)
        return 0;
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 && errno == EAFNOSUPPORT)
        return 0; /* a kernel without networking */
    if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &q) < 0)
        return fail_errno(f, errno, "looking at the sandbox's loopback interface");
    q.ifr_flags = (short) (q.ifr_flags | IFF_UP);
    if (ioctl(fd, SIOCSIFFLAGS, &q) < 0)
        return fail_errno(f, errno, "bringing up the sandbox's loopback interface");
    set("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
    set("/proc/sys/net/ipv4/ping_group_range", "0 2147483647");
    log_debug("boot: the loopback interface is up");
    return 0;
}
