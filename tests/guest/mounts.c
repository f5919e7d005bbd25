/* SPDX-License-Identifier: Apache-2.0 */
/* mount(2), umount2(2), pivot_root(2) with the privilege to use them. */
#include "mounting.h"
#include <poll.h>
#include <sys/epoll.h>

static void tree(void)
{
    need_admin();
    CHECK_EQ(mkdir("a", 0755), 0);
    CHECK_EQ(mkdir("a/b", 0755), 0);
    CHECK_EQ(mkdir("a/b/c", 0755), 0);
    CHECK_EQ(mkdir("m", 0755), 0);
    CHECK_EQ(mkdir("n", 0755), 0);
    put_file("a/file", "in a", 0644);
    put_file("a/b/deep", "in b", 0644);
    put_file("plain", "plain", 0644);
}

CASE(bind_shows_the_same_directory)
{
    struct stat a, m;
    char text[16];
    tree();
    bind_dir("a", "m");
    CHECK_EQ(stat("a", &a), 0);
    CHECK_EQ(stat("m", &m), 0);
    CHECK_EQ(a.st_ino, m.st_ino);
    CHECK_EQ(a.st_dev, m.st_dev);
    put_file("m/new", "through m", 0644);
    get_file("a/new", text, sizeof(text));
    CHECK_STR(text, "through m");
    CHECK_EQ(unlink("a/new"), 0);
    CHECK_ERR(stat("m/new", &m), ENOENT);
    CHECK_EQ(rename("m/file", "m/other"), 0);
    CHECK_EQ(access("a/other", F_OK), 0);
    CHECK_EQ(umount("m"), 0);
    CHECK_ERR(access("m/other", F_OK), ENOENT);
}

CASE(names_do_not_go_across_a_bind)
{
    tree();
    bind_dir("a", "m");
    CHECK_ERR(rename("a/file", "m/moved"), EXDEV);
    CHECK_ERR(link("a/file", "m/linked"), EXDEV);
    CHECK_EQ(link("m/file", "m/linked"), 0);
    CHECK_EQ(access("a/linked", F_OK), 0);
    CHECK_EQ(umount("m"), 0);
}

CASE(bind_of_a_file)
{
    char text[16];
    tree();
    put_file("over", "over", 0644);
    CHECK_EQ(mount("over", "plain", NULL, MS_BIND, NULL), 0);
    get_file("plain", text, sizeof(text));
    CHECK_STR(text, "over");
    CHECK_ERR(unlink("plain"), EBUSY);
    CHECK_ERR(rename("plain", "elsewhere"), EBUSY);
    CHECK_ERR(rename("a/file", "plain"), EBUSY);
    CHECK_EQ(umount("plain"), 0);
    get_file("plain", text, sizeof(text));
    CHECK_STR(text, "plain");
}

CASE(bind_errors)
{
    tree();
    CHECK_ERR(mount("a", "plain", NULL, MS_BIND, NULL), ENOTDIR);
    CHECK_ERR(mount("plain", "m", NULL, MS_BIND, NULL), ENOTDIR);
    CHECK_ERR(mount("none", "m", NULL, MS_BIND, NULL), ENOENT);
    CHECK_ERR(mount("a", "none", NULL, MS_BIND, NULL), ENOENT);
    CHECK_ERR(mount("", "m", NULL, MS_BIND, NULL), EINVAL);
    CHECK_ERR(mount(NULL, "m", NULL, MS_BIND, NULL), EINVAL);
    CHECK_ERR(mount("plain/x", "m", NULL, MS_BIND, NULL), ENOTDIR);
    CHECK_ERR(mount("a", (char *) 8, NULL, MS_BIND, NULL), EFAULT);
    CHECK_ERR(mount((char *) 8, "m", NULL, MS_BIND, NULL), EFAULT);
}

