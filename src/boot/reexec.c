/* SPDX-License-Identifier: Apache-2.0 */
/* Executing ourselves again: see reexec.h. Sources: execve(2), memfd_create(2). */
#include "boot/reexec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/sys.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010u
#endif

/* The spec with the numbers of the trees made here takes the old one's place. */
static int replace_spec(const struct sandbox_spec *s, struct fail *f)
{
    _cleanup_close_ int fd = -1;
    int r = sandbox_spec_encode(s, &fd);

    if (r < 0)
        return fail_errno(f, -r, "writing the sandbox's specification again");
    if (dup3(fd, SPEC_FD_SPEC, O_CLOEXEC) < 0)
        return fail_errno(f, errno, "replacing the sandbox's specification");
    return 0;
}

int reexec_prepare(struct sandbox_spec *s, const struct handoff *h, int *ret_handoff_fd,
                   struct fail *f)
{
    static struct inventory inv; /* large; one thread, once */
    int fd = -1, r = replace_spec(s, f);

    if (r < 0)
        return r;
    r = handoff_encode(h, &fd);
    if (r < 0)
        return fail_errno(f, -r, "writing the hand-over");
    r = inventory_from_spec(&inv, s, f);
    if (r < 0)
        return r;
    r = inventory_add(&inv, fd, "handoff");
    if (r == 0)
        r = inventory_add(&inv, h->oom_score_fd, "oom_score_adj");
    if (r == 0)
        r = inventory_add(&inv, h->inner_net_fd, "network");
    if (r == 0)
        r = host_close_range(3, ~0u, 1u << 2 /* CLOSE_RANGE_CLOEXEC */);
    if (r == 0)
        r = inventory_set_cloexec(&inv, false);
    if (r < 0)
        return fail_errno(f, -r, "letting the inventory's descriptors pass");
    *ret_handoff_fd = fd;
    return 0;
}

/* A copy nobody can change any more; its own name is all that /proc/self/exe then shows. */
static int copy_to_memory(int from, int *ret_fd)
{
    _cleanup_close_ int fd = memfd_create("sentry", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    struct stat st;
    off_t at = 0;

    if (fd < 0 && errno == EINVAL) /* before Linux 6.3 there is no MFD_EXEC, and no need of it */
        fd = memfd_create("sentry", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || fstat(from, &st) < 0)
        return -errno;
    while (at < st.st_size) {
        ssize_t n = sendfile(fd, from, &at, (size_t) (st.st_size - at));

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return -EIO;
    }
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
        return -errno;
    *ret_fd = take_fd(&fd);
    return 0;
}

static void fill_argv(char *word, size_t cap, int handoff_fd)
{
    snprintf(word, cap, "%d", handoff_fd);
}

/*
 * glibc keeps 40 MiB of the stacks of ended threads, with the pages they have touched, and each
 * guest thread has one: a guest that once had many would cost its megabytes for ever.
 */
#define STACK_CACHE "GLIBC_TUNABLES=glibc.pthread.stack_cache_size=2097152"

int reexec(struct sandbox_spec *s, struct handoff *h, const struct chroot_inputs *in,
           struct fail *f)
{
    char number[16];
    char *argv[] = {(char *) (uintptr_t) "sentry", (char *) (uintptr_t) "run", number, NULL};
    char *envp[] = {(char *) (uintptr_t) STACK_CACHE, NULL};
    int handoff_fd, memory_fd = -1, first, r;

    if (in->self_tree >= 0) {
        r = reexec_prepare(s, h, &handoff_fd, f);
        if (r < 0)
            return r;
        fill_argv(number, sizeof(number), handoff_fd);
        log_debug("boot: executing /sentry");
        execve("/sentry", argv, envp);
        first = errno;
        close(handoff_fd);
        if (first != EACCES && first != EPERM)
            return fail_errno(f, first, "executing /sentry");
        log_info("boot: /sentry cannot be executed (%s; its file system is mounted noexec): going "
                 "on from "
                 "memory",
                 strerror(first));
    }
    h->exec_from_memfd = true;
    r = copy_to_memory(in->self_file, &memory_fd);
    if (r < 0)
        return fail_errno(f, -r, "copying the sentry's binary into memory");
    r = reexec_prepare(s, h, &handoff_fd, f);
    if (r < 0)
        return r;
    fill_argv(number, sizeof(number), handoff_fd);
    r = host_execveat(memory_fd, "", argv, envp, AT_EMPTY_PATH);
    return fail_errno(f, -r, "executing the sentry from memory (vm.memfd_noexec must not be 2)");
}
