/* SPDX-License-Identifier: Apache-2.0 */
/* stat(2) in all its forms, statfs(2), and calls that few file systems or systems answer. */
#include "guest.h"
#include <sys/inotify.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#ifndef AT_STATX_SYNC_TYPE
#define AT_STATX_SYNC_TYPE 0x6000
#endif

static int sx(int dir, const char *name, unsigned flags, unsigned mask, struct statx *s)
{
    memset(s, 0xee, sizeof(*s));
    return (int) syscall(SYS_statx, dir, name, flags, mask, s);
}

CASE(statx_agrees_with_stat)
{
    struct statx s;
    struct stat st;
    put_file("f", "abc", 0640);
    CHECK_EQ(stat("f", &st), 0);
    CHECK_EQ(sx(AT_FDCWD, "f", 0, STATX_BASIC_STATS | STATX_BTIME, &s), 0);
    CHECK_EQ(s.stx_mask & STATX_BASIC_STATS, STATX_BASIC_STATS);
    CHECK_EQ(s.stx_ino, st.st_ino);
    CHECK_EQ(s.stx_size, 3);
    CHECK_EQ(s.stx_mode, st.st_mode);
    CHECK_EQ(s.stx_nlink, 1);
    CHECK_EQ(s.stx_blocks, st.st_blocks);
    CHECK_EQ(s.stx_blksize, st.st_blksize);
    CHECK_EQ(makedev(s.stx_dev_major, s.stx_dev_minor), st.st_dev);
    CHECK_EQ(s.stx_mtime.tv_nsec, st.st_mtim.tv_nsec);
    if (s.stx_mask & STATX_BTIME)
        CHECK(s.stx_btime.tv_sec > 1000000);
}

CASE(statx_flags)
{
    struct statx s;
    put_file("f", "abc", 0640);
    CHECK_EQ(symlink("f", "ln"), 0);
    CHECK_EQ(sx(AT_FDCWD, "ln", AT_SYMLINK_NOFOLLOW, STATX_TYPE, &s), 0);
    CHECK_EQ(s.stx_mode & S_IFMT, S_IFLNK);
    CHECK_EQ(sx(AT_FDCWD, "ln", 0, 0, &s), 0);
    CHECK_EQ(s.stx_mode & S_IFMT, S_IFREG);
    CHECK_EQ(sx(AT_FDCWD, "f", 0x2000, STATX_SIZE, &s), 0);
    CHECK_EQ(sx(AT_FDCWD, "f", 0x4000, STATX_SIZE, &s), 0);
    CHECK_ERR(sx(AT_FDCWD, "f", 0x6000, STATX_SIZE, &s), EINVAL);
    CHECK_ERR(sx(AT_FDCWD, "f", 0x1, STATX_SIZE, &s), EINVAL);
    CHECK_ERR(sx(AT_FDCWD, "f", 0, 0x80000000u, &s), EINVAL);
    CHECK_ERR(sx(AT_FDCWD, "", 0, STATX_SIZE, &s), ENOENT);
    CHECK_ERR(sx(AT_FDCWD, "missing", 0, STATX_SIZE, &s), ENOENT);
    CHECK_ERR(sx(-1, "f", 0, STATX_SIZE, &s), EBADF);
    CHECK_EQ(sx(AT_FDCWD, "", AT_EMPTY_PATH, STATX_TYPE, &s), 0);
    CHECK_EQ(s.stx_mode & S_IFMT, S_IFDIR);
    int fd = (int) CHECK_OK(open("f", O_RDONLY)), p[2];
    CHECK_EQ(sx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &s), 0);
    CHECK_EQ(s.stx_size, 3);
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(sx(p[0], "", AT_EMPTY_PATH, STATX_TYPE, &s), 0);
    CHECK_EQ(s.stx_mode & S_IFMT, S_IFIFO);
    CHECK_ERR(syscall(SYS_statx, AT_FDCWD, "f", 0, STATX_SIZE, (void *) 8), EFAULT);
    /* A null name with AT_EMPTY_PATH is an empty one. */
    CHECK_EQ(sx(fd, NULL, AT_EMPTY_PATH, STATX_SIZE, &s), 0);
    CHECK_EQ(s.stx_size, 3);
}

