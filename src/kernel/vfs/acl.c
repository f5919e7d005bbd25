/* SPDX-License-Identifier: Apache-2.0 */
/* Access control lists: see acl.h. The form of the attributes is that of <linux/posix_acl_xattr.h>.
 */
#include "kernel/vfs/acl.h"

#include <errno.h>
#include <string.h>

#include "abi/linux/stat.h"
#include "kernel/task/cred.h"
#include "kernel/vfs/node.h"
#include "kernel/vfs/walk_state.h"

#define ACL_VERSION 2u
#define ACL_MAX     512 /* entries that are looked at; a list that is longer allows nothing */

enum {
    TAG_USER_OBJ = 1,
    TAG_USER = 2,
    TAG_GROUP_OBJ = 4,
    TAG_GROUP = 8,
    TAG_MASK = 16,
    TAG_OTHER = 32
};

struct acl_entry {
    uint16_t tag, perm;
    uint32_t id;
};

struct acl {
    uint32_t version;
    struct acl_entry e[ACL_MAX];
};

static const struct kind {
    const char *name;
    uint32_t bit; /* in node.no_acl */
} access_list = {"system.posix_acl_access", 1}, default_list = {"system.posix_acl_default", 2};

/* ---- what is known to have none ---- */

#define KIND_BITS 2

static uint32_t stamp(const struct super *sb)
{
    return atomic_load(&sb->acl_changes) << KIND_BITS;
}

static bool known_absent(struct node *n, const struct kind *k)
{
    uint32_t seen = atomic_load_explicit(&n->no_acl, memory_order_acquire);
    return (seen & ~3u) == stamp(n->sb) && (seen & k->bit);
}

static void remember_absent(struct node *n, const struct kind *k, uint32_t since)
{
    uint32_t seen = atomic_load(&n->no_acl), fresh;
    if (!n->sb->exclusive)
        return;
    do
        fresh = ((seen & ~3u) == since ? seen : since) | k->bit;
    while (!atomic_compare_exchange_weak(&n->no_acl, &seen, fresh));
}

/* Its size in bytes, 0 when there is none. dst NULL: only that. */
static ssize_t get_list(struct node *n, const struct kind *k, struct acl *dst)
{
    uint32_t since = stamp(n->sb);
    if (!n->ops->getxattr || n->type == LX_S_IFLNK || known_absent(n, k))
        return 0;
    ssize_t r = n->ops->getxattr(n, k->name, dst, dst ? sizeof(*dst) : 0);
    if (r == -ENODATA || r == -EOPNOTSUPP) {
        remember_absent(n, k, since);
        return 0;
    }
    return r;
}

/* ---- what it allows ---- */

static int under_mask(const struct acl *a, size_t from, size_t n, uint32_t perm, uint32_t may)
{
    for (size_t i = from; i < n; i++)
        if (a->e[i].tag == TAG_MASK)
            perm &= a->e[i].perm;
    return (perm & may) == may ? 0 : -EACCES;
}

/* Entries are sorted by tag: the file system sees to that. */
static int check(const struct acl *a, size_t n, const struct cred *c, gid_t group, uint32_t may)
{
    bool in_some = false;
    for (size_t i = 0; i < n; i++) {
        const struct acl_entry *e = &a->e[i];
        bool grants = (e->perm & may) == may;
        switch (e->tag) {
        case TAG_USER:
            if (e->id == c->fsuid)
                return under_mask(a, i + 1, n, e->perm, may);
            break;
        case TAG_GROUP_OBJ:
        case TAG_GROUP:
            if (!cred_in_group(c, e->tag == TAG_GROUP ? e->id : group))
                break;
            in_some = true;
            if (grants)
                return under_mask(a, i + 1, n, e->perm, may);
            break;
        case TAG_OTHER:
            return !in_some && grants ? 0 : -EACCES;
        default:
            break;
        }
    }
    return -EACCES;
}

int acl_permission(struct node *n, const struct cred *c, const struct attr *a, uint32_t may)
{
    struct acl list;
    ssize_t r = get_list(n, &access_list, &list);
    if (r == 0)
        return 1;
    if (r < (ssize_t) sizeof(list.version) || list.version != ACL_VERSION)
        return -EACCES;
    return check(&list, ((size_t) r - sizeof(list.version)) / sizeof(list.e[0]), c, a->gid, may);
}

bool acl_may_matter(const struct cred *c, const struct attr *a)
{
    return (a->mode & 0070u) && c->fsuid != a->uid && !cred_capable(c, LX_CAP_DAC_OVERRIDE);
}

bool acl_is_extended(struct node *n)
{
    return get_list(n, &access_list, NULL) != 0;
}

uint32_t acl_creation_mode(const struct walkctx *w, struct node *dir, uint32_t mode)
{
    if ((mode & LX_S_IFMT) == LX_S_IFLNK || !(mode & w->umask))
        return mode;
    return get_list(dir, &default_list, NULL) == 0 ? mode & ~w->umask : mode;
}

bool acl_is_name(const char *xattr)
{
    return strcmp(xattr, access_list.name) == 0 || strcmp(xattr, default_list.name) == 0;
}

void acl_changed(struct node *n)
{
    atomic_fetch_add(&n->sb->acl_changes, 1);
    node_search_changed(n);
}
