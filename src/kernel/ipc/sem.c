/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Semaphore sets: semget(2), semop(2), semctl(2).
 *
 * All operations of one call happen together or not at all. A call that cannot proceed queues what
 * it wants; whoever changes a value carries out what has become possible, in order of arrival, on
 * behalf of the sleepers, and tells them. So a sleeper never competes for what it was woken for.
 *
 * SEM_UNDO: a process keeps, per set, what must be added to each value when it ends. Threads share
 * it, exec keeps it, fork does not copy it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "kernel/ipc/ipc.h"
#include "kernel/task/task.h"
#include "kernel/wait/block.h"

#define READ_BITS      0444
#define WRITE_BITS     0222
#define UNDO_BYTES_MAX (32u << 20)

struct semaphore {
    int32_t val;
    pid_t pid; /* of the last operation */
};

struct sem_set {
    struct ipc_object obj; /* first */
    struct ipc *ipc;       /* immutable */
    int64_t otime, ctime;
    struct list waiters, undos;
    unsigned n; /* immutable */
    struct semaphore sem[];
};

struct sem_undo {                     /* [ipc.lock] */
    struct list set_link, group_link; /* sem_set.undos, tgroup.sem_undos */
    struct sem_set *set;
    int16_t adj[];
};

/* One call, on its caller's stack. */
struct sem_request {
    struct list link; /* [ipc.lock] in sem_set.waiters */
    struct task *t;
    const struct lx_sembuf *ops;
    size_t n;
    struct sem_undo *undo; /* NULL: nothing to be undone */
    pid_t pid;
    const struct lx_sembuf *blocked_by; /* [ipc.lock] */
    bool done; /* [ipc.lock] `result` is there, and the request off the list */
    int result;
};

enum { MUST_WAIT = 1 };

static struct sem_set *set_of(struct ipc_object *o)
{
    return container_of(o, struct sem_set, obj);
}

static void free_set(struct ipc_object *o)
{
    free(set_of(o));
}

/* One operation: 0, MUST_WAIT, -ERANGE. */
static int apply(struct sem_set *s, const struct lx_sembuf *op, struct sem_undo *undo)
{
    int32_t *val = &s->sem[op->num].val, now = *val + op->op;

    if ((!op->op && *val) || now < 0)
        return MUST_WAIT;
    if (now > SEM_VMX)
        return -ERANGE;
    if (op->flg & LX_SEM_UNDO) {
        int32_t adj = undo->adj[op->num] - op->op;

        if (adj < -SEM_VMX - 1 || adj > SEM_VMX)
            return -ERANGE;
        undo->adj[op->num] = (int16_t) adj;
    }
    *val = now;
    return 0;
}

static void take_back(struct sem_set *s, const struct lx_sembuf *op, struct sem_undo *undo)
{
    s->sem[op->num].val -= op->op;
    if (op->flg & LX_SEM_UNDO)
        undo->adj[op->num] = (int16_t) (undo->adj[op->num] + op->op);
}

/* All or nothing: 0, MUST_WAIT, -EAGAIN (it must not wait), -ERANGE. */
static int try_all(struct sem_set *s, struct sem_request *q)
{
    for (size_t i = 0; i < q->n; i++) {
        const struct lx_sembuf *op = &q->ops[i];
        int r = apply(s, op, q->undo);

        if (r == 0)
            continue;
        while (i-- > 0)
            take_back(s, &q->ops[i], q->undo);
        q->blocked_by = op;
        return r == MUST_WAIT && (op->flg & LX_IPC_NOWAIT) ? -EAGAIN : r;
    }
    for (size_t i = 0; i < q->n; i++)
        s->sem[q->ops[i].num].pid = q->pid;
    s->otime = ipc_now();
    return 0;
}

static bool alters(const struct sem_request *q)
{
    for (size_t i = 0; i < q->n; i++) {
        if (q->ops[i].op)
            return true;
    }
    return false;
}

static void finish(struct sem_request *q, int result)
{
    list_del(&q->link);
    q->result = result;
    q->done = true;
    task_wake(q->t);
}

/* A value has changed. */
static void serve(struct sem_set *s)
{
    struct sem_request *q, *next;
    bool again;

    do {
        again = false;
        list_for_each_entry_safe (q, next, &s->waiters, link) {
            int r = try_all(s, q);

            if (r == MUST_WAIT)
                continue;
            again = r == 0 && alters(q);
            finish(q, r);
            if (again)
                break; /* those before it may go on now */
        }
    } while (again);
}

static void free_undo(struct sem_undo *u)
{
    u->set->ipc->undo_bytes -= sizeof(*u) + u->set->n * sizeof(u->adj[0]);
    list_del(&u->set_link);
    list_del(&u->group_link);
    free(u);
}

