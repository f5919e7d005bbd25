/* SPDX-License-Identifier: Apache-2.0 */
/* ptrace(2): fork, exec, threads, exit, job control, and wait(2) for tracees. */
#include "ptrace.h"
#include <dirent.h>
#include <linux/filter.h>
#include <linux/ptrace.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>

static unsigned long message(pid_t pid)
{
    unsigned long m = 0;
    CHECK_EQ(request(PTRACE_GETEVENTMSG, pid, 0, (unsigned long) &m), 0);
    return m;
}

static void options(pid_t pid, unsigned long o)
{
    CHECK_EQ(request(PTRACE_SETOPTIONS, pid, 0, o), 0);
}

CASE(bad_options)
{
    pid_t pid = traced_child(give_7);
    CHECK_ERR(request(PTRACE_SETOPTIONS, pid, 0, 1 << 30), EINVAL);
    options(pid,
            PTRACE_O_TRACEFORK | PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 7);
}

/* ---- fork and its kin ---- */

static int forks(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(5);
    return waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 5 ? 0 : 1;
}

CASE(fork_event)
{
    pid_t pid = traced_child(forks), child;
    options(pid, PTRACE_O_TRACEFORK);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EQ(next_stop(pid), TRAP_OF(PTRACE_EVENT_FORK));
    child = (pid_t) message(pid);
    CHECK_EQ(next_stop(child), SIGSTOP);
    CHECK_EQ(regs_of(child).rax, 0);
    let_go(child, PTRACE_CONT, 0);
    CHECK_EXIT(child, 5); /* its tracer is told first */
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EQ(next_stop(pid), SIGCHLD);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 0);
}

CASE(fork_without_option)
{
    pid_t pid = traced_child(forks);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EQ(next_stop(pid), SIGCHLD);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 0);
}

static int seized_forks(void)
{
    sleep_ms(100);
    return forks();
}

CASE(fork_event_seized)
{
    pid_t pid = free_child(seized_forks), child;
    CHECK_EQ(request(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACEFORK), 0);
    CHECK_EQ(next_stop(pid), TRAP_OF(PTRACE_EVENT_FORK));
    child = (pid_t) message(pid);
    CHECK_EQ(next_stop(child), TRAP_OF(PTRACE_EVENT_STOP));
    CHECK_EQ(request(PTRACE_DETACH, child, 0, 0), 0);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EQ(next_stop(pid), SIGCHLD);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 0);
}

static int vforks(void)
{
    int status;
    pid_t pid = vfork();
    if (pid == 0)
        _exit(6);
    return waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 6 ? 0 : 1;
}

CASE(vfork_events)
{
    pid_t pid = traced_child(vforks), child;
    options(pid, PTRACE_O_TRACEVFORK | PTRACE_O_TRACEVFORKDONE);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EQ(next_stop(pid), TRAP_OF(PTRACE_EVENT_VFORK));
    child = (pid_t) message(pid);
    CHECK_EQ(next_stop(child), SIGSTOP);
    long word = 0;
    unsigned long at = (unsigned long) vforks & ~7ul;
    CHECK_EQ(request(PTRACE_PEEKTEXT, pid, at, (unsigned long) &word), 0);
    CHECK_EQ(request(PTRACE_POKETEXT, pid, at, (unsigned long) word), 0);
    CHECK_EQ(request(PTRACE_POKETEXT, child, at, (unsigned long) word), 0);
    let_go(pid, PTRACE_CONT, 0);
    let_go(child, PTRACE_CONT, 0);
    CHECK_EXIT(child, 6);
    int stop = next_stop(pid); /* a signal of the dead child may come first or after */
    if (stop == SIGCHLD) {
        let_go(pid, PTRACE_CONT, 0);
        stop = next_stop(pid);
    }
    CHECK_EQ(stop, TRAP_OF(PTRACE_EVENT_VFORK_DONE));
    CHECK_EQ(message(pid), (unsigned long) child);
    let_go(pid, PTRACE_CONT, 0);
    int status;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    if (WIFSTOPPED(status)) {
        let_go(pid, PTRACE_CONT, 0);
        CHECK_EQ(waitpid(pid, &status, 0), pid);
    }
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* ---- exec ---- */

static int execs(void)
{
    execl("/bin/true", "true", NULL);
    return 1;
}

CASE(exec_sends_sigtrap)
{
    pid_t pid = traced_child(execs);
    siginfo_t si;
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EQ(next_stop(pid), SIGTRAP);
    CHECK_EQ(request(PTRACE_GETSIGINFO, pid, 0, (unsigned long) &si), 0);
    CHECK_EQ(si.si_code, SI_USER);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 0);
}

