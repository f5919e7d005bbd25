/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF validation as pure functions over bytes. The file is hostile: every number is checked here
 * before any use, so that what comes out can be mapped without another look.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/linux/elf.h"
#include "base/util.h"

#define ELF_PAGE           4096ull
#define ELF_MAX_SEGMENTS   64
#define ELF_MAX_PHDR_BYTES 65536u /* Linux's own limit */
#define ELF_INTERP_MAX     4096u

struct elf_segment {
    uint64_t vaddr, memsz;   /* vaddr + memsz does not wrap and ends below the limit given */
    uint64_t offset, filesz; /* filesz <= memsz; offset congruent to vaddr modulo the page */
    uint32_t prot;           /* PROT_* */
};

struct elf_image {
    bool dyn; /* ET_DYN: addresses are relative to a base the loader chooses */
    uint64_t entry;
    uint64_t phdr_vaddr; /* where the program headers are mapped, 0: nowhere */
    uint16_t phnum;
    uint64_t interp_offset, interp_len; /* PT_INTERP, len 0: none; len includes the NUL */
    bool stack_exec;                    /* PT_GNU_STACK asks for an executable stack */
    uint64_t lo, hi;                    /* page-aligned hull of all segments */
    uint64_t brk;                       /* end of the highest segment, not aligned */
    uint64_t code_lo, code_hi;          /* hull of executable segments */
    uint64_t align; /* largest p_align of a segment, a power of two >= the page */
    size_t n_segments;
    struct elf_segment seg[ELF_MAX_SEGMENTS];
};

/*
 * The file header from the first bytes of a file. -ENOEXEC when it is no 64-bit x86 executable.
 * On success phoff and phnum * phentsize are sane (not yet known to be inside the file).
 */
int elf_parse_header(const void *buf, size_t n, struct lx_elf64_ehdr *ret) must_check;

/*
 * The program headers (phnum entries, copied by the caller). `limit`: segments must end below it.
 * -ENOEXEC, -EINVAL for anything malformed.
 */
int elf_parse_phdrs(const struct lx_elf64_ehdr *eh, const struct lx_elf64_phdr *ph, uint64_t limit,
                    struct elf_image *ret) must_check;
