/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that stays outside: see outer.h. Sources: network_namespaces(7), setns(2),
 * capabilities(7), seccomp(2), linux/sockios.h (SIOCGSKNS). */
#include "boot/outer.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bpf.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/sys.h"
#include "boot/loopback.h"

#define MAX_CODE    64
#define STACK_BYTES (64u << 10)

/* ---- the first stage ---- */

struct inner_job {
    const struct sandbox_spec *spec;
    struct fail *f;
    int fd, result;
};

static int make_inner(struct inner_job *j)
{
    _cleanup_close_ int fd = -1;
    int r;

    if (unshare(CLONE_NEWNET) < 0)
        return fail_errno(j->f, errno, "making the sandbox's network namespace");
    r = loopback_up(j->spec, j->f);
    if (r < 0)
        return r;
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    j->fd = fd < 0 ? -1 : ioctl(fd, SIOCGSKNS);
    if (j->fd < 0)
        return fail_errno(j->f, errno, "opening the sandbox's network namespace");
    return 0;
}

static void *inner_main(void *arg)
{
    struct inner_job *j = arg;

    j->result = make_inner(j);
    return NULL;
}

int outer_make_inner(const struct sandbox_spec *s, int *ret_fd, struct fail *f)
{
    struct inner_job j = {.spec = s, .f = f, .fd = -1};
    pthread_t thread;
    int r;

    *ret_fd = -1;
    if (!spec_has_two_networks(s))
        return 0;
    r = pthread_create(&thread, NULL, inner_main, &j); /* who goes in cannot come back */
    if (r != 0)
        return fail_errno(f, r, "starting the thread that makes the inner network namespace");
    (void) pthread_join(thread, NULL);
    *ret_fd = j.fd;
    return j.result;
}

/* ---- the second stage ---- */

/* The thread, until it serves. */
struct outer_thread {
    struct outer outer;     /* first */
    _Atomic uint32_t stage; /* futex word: STAGE_* */
    int error;
};
enum { STAGE_WAITING, STAGE_CONFINE, STAGE_DONE };

int outer_build_filter(struct sock_filter *code, size_t cap)
{
    struct bpf b;

    bpf_init(&b, code, cap);
    int allow = bpf_label(&b), refuse = bpf_label(&b), make = bpf_label(&b), type = bpf_label(&b);
    int tcp = bpf_label(&b), udp = bpf_label(&b);
    const struct bpf_case cases[] = {
        /* in the order of their numbers */
        {SYS_socket, make},           /* what it is there for */
        {SYS_futex, allow},           /* waiting for requests */
        {SYS_restart_syscall, allow}, /* the kernel's own, after SIGSTOP */
    };

    bpf_load_arch(&b);
    bpf_if(&b, BPF_IF_EQ, AUDIT_ARCH_X86_64, BPF_NEXT, refuse);
    bpf_load_nr(&b);
    bpf_switch(&b, cases, ARRAY_LEN(cases), refuse);
    bpf_place(&b, make);
    bpf_load_arg(&b, 0, 0);
    bpf_if(&b, BPF_IF_EQ, AF_INET, type, BPF_NEXT);
    bpf_if(&b, BPF_IF_EQ, AF_INET6, type, refuse);
    bpf_place(&b, type);
    bpf_load_arg(&b, 1, 0);
    bpf_if(&b, BPF_IF_EQ, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, tcp, BPF_NEXT);
    bpf_if(&b, BPF_IF_EQ, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, udp, refuse);
    bpf_place(&b, tcp);
    bpf_load_arg(&b, 2, 0);
    bpf_if(&b, BPF_IF_EQ, IPPROTO_TCP, allow, refuse);
    bpf_place(&b, udp);
    bpf_load_arg(&b, 2, 0);
    bpf_if(&b, BPF_IF_EQ, IPPROTO_UDP, allow, refuse);
    bpf_place(&b, allow);
    bpf_ret(&b, SECCOMP_RET_ALLOW);
    bpf_place(&b, refuse);
    bpf_ret(&b, SECCOMP_RET_KILL_PROCESS);
    return bpf_finish(&b);
}

/* Capabilities, no_new_privs and filters are each thread's own. */
static int confine_thread(void)
{
    struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {0};
    struct sock_filter code[MAX_CODE];
    struct sock_fprog prog = {.filter = code};
    int r = outer_build_filter(code, MAX_CODE);

    if (r < 0)
        return r;
    prog.len = (unsigned short) r;
    for (unsigned cap = 0; cap < 64; cap++)
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EINVAL)
            return -errno;
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
        syscall(SYS_capset, &h, none) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    return host_seccomp(SECCOMP_SET_MODE_FILTER, 0, &prog);
}

static void advance(struct outer_thread *t, uint32_t stage)
{
    atomic_store(&t->stage, stage);
    (void) host_futex_wake(&t->stage, 2, FUTEX_SCOPE_PRIVATE);
}

static void wait_stage(struct outer_thread *t, uint32_t stage)
{
    uint32_t now;

    while ((now = atomic_load(&t->stage)) != stage)
        (void) !host_futex_wait(&t->stage, now, FUTEX_SCOPE_PRIVATE, NULL);
}

static void *outer_main(void *arg)
{
    struct outer_thread *t = arg;

    (void) prctl(PR_SET_NAME, "outer", 0, 0, 0);
    wait_stage(t, STAGE_CONFINE);
    t->error = confine_thread();
    advance(t, STAGE_DONE);
    outer_serve(&t->outer);
}

static int start(struct outer_thread *t, struct fail *f)
{
    pthread_attr_t attr;
    pthread_t thread;
    sigset_t all, before;
    int r;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    r = pthread_create(&thread, &attr, outer_main, t);
    pthread_attr_destroy(&attr);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return r == 0 ? 0 : fail_errno(f, r, "starting the thread that stays outside");
}

int outer_split(const struct sandbox_spec *s, int inner_fd, struct outer **ret, struct fail *f)
{
    _cleanup_close_ int inner = inner_fd;
    struct outer_thread *t;
    int r = 0;

    *ret = NULL;
    if (!spec_has_policy(s))
        return 0;
    t = calloc(1, sizeof(*t));
    if (!t)
        return fail(f, ENOMEM, "out of memory");
    outer_init(&t->outer);
    t->outer.split = spec_has_two_networks(s);
    /* Before going in: its questions are about the way out. */
    t->outer.routes_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (t->outer.routes_fd < 0)
        return fail_errno(f, errno, "opening a socket for questions about routes");
    if (t->outer.split)
        r = start(t, f);
    if (r == 0 && t->outer.split && setns(inner, CLONE_NEWNET) < 0)
        r = fail_errno(f, errno, "entering the sandbox's network namespace");
    if (r < 0)
        return r;
    log_debug("boot: an egress policy is in force%s",
              t->outer.split ? "; one thread stays in the outer network namespace" : "");
    *ret = &t->outer;
    return 0;
}

int outer_confine(struct outer *o, struct fail *f)
{
    struct outer_thread *t;

    if (!o || !o->split)
        return 0;
    t = container_of(o, struct outer_thread, outer);
    advance(t, STAGE_CONFINE);
    wait_stage(t, STAGE_DONE);
    return t->error < 0 ? fail_errno(f, -t->error, "confining the thread that stays outside") : 0;
}
