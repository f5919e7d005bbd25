/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that come in from outside: see process.h. Sources: execvp(3), runc's exec errors. */
#include "sentry/process.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "fs/host/hostfs.h"
#include "kernel/loader/exec.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/mount.h"
#include "kernel/vfs/names.h"
#include "kernel/vfs/walk.h"
#include "tty/tty.h"

#define N_STDIO      3
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* ---- descriptors ---- */

static int adopt(struct task *t, const struct process_request *q, int i, struct fail *f)
{
    int limit = (int) q->n_fds, r;
    struct file *file;

    if (q->fds[i] < 0)
        return 0; /* the caller had it closed, so has the guest */
    r = hostfs_adopt(t->k, take_fd(&q->fds[i]), &file);
    if (r == 0)
        r = fd_install_at(t->files, file, i, limit, false, t);
    return r < 0 ? fail_errno(f, -r, "giving descriptor %d to the program", i) : 0;
}

/* 0, 1 and 2 are one pty of the host's: they become one console, the session's terminal. */
static int give_console(struct task *t, const struct process_request *q, struct fail *f)
{
    int limit = (int) q->n_fds, r;
    struct file *console;

    if (limit < N_STDIO || q->fds[0] < 0)
        return fail(f, EINVAL, "there is no terminal on descriptor 0");
    r = console_open(t->k, take_fd(&q->fds[0]), t->cred, q->is_init, &console);
    if (r < 0)
        return fail_errno(f, -r, "making a console of descriptor 0");
    for (int i = 0; i < N_STDIO && r >= 0; i++) {
        q->fds[i] = close_fd(q->fds[i]);
        r = fd_install_at(t->files, file_get(console), i, limit, false, t);
    }
    if (r >= 0)
        r = console_make_controlling(t, console);
    file_put(console);
    return r < 0 ? fail_errno(f, -r, "giving the console to the program") : 0;
}

static int give_descriptors(struct task *t, const struct process_request *q, struct fail *f)
{
    int i = 0, r = 0;

    t->files = fdtable_new();
    if (!t->files)
        return fail(f, ENOMEM, "out of memory");
    if (q->spec->terminal) {
        r = give_console(t, q, f);
        i = N_STDIO;
    }
    for (; i < (int) q->n_fds && r == 0; i++)
        r = adopt(t, q, i, f);
    return r;
}

/* ---- identity and limits ---- */

static int check_ids(const struct kernel *k, const struct process_spec *p, struct fail *f)
{
    if (!id_is_mapped(&k->ids.uid, p->uid))
        return fail(f, EINVAL, "the user %u has no place in the container's id map", p->uid);
    if (!id_is_mapped(&k->ids.gid, p->gid))
        return fail(f, EINVAL, "the group %u has no place in the container's id map", p->gid);
    for (size_t i = 0; i < p->n_groups; i++)
        if (!id_is_mapped(&k->ids.gid, p->groups[i]))
            return fail(f, EINVAL, "the group %u has no place in the container's id map",
                        p->groups[i]);
    return 0;
}

static int give_cred(struct task *t, const struct process_spec *p, struct fail *f)
{
    int r = check_ids(t->k, p, f);
    struct cred *c = cred_alloc(p->n_groups);
    const struct cred *old;

    if (!c)
        return fail(f, ENOMEM, "out of memory");
    if (r < 0) {
        cred_put(c);
        return r;
    }
    c->uid = c->euid = c->suid = c->fsuid = p->uid;
    c->gid = c->egid = c->sgid = c->fsgid = p->gid;
    c->cap_permitted = p->cap_permitted;
    c->cap_effective = p->cap_effective;
    c->cap_inheritable = p->cap_inheritable;
    c->cap_bounding = p->cap_bounding;
    c->cap_ambient = p->cap_ambient;
    for (size_t i = 0; i < p->n_groups; i++)
        c->groups[i] = p->groups[i];
    mutex_lock(&t->k->tasks_lock); /* the task can be found already */
    old = t->cred;
    t->cred = c;
    mutex_unlock(&t->k->tasks_lock);
    cred_put(old);
    t->no_new_privs = p->no_new_privs;
    return 0;
}

static void give_signals(struct task *t, const struct process_spec *p)
{
    struct sighand *sh = sighand_lock(t->tg);

    for (int signo = 1; signo <= LX_NSIG; signo++)
        if (p->ignored_signals & SIGBIT(signo) & ~SIGSET_UNBLOCKABLE)
            sh->actions[signo - 1].handler = LX_SIG_IGN;
    mutex_unlock(&sh->lock);
}

static void give_limits(struct task *t, const struct confinement *c, const struct process_spec *p)
{
    for (unsigned i = 0; i < GUEST_N_RLIMITS && i < HANDOFF_N_LIMITS; i++)
        t->tg->rlimits[i] =
            (struct guest_rlimit){c->handoff.limits[i].soft, c->handoff.limits[i].hard};
    for (size_t i = 0; i < p->n_rlimits; i++)
        if (p->rlimits[i].resource < GUEST_N_RLIMITS)
            t->tg->rlimits[p->rlimits[i].resource] =
                (struct guest_rlimit){p->rlimits[i].soft, p->rlimits[i].hard};
    cpu_limit_update(&t->tg->cpu_limit);
}

/* ---- working directory ---- */

