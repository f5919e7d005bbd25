/* SPDX-License-Identifier: Apache-2.0 */
/* What a watcher of files and directories hears: inotify(7). */
#include "guest.h"

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>

static uint32_t cookies[16];
static int n_cookies;

static void add_bit(char *out, size_t cap, uint32_t *mask, uint32_t bit, const char *name)
{
    if (!(*mask & bit))
        return;
    *mask &= ~bit;
    strncat(out, name, cap - strlen(out) - 1);
}

/* One event as "WD EVENT[/] NAME;": a slash for IN_ISDIR. */
static void event_text(const struct inotify_event *e, char *out, size_t cap)
{
    uint32_t m = e->mask;
    char line[320] = "";
    snprintf(line, sizeof(line), "%d ", e->wd);
    add_bit(line, sizeof(line), &m, IN_ACCESS, "ACCESS");
    add_bit(line, sizeof(line), &m, IN_MODIFY, "MODIFY");
    add_bit(line, sizeof(line), &m, IN_ATTRIB, "ATTRIB");
    add_bit(line, sizeof(line), &m, IN_CLOSE_WRITE, "CLOSEW");
    add_bit(line, sizeof(line), &m, IN_CLOSE_NOWRITE, "CLOSE");
    add_bit(line, sizeof(line), &m, IN_OPEN, "OPEN");
    add_bit(line, sizeof(line), &m, IN_MOVED_FROM, "FROM");
    add_bit(line, sizeof(line), &m, IN_MOVED_TO, "TO");
    add_bit(line, sizeof(line), &m, IN_CREATE, "CREATE");
    add_bit(line, sizeof(line), &m, IN_DELETE, "DELETE");
    add_bit(line, sizeof(line), &m, IN_DELETE_SELF, "DELSELF");
    add_bit(line, sizeof(line), &m, IN_MOVE_SELF, "MOVSELF");
    add_bit(line, sizeof(line), &m, IN_IGNORED, "IGNORED");
    add_bit(line, sizeof(line), &m, IN_Q_OVERFLOW, "OVERFLOW");
    add_bit(line, sizeof(line), &m, IN_ISDIR, "/");
    if (m)
        snprintf(line + strlen(line), sizeof(line) - strlen(line), "?%x", m);
    if (e->len) {
        CHECK_EQ(e->len % sizeof(*e), 0);
        CHECK(strlen(e->name) < e->len);
        snprintf(line + strlen(line), sizeof(line) - strlen(line), " %.250s", e->name);
    }
    strncat(line, ";", sizeof(line) - strlen(line) - 1);
    strncat(out, line, cap - strlen(out) - 1);
}

/* All that is queued, as one text. */
static const char *heard(int fd)
{
    static char out[4096];
    _Alignas(struct inotify_event) char buf[4096];
    out[0] = 0;
    n_cookies = 0;
    for (;;) {
        ssize_t n = read(fd, buf, sizeof(buf));
        if (n < 0) {
            CHECK_EQ(errno, EAGAIN);
            return out;
        }
        for (ssize_t at = 0; at < n;) {
            const struct inotify_event *e = (const struct inotify_event *) (buf + at);
            event_text(e, out, sizeof(out));
            if (e->cookie && n_cookies < 16)
                cookies[n_cookies++] = e->cookie;
            at += (ssize_t) (sizeof(*e) + e->len);
        }
    }
}

