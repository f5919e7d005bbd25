/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that must not lead out of the guest's tree: absolute links, "..", hard links, magic links
 * and descriptors. What would be found outside is the sentry's own root: /proc of the sandbox and
 * the binary /sentry.
 */
#include "attack.h"

#include <dirent.h>
#include <sys/mount.h>
#include <sys/statfs.h>

#define PROC_MAGIC 0x9fa0

/* True when this opens and reads as something of the sentry's. */
static bool is_sentrys(const char *path)
{
    char buf[4096], link[256];
    int fd = open(path, O_RDONLY | O_NONBLOCK);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, buf, sizeof(buf) - 1);
    close(fd);
    buf[n > 0 ? n : 0] = 0;
    ssize_t l = readlink(path, link, sizeof(link) - 1);
    link[l > 0 ? l : 0] = 0;
    return strstr(buf, "cloister-root") || strstr(buf, "/sentry") || strstr(buf, "Name:\tsentry") ||
           strstr(link, "/sentry");
}

static const char *const targets[] = {
    "/proc/self/mountinfo",
    "/proc/self/status",
    "/proc/1/status",
    "/proc/1/mountinfo",
    "/proc/self/exe",
    "/proc/1/cmdline",
    "/proc/1/environ",
    "/proc/self/maps",
    "/proc/1/maps",
    "/proc/thread-self/status",
    "/proc/self/root/proc/1/status",
    "/sentry",
    "/proc/self/fd/3",
    "/proc/self/fd/4",
    "/proc/1/fd/8",
    "/proc/mounts",
    "/proc/self/mounts",
    "/proc/self/attr/current",
};
#define TARGETS (sizeof(targets) / sizeof(targets[0]))

CASE(directly)
{
    need_stub();
    for (size_t i = 0; i < TARGETS; i++)
        if (is_sentrys(targets[i]))
            FAIL("%s shows the sentry", targets[i]);
    CHECK(access("/sentry", F_OK) < 0 && errno == ENOENT);
}

CASE(by_absolute_links)
{
    need_stub();
    for (size_t i = 0; i < TARGETS; i++) {
        unlink("link");
        CHECK_EQ(symlink(targets[i], "link"), 0);
        if (is_sentrys("link"))
            FAIL("a link to %s shows the sentry", targets[i]);
        CHECK(open("link", O_RDONLY | O_NOFOLLOW) < 0);
    }
}

