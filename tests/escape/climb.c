/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Climbing out of a tree while its names change. Every attempt either fails or ends inside; what
 * must never be read begins with SECRET, and what must never appear outside is called "pwned":
 * outside.py puts the one beside the tree and looks for the other.
 */
#include "attack.h"

#include <linux/openat2.h>
#include <pthread.h>
#include <sys/socket.h>

#define ROUNDS 3000

static volatile bool stop;

/* Where the tree is: our own scratch directory, or what outside.py says. */
static void begin(void)
{
    const char *dir = getenv("CLIMB_IN");
    if (dir)
        CHECK_EQ(chdir(dir), 0);
}

/* Opens in every way that reads, and in one that writes. */
static void try_here(int dir, const char *path)
{
    static const int flags[] = {O_RDONLY, O_RDONLY | O_NOFOLLOW, O_PATH};
    char buf[8], proc[40];
    for (unsigned i = 0; i < 3; i++) {
        int fd = openat(dir, path, flags[i] | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
            continue;
        int again = fd;
        if (flags[i] == O_PATH) {
            snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
            again = open(proc, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        }
        if (again >= 0 && read(again, buf, 6) == 6 && memcmp(buf, "SECRET", 6) == 0)
            FAIL("%s leads out", path);
        if (again != fd && again >= 0)
            close(again);
        close(fd);
    }
}

static void climb(int dir, const char *from)
{
    static const char *const ends[] = {"secret", "outside/secret", "../outside/secret",
                                       "tree/../../outside/secret"};
    char path[512];
    for (int up = 0; up <= 6; up++) {
        int n = snprintf(path, sizeof(path), "%s/", from);
        for (int i = 0; i < up; i++)
            n += snprintf(path + n, sizeof(path) - (size_t) n, "../");
        for (unsigned i = 0; i < 4; i++) {
            snprintf(path + n, sizeof(path) - (size_t) n, "%s", ends[i]);
            try_here(dir, path);
        }
        snprintf(path + n, sizeof(path) - (size_t) n, "outside/pwned");
        int fd = openat(dir, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (fd >= 0)
            close(fd);
        mkdirat(dir, path, 0700);
        linkat(dir, "a", dir, path, 0);
        renameat(dir, "decoy", dir, path);
    }
}

static void *run_until_stop(void *arg)
{
    void (*step)(int) = (void (*)(int)) arg;
    for (int i = 0; !stop; i++)
        step(i);
    return NULL;
}

static void against(void (*step)(int), const char *from)
{
    pthread_t t;
    stop = false;
    CHECK_EQ(pthread_create(&t, NULL, run_until_stop, (void *) step), 0);
    int dir = (int) CHECK_OK(open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
    for (int i = 0; i < ROUNDS / 60; i++)
        climb(dir, from);
    stop = true;
    CHECK_EQ(pthread_join(t, NULL), 0);
    close(dir);
}

static void make_deep(void)
{
    begin();
    put_file("decoy", "decoy", 0600);
    CHECK_EQ(mkdir("a", 0700), 0);
    CHECK_EQ(mkdir("a/b", 0700), 0);
    CHECK_EQ(mkdir("a/b/c", 0700), 0);
    CHECK_EQ(mkdir("a/b/c/d", 0700), 0);
    CHECK_EQ(mkdir("e", 0700), 0);
}

static void move_deep_and_back(int i)
{
    (void) i;
    rename("a/b/c/d", "e/d");
    rename("e/d", "a/b/c/d");
    rename("a/b", "e/b");
    rename("e/b", "a/b");
}

CASE(parents_of_a_directory_that_moves)
{
    make_deep();
    against(move_deep_and_back, "a/b/c/d");
}

static void exchange_with_link(int i)
{
    (void) i;
    syscall(SYS_renameat2, AT_FDCWD, "a/b", AT_FDCWD, "link", RENAME_EXCHANGE);
}

static void swap_against(const char *target)
{
    make_deep();
    CHECK_EQ(symlink(target, "link"), 0);
    against(exchange_with_link, "a/b");
}

CASE(directory_and_relative_link_swapped)
{
    swap_against("../../../../../..");
}

CASE(directory_and_absolute_link_swapped)
{
    swap_against("/");
}

CASE(directory_and_magic_link_swapped)
{
    swap_against("/proc/1/root/..");
}

CASE(directory_and_link_to_own_root_swapped)
{
    swap_against("/proc/self/root/../..");
}

CASE(chains_of_links)
{
    char name[16], target[32];
    begin();
    CHECK_EQ(symlink("../..", "l0"), 0);
    for (int i = 1; i < 60; i++) {
        snprintf(name, sizeof(name), "l%d", i);
        snprintf(target, sizeof(target), i % 2 ? "l%d/.." : "../tree/l%d", i - 1);
        CHECK_EQ(symlink(target, name), 0);
        climb(AT_FDCWD, name);
    }
    CHECK_EQ(symlink("loop", "loop"), 0);
    CHECK_ERR(open("loop", O_RDONLY), ELOOP);
    climb(AT_FDCWD, "/proc/self/cwd");
    climb(AT_FDCWD, "/proc/self/root");
    climb(AT_FDCWD, "/proc/thread-self/root/proc/self/cwd");
}

static void send_fd(int sock, int fd)
{
    char control[CMSG_SPACE(sizeof(int))] = {0}, byte = 0;
    struct iovec v = {&byte, 1};
    struct msghdr m = {.msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = sizeof(control)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    CHECK_EQ(sendmsg(sock, &m, 0), 1);
}

static int receive_fd(int sock)
{
    char control[CMSG_SPACE(sizeof(int))], byte;
    struct iovec v = {&byte, 1};
    struct msghdr m = {.msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = sizeof(control)};
    int fd = -1;
    CHECK_EQ(recvmsg(sock, &m, MSG_CMSG_CLOEXEC), 1);
    if (CMSG_FIRSTHDR(&m))
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
    return fd;
}

/* A process in a root further down gets descriptors of what is above it, and climbs from there: as
 * far as the guest's own root, and no further. */
CASE(descriptors_passed_into_a_chroot)
{
    int s[2];
    make_deep();
    if (getuid() != 0)
        SKIP("needs root inside");
    CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s), 0);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        CHECK_EQ(chroot("a/b"), 0);
        CHECK_EQ(chdir("/"), 0);
        for (int i = 0; i < 3; i++) {
            int fd = receive_fd(s[1]);
            CHECK(fd >= 0);
            climb(fd, ".");
            climb(fd, "..");
        }
        climb(AT_FDCWD, ".");
        CHECK_ERR(open("../e", O_RDONLY), ENOENT);
        _exit(0);
    }
    const char *const names[] = {"a/b/c/d", ".", "/"};
    for (int i = 0; i < 3; i++) {
        int fd = (int) CHECK_OK(open(names[i], O_PATH | O_DIRECTORY | O_CLOEXEC));
        send_fd(s[0], fd);
        close(fd);
    }
    CHECK_EXIT(pid, 0);
}

static void move_jail(int i)
{
    (void) i;
    rename("a/b/jail", "e/jail");
    rename("e/jail", "a/b/jail");
    rename("a/b/jail/in", "a/in");
    rename("a/in", "a/b/jail/in");
}

/* What openat2(2) promises about a directory that is moved about: below it or nothing. */
CASE(beneath_and_in_root_while_moving)
{
    static const char *const paths[] = {"in/../../marker", "in/../../../marker",
                                        "in/deep/../../../../marker", "up/marker",
                                        "in/up/../marker"};
    static const uint64_t how_to[] = {RESOLVE_BENEATH, RESOLVE_IN_ROOT};
    make_deep();
    CHECK_EQ(mkdir("a/b/jail", 0700), 0);
    CHECK_EQ(mkdir("a/b/jail/in", 0700), 0);
    CHECK_EQ(mkdir("a/b/jail/in/deep", 0700), 0);
    CHECK_EQ(symlink("../..", "a/b/jail/up"), 0);
    CHECK_EQ(symlink("../../..", "a/b/jail/in/up"), 0);
    put_file("marker", "OUT", 0600);
    put_file("a/marker", "OUT", 0600);
    put_file("a/b/marker", "OUT", 0600);
    put_file("e/marker", "OUT", 0600);
    int jail = (int) CHECK_OK(open("a/b/jail", O_PATH | O_DIRECTORY | O_CLOEXEC));
    pthread_t t;
    stop = false;
    CHECK_EQ(pthread_create(&t, NULL, run_until_stop, (void *) move_jail), 0);
    for (int i = 0; i < ROUNDS; i++) {
        struct open_how how = {.flags = O_RDONLY | O_CLOEXEC, .resolve = how_to[i % 2]};
        int fd = (int) syscall(SYS_openat2, jail, paths[i % 5], &how, sizeof(how));
        if (fd >= 0)
            FAIL("openat2 of %s left the directory", paths[i % 5]);
        if (errno != ENOENT && errno != EXDEV && errno != EAGAIN && errno != ELOOP)
            FAIL("openat2 of %s: errno %d", paths[i % 5], errno);
    }
    stop = true;
    CHECK_EQ(pthread_join(t, NULL), 0);
}

/* The working directory is removed, renamed, and replaced below our feet. */
static void replace_cwd(int i)
{
    (void) i;
    rename("/proc/self/cwd", "x"); /* EBUSY or the like, never more */
    renameat2(AT_FDCWD, "../../e/f", AT_FDCWD, "../../a/f", 0);
    renameat2(AT_FDCWD, "../../a/f", AT_FDCWD, "../../e/f", 0);
}

CASE(working_directory_that_moves)
{
    make_deep();
    CHECK_EQ(mkdir("e/f", 0700), 0);
    CHECK_EQ(mkdir("e/f/g", 0700), 0);
    CHECK_EQ(chdir("e/f/g"), 0);
    against(replace_cwd, ".");
    against(replace_cwd, "..");
}

/* For outside.py: the host moves "moving" out of the tree and back while we stand in it. */
CASE(moved_by_the_host)
{
    begin();
    int dir = -1, deep = -1;
    for (uint64_t until = now_ns() + 1000000000ull; deep < 0 && now_ns() < until; sleep_ms(1)) {
        if (dir < 0)
            dir = open("moving", O_PATH | O_DIRECTORY | O_CLOEXEC);
        deep = open("moving/deep", O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    if (dir < 0 || deep < 0)
        SKIP("nobody moves anything");
    for (uint64_t until = now_ns() + 1500000000ull; now_ns() < until;) {
        climb(dir, ".");
        climb(dir, "..");
        climb(deep, "..");
        climb(AT_FDCWD, "moving/deep");
    }
}

GUEST_MAIN
