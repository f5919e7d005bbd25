/* SPDX-License-Identifier: Apache-2.0 */
/* process_vm_readv(2), process_vm_writev(2), process_madvise(2). */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "fdobj/pidfd.h"
#include "kernel/syscall/native.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/snapshot.h"
#include "kernel/task/task.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/file.h"

#define CHUNK (64u << 10)

/* Addresses of another process, copied and bounded. */
static int copy_vector(struct task *t, uint64_t at, uint64_t n, struct guest_iov **ret)
{
    struct guest_iov *v;
    int r;

    if (n > GUEST_IOV_MAX)
        return -EINVAL;
    v = calloc(n ? n : 1, sizeof(*v));
    if (!v)
        return -ENOMEM;
    r = copy_in(t, v, uaddr(at), n * sizeof(*v));
    for (uint64_t i = 0; r == 0 && i < n; i++) {
        if ((int64_t) v[i].len < 0)
            r = -EINVAL;
    }
    if (r < 0)
        free(v);
    else
        *ret = v;
    return r;
}

/* The host thread of a process, referenced, if t may look into it: ptrace(2). */
static int get_remote(struct task *t, pid_t pid, struct stub_thread **ret)
{
    struct task *o = task_find_get(t->k, pid);
    int r = -ESRCH;

    if (!o)
        return r;
    mutex_lock(&t->k->tasks_lock);
    *ret = o->st;
    if (o->st) {
        platform_get(o->st);
        r = 0;
    }
    mutex_unlock(&t->k->tasks_lock);
    task_put(o);
    if (r == 0 && !task_may_inspect(t, pid)) {
        platform_put(*ret);
        r = -EPERM;
    }
    return r;
}

/* One piece of the other's memory. What was moved; less than n, or an error, ends the call. */
static ssize_t move(struct stub_thread *st, struct iobuf *io, uint64_t addr, uint8_t *buf, size_t n,
                    bool write)
{
    ssize_t got;

    if (!write) {
        got = platform_read_remote(st, buf, addr, n);
        return got > 0 ? iobuf_put(io, buf, (size_t) got) : got;
    }
    got = iobuf_take(io, buf, n);
    return got > 0 ? platform_write_remote(st, addr, buf, (size_t) got) : got;
}

static long transfer(struct stub_thread *st, struct iobuf *io, const struct guest_iov *v,
                     uint64_t n, bool write)
{
    _cleanup_free_ uint8_t *buf = malloc(CHUNK);
    long done = 0;

    if (!buf)
        return -ENOMEM;
    for (uint64_t i = 0; i < n; i++) {
        for (uint64_t off = 0; off < v[i].len && io->left;) {
            size_t want = MIN(MIN(v[i].len - off, (uint64_t) io->left), (uint64_t) CHUNK);
            ssize_t got = move(st, io, v[i].base + off, buf, want, write);

            if (got > 0) {
                done += got;
                off += (uint64_t) got;
            }
            if (got < (ssize_t) want)
                return done ? done : -EFAULT;
        }
    }
    return done;
}

static long process_vm(struct task *t, const uint64_t a[static 6], bool write)
{
    _cleanup_free_ struct guest_iov *local = NULL, *remote = NULL;
    struct stub_thread *st = NULL;
    struct iobuf io;
    long r;

    if (a[5])
        return -EINVAL;
    r = iobuf_guest_iov(&io, t, uaddr(a[1]), a[2], &local);
    if (r < 0 || !io.left)
        return r;
    r = copy_vector(t, a[3], a[4], &remote);
    if (r == 0)
        r = get_remote(t, (pid_t) a[0], &st);
    if (r < 0)
        return r;
    r = transfer(st, &io, remote, a[4], write);
    platform_put(st);
    return r;
}

long sys_process_vm_readv(struct task *t, const uint64_t a[static 6])
{
    return process_vm(t, a, false);
}

long sys_process_vm_writev(struct task *t, const uint64_t a[static 6])
{
    return process_vm(t, a, true);
}

#define NR_MADVISE     28
#define MADV_WILLNEED_ 3
#define MADV_COLD_     20
#define MADV_PAGEOUT_  21
#define MADV_COLLAPSE_ 25

static bool is_remote_advice(int advice)
{
    return advice == MADV_WILLNEED_ || advice == MADV_COLD_ || advice == MADV_PAGEOUT_ ||
           advice == MADV_COLLAPSE_;
}

/* Only a process's own threads can be made to give advice; others would take CAP_SYS_NICE anyway.
 */
static int is_own(struct task *t, int pidfd)
{
    struct tgroup *tg;
    struct file *f;
    int r = fd_lookup(t->files, pidfd, &f);

    if (r < 0)
        return r;
    tg = pidfd_tgroup(f);
    r = !tg ? -EBADF : tg == t->tg ? 0 : -EPERM;
    file_put(f);
    return r;
}

long sys_process_madvise(struct task *t, const uint64_t a[static 6])
{
    _cleanup_free_ struct guest_iov *v = NULL;
    long done = 0, r;

    if (a[4])
        return -EINVAL;
    r = copy_vector(t, a[1], a[2], &v);
    if (r == 0)
        r = is_own(t, (int) a[0]);
    if (r == 0 && !is_remote_advice((int) a[3]))
        r = -EINVAL;
    for (uint64_t i = 0; r == 0 && i < a[2]; i++) {
        const uint64_t args[6] = {v[i].base, v[i].len, a[3]};

        r = native_call(t, NR_MADVISE, args);
        if (r == 0)
            done += (long) v[i].len;
    }
    return done ? done : r;
}
