/* SPDX-License-Identifier: Apache-2.0 */
/* What nobody in a container may do, and what one may do to oneself: the errnos of the
 * unprivileged. */
#include "guest.h"
#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/timex.h>
#include <sys/uio.h>

/* As somebody without privileges, in a child; natively the case begins as root. */
static void unprivileged(void)
{
    if (geteuid() == 0) {
        CHECK_EQ(setgid(65534), 0);
        CHECK_EQ(setuid(65534), 0);
    }
}

CASE(the_machine)
{
    unprivileged();
    CHECK_ERR(syscall(SYS_acct, NULL), EPERM);
    CHECK_ERR(syscall(SYS_swapon, "/nothing", 0), EPERM);
    CHECK_ERR(syscall(SYS_swapoff, "/nothing"), EPERM);
    CHECK_ERR(syscall(SYS_reboot, 0xfee1dead, 672274793, 0, NULL), EPERM);
    CHECK_ERR(syscall(SYS_vhangup), EPERM);
    /* Some kernels are built without. */
    long r = syscall(SYS_init_module, NULL, 0, "");
    CHECK(r == -1 && (errno == EPERM || errno == ENOSYS));
    r = syscall(SYS_finit_module, 0, "", 0);
    CHECK(r == -1 && (errno == EPERM || errno == ENOSYS));
    r = syscall(SYS_delete_module, "x", 0);
    CHECK(r == -1 && (errno == EPERM || errno == ENOSYS));
    r = syscall(SYS_kexec_load, 0, 0, NULL, 0);
    CHECK(r == -1 && (errno == EPERM || errno == ENOSYS));
    r = syscall(SYS_open_by_handle_at, 0, NULL, 0);
    CHECK(r == -1 && (errno == EPERM || errno == EFAULT));
}

CASE(ports)
{
    unprivileged();
    if (syscall(SYS_iopl, 0) < 0 && errno == ENOSYS)
        SKIP("no iopl");
    CHECK_EQ(syscall(SYS_iopl, 0), 0);
    CHECK_ERR(syscall(SYS_iopl, 3), EPERM);
    CHECK_ERR(syscall(SYS_iopl, 4), EINVAL);
    CHECK_ERR(syscall(SYS_ioperm, 0, 10, 1), EPERM);
    CHECK_EQ(syscall(SYS_ioperm, 0, 10, 0), 0);
    CHECK_ERR(syscall(SYS_ioperm, 65536, 1, 1), EINVAL);
}

/* ---- scheduling ---- */

struct attr {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
    uint32_t util_min, util_max;
};

CASE(sched_attributes)
{
    struct attr a = {.size = 48};
    unprivileged();
    CHECK_ERR(syscall(SYS_sched_getattr, 0, NULL, 48, 0), EINVAL);
    CHECK_ERR(syscall(SYS_sched_getattr, 0, &a, 47, 0), EINVAL);
    CHECK_ERR(syscall(SYS_sched_getattr, 0, &a, 48, 1), EINVAL);
    CHECK_ERR(syscall(SYS_sched_getattr, -1, &a, 48, 0), EINVAL);
    CHECK_ERR(syscall(SYS_sched_getattr, 0x3ffffff0, &a, 48, 0), ESRCH);
    CHECK_EQ(syscall(SYS_sched_getattr, 0, &a, 48, 0), 0);
    CHECK_EQ(a.size, 48);
    CHECK_EQ(a.policy, SCHED_OTHER);
    CHECK_EQ(a.priority, 0);
    a = (struct attr){.size = 48, .policy = SCHED_BATCH, .nice = 5, .flags = 1};
    CHECK_EQ(syscall(SYS_sched_setattr, 0, &a, 0), 0);
    CHECK_EQ(sched_getscheduler(0), SCHED_BATCH | SCHED_RESET_ON_FORK);
    CHECK_EQ(syscall(SYS_sched_getattr, 0, &a, sizeof(a), 0), 0);
    CHECK_EQ(a.nice, 5);
    CHECK_EQ(a.flags, 1);
    a.nice = -5;
    CHECK_ERR(syscall(SYS_sched_setattr, 0, &a, 0), EPERM);
    a = (struct attr){.size = 47};
    CHECK_ERR(syscall(SYS_sched_setattr, 0, &a, 0), E2BIG);
    CHECK(a.size >= 48);
    a = (struct attr){.size = 48, .policy = 77};
    CHECK_ERR(syscall(SYS_sched_setattr, 0, &a, 0), EINVAL);
    a = (struct attr){.size = 48, .policy = SCHED_FIFO, .priority = 200};
    CHECK_ERR(syscall(SYS_sched_setattr, 0, &a, 0), EINVAL);
    a.priority = 10;
    CHECK_ERR(syscall(SYS_sched_setattr, 0, &a, 0), EPERM);
    a = (struct attr){.size = 48, .flags = 0x1000};
    CHECK_ERR(syscall(SYS_sched_setattr, 0, &a, 0), EINVAL);
    CHECK_ERR(syscall(SYS_sched_setattr, 0, &a, 1), EINVAL);
    CHECK_ERR(syscall(SYS_sched_setattr, 0, (void *) 8, 0), EFAULT);
}

