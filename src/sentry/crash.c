/* SPDX-License-Identifier: Apache-2.0 */
/* Crash reports: see crash.h. As pid 1 of its namespace the sentry would otherwise end without a
 * word. */
#include "sentry/crash.h"

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/log.h"
#include "base/util.h"

#ifdef CLOISTER_DYNAMIC_SENTRY

/* A sanitizer says more about it. */
void crash_handlers_install(void) {}

#else

/* From the linker: the binary is position-independent, the log tells offsets. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));

static void on_crash(int signo, siginfo_t *info, void *context)
{
    const ucontext_t *uc = context;
    uintptr_t rip = (uintptr_t) uc->uc_mcontext.gregs[REG_RIP];
    const uintptr_t *frame = (const uintptr_t *) uc->uc_mcontext.gregs[REG_RBP];

    log_error("internal error: signal %d at offset %#lx, address %p: the sandbox ends", signo,
              (unsigned long) (rip - (uintptr_t) __ehdr_start), info->si_addr);
    /* A broken chain of frames faults again, with the default action. */
    for (int i = 0; i < 16 && frame && ((uintptr_t) frame & 7) == 0; i++) {
        log_error("  called from offset %#lx",
                  (unsigned long) (frame[1] - (uintptr_t) __ehdr_start));
        if (frame[0] <= (uintptr_t) frame)
            break;
        frame = (const uintptr_t *) frame[0];
    }
    _exit(128 + signo);
}

void crash_handlers_install(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    struct sigaction sa = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_RESETHAND};

    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        (void) sigaction(signals[i], &sa, NULL);
}

#endif
