/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory from the sentry's side. Small pieces that the stub has marshalled stand in the
 * bounce buffer; all else crosses between the processes with process_vm_readv/writev(2), which obey
 * the guest's own page protections.
 */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/sys.h"
#include "platform/internal.h"

/* Guest addresses end here; the kernel would refuse the rest anyway, with other errors. */
#define TASK_SIZE 0x7ffffffff000ull

static bool in_range(uint64_t addr, uint64_t n)
{
    return addr < TASK_SIZE && n <= TASK_SIZE - addr;
}

static uint8_t *bounce_at(struct stub_thread *st, const struct stub_segment *s, uint64_t addr)
{
    return (uint8_t *) st->ch + CHANNEL_BOUNCE + s->off + (addr - s->addr);
}

static const struct stub_segment *covering(const struct stub_segment *list, uint32_t n,
                                           uint64_t addr, uint32_t *ret_index)
{
    for (uint32_t i = 0; i < n; i++) {
        if (addr >= list[i].addr && addr - list[i].addr < list[i].len) {
            *ret_index = i;
            return &list[i];
        }
    }
    return NULL;
}

/* Bytes available in a marshalled piece from addr on; for output only where it continues what is
 * there. */
void *platform_window(struct stub_thread *st, uint64_t addr, bool toward_guest, size_t *ret_n)
{
    uint32_t i;
    const struct stub_segment *s = toward_guest ? covering(st->out, st->n_out, addr, &i)
                                                : covering(st->in, st->n_in, addr, &i);
    if (!s || (toward_guest && addr - s->addr != st->out_len[i]))
        return NULL;
    *ret_n = s->len - (addr - s->addr);
    return bounce_at(st, s, addr);
}

void platform_window_written(struct stub_thread *st, uint64_t addr, size_t n)
{
    uint32_t i;
    const struct stub_segment *s = covering(st->out, st->n_out, addr, &i);
    if (s && addr - s->addr == st->out_len[i] && n <= s->len - st->out_len[i])
        st->out_len[i] += (uint32_t) n;
}

/* What this call has already written toward the guest is what it must read back. */
static const void *written_window(struct stub_thread *st, uint64_t addr, size_t *ret_n)
{
    uint32_t i;
    const struct stub_segment *s = covering(st->out, st->n_out, addr, &i);
    if (!s || addr - s->addr >= st->out_len[i])
        return NULL;
    *ret_n = st->out_len[i] - (addr - s->addr);
    return bounce_at(st, s, addr);
}

static ssize_t cross(struct stub_thread *st, void *local, uint64_t addr, size_t n, bool write)
{
    struct iovec l = {.iov_base = local, .iov_len = n};
    struct iovec r = {.iov_base = (void *) (uintptr_t) addr, .iov_len = n};
    ssize_t got = write ? process_vm_writev(st->tid, &l, 1, &r, 1, 0)
                        : process_vm_readv(st->tid, &l, 1, &r, 1, 0);
    return got < 0 ? -EFAULT : got;
}

ssize_t platform_read_some(struct stub_thread *st, void *dst, uint64_t src, size_t n)
{
    size_t have;
    if (n == 0)
        return 0;
    if (src >= TASK_SIZE)
        return -EFAULT;
    if (n > TASK_SIZE - src)
        n = TASK_SIZE - src;
    /* Of a string only what it is long has been marshalled: less than was asked for is an answer,
     * too. */
    const void *w = written_window(st, src, &have);
    if (!w)
        w = platform_window(st, src, false, &have);
    if (!w)
        return cross(st, dst, src, n, false);
    n = MIN(n, have);
    memcpy(dst, w, n);
    return (ssize_t) n;
}

ssize_t platform_read_remote(struct stub_thread *st, void *dst, uint64_t src, size_t n)
{
    if (src >= TASK_SIZE)
        return -EFAULT;
    n = MIN(n, (size_t) (TASK_SIZE - src));
    return n == 0 ? 0 : cross(st, dst, src, n, false);
}

ssize_t process_write(struct stub_thread *st, uint64_t dst, const void *src, size_t n)
{
    return cross(st, (void *) (uintptr_t) src, dst, n, true);
}

ssize_t platform_write_remote(struct stub_thread *st, uint64_t dst, const void *src, size_t n)
{
    if (dst >= TASK_SIZE)
        return -EFAULT;
    n = MIN(n, (size_t) (TASK_SIZE - dst));
    return n == 0 ? 0 : process_write(st, dst, src, n);
}

ssize_t platform_write_some(struct stub_thread *st, uint64_t dst, const void *src, size_t n)
{
    size_t have;
    if (n == 0)
        return 0;
    if (dst >= TASK_SIZE)
        return -EFAULT;
    if (n > TASK_SIZE - dst)
        n = TASK_SIZE - dst;
    void *w = platform_window(st, dst, true, &have);
    if (w && n <= have) {
        memcpy(w, src, n);
        platform_window_written(st, dst, n);
        return (ssize_t) n;
    }
    return cross(st, (void *) (uintptr_t) src, dst, n, true);
}

int platform_read(struct stub_thread *st, void *dst, uint64_t src, size_t n)
{
    if (!in_range(src, n))
        return -EFAULT;
    ssize_t got = platform_read_some(st, dst, src, n);
    if (got >= 0 && (size_t) got < n) /* the rest lies beyond what was marshalled */
        got = cross(st, (uint8_t *) dst + got, src + (uint64_t) got, n - (size_t) got, false) + got;
    return got == (ssize_t) n ? 0 : -EFAULT;
}

int platform_write(struct stub_thread *st, uint64_t dst, const void *src, size_t n)
{
    if (!in_range(dst, n))
        return -EFAULT;
    return platform_write_some(st, dst, src, n) == (ssize_t) n ? 0 : -EFAULT;
}
