/* SPDX-License-Identifier: Apache-2.0 */
/* Mount name spaces and pivot_root(2): mount_namespaces(7), unshare(2), setns(2). */
#include "mounting.h"
#include <dirent.h>

static void tree(void)
{
    need_admin();
    CHECK_EQ(mkdir("a", 0755), 0);
    CHECK_EQ(mkdir("m", 0755), 0);
    put_file("a/file", "in a", 0644);
}

static unsigned long ns_of(pid_t pid)
{
    char name[64];
    struct stat st;
    snprintf(name, sizeof(name), "/proc/%d/ns/mnt", pid);
    CHECK_EQ(stat(name, &st), 0);
    return st.st_ino;
}

/* A name space in which nothing propagates. */
static void own_mounts(void)
{
    CHECK_EQ(unshare(CLONE_NEWNS), 0);
    CHECK_EQ(mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL), 0);
}

CASE(mounts_of_a_copy_are_its_own)
{
    tree();
    unsigned long before = ns_of(getpid());
    pid_t p = fork();
    if (p == 0) {
        own_mounts();
        CHECK(ns_of(getpid()) != before);
        CHECK_EQ(ns_of(getppid()), before);
        bind_dir("a", "m");
        CHECK_EQ(access("m/file", F_OK), 0);
        _exit(0);
    }
    CHECK_EXIT(p, 0);
    CHECK_ERR(access("m/file", F_OK), ENOENT);
    CHECK_EQ(mounts_below(here("m")), 0);
}

CASE(a_copy_has_what_was_there)
{
    tree();
    bind_dir("a", "m");
    pid_t p = fork();
    if (p == 0) {
        own_mounts();
        CHECK_EQ(access("m/file", F_OK), 0);
        CHECK_EQ(umount("m"), 0);
        CHECK_ERR(access("m/file", F_OK), ENOENT);
        _exit(0);
    }
    CHECK_EXIT(p, 0);
    CHECK_EQ(access("m/file", F_OK), 0);
    CHECK_EQ(umount("m"), 0);
}

CASE(clone_with_newns)
{
    tree();
    int up[2], down[2];
    char c;
    CHECK_EQ(pipe(up), 0);
    CHECK_EQ(pipe(down), 0);
    pid_t p = (pid_t) syscall(SYS_clone, CLONE_NEWNS | SIGCHLD, NULL, NULL, NULL, NULL);
    if (p == 0) {
        CHECK_EQ(mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL), 0);
        bind_dir("a", "m");
        CHECK_EQ(write(up[1], "x", 1), 1);
        CHECK_EQ(read(down[0], &c, 1), 1);
        _exit(0);
    }
    CHECK(p > 0);
    CHECK_EQ(read(up[0], &c, 1), 1);
    CHECK_ERR(access("m/file", F_OK), ENOENT);
    CHECK(ns_of(p) != ns_of(getpid()));
    /* Its view, from outside. */
    char name[64], line[4096];
    bool found = false;
    snprintf(name, sizeof(name), "/proc/%d/mountinfo", p);
    FILE *f = fopen(name, "re");
    while (fgets(line, sizeof(line), f))
        found |= strstr(line, "clone_with_newns/m ") != NULL;
    fclose(f);
    CHECK(found);
    snprintf(name, sizeof(name), "/proc/%d/cwd/m/file", p);
    CHECK_EQ(access(name, F_OK), 0);
    CHECK_EQ(write(down[1], "x", 1), 1);
    CHECK_EXIT(p, 0);
}

CASE(flags_that_exclude_each_other)
{
    need_admin();
    CHECK_ERR(syscall(SYS_clone, CLONE_NEWNS | CLONE_FS | SIGCHLD, NULL, NULL, NULL, NULL), EINVAL);
}

