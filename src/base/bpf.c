/* SPDX-License-Identifier: Apache-2.0 */
/* Assembling seccomp's classic BPF. */
#include "base/bpf.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>

void bpf_init(struct bpf *b, struct sock_filter *code, size_t cap)
{
    b->code = code;
    b->cap = cap;
    b->n = 0;
    b->error = 0;
    b->n_labels = b->n_fixups = 0;
}

int bpf_label(struct bpf *b)
{
    if (b->n_labels == BPF_MAX_LABELS) {
        b->error = -E2BIG;
        return 0;
    }
    b->label_at[b->n_labels] = -1;
    return b->n_labels++;
}

void bpf_place(struct bpf *b, int label)
{
    b->label_at[label] = (int32_t) b->n;
}

static void emit(struct bpf *b, uint16_t code, uint32_t k)
{
    if (b->n == b->cap) {
        b->error = -E2BIG;
        return;
    }
    b->code[b->n++] = (struct sock_filter){.code = code, .k = k};
}

static void emit_jump(struct bpf *b, uint16_t code, uint32_t k, int on_true, int on_false)
{
    if (b->n_fixups == BPF_MAX_FIXUPS) {
        b->error = -E2BIG;
        return;
    }
    b->fixups[b->n_fixups].at = (uint16_t) b->n;
    b->fixups[b->n_fixups].on_true = (int16_t) on_true;
    b->fixups[b->n_fixups].on_false = (int16_t) on_false;
    b->n_fixups++;
    emit(b, code, k);
}

static void load(struct bpf *b, size_t offset)
{
    emit(b, BPF_LD | BPF_W | BPF_ABS, (uint32_t) offset);
}

void bpf_load_nr(struct bpf *b)
{
    load(b, offsetof(struct seccomp_data, nr));
}

void bpf_load_arch(struct bpf *b)
{
    load(b, offsetof(struct seccomp_data, arch));
}

void bpf_load_ip(struct bpf *b, unsigned high_half)
{
    load(b, offsetof(struct seccomp_data, instruction_pointer) + (high_half ? 4 : 0));
}

void bpf_load_arg(struct bpf *b, unsigned i, unsigned high_half)
{
    load(b, offsetof(struct seccomp_data, args) + 8 * i + (high_half ? 4 : 0));
}

void bpf_if(struct bpf *b, enum bpf_test test, uint32_t k, int on_true, int on_false)
{
    static const uint16_t ops[] = {[BPF_IF_EQ] = BPF_JEQ,
                                   [BPF_IF_GE] = BPF_JGE,
                                   [BPF_IF_GT] = BPF_JGT,
                                   [BPF_IF_SET] = BPF_JSET};
    emit_jump(b, BPF_JMP | BPF_K | ops[test], k, on_true, on_false);
}

void bpf_goto(struct bpf *b, int label)
{
    emit_jump(b, BPF_JMP | BPF_JA, 0, label, BPF_NEXT);
}

void bpf_ret(struct bpf *b, uint32_t action)
{
    emit(b, BPF_RET | BPF_K, action);
}

void bpf_switch(struct bpf *b, const struct bpf_case *cases, size_t n, int otherwise)
{
    if (n <= 3) {
        for (size_t i = 0; i < n; i++) {
            int next = bpf_label(b);
            bpf_if(b, BPF_IF_EQ, cases[i].nr, BPF_NEXT, next);
            bpf_goto(b, cases[i].label);
            bpf_place(b, next);
        }
        bpf_goto(b, otherwise);
        return;
    }
    int upper = bpf_label(b), lower = bpf_label(b);
    bpf_if(b, BPF_IF_GE, cases[n / 2].nr, BPF_NEXT, lower);
    bpf_goto(b, upper);
    bpf_place(b, lower);
    bpf_switch(b, cases, n / 2, otherwise);
    bpf_place(b, upper);
    bpf_switch(b, cases + n / 2, n - n / 2, otherwise);
}

/* Distance from the instruction after `at` to a label; negative errors. */
static int distance(const struct bpf *b, unsigned at, int label)
{
    if (label == BPF_NEXT)
        return 0;
    int32_t d = b->label_at[label] - (int32_t) at - 1;
    return b->label_at[label] < 0 || d < 0 ? -EINVAL : d;
}

int bpf_finish(struct bpf *b)
{
    for (int i = 0; i < b->n_fixups && !b->error; i++) {
        unsigned at = b->fixups[i].at;
        struct sock_filter *f = &b->code[at];
        int t = distance(b, at, b->fixups[i].on_true);
        int e = distance(b, at, b->fixups[i].on_false);
        if (t < 0 || e < 0)
            return -EINVAL;
        if (BPF_OP(f->code) == BPF_JA) {
            f->k = (uint32_t) t;
            continue;
        }
        if (t > 255 || e > 255)
            return -E2BIG;
        f->jt = (uint8_t) t;
        f->jf = (uint8_t) e;
    }
    return b->error ? b->error : (int) b->n;
}
