/* SPDX-License-Identifier: Apache-2.0 */
/* The state directory: see state.h. Sources: flock(2), rename(2), fsync(2). */
#include "host/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/sys.h"
#include "base/textio.h"
#include "host/cgroup.h"
#include "host/procstat.h"
#include "host/state_file.h"

#define MAX_STATE_BYTES (4u << 20)
#define KILL_TIMEOUT_MS 10000

/* Directories that are not a container yet, or no longer. Identifiers do not begin with a dot. */
#define NEW_PREFIX ".new-"
#define OLD_PREFIX ".old-"

static const char *const status_names[] = {
    [STATUS_CREATING] = "creating", [STATUS_CREATED] = "created", [STATUS_RUNNING] = "running",
    [STATUS_PAUSED] = "paused",     [STATUS_STOPPED] = "stopped",
};

const char *container_status_name(enum container_status s)
{
    return status_names[s];
}

/* ---- the store ---- */

static int make_directories(const char *path)
{
    _cleanup_free_ char *copy = strdup(path);

    if (!copy)
        return -ENOMEM;
    for (char *p = copy + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        if (mkdir(copy, 0755) < 0 && errno != EEXIST)
            return -errno;
        *p = '/';
    }
    if (mkdir(copy, 0700) < 0 && errno != EEXIST)
        return -errno;
    return 0;
}

static char *default_root(void)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char *path;
    int n;

    if (geteuid() == 0)
        return strdup("/run/cloister");
    if (runtime && runtime[0] == '/')
        n = asprintf(&path, "%s/cloister", runtime);
    else
        n = asprintf(&path, "/tmp/cloister-%u", (unsigned) geteuid());
    return n < 0 ? NULL : path;
}

int state_store_open(const char *root, bool create, struct state_store *ret, struct fail *f)
{
    _cleanup_free_ char *path = NULL;
    _cleanup_close_ int fd = -1;
    struct stat st;
    int r;

    if (root && root[0] != '/') {
        _cleanup_free_ char *cwd = getcwd(NULL, 0);
        if (!cwd || asprintf(&path, "%s/%s", cwd, root) < 0)
            return fail(f, ENOMEM, "making the state directory's path absolute");
    } else {
        path = root ? strdup(root) : default_root();
    }
    if (!path)
        return fail(f, ENOMEM, "out of memory");
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && create) {
        r = make_directories(path);
        if (r < 0)
            return fail_errno(f, -r, "making the state directory %s", path);
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (fd < 0)
        return fail_errno(f, errno, "opening the state directory %s", path);
    /* In /tmp anyone could have been faster; what another user owns decides over our containers. */
    if (fstat(fd, &st) < 0 || st.st_uid != geteuid())
        return fail(f, EPERM, "the state directory %s belongs to another user", path);
    ret->path = take_ptr(&path);
    ret->fd = take_fd(&fd);
    return 0;
}

void state_store_close(struct state_store *s)
{
    free(s->path);
    s->path = NULL;
    s->fd = close_fd(s->fd);
}

int container_check_id(const char *id, struct fail *f)
{
    size_t n = strlen(id);

    if (n == 0 || n > 200 || id[0] == '.' || id[0] == '-' ||
        strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.") != n)
        return fail(f, EINVAL,
                    "invalid container ID \"%s\" (letters, digits, _ + - . and at most 200)", id);
    return 0;
}

/* ---- files of one container ---- */

int container_save(struct container *c, bool durable, struct fail *f)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_close_ int fd = -1;
    int r = state_file_format(c, &text);

    if (r < 0)
        return fail_errno(f, -r, "formatting the state of %s", c->id);
    fd = openat(c->dir_fd, ".state.json", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                0600);
    if (fd < 0)
        return fail_errno(f, errno, "writing %s/state.json", c->dir);
    r = write_full(fd, text, strlen(text));
    if (r == 0 && durable && fsync(fd) < 0)
        r = -errno;
    if (r == 0 && renameat(c->dir_fd, ".state.json", c->dir_fd, "state.json") < 0)
        r = -errno;
    if (r == 0 && durable && fsync(c->dir_fd) < 0)
        r = -errno;
    if (r < 0)
        return fail_errno(f, -r, "writing %s/state.json", c->dir);
    return 0;
}