static int instance(void)
{
    return (int) CHECK_OK(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
}

static int watching(const char *path, uint32_t mask)
{
    int fd = instance();
    CHECK_EQ(inotify_add_watch(fd, path, mask), 1);
    return fd;
}

CASE(nothing_yet)
{
    int fd = instance();
    char c[64];
    CHECK_ERR(read(fd, c, sizeof(c)), EAGAIN);
    CHECK_STR(heard(fd), "");
}

CASE(create_write_close)
{
    int fd = watching(".", IN_ALL_EVENTS);
    int f = (int) CHECK_OK(open("f", O_WRONLY | O_CREAT, 0600));
    CHECK_EQ(write(f, "x", 1), 1);
    close(f);
    CHECK_STR(heard(fd), "1 CREATE f;1 OPEN f;1 MODIFY f;1 CLOSEW f;");
}

CASE(read_of_a_file)
{
    char c;
    put_file("f", "text", 0600);
    int fd = watching(".", IN_ALL_EVENTS);
    int f = (int) CHECK_OK(open("f", O_RDONLY));
    CHECK_EQ(read(f, &c, 1), 1);
    close(f);
    CHECK_STR(heard(fd), "1 OPEN f;1 ACCESS f;1 CLOSE f;");
}

CASE(the_file_itself)
{
    char c;
    put_file("f", "text", 0600);
    int fd = watching("f", IN_ALL_EVENTS);
    int f = (int) CHECK_OK(open("f", O_RDWR));
    CHECK_EQ(read(f, &c, 1), 1);
    CHECK_EQ(pwrite(f, "y", 1, 0), 1);
    close(f);
    CHECK_STR(heard(fd), "1 OPEN;1 ACCESS;1 MODIFY;1 CLOSEW;");
}

CASE(directory_and_file)
{
    put_file("f", "text", 0600);
    int fd = watching(".", IN_OPEN);
    CHECK_EQ(inotify_add_watch(fd, "f", IN_OPEN), 2);
    close((int) CHECK_OK(open("f", O_RDONLY)));
    CHECK_STR(heard(fd), "1 OPEN f;2 OPEN;");
}

CASE(end_of_file_is_no_access)
{
    char c;
    put_file("f", "", 0600);
    int fd = watching("f", IN_ALL_EVENTS);
    int f = (int) CHECK_OK(open("f", O_RDONLY));
    CHECK_EQ(read(f, &c, 1), 0);
    close(f);
    CHECK_STR(heard(fd), "1 OPEN;1 CLOSE;");
}

CASE(only_what_was_asked)
{
    int fd = watching(".", IN_CREATE | IN_DELETE);
    put_file("f", "text", 0600);
    unlink("f");
    CHECK_STR(heard(fd), "1 CREATE f;1 DELETE f;");
}

CASE(truncation)
{
    put_file("f", "text", 0600);
    int fd = watching("f", IN_ALL_EVENTS);
    CHECK_EQ(truncate("f", 1), 0);
    CHECK_STR(heard(fd), "1 MODIFY;");
    int f = (int) CHECK_OK(open("f", O_WRONLY | O_TRUNC));
    CHECK_STR(heard(fd), "1 OPEN;1 MODIFY;");
    CHECK_EQ(ftruncate(f, 9), 0);
    CHECK_STR(heard(fd), "1 MODIFY;");
    CHECK_EQ(posix_fallocate(f, 0, 100), 0);
    CHECK_STR(heard(fd), "1 MODIFY;");
}

CASE(attributes)
{
    put_file("f", "text", 0600);
    int fd = watching("f", IN_ALL_EVENTS);
    CHECK_EQ(chmod("f", 0640), 0);
    CHECK_STR(heard(fd), "1 ATTRIB;");
    CHECK_EQ(chown("f", getuid(), getgid()), 0);
    CHECK_STR(heard(fd), "1 ATTRIB;");
    CHECK_EQ(utimensat(AT_FDCWD, "f", NULL, 0), 0);
    CHECK_STR(heard(fd), "1 ATTRIB;");
    struct timespec only_atime[2] = {{5, 0}, {0, UTIME_OMIT}},
                    only_mtime[2] = {{0, UTIME_OMIT}, {5, 0}};
    CHECK_EQ(utimensat(AT_FDCWD, "f", only_atime, 0), 0);
    CHECK_STR(heard(fd), "1 ACCESS;");
    CHECK_EQ(utimensat(AT_FDCWD, "f", only_mtime, 0), 0);
    CHECK_STR(heard(fd), "1 MODIFY;");
}

CASE(attributes_by_descriptor)
{
    put_file("f", "text", 0600);
    int fd = watching(".", IN_ATTRIB | IN_MODIFY);
    int f = (int) CHECK_OK(open("f", O_RDWR));
    CHECK_EQ(fchmod(f, 0640), 0);
    CHECK_STR(heard(fd), "1 ATTRIB f;");
    CHECK_EQ(futimens(f, NULL), 0);
    CHECK_STR(heard(fd), "1 ATTRIB f;");
}

CASE(attribute_of_the_directory)
{
    CHECK_EQ(mkdir("d", 0700), 0);
    int fd = watching("d", IN_ALL_EVENTS);
    CHECK_EQ(inotify_add_watch(fd, ".", IN_ATTRIB), 2);
    CHECK_EQ(chmod("d", 0750), 0);
    CHECK_STR(heard(fd), "2 ATTRIB/ d;1 ATTRIB/;");
}

CASE(extended_attributes)
{
    put_file("f", "text", 0600);
    int fd = watching("f", IN_ALL_EVENTS);
    if (setxattr("f", "user.a", "b", 1, 0) != 0)
        SKIP("no extended attributes here");
    CHECK_EQ(removexattr("f", "user.a"), 0);
    CHECK_STR(heard(fd), "1 ATTRIB;");
}

CASE(directories)
{
    int fd = watching(".", IN_ALL_EVENTS);
    CHECK_EQ(mkdir("d", 0700), 0);
    CHECK_EQ(rmdir("d"), 0);
    CHECK_STR(heard(fd), "1 CREATE/ d;1 DELETE/ d;");
}

CASE(listing_a_directory)
{
    int fd = watching(".", IN_ALL_EVENTS);
    DIR *d = opendir(".");
    CHECK(d != NULL);
    while (readdir(d))
        ;
    closedir(d);
    CHECK_STR(heard(fd), "1 OPEN/;1 ACCESS/;1 CLOSE/;");
}

CASE(other_kinds_of_names)
{
    int fd = watching(".", IN_ALL_EVENTS);
    CHECK_EQ(symlink("to", "l"), 0);
    CHECK_EQ(mkfifo("p", 0600), 0);
    CHECK_STR(heard(fd), "1 CREATE l;1 CREATE p;");
}

CASE(hard_links)
{
    put_file("f", "text", 0600);
    int fd = watching("f", IN_ALL_EVENTS);
    CHECK_EQ(inotify_add_watch(fd, ".", IN_CREATE | IN_DELETE), 2);
    CHECK_EQ(link("f", "g"), 0);
    CHECK_STR(heard(fd), "1 ATTRIB;2 CREATE g;");
    /* The object is watched, not the name. */
    close((int) CHECK_OK(open("g", O_RDONLY)));
    CHECK_STR(heard(fd), "1 OPEN;1 CLOSE;");
    CHECK_EQ(unlink("f"), 0);
    CHECK_STR(heard(fd), "1 ATTRIB;2 DELETE f;");
    CHECK_EQ(unlink("g"), 0);
    CHECK_STR(heard(fd), "1 ATTRIB;1 DELSELF;1 IGNORED;2 DELETE g;");
}

CASE(removal_of_the_watched_file)
{
    put_file("f", "text", 0600);
    int fd = watching("f", IN_ALL_EVENTS);
    CHECK_EQ(unlink("f"), 0);
    CHECK_STR(heard(fd), "1 ATTRIB;1 DELSELF;1 IGNORED;");
    CHECK_ERR(inotify_rm_watch(fd, 1), EINVAL);
    put_file("f", "other", 0600);
    CHECK_STR(heard(fd), "");
    CHECK_EQ(inotify_add_watch(fd, "f", IN_OPEN), 2);
}

CASE(removal_while_open)
{
    put_file("f", "text", 0600);
    int f = (int) CHECK_OK(open("f", O_WRONLY));
    int fd = watching("f", IN_ALL_EVENTS);
    CHECK_EQ(unlink("f"), 0);
    CHECK_STR(heard(fd), "1 ATTRIB;");
    CHECK_EQ(write(f, "x", 1), 1);
    CHECK_STR(heard(fd), "1 MODIFY;");
    close(f);
    CHECK_STR(heard(fd), "1 CLOSEW;1 DELSELF;1 IGNORED;");
}

CASE(removal_of_the_watched_directory)
{
    CHECK_EQ(mkdir("d", 0700), 0);
    int fd = watching("d", IN_ALL_EVENTS);
    CHECK_EQ(rmdir("d"), 0);
    CHECK_STR(heard(fd), "1 DELSELF;1 IGNORED;");
}

CASE(removal_seen_from_above)
{
    CHECK_EQ(mkdir("d", 0700), 0);
    int fd = watching(".", IN_ALL_EVENTS);
    CHECK_EQ(inotify_add_watch(fd, "d", IN_ALL_EVENTS), 2);
    CHECK_EQ(rmdir("d"), 0);
    CHECK_STR(heard(fd), "2 DELSELF;2 IGNORED;1 DELETE/ d;");
}

CASE(ignored_comes_unasked)
{
    put_file("f", "text", 0600);
    int fd = watching("f", IN_MODIFY);
    CHECK_EQ(unlink("f"), 0);
    CHECK_STR(heard(fd), "1 IGNORED;");
}

CASE(moves)
{
    CHECK_EQ(mkdir("a", 0700), 0);
    CHECK_EQ(mkdir("b", 0700), 0);
    put_file("a/f", "text", 0600);
    int fd = watching("a", IN_ALL_EVENTS);
    CHECK_EQ(inotify_add_watch(fd, "b", IN_ALL_EVENTS), 2);
    CHECK_EQ(inotify_add_watch(fd, "a/f", IN_ALL_EVENTS), 3);
    CHECK_EQ(rename("a/f", "b/g"), 0);
    CHECK_STR(heard(fd), "1 FROM f;2 TO g;3 MOVSELF;");
    CHECK_EQ(n_cookies, 2);
    CHECK_EQ(cookies[0], cookies[1]);
    uint32_t first = cookies[0];
    CHECK_EQ(rename("b/g", "b/h"), 0);
    CHECK_STR(heard(fd), "2 FROM g;2 TO h;3 MOVSELF;");
    CHECK_EQ(cookies[0], cookies[1]);
    CHECK(cookies[0] != first);
}

CASE(move_of_a_directory)
{
    CHECK_EQ(mkdir("a", 0700), 0);
    int fd = watching(".", IN_ALL_EVENTS);
    CHECK_EQ(inotify_add_watch(fd, "a", IN_ALL_EVENTS), 2);
    CHECK_EQ(rename("a", "b"), 0);
    CHECK_STR(heard(fd), "1 FROM/ a;1 TO/ b;2 MOVSELF;");
    /* It is watched under its new name. */
    put_file("b/f", "", 0600);
    CHECK_STR(heard(fd), "2 CREATE f;2 OPEN f;2 ATTRIB f;2 CLOSEW f;");
}

CASE(move_over_another)
{
    put_file("a", "text", 0600);
    put_file("b", "text", 0600);
    int fd = watching(".", IN_ALL_EVENTS);
    CHECK_EQ(inotify_add_watch(fd, "b", IN_ALL_EVENTS), 2);
    CHECK_EQ(rename("a", "b"), 0);
    CHECK_STR(heard(fd), "1 FROM a;1 TO b;2 ATTRIB;2 DELSELF;2 IGNORED;");
}

CASE(move_out_and_in)
{
    CHECK_EQ(mkdir("d", 0700), 0);
    put_file("f", "text", 0600);
    int fd = watching("d", IN_MOVE);
    CHECK_EQ(rename("f", "d/f"), 0);
    CHECK_STR(heard(fd), "1 TO f;");
    CHECK_EQ(n_cookies, 1);
    CHECK_EQ(rename("d/f", "f"), 0);
    CHECK_STR(heard(fd), "1 FROM f;");
    CHECK_EQ(n_cookies, 1);
}

CASE(exchange)
{
    put_file("a", "text", 0600);
    CHECK_EQ(mkdir("b", 0700), 0);
    int fd = watching(".", IN_ALL_EVENTS);
    if (syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "b", 2 /* RENAME_EXCHANGE */) != 0)
        SKIP("no exchange here");
    CHECK_STR(heard(fd), "1 FROM a;1 TO b;1 FROM/ b;1 TO/ a;");
    CHECK_EQ(n_cookies, 4);
    CHECK(cookies[0] == cookies[1] && cookies[2] == cookies[3] && cookies[1] != cookies[2]);
}