CASE(new_mount_errors)
{
    tree();
    CHECK_ERR(mount("x", "m", "no-such-file-system", 0, NULL), ENODEV);
    CHECK_ERR(mount("x", "m", NULL, 0, NULL), EINVAL);
    CHECK_ERR(mount("x", "plain", "proc", 0, NULL), ENOTDIR);
    CHECK_ERR(mount("x", "none", "proc", 0, NULL), ENOENT);
    CHECK_ERR(mount("x", "m", (char *) 8, 0, NULL), EFAULT);
    CHECK_ERR(mount("x", "", "proc", 0, NULL), ENOENT);
}

CASE(bind_takes_no_mounts_along)
{
    tree();
    bind_dir("m", "a/b");
    bind_dir("a", "n");
    CHECK_EQ(access("n/b/deep", F_OK), 0);
    CHECK_ERR(access("a/b/deep", F_OK), ENOENT);
    CHECK_EQ(umount("n"), 0);
    CHECK_EQ(umount("a/b"), 0);
}

CASE(recursive_bind_takes_them_along)
{
    tree();
    put_file("m/mark", "m", 0644);
    bind_dir("m", "a/b");
    CHECK_EQ(mount("a", "n", NULL, MS_BIND | MS_REC, NULL), 0);
    CHECK_EQ(access("n/b/mark", F_OK), 0);
    CHECK_ERR(umount("n"), EBUSY);
    CHECK_EQ(umount2("n", MNT_DETACH), 0);
    CHECK_EQ(mounts_below(here("n")), 0);
    CHECK_EQ(mounts_below(here("a")), 1);
    CHECK_EQ(umount("a/b"), 0);
}

CASE(recursive_bind_of_a_part_leaves_out_the_rest)
{
    tree();
    CHECK_EQ(mkdir("a/x", 0755), 0);
    bind_dir("m", "a/x");
    bind_dir("m", "a/b/c");
    CHECK_EQ(mount("a/b", "n", NULL, MS_BIND | MS_REC, NULL), 0);
    CHECK_EQ(mounts_below(here("n")), 2);
    CHECK_EQ(umount("n/c"), 0);
    CHECK_EQ(umount("n"), 0);
    CHECK_EQ(umount("a/x"), 0);
    CHECK_EQ(umount("a/b/c"), 0);
}

CASE(mounts_are_stacked)
{
    tree();
    put_file("m/1", "", 0644);
    put_file("n/2", "", 0644);
    CHECK_EQ(mkdir("s", 0755), 0);
    bind_dir("m", "s");
    bind_dir("n", "s");
    CHECK_EQ(access("s/2", F_OK), 0);
    CHECK_EQ(mounts_below(here("s")), 2);
    CHECK_EQ(umount("s"), 0);
    CHECK_EQ(access("s/1", F_OK), 0);
    CHECK_EQ(umount("s"), 0);
    CHECK_ERR(umount("s"), EINVAL);
}

CASE(dot_dot_leaves_a_mount)
{
    char text[512];
    tree();
    bind_dir("a/b", "m");
    CHECK_EQ(chdir("m/c"), 0);
    CHECK(getcwd(text, sizeof(text)));
    CHECK_STR(text + strlen(text) - 4, "/m/c");
    CHECK_EQ(access("../../plain", F_OK), 0);
    CHECK_ERR(access("../file", F_OK), ENOENT);
    CHECK_EQ(chdir(".."), 0);
    CHECK_EQ(access("deep", F_OK), 0);
    CHECK_EQ(chdir(".."), 0);
    CHECK_EQ(access("plain", F_OK), 0);
    CHECK_EQ(umount("m"), 0);
}

CASE(bind_over_the_parent)
{
    tree();
    CHECK_EQ(chdir("a/b"), 0);
    bind_dir("../../m", "..");
    CHECK_EQ(access("deep", F_OK), 0);
    /* The way up comes out below what was mounted there meanwhile, and so on top of it. */
    CHECK_ERR(access("../file", F_OK), ENOENT);
    CHECK_EQ(access("../../plain", F_OK), 0);
    CHECK_EQ(umount(".."), 0);
    CHECK_EQ(access("../file", F_OK), 0);
}

