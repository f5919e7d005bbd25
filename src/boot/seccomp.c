/* SPDX-License-Identifier: Apache-2.0 */
/* The sentry's own filter: see seccomp.h. Sources: seccomp(2), seccomp_filter.rst of the kernel,
 * clone(2). */
#include "boot/seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "base/bpf.h"
#include "base/log.h"
#include "base/sys.h"

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

#define MAX_CODE 1024

enum check {
    ANY,      /* harmless with any arguments, within this process's own root and namespaces */
    NO_EXEC,  /* third argument: protection without PROT_EXEC; no new code in the sentry */
    THREAD,   /* a thread of this process, no new process and no new namespace */
    NOT_HERE, /* ENOSYS: glibc then falls back to a form whose arguments can be checked */
    PAIR,     /* a pair of unix sockets that are each other's for ever: no name, no other peer */
    SOCKET,   /* Internet sockets, stream or datagram, that do not wait */
    OPTION,   /* second argument: a level of options that is the socket's own or its protocol's */
    IOCTL,    /* second argument on the list of requests below */
    PRCTL,    /* first argument on the list of options below */
    N_CHECKS,
};

struct rule {
    uint32_t nr;
    enum check check;
};

/* clang-format off */
static const struct rule rules[] = {
    /* Data of files, pipes and sockets: what a guest reads and writes ends in one of these. */
    {SYS_read, ANY}, {SYS_write, ANY}, {SYS_readv, ANY}, {SYS_writev, ANY},
    {SYS_pread64, ANY}, {SYS_pwrite64, ANY}, {SYS_preadv, ANY}, {SYS_pwritev, ANY},
    {SYS_preadv2, ANY}, {SYS_pwritev2, ANY},                       /* RWF_ flags of the guest; RWF_NOWAIT */
    {SYS_lseek, ANY},                                              /* offsets live in the host's description */
    {SYS_sendfile, ANY}, {SYS_copy_file_range, ANY}, {SYS_splice, ANY}, /* copies that need not pass through us */
    {SYS_close, ANY}, {SYS_close_range, ANY},

    /* Names below the donated trees; each is opened relative to a tree's descriptor. */
    {SYS_openat, ANY}, {SYS_openat2, ANY},
    {SYS_newfstatat, ANY}, {SYS_fstat, ANY}, {SYS_statx, ANY}, {SYS_fstatfs, ANY}, {SYS_statfs, ANY},
    {SYS_getdents64, ANY}, {SYS_readlinkat, ANY}, {SYS_readlink, ANY}, /* readlink: glibc's own, and the posture */
    {SYS_mkdirat, ANY}, {SYS_mknodat, ANY}, {SYS_symlinkat, ANY}, {SYS_linkat, ANY},
    {SYS_unlinkat, ANY}, {SYS_renameat, ANY}, {SYS_renameat2, ANY},
    {SYS_faccessat, ANY}, {SYS_faccessat2, ANY},                   /* asks only */

    /* Attributes, by descriptor or by a name relative to one. */
    {SYS_fchmod, ANY}, {SYS_fchmodat, ANY}, {SYS_fchmodat2, ANY}, {SYS_fchown, ANY}, {SYS_fchownat, ANY},
    {SYS_utimensat, ANY}, {SYS_ftruncate, ANY}, {SYS_fallocate, ANY},
    {SYS_chmod, ANY}, {SYS_truncate, ANY},                         /* through /proc/self/fd/N, for O_PATH descriptors */
    {SYS_fgetxattr, ANY}, {SYS_fsetxattr, ANY}, {SYS_flistxattr, ANY}, {SYS_fremovexattr, ANY},
    {SYS_getxattr, ANY}, {SYS_setxattr, ANY}, {SYS_listxattr, ANY}, {SYS_removexattr, ANY},     /* the same */
    {SYS_lgetxattr, ANY}, {SYS_lsetxattr, ANY}, {SYS_llistxattr, ANY}, {SYS_lremovexattr, ANY}, /* the same */
    {SYS_fsync, ANY}, {SYS_fdatasync, ANY}, {SYS_sync_file_range, ANY}, {SYS_syncfs, ANY},
    {SYS_fadvise64, ANY}, {SYS_readahead, ANY},                    /* hints of the guest about its files */
    {SYS_flock, ANY},                                              /* locks that other users of a shared volume see */

    /* Descriptors. */
    {SYS_dup, ANY}, {SYS_dup3, ANY}, {SYS_fcntl, ANY},             /* F_SETFL, F_DUPFD_CLOEXEC, seals, record locks */
    {SYS_pipe2, ANY}, {SYS_eventfd2, ANY},                         /* waking the poller; news for the control server */
    {SYS_memfd_create, ANY},                                       /* channels; the guest's own memfds */
    {SYS_ioctl, IOCTL},

    /* Waiting. */
    {SYS_poll, ANY}, {SYS_ppoll, ANY},
    {SYS_epoll_create1, ANY}, {SYS_epoll_ctl, ANY}, {SYS_epoll_wait, ANY}, {SYS_epoll_pwait, ANY},
    {SYS_futex, ANY}, {SYS_futex_waitv, ANY},                      /* locks, parking, channel words */
    {SYS_nanosleep, ANY}, {SYS_clock_nanosleep, ANY},
    {SYS_timerfd_create, ANY}, {SYS_timerfd_settime, ANY},         /* to be told when the clock is set: clock_sets.c */

    /* The stubs: memory, signals, death. All of them are in this pid namespace. */
    {SYS_process_vm_readv, ANY}, {SYS_process_vm_writev, ANY},
    {SYS_kill, ANY}, {SYS_tgkill, ANY}, {SYS_pidfd_open, ANY}, {SYS_pidfd_send_signal, ANY},
    {SYS_waitid, ANY}, {SYS_wait4, ANY},
    {SYS_prlimit64, ANY},                                          /* limits of stubs; raising one takes a capability we lack */
    {SYS_sched_getaffinity, ANY}, {SYS_sched_setaffinity, ANY},    /* a stub thread and its partner share a core */
    {SYS_sched_getscheduler, ANY}, {SYS_sched_getparam, ANY}, {SYS_sched_get_priority_min, ANY},
    {SYS_sched_get_priority_max, ANY}, {SYS_getpriority, ANY},     /* asked by pthread_create and by the guest */
    {SYS_ioprio_set, ANY},                                          /* ioprio_set(2) of the guest, on the thread that serves it */
    {SYS_setpriority, ANY},                                        /* nice(2) of the guest, on its stub; only down */
    {SYS_getcpu, ANY},                                             /* spin only while the partner is on another core */

    /* Threads of our own. */
    {SYS_clone, THREAD}, {SYS_clone3, NOT_HERE},
    {SYS_set_robust_list, ANY}, {SYS_rseq, ANY}, {SYS_set_tid_address, ANY}, /* glibc, at the start of each */
    {SYS_exit, ANY}, {SYS_exit_group, ANY}, {SYS_gettid, ANY}, {SYS_getpid, ANY}, {SYS_sched_yield, ANY},
    {SYS_rt_sigprocmask, ANY}, {SYS_rt_sigaction, ANY}, {SYS_rt_sigreturn, ANY}, {SYS_sigaltstack, ANY},
    {SYS_restart_syscall, ANY},                                    /* the kernel's own, after SIGSTOP */
    {SYS_membarrier, ANY},
    {SYS_prctl, PRCTL},
    {SYS_setfsuid, ANY}, {SYS_setfsgid, ANY},                      /* files belong to the guest user who makes them */

    /* Memory of our own: never executable. */
    {SYS_mmap, NO_EXEC}, {SYS_mprotect, NO_EXEC}, {SYS_munmap, ANY}, {SYS_mremap, ANY}, {SYS_brk, ANY},
    {SYS_madvise, ANY}, {SYS_mincore, ANY}, {SYS_msync, ANY},

#ifdef CLOISTER_DYNAMIC_SENTRY
    {SYS_open, ANY}, {SYS_lstat, ANY}, {SYS_stat, ANY}, {SYS_unlink, ANY}, /* a sanitizer's own report of what it has found */
#endif

    /* What is asked about the machine and ourselves. */
    {SYS_clock_adjtime, ANY},                                      /* how the clock is kept; changing that takes a capability over the host */
    {SYS_clock_gettime, ANY}, {SYS_clock_getres, ANY}, {SYS_gettimeofday, ANY}, {SYS_time, ANY},
    {SYS_getrandom, ANY}, {SYS_sysinfo, ANY}, {SYS_uname, ANY}, {SYS_getrusage, ANY}, {SYS_times, ANY},
    {SYS_getuid, ANY}, {SYS_geteuid, ANY}, {SYS_getgid, ANY}, {SYS_getegid, ANY}, {SYS_getppid, ANY},

    {SYS_socketpair, PAIR},                                        /* descriptors for a stub, with its reply */

    /* Internet sockets of the guest, in the sandbox's own network namespace. */
    {SYS_socket, SOCKET}, {SYS_bind, ANY}, {SYS_connect, ANY}, {SYS_listen, ANY}, {SYS_setsockopt, OPTION},

    /* The same, and sockets that we were born with (control) or that the guest inherited as stdio. */
    {SYS_accept4, ANY}, {SYS_recvmsg, ANY}, {SYS_sendmsg, ANY}, {SYS_recvfrom, ANY}, {SYS_sendto, ANY},
    {SYS_shutdown, ANY}, {SYS_getsockopt, ANY}, {SYS_getsockname, ANY}, {SYS_getpeername, ANY},
};