CASE(rename_to_itself)
{
    put_file("a", "text", 0600);
    CHECK_EQ(link("a", "b"), 0);
    int fd = watching(".", IN_ALL_EVENTS);
    CHECK_EQ(rename("a", "a"), 0);
    CHECK_STR(heard(fd), "");
}

CASE(equal_events_in_a_row_are_one)
{
    put_file("f", "text", 0600);
    int f = (int) CHECK_OK(open("f", O_WRONLY));
    int fd = watching(".", IN_ALL_EVENTS);
    for (int i = 0; i < 5; i++)
        CHECK_EQ(write(f, "x", 1), 1);
    CHECK_STR(heard(fd), "1 MODIFY f;");
    CHECK_EQ(write(f, "x", 1), 1);
    CHECK_EQ(fchmod(f, 0600), 0);
    CHECK_EQ(write(f, "x", 1), 1);
    CHECK_STR(heard(fd), "1 MODIFY f;1 ATTRIB f;1 MODIFY f;");
}

CASE(removing_a_watch)
{
    int fd = watching(".", IN_ALL_EVENTS);
    CHECK_EQ(inotify_rm_watch(fd, 1), 0);
    CHECK_STR(heard(fd), "1 IGNORED;");
    put_file("f", "", 0600);
    CHECK_STR(heard(fd), "");
    CHECK_ERR(inotify_rm_watch(fd, 1), EINVAL);
    CHECK_EQ(inotify_add_watch(fd, ".", IN_OPEN), 2);
}

