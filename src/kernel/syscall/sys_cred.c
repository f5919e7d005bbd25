/* SPDX-License-Identifier: Apache-2.0 */
/* User and group ids, supplementary groups, capabilities: credentials(7), capabilities(7). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/capability.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"

#define NGROUPS_MAX_ 65536u
#define ID_NONE      0xffffffffu

long sys_getuid(struct task *t, const uint64_t a[static 6] unused_)
{
    return t->cred->uid;
}

long sys_geteuid(struct task *t, const uint64_t a[static 6] unused_)
{
    return t->cred->euid;
}

long sys_getgid(struct task *t, const uint64_t a[static 6] unused_)
{
    return t->cred->gid;
}

long sys_getegid(struct task *t, const uint64_t a[static 6] unused_)
{
    return t->cred->egid;
}

/* capabilities(7), "Effect of user ID changes on capabilities". */
static void fix_caps(const struct cred *old, struct cred *n)
{
    const uint64_t fs_caps = 1ull << LX_CAP_CHOWN | 1ull << LX_CAP_DAC_OVERRIDE |
                             1ull << LX_CAP_DAC_READ_SEARCH | 1ull << LX_CAP_FOWNER |
                             1ull << LX_CAP_FSETID | 1ull << LX_CAP_MKNOD |
                             1ull << 9 /* LINUX_IMMUTABLE */ | 1ull << 32 /* MAC_OVERRIDE */;
    bool was_root = !old->uid || !old->euid || !old->suid;

    if (old->securebits & LX_SECBIT_NO_SETUID_FIXUP)
        return;
    if (was_root && n->uid && n->euid && n->suid) {
        if (!(old->securebits & LX_SECBIT_KEEP_CAPS))
            n->cap_permitted = n->cap_effective = 0;
        n->cap_ambient = 0;
    }
    if (!old->euid && n->euid)
        n->cap_effective = 0;
    if (old->euid && !n->euid)
        n->cap_effective = n->cap_permitted;
    if (!old->fsuid && n->fsuid)
        n->cap_effective &= ~fs_caps;
    if (old->fsuid && !n->fsuid)
        n->cap_effective |= n->cap_permitted & fs_caps;
}

static void publish_uids(struct task *t, struct cred *n)
{
    const struct cred *old = t->cred;

    fix_caps(old, n);
    if (n->euid != old->euid || n->egid != old->egid || n->fsuid != old->fsuid ||
        n->fsgid != old->fsgid) {
        mutex_lock(&t->k->tasks_lock);
        t->tg->dumpable = false;
        t->tg->pdeath_signal = 0;
        mutex_unlock(&t->k->tasks_lock);
    }
    task_set_cred(t, n);
}

static bool is_one_of(uint32_t id, uint32_t a, uint32_t b, uint32_t c)
{
    return id == a || id == b || id == c;
}

static bool uid_ok(const struct task *t, uint64_t id)
{
    return (uint32_t) id == ID_NONE || id_is_mapped(&t->k->ids.uid, (uint32_t) id);
}

static bool gid_ok(const struct task *t, uint64_t id)
{
    return (uint32_t) id == ID_NONE || id_is_mapped(&t->k->ids.gid, (uint32_t) id);
}

long sys_setuid(struct task *t, const uint64_t a[static 6])
{
    const struct cred *o = t->cred;
    uint32_t uid = (uint32_t) a[0];
    struct cred *n;

    if (uid == ID_NONE || !uid_ok(t, uid))
        return -EINVAL;
    if (!cred_capable(o, LX_CAP_SETUID) && uid != o->uid && uid != o->suid)
        return -EPERM;
    n = cred_copy(o);
    if (!n)
        return -ENOMEM;
    if (cred_capable(o, LX_CAP_SETUID))
        n->uid = n->suid = uid;
    n->euid = n->fsuid = uid;
    publish_uids(t, n);
    return 0;
}

