/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random calls on a small tree, each with its answer on a line of its own. Run with one seed
 * natively and over a tree of the host's the lines must be equal, and so must the trees.
 *
 *     model prepare DIR SEED     makes the tree
 *     model run DIR SEED COUNT   calls
 *     model show DIR             the whole tree
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define N_NAMES 6
#define N_FDS   8
#define PATH    256

static uint64_t state;
static int fds[N_FDS];

static uint32_t rnd(uint32_t n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t) (state >> 33) % n;
}

/* One of a few names, up to three deep, so that calls meet. */
static void pick(char *dst)
{
    unsigned depth = 1 + rnd(3), at = 0;
    for (unsigned i = 0; i < depth; i++)
        at += (unsigned) snprintf(dst + at, PATH - at, "%s%c", i ? "/" : "",
                                  'a' + (char) rnd(N_NAMES));
}

static void say(long r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(long r, const char *fmt, ...)
{
    int err = errno;
    va_list ap;
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    if (r < 0)
        printf(": %s\n", strerrorname_np(err));
    else
        printf(": %ld\n", r);
}

static uint64_t sum(const char *p, size_t n)
{
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (uint8_t) p[i]) * 1099511628211u;
    return h;
}

/* ---- calls ---- */

static void do_write(int fd, const char *what)
{
    char buf[5000];
    size_t n = 1 + rnd(sizeof(buf));
    off_t at = rnd(4) ? (off_t) rnd(9000) : 200000;
    memset(buf, 'A' + (int) rnd(26), n);
    say(rnd(2) ? pwrite(fd, buf, n, at) : write(fd, buf, n), "write %s %zu %ld", what, n,
        (long) at);
}

static void op_open(void)
{
    static const int flags[] = {O_RDONLY,
                                O_RDWR,
                                O_WRONLY | O_CREAT,
                                O_RDWR | O_CREAT | O_EXCL,
                                O_WRONLY | O_TRUNC,
                                O_RDWR | O_APPEND,
                                O_RDONLY | O_DIRECTORY,
                                O_RDONLY | O_CREAT | O_TRUNC,
                                O_RDONLY | O_NOFOLLOW};
    char p[PATH];
    unsigned slot = rnd(N_FDS), f = rnd(sizeof(flags) / sizeof(flags[0]));
    pick(p);
    if (fds[slot] >= 0)
        close(fds[slot]);
    fds[slot] = open(p, flags[f] | O_NONBLOCK, 0640);
    say(fds[slot] < 0 ? -1 : 0, "open %u %s %x", slot, p, flags[f]);
    if (fds[slot] >= 0 && (flags[f] & O_ACCMODE) != O_RDONLY && rnd(2))
        do_write(fds[slot], p);
}

static void op_fd(void)
{
    char buf[4096], what[16];
    unsigned slot = rnd(N_FDS);
    struct stat st;
    ssize_t n;
    snprintf(what, sizeof(what), "#%u", slot);
    if (fds[slot] < 0)
        return;
    switch (rnd(7)) {
    case 0:
        do_write(fds[slot], what);
        break;
    case 1:
        n = pread(fds[slot], buf, sizeof(buf), rnd(5000));
        say(n, "pread %s %lx", what, n > 0 ? sum(buf, (size_t) n) : 0);
        break;
    case 2:
        n = read(fds[slot], buf, rnd(2000));
        say(n, "read %s %lx", what, n > 0 ? sum(buf, (size_t) n) : 0);
        break;
    case 3:
        say(fstat(fds[slot], &st), "fstat %s", what);
        if (S_ISREG(st.st_mode))
            printf("    %o %ld %lu\n", st.st_mode, (long) st.st_size, (unsigned long) st.st_nlink);
        break;
    case 4:
        say(ftruncate(fds[slot], rnd(6000)), "ftruncate %s", what);
        break;
    case 5:
        say(fchmod(fds[slot], 0600 | rnd(0200)), "fchmod %s", what);
        break;
    default:
        say(lseek(fds[slot], rnd(3000), SEEK_SET), "lseek %s", what);
        break;
    }
}

