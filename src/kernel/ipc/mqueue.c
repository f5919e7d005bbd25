/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/ipc/mqueue.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/poll.h"
#include "abi/linux/resource.h"
#include "abi/linux/signal.h"
#include "base/cleanup.h"
#include "kernel/ipc/ipc.h"
#include "kernel/task/task.h"
#include "kernel/vfs/file.h"
#include "kernel/vfs/node.h"
#include "kernel/wait/block.h"

#define HARD_MSG_MAX     65536 /* for the privileged */
#define HARD_MSGSIZE_MAX (16 << 20)
#define ALL_BYTES_MAX    (64u << 20) /* the sentry's memory, with System V's messages */
#define NODE_BYTES       96u         /* what RLIMIT_MSGQUEUE counts per message: getrlimit(2) */
#define MAX_NAME         255
#define SHOWN_SIZE       80       /* st_size, whatever is in it */
#define MQ_DEV           0x13     /* any number no other file system has */
#define REGULAR          0100000u /* S_IFREG */
#define SIGEV_SIGNAL_    0
#define SIGEV_NONE_      1
#define SIGEV_THREAD_    2

struct mq_message {
    struct list link; /* [ipc.lock] */
    uint32_t prio;
    size_t len;
    uint8_t text[];
};

struct mqueue {
    struct ref ref;   /* the name's, those of open files */
    struct ipc *ipc;  /* immutable */
    struct list link; /* [ipc.lock] in ipc.mqueues while it has a name */
    char name[MAX_NAME + 1];
    uint64_t ino; /* immutable, as all but the next group */
    uint32_t uid, gid, mode;
    struct timespec made;
    uint32_t maxmsg, msgsize;
    /* [ipc.lock] */
    uint32_t n, receivers; /* messages; calls that wait for one */
    struct list messages;  /* highest priority first, then in order of arrival */
    struct {
        struct tgroup *who; /* referenced; NULL: nobody */
        int kind, signo;
        uint64_t value;
    } notify;
    struct waitq wq;
};

struct mq_file {
    struct file file; /* first */
    struct mqueue *q; /* immutable, referenced */
};

static const struct file_ops mq_ops;

static struct mqueue *queue_of(struct file *f)
{
    return f->ops == &mq_ops ? container_of(f, struct mq_file, file)->q : NULL;
}

static uint64_t cost(size_t len)
{
    return sizeof(struct mq_message) + len;
}

static void drop_messages(struct mqueue *q)
{
    struct mq_message *m, *next;

    MUTEX_GUARD(&q->ipc->lock);
    list_for_each_entry_safe (m, next, &q->messages, link) {
        q->ipc->msg_bytes -= cost(m->len);
        list_del(&m->link);
        free(m);
    }
}

static void mqueue_put(struct mqueue *q)
{
    if (!q || !ref_put(&q->ref))
        return;
    drop_messages(q);
    tgroup_put(q->notify.who);
    free(q);
}

/* ---- names ---- */

static struct mqueue *find(struct ipc *ipc, const char *name)
{
    struct mqueue *q;

    list_for_each_entry (q, &ipc->mqueues, link) {
        if (strcmp(q->name, name) == 0)
            return q;
    }
    return NULL;
}

static int check_name(const char *name)
{
    if (!*name)
        return -ENOENT;
    if (strlen(name) > MAX_NAME)
        return -ENAMETOOLONG;
    return strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ? -EACCES : 0;
}

/* mq_open(3): EINVAL. */
static int check_attr(struct task *t, const struct lx_mq_attr *a)
{
    bool privileged = cred_capable(t->cred, LX_CAP_SYS_RESOURCE);

    if (a->maxmsg <= 0 || a->msgsize <= 0)
        return -EINVAL;
    if (a->maxmsg > (privileged ? HARD_MSG_MAX : MQ_MSG_MAX) ||
        a->msgsize > (privileged ? HARD_MSGSIZE_MAX : MQ_MSGSIZE_MAX))
        return -EINVAL;
    return 0;
}