CASE(watching_again_changes_the_mask)
{
    int fd = watching(".", IN_CREATE);
    CHECK_EQ(inotify_add_watch(fd, ".", IN_DELETE), 1);
    put_file("f", "", 0600);
    unlink("f");
    CHECK_STR(heard(fd), "1 DELETE f;");
    CHECK_EQ(inotify_add_watch(fd, ".", IN_CREATE | IN_MASK_ADD), 1);
    put_file("f", "", 0600);
    unlink("f");
    CHECK_STR(heard(fd), "1 CREATE f;1 DELETE f;");
}

CASE(mask_create)
{
    int fd = watching(".", IN_CREATE);
    CHECK_ERR(inotify_add_watch(fd, ".", IN_DELETE | IN_MASK_CREATE), EEXIST);
    CHECK_ERR(inotify_add_watch(fd, ".", IN_DELETE | IN_MASK_CREATE | IN_MASK_ADD), EINVAL);
    CHECK_EQ(mkdir("d", 0700), 0);
    CHECK_EQ(inotify_add_watch(fd, "d", IN_DELETE | IN_MASK_CREATE), 2);
}

CASE(one_shot)
{
    int fd = watching(".", IN_CREATE | IN_ONESHOT);
    put_file("f", "", 0600);
    put_file("g", "", 0600);
    CHECK_STR(heard(fd), "1 CREATE f;1 IGNORED;");
    CHECK_ERR(inotify_rm_watch(fd, 1), EINVAL);
}