static void op_rename(void)
{
    static const unsigned flags[] = {0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE};
    char a[PATH], b[PATH];
    struct stat before, after;
    unsigned f = flags[rnd(5)];
    pick(a);
    pick(b);
    bool there = lstat(a, &before) == 0;
    int r = renameat2(AT_FDCWD, a, AT_FDCWD, b, f);
    say(r, "rename %s %s %u", a, b, f);
    /* The new path may have gone with what moved. */
    if (r == 0 && there && lstat(b, &after) == 0 &&
        (after.st_ino != before.st_ino || after.st_dev != before.st_dev))
        printf("    the object has changed\n");
}

static void op_names(void)
{
    char a[PATH], b[PATH];
    int fd;
    pick(a);
    pick(b);
    switch (rnd(8)) {
    case 0:
    case 1:
        say(unlink(a), "unlink %s", a);
        break;
    case 2:
        say(rmdir(a), "rmdir %s", a);
        break;
    case 3:
        say(mkdir(a, 0755), "mkdir %s", a);
        break;
    case 4:
        say(link(a, b), "link %s %s", a, b);
        break;
    case 5:
        say(symlink(b, a), "symlink %s %s", b, a);
        break;
    case 6:
        say(mknod(a, (rnd(2) ? S_IFIFO : S_IFREG) | 0644, 0), "mknod %s", a);
        break;
    default:
        fd = open(rnd(2) ? "." : b, O_TMPFILE | O_RDWR, 0644);
        say(fd < 0 ? -1 : 0, "tmpfile %s", b);
        if (fd >= 0) {
            char from[64];
            do_write(fd, "tmp");
            snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
            say(linkat(AT_FDCWD, from, AT_FDCWD, a, AT_SYMLINK_FOLLOW), "linkat tmp %s", a);
            close(fd);
        }
        break;
    }
}

static void op_attr(void)
{
    char p[PATH], buf[64];
    struct timespec ts[2] = {{.tv_sec = 1000000 + rnd(1000)}, {.tv_sec = 2000000 + rnd(1000)}};
    struct stat st;
    ssize_t n;
    pick(p);
    switch (rnd(8)) {
    case 0:
        say(chmod(p, 0400 | rnd(0400)), "chmod %s", p);
        break;
    case 1:
        say(lchown(p, 100 + rnd(3), 200), "lchown %s", p);
        break;
    case 2:
        say(utimensat(AT_FDCWD, p, ts, AT_SYMLINK_NOFOLLOW), "utimens %s", p);
        break;
    case 3:
        snprintf(buf, sizeof(buf), "value %u", rnd(1000));
        say(setxattr(p, "user.test", buf, strlen(buf), 0), "setxattr %s", p);
        break;
    case 4:
        n = lgetxattr(p, "user.test", buf, sizeof(buf));
        say(n, "getxattr %s %.*s", p, n > 0 ? (int) n : 0, buf);
        break;
    case 5:
        say(removexattr(p, "user.test"), "removexattr %s", p);
        break;
    case 6:
        say(truncate(p, rnd(8000)), "truncate %s", p);
        break;
    default:
        say(lstat(p, &st), "lstat %s", p);
        if (errno == 0 || access(p, F_OK) == 0)
            printf("    %o %u %u\n", st.st_mode, st.st_uid, st.st_gid);
        break;
    }
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Names in order, with what must agree about each. */
static void list(const char *p)
{
    struct dirent **v;
    char path[2 * PATH + 2];
    struct stat st, dir;
    int n = scandir(p, &v, NULL, by_name);
    say(n, "readdir %s", p);
    if (n < 0)
        return;
    lstat(p, &dir);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof(path), "%s/%s", p, v[i]->d_name);
        if (strcmp(v[i]->d_name, "..") != 0 && lstat(path, &st) == 0)
            printf("    %s %u%s%s\n", v[i]->d_name, v[i]->d_type,
                   st.st_ino == v[i]->d_ino ? "" : " ANOTHER INODE",
                   st.st_dev == dir.st_dev ? "" : " ANOTHER DEVICE");
        free(v[i]);
    }
    free(v);
}