CASE(fstatat_flags)
{
    struct stat st;
    put_file("f", "abc", 0640);
    int fd = (int) CHECK_OK(open("f", O_RDONLY));
    CHECK_EQ(syscall(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH), 0);
    CHECK_EQ(st.st_size, 3);
    CHECK_EQ(syscall(SYS_newfstatat, fd, NULL, &st, AT_EMPTY_PATH), 0);
    CHECK_EQ(st.st_size, 3);
    CHECK_ERR(syscall(SYS_newfstatat, fd, "", &st, 0), ENOENT);
    CHECK_ERR(syscall(SYS_newfstatat, fd, "x", &st, 0), ENOTDIR);
    CHECK_ERR(syscall(SYS_newfstatat, AT_FDCWD, "f", &st, 1), EINVAL);
    CHECK_ERR(syscall(SYS_newfstatat, AT_FDCWD, NULL, &st, 0), EFAULT);
    CHECK_ERR(syscall(SYS_newfstatat, -1, "", &st, AT_EMPTY_PATH), EBADF);
    CHECK_EQ(syscall(SYS_newfstatat, AT_FDCWD, "f", &st, AT_NO_AUTOMOUNT), 0);
    CHECK_ERR(syscall(SYS_stat, "f", (void *) 8), EFAULT);
    CHECK_ERR(syscall(SYS_fstat, 999, &st), EBADF);
}

CASE(mount_numbers)
{
    struct statx a, b, c;
    CHECK_EQ(sx(AT_FDCWD, ".", 0, STATX_MNT_ID, &a), 0);
    CHECK_EQ(sx(AT_FDCWD, "/proc", 0, STATX_MNT_ID, &b), 0);
    CHECK_EQ(sx(AT_FDCWD, "/tmp", 0, STATX_MNT_ID, &c), 0);
    CHECK(a.stx_mask & STATX_MNT_ID);
    CHECK(a.stx_mnt_id != b.stx_mnt_id);
    CHECK_EQ(a.stx_mnt_id, c.stx_mnt_id);
    CHECK_EQ(c.stx_attributes & STATX_ATTR_MOUNT_ROOT, STATX_ATTR_MOUNT_ROOT);
    CHECK_EQ(a.stx_attributes & STATX_ATTR_MOUNT_ROOT, 0);
}

CASE(numbers_of_file_systems)
{
    struct statfs s;
    int p[2];
    CHECK_EQ(statfs(".", &s), 0);
    CHECK_EQ(s.f_type, 0x01021994); /* tmpfs */
    CHECK_EQ(s.f_bsize, 4096);
    CHECK_EQ(s.f_frsize, 4096);
    CHECK_EQ(s.f_namelen, 255);
    CHECK(s.f_blocks >= s.f_bfree && s.f_bfree >= s.f_bavail);
    CHECK_EQ(statfs("/proc", &s), 0);
    CHECK_EQ(s.f_type, 0x9fa0);
    CHECK_EQ(statfs("/sys", &s), 0);
    CHECK_EQ(s.f_type, 0x62656572);
    CHECK_EQ(statfs("/dev/pts", &s), 0);
    CHECK_EQ(s.f_type, 0x1cd1);
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(fstatfs(p[0], &s), 0);
    CHECK_EQ(s.f_type, 0x50495045);
    char name[64];
    snprintf(name, sizeof(name), "/proc/self/fd/%d", p[0]);
    CHECK_EQ(statfs(name, &s), 0);
    CHECK_EQ(s.f_type, 0x50495045);
    CHECK_EQ(fstatfs(inotify_init(), &s), 0);
    CHECK_EQ(s.f_type, 0x09041934);
    CHECK_EQ(fstatfs((int) syscall(SYS_memfd_create, "x", 0), &s), 0);
    CHECK_EQ(s.f_type, 0x01021994);
    CHECK_ERR(statfs("missing", &s), ENOENT);
    CHECK_ERR(fstatfs(999, &s), EBADF);
    CHECK_ERR(statfs(".", (void *) 8), EFAULT);
    struct statvfs v;
    CHECK_EQ(statvfs(".", &v), 0);
    CHECK(v.f_flag & ST_RELATIME);
}