CASE(io_priorities)
{
    const int be = 2 << 13, idle = 3 << 13, rt = 1 << 13;
    unprivileged();
    CHECK_EQ(syscall(SYS_ioprio_set, 1, 0, be | 6), 0);
    CHECK_EQ(syscall(SYS_ioprio_get, 1, 0), be | 6);
    pid_t pid = fork();
    if (pid == 0)
        _exit(syscall(SYS_ioprio_get, 1, 0) != (be | 6));
    CHECK_EXIT(pid, 0);
    CHECK_EQ(syscall(SYS_ioprio_set, 1, 0, idle), 0);
    CHECK_EQ(syscall(SYS_ioprio_get, 1, getpid()), idle);
    CHECK_ERR(syscall(SYS_ioprio_set, 1, 0, rt), EPERM);
    CHECK_ERR(syscall(SYS_ioprio_set, 1, 0, 1), EINVAL);
    CHECK_ERR(syscall(SYS_ioprio_set, 9, 0, be), EINVAL);
    CHECK_ERR(syscall(SYS_ioprio_get, 9, 0), EINVAL);
    CHECK_ERR(syscall(SYS_ioprio_get, 1, 0x3ffffff0), ESRCH);
}

/* ---- comparing ---- */

CASE(kcmp_self_and_child)
{
    int null[2] = {open("/dev/null", O_RDONLY), open("/dev/null", O_RDONLY)}, copy = dup(null[0]);
    pid_t me = getpid(), pid = fork();
    if (syscall(SYS_kcmp, me, me, 1, 0, 0) < 0 && (errno == ENOSYS || errno == EPERM))
        SKIP("no kcmp");
    if (pid == 0)
        for (;;)
            pause();
    CHECK_EQ(syscall(SYS_kcmp, me, me, 0, null[0], copy), 0);
    CHECK_EQ(syscall(SYS_kcmp, me, pid, 0, null[0], copy), 0);
    long r = syscall(SYS_kcmp, me, me, 0, null[0], null[1]);
    CHECK(r == 1 || r == 2);
    CHECK_EQ(syscall(SYS_kcmp, me, me, 0, null[1], null[0]), 3 - r);
    for (int type = 1; type <= 4; type++) { /* VM, FILES, FS, SIGHAND */
        CHECK_EQ(syscall(SYS_kcmp, me, me, type, 0, 0), 0);
        r = syscall(SYS_kcmp, me, pid, type, 0, 0);
        CHECK(r == 1 || r == 2);
    }
    CHECK_EQ(syscall(SYS_kcmp, me, pid, 6, 0, 0), 0);
    CHECK_ERR(syscall(SYS_kcmp, me, me, 99, 0, 0), EINVAL);
    CHECK_ERR(syscall(SYS_kcmp, me, me, 0, 999, 0), EBADF);
    CHECK_ERR(syscall(SYS_kcmp, me, 0x3ffffff0, 1, 0, 0), ESRCH);
    kill(pid, SIGKILL);
    CHECK_KILLED(pid, SIGKILL);
}

/* ---- other processes' memory ---- */

static char there[20000];