static void op_list(void)
{
    char p[PATH];
    pick(p);
    list(rnd(4) ? p : ".");
}

/* ---- the modes ---- */

static void prepare(void)
{
    char p[PATH], q[PATH], buf[3000];
    for (int i = 0; i < 60; i++) {
        pick(p);
        pick(q);
        switch (rnd(7)) {
        case 0:
        case 1:
            mkdir(p, 0755);
            break;
        case 2:
            if (symlink(q, p) < 0)
                break;
            break;
        case 3:
            if (link(q, p) < 0)
                break;
            break;
        case 4:
            mkfifo(p, 0644);
            break;
        default: {
            int fd = open(p, O_CREAT | O_EXCL | O_WRONLY, 0644);
            size_t n = rnd(sizeof(buf));
            memset(buf, 'a' + (int) rnd(26), n);
            if (fd < 0)
                break;
            if (write(fd, buf, n) < 0 || (rnd(4) == 0 && ftruncate(fd, 300000) < 0))
                exit(1);
            if (rnd(3) == 0)
                fsetxattr(fd, "user.test", "old", 3, 0);
            close(fd);
        }
        }
    }
}

static void show(const char *p)
{
    struct dirent **v;
    char path[4096], buf[65536];
    struct stat st;
    int n = scandir(p, &v, NULL, by_name);
    for (int i = 0; i < n; i++) {
        if (strcmp(v[i]->d_name, ".") == 0 || strcmp(v[i]->d_name, "..") == 0)
            continue;
        snprintf(path, sizeof(path), "%s/%s", p, v[i]->d_name);
        if (lstat(path, &st) < 0) {
            printf("%s: %s\n", path, strerrorname_np(errno));
            continue;
        }
        uint64_t h = 0;
        int fd = S_ISREG(st.st_mode) ? open(path, O_RDONLY) : -1;
        for (ssize_t got; fd >= 0 && (got = read(fd, buf, sizeof(buf))) > 0;)
            h = h * 31 + sum(buf, (size_t) got);
        if (fd >= 0)
            close(fd);
        ssize_t len = S_ISLNK(st.st_mode) ? readlink(path, buf, 100) : 0;
        printf("%s %o %u:%u %ld %lu %lx %.*s", path, st.st_mode, st.st_uid, st.st_gid,
               S_ISDIR(st.st_mode) ? 0 : (long) st.st_size,
               S_ISDIR(st.st_mode) ? 0 : (unsigned long) st.st_nlink, h, (int) len, buf);
        len = lgetxattr(path, "user.test", buf, 100);
        printf(" %.*s\n", len > 0 ? (int) len : 0, buf);
        if (S_ISDIR(st.st_mode))
            show(path);
    }
}

int main(int argc, char **argv)
{
    static void (*const ops[])(void) = {op_open,  op_fd,    op_fd,   op_rename, op_rename,
                                        op_names, op_names, op_attr, op_list};
    if (argc < 3 || chdir(argv[2]) < 0)
        return 2;
    umask(022);
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    state = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
    for (int i = 0; i < N_FDS; i++)
        fds[i] = -1;
    if (strcmp(argv[1], "prepare") == 0) {
        prepare();
    } else if (strcmp(argv[1], "show") == 0) {
        show(".");
    } else {
        for (long i = strtol(argv[4], NULL, 10); i > 0; i--) {
            errno = 0;
            ops[rnd(sizeof(ops) / sizeof(ops[0]))]();
        }
    }
    return 0;
}
