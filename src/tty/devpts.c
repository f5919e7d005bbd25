/* SPDX-License-Identifier: Apache-2.0 */
/* /dev/pts, and opening terminals by device number: pts(4), tty(4), console(4). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/stat.h"
#include "abi/linux/statfs.h"
#include "kernel/task/task.h"
#include "kernel/vfs/pseudo.h"
#include "kernel/vfs/special.h"
#include "tty/terminal.h"

/* ---- slaves ---- */

static int open_slave(const struct pseudo_ctx *c, const struct open_args *a, struct file **ret)
{
    struct terminal *t = terminal_find(terminals_of(c->k), c->index);
    if (!t)
        return -EIO;
    int r = slave_open(t, a, ret);
    terminal_put(t);
    return r;
}

static void slave_attr(const struct pseudo_ctx *c, struct attr *io)
{
    struct terminal *t = terminal_find(terminals_of(c->k), c->index);
    if (!t)
        return;
    mutex_lock(&t->lock);
    io->ino = t->index + 3;
    io->rdev = t->tty.dev;
    io->mode = t->mode;
    io->uid = t->uid;
    io->gid = t->gid;
    io->blksize = 1024;
    io->atime = t->atime;
    io->mtime = t->mtime;
    io->ctime = t->ctime;
    mutex_unlock(&t->lock);
    terminal_put(t);
}

static void set_time(struct timespec *dst, const struct timespec *given, const struct timespec *now,
                     uint32_t mask, uint32_t as_given, uint32_t as_now)
{
    if (mask & as_now)
        *dst = *now;
    else if (mask & as_given)
        *dst = *given;
}

static int slave_setattr(const struct pseudo_ctx *c, const struct attr *a, uint32_t mask)
{
    struct terminal *t = terminal_find(terminals_of(c->k), c->index);
    struct timespec now;
    if (!t)
        return -EIO;
    (void) clock_gettime(CLOCK_REALTIME_COARSE, &now);
    mutex_lock(&t->lock);
    if (mask & ATTR_MODE)
        t->mode = LX_S_IFCHR | (a->mode & 07777);
    if (mask & ATTR_UID)
        t->uid = a->uid;
    if (mask & ATTR_GID)
        t->gid = a->gid;
    set_time(&t->atime, &a->atime, &now, mask, ATTR_ATIME, ATTR_ATIME_NOW);
    set_time(&t->mtime, &a->mtime, &now, mask, ATTR_MTIME, ATTR_MTIME_NOW);
    t->ctime = now;
    mutex_unlock(&t->lock);
    terminal_put(t);
    return 0;
}

static const struct pseudo_entry slave_entry = {
    .name = "",
    .mode = LX_S_IFCHR | 0600,
    .open = open_slave,
    .attr = slave_attr,
    .setattr = slave_setattr,
};

/* A decimal number without leading zeros. */
static bool parse_index(const char *name, size_t len, uint32_t *ret)
{
    uint32_t v = 0;
    if (len == 0 || len > 4 || (len > 1 && name[0] == '0'))
        return false;
    for (size_t i = 0; i < len; i++) {
        if (name[i] < '0' || name[i] > '9')
            return false;
        v = v * 10 + (uint32_t) (name[i] - '0');
    }
    *ret = v;
    return true;
}

static const struct pseudo_entry *lookup(struct pseudo_ctx *c, const char *name, size_t len)
{
    uint32_t index;
    if (!parse_index(name, len, &index) || terminal_next(terminals_of(c->k), index) != index)
        return NULL;
    c->index = index;
    return &slave_entry;
}

static int list(const struct pseudo_ctx *c, uint64_t cursor,
                bool (*emit)(void *arg, const char *name, uint64_t next), void *arg)
{
    char name[16];
    uint32_t i = (uint32_t) cursor;
    while ((i = terminal_next(terminals_of(c->k), i)) != UINT32_MAX) {
        (void) snprintf(name, sizeof(name), "%u", i);
        if (!emit(arg, name, ++i))
            break;
    }
    return 0;
}

static const struct pseudo_dynamic slaves = {.lookup = lookup, .list = list};

/* ---- the rest of the tree ---- */

static int open_ptmx(const struct pseudo_ctx *c, const struct open_args *a, struct file **ret)
{
    return master_open(c->k, a, ret);
}

static void ptmx_attr(const struct pseudo_ctx *c, struct attr *io)
{
    io->ino = 2;
    io->mode = LX_S_IFCHR | (terminals_of(c->k)->options.ptmx_mode & 0777);
}

static const struct pseudo_entry table[] = {
    {.name = "ptmx",
     .mode = LX_S_IFCHR,
     .rdev = TTY_DEV(TTYAUX_MAJOR, 2),
     .open = open_ptmx,
     .attr = ptmx_attr},
    {0},
};

static const struct pseudo_entry root = {
    .name = "",
    .mode = LX_S_IFDIR | 0755,
    .children = table,
    .dynamic = &slaves,
};
static const struct pseudo_fs devpts = {.type_name = "devpts",
                                        .magic = LX_DEVPTS_SUPER_MAGIC,
                                        .root = &root};

int devpts_mount(struct kernel *k, const struct devpts_options *o, struct super **ret)
{
    terminals_of(k)->options = *o;
    return pseudo_mount(k, &devpts, ret);
}

int devpts_mount_again(struct kernel *k, const char *options unused_, struct super **ret)
{
    return pseudo_mount(k, &devpts, ret);
}

/* ---- by number ---- */

/* The caller's own terminal, whatever it is. */
static int open_controlling(const struct open_args *a, struct file **ret)
{
    struct open_args own = *a;
    struct tty *tty = a->task ? ctty_get(a->task) : NULL;
    if (!tty)
        return -ENXIO;
    struct terminal *t = container_of(tty, struct terminal, tty);
    own.task = NULL; /* it is theirs already, exclusive or not */
    int r = slave_open(t, &own, ret);
    terminal_put(t);
    return r;
}

static struct terminal *console_of(struct kernel *k)
{
    struct terminals *all = terminals_of(k);
    MUTEX_GUARD(&all->lock);
    return all->console ? terminal_get(all->console) : NULL;
}

static int open_console(struct kernel *k, const struct open_args *a, struct file **ret)
{
    struct open_args no_ctty = *a;
    struct terminal *t = console_of(k);
    if (!t)
        return -ENXIO;
    no_ctty.flags |= LX_O_NOCTTY;
    int r = slave_open(t, &no_ctty, ret);
    terminal_put(t);
    return r;
}

bool terminal_has_console(struct kernel *k)
{
    struct terminals *all = terminals_of(k);
    MUTEX_GUARD(&all->lock);
    return all->console != NULL;
}

int terminal_open(struct kernel *k, uint64_t rdev, const struct open_args *a, struct file **ret)
{
    switch (rdev) {
    case TTY_DEV(TTYAUX_MAJOR, 0):
        return open_controlling(a, ret);
    case TTY_DEV(TTYAUX_MAJOR, 1):
        return open_console(k, a, ret);
    case TTY_DEV(TTYAUX_MAJOR, 2):
        return master_open(k, a, ret);
    }
    return -ENXIO;
}
