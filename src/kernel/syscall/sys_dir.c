/* SPDX-License-Identifier: Apache-2.0 */
/* getdents(2), getdents64(2). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/dirent.h"
#include "base/cleanup.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/file.h"

#define AT_ONCE                                                                       \
    (32u << 10) /* what libraries ask for; a bigger buffer is filled by several calls \
                 */

/* Entries are laid out here and copied to the guest when the directory is let go. */
struct listing {
    struct dirsink sink; /* first */
    uint8_t *buf;
    size_t cap, used;
    bool old_form;
    bool full; /* an entry did not fit */
};

static void lay_out(uint8_t *at, bool old_form, uint16_t reclen, const struct lx_dirent64 *e,
                    const char *name, size_t len)
{
    memset(at, 0, reclen);
    if (old_form) {
        struct lx_dirent o = {.ino = e->ino, .off = (uint64_t) e->off, .reclen = reclen};
        memcpy(at, &o, LX_DIRENT_HEAD);
        memcpy(at + LX_DIRENT_HEAD, name, len);
        at[reclen - 1] = e->type;
    } else {
        memcpy(at, e, LX_DIRENT64_HEAD);
        memcpy(at + LX_DIRENT64_HEAD, name, len);
    }
}

static bool listing_emit(struct dirsink *s, const char *name, size_t len, uint64_t ino,
                         uint32_t type, int64_t next)
{
    struct listing *l = container_of(s, struct listing, sink);
    /* The name, its NUL, and in the old form the type behind that. */
    size_t need = l->old_form ? LX_DIRENT_HEAD + len + 2 : LX_DIRENT64_HEAD + len + 1;
    uint16_t reclen = (uint16_t) ((need + 7) & ~(size_t) 7);
    if (reclen > l->cap - l->used) {
        l->full = true;
        return false;
    }
    const struct lx_dirent64 e = {.ino = ino,
                                  .off = next,
                                  .reclen = reclen,
                                  .type = (uint8_t) type};
    lay_out(l->buf + l->used, l->old_form, reclen, &e, name, len);
    l->used += reclen;
    return true;
}

static long list(struct task *t, struct file *f, uaddr_t to, uint32_t size, bool old_form)
{
    struct listing l = {.sink = {.emit = listing_emit},
                        .cap = MIN(size, AT_ONCE),
                        .old_form = old_form};
    _cleanup_free_ uint8_t *buf = malloc(l.cap ? l.cap : 1);
    if (!buf)
        return -ENOMEM;
    l.buf = buf;
    int r = file_readdir(f, &l.sink);
    if (l.used == 0)
        return r < 0 ? r : l.full ? -EINVAL : 0;
    return copy_out(t, to, l.buf, l.used) < 0 ? -EFAULT : (long) l.used;
}

static long list_fd(struct task *t, const uint64_t a[static 6], bool old_form)
{
    struct file *f;
    int r = fd_lookup(t->files, (int) a[0], &f);
    if (r < 0)
        return r;
    long n = list(t, f, uaddr(a[1]), (uint32_t) a[2], old_form);
    file_put(f);
    return n;
}

long sys_getdents(struct task *t, const uint64_t a[static 6])
{
    return list_fd(t, a, true);
}

long sys_getdents64(struct task *t, const uint64_t a[static 6])
{
    return list_fd(t, a, false);
}