CASE(exec_event)
{
    pid_t pid = traced_child(execs);
    options(pid, PTRACE_O_TRACEEXEC);
    unsigned long old_rip = regs_of(pid).rip;
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EQ(next_stop(pid), TRAP_OF(PTRACE_EVENT_EXEC));
    CHECK_EQ(message(pid), (unsigned long) pid);
    CHECK(regs_of(pid).rip != old_rip);
    long word;
    CHECK_EQ(request(PTRACE_PEEKTEXT, pid, regs_of(pid).rip, (unsigned long) &word), 0);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 0);
}

CASE(breakpoint_after_exec)
{
    pid_t pid = traced_child(execs);
    options(pid, PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EQ(next_stop(pid), TRAP_OF(PTRACE_EVENT_EXEC));
    unsigned long at = regs_of(pid).rip;
    long word;
    CHECK_EQ(request(PTRACE_PEEKTEXT, pid, at, (unsigned long) &word), 0);
    CHECK_EQ(request(PTRACE_POKETEXT, pid, at, (unsigned long) ((word & ~0xffl) | 0xcc)), 0);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EQ(next_stop(pid), SIGTRAP);
    CHECK_EQ(regs_of(pid).rip, at + 1);
    CHECK_EQ(request(PTRACE_POKETEXT, pid, at, (unsigned long) word), 0);
    CHECK_EQ(request(PTRACE_POKEUSER, pid, offsetof(struct user, regs.rip), at), 0);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 0);
}

CASE(exec_call_is_left_with_an_exit_stop)
{
    pid_t pid = traced_child(execs);
    options(pid, PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD);
    int stop;
    do {
        let_go(pid, PTRACE_SYSCALL, 0);
        stop = next_stop(pid);
    } while (stop != TRAP_OF(PTRACE_EVENT_EXEC));
    let_go(pid, PTRACE_SYSCALL, 0);
    CHECK_EQ(next_stop(pid), SIGTRAP | 0x80);
    CHECK_EQ(regs_of(pid).orig_rax, SYS_execve);
    CHECK_EQ(regs_of(pid).rax, 0);
    let_go(pid, PTRACE_SYSCALL, 0);
    CHECK_EQ(next_stop(pid), SIGTRAP | 0x80); /* natives are seen in the new image, too */
    CHECK_EQ((long) regs_of(pid).rax, -ENOSYS);
    CHECK_EQ(regs_of(pid).orig_rax, SYS_brk);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 0);
}

/* ---- threads ---- */

static void *idle_thread(void *arg)
{
    return arg;
}

static int makes_thread(void)
{
    pthread_t t;
    void *r;
    if (pthread_create(&t, NULL, idle_thread, (void *) 3) || pthread_join(t, &r))
        return 1;
    return r == (void *) 3 ? 0 : 2;
}

CASE(clone_event_and_thread_exit)
{
    pid_t pid = traced_child(makes_thread), tid;
    options(pid, PTRACE_O_TRACECLONE);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EQ(next_stop(pid), TRAP_OF(PTRACE_EVENT_CLONE));
    tid = (pid_t) message(pid);
    CHECK(tid != pid);
    CHECK_EQ(next_stop(tid), SIGSTOP);
    let_go(pid, PTRACE_CONT, 0);
    let_go(tid, PTRACE_CONT, 0);
    CHECK_EXIT(tid, 0); /* a thread's end is reported to its tracer */
    int status;
    CHECK_ERR(waitpid(tid, &status, __WALL), ECHILD);
    CHECK_EXIT(pid, 0);
}