static const char *const known_files[] = {"control.sock", "config.json", ".state.json",
                                          "state.json", "lock"};

static int remove_directory(int store_fd, int dir_fd, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(known_files); i++)
        if (unlinkat(dir_fd, known_files[i], 0) < 0 && errno != ENOENT)
            return -errno;
    return unlinkat(store_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

/* Opens directory and lock file. -ENOENT when it is gone, also if it went while we waited;
 * -EWOULDBLOCK. */
static int open_locked(struct state_store *s, const char *name, int operation, int *ret_dir,
                       int *ret_lock)
{
    _cleanup_close_ int dir = openat(s->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    _cleanup_close_ int lock = -1;
    struct stat st;

    if (dir < 0)
        return -errno;
    lock = openat(dir, "lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (lock < 0)
        return -errno;
    while (flock(lock, operation) < 0)
        if (errno != EINTR)
            return -errno;
    if (fstat(lock, &st) < 0 || st.st_nlink == 0)
        return -ENOENT;
    *ret_dir = take_fd(&dir);
    *ret_lock = take_fd(&lock);
    return 0;
}

static int fill_names(struct state_store *s, const char *id, struct container *c)
{
    c->id = strdup(id);
    if (!c->id || asprintf(&c->dir, "%s/%s", s->path, id) < 0) {
        c->dir = NULL;
        return -ENOMEM;
    }
    return 0;
}

/* What makers and removers left that died between its two names. */
static void sweep(struct state_store *s, const char *name)
{
    int dir, lock, r;

    if (strncmp(name, NEW_PREFIX, strlen(NEW_PREFIX)) != 0 &&
        strncmp(name, OLD_PREFIX, strlen(OLD_PREFIX)) != 0)
        return;
    r = open_locked(s, name, LOCK_EX | LOCK_NB, &dir, &lock);
    if (r == 0) {
        (void) !remove_directory(s->fd, dir, name);
        close_fd(dir);
        close_fd(lock);
    } else if (r == -ENOENT) {
        (void) unlinkat(s->fd, name, AT_REMOVEDIR); /* empty, or not removed */
    }
}

/* Takes the name away first: whoever is killed while unlinking leaves only what sweep() removes. */
static int discard(struct state_store *s, struct container *c, struct fail *f)
{
    char old[32];
    int r = 0;

    snprintf(old, sizeof(old), OLD_PREFIX "%d", (int) getpid());
    sweep(s, old);
    if (renameat(s->fd, c->id, s->fd, old) < 0)
        r = -errno;
    if (r == 0)
        r = remove_directory(s->fd, c->dir_fd, old);
    if (r < 0)
        return fail_errno(f, -r, "removing the state directory %s", c->dir);
    return 0;
}

int container_remove(struct state_store *s, struct container *c, struct fail *f)
{
    int r;

    if (c->cgroup) {
        r = cgroup_remove(c->cgroup, f);
        if (r < 0)
            return r;
    }
    return discard(s, c, f);
}

int container_discard(struct state_store *s, const char *id, struct fail *f)
{
    struct container c = CONTAINER_NONE;
    int r = fill_names(s, id, &c);

    if (r == 0)
        r = open_locked(s, id, LOCK_EX, &c.dir_fd, &c.lock_fd);
    r = r < 0 ? fail_errno(f, -r, "opening the state of container %s", id) : discard(s, &c, f);
    container_close(&c);
    return r;
}

int container_kill_sandbox(const struct container *c, struct fail *f)
{
    _cleanup_close_ int pidfd = -1;
    struct pollfd p = {.events = POLLIN};
    struct fail ignored = {0};

    if (c->pid <= 0)
        return 0;
    pidfd = host_pidfd_open(c->pid, 0);
    /* The identity is checked after the descriptor is held: from there on it cannot change. */
    if (pidfd < 0 || !procstat_is_same(c->pid, c->start_time))
        return 0;
    if (host_pidfd_send_signal(pidfd, SIGKILL) < 0)
        return 0;
    /* On the hierarchies of version 1 a frozen process does not even die. */
    if (c->cgroup && cgroup_can_freeze(c->cgroup) && cgroup_freeze(c->cgroup, false, &ignored) < 0)
        log_debug("%s", ignored.text);
    p.fd = pidfd;
    if (poll(&p, 1, KILL_TIMEOUT_MS) == 0)
        return fail(f, ETIMEDOUT, "the sandbox of %s (process %d) does not die", c->id,
                    (int) c->pid);
    return 0;
}

char *container_control_path(const struct container *c)
{
    char *path;

    return asprintf(&path, "%s/control.sock", c->dir) < 0 ? NULL : path;
}

void container_close(struct container *c)
{
    free(c->id);
    free(c->dir);
    free(c->bundle);
    free(c->rootfs);
    free(c->created);
    free(c->annotations);
    free(c->cgroup);
    free(c->version);
    c->dir_fd = close_fd(c->dir_fd);
    c->lock_fd = close_fd(c->lock_fd);
    *c = (struct container) CONTAINER_NONE;
}

/* ---- opening ---- */

static int read_state(struct container *c, struct fail *f)
{
    _cleanup_free_ char *text = NULL;
    size_t len;
    int r = read_file_at(c->dir_fd, "state.json", MAX_STATE_BYTES, &text, &len);

    if (r < 0)
        return fail_errno(f, -r, "reading %s/state.json", c->dir);
    r = state_file_parse(text, len, c, f);
    if (r < 0)
        return fail_wrap(f, r == -ENOMEM ? r : -EBADMSG, "%s/state.json", c->dir);
    if (c->status != STATUS_CREATING && !procstat_is_same(c->pid, c->start_time))
        c->status = STATUS_STOPPED;
    return 0;
}

/* Whether whoever was to finish or delete it has died. The lock is held, so nobody is making it
 * now. */
static bool is_orphan(const struct container *c)
{
    if (c->status == STATUS_CREATING)
        return true;
    return c->status == STATUS_STOPPED && c->maker > 0 &&
           !procstat_is_same(c->maker, c->maker_start);
}

/*
 * Ends what a dead maker began; the lock is held shared. Taking it exclusively lets go of it for a
 * moment in which another may do the same: then the lock file is gone, and the name perhaps a new
 * container's.
 */
static void purge(struct state_store *s, struct container *c, int operation)
{
    struct fail f = {0};
    struct stat st;

    if (flock(c->lock_fd, operation) < 0 || fstat(c->lock_fd, &st) < 0 || st.st_nlink == 0)
        return;
    log_info("container %s was left by a command that died: removing it", c->id);
    if (container_kill_sandbox(c, &f) < 0 || container_remove(s, c, &f) < 0)
        log_warn("container %s: %s", c->id, f.text);
}

/* Opens, locks and reads one. -ENOENT when it is not there or was purged. LOCK_NB: see FOR_PEEK.
 */
static int open_container(struct state_store *s, struct container *c, int operation, struct fail *f)
{
    int r = open_locked(s, c->id, operation, &c->dir_fd, &c->lock_fd);
    bool locked = r == 0;

    if (r == -EWOULDBLOCK) {
        /* Someone changes it at this moment; what it was before is the best that can be said. */
        c->dir_fd = openat(s->fd, c->id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        r = c->dir_fd < 0 ? -errno : 0;
    }
    if (r < 0)
        return r == -ENOENT ? r : fail_errno(f, -r, "opening the state of container %s", c->id);
    r = read_state(c, f);
    if (r == 0 && locked && is_orphan(c)) {
        purge(s, c, LOCK_EX | (operation & LOCK_NB));
        return -ENOENT;
    }
    return r;
}

int container_open(struct state_store *s, const char *id, enum container_access access,
                   struct container *ret, struct fail *f)
{
    static const int operations[] = {
        [FOR_PEEK] = LOCK_SH | LOCK_NB, [FOR_READ] = LOCK_SH, [FOR_CHANGE] = LOCK_EX};
    struct container c = CONTAINER_NONE;
    int r = container_check_id(id, f);

    if (r < 0)
        return r;
    r = fill_names(s, id, &c);
    r = r < 0 ? fail(f, ENOMEM, "out of memory") : open_container(s, &c, operations[access], f);
    if (r < 0) {
        container_close(&c);
        if (r == -ENOENT)
            return fail(f, ENOENT, "container \"%s\" does not exist: container does not exist", id);
        return r;
    }
    *ret = c;
    return 0;
}

/* ---- making ---- */

/* The new directory takes its final name. -EEXIST when a living container has it. */
static int publish(struct state_store *s, const char *temporary, const char *id)
{
    for (int tries = 0; tries < 3; tries++) {
        struct container old = CONTAINER_NONE;
        struct fail ignored = {0};

        if (renameat2(s->fd, temporary, s->fd, id, RENAME_NOREPLACE) == 0)
            return 0;
        if (errno != EEXIST)
            return -errno;
        /* Opening purges a half-made one, and then it "does not exist": try again. */
        int r = container_open(s, id, FOR_READ, &old, &ignored);
        container_close(&old);
        if (r != -ENOENT)
            return -EEXIST;
    }
    return -EEXIST;
}

/* A directory under a name of our own, with a lock that is held. Another's sweep() may take it for
 * a dead maker's until it is: then once more. */
static int make_temporary(struct state_store *s, const char *name, struct container *c)
{
    struct stat st;
    int r = -EBUSY;

    for (int tries = 0; tries < 100; tries++) {
        c->dir_fd = close_fd(c->dir_fd);
        c->lock_fd = close_fd(c->lock_fd);
        if (mkdirat(s->fd, name, 0700) < 0 && errno != EEXIST)
            return -errno;
        c->dir_fd = openat(s->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (c->dir_fd >= 0)
            c->lock_fd = openat(c->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (c->lock_fd >= 0 && flock(c->lock_fd, LOCK_EX | LOCK_NB) == 0 &&
            fstat(c->lock_fd, &st) == 0 && st.st_nlink > 0)
            return 0;
        r = -errno;
        if (c->lock_fd < 0 && errno != ENOENT)
            break;
    }
    return r;
}

int container_create(struct state_store *s, struct container *c, struct fail *f)
{
    char temporary[64];
    int r;

    snprintf(temporary, sizeof(temporary), NEW_PREFIX "%d", (int) getpid());
    if (asprintf(&c->dir, "%s/%s", s->path, c->id) < 0) {
        c->dir = NULL;
        return fail(f, ENOMEM, "out of memory");
    }
    r = make_temporary(s, temporary, c);
    if (r < 0)
        return fail_errno(f, -r, "making a directory in %s", s->path);
    c->status = STATUS_CREATING;
    r = container_save(c, false, f);
    if (r == 0) {
        r = publish(s, temporary, c->id);
        if (r == -EEXIST)
            fail(f, EEXIST, "container with given ID already exists: %s", c->id);
        else if (r < 0)
            fail_errno(f, -r, "making the state directory %s", c->dir);
    }
    if (r < 0)
        (void) !remove_directory(s->fd, c->dir_fd, temporary);
    return r;
}

/* ---- all of them ---- */

static int visit(struct state_store *s, const char *name, int (*fn)(struct container *c, void *arg),
                 void *arg)
{
    struct container c = CONTAINER_NONE;
    struct fail f = {0};
    int r = fill_names(s, name, &c);

    if (r < 0)
        return r;
    r = open_container(s, &c, LOCK_SH | LOCK_NB, &f);
    if (r < 0 && r != -ENOENT)
        log_warn("%s", f.text);
    r = r < 0 ? 0 : fn(&c, arg);
    container_close(&c);
    return r;
}

int state_store_each(struct state_store *s, int (*fn)(struct container *c, void *arg), void *arg,
                     struct fail *f)
{
    int copy = fcntl(s->fd, F_DUPFD_CLOEXEC, 3), r = 0;
    DIR *d = copy < 0 ? NULL : fdopendir(copy);
    struct dirent *e;

    if (!d) {
        r = fail_errno(f, errno, "reading the state directory %s", s->path);
        close_fd(copy);
        return r;
    }
    rewinddir(d);
    while (r == 0 && (e = readdir(d))) {
        struct fail ignored = {0};

        sweep(s, e->d_name);
        if (e->d_name[0] != '.' && container_check_id(e->d_name, &ignored) == 0)
            r = visit(s, e->d_name, fn, arg);
    }
    closedir(d);
    return r < 0 ? fail_errno(f, -r, "reading the state directory %s", s->path) : 0;
}