static const uint32_t ioctls[] = {
    /* the stubs' clone, hello and donate */
    SECCOMP_IOCTL_NOTIF_RECV, SECCOMP_IOCTL_NOTIF_SEND, SECCOMP_IOCTL_NOTIF_ADDFD,
    /* Terminals of the guest's stdio. Never TIOCSTI, TIOCSCTTY, TIOCLINUX: they act on whoever owns the terminal. */
    TCGETS, TCSETS, TCSETSW, TCSETSF, TCFLSH, TCSBRK, TCXONC, TIOCGWINSZ, TIOCSWINSZ, TIOCOUTQ, FIONREAD,
    TIOCGPGRP, TIOCGSID,
    /* sockets: urgent data, what is not sent, when the last packet came; questions about interfaces */
    SIOCATMARK, SIOCOUTQNSD, SIOCGSTAMP_OLD, SIOCGSTAMPNS_OLD,
    SIOCGIFCONF, SIOCGIFNAME, SIOCGIFFLAGS, SIOCGIFADDR, SIOCGIFDSTADDR, SIOCGIFBRDADDR, SIOCGIFNETMASK,
    SIOCGIFMETRIC, SIOCGIFMTU, SIOCGIFHWADDR, SIOCGIFINDEX, SIOCGIFTXQLEN,
    /* questions about an interface's driver; what it could change takes CAP_NET_ADMIN */
    SIOCETHTOOL,
    /* files: attributes, cheap copies */
    FS_IOC_GETFLAGS, FS_IOC_SETFLAGS, FICLONE, FICLONERANGE,
};

