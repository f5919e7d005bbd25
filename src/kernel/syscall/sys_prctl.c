/* SPDX-License-Identifier: Apache-2.0 */
/* prctl(2), arch_prctl(2), personality(2). */
#include <errno.h>
#include <string.h>

#include "abi/linux/capability.h"
#include "abi/linux/prctl.h"
#include "abi/linux/signal.h"
#include "kernel/syscall/native.h"
#include "kernel/syscall/seccomp.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/image.h"
#include "kernel/task/snapshot.h"
#include "kernel/task/task.h"

static long set_name(struct task *t, uint64_t addr)
{
    char name[16] = "";
    ssize_t n = copy_in_str(t, name, uaddr(addr), sizeof(name));

    if (n < 0 && n != -ENAMETOOLONG)
        return n;
    if (n == -ENAMETOOLONG && copy_in(t, name, uaddr(addr), sizeof(name) - 1))
        return -EFAULT;
    name[sizeof(name) - 1] = '\0';
    mutex_lock(&t->k->tasks_lock);
    memset(t->comm, 0, sizeof(t->comm));
    memcpy(t->comm, name, strlen(name));
    mutex_unlock(&t->k->tasks_lock);
    return 0;
}

/* Changes one flag of the group; small values only. */
static long set_flag(struct task *t, bool *flag, uint64_t v)
{
    mutex_lock(&t->k->tasks_lock);
    *flag = v != 0;
    mutex_unlock(&t->k->tasks_lock);
    return 0;
}

static long change_cred(struct task *t, void (*fn)(struct cred *c, uint64_t arg), uint64_t arg)
{
    struct cred *n = cred_copy(t->cred);

    if (!n)
        return -ENOMEM;
    fn(n, arg);
    task_set_cred(t, n);
    return 0;
}

static void drop_bounding(struct cred *c, uint64_t cap)
{
    c->cap_bounding &= ~(1ull << cap);
}

static void put_securebits(struct cred *c, uint64_t bits)
{
    c->securebits = (uint32_t) bits;
}

static void raise_ambient(struct cred *c, uint64_t cap)
{
    c->cap_ambient |= 1ull << cap;
}

static void lower_ambient(struct cred *c, uint64_t cap)
{
    c->cap_ambient &= ~(1ull << cap);
}

static void clear_ambient(struct cred *c, uint64_t arg unused_)
{
    c->cap_ambient = 0;
}

static long set_securebits(struct task *t, uint64_t bits)
{
    uint32_t old = t->cred->securebits, locks = old & LX_SECURE_ALL_LOCKS;

    if ((bits & ~(uint64_t) (LX_SECURE_ALL_BITS | LX_SECURE_ALL_LOCKS)) || (locks & ~bits) ||
        ((locks >> 1) & (old ^ bits)) || !cred_capable(t->cred, LX_CAP_SETPCAP))
        return -EPERM;
    return change_cred(t, put_securebits, bits);
}

static long keepcaps(struct task *t, uint64_t v)
{
    uint32_t bits = t->cred->securebits;

    if (v > 1)
        return -EINVAL;
    if (bits & LX_SECBIT_KEEP_CAPS_LOCKED)
        return -EPERM;
    return change_cred(t, put_securebits,
                       v ? bits | LX_SECBIT_KEEP_CAPS : bits & ~(uint32_t) LX_SECBIT_KEEP_CAPS);
}

static long ambient(struct task *t, const uint64_t a[static 6])
{
    const struct cred *c = t->cred;

    if (a[3] || a[4])
        return -EINVAL;
    if (a[1] == LX_PR_CAP_AMBIENT_CLEAR_ALL)
        return a[2] ? -EINVAL : change_cred(t, clear_ambient, 0);
    if (a[2] > LX_CAP_LAST)
        return -EINVAL;
    switch (a[1]) {
    case LX_PR_CAP_AMBIENT_IS_SET:
        return (long) (c->cap_ambient >> a[2] & 1);
    case LX_PR_CAP_AMBIENT_RAISE:
        if (!((c->cap_permitted & c->cap_inheritable) >> a[2] & 1) ||
            (c->securebits & LX_SECBIT_NO_CAP_AMBIENT_RAISE))
            return -EPERM;
        return change_cred(t, raise_ambient, a[2]);
    case LX_PR_CAP_AMBIENT_LOWER:
        return change_cred(t, lower_ambient, a[2]);
    default:
        return -EINVAL;
    }
}

static long put_int(struct task *t, uint64_t addr, int32_t v)
{
    return copy_out(t, uaddr(addr), &v, sizeof(v));
}

static long bounding(struct task *t, const uint64_t a[static 6])
{
    if (a[1] > LX_CAP_LAST)
        return -EINVAL;
    if ((int) a[0] == LX_PR_CAPBSET_READ)
        return (long) (t->cred->cap_bounding >> a[1] & 1);
    return cred_capable(t->cred, LX_CAP_SETPCAP) ? change_cred(t, drop_bounding, a[1]) : -EPERM;
}

static long no_new_privs(struct task *t, const uint64_t a[static 6])
{
    if (a[1] != 1 || a[2] || a[3] || a[4])
        return -EINVAL;

    struct sighand *sh = sighand_lock(t->tg);

    t->no_new_privs = true;
    mutex_unlock(&sh->lock);
    return 0;
}