static int get_undo(struct task *t, struct sem_set *s, struct sem_undo **ret)
{
    size_t bytes = sizeof(struct sem_undo) + s->n * sizeof(int16_t);
    struct sem_undo *u;

    list_for_each_entry (u, &t->tg->sem_undos, group_link) {
        if (u->set == s) {
            *ret = u;
            return 0;
        }
    }
    if (s->ipc->undo_bytes + bytes > UNDO_BYTES_MAX)
        return -ENOSPC;
    u = calloc(1, bytes);
    if (!u)
        return -ENOMEM;
    s->ipc->undo_bytes += bytes;
    u->set = s;
    list_add(&u->set_link, &s->undos);
    list_add(&u->group_link, &t->tg->sem_undos);
    *ret = u;
    return 0;
}

void sem_exit(struct tgroup *tg)
{
    struct ipc *ipc = tg->k->ipc;
    struct sem_undo *u, *next;

    MUTEX_GUARD(&ipc->lock);
    list_for_each_entry_safe (u, next, &tg->sem_undos, group_link) {
        struct sem_set *s = u->set;

        for (unsigned i = 0; i < s->n; i++) {
            int32_t v = s->sem[i].val + u->adj[i];

            if (!u->adj[i])
                continue;
            s->sem[i].val = v < 0 ? 0 : v > SEM_VMX ? SEM_VMX : v;
            s->sem[i].pid = tg->tgid;
        }
        s->otime = ipc_now();
        free_undo(u);
        serve(s);
    }
}

static int make_set(struct task *t, int32_t key, int n, int flags)
{
    struct ipc *ipc = t->k->ipc;
    struct sem_set *s;
    int r;

    if (n <= 0)
        return -EINVAL;
    if (ipc->n_sems + (uint64_t) n > SEM_MNS)
        return -ENOSPC;
    s = calloc(1, sizeof(*s) + (size_t) n * sizeof(s->sem[0]));
    if (!s)
        return -ENOMEM;
    s->obj.free = free_set;
    s->ipc = ipc;
    s->n = (unsigned) n;
    s->ctime = ipc_now();
    list_init(&s->waiters);
    list_init(&s->undos);
    r = ipc_enter(t, &ipc->sem, &s->obj, key, flags);
    if (r < 0) {
        free(s);
        return r;
    }
    ipc->n_sems += (uint64_t) n;
    return s->obj.id;
}

long sem_get(struct task *t, int32_t key, int n, int flags)
{
    struct ipc *ipc = t->k->ipc;
    struct ipc_object *o;
    int r;

    if (n < 0 || n > SEM_MSL)
        return -EINVAL;
    MUTEX_GUARD(&ipc->lock);
    r = ipc_lookup(&ipc->sem, key, flags, &o);
    if (r < 0)
        return r;
    if (r > 0)
        return make_set(t, key, n, flags);
    if ((unsigned) n > set_of(o)->n)
        return -EINVAL;
    r = ipc_may(t, o, flags);
    return r < 0 ? r : o->id;
}

/* ipc.lock held: 0, MUST_WAIT (queued), or an error. */
static int begin(struct task *t, int id, struct sem_request *q)
{
    bool undo = false, alter = alters(q);
    struct ipc_object *o;
    struct sem_set *s;
    int r = ipc_find(&t->k->ipc->sem, id, &o);

    if (r < 0)
        return r;
    s = set_of(o);
    for (size_t i = 0; i < q->n; i++) {
        if (q->ops[i].num >= s->n)
            return -EFBIG;
        undo |= q->ops[i].flg & LX_SEM_UNDO;
    }
    r = ipc_may(t, o, alter ? WRITE_BITS : READ_BITS);
    if (r == 0 && undo)
        r = get_undo(t, s, &q->undo);
    if (r == 0)
        r = try_all(s, q);
    if (r == 0 && alter)
        serve(s);
    else if (r == MUST_WAIT)
        list_add_tail(&q->link, &s->waiters);
    return r;
}

long sem_op(struct task *t, int id, const struct lx_sembuf *ops, size_t n,
            const struct timespec *deadline)
{
    struct sem_request q = {.t = t, .ops = ops, .n = n, .pid = ipc_pid(t)};
    struct ipc *ipc = t->k->ipc;
    bool done = false;
    int r;

    mutex_lock(&ipc->lock);
    r = begin(t, id, &q);
    mutex_unlock(&ipc->lock);
    if (r != MUST_WAIT)
        return r;
    for (r = 0; r == 0 && !done;) {
        r = task_block(t, deadline);
        MUTEX_GUARD(&ipc->lock);
        done = q.done;
        if (r < 0 && !done)
            list_del(&q.link);
    }
    if (done)
        return q.result;
    return r == -ETIMEDOUT ? -EAGAIN : -EINTR; /* never restarted: signal(7) */
}