/* ---- what hardly anybody answers ---- */

CASE(handles)
{
    struct {
        unsigned bytes;
        int type;
        char data[128];
    } h = {.bytes = 128};
    int mount_id;
    put_file("f", "", 0600);
    errno = 0;
    long r = syscall(SYS_name_to_handle_at, AT_FDCWD, "f", &h, &mount_id, 0);
    bool some = r == 0;
    CHECK(some || errno == EOPNOTSUPP);
    CHECK_ERR(syscall(SYS_name_to_handle_at, AT_FDCWD, "f", &h, &mount_id, 0x80000), EINVAL);
    CHECK_ERR(syscall(SYS_name_to_handle_at, AT_FDCWD, "missing", &h, &mount_id, 0), ENOENT);
    CHECK_ERR(syscall(SYS_name_to_handle_at, -1, "f", &h, &mount_id, 0), EBADF);
    CHECK_ERR(syscall(SYS_name_to_handle_at, AT_FDCWD, (void *) 8, &h, &mount_id, 0), EFAULT);
    if (some) {
        CHECK_ERR(syscall(SYS_name_to_handle_at, AT_FDCWD, "f", (void *) 8, &mount_id, 0), EFAULT);
        h.bytes = 200;
        CHECK_ERR(syscall(SYS_name_to_handle_at, AT_FDCWD, "f", &h, &mount_id, 0), EINVAL);
        h.bytes = 128;
    }
    CHECK_EQ(setuid(1000), 0);
    CHECK_ERR(syscall(SYS_open_by_handle_at, AT_FDCWD, &h, O_RDONLY), EPERM);
}

CASE(old_calls)
{
    char buf[64];
    long n = syscall(SYS_sysfs, 3);
    if (n < 0) {
        CHECK_EQ(errno, ENOSYS);
    } else {
        CHECK(n > 0);
        CHECK_EQ(syscall(SYS_sysfs, 2, 0, buf), 0);
    }
    CHECK_ERR(syscall(SYS_uselib, "f"), ENOSYS);
    CHECK_ERR(syscall(SYS_lookup_dcookie, 0, buf, 1), ENOSYS);
}

CASE(cache_statistics)
{
    struct {
        uint64_t off, len;
    } range = {0, 0};
    struct {
        uint64_t cache, dirty, writeback, evicted, recently;
    } cs;
    int fd = (int) CHECK_OK(open("f", O_CREAT | O_RDWR, 0600)), p[2];
    CHECK_EQ(write(fd, "x", 1), 1);
    long r = syscall(451, fd, &range, &cs, 0);
    if (r < 0 && errno == ENOSYS)
        SKIP("no cachestat here");
    CHECK_EQ(r, 0);
    CHECK_EQ(cs.cache, 1);
    CHECK_ERR(syscall(451, fd, &range, &cs, 1), EINVAL);
    CHECK_ERR(syscall(451, 999, &range, &cs, 0), EBADF);
    CHECK_ERR(syscall(451, fd, (void *) 8, &cs, 0), EFAULT);
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(syscall(451, p[0], &range, &cs, 0), 0);
}

CASE(refused)
{
    CHECK_EQ(setuid(1000), 0);
    CHECK_ERR(syscall(SYS_acct, NULL), EPERM);
    CHECK_ERR(syscall(SYS_swapon, "f", 0), EPERM);
    CHECK_ERR(syscall(SYS_swapoff, "f"), EPERM);
    CHECK_ERR(syscall(SYS_vhangup), EPERM);
    CHECK_ERR(syscall(SYS_chroot, "."), EPERM);
}

GUEST_MAIN