CASE(thread_tracee_needs_no_wall)
{
    pid_t pid = traced_child(makes_thread), tid;
    int status;
    options(pid, PTRACE_O_TRACECLONE);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EQ(next_stop(pid), TRAP_OF(PTRACE_EVENT_CLONE));
    tid = (pid_t) message(pid);
    CHECK_EQ(waitpid(tid, &status, 0), tid);
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    let_go(pid, PTRACE_CONT, 0);
    let_go(tid, PTRACE_CONT, 0);
    CHECK_EXIT(tid, 0);
    CHECK_EXIT(pid, 0);
}

static void *pausing_thread(void *arg)
{
    for (;;)
        pause();
    return arg;
}

static int with_threads(void)
{
    pthread_t t[3];
    for (int i = 0; i < 3; i++)
        if (pthread_create(&t[i], NULL, pausing_thread, NULL))
            return 1;
    return pause_for_ever();
}

CASE(sigkill_with_stopped_threads)
{
    pid_t pid = traced_child(with_threads), tid;
    options(pid, PTRACE_O_TRACECLONE);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EQ(next_stop(pid), TRAP_OF(PTRACE_EVENT_CLONE));
    tid = (pid_t) message(pid);
    CHECK_EQ(next_stop(tid), SIGSTOP);
    CHECK_EQ(kill(pid, SIGKILL), 0);
    CHECK_KILLED(tid, SIGKILL);
    CHECK_KILLED(pid, SIGKILL);
}

CASE(attach_to_one_thread)
{
    int fds[2];
    CHECK_EQ(pipe(fds), 0);
    pid_t pid = (pid_t) CHECK_OK(fork()), tid;
    if (pid == 0) {
        pthread_t t;
        tid = (pid_t) syscall(SYS_gettid) + 1;
        if (pthread_create(&t, NULL, pausing_thread, NULL) || write(fds[1], "x", 1) != 1)
            _exit(1);
        _exit(pause_for_ever());
    }
    char c, name[64];
    CHECK_EQ(read(fds[0], &c, 1), 1);
    snprintf(name, sizeof(name), "/proc/%d/task", pid);
    tid = 0;
    for (pid_t i = pid + 1; i < pid + 2000 && !tid; i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s/%d", name, i);
        if (access(path, F_OK) == 0)
            tid = i;
    }
    CHECK(tid != 0);
    CHECK_EQ(request(PTRACE_ATTACH, tid, 0, 0), 0);
    CHECK_EQ(next_stop(tid), SIGSTOP);
    CHECK_ERR(request(PTRACE_CONT, pid, 0, 0), ESRCH);
    CHECK_EQ(request(PTRACE_DETACH, tid, 0, 0), 0);
    end_child(pid);
}

static void *waits_for_stop(void *arg)
{
    int status;
    *(int *) arg = waitpid(-1, &status, __WALL | __WNOTHREAD) == -1 && errno == ECHILD;
    return NULL;
}

CASE(other_thread_is_no_tracer)
{
    pid_t pid = free_child(pause_for_ever);
    pthread_t t;
    int alone = 0;
    CHECK_EQ(request(PTRACE_ATTACH, pid, 0, 0), 0);
    CHECK_EQ(pthread_create(&t, NULL, waits_for_stop, &alone), 0);
    CHECK_EQ(pthread_join(t, NULL), 0);
    CHECK_EQ(alone, 1);
    CHECK_EQ(next_stop(pid), SIGSTOP);
    end_child(pid);
}

static void *asks_for_ever(void *arg)
{
    for (;;)
        syscall(SYS_getuid);
    return arg;
}

static int asks_in_thread(void)
{
    pthread_t t;
    return pthread_create(&t, NULL, asks_for_ever, NULL) ? 1 : pause_for_ever();
}

static int threads_of(pid_t pid, pid_t *tids, int max);

