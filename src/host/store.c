/* SPDX-License-Identifier: Apache-2.0 */
/* The store of kept sandboxes: see store.h. Sources: flock(2), rename(2), fsync(2), and the XDG
 * base directory specification. */
#include "host/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/textio.h"
#include "host/rmtree.h"
#include "host/upper_meta.h"

#define MAX_META_BYTES (1u << 20)

/* Directories that are no sandbox yet, or none any more. Names do not begin with a dot. */
#define NEW_PREFIX ".new-"
#define OLD_PREFIX ".old-"

/* ---- the directory of all ---- */

static char *default_store(void)
{
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    char *path = NULL;
    int n;

    if (geteuid() == 0)
        return strdup("/var/lib/cloister/overlays");
    if (data && data[0] == '/')
        n = asprintf(&path, "%s/cloister/overlays", data);
    else if (home && home[0] == '/')
        n = asprintf(&path, "%s/.local/share/cloister/overlays", home);
    else
        return NULL;
    return n < 0 ? NULL : path;
}

static int make_directories(char *path)
{
    for (char *p = path + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        if (mkdir(path, 0755) < 0 && errno != EEXIST)
            return -errno;
        *p = '/';
    }
    return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

static int absolute_store(const char *store, char **ret, struct fail *f)
{
    _cleanup_free_ char *cwd = NULL;

    if (!store) {
        *ret = default_store();
        return *ret ? 0
                    : fail(f, ENOENT,
                           "where kept sandboxes are is unknown: HOME is not set (see --store)");
    }
    if (store[0] == '/') {
        *ret = strdup(store);
        return *ret ? 0 : fail(f, ENOMEM, "out of memory");
    }
    cwd = getcwd(NULL, 0);
    if (!cwd || asprintf(ret, "%s/%s", cwd, store) < 0)
        return fail(f, ENOMEM, "making the path of %s absolute", store);
    return 0;
}

/* -ENOENT without a text when it is not there and shall not be made. */
static int open_store(const char *store, bool make, char **ret_path, int *ret_fd, struct fail *f)
{
    _cleanup_free_ char *path = NULL;
    _cleanup_close_ int fd = -1;
    struct stat st;
    int r = absolute_store(store, &path, f);

    if (r < 0)
        return r;
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        if (!make)
            return -ENOENT;
        r = make_directories(path);
        if (r < 0)
            return fail_errno(f, -r, "making the directory of kept sandboxes, %s", path);
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (fd < 0)
        return fail_errno(f, errno, "opening the directory of kept sandboxes, %s", path);
    /* Whoever owns it decides what commit writes to the host in our name. */
    if (fstat(fd, &st) < 0 || st.st_uid != geteuid() || (st.st_mode & 022))
        return fail(f, EPERM,
                    "the directory of kept sandboxes, %s, belongs to another user or can be "
                    "written to by others",
                    path);
    *ret_path = take_ptr(&path);
    *ret_fd = take_fd(&fd);
    return 0;
}

/* ---- one of them ---- */

int kept_check_name(const char *name, struct fail *f)
{
    size_t n = strlen(name);

    if (n == 0 || n > 64 || strchr(".-+", name[0]) ||
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.") != n)
        return fail(
            f, EINVAL,
            "invalid name \"%s\" of a kept sandbox (letters, digits, _ + - . and at most 64, "
            "beginning with a letter, a digit or _)",
            name);
    return 0;
}

void kept_close(struct kept *k)
{
    kept_meta_free(&k->meta);
    free(k->dir);
    k->dir = NULL;
    k->top_fd = close_fd(k->top_fd);
    k->dir_fd = close_fd(k->dir_fd);
    k->lock_fd = close_fd(k->lock_fd);
}

int kept_save(struct kept *k, struct fail *f)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_close_ int fd = -1;
    int r = kept_meta_format(&k->meta, &text);

    if (r == 0) {
        fd = openat(k->dir_fd, ".meta.json", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                    0600);
        r = fd < 0 ? -errno : write_full(fd, text, strlen(text));
    }
    if (r == 0 && (fsync(fd) < 0 || renameat(k->dir_fd, ".meta.json", k->dir_fd, "meta.json") < 0 ||
                   fsync(k->dir_fd) < 0))
        r = -errno;
    return r < 0 ? fail_errno(f, -r, "writing %s/meta.json", k->dir) : 0;
}

/* Opens directory and lock. -ENOENT also when it went while we looked; -EBUSY. */
static int lock_one(int top, const char *name, int *ret_dir, int *ret_lock)
{
    _cleanup_close_ int dir = openat(top, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    _cleanup_close_ int lock = -1;
    struct stat a, b;

    if (dir < 0)
        return -errno;
    lock = openat(dir, "lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (lock < 0)
        return -errno;
    while (flock(lock, LOCK_EX | LOCK_NB) < 0)
        if (errno != EINTR)
            return errno == EWOULDBLOCK ? -EBUSY : -errno;
    /* Between the two it may have been discarded, and another made. */
    if (fstat(dir, &a) < 0 || fstatat(top, name, &b, AT_SYMLINK_NOFOLLOW) < 0 ||
        a.st_ino != b.st_ino || a.st_dev != b.st_dev)
        return -ENOENT;
    *ret_dir = take_fd(&dir);
    *ret_lock = take_fd(&lock);
    return 0;
}

static int read_meta(int dir_fd, const char *name, struct kept_meta *ret, struct fail *f)
{
    _cleanup_free_ char *text = NULL;
    size_t len = 0;
    int r = read_file_at(dir_fd, "meta.json", MAX_META_BYTES, &text, &len);

    return r < 0 ? fail_errno(f, -r, "meta.json") : kept_meta_parse(text, len, name, ret, f);
}

/* Of a store that is open: k->top_fd and `top`. */
static int open_in(struct kept *k, const char *top, const char *name, struct fail *f)
{
    int r = lock_one(k->top_fd, name, &k->dir_fd, &k->lock_fd);

    if (r == -ENOENT)
        return fail(f, ENOENT, "there is no kept sandbox \"%s\" (`cloister kept` lists them)",
                    name);
    if (r == -EBUSY)
        return fail(f, EBUSY,
                    "the kept sandbox \"%s\" is in use: a sandbox runs on it, or another command "
                    "works on it",
                    name);
    if (r < 0)
        return fail_errno(f, -r, "locking %s/%s", top, name);
    if (asprintf(&k->dir, "%s/%s", top, name) < 0) {
        k->dir = NULL;
        return fail(f, ENOMEM, "out of memory");
    }
    r = read_meta(k->dir_fd, name, &k->meta, f);
    return r < 0 ? fail_wrap(f, r, "%s", k->dir) : 0;
}

int kept_open(const char *store, const char *name, struct kept *ret, struct fail *f)
{
    _cleanup_(kept_close) struct kept k = KEPT_NONE;
    _cleanup_free_ char *top = NULL;
    int r = kept_check_name(name, f);

    if (r == 0) {
        r = open_store(store, false, &top, &k.top_fd, f);
        if (r == -ENOENT && !*f->text)
            fail(f, ENOENT, "there is no kept sandbox \"%s\" (`cloister kept` lists them)", name);
    }
    if (r == 0)
        r = open_in(&k, top, name, f);
    if (r < 0)
        return r;
    *ret = k;
    k = (struct kept) KEPT_NONE;
    return 0;
}

static int fill_meta(struct kept_meta *m, const char *name, const char *root)
{
    struct timespec now;
    struct tm tm;
    char text[40];

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
    m->created_ns = (uint64_t) now.tv_sec * 1000000000u + (uint64_t) now.tv_nsec;
    m->created = strdup(text);
    m->name = strdup(name);
    m->root = strdup(root);
    return m->created && m->name && m->root ? 0 : -ENOMEM;
}

/* What the sandbox notes about its files it writes in attributes of theirs. */
static int check_attributes(int fd, const char *top, struct fail *f)
{
    if (fsetxattr(fd, UPPER_XATTR_PREFIX "probe", "y", 1, 0) == 0 &&
        fremovexattr(fd, UPPER_XATTR_PREFIX "probe") == 0)
        return 0;
    if (errno == EOPNOTSUPP)
        return fail(f, EOPNOTSUPP,
                    "the file system of %s has no user extended attributes, which kept sandboxes "
                    "need (see --store)",
                    top);
    return fail_errno(f, errno, "setting an extended attribute in %s", top);
}

/* Makes it beside and gives it its name when it is whole. -EEXIST when someone was faster. */
static int make(struct kept *k, const char *top, const char *name, const char *root, struct fail *f)
{
    char beside[96];
    int r = fill_meta(&k->meta, name, root);

    if (r < 0)
        return fail_errno(f, -r, "making a kept sandbox");
    snprintf(beside, sizeof(beside), NEW_PREFIX "%s-%d", name, (int) getpid());
    if (asprintf(&k->dir, "%s/%s", top, beside) < 0) {
        k->dir = NULL;
        return fail(f, ENOMEM, "out of memory");
    }
    (void) !rmtree_at(k->top_fd, beside, NULL);
    if (mkdirat(k->top_fd, beside, 0700) < 0)
        return fail_errno(f, errno, "making %s", k->dir);
    k->dir_fd = openat(k->top_fd, beside, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (k->dir_fd >= 0)
        k->lock_fd = openat(k->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (k->lock_fd < 0 || flock(k->lock_fd, LOCK_EX | LOCK_NB) < 0 ||
        mkdirat(k->dir_fd, "layers", 0700) < 0)
        r = fail_errno(f, errno, "filling %s", k->dir);
    if (r == 0)
        r = check_attributes(k->dir_fd, top, f);
    if (r == 0)
        r = kept_save(k, f);
    if (r == 0 && renameat2(k->top_fd, beside, k->top_fd, name, RENAME_NOREPLACE) < 0)
        r = errno == EEXIST ? -EEXIST
                            : fail_errno(f, errno, "giving %s its name, %s", k->dir, name);
    if (r == 0 && fsync(k->top_fd) < 0)
        r = fail_errno(f, errno, "writing %s", top);
    if (r < 0) {
        (void) !rmtree_at(k->top_fd, beside, NULL);
        return r;
    }
    free(k->dir);
    if (asprintf(&k->dir, "%s/%s", top, name) < 0) {
        k->dir = NULL;
        return fail(f, ENOMEM, "out of memory");
    }
    return 0;
}

static bool is_there(int top, const char *name)
{
    struct stat st;

    return fstatat(top, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int kept_open_or_make(const char *store, const char *name, const char *root, struct kept *ret,
                      struct fail *f)
{
    _cleanup_(kept_close) struct kept k = KEPT_NONE;
    _cleanup_free_ char *top = NULL;
    int r = kept_check_name(name, f);

    if (r == 0)
        r = open_store(store, true, &top, &k.top_fd, f);
    if (r < 0)
        return r;
    r = -EEXIST;
    if (!is_there(k.top_fd, name))
        r = make(&k, top, name, root, f);
    if (r == -EEXIST) {
        int fd = take_fd(&k.top_fd);

        kept_close(&k);
        k.top_fd = fd;
        r = open_in(&k, top, name, f);
    }
    if (r == 0 && strcmp(k.meta.root, root) != 0)
        r = fail(f, EINVAL,
                 "the kept sandbox \"%s\" is of the root %s, not of %s (choose another name)", name,
                 k.meta.root, root);
    if (r < 0)
        return r;
    *ret = k;
    k = (struct kept) KEPT_NONE;
    return 0;
}

/* ---- layers ---- */

int kept_layer_path(struct kept *k, const char *dest, char **ret, struct fail *f)
{
    const struct kept_layer *l = NULL;
    char name[32];
    int r;

    for (size_t i = 0; i < k->meta.n_layers && !l; i++)
        if (strcmp(k->meta.layers[i].dest, dest) == 0)
            l = &k->meta.layers[i];
    if (!l) {
        r = kept_meta_add_layer(&k->meta, dest, &l);
        if (r == 0)
            r = kept_save(k, f);
        else
            r = fail_errno(f, -r, "adding a layer for %s to %s", dest, k->dir);
        if (r < 0)
            return r;
    }
    snprintf(name, sizeof(name), "layers/%u", l->number);
    if (mkdirat(k->dir_fd, name, 0700) < 0 && errno != EEXIST)
        return fail_errno(f, errno, "making %s/%s", k->dir, name);
    return asprintf(ret, "%s/%s", k->dir, name) < 0 ? fail(f, ENOMEM, "out of memory") : 0;
}

int kept_open_layer(const struct kept *k, const struct kept_layer *l, const char *part,
                    struct upper_fd *ret)
{
    _cleanup_close_ int layers = -1, layer = -1;
    struct stat st;
    char name[16];

    snprintf(name, sizeof(name), "%u", l->number);
    layers = openat(k->dir_fd, "layers", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (layers < 0)
        return -errno;
    layer = openat(layers, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (layer < 0 || fstatat(layer, part, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    return S_ISDIR(st.st_mode) ? upper_open(layer, part, &st, ret) : -ENOTDIR;
}

/* ---- its end ---- */

int kept_discard(struct kept *k, struct fail *f)
{
    struct progress progress;
    char old[96];
    int r = 0;

    snprintf(old, sizeof(old), OLD_PREFIX "%s-%d", k->meta.name, (int) getpid());
    if (renameat2(k->top_fd, k->meta.name, k->top_fd, old, RENAME_NOREPLACE) < 0)
        r = fail_errno(f, errno, "removing %s", k->dir);
    if (r == 0) {
        progress_begin(&progress, "removed", 0);
        r = rmtree_at_shown(k->top_fd, old, &progress, f);
        progress_end(&progress);
    }
    kept_close(k);
    return r;
}

/* What makers and discarders left that died between its two names. The lock tells whether they
 * live: it is held from before the name of ours to the end. */
static void sweep(int top, const char *name)
{
    _cleanup_close_ int dir = -1, lock = -1;
    struct stat st;
    int r = lock_one(top, name, &dir, &lock);

    if (r == -EBUSY)
        return;
    /* One that was made a moment ago may be about to get its lock. */
    if (r < 0 && fstatat(top, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ctime + 60 > time(NULL))
        return;
    log_debug("store: removing what is left as %s", name);
    (void) !rmtree_at(top, name, NULL);
}

static int select_names(const struct dirent *d)
{
    return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

static int tell(int top, const char *name, int (*fn)(const struct kept_info *i, void *arg),
                void *arg)
{
    _cleanup_close_ int dir = openat(top, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    _cleanup_close_ int held_dir = -1, lock = -1;
    struct kept_info info = {.name = name};
    struct kept_meta meta = {0};
    struct fail ignored = {0};
    int r;

    if (dir < 0)
        return 0;
    info.busy = lock_one(top, name, &held_dir, &lock) == -EBUSY;
    if (read_meta(dir, name, &meta, &ignored) == 0)
        info.meta = &meta;
    r = fn(&info, arg);
    kept_meta_free(&meta);
    return r;
}

int kept_each(const char *store, int (*fn)(const struct kept_info *i, void *arg), void *arg,
              struct fail *f)
{
    _cleanup_free_ char *top = NULL;
    _cleanup_close_ int fd = -1;
    struct dirent **names;
    struct fail ignored = {0};
    int n, r = open_store(store, false, &top, &fd, f);

    if (r == -ENOENT && !*f->text)
        return 0;
    if (r < 0)
        return r;
    n = scandirat(fd, ".", &names, select_names, alphasort);
    if (n < 0)
        return fail_errno(f, errno, "listing %s", top);
    for (int i = 0; i < n; i++) {
        const char *name = names[i]->d_name;

        if (strncmp(name, NEW_PREFIX, strlen(NEW_PREFIX)) == 0 ||
            strncmp(name, OLD_PREFIX, strlen(OLD_PREFIX)) == 0)
            sweep(fd, name);
        else if (r == 0 && kept_check_name(name, &ignored) == 0)
            r = fn ? tell(fd, name, fn, arg) : 0;
        free(names[i]);
    }
    free(names);
    return r < 0 ? fail_errno(f, -r, "listing kept sandboxes") : 0;
}
