/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first stack of an image: argc, argv, envp and the auxiliary vector below their strings, as
 * the System V ABI of x86-64 ("Process Initialization") and Linux lay them out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>

#include "abi/linux/auxv.h"
#include "abi/linux/mman.h"
#include "abi/linux/time.h"
#include "base/cleanup.h"
#include "kernel/loader/internal.h"
#include "kernel/task/task.h"

#define PAGE ELF_PAGE
#define STACK_LOW \
    0x7ffc10000000ull /* above where the host starts to place mappings, below the vDSO's region */
#define STACK_RANGE   (1ull << 32)
#define STACK_INITIAL (1ull << 20) /* the host grows it from here */
#define STACK_TRIES   8

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

struct cursor {
    uint8_t *buf;
    uint64_t base; /* guest address of buf[0] */
    size_t pos;
};

static void put64(struct cursor *c, uint64_t v)
{
    memcpy(c->buf + c->pos, &v, sizeof(v));
    c->pos += sizeof(v);
}

/* Pointers to each string of a block that starts at guest address `at`. */
static void put_pointers(struct cursor *c, const struct exec_strings *s, uint64_t at)
{
    size_t off = 0;

    for (unsigned i = 0; i < s->n; i++) {
        put64(c, at + off);
        off += strlen(s->data + off) + 1;
    }
    put64(c, 0);
}

static void put_aux(struct cursor *c, struct image *im, uint64_t type, uint64_t value)
{
    if (im->n_auxv < IMAGE_AUXV_MAX) {
        im->auxv[im->n_auxv][0] = type;
        im->auxv[im->n_auxv++][1] = value;
    }
    put64(c, type);
    put64(c, value);
}

static void put_auxv(struct cursor *c, struct image *im, const struct stack_request *q,
                     uint64_t vdso, uint64_t random_at, uint64_t platform_at, uint64_t execfn_at)
{
    const struct loaded *l = q->l;

    if (vdso)
        put_aux(c, im, LX_AT_SYSINFO_EHDR, vdso);
    put_aux(c, im, LX_AT_MINSIGSTKSZ, getauxval(AT_MINSIGSTKSZ));
    put_aux(c, im, LX_AT_HWCAP, getauxval(AT_HWCAP));
    put_aux(c, im, LX_AT_PAGESZ, PAGE);
    put_aux(c, im, LX_AT_CLKTCK, LX_USER_HZ);
    put_aux(c, im, LX_AT_PHDR, l->phdr);
    put_aux(c, im, LX_AT_PHENT, sizeof(struct lx_elf64_phdr));
    put_aux(c, im, LX_AT_PHNUM, l->phnum);
    put_aux(c, im, LX_AT_BASE, l->interp_base);
    put_aux(c, im, LX_AT_FLAGS, 0);
    put_aux(c, im, LX_AT_ENTRY, l->prog_entry);
    put_aux(c, im, LX_AT_UID, q->uid);
    put_aux(c, im, LX_AT_EUID, q->euid);
    put_aux(c, im, LX_AT_GID, q->gid);
    put_aux(c, im, LX_AT_EGID, q->egid);
    put_aux(c, im, LX_AT_SECURE, q->secure);
    put_aux(c, im, LX_AT_RANDOM, random_at);
    put_aux(c, im, LX_AT_HWCAP2, getauxval(AT_HWCAP2));
    put_aux(c, im, LX_AT_EXECFN, execfn_at);
    put_aux(c, im, LX_AT_PLATFORM, platform_at);
    put_aux(c, im, LX_AT_NULL, 0);
}
#define N_AUXV 21

static int map_stack(struct stub_thread *st, uint64_t need, bool exec, bool no_random,
                     uint64_t *ret_top)
{
    uint64_t size = (need + STACK_INITIAL + PAGE - 1) & ~(PAGE - 1), got;
    int prot = LX_PROT_READ | LX_PROT_WRITE | (exec ? LX_PROT_EXEC : 0), r = -ENOMEM;

    for (int i = 0; i < STACK_TRIES; i++) {
        uint64_t top = STACK_LOW + STACK_RANGE + random_pages(STACK_RANGE, no_random);

        r = platform_mmap(st, top - size, size, prot,
                          LX_MAP_PRIVATE | LX_MAP_ANONYMOUS | LX_MAP_GROWSDOWN | LX_MAP_STACK |
                              LX_MAP_NORESERVE | LX_MAP_FIXED_NOREPLACE,
                          -1, 0, &got);
        if (r == 0) {
            *ret_top = top;
            return 0;
        }
        if (r != -EEXIST)
            break;
    }
    return r;
}

int build_stack(struct stub_thread *st, const struct stack_request *q, struct image *im,
                uint64_t *ret_sp)
{
    static const char platform[] = "x86_64";
    size_t fn_len = strlen(q->execfn) + 1, vectors, strings, total;
    _cleanup_free_ uint8_t *buf = NULL;
    uint64_t top, at, sp, argv_at, env_at, fn_at, platform_at, random_at;
    struct cursor c;
    uint8_t rnd[16];
    int r;

    strings = q->argv->len + q->envp->len + fn_len + 8;
    vectors = (1 + q->argv->n + 1 + q->envp->n + 1 + 2 * N_AUXV) * 8;
    total = strings + sizeof(platform) + sizeof(rnd) + vectors + 8192 + 64;
    r = map_stack(st, total, q->l->stack_exec, q->no_random, &top);
    if (r)
        return r;
    if (getrandom(rnd, sizeof(rnd), 0) != (ssize_t) sizeof(rnd))
        return -EAGAIN;

    fn_at = top - 8 - fn_len;
    env_at = fn_at - q->envp->len;
    argv_at = env_at - q->argv->len;
    at = argv_at;
    if (!q->no_random)
        at -= ((uint64_t) rnd[0] << 8 | rnd[1]) % 8192; /* places within the page differ, too */
    at &= ~15ull;
    if (getrandom(rnd, sizeof(rnd), 0) != (ssize_t) sizeof(rnd))
        return -EAGAIN;
    platform_at = at - sizeof(platform);
    random_at = platform_at - sizeof(rnd);
    sp = (random_at - vectors) & ~15ull;

    buf = calloc(1, top - sp);
    if (!buf)
        return -ENOMEM;
    c = (struct cursor){.buf = buf, .base = sp};
    put64(&c, q->argv->n);
    put_pointers(&c, q->argv, argv_at);
    put_pointers(&c, q->envp, env_at);
    put_auxv(&c, im, q, platform_vdso(st), random_at, platform_at, fn_at);
    memcpy(buf + (random_at - sp), rnd, sizeof(rnd));
    memcpy(buf + (platform_at - sp), platform, sizeof(platform));
    if (q->argv->len)
        memcpy(buf + (argv_at - sp), q->argv->data, q->argv->len);
    if (q->envp->len)
        memcpy(buf + (env_at - sp), q->envp->data, q->envp->len);
    memcpy(buf + (fn_at - sp), q->execfn, fn_len);
    r = platform_write(st, sp, buf, top - sp);
    if (r)
        return r;

    im->arg_start = argv_at;
    im->arg_end = im->env_start = env_at;
    im->env_end = fn_at;
    im->stack_start = sp;
    *ret_sp = sp;
    return 0;
}