static uint64_t weight(uint64_t maxmsg, uint64_t msgsize)
{
    return maxmsg * (msgsize + NODE_BYTES);
}

/* ipc.lock held: RLIMIT_MSGQUEUE and the number of queues. */
static int check_limits(struct task *t, uint64_t limit, const struct lx_mq_attr *a)
{
    struct ipc *ipc = t->k->ipc;
    uint64_t sum = weight((uint64_t) a->maxmsg, (uint64_t) a->msgsize);
    struct mqueue *q;

    if (ipc->n_mqueues >= MQ_QUEUES_MAX && !cred_capable(t->cred, LX_CAP_SYS_RESOURCE))
        return -ENOSPC;
    if (ipc->n_mqueues >= IPC_MAX_IDS)
        return -ENOSPC;
    list_for_each_entry (q, &ipc->mqueues, link) {
        if (q->uid == t->cred->euid)
            sum += weight(q->maxmsg, q->msgsize);
    }
    return sum > limit ? -EMFILE : 0;
}

/* ipc.lock held. */
static int make(struct task *t, const char *name, uint32_t mode, const struct lx_mq_attr *a,
                struct mqueue **ret)
{
    struct ipc *ipc = t->k->ipc;
    struct mqueue *q = calloc(1, sizeof(*q));

    if (!q)
        return -ENOMEM;
    ref_init(&q->ref);
    q->ipc = ipc;
    q->ino = ++ipc->last_mqueue;
    (void) snprintf(q->name, sizeof(q->name), "%s", name);
    q->uid = t->cred->fsuid;
    q->gid = t->cred->fsgid;
    q->mode = mode & 0777;
    clock_gettime(CLOCK_REALTIME, &q->made);
    q->maxmsg = (uint32_t) a->maxmsg;
    q->msgsize = (uint32_t) a->msgsize;
    list_init(&q->messages);
    waitq_init(&q->wq);
    list_add_tail(&q->link, &ipc->mqueues);
    ipc->n_mqueues++;
    *ret = q;
    return 0;
}

static int may_open(struct task *t, const struct mqueue *q, uint32_t flags)
{
    static const uint32_t wants[] = {[LX_O_RDONLY] = 4, [LX_O_WRONLY] = 2, [LX_O_RDWR] = 6};
    const struct cred *c = t->cred;
    uint32_t granted = q->mode;

    if (c->fsuid == q->uid)
        granted >>= 6;
    else if (cred_in_group(c, q->gid))
        granted >>= 3;
    return (wants[flags & LX_O_ACCMODE] & ~granted) && !cred_capable(c, LX_CAP_DAC_OVERRIDE)
               ? -EACCES
               : 0;
}

/* The queue, referenced. */
static int find_or_make(struct task *t, const char *name, uint32_t flags, uint32_t mode,
                        const struct lx_mq_attr *attr, struct mqueue **ret)
{
    const struct lx_mq_attr usual = {.maxmsg = MQ_MSG_DEFAULT, .msgsize = MQ_MSGSIZE_DEFAULT};
    struct ipc *ipc = t->k->ipc;
    uint64_t limit = tgroup_rlimit(t->tg, LX_RLIMIT_MSGQUEUE);
    struct mqueue *q;
    int r = 0;

    MUTEX_GUARD(&ipc->lock);
    q = find(ipc, name);
    if (q && (flags & LX_O_CREAT) && (flags & LX_O_EXCL))
        return -EEXIST;
    if (!q && !(flags & LX_O_CREAT))
        return -ENOENT;
    if (q) {
        r = may_open(t, q, flags);
    } else {
        r = attr ? check_attr(t, attr) : 0;
        if (r == 0)
            r = check_limits(t, limit, attr ? attr : &usual);
        if (r == 0)
            r = make(t, name, mode, attr ? attr : &usual, &q);
    }
    if (r == 0) {
        ref_get(&q->ref);
        *ret = q;
    }
    return r;
}