long sys_setgid(struct task *t, const uint64_t a[static 6])
{
    const struct cred *o = t->cred;
    uint32_t gid = (uint32_t) a[0];
    struct cred *n;

    if (gid == ID_NONE || !gid_ok(t, gid))
        return -EINVAL;
    if (!cred_capable(o, LX_CAP_SETGID) && gid != o->gid && gid != o->sgid)
        return -EPERM;
    n = cred_copy(o);
    if (!n)
        return -ENOMEM;
    if (cred_capable(o, LX_CAP_SETGID))
        n->gid = n->sgid = gid;
    n->egid = n->fsgid = gid;
    publish_uids(t, n);
    return 0;
}

long sys_setreuid(struct task *t, const uint64_t a[static 6])
{
    const struct cred *o = t->cred;
    uint32_t r = (uint32_t) a[0], e = (uint32_t) a[1];
    bool cap = cred_capable(o, LX_CAP_SETUID);
    struct cred *n;

    if (!uid_ok(t, r) || !uid_ok(t, e))
        return -EINVAL;
    if (!cap && ((r != ID_NONE && r != o->uid && r != o->euid) ||
                 (e != ID_NONE && !is_one_of(e, o->uid, o->euid, o->suid))))
        return -EPERM;
    n = cred_copy(o);
    if (!n)
        return -ENOMEM;
    if (r != ID_NONE)
        n->uid = r;
    if (e != ID_NONE)
        n->euid = e;
    if (r != ID_NONE || (e != ID_NONE && e != o->uid))
        n->suid = n->euid;
    n->fsuid = n->euid;
    publish_uids(t, n);
    return 0;
}

long sys_setregid(struct task *t, const uint64_t a[static 6])
{
    const struct cred *o = t->cred;
    uint32_t r = (uint32_t) a[0], e = (uint32_t) a[1];
    bool cap = cred_capable(o, LX_CAP_SETGID);
    struct cred *n;

    if (!gid_ok(t, r) || !gid_ok(t, e))
        return -EINVAL;
    if (!cap && ((r != ID_NONE && r != o->gid && r != o->egid) ||
                 (e != ID_NONE && !is_one_of(e, o->gid, o->egid, o->sgid))))
        return -EPERM;
    n = cred_copy(o);
    if (!n)
        return -ENOMEM;
    if (r != ID_NONE)
        n->gid = r;
    if (e != ID_NONE)
        n->egid = e;
    if (r != ID_NONE || (e != ID_NONE && e != o->gid))
        n->sgid = n->egid;
    n->fsgid = n->egid;
    publish_uids(t, n);
    return 0;
}

long sys_setresuid(struct task *t, const uint64_t a[static 6])
{
    const struct cred *o = t->cred;
    struct cred *n;

    if (!uid_ok(t, a[0]) || !uid_ok(t, a[1]) || !uid_ok(t, a[2]))
        return -EINVAL;
    if (!cred_capable(o, LX_CAP_SETUID)) {
        for (int i = 0; i < 3; i++) {
            if ((uint32_t) a[i] != ID_NONE && !is_one_of((uint32_t) a[i], o->uid, o->euid, o->suid))
                return -EPERM;
        }
    }
    n = cred_copy(o);
    if (!n)
        return -ENOMEM;
    if ((uint32_t) a[0] != ID_NONE)
        n->uid = (uint32_t) a[0];
    if ((uint32_t) a[1] != ID_NONE)
        n->euid = (uint32_t) a[1];
    if ((uint32_t) a[2] != ID_NONE)
        n->suid = (uint32_t) a[2];
    n->fsuid = n->euid;
    publish_uids(t, n);
    return 0;
}

