/* SPDX-License-Identifier: Apache-2.0 */
/* See loopback.h. Sources: netdevice(7), ip(7) (ip_unprivileged_port_start), icmp(7). */
#include "boot/loopback.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/sysctl.h"

/* Where /proc/sys is read-only the kernel's own rules stay: weaker for the guest, not for us. */
static int set(const char *name, const char *value)
{
    int r = sysctl_set(name, value);

    if (r < 0)
        log_debug("boot: %s cannot be set to %s: error %d", name, value, -r);
    return r;
}

/* Echo sockets for all; every id of the range must be mapped, and a plain user has but one. */
static void allow_echo(void)
{
    static const char name[] = "net.ipv4.ping_group_range";
    char own[32];

    snprintf(own, sizeof(own), "%u %u", getgid(), getgid());
    if (set(name, "0 2147483647") < 0)
        (void) set(name, own);
}

int loopback_up(const struct sandbox_spec *s, struct fail *f)
{
    struct ifreq q = {.ifr_name = "lo"};
    _cleanup_close_ int fd = -1;
    const char *failed;
    int r;

    if (s->network != NETWORK_OWN)
        return 0;
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 && errno == EAFNOSUPPORT)
        return 0; /* a kernel without networking */
    if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &q) < 0)
        return fail_errno(f, errno, "looking at the sandbox's loopback interface");
    q.ifr_flags = (short) (q.ifr_flags | IFF_UP);
    if (ioctl(fd, SIOCSIFFLAGS, &q) < 0)
        return fail_errno(f, errno, "bringing up the sandbox's loopback interface");
    (void) set("net.ipv4.ip_unprivileged_port_start", "0");
    allow_echo();
    log_debug("boot: the loopback interface is up");
    r = sysctl_set_all(s->sysctls, &failed);
    return r < 0 ? fail_errno(f, -r, "linux.sysctl: setting %s", failed) : 0;
}
