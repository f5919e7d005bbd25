/* SPDX-License-Identifier: Apache-2.0 */
/*
 * execve(2). The new image is built whole in a fresh host process beside the old one, so that every
 * failure up to the last step leaves the caller as it was. Then the other threads are ended, the
 * task changes over, and the old host process goes.
 */
#include "kernel/loader/exec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/capability.h"
#include "abi/linux/resource.h"
#include "abi/linux/sched.h"
#include "abi/linux/stat.h"
#include "base/cleanup.h"
#include "kernel/ipc/ipc.h"
#include "kernel/loader/filecaps.h"
#include "kernel/loader/internal.h"
#include "kernel/ptrace/ptrace.h"
#include "kernel/syscall/native.h"
#include "kernel/task/limits.h"
#include "kernel/task/pid.h"
#include "kernel/task/usage.h"
#include "kernel/time/itimer.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/walk.h"
#include "kernel/wait/block.h"
#include "rpc/spec.h"

#define ALL_CAPS       ((1ull << (LX_CAP_LAST + 1)) - 1)
#define SCRIPT_DEPTH   5 /* a script whose interpreter is a script, and so on: execve(2) */
#define ARG_STRING_MAX (128u << 10) /* MAX_ARG_STRLEN */
#define ARG_TOTAL_MAX  (6ull << 20) /* whatever the stack limit is */
#define ARG_TOTAL_MIN  (128ull << 10)

int exec_strings_add(struct exec_strings *s, const char *text, size_t len)
{
    if (len >= ARG_STRING_MAX)
        return -E2BIG;
    if (s->len + len + 1 > s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 1024;
        char *p;

        while (cap < s->len + len + 1)
            cap *= 2;
        if (cap > 4 * ARG_TOTAL_MAX)
            return -E2BIG;
        p = realloc(s->data, cap);
        if (!p)
            return -ENOMEM;
        s->data = p;
        s->cap = cap;
    }
    memcpy(s->data + s->len, text, len);
    s->data[s->len + len] = '\0';
    s->len += len + 1;
    s->n++;
    return 0;
}

void exec_strings_free(struct exec_strings *s)
{
    free(s->data);
    *s = (struct exec_strings){.data = NULL};
}

/* A quarter of the stack limit, pointers included: execve(2), "Limits on size of arguments and
 * environment". */
static int check_size(struct task *t, const struct exec_args *a)
{
    uint64_t limit = tgroup_rlimit(t->tg, LX_RLIMIT_STACK) / 4;
    uint64_t need =
        a->argv.len + a->envp.len + 8ull * (a->argv.n + a->envp.n) + strlen(a->path) + 1;

    if (limit > ARG_TOTAL_MAX)
        limit = ARG_TOTAL_MAX;
    if (limit < ARG_TOTAL_MIN)
        limit = ARG_TOTAL_MIN;
    return need > limit ? -E2BIG : 0;
}

/* Everything of one exec, until it is committed. */
struct exec_state {
    struct binary bin;
    struct elf_image elf;
    struct loaded loaded;
    struct image *image;
    struct cred *cred;
    struct stub_thread *st;
    struct sighand *sighand;   /* ready if the old one turns out to be shared */
    struct sighand_left *left; /* same */
    struct fdtable *files;     /* a private copy if the table was shared, else NULL */
    uint64_t sp;
    bool secure;
    bool setid; /* trace_setid_over() is owed */
    char comm[16];
};

/* Follows interpreters down to an ELF file, which is then open in x->bin. */
static int find_binary(struct task *t, struct exec_args *a, struct exec_state *x)
{
    _cleanup_free_ char *name = NULL;
    int r;

    r = a->target ? binary_open_path(t, a->target, &x->bin)
                  : binary_open(t, a->at, a->name ? a->name : a->path, a->walk_flags, &x->bin);
    for (int depth = 0; r == 0; depth++) {
        char *interp = NULL;

        r = script_parse(&x->bin, name ? name : a->path, &a->argv, &interp);
        if (r <= 0)
            return r;
        free(name);
        name = interp;
        if (a->path_unreachable && depth == 0)
            return -ENOENT;
        if (depth >= SCRIPT_DEPTH)
            return -ELOOP;
        binary_close(&x->bin);
        r = binary_open(t, NULL, name, 0, &x->bin);
    }
    return r;
}

