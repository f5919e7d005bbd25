/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Message queues: msgget(2), msgsnd(2), msgrcv(2), msgctl(2). Senders and receivers look for
 * themselves, with the wait queue of the message queue between two looks.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "kernel/ipc/ipc.h"
#include "kernel/restart.h"
#include "kernel/task/task.h"
#include "kernel/wait/block.h"

#define READ_BITS     0444
#define WRITE_BITS    0222
#define ROOM          1u          /* wait queue events: there is room; */
#define ARRIVED       2u          /* there is a message */
#define ALL_BYTES_MAX (64u << 20) /* the sentry's memory, all queues together */

struct message {
    struct list link; /* [ipc.lock] */
    int64_t type;
    size_t len;
    uint8_t text[];
};

struct msg_queue {
    struct ipc_object obj; /* first */
    struct waitq wq;
    int64_t stime, rtime, ctime;
    uint64_t bytes, n, max_bytes;
    pid_t lspid, lrpid;
    struct list messages; /* in order of arrival */
};

static struct msg_queue *queue_of(struct ipc_object *o)
{
    return container_of(o, struct msg_queue, obj);
}

static uint64_t cost(const struct message *m)
{
    return sizeof(*m) + m->len;
}

static void free_queue(struct ipc_object *o)
{
    free(queue_of(o));
}

static int make_queue(struct task *t, int32_t key, int flags)
{
    struct ipc *ipc = t->k->ipc;
    struct msg_queue *q = calloc(1, sizeof(*q));
    int r;

    if (!q)
        return -ENOMEM;
    q->obj.free = free_queue;
    q->max_bytes = MSG_MNB;
    q->ctime = ipc_now();
    waitq_init(&q->wq);
    list_init(&q->messages);
    r = ipc_enter(t, &ipc->msg, &q->obj, key, flags);
    if (r < 0) {
        free(q);
        return r;
    }
    return q->obj.id;
}

long msg_get(struct task *t, int32_t key, int flags)
{
    struct ipc *ipc = t->k->ipc;
    struct ipc_object *o;
    int r;

    MUTEX_GUARD(&ipc->lock);
    r = ipc_lookup(&ipc->msg, key, flags, &o);
    if (r > 0)
        return make_queue(t, key, flags);
    if (r == 0)
        r = ipc_may(t, o, flags);
    return r < 0 ? r : o->id;
}

/* One call that sends or receives. */
struct msg_call {
    struct task *t;
    struct msg_queue *q;
    struct message *m; /* to be sent, or what was received */
    uint64_t size;
    int64_t type;
    int flags;
};

/* The queue, referenced, for a call with this right. */
static int open_queue(struct task *t, int id, int want, struct msg_queue **ret)
{
    struct ipc *ipc = t->k->ipc;
    struct ipc_object *o;
    int r;

    MUTEX_GUARD(&ipc->lock);
    r = ipc_find(&ipc->msg, id, &o);
    if (r == 0)
        r = ipc_may(t, o, want);
    if (r == 0) {
        ref_get(&o->ref);
        *ret = queue_of(o);
    }
    return r;
}

static long try_send(void *arg)
{
    struct msg_call *c = arg;
    struct msg_queue *q = c->q;
    struct ipc *ipc = c->t->k->ipc;
    int r;

    MUTEX_GUARD(&ipc->lock);
    if (q->obj.removed)
        return -EIDRM;
    r = ipc_may(c->t, &q->obj, WRITE_BITS);
    if (r < 0)
        return r;
    if (q->bytes + c->size > q->max_bytes || q->n + 1 > q->max_bytes)
        return -EAGAIN;
    if (ipc->msg_bytes + cost(c->m) > ALL_BYTES_MAX)
        return -ENOMEM;
    ipc->msg_bytes += cost(c->m);
    list_add_tail(&c->m->link, &q->messages);
    c->m = NULL;
    q->n++;
    q->bytes += c->size;
    q->stime = ipc_now();
    q->lspid = ipc_pid(c->t);
    waitq_wake(&q->wq, ARRIVED);
    return 0;
}

static long until_done(struct msg_call *c, uint32_t event, long (*try)(void *))
{
    long r =
        c->flags & LX_IPC_NOWAIT ? try(c) : task_wait_for(c->t, &c->q->wq, event, NULL, try, c);

    ipc_put(&c->q->obj);
    return r == -ERESTARTSYS ? -ERESTARTNOHAND : r;
}

long msg_send(struct task *t, int id, uint64_t buf, uint64_t size, int flags)
{
    struct msg_call c = {.t = t, .size = size, .flags = flags};
    long r;

    r = copy_in(t, &c.type, uaddr(buf), sizeof(c.type));
    if (r < 0)
        return r;
    if (size > MSG_MAX || id < 0 || c.type < 1)
        return -EINVAL;
    c.m = malloc(sizeof(*c.m) + size);
    if (!c.m)
        return -ENOMEM;
    c.m->type = c.type;
    c.m->len = size;
    list_init(&c.m->link);
    r = copy_in(t, c.m->text, uaddr(buf + sizeof(c.type)), size);
    if (r == 0)
        r = open_queue(t, id, WRITE_BITS, &c.q);
    if (r == 0)
        r = until_done(&c, ROOM, try_send);
    free(c.m);
    return r;
}