CASE(calls_of_all_threads_are_seen)
{
    pid_t pid = free_child(asks_in_thread), tids[2];
    while (threads_of(pid, tids, 2) < 2)
        sleep_ms(5);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(request(PTRACE_SEIZE, tids[i], 0, PTRACE_O_TRACESYSGOOD), 0);
        CHECK_EQ(request(PTRACE_INTERRUPT, tids[i], 0, 0), 0);
        CHECK_EQ(next_stop(tids[i]), TRAP_OF(PTRACE_EVENT_STOP));
        let_go(tids[i], PTRACE_SYSCALL, 0);
    }
    pid_t other = tids[0] == pid ? tids[1] : tids[0];
    for (bool begun = false; !begun;) { /* it is new, and has other things to do first */
        CHECK_EQ(next_stop(other), SIGTRAP | 0x80);
        begun = regs_of(other).orig_rax == SYS_getuid;
        let_go(other, PTRACE_SYSCALL, 0);
    }
    for (int i = 0; i < 6; i++) {
        CHECK_EQ(next_stop(other), SIGTRAP | 0x80);
        CHECK_EQ(regs_of(other).orig_rax, SYS_getuid);
        let_go(other, PTRACE_SYSCALL, 0);
    }
    CHECK_EQ(kill(pid, SIGKILL), 0);
    int status;
    while (waitpid(other, &status, __WALL) == other && WIFSTOPPED(status)) {
    }
    CHECK_KILLED(pid, SIGKILL);
}

#define WORKERS 4

static pthread_mutex_t workers_lock = PTHREAD_MUTEX_INITIALIZER;
static volatile bool enough;
static volatile int turns;

static void be_enough(int sig)
{
    (void) sig;
    enough = true;
}

static void *worker(void *arg)
{
    long kind = (long) arg;
    while (!enough) {
        pthread_mutex_lock(&workers_lock);
        turns++;
        pthread_mutex_unlock(&workers_lock);
        if (kind == 1)
            sleep_ms(1);
        if (kind == 2)
            free(malloc(200000));
        if (kind == 3 && waitpid(fork() ?: (_exit(0), 0), NULL, 0) < 0)
            return (void *) 1;
    }
    return NULL;
}

static int works(void)
{
    pthread_t t[WORKERS];
    int bad = 0;
    signal(SIGUSR1, be_enough);
    for (long i = 0; i < WORKERS; i++)
        if (pthread_create(&t[i], NULL, worker, (void *) i))
            return 1;
    for (int i = 0; i < WORKERS; i++) {
        void *r;
        pthread_join(t[i], &r);
        bad += r != NULL;
    }
    return bad;
}

static int threads_of(pid_t pid, pid_t *tids, int max)
{
    char name[64];
    int n = 0;
    snprintf(name, sizeof(name), "/proc/%d/task", pid);
    DIR *d = opendir(name);
    CHECK(d != NULL);
    for (struct dirent *e; (e = readdir(d)) && n < max;)
        if (atoi(e->d_name) > 0)
            tids[n++] = atoi(e->d_name);
    closedir(d);
    return n;
}

/* Attached and let go again and again, a busy process notices nothing. */
CASE(attach_storm)
{
    pid_t pid = free_child(works), tids[16];
    sleep_ms(50);
    for (int round = 0; round < 20; round++) {
        int n = threads_of(pid, tids, 16);
        for (int i = 0; i < n; i++) {
            CHECK_EQ(request(PTRACE_SEIZE, tids[i], 0, 0), 0);
            CHECK_EQ(request(PTRACE_INTERRUPT, tids[i], 0, 0), 0);
        }
        for (int i = 0; i < n; i++) {
            int stop = next_stop(tids[i]);
            CHECK(regs_of(tids[i]).rip != 0);
            while (stop == SIGCHLD) {
                let_go(tids[i], PTRACE_CONT, SIGCHLD);
                stop = next_stop(tids[i]);
            }
            CHECK_EQ(stop, TRAP_OF(PTRACE_EVENT_STOP));
        }
        for (int i = 0; i < n; i++)
            CHECK_EQ(request(PTRACE_DETACH, tids[i], 0, 0), 0);
        sleep_ms(5);
    }
    CHECK_EQ(kill(pid, SIGUSR1), 0);
    CHECK_EXIT(pid, 0);
}

