/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Register sets of a stopped tracee. General registers are a copy in the task, so that the tracer
 * reads and writes them itself; vector state lies with the stub and is fetched by the tracee.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "kernel/ptrace/internal.h"

#define USER_CS 0x33u
#define USER_DS 0x2bu
/* CF PF AF ZF SF TF DF OF NT RF AC: what a tracer may set. */
#define EFLAGS_SETTABLE 0x54dd5ull

#define SW_OFFSET      464u /* ptrace's view has the mask of features here, and zeros after it */
#define SW_SIZE        48u
#define XHEADER        512u /* XSTATE_BV, XCOMP_BV, reserved */
#define XHEADER_SIZE   64u
#define FX_STATE_SIZE  416u /* registers; what follows is reserved */
#define MXCSR_OFFSET   24u
#define XFEATURE_FPSSE 3ull

void trace_get_regs(const struct task *t, struct lx_user_regs *ret)
{
    const struct guest_regs *r = &t->resume_regs;

    *ret = (struct lx_user_regs){
        .r15 = r->r15,
        .r14 = r->r14,
        .r13 = r->r13,
        .r12 = r->r12,
        .rbp = r->rbp,
        .rbx = r->rbx,
        .r11 = r->r11,
        .r10 = r->r10,
        .r9 = r->r9,
        .r8 = r->r8,
        .rax = r->rax,
        .rcx = r->rcx,
        .rdx = r->rdx,
        .rsi = r->rsi,
        .rdi = r->rdi,
        .orig_rax = (uint64_t) t->trace.call_nr,
        .rip = r->rip,
        .cs = USER_CS,
        .eflags = r->eflags,
        .rsp = r->rsp,
        .ss = USER_DS,
        .fs_base = t->trace.fs_base,
        .gs_base = t->trace.gs_base,
    };
}

/* Offsets in lx_user_regs to those in guest_regs. */
static const struct {
    uint16_t user, guest;
} plain[] = {
#define PLAIN(name)                                                            \
    {                                                                          \
        offsetof(struct lx_user_regs, name), offsetof(struct guest_regs, name) \
    }
    PLAIN(r15), PLAIN(r14), PLAIN(r13), PLAIN(r12), PLAIN(rbp), PLAIN(rbx),
    PLAIN(r11), PLAIN(r10), PLAIN(r9),  PLAIN(r8),  PLAIN(rax), PLAIN(rcx),
    PLAIN(rdx), PLAIN(rsi), PLAIN(rdi), PLAIN(rip), PLAIN(rsp),
#undef PLAIN
};

int trace_set_reg(struct task *t, size_t offset, uint64_t value)
{
    struct guest_regs *r = &t->resume_regs;
    struct lx_user_regs now;

    for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
        if (plain[i].user == offset) {
            memcpy((uint8_t *) r + plain[i].guest, &value, sizeof(value));
            return 0;
        }
    }
    switch (offset) {
    case offsetof(struct lx_user_regs, orig_rax):
        t->trace.call_nr = (int64_t) value;
        return 0;
    case offsetof(struct lx_user_regs, eflags):
        r->eflags = (r->eflags & ~EFLAGS_SETTABLE) | (value & EFLAGS_SETTABLE);
        return 0;
    case offsetof(struct lx_user_regs, fs_base):
    case offsetof(struct lx_user_regs, gs_base):
        if (value >= GUEST_TASK_SIZE)
            return -EIO;
        if (offset == offsetof(struct lx_user_regs, fs_base))
            t->trace.fs_base = value;
        else
            t->trace.gs_base = value;
        t->trace.bases_changed = true;
        return 0;
    default: /* a selector: there is one choice for each here */
        trace_get_regs(t, &now);
        return memcmp((uint8_t *) &now + offset, &value, sizeof(value)) ? -EIO : 0;
    }
}

/* The stub's area as ptrace(2) shows it. */
static int get_vector(struct task *t, uint8_t *dst, size_t *ret_n)
{
    uint64_t features;
    int r = platform_get_vector(t->st, dst, ret_n, &features);

    if (r)
        return r == -EBUSY ? -EIO : r;
    memset(dst + SW_OFFSET, 0, SW_SIZE);
    memcpy(dst + SW_OFFSET, &features, sizeof(features));
    return 0;
}

static bool bad_mxcsr(const uint8_t *legacy)
{
    uint32_t mxcsr;

    memcpy(&mxcsr, legacy + MXCSR_OFFSET, sizeof(mxcsr));
    return mxcsr & ~0xffffu;
}

int trace_do_xstate(struct task *t, struct trace_request *rq)
{
    uint8_t now[PLATFORM_VECTOR_MAX];
    uint64_t features, header[XHEADER_SIZE / 8];
    size_t n;
    int r = get_vector(t, now, &n);

    if (r)
        return r;
    if (!rq->write) {
        rq->n = MIN(rq->n, n);
        memcpy(rq->data, now, rq->n);
        return 0;
    }
    if (rq->n != n)
        return -EFAULT;
    memcpy(&features, now + SW_OFFSET, sizeof(features));
    memcpy(header, rq->data + XHEADER, sizeof(header));
    if (header[0] & ~features)
        return -EINVAL;
    for (size_t i = 1; i < ARRAY_LEN(header); i++) {
        if (header[i])
            return -EINVAL;
    }
    if (bad_mxcsr(rq->data))
        return -EINVAL;
    return platform_set_vector(t->st, rq->data, n);
}

int trace_do_fpregs(struct task *t, struct trace_request *rq)
{
    uint8_t now[PLATFORM_VECTOR_MAX];
    uint64_t bv;
    size_t n;
    int r = get_vector(t, now, &n);

    if (r)
        return r;
    if (!rq->write) {
        memset(now + SW_OFFSET, 0, SW_SIZE);
        rq->n = MIN(rq->n, (size_t) TRACE_FPREGS);
        memcpy(rq->data, now, rq->n);
        return 0;
    }
    if (rq->n != TRACE_FPREGS)
        return -EINVAL;
    if (bad_mxcsr(rq->data))
        return -EINVAL;
    memcpy(now, rq->data, FX_STATE_SIZE);
    memcpy(&bv, now + XHEADER, sizeof(bv));
    bv |= XFEATURE_FPSSE;
    memcpy(now + XHEADER, &bv, sizeof(bv));
    return platform_set_vector(t->st, now, n);
}
