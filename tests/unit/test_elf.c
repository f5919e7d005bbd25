/* SPDX-License-Identifier: Apache-2.0 */
/* The checks of ELF files: well-formed ones are understood, hostile numbers refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "abi/linux/mman.h"
#include "kernel/loader/elf.h"

#define LIMIT 0x7ffffffff000ull

static struct lx_elf64_ehdr good_header(uint16_t type, uint16_t phnum)
{
    return (struct lx_elf64_ehdr){
        .ident = {0x7f, 'E', 'L', 'F', 2, 1, 1},
        .type = type,
        .machine = 62,
        .version = 1,
        .entry = 0x401000,
        .phoff = 64,
        .ehsize = 64,
        .phentsize = 56,
        .phnum = phnum,
    };
}

static struct lx_elf64_phdr load(uint64_t vaddr, uint64_t filesz, uint64_t memsz, uint64_t offset,
                                 uint32_t flags)
{
    return (struct lx_elf64_phdr){.type = 1,
                                  .flags = flags,
                                  .offset = offset,
                                  .vaddr = vaddr,
                                  .filesz = filesz,
                                  .memsz = memsz,
                                  .align = 4096};
}

static void test_header(void **state)
{
    struct lx_elf64_ehdr eh = good_header(2, 1), out;

    (void) state;
    assert_int_equal(elf_parse_header(&eh, sizeof(eh), &out), 0);
    assert_int_equal(elf_parse_header(&eh, sizeof(eh) - 1, &out), -ENOEXEC);
    eh.ident[4] = 1;
    assert_int_equal(elf_parse_header(&eh, sizeof(eh), &out), -ENOEXEC);
    eh = good_header(1, 1);
    assert_int_equal(elf_parse_header(&eh, sizeof(eh), &out), -ENOEXEC);
    eh = good_header(2, 0);
    assert_int_equal(elf_parse_header(&eh, sizeof(eh), &out), -ENOEXEC);
    eh = good_header(2, 2000);
    assert_int_equal(elf_parse_header(&eh, sizeof(eh), &out), -ENOEXEC);
    eh = good_header(2, 1);
    eh.phoff = UINT64_MAX;
    assert_int_equal(elf_parse_header(&eh, sizeof(eh), &out), -ENOEXEC);
    eh = good_header(2, 1);
    eh.phentsize = 57;
    assert_int_equal(elf_parse_header(&eh, sizeof(eh), &out), -ENOEXEC);
}

static void test_segments(void **state)
{
    struct lx_elf64_ehdr eh = good_header(2, 3);
    struct lx_elf64_phdr ph[3] = {
        load(0x400000, 0x500, 0x500, 0, 4),
        load(0x401000, 0x2000, 0x2000, 0x1000, 5),
        load(0x404e10, 0x200, 0x1300, 0x3e10, 6),
    };
    struct elf_image im;

    (void) state;
    assert_int_equal(elf_parse_phdrs(&eh, ph, LIMIT, &im), 0);
    assert_int_equal(im.n_segments, 3);
    assert_int_equal(im.lo, 0x400000);
    assert_int_equal(im.hi, 0x407000);
    assert_int_equal(im.brk, 0x406110);
    assert_int_equal(im.phdr_vaddr, 0x400040);
    assert_int_equal(im.seg[1].prot, LX_PROT_READ | LX_PROT_EXEC);
    assert_int_equal(im.code_lo, 0x401000);
    assert_int_equal(im.code_hi, 0x403000);
    assert_false(im.dyn);
}

static void test_hostile(void **state)
{
    struct lx_elf64_ehdr eh = good_header(3, 1);
    struct elf_image im;
    struct lx_elf64_phdr p;

    (void) state;
    p = load(0, 0x2000, 0x1000, 0, 5); /* more in the file than in memory */
    assert_int_equal(elf_parse_phdrs(&eh, &p, LIMIT, &im), -EINVAL);
    p = load(UINT64_MAX - 0xfff, 0x1000, 0x2000, 0, 5); /* wraps */
    assert_int_equal(elf_parse_phdrs(&eh, &p, LIMIT, &im), -EINVAL);
    p = load(0, 0x1000, UINT64_MAX, 0, 5);
    assert_int_equal(elf_parse_phdrs(&eh, &p, LIMIT, &im), -EINVAL);
    p = load(LIMIT - 0x10, 0, 0x10, 0, 5); /* ends exactly at the limit */
    assert_int_equal(elf_parse_phdrs(&eh, &p, LIMIT, &im), 0);
    p = load(LIMIT, 0, 0x10, 0, 5);
    assert_int_equal(elf_parse_phdrs(&eh, &p, LIMIT, &im), -EINVAL);
    p = load(0x1000, 0x10, 0x10, 0x10, 5); /* not congruent */
    assert_int_equal(elf_parse_phdrs(&eh, &p, LIMIT, &im), -EINVAL);
    p = load(0x1000, 0x1000, 0x1000, (uint64_t) INT64_MAX - 0xffe, 5);
    assert_int_equal(elf_parse_phdrs(&eh, &p, LIMIT, &im), -EINVAL);
    p.type = 4; /* nothing to load */
    assert_int_equal(elf_parse_phdrs(&eh, &p, LIMIT, &im), -ENOEXEC);
    p = load(0x1000, 0x10, 0x10, 0, 5);
    p.align = 1ull << 60; /* must not move the base anywhere silly */
    assert_int_equal(elf_parse_phdrs(&eh, &p, LIMIT, &im), 0);
    assert_int_equal(im.align, 4096);
}

static void test_interp(void **state)
{
    struct lx_elf64_ehdr eh = good_header(3, 2);
    struct lx_elf64_phdr ph[2] = {load(0, 0x1000, 0x1000, 0, 5),
                                  {.type = 3, .offset = 0x200, .filesz = 28}};
    struct elf_image im;

    (void) state;
    assert_int_equal(elf_parse_phdrs(&eh, ph, LIMIT, &im), 0);
    assert_true(im.dyn);
    assert_int_equal(im.interp_len, 28);
    ph[1].filesz = 1;
    assert_int_equal(elf_parse_phdrs(&eh, ph, LIMIT, &im), -ENOEXEC);
    ph[1].filesz = 5000;
    assert_int_equal(elf_parse_phdrs(&eh, ph, LIMIT, &im), -ENOEXEC);
    ph[1].filesz = 28;
    ph[1].offset = UINT64_MAX;
    assert_int_equal(elf_parse_phdrs(&eh, ph, LIMIT, &im), -ENOEXEC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_segments),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_interp),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