CASE(step_storm)
{
    pid_t pid = traced_child(works);
    options(pid, PTRACE_O_EXITKILL);
    for (int i = 0; i < 3000; i++) {
        let_go(pid, PTRACE_SINGLESTEP, 0);
        CHECK_EQ(next_stop(pid), SIGTRAP);
    }
    let_go(pid, PTRACE_CONT, SIGUSR1);
    int status;
    while (waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status))
        let_go(pid, PTRACE_CONT, WSTOPSIG(status));
    CHECK(WIFEXITED(status) || WIFSIGNALED(status));
}

/* ---- exit ---- */

CASE(exit_event)
{
    pid_t pid = traced_child(give_7);
    options(pid, PTRACE_O_TRACEEXIT);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EQ(next_stop(pid), TRAP_OF(PTRACE_EVENT_EXIT));
    CHECK_EQ(message(pid), 7 << 8);
    CHECK_EQ(regs_of(pid).orig_rax, SYS_exit_group);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 7);
}

CASE(exit_event_killed)
{
    pid_t pid = traced_child(pause_for_ever);
    options(pid, PTRACE_O_TRACEEXIT);
    let_go(pid, PTRACE_CONT, SIGTERM);
    CHECK_EQ(next_stop(pid), TRAP_OF(PTRACE_EVENT_EXIT));
    CHECK_EQ(message(pid), SIGTERM);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_KILLED(pid, SIGTERM);
}

CASE(zombie_of_another_parent)
{
    int fds[2];
    CHECK_EQ(pipe(fds), 0);
    pid_t middle = (pid_t) CHECK_OK(fork()), pid = 0;
    if (middle == 0) {
        int status;
        pid = fork();
        if (pid == 0)
            _exit(pause_for_ever());
        if (write(fds[1], &pid, sizeof(pid)) != sizeof(pid))
            _exit(1);
        _exit(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM
                  ? 0
                  : 2);
    }
    CHECK_EQ(read(fds[0], &pid, sizeof(pid)), (ssize_t) sizeof(pid));
    CHECK_EQ(request(PTRACE_ATTACH, pid, 0, 0), 0);
    CHECK_EQ(next_stop(pid), SIGSTOP);
    let_go(pid, PTRACE_CONT, SIGTERM);
    sleep_ms(50);
    int status;
    CHECK_EQ(waitpid(middle, &status, WNOHANG), 0); /* its parent does not know yet */
    CHECK_KILLED(pid, SIGTERM);
    CHECK_EXIT(middle, 0);
}

CASE(tracer_dies_before_the_zombie_is_seen)
{
    pid_t pid = free_child(pause_for_ever), tracer = (pid_t) CHECK_OK(fork());
    if (tracer == 0) {
        CHECK_EQ(request(PTRACE_ATTACH, pid, 0, 0), 0);
        CHECK_EQ(next_stop(pid), SIGSTOP);
        let_go(pid, PTRACE_CONT, SIGTERM);
        sleep_ms(50);
        _exit(0);
    }
    CHECK_KILLED(pid, SIGTERM);
    CHECK_EXIT(tracer, 0);
}

/* ---- seccomp ---- */

static int filtered(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE | 42),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog prog = {sizeof(code) / sizeof(code[0]), code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
        return 250;
    long r = syscall(SYS_getppid);
    return r == -1 ? errno : (int) r;
}

static pid_t at_filter(void)
{
    pid_t pid = traced_child(filtered);
    options(pid, PTRACE_O_TRACESECCOMP);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EQ(next_stop(pid), TRAP_OF(PTRACE_EVENT_SECCOMP));
    CHECK_EQ(message(pid), 42);
    return pid;
}

CASE(seccomp_event)
{
    pid_t pid = at_filter();
    struct __ptrace_syscall_info i;
    memset(&i, 0, sizeof(i));
    CHECK_EQ(request(PTRACE_GET_SYSCALL_INFO, pid, sizeof(i), (unsigned long) &i), 84);
    CHECK_EQ(i.op, PTRACE_SYSCALL_INFO_SECCOMP);
    CHECK_EQ(i.seccomp.nr, SYS_getppid);
    CHECK_EQ(i.seccomp.ret_data, 42);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, getpid() & 0xff);
}

CASE(seccomp_event_skips)
{
    pid_t pid = at_filter();
    CHECK_EQ(request(PTRACE_POKEUSER, pid, offsetof(struct user, regs.orig_rax),
                     (unsigned long) -1),
             0);
    CHECK_EQ(request(PTRACE_POKEUSER, pid, offsetof(struct user, regs.rax), 12), 0);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 12);
}

