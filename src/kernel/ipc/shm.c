/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared memory segments: shmget(2), shmat(2), shmctl(2). A segment is a sealed memory file whose
 * descriptor is donated to the stubs that attach it, so its pages are mapped natively.
 *
 * Guests unmap, split and fork attachments without telling the sentry. So nobody counts them: how
 * many there are is read from the host's lists of mappings when it matters, which is for shmctl(2)
 * and for segments that IPC_RMID has left to their last attachment.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>    /* the host's call */
#include <sys/sysinfo.h> /* the host's call */
#include <sys/sysmacros.h>
#include <unistd.h>

#include "abi/linux/mman.h"
#include "base/cleanup.h"
#include "base/strbuf.h"
#include "base/sys.h"
#include "kernel/ipc/ipc.h"
#include "kernel/mem/mappings.h"
#include "kernel/task/task.h"
#include "kernel/vfs/file.h"
#include "kernel/vfs/special.h"

#define PAGE          4096ul
#define PAGE_UP(x)    (((x) + PAGE - 1) & ~(PAGE - 1))
#define CAP_IPC_LOCK  14
#define READ_BITS     0444
#define WRITE_BITS    0222
#define EXEC_BITS     0111
#define ALLOW_SEALING 2u /* LX_MFD_ALLOW_SEALING */

struct segment {
    struct ipc_object obj; /* first */
    struct file *file;     /* immutable; referenced */
    uint64_t size;         /* immutable; as asked for */
    uint64_t dev, ino;     /* immutable; as in struct mapping */
    int64_t atime, dtime, ctime;
    pid_t cpid, lpid;
    unsigned attaching; /* calls that are about to map it */
};

static struct segment *segment_of(struct ipc_object *o)
{
    return container_of(o, struct segment, obj);
}

static void free_segment(struct ipc_object *o)
{
    struct segment *s = segment_of(o);

    file_put(s->file);
    free(s);
}

/* ---- attachments ---- */

struct usage_entry {
    int id;
    uint64_t dev, ino;
    unsigned n;
};

struct usage_table {
    struct usage_entry *v;
    size_t n;
};

/* The segments in question: those that were removed, one by its id, or all (-1). */
static int list_segments(struct kernel *k, int id, bool removed_only, struct usage_table *ret)
{
    struct ipc *ipc = k->ipc;

    MUTEX_GUARD(&ipc->lock);
    ret->n = 0;
    ret->v = calloc(ipc->shm.used + 1, sizeof(ret->v[0]));
    if (!ret->v)
        return -ENOMEM;
    for (unsigned i = 0; i < ipc->shm.n_slots; i++) {
        struct ipc_object *o = ipc->shm.slot[i];

        if (o && (id < 0 || o->id == id) && (!removed_only || (o->mode & LX_SHM_DEST)))
            ret->v[ret->n++] =
                (struct usage_entry){o->id, segment_of(o)->dev, segment_of(o)->ino, 0};
    }
    return 0;
}

static void count_in(pid_t host_pid, struct usage_table *u)
{
    _cleanup_free_ char *text = NULL;
    struct mapping m;
    const char *pos;

    if (host_process_text(host_pid, "maps", &text) < 0)
        return; /* it has ended: nothing is attached */
    pos = text;
    while (mapping_next(&pos, &m)) {
        for (size_t i = 0; m.shared && i < u->n; i++)
            u->v[i].n += u->v[i].ino == m.ino && u->v[i].dev == m.dev;
    }
}

struct spaces {
    struct {
        const void *mm;
        pid_t host_pid;
    } * v;
    size_t n;
};

/* One host process of each address space but `except`. */
static int list_spaces(struct kernel *k, const void *except, struct spaces *ret)
{
    struct task *t;

    MUTEX_GUARD(&k->tasks_lock);
    ret->n = 0;
    ret->v = calloc(k->n_tasks + 1, sizeof(ret->v[0]));
    if (!ret->v)
        return -ENOMEM;
    list_for_each_entry (t, &k->tasks, all_link) {
        const void *mm = t->st ? platform_mm(t->st) : NULL;
        size_t i = 0;

        while (i < ret->n && ret->v[i].mm != mm)
            i++;
        if (!mm || mm == except || i < ret->n || ret->n >= k->n_tasks)
            continue;
        ret->v[ret->n].mm = mm;
        ret->v[ret->n++].host_pid = platform_host_pid(t->st);
    }
    return 0;
}