long sys_setresgid(struct task *t, const uint64_t a[static 6])
{
    const struct cred *o = t->cred;
    struct cred *n;

    if (!gid_ok(t, a[0]) || !gid_ok(t, a[1]) || !gid_ok(t, a[2]))
        return -EINVAL;
    if (!cred_capable(o, LX_CAP_SETGID)) {
        for (int i = 0; i < 3; i++) {
            if ((uint32_t) a[i] != ID_NONE && !is_one_of((uint32_t) a[i], o->gid, o->egid, o->sgid))
                return -EPERM;
        }
    }
    n = cred_copy(o);
    if (!n)
        return -ENOMEM;
    if ((uint32_t) a[0] != ID_NONE)
        n->gid = (uint32_t) a[0];
    if ((uint32_t) a[1] != ID_NONE)
        n->egid = (uint32_t) a[1];
    if ((uint32_t) a[2] != ID_NONE)
        n->sgid = (uint32_t) a[2];
    n->fsgid = n->egid;
    publish_uids(t, n);
    return 0;
}

static long put_three(struct task *t, const uint64_t a[static 6], uint32_t x, uint32_t y,
                      uint32_t z)
{
    int r = copy_out(t, uaddr(a[0]), &x, sizeof(x));

    if (r == 0)
        r = copy_out(t, uaddr(a[1]), &y, sizeof(y));
    if (r == 0)
        r = copy_out(t, uaddr(a[2]), &z, sizeof(z));
    return r;
}

long sys_getresuid(struct task *t, const uint64_t a[static 6])
{
    return put_three(t, a, t->cred->uid, t->cred->euid, t->cred->suid);
}

long sys_getresgid(struct task *t, const uint64_t a[static 6])
{
    return put_three(t, a, t->cred->gid, t->cred->egid, t->cred->sgid);
}

long sys_setfsuid(struct task *t, const uint64_t a[static 6])
{
    const struct cred *o = t->cred;
    uint32_t id = (uint32_t) a[0], old = o->fsuid;
    struct cred *n;

    if (id == ID_NONE || id == old || !uid_ok(t, id) ||
        (!cred_capable(o, LX_CAP_SETUID) && id != o->uid && id != o->euid && id != o->suid))
        return old;
    n = cred_copy(o);
    if (n) {
        n->fsuid = id;
        publish_uids(t, n);
    }
    return old;
}

long sys_setfsgid(struct task *t, const uint64_t a[static 6])
{
    const struct cred *o = t->cred;
    uint32_t id = (uint32_t) a[0], old = o->fsgid;
    struct cred *n;

    if (id == ID_NONE || id == old || !gid_ok(t, id) ||
        (!cred_capable(o, LX_CAP_SETGID) && id != o->gid && id != o->egid && id != o->sgid))
        return old;
    n = cred_copy(o);
    if (n) {
        n->fsgid = id;
        publish_uids(t, n);
    }
    return old;
}

long sys_getgroups(struct task *t, const uint64_t a[static 6])
{
    int cap = (int) a[0], r;
    size_t n = t->cred->n_groups;

    if (cap < 0)
        return -EINVAL;
    if (cap == 0)
        return (long) n;
    if ((size_t) cap < n)
        return -EINVAL;
    r = copy_out(t, uaddr(a[1]), t->cred->groups, n * sizeof(t->cred->groups[0]));
    return r ? r : (long) n;
}

/* Everything but the groups. */
static void cred_take_ids(struct cred *c, const struct cred *o)
{
    c->uid = o->uid;
    c->euid = o->euid;
    c->suid = o->suid;
    c->fsuid = o->fsuid;
    c->gid = o->gid;
    c->egid = o->egid;
    c->sgid = o->sgid;
    c->fsgid = o->fsgid;
    c->cap_permitted = o->cap_permitted;
    c->cap_effective = o->cap_effective;
    c->cap_inheritable = o->cap_inheritable;
    c->cap_bounding = o->cap_bounding;
    c->cap_ambient = o->cap_ambient;
    c->securebits = o->securebits;
}

