/* SPDX-License-Identifier: Apache-2.0 */
/* The stub's assembly: kernel entry, fault-tolerant copies, and the few calls C cannot make. */

    .text

/* The zygote's entry from execve. rsp: argc, argv, envp, auxv. */
    .globl _start
    .type _start, @function
_start:
    xor %ebp, %ebp
    mov %rsp, %rdi
    and $-16, %rsp
    call zygote_main
    ud2

/* long stub_syscall(nr, a, b, c, d, e, f) */
    .globl stub_syscall
    .type stub_syscall, @function
stub_syscall:
    mov %rdi, %rax
    mov %rsi, %rdi
    mov %rdx, %rsi
    mov %rcx, %rdx
    mov %r8, %r10
    mov %r9, %r8
    mov 8(%rsp), %r9
    syscall
    ret

/* Where the host's signal frames return to. */
    .globl stub_restorer
    .type stub_restorer, @function
stub_restorer:
    mov $15, %eax
    syscall
    ud2

/* void stub_leave(struct frame *f): the kernel expects rsp just past the restorer word. */
    .globl stub_leave
    .type stub_leave, @function
stub_leave:
    lea 8(%rdi), %rsp
    mov $15, %eax
    syscall
    ud2

/* size_t stub_copy(dst, src, n): the fault handler jumps to the fixup; rcx is what is left. */
    .globl stub_copy, stub_copy_begin, stub_copy_end, stub_copy_fixup
    .type stub_copy, @function
stub_copy:
    mov %rdx, %rcx
stub_copy_begin:
    rep movsb
stub_copy_end:
stub_copy_fixup:
    mov %rcx, %rax
    ret

/* long stub_copy_string(dst, src, cap) */
    .globl stub_copy_string, stub_string_begin, stub_string_end, stub_string_fixup
    .type stub_copy_string, @function
stub_copy_string:
    xor %eax, %eax
1:  cmp %rdx, %rax
    jae stub_string_fixup
stub_string_begin:
    movzbl (%rsi,%rax), %ecx
stub_string_end:
    movb %cl, (%rdi,%rax)
    inc %rax
    test %ecx, %ecx
    jnz 1b
    ret
stub_string_fixup:
    mov $-1, %rax
    ret

/* long stub_cmpxchg(addr, expected, desired): the value found, or -EFAULT; see stub_copy. */
    .globl stub_cmpxchg, stub_cmpxchg_begin, stub_cmpxchg_end, stub_cmpxchg_fixup
    .type stub_cmpxchg, @function
stub_cmpxchg:
    mov %esi, %eax
stub_cmpxchg_begin:
    lock cmpxchg %edx, (%rdi)
stub_cmpxchg_end:
    mov %eax, %eax           /* the upper half is zero */
    ret
stub_cmpxchg_fixup:
    mov $-14, %rax
    ret

/* long stub_exchange(addr, expected, desired): 1, 0, or -EFAULT; see stub_copy. */
    .globl stub_exchange, stub_exchange_begin, stub_exchange_end, stub_exchange_fixup
    .type stub_exchange, @function
stub_exchange:
    mov %rsi, %rax
stub_exchange_begin:
    lock cmpxchg %rdx, (%rdi)
stub_exchange_end:
    sete %al
    movzbl %al, %eax
    ret
stub_exchange_fixup:
    mov $-14, %rax
    ret

/*
 * long stub_wait_interruptible(const long call[7]): makes the call of this number and these six
 * arguments with the kick unmasked meanwhile. A kick that arrives between the labels is sent to the
 * abort label by the kick handler, so that it is never slept over.
 */
    .macro mask_kick how
    mov $\how, %edi
    lea stub_kick_set(%rip), %rsi
    xor %edx, %edx
    mov $8, %r10d
    mov $14, %eax            /* rt_sigprocmask */
    syscall
    .endm

    .macro make_call         /* rbx: its number and arguments */
    mov 8(%rbx), %rdi
    mov 16(%rbx), %rsi
    mov 24(%rbx), %rdx
    mov 32(%rbx), %r10
    mov 40(%rbx), %r8
    mov 48(%rbx), %r9
    mov 0(%rbx), %rax
    syscall
    .endm

    .globl stub_wait_interruptible, stub_wait_begin, stub_wait_end, stub_wait_abort
    .type stub_wait_interruptible, @function
stub_wait_interruptible:
    push %rbx
    mov %rdi, %rbx
    mask_kick 1              /* SIG_UNBLOCK */
stub_wait_begin:
    make_call
stub_wait_end:
    jmp 2f
stub_wait_abort:
    mov $-4, %rax
2:  mov %rax, %rbx
    mask_kick 0              /* SIG_BLOCK */
    mov %rbx, %rax
    pop %rbx
    ret

/* long stub_sleep(const long call[7], const uint32_t *kicked): as above, with the kick unmasked by the
 * caller. */
    .globl stub_sleep, stub_sleep_begin, stub_sleep_end, stub_sleep_abort
    .type stub_sleep, @function
stub_sleep:
    push %rbx
    mov %rdi, %rbx
    mov %rsi, %r11
stub_sleep_begin:
    cmpl $0, (%r11)
    jne stub_sleep_abort
    make_call
stub_sleep_end:
    pop %rbx
    ret
stub_sleep_abort:
    mov $-4, %rax
    pop %rbx
    ret

    .section .rodata
    .balign 8
stub_kick_set:
    .quad 1 << 39            /* STUB_KICK_SIGNAL - 1 */
    .text

/* long stub_clone_onto(flags, stack, fn, arg) */
    .globl stub_clone_onto
    .type stub_clone_onto, @function
stub_clone_onto:
    and $-16, %rsi
    sub $16, %rsi
    mov %rdx, 0(%rsi)
    mov %rcx, 8(%rsi)
    xor %edx, %edx
    xor %r10d, %r10d
    xor %r8d, %r8d
    xor %r9d, %r9d
    mov $56, %eax
    syscall
    test %rax, %rax
    jz 1f
    ret
1:  xor %ebp, %ebp
    pop %rax
    pop %rdi
    call *%rax
    ud2

/* The compiler may call these. */
    .globl memcpy
    .type memcpy, @function
memcpy:
    mov %rdi, %rax
    mov %rdx, %rcx
    rep movsb
    ret

    .globl memset
    .type memset, @function
memset:
    mov %rdi, %r8
    mov %esi, %eax
    mov %rdx, %rcx
    rep stosb
    mov %r8, %rax
    ret

    .section .note.GNU-stack, "", @progbits
