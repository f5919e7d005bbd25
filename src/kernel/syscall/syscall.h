/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */
/*
 * The system call table: syscalls.tbl is the only place where a call is described. From it come
 * dispatch, the stub's marshalling, --strace decoding and the compatibility page.
 *
 * A line is
 *     SYS(number, name, level, a0, a1, a2, a3, a4, a5)
 * level: FULL, PART (works, with limits listed in the man page) or NONE (ENOSYS, counted, logged once).
 * Argument kinds:
 *     NA          no such argument
 *     INT UINT LONG HEX FLAGS MODE SIZE OFF PID SIG ID  plain numbers; they differ in how --strace shows
 *                 them (FLAGS: those of open(2))
 *     PROT MAP AT ACC SEEK  likewise: flags of mmap(2), of the *at calls, of access(2), of lseek(2)
 *     FD DIRFD    descriptor; DIRFD also AT_FDCWD
 *     ADDR        guest address used as such, never marshalled
 *     ARGV        array of strings with a NULL at its end, never marshalled
 *     PATH STR    NUL-terminated string in
 *     IN(i)       buffer in, its length is argument i
 *     OUT(i)      buffer out, capacity is argument i
 *     INS(n)      struct of n bytes in;  OUTS(n) struct of n bytes out
 * Marshalling is a speed-up only: handlers use copy_in/copy_out whatever was marshalled.
 */
/* clang-format on */
#pragma once

#include <stdint.h>

#include "kernel/mem/uaccess.h"
#include "kernel/syscall/arg_kinds.h"

struct task;

/* One handler type for all: no function casts. Returns a value, a negative errno, or a restart
 * code. */
typedef long syscall_fn(struct task *t, const uint64_t a[static 6]);

enum syscall_level { LEVEL_NONE, LEVEL_PART, LEVEL_FULL };

struct syscall_desc {
    const char *name; /* NULL: no such call */
    syscall_fn *fn;   /* NULL: LEVEL_NONE */
    uint8_t level;
    struct arg_desc args[6];
};

/* NULL for numbers outside the table. */
const struct syscall_desc *syscall_desc(uint64_t nr);

/* Answers one call on behalf of t, on t's own thread. No locks held. */
long syscall_dispatch(struct task *t, uint64_t nr, const uint64_t a[static 6]);

/* The handlers: sys_<name> for each line whose level is not NONE. */
#define SYS_DECL_FULL(name) syscall_fn sys_##name;
#define SYS_DECL_PART(name) syscall_fn sys_##name;
#define SYS_DECL_NONE(name)
#define SYS(nr, name, level, ...) SYS_DECL_##level(name)
#include "kernel/syscall/syscalls.tbl"
#undef SYS
