/* SPDX-License-Identifier: Apache-2.0 */
/* memfd_create(2), pidfd_open(2). */
#include "guest.h"

#include <poll.h>
#include <sched.h>
#include <sys/syscall.h>

static int pidfd(pid_t pid)
{
    return (int) syscall(SYS_pidfd_open, pid, 0);
}

static int tell(int fd, int sig)
{
    return (int) syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0);
}

CASE(memfd_is_a_file)
{
    char buf[8] = "", path[64], text[64] = "";
    struct stat st;
    int fd = (int) CHECK_OK(memfd_create("thing", MFD_CLOEXEC));
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
    CHECK_EQ(write(fd, "hello", 5), 5);
    CHECK_EQ(pread(fd, buf, 8, 1), 4);
    CHECK_MEM(buf, "ello", 4);
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK_EQ(st.st_size, 5);
    CHECK(S_ISREG(st.st_mode));
    CHECK_EQ(st.st_mode & 07777, 0777);
    CHECK_EQ(st.st_nlink, 0);
    CHECK_EQ(st.st_uid, geteuid());
    CHECK_EQ(ftruncate(fd, 10000), 0);
    CHECK_EQ(lseek(fd, 0, SEEK_END), 10000);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    CHECK_OK(readlink(path, text, sizeof(text) - 1));
    CHECK(strcmp(text, "/memfd:thing (deleted)") == 0);
    int again = (int) CHECK_OK(open(path, O_RDONLY));
    CHECK_EQ(read(again, buf, 5), 5);
    CHECK_MEM(buf, "hello", 5);
    CHECK_ERR(write(again, "x", 1), EBADF);
}

CASE(memfd_maps)
{
    int fd = (int) CHECK_OK(memfd_create("map", 0));
    CHECK_EQ(ftruncate(fd, 8192), 0);
    char *m = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(m != MAP_FAILED);
    strcpy(m + 5000, "shared");
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        m[5000] = 'S';
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
    char buf[8];
    CHECK_EQ(pread(fd, buf, 6, 5000), 6);
    CHECK_MEM(buf, "Shared", 6);
    CHECK_EQ(munmap(m, 8192), 0);
}

CASE(memfd_seals)
{
    int fd = (int) CHECK_OK(memfd_create("sealed", MFD_ALLOW_SEALING));
    CHECK_EQ(write(fd, "data", 4), 4);
    CHECK_EQ(fcntl(fd, F_GET_SEALS), 0);
    CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
    CHECK_ERR(ftruncate(fd, 1), EPERM);
    CHECK_EQ(ftruncate(fd, 100), 0);
    CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_WRITE), 0);
    CHECK_ERR(write(fd, "x", 1), EPERM);
    CHECK_ERR(ftruncate(fd, 200), EPERM);
    CHECK(mmap(NULL, 100, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED &&
          errno == EPERM);
    CHECK(mmap(NULL, 100, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED);
    CHECK(mmap(NULL, 100, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0) != MAP_FAILED);
    CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL), 0);
    CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
    CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
    fd = (int) CHECK_OK(memfd_create("not", 0));
    CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL);
    CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
}

CASE(memfd_seal_while_mapped)
{
    int fd = (int) CHECK_OK(memfd_create("busy", MFD_ALLOW_SEALING));
    CHECK_EQ(ftruncate(fd, 4096), 0);
    char *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(m != MAP_FAILED);
    CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
    munmap(m, 4096);
    CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
}

CASE(memfd_executes)
{
    char buf[65536];
    ssize_t n;
    int in = (int) CHECK_OK(open("/bin/true", O_RDONLY));
    int fd = (int) CHECK_OK(memfd_create("true", MFD_CLOEXEC));
    while ((n = CHECK_OK(read(in, buf, sizeof(buf)))) > 0)
        CHECK_EQ(write(fd, buf, (size_t) n), n);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        char *args[] = {(char *) "true", NULL};
        syscall(SYS_execveat, fd, "", args, environ, AT_EMPTY_PATH);
        FAIL("execveat: errno %d", errno);
    }
    CHECK_EXIT(pid, 0);
}

