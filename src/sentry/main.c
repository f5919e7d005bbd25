/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cloister-sentry, the sandbox process: started by cloister in fresh namespaces as "boot", and once
 * more by itself, from inside its minimal root, as "run".
 */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/parse.h"
#include "boot/boot.h"
#include "rpc/fail.h"
#include "rpc/spec.h"
#include "rpc/sync.h"
#include "sentry/crash.h"
#include "sentry/run.h"

static int report(struct fail *f)
{
    uint32_t status = f->status ? (uint32_t) f->status : EXIT_OURS;

    /* The host side prints it; when nobody is listening any more, the log has it. */
    if (sync_send(SPEC_FD_SYNC, SYNC_ERROR, status, f->text) < 0)
        log_error("%s", f->text);
    return (int) status;
}

int main(int argc, char **argv)
{
    struct fail f = {0};
    uint64_t handoff_fd = 0;
    int fd = -1, r;

    /* As many as can be busy at once: each further one only keeps what others have freed. */
    mallopt(M_ARENA_MAX, (int) sysconf(_SC_NPROCESSORS_ONLN));
    crash_handlers_install();
    if (argc == 2 && strcmp(argv[1], "boot") == 0) {
        r = boot_enter(&fd, &f);
    } else if (argc == 3 && strcmp(argv[1], "run") == 0 && parse_u64(argv[2], &handoff_fd) == 0 &&
               handoff_fd < 1u << 20) {
        fd = (int) handoff_fd;
        r = 0;
    } else {
        fprintf(stderr,
                "cloister-sentry is started by cloister, not by hand: try `cloister do -- ls /`\n");
        return EXIT_OURS;
    }
    if (r == 0)
        r = sentry_run(fd, &f);
    _exit(r < 0 ? report(&f) : r);
}