/* msgrcv(2): what a type asks for. */
static struct message *choose(struct msg_queue *q, int64_t type, int flags)
{
    struct message *m, *best = NULL;
    uint64_t most = type == INT64_MIN ? INT64_MAX : (uint64_t) -type, n = 0;

    list_for_each_entry (m, &q->messages, link) {
        if (flags & LX_MSG_COPY) {
            if (n++ == (uint64_t) type)
                return m;
        } else if (type == 0) {
            return m;
        } else if (type > 0) {
            if ((m->type == type) != !!(flags & LX_MSG_EXCEPT))
                return m;
        } else if ((uint64_t) m->type <= most && (!best || m->type < best->type)) {
            best = m;
        }
    }
    return best;
}

static struct message *copy_of(const struct message *m)
{
    struct message *c = malloc(sizeof(*c) + m->len);

    if (c) {
        c->type = m->type;
        c->len = m->len;
        memcpy(c->text, m->text, m->len);
    }
    return c;
}

static long try_receive(void *arg)
{
    struct msg_call *c = arg;
    struct msg_queue *q = c->q;
    struct ipc *ipc = c->t->k->ipc;
    struct message *m;
    int r;

    MUTEX_GUARD(&ipc->lock);
    if (q->obj.removed)
        return -EIDRM;
    r = ipc_may(c->t, &q->obj, READ_BITS);
    if (r < 0)
        return r;
    m = choose(q, c->type, c->flags);
    if (!m)
        return -EAGAIN;
    if (m->len > c->size && !(c->flags & LX_MSG_NOERROR))
        return -E2BIG;
    if (c->flags & LX_MSG_COPY) {
        c->m = copy_of(m);
        return c->m ? 0 : -ENOMEM;
    }
    list_del(&m->link);
    c->m = m;
    ipc->msg_bytes -= cost(m);
    q->n--;
    q->bytes -= m->len;
    q->rtime = ipc_now();
    q->lrpid = ipc_pid(c->t);
    waitq_wake(&q->wq, ROOM);
    return 0;
}

long msg_receive(struct task *t, int id, uint64_t buf, uint64_t size, int64_t type, int flags)
{
    struct msg_call c = {.t = t, .size = size, .type = type, .flags = flags};
    size_t n;
    long r;

    if (id < 0 || (int64_t) size < 0)
        return -EINVAL;
    if ((flags & LX_MSG_COPY) && ((flags & LX_MSG_EXCEPT) || !(flags & LX_IPC_NOWAIT)))
        return -EINVAL;
    r = open_queue(t, id, READ_BITS, &c.q);
    if (r == 0)
        r = until_done(&c, ARRIVED, try_receive);
    if (r < 0)
        return r == -EAGAIN ? -ENOMSG : r;
    /* An address that cannot be written loses the message, as on Linux. */
    n = MIN(c.m->len, (size_t) size);
    r = copy_out(t, uaddr(buf), &c.m->type, sizeof(c.m->type));
    if (r == 0)
        r = copy_out(t, uaddr(buf + sizeof(c.m->type)), c.m->text, n);
    free(c.m);
    return r ? r : (long) n;
}

static void fill(const struct msg_queue *q, struct lx_msqid_ds *ret)
{
    *ret = (struct lx_msqid_ds){
        .stime = q->stime,
        .rtime = q->rtime,
        .ctime = q->ctime,
        .cbytes = q->bytes,
        .qnum = q->n,
        .qbytes = q->max_bytes,
        .lspid = q->lspid,
        .lrpid = q->lrpid,
    };
    ipc_fill_perm(&q->obj, &ret->perm);
}

static long stat_queue(struct task *t, int id, int cmd, uint64_t buf)
{
    struct ipc *ipc = t->k->ipc;
    struct lx_msqid_ds ds;
    struct ipc_object *o;
    int r, ret = 0;

    mutex_lock(&ipc->lock);
    r = cmd == LX_IPC_STAT ? ipc_find(&ipc->msg, id, &o) : ipc_find_at(&ipc->msg, id, &o);
    if (r == 0 && cmd != LX_MSG_STAT_ANY)
        r = ipc_may(t, o, READ_BITS);
    if (r == 0) {
        fill(queue_of(o), &ds);
        ret = cmd == LX_IPC_STAT ? 0 : o->id;
    }
    mutex_unlock(&ipc->lock);
    if (r == 0)
        r = copy_out(t, uaddr(buf), &ds, sizeof(ds));
    return r ? r : ret;
}