CASE(memfd_errors)
{
    char name[260];
    memset(name, 'a', sizeof(name));
    name[249] = '\0';
    CHECK_OK(memfd_create(name, 0));
    name[249] = 'a';
    name[250] = '\0';
    CHECK_ERR(memfd_create(name, 0), EINVAL);
    CHECK_ERR(memfd_create("x", 0x80), EINVAL);
    CHECK_ERR(syscall(SYS_memfd_create, 8, 0), EFAULT);
}

/* ---- pidfds ---- */

static pid_t sleeper(void)
{
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0)
        for (;;)
            pause();
    return pid;
}

CASE(pidfd_waits)
{
    struct pollfd pf = {.events = POLLIN};
    siginfo_t si = {0};
    pid_t pid = sleeper();
    pf.fd = (int) CHECK_OK(pidfd(pid));
    CHECK_EQ(fcntl(pf.fd, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(poll(&pf, 1, 10), 0);
    CHECK_EQ(tell(pf.fd, 0), 0);
    CHECK_EQ(tell(pf.fd, SIGTERM), 0);
    CHECK_EQ(poll(&pf, 1, -1), 1);
    CHECK_EQ(pf.revents & POLLIN, POLLIN);
    CHECK_EQ(tell(pf.fd, 0), 0); /* not yet waited for */
    CHECK_EQ(waitid((idtype_t) 3, (id_t) pf.fd, &si, WEXITED), 0);
    CHECK_EQ(si.si_pid, pid);
    CHECK_EQ(si.si_code, CLD_KILLED);
    CHECK_EQ(si.si_status, SIGTERM);
    CHECK_ERR(tell(pf.fd, 0), ESRCH);
    CHECK_ERR(tell(pf.fd, SIGKILL), ESRCH);
    CHECK_ERR(waitid((idtype_t) 3, (id_t) pf.fd, &si, WEXITED), ECHILD);
}

CASE(pidfd_wait_without_waiting)
{
    siginfo_t si = {0};
    pid_t pid = sleeper();
    int fd = (int) CHECK_OK(syscall(SYS_pidfd_open, pid, O_NONBLOCK));
    CHECK_ERR(waitid((idtype_t) 3, (id_t) fd, &si, WEXITED), EAGAIN);
    CHECK_EQ(waitid((idtype_t) 3, (id_t) fd, &si, WEXITED | WNOHANG), 0);
    CHECK_EQ(si.si_pid, 0);
    CHECK_EQ(tell(fd, SIGKILL), 0);
    CHECK_EQ(waitpid(pid, NULL, 0), pid);
    CHECK_ERR(waitid((idtype_t) 3, 999, &si, WEXITED), EBADF);
    CHECK_ERR(waitid((idtype_t) 3, 1, &si, WEXITED), EBADF);
}

CASE(pidfd_errors)
{
    siginfo_t si = {.si_signo = SIGUSR1, .si_code = SI_QUEUE};
    int fd = (int) CHECK_OK(pidfd(getpid()));
    char c;
    CHECK_ERR(pidfd(0), EINVAL);
    CHECK_ERR(pidfd(-1), EINVAL);
    CHECK_ERR(pidfd(4000000), ESRCH);
    CHECK_ERR(syscall(SYS_pidfd_open, getpid(), 1), EINVAL);
    CHECK_ERR(tell(0, 0), EBADF);
    CHECK_ERR(tell(999, 0), EBADF);
    CHECK_ERR(tell(fd, 65), EINVAL);
    CHECK_ERR(syscall(SYS_pidfd_send_signal, fd, SIGUSR2, &si, 0), EINVAL);
    CHECK_ERR(syscall(SYS_pidfd_send_signal, fd, SIGUSR1, NULL, 64), EINVAL);
    CHECK_ERR(read(fd, &c, 1), EINVAL);
}

static volatile sig_atomic_t value;

static void note(int sig, siginfo_t *si, void *ctx)
{
    (void) sig;
    (void) ctx;
    value = si->si_value.sival_int;
}

CASE(pidfd_sends_values)
{
    struct sigaction sa = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
    siginfo_t si = {.si_signo = SIGUSR1, .si_code = SI_QUEUE};
    int fd = (int) CHECK_OK(pidfd(getpid()));
    si.si_value.sival_int = 99;
    sigaction(SIGUSR1, &sa, NULL);
    CHECK_EQ(syscall(SYS_pidfd_send_signal, fd, SIGUSR1, &si, 0), 0);
    CHECK_EQ(value, 99);
}

/* A directory of /proc does for one, as it did before there were pidfds. */
CASE(pidfd_is_a_proc_directory)
{
    int pid_dir = open("/proc/self", O_RDONLY | O_DIRECTORY), fd;
    char path[64];

    CHECK(pid_dir >= 0);
    CHECK_EQ(syscall(SYS_pidfd_send_signal, pid_dir, 0, NULL, 0), 0);
    signal(SIGUSR1, SIG_IGN);
    CHECK_EQ(syscall(SYS_pidfd_send_signal, pid_dir, SIGUSR1, NULL, 0), 0);
    CHECK_ERR(syscall(SYS_pidfd_getfd, pid_dir, 0, 0), EBADF);
    snprintf(path, sizeof(path), "/proc/%d/task/%d", getpid(), getpid());
    fd = open(path, O_RDONLY | O_DIRECTORY);
    CHECK_ERR(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0), EBADF);
    close(fd);
    fd = open("/proc", O_RDONLY | O_DIRECTORY);
    CHECK_ERR(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0), EBADF);
    close(fd);
    fd = open("/proc/self", O_PATH);
    CHECK_ERR(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0), EBADF);
    close(fd);
    pid_t child = fork();
    if (child == 0)
        pause();
    snprintf(path, sizeof(path), "/proc/%d", child);
    fd = open(path, O_RDONLY | O_DIRECTORY);
    CHECK_EQ(syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0), 0);
    CHECK_EQ(waitpid(child, NULL, 0), child);
    CHECK_ERR(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0), ESRCH);
}