CASE(two_watchers)
{
    int a = watching(".", IN_CREATE), b = watching(".", IN_CREATE | IN_CLOSE);
    put_file("f", "", 0600);
    CHECK_STR(heard(a), "1 CREATE f;");
    CHECK_STR(heard(b), "1 CREATE f;1 CLOSEW f;");
}

CASE(only_directories)
{
    int fd = instance();
    put_file("f", "", 0600);
    CHECK_ERR(inotify_add_watch(fd, "f", IN_OPEN | IN_ONLYDIR), ENOTDIR);
    CHECK_EQ(inotify_add_watch(fd, ".", IN_OPEN | IN_ONLYDIR), 1);
}

CASE(links_followed_or_not)
{
    put_file("f", "", 0600);
    CHECK_EQ(symlink("f", "l"), 0);
    int fd = instance();
    CHECK_EQ(inotify_add_watch(fd, "f", IN_OPEN), 1);
    CHECK_EQ(inotify_add_watch(fd, "l", IN_OPEN), 1);
    CHECK_EQ(inotify_add_watch(fd, "l", IN_ALL_EVENTS | IN_DONT_FOLLOW), 2);
    CHECK_EQ(unlink("l"), 0);
    CHECK_STR(heard(fd), "2 ATTRIB;2 DELSELF;2 IGNORED;");
}