/* Whether a program may give t rights that it has not. */
static bool may_gain(struct task *t, struct exec_state *x)
{
    if (!x->setid && !t->no_new_privs)
        x->setid = trace_admits_setid(t);
    return x->setid;
}

/*
 * capabilities(7), "Transformation of capabilities during execve()": what the file gives, what root
 * gets because it is root, and what is ambient. Sets c's capabilities; *ret_more: the program has
 * more than a user without root's id would have. -EPERM: the file asks for what may not be had.
 */
static int new_caps(struct task *t, struct exec_state *x, struct cred *c, bool *ret_more)
{
    const struct cred *old = t->cred;
    struct file_caps f = {0};
    bool is_setid = c->euid != old->uid || c->egid != old->gid, effective;
    uint64_t permitted = 0;
    int has = 0;

    if (!(path_mount_flags(&x->bin.path) & MOUNT_F_NOSUID))
        has = file_caps_get(&x->bin.path, &f);
    if (has < 0)
        return has;
    effective = f.effective;
    if (has) {
        permitted = (f.permitted & c->cap_bounding) | (f.inheritable & c->cap_inheritable);
        /* A program that does not know of capabilities must not run with half of them. */
        if (f.effective && (f.permitted & ALL_CAPS & ~permitted))
            return -EPERM;
    }
    /* A set-uid-root program with capabilities of its own has those alone. */
    if (!(c->securebits & LX_SECBIT_NOROOT) && !(has && c->uid != 0 && c->euid == 0)) {
        if (c->uid == 0 || c->euid == 0)
            permitted = c->cap_inheritable | c->cap_bounding;
        effective = effective || c->euid == 0;
    }
    if ((permitted & ~old->cap_permitted) && !may_gain(t, x))
        permitted &= old->cap_permitted;
    if (has || is_setid)
        c->cap_ambient = 0;
    *ret_more = c->uid != 0 && (effective || (permitted & ~c->cap_ambient));
    c->cap_permitted = permitted | c->cap_ambient;
    c->cap_effective = effective ? c->cap_permitted : c->cap_ambient;
    return 0;
}

/* credentials(7): set-uid and set-gid bits, then capabilities. */
static int new_cred(struct task *t, struct exec_state *x)
{
    struct cred *c = cred_copy(t->cred);
    uint32_t mode = x->bin.attr.mode;
    bool more;
    int r;

    if (!c)
        return -ENOMEM;
    if ((mode & (LX_S_ISUID | LX_S_ISGID)) && !(path_mount_flags(&x->bin.path) & MOUNT_F_NOSUID) &&
        may_gain(t, x)) {
        if (mode & LX_S_ISUID)
            c->euid = x->bin.attr.uid;
        if ((mode & (LX_S_ISGID | LX_S_IXGRP)) == (LX_S_ISGID | LX_S_IXGRP))
            c->egid = x->bin.attr.gid;
    }
    r = new_caps(t, x, c, &more);
    if (r) {
        cred_put(c);
        return r;
    }
    c->suid = c->fsuid = c->euid;
    c->sgid = c->fsgid = c->egid;
    c->securebits &= ~(uint32_t) LX_SECBIT_KEEP_CAPS;
    x->secure = c->uid != c->euid || c->gid != c->egid || more;
    x->cred = c;
    return 0;
}

static void set_comm(struct exec_state *x, const struct exec_args *a)
{
    const char *base = strrchr(a->path, '/');

    base = base ? base + 1 : a->path;
    strncpy(x->comm, base, sizeof(x->comm) - 1);
}