/* Lets those go who wait or would undo something. ipc.lock held. */
static void remove_set(struct ipc *ipc, struct sem_set *s)
{
    struct sem_request *q, *next;
    struct sem_undo *u, *next_u;

    ipc_remove(&ipc->sem, &s->obj);
    ipc->n_sems -= s->n;
    list_for_each_entry_safe (u, next_u, &s->undos, set_link)
        free_undo(u);
    list_for_each_entry_safe (q, next, &s->waiters, link)
        finish(q, -EIDRM);
}

static void fill(const struct sem_set *s, struct lx_semid_ds *ret)
{
    *ret = (struct lx_semid_ds){.otime = s->otime, .ctime = s->ctime, .nsems = s->n};
    ipc_fill_perm(&s->obj, &ret->perm);
}

static long stat_set(struct task *t, int id, int cmd, uint64_t buf)
{
    struct ipc *ipc = t->k->ipc;
    struct lx_semid_ds ds;
    struct ipc_object *o;
    int r, ret = 0;

    mutex_lock(&ipc->lock);
    r = cmd == LX_IPC_STAT ? ipc_find(&ipc->sem, id, &o) : ipc_find_at(&ipc->sem, id, &o);
    if (r == 0 && cmd != LX_SEM_STAT_ANY)
        r = ipc_may(t, o, READ_BITS);
    if (r == 0) {
        fill(set_of(o), &ds);
        ret = cmd == LX_IPC_STAT ? 0 : o->id;
    }
    mutex_unlock(&ipc->lock);
    if (r == 0)
        r = copy_out(t, uaddr(buf), &ds, sizeof(ds));
    return r ? r : ret;
}

static long info(struct task *t, int cmd, uint64_t buf)
{
    struct ipc *ipc = t->k->ipc;
    struct lx_seminfo i = {
        .semmap = SEM_MNS,
        .semmni = SEM_MNI,
        .semmns = SEM_MNS,
        .semmnu = SEM_MNS,
        .semmsl = SEM_MSL,
        .semopm = SEM_OPM,
        .semume = SEM_OPM,
        .semusz = 20,
        .semvmx = SEM_VMX,
        .semaem = SEM_VMX,
    };
    int last, r;

    mutex_lock(&ipc->lock);
    if (cmd == LX_SEM_INFO) {
        i.semusz = (int32_t) ipc->sem.used;
        i.semaem = (int32_t) ipc->n_sems;
    }
    last = ipc_last(&ipc->sem);
    mutex_unlock(&ipc->lock);
    r = copy_out(t, uaddr(buf), &i, sizeof(i));
    return r ? r : last;
}

static long control(struct task *t, int id, int cmd, uint64_t buf)
{
    struct ipc *ipc = t->k->ipc;
    struct lx_semid_ds ds;
    struct ipc_object *o;
    int r = cmd == LX_IPC_SET ? copy_in(t, &ds, uaddr(buf), sizeof(ds)) : 0;

    if (r < 0)
        return r;
    mutex_lock(&ipc->lock);
    r = ipc_find(&ipc->sem, id, &o);
    if (r == 0)
        r = ipc_may_control(t, o);
    if (r == 0 && cmd == LX_IPC_SET) {
        r = ipc_set_perm(o, &ds.perm);
        if (r == 0)
            set_of(o)->ctime = ipc_now();
    } else if (r == 0) {
        remove_set(ipc, set_of(o));
    }
    mutex_unlock(&ipc->lock);
    if (r == 0 && cmd == LX_IPC_RMID)
        ipc_put(o);
    return r;
}

/* Who waits for semaphore num to grow, or to become zero. */
static int count_waiters(const struct sem_set *s, int num, bool for_zero)
{
    struct sem_request *q;
    int n = 0;

    list_for_each_entry (q, &s->waiters, link) {
        n += q->blocked_by->num == num && (q->blocked_by->op == 0) == for_zero;
    }
    return n;
}

static void forget_adjustment(struct sem_set *s, unsigned num)
{
    struct sem_undo *u;

    list_for_each_entry (u, &s->undos, set_link)
        u->adj[num] = 0;
}

static void set_value(struct task *t, struct sem_set *s, unsigned num, int32_t val)
{
    forget_adjustment(s, num);
    s->sem[num].val = val;
    s->sem[num].pid = ipc_pid(t);
}

