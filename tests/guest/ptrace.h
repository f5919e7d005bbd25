/* SPDX-License-Identifier: Apache-2.0 */
/* What the ptrace tests share: a tracee to play with, and its stops. */
#pragma once
#include "guest.h"
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

#define TRAP_OF(event) (SIGTRAP | (event) << 8)

static UNUSED long request(int what, pid_t pid, unsigned long addr, unsigned long data)
{
    errno = 0;
    return syscall(SYS_ptrace, what, pid, addr, data);
}

/* Waits for pid's next stop: its status, shifted as PTRACE events need it (signal | event << 8). */
static UNUSED int next_stop(pid_t pid)
{
    int status = 0;
    CHECK_EQ(waitpid(pid, &status, __WALL), pid);
    CHECK(WIFSTOPPED(status));
    return status >> 8;
}

/* A child that is traced and has stopped itself; then runs fn and exits with its result. */
static UNUSED pid_t traced_child(int (*fn)(void))
{
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        if (ptrace(PTRACE_TRACEME, 0, 0, 0))
            _exit(99);
        raise(SIGSTOP);
        _exit(fn());
    }
    CHECK_EQ(next_stop(pid), SIGSTOP);
    return pid;
}

/* A child that nobody traces yet, in fn. */
static UNUSED pid_t free_child(int (*fn)(void))
{
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0)
        _exit(fn());
    return pid;
}

static UNUSED int pause_for_ever(void)
{
    for (;;)
        pause();
    return 0;
}

static UNUSED int give_7(void)
{
    return 7;
}

static UNUSED void let_go(pid_t pid, int how, int sig)
{
    CHECK_EQ(request(how, pid, 0, (unsigned long) sig), 0);
}

static UNUSED void end_child(pid_t pid)
{
    CHECK_EQ(kill(pid, SIGKILL), 0);
    CHECK_KILLED(pid, SIGKILL);
}

static UNUSED struct user_regs_struct regs_of(pid_t pid)
{
    struct user_regs_struct r;
    CHECK_EQ(request(PTRACE_GETREGS, pid, 0, (unsigned long) &r), 0);
    return r;
}
