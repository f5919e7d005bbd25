/* SPDX-License-Identifier: Apache-2.0 */
/* Mapping a checked ELF image into a fresh address space. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "abi/linux/mman.h"
#include "abi/linux/sched.h"
#include "base/cleanup.h"
#include "kernel/loader/internal.h"
#include "kernel/task/task.h"

#define PAGE          ELF_PAGE
#define PAGE_UP(x)    (((x) + PAGE - 1) & ~(PAGE - 1))
#define PAGE_DOWN(x)  ((x) & ~(PAGE - 1))
#define PIE_BASE      0x555555554000ull /* two thirds of the address space, as Linux */
#define PIE_RANGE     (1ull << 40)      /* 28 bits of pages */
#define BRK_RANGE     (1ull << 25)
#define MMAP_MIN      0x10000ull /* vm.mmap_min_addr's usual value */
#define PRIVATE_FIXED (LX_MAP_PRIVATE | LX_MAP_FIXED)

uint64_t random_pages(uint64_t range, bool no_random)
{
    uint64_t v;

    if (no_random || getrandom(&v, sizeof(v), 0) != (ssize_t) sizeof(v))
        return 0;
    return v & (range - 1) & ~(PAGE - 1);
}

/* A hostile program must not put itself over the stub's region: the image would fail to start in
 * odd ways. */
static bool range_ok(uint64_t lo, uint64_t hi)
{
    uint64_t rs, re;

    platform_reserved(&rs, &re);
    return lo >= MMAP_MIN && hi <= GUEST_TASK_SIZE && lo < hi && (hi <= rs || lo >= re);
}

/* Pages of the file, then zeroes: the rest of the last file page and anonymous pages up to memsz.
 */
static int map_segment(struct stub_thread *st, const struct elf_segment *s, uint64_t base, int fd)
{
    uint64_t start = PAGE_DOWN(base + s->vaddr), file_end = base + s->vaddr + s->filesz;
    uint64_t end = PAGE_UP(base + s->vaddr + s->memsz), got;
    uint64_t anon = s->filesz ? PAGE_UP(file_end) : start;
    int r;

    if (s->filesz) {
        r = platform_mmap(st, start, anon - start, (int) s->prot, PRIVATE_FIXED, fd,
                          PAGE_DOWN(s->offset), &got);
        if (r)
            return r;
        if (s->memsz > s->filesz && anon > file_end && (s->prot & LX_PROT_WRITE)) {
            static const uint8_t zeros[PAGE];

            r = platform_write(st, file_end, zeros, anon - file_end);
            if (r)
                return r;
        }
    }
    if (end > anon)
        return platform_mmap(st, anon, end - anon, (int) s->prot, PRIVATE_FIXED | LX_MAP_ANONYMOUS,
                             -1, 0, &got);
    return 0;
}

static int map_all(struct stub_thread *st, struct binary *b, const struct elf_image *im,
                   uint64_t base)
{
    _cleanup_close_ int fd = -1;
    int r;

    if (!b->file->ops->donate)
        return -ENODEV;
    r = b->file->ops->donate(b->file, LX_PROT_READ | LX_PROT_EXEC, false, &fd);
    if (r)
        return r;
    for (size_t i = 0; i < im->n_segments; i++) {
        r = map_segment(st, &im->seg[i], base, fd);
        if (r)
            return r;
    }
    return 0;
}

/* Lets the host choose a place that holds the whole image: the range is reserved, then mapped over.
 */
static int choose_base(struct stub_thread *st, const struct elf_image *im, uint64_t *ret)
{
    uint64_t len = im->hi - im->lo, slack = im->align > PAGE ? im->align : 0, at, base;
    int r;

    if (len > GUEST_TASK_SIZE - slack)
        return -ENOMEM;
    r = platform_mmap(st, 0, len + slack, 0, LX_MAP_PRIVATE | LX_MAP_ANONYMOUS | LX_MAP_NORESERVE,
                      -1, 0, &at);
    if (r)
        return r;
    base = at;
    if (slack)
        base = (at - im->lo + im->align - 1) / im->align * im->align + im->lo;
    if (base > at && (r = platform_munmap(st, at, base - at)))
        return r;
    if (base + len < at + len + slack && (r = platform_munmap(st, base + len, at + slack - base)))
        return r;
    *ret = base - im->lo;
    return 0;
}

static int load_interp(struct task *t, struct stub_thread *st, struct binary *prog,
                       const struct elf_image *im, struct loaded *ret)
{
    char name[ELF_INTERP_MAX];
    _cleanup_free_ struct binary *ib = malloc(sizeof(*ib));
    _cleanup_free_ struct elf_image *ii = malloc(sizeof(*ii));
    uint64_t base = 0;
    int r;

    if (!ib || !ii)
        return -ENOMEM;
    r = binary_read(prog, name, im->interp_len, im->interp_offset);
    if (r)
        return r;
    if (name[im->interp_len - 1] != '\0')
        return -ENOEXEC;
    r = binary_open(t, NULL, name, 0, ib);
    if (r)
        return r;
    r = binary_parse(ib, ii);
    if (r == -ENOEXEC)
        r = -ELIBBAD;
    if (r == 0 && ii->dyn)
        r = choose_base(st, ii, &base);
    if (r == 0 && !range_ok(base + ii->lo, base + ii->hi))
        r = -EINVAL;
    if (r == 0)
        r = map_all(st, ib, ii, base);
    binary_close(ib);
    if (r)
        return r;
    ret->entry = base + ii->entry;
    ret->interp_base = base;
    return ret->entry < GUEST_TASK_SIZE ? 0 : -EINVAL;
}

int load_program(struct task *t, struct stub_thread *st, struct binary *b,
                 const struct elf_image *im, struct loaded *ret)
{
    bool fixed_layout = t->personality & LX_ADDR_NO_RANDOMIZE;
    uint64_t base = 0, brk;
    int r;

    if (im->dyn && im->interp_len) {
        base = PIE_BASE + random_pages(PIE_RANGE, fixed_layout);
        base = base / im->align * im->align - PAGE_DOWN(im->lo);
    } else if (im->dyn) {
        /* A static PIE or the dynamic loader run by hand: among the mappings, so that the heap of
         * what it loads has room. */
        r = choose_base(st, im, &base);
        if (r)
            return r;
    }
    if (!range_ok(base + im->lo, base + im->hi))
        return -EINVAL;
    r = map_all(st, b, im, base);
    if (r)
        return r;

    brk = im->dyn && !im->interp_len ? PIE_BASE : PAGE_UP(base + im->brk);
    *ret = (struct loaded){
        .base = base,
        .prog_entry = base + im->entry,
        .entry = base + im->entry,
        .phnum = im->phnum,
        .phdr = im->phdr_vaddr ? base + im->phdr_vaddr : 0,
        .brk = brk + random_pages(BRK_RANGE, fixed_layout),
        .code_start = base + im->code_lo,
        .code_end = base + im->code_hi,
        .stack_exec = im->stack_exec,
    };
    if (im->interp_len) {
        r = load_interp(t, st, b, im, ret);
        if (r)
            return r;
    }
    if (ret->entry >= GUEST_TASK_SIZE)
        return -EINVAL;
    return platform_set_brk(st, ret->brk);
}
