/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every host system call number, from guest text and by the stub's own instruction: what the filter
 * admits must be the list below and no more. The list is written here a second time on purpose,
 * from DESIGN 4.1 and not from the filter's source.
 */
#include "attack.h"

#include <linux/futex.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#define LAST_NR 470

struct outcome {
    volatile bool done, trapped;
    volatile long ret;
    volatile int host_fd; /* a descriptor of the stub process that the host could map, or -1 */
};

static bool futex_admitted(const long a[6], bool stub)
{
    switch ((uint32_t) a[1]) {
    case FUTEX_WAKE:
    case FUTEX_WAKE | FUTEX_PRIVATE_FLAG:
    case FUTEX_WAKE_BITSET:
    case FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG:
    case FUTEX_REQUEUE | FUTEX_PRIVATE_FLAG:
    case FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG:
    case FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG:
    case FUTEX_REQUEUE: /* between processes, too: only the host can move who waits in its queues */
    case FUTEX_CMP_REQUEUE:
    case FUTEX_WAKE_OP:
        return true;
    case FUTEX_WAIT:
    case FUTEX_WAIT | FUTEX_PRIVATE_FLAG:
    case FUTEX_WAIT_BITSET:
    case FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG:
    case FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME:
    case FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME:
        return stub || a[3] == 0;
    default:
        return false;
    }
}

static bool madvise_admitted(uint32_t advice)
{
    return advice <= 4 || advice == 8 || advice == 10 || advice == 11 ||
           (advice >= 14 && advice <= 23) || advice == 25;
}

static bool clone_notified(unsigned long flags)
{
    return flags == STUB_CLONE_FORK || flags == STUB_CLONE_VFORK || flags == STUB_CLONE_SHARED ||
           flags == STUB_CLONE_THREAD;
}

static bool mmap_admitted(const long a[6], bool stub)
{
    const uint32_t flags = (uint32_t) a[3];
    const uint32_t known = MAP_PRIVATE | MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED |
                           MAP_FIXED_NOREPLACE | MAP_NORESERVE | MAP_STACK | MAP_GROWSDOWN |
                           MAP_POPULATE | MAP_32BIT;
    return !(flags & ~known) && (stub || (flags & MAP_ANONYMOUS));
}

/* May the host kernel see this call, or the sentry as a notification? */
static bool admitted(const struct call *c, bool stub)
{
    const long *a = c->a;
    switch (c->nr) {
    case SYS_munmap:
    case SYS_mprotect:
    case SYS_mremap:
    case SYS_remap_file_pages:
    case SYS_msync:
    case SYS_mincore:
    case SYS_mlock:
    case SYS_munlock:
    case SYS_mlock2:
    case SYS_sched_yield:
    case STUB_NR_HELLO:
    case STUB_NR_DONATE:
        return true;
    case SYS_mmap:
        return mmap_admitted(a, stub);
    case SYS_madvise:
        return madvise_admitted((uint32_t) a[2]);
    case SYS_membarrier:
        return (uint32_t) a[1] == 0;
    case SYS_clock_gettime:
        return (int32_t) a[0] == 2 || (int32_t) a[0] == 3 || (stub && a[0] == 1);
    case SYS_futex:
        return futex_admitted(a, stub);
    case SYS_seccomp:
        return stub && (uint32_t) a[0] == 1 && (uint32_t) a[1] == 1; /* FILTER with TSYNC alone */
    case SYS_clone:
        return clone_notified((unsigned long) a[0]);
    case SYS_arch_prctl:
        return stub && (uint32_t) a[0] >= 0x1001 && (uint32_t) a[0] <= 0x1004;
    case SYS_close:
    case SYS_exit:
    case SYS_exit_group:
    case SYS_rt_sigprocmask:
    case SYS_rt_sigreturn:
    case SYS_sigaltstack:
    case SYS_futex_waitv:
    case SYS_read:
    case SYS_write:
    case SYS_fstat:
    case SYS_lseek:
    case SYS_sendfile:
    case SYS_pread64:
    case SYS_pwrite64:
    case SYS_readv:
    case SYS_writev:
    case SYS_preadv:
    case SYS_pwritev:
    case SYS_close_range:
    case SYS_recvfrom:
    case SYS_recvmsg:
    case SYS_epoll_wait:
    case SYS_epoll_ctl:
    case SYS_ppoll:
        return stub;
    case SYS_sendmsg:
        return stub && !((uint32_t) a[2] & ~(uint32_t) (MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE));
    case SYS_ioctl:
        return stub && (uint32_t) a[1] == FIONREAD;
    case SYS_setsockopt:
        return stub && (uint32_t) a[1] == IPPROTO_TCP &&
               ((uint32_t) a[2] == TCP_NODELAY || (uint32_t) a[2] == TCP_CORK ||
                (uint32_t) a[2] == TCP_QUICKACK);
    default:
        return false;
    }
}