int mq_open(struct task *t, const char *name, uint32_t flags, uint32_t mode,
            const struct lx_mq_attr *attr, struct file **ret)
{
    struct mq_file *f;
    struct mqueue *q = NULL;
    int r = check_name(name);

    if (r == 0 && (flags & LX_O_ACCMODE) == LX_O_ACCMODE)
        r = -EINVAL;
    if (r == 0)
        r = find_or_make(t, name, flags, mode, attr, &q);
    if (r < 0)
        return r;
    f = calloc(1, sizeof(*f));
    if (!f) {
        mqueue_put(q);
        return -ENOMEM;
    }
    file_init(&f->file, &mq_ops, flags & (LX_O_ACCMODE | LX_O_NONBLOCK));
    f->q = q;
    f->file.wq = &q->wq;
    *ret = &f->file;
    return 0;
}

int mq_unlink(struct task *t, const char *name)
{
    struct ipc *ipc = t->k->ipc;
    struct mqueue *q;
    int r = check_name(name);

    if (r < 0)
        return r;
    mutex_lock(&ipc->lock);
    q = find(ipc, name);
    if (!q)
        r = -ENOENT;
    else if (q->uid != t->cred->fsuid && !cred_capable(t->cred, LX_CAP_FOWNER))
        r = -EPERM; /* the directory they are in is sticky */
    if (r == 0) {
        list_del(&q->link);
        ipc->n_mqueues--;
    }
    mutex_unlock(&ipc->lock);
    if (r == 0)
        mqueue_put(q);
    return r;
}

/* ---- messages ---- */

struct mq_call {
    struct task *t;
    struct mqueue *q;
    struct mq_message *m; /* to be sent, or received */
    struct tgroup *tell;  /* referenced: who is to be told of the message that was sent */
    struct lx_siginfo info;
    bool waits; /* counted in q->receivers */
};

static void insert(struct mqueue *q, struct mq_message *m)
{
    struct mq_message *o;

    list_for_each_entry (o, &q->messages, link) {
        if (o->prio < m->prio)
            break;
    }
    list_add_tail(&m->link, &o->link); /* before o, or at the end */
    q->n++;
}

/* ipc.lock held. A message has come to an empty queue nobody waits at: mq_notify(3). Once. */
static void take_notification(struct mq_call *c)
{
    struct mqueue *q = c->q;

    c->tell = take_ptr(&q->notify.who);
    if (!c->tell || q->notify.kind != SIGEV_SIGNAL_)
        return;
    c->info = (struct lx_siginfo){.signo = q->notify.signo, .code = LX_SI_MESGQ};
    c->info.rt.pid = ipc_pid(c->t);
    c->info.rt.uid = c->t->cred->uid;
    c->info.rt.value = q->notify.value;
}

static long try_send(void *arg)
{
    struct mq_call *c = arg;
    struct mqueue *q = c->q;

    MUTEX_GUARD(&q->ipc->lock);
    if (q->n >= q->maxmsg)
        return -EAGAIN;
    if (!q->n && !q->receivers)
        take_notification(c);
    insert(q, c->m);
    c->m = NULL;
    waitq_wake(&q->wq, LX_POLL_READABLE);
    return 0;
}

static long try_receive(void *arg)
{
    struct mq_call *c = arg;
    struct mqueue *q = c->q;

    MUTEX_GUARD(&q->ipc->lock);
    c->m = list_first_or_null(&q->messages, struct mq_message, link);
    if (!c->m && !c->waits) {
        c->waits = true;
        q->receivers++;
    }
    if (!c->m)
        return -EAGAIN;
    list_del(&c->m->link);
    q->n--;
    q->ipc->msg_bytes -= cost(c->m->len);
    waitq_wake(&q->wq, LX_POLL_WRITABLE);
    return 0;
}

