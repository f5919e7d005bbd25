/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes: the layer's, under the identity that guests know. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/stat.h"
#include "base/cleanup.h"
#include "fs/union/internal.h"

#define LIST_MAX ((size_t) 64 << 10)

int union_getattr(struct node *n, struct attr *ret)
{
    struct union_node *un = union_node(n);
    struct node *real = union_real(un);
    struct attr a;
    int r = real->ops->getattr(real, &a);
    if (r < 0)
        return r;
    a.dev = n->dev;
    a.ino = n->ino;
    if (n->type == LX_S_IFDIR && real != un->lower && un->lower) {
        /* As large as before it was written in: a tmpfs counts its directories otherwise. */
        struct attr below;
        if (un->lower->ops->getattr(un->lower, &below) == 0) {
            a.size = below.size;
            a.blocks = below.blocks;
        }
    }
    uint32_t links = atomic_load_explicit(&un->links, memory_order_relaxed);
    if (links)
        a.nlink = links - 1;
    else if (n->type == LX_S_IFDIR && real != un->lower && un->lower)
        a.nlink = 1; /* of two directories in one nobody counts: find(1) knows the sign */
    if (atomic_load_explicit(&un->has_owner, memory_order_acquire)) {
        uint64_t owner = atomic_load(&un->owner);
        a.uid = (uint32_t) (owner >> 32);
        a.gid = (uint32_t) owner;
    }
    *ret = a;
    return 0;
}

/* ---- changes ---- */

int upper_set_owner(struct union_super *us, struct node *upper, uint32_t uid, uint32_t gid,
                    bool *ret_fact)
{
    const struct attr a = {.uid = uid, .gid = gid};
    int r = upper->ops->setattr(upper, &a, ATTR_UID | ATTR_GID);
    *ret_fact = false;
    /* Only one id is mapped for a plain user's sandbox, and the vfs has allowed it. */
    if (!us->k->one_id || (r != -EPERM && r != -EINVAL && r != -EOVERFLOW))
        return r;
    r = facts_set_owner(us, upper, uid, gid);
    *ret_fact = r == 0;
    return r;
}

static int set_owner(struct union_node *un, const struct attr *a, uint32_t mask)
{
    struct union_super *us = super_of(un);
    struct node *upper = union_upper(un);
    struct attr now;
    bool fact;
    int r = union_getattr(&un->node, &now);
    if (r < 0)
        return r;
    uint32_t uid = mask & ATTR_UID ? a->uid : now.uid, gid = mask & ATTR_GID ? a->gid : now.gid;
    r = upper_set_owner(us, upper, uid, gid, &fact);
    if (r == 0 && !fact && atomic_load(&un->has_owner))
        r = facts_set_owner(us, upper, uid, gid);
    if (r == 0) {
        atomic_store(&un->owner, (uint64_t) uid << 32 | gid);
        atomic_store(&un->has_owner, fact);
    }
    return r;
}

/* The fact tells the mode, too. */
static int note_mode(struct union_node *un, struct node *upper)
{
    uint64_t owner = atomic_load(&un->owner);
    if (!atomic_load(&un->has_owner) || !super_of(un)->kept)
        return 0;
    return facts_set_owner(super_of(un), upper, (uint32_t) (owner >> 32), (uint32_t) owner);
}

static int change(struct union_node *un, struct node *upper, const struct attr *a, uint32_t mask)
{
    const uint32_t ids = ATTR_UID | ATTR_GID;
    int r = 0;
    if (!super_of(un)->k->one_id || !(mask & ids)) {
        r = upper->ops->setattr(upper, a, mask);
        return r == 0 && (mask & ATTR_MODE) ? note_mode(un, upper) : r;
    }
    /* As hostfs orders them: the size, the owner, and what a change of it may clear. */
    if (mask & ATTR_SIZE)
        r = upper->ops->setattr(upper, a, ATTR_SIZE);
    if (r == 0)
        r = set_owner(un, a, mask);
    mask &= ~(ids | (uint32_t) ATTR_SIZE);
    if (r == 0 && mask)
        r = upper->ops->setattr(upper, a, mask);
    return r == 0 && (mask & ATTR_MODE) ? note_mode(un, upper) : r;
}

int union_setattr(struct node *n, const struct attr *a, uint32_t mask)
{
    struct union_node *un = union_node(n);
    int r = union_copy_up(un, mask & ATTR_SIZE ? a->size : UINT64_MAX);
    if (r < 0)
        return r;
    struct node *upper = union_upper(un);
    uint64_t taken = 0;
    if (!upper->ops->setattr)
        return -EPERM;
    if (mask & ATTR_SIZE)
        r = quota_grow(un, a->size, &taken);
    if (r == 0)
        r = change(un, upper, a, mask);
    if (mask & ATTR_SIZE)
        quota_settle(un, taken);
    return r;
}

/* ---- extended attributes ---- */

static bool is_ours(const char *name)
{
    return strncmp(name, FACT_PREFIX, strlen(FACT_PREFIX)) == 0;
}

ssize_t union_getxattr(struct node *n, const char *name, void *dst, size_t cap)
{
    struct node *real = union_real(union_node(n));
    if (is_ours(name) || !real->ops->getxattr)
        return -EOPNOTSUPP;
    return real->ops->getxattr(real, name, dst, cap);
}

/* Takes our own names out of a list. */
static size_t without_ours(char *names, size_t len)
{
    size_t to = 0;
    for (size_t at = 0, n; at < len; at += n) {
        n = strnlen(names + at, len - at) + 1;
        if (is_ours(names + at) || at + n > len)
            continue;
        memmove(names + to, names + at, n);
        to += n;
    }
    return to;
}

ssize_t union_listxattr(struct node *n, char *dst, size_t cap)
{
    struct node *real = union_real(union_node(n));
    _cleanup_free_ char *names = NULL;
    if (!real->ops->listxattr)
        return -EOPNOTSUPP;
    ssize_t r = real->ops->listxattr(real, NULL, 0);
    if (r <= 0)
        return r;
    size_t room = MIN((size_t) r, LIST_MAX) + 1;
    names = malloc(room);
    if (!names)
        return -ENOMEM;
    r = real->ops->listxattr(real, names, room - 1);
    if (r <= 0)
        return r;
    names[r] = '\0';
    size_t len = without_ours(names, (size_t) r);
    if (cap == 0)
        return (ssize_t) len;
    if (len > cap)
        return -ERANGE;
    memcpy(dst, names, len);
    return (ssize_t) len;
}

int union_setxattr(struct node *n, const char *name, const void *v, size_t len, int flags)
{
    struct union_node *un = union_node(n);
    if (is_ours(name))
        return -EOPNOTSUPP;
    int r = union_copy_up(un, UINT64_MAX);
    if (r < 0)
        return r;
    struct node *upper = union_upper(un);
    return upper->ops->setxattr ? upper->ops->setxattr(upper, name, v, len, flags) : -EOPNOTSUPP;
}

int union_removexattr(struct node *n, const char *name)
{
    struct union_node *un = union_node(n);
    struct node *real = union_real(un);
    if (is_ours(name) || !real->ops->getxattr)
        return -EOPNOTSUPP;
    /* What is not there need not be copied to be missed. */
    ssize_t there = union_upper(un) ? 0 : real->ops->getxattr(real, name, NULL, 0);
    int r = there < 0 ? (int) there : union_copy_up(un, UINT64_MAX);
    if (r < 0)
        return r;
    struct node *upper = union_upper(un);
    return upper->ops->removexattr ? upper->ops->removexattr(upper, name) : -EOPNOTSUPP;
}
