/* SPDX-License-Identifier: Apache-2.0 */
/* getrandom(2), syslog(2). */
#include <errno.h>
#include <sys/random.h>

#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"

#define LX_GRND_NONBLOCK 1u
#define LX_GRND_RANDOM   2u
#define LX_GRND_INSECURE 4u

long sys_getrandom(struct task *t, const uint64_t a[static 6])
{
    uint8_t buf[4096];
    struct iobuf io;
    uint32_t flags = (uint32_t) a[2];
    if (flags & ~(LX_GRND_NONBLOCK | LX_GRND_RANDOM | LX_GRND_INSECURE))
        return -EINVAL;
    if ((flags & (LX_GRND_RANDOM | LX_GRND_INSECURE)) == (LX_GRND_RANDOM | LX_GRND_INSECURE))
        return -EINVAL;
    int r = iobuf_guest(&io, t, uaddr(a[0]), a[1]);
    if (r < 0)
        return r;
    long done = 0;
    while (io.left) {
        ssize_t n = getrandom(buf, MIN(io.left, sizeof(buf)), flags & LX_GRND_NONBLOCK);
        if (n < 0)
            return done ? done : -errno;
        ssize_t put = iobuf_put(&io, buf, (size_t) n);
        if (put <= 0)
            return done ? done : put;
        done += put;
        if (put < n || (done >= 256 && atomic_load(&t->work)))
            break;
    }
    return done;
}

#define LX_SYSLOG_OPEN        1
#define LX_SYSLOG_CLOSE       0
#define LX_SYSLOG_SIZE_BUFFER 10

/* The container has no kernel log: an empty one for those who may read it. */
long sys_syslog(struct task *t, const uint64_t a[static 6])
{
    int32_t type = (int32_t) a[0];
    if (type < 0 || type > LX_SYSLOG_SIZE_BUFFER)
        return -EINVAL;
    if (!cred_capable(t->cred, LX_CAP_SYS_ADMIN))
        return -EPERM;
    return 0;
}
