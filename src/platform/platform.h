/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The platform: the only door to running guest code. A guest address space is a host process (the
 * stub); a guest thread is one of its host threads. Anonymous memory, page faults, private futexes
 * and the vDSO are native there; all other calls arrive here as traps.
 *
 * Everything that comes out of a stub is copied out of shared memory once and then checked. A stub
 * may lie about anything and can die at any moment; both hurt only its own guest process.
 *
 * Threads: each stub_thread is driven by exactly one sentry thread, which owns all functions below
 * unless they say "any thread".
 */
#pragma once

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/util.h"

struct platform;
struct stub_thread;
struct signal_delivery;
struct parker;

struct platform_config {
    unsigned max_threads; /* host threads admitted, all stubs together */
    int oom_score_fd;     /* /proc/self/oom_score_adj opened before /proc turned read-only, or -1 */
    bool patch;           /* stubs may patch call sites that trap often */
};

/*
 * Makes the zygote and its filter. Called once, after Landlock and before the sentry's own filter;
 * starts no thread. Error: negative errno with a line in the log.
 */
int platform_init(const struct platform_config *c, struct platform **ret) must_check;
/* Starts the control thread that answers clone, hello and donate and reaps stubs. After the
 * sentry's filter. */
int platform_start(struct platform *p) must_check;
/* Proves that memory access, /proc/<zygote>/maps and the kick work; what failed goes to *ret_why.
 */
int platform_selfcheck(struct platform *p, const char **ret_why) must_check;
/* Host pid of the zygote, for the posture. */
pid_t platform_zygote_pid(const struct platform *p);

/* Guest registers in the order of the x86-64 struct user_regs_struct's names. */
struct guest_regs {
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, eflags;
};

enum trap {
    TRAP_SYSCALL,  /* nr and args */
    TRAP_FAULT,    /* signo, code, addr: the hardware refused an instruction */
    TRAP_KICKED,   /* platform_kick() or a completed frame: look for work */
    TRAP_BADFRAME, /* the signal frame could not be written, or a frame to return from not read */
    TRAP_QUIET,    /* no trap: the guest computes, and what it has closed waits: platform_go_on() */
    TRAP_DEAD,     /* the stub process is gone: signo killed it, or it exited with code */
};

struct trap_info {
    uint64_t nr, args[6]; /* TRAP_SYSCALL */
    int signo, code;      /* TRAP_FAULT: Linux numbers; TRAP_DEAD: killing signal or 0 */
    uint64_t addr;        /* TRAP_FAULT: si_addr */
    struct guest_regs
        regs;   /* as at the trap; rip after the syscall instruction; unset for TRAP_DEAD */
    bool whole; /* all of regs, else rip and rsp alone: platform_take_regs() */
};

/* How guest code goes on after a trap. */
enum resume_kind {
    RESUME_RETURN,    /* syscall result in rax */
    RESUME_RESTART,   /* back to the syscall instruction with rax = value (the number to execute) */
    RESUME_AS_IS,     /* registers as they were at the trap */
    RESUME_SIGRETURN, /* registers and vector state from the guest's frame at rsp - 8 */
    RESUME_REGS,      /* general registers from `regs` (ptrace, exec) */
};

struct resume {
    enum resume_kind kind;
    int64_t value;
    const struct guest_regs *regs;
    const struct signal_delivery *signal; /* after the above, build this frame; NULL: none */
    bool come_back; /* without a signal: trap again (TRAP_KICKED) before any guest code runs */
    bool may_close; /* quiet descriptors may be closed without us: platform_take_closed() */
};

/* A frame for the guest's handler, in Linux's own layout (struct rt_sigframe of x86-64). */
struct signal_delivery {
    uint8_t info[128]; /* siginfo_t */
    uint64_t handler, restorer;
    uint64_t stack; /* frame is built below this address: the alternate stack's top or rsp - 128 */
    uint64_t stack_floor; /* the frame must stay above: it is on the alternate stack; 0: wherever */
    uint64_t saved_mask;  /* uc_sigmask: what rt_sigreturn restores */
    uint64_t ss_sp, ss_size; /* uc_stack */
    uint32_t ss_flags;
    int signo;
    bool with_info;  /* SA_SIGINFO: rsi, rdx (always set, as Linux does) */
    bool no_restart; /* the handler lacks SA_RESTART: a native futex wait ends with EINTR */
    bool more;       /* trap again (TRAP_KICKED) before running the handler */
};

/* Finishes the last trap as `how` says, runs guest code, and blocks until its next trap. */
enum trap platform_run(struct stub_thread *st, const struct resume *how, struct trap_info *ret)
    must_check;

