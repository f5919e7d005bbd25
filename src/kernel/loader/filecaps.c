/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/loader/filecaps.h"

#include <errno.h>
#include <string.h>

#include "kernel/vfs/dentry.h"
#include "kernel/vfs/node.h"

#define ATTRIBUTE     "security.capability"
#define EFFECTIVE     0x000001u
#define REVISION_MASK 0xff000000u
#define REVISION_1    0x01000000u /* 32 capabilities */
#define REVISION_2    0x02000000u /* 64 */
#define REVISION_3    0x03000000u /* and whose user namespace they are for */

/* Little-endian words: magic and flags, then pairs of permitted and inheritable, then the owner. */
struct vfs_caps {
    uint32_t magic, pairs[2][2], rootid;
};

int file_caps_parse(const void *value, size_t n, struct file_caps *ret)
{
    struct vfs_caps v = {0};
    uint32_t revision;

    if (n < sizeof(v.magic) || n > sizeof(v))
        return -EINVAL;
    memcpy(&v, value, n);
    revision = v.magic & REVISION_MASK;
    /* The host shows revision 3 as 2 to the name space it is for; for another it does not count. */
    if (revision == REVISION_3)
        return n == 24 ? 0 : -EINVAL;
    if (n != (revision == REVISION_1 ? 12u : 20u) ||
        (revision != REVISION_1 && revision != REVISION_2))
        return -EINVAL;
    *ret = (struct file_caps){
        .permitted = v.pairs[0][0] | (uint64_t) v.pairs[1][0] << 32,
        .inheritable = v.pairs[0][1] | (uint64_t) v.pairs[1][1] << 32,
        .effective = v.magic & EFFECTIVE,
    };
    return 1;
}

int file_caps_get(const struct path *p, struct file_caps *ret)
{
    struct node *n = path_node(p);
    uint8_t value[sizeof(struct vfs_caps)];
    ssize_t got;

    if (!n || !n->ops->getxattr)
        return 0;
    got = n->ops->getxattr(n, ATTRIBUTE, value, sizeof(value));
    if (got == -ERANGE)
        return -EINVAL;
    return got < 0 ? 0 : file_caps_parse(value, (size_t) got, ret);
}
