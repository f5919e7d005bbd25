/* SPDX-License-Identifier: Apache-2.0 */
/* ptrace(2): linux/ptrace.h, asm/ptrace-abi.h and asm/user_64.h of x86-64. */
#pragma once

#include <stdint.h>

enum {
    LX_PTRACE_TRACEME = 0,
    LX_PTRACE_PEEKTEXT = 1,
    LX_PTRACE_PEEKDATA = 2,
    LX_PTRACE_PEEKUSER = 3,
    LX_PTRACE_POKETEXT = 4,
    LX_PTRACE_POKEDATA = 5,
    LX_PTRACE_POKEUSER = 6,
    LX_PTRACE_CONT = 7,
    LX_PTRACE_KILL = 8,
    LX_PTRACE_SINGLESTEP = 9,
    LX_PTRACE_GETREGS = 12,
    LX_PTRACE_SETREGS = 13,
    LX_PTRACE_GETFPREGS = 14,
    LX_PTRACE_SETFPREGS = 15,
    LX_PTRACE_ATTACH = 16,
    LX_PTRACE_DETACH = 17,
    LX_PTRACE_SYSCALL = 24,
    LX_PTRACE_ARCH_PRCTL = 30,
    LX_PTRACE_SYSEMU = 31,
    LX_PTRACE_SYSEMU_SINGLESTEP = 32,
    LX_PTRACE_SETOPTIONS = 0x4200,
    LX_PTRACE_GETEVENTMSG = 0x4201,
    LX_PTRACE_GETSIGINFO = 0x4202,
    LX_PTRACE_SETSIGINFO = 0x4203,
    LX_PTRACE_GETREGSET = 0x4204,
    LX_PTRACE_SETREGSET = 0x4205,
    LX_PTRACE_SEIZE = 0x4206,
    LX_PTRACE_INTERRUPT = 0x4207,
    LX_PTRACE_LISTEN = 0x4208,
    LX_PTRACE_PEEKSIGINFO = 0x4209,
    LX_PTRACE_GETSIGMASK = 0x420a,
    LX_PTRACE_SETSIGMASK = 0x420b,
    LX_PTRACE_GET_SYSCALL_INFO = 0x420e,
};

enum {
    LX_PTRACE_EVENT_FORK = 1,
    LX_PTRACE_EVENT_VFORK,
    LX_PTRACE_EVENT_CLONE,
    LX_PTRACE_EVENT_EXEC,
    LX_PTRACE_EVENT_VFORK_DONE,
    LX_PTRACE_EVENT_EXIT,
    LX_PTRACE_EVENT_SECCOMP,
    LX_PTRACE_EVENT_STOP = 128,
};

/* The option of an event is the bit of its number. */
#define LX_PTRACE_O_TRACESYSGOOD 1u
#define LX_PTRACE_O_EXITKILL     (1u << 20)
#define LX_PTRACE_O_MASK         (0xffu | LX_PTRACE_O_EXITKILL)

enum { LX_PTRACE_EVENTMSG_SYSCALL_ENTRY = 1, LX_PTRACE_EVENTMSG_SYSCALL_EXIT = 2 };
enum {
    LX_PTRACE_SYSCALL_INFO_NONE = 0,
    LX_PTRACE_SYSCALL_INFO_ENTRY,
    LX_PTRACE_SYSCALL_INFO_EXIT,
    LX_PTRACE_SYSCALL_INFO_SECCOMP,
};

#define LX_PTRACE_PEEKSIGINFO_SHARED 1u

enum { LX_NT_PRSTATUS = 1, LX_NT_PRFPREG = 2, LX_NT_X86_XSTATE = 0x202 };
enum { LX_TRAP_BRKPT = 1, LX_TRAP_TRACE = 2 };

/* struct user_regs_struct. */
struct lx_user_regs {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8;
    uint64_t rax, rcx, rdx, rsi, rdi, orig_rax, rip, cs, eflags, rsp, ss;
    uint64_t fs_base, gs_base, ds, es, fs, gs;
};
_Static_assert(sizeof(struct lx_user_regs) == 27 * 8, "user_regs_struct");

/* struct user: its size, and where the debug registers lie; the registers are its beginning. */
#define LX_USER_SIZE         928u
#define LX_USER_DEBUGREG     848u
#define LX_USER_DEBUGREG_END 912u

struct lx_ptrace_syscall_info {
    uint8_t op, pad[3];
    uint32_t arch;
    uint64_t ip, sp;
    union {
        struct {
            uint64_t nr, args[6];
        } entry;
        struct {
            int64_t rval;
            uint8_t is_error;
        } exit;
        struct {
            uint64_t nr, args[6];
            uint32_t ret_data;
        } seccomp;
    };
};
#define LX_AUDIT_ARCH_X86_64 0xc000003eu

struct lx_ptrace_peeksiginfo_args {
    uint64_t off;
    uint32_t flags;
    int32_t nr;
};