/* After TRAP_QUIET: waits for the trap. */
enum trap platform_go_on(struct stub_thread *st, struct trap_info *ret) must_check;

/* Makes the registers of the trap being handled whole. Owner thread. */
void platform_take_regs(struct stub_thread *st, struct trap_info *trap);

/*
 * Any thread. The current or next platform_run() returns soon with TRAP_KICKED (or another trap
 * that came first), if the stub is well: one that is stopped or hostile may not react.
 */
void platform_kick(struct stub_thread *st);
/*
 * Any thread. From now on a stub that leaves its owner waiting, in platform_run() or with an order,
 * is killed after a while. With in_guest it is also kicked. For tasks that must end.
 */
void platform_expel(struct stub_thread *st, bool in_guest);
/*
 * When the host process dies, `bits` are set in *word and the parker is woken: its owner may sleep
 * elsewhere than in platform_run(). Both must live until platform_exit_thread(), or until this is
 * called again with word NULL. Owner thread.
 */
void platform_watch_death(struct stub_thread *st, _Atomic uint32_t *word, uint32_t bits,
                          struct parker *park);

/* The owner thread is about to sleep in the kernel, or has woken: others may have its processor. */
void platform_sleeping(struct stub_thread *st, bool asleep);

/* Guest memory through process_vm_readv/writev or the bounce buffer. 0 or -EFAULT. Only by the
 * owner thread while trapped. */
int platform_read(struct stub_thread *st, void *dst, uint64_t src, size_t n) must_check;
int platform_write(struct stub_thread *st, uint64_t dst, const void *src, size_t n) must_check;
/* Reads at most n bytes, stops at the first unreadable page: the bytes read, or -EFAULT for none.
 */
ssize_t platform_read_some(struct stub_thread *st, void *dst, uint64_t src, size_t n) must_check;
ssize_t platform_write_some(struct stub_thread *st, uint64_t dst, const void *src, size_t n)
    must_check;
/* platform_read_some() for any thread that holds a reference: what was marshalled belongs to the
 * owner and is left alone. */
ssize_t platform_read_remote(struct stub_thread *st, void *dst, uint64_t src, size_t n) must_check;
ssize_t platform_write_remote(struct stub_thread *st, uint64_t dst, const void *src, size_t n)
    must_check;
/*
 * For a tracer, who looks at the guest's memory itself: results that stand in the bounce buffer go
 * where they belong, and nothing marshalled is used any more. -EFAULT as the guest would get it.
 */
int platform_flush(struct stub_thread *st) must_check;
/*
 * Bounce buffer for this address if the stub marshalled it, else NULL; *ret_n is how much from addr
 * on. Shared with the guest. What was written into a window toward the guest counts only after
 * platform_window_written().
 */
void *platform_window(struct stub_thread *st, uint64_t addr, bool toward_guest, size_t *ret_n);
void platform_window_written(struct stub_thread *st, uint64_t addr, size_t n);

enum stub_clone_kind { STUB_FORK, STUB_VFORK, STUB_SHARED_VM, STUB_THREAD };

struct stub_clone_args {
    enum stub_clone_kind kind;
    uint64_t stack; /* new rsp, 0: keep (not for STUB_THREAD) */
    uint64_t tls;   /* FS base if set_tls */
    bool set_tls;
};

/*
 * While `parent` is trapped in a syscall: makes the child's host process or thread. The child is
 * then itself trapped, as if in the same syscall: its first platform_run() takes RESUME_RETURN 0.
 * -EAGAIN when the host or the limits refuse. For STUB_VFORK the parent's host thread stays
 * suspended by the host until the child leaves the shared memory.
 */
int platform_clone(struct stub_thread *parent, const struct stub_clone_args *a,
                   struct stub_thread **ret) must_check;

/* A fresh, empty address space from the zygote with one thread, which is "trapped" and takes
 * orders. */
int platform_image(struct platform *p, struct stub_thread **ret) must_check;

/*
 * Orders to a trapped stub: mapping calls as the guest itself could make them. Results are the host
 * kernel's own. platform_mmap: fd >= 0 is donated for this one mapping (never more rights than it
 * was opened with).
 */
int platform_mmap(struct stub_thread *st, uint64_t addr, uint64_t len, int prot, int flags, int fd,
                  uint64_t off, uint64_t *ret_addr) must_check;
int platform_munmap(struct stub_thread *st, uint64_t addr, uint64_t len) must_check;
int platform_mprotect(struct stub_thread *st, uint64_t addr, uint64_t len, int prot) must_check;
/* Futex wake on the guest's memory from the sentry's side (robust lists, clear_child_tid). */
int platform_futex_wake(struct stub_thread *st, uint64_t addr, int n) must_check;

