/* SPDX-License-Identifier: Apache-2.0 */
/* Signals as the x86-64 guest sees them: signal(7), sigaction(2). */
#pragma once

#include <stdint.h>

enum {
    LX_SIGHUP = 1,
    LX_SIGINT,
    LX_SIGQUIT,
    LX_SIGILL,
    LX_SIGTRAP,
    LX_SIGABRT,
    LX_SIGBUS,
    LX_SIGFPE,
    LX_SIGKILL,
    LX_SIGUSR1,
    LX_SIGSEGV,
    LX_SIGUSR2,
    LX_SIGPIPE,
    LX_SIGALRM,
    LX_SIGTERM,
    LX_SIGSTKFLT,
    LX_SIGCHLD,
    LX_SIGCONT,
    LX_SIGSTOP,
    LX_SIGTSTP,
    LX_SIGTTIN,
    LX_SIGTTOU,
    LX_SIGURG,
    LX_SIGXCPU,
    LX_SIGXFSZ,
    LX_SIGVTALRM,
    LX_SIGPROF,
    LX_SIGWINCH,
    LX_SIGIO,
    LX_SIGPWR,
    LX_SIGSYS,
    LX_SIGRTMIN = 32,
    LX_SIGRTMAX = 64,
    LX_NSIG = 64,
};

enum { LX_SIG_DFL = 0, LX_SIG_IGN = 1 };
enum { LX_SIG_BLOCK = 0, LX_SIG_UNBLOCK = 1, LX_SIG_SETMASK = 2 };

#define LX_SA_NOCLDSTOP      0x00000001ul
#define LX_SA_NOCLDWAIT      0x00000002ul
#define LX_SA_SIGINFO        0x00000004ul
#define LX_SA_EXPOSE_TAGBITS 0x00000800ul
#define LX_SA_RESTORER       0x04000000ul
#define LX_SA_ONSTACK        0x08000000ul
#define LX_SA_RESTART        0x10000000ul
#define LX_SA_NODEFER        0x40000000ul
#define LX_SA_RESETHAND      0x80000000ul

enum { LX_SS_ONSTACK = 1, LX_SS_DISABLE = 2 };
#define LX_SS_AUTODISARM 0x80000000u
#define LX_MINSIGSTKSZ   2048

enum { LX_SI_USER = 0, LX_SI_KERNEL = 0x80, LX_SI_QUEUE = -1, LX_SI_TIMER = -2, LX_SI_TKILL = -6 };
enum {
    LX_CLD_EXITED = 1,
    LX_CLD_KILLED,
    LX_CLD_DUMPED,
    LX_CLD_TRAPPED,
    LX_CLD_STOPPED,
    LX_CLD_CONTINUED
};
enum { LX_SEGV_MAPERR = 1, LX_SEGV_ACCERR = 2, LX_BUS_ADRERR = 2 };

/* siginfo_t: 128 bytes. The unions of the original are named members of one layout each. */
struct lx_siginfo {
    int32_t signo, err, code, pad0;
    union {
        struct {
            int32_t pid;
            uint32_t uid;
            uint64_t value;
        } rt; /* kill, sigqueue */
        struct {
            int32_t tid;
            int32_t overrun;
            uint64_t value;
        } timer;
        struct {
            int32_t pid;
            uint32_t uid;
            int32_t status;
            int32_t pad;
            int64_t utime, stime;
        } chld;
        struct {
            uint64_t addr;
        } fault;
        struct {
            int64_t band;
            int32_t fd;
        } poll;
        struct {
            uint64_t call_addr;
            int32_t nr;
            uint32_t arch;
        } sys;
        uint8_t bytes[112];
    };
};
_Static_assert(sizeof(struct lx_siginfo) == 128, "siginfo_t");

struct lx_sigaction {
    uint64_t handler, flags, restorer, mask;
};

struct lx_stack {
    uint64_t sp;
    int32_t flags, pad;
    uint64_t size;
};