/*
 * uretprobe and uprobe, with which the kernel's own trampolines end: newer kernels let these two
 * pass by every filter. Made from elsewhere they fail with ENXIO or a signal.
 */
static bool passes_all_filters(long nr)
{
    return nr == 335 || nr == 336;
}

/* Calls after which nobody is there to look at the paint. */
static bool never_returns(long nr)
{
    return nr == SYS_exit || nr == SYS_exit_group || nr == SYS_rt_sigreturn;
}

static void on_alarm(int signo)
{
    (void) signo;
}

/* Descriptors the stub's process itself holds: the stub may map them, so mapping finds them. */
static int find_host_fd(void)
{
    for (long fd = 0; fd < 40; fd++) {
        long r = raw_stub(CALL(SYS_mmap, {0, PAGE, PROT_NONE, MAP_PRIVATE, fd, 0}));
        if (r != -EBADF)
            return (int) fd;
    }
    return -1;
}

/* Small numbers are descriptors to many calls: none of them may be a file of the caller's, like
 * /dev/null. */
static void harmless_descriptors(void)
{
    int p[2];
    if (pipe(p) != 0 || dup2(p[0], 0) != 0 || dup2(p[1], 1) != 1 || dup2(p[1], 2) != 2)
        _exit(1);
    close(p[0]);
    close(p[1]);
}

static void attempt(const struct call *c, bool stub, struct outcome *o)
{
    harmless_descriptors();
    struct itimerval soon = {.it_value = {.tv_sec = 0, .tv_usec = 200000},
                             .it_interval = {0, 200000}};
    setitimer(ITIMER_REAL, &soon, NULL);
    o->ret = watched(stub, c, &o->trapped);
    o->done = true;
    o->host_fd = find_host_fd();
    _exit(0);
}

/* One call in a process of its own; complains and returns false when the host answered unbidden. */
static bool try_call(const struct call *c, bool stub, struct outcome *o)
{
    const char *from = stub ? "the stub's instruction" : "guest text";
    char text[256] = "";
    memset((void *) o, 0, sizeof(*o));
    o->host_fd = -1;
    pid_t pid = fork();
    if (pid < 0)
        FAIL("fork before call %ld: errno %d", c->nr, errno);
    if (pid == 0)
        attempt(c, stub, o);
    int st = end_within(pid, 5000);
    if (passes_all_filters(c->nr))
        return true;
    if (o->done && !o->trapped && !admitted(c, stub))
        snprintf(text, sizeof(text), "went to the host and gave %ld", o->ret);
    else if (o->done && o->trapped && admitted(c, stub) &&
             !(c->nr == SYS_ppoll && o->ret == -EINTR)) /* it slept, and the alarm has painted */
        snprintf(text, sizeof(text), "should have run natively, gave %ld", o->ret);
    else if (o->host_fd >= 0)
        snprintf(text, sizeof(text), "left the stub's process with descriptor %d", o->host_fd);
    else if (st < 0 && !never_returns(c->nr))
        snprintf(text, sizeof(text), "did not end in 5 seconds");
    if (!text[0])
        return true;
    char line[512];
    snprintf(line, sizeof(line), "# call %ld(%#lx, %#lx, %#lx, %#lx) from %s: %s\n", c->nr, c->a[0],
             c->a[1], c->a[2], c->a[3], from, text);
    guest_say(line);
    return false;
}

static struct outcome *shared_outcome(void)
{
    struct sigaction sa = {.sa_handler = on_alarm};
    CHECK_EQ(sigaction(SIGALRM, &sa, NULL), 0);
    return CHECK_MAP(mmap(NULL, sizeof(struct outcome), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0));
}

static bool sends_signals(long nr)
{
    return nr == SYS_kill || nr == SYS_tkill || nr == SYS_tgkill || nr == SYS_rt_sigqueueinfo ||
           nr == SYS_rt_tgsigqueueinfo;
}

static void every_number(bool stub, const long a[6])
{
    need_stub();
    struct outcome *o = shared_outcome();
    int bad = 0;
    for (long nr = 0; nr <= LAST_NR; nr++) {
        struct call c = {.nr = nr};
        memcpy(c.a, a, sizeof(c.a));
        if (sends_signals(nr))
            c.a[1] = c.a[2] = 0; /* no signal to whoever has this number */
        bad += !try_call(&c, stub, o);
    }
    CHECK_EQ(bad, 0);
    still_sane();
}