CASE(by_links_to_directories)
{
    need_stub();
    CHECK_EQ(symlink("/proc", "p"), 0);
    CHECK_EQ(symlink("/proc/self/root", "r"), 0);
    CHECK_EQ(symlink("/", "top"), 0);
    const char *const paths[] = {"p/self/mountinfo",   "p/1/status",
                                 "r/proc/1/mountinfo", "r/sentry",
                                 "top/sentry",         "top/proc/1/mountinfo",
                                 "p/1/root/sentry",    "p/self/cwd/../../../../sentry"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        if (is_sentrys(paths[i]))
            FAIL("%s shows the sentry", paths[i]);
}

CASE(by_parent_directories)
{
    need_stub();
    char path[4000] = "";
    for (int i = 0; i < 200; i++)
        strcat(path, "../");
    size_t n = strlen(path);
    for (size_t i = 0; i < TARGETS; i++) {
        strcpy(path + n, targets[i] + 1);
        if (is_sentrys(path))
            FAIL("200 parents and %s show the sentry", targets[i]);
    }
    /* From an open directory, and from one that was moved away meanwhile. */
    CHECK_EQ(mkdir("a", 0700), 0);
    CHECK_EQ(mkdir("a/b", 0700), 0);
    int fd = (int) CHECK_OK(open("a/b", O_RDONLY | O_DIRECTORY));
    CHECK_EQ(rename("a/b", "c"), 0);
    CHECK(openat(fd, "../../../../../../../../sentry", O_RDONLY) < 0);
    CHECK_EQ(rmdir("a"), 0);
    struct stat root, here;
    CHECK_EQ(fstatat(fd, "../../../../../../../../..", &here, 0), 0);
    CHECK_EQ(stat("/", &root), 0);
    CHECK_EQ(here.st_ino, root.st_ino);
    CHECK_EQ(here.st_dev, root.st_dev);
}

CASE(by_chroot)
{
    need_stub();
    if (getuid() != 0)
        SKIP("needs root inside");
    /* The classic way out: a root below, a descriptor above. */
    CHECK_EQ(mkdir("jail", 0700), 0);
    int fd = (int) CHECK_OK(open(".", O_RDONLY | O_DIRECTORY));
    if (chroot("jail") != 0)
        SKIP("chroot is refused");
    CHECK_EQ(fchdir(fd), 0);
    for (int i = 0; i < 100; i++)
        CHECK(chdir("..") == 0);
    CHECK(open("sentry", O_RDONLY) < 0);
    CHECK_EQ(chroot("."), 0);
    CHECK(access("/sentry", F_OK) < 0);
    CHECK_EQ(access("/etc/passwd", F_OK), 0); /* the guest's own root, no further */
}

CASE(by_hard_links)
{
    need_stub();
    static const char *const sources[] = {"/proc/self/status", "/proc/1/maps", "/proc/self/exe",
                                          "/dev/null", "/proc/self/fd/0"};
    for (size_t i = 0; i < 5; i++) {
        unlink("hard");
        if (linkat(AT_FDCWD, sources[i], AT_FDCWD, "hard", 0) == 0 && is_sentrys("hard"))
            FAIL("a hard link of %s shows the sentry", sources[i]);
    }
    int fd = open("/proc/self/status", O_RDONLY);
    CHECK(fd >= 0);
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    unlink("hard");
    CHECK(linkat(AT_FDCWD, path, AT_FDCWD, "hard", AT_SYMLINK_FOLLOW) < 0);
    CHECK(linkat(fd, "", AT_FDCWD, "hard2", AT_EMPTY_PATH) < 0);
}

/* Every number: what is not the guest's is EBADF, and /proc/self/fd shows the guest's only. */
CASE(by_descriptors)
{
    need_stub();
    struct stat st;
    int open_ones = 0;
    for (int fd = 3; fd < 1100; fd++)
        open_ones += fstat(fd, &st) == 0;
    CHECK_EQ(open_ones, 0);
    DIR *d = opendir("/proc/self/fd");
    CHECK(d != NULL);
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.' && atoi(e->d_name) > 2 && atoi(e->d_name) != dirfd(d))
            FAIL("/proc/self/fd shows %s", e->d_name);
    closedir(d);
    d = opendir("/proc/1/fd");
    if (d) {
        char path[300], link[300];
        for (struct dirent *e; (e = readdir(d));) {
            snprintf(path, sizeof(path), "/proc/1/fd/%s", e->d_name);
            ssize_t n = readlink(path, link, sizeof(link) - 1);
            link[n > 0 ? n : 0] = 0;
            if (strstr(link, "seccomp") || strstr(link, "memfd") || strstr(link, "cloister"))
                FAIL("%s is %s", path, link);
        }
        closedir(d);
    }
}

/* Only the guest's own processes, by listing and by trying numbers. */
CASE(only_own_processes)
{
    need_stub();
    int seen = 0;
    for (int pid = 1; pid < 5000; pid++) {
        char path[64], buf[128];
        snprintf(path, sizeof(path), "/proc/%d/stat", pid);
        int fd = open(path, O_RDONLY);
        if (fd < 0)
            continue;
        ssize_t n = read(fd, buf, sizeof(buf) - 1);
        close(fd);
        buf[n > 0 ? n : 0] = 0;
        if (strstr(buf, "(sentry)") || strstr(buf, "(cloister"))
            FAIL("process %d is %s", pid, buf);
        seen++;
    }
    CHECK(seen >= 1 && seen <= 16);
    CHECK_ERR(kill(30001, 0), ESRCH);
}

/* Files of /proc that act on the machine take nothing from a guest. */
CASE(nothing_of_the_machine_is_written)
{
    need_stub();
    static const char *const paths[] = {"/proc/sysrq-trigger",
                                        "/proc/sys/kernel/core_pattern",
                                        "/proc/sys/kernel/modprobe",
                                        "/proc/sys/vm/drop_caches",
                                        "/proc/sys/kernel/hostname",
                                        "/proc/self/oom_score_adj",
                                        "/proc/1/oom_score_adj",
                                        "/sys/power/state",
                                        "/sys/kernel/uevent_helper",
                                        "/proc/self/uid_map",
                                        "/proc/self/gid_map",
                                        "/proc/self/mem",
                                        "/proc/1/mem",
                                        "/proc/kcore",
                                        "/proc/kmsg",
                                        "/dev/mem",
                                        "/dev/kmsg",
                                        "/proc/timer_list",
                                        "/proc/keys",
                                        "/proc/acpi/wakeup"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (strcmp(paths[i], "/proc/self/mem") == 0 || strstr(paths[i], "hostname") ||
            strstr(paths[i], "oom_score"))
            continue; /* one's own; the sentry answers for these */
        int fd = open(paths[i], O_WRONLY);
        if (fd < 0)
            continue;
        CHECK(write(fd, "x", 1) < 0);
        close(fd);
    }
}

/* Devices made by the guest are not the host's. */
CASE(made_devices)
{
    need_stub();
    if (mknod("mem", S_IFCHR | 0600, 0x101 /* 1:1, /dev/mem */) == 0) {
        int fd = open("mem", O_RDONLY);
        CHECK(fd < 0);
    }
    if (mknod("vda", S_IFBLK | 0600, 0xfe00) == 0)
        CHECK(open("vda", O_RDONLY) < 0);
}

/* Set-user-id bits and capabilities on files do not give host powers; execution stays confined. */
CASE(root_is_not_the_hosts)
{
    need_stub();
    CHECK(mount("none", "/tmp", "tmpfs", 0, NULL) < 0);
    CHECK(syscall(SYS_pivot_root, ".", ".") < 0);
    CHECK(syscall(SYS_umount2, "/proc", 2) < 0);
    struct statfs s;
    CHECK_EQ(statfs("/proc", &s), 0);
    CHECK_EQ(s.f_type, PROC_MAGIC);
}

GUEST_MAIN