CASE(moved_out_of_a_bind_there_is_no_way_up)
{
    tree();
    bind_dir("a/b", "m");
    CHECK_EQ(chdir("m/c"), 0);
    CHECK_EQ(access("../deep", F_OK), 0);
    CHECK_EQ(rename(here("../../a/b/c"), here("../../a/c")), 0);
    CHECK_ERR(access("..", F_OK), ENOENT);
    CHECK_ERR(access("../file", F_OK), ENOENT);
    CHECK_EQ(access(".", F_OK), 0);
}

CASE(busy_with_an_open_file)
{
    int fd;
    tree();
    bind_dir("a", "m");
    fd = (int) CHECK_OK(open("m/file", O_RDONLY));
    CHECK_ERR(umount("m"), EBUSY);
    CHECK_EQ(close(fd), 0);
    CHECK_EQ(umount("m"), 0);
    bind_dir("a", "m");
    fd = (int) CHECK_OK(open("m", O_PATH));
    CHECK_ERR(umount("m"), EBUSY);
    CHECK_EQ(close(fd), 0);
    CHECK_EQ(umount("m"), 0);
}

CASE(busy_with_a_working_directory)
{
    tree();
    bind_dir("a", "m");
    CHECK_EQ(chdir("m"), 0);
    CHECK_ERR(umount(here("")), EBUSY);
    CHECK_EQ(chdir(".."), 0);
    CHECK_EQ(umount("m"), 0);
}

CASE(busy_with_a_mount_below)
{
    tree();
    bind_dir("a", "m");
    bind_dir("n", "m/b");
    CHECK_ERR(umount("m"), EBUSY);
    CHECK_EQ(umount("m/b"), 0);
    CHECK_EQ(umount("m"), 0);
}

CASE(detached_mounts_work_for_those_inside)
{
    char text[16];
    int dir, fd;
    tree();
    put_file("n/mark", "n", 0644);
    bind_dir("a", "m");
    bind_dir("n", "m/b");
    dir = (int) CHECK_OK(open("m", O_RDONLY | O_DIRECTORY));
    fd = (int) CHECK_OK(open("m/file", O_RDWR));
    CHECK_EQ(umount2("m", MNT_DETACH), 0);
    CHECK_ERR(access("m/file", F_OK), ENOENT);
    CHECK_EQ(read(fd, text, 4), 4);
    CHECK_EQ(faccessat(dir, "file", F_OK, 0), 0);
    CHECK_EQ(openat(dir, "made", O_CREAT | O_WRONLY, 0644) >= 0, 1);
    CHECK_EQ(access("a/made", F_OK), 0);
    /* What was mounted below is gone: each is on its own. */
    CHECK_ERR(faccessat(dir, "b/mark", F_OK, 0), ENOENT);
    CHECK_EQ(faccessat(dir, "b/deep", F_OK, 0), 0);
    /* It has no parent any more. */
    CHECK_EQ(faccessat(dir, "../file", F_OK, 0), 0);
    close(dir);
    close(fd);
}

CASE(detached_working_directory)
{
    char text[512];
    tree();
    bind_dir("a", "m");
    CHECK_EQ(chdir("m/b"), 0);
    CHECK_EQ(umount2("..", MNT_DETACH), 0);
    CHECK_EQ(access("deep", F_OK), 0);
    CHECK_EQ(access("../file", F_OK), 0);
    CHECK_EQ(access("../../file", F_OK), 0);
    CHECK(syscall(SYS_getcwd, text, sizeof(text)) > 0);
    CHECK_EQ(strncmp(text, "(unreachable)", 13), 0);
    /* Nothing is mounted in what is not in the name space. */
    CHECK_EQ(mount(".", "c", NULL, MS_BIND, NULL), -1);
    CHECK(errno == EINVAL || errno == ENOENT); /* by the age of the kernel */
    CHECK_ERR(umount(".."), EINVAL);
}