static const uint32_t families[] = {AF_INET, AF_INET6};
/* Netlink: questions alone, net/netlink sees to it; without capabilities nothing else is answered. */
static const uint32_t netlink_protocols[] = {NETLINK_ROUTE, NETLINK_SOCK_DIAG, NETLINK_AUDIT, NETLINK_KOBJECT_UEVENT};
static const uint32_t socket_types[] = {
    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
};
/* Raw and packet sockets, where the sandbox may have them (caps_raw_sockets()). */
static const uint32_t raw_levels[] = {SOL_RAW, SOL_ICMPV6};
static const uint32_t packet_types[] = {
    SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
};
/* Never rings, fan-out or headers of offloads: they are most of what was ever wrong with packet sockets. */
static const uint32_t packet_options[] = {
    PACKET_ADD_MEMBERSHIP, PACKET_DROP_MEMBERSHIP, PACKET_AUXDATA, PACKET_ORIGDEV, PACKET_IGNORE_OUTGOING,
};
static const uint32_t option_levels[] = {SOL_SOCKET, SOL_IP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE, SOL_IPV6, SOL_NETLINK};

static const uint32_t prctls[] = {
    PR_SET_NAME, /* threads are told apart in ps */
    PR_GET_DUMPABLE, PR_GET_NO_NEW_PRIVS, PR_GET_SECCOMP, PR_CAPBSET_READ, /* the posture */
    PR_SET_VMA, /* glibc and allocators name their mappings */
    PR_SET_TIMERSLACK, /* timed waits of a thread that serves a guest thread */
};
/* clang-format on */