static int build(struct task *t, struct exec_args *a, struct exec_state *x)
{
    struct stack_request q = {.argv = &a->argv,
                              .envp = &a->envp,
                              .execfn = a->path,
                              .l = &x->loaded};
    int r;

    r = find_binary(t, a, x);
    if (r == 0)
        r = check_size(t, a);
    if (r == 0)
        r = binary_parse(&x->bin, &x->elf);
    if (r == 0)
        r = new_cred(t, x);
    if (r)
        return r;
    x->image = image_new();
    x->sighand = sighand_new();
    x->left = calloc(1, sizeof(*x->left));
    if (!x->image || !x->sighand || !x->left)
        return -ENOMEM;
    set_comm(x, a);
    r = platform_image(t->k->platform, &x->st);
    if (r)
        return r;
    r = load_program(t, x->st, &x->bin, &x->elf, &x->loaded);
    if (r)
        return r;

    q.uid = x->cred->uid;
    q.euid = x->cred->euid;
    q.gid = x->cred->gid;
    q.egid = x->cred->egid;
    q.secure = x->secure;
    q.no_random = (t->personality & LX_ADDR_NO_RANDOMIZE) != 0;
    r = build_stack(x->st, &q, x->image, &x->sp);
    if (r)
        return r;
    r = image_set_exe(x->image, &x->bin.path);
    if (r)
        return r;
    x->image->brk_start = x->loaded.brk;
    x->image->code_start = x->loaded.code_start;
    x->image->code_end = x->loaded.code_end;
    x->image->entry = x->loaded.prog_entry;
    return 0;
}

/* Ends the other threads of the group. After this the caller is alone in it. */
static int de_thread(struct task *t)
{
    struct tgroup *tg = t->tg;
    struct sighand *sh = sighand_lock(tg);
    struct task *o;

    if (tg->exiting || tg->exec_task) {
        mutex_unlock(&sh->lock);
        return -EAGAIN; /* somebody else has ended this thread already */
    }
    if (tg->n_threads > 1) {
        tg->exec_task = t;
        list_for_each_entry (o, &tg->threads, tg_link) {
            if (o == t)
                continue;
            atomic_fetch_or(&o->work, WORK_EXIT);
            signal_poke_locked(o);
        }
        /* The last one to leave wakes us under the same lock: thread_leaves(). */
        while (tg->n_threads > 1 && !(atomic_load(&t->work) & (WORK_EXIT | WORK_DEAD))) {
            mutex_unlock(&sh->lock);
            if (task_block_killable(t, NULL)) {
                /* Killed: looked at above. */
            }
            sh = sighand_lock(tg);
        }
        tg->exec_task = NULL;
    }
    mutex_unlock(&sh->lock);
    return (atomic_load(&t->work) & (WORK_EXIT | WORK_DEAD)) ? -EINTR : 0;
}

/* exec from a thread other than the leader: it becomes the leader and takes the process's number.
 */
static void become_leader(struct task *t)
{
    struct kernel *k = t->k;
    struct tgroup *tg = t->tg;
    struct task *old, *untraced;
    struct pid_entry *e;
    struct sighand *sh;

    mutex_lock(&k->tasks_lock);
    old = tg->leader;
    if (old == t) {
        mutex_unlock(&k->tasks_lock);
        return;
    }
    sh = sighand_lock(tg);
    e = pid_find(k, t->tid);
    if (e) {
        e->task = NULL;
        pid_check(k, e);
    }
    e = pid_find(k, tg->tgid);
    if (e)
        e->task = t;
    t->tid = tg->tgid;
    tg->leader = task_get(t);
    mutex_unlock(&sh->lock);
    untraced = trace_unlink(old);
    mutex_unlock(&k->tasks_lock);
    atomic_store(&old->state, TASK_DEAD);
    task_put(untraced);
    task_put(old);
}

/* The point of no return: t runs x->st from here on. Returns the old host thread. */
static struct stub_thread *change_over(struct task *t, struct exec_state *x)
{
    struct kernel *k = t->k;
    struct tgroup *tg = t->tg;
    struct image *old_image;
    struct stub_thread *old;
    struct sighand *sh;