CASE(expire_takes_two_calls)
{
    int fd;
    tree();
    bind_dir("a", "m");
    fd = (int) CHECK_OK(open("m/file", O_RDONLY));
    CHECK_ERR(umount2("m", MNT_EXPIRE), EBUSY);
    close(fd);
    CHECK_ERR(umount2("m", MNT_EXPIRE), EAGAIN);
    CHECK_EQ(access("m/file", F_OK), 0); /* used again */
    CHECK_ERR(umount2("m", MNT_EXPIRE), EAGAIN);
    CHECK_EQ(umount2("m", MNT_EXPIRE), 0);
    CHECK_ERR(umount2("m", MNT_EXPIRE), EINVAL);
    bind_dir("a", "m");
    CHECK_ERR(umount2("m", MNT_EXPIRE | MNT_DETACH), EINVAL);
    CHECK_ERR(umount2("m", MNT_EXPIRE | MNT_FORCE), EINVAL);
    CHECK_EQ(umount("m"), 0);
}

CASE(umount_errors)
{
    tree();
    CHECK_EQ(symlink("m", "link"), 0);
    bind_dir("a", "m");
    CHECK_ERR(umount2("m", 0x100), EINVAL);
    CHECK_ERR(umount("none"), ENOENT);
    CHECK_ERR(umount("plain"), EINVAL);
    CHECK_ERR(umount("m/b"), EINVAL);
    CHECK_ERR(umount(""), ENOENT);
    CHECK_ERR(umount((char *) 8), EFAULT);
    CHECK_ERR(umount("plain/x"), ENOTDIR);
    CHECK_ERR(umount2("link", UMOUNT_NOFOLLOW), EINVAL);
    CHECK_EQ(umount("link"), 0);
    bind_dir("a", "m");
    CHECK_EQ(umount2("m", MNT_FORCE), 0);
}

CASE(move_a_mount)
{
    tree();
    CHECK_EQ(mount("a", "m", NULL, MS_BIND, NULL), 0);
    bind_dir("n", "m/b");
    CHECK_EQ(mount("m", "n", NULL, MS_MOVE, NULL), 0);
    CHECK_ERR(access("m/file", F_OK), ENOENT);
    CHECK_EQ(access("n/file", F_OK), 0);
    CHECK_EQ(mounts_below(here("n")), 2);
    CHECK_EQ(umount("n/b"), 0);
    CHECK_EQ(umount("n"), 0);
}

CASE(move_errors)
{
    tree();
    CHECK_ERR(mount("a", "m", NULL, MS_MOVE, NULL), EINVAL); /* no mount */
    bind_dir("a", "m");
    CHECK_ERR(mount("m", "m/b", NULL, MS_MOVE, NULL), ELOOP);
    CHECK_ERR(mount("m", "plain", NULL, MS_MOVE, NULL), EINVAL);
    CHECK_ERR(mount("m", "none", NULL, MS_MOVE, NULL), ENOENT);
    CHECK_ERR(mount("", "n", NULL, MS_MOVE, NULL), EINVAL);
    CHECK_EQ(umount("m"), 0);
}

CASE(an_open_file_moves_along)
{
    char name[64], text[512];
    int fd;
    ssize_t n;
    tree();
    bind_dir("a", "m");
    fd = (int) CHECK_OK(open("m/file", O_RDONLY));
    CHECK_EQ(mount("m", "n", NULL, MS_MOVE, NULL), 0);
    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    n = readlink(name, text, sizeof(text) - 1);
    CHECK(n > 0);
    text[n] = 0;
    CHECK_STR(text, here("n/file"));
    close(fd);
    CHECK_EQ(umount("n"), 0);
}

CASE(unbindable)
{
    tree();
    bind_dir("a", "m");
    CHECK_EQ(mount(NULL, "m", NULL, MS_UNBINDABLE, NULL), 0);
    CHECK_ERR(mount("m", "n", NULL, MS_BIND, NULL), EINVAL);
    char line[1024];
    CHECK(mount_line(here("m"), line, sizeof(line)));
    CHECK(strstr(line, " unbindable - "));
    CHECK_EQ(mount(here(""), "n", NULL, MS_BIND | MS_REC, NULL), 0);
    CHECK_EQ(mounts_below(here("n")), 1);
    CHECK_EQ(umount("n"), 0);
    CHECK_EQ(mount(NULL, "m", NULL, MS_PRIVATE, NULL), 0);
    CHECK_EQ(mount("m", "n", NULL, MS_BIND, NULL), 0);
    CHECK_EQ(umount("n"), 0);
    CHECK_EQ(umount("m"), 0);
}

