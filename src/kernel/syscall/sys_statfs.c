/* SPDX-License-Identifier: Apache-2.0 */
/* statfs(2), fstatfs(2). */
#include <errno.h>
#include <string.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/statfs.h"
#include "kernel/syscall/at.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/attr.h"
#include "kernel/vfs/file.h"

#define SOCKFS_MAGIC        0x534f434b
#define ANON_INODE_FS_MAGIC 0x09041934

/* Objects without a name are on file systems of Linux's own that nobody mounts. */
static struct lx_statfs nameless(const struct file *f)
{
    const char *kind = f->ops->name ? f->ops->name : "";
    struct lx_statfs s = {.type = ANON_INODE_FS_MAGIC,
                          .bsize = 4096,
                          .frsize = 4096,
                          .namelen = GUEST_NAME_MAX,
                          .flags = LX_ST_VALID};
    if (strcmp(kind, "pipe") == 0)
        s.type = LX_PIPEFS_MAGIC;
    else if (strcmp(kind, "socket") == 0)
        s.type = SOCKFS_MAGIC;
    return s;
}

static long answer(struct task *t, struct target *g, uint64_t to)
{
    struct lx_statfs s;
    int r = 0;
    if (g->file && !g->path.dentry)
        s = nameless(g->file);
    else
        r = vfs_statfs(&g->path, &s);
    target_done(g);
    return r < 0 ? r : copy_out(t, uaddr(to), &s, sizeof(s));
}

long sys_statfs(struct task *t, const uint64_t a[static 6])
{
    struct target g;
    int r = target_at(t, NULL, LX_AT_FDCWD, a[0], 0, &g);
    return r < 0 ? r : answer(t, &g, a[1]);
}

long sys_fstatfs(struct task *t, const uint64_t a[static 6])
{
    struct target g;
    int r = target_fd(t, (int) a[0], true, &g);
    return r < 0 ? r : answer(t, &g, a[1]);
}
