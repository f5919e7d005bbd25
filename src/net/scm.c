/* SPDX-License-Identifier: Apache-2.0 */
/* Control messages: cmsg(3), unix(7) "Ancillary messages". */
#include "net/scm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/task/pid.h"
#include "kernel/task/task.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/file.h"

#define CMSG_ALIGN(n) (((n) + 7) & ~(size_t) 7)

/* ---- in ---- */

int cmsg_next(const uint8_t *buf, size_t len, size_t *at, struct cmsg *ret)
{
    struct lx_cmsghdr h;
    if (len < sizeof(h) || *at > len - sizeof(h))
        return 0; /* what is too short for a header is no message */
    memcpy(&h, buf + *at, sizeof(h));
    if (h.len < sizeof(h) || h.len > len - *at)
        return -EINVAL;
    *ret = (struct cmsg){.level = h.level,
                         .type = h.type,
                         .data = buf + *at + sizeof(h),
                         .len = (size_t) h.len - sizeof(h)};
    size_t step = CMSG_ALIGN((size_t) h.len);
    *at = step > len - *at ? len : *at + step;
    return 1;
}

static int take_files(struct task *t, const struct cmsg *c, struct scm *scm)
{
    size_t n = c->len / sizeof(int32_t);
    if (n > LX_SCM_MAX_FD - scm->n_files)
        return -EINVAL;
    if (n && !scm->files)
        scm->files = calloc(LX_SCM_MAX_FD, sizeof(struct file *));
    if (n && !scm->files)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        int32_t fd;
        memcpy(&fd, c->data + i * sizeof(fd), sizeof(fd));
        if (fd < 0 || fd_lookup_any(t->files, fd, &scm->files[scm->n_files]) < 0)
            return -EBADF;
        scm->n_files++;
    }
    return 0;
}

static bool may_be_user(const struct cred *c, uint32_t uid)
{
    return uid == c->uid || uid == c->euid || uid == c->suid || cred_capable(c, LX_CAP_SETUID);
}

static bool may_be_group(const struct cred *c, uint32_t gid)
{
    return gid == c->gid || gid == c->egid || gid == c->sgid || cred_capable(c, LX_CAP_SETGID);
}

static bool process_exists(struct kernel *k, pid_t pid)
{
    MUTEX_GUARD(&k->tasks_lock);
    return pid_find(k, pid) != NULL;
}

static int take_creds(struct task *t, const struct cmsg *c, struct scm *scm)
{
    struct lx_ucred u;
    if (c->len != sizeof(u))
        return -EINVAL;
    memcpy(&u, c->data, sizeof(u));
    if (u.uid == UINT32_MAX || u.gid == UINT32_MAX)
        return -EINVAL;
    if ((u.pid != t->tg->tgid && !cred_capable(t->cred, LX_CAP_SYS_ADMIN)) ||
        !may_be_user(t->cred, u.uid) || !may_be_group(t->cred, u.gid))
        return -EPERM;
    if (u.pid != t->tg->tgid && !process_exists(t->k, u.pid))
        return -ESRCH;
    scm->creds = u;
    scm->has_creds = true;
    return 0;
}

int scm_parse(struct task *t, const uint8_t *buf, size_t len, struct scm *ret)
{
    struct cmsg c;
    size_t at = 0;
    int r;
    *ret = (struct scm){.files = NULL};
    while ((r = cmsg_next(buf, len, &at, &c)) == 1) {
        r = 0;
        if (c.level != LX_SOL_SOCKET)
            continue;
        if (c.type == LX_SCM_RIGHTS)
            r = take_files(t, &c, ret);
        else if (c.type == LX_SCM_CREDENTIALS)
            r = take_creds(t, &c, ret);
        else
            r = -EINVAL;
        if (r < 0)
            break;
    }
    if (r < 0)
        scm_done(ret);
    return r;
}

void scm_done(struct scm *scm)
{
    for (size_t i = 0; i < scm->n_files; i++)
        file_put(scm->files[i]);
    free(scm->files);
    *scm = (struct scm){.files = NULL};
}

/* ---- out ---- */

int cmsg_write(struct cmsg_writer *w, int level, int type, const void *data, size_t len)
{
    struct lx_cmsghdr h = {.len = LX_CMSG_LEN(len), .level = level, .type = type};
    if (w->left < sizeof(h)) {
        w->truncated = true;
        return 0;
    }
    if (w->left < h.len) {
        w->truncated = true;
        h.len = w->left;
    }
    if (copy_out(w->t, uaddr(w->at), &h, sizeof(h)) < 0 ||
        copy_out(w->t, uaddr(w->at + sizeof(h)), data, (size_t) h.len - sizeof(h)) < 0)
        return -EFAULT;
    size_t space = MIN((size_t) LX_CMSG_SPACE(len), w->left);
    w->at += space;
    w->left -= space;
    w->used += space;
    return 0;
}

/* One descriptor; its number is told first, so that none is left behind that nobody knows. */
static int give(struct cmsg_writer *w, uint64_t to, struct file *f, bool cloexec)
{
    int32_t fd = task_fd_install(w->t, file_get(f), cloexec);
    if (fd < 0)
        return fd;
    if (copy_out(w->t, uaddr(to), &fd, sizeof(fd)) == 0)
        return 0;
    (void) !fd_close(w->t->files, fd, w->t);
    return -EFAULT;
}

int cmsg_write_rights(struct cmsg_writer *w, struct scm *scm, bool cloexec)
{
    struct lx_cmsghdr h = {.level = LX_SOL_SOCKET, .type = LX_SCM_RIGHTS};
    size_t room = w->left > sizeof(h) ? (w->left - sizeof(h)) / sizeof(int32_t) : 0;
    size_t n = 0;
    if (!scm->n_files)
        return 0;
    room = MIN(room, scm->n_files);
    while (n < room &&
           give(w, w->at + sizeof(h) + n * sizeof(int32_t), scm->files[n], cloexec) == 0)
        n++;
    if (n < scm->n_files)
        w->truncated = true;
    if (n == 0)
        return 0;
    h.len = LX_CMSG_LEN(n * sizeof(int32_t));
    if (copy_out(w->t, uaddr(w->at), &h, sizeof(h)) < 0)
        return -EFAULT;
    size_t space = MIN((size_t) LX_CMSG_SPACE(n * sizeof(int32_t)), w->left);
    w->at += space;
    w->left -= space;
    w->used += space;
    return 0;
}