CASE(pidfd_gets_descriptors)
{
    int p[2];
    char c = 0;
    CHECK_EQ(pipe(p), 0);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0)
        for (;;)
            pause();
    close(p[0]);
    int fd = (int) CHECK_OK(pidfd(pid));
    int got = (int) CHECK_OK(syscall(SYS_pidfd_getfd, fd, p[0], 0));
    CHECK_EQ(fcntl(got, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(write(p[1], "x", 1), 1);
    CHECK_EQ(read(got, &c, 1), 1);
    CHECK_EQ(c, 'x');
    CHECK_ERR(syscall(SYS_pidfd_getfd, fd, 999, 0), EBADF);
    CHECK_ERR(syscall(SYS_pidfd_getfd, fd, 0, 1), EINVAL);
    CHECK_EQ(tell(fd, SIGKILL), 0);
    CHECK_EQ(waitpid(pid, NULL, 0), pid);
    CHECK_ERR(syscall(SYS_pidfd_getfd, fd, 0, 0), ESRCH);
}

/* clone(2) itself, as fork(2) with a descriptor; the stack stays the parent's copy. */
static pid_t fork_pidfd(unsigned long more, int *fd)
{
    return (pid_t) syscall(SYS_clone, CLONE_PIDFD | more | SIGCHLD, NULL, fd, NULL, NULL);
}

CASE(pidfd_from_clone)
{
    struct pollfd pf = {.fd = -1, .events = POLLIN};
    siginfo_t si = {0};
    pid_t pid = (pid_t) CHECK_OK(fork_pidfd(0, &pf.fd));
    if (pid == 0) {
        sleep_ms(20);
        _exit(5);
    }
    CHECK(pf.fd > 2);
    CHECK_EQ(fcntl(pf.fd, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(poll(&pf, 1, -1), 1);
    CHECK_EQ(waitid((idtype_t) 3, (id_t) pf.fd, &si, WEXITED), 0);
    CHECK_EQ(si.si_pid, pid);
    CHECK_EQ(si.si_status, 5);
    CHECK_ERR(fork_pidfd(CLONE_PARENT_SETTID, &pf.fd), EINVAL);
    CHECK_ERR(fork_pidfd(0, (int *) 8), EFAULT);
    CHECK_ERR(wait(NULL), ECHILD);
}

GUEST_MAIN
