/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a debugger reaches of a trapped thread beyond its trap: segment bases, vector state, and
 * memory against its protection. All by orders to the stub, which a guest may have corrupted: what
 * comes back is checked for size and nothing else, it is the guest's own.
 */
#include <asm/prctl.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/sys.h"
#include "base/textio.h"
#include "platform/internal.h"

#define MAPS_MAX (64u << 20)
#define PAGE     4096ull

/* struct _fpx_sw_bytes in the legacy area of the host's signal frame. */
#define SW_OFFSET  464
#define SW_MAGIC   0x46505853u
#define LEGACY     512u
#define XSTATE_MIN (LEGACY + 64u)

struct sw_bytes {
    uint32_t magic1, extended_size;
    uint64_t xfeatures;
    uint32_t xstate_size, padding[7];
};

int platform_flush(struct stub_thread *st)
{
    int r = 0;
    for (uint32_t i = 0; i < st->n_out; i++) {
        uint32_t n = MIN(st->out_len[i], st->out[i].len);
        uint64_t to = st->out[i].addr;
        if (n && process_write(st, to, (uint8_t *) st->ch + CHANNEL_BOUNCE + st->out[i].off, n) < 0)
            r = -EFAULT;
    }
    st->n_in = st->n_out = 0;
    memset(st->out_len, 0, sizeof(st->out_len));
    return r;
}

/* A thread that the host holds in vfork(2) takes no orders. */
static bool is_held(const struct stub_thread *st)
{
    return st->owed_done;
}

int platform_get_bases(struct stub_thread *st, uint64_t *ret_fs, uint64_t *ret_gs)
{
    /* The results go to the unused sixth arguments. */
    const uint64_t calls = STUB_SLOTS + st->slot * STUB_SLOT_SIZE + SLOT_CHANNEL +
                           offsetof(struct channel, calls) + offsetof(struct stub_call, args[5]);
    struct stub_call c[2] = {
        {.nr = SYS_arch_prctl, .args = {ARCH_GET_FS, calls}},
        {.nr = SYS_arch_prctl, .args = {ARCH_GET_GS, calls + sizeof(struct stub_call)}},
    };
    if (is_held(st))
        return -EBUSY;
    int r = channel_calls(st, c, 2, -1);
    if (r < 0)
        return r;
    *ret_fs = __atomic_load_n(&st->ch->calls[0].args[5], __ATOMIC_RELAXED);
    *ret_gs = __atomic_load_n(&st->ch->calls[1].args[5], __ATOMIC_RELAXED);
    return 0;
}

int platform_set_bases(struct stub_thread *st, uint64_t fs, uint64_t gs)
{
    struct stub_call c[2] = {
        {.nr = SYS_arch_prctl, .args = {ARCH_SET_FS, fs}},
        {.nr = SYS_arch_prctl, .args = {ARCH_SET_GS, gs}},
    };
    return is_held(st) ? -EBUSY : channel_calls(st, c, 2, -1);
}

/* Where the stub keeps the vector state that it will go on with, and its head. */
static int find_vector(struct stub_thread *st, uint64_t *ret_at, struct sw_bytes *ret_sw)
{
    int64_t at;
    if (is_held(st))
        return -EBUSY;
    int r = channel_settle(st);
    if (r == 0)
        r = channel_order(st, REP_VECTOR, &at);
    if (r < 0)
        return r;
    if (at <= 0 || platform_read(st, ret_sw, (uint64_t) at + SW_OFFSET, sizeof(*ret_sw)) < 0 ||
        ret_sw->magic1 != SW_MAGIC || ret_sw->xstate_size < XSTATE_MIN ||
        ret_sw->xstate_size > PLATFORM_VECTOR_MAX)
        return -EIO;
    *ret_at = (uint64_t) at;
    return 0;
}

int platform_get_vector(struct stub_thread *st, void *dst, size_t *ret_n, uint64_t *ret_features)
{
    struct sw_bytes sw;
    uint64_t at;
    int r = find_vector(st, &at, &sw);
    if (r < 0)
        return r;
    if (platform_read(st, dst, at, sw.xstate_size) < 0)
        return -EIO;
    *ret_n = sw.xstate_size;
    *ret_features = sw.xfeatures;
    return 0;
}

int platform_set_vector(struct stub_thread *st, const void *src, size_t n)
{
    struct sw_bytes sw;
    uint64_t at;
    int r = find_vector(st, &at, &sw);
    if (r < 0)
        return r;
    if (n != sw.xstate_size)
        return -EINVAL;
    const uint8_t *from = src;
    if (platform_write(st, at, from, SW_OFFSET) < 0 ||
        platform_write(st, at + LEGACY, from + LEGACY, n - LEGACY) < 0)
        return -EIO;
    return 0;
}

/* The protection of the page at addr; -EFAULT where nothing is mapped. */
static int protection(struct stub_thread *st, uint64_t addr, int *ret_prot, bool *ret_shared)
{
    _cleanup_free_ char *text = NULL;
    char path[64];
    (void) snprintf(path, sizeof(path), "/proc/%d/maps", (int) host_proc_pid(st->proc->pid));
    int r = read_file_at(AT_FDCWD, path, MAPS_MAX, &text, NULL);
    if (r < 0)
        return r;
    for (const char *line = text; *line;) {
        uint64_t start, end;
        char mode[5];
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s", &start, &end, mode) == 3 && addr >= start &&
            addr < end) {
            *ret_prot = (mode[0] == 'r' ? PROT_READ : 0) | (mode[1] == 'w' ? PROT_WRITE : 0) |
                        (mode[2] == 'x' ? PROT_EXEC : 0);
            *ret_shared = mode[3] == 's';
            return 0;
        }
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    return -EFAULT;
}

/* Within one page. What was not permitted is permitted meanwhile; other threads may notice, which
 * Linux spares them. */
static int force_page(struct stub_thread *st, uint64_t addr, void *buf, size_t n, bool write)
{
    const uint64_t page = addr & ~(PAGE - 1);
    const int need = PROT_READ | (write ? PROT_WRITE : 0);
    bool shared;
    int prot;
    int r = protection(st, addr, &prot, &shared);
    if (r < 0)
        return r;
    if (write && shared && !(prot & PROT_WRITE))
        return -EFAULT; /* it would write through to the file */
    if ((prot & need) != need)
        r = platform_mprotect(st, page, PAGE, prot | need);
    if (r < 0)
        return r;
    ssize_t moved =
        write ? process_write(st, addr, buf, n) : platform_read_remote(st, buf, addr, n);
    if ((prot & need) != need)
        r = platform_mprotect(st, page, PAGE, prot);
    return moved == (ssize_t) n ? r : -EFAULT;
}

int platform_force(struct stub_thread *st, uint64_t addr, void *buf, size_t n, bool write)
{
    uint8_t *at = buf;
    if (is_held(st))
        return -EBUSY;
    while (n) {
        size_t piece = MIN(n, (size_t) (PAGE - (addr & (PAGE - 1))));
        if (addr >= STUB_BASE && addr < STUB_END)
            return -EFAULT;
        int r = force_page(st, addr, at, piece, write);
        if (r < 0)
            return r;
        addr += piece;
        at += piece;
        n -= piece;
    }
    return 0;
}
