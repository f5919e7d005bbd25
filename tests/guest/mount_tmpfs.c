/* SPDX-License-Identifier: Apache-2.0 */
/* tmpfs(5) mounted by programs, and other file systems a container may make. */
#include "mounting.h"
#include <dirent.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/un.h>

static void tmpfs_on(const char *at, const char *options)
{
    need_admin();
    CHECK_EQ(mkdir(at, 0755), 0);
    CHECK_EQ(mount("src", at, "tmpfs", 0, options), 0);
}

static void fill(const char *name, size_t bytes)
{
    char *buf = calloc(1, bytes);
    int fd = (int) CHECK_OK(open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644));
    CHECK_EQ(write(fd, buf, bytes), bytes);
    close(fd);
    free(buf);
}

CASE(root_has_mode_and_owner)
{
    struct stat st, up;
    tmpfs_on("t", "mode=0751,uid=0,gid=0,size=64k");
    CHECK_EQ(stat("t", &st), 0);
    CHECK_EQ(st.st_mode, S_IFDIR | 0751);
    CHECK_EQ(st.st_nlink, 2);
    CHECK_EQ(stat(".", &up), 0);
    CHECK(st.st_dev != up.st_dev);
    CHECK_EQ(umount("t"), 0);
    CHECK_EQ(mount("src", "t", "tmpfs", 0, NULL), 0);
    CHECK_EQ(stat("t", &st), 0);
    CHECK_EQ(st.st_mode, S_IFDIR | 01777);
    CHECK_EQ(umount("t"), 0);
}

CASE(two_have_two_devices)
{
    struct stat a, b;
    tmpfs_on("t", NULL);
    tmpfs_on("u", NULL);
    CHECK_EQ(stat("t", &a), 0);
    CHECK_EQ(stat("u", &b), 0);
    CHECK(a.st_dev != b.st_dev);
    put_file("t/x", "", 0644);
    CHECK_ERR(rename("t/x", "u/x"), EXDEV);
    CHECK_EQ(umount("t"), 0);
    CHECK_EQ(umount("u"), 0);
}

CASE(bad_options)
{
    need_admin();
    CHECK_EQ(mkdir("t", 0755), 0);
    CHECK_ERR(mount("src", "t", "tmpfs", 0, "nonsense"), EINVAL);
    CHECK_ERR(mount("src", "t", "tmpfs", 0, "size=x"), EINVAL);
    CHECK_ERR(mount("src", "t", "tmpfs", 0, "mode=9"), EINVAL);
    CHECK_EQ(mount("src", "t", "ramfs", 0, "nonsense"), 0);
    CHECK_EQ(umount("t"), 0);
}

CASE(size_is_a_limit)
{
    struct statfs sf;
    char buf[4096] = {0};
    tmpfs_on("t", "size=64k");
    CHECK_EQ(statfs("t", &sf), 0);
    CHECK_EQ(sf.f_type, 0x01021994);
    CHECK_EQ(sf.f_blocks * (unsigned long) sf.f_bsize, 65536);
    fill("t/a", 40960);
    CHECK_EQ(statfs("t", &sf), 0);
    CHECK_EQ(sf.f_bfree * (unsigned long) sf.f_bsize, 24576);
    int fd = (int) CHECK_OK(open("t/b", O_WRONLY | O_CREAT, 0644));
    for (int i = 0; i < 6; i++)
        CHECK_EQ(write(fd, buf, sizeof(buf)), sizeof(buf));
    CHECK_ERR(write(fd, buf, sizeof(buf)), ENOSPC);
    CHECK_EQ(unlink("t/a"), 0);
    CHECK_EQ(write(fd, buf, sizeof(buf)), sizeof(buf));
    CHECK_EQ(ftruncate(fd, 0), 0);
    CHECK_EQ(statfs("t", &sf), 0);
    CHECK_EQ(sf.f_bfree * (unsigned long) sf.f_bsize, 65536);
    CHECK_ERR(posix_fallocate(fd, 0, 1 << 20) == ENOSPC ? (errno = ENOSPC, -1) : 0, ENOSPC);
    close(fd);
    CHECK_EQ(umount("t"), 0);
}

CASE(a_write_is_cut_at_the_limit)
{
    static char buf[32768];
    tmpfs_on("t", "size=16k");
    int fd = (int) CHECK_OK(open("t/a", O_WRONLY | O_CREAT, 0644));
    CHECK_EQ(write(fd, buf, sizeof(buf)), 16384);
    CHECK_ERR(write(fd, buf, 1), ENOSPC);
    CHECK_EQ(pwrite(fd, buf, 100, 50), 100); /* what is there can be written */
    close(fd);
    CHECK_EQ(umount("t"), 0);
}

