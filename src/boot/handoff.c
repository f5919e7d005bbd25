/* SPDX-License-Identifier: Apache-2.0 */
/* Encoding of the hand-over between the two stages: see handoff.h. */
#include "boot/handoff.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/textio.h"

#define HANDOFF_MAGIC 0x32464f48u /* "HOF2" */
#define MAX_TEXT      (1u << 20)  /* cpuinfo of a machine with some 700 cpus */
#define N_TEXTS       6

struct wire_handoff {
    uint32_t magic;
    uint8_t proc_mode, exec_from_memfd, no_reexec, pad;
    int32_t oom_score_fd, inner_net_fd;
    uint32_t text_len[N_TEXTS]; /* with the NUL; 0: none */
    uint64_t limits[HANDOFF_N_LIMITS][2];
};

static char **text_of(struct handoff *h, unsigned i)
{
    char **const texts[N_TEXTS] = {&h->cpuinfo, &h->meminfo, &h->version,
                                   &h->uid_map, &h->gid_map, &h->huge_pages};

    return texts[i];
}

void handoff_collect(struct handoff *h)
{
    static const char *const paths[N_TEXTS] = {
        "/proc/cpuinfo",      "/proc/meminfo",      "/proc/version",
        "/proc/self/uid_map", "/proc/self/gid_map", "/sys/kernel/mm/transparent_hugepage/enabled"};

    for (unsigned i = 0; i < N_TEXTS; i++)
        if (read_file_at(AT_FDCWD, paths[i], MAX_TEXT - 1, text_of(h, i), NULL) < 0)
            *text_of(h, i) = NULL;
    for (unsigned i = 0; i < HANDOFF_N_LIMITS; i++) {
        struct rlimit l = {RLIM_INFINITY, RLIM_INFINITY};

        (void) getrlimit((__rlimit_resource_t) i, &l);
        h->limits[i].soft = l.rlim_cur;
        h->limits[i].hard = l.rlim_max;
    }
}

int handoff_encode(const struct handoff *h, int *ret_fd)
{
    struct wire_handoff w = {
        .magic = HANDOFF_MAGIC,
        .proc_mode = (uint8_t) h->proc_mode,
        .exec_from_memfd = h->exec_from_memfd,
        .no_reexec = h->no_reexec,
        .oom_score_fd = h->oom_score_fd,
        .inner_net_fd = h->inner_net_fd,
    };
    const char *texts[N_TEXTS];
    _cleanup_close_ int fd = memfd_create("handoff", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int r;

    if (fd < 0)
        return -errno;
    for (unsigned i = 0; i < N_TEXTS; i++) {
        texts[i] = *text_of((struct handoff *) (uintptr_t) h, i);
        w.text_len[i] = texts[i] ? (uint32_t) strlen(texts[i]) + 1 : 0;
    }
    for (unsigned i = 0; i < HANDOFF_N_LIMITS; i++) {
        w.limits[i][0] = h->limits[i].soft;
        w.limits[i][1] = h->limits[i].hard;
    }
    r = write_full(fd, &w, sizeof(w));
    for (unsigned i = 0; i < N_TEXTS && r == 0; i++)
        if (texts[i])
            r = write_full(fd, texts[i], w.text_len[i]);
    if (r < 0)
        return r;
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
        return -errno;
    *ret_fd = take_fd(&fd);
    return 0;
}

static int read_text(int fd, uint32_t len, off_t *at, char **ret)
{
    char *text;

    if (len == 0)
        return 0;
    if (len > MAX_TEXT)
        return -EBADMSG;
    text = malloc(len);
    if (!text)
        return -ENOMEM;
    *ret = text;
    if (pread(fd, text, len, *at) != (ssize_t) len || text[len - 1] != '\0')
        return -EBADMSG;
    *at += len;
    return 0;
}

static bool has_one(const char *map)
{
    unsigned inside, outside, count;

    return map && sscanf(map, "%u %u %u", &inside, &outside, &count) == 3 && count == 1 &&
           strchr(map, '\n') && strchr(map, '\n')[1] == '\0';
}

int handoff_read(int fd, struct handoff *ret)
{
    struct wire_handoff w;
    struct handoff h = {0};
    off_t at = sizeof(w);
    int r = 0;

    if (pread(fd, &w, sizeof(w), 0) != (ssize_t) sizeof(w) || w.magic != HANDOFF_MAGIC ||
        w.proc_mode > PROC_BOUND)
        return -EBADMSG;
    h.proc_mode = (enum proc_mode) w.proc_mode;
    h.exec_from_memfd = w.exec_from_memfd;
    h.no_reexec = w.no_reexec;
    h.oom_score_fd = w.oom_score_fd;
    h.inner_net_fd = w.inner_net_fd;
    for (unsigned i = 0; i < HANDOFF_N_LIMITS; i++) {
        h.limits[i].soft = w.limits[i][0];
        h.limits[i].hard = w.limits[i][1];
    }
    for (unsigned i = 0; i < N_TEXTS && r == 0; i++)
        r = read_text(fd, w.text_len[i], &at, text_of(&h, i));
    if (r < 0) {
        handoff_done(&h);
        return r;
    }
    h.one_id = has_one(h.uid_map) && has_one(h.gid_map);
    *ret = h;
    return 0;
}

void handoff_done(struct handoff *h)
{
    for (unsigned i = 0; i < N_TEXTS; i++) {
        free(*text_of(h, i));
        *text_of(h, i) = NULL;
    }
}
