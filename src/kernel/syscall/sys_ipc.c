/* SPDX-License-Identifier: Apache-2.0 */
/* System V IPC: sysvipc(7); the objects are kernel/ipc's. */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "kernel/ipc/ipc.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/time/ktimer.h"
#include "kernel/time/timeval.h"

long sys_semget(struct task *t, const uint64_t a[static 6])
{
    return sem_get(t, (int32_t) a[0], (int) a[1], (int) a[2]);
}

long sys_semtimedop(struct task *t, const uint64_t a[static 6])
{
    _cleanup_free_ struct lx_sembuf *ops = NULL;
    size_t n = (unsigned) a[2];
    struct timespec ts, *deadline = NULL;
    struct lx_timespec given;
    uint64_t ns;
    int r = 0;

    if (a[3])
        r = copy_in(t, &given, uaddr(a[3]), sizeof(given));
    if (r < 0)
        return r;
    if (!n || (int) a[0] < 0)
        return -EINVAL;
    if (n > SEM_OPM)
        return -E2BIG;
    ops = calloc(n, sizeof(*ops));
    if (!ops)
        return -ENOMEM;
    r = copy_in(t, ops, uaddr(a[1]), n * sizeof(*ops));
    if (r == 0 && a[3]) {
        r = ns_from_timespec(&given, &ns);
        if (r == 0)
            ts = host_timespec_from_ns(mono_now_ns() + ns);
        deadline = &ts;
    }
    return r ? r : sem_op(t, (int) a[0], ops, n, deadline);
}

long sys_semop(struct task *t, const uint64_t a[static 6])
{
    const uint64_t b[6] = {a[0], a[1], a[2]};

    return sys_semtimedop(t, b);
}

long sys_semctl(struct task *t, const uint64_t a[static 6])
{
    return sem_ctl(t, (int) a[0], (int) a[1], (int) a[2], a[3]);
}

long sys_shmget(struct task *t, const uint64_t a[static 6])
{
    return shm_get(t, (int32_t) a[0], a[1], (int) a[2]);
}

long sys_shmat(struct task *t, const uint64_t a[static 6])
{
    return shm_attach(t, (int) a[0], a[1], (int) a[2]);
}

long sys_shmdt(struct task *t, const uint64_t a[static 6])
{
    return shm_detach(t, a[0]);
}

long sys_shmctl(struct task *t, const uint64_t a[static 6])
{
    return shm_ctl(t, (int) a[0], (int) a[1], a[2]);
}

long sys_msgget(struct task *t, const uint64_t a[static 6])
{
    return msg_get(t, (int32_t) a[0], (int) a[1]);
}

long sys_msgsnd(struct task *t, const uint64_t a[static 6])
{
    return msg_send(t, (int) a[0], a[1], a[2], (int) a[3]);
}

long sys_msgrcv(struct task *t, const uint64_t a[static 6])
{
    return msg_receive(t, (int) a[0], a[1], a[2], (int64_t) a[3], (int) a[4]);
}

long sys_msgctl(struct task *t, const uint64_t a[static 6])
{
    return msg_ctl(t, (int) a[0], (int) a[1], a[2]);
}