CASE(process_vm)
{
    static char here[20000];
    strcpy(there, "parent");
    there[19999] = 'z';
    pid_t pid = fork();
    if (pid == 0) {
        strcpy(there, "child");
        for (;;)
            pause();
    }
    struct iovec l[2] = {{here, 100}, {here + 100, 19900}}, r[1] = {{there, 20000}};
    for (int i = 0; i < 500; i++) {
        CHECK_EQ(process_vm_readv(pid, l, 2, r, 1, 0), 20000);
        if (here[0] == 'c')
            break;
        sleep_ms(2);
    }
    CHECK_STR(here, "child");
    CHECK_EQ(here[19999], 'z');
    strcpy(here, "written");
    CHECK_EQ(process_vm_writev(pid, l, 1, r, 1, 0), 100);
    memset(here, 0, sizeof(here));
    CHECK_EQ(process_vm_readv(pid, l, 1, r, 1, 0), 100);
    CHECK_STR(here, "written");
    CHECK_STR(there, "parent");
    /* Up to what cannot be read. */
    char *edge =
        CHECK_MAP(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CHECK_EQ(munmap(edge + 4096, 4096), 0);
    r[0] = (struct iovec){edge + 4000, 200};
    CHECK_EQ(process_vm_readv(getpid(), l, 2, r, 1, 0), 96);
    r[0] = (struct iovec){edge + 4096, 200};
    CHECK_ERR(process_vm_readv(getpid(), l, 2, r, 1, 0), EFAULT);
    CHECK_ERR(process_vm_readv(getpid(), l, 2, r, 1, 1), EINVAL);
    CHECK_ERR(process_vm_readv(getpid(), l, 2, r, 1025, 0), EINVAL);
    CHECK_ERR(process_vm_readv(0x3ffffff0, l, 2, r, 1, 0), ESRCH);
    CHECK_EQ(process_vm_readv(0x3ffffff0, l, 0, r, 1, 0), 0);
    kill(pid, SIGKILL);
    CHECK_KILLED(pid, SIGKILL);
}

CASE(process_vm_of_others)
{
    if (geteuid())
        SKIP("not root");
    pid_t pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    unprivileged();
    char c;
    struct iovec v = {&c, 1}, r = {there, 1};
    CHECK_ERR(process_vm_readv(pid, &v, 1, &r, 1, 0), EPERM);
    CHECK_ERR(process_vm_writev(pid, &v, 1, &r, 1, 0), EPERM);
    CHECK_ERR(syscall(SYS_kcmp, getpid(), pid, 1, 0, 0), EPERM);
}

/* ---- memory policies ---- */

static long set_policy(int mode, unsigned long mask, unsigned long max)
{
    return syscall(SYS_set_mempolicy, mode, &mask, max);
}

CASE(memory_policies)
{
    int mode = -1;
    unsigned long mask[16] = {0};
    if (syscall(SYS_get_mempolicy, &mode, mask, 1024, NULL, 0) < 0 &&
        (errno == ENOSYS || errno == EPERM))
        SKIP("no memory policies");
    CHECK_EQ(mode, MPOL_DEFAULT);
    CHECK_EQ(mask[0], 0);
    CHECK_EQ(set_policy(MPOL_BIND, 1, 64), 0);
    CHECK_EQ(syscall(SYS_get_mempolicy, &mode, mask, 1024, NULL, 0), 0);
    CHECK_EQ(mode, MPOL_BIND);
    CHECK_EQ(mask[0], 1);
    CHECK_EQ(syscall(SYS_get_mempolicy, &mode, mask, 1024, NULL, MPOL_F_MEMS_ALLOWED), 0);
    CHECK(mask[0] & 1);
    CHECK_EQ(syscall(SYS_get_mempolicy, &mode, NULL, 0, there, MPOL_F_NODE | MPOL_F_ADDR), 0);
    CHECK_ERR(syscall(SYS_get_mempolicy, &mode, NULL, 0, (void *) 4096, MPOL_F_ADDR), EFAULT);
    CHECK_ERR(syscall(SYS_get_mempolicy, &mode, NULL, 0, there, 0), EINVAL);
    CHECK_ERR(syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0x100), EINVAL);
    CHECK_ERR(set_policy(MPOL_BIND, 0, 64), EINVAL);
    CHECK_ERR(set_policy(MPOL_DEFAULT, 1, 64), EINVAL);
    CHECK_ERR(set_policy(77, 1, 64), EINVAL);
    CHECK_EQ(set_policy(MPOL_INTERLEAVE, 1, 64), 0);
    CHECK_EQ(set_policy(MPOL_DEFAULT, 0, 64), 0);
    CHECK_ERR(set_policy(MPOL_DEFAULT, 0, 0), EINVAL);
    char *p =
        CHECK_MAP(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mask[0] = 1;
    CHECK_EQ(syscall(SYS_mbind, p, 8192, MPOL_BIND, mask, 64, 0), 0);
    CHECK_ERR(syscall(SYS_mbind, p + 1, 8192, MPOL_BIND, mask, 64, 0), EINVAL);
    CHECK_ERR(syscall(SYS_mbind, p, 8192, 77, mask, 64, 0), EINVAL);
    CHECK_ERR(syscall(SYS_mbind, p, 8192, MPOL_BIND, mask, 64, 0x100), EINVAL);
    CHECK_EQ(munmap(p, 8192), 0);
    CHECK_ERR(syscall(SYS_mbind, p, 8192, MPOL_BIND, mask, 64, 0), EFAULT);
}

CASE(pages_and_nodes)
{
    char *p =
        CHECK_MAP(mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    void *at[3] = {p, p + 4096, p + 8192};
    int node[3] = {0, 0, 0}, status[3] = {7, 7, 7};
    p[0] = 1;
    CHECK_EQ(munmap(p + 8192, 4096), 0);
    if (syscall(SYS_move_pages, 0, 3, at, NULL, status, 0) < 0 &&
        (errno == ENOSYS || errno == EPERM))
        SKIP("no move_pages");
    CHECK_EQ(status[0], 0);
    CHECK_EQ(status[1], -ENOENT);
    CHECK_EQ(status[2], -EFAULT);
    CHECK_EQ(syscall(SYS_move_pages, 0, 1, at, node, status, 2), 0);
    CHECK_EQ(status[0], 0);
    CHECK_ERR(syscall(SYS_move_pages, 0, 1, at, node, status, 0x100), EINVAL);
    CHECK_ERR(syscall(SYS_move_pages, 0, 1, (void *) 8, NULL, status, 0), EFAULT);
    CHECK_ERR(syscall(SYS_move_pages, 0x3ffffff0, 1, at, NULL, status, 0), ESRCH);
    node[0] = 4711;
    CHECK_ERR(syscall(SYS_move_pages, 0, 1, at, node, status, 2), ENODEV);
}

CASE(remapped_file_pages)
{
    char *p =
        CHECK_MAP(mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    for (int i = 0; i < 3; i++)
        p[i * 4096] = (char) ('a' + i);
    if (remap_file_pages(p, 4096, 0, 2, 0) < 0 && errno == ENOSYS)
        SKIP("no remap_file_pages");
    CHECK_EQ(p[0], 'c');
    p[0] = 'x';
    CHECK_EQ(p[8192], 'x');
    CHECK_EQ(p[4096], 'b');
    CHECK_ERR(remap_file_pages(p, 4096, PROT_READ, 1, 0), EINVAL);
    char *q = CHECK_MAP(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CHECK_ERR(remap_file_pages(q, 4096, 0, 0, 0), EINVAL);
}

CASE(the_clock_may_be_asked)
{
    struct timex tx = {.modes = 0};
    unprivileged();
    CHECK(adjtimex(&tx) >= 0);
    CHECK(tx.tick > 0);
    tx.modes = ADJ_FREQUENCY;
    CHECK_ERR(adjtimex(&tx), EPERM);
    tx.modes = 0;
    CHECK(clock_adjtime(CLOCK_REALTIME, &tx) >= 0);
    CHECK_ERR(syscall(SYS_adjtimex, (void *) 8), EFAULT);
}

CASE(membarrier_commands)
{
    long all = syscall(SYS_membarrier, 0, 0, 0);
    if (all < 0)
        SKIP("no membarrier");
    CHECK_ERR(syscall(SYS_membarrier, 1 << 20, 0, 0), EINVAL);
    CHECK_ERR(syscall(SYS_membarrier, 0, 2, 0), EINVAL);
    CHECK_EQ(syscall(SYS_membarrier, 1, 0, 0), 0);
    if (all & 8) { /* PRIVATE_EXPEDITED: not before it is registered */
        CHECK_ERR(syscall(SYS_membarrier, 8, 0, 0), EPERM);
        CHECK_EQ(syscall(SYS_membarrier, 16, 0, 0), 0);
        CHECK_EQ(syscall(SYS_membarrier, 8, 0, 0), 0);
        pid_t pid = fork();
        if (pid == 0)
            _exit(syscall(SYS_membarrier, 8, 0, 0) != 0);
        CHECK_EXIT(pid, 0);
        pid = fork();
        if (pid == 0) {
            char *argv[] = {(char *) guest_self, "--mode", "barrier", NULL};
            execv(guest_self, argv);
            _exit(9);
        }
        CHECK_EXIT(pid, 0);
    }
    if (all & 128) {
        CHECK_EQ(syscall(SYS_membarrier, 256, 0, 0), 0);
        CHECK_EQ(syscall(SYS_membarrier, 128, 0, 0), 0);
        CHECK_EQ(syscall(SYS_membarrier, 128, 1, 0), 0);
    }
}

/* A fresh image is not registered. */
int guest_mode(const char *mode, int argc, char **argv)
{
    (void) mode;
    (void) argc;
    (void) argv;
    return !(syscall(SYS_membarrier, 8, 0, 0) == -1 && errno == EPERM);
}

CASE(protection_keys)
{
    CHECK_ERR(syscall(SYS_pkey_alloc, 1, 0), EINVAL);
    CHECK_ERR(syscall(SYS_pkey_alloc, 0, 8), EINVAL);
    CHECK_ERR(syscall(SYS_pkey_free, 99), EINVAL);
    char *p =
        CHECK_MAP(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CHECK_EQ(syscall(SYS_pkey_mprotect, p, 4096, PROT_READ, -1), 0);
    CHECK_ERR(syscall(SYS_pkey_mprotect, p, 4096, PROT_READ, 9), EINVAL);
}

GUEST_MAIN