CASE(an_unlinked_file_counts_until_it_is_closed)
{
    struct statfs sf;
    tmpfs_on("t", "size=64k");
    fill("t/a", 32768);
    int fd = (int) CHECK_OK(open("t/a", O_RDONLY));
    CHECK_EQ(unlink("t/a"), 0);
    CHECK_EQ(statfs("t", &sf), 0);
    CHECK_EQ(sf.f_bfree, 8);
    close(fd);
    CHECK_EQ(statfs("t", &sf), 0);
    CHECK_EQ(sf.f_bfree, 16);
    CHECK_EQ(umount("t"), 0);
}

CASE(nr_inodes_is_a_limit)
{
    struct statfs sf;
    char name[16];
    int i;
    tmpfs_on("t", "nr_inodes=10");
    CHECK_EQ(statfs("t", &sf), 0);
    CHECK_EQ(sf.f_files, 10);
    for (i = 0; i < 20; i++) {
        snprintf(name, sizeof(name), "t/%d", i);
        if (mkdir(name, 0755) < 0)
            break;
    }
    CHECK_EQ(errno, ENOSPC);
    CHECK_EQ(i, 9);
    CHECK_EQ(rmdir("t/0"), 0);
    put_file("t/file", "", 0644);
    CHECK_ERR(symlink("x", "t/link"), ENOSPC);
    CHECK_EQ(umount("t"), 0);
}

CASE(remount_changes_the_size)
{
    struct statfs sf;
    tmpfs_on("t", "size=64k");
    fill("t/a", 32768);
    CHECK_EQ(mount(NULL, "t", NULL, MS_REMOUNT, "size=128k"), 0);
    CHECK_EQ(statfs("t", &sf), 0);
    CHECK_EQ(sf.f_blocks, 32);
    CHECK_ERR(mount(NULL, "t", NULL, MS_REMOUNT, "size=16k"), EINVAL);
    CHECK_ERR(mount(NULL, "t", NULL, MS_REMOUNT, "wrong=1"), EINVAL);
    CHECK_EQ(umount("t"), 0);
}

CASE(options_are_shown)
{
    char line[1024];
    tmpfs_on("t", "size=64k,mode=700");
    CHECK(mount_line(here("t"), line, sizeof(line)));
    CHECK(strstr(line, " - tmpfs src rw,"));
    CHECK(strstr(line, "size=64k"));
    CHECK(strstr(line, "mode=700"));
    CHECK_EQ(umount("t"), 0);
}

CASE(names_of_all_kinds)
{
    struct stat st;
    char text[64];
    tmpfs_on("t", NULL);
    CHECK_EQ(chdir("t"), 0);
    CHECK_EQ(mkdir("d", 0750), 0);
    CHECK_EQ(mkdir("d/e", 0755), 0);
    CHECK_EQ(stat("d", &st), 0);
    CHECK_EQ(st.st_nlink, 3);
    CHECK_EQ(st.st_mode, S_IFDIR | 0750);
    CHECK_EQ(symlink("d/e", "l"), 0);
    CHECK_EQ(lstat("l", &st), 0);
    CHECK_EQ(st.st_size, 3);
    CHECK_EQ(readlink("l", text, sizeof(text)), 3);
    CHECK_EQ(stat("l", &st), 0);
    CHECK(S_ISDIR(st.st_mode));
    CHECK_EQ(mkfifo("p", 0600), 0);
    put_file("f", "text", 0640);
    CHECK_EQ(link("f", "g"), 0);
    CHECK_EQ(stat("g", &st), 0);
    CHECK_EQ(st.st_nlink, 2);
    CHECK_EQ(st.st_size, 4);
    CHECK_ERR(rmdir("d"), ENOTEMPTY);
    CHECK_ERR(rename("d", "d/e/x"), EINVAL);
    CHECK_ERR(mkdir("d", 0755), EEXIST);
    CHECK_EQ(rename("d/e", "e"), 0);
    CHECK_EQ(stat("d", &st), 0);
    CHECK_EQ(st.st_nlink, 2);
    CHECK_EQ(rename("e", "d"), 0); /* an empty one is replaced */
    CHECK_EQ(rename("f", "g"), 0); /* the same file: nothing happens */
    CHECK_EQ(access("f", F_OK), 0);
    CHECK_EQ(unlink("f"), 0);
    CHECK_EQ(stat("g", &st), 0);
    CHECK_EQ(st.st_nlink, 1);
    CHECK_EQ(syscall(SYS_renameat2, AT_FDCWD, "g", AT_FDCWD, "d", 2), 0); /* exchange */
    CHECK_EQ(stat("g", &st), 0);
    CHECK(S_ISDIR(st.st_mode));
    CHECK_EQ(stat(".", &st), 0);
    CHECK_EQ(st.st_nlink, 3);
    CHECK_EQ(chdir(".."), 0);
    CHECK_EQ(umount("t"), 0);
}

