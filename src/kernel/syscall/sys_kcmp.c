/* SPDX-License-Identifier: Apache-2.0 */
/* kcmp(2). */
#include <errno.h>

#include "base/htab.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/snapshot.h"
#include "kernel/task/task.h"
#include "kernel/vfs/direct.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/file.h"
#include "kernel/vfs/walk.h"

enum { KCMP_FILE, KCMP_VM, KCMP_FILES, KCMP_FS, KCMP_SIGHAND, KCMP_IO, KCMP_SYSVSEM };

/* An order that tells nothing about where our objects are. */
static long compare(struct kernel *k, const void *x, const void *y)
{
    const uint64_t seed = (uint64_t) (uintptr_t) k;
    uint64_t a = hash_bytes(&x, sizeof(x), seed), b = hash_bytes(&y, sizeof(y), seed);

    return x == y ? 0 : a < b ? 1 : 2;
}

static int get_file(struct task *o, uint64_t fd, struct file **ret)
{
    struct fdtable *ft;
    int r;

    (void) direct_settle_all(o->k);
    mutex_lock(&o->k->tasks_lock);
    ft = o->files ? fdtable_get(o->files) : NULL;
    mutex_unlock(&o->k->tasks_lock);
    if (!ft)
        return -EBADF;
    r = fd_lookup_any(ft, (int) fd, ret);
    fdtable_put(ft, NULL);
    return r;
}

static long compare_files(struct task *x, struct task *y, const uint64_t a[static 6])
{
    struct file *f = NULL, *g = NULL;
    long r = get_file(x, a[3], &f);

    if (r == 0)
        r = get_file(y, a[4], &g);
    if (r == 0)
        r = compare(x->k, f, g);
    if (f)
        file_put(f);
    if (g)
        file_put(g);
    return r;
}

/* tasks_lock held. What the task shares, or not. */
static const void *part_of(const struct task *o, int type)
{
    switch (type) {
    case KCMP_VM:
        return o->st ? platform_mm(o->st) : NULL;
    case KCMP_FILES:
        return o->files;
    case KCMP_FS:
        return o->fs;
    case KCMP_SIGHAND:
        return o->tg->sighand;
    case KCMP_SYSVSEM: /* nobody has any until it is used */
        return list_empty(&o->tg->sem_undos) ? NULL : o->tg;
    default: /* KCMP_IO: contexts of I/O are the host's, and none is shared */
        return NULL;
    }
}

static long compare_tasks(struct task *t, struct task *x, struct task *y,
                          const uint64_t a[static 6])
{
    const void *p, *q;
    int type = (int) a[2];

    if (!task_may_inspect(t, x->tid) || !task_may_inspect(t, y->tid))
        return -EPERM;
    if (type == KCMP_FILE)
        return compare_files(x, y, a);
    if (type < 0 || type > KCMP_SYSVSEM)
        return -EINVAL;
    mutex_lock(&t->k->tasks_lock);
    p = part_of(x, type);
    q = part_of(y, type);
    mutex_unlock(&t->k->tasks_lock);
    return compare(t->k, p, q);
}

long sys_kcmp(struct task *t, const uint64_t a[static 6])
{
    struct task *x = task_find_get(t->k, (pid_t) a[0]), *y = task_find_get(t->k, (pid_t) a[1]);
    long r = x && y ? compare_tasks(t, x, y, a) : -ESRCH;

    task_put(x);
    task_put(y);
    return r;
}