long sys_setgroups(struct task *t, const uint64_t a[static 6])
{
    const struct cred *o = t->cred;
    uint32_t n = (uint32_t) a[0];
    struct cred *c;
    int r;

    if (!cred_capable(o, LX_CAP_SETGID))
        return -EPERM;
    if (n > NGROUPS_MAX_)
        return -EINVAL;
    c = cred_alloc(n);
    if (!c)
        return -ENOMEM;
    r = copy_in(t, c->groups, uaddr(a[1]), n * sizeof(c->groups[0]));
    for (uint32_t i = 0; i < n && r == 0; i++)
        if (c->groups[i] == ID_NONE || !gid_ok(t, c->groups[i]))
            r = -EINVAL;
    if (r) {
        cred_put(c);
        return r;
    }
    cred_take_ids(c, o);
    task_set_cred(t, c);
    return 0;
}

/* One or two words per set, by version; the version is written back when it is not known. */
static int cap_header(struct task *t, uint64_t addr, bool query, struct lx_cap_header *h,
                      unsigned *ret_words)
{
    int r = copy_in(t, h, uaddr(addr), sizeof(*h));

    if (r)
        return r;
    switch (h->version) {
    case LX_CAP_VERSION_1:
        *ret_words = 1;
        return 0;
    case LX_CAP_VERSION_2:
    case LX_CAP_VERSION_3:
        *ret_words = 2;
        return 0;
    default:
        h->version = LX_CAP_VERSION_3;
        r = copy_out(t, uaddr(addr), &h->version, sizeof(h->version));
        return r ? r : query ? 1 : -EINVAL;
    }
}

long sys_capget(struct task *t, const uint64_t a[static 6])
{
    struct lx_cap_header h;
    struct lx_cap_data d[2];
    struct task *o;
    unsigned words;
    int r = cap_header(t, a[0], a[1] == 0, &h, &words);

    if (r)
        return r < 0 ? r : 0;
    if (h.pid < 0)
        return -EINVAL;
    o = h.pid ? task_find_get(t->k, h.pid) : task_get(t);
    if (!o)
        return -ESRCH;
    mutex_lock(&t->k->tasks_lock);
    for (unsigned i = 0; i < 2; i++) {
        d[i].effective = (uint32_t) (o->cred->cap_effective >> (32 * i));
        d[i].permitted = (uint32_t) (o->cred->cap_permitted >> (32 * i));
        d[i].inheritable = (uint32_t) (o->cred->cap_inheritable >> (32 * i));
    }
    mutex_unlock(&t->k->tasks_lock);
    task_put(o);
    return a[1] ? copy_out(t, uaddr(a[1]), d, words * sizeof(d[0])) : 0;
}

long sys_capset(struct task *t, const uint64_t a[static 6])
{
    const struct cred *o = t->cred;
    const uint64_t all = (1ull << (LX_CAP_LAST + 1)) - 1;
    struct lx_cap_header h;
    struct lx_cap_data d[2] = {{0, 0, 0}, {0, 0, 0}};
    uint64_t e, p, in;
    unsigned words;
    struct cred *n;
    int r = cap_header(t, a[0], false, &h, &words);

    if (r)
        return r;
    if (h.pid && h.pid != t->tid && h.pid != t->tg->tgid)
        return -EPERM;
    r = copy_in(t, d, uaddr(a[1]), words * sizeof(d[0]));
    if (r)
        return r;
    e = (d[0].effective | (uint64_t) d[1].effective << 32) & all;
    p = (d[0].permitted | (uint64_t) d[1].permitted << 32) & all;
    in = (d[0].inheritable | (uint64_t) d[1].inheritable << 32) & all;
    if ((p & ~o->cap_permitted) || (e & ~p))
        return -EPERM;
    if (!cred_capable(o, LX_CAP_SETPCAP) && (in & ~(o->cap_inheritable | o->cap_permitted)))
        return -EPERM;
    if (in & ~(o->cap_inheritable | o->cap_bounding))
        return -EPERM;
    n = cred_copy(o);
    if (!n)
        return -ENOMEM;
    n->cap_effective = e;
    n->cap_permitted = p;
    n->cap_inheritable = in;
    n->cap_ambient &= p & in;
    task_set_cred(t, n);
    return 0;
}