/*
 * From now on whatever guest code calls traps, also what ran natively; the vDSO goes on as it is.
 * Holds for all threads of the host process and for the processes made of it, not for a fresh
 * image; there is no way back. 0, also if it was so already; -ESRCH: the stub would not, and has
 * been killed.
 */
int platform_trap_natives(struct stub_thread *st) must_check;
/*
 * From now on guest code is as the guest made it, in all that share its memory and the processes
 * made of it: no call site is patched. 0, also if it was so already; -EBUSY while the host holds
 * the stub in a vfork; -ESRCH when it is dead.
 */
int platform_unpatch(struct stub_thread *st) must_check;
/* Any thread. */
bool platform_natives_trapped(const struct stub_thread *st);
/*
 * Order: one call as guest code makes it natively or the stub answers it by itself (brk, arch_prctl
 * FS and GS), with whatever arguments the guest has given. *ret is the host kernel's answer, or
 * -ENOSYS for a call that is not of that kind. -ESRCH when the process is dead.
 */
int platform_native(struct stub_thread *st, uint64_t nr, const uint64_t args[6], int64_t *ret)
    must_check;
/*
 * The same for futex(2)'s FUTEX_WAIT and FUTEX_WAIT_BITSET, which platform_kick() ends: *ret is
 * -EINTR then. deadline: absolute, of the clock that the operation tells, in place of args[3];
 * NULL: none.
 */
int platform_native_wait(struct stub_thread *st, const uint64_t args[6],
                         const struct timespec *deadline, int64_t *ret) must_check;
/* Likewise for futex_waitv(2), with the guest's own arguments. */
int platform_native_waitv(struct stub_thread *st, const uint64_t args[6], int64_t *ret) must_check;

/*
 * The direct plane: a stub that holds the host descriptor of a guest's one moves data, or waits for
 * events, without us; stub/direct.c has the whole story. What was given in an earlier epoch of a
 * process is used no more once platform_direct_revoke() has returned, but for calls that are under
 * way.
 */
/* What a host descriptor stands for. */
enum direct_kind {
    DIRECT_KIND_FILE,   /* a regular file */
    DIRECT_KIND_STREAM, /* a connected stream socket that never waits, of a guest's that does not */
    DIRECT_KIND_STREAM_WAITS, /* likewise, of a guest's that does */
    DIRECT_KIND_EPOLL,        /* an epoll set, with events as the guest wants them, and the mark */
};
/* For read(2) and its kin, as the call is handled: the stub says that the descriptor is busy, or
 * for open(2), that what is opened mostly becomes so. */
bool platform_direct_wanted(const struct stub_thread *st);
/* For close(2), dup2(2), dup3(2): true, *ret_epoch: the number was direct as of that epoch, and has
 * been dropped. */
bool platform_direct_dropped(const struct stub_thread *st, uint32_t *ret_epoch);
/* Any thread. To be asked before the reasons are looked at that speak against a gift: whoever
 * brings one later begins a new epoch. */
uint32_t platform_direct_epoch(struct stub_thread *st);
/* The stub uses host_fd, which stays the caller's, for the guest's fd, unless the epoch is over. A
 * stub that would not is left as it is. quiet: nobody is concerned when the guest closes it. */
void platform_direct_give(struct stub_thread *st, int fd, int host_fd, enum direct_kind kind,
                          uint32_t epoch, bool quiet);
/*
 * Any thread. Numbers of quiet descriptors that the guest has closed, as the stub says, and that
 * are not yet closed here: each is told once. How many.
 */
#define PLATFORM_CLOSED_MAX 5
unsigned platform_take_closed(struct stub_thread *st, int ret[PLATFORM_CLOSED_MAX]);
bool platform_has_closed(const struct stub_thread *st);
/*
 * A descriptor of a stream that has a number from here to PLATFORM_KEYS_END in the sentry has it in
 * stubs, too, so that both can change what it is in a host's epoll set, which goes by numbers.
 */
#define PLATFORM_KEYS     2048
#define PLATFORM_KEYS_END 4094
/* What the data of an event in a host's epoll set is that says: there are more, which only we know.
 * Not to be guessed by a guest that was given none. */
uint64_t platform_direct_mark(const struct platform *p);
/* Any thread. A new epoch for one process, or for all. */
void platform_direct_revoke(struct stub_thread *st);
void platform_direct_revoke_all(struct platform *p);
/* Whether files that are written natively may become as large as the file system lets them. */
bool platform_direct_may_write(const struct platform *p);
/* What st says it has moved natively since it began; any thread. */
struct stub_io {
    uint64_t rchar, wchar, syscr, syscw;
};
void platform_direct_io(const struct stub_thread *st, struct stub_io *ret);

