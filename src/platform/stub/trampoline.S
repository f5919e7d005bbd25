/* SPDX-License-Identifier: Apache-2.0 */
/* A patched call's way into the stub and back: patch.h. */

#define SLOT_STACK_SIZE 0x20000
#define LOCAL_KICKED    0
#define LOCAL_RESUME    8
#define LOCAL_SELF      32
#define TRAMPOLINE_SLOW 32
#define TRAMPOLINE_AFTER 56
#define REGION_SHIFT    31
#define REGION          0xe000   /* STUB_BASE >> REGION_SHIFT */

    .text

/*
 * r11: the trampoline. rcx and r11 are free, as a system call destroys them; the flags are not. GS
 * base may be anything: what is there must be an address in the stub's region, and if nothing is,
 * the handler of the fault goes the slow way.
 */
    .globl fast_entry, fast_saved, fast_finish, fast_resume, fast_converted
    .type fast_entry, @function
fast_entry:
    mov %gs:LOCAL_SELF, %rcx
    rorx $REGION_SHIFT, %rcx, %rcx
    lea -REGION(%rcx), %ecx
    jrcxz 1f
    lea TRAMPOLINE_SLOW(%r11), %r11
    jmp *%r11
1:  mov %gs:LOCAL_SELF, %rcx
    lea SLOT_STACK_SIZE(%rcx), %rcx
    xchg %rsp, %rcx
fast_saved:
    pushfq                       /* struct stub_regs, from its end */
    cld
    push TRAMPOLINE_AFTER(%r11)  /* rip */
    push %rcx                    /* rsp */
    push TRAMPOLINE_AFTER(%r11)  /* rcx, as the instruction leaves it */
    push %rax
    push %rdx
    push %rbx
    push %rbp
    push %rsi
    push %rdi
    push %r15
    push %r14
    push %r13
    push %r12
    push 13*8(%rsp)              /* r11: the flags, likewise */
    push %r10
    push %r9
    push %r8
    mov %rsp, %rdi
    mov %r11, %rsi
    call fast_syscall
    cmp $2, %eax                 /* FAST_CONVERT */
    je 2f
    cmpl $0, %gs:LOCAL_KICKED
fast_finish:                     /* a kick that comes behind the look is taken here */
    jne 2f
    push 17*8(%rsp)
    popfq
    mov 0*8(%rsp), %r8
    mov 1*8(%rsp), %r9
    mov 2*8(%rsp), %r10
    mov 3*8(%rsp), %r11
    mov 4*8(%rsp), %r12
    mov 5*8(%rsp), %r13
    mov 6*8(%rsp), %r14
    mov 7*8(%rsp), %r15
    mov 8*8(%rsp), %rdi
    mov 9*8(%rsp), %rsi
    mov 10*8(%rsp), %rbp
    mov 11*8(%rsp), %rbx
    mov 12*8(%rsp), %rdx
    mov 13*8(%rsp), %rax
    mov 14*8(%rsp), %rcx
    mov 15*8(%rsp), %rsp
fast_resume:
    jmp *%gs:LOCAL_RESUME
2:  int3                         /* a whole frame is wanted: handlers.c goes on */
fast_converted:
    ud2

    .section .note.GNU-stack, "", @progbits
