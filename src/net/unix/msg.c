/* SPDX-License-Identifier: Apache-2.0 */
/* Messages: the sender's bytes, name, credentials and descriptors, in the receiver's queue. */
#include <errno.h>
#include <stdlib.h>

#include "abi/linux/poll.h"
#include "kernel/task/task.h"
#include "net/unix/internal.h"

/* Given ones; or the sender's own, if either side wants them: unix(7), SO_PASSCRED. */
static void set_creds(struct unix_msg *msg, struct task *t, const struct scm *scm, bool wanted)
{
    if (scm && scm->has_creds) {
        msg->creds = scm->creds;
        msg->has_creds = true;
    } else if (wanted && t) {
        msg->creds = (struct lx_ucred){t->tg->tgid, t->cred->uid, t->cred->gid};
        msg->has_creds = true;
    }
}

/*
 * What a message counts in its sender's buffer: as in Linux, where a message is a header of 256
 * bytes, a block of memory from the allocator's sizes with 320 bytes of administration at its end,
 * and pages for what is too much for a block.
 */
static size_t charge_of(int type, size_t len)
{
    const size_t in_page = 4096 - 320, in_four = 4 * 4096 - 320, pages_max = 17 * 4096;
    size_t most = type == LX_SOCK_STREAM ? in_page : in_four, pages = 0, block = 512;
    if (len > most) {
        pages = ALIGN_UP(MIN(len - most, pages_max), 4096);
        pages = MIN(pages, len);
    }
    while (block < len - pages + 320)
        block *= 2;
    return 256 + block + ALIGN_UP(pages, 4096);
}

int unix_msg_new(struct unix_end *from, const struct unix_end *to, struct task *t,
                 struct sock_msg *m, size_t len, struct unix_msg **ret)
{
    int r = 0;
    if (atomic_load(&from->used) >= atomic_load(&from->sndbuf))
        return -EAGAIN;
    struct unix_msg *msg = malloc(sizeof(*msg) + len);
    if (!msg)
        return -ENOMEM;
    *msg = (struct unix_msg){.len = len};
    ref_init(&msg->ref);
    list_init(&msg->link);
    msg->from = unix_end_get(from);
    msg->charge = charge_of(from->type, len);
    atomic_fetch_add(&from->used, msg->charge);
    bool wanted = atomic_load(&from->pass_creds) || atomic_load(&to->pass_creds) ||
                  !atomic_load(&to->accepted);
    set_creds(msg, t, m->scm, wanted);
    if (len && iobuf_take(m->io, msg->data, len) != (ssize_t) len)
        r = -EFAULT;
    if (r == 0 && m->scm && m->scm->n_files)
        r = unix_rights_send(from->net, t, m->scm, &msg->rights);
    if (r < 0) {
        unix_msg_put(msg);
        return r;
    }
    *ret = msg;
    return 0;
}

void unix_msg_put(struct unix_msg *m)
{
    if (!ref_put(&m->ref))
        return;
    struct unix_end *from = m->from;
    if (m->rights)
        unix_rights_drop(from->net, m->rights);
    atomic_fetch_sub(&from->used, m->charge);
    free(m);
    if (unix_writable(from))
        waitq_wake(&from->wq, LX_POLL_WRITABLE | LX_POLLWRBAND);
    unix_end_put(from);
}

void unix_msg_push(struct unix_end *to, struct unix_msg *msg)
{
    list_add_tail(&msg->link, &to->queue);
    to->n_queued++;
}

struct lx_ucred unix_msg_creds(const struct unix_msg *msg)
{
    return msg->has_creds ? msg->creds : (struct lx_ucred) SCM_CREDS_NONE;
}

void unix_msg_show(struct unix_end *e, struct unix_msg *msg, struct sock_msg *m)
{
    if (m->name) { /* as it is called now, even if it is closed */
        MUTEX_GUARD(&msg->from->lock);
        const struct unix_name *n = msg->from->name;
        *m->name = n ? n->text : (struct sockname){.len = 0};
    }
    if (m->scm && atomic_load(&e->pass_creds)) {
        m->scm->has_creds = true;
        m->scm->creds = unix_msg_creds(msg);
    }
}

int unix_msg_show_rights(struct unix_end *e, struct unix_msg *msg, struct sock_msg *m, bool peek)
{
    if (peek)
        return m->scm ? unix_rights_copy(e->net, e, msg, m->scm) : 0;
    mutex_lock(&e->lock);
    struct unix_rights *r = msg->rights;
    msg->rights = NULL;
    mutex_unlock(&e->lock);
    if (!r)
        return 0;
    if (m->scm)
        unix_rights_receive(e->net, r, m->scm);
    else
        unix_rights_drop(e->net, r);
    return 0;
}
