/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks that must not leave where they are confined to, while somebody moves the directories they
 * are in, or mounts there: openat2(2), EAGAIN; and the top of a bind mount.
 */
#include "mounting.h"

#define ROUNDS           20000
#define RESOLVE_BENEATH_ 8
#define RESOLVE_IN_ROOT_ 16

struct how {
    uint64_t flags, mode, resolve;
};

static void put_flags(void)
{
    CHECK_EQ(mkdir("top", 0755), 0);
    CHECK_EQ(mkdir("top/in", 0755), 0);
    CHECK_EQ(mkdir("top/in/d", 0755), 0);
    CHECK_EQ(mkdir("top/in/d/e", 0755), 0);
    CHECK_EQ(mkdir("top/out", 0755), 0);
    put_file("top/flag", "o", 0644);
    put_file("top/out/flag", "o", 0644);
    put_file("flag", "o", 0644);
    put_file("top/in/flag", "i", 0644);
    put_file("top/in/d/flag", "i", 0644);
    put_file("top/in/d/e/flag", "i", 0644);
}

/* Moves the directory out and in again until it is ended. */
static pid_t start_mover(void)
{
    pid_t p = fork();
    if (p == 0)
        for (;;) {
            (void) !rename("top/in/d", "top/out/d");
            (void) !rename("top/out/d", "top/in/d");
        }
    CHECK(p > 0);
    return p;
}

static void stop(pid_t p)
{
    int st;
    kill(p, SIGKILL);
    CHECK_EQ(waitpid(p, &st, 0), p);
}

/* Whatever is opened is from inside; otherwise an errno that is allowed. */
static void check_inside(int fd, const char *what)
{
    char c = 0;
    if (fd < 0) {
        if (errno != ENOENT && errno != EAGAIN && errno != EXDEV && errno != ELOOP)
            FAIL("%s: errno %d", what, errno);
        return;
    }
    CHECK_EQ(read(fd, &c, 1), 1);
    close(fd);
    if (c != 'i')
        FAIL("%s came out", what);
}

static const char *const ways[] = {
    "d/../flag",   "d/e/../../flag",      "d/e/../../../flag",   "d/../../flag",
    "d/e/../flag", "d/../d/../d/../flag", "d/e/../e/../../flag",
};

static void walk_confined(uint64_t resolve)
{
    struct how how = {O_RDONLY, 0, resolve};
    int in = (int) CHECK_OK(open("top/in", O_PATH | O_DIRECTORY));
    for (int i = 0; i < ROUNDS; i++) {
        const char *way = ways[(size_t) i % (sizeof(ways) / sizeof(ways[0]))];
        check_inside((int) syscall(SYS_openat2, in, way, &how, sizeof(how)), way);
    }
    close(in);
}

CASE(beneath_while_directories_move)
{
    put_flags();
    pid_t p = start_mover();
    walk_confined(RESOLVE_BENEATH_);
    stop(p);
}

CASE(in_root_while_directories_move)
{
    put_flags();
    pid_t p = start_mover();
    walk_confined(RESOLVE_IN_ROOT_);
    stop(p);
}

CASE(bind_while_directories_move)
{
    put_flags();
    need_admin();
    CHECK_EQ(mkdir("m", 0755), 0);
    CHECK_EQ(mkdir("m2", 0755), 0);
    put_file("m2/flag", "i", 0644);
    bind_dir("top/in", "m2");
    pid_t p = start_mover();
    /* Within what the mount shows; one step further is its own parent, which is not "out" either.
     */
    for (int i = 0; i < ROUNDS; i++) {
        check_inside(open("m2/d/../flag", O_RDONLY), "m2/d/../flag");
        check_inside(open("m2/d/e/../../flag", O_RDONLY), "m2/d/e/../../flag");
        check_inside(open("m2/d/e/../flag", O_RDONLY), "m2/d/e/../flag");
    }
    stop(p);
    CHECK_EQ(umount("m2"), 0);
}

CASE(beneath_while_mounts_change)
{
    put_flags();
    need_admin();
    CHECK_EQ(mkdir("other", 0755), 0);
    CHECK_EQ(mkdir("other/e", 0755), 0);
    put_file("other/flag", "i", 0644);
    put_file("other/e/flag", "i", 0644);
    pid_t p = fork();
    if (p == 0)
        for (;;) {
            (void) !mount("other", "top/in/d", NULL, MS_BIND, NULL);
            (void) !mount("top/in/d", "top/out", NULL, MS_MOVE, NULL);
            (void) !umount2("top/out", MNT_DETACH);
            (void) !umount2("top/in/d", MNT_DETACH);
        }
    walk_confined(RESOLVE_BENEATH_);
    walk_confined(RESOLVE_IN_ROOT_);
    stop(p);
    while (umount2("top/in/d", MNT_DETACH) == 0 || umount2("top/out", MNT_DETACH) == 0)
        ;
}

CASE(a_mount_that_moves_keeps_its_files)
{
    put_flags();
    need_admin();
    CHECK_EQ(mkdir("x", 0755), 0);
    CHECK_EQ(mkdir("y", 0755), 0);
    bind_dir("top/in", "x");
    pid_t p = fork();
    if (p == 0)
        for (;;) {
            (void) !mount("x", "y", NULL, MS_MOVE, NULL);
            (void) !mount("y", "x", NULL, MS_MOVE, NULL);
        }
    int dir = (int) CHECK_OK(open("top/in", O_RDONLY | O_DIRECTORY));
    for (int i = 0; i < ROUNDS; i++) {
        char text[4096];
        struct stat st;
        if (stat("x/d/e/flag", &st) < 0 && errno != ENOENT)
            FAIL("errno %d", errno);
        if (stat("y/d/../flag", &st) < 0 && errno != ENOENT)
            FAIL("errno %d", errno);
        if (chdir(i % 2 ? "x" : "y") == 0) {
            CHECK(syscall(SYS_getcwd, text, sizeof(text)) > 0);
            (void) !chdir("..");
            CHECK(syscall(SYS_getcwd, text, sizeof(text)) > 0);
            if (access("x", F_OK) < 0) { /* between two places there is no parent */
                CHECK_EQ(fchdir(dir), 0);
                CHECK_EQ(chdir("../.."), 0);
            }
        }
    }
    stop(p);
    while (umount2("x", MNT_DETACH) == 0 || umount2("y", MNT_DETACH) == 0)
        ;
}

CASE(name_spaces_while_mounts_change)
{
    put_flags();
    need_admin();
    CHECK_EQ(mkdir("x", 0755), 0);
    pid_t p = fork();
    if (p == 0)
        for (;;) {
            (void) !mount("top", "x", NULL, MS_BIND, NULL);
            (void) !mount("top/in", "x/out", NULL, MS_BIND, NULL);
            (void) !umount2("x", MNT_DETACH);
        }
    for (int i = 0; i < 200; i++) {
        pid_t q = fork();
        if (q == 0) {
            CHECK_EQ(unshare(CLONE_NEWNS), 0);
            char line[4096];
            (void) mount_line("/", line, sizeof(line));
            _exit(0);
        }
        CHECK_EXIT(q, 0);
    }
    stop(p);
    while (umount2("x", MNT_DETACH) == 0)
        ;
}

GUEST_MAIN
