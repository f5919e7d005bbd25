/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors of processes: pidfd_open(2). One holds the process's object, not its number. */
#include "fdobj/pidfd.h"

#include <errno.h>
#include <stdlib.h>

#include "abi/linux/eventfd.h"
#include "abi/linux/fcntl.h"
#include "abi/linux/poll.h"
#include "base/strbuf.h"
#include "fdobj/anon.h"
#include "kernel/task/task.h"

struct pidfd {
    struct file file;  /* first */
    struct tgroup *tg; /* immutable, holds a reference */
};

static struct pidfd *pidfd_of(struct file *f)
{
    return container_of(f, struct pidfd, file);
}

/* Readable once the process has ended; hung up once it has been waited for, too. */
static uint32_t pidfd_poll(struct file *f)
{
    struct tgroup *tg = pidfd_of(f)->tg;
    MUTEX_GUARD(&tg->k->tasks_lock);
    if (!tg->zombie)
        return 0;
    return LX_POLL_READABLE | (tg->leader ? 0 : LX_POLLHUP);
}

static int pidfd_fdinfo(struct file *f, struct strbuf *out)
{
    struct tgroup *tg = pidfd_of(f)->tg;
    mutex_lock(&tg->k->tasks_lock);
    int pid = tg->leader ? tg->tgid : -1;
    mutex_unlock(&tg->k->tasks_lock);
    sb_addf(out, "Pid:\t%d\nNSpid:\t%d\n", pid, pid);
    return sb_error(out);
}

static void pidfd_release(struct file *f)
{
    tgroup_put(pidfd_of(f)->tg);
    free(pidfd_of(f));
}

static const struct file_ops pidfd_ops = {
    .poll = pidfd_poll,
    .getattr = anon_getattr,
    .fdinfo = pidfd_fdinfo,
    .release = pidfd_release,
    .name = "anon_inode:[pidfd]",
};

struct tgroup *pidfd_tgroup(struct file *f)
{
    return f->ops == &pidfd_ops ? pidfd_of(f)->tg : NULL;
}

int pidfd_new(struct tgroup *tg, uint32_t flags, struct file **ret)
{
    struct pidfd *p = calloc(1, sizeof(*p));
    if (!p)
        return -ENOMEM;
    file_init(&p->file, &pidfd_ops, LX_O_RDWR | (flags & LX_PIDFD_NONBLOCK));
    p->file.wq = &tg->exit_wq;
    p->tg = tgroup_get(tg);
    *ret = &p->file;
    return 0;
}