static void stop_waiting(struct mq_call *c)
{
    MUTEX_GUARD(&c->q->ipc->lock);
    c->q->receivers -= c->waits;
}

static long until_done(struct mq_call *c, struct file *f, uint32_t event,
                       const struct timespec *deadline, long (*try)(void *))
{
    if (atomic_load(&f->flags) & LX_O_NONBLOCK)
        return try(c);
    return task_wait_for(c->t, &c->q->wq, event, deadline, try, c);
}

static bool opened_for(struct file *f, uint32_t mode)
{
    uint32_t have = atomic_load(&f->flags) & LX_O_ACCMODE;

    return have == mode || have == LX_O_RDWR;
}

/* A message to be filled. It counts from here on: senders may wait by the thousand. */
static int new_message(struct mqueue *q, size_t len, uint32_t prio, struct mq_message **ret)
{
    struct mq_message *m;

    MUTEX_GUARD(&q->ipc->lock);
    if (q->ipc->msg_bytes + cost(len) > ALL_BYTES_MAX)
        return -ENOMEM;
    m = malloc(sizeof(*m) + len);
    if (!m)
        return -ENOMEM;
    q->ipc->msg_bytes += cost(len);
    m->prio = prio;
    m->len = len;
    list_init(&m->link);
    *ret = m;
    return 0;
}

/* One that was not sent; NULL does nothing. */
static void free_message(struct mqueue *q, struct mq_message *m)
{
    if (!m)
        return;
    mutex_lock(&q->ipc->lock);
    q->ipc->msg_bytes -= cost(m->len);
    mutex_unlock(&q->ipc->lock);
    free(m);
}

long mq_send(struct task *t, struct file *f, uint64_t msg, uint64_t len, uint32_t prio,
             const struct timespec *deadline)
{
    struct mq_call c = {.t = t, .q = queue_of(f)};
    long r;

    if (!c.q || !opened_for(f, LX_O_WRONLY))
        return -EBADF;
    if (len > c.q->msgsize)
        return -EMSGSIZE;
    r = new_message(c.q, len, prio, &c.m);
    if (r < 0)
        return r;
    r = copy_in(t, c.m->text, uaddr(msg), len);
    if (r == 0)
        r = until_done(&c, f, LX_POLL_WRITABLE, deadline, try_send);
    free_message(c.q, c.m);
    if (c.tell) {
        if (c.info.signo)
            (void) signal_send_group(c.tell, &c.info);
        tgroup_put(c.tell);
    }
    return r;
}

long mq_receive(struct task *t, struct file *f, uint64_t msg, uint64_t len, uint64_t prio_at,
                const struct timespec *deadline)
{
    struct mq_call c = {.t = t, .q = queue_of(f)};
    long r;

    if (!c.q || !opened_for(f, LX_O_RDONLY))
        return -EBADF;
    if (len < c.q->msgsize)
        return -EMSGSIZE;
    r = until_done(&c, f, LX_POLL_READABLE, deadline, try_receive);
    stop_waiting(&c);
    if (r < 0)
        return r;
    r = prio_at ? copy_out(t, uaddr(prio_at), &c.m->prio, sizeof(c.m->prio)) : 0;
    if (r == 0)
        r = copy_out(t, uaddr(msg), c.m->text, c.m->len);
    if (r == 0)
        r = (long) c.m->len;
    free(c.m);
    return r;
}

int mq_notify(struct task *t, struct file *f, const struct lx_sigevent *ev)
{
    struct mqueue *q = queue_of(f);
    struct tgroup *old = NULL;
    int r = 0;

    if (!q)
        return -EBADF;
    mutex_lock(&q->ipc->lock);
    if (!ev && q->notify.who == t->tg) {
        old = take_ptr(&q->notify.who);
    } else if (ev && q->notify.who) {
        r = -EBUSY;
    } else if (ev) {
        q->notify.who = tgroup_get(t->tg);
        q->notify.kind = ev->notify;
        q->notify.signo = ev->signo;
        q->notify.value = ev->value;
    }
    mutex_unlock(&q->ipc->lock);
    tgroup_put(old);
    return r;
}