    mutex_lock(&k->tasks_lock);
    if (t->st) {
        usage_collect(t);
        task_collect_io(t);
    }
    sh = sighand_lock(tg);
    old = t->st;
    t->st = take_ptr(&x->st);
    if (ref_count(&sh->ref) > 1) {
        memcpy(x->sighand->actions, sh->actions, sizeof(sh->actions));
        x->left->sh = sh; /* with the group's reference */
        list_add_tail(&take_ptr(&x->left)->link, &tg->old_sighands);
        __atomic_store_n(&tg->sighand, take_ptr(&x->sighand), __ATOMIC_RELEASE);
    }
    mutex_unlock(&sh->lock);
    old_image = tg->image;
    tg->image = take_ptr(&x->image);
    tgroup_limit_image(tg);
    tg->execed = true;
    tg->n_execs++;
    tg->dumpable = !x->secure;
    if (x->secure)
        tg->pdeath_signal = 0;
    memcpy(t->comm, x->comm, sizeof(t->comm));
    mutex_unlock(&k->tasks_lock);
    image_put(old_image);
    return old;
}

static void commit(struct task *t, struct exec_state *x)
{
    struct stub_thread *old;
    struct fdtable *shared = NULL;

    become_leader(t);
    if (t->st) {
        task_leave_memory(t);
        if (!platform_mm_is_shared(t->st))
            shm_leave_memory(t);
        futex_pi_start(t);
    }
    old = change_over(t, x);
    if (old) {
        platform_keep_affinity(t->st, old);
        platform_exit_thread(old);
    }
    atomic_fetch_and(&t->work, ~(uint32_t) WORK_DEAD); /* that was the old image's */
    platform_watch_death(t->st, &t->work, WORK_DEAD, &t->park);
    task_see_natives_if_wanted(t);
    if (t->vfork_done)
        completion_done(take_ptr(&t->vfork_done));

    itimers_stop(t->tg->itimers, true);
    signal_exec_reset(t);
    t->altstack.sp = t->altstack.size = 0;
    t->altstack.flags = LX_SS_DISABLE;
    t->set_child_tid = t->clear_child_tid = t->robust_list = 0;
    t->restart.fn = NULL;
    if (x->secure)
        t->personality &= ~LX_PER_CLEAR_ON_SETID;
    task_set_cred(t, take_ptr(&x->cred));

    if (x->files) {
        mutex_lock(&t->k->tasks_lock);
        shared = t->files;
        t->files = take_ptr(&x->files);
        t->files_shared = false;
        mutex_unlock(&t->k->tasks_lock);
        fdtable_put(shared, t);
    }
    fdtable_close_on_exec(t->files, t);

    t->resume_regs = (struct guest_regs){.rip = x->loaded.entry, .rsp = x->sp, .eflags = 0x202};
    t->resume_kind = RESUME_REGS;
    t->trap.regs = t->resume_regs;
}

static void drop(struct exec_state *x)
{
    if (x->st) {
        platform_kill(x->st);
        platform_put(x->st);
    }
    binary_close(&x->bin);
    image_put(x->image);
    cred_put(x->cred);
    sighand_put(x->sighand);
    free(x->left);
    if (x->files)
        fdtable_put(x->files, NULL);
    free(x);
}

int exec_image(struct task *t, struct exec_args *a)
{
    struct exec_state *x = calloc(1, sizeof(*x));
    pid_t tid = t->tid;
    int r;

    if (!x)
        return -ENOMEM;
    r = build(t, a, x);
    if (r == 0 && t->files_shared) {
        x->files = fdtable_copy(t->files);
        if (!x->files)
            r = -ENOMEM;
    }
    if (r == 0)
        r = de_thread(t);
    if (r == 0)
        commit(t, x);
    if (x->setid)
        trace_setid_over(t);
    drop(x);
    /* A process that comes in from outside is made on a thread that must stop for nobody. */
    if (r == 0 && atomic_load(&t->sentry_tid))
        trace_execed(t, tid);
    return r;
}

int exec_init(struct task *t, const char *path, char *const argv[], char *const envp[])
{
    struct exec_args a = {.path = path};
    int r = 0;

    for (; r == 0 && *argv; argv++)
        r = exec_strings_add(&a.argv, *argv, strlen(*argv));
    for (; r == 0 && *envp; envp++)
        r = exec_strings_add(&a.envp, *envp, strlen(*envp));
    if (r == 0)
        r = exec_image(t, &a);
    exec_strings_free(&a.argv);
    exec_strings_free(&a.envp);
    return r;
}
