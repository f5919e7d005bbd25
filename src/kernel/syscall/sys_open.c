/* SPDX-License-Identifier: Apache-2.0 */
/* open(2), openat(2), creat(2), openat2(2). */
#include <errno.h>

#include "abi/linux/fcntl.h"
#include "kernel/syscall/at.h"
#include "kernel/syscall/fd_limit.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/direct.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/file.h"

#define TMPFILE_BIT (LX_O_TMPFILE & ~(uint32_t) LX_O_DIRECTORY)
#define MAKES_FILES (LX_O_CREAT | TMPFILE_BIT)
#define KNOWN_FLAGS                                                                           \
    (LX_O_ACCMODE | LX_O_CREAT | LX_O_EXCL | LX_O_NOCTTY | LX_O_TRUNC | LX_O_APPEND |         \
     LX_O_NONBLOCK | LX_O_SYNC | LX_O_ASYNC | LX_O_DIRECT | LX_O_LARGEFILE | LX_O_DIRECTORY | \
     LX_O_NOFOLLOW | LX_O_NOATIME | LX_O_CLOEXEC | LX_O_PATH | LX_O_TMPFILE)
#define WITH_PATH (LX_O_PATH | LX_O_DIRECTORY | LX_O_NOFOLLOW | LX_O_CLOEXEC)

struct opening {
    uint32_t flags, mode;
    uint32_t walk_flags; /* openat2's restrictions */
};

static long open_name(struct task *t, int dirfd, uint64_t name, const struct opening *o)
{
    uint32_t mode = o->flags & MAKES_FILES ? o->mode & 07777 : 0;
    struct walkctx w;
    struct at_name n;
    struct file *f;
    int r = at_name_get_for(t, dirfd, name, o->walk_flags, &n);
    if (r < 0)
        return r;
    if (!fd_has_room(t->files, fd_limit(t))) { /* not after something was made or truncated */
        at_name_done(&n);
        return -EMFILE;
    }
    walkctx_init(&w, t);
    r = path_open_walk(&w, at_name_start(&n), n.text, o->flags, mode, o->walk_flags, &f);
    walkctx_done(&w);
    at_name_done(&n);
    return r < 0 ? r : direct_install(t, f, o->flags & LX_O_CLOEXEC);
}

/* The old calls ignore what they do not know. */
static long open_leniently(struct task *t, int dirfd, uint64_t name, uint64_t flags, uint64_t mode)
{
    struct opening o = {.flags = (uint32_t) flags & KNOWN_FLAGS, .mode = (uint32_t) mode};
    return open_name(t, dirfd, name, &o);
}

long sys_open(struct task *t, const uint64_t a[static 6])
{
    return open_leniently(t, LX_AT_FDCWD, a[0], a[1], a[2]);
}

long sys_openat(struct task *t, const uint64_t a[static 6])
{
    return open_leniently(t, (int) a[0], a[1], a[2], a[3]);
}

long sys_creat(struct task *t, const uint64_t a[static 6])
{
    return open_leniently(t, LX_AT_FDCWD, a[0], LX_O_CREAT | LX_O_WRONLY | LX_O_TRUNC, a[1]);
}

/* ---- openat2(2) ---- */

static const struct {
    uint32_t resolve, walk;
} resolve_flags[] = {
    {LX_RESOLVE_NO_XDEV, WALK_NO_XDEV}, {LX_RESOLVE_NO_MAGICLINKS, WALK_NO_MAGIC},
    {LX_RESOLVE_BENEATH, WALK_BENEATH}, {LX_RESOLVE_NO_SYMLINKS, WALK_NO_SYMLINKS},
    {LX_RESOLVE_IN_ROOT, WALK_IN_ROOT},
};

static int parse_resolve(uint64_t resolve, uint32_t *ret)
{
    uint64_t known = LX_RESOLVE_CACHED;
    uint32_t walk = 0;
    for (size_t i = 0; i < ARRAY_LEN(resolve_flags); i++) {
        known |= resolve_flags[i].resolve;
        if (resolve & resolve_flags[i].resolve)
            walk |= resolve_flags[i].walk;
    }
    if ((resolve & ~known) || ((resolve & LX_RESOLVE_BENEATH) && (resolve & LX_RESOLVE_IN_ROOT)))
        return -EINVAL;
    *ret = walk;
    return 0;
}

/* Strict: what a lenient open would ignore is an error here. */
static int parse_how(const struct lx_open_how *how, struct opening *ret)
{
    int r = parse_resolve(how->resolve, &ret->walk_flags);
    if (r < 0)
        return r;
    if (how->flags & ~(uint64_t) KNOWN_FLAGS)
        return -EINVAL;
    if (how->flags & MAKES_FILES ? how->mode & ~07777ull : how->mode)
        return -EINVAL;
    if ((how->flags & LX_O_PATH) && (how->flags & ~(uint64_t) WITH_PATH))
        return -EINVAL;
    /* Names that are only known after asking the host cannot be told apart: "try again without" is
     * always true. */
    if (how->resolve & LX_RESOLVE_CACHED)
        return -EAGAIN;
    ret->flags = (uint32_t) how->flags;
    ret->mode = (uint32_t) how->mode;
    return 0;
}

/* A structure of a later version may be longer, if the rest is zero. */
static int copy_how(struct task *t, uaddr_t at, uint64_t size, struct lx_open_how *ret)
{
    uint8_t rest[256];
    if (size < sizeof(*ret))
        return -EINVAL;
    if (size > 4096)
        return -E2BIG;
    int r = copy_in(t, ret, at, sizeof(*ret));
    for (uint64_t done = sizeof(*ret); r == 0 && done < size;) {
        size_t n = MIN((size_t) (size - done), sizeof(rest));
        r = copy_in(t, rest, uaddr_add(at, done), n);
        for (size_t i = 0; r == 0 && i < n; i++)
            if (rest[i])
                r = -E2BIG;
        done += n;
    }
    return r;
}

long sys_openat2(struct task *t, const uint64_t a[static 6])
{
    struct lx_open_how how;
    struct opening o;
    int r = copy_how(t, uaddr(a[2]), a[3], &how);
    if (r == 0)
        r = parse_how(&how, &o);
    return r < 0 ? r : open_name(t, (int) a[0], a[1], &o);
}