CASE(listing)
{
    char name[300];
    int seen = 0;
    tmpfs_on("t", NULL);
    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof(name), "t/name-%d", i);
        CHECK_EQ(mkdir(name, 0755), 0);
    }
    DIR *d = opendir("t");
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.') {
            seen++;
            snprintf(name, sizeof(name), "t/%s", e->d_name);
            CHECK_EQ(rmdir(name), 0);
        }
    CHECK_EQ(seen, 3000);
    closedir(d);
    CHECK_EQ(umount("t"), 0);
}

CASE(contents_and_offsets)
{
    char buf[64];
    tmpfs_on("t", NULL);
    int fd = (int) CHECK_OK(open("t/f", O_RDWR | O_CREAT | O_APPEND, 0644));
    CHECK_EQ(write(fd, "hello ", 6), 6);
    CHECK_EQ(write(fd, "world", 5), 5);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    CHECK_EQ(read(fd, buf, sizeof(buf)), 11);
    CHECK_MEM(buf, "hello world", 11);
    int two = dup(fd);
    CHECK_EQ(lseek(two, 3, SEEK_SET), 3);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 3);
    CHECK_EQ(fcntl(fd, F_SETFL, 0), 0);
    CHECK_EQ(pwrite(fd, "J", 1, 0), 1);
    CHECK_EQ(pread(fd, buf, 1, 0), 1);
    CHECK_EQ(buf[0], 'J');
    int ro = (int) CHECK_OK(open("t/f", O_RDONLY));
    CHECK_ERR(write(ro, "x", 1), EBADF);
    CHECK_ERR(ftruncate(ro, 0), EINVAL);
    CHECK_EQ(ftruncate(fd, 2), 0);
    CHECK_EQ(lseek(ro, 0, SEEK_END), 2);
    close(fd);
    close(two);
    close(ro);
    CHECK_EQ(umount("t"), 0);
}

CASE(mappings)
{
    tmpfs_on("t", NULL);
    put_file("t/f", "0123456789", 0644);
    int fd = (int) CHECK_OK(open("t/f", O_RDWR));
    char *m = CHECK_MAP(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    CHECK_EQ(m[3], '3');
    m[3] = 'x';
    char c;
    CHECK_EQ(pread(fd, &c, 1, 3), 1);
    CHECK_EQ(c, 'x');
    int ro = (int) CHECK_OK(open("t/f", O_RDONLY));
    CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ro, 0) == MAP_FAILED);
    CHECK_EQ(errno, EACCES);
    munmap(m, 4096);
    close(fd);
    close(ro);
    CHECK_EQ(umount("t"), 0);
}

CASE(attributes)
{
    struct stat st;
    struct timespec ts[2] = {{1000, 5}, {2000, 7}};
    tmpfs_on("t", NULL);
    put_file("t/f", "x", 0600);
    CHECK_EQ(chmod("t/f", 04755), 0);
    CHECK_EQ(stat("t/f", &st), 0);
    CHECK_EQ(st.st_mode, S_IFREG | 04755);
    CHECK_EQ(utimensat(AT_FDCWD, "t/f", ts, 0), 0);
    CHECK_EQ(stat("t/f", &st), 0);
    CHECK_EQ(st.st_mtim.tv_sec, 2000);
    CHECK_EQ(st.st_mtim.tv_nsec, 7);
    CHECK_EQ(st.st_atim.tv_sec, 1000);
    int fd = (int) CHECK_OK(open("t/f", O_WRONLY));
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK_EQ(st.st_nlink, 1);
    CHECK_EQ(fchmod(fd, 0640), 0);
    CHECK_EQ(write(fd, "yy", 2), 2);
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK(st.st_mtim.tv_sec > 2000);
    CHECK_EQ(st.st_size, 2);
    CHECK_EQ(st.st_mode, S_IFREG | 0640);
    close(fd);
    CHECK_EQ(mkdir("t/g", 02775), 0);
    CHECK_EQ(chmod("t/g", 02775), 0);
    CHECK_EQ(mkdir("t/g/sub", 0755), 0);
    CHECK_EQ(stat("t/g/sub", &st), 0);
    CHECK_EQ(st.st_mode, S_IFDIR | 02755);
    CHECK_EQ(truncate("t/f", 100), 0);
    CHECK_EQ(stat("t/f", &st), 0);
    CHECK_EQ(st.st_size, 100);
    CHECK_EQ(umount("t"), 0);
}

CASE(unnamed_file_gets_a_name)
{
    char name[64];
    struct stat st;
    tmpfs_on("t", NULL);
    int fd = open("t", O_TMPFILE | O_RDWR, 0600);
    CHECK(fd >= 0);
    CHECK_EQ(write(fd, "abc", 3), 3);
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK_EQ(st.st_nlink, 0);
    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    CHECK_EQ(linkat(AT_FDCWD, name, AT_FDCWD, "t/named", AT_SYMLINK_FOLLOW), 0);
    CHECK_EQ(stat("t/named", &st), 0);
    CHECK_EQ(st.st_size, 3);
    CHECK_EQ(st.st_nlink, 1);
    close(fd);
    CHECK_EQ(umount("t"), 0);
}