/* mkdir -p below the guest's root, by the kernel's own authority: what is there already is fine. */
static void make_directories(const struct walkctx *w, const char *path)
{
    char part[GUEST_PATH_MAX];
    size_t n = strlen(path);

    if (n >= sizeof(part))
        return;
    memcpy(part, path, n + 1);
    for (char *p = strchr(part + 1, '/'); p; p = strchr(p + 1, '/')) {
        *p = '\0';
        if (vfs_mknod(w, NULL, part, S_IFDIR | 0755, 0) < 0) {
            /* whether it was there or cannot be made shows when the whole path is walked */
        }
        *p = '/';
    }
    if (vfs_mknod(w, NULL, part, S_IFDIR | 0755, 0) < 0) {
        /* the same */
    }
}

static int find_cwd(const struct walkctx *as_kernel, const struct cred *cred, const char *cwd,
                    struct path *ret, struct fail *f)
{
    struct walkctx as_guest = *as_kernel;
    int r;

    as_guest.cred = cred;
    r = path_walk(&as_guest, NULL, cwd, WALK_DIRECTORY, ret);
    if (r == -ENOENT) {
        make_directories(as_kernel, cwd);
        r = path_walk(&as_guest, NULL, cwd, WALK_DIRECTORY, ret);
    }
    if (r == 0) {
        r = path_permission(&as_guest, ret, MAY_EXEC);
        if (r < 0)
            path_put(ret);
    }
    return r < 0 ? fail_errno(f, -r, "the working directory %s inside the container", cwd) : 0;
}

static int give_fs(struct kernel *k, struct task *t, const struct process_spec *p,
                   const struct cred *kernel_cred, struct fail *f)
{
    struct walkctx w = {.cred = kernel_cred};
    struct path cwd;
    int r = vfs_root(k->vfs, &w.root);

    if (r < 0)
        return fail_errno(f, -r, "the container's root");
    w.cwd = w.root;
    r = find_cwd(&w, t->cred, p->cwd && p->cwd[0] ? p->cwd : "/", &cwd, f);
    if (r == 0) {
        t->fs = fsctx_new(&w.root, &cwd, p->umask & 0777);
        if (!t->fs)
            r = fail(f, ENOMEM, "out of memory");
        path_put(&cwd);
    }
    path_put(&w.root);
    return r;
}

/* ---- the program ---- */

static const char *path_variable(char *const *envp)
{
    for (; *envp; envp++)
        if (strncmp(*envp, "PATH=", 5) == 0)
            return *envp + 5;
    return DEFAULT_PATH;
}

/* Tries each directory of PATH, as execvp(3) does: a file that may not be executed is passed over,
 * but remembered. */
static int exec_by_path(struct task *t, const struct process_spec *p)
{
    const char *name = p->argv[0], *dir = path_variable(p->envp);
    int result = -ENOENT;

    for (;;) {
        char path[GUEST_PATH_MAX];
        size_t n = strcspn(dir, ":");
        int len = snprintf(path, sizeof(path), "%.*s%s%s", (int) n, dir, n ? "/" : "./", name);

        if (len > 0 && (size_t) len < sizeof(path)) {
            int r = exec_init(t, path, p->argv, p->envp);

            if (r != -ENOENT && r != -ENOTDIR && r != -EACCES)
                return r;
            if (r == -EACCES)
                result = r;
        }
        if (!dir[n])
            return result;
        dir += n + 1;
    }
}

static int load(struct task *t, const struct process_spec *p, struct fail *f)
{
    const char *name = p->argv[0];
    bool by_path = !strchr(name, '/');
    int r = !name[0]  ? -ENOENT
            : by_path ? exec_by_path(t, p)
                      : exec_init(t, name, p->argv, p->envp);

    if (r == 0)
        return 0;
    f->status = r == -ENOENT || r == -ENOTDIR ? EXIT_NOT_FOUND : EXIT_NOT_EXEC;
    if (r == -ENOENT && by_path)
        return fail(f, ENOENT, "exec: \"%s\": executable file not found in $PATH", name);
    return fail_errno(f, -r, "exec: \"%s\"", name);
}

/* Everything but the number and the place in the tree. */
static int furnish(struct task *t, const struct confinement *c, const struct process_request *q,
                   struct fail *f)
{
    const struct cred *kernel_cred = cred_get(t->cred); /* root's, with everything */
    int r = give_cred(t, q->spec, f);

    if (r == 0) {
        give_limits(t, c, q->spec);
        give_signals(t, q->spec);
        r = give_descriptors(t, q, f);
    }
    if (r == 0)
        r = give_fs(t->k, t, q->spec, kernel_cred, f);
    cred_put(kernel_cred);
    if (r == 0)
        r = load(t, q->spec, f);
    return r;
}

int process_make(const struct confinement *c, struct kernel *k, const struct process_request *q,
                 struct task **ret, struct fail *f)
{
    struct task *t;
    int r = task_create(k, q->is_init, &t);

    if (r == -EAGAIN)
        return fail(f, EAGAIN, "the container's limit of processes is reached");
    if (r < 0)
        return fail_errno(f, -r, "making a process");
    r = furnish(t, c, q, f);
    task_own_fsids(k);
    if (r < 0 && !q->is_init) {
        struct tgroup *tg = t->tg;

        task_exit(t, true);
        tgroup_release(tg);
    }
    if (r < 0)
        return r; /* without its init the sandbox ends: nothing is taken apart */
    *ret = t;
    return 0;
}