CASE(setns_goes_back)
{
    tree();
    int was = (int) CHECK_OK(open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
    unsigned long before = ns_of(getpid());
    own_mounts();
    bind_dir("a", "m");
    int own = (int) CHECK_OK(open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
    const char *place = here("m/file");
    CHECK_ERR(setns(was, CLONE_NEWUTS), EINVAL);
    CHECK_EQ(setns(was, CLONE_NEWNS), 0);
    CHECK_EQ(ns_of(getpid()), before);
    CHECK_ERR(access(place, F_OK), ENOENT);
    CHECK_EQ(setns(own, 0), 0);
    CHECK_EQ(access(place, F_OK), 0);
    char cwd[512];
    CHECK(getcwd(cwd, sizeof(cwd)));
    CHECK_STR(cwd, "/"); /* both are left at the root of the other */
    CHECK_ERR(setns(0, CLONE_NEWNS), EINVAL);
    close(was);
    close(own);
}

CASE(a_file_keeps_its_name_space)
{
    tree();
    pid_t p = fork();
    if (p == 0) {
        own_mounts();
        bind_dir("a", "m");
        int dir = (int) CHECK_OK(open("m", O_RDONLY | O_DIRECTORY));
        int old = (int) CHECK_OK(open("/proc/self/ns/mnt", O_RDONLY));
        own_mounts();
        CHECK_EQ(umount("m"), 0); /* the copy is not in use */
        CHECK_EQ(faccessat(dir, "file", F_OK, 0), 0);
        /* Its mount is in the other name space, so nothing can be bound from it here. */
        char name[64];
        snprintf(name, sizeof(name), "/proc/self/fd/%d", dir);
        CHECK_ERR(mount(name, "m", NULL, MS_BIND, NULL), EINVAL);
        CHECK_EQ(setns(old, 0), 0);
        CHECK_EQ(faccessat(dir, "file", F_OK, 0), 0);
        _exit(0);
    }
    CHECK_EXIT(p, 0);
}

static void fill_root(void)
{
    CHECK_EQ(mkdir("root", 0755), 0);
    CHECK_EQ(mount("root", "root", NULL, MS_BIND, NULL), 0);
    CHECK_EQ(mkdir("root/old", 0755), 0);
    CHECK_EQ(mkdir("root/sub", 0755), 0);
    put_file("root/mark", "new root", 0644);
}

CASE(pivot_root_changes_the_root)
{
    tree();
    pid_t p = fork();
    if (p == 0) {
        char text[64];
        own_mounts();
        fill_root();
        CHECK_EQ(syscall(SYS_pivot_root, "root", "root/old"), 0);
        CHECK_EQ(chdir("/"), 0);
        get_file("/mark", text, sizeof(text));
        CHECK_STR(text, "new root");
        CHECK_EQ(access("/old/proc/self/status", F_OK), 0);
        CHECK_EQ(access("/../mark", F_OK), 0);
        CHECK_EQ(umount2("/old", MNT_DETACH), 0);
        CHECK_ERR(access("/old/proc", F_OK), ENOENT);
        CHECK_EQ(rmdir("/old"), 0);
        _exit(0);
    }
    CHECK_EXIT(p, 0);
    CHECK_EQ(access("/proc/self/status", F_OK), 0);
}

CASE(pivot_root_in_place)
{
    tree();
    pid_t p = fork();
    if (p == 0) {
        own_mounts();
        fill_root();
        int old = (int) CHECK_OK(open("/", O_PATH | O_DIRECTORY));
        CHECK_EQ(chdir("root"), 0);
        CHECK_EQ(syscall(SYS_pivot_root, ".", "."), 0);
        CHECK_EQ(fchdir(old), 0);
        CHECK_EQ(access("proc/self/status", F_OK), 0);
        CHECK_EQ(umount2(".", MNT_DETACH), 0);
        CHECK_EQ(chdir("/"), 0);
        CHECK_EQ(access("/mark", F_OK), 0);
        CHECK_ERR(access("/proc", F_OK), ENOENT);
        _exit(0);
    }
    CHECK_EXIT(p, 0);
}

CASE(pivot_root_takes_all_processes_along)
{
    tree();
    pid_t p = fork();
    if (p == 0) {
        int up[2], down[2];
        char c;
        own_mounts();
        fill_root();
        CHECK_EQ(pipe(up), 0);
        CHECK_EQ(pipe(down), 0);
        pid_t q = fork();
        if (q == 0) {
            CHECK_EQ(chdir("/"), 0);
            CHECK_EQ(write(up[1], "x", 1), 1);
            CHECK_EQ(read(down[0], &c, 1), 1);
            CHECK_EQ(access("/mark", F_OK), 0);
            CHECK_EQ(access("mark", F_OK), 0); /* the working directory was the old root */
            _exit(0);
        }
        CHECK_EQ(read(up[0], &c, 1), 1);
        CHECK_EQ(syscall(SYS_pivot_root, "root", "root/old"), 0);
        CHECK_EQ(write(down[1], "x", 1), 1);
        CHECK_EXIT(q, 0);
        _exit(0);
    }
    CHECK_EXIT(p, 0);
}

CASE(many_name_spaces_come_and_go)
{
    tree();
    for (int i = 0; i < 100; i++) {
        pid_t p = fork();
        if (p == 0) {
            own_mounts();
            bind_dir("a", "m");
            _exit(access("m/file", F_OK));
        }
        CHECK_EXIT(p, 0);
    }
}

/* A program of the name space that was left is still called by its name. */
CASE(exe_of_the_old_name_space)
{
    char text[512];
    tree();
    own_mounts();
    ssize_t n = readlink("/proc/self/exe", text, sizeof(text) - 1);
    CHECK(n > 0);
    CHECK_EQ(text[0], '/');
    int fd = (int) CHECK_OK(open("a/file", O_RDONLY));
    CHECK_EQ(unshare(CLONE_NEWNS), 0);
    char name[64];
    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    n = readlink(name, text, sizeof(text) - 1);
    CHECK(n > 7);
    text[n] = 0;
    CHECK_EQ(text[0], '/');
    CHECK_STR(text + n - 7, "/a/file"); /* what stands before depends on who is left there */
    close(fd);
}

/* A mount whose place was moved out of what its parent shows is copied like the others. */
CASE(a_copy_of_what_cannot_be_reached)
{
    tree();
    pid_t p = fork();
    if (p == 0) {
        own_mounts();
        CHECK_EQ(mkdir("a/in", 0755), 0);
        CHECK_EQ(mkdir("a/in/d", 0755), 0);
        CHECK_EQ(mkdir("a/in/d/e", 0755), 0);
        bind_dir("a/in", "m");
        bind_dir("a", "m/d/e");
        CHECK_EQ(chdir("m/d/e"), 0);
        CHECK_EQ(rename(here("../../../a/in/d"), here("../../../a/d")), 0);
        CHECK_EQ(access("file", F_OK), 0);
        for (int i = 0; i < 5; i++) {
            CHECK_EQ(unshare(CLONE_NEWNS), 0);
            CHECK_EQ(access("file", F_OK), 0);
        }
        _exit(0);
    }
    CHECK_EXIT(p, 0);
}

CASE(links_of_namespaces)
{
    char text[64];
    need_admin();
    ssize_t n = readlink("/proc/self/ns/mnt", text, sizeof(text) - 1);
    CHECK(n > 0);
    text[n] = 0;
    char want[64];
    snprintf(want, sizeof(want), "mnt:[%lu]", ns_of(getpid()));
    CHECK_STR(text, want);
}

GUEST_MAIN
