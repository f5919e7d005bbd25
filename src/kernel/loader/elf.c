/* SPDX-License-Identifier: Apache-2.0 */
/* ELF validation: elf(5), and the checks Linux's loader makes. Pure functions. */
#include "kernel/loader/elf.h"

#include <errno.h>
#include <string.h>

#include "abi/linux/mman.h"

int elf_parse_header(const void *buf, size_t n, struct lx_elf64_ehdr *ret)
{
    struct lx_elf64_ehdr eh;

    if (n < sizeof(eh))
        return -ENOEXEC;
    memcpy(&eh, buf, sizeof(eh));
    if (memcmp(eh.ident, "\177ELF", 4) != 0)
        return -ENOEXEC;
    if (eh.ident[4] != LX_ELFCLASS64 || eh.ident[5] != LX_ELFDATA2LSB || eh.machine != LX_EM_X86_64)
        return -ENOEXEC;
    if (eh.type != LX_ET_EXEC && eh.type != LX_ET_DYN)
        return -ENOEXEC;
    if (eh.phentsize != sizeof(struct lx_elf64_phdr) || eh.phnum == 0 ||
        (uint32_t) eh.phnum * eh.phentsize > ELF_MAX_PHDR_BYTES)
        return -ENOEXEC;
    if (eh.phoff > (uint64_t) INT64_MAX - ELF_MAX_PHDR_BYTES)
        return -ENOEXEC;
    *ret = eh;
    return 0;
}

static uint32_t prot_of(uint32_t flags)
{
    uint32_t prot = 0;

    if (flags & LX_PF_R)
        prot |= LX_PROT_READ;
    if (flags & LX_PF_W)
        prot |= LX_PROT_WRITE;
    if (flags & LX_PF_X)
        prot |= LX_PROT_EXEC;
    return prot;
}

static int add_load(const struct lx_elf64_phdr *p, uint64_t limit, struct elf_image *im)
{
    struct elf_segment *s;
    uint64_t end, top;

    if (p->memsz == 0)
        return 0;
    if (p->filesz > p->memsz || p->memsz > limit || p->vaddr > limit - p->memsz)
        return -EINVAL;
    if (p->offset > (uint64_t) INT64_MAX - p->filesz - ELF_PAGE)
        return -EINVAL;
    if (p->filesz && ((p->vaddr - p->offset) & (ELF_PAGE - 1)))
        return -EINVAL;
    if (im->n_segments == ELF_MAX_SEGMENTS)
        return -ENOEXEC;

    s = &im->seg[im->n_segments++];
    *s = (struct elf_segment){
        .vaddr = p->vaddr,
        .memsz = p->memsz,
        .offset = p->offset,
        .filesz = p->filesz,
        .prot = prot_of(p->flags),
    };
    end = p->vaddr + p->memsz;
    top = (end + ELF_PAGE - 1) & ~(ELF_PAGE - 1);
    if (top > limit)
        return -EINVAL;
    if ((p->vaddr & ~(ELF_PAGE - 1)) < im->lo)
        im->lo = p->vaddr & ~(ELF_PAGE - 1);
    if (top > im->hi)
        im->hi = top;
    if (end > im->brk)
        im->brk = end;
    if (p->flags & LX_PF_X) {
        if (p->vaddr < im->code_lo)
            im->code_lo = p->vaddr;
        if (end > im->code_hi)
            im->code_hi = end;
    }
    /* A hostile alignment must not push the base out of the address space: 1 GiB is the largest
     * page there is. */
    if (p->align > im->align && (p->align & (p->align - 1)) == 0 && p->align <= (1ull << 30))
        im->align = p->align;
    return 0;
}

/* AT_PHDR: where the bytes at phoff end up in memory. */
static uint64_t find_phdrs(const struct lx_elf64_ehdr *eh, const struct elf_image *im)
{
    for (size_t i = 0; i < im->n_segments; i++) {
        const struct elf_segment *s = &im->seg[i];

        if (eh->phoff >= s->offset && eh->phoff < s->offset + s->filesz)
            return eh->phoff - s->offset + s->vaddr;
    }
    return 0;
}

int elf_parse_phdrs(const struct lx_elf64_ehdr *eh, const struct lx_elf64_phdr *ph, uint64_t limit,
                    struct elf_image *ret)
{
    *ret = (struct elf_image){
        .dyn = eh->type == LX_ET_DYN,
        .entry = eh->entry,
        .phnum = eh->phnum,
        .lo = UINT64_MAX,
        .code_lo = UINT64_MAX,
        .align = ELF_PAGE,
        .stack_exec = false,
    };
    for (unsigned i = 0; i < eh->phnum; i++) {
        const struct lx_elf64_phdr *p = &ph[i];
        int r;

        switch (p->type) {
        case LX_PT_LOAD:
            r = add_load(p, limit, ret);
            if (r)
                return r;
            break;
        case LX_PT_INTERP:
            if (ret->interp_len) /* the first one counts */
                break;
            if (p->filesz < 2 || p->filesz > ELF_INTERP_MAX ||
                p->offset > (uint64_t) INT64_MAX - p->filesz)
                return -ENOEXEC;
            ret->interp_offset = p->offset;
            ret->interp_len = p->filesz;
            break;
        case LX_PT_GNU_STACK:
            ret->stack_exec = (p->flags & LX_PF_X) != 0;
            break;
        default:
            break;
        }
    }
    if (ret->n_segments == 0)
        return -ENOEXEC;
    if (ret->code_hi == 0)
        ret->code_lo = 0;
    ret->phdr_vaddr = find_phdrs(eh, ret);
    return 0;
}
