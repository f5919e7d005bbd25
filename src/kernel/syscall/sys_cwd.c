/* SPDX-License-Identifier: Apache-2.0 */
/* What tasks share by CLONE_FS: getcwd(2), chdir(2), fchdir(2), chroot(2), umask(2). */
#include <errno.h>
#include <string.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/stat.h"
#include "kernel/syscall/at.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/node.h"

/* path_text() of a directory that is no longer anywhere; -ENOENT for those, as getcwd(2) says. */
static ssize_t place_of(const struct walkctx *w, char *dst, size_t cap)
{
    struct attr a;
    int r = path_getattr(&w->cwd, &a);
    if (r < 0)
        return r;
    return a.nlink == 0 ? -ENOENT : path_text(&w->cwd, &w->root, dst, cap);
}

/* The length with the NUL: what the system call, unlike the library's function, returns. */
long sys_getcwd(struct task *t, const uint64_t a[static 6])
{
    char text[GUEST_PATH_MAX];
    struct walkctx w;
    walkctx_init(&w, t);
    ssize_t n = place_of(&w, text, sizeof(text));
    walkctx_done(&w);
    if (n < 0)
        return n;
    if ((uint64_t) n + 1 > a[1])
        return -ERANGE;
    return copy_out(t, uaddr(a[0]), text, (size_t) n + 1) < 0 ? -EFAULT : n + 1;
}

/* A directory that may be searched. */
static int may_stand(const struct target *g)
{
    const struct node *n = path_node(&g->path);
    if (!n || n->type != LX_S_IFDIR)
        return -ENOTDIR;
    return path_permission(&g->w, &g->path, MAY_EXEC);
}

long sys_chdir(struct task *t, const uint64_t a[static 6])
{
    struct target g;
    int r = target_at(t, NULL, LX_AT_FDCWD, a[0], WALK_DIRECTORY, &g);
    if (r < 0)
        return r;
    r = may_stand(&g);
    if (r == 0)
        fsctx_set_cwd(t->fs, &g.path);
    target_done(&g);
    return r;
}

long sys_fchdir(struct task *t, const uint64_t a[static 6])
{
    struct target g;
    int r = target_fd(t, (int) a[0], true, &g);
    if (r < 0)
        return r;
    r = may_stand(&g);
    if (r == 0)
        fsctx_set_cwd(t->fs, &g.path);
    target_done(&g);
    return r;
}

long sys_chroot(struct task *t, const uint64_t a[static 6])
{
    struct target g;
    int r = target_at(t, NULL, LX_AT_FDCWD, a[0], WALK_DIRECTORY, &g);
    if (r < 0)
        return r;
    r = may_stand(&g);
    if (r == 0 && !cred_capable(t->cred, LX_CAP_SYS_CHROOT))
        r = -EPERM;
    if (r == 0)
        fsctx_set_root(t->fs, &g.path);
    target_done(&g);
    return r;
}

long sys_umask(struct task *t, const uint64_t a[static 6])
{
    return fsctx_set_umask(t->fs, (uint32_t) a[0] & 0777);
}
