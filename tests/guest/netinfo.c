/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What files tell of the network namespace: /sys/class/net, /proc/sys/net; and the host's name.
 * sysfs-class-net of the kernel, ip(7), sethostname(2), uname(2).
 */
#include "guest.h"

#include <dirent.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#define LO "/sys/class/net/lo/"

static const char *text_of(const char *path)
{
    static char text[4096];
    int fd = (int) CHECK_OK(open(path, O_RDONLY | O_CLOEXEC));
    ssize_t n = CHECK_OK(read(fd, text, sizeof(text) - 1));
    text[n] = '\0';
    close(fd);
    return text;
}

static long number_of(const char *path)
{
    char *end;
    long v = strtol(text_of(path), &end, 0);
    CHECK_STR(end, "\n");
    return v;
}

static bool is_listed(const char *dir, const char *name)
{
    DIR *d = opendir(dir);
    bool found = false;
    CHECK(d != NULL);
    for (struct dirent *e = readdir(d); e; e = readdir(d))
        found |= strcmp(e->d_name, name) == 0;
    closedir(d);
    return found;
}

CASE(class_has_links)
{
    char to[256];
    CHECK(is_listed("/sys/class/net", "lo"));
    ssize_t n = CHECK_OK(readlink("/sys/class/net/lo", to, sizeof(to) - 1));
    to[n] = '\0';
    CHECK_STR(to, "../../devices/virtual/net/lo");
    CHECK(is_listed("/sys/devices/virtual/net", "lo"));
    n = CHECK_OK(readlink("/sys/devices/virtual/net/lo/subsystem", to, sizeof(to) - 1));
    to[n] = '\0';
    CHECK_STR(to, "../../../../class/net");
    CHECK_ERR(open("/sys/class/net/no-such-link/mtu", O_RDONLY), ENOENT);
    CHECK_ERR(open("/sys/class/net/a-name-that-is-too-long/mtu", O_RDONLY), ENOENT);
    CHECK_ERR(open("/sys/class/net/lo/no-such-file", O_RDONLY), ENOENT);
}

CASE(loopback_attributes)
{
    struct ifreq q = {.ifr_name = "lo"};
    int fd = (int) CHECK_OK(socket(AF_INET, SOCK_DGRAM, 0));
    CHECK_EQ(number_of(LO "ifindex"), (long) if_nametoindex("lo"));
    CHECK_EQ(number_of(LO "iflink"), 1);
    CHECK_OK(ioctl(fd, SIOCGIFMTU, &q));
    CHECK_EQ(number_of(LO "mtu"), (long) q.ifr_mtu);
    CHECK_OK(ioctl(fd, SIOCGIFHWADDR, &q));
    CHECK_EQ(number_of(LO "type"), (long) q.ifr_hwaddr.sa_family);
    CHECK_OK(ioctl(fd, SIOCGIFTXQLEN, &q));
    CHECK_EQ(number_of(LO "tx_queue_len"), (long) q.ifr_qlen);
    CHECK_EQ(number_of(LO "flags"), IFF_UP | IFF_LOOPBACK);
    CHECK_EQ(number_of(LO "carrier"), 1);
    CHECK_EQ(number_of(LO "dormant"), 0);
    CHECK_EQ(number_of(LO "addr_len"), 6);
    CHECK_STR(text_of(LO "address"), "00:00:00:00:00:00\n");
    CHECK_STR(text_of(LO "broadcast"), "00:00:00:00:00:00\n");
    CHECK_STR(text_of(LO "operstate"), "unknown\n");
    CHECK_STR(text_of(LO "ifalias"), "");
    CHECK_STR(text_of(LO "uevent"), "INTERFACE=lo\nIFINDEX=1\n");
}

/* The loopback interface has no speed: the question itself is refused. */
CASE(no_speed)
{
    char c;
    for (int i = 0; i < 2; i++) {
        int fd = (int) CHECK_OK(open(i ? LO "duplex" : LO "speed", O_RDONLY));
        CHECK_ERR(read(fd, &c, 1), EINVAL);
        close(fd);
    }
}