int mq_attributes(struct file *f, const struct lx_mq_attr *set, struct lx_mq_attr *ret_old)
{
    struct mqueue *q = queue_of(f);
    uint32_t flags = atomic_load(&f->flags);

    if (!q)
        return -EBADF;
    mutex_lock(&q->ipc->lock);
    *ret_old = (struct lx_mq_attr){.flags = flags & LX_O_NONBLOCK,
                                   .maxmsg = q->maxmsg,
                                   .msgsize = q->msgsize,
                                   .curmsgs = q->n};
    mutex_unlock(&q->ipc->lock);
    if (set && (set->flags & LX_O_NONBLOCK))
        atomic_fetch_or(&f->flags, LX_O_NONBLOCK);
    else if (set)
        atomic_fetch_and(&f->flags, ~(uint32_t) LX_O_NONBLOCK);
    return 0;
}

/* ---- the descriptor ---- */

/* Of no length but what one read tells: mq_overview(7), "Mounting the message queue filesystem". */
static ssize_t mq_read(struct file *f, struct iobuf *io, int64_t pos)
{
    struct mqueue *q = queue_of(f);
    char text[128];
    struct mq_message *m;
    uint64_t bytes = 0;
    int64_t at;
    int n;

    mutex_lock(&q->ipc->lock);
    list_for_each_entry (m, &q->messages, link)
        bytes += m->len;
    n = snprintf(text, sizeof(text), "QSIZE:%-10lu NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n", bytes,
                 q->notify.who ? q->notify.kind : 0,
                 q->notify.who && q->notify.kind == SIGEV_SIGNAL_ ? q->notify.signo : 0,
                 q->notify.who ? q->notify.who->tgid : 0);
    mutex_unlock(&q->ipc->lock);
    mutex_lock(&f->pos_lock);
    at = pos < 0 ? f->pos : pos;
    if (pos < 0 && at < n)
        f->pos += MIN((int64_t) io->left, n - at);
    mutex_unlock(&f->pos_lock);
    return at >= n ? 0 : iobuf_put(io, text + at, MIN(io->left, (size_t) (n - at)));
}

static uint32_t mq_poll(struct file *f)
{
    struct mqueue *q = queue_of(f);

    MUTEX_GUARD(&q->ipc->lock);
    return (q->n ? LX_POLL_READABLE : 0) | (q->n < q->maxmsg ? LX_POLL_WRITABLE : 0);
}

static int mq_getattr(struct file *f, struct attr *ret)
{
    struct mqueue *q = queue_of(f);

    MUTEX_GUARD(&q->ipc->lock);
    *ret = (struct attr){
        .dev = MQ_DEV,
        .ino = q->ino,
        .mode = REGULAR | q->mode,
        .nlink = list_empty(&q->link) ? 0 : 1,
        .uid = q->uid,
        .gid = q->gid,
        .size = SHOWN_SIZE,
        .blksize = 4096,
        .atime = q->made,
        .mtime = q->made,
        .ctime = q->made,
        .btime = {0, -1},
    };
    return 0;
}

static ssize_t mq_link_text(struct file *f, char *dst, size_t cap)
{
    return snprintf(dst, cap, "/%s", queue_of(f)->name);
}

/* Whoever closes a descriptor of the queue is no longer told: mq_close(3). */
static void mq_closed(struct file *f, struct task *t)
{
    if (t && mq_notify(t, f, NULL)) {
        /* It is a queue. */
    }
}

static void mq_release(struct file *f)
{
    mqueue_put(queue_of(f));
    free(container_of(f, struct mq_file, file));
}

static const struct file_ops mq_ops = {
    .read = mq_read,
    .poll = mq_poll,
    .getattr = mq_getattr,
    .link_text = mq_link_text,
    .close = mq_closed,
    .release = mq_release,
    .name = "mqueue",
};