/* ipc.lock held. */
static long one(struct task *t, struct sem_set *s, int num, int cmd, int32_t val)
{
    if (cmd == LX_SETVAL && (val < 0 || val > SEM_VMX))
        return -ERANGE;
    if (num < 0 || (unsigned) num >= s->n)
        return -EINVAL;
    switch (cmd) {
    case LX_GETVAL:
        return s->sem[num].val;
    case LX_GETPID:
        return s->sem[num].pid;
    case LX_GETNCNT:
        return count_waiters(s, num, false);
    case LX_GETZCNT:
        return count_waiters(s, num, true);
    default:
        set_value(t, s, (unsigned) num, val);
        s->ctime = ipc_now();
        serve(s);
        return 0;
    }
}

static long one_value(struct task *t, int id, int num, int cmd, int32_t val)
{
    struct ipc *ipc = t->k->ipc;
    struct ipc_object *o;
    int r;

    MUTEX_GUARD(&ipc->lock);
    r = ipc_find(&ipc->sem, id, &o);
    if (r == 0)
        r = ipc_may(t, o, cmd == LX_SETVAL ? WRITE_BITS : READ_BITS);
    return r < 0 ? r : one(t, set_of(o), num, cmd, val);
}

/* How many semaphores, and may they be read or written? */
static int size_of(struct task *t, int id, int want, unsigned *ret)
{
    struct ipc *ipc = t->k->ipc;
    struct ipc_object *o;
    int r;

    MUTEX_GUARD(&ipc->lock);
    r = ipc_find(&ipc->sem, id, &o);
    if (r == 0)
        r = ipc_may(t, o, want);
    if (r == 0)
        *ret = set_of(o)->n;
    return r;
}

static long all_values(struct task *t, int id, int cmd, uint64_t array)
{
    _cleanup_free_ uint16_t *v = NULL;
    struct ipc *ipc = t->k->ipc;
    struct ipc_object *o;
    unsigned n = 0;
    int r = size_of(t, id, cmd == LX_SETALL ? WRITE_BITS : READ_BITS, &n);

    if (r < 0)
        return r;
    v = calloc(n, sizeof(*v));
    if (!v)
        return -ENOMEM;
    if (cmd == LX_SETALL)
        r = copy_in(t, v, uaddr(array), n * sizeof(*v));
    for (unsigned i = 0; r == 0 && i < n; i++) {
        if (v[i] > SEM_VMX)
            r = -ERANGE;
    }
    if (r < 0)
        return r;
    mutex_lock(&ipc->lock);
    r = ipc_find(&ipc->sem, id, &o) ? -EIDRM : 0;
    if (r == 0 && (set_of(o)->n != n || ipc_may(t, o, cmd == LX_SETALL ? WRITE_BITS : READ_BITS)))
        r = -EIDRM; /* the numbers have gone round meanwhile: it is another set's */
    for (unsigned i = 0; r == 0 && i < n; i++) {
        if (cmd == LX_SETALL)
            set_value(t, set_of(o), i, v[i]);
        else
            v[i] = (uint16_t) set_of(o)->sem[i].val;
    }
    if (r == 0 && cmd == LX_SETALL) {
        set_of(o)->ctime = ipc_now();
        serve(set_of(o));
    }
    mutex_unlock(&ipc->lock);
    return r == 0 && cmd == LX_GETALL ? copy_out(t, uaddr(array), v, n * sizeof(*v)) : r;
}

long sem_ctl(struct task *t, int id, int num, int cmd, uint64_t arg)
{
    if (id < 0)
        return -EINVAL;
    switch (cmd) {
    case LX_IPC_INFO:
    case LX_SEM_INFO:
        return info(t, cmd, arg);
    case LX_IPC_STAT:
    case LX_SEM_STAT:
    case LX_SEM_STAT_ANY:
        return stat_set(t, id, cmd, arg);
    case LX_IPC_SET:
    case LX_IPC_RMID:
        return control(t, id, cmd, arg);
    case LX_GETALL:
    case LX_SETALL:
        return all_values(t, id, cmd, arg);
    case LX_GETVAL:
    case LX_GETPID:
    case LX_GETNCNT:
    case LX_GETZCNT:
    case LX_SETVAL:
        return one_value(t, id, num, cmd, (int32_t) arg);
    default:
        return -EINVAL;
    }
}

int sem_show(struct kernel *k, struct strbuf *out)
{
    struct ipc *ipc = k->ipc;

    sb_add(
        out,
        "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n");
    MUTEX_GUARD(&ipc->lock);
    for (unsigned i = 0; i < ipc->sem.n_slots; i++) {
        const struct ipc_object *o = ipc->sem.slot[i];
        const struct sem_set *s = o ? container_of(o, const struct sem_set, obj) : NULL;

        if (s)
            sb_addf(out, "%10d %10d  %4o %10u %5u %5u %5u %5u %10" PRId64 " %10" PRId64 "\n",
                    o->key, o->id, o->mode, s->n, o->uid, o->gid, o->cuid, o->cgid, s->otime,
                    s->ctime);
    }
    return sb_error(out);
}
