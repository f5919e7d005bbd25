/* SPDX-License-Identifier: Apache-2.0 */
/* The ELF checks over arbitrary files: whatever passes must satisfy what elf.h promises. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/loader/elf.h"

#define LIMIT 0x7ffffffff000ull

static void check(int ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct lx_elf64_ehdr eh;
    struct lx_elf64_phdr *ph;
    struct elf_image im;
    size_t bytes;

    if (elf_parse_header(data, n, &eh))
        return 0;
    bytes = (size_t) eh.phnum * sizeof(*ph);
    if (eh.phoff > n || bytes > n - eh.phoff)
        return 0;
    ph = malloc(bytes);
    if (!ph)
        return 0;
    memcpy(ph, data + eh.phoff, bytes);
    if (elf_parse_phdrs(&eh, ph, LIMIT, &im) == 0) {
        check(im.n_segments > 0 && im.n_segments <= ELF_MAX_SEGMENTS);
        check(im.lo < im.hi && im.hi <= LIMIT && im.brk <= im.hi);
        check(im.align >= ELF_PAGE && (im.align & (im.align - 1)) == 0);
        check(im.interp_len <= ELF_INTERP_MAX);
        for (size_t i = 0; i < im.n_segments; i++) {
            const struct elf_segment *s = &im.seg[i];

            check(s->memsz <= LIMIT && s->vaddr <= LIMIT - s->memsz && s->filesz <= s->memsz);
            check(!s->filesz || ((s->vaddr - s->offset) & (ELF_PAGE - 1)) == 0);
            check(s->offset + s->filesz >= s->offset);
        }
    }
    free(ph);
    return 0;
}