/* How a memory failure is to be told: kept, there is none to tell of. */
static long mce_kill(struct task *t, const uint64_t a[static 6])
{
    uint64_t policy = a[2];

    if (a[3] || a[4])
        return -EINVAL;
    switch (a[1]) {
    case LX_PR_MCE_KILL_CLEAR:
        if (a[2])
            return -EINVAL;
        policy = LX_PR_MCE_KILL_DEFAULT;
        break;
    case LX_PR_MCE_KILL_SET:
        if (policy > LX_PR_MCE_KILL_DEFAULT)
            return -EINVAL;
        break;
    default:
        return -EINVAL;
    }
    mutex_lock(&t->k->tasks_lock);
    t->tg->mce_kill = (uint8_t) policy;
    mutex_unlock(&t->k->tasks_lock);
    return 0;
}

/* The whole vector's size, of which no more than asked for is copied. */
static long get_auxv(struct task *t, const uint64_t a[static 6])
{
    uint64_t auxv[IMAGE_AUXV_MAX][2];
    ssize_t n;
    int r;

    if (a[3] || a[4])
        return -EINVAL;
    n = task_snapshot_auxv(t->k, t->tg->tgid, auxv[0], sizeof(auxv));
    if (n < 0)
        return n;
    r = copy_out(t, uaddr(a[1]), auxv, MIN((size_t) n, (size_t) a[2]));
    return r ? r : n;
}

long sys_prctl(struct task *t, const uint64_t a[static 6])
{
    struct tgroup *tg = t->tg;

    switch ((int) a[0]) {
    case LX_PR_SET_NAME:
        return set_name(t, a[1]);
    case LX_PR_GET_NAME:
        return copy_out(t, uaddr(a[1]), t->comm, sizeof(t->comm));
    case LX_PR_SET_PDEATHSIG:
        if (a[1] > LX_NSIG)
            return -EINVAL;
        mutex_lock(&t->k->tasks_lock);
        tg->pdeath_signal = (int) a[1];
        mutex_unlock(&t->k->tasks_lock);
        return 0;
    case LX_PR_GET_PDEATHSIG:
        return put_int(t, a[1], tg->pdeath_signal);
    case LX_PR_GET_DUMPABLE:
        return tg->dumpable;
    case LX_PR_SET_DUMPABLE:
        return a[1] > 1 ? -EINVAL : set_flag(t, &tg->dumpable, a[1]);
    case LX_PR_SET_CHILD_SUBREAPER:
        return set_flag(t, &tg->child_subreaper, a[1]);
    case LX_PR_GET_CHILD_SUBREAPER:
        return put_int(t, a[1], tg->child_subreaper);
    case LX_PR_SET_NO_NEW_PRIVS:
        return no_new_privs(t, a);
    case LX_PR_GET_NO_NEW_PRIVS:
        return a[1] || a[2] || a[3] || a[4] ? -EINVAL : t->no_new_privs;
    case LX_PR_CAPBSET_READ:
    case LX_PR_CAPBSET_DROP:
        return bounding(t, a);
    case LX_PR_CAP_AMBIENT:
        return ambient(t, a);
    case LX_PR_GET_SECUREBITS:
        return t->cred->securebits;
    case LX_PR_SET_SECUREBITS:
        return set_securebits(t, a[1]);
    case LX_PR_GET_KEEPCAPS:
        return (t->cred->securebits & LX_SECBIT_KEEP_CAPS) != 0;
    case LX_PR_SET_KEEPCAPS:
        return keepcaps(t, a[1]);
    case LX_PR_SET_TIMERSLACK:
        t->timerslack = a[1] ? a[1] : 50000;
        return 0;
    case LX_PR_GET_TIMERSLACK:
        return (long) t->timerslack;
    case LX_PR_GET_TIMING:
        return 0;
    case LX_PR_SET_TIMING:
        return a[1] ? -EINVAL : 0;
    case LX_PR_GET_TSC:
        return put_int(t, a[1], 1);
    case LX_PR_GET_SECCOMP:
        return atomic_load(&t->seccomp.mode);
    case LX_PR_SET_SECCOMP:
        return prctl_set_seccomp(t, a[1], a[2]);
    case LX_PR_GET_TID_ADDRESS:
        return copy_out(t, uaddr(a[1]), &t->clear_child_tid, sizeof(t->clear_child_tid));
    case LX_PR_SET_TSC: /* reading it cannot be forbidden here */
        return a[1] == LX_PR_TSC_ENABLE ? 0 : -EINVAL;
    case LX_PR_GET_THP_DISABLE:
        return a[1] || a[2] || a[3] || a[4] ? -EINVAL : tg->thp_disable;
    case LX_PR_SET_THP_DISABLE: /* advice, and no more than kept */
        return a[2] || a[3] || a[4] ? -EINVAL : set_flag(t, &tg->thp_disable, a[1]);
    case LX_PR_MCE_KILL:
        return mce_kill(t, a);
    case LX_PR_MCE_KILL_GET:
        return a[1] || a[2] || a[3] || a[4] ? -EINVAL : tg->mce_kill;
    case LX_PR_GET_AUXV:
        return get_auxv(t, a);
    case LX_PR_SET_MM:
        return -EPERM; /* as without CAP_SYS_RESOURCE of the host */
    case LX_PR_SET_IO_FLUSHER:
    case LX_PR_GET_IO_FLUSHER:
        return cred_capable(t->cred, LX_CAP_SYS_RESOURCE) ? -EINVAL : -EPERM;
    default:
        return -EINVAL; /* as a kernel built without the option */
    }
}

/* FS and GS are the host thread's; nothing else is there. */
long sys_arch_prctl(struct task *t, const uint64_t a[static 6])
{
    long r = native_call(t, t->trap.nr, a);

    return r == -ENOSYS ? -EINVAL : r;
}

long sys_personality(struct task *t, const uint64_t a[static 6])
{
    uint64_t old = t->personality;

    if ((uint32_t) a[0] != 0xffffffffu)
        t->personality = (uint32_t) a[0];
    return (long) old;
}