CASE(unlinked_files_may_be_left_out)
{
    put_file("f", "text", 0600);
    int f = (int) CHECK_OK(open("f", O_RDWR));
    int a = watching(".", IN_ALL_EVENTS), b = watching(".", IN_ALL_EVENTS | IN_EXCL_UNLINK);
    CHECK_EQ(unlink("f"), 0);
    CHECK_STR(heard(a), "1 DELETE f;");
    CHECK_STR(heard(b), "1 DELETE f;");
    CHECK_EQ(write(f, "x", 1), 1);
    close(f);
    CHECK_STR(heard(a), "1 MODIFY f;1 CLOSEW f;");
    CHECK_STR(heard(b), "");
}

CASE(bad_arguments)
{
    int fd = instance(), p[2];
    CHECK_EQ(pipe(p), 0);
    CHECK_ERR(inotify_init1(1), EINVAL);
    CHECK_ERR(inotify_add_watch(fd, ".", 0), EINVAL);
    CHECK_ERR(inotify_add_watch(fd, "none", IN_OPEN), ENOENT);
    CHECK_ERR(inotify_add_watch(fd, "", IN_OPEN), ENOENT);
    CHECK_ERR(syscall(SYS_inotify_add_watch, fd, 8l, IN_OPEN), EFAULT);
    CHECK_ERR(inotify_add_watch(-1, ".", IN_OPEN), EBADF);
    CHECK_ERR(inotify_add_watch(p[0], ".", IN_OPEN), EINVAL);
    CHECK_ERR(inotify_add_watch(9999, ".", 0), EINVAL);
    CHECK_ERR(inotify_rm_watch(fd, 1), EINVAL);
    CHECK_ERR(inotify_rm_watch(p[0], 1), EINVAL);
    CHECK_ERR(inotify_rm_watch(9999, 1), EBADF);
    CHECK_ERR(write(fd, "x", 1), EBADF);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
}

CASE(reading_needs_permission)
{
    if (getuid() != 0)
        SKIP("needs root");
    put_file("f", "", 0600);
    CHECK_EQ(chmod(".", 0755), 0);
    CHECK_EQ(setresuid(4321, 4321, 4321), 0);
    int fd = instance();
    CHECK_ERR(inotify_add_watch(fd, "f", IN_OPEN), EACCES);
}

CASE(small_buffers)
{
    _Alignas(struct inotify_event) char buf[64];
    int fd = watching(".", IN_CREATE), left = -1;
    put_file("f", "", 0600);
    put_file("g", "", 0600);
    CHECK_EQ(ioctl(fd, FIONREAD, &left), 0);
    CHECK_EQ(left, 64);
    CHECK_ERR(read(fd, buf, 16), EINVAL);
    CHECK_ERR(read(fd, buf, 31), EINVAL);
    CHECK_EQ(read(fd, buf, 40), 32); /* whole events only */
    CHECK_STR(((struct inotify_event *) buf)->name, "f");
    CHECK_EQ(ioctl(fd, FIONREAD, &left), 0);
    CHECK_EQ(left, 32);
    CHECK_STR(heard(fd), "1 CREATE g;");
}

