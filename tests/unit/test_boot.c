/* SPDX-License-Identifier: Apache-2.0 */
/* The sentry's own filter call by call, the hand-over, the inventory and the mount table reader. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#undef fail /* ours is a function */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/bpf.h"
#include "boot/handoff.h"
#include "boot/inventory.h"
#include "boot/mountinfo.h"
#include "boot/outer.h"
#include "boot/seccomp.h"

/* ---- the filter ---- */

static struct sock_filter code[1024];

static int build(void **state)
{
    (void) state;
    return seccomp_build(false, code, 1024) > 0 ? 0 : -1;
}

static uint32_t answer(uint32_t nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
    struct seccomp_data d = {.nr = (int) nr, .arch = AUDIT_ARCH_X86_64, .args = {a0, a1, a2}};

    return bpf_run(code, 1024, &d);
}

static void test_refused(void **state)
{
    static const uint32_t refused[] = {
        SYS_execve,
        SYS_execveat,
        SYS_fork,
        SYS_vfork,
        SYS_ptrace,
        SYS_mount,
        SYS_umount2,
        SYS_pivot_root,
        SYS_chroot,
        SYS_setns,
        SYS_unshare,
        SYS_open_tree,
        SYS_move_mount,
        SYS_fsopen,
        SYS_mount_setattr,
        SYS_bpf,
        SYS_perf_event_open,
        SYS_keyctl,
        SYS_add_key,
        SYS_init_module,
        SYS_kexec_load,
        SYS_reboot,
        SYS_swapon,
        SYS_setuid,
        SYS_setgid,
        SYS_setresuid,
        SYS_setgroups,
        SYS_capset,
        SYS_seccomp,
        SYS_io_uring_setup,
        SYS_userfaultfd,
        SYS_process_madvise,
        SYS_pidfd_getfd,
        SYS_open_by_handle_at,
        SYS_name_to_handle_at,
        SYS_iopl,
        SYS_ioperm,
        SYS_modify_ldt,
        SYS_mknod,
        SYS_quotactl,
        SYS_acct,
        SYS_syslog,
        SYS_sethostname,
        SYS_clock_settime,
        SYS_personality,
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        assert_int_equal(answer(refused[i], 0, 0, 0), SECCOMP_RET_TRAP);
        assert_int_equal(answer(refused[i] | 0x40000000u, 0, 0, 0), SECCOMP_RET_TRAP);
    }
    assert_int_equal(answer(100000, 0, 0, 0), SECCOMP_RET_TRAP);
}

static void test_other_architecture(void **state)
{
    struct seccomp_data d = {.nr = SYS_read, .arch = AUDIT_ARCH_I386};

    (void) state;
    assert_int_equal(bpf_run(code, 1024, &d), SECCOMP_RET_TRAP);
}

static void test_admitted(void **state)
{
    static const uint32_t admitted[] = {
        SYS_read,       SYS_write,        SYS_openat,
        SYS_openat2,    SYS_futex,        SYS_process_vm_readv,
        SYS_exit_group, SYS_getdents64,   SYS_renameat2,
        SYS_setfsuid,   SYS_waitid,       SYS_munmap,
        SYS_accept4,    SYS_rt_sigreturn, SYS_clock_adjtime,
        SYS_ioprio_set,
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(admitted); i++)
        assert_int_equal(answer(admitted[i], 0, 0, 0), SECCOMP_RET_ALLOW);
}

