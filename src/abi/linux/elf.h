/* SPDX-License-Identifier: Apache-2.0 */
/* ELF64 as the loader needs it: elf(5). */
#pragma once

#include <stdint.h>

struct lx_elf64_ehdr {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
_Static_assert(sizeof(struct lx_elf64_ehdr) == 64, "Elf64_Ehdr");

struct lx_elf64_phdr {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};
_Static_assert(sizeof(struct lx_elf64_phdr) == 56, "Elf64_Phdr");

enum { LX_ELFCLASS64 = 2, LX_ELFDATA2LSB = 1, LX_ET_EXEC = 2, LX_ET_DYN = 3, LX_EM_X86_64 = 62 };
enum { LX_PT_LOAD = 1, LX_PT_INTERP = 3, LX_PT_PHDR = 6, LX_PT_TLS = 7 };
#define LX_PT_GNU_STACK 0x6474e551u
enum { LX_PF_X = 1, LX_PF_W = 2, LX_PF_R = 4 };