CASE(lengths_of_names)
{
    char name[256];
    _Alignas(struct inotify_event) char buf[512];
    struct inotify_event *e = (struct inotify_event *) buf;
    static const struct {
        int len, padded;
    } want[] = {{1, 16}, {15, 16}, {16, 32}, {31, 32}, {32, 48}, {255, 256}};
    int fd = watching(".", IN_CREATE);
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        memset(name, 'n', sizeof(name));
        name[want[i].len] = 0;
        put_file(name, "", 0600);
        CHECK_EQ(read(fd, buf, sizeof(buf)), 16 + want[i].padded);
        CHECK_EQ(e->len, want[i].padded);
        CHECK_STR(e->name, name);
    }
}

CASE(poll_and_epoll)
{
    int fd = watching(".", IN_CREATE), ep = (int) CHECK_OK(epoll_create1(0));
    struct pollfd pfd = {.fd = fd, .events = POLLIN | POLLOUT};
    struct epoll_event ev = {.events = EPOLLIN};
    CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev), 0);
    CHECK_EQ(poll(&pfd, 1, 0), 0);
    CHECK_EQ(epoll_wait(ep, &ev, 1, 0), 0);
    put_file("f", "", 0600);
    CHECK_EQ(poll(&pfd, 1, 0), 1);
    CHECK_EQ(pfd.revents, POLLIN);
    CHECK_EQ(epoll_wait(ep, &ev, 1, 0), 1);
    heard(fd);
    CHECK_EQ(poll(&pfd, 1, 0), 0);
    CHECK_EQ(epoll_wait(ep, &ev, 1, 0), 0);
}

static void *later(void *arg)
{
    (void) arg;
    sleep_ms(50);
    mkdir("later", 0700);
    return NULL;
}

CASE(a_blocked_reader_wakes)
{
    pthread_t t;
    _Alignas(struct inotify_event) char buf[64];
    int fd = (int) CHECK_OK(inotify_init());
    CHECK_EQ(inotify_add_watch(fd, ".", IN_CREATE), 1);
    CHECK_EQ(pthread_create(&t, NULL, later, NULL), 0);
    CHECK_EQ(read(fd, buf, sizeof(buf)), 32);
    CHECK_STR(((struct inotify_event *) buf)->name, "later");
    CHECK_EQ(pthread_join(t, NULL), 0);
}

