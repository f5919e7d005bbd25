/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The zygote: a process that executes the stub's own blob and never runs guest code. Its filter is
 * installed by itself on our order, and its listener comes back to us by pidfd_getfd(2); every
 * later stub is forked from it and inherits the filter.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/sys.h"
#include "base/textio.h"
#include "platform/internal.h"

/* The blob, from blob.S. */
extern const uint8_t stub_blob[], stub_blob_end[];

static int blob_file(void)
{
    _cleanup_close_ int fd = memfd_create("stub", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    size_t n = (uintptr_t) stub_blob_end - (uintptr_t) stub_blob;
    if (write(fd, stub_blob, n) != (ssize_t) n)
        return -EIO;
    return take_fd(&fd);
}

/* What a stub may hold: the files that it was given, for the direct plane. How large they become is
 * the guest's limit to say, where it has one; ours is opened as far as we may. */
static bool limit_files(void)
{
    const struct rlimit files = {STUB_DESCRIPTORS, STUB_DESCRIPTORS};
    struct rlimit size;
    if (getrlimit(RLIMIT_FSIZE, &size) < 0)
        return false;
    size.rlim_cur = size.rlim_max;
    return setrlimit(RLIMIT_FSIZE, &size) == 0 && setrlimit(RLIMIT_NOFILE, &files) == 0;
}

/* In the child: nothing but the channel comes along. */
static _Noreturn void become_stub(int blob, int channel)
{
    static char *const argv[] = {(char *) "stub", NULL}, *const envp[] = {NULL};
    const int parked = 64;
    if (dup3(blob, parked, O_CLOEXEC) == parked && dup2(channel, parked + 1) == parked + 1 &&
        dup2(parked + 1, ZYGOTE_CHANNEL_FD) == ZYGOTE_CHANNEL_FD &&
        host_close_range(0, ZYGOTE_CHANNEL_FD - 1, 0) == 0 &&
        host_close_range(ZYGOTE_CHANNEL_FD + 1, parked - 1, 0) == 0 &&
        host_close_range(parked + 1, ~0u, 0) == 0 && limit_files())
        host_execveat(parked, "", argv, envp, AT_EMPTY_PATH);
    _exit(123);
}

/* vvar and vdso mappings, in address order; each image moves them elsewhere. */
static int find_special(struct platform *p)
{
    char path[64];
    _cleanup_free_ char *text = NULL;
    snprintf(path, sizeof(path), "/proc/%d/maps", host_proc_pid(p->zygote->tid));
    int r = read_file_at(AT_FDCWD, path, 1 << 20, &text, NULL);
    if (r < 0)
        return r;
    for (char *line = text, *end; line && *line; line = end) {
        uint64_t from, to;
        end = strchr(line, '\n');
        if (end)
            *end++ = '\0';
        if (!strstr(line, "[vvar") && !strstr(line, "[vdso]"))
            continue;
        if (sscanf(line, "%" SCNx64 "-%" SCNx64, &from, &to) != 2 ||
            p->n_special == ARRAY_LEN(p->special))
            return -EPROTO;
        p->special[p->n_special].start = from;
        p->special[p->n_special].end = to;
        p->special[p->n_special].is_vdso = strstr(line, "[vdso]") != NULL;
        p->n_special++;
    }
    return 0;
}

/* The program stands in the zygote's bounce buffer; its address there is the same in the order. */
static int install_filter(struct platform *p)
{
    struct stub_thread *z = p->zygote;
    const uint64_t bounce = STUB_SLOTS + SLOT_CHANNEL + CHANNEL_BOUNCE;
    uint8_t *ours = (uint8_t *) z->ch + CHANNEL_BOUNCE;
    struct sock_fprog *prog = (struct sock_fprog *) ours;
    struct sock_filter *code = (struct sock_filter *) (ours + 64);

    int n = stub_filter_build(p->program, STUB_FILTER_MAX);
    if (n < 0)
        return n;
    p->n_program = (size_t) n;
    memcpy(code, p->program, p->n_program * sizeof(code[0]));
    prog->len = (unsigned short) n;
    prog->filter = (struct sock_filter *) (uintptr_t) (bounce + 64);
    struct stub_call c = {
        .nr = SYS_seccomp,
        .args = {SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, bounce},
    };
    int r = channel_calls(z, &c, 1, -1);
    if (r < 0)
        return r;
    if (c.result < 0)
        return (int) c.result;
    _cleanup_close_ int pidfd = host_pidfd_open(z->tid, 0);
    if (pidfd < 0)
        return pidfd;
    p->listener = host_pidfd_getfd(pidfd, (int) c.result, 0);
    if (p->listener < 0)
        return p->listener;
    struct stub_call shut = {.nr = SYS_close, .args = {(uint64_t) c.result}};
    return channel_calls(z, &shut, 1, -1);
}

static int set_oom_score(struct platform *p, const char *score)
{
    if (p->oom_score_fd < 0)
        return 0;
    return pwrite(p->oom_score_fd, score, strlen(score), 0) < 0 ? -errno : 0;
}

int zygote_start(struct platform *p)
{
    struct stub_mm *mm = mm_new();
    struct stub_proc *proc = mm ? proc_new(p, mm) : NULL;
    p->zygote = proc ? thread_new(p, proc, 0) : NULL;
    if (!p->zygote)
        return -ENOMEM;
    mm->slots[0] = 1;
    _cleanup_close_ int blob = blob_file();
    if (blob < 0)
        return blob;

    /* The score is inherited: up for the stubs, then back for ourselves. */
    int r = set_oom_score(p, "500");
    if (r < 0)
        log_warn("cannot raise the guests' OOM score: %s", strerror(-r));
    pid_t pid = fork();
    if (pid == 0)
        become_stub(blob, p->zygote->channel_fd);
    if (pid < 0)
        return -errno;
    (void) set_oom_score(p, "0");

    struct rlimit size;
    p->size_limited = getrlimit(RLIMIT_FSIZE, &size) < 0 || size.rlim_max != RLIM_INFINITY;
    p->zygote->channel_fd = close_fd(p->zygote->channel_fd);
    mutex_lock(&p->lock);
    thread_register(p->zygote, pid, pid);
    mutex_unlock(&p->lock);
    p->zygote->expect_ready = true;
    r = channel_settle(p->zygote);
    if (r >= 0)
        r = find_special(p);
    if (r >= 0)
        r = install_filter(p);
    if (r >= 0 && p->patch)
        r = patches_enable(p);
    if (r < 0)
        log_error("the zygote could not be prepared: %s", strerror(-r));
    return r;
}