static void test_arguments(void **state)
{
    const uint64_t thread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
                            CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID |
                            CLONE_CHILD_CLEARTID;

    (void) state;
    assert_int_equal(answer(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE), SECCOMP_RET_ALLOW);
    assert_int_equal(answer(SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC), SECCOMP_RET_TRAP);
    assert_int_equal(answer(SYS_mprotect, 0, 4096, PROT_READ), SECCOMP_RET_ALLOW);
    assert_int_equal(answer(SYS_mprotect, 0, 4096, PROT_EXEC), SECCOMP_RET_TRAP);
    assert_int_equal(answer(SYS_clone, thread, 0, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(answer(SYS_clone, 17, 0, 0), SECCOMP_RET_TRAP);
    assert_int_equal(answer(SYS_clone, thread | CLONE_NEWUSER, 0, 0), SECCOMP_RET_TRAP);
    assert_int_equal(answer(SYS_clone3, 0, 0, 0), SECCOMP_RET_ERRNO | ENOSYS);
    assert_int_equal(answer(SYS_ioctl, 3, TIOCGWINSZ, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(answer(SYS_ioctl, 3, TIOCSTI, 0), SECCOMP_RET_TRAP);
    assert_int_equal(answer(SYS_ioctl, 3, 0x541c /* TIOCLINUX */, 0), SECCOMP_RET_TRAP);
    assert_int_equal(answer(SYS_socket, AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
                     SECCOMP_RET_ALLOW);
    assert_int_equal(answer(SYS_socket, AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
                     SECCOMP_RET_ALLOW);
    assert_int_equal(answer(SYS_socket, AF_INET, SOCK_STREAM, 0), SECCOMP_RET_TRAP);
    assert_int_equal(answer(SYS_socket, AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
                     SECCOMP_RET_TRAP);
    assert_int_equal(answer(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
                     SECCOMP_RET_TRAP);
    const int raw = SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC;
    const int packets = SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC;
    const int datagrams = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    assert_int_equal(answer(SYS_socketpair, AF_UNIX, packets, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(answer(SYS_socketpair, AF_UNIX, SOCK_SEQPACKET, 0), SECCOMP_RET_TRAP);
    assert_int_equal(answer(SYS_socketpair, AF_UNIX, datagrams, 0), SECCOMP_RET_TRAP);
    assert_int_equal(answer(SYS_socketpair, AF_INET, packets, 0), SECCOMP_RET_TRAP);
    assert_int_equal(answer(SYS_timerfd_create, CLOCK_REALTIME, 0, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(answer(SYS_timerfd_gettime, 0, 0, 0), SECCOMP_RET_TRAP);
    assert_int_equal(answer(SYS_socket, AF_NETLINK, raw, NETLINK_ROUTE), SECCOMP_RET_ALLOW);
    assert_int_equal(answer(SYS_socket, AF_NETLINK, raw, NETLINK_SOCK_DIAG), SECCOMP_RET_ALLOW);
    assert_int_equal(answer(SYS_socket, AF_NETLINK, raw, NETLINK_NETFILTER), SECCOMP_RET_TRAP);
    assert_int_equal(answer(SYS_socket, AF_NETLINK, raw, NETLINK_GENERIC), SECCOMP_RET_TRAP);
    assert_int_equal(answer(SYS_socket, AF_NETLINK, SOCK_DGRAM, NETLINK_ROUTE), SECCOMP_RET_TRAP);
    assert_int_equal(answer(SYS_socket, AF_INET, raw, 0), SECCOMP_RET_TRAP);
    assert_int_equal(answer(SYS_setsockopt, 3, SOL_SOCKET, SO_REUSEADDR), SECCOMP_RET_ALLOW);
    assert_int_equal(answer(SYS_setsockopt, 3, 136 /* SOL_UDPLITE */, 10), SECCOMP_RET_ALLOW);
    assert_int_equal(answer(SYS_setsockopt, 3, 263 /* SOL_PACKET */, 1), SECCOMP_RET_TRAP);
    assert_int_equal(answer(SYS_ioctl, 3, 0x8946 /* SIOCETHTOOL */, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(answer(SYS_ioctl, 3, 0x8914 /* SIOCSIFFLAGS */, 0), SECCOMP_RET_TRAP);
    assert_int_equal(answer(SYS_ioctl, 3, 0x8906 /* SIOCGSTAMP */, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(answer(SYS_ioctl, 3, 0x8907 /* SIOCGSTAMPNS */, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(answer(SYS_ioctl, 3, 0x894b /* SIOCOUTQNSD */, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(answer(SYS_ioctl, 3, 0x8902 /* SIOCSPGRP */, 0), SECCOMP_RET_TRAP);
    assert_int_equal(answer(SYS_prctl, PR_SET_NAME, 0, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(answer(SYS_prctl, PR_SET_MM, 0, 0), SECCOMP_RET_TRAP);
    assert_int_equal(answer(SYS_prctl, PR_SET_DUMPABLE, 0, 0), SECCOMP_RET_TRAP);
}

/* Raw and packet sockets where they are wanted, and nothing else more. */
static void test_raw_sockets(void **state)
{
    const int raw = SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC;
    const int dgram = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    const int packet = 263 /* SOL_PACKET */;

    (void) state;
    assert_true(seccomp_build(true, code, 1024) > 0);
    assert_int_equal(answer(SYS_socket, AF_INET, raw, 1), SECCOMP_RET_ALLOW);
    assert_int_equal(answer(SYS_socket, AF_INET6, raw, 58), SECCOMP_RET_ALLOW);
    assert_int_equal(answer(SYS_socket, AF_INET, dgram, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(answer(SYS_socket, AF_PACKET, raw, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(answer(SYS_socket, AF_PACKET, dgram, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(answer(SYS_socket, AF_PACKET, SOCK_RAW, 0), SECCOMP_RET_TRAP);
    assert_int_equal(answer(SYS_socket, AF_INET, SOCK_RAW, 0), SECCOMP_RET_TRAP);
    assert_int_equal(answer(SYS_socket, AF_UNIX, raw, 0), SECCOMP_RET_TRAP);
    assert_int_equal(answer(SYS_socket, AF_NETLINK, raw, NETLINK_ROUTE), SECCOMP_RET_ALLOW);
    assert_int_equal(answer(SYS_socket, AF_NETLINK, raw, NETLINK_NETFILTER), SECCOMP_RET_TRAP);
    assert_int_equal(answer(SYS_setsockopt, 3, SOL_SOCKET, SO_REUSEADDR), SECCOMP_RET_ALLOW);
    assert_int_equal(answer(SYS_setsockopt, 3, 255 /* SOL_RAW */, 1), SECCOMP_RET_ALLOW);
    assert_int_equal(answer(SYS_setsockopt, 3, packet, 1 /* membership */), SECCOMP_RET_ALLOW);
    assert_int_equal(answer(SYS_setsockopt, 3, packet, 5 /* PACKET_RX_RING */), SECCOMP_RET_TRAP);
    assert_int_equal(answer(SYS_setsockopt, 3, packet, 18 /* PACKET_FANOUT */), SECCOMP_RET_TRAP);
    assert_true(seccomp_build(false, code, 1024) > 0);
    assert_int_equal(answer(SYS_socket, AF_PACKET, raw, 0), SECCOMP_RET_TRAP);
    assert_int_equal(answer(SYS_setsockopt, 3, 255 /* SOL_RAW */, 1), SECCOMP_RET_TRAP);
}

/* ---- the filter of the thread that stays outside ---- */

static void test_outer_filter(void **state)
{
    const uint64_t stream = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    const uint64_t datagram = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    const uint64_t raw = SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC;
    static struct sock_filter outer[64];
    const struct {
        uint32_t nr;
        uint64_t a0, a1, a2;
        uint32_t answer;
    } cases[] = {
        {SYS_socket, AF_INET, stream, 6, SECCOMP_RET_ALLOW},
        {SYS_socket, AF_INET6, datagram, 17, SECCOMP_RET_ALLOW},
        {SYS_socket, AF_INET, stream, 0, SECCOMP_RET_KILL_PROCESS},
        {SYS_socket, AF_INET, stream, 262 /* MPTCP */, SECCOMP_RET_KILL_PROCESS},
        {SYS_socket, AF_INET, datagram, 1 /* ICMP */, SECCOMP_RET_KILL_PROCESS},
        {SYS_socket, AF_INET6, datagram, 136 /* UDP-Lite */, SECCOMP_RET_KILL_PROCESS},
        {SYS_futex, 0, 0, 6, SECCOMP_RET_ALLOW},
        {SYS_restart_syscall, 0, 0, 6, SECCOMP_RET_ALLOW},
        {SYS_socket, AF_INET, raw, 6, SECCOMP_RET_KILL_PROCESS},
        {SYS_socket, AF_INET, SOCK_STREAM, 6, SECCOMP_RET_KILL_PROCESS},
        {SYS_socket, AF_NETLINK, raw, 6, SECCOMP_RET_KILL_PROCESS},
        {SYS_socket, AF_PACKET, datagram, 6, SECCOMP_RET_KILL_PROCESS},
        {SYS_socket, AF_UNIX, stream, 6, SECCOMP_RET_KILL_PROCESS},
        {SYS_connect, 0, 0, 6, SECCOMP_RET_KILL_PROCESS},
        {SYS_bind, 0, 0, 6, SECCOMP_RET_KILL_PROCESS},
        {SYS_sendto, 0, 0, 6, SECCOMP_RET_KILL_PROCESS},
        {SYS_setns, 0, 0, 6, SECCOMP_RET_KILL_PROCESS},
        {SYS_write, 0, 0, 6, SECCOMP_RET_KILL_PROCESS},
        {SYS_mmap, 0, 0, 6, SECCOMP_RET_KILL_PROCESS},
        {SYS_socket | 0x40000000u, AF_INET, stream, 6, SECCOMP_RET_KILL_PROCESS},
    };

    (void) state;
    assert_true(outer_build_filter(outer, 64) > 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct seccomp_data d = {.nr = (int) cases[i].nr,
                                 .arch = AUDIT_ARCH_X86_64,
                                 .args = {cases[i].a0, cases[i].a1, cases[i].a2}};

        assert_int_equal(bpf_run(outer, 64, &d), cases[i].answer);
    }
}

/* ---- the hand-over ---- */

static void test_handoff(void **state)
{
    char cpuinfo[] = "processor: 0\n", version[] = "Linux\n";
    struct handoff in = {.proc_mode = PROC_BOUND,
                         .exec_from_memfd = true,
                         .oom_score_fd = 17,
                         .inner_net_fd = 18,
                         .cpuinfo = cpuinfo,
                         .version = version};
    struct handoff out = {0};
    int fd = -1;

    (void) state;
    in.limits[7].soft = 1024;
    in.limits[7].hard = UINT64_MAX;
    assert_int_equal(handoff_encode(&in, &fd), 0);
    assert_int_equal(handoff_read(fd, &out), 0);
    assert_int_equal(out.proc_mode, PROC_BOUND);
    assert_true(out.exec_from_memfd);
    assert_false(out.no_reexec);
    assert_int_equal(out.oom_score_fd, 17);
    assert_int_equal(out.inner_net_fd, 18);
    assert_true(out.limits[7].soft == 1024 && out.limits[7].hard == UINT64_MAX);
    assert_string_equal(out.cpuinfo, cpuinfo);
    assert_null(out.meminfo);
    assert_string_equal(out.version, version);
    assert_int_equal(write(fd, "x", 1), -1); /* sealed */
    assert_int_equal(ftruncate(fd, 0), -1);
    handoff_done(&out);
    close(fd);
}

static void test_handoff_malformed(void **state)
{
    struct handoff in = {.oom_score_fd = -1}, out;
    char bytes[8192];
    ssize_t n;
    int fd = -1, bad;

    (void) state;
    in.cpuinfo = (char[]){"text"};
    assert_int_equal(handoff_encode(&in, &fd), 0);
    n = pread(fd, bytes, sizeof(bytes), 0);
    assert_true(n > 0);
    close(fd);
    bad = memfd_create("bad", MFD_CLOEXEC);
    assert_int_equal(handoff_read(bad, &out), -EBADMSG); /* empty */
    assert_int_equal(pwrite(bad, bytes, (size_t) n - 1, 0), n - 1);
    assert_int_equal(handoff_read(bad, &out), -EBADMSG); /* cut */
    bytes[0] ^= 1;
    assert_int_equal(pwrite(bad, bytes, (size_t) n, 0), n);
    assert_int_equal(handoff_read(bad, &out), -EBADMSG); /* not ours */
    close(bad);
}

/* ---- the inventory ---- */

static void test_inventory(void **state)
{
    static struct inventory inv;

    (void) state;
    inv.n = 0;
    assert_int_equal(inventory_add(&inv, -1, "nothing"), 0);
    assert_int_equal(inv.n, 0);
    assert_int_equal(inventory_add(&inv, 5, "five"), 0);
    assert_int_equal(inventory_add(&inv, 5, "again"), -EINVAL);
    assert_int_equal(inventory_add(&inv, 3, "three"), 0);
    assert_string_equal(inventory_name(&inv, 3), "three");
    assert_null(inventory_name(&inv, 4));
    inventory_remove(&inv, 5);
    assert_null(inventory_name(&inv, 5));
    inventory_remove(&inv, 5);
    assert_int_equal(inv.n, 1);
}

/* ---- mountinfo ---- */

static void test_mountinfo(void **state)
{
    char text[] = "22 27 0:21 / /proc rw,nosuid shared:5 master:1 - proc proc rw\n"
                  "broken line\n"
                  "23 27 0:22 / /a\\040b ro - tmpfs some\\134thing ro,size=4k";
    char *cursor = text;
    struct mount_row row;

    (void) state;
    assert_true(mountinfo_next(&cursor, &row));
    assert_string_equal(row.point, "/proc");
    assert_string_equal(row.type, "proc");
    assert_true(mount_has_option(row.options, "nosuid"));
    assert_false(mount_has_option(row.options, "suid"));
    assert_false(mount_has_option(row.options, "ro"));
    assert_true(mountinfo_next(&cursor, &row));
    assert_string_equal(row.point, "/a b");
    assert_string_equal(row.source, "some\\thing");
    assert_false(mountinfo_next(&cursor, &row));
    assert_true(mount_type_is_kernel("proc"));
    assert_false(mount_type_is_kernel("ext4"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),      cmocka_unit_test(test_other_architecture),
        cmocka_unit_test(test_admitted),     cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_handoff),      cmocka_unit_test(test_handoff_malformed),
        cmocka_unit_test(test_outer_filter), cmocka_unit_test(test_inventory),
        cmocka_unit_test(test_mountinfo),    cmocka_unit_test(test_raw_sockets),
    };

    return cmocka_run_group_tests(tests, build, NULL);
}
