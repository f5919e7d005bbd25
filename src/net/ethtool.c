/* SPDX-License-Identifier: Apache-2.0 */
/* See ethtool.h. */
#include "net/ethtool.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "kernel/mem/uaccess.h"

/* Room for any answer of the table, and aligned for all. */
#define ANSWER_MAX 256u

struct lx_ifreq_data {
    char name[IFNAMSIZ];
    uint64_t data;
    uint64_t rest[2];
};
_Static_assert(sizeof(struct lx_ifreq_data) == sizeof(struct ifreq), "struct ifreq");

/* Whatever anybody may ask. Size 0: as long as the question says, which is not answered here. */
static const struct {
    uint32_t cmd;
    uint32_t size;
} questions[] = {
    {ETHTOOL_GSET, sizeof(struct ethtool_cmd)},
    {ETHTOOL_GDRVINFO, sizeof(struct ethtool_drvinfo)},
    {ETHTOOL_GLINK, sizeof(struct ethtool_value)},
    {ETHTOOL_GRXCSUM, sizeof(struct ethtool_value)},
    {ETHTOOL_GTXCSUM, sizeof(struct ethtool_value)},
    {ETHTOOL_GSG, sizeof(struct ethtool_value)},
    {ETHTOOL_GTSO, sizeof(struct ethtool_value)},
    {ETHTOOL_GUFO, sizeof(struct ethtool_value)},
    {ETHTOOL_GGSO, sizeof(struct ethtool_value)},
    {ETHTOOL_GGRO, sizeof(struct ethtool_value)},
    {ETHTOOL_GFLAGS, sizeof(struct ethtool_value)},
    {ETHTOOL_GMSGLVL, sizeof(struct ethtool_value)},
    {ETHTOOL_GCHANNELS, sizeof(struct ethtool_channels)},
    {ETHTOOL_GRINGPARAM, sizeof(struct ethtool_ringparam)},
    {ETHTOOL_GET_TS_INFO, sizeof(struct ethtool_ts_info)},
    {ETHTOOL_GCOALESCE, 0},
    {ETHTOOL_GPAUSEPARAM, 0},
    {ETHTOOL_GSSET_INFO, 0},
    {ETHTOOL_GSTRINGS, 0},
    {ETHTOOL_GSTATS, 0},
    {ETHTOOL_GPHYSTATS, 0},
    {ETHTOOL_GPERMADDR, 0},
    {ETHTOOL_GPFLAGS, 0},
    {ETHTOOL_GRXFH, 0},
    {ETHTOOL_GRXRINGS, 0},
    {ETHTOOL_GRXCLSRLCNT, 0},
    {ETHTOOL_GRXCLSRULE, 0},
    {ETHTOOL_GRXCLSRLALL, 0},
    {ETHTOOL_GRXFHINDIR, 0},
    {ETHTOOL_GRSSH, 0},
    {ETHTOOL_GFEATURES, 0},
    {ETHTOOL_GEEE, 0},
    {ETHTOOL_GTUNABLE, 0},
    {ETHTOOL_PHY_GTUNABLE, 0},
    {ETHTOOL_GLINKSETTINGS, 0},
    {ETHTOOL_GFECPARAM, 0},
};

/* The answer's size; -EOPNOTSUPP, -EPERM. */
static int size_of(uint32_t cmd)
{
    for (size_t i = 0; i < ARRAY_LEN(questions); i++)
        if (questions[i].cmd == cmd)
            return questions[i].size ? (int) questions[i].size : -EOPNOTSUPP;
    return -EPERM;
}

long ethtool_ioctl(struct task *t, uint64_t arg)
{
    _Alignas(8) uint8_t answer[ANSWER_MAX];
    struct lx_ifreq_data given;
    struct ifreq q = {0};
    uint32_t cmd;
    if (copy_in(t, &given, uaddr(arg), sizeof(given)) < 0 ||
        copy_in(t, &cmd, uaddr(given.data), sizeof(cmd)) < 0)
        return -EFAULT;
    _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    memcpy(q.ifr_name, given.name, IFNAMSIZ - 1);
    if (fd < 0 || ioctl(fd, SIOCGIFINDEX, &q) < 0)
        return -errno;
    int size = size_of(cmd);
    if (size < 0)
        return size;
    if (copy_in(t, answer, uaddr(given.data), (size_t) size) < 0)
        return -EFAULT;
    memcpy(answer, &cmd, sizeof(cmd)); /* the one that was looked at */
    q.ifr_data = (void *) answer;
    if (ioctl(fd, SIOCETHTOOL, &q) < 0)
        return -errno;
    return copy_out(t, uaddr(given.data), answer, (size_t) size);
}