CASE(seccomp_event_changes)
{
    umask(0135);
    pid_t pid = at_filter();
    CHECK_EQ(request(PTRACE_POKEUSER, pid, offsetof(struct user, regs.orig_rax), SYS_umask), 0);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 0135);
}

CASE(seccomp_without_option)
{
    pid_t pid = traced_child(filtered);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, ENOSYS);
}

/* ---- job control ---- */

CASE(group_stop)
{
    pid_t pid = traced_child(pause_for_ever);
    siginfo_t si;
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EQ(kill(pid, SIGTSTP), 0);
    CHECK_EQ(next_stop(pid), SIGTSTP);
    CHECK_EQ(request(PTRACE_GETSIGINFO, pid, 0, (unsigned long) &si), 0);
    let_go(pid, PTRACE_CONT, SIGTSTP);
    CHECK_EQ(next_stop(pid), SIGTSTP); /* now the stop itself */
    CHECK_ERR(request(PTRACE_GETSIGINFO, pid, 0, (unsigned long) &si), EINVAL);
    let_go(pid, PTRACE_CONT, 0);
    end_child(pid);
}

CASE(group_stop_seized_and_listen)
{
    pid_t pid = free_child(pause_for_ever);
    int status;
    CHECK_EQ(request(PTRACE_SEIZE, pid, 0, 0), 0);
    CHECK_EQ(kill(pid, SIGSTOP), 0);
    CHECK_EQ(next_stop(pid), SIGSTOP);
    CHECK_ERR(request(PTRACE_LISTEN, pid, 0, 0), EIO);
    let_go(pid, PTRACE_CONT, SIGSTOP);
    CHECK_EQ(next_stop(pid), SIGSTOP | PTRACE_EVENT_STOP << 8);
    CHECK_EQ(request(PTRACE_LISTEN, pid, 0, 0), 0);
    CHECK_ERR(request(PTRACE_CONT, pid, 0, 0), ESRCH);
    CHECK_EQ(waitpid(pid, &status, __WALL | WNOHANG), 0);
    CHECK_EQ(kill(pid, SIGCONT), 0);
    CHECK_EQ(next_stop(pid), TRAP_OF(PTRACE_EVENT_STOP));
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EQ(next_stop(pid), SIGCONT);
    let_go(pid, PTRACE_CONT, SIGCONT);
    end_child(pid);
}

CASE(interrupt_listening)
{
    pid_t pid = free_child(pause_for_ever);
    CHECK_EQ(request(PTRACE_SEIZE, pid, 0, 0), 0);
    CHECK_EQ(kill(pid, SIGSTOP), 0);
    CHECK_EQ(next_stop(pid), SIGSTOP);
    let_go(pid, PTRACE_CONT, SIGSTOP);
    CHECK_EQ(next_stop(pid), SIGSTOP | PTRACE_EVENT_STOP << 8);
    CHECK_EQ(request(PTRACE_LISTEN, pid, 0, 0), 0);
    CHECK_EQ(request(PTRACE_INTERRUPT, pid, 0, 0), 0);
    CHECK_EQ(next_stop(pid), SIGSTOP | PTRACE_EVENT_STOP << 8);
    end_child(pid);
}

CASE(attach_to_stopped)
{
    pid_t pid = free_child(pause_for_ever);
    int status;
    CHECK_EQ(kill(pid, SIGSTOP), 0);
    CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
    CHECK_EQ(request(PTRACE_ATTACH, pid, 0, 0), 0);
    CHECK_EQ(next_stop(pid), SIGSTOP);
    CHECK_EQ(request(PTRACE_DETACH, pid, 0, 0), 0);
    end_child(pid);
}

CASE(detach_leaves_group_stopped)
{
    pid_t pid = traced_child(pause_for_ever);
    char name[64], buf[4096];
    let_go(pid, PTRACE_CONT, SIGSTOP);
    CHECK_EQ(next_stop(pid), SIGSTOP);
    CHECK_EQ(request(PTRACE_DETACH, pid, 0, 0), 0);
    sleep_ms(50);
    snprintf(name, sizeof(name), "/proc/%d/status", pid);
    get_file(name, buf, sizeof(buf));
    CHECK(strstr(buf, "State:\tT (stopped)") != NULL);
    end_child(pid);
}

