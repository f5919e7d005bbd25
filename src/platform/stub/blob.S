/* SPDX-License-Identifier: Apache-2.0 */
/* The stub's ELF file as read-only data of the sentry. */
    .section .rodata
    .balign 16
    .globl stub_blob, stub_blob_end
stub_blob:
    .incbin "stub.elf"
stub_blob_end:
    .section .note.GNU-stack, "", @progbits