/* No lock held. Fills in u's counts. */
static int count(struct kernel *k, const void *except, struct usage_table *u)
{
    struct spaces s = {NULL, 0};
    int r = u->n ? list_spaces(k, except, &s) : 0;

    for (size_t i = 0; r == 0 && i < s.n; i++)
        count_in(s.v[i].host_pid, u);
    free(s.v);
    return r;
}

/* Removed segments that nobody has attached any more go. No lock held. */
static void prune(struct kernel *k, const void *except)
{
    struct ipc *ipc = k->ipc;
    struct usage_table u = {NULL, 0};
    struct ipc_object *o;

    if (list_segments(k, -1, true, &u) == 0 && u.n && count(k, except, &u) == 0) {
        for (size_t i = 0; i < u.n; i++) {
            bool gone;

            if (u.v[i].n)
                continue;
            mutex_lock(&ipc->lock);
            gone = ipc_find(&ipc->shm, u.v[i].id, &o) == 0 && !segment_of(o)->attaching;
            if (gone) {
                ipc_remove(&ipc->shm, o);
                ipc->shm_pages -= PAGE_UP(segment_of(o)->size) / PAGE;
            }
            mutex_unlock(&ipc->lock);
            if (gone)
                ipc_put(o);
        }
    }
    free(u.v);
}

static bool none_there(struct kernel *k)
{
    MUTEX_GUARD(&k->ipc->lock);
    return k->ipc->shm.used == 0;
}

void shm_leave_memory(struct task *t)
{
    struct ipc *ipc = t->k->ipc;
    struct usage_table u = {NULL, 0};
    struct ipc_object *o;

    if (none_there(t->k))
        return;
    if (list_segments(t->k, -1, false, &u) == 0)
        count_in(platform_host_pid(t->st), &u);
    mutex_lock(&ipc->lock);
    for (size_t i = 0; i < u.n; i++) {
        if (u.v[i].n && ipc_find(&ipc->shm, u.v[i].id, &o) == 0) {
            segment_of(o)->dtime = ipc_now();
            segment_of(o)->lpid = ipc_pid(t);
        }
    }
    mutex_unlock(&ipc->lock);
    free(u.v);
    prune(t->k, platform_mm(t->st));
}

/* ---- shmget ---- */

static int make_file(struct kernel *k, int32_t key, uint64_t size, struct segment *s)
{
    char name[16];
    struct stat st;
    int fd, r;

    (void) snprintf(name, sizeof(name), "SYSV%08x", (unsigned) key);
    r = k->specials->memfd_new(k, name, ALLOW_SEALING, &s->file);
    if (r < 0)
        return r;
    fd = s->file->ops->host_fd(s->file);
    if (ftruncate(fd, (off_t) PAGE_UP(size)) < 0 || fstat(fd, &st) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0) {
        r = -errno;
        file_put(s->file);
        return r;
    }
    s->dev = (uint64_t) major(st.st_dev) << 32 | minor(st.st_dev);
    s->ino = st.st_ino;
    return 0;
}

/* More than there is at all; less is the control group's to refuse when it is used. */
static bool is_hopeless(uint64_t size)
{
    struct sysinfo si;

    return sysinfo(&si) == 0 &&
           size > ((uint64_t) si.totalram + si.totalswap) * (si.mem_unit ? si.mem_unit : 1);
}

static int make_segment(struct task *t, int32_t key, uint64_t size, int flags, struct segment **ret)
{
    struct segment *s;
    int r;

    if (!size || size > SHM_MAX)
        return -EINVAL;
    if (flags & LX_SHM_HUGETLB)
        return cred_capable(t->cred, CAP_IPC_LOCK) ? -ENOMEM : -EPERM; /* no huge pages here */
    if (is_hopeless(size))
        return -ENOMEM;
    s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->obj.free = free_segment;
    s->size = size;
    s->ctime = ipc_now();
    s->cpid = ipc_pid(t);
    r = make_file(t->k, key, size, s);
    if (r < 0)
        free(s);
    else
        *ret = s;
    return r;
}