CASE(propagation_errors)
{
    tree();
    bind_dir("a", "m");
    CHECK_ERR(mount(NULL, "n", NULL, MS_PRIVATE, NULL), EINVAL); /* no mount */
    CHECK_ERR(mount(NULL, "m", NULL, MS_PRIVATE | MS_SLAVE, NULL), EINVAL);
    CHECK_ERR(mount(NULL, "m", NULL, MS_PRIVATE | MS_RDONLY, NULL), EINVAL);
    CHECK_EQ(mount(NULL, "m", NULL, MS_SLAVE | MS_REC, NULL), 0);
    CHECK_EQ(mount(NULL, "m", NULL, MS_PRIVATE | MS_REC | MS_SILENT, NULL), 0);
    CHECK_EQ(umount("m"), 0);
}

CASE(mountinfo_tells_the_root)
{
    char line[1024], root[512], point[512];
    int id, parent;
    tree();
    CHECK_EQ(mkdir("with blank", 0755), 0);
    bind_dir("a/b", "with blank");
    char want[600];
    snprintf(want, sizeof(want), "%s", here("with\\040blank"));
    CHECK(mount_line(want, line, sizeof(line)));
    CHECK_EQ(sscanf(line, "%d %d %*s %511s %511s", &id, &parent, root, point), 4);
    CHECK(id != parent);
    CHECK(strlen(root) > 4);
    CHECK_STR(root + strlen(root) - 4, "/a/b");
    CHECK_EQ(umount("with blank"), 0);
}

CASE(a_mount_point_is_not_removed)
{
    tree();
    bind_dir("a", "m");
    CHECK_ERR(rmdir("m"), EBUSY);
    CHECK_ERR(rename("m", "x"), EBUSY);
    CHECK_ERR(rename("n", "m"), EBUSY);
    CHECK_EQ(umount("m"), 0);
    CHECK_EQ(rmdir("m"), 0);
}

CASE(no_mount_on_what_is_removed)
{
    tree();
    CHECK_EQ(mkdir("gone", 0755), 0);
    int fd = (int) CHECK_OK(open("gone", O_PATH));
    char name[64];
    CHECK_EQ(rmdir("gone"), 0);
    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    CHECK_ERR(mount("a", name, NULL, MS_BIND, NULL), ENOENT);
    close(fd);
}

CASE(many_come_and_go)
{
    tree();
    for (int i = 0; i < 3000; i++) {
        CHECK_EQ(mount("a", "m", NULL, MS_BIND, NULL), 0);
        CHECK_EQ(umount2("m", i % 2 ? MNT_DETACH : 0), 0);
    }
    CHECK_EQ(mounts_below(here("m")), 0);
}

CASE(deep_stack_is_detached)
{
    tree();
    for (int i = 0; i < 300; i++)
        CHECK_EQ(mount("a", "m", NULL, MS_BIND, NULL), 0);
    int fd = (int) CHECK_OK(open("m/file", O_RDONLY));
    for (int i = 0; i < 300; i++)
        CHECK_EQ(umount2("m", MNT_DETACH), 0);
    CHECK_ERR(access("m/file", F_OK), ENOENT);
    char c;
    CHECK_EQ(read(fd, &c, 1), 1);
}