static const char victim[] = "victim";

CASE(zeros_from_guest_text)
{
    every_number(false, (long[6]){0});
}

CASE(zeros_by_the_stubs_instruction)
{
    every_number(true, (long[6]){0});
}

CASE(a_path_from_guest_text)
{
    put_file(victim, "text", 0600);
    every_number(false, (long[6]){(long) victim});
}

CASE(a_path_by_the_stubs_instruction)
{
    put_file(victim, "text", 0600);
    every_number(true, (long[6]){(long) victim});
}

CASE(a_directory_and_path_by_the_stubs_instruction)
{
    put_file(victim, "text", 0600);
    every_number(true, (long[6]){AT_FDCWD, (long) victim});
}

CASE(one_everywhere_by_the_stubs_instruction)
{
    every_number(true, (long[6]){1, 1, 1, 1, 1, 1});
}

/* Where the decision hangs on an argument: both sides of each edge. */
CASE(arguments)
{
    static uint32_t word;
    const long w = (long) &word;
    const long anon = MAP_PRIVATE | MAP_ANONYMOUS;
    const struct call table[] = {
        {SYS_mmap, {0, PAGE, 3, anon, -1}},
        {SYS_mmap, {0, PAGE, 3, anon | MAP_HUGETLB, -1}},
        {SYS_mmap, {0, PAGE, 3, anon | MAP_LOCKED, -1}},
        {SYS_mmap, {0, PAGE, 3, anon | MAP_SYNC, -1}},
        {SYS_mmap, {0, PAGE, 3, anon | 0x08, -1}}, /* MAP_DROPPABLE */
        {SYS_mmap, {0, PAGE, 3, anon | MAP_NONBLOCK, -1}},
        {SYS_mmap, {0, PAGE, 1, MAP_PRIVATE, 0}},
        {SYS_mmap, {0, PAGE, 1, MAP_SHARED, 3}},
        {SYS_madvise, {0, 0, MADV_DONTNEED}},
        {SYS_madvise, {0, 0, MADV_REMOVE}},
        {SYS_madvise, {0, 0, MADV_MERGEABLE}},
        {SYS_madvise, {0, 0, 100}}, /* MADV_HWPOISON */
        {SYS_madvise, {0, 0, 101}},
        {SYS_madvise, {0, 0, 24}}, /* DONTNEED_LOCKED */
        {SYS_madvise, {0, 0, 26}},
        {SYS_futex, {w, FUTEX_WAKE_PRIVATE, 1}},
        {SYS_futex, {w, FUTEX_WAKE, 1}},
        {SYS_futex, {w, FUTEX_WAIT_PRIVATE, 1}},
        {SYS_futex, {w, FUTEX_REQUEUE, 0, 0, w}},
        {SYS_futex, {w, FUTEX_REQUEUE_PRIVATE, 0, 0, w}},
        {SYS_futex, {w, FUTEX_CMP_REQUEUE, 0, 0, w, 0}},
        {SYS_futex, {w, FUTEX_WAKE_OP, 0, 0, w, 0}},
        {SYS_futex, {w, FUTEX_LOCK_PI, 0}},
        {SYS_futex, {w, FUTEX_LOCK_PI_PRIVATE, 0}},
        {SYS_futex, {w, FUTEX_TRYLOCK_PI_PRIVATE, 0}},
        {SYS_futex, {w, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 1, 0, w}},
        {SYS_futex, {w, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, 0, w, 0}},
        {SYS_futex, {w, FUTEX_FD, 0}},
        {SYS_clock_gettime, {CLOCK_REALTIME, w}},
        {SYS_clock_gettime, {CLOCK_PROCESS_CPUTIME_ID, 0}},
        {SYS_clock_gettime, {CLOCK_THREAD_CPUTIME_ID, 0}},
        {SYS_clock_gettime, {-2 & ~7l, 0}}, /* a clock of pid 1 */
        {SYS_clock_gettime, {11, 0}},
        {SYS_membarrier, {0, 0, 0}},
        {SYS_membarrier, {0, 1, 0}},
        {SYS_arch_prctl, {0x1001, 0}}, /* GS */
        {SYS_arch_prctl, {0x1005, 0}},
        {SYS_arch_prctl, {0x1011, 0}}, /* CPUID faulting */
        {SYS_arch_prctl, {0x1012, 0}},
        {SYS_arch_prctl, {0x1022, 17}}, /* XCOMP_PERM */
        {SYS_arch_prctl, {0x2001, w}},  /* MAP_VDSO_X32 */
        {SYS_arch_prctl, {0x5001, 1}},  /* SHSTK */
        {SYS_clone, {SIGCHLD}},
        {SYS_clone, {CLONE_PARENT}},
        {SYS_clone, {0}},
        {SYS_clone, {STUB_CLONE_FORK}},
        {SYS_clone, {STUB_CLONE_SHARED}},
        {SYS_clone, {STUB_CLONE_THREAD}},
        {SYS_clone, {(long) (STUB_CLONE_FORK | 1ul << 32)}},
        {SYS_clone, {STUB_CLONE_FORK | CLONE_NEWUSER}},
        {SYS_clone, {STUB_CLONE_FORK | CLONE_NEWNS}},
        {SYS_clone, {STUB_CLONE_FORK | CLONE_PTRACE}},
        {SYS_clone, {CLONE_NEWUSER | SIGCHLD}},
        {SYS_clone3, {w, 88}},
        {SYS_seccomp, {0, 0, 0}}, /* STRICT */
        {SYS_seccomp, {1, 0, w}}, /* a thread's own */
        {SYS_seccomp, {1, 1, w}}, /* TSYNC */
        {SYS_seccomp, {1, 2, w}}, /* LOG */
        {SYS_seccomp, {1, 8, w}}, /* NEW_LISTENER */
        {SYS_seccomp, {1, 1 | 8, w}},
        {SYS_seccomp, {1, 1 | 8 | 16, w}}, /* TSYNC_ESRCH */
        {SYS_seccomp, {2, 0, w}},          /* GET_ACTION_AVAIL */
        {SYS_sigaltstack, {0, 0}},
        {SYS_rt_sigprocmask, {0, 0, 0, 8}},
        {SYS_close, {0}},
    };
    need_stub();
    struct outcome *o = shared_outcome();
    int bad = 0;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        bad += !try_call(&table[i], false, o) + !try_call(&table[i], true, o);
    CHECK_EQ(bad, 0);
}