CASE(other_processes_are_heard)
{
    int fd = watching(".", IN_CREATE | IN_CLOSE_WRITE);
    pid_t pid = fork();
    if (pid == 0) {
        put_file("f", "text", 0600);
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
    CHECK_STR(heard(fd), "1 CREATE f;1 CLOSEW f;");
}

CASE(the_last_close_counts)
{
    put_file("f", "", 0600);
    int fd = watching("f", IN_CLOSE);
    int f = (int) CHECK_OK(open("f", O_RDONLY)), g = dup(f);
    close(f);
    CHECK_STR(heard(fd), "");
    close(g);
    CHECK_STR(heard(fd), "1 CLOSE;");
}

CASE(places_are_not_opened)
{
    put_file("f", "", 0600);
    int fd = watching("f", IN_ALL_EVENTS);
    close((int) CHECK_OK(open("f", O_PATH)));
    struct stat st;
    CHECK_EQ(stat("f", &st), 0);
    CHECK_STR(heard(fd), "");
}

CASE(failures_are_silent)
{
    put_file("f", "", 0600);
    int fd = watching(".", IN_ALL_EVENTS);
    CHECK_ERR(mkdir("f", 0700), EEXIST);
    CHECK_ERR(open("f", O_CREAT | O_EXCL, 0600), EEXIST);
    CHECK_ERR(unlink("none"), ENOENT);
    CHECK_ERR(rmdir("f"), ENOTDIR);
    CHECK_STR(heard(fd), "");
}

CASE(overflow)
{
    static char text[64];
    size_t n = get_file("/proc/sys/fs/inotify/max_queued_events", text, sizeof(text));
    CHECK(n > 0);
    int max = atoi(text);
    if (max > 40000)
        SKIP("the queue is too long here");
    put_file("f", "", 0600);
    int fd = watching("f", IN_ATTRIB | IN_MODIFY);
    for (int i = 0; i < max / 2 + 10; i++) {
        CHECK_EQ(chmod("f", 0600), 0);
        CHECK_EQ(truncate("f", 0), 0);
    }
    _Alignas(struct inotify_event) static char buf[1 << 16];
    int events = 0, lost = 0;
    ssize_t r;
    while ((r = read(fd, buf, sizeof(buf))) > 0)
        for (ssize_t at = 0; at < r; at += (ssize_t) sizeof(struct inotify_event)) {
            const struct inotify_event *e = (const struct inotify_event *) (buf + at);
            events++;
            if (e->mask == IN_Q_OVERFLOW) {
                lost++;
                CHECK_EQ(e->wd, -1);
                CHECK_EQ(e->len, 0);
            }
        }
    CHECK_EQ(lost, 1);
    CHECK_EQ(events, max + 1);
    CHECK_EQ(chmod("f", 0600), 0);
    CHECK_STR(heard(fd), "1 ATTRIB;");
}

CASE(instances_are_limited)
{
    static char text[64];
    get_file("/proc/sys/fs/inotify/max_user_instances", text, sizeof(text));
    int max = atoi(text), made = 0, last = -1;
    if (max > 900)
        SKIP("too many are allowed");
    for (; made <= max; made++) {
        int fd = inotify_init1(0);
        if (fd < 0)
            break;
        last = fd;
    }
    CHECK_EQ(errno, EMFILE);
    CHECK(made <= max && made > max / 2);
    close(last);
    CHECK_OK(inotify_init1(0));
}

CASE(fdinfo_lists_watches)
{
    static char text[4096], path[64], want[64];
    struct stat st;
    int fd = watching(".", IN_CREATE);
    CHECK_EQ(stat(".", &st), 0);
    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
    get_file(path, text, sizeof(text));
    snprintf(want, sizeof(want), "inotify wd:1 ino:%lx ", (unsigned long) st.st_ino);
    CHECK(strstr(text, want) != NULL);
    CHECK(strstr(text, " mask:100 ") != NULL);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(path, text, sizeof(text) - 1);
    CHECK(n > 0);
    text[n] = 0;
    CHECK_STR(text, "anon_inode:inotify");
}

CASE(close_with_events_and_watches)
{
    for (int i = 0; i < 50; i++) {
        int fd = watching(".", IN_ALL_EVENTS);
        put_file("f", "x", 0600);
        CHECK_EQ(inotify_add_watch(fd, "f", IN_ALL_EVENTS), 2);
        unlink("f");
        close(fd);
    }
}

static void *churn(void *arg)
{
    char name[16];
    snprintf(name, sizeof(name), "t%d", *(int *) arg);
    for (int i = 0; i < 200; i++) {
        int f = open(name, O_WRONLY | O_CREAT, 0600);
        if (f >= 0)
            close(f);
        unlink(name);
    }
    return NULL;
}

CASE(watches_come_and_go_under_load)
{
    pthread_t t[2];
    int id[2] = {0, 1};
    for (int i = 0; i < 2; i++)
        CHECK_EQ(pthread_create(&t[i], NULL, churn, &id[i]), 0);
    for (int i = 0; i < 200; i++) {
        int fd = instance();
        inotify_add_watch(fd, ".", IN_ALL_EVENTS);
        inotify_add_watch(fd, "t0", IN_ALL_EVENTS);
        inotify_add_watch(fd, "t1", IN_ALL_EVENTS | IN_ONESHOT);
        close(fd);
    }
    for (int i = 0; i < 2; i++)
        CHECK_EQ(pthread_join(t[i], NULL), 0);
}

GUEST_MAIN
