/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of mounts have in common. */
#pragma once

#include "guest.h"
#include <sched.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

/* Rights over a mount name space: the ones we have, or those of a user name space of our own. */
static UNUSED void need_admin(void)
{
    if (umount2("/nowhere-at-all", 0) == -1 && mount("x", "/", "no-such-type", 0, NULL) == -1 &&
        errno == ENODEV)
        return;
    uid_t uid = getuid();
    gid_t gid = getgid();
    char map[64];
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        SKIP("no CAP_SYS_ADMIN, and no user name spaces");
    int fd = open("/proc/self/setgroups", O_WRONLY);
    if (fd >= 0) {
        CHECK_EQ(write(fd, "deny", 4), 4);
        close(fd);
    }
    snprintf(map, sizeof(map), "0 %u 1", uid);
    put_file("/proc/self/uid_map", map, 0644);
    snprintf(map, sizeof(map), "0 %u 1", gid);
    put_file("/proc/self/gid_map", map, 0644);
}

/* An absolute name in the scratch directory. */
static UNUSED const char *here(const char *name)
{
    static char text[8][512];
    static unsigned next;
    char *t = text[next++ % 8];
    CHECK(getcwd(t, 400));
    strcat(t, "/");
    strcat(t, name);
    return t;
}

/* The line of mountinfo whose mount point is `at`, the last of them; fields are cut at blanks. */
static UNUSED bool mount_line(const char *at, char *dst, size_t cap)
{
    char line[4096], point[1024];
    bool found = false;
    FILE *f = fopen("/proc/self/mountinfo", "re");
    CHECK(f);
    while (fgets(line, sizeof(line), f)) {
        if (sscanf(line, "%*d %*d %*s %*s %1023s", point) == 1 && strcmp(point, at) == 0) {
            line[strcspn(line, "\n")] = 0;
            strncpy(dst, line, cap - 1);
            dst[cap - 1] = 0;
            found = true;
        }
    }
    fclose(f);
    return found;
}

static UNUSED int mounts_below(const char *prefix)
{
    char line[4096], point[1024];
    int n = 0;
    FILE *f = fopen("/proc/self/mountinfo", "re");
    CHECK(f);
    while (fgets(line, sizeof(line), f))
        n += sscanf(line, "%*d %*d %*s %*s %1023s", point) == 1 &&
             strncmp(point, prefix, strlen(prefix)) == 0;
    fclose(f);
    return n;
}

static UNUSED void bind_dir(const char *from, const char *to)
{
    CHECK_EQ(mount(from, to, NULL, MS_BIND, NULL), 0);
}