/* The high halves of 32-bit arguments are not looked at by the kernel; the filter must not be
 * fooled. */
CASE(high_halves)
{
    static uint32_t word;
    const long high = 1l << 32, w = (long) &word;
    const struct call table[] = {
        {SYS_futex, {w, high | FUTEX_LOCK_PI, 0}},
        {SYS_mmap, {0, PAGE, 3, high | MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1}},
        {SYS_madvise, {0, 0, high | MADV_REMOVE}},
        {SYS_arch_prctl, {high | 0x1012, 0}},
        {SYS_seccomp, {high | 1, high | 8, w}},
        {SYS_seccomp, {high | 1, high | 1 | 8, w}},
    };
    need_stub();
    struct outcome *o = shared_outcome();
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        CHECK(try_call(&table[i], false, o) && try_call(&table[i], true, o));
    /* The number itself is 32 bits wide to seccomp and to the entry code. */
    CHECK(try_call(CALL(high | SYS_getpid, {0}), true, o));
}

/* x32 numbers and the 32-bit gate have other meanings for a number: never served, never native. */
CASE(x32)
{
    need_stub();
    struct outcome *o = shared_outcome();
    for (long nr = 0; nr <= 547; nr += nr == LAST_NR ? 42 : 1) {
        struct call c = {.nr = 0x40000000 | nr};
        CHECK(try_call(&c, false, o));
        CHECK(!o->done || o->ret == -ENOSYS);
        CHECK(try_call(&c, true, o));
    }
}

CASE(int80)
{
    need_stub();
    for (long nr = 0; nr < 450; nr++) {
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
            long ret;
            __asm__ volatile("int $0x80"
                             : "=a"(ret)
                             : "a"(nr), "b"(0L), "c"(0L), "d"(0L), "S"(0L), "D"(0L)
                             : "memory", "r8", "r9", "r10", "r11");
            _exit(ret == -ENOSYS || (int) ret == -ENOSYS ? 0 : 9);
        }
        int st = end_within(pid, 3000);
        if (st != 0 && st != SIGSEGV)
            FAIL("32-bit call %ld: status %#x", nr, st);
    }
}

/* The descriptors of the guest are numbers of the sentry's: none of them exists in the host
 * process. */
