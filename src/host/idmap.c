/* SPDX-License-Identifier: Apache-2.0 */
/* Id maps: see idmap.h. */
#include "host/idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

#define ALL_IDS 4294967295u

void idmap_identity(struct idmap *m)
{
    *m = (struct idmap){.n_uid = 1, .n_gid = 1};
    m->uid[0] = m->gid[0] = (struct id_range){.count = ALL_IDS};
}

void idmap_single(struct idmap *m, uint32_t inside_uid, uint32_t inside_gid)
{
    *m = (struct idmap){.n_uid = 1, .n_gid = 1};
    m->uid[0] = (struct id_range){inside_uid, geteuid(), 1};
    m->gid[0] = (struct id_range){inside_gid, getegid(), 1};
}

static int write_proc(pid_t pid, const char *name, const char *text, size_t n)
{
    char path[64];
    int fd, r = 0;

    snprintf(path, sizeof(path), "/proc/%d/%s", (int) pid, name);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (write(fd, text, n) != (ssize_t) n)
        r = -errno;
    close(fd);
    return r;
}

/* The map's text as the kernel wants it, one range a line, in one write. */
static size_t format_ranges(const struct id_range *v, size_t n, char *dst, size_t cap)
{
    size_t len = 0;

    for (size_t i = 0; i < n; i++)
        len += (size_t) snprintf(dst + len, cap - len, "%u %u %u\n", v[i].inside, v[i].outside,
                                 v[i].count);
    return len;
}

static int spawn_helper(pid_t *ret, const char *helper, char **argv, int said)
{
    static char *const no_env[] = {NULL};
    posix_spawn_file_actions_t fa;
    int r;

    posix_spawn_file_actions_init(&fa);
    r = posix_spawn_file_actions_adddup2(&fa, said, 2);
    if (r == 0)
        r = posix_spawnp(ret, helper, &fa, NULL, argv, no_env);
    posix_spawn_file_actions_destroy(&fa);
    return r;
}

/* Its first line says which range it refused. */
static int explain_helper(struct fail *f, const char *helper, int said)
{
    char line[256];
    ssize_t n = pread(said, line, sizeof(line) - 1, 0);

    line[n > 0 ? n : 0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    return fail(f, EPERM, "%s refused the id map (see /etc/subuid and /etc/subgid)%s%s", helper,
                *line ? ": " : "", line);
}

/* newuidmap PID inside outside count ... */
static int run_helper(const char *helper, pid_t pid, const struct id_range *v, size_t n,
                      struct fail *f)
{
    char words[3 * IDMAP_MAX_RANGES + 1][16];
    char *argv[3 * IDMAP_MAX_RANGES + 3];
    _cleanup_close_ int said = -1;
    size_t w = 0, a = 0;
    pid_t child;
    int status, r;

    argv[a++] = (char *) (uintptr_t) helper;
    snprintf(words[w], sizeof(words[w]), "%d", (int) pid);
    argv[a++] = words[w++];
    for (size_t i = 0; i < n; i++) {
        const uint32_t three[3] = {v[i].inside, v[i].outside, v[i].count};
        for (size_t k = 0; k < 3; k++) {
            snprintf(words[w], sizeof(words[w]), "%u", three[k]);
            argv[a++] = words[w++];
        }
    }
    argv[a] = NULL;
    said = memfd_create("cloister-helper", MFD_CLOEXEC);
    if (said < 0)
        return fail_errno(f, errno, "making room for what %s says", helper);
    r = spawn_helper(&child, helper, argv, said);
    if (r != 0)
        return fail_errno(f, r, "mapping several user ids needs %s (install uidmap)", helper);
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return fail_errno(f, errno, "waiting for %s", helper);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return explain_helper(f, helper, said);
    return 0;
}

static int write_one(const char *name, const char *helper, const struct id_range *v, size_t n,
                     pid_t pid, bool privileged, struct fail *f)
{
    char text[IDMAP_MAX_RANGES * 36];
    size_t len;
    int r;

    if (!privileged && (n > 1 || v[0].count > 1))
        return run_helper(helper, pid, v, n, f);
    len = format_ranges(v, n, text, sizeof(text));
    r = write_proc(pid, name, text, len);
    if (r < 0)
        return fail_errno(f, -r, "writing %s of the user namespace", name);
    return 0;
}

int idmap_write(const struct idmap *m, pid_t pid, bool privileged, struct fail *f)
{
    int r;

    if (!privileged && m->n_gid == 1 && m->gid[0].count == 1) {
        r = write_proc(pid, "setgroups", "deny", 4);
        if (r < 0)
            return fail_errno(f, -r, "denying setgroups in the user namespace");
    }
    r = write_one("uid_map", "newuidmap", m->uid, m->n_uid, pid, privileged, f);
    if (r == 0)
        r = write_one("gid_map", "newgidmap", m->gid, m->n_gid, pid, privileged, f);
    return r;
}