CASE(programs_run_from_it)
{
    char buf[65536];
    ssize_t n;
    tmpfs_on("t", NULL);
    int in = (int) CHECK_OK(open("/bin/true", O_RDONLY));
    int out = (int) CHECK_OK(open("t/prog", O_WRONLY | O_CREAT, 0755));
    while ((n = read(in, buf, sizeof(buf))) > 0)
        CHECK_EQ(write(out, buf, (size_t) n), n);
    CHECK_ERR(execl("t/prog", "prog", NULL), ETXTBSY);
    close(out);
    pid_t p = fork();
    if (p == 0) {
        execl("t/prog", "prog", NULL);
        _exit(99);
    }
    CHECK_EXIT(p, 0);
    CHECK_EQ(umount("t"), 0);
}

CASE(sockets_and_fifos)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "t/sock"};
    tmpfs_on("t", NULL);
    int s = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_EQ(bind(s, (struct sockaddr *) &a, sizeof(a)), 0);
    CHECK_EQ(listen(s, 1), 0);
    CHECK_EQ(connect(c, (struct sockaddr *) &a, sizeof(a)), 0);
    close(s);
    close(c);
    CHECK_EQ(mkfifo("t/p", 0600), 0);
    int r = (int) CHECK_OK(open("t/p", O_RDONLY | O_NONBLOCK));
    int w = (int) CHECK_OK(open("t/p", O_WRONLY));
    CHECK_EQ(write(w, "x", 1), 1);
    char ch;
    CHECK_EQ(read(r, &ch, 1), 1);
    close(r);
    close(w);
    CHECK_EQ(umount("t"), 0);
}

CASE(a_deep_tree_is_freed)
{
    tmpfs_on("t", NULL);
    int top = (int) CHECK_OK(open(".", O_PATH));
    CHECK_EQ(chdir("t"), 0);
    for (int i = 0; i < 2000; i++) {
        CHECK_EQ(mkdir("d", 0755), 0);
        CHECK_EQ(chdir("d"), 0);
    }
    CHECK_EQ(fchdir(top), 0);
    CHECK_EQ(umount("t"), 0);
}

CASE(a_bind_of_a_part_keeps_it)
{
    tmpfs_on("t", NULL);
    CHECK_EQ(mkdir("t/d", 0755), 0);
    CHECK_EQ(mkdir("m", 0755), 0);
    put_file("t/d/f", "kept", 0644);
    bind_dir("t/d", "m");
    CHECK_EQ(umount("t"), 0);
    char text[16];
    get_file("m/f", text, sizeof(text));
    CHECK_STR(text, "kept");
    CHECK_EQ(umount("m"), 0);
}

CASE(a_watch_does_not_keep_it)
{
    char buf[512] __attribute__((aligned(8)));
    tmpfs_on("t", NULL);
    put_file("t/f", "", 0644);
    int in = inotify_init1(IN_NONBLOCK);
    int wd = inotify_add_watch(in, "t/f", IN_OPEN);
    CHECK(in >= 0 && wd >= 0);
    CHECK_EQ(umount("t"), 0);
    ssize_t n = read(in, buf, sizeof(buf));
    struct inotify_event *e = (struct inotify_event *) buf;
    CHECK(n >= (ssize_t) sizeof(*e));
    CHECK_EQ(e->wd, wd);
    CHECK_EQ(e->mask, IN_UNMOUNT);
    CHECK_EQ(n, 2 * sizeof(*e));
    CHECK_EQ((e + 1)->mask, IN_IGNORED);
    CHECK_ERR(inotify_rm_watch(in, wd), EINVAL);
    close(in);
}

CASE(proc_sysfs_devpts)
{
    struct stat st;
    need_admin();
    CHECK_EQ(mkdir("m", 0755), 0);
    CHECK_EQ(mount("proc", "m", "proc", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL), 0);
    CHECK_EQ(stat("m/self/status", &st), 0);
    CHECK_EQ(umount("m"), 0);
    CHECK_EQ(mount("sys", "m", "sysfs", MS_RDONLY, NULL), 0);
    CHECK_EQ(stat("m/kernel", &st), 0);
    CHECK_EQ(umount("m"), 0);
    CHECK_EQ(mount("pts", "m", "devpts", 0, "newinstance,mode=620,ptmxmode=666"), 0);
    CHECK_EQ(stat("m/ptmx", &st), 0);
    CHECK_EQ(umount("m"), 0);
}

GUEST_MAIN