/* ipc.lock held. */
static void totals(struct ipc *ipc, struct lx_msginfo *i)
{
    uint64_t n = 0, bytes = 0;

    for (unsigned k = 0; k < ipc->msg.n_slots; k++) {
        struct msg_queue *q = ipc->msg.slot[k] ? queue_of(ipc->msg.slot[k]) : NULL;

        n += q ? q->n : 0;
        bytes += q ? q->bytes : 0;
    }
    i->msgpool = (int32_t) ipc->msg.used;
    i->msgmap = (int32_t) n;
    i->msgtql = (int32_t) bytes;
}

static long info(struct task *t, int cmd, uint64_t buf)
{
    struct ipc *ipc = t->k->ipc;
    struct lx_msginfo i = {
        .msgpool = MSG_MNI / 1024 * MSG_MNB,
        .msgmap = MSG_MNB,
        .msgmax = MSG_MAX,
        .msgmnb = MSG_MNB,
        .msgmni = MSG_MNI,
        .msgssz = 16,
        .msgtql = MSG_MNB,
        .msgseg = 0xffff,
    };
    int last, r;

    mutex_lock(&ipc->lock);
    if (cmd == LX_MSG_INFO)
        totals(ipc, &i);
    last = ipc_last(&ipc->msg);
    mutex_unlock(&ipc->lock);
    r = copy_out(t, uaddr(buf), &i, sizeof(i));
    return r ? r : last;
}

/* ipc.lock held. */
static int set(struct task *t, struct msg_queue *q, const struct lx_msqid_ds *ds)
{
    int r;

    if (ds->qbytes > MSG_MNB && !cred_capable(t->cred, LX_CAP_SYS_RESOURCE))
        return -EPERM;
    r = ipc_set_perm(&q->obj, &ds->perm);
    if (r < 0)
        return r;
    q->max_bytes = ds->qbytes;
    q->ctime = ipc_now();
    waitq_wake(&q->wq, ROOM | ARRIVED);
    return 0;
}

static void remove_queue(struct ipc *ipc, struct msg_queue *q, struct list *ret_messages)
{
    struct message *m;

    ipc_remove(&ipc->msg, &q->obj);
    list_for_each_entry (m, &q->messages, link)
        ipc->msg_bytes -= cost(m);
    list_splice_tail(&q->messages, ret_messages);
    waitq_wake(&q->wq, ROOM | ARRIVED);
}

static long control(struct task *t, int id, int cmd, uint64_t buf)
{
    struct ipc *ipc = t->k->ipc;
    struct list gone = LIST_INIT(gone), *l;
    struct lx_msqid_ds ds;
    struct ipc_object *o;
    int r = cmd == LX_IPC_SET ? copy_in(t, &ds, uaddr(buf), sizeof(ds)) : 0;

    if (r < 0)
        return r;
    mutex_lock(&ipc->lock);
    r = ipc_find(&ipc->msg, id, &o);
    if (r == 0)
        r = ipc_may_control(t, o);
    if (r == 0 && cmd == LX_IPC_SET)
        r = set(t, queue_of(o), &ds);
    else if (r == 0)
        remove_queue(ipc, queue_of(o), &gone);
    mutex_unlock(&ipc->lock);
    while ((l = list_pop(&gone)))
        free(list_entry(l, struct message, link));
    if (r == 0 && cmd == LX_IPC_RMID)
        ipc_put(o);
    return r;
}

long msg_ctl(struct task *t, int id, int cmd, uint64_t buf)
{
    if (id < 0 || cmd < 0)
        return -EINVAL;
    switch (cmd) {
    case LX_IPC_INFO:
    case LX_MSG_INFO:
        return info(t, cmd, buf);
    case LX_IPC_STAT:
    case LX_MSG_STAT:
    case LX_MSG_STAT_ANY:
        return stat_queue(t, id, cmd, buf);
    case LX_IPC_SET:
    case LX_IPC_RMID:
        return control(t, id, cmd, buf);
    default:
        return -EINVAL;
    }
}

int msg_show(struct kernel *k, struct strbuf *out)
{
    struct ipc *ipc = k->ipc;

    sb_add(
        out,
        "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid  "
        "    stime      rtime      ctime\n");
    MUTEX_GUARD(&ipc->lock);
    for (unsigned i = 0; i < ipc->msg.n_slots; i++) {
        const struct ipc_object *o = ipc->msg.slot[i];
        const struct msg_queue *q = o ? container_of(o, const struct msg_queue, obj) : NULL;

        if (q)
            sb_addf(out,
                    "%10d %10d  %4o  %10" PRIu64 " %10" PRIu64 " %5d %5d %5u %5u %5u %5u %10" PRId64
                    " %10" PRId64 " %10" PRId64 "\n",
                    o->key, o->id, o->mode, q->bytes, q->n, q->lspid, q->lrpid, o->uid, o->gid,
                    o->cuid, o->cgid, q->stime, q->rtime, q->ctime);
    }
    return sb_error(out);
}