/* ipc.lock held: the id, an error, or 1 with *ret_make: one must be made. */
static int get_there(struct task *t, int32_t key, uint64_t size, int flags, bool *ret_make)
{
    struct ipc_object *o;
    int r = ipc_lookup(&t->k->ipc->shm, key, flags, &o);

    *ret_make = r > 0;
    if (r)
        return r;
    if (size > segment_of(o)->size)
        return -EINVAL;
    r = ipc_may(t, o, flags);
    return r < 0 ? r : o->id;
}

long shm_get(struct task *t, int32_t key, uint64_t size, int flags)
{
    struct ipc *ipc = t->k->ipc;
    struct segment *s = NULL;
    bool make;
    int r;

    prune(t->k, NULL);
    mutex_lock(&ipc->lock);
    r = get_there(t, key, size, flags, &make);
    mutex_unlock(&ipc->lock);
    if (!make)
        return r;
    r = make_segment(t, key, size, flags, &s);
    if (r < 0)
        return r;
    mutex_lock(&ipc->lock);
    r = get_there(t, key, size, flags, &make); /* somebody may have been faster */
    if (make)
        r = ipc_enter(t, &ipc->shm, &s->obj, key, flags);
    if (make && r == 0) {
        ipc->shm_pages += PAGE_UP(size) / PAGE;
        r = s->obj.id;
        s = NULL;
    }
    mutex_unlock(&ipc->lock);
    if (s)
        free_segment(&s->obj);
    return r;
}

/* ---- shmat, shmdt ---- */

