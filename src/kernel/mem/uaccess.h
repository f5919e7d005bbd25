/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory: the only doors to it. The bytes live in the guest's own host process; all of it is
 * hostile. Each function reads or writes a guest byte once; whatever must be consistent is copied
 * first and validated in the copy. No kernel lock may be held: the copy may fault and take long.
 *
 * The platform serves these from the channel's bounce buffer where the stub has marshalled the
 * bytes, and by process_vm_readv/writev otherwise; callers cannot tell.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/util.h"

struct task;

/* A guest address: a struct, so that it cannot be dereferenced or mixed with host pointers. */
typedef struct {
    uint64_t v;
} uaddr_t;

static inline uaddr_t uaddr(uint64_t v)
{
    return (uaddr_t){v};
}

static inline uaddr_t uaddr_add(uaddr_t a, uint64_t n)
{
    return (uaddr_t){a.v + n};
}

static inline bool uaddr_is_null(uaddr_t a)
{
    return a.v == 0;
}

/* Highest guest address plus one: 47-bit user space, last page excluded (x86_64 TASK_SIZE_MAX). */
#define GUEST_TASK_SIZE 0x7ffffffff000ull

/* 0 or -EFAULT. All or nothing as far as the caller may rely on it. */
int copy_in(struct task *t, void *dst, uaddr_t src, size_t n) must_check;
int copy_out(struct task *t, uaddr_t dst, const void *src, size_t n) must_check;
/* Writes n zero bytes. */
int clear_out(struct task *t, uaddr_t dst, size_t n) must_check;
/* NUL-terminated string. Length without the NUL, -EFAULT, or -ENAMETOOLONG when no NUL in cap
 * bytes. */
ssize_t copy_in_str(struct task *t, char *dst, uaddr_t src, size_t cap) must_check;

#define GUEST_IOV_MAX 1024
#define GUEST_RW_MAX \
    ((uint64_t) 0x7ffff000) /* MAX_RW_COUNT: Linux silently shortens longer transfers */

struct guest_iov {
    uint64_t base;
    uint64_t len;
};

/*
 * A transfer: guest memory (one range or an iovec) or a kernel buffer. Drivers move bytes through
 * it and never see addresses. `left` is what is still to be moved.
 */
struct iobuf {
    struct task *t;              /* NULL: kernel buffer */
    const struct guest_iov *iov; /* private, validated copy; the caller's memory */
    struct guest_iov one;        /* storage for the single-range form */
    size_t n_iov, seg, seg_off;
    uint8_t *kbuf;
    size_t left;
    bool window_out; /* the last window was one toward the guest */
    /* Of a blocking transfer, for drivers: */
    bool again;   /* something was moved, or waited for, before */
    uint32_t rwf; /* LX_RWF_* of this transfer, as far as the driver knows how */
    bool late;    /* read_until() has passed or a signal came: what there is now, without waiting */
};

/* One guest range; len is clamped to GUEST_RW_MAX. -EFAULT when it leaves the guest's address
 * space. */
int iobuf_guest(struct iobuf *io, struct task *t, uaddr_t base, uint64_t len) must_check;
/* An iovec array of `n` entries at `iov`, copied into *ret_iov (malloc'd, caller frees). -EINVAL,
 * -EFAULT. */
int iobuf_guest_iov(struct iobuf *io, struct task *t, uaddr_t iov, uint64_t n,
                    struct guest_iov **ret_iov) must_check;
void iobuf_kernel(struct iobuf *io, void *buf, size_t n);

/* Toward the guest. Moves min(n, left): returns the bytes moved, or -EFAULT if none could be. */
ssize_t iobuf_put(struct iobuf *io, const void *src, size_t n) must_check;
/* From the guest; same rules. */
ssize_t iobuf_take(struct iobuf *io, void *dst, size_t n) must_check;

/*
 * Host memory that already stands for the next bytes of the transfer (the bounce buffer or a kernel
 * buffer): a driver may read or write it directly instead of copying, then calls iobuf_advance().
 * NULL when there is none. It is shared with the guest: bytes may change under the driver, so it
 * serves file data only, never anything that is validated.
 */
void *iobuf_window(struct iobuf *io, bool toward_guest, size_t *ret_n);
void iobuf_advance(struct iobuf *io, size_t n);
/* Steps over n bytes that need no moving: after a short write, from a saved copy of the iobuf. */
void iobuf_skip(struct iobuf *io, size_t n);
