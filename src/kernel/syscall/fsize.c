/* SPDX-License-Identifier: Apache-2.0 */
/* The file size limit. Files that are no regular ones have none. */
#include "kernel/syscall/fsize.h"

#include <errno.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/resource.h"
#include "abi/linux/signal.h"
#include "abi/linux/stat.h"
#include "kernel/task/task.h"
#include "kernel/vfs/attr.h"

static int too_big(struct task *t)
{
    signal_send_self(t, LX_SIGXFSZ);
    return -EFBIG;
}

int fsize_allows(struct task *t, uint64_t size)
{
    return size > tgroup_rlimit(t->tg, LX_RLIMIT_FSIZE) ? too_big(t) : 0;
}

/* Where a write without a position goes. */
static int64_t own_position(struct file *f)
{
    struct attr a;
    if (!(atomic_load(&f->flags) & LX_O_APPEND))
        return file_seek(f, 0, LX_SEEK_CUR);
    int r = file_getattr(f, &a);
    return r < 0 ? r : (int64_t) a.size;
}

int fsize_clamp(struct task *t, struct file *f, int64_t pos, struct iobuf *io)
{
    const struct node *n = path_node(&f->path);
    if (!n || n->type != LX_S_IFREG)
        return 0;
    uint64_t limit = tgroup_rlimit(t->tg, LX_RLIMIT_FSIZE);
    if (limit >= (uint64_t) INT64_MAX || io->left == 0)
        return 0;
    if (pos < 0)
        pos = own_position(f);
    if (pos < 0)
        return (int) pos;
    if ((uint64_t) pos >= limit)
        return too_big(t);
    io->left = MIN(io->left, (size_t) (limit - (uint64_t) pos));
    return 0;
}