/* ---- wait ---- */

CASE(waitid_of_a_stop)
{
    pid_t pid = (pid_t) CHECK_OK(fork());
    siginfo_t si;
    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGUSR1);
        _exit(0);
    }
    memset(&si, 0, sizeof(si));
    CHECK_EQ(waitid(P_PID, (id_t) pid, &si, WEXITED | WNOWAIT), 0);
    CHECK_EQ(si.si_code, CLD_TRAPPED);
    CHECK_EQ(si.si_status, SIGUSR1);
    CHECK_EQ(si.si_pid, pid);
    CHECK_EQ(waitid(P_PID, (id_t) pid, &si, WSTOPPED), 0);
    CHECK_EQ(si.si_status, SIGUSR1);
    CHECK_EQ(waitid(P_PID, (id_t) pid, &si, WSTOPPED | WNOHANG), 0);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 0);
}

CASE(waitid_of_an_event)
{
    pid_t pid = traced_child(give_7);
    siginfo_t si;
    options(pid, PTRACE_O_TRACEEXIT);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EQ(waitid(P_ALL, 0, &si, WSTOPPED), 0);
    CHECK_EQ(si.si_code, CLD_TRAPPED);
    CHECK_EQ(si.si_status, TRAP_OF(PTRACE_EVENT_EXIT));
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 7);
}

static volatile sig_atomic_t chld_code, chld_status;

static void on_chld(int sig, siginfo_t *si, void *uc)
{
    (void) sig;
    (void) uc;
    chld_code = si->si_code;
    chld_status = si->si_status;
}

CASE(tracer_gets_sigchld)
{
    struct sigaction sa = {.sa_sigaction = on_chld, .sa_flags = SA_SIGINFO | SA_RESTART};
    CHECK_EQ(sigaction(SIGCHLD, &sa, NULL), 0);
    pid_t pid = traced_child(pause_for_ever);
    CHECK_EQ(chld_code, CLD_TRAPPED);
    CHECK_EQ(chld_status, SIGSTOP);
    end_child(pid);
}

CASE(wait_for_any_tracee)
{
    pid_t pid = traced_child(pause_for_ever);
    int status;
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EQ(kill(pid, SIGUSR1), 0);
    CHECK_EQ(waitpid(-1, &status, 0), pid);
    CHECK_EQ(WSTOPSIG(status), SIGUSR1);
    CHECK_EQ(waitpid(-1, &status, WNOHANG), 0);
    end_child(pid);
}

CASE(wait_for_a_stranger)
{
    int fds[2];
    CHECK_EQ(pipe(fds), 0);
    pid_t middle = (pid_t) CHECK_OK(fork()), pid = 0;
    if (middle == 0) {
        pid = fork();
        if (pid == 0)
            _exit(pause_for_ever());
        CHECK_EQ(write(fds[1], &pid, sizeof(pid)), (ssize_t) sizeof(pid));
        _exit(pause_for_ever());
    }
    int status;
    CHECK_EQ(read(fds[0], &pid, sizeof(pid)), (ssize_t) sizeof(pid));
    CHECK_ERR(waitpid(pid, &status, __WALL), ECHILD);
    CHECK_EQ(request(PTRACE_SEIZE, pid, 0, PTRACE_O_EXITKILL), 0);
    CHECK_EQ(waitpid(pid, &status, __WALL | WNOHANG), 0);
    CHECK_EQ(request(PTRACE_INTERRUPT, pid, 0, 0), 0);
    CHECK_EQ(next_stop(pid), TRAP_OF(PTRACE_EVENT_STOP));
    CHECK_EQ(request(PTRACE_DETACH, pid, 0, 0), 0);
    CHECK_ERR(waitpid(pid, &status, __WALL), ECHILD);
    CHECK_EQ(kill(pid, SIGKILL), 0);
    end_child(middle);
}

GUEST_MAIN