/* One changes the mount, others walk there. */
CASE(walks_while_mounts_change)
{
    tree();
    pid_t kids[2];
    for (int k = 0; k < 2; k++) {
        kids[k] = fork();
        if (kids[k] == 0) {
            struct stat st;
            for (int i = 0; i < 20000; i++) {
                if (stat("m/b/c/../../b/deep", &st) < 0 && errno != ENOENT)
                    FAIL("errno %d", errno);
                /* Unmounted between the two steps, m has no parent. */
                if (stat("m/../a/file", &st) < 0 && errno != ENOENT)
                    FAIL("errno %d", errno);
            }
            _exit(0);
        }
    }
    int st, left = 2;
    while (left) {
        CHECK_EQ(mount("a", "m", NULL, MS_BIND, NULL), 0);
        CHECK_EQ(umount2("m", MNT_DETACH), 0);
        pid_t p = waitpid(-1, &st, WNOHANG);
        if (p > 0) {
            CHECK_EQ(st, 0);
            left--;
        }
    }
}

CASE(without_privilege)
{
    tree();
    bind_dir("a", "m");
    pid_t p = fork();
    if (p == 0) {
        if (setresuid(12345, 12345, 12345) < 0)
            SKIP("one id only");
        CHECK_ERR(mount("a", "m", NULL, MS_BIND, NULL), EPERM);
        CHECK_ERR(mount("x", "m", "proc", 0, NULL), EPERM);
        CHECK_ERR(mount("x", "none", "proc", 0, NULL), ENOENT);
        CHECK_ERR(umount("m"), EPERM);
        CHECK_ERR(umount("none"), ENOENT);
        CHECK_ERR(umount2("m", 0x1000), EINVAL);
        CHECK_ERR(syscall(SYS_pivot_root, "a", "a"), EPERM);
        _exit(0);
    }
    int st;
    CHECK_EQ(waitpid(p, &st, 0), p);
    CHECK(st == 0 || WEXITSTATUS(st) == GUEST_EXIT_SKIP);
    CHECK_EQ(umount("m"), 0);
}

static short news(int fd)
{
    struct pollfd p = {fd, POLLPRI | POLLIN, 0};
    CHECK(poll(&p, 1, 0) >= 0);
    return p.revents;
}

CASE(changes_are_polled)
{
    tree();
    int a = (int) CHECK_OK(open("/proc/self/mountinfo", O_RDONLY));
    int b = (int) CHECK_OK(open("/proc/self/mounts", O_RDONLY));
    int ep = (int) CHECK_OK(epoll_create1(0));
    struct epoll_event e = {.events = EPOLLPRI}, got = {0};
    CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, b, &e), 0);
    CHECK_EQ(news(a), POLLIN);
    CHECK_EQ(epoll_wait(ep, &got, 1, 0), 0);
    bind_dir("a", "m");
    CHECK_EQ(news(a), POLLIN | POLLPRI | POLLERR);
    CHECK_EQ(news(a), POLLIN); /* told once */
    CHECK_EQ(epoll_wait(ep, &got, 1, 0), 1);
    CHECK_EQ(got.events, EPOLLPRI | EPOLLERR);
    CHECK_EQ(epoll_wait(ep, &got, 1, 0), 0);
    pid_t pid = fork();
    if (pid == 0) {
        sleep_ms(50);
        CHECK_EQ(umount("m"), 0);
        _exit(0);
    }
    CHECK_EQ(epoll_wait(ep, &got, 1, 10000), 1);
    CHECK_EXIT(pid, 0);
    CHECK_EQ(news(a), POLLIN | POLLPRI | POLLERR);
}

CASE(pivot_root_errors)
{
    tree();
    CHECK_ERR(syscall(SYS_pivot_root, "none", "a"), ENOENT);
    CHECK_ERR(syscall(SYS_pivot_root, "plain", "a"), ENOTDIR);
    CHECK_ERR(syscall(SYS_pivot_root, "a", "plain"), ENOTDIR);
    bind_dir("a", "m");
    CHECK_ERR(syscall(SYS_pivot_root, "m", "n"), EINVAL);       /* put_old is not below new_root */
    CHECK_ERR(syscall(SYS_pivot_root, "m/b", "m/b/c"), EINVAL); /* not a mount */
    CHECK_ERR(syscall(SYS_pivot_root, "/", "/"), EBUSY);
    CHECK_EQ(umount("m"), 0);
}

GUEST_MAIN
