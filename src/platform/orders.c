/* SPDX-License-Identifier: Apache-2.0 */
/* Native calls made by a trapped stub on the sentry's order, and fresh images. */
#include <errno.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>

#include "base/log.h"
#include "platform/internal.h"

#define PAGE              4096ull
#define MREMAP_MOVE_FIXED 3 /* MREMAP_MAYMOVE | MREMAP_FIXED */
/* Where an image's vDSO goes: above every mmap area and stack that Linux or our loader chooses. */
#define VDSO_LOW      0x7ffe80000000ull
#define VDSO_SPAN     0x70000000ull
#define GAP_MAX_PAGES (1ull << 28) /* as mmap_rnd_bits: up to 1 TiB */

static int one_call(struct stub_thread *st, struct stub_call *c, int donate_fd)
{
    int r = channel_calls(st, c, 1, donate_fd);
    if (r < 0)
        return r;
    return c->result < 0 && c->result >= -4095 ? (int) c->result : 0;
}

int platform_mmap(struct stub_thread *st, uint64_t addr, uint64_t len, int prot, int flags, int fd,
                  uint64_t off, uint64_t *ret_addr)
{
    struct stub_call c = {
        .nr = SYS_mmap,
        .args = {addr, len, (uint64_t) prot, (uint64_t) flags, (uint64_t) -1, off},
        .donate = fd >= 0,
    };
    int r = one_call(st, &c, fd);
    if (r < 0)
        return r;
    *ret_addr = (uint64_t) c.result;
    return 0;
}

int platform_munmap(struct stub_thread *st, uint64_t addr, uint64_t len)
{
    struct stub_call c = {.nr = SYS_munmap, .args = {addr, len}};
    return one_call(st, &c, -1);
}

int platform_mprotect(struct stub_thread *st, uint64_t addr, uint64_t len, int prot)
{
    struct stub_call c = {.nr = SYS_mprotect, .args = {addr, len, (uint64_t) prot}};
    return one_call(st, &c, -1);
}

int platform_futex_wake(struct stub_thread *st, uint64_t addr, int n)
{
    struct stub_call c = {.nr = SYS_futex, .args = {addr, 1 /* FUTEX_WAKE */, (uint64_t) n}};
    return one_call(st, &c, -1);
}

int platform_cmpxchg(struct stub_thread *st, uint64_t addr, uint32_t expected, uint32_t desired,
                     uint32_t *ret_found)
{
    struct stub_call c = {.nr = STUB_CALL_CMPXCHG, .args = {addr, expected, desired}};
    int r;

    if (addr & 3)
        return -EINVAL;
    r = one_call(st, &c, -1);
    if (r == 0)
        *ret_found = (uint32_t) c.result;
    return r;
}

const void *platform_mm(const struct stub_thread *st)
{
    return st->proc->mm;
}

bool platform_mm_is_shared(const struct stub_thread *st)
{
    return ref_count(&st->proc->mm->ref) > 1;
}

int platform_set_brk(struct stub_thread *st, uint64_t start)
{
    const struct stub_process heap = {.brk_start = start,
                                      .brk_now = start,
                                      .vdso = st->proc->mm->vdso};
    return platform_write(st, STUB_DATA, &heap, offsetof(struct stub_process, patching));
}

uint64_t platform_get_brk(struct stub_thread *st, uint64_t *ret_start)
{
    struct stub_process heap;
    if (platform_read(st, &heap, STUB_DATA, sizeof(heap)) < 0)
        heap.brk_start = heap.brk_now = 0;
    *ret_start = heap.brk_start;
    return heap.brk_now;
}

uint64_t platform_vdso(const struct stub_thread *st)
{
    return st->proc->mm->vdso;
}

void platform_set_facts(struct stub_thread *st, const struct stub_facts *f)
{
    struct channel *ch = st->ch;
    ch->tid = f->tid;
    ch->pid = f->pid;
    ch->uid = f->uid;
    ch->euid = f->euid;
    ch->gid = f->gid;
    ch->egid = f->egid;
    ch->facts_flags = f->trace ? FACTS_TRACE : 0;
}

/* Every image would have the zygote's layout: move the vDSO and push the mmap area down by chance.
 */
static int randomise(struct stub_thread *st)
{
    struct platform *p = st->p;
    struct stub_call calls[STUB_MAX_CALLS] = {0};
    uint64_t r[2];
    unsigned n = 0;
    if (getrandom(r, sizeof(r), 0) != sizeof(r))
        return -EAGAIN;
    calls[n++] = (struct stub_call){
        .nr = SYS_mmap,
        .args = {0, (1 + r[0] % GAP_MAX_PAGES) * PAGE, PROT_NONE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, (uint64_t) -1, 0},
        .must_succeed = 1,
    };
    uint64_t vdso = 0;
    for (unsigned i = 0; i < p->n_special; i++) {
        uint64_t start = p->special[i].start, len = p->special[i].end - start;
        uint64_t to = VDSO_LOW + r[1] % VDSO_SPAN / PAGE * PAGE + (start - p->special[0].start);
        calls[n++] = (struct stub_call){
            .nr = SYS_mremap,
            .args = {start, len, len, MREMAP_MOVE_FIXED, to},
            .must_succeed = 1,
        };
        if (p->special[i].is_vdso)
            vdso = to;
    }
    int err = channel_calls(st, calls, n, -1);
    if (err < 0)
        return err;
    for (unsigned i = 0; i < n; i++) {
        if (calls[i].result < 0 && calls[i].result >= -4095)
            return (int) calls[i].result;
    }
    st->proc->mm->vdso = vdso;
    st->proc->mm->gap_start = (uint64_t) calls[0].result;
    st->proc->mm->gap_end = (uint64_t) calls[0].result + calls[0].args[1];
    return 0;
}

int platform_image(struct platform *p, struct stub_thread **ret)
{
    const struct stub_clone_args a = {.kind = STUB_FORK};
    struct stub_thread *st;
    mutex_lock(&p->zygote_lock);
    placement_bring(p->zygote);
    int r = platform_clone(p->zygote, &a, &st);
    mutex_unlock(&p->zygote_lock);
    if (r < 0)
        return r;
    r = randomise(st);
    if (r < 0) {
        log_error("a fresh image could not be laid out: error %d", -r);
        platform_kill(st);
        platform_put(st);
        return r == -ESRCH ? -EAGAIN : r;
    }
    *ret = st;
    return 0;
}