/* What glibc's pthread_create asks for, and nothing that makes a process or a namespace. */
#define THREAD_FLAGS                                                                    \
    (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | \
     CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

static int by_number(const void *a, const void *b)
{
    const struct bpf_case *x = a, *y = b;

    return (x->nr > y->nr) - (x->nr < y->nr);
}

static void one_of(struct bpf *b, unsigned arg, const uint32_t *list, size_t n, int allow,
                   int refuse)
{
    bpf_load_arg(b, arg, 0);
    for (size_t i = 0; i < n; i++)
        bpf_if(b, BPF_IF_EQ, list[i], allow, BPF_NEXT);
    bpf_goto(b, refuse);
}

/* A family for packets besides the Internet's, and one type more for those. */
static void place_raw_sockets(struct bpf *b, int family_ok, int allow, int refuse)
{
    int packet = bpf_label(b), internet = bpf_label(b);

    bpf_if(b, BPF_IF_EQ, AF_PACKET, packet, BPF_NEXT);
    one_of(b, 0, families, ARRAY_LEN(families), internet, refuse);
    bpf_place(b, packet);
    one_of(b, 1, packet_types, ARRAY_LEN(packet_types), allow, refuse);
    bpf_place(b, internet);
    bpf_load_arg(b, 1, 0);
    bpf_if(b, BPF_IF_EQ, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, allow, family_ok);
}

static void place_raw_options(struct bpf *b, int allow, int refuse)
{
    int packet = bpf_label(b);

    bpf_load_arg(b, 1, 0);
    for (size_t i = 0; i < ARRAY_LEN(raw_levels); i++)
        bpf_if(b, BPF_IF_EQ, raw_levels[i], allow, BPF_NEXT);
    bpf_if(b, BPF_IF_EQ, SOL_PACKET, packet, BPF_NEXT);
    one_of(b, 1, option_levels, ARRAY_LEN(option_levels), allow, refuse);
    bpf_place(b, packet);
    one_of(b, 2, packet_options, ARRAY_LEN(packet_options), allow, refuse);
}

static void place_checks(struct bpf *b, const int *label, int refuse, bool raw)
{
    bpf_place(b, label[IOCTL]);
    one_of(b, 1, ioctls, ARRAY_LEN(ioctls), label[ANY], refuse);
    int family_ok = bpf_label(b), netlink = bpf_label(b), netlink_ok = bpf_label(b);

    bpf_place(b, label[SOCKET]);
    bpf_load_arg(b, 0, 0);
    bpf_if(b, BPF_IF_EQ, AF_NETLINK, netlink, BPF_NEXT);
    if (raw)
        place_raw_sockets(b, family_ok, label[ANY], refuse);
    else
        one_of(b, 0, families, ARRAY_LEN(families), family_ok, refuse);
    bpf_place(b, netlink);
    one_of(b, 2, netlink_protocols, ARRAY_LEN(netlink_protocols), netlink_ok, refuse);
    bpf_place(b, netlink_ok);
    bpf_load_arg(b, 1, 0);
    bpf_if(b, BPF_IF_EQ, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, label[ANY], refuse);
    bpf_place(b, family_ok);
    one_of(b, 1, socket_types, ARRAY_LEN(socket_types), label[ANY], refuse);
    bpf_place(b, label[PAIR]);
    bpf_load_arg(b, 0, 0);
    bpf_if(b, BPF_IF_EQ, AF_UNIX, BPF_NEXT, refuse);
    bpf_load_arg(b, 1, 0);
    /* Of this type the ends cannot be connected, or send, to anybody else. */
    bpf_if(b, BPF_IF_EQ, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, label[ANY], refuse);
    bpf_place(b, label[OPTION]);
    if (raw)
        place_raw_options(b, label[ANY], refuse);
    else
        one_of(b, 1, option_levels, ARRAY_LEN(option_levels), label[ANY], refuse);
    bpf_place(b, label[PRCTL]);
    one_of(b, 0, prctls, ARRAY_LEN(prctls), label[ANY], refuse);
    bpf_place(b, label[NO_EXEC]);
    bpf_load_arg(b, 2, 0);
    bpf_if(b, BPF_IF_SET, PROT_EXEC, refuse, label[ANY]);
    bpf_place(b, label[THREAD]);
    bpf_load_arg(b, 0, 0);
    bpf_if(b, BPF_IF_EQ, (uint32_t) THREAD_FLAGS, label[ANY], refuse);
    bpf_place(b, label[ANY]);
    bpf_ret(b, SECCOMP_RET_ALLOW);
    bpf_place(b, label[NOT_HERE]);
    bpf_ret(b, SECCOMP_RET_ERRNO | ENOSYS);
}

int seccomp_build(bool raw, struct sock_filter *code, size_t cap)
{
    struct bpf_case cases[ARRAY_LEN(rules)];
    int label[N_CHECKS], refuse, ours;
    struct bpf b;

    bpf_init(&b, code, cap);
    for (int i = 0; i < N_CHECKS; i++)
        label[i] = bpf_label(&b);
    refuse = bpf_label(&b);
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        cases[i] = (struct bpf_case){rules[i].nr, label[rules[i].check]};
    qsort(cases, ARRAY_LEN(cases), sizeof(cases[0]), by_number);

    bpf_load_arch(&b);
    ours = bpf_label(&b);
    bpf_if(&b, BPF_IF_EQ, AUDIT_ARCH_X86_64, ours, BPF_NEXT);
    bpf_goto(&b, refuse);
    bpf_place(&b, ours);
    bpf_load_nr(&b);
    bpf_switch(&b, cases, ARRAY_LEN(cases), refuse); /* x32 numbers are in no case */
    place_checks(&b, label, refuse, raw);
    bpf_place(&b, refuse);
    bpf_ret(&b, SECCOMP_RET_TRAP);
    return bpf_finish(&b);
}

/* A call that nobody has a reason for: a bug, or an attacker in the sentry. Neither goes on. */
static void on_sigsys(int signo, siginfo_t *info, void *context)
{
    (void) signo;
    (void) context;
    log_error(
        "the sentry made host call %d (at %p), which its filter does not admit: the sandbox ends",
        info->si_syscall, info->si_call_addr);
    _exit(128 + SIGSYS);
}

int seccomp_confine(bool raw, struct fail *f)
{
    static struct sock_filter code[MAX_CODE];
    struct sigaction sa = {.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO | SA_NODEFER};
    struct sock_fprog prog = {.filter = code};
    int r = seccomp_build(raw, code, MAX_CODE);

    if (r < 0)
        return fail_errno(f, -r, "assembling the sentry's system call filter");
    prog.len = (unsigned short) r;
    if (sigaction(SIGSYS, &sa, NULL) < 0)
        return fail_errno(f, errno, "handling SIGSYS");
    r = host_seccomp(SECCOMP_SET_MODE_FILTER, 0, &prog);
    if (r < 0)
        return fail_errno(f, -r, "installing the sentry's system call filter");
    log_debug("boot: the sentry's filter is in force, %u instructions", (unsigned) prog.len);
    return 0;
}
