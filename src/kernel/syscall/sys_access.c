/* SPDX-License-Identifier: Apache-2.0 */
/* access(2), faccessat(2): what the real user may do, unless asked for the effective one. */
#include <errno.h>

#include "abi/linux/fcntl.h"
#include "kernel/syscall/at.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/node.h"

#define SECBIT_NO_SETUID_FIXUP 4u

_Static_assert((int) MAY_READ == (int) LX_R_OK && (int) MAY_WRITE == (int) LX_W_OK &&
                   (int) MAY_EXEC == (int) LX_X_OK,
               "asked for as checked");

/* The real user's credentials; NULL without memory. */
static struct cred *real_cred(const struct cred *own)
{
    struct cred *c = cred_copy(own);
    if (!c)
        return NULL;
    c->fsuid = c->uid;
    c->fsgid = c->gid;
    if (!(c->securebits & SECBIT_NO_SETUID_FIXUP))
        c->cap_effective = c->uid == 0 ? c->cap_permitted : 0;
    return c;
}

static bool real_is_effective(const struct cred *c)
{
    return c->fsuid == c->uid && c->fsgid == c->gid &&
           ((c->securebits & SECBIT_NO_SETUID_FIXUP) ||
            c->cap_effective == (c->uid == 0 ? c->cap_permitted : 0));
}

static int access_as(struct task *t, const struct cred *c, int dirfd, uint64_t name, uint32_t mode,
                     uint32_t flags)
{
    uint32_t walk_flags = at_walk_flags(flags);
    struct at_name n;
    struct walkctx w;
    int r = at_name_get_for(t, dirfd, name, walk_flags, &n);
    if (r < 0)
        return r;
    walkctx_init(&w, t);
    if (c)
        w.cred = c;
    const struct path *start = at_name_start(&n);
    if (n.text[0])
        r = path_access(&w, start, n.text, walk_flags, mode);
    else if (mode && (!start || start->dentry)) /* an anonymous file has no permissions */
        r = path_permission(&w, start ? start : &w.cwd, mode);
    walkctx_done(&w);
    at_name_done(&n);
    return r;
}

static long access_at(struct task *t, int dirfd, uint64_t name, uint32_t mode, uint32_t flags)
{
    struct cred *real;
    if (mode & ~(uint32_t) (LX_R_OK | LX_W_OK | LX_X_OK))
        return -EINVAL;
    if (flags & ~(uint32_t) (LX_AT_EACCESS | LX_AT_SYMLINK_NOFOLLOW | LX_AT_EMPTY_PATH))
        return -EINVAL;
    if ((flags & LX_AT_EACCESS) || real_is_effective(t->cred))
        return access_as(t, NULL, dirfd, name, mode, flags);
    real = real_cred(t->cred);
    if (!real)
        return -ENOMEM;
    int r = access_as(t, real, dirfd, name, mode, flags);
    cred_put(real);
    return r;
}

long sys_access(struct task *t, const uint64_t a[static 6])
{
    return access_at(t, LX_AT_FDCWD, a[0], (uint32_t) a[1], 0);
}

long sys_faccessat(struct task *t, const uint64_t a[static 6])
{
    return access_at(t, (int) a[0], a[1], (uint32_t) a[2], 0);
}

long sys_faccessat2(struct task *t, const uint64_t a[static 6])
{
    return access_at(t, (int) a[0], a[1], (uint32_t) a[2], (uint32_t) a[3]);
}
