/* SPDX-License-Identifier: Apache-2.0 */
/* The container's first process: see init_process.h. Sources: execvp(3), runc's exec errors. */
#include "sentry/init_process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "fs/host/hostfs.h"
#include "kernel/loader/exec.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/mount.h"
#include "kernel/vfs/names.h"
#include "kernel/vfs/walk.h"

#define STDIO_LIMIT  3
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* ---- descriptors ---- */

/* The guest's copy must be the only one, or closing it inside would not be noticed outside. */
static int adopt_stdio(struct kernel *k, struct task *t, int fd, struct fail *f)
{
    struct file *file;
    int copy, r;

    if (fcntl(fd, F_GETFD) < 0)
        return 0; /* the caller had it closed, so has the guest */
    copy = fcntl(fd, F_DUPFD_CLOEXEC, STDIO_LIMIT);
    if (copy < 0)
        return fail_errno(f, errno, "copying descriptor %d for the program", fd);
    r = hostfs_adopt(k, copy, &file);
    if (r == 0)
        r = fd_install_at(t->files, file, fd, STDIO_LIMIT, false, t);
    return r < 0 ? fail_errno(f, -r, "giving descriptor %d to the program", fd) : 0;
}

/*
 * Our own numbers 0 to 2 stay taken, by something that can neither be read nor written, so that no
 * later descriptor is mistaken for stderr. With a log, stderr is the log's: what libraries print on
 * it is worth having.
 */
static int park_stdio(struct confinement *c, struct fail *f)
{
    _cleanup_close_ int nothing = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int log_fd = c->spec->log_fd;

    if (nothing < 0)
        return fail_errno(f, errno, "opening the sandbox's own root");
    for (int fd = 0; fd < STDIO_LIMIT; fd++) {
        bool is_log = fd == 2 && log_fd >= 0;

        inventory_remove(&c->inventory, fd);
        if (fd == log_fd && !is_log)
            is_log = true; /* a log on stdin or stdout stays where it is */
        if (!(is_log && fd == log_fd) && dup3(is_log ? log_fd : nothing, fd, O_CLOEXEC) < 0)
            return fail_errno(f, errno, "parking descriptor %d", fd);
        if (inventory_add(&c->inventory, fd, is_log ? "log" : "parked") < 0)
            return fail(f, E2BIG, "the inventory is full");
    }
    return 0;
}

static int give_stdio(struct confinement *c, struct kernel *k, struct task *t, struct fail *f)
{
    int r = 0;

    t->files = fdtable_new();
    if (!t->files)
        return fail(f, ENOMEM, "out of memory");
    for (int fd = 0; fd < STDIO_LIMIT && r == 0; fd++)
        r = adopt_stdio(k, t, fd, f);
    return r < 0 ? r : park_stdio(c, f);
}

/* ---- identity and limits ---- */

static int give_cred(struct task *t, const struct process_spec *p, struct fail *f)
{
    struct cred *c = cred_alloc(p->n_groups);

    if (!c)
        return fail(f, ENOMEM, "out of memory");
    c->uid = c->euid = c->suid = c->fsuid = p->uid;
    c->gid = c->egid = c->sgid = c->fsgid = p->gid;
    c->cap_permitted = p->cap_permitted;
    c->cap_effective = p->cap_effective;
    c->cap_inheritable = p->cap_inheritable;
    c->cap_bounding = p->cap_bounding;
    c->cap_ambient = p->cap_ambient;
    for (size_t i = 0; i < p->n_groups; i++)
        c->groups[i] = p->groups[i];
    cred_put(t->cred);
    t->cred = c;
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

static void give_limits(struct task *t, const struct confinement *c)
{
    const struct process_spec *p = &c->spec->process;

    for (unsigned i = 0; i < GUEST_N_RLIMITS && i < HANDOFF_N_LIMITS; i++)
        t->tg->rlimits[i] =
            (struct guest_rlimit){c->handoff.limits[i].soft, c->handoff.limits[i].hard};
    for (size_t i = 0; i < p->n_rlimits; i++)
        if (p->rlimits[i].resource < GUEST_N_RLIMITS)
            t->tg->rlimits[p->rlimits[i].resource] =
                (struct guest_rlimit){p->rlimits[i].soft, p->rlimits[i].hard};
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

int init_process_make(struct confinement *c, struct kernel *k, struct task **ret, struct fail *f)
{
    const struct process_spec *p = &c->spec->process;
    const struct cred *kernel_cred;
    struct task *t;
    int r = task_create_init(k, &t);

    if (r < 0)
        return fail_errno(f, -r, "making the first process");
    kernel_cred = cred_get(t->cred); /* root's, with everything */
    r = give_cred(t, p, f);
    if (r == 0) {
        give_limits(t, c);
        give_signals(t, p);
        r = give_stdio(c, k, t, f);
    }
    if (r == 0)
        r = give_fs(k, t, p, kernel_cred, f);
    cred_put(kernel_cred);
    if (r == 0)
        r = load(t, p, f);
    if (r < 0)
        return r; /* the process ends: nothing is taken apart */
    *ret = t;
    return 0;
}