CASE(statistics)
{
    static const char *const names[] = {"rx_bytes",  "tx_bytes",  "rx_packets", "tx_packets",
                                        "rx_errors", "tx_errors", "rx_dropped", "multicast"};
    char path[128];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void) snprintf(path, sizeof(path), LO "statistics/%s", names[i]);
        CHECK(number_of(path) >= 0);
        CHECK(is_listed(LO "statistics", names[i]));
    }
}

CASE(settings_are_told)
{
    unsigned low, high;
    CHECK(number_of("/proc/sys/net/core/somaxconn") >= 128);
    CHECK_EQ(sscanf(text_of("/proc/sys/net/ipv4/ip_local_port_range"), "%u %u", &low, &high), 2);
    CHECK(low < high && high <= 65535);
    CHECK(number_of("/proc/sys/net/ipv4/tcp_fin_timeout") > 0);
    CHECK(number_of("/proc/sys/net/ipv4/tcp_keepalive_time") > 0);
    CHECK(number_of("/proc/sys/net/ipv4/ip_default_ttl") > 0);
    CHECK(number_of("/proc/sys/net/unix/max_dgram_qlen") > 0);
    for (const char *const *f =
             (const char *const[]){"ip_forward", "tcp_rmem", "tcp_wmem", "tcp_syncookies",
                                   "ping_group_range", "conf", NULL};
         *f; f++)
        CHECK(is_listed("/proc/sys/net/ipv4", *f));
    CHECK_ERR(open("/proc/sys/net/ipv4/no_such_setting", O_RDONLY), ENOENT);
}

CASE(settings_of_links)
{
    static const char *const links[] = {"all", "default", "lo"};
    char path[128];
    for (int i = 0; i < 3; i++) {
        CHECK(is_listed("/proc/sys/net/ipv4/conf", links[i]));
        (void) snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/forwarding", links[i]);
        CHECK(number_of(path) == 0 || number_of(path) == 1);
        if (access("/proc/sys/net/ipv6", F_OK) < 0)
            continue;
        (void) snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", links[i]);
        CHECK(number_of(path) == 0 || number_of(path) == 1);
    }
    CHECK_ERR(open("/proc/sys/net/ipv4/conf/no-such-link/forwarding", O_RDONLY), ENOENT);
}

static int ask_driver(const char *name, void *question)
{
    struct ifreq q = {.ifr_data = question};
    int fd = (int) CHECK_OK(socket(AF_INET, SOCK_DGRAM, 0));
    (void) snprintf(q.ifr_name, sizeof(q.ifr_name), "%s", name);
    int r = ioctl(fd, SIOCETHTOOL, &q), err = errno;
    close(fd);
    errno = err;
    return r;
}

CASE(driver)
{
    struct ethtool_value link = {.cmd = ETHTOOL_GLINK};
    struct ethtool_ts_info ts = {.cmd = ETHTOOL_GET_TS_INFO};
    struct ethtool_cmd speed = {.cmd = ETHTOOL_GSET};
    struct ethtool_drvinfo who = {.cmd = ETHTOOL_GDRVINFO};
    CHECK_OK(ask_driver("lo", &link));
    CHECK_EQ(link.data, 1u);
    CHECK_OK(ask_driver("lo", &ts));
    CHECK_EQ(ts.phc_index, -1);
    CHECK_ERR(ask_driver("lo", &speed), EOPNOTSUPP);
    CHECK_ERR(ask_driver("lo", &who), EOPNOTSUPP);
    CHECK_ERR(ask_driver("no-such-link", &link), ENODEV);
    CHECK_ERR(ask_driver("lo", (void *) 8), EFAULT);
}

/* A name is told alike by all who tell it. */
CASE(host_name)
{
    char name[HOST_NAME_MAX + 1], want[HOST_NAME_MAX + 2];
    struct utsname u;
    CHECK_OK(uname(&u));
    CHECK_OK(gethostname(name, sizeof(name)));
    CHECK_STR(name, u.nodename);
    (void) snprintf(want, sizeof(want), "%s\n", u.nodename);
    CHECK_STR(text_of("/proc/sys/kernel/hostname"), want);
    CHECK_OK(getdomainname(name, sizeof(name)));
    (void) snprintf(want, sizeof(want), "%s\n", name);
    CHECK_STR(text_of("/proc/sys/kernel/domainname"), want);
}

GUEST_MAIN