/*
 * The 32 bits at addr become `desired` if they are `expected`, in one step: *ret_found is what was
 * there. -EFAULT where the guest itself could not write, -EINVAL for an unaligned address.
 */
int platform_cmpxchg(struct stub_thread *st, uint64_t addr, uint32_t expected, uint32_t desired,
                     uint32_t *ret_found) must_check;
/* Which address space a thread has: equal pointers mean the same one, as long as st lives. */
const void *platform_mm(const struct stub_thread *st);
/* Whether another process lives in it, too (vfork, CLONE_VM). */
bool platform_mm_is_shared(const struct stub_thread *st);

/*
 * For debuggers, by orders to the trapped stub; -EBUSY while the host holds it in a vfork, -ESRCH
 * when it is dead. FS and GS base:
 */
int platform_get_bases(struct stub_thread *st, uint64_t *ret_fs, uint64_t *ret_gs) must_check;
int platform_set_bases(struct stub_thread *st, uint64_t fs, uint64_t gs) must_check;
/*
 * The vector state the thread goes on with, in the standard XSAVE layout of this machine: *ret_n
 * bytes, at most PLATFORM_VECTOR_MAX, and the features that it has room for. Bytes 464 to 511
 * belong to the platform. -EIO: the stub lies. set: n must be what get said, else -EINVAL.
 */
#define PLATFORM_VECTOR_MAX 16384u
int platform_get_vector(struct stub_thread *st, void *dst, size_t *ret_n, uint64_t *ret_features)
    must_check;
int platform_set_vector(struct stub_thread *st, const void *src, size_t n) must_check;
/* Guest memory whatever its protection, as ptrace(2) gives it; not the pages of shared files that
 * the guest may not write. 0 or -EFAULT. */
int platform_force(struct stub_thread *st, uint64_t addr, void *buf, size_t n, bool write)
    must_check;

/* Where the heap starts; the stub grows it. */
int platform_set_brk(struct stub_thread *st, uint64_t start) must_check;
uint64_t platform_get_brk(struct stub_thread *st, uint64_t *ret_start);
/* vDSO base in a fresh image after its move, for AT_SYSINFO_EHDR. */
uint64_t platform_vdso(const struct stub_thread *st);
/* Numbers the stub may answer by itself: kept in the thread's facts. */
struct stub_facts {
    int32_t tid, pid;
    uint32_t uid, euid, gid, egid;
    bool trace; /* the stub answers nothing by itself, so that every call that traps is seen */
};
void platform_set_facts(struct stub_thread *st, const struct stub_facts *f);

/* The guest thread ends: its host thread exits (the last one ends the process). `st` is released by
 * this. */
void platform_exit_thread(struct stub_thread *st);
/* SIGKILL for the whole host process; any thread. Its threads' platform_run() return TRAP_DEAD. */
void platform_kill(struct stub_thread *st);
void platform_get(struct stub_thread *st);
void platform_put(struct stub_thread *st);

/* Host ids, for /proc/<host pid>/maps and times. */
pid_t platform_host_pid(const struct stub_thread *st);
pid_t platform_host_tid(const struct stub_thread *st);
/* The reserved region that guests must not see in their maps. */
void platform_reserved(uint64_t *ret_start, uint64_t *ret_end);
/* What the host counts as the address space, and as the data, of a process, and is not the guest's.
 */
uint64_t platform_hidden_size(const struct stub_thread *st);
uint64_t platform_hidden_data(const struct stub_thread *st);
/* The inaccessible mapping that an image begins with; the guest may have removed it since. */
void platform_gap(const struct stub_thread *st, uint64_t *ret_start, uint64_t *ret_end);

/* Pieces of the guest's address space, outside the reserved region, that are the stub's as long as
 * the guest leaves them alone. Any thread. */
#define PLATFORM_MAX_PIECES 8
struct platform_piece {
    uint64_t start, end;
};
size_t platform_pieces(const struct stub_thread *st,
                       struct platform_piece ret[PLATFORM_MAX_PIECES]);

/* The processors of the sandbox, and those a guest thread may run on. The pair's own placement is
 * not seen; it ends when the guest chooses other than all. */
void platform_cpus(const struct platform *p, cpu_set_t *ret);
int platform_get_affinity(const struct stub_thread *st, cpu_set_t *ret) must_check;
int platform_set_affinity(struct stub_thread *st, const cpu_set_t *set) must_check;
/* The image `to` goes on in place of `from`. Own thread. */
void platform_keep_affinity(struct stub_thread *to, const struct stub_thread *from);