CASE(descriptors_are_not_the_hosts)
{
    need_stub();
    put_file(victim, "text", 0600);
    int fds[8];
    for (int i = 0; i < 8; i++) {
        fds[i] = (int) raw_stub(CALL(SYS_openat, {AT_FDCWD, (long) victim, O_RDWR}));
        CHECK(fds[i] > 2);
    }
    CHECK_EQ(find_host_fd(), -1);
    /* A mapping of it comes by donation, and the donated descriptor is gone afterwards. */
    char *m = CHECK_MAP(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fds[0], 0));
    CHECK_MEM(m, "text", 4);
    CHECK_EQ(find_host_fd(), -1);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        CHECK_EQ(raw_stub(CALL(STUB_NR_DONATE, {0})), -EBADF);
        CHECK_EQ(raw_guest(CALL(STUB_NR_DONATE, {0})), -EBADF);
        _exit(14);
    }
    CHECK_EQ(end_within(pid, 5000), 14 << 8);
    CHECK_EQ(read(fds[0], m, 0), 0); /* the guest's number still works */
}

/*
 * A filter of the guest's on the host is granted only when the sentry has ordered one, and never
 * with a listener: the newest listener gets the notifications, and clone, hello and donate would be
 * asked of the guest.
 */
CASE(no_filter_without_an_order)
{
    struct filter_insn {
        uint16_t code;
        uint8_t jt, jf;
        uint32_t k;
    } allow = {6, 0, 0, 0x7fff0000};
    struct {
        uint16_t len;
        struct filter_insn *code;
    } prog = {1, &allow};
    need_stub();
    struct outcome *o = shared_outcome();
    for (long op = 1; op <= 2; op++)
        for (long flags = 0; flags < 64; flags++) {
            CHECK(try_call(CALL(SYS_seccomp, {op, flags, (long) &prog}), true, o));
            CHECK(o->done);
            if (!o->trapped)
                CHECK_EQ(o->ret, -EPERM);
        }
    still_sane();
}

/* Ids that the sentry gives out and not the host, also when asked from the stub's text. */
CASE(ids_are_the_sentrys)
{
    need_stub();
    CHECK_EQ(raw_stub(CALL(SYS_getpid, {0})), getpid());
    CHECK_EQ(raw_stub(CALL(SYS_gettid, {0})), gettid());
    CHECK_EQ(raw_stub(CALL(SYS_getppid, {0})), getppid());
    CHECK(getpid() < 30000);
}

/* What must never be granted whoever asks: success of any of these would be the sentry's mistake.
 */
CASE(refused)
{
    static uint64_t zero[16];
    const long z = (long) zero;
    const struct call table[] = {
        {SYS_io_uring_setup, {4, z}},
        {SYS_bpf, {0, z, 64}},
        {SYS_perf_event_open, {z, 0, -1, -1, 0}},
        {SYS_userfaultfd, {0}},
        {SYS_kexec_load, {0, 0, 0, 0}},
        {SYS_init_module, {z, 0, z}},
        {SYS_finit_module, {0, z, 0}},
        {SYS_delete_module, {(long) "x", 0}},
        {SYS_reboot, {(long) 0xfee1dead, 672274793, 0x89abcdef, 0}},
        {SYS_swapon, {(long) victim, 0}},
        {SYS_iopl, {3}},
        {SYS_ioperm, {0, 8, 1}},
        {SYS_settimeofday, {z, 0}},
        {SYS_clock_settime, {0, z}},
        {SYS_open_by_handle_at, {AT_FDCWD, z, 0}},
        {SYS_process_vm_readv, {1, z, 1, z, 1, 0}},
        {SYS_ptrace, {16 /* ATTACH */, 30000}},
        {SYS_kcmp, {30000, 30000, 0, 0, 0}}, /* of our own, the sentry answers */
        {SYS_pivot_root, {(long) ".", (long) "."}},
        {SYS_syslog, {3, z, 64}},
        {SYS_add_key, {z, z, z, 0, -2}},
        {SYS_keyctl, {0, -3, 1}},
        {SYS_quotactl, {0, 0, 0, 0}},
        {SYS_acct, {(long) victim}},
        {SYS_modify_ldt, {1, z, 16}},
        {SYS_fanotify_init, {0, 0}},
    };
    need_stub();
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        for (int stub = 0; stub < 2; stub++) {
            long r = raw(stub, &table[i]);
            /* process_vm_readv of nothing may say 0. */
            if (r >= 0 && !(table[i].nr == SYS_process_vm_readv && r == 0))
                FAIL("call %ld gave %ld", table[i].nr, r);
        }
    still_sane();
}

GUEST_MAIN