static int open_for(struct segment *s, bool read_only, int *ret)
{
    char path[32];
    int fd;

    (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", s->file->ops->host_fd(s->file));
    fd = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    *ret = fd;
    return 0;
}

/* MAP_FIXED flags for an address the caller has chosen. */
static int place(uint64_t *addr, int flags, int *ret)
{
    *ret = 0;
    if (!*addr)
        return flags & LX_SHM_REMAP ? -EINVAL : 0;
    if (*addr & (PAGE - 1)) {
        if (!(flags & LX_SHM_RND))
            return -EINVAL;
        *addr &= ~(PAGE - 1);
        if (!*addr && (flags & LX_SHM_REMAP))
            return -EINVAL;
    }
    if (*addr)
        *ret = flags & LX_SHM_REMAP ? LX_MAP_FIXED : LX_MAP_FIXED_NOREPLACE;
    return 0;
}

/* A reference, counted as one that attaches. */
static int take(struct task *t, int id, int flags, struct segment **ret)
{
    struct ipc *ipc = t->k->ipc;
    struct ipc_object *o;
    int want = READ_BITS, r;

    if (!(flags & LX_SHM_RDONLY))
        want |= WRITE_BITS;
    if (flags & LX_SHM_EXEC)
        want |= EXEC_BITS;
    MUTEX_GUARD(&ipc->lock);
    r = ipc_find(&ipc->shm, id, &o);
    if (r == 0)
        r = ipc_may(t, o, want);
    if (r == 0) {
        *ret = segment_of(o);
        ref_get(&o->ref);
        (*ret)->attaching++;
    }
    return r;
}

static void attached(struct task *t, struct segment *s, bool really)
{
    MUTEX_GUARD(&t->k->ipc->lock);
    s->attaching--;
    if (really) {
        s->atime = ipc_now();
        s->lpid = ipc_pid(t);
    }
}

long shm_attach(struct task *t, int id, uint64_t addr, int flags)
{
    _cleanup_close_ int fd = -1;
    int prot = LX_PROT_READ, fixed, r;
    bool read_only = flags & LX_SHM_RDONLY;
    struct segment *s = NULL;
    uint64_t at = 0;

    r = place(&addr, flags, &fixed);
    if (r == 0)
        r = take(t, id, flags, &s);
    if (r < 0)
        return r;
    if (!read_only)
        prot |= LX_PROT_WRITE;
    if (flags & LX_SHM_EXEC)
        prot |= LX_PROT_EXEC;
    r = open_for(s, read_only, &fd);
    if (r == 0)
        r = platform_mmap(t->st, addr, PAGE_UP(s->size), prot, LX_MAP_SHARED | fixed, fd, 0, &at);
    if (r == -EEXIST)
        r = -EINVAL;
    attached(t, s, r == 0);
    ipc_put(&s->obj);
    return r ? r : (long) at;
}

/* The segment whose attachment begins at addr: its file and size. */
static int attachment_at(struct task *t, const char *maps, uint64_t addr, struct mapping *ret,
                         int *ret_id, uint64_t *ret_size)
{
    struct ipc *ipc = t->k->ipc;

    while (mapping_next(&maps, ret) && ret->start != addr) {
        /* on */
    }
    if (ret->start != addr || !ret->shared || ret->offset)
        return -EINVAL;
    MUTEX_GUARD(&ipc->lock);
    for (unsigned i = 0; i < ipc->shm.n_slots; i++) {
        struct ipc_object *o = ipc->shm.slot[i];

        if (o && segment_of(o)->ino == ret->ino && segment_of(o)->dev == ret->dev) {
            *ret_id = o->id;
            *ret_size = PAGE_UP(segment_of(o)->size);
            segment_of(o)->dtime = ipc_now();
            segment_of(o)->lpid = ipc_pid(t);
            return 0;
        }
    }
    return -EINVAL;
}

long shm_detach(struct task *t, uint64_t addr)
{
    _cleanup_free_ char *text = NULL;
    struct mapping first = {0}, m;
    const char *pos;
    uint64_t size;
    int id, r;

    if (addr & (PAGE - 1))
        return -EINVAL;
    r = host_process_text(platform_host_pid(t->st), "maps", &text);
    if (r == 0)
        r = attachment_at(t, text, addr, &first, &id, &size);
    if (r < 0)
        return r;
    /* It may be in pieces (mprotect, munmap): all of them that still lie where they were. */
    pos = text;
    while (r == 0 && mapping_next(&pos, &m)) {
        if (m.start >= addr && m.start - addr < size && m.dev == first.dev && m.ino == first.ino &&
            m.start - addr == m.offset)
            r = platform_munmap(t->st, m.start, m.end - m.start);
    }
    prune(t->k, NULL);
    return r;
}

/* ---- shmctl ---- */

static void fill(struct segment *s, unsigned n, struct lx_shmid_ds *ret)
{
    *ret = (struct lx_shmid_ds){
        .segsz = s->size,
        .atime = s->atime,
        .dtime = s->dtime,
        .ctime = s->ctime,
        .cpid = s->cpid,
        .lpid = s->lpid,
        .nattch = n,
    };
    ipc_fill_perm(&s->obj, &ret->perm);
}

static long stat_segment(struct task *t, int id, int cmd, uint64_t buf)
{
    struct ipc *ipc = t->k->ipc;
    struct usage_table u = {NULL, 0};
    struct lx_shmid_ds ds;
    struct ipc_object *o;
    int r;

    mutex_lock(&ipc->lock);
    r = cmd == LX_IPC_STAT ? ipc_find(&ipc->shm, id, &o) : ipc_find_at(&ipc->shm, id, &o);
    if (r == 0 && cmd != LX_SHM_STAT_ANY)
        r = ipc_may(t, o, READ_BITS);
    if (r == 0)
        id = o->id;
    mutex_unlock(&ipc->lock);
    if (r == 0)
        r = list_segments(t->k, id, false, &u);
    if (r == 0)
        r = count(t->k, NULL, &u);
    mutex_lock(&ipc->lock);
    if (r == 0)
        r = ipc_find(&ipc->shm, id, &o) ? -EIDRM : 0;
    if (r == 0)
        fill(segment_of(o), u.n ? u.v[0].n : 0, &ds);
    mutex_unlock(&ipc->lock);
    free(u.v);
    if (r == 0)
        r = copy_out(t, uaddr(buf), &ds, sizeof(ds));
    return r ? r : cmd == LX_IPC_STAT ? 0 : id;
}

static long limits(struct task *t, uint64_t buf)
{
    const struct lx_shminfo i = {
        .shmmax = SHM_MAX, .shmmin = 1, .shmmni = SHM_MNI, .shmseg = SHM_MNI, .shmall = SHM_ALL};
    int last, r;

    mutex_lock(&t->k->ipc->lock);
    last = ipc_last(&t->k->ipc->shm);
    mutex_unlock(&t->k->ipc->lock);
    r = copy_out(t, uaddr(buf), &i, sizeof(i));
    return r ? r : last;
}

/* Pages in use. */
static uint64_t resident(struct segment *s)
{
    struct stat st;

    return fstat(s->file->ops->host_fd(s->file), &st) == 0 ? (uint64_t) st.st_blocks / 8 : 0;
}

static long info(struct task *t, uint64_t buf)
{
    struct ipc *ipc = t->k->ipc;
    struct lx_shm_info i = {.used_ids = 0};
    int last, r;

    mutex_lock(&ipc->lock);
    i.used_ids = (int32_t) ipc->shm.used;
    i.tot = ipc->shm_pages;
    for (unsigned n = 0; n < ipc->shm.n_slots; n++)
        i.rss += ipc->shm.slot[n] ? resident(segment_of(ipc->shm.slot[n])) : 0;
    last = ipc_last(&ipc->shm);
    mutex_unlock(&ipc->lock);
    r = copy_out(t, uaddr(buf), &i, sizeof(i));
    return r ? r : last;
}

static long control(struct task *t, int id, int cmd, uint64_t buf)
{
    struct ipc *ipc = t->k->ipc;
    struct lx_shmid_ds ds;
    struct ipc_object *o;
    int r = cmd == LX_IPC_SET ? copy_in(t, &ds, uaddr(buf), sizeof(ds)) : 0;

    if (r < 0)
        return r;
    mutex_lock(&ipc->lock);
    r = ipc_find(&ipc->shm, id, &o);
    if (r == 0)
        r = ipc_may_control(t, o);
    if (r == 0 && cmd == LX_IPC_SET) {
        r = ipc_set_perm(o, &ds.perm);
        if (r == 0)
            segment_of(o)->ctime = ipc_now();
    } else if (r == 0) {
        o->mode |= LX_SHM_DEST;
        o->key = LX_IPC_PRIVATE;
    }
    mutex_unlock(&ipc->lock);
    if (r == 0 && cmd == LX_IPC_RMID)
        prune(t->k, NULL);
    return r;
}

/* Memory of a container cannot be locked by the sentry: like a limit of nothing. */
static long lock(struct task *t, int id, int cmd)
{
    struct ipc *ipc = t->k->ipc;
    struct ipc_object *o;
    int r;

    MUTEX_GUARD(&ipc->lock);
    r = ipc_find(&ipc->shm, id, &o);
    if (r == 0 && !cred_capable(t->cred, CAP_IPC_LOCK))
        r = ipc_may_control(t, o);
    return r < 0 || cmd == LX_SHM_UNLOCK ? r : -ENOMEM;
}

long shm_ctl(struct task *t, int id, int cmd, uint64_t buf)
{
    if (id < 0)
        return -EINVAL;
    prune(t->k, NULL);
    switch (cmd) {
    case LX_IPC_INFO:
        return limits(t, buf);
    case LX_SHM_INFO:
        return info(t, buf);
    case LX_IPC_STAT:
    case LX_SHM_STAT:
    case LX_SHM_STAT_ANY:
        return stat_segment(t, id, cmd, buf);
    case LX_IPC_SET:
    case LX_IPC_RMID:
        return control(t, id, cmd, buf);
    case LX_SHM_LOCK:
    case LX_SHM_UNLOCK:
        return lock(t, id, cmd);
    default:
        return -EINVAL;
    }
}

static void show_one(struct strbuf *out, struct segment *s, unsigned n)
{
    const struct ipc_object *o = &s->obj;

    sb_addf(out,
            "%10d %10d  %4o %21" PRIu64 " %5d %5d  %5u %5u %5u %5u %5u %10" PRId64 " %10" PRId64
            " %10" PRId64 " %21" PRIu64 " %21d\n",
            o->key, o->id, o->mode, s->size, s->cpid, s->lpid, n, o->uid, o->gid, o->cuid, o->cgid,
            s->atime, s->dtime, s->ctime, resident(s) * PAGE, 0);
}

int shm_show(struct kernel *k, struct strbuf *out)
{
    struct ipc *ipc = k->ipc;
    struct usage_table u = {NULL, 0};
    struct ipc_object *o;
    int r;

    sb_add(out,
           "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid "
           " cgid      atime      dtime      ctime                   rss                  swap\n");
    prune(k, NULL);
    r = list_segments(k, -1, false, &u);
    if (r == 0)
        r = count(k, NULL, &u);
    mutex_lock(&ipc->lock);
    for (size_t i = 0; r == 0 && i < u.n; i++) {
        if (ipc_find(&ipc->shm, u.v[i].id, &o) == 0)
            show_one(out, segment_of(o), u.v[i].n);
    }
    mutex_unlock(&ipc->lock);
    free(u.v);
    return r < 0 ? r : sb_error(out);
}
