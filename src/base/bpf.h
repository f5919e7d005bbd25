/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small assembler for seccomp's classic BPF (kernel doc: userspace-api/seccomp_filter.rst):
 * instructions are appended, jumps name labels, labels are placed later. Errors are sticky and come
 * out of bpf_finish(). Jumps go forward only; a conditional one reaches 255 instructions,
 * bpf_goto() any distance.
 */
#pragma once

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

#include "base/util.h"

#define BPF_MAX_LABELS 512
#define BPF_MAX_FIXUPS 1024
#define BPF_NEXT       (-1) /* in place of a label: the following instruction */

struct bpf {
    struct sock_filter *code; /* caller's */
    size_t cap, n;
    int error;
    int n_labels, n_fixups;
    int32_t label_at[BPF_MAX_LABELS]; /* -1: not placed yet */
    struct {
        uint16_t at;
        int16_t on_true, on_false; /* labels or BPF_NEXT; goto: on_true */
    } fixups[BPF_MAX_FIXUPS];
};

enum bpf_test { BPF_IF_EQ, BPF_IF_GE, BPF_IF_GT, BPF_IF_SET };

void bpf_init(struct bpf *b, struct sock_filter *code, size_t cap);
int bpf_label(struct bpf *b);
void bpf_place(struct bpf *b, int label); /* here */
/* Loads of struct seccomp_data's fields; arguments are 64 bits wide, loads 32. */
void bpf_load_nr(struct bpf *b);
void bpf_load_arch(struct bpf *b);
void bpf_load_ip(struct bpf *b, unsigned high_half);
void bpf_load_arg(struct bpf *b, unsigned i, unsigned high_half);
void bpf_if(struct bpf *b, enum bpf_test test, uint32_t k, int on_true, int on_false);
void bpf_goto(struct bpf *b, int label);
void bpf_ret(struct bpf *b, uint32_t action);
/* The number of instructions, -E2BIG for lack of room or reach, -EINVAL for a label never placed or
 * behind. */
int bpf_finish(struct bpf *b) must_check;

/* One call number and where it leads: a sorted table is searched by halves. */
struct bpf_case {
    uint32_t nr;
    int label;
};

/* With the number loaded: goes to the label of its case, else to `otherwise`. Cases sorted by nr.
 */
void bpf_switch(struct bpf *b, const struct bpf_case *cases, size_t n, int otherwise);

struct seccomp_data;
/*
 * Whether seccomp(2) takes this program: known instructions, loads of whole aligned words of struct
 * seccomp_data, jumps and scratch words in range, no scratch word read that may not have been
 * written, a return at the end. 0 or -EINVAL.
 */
int bpf_check(const struct sock_filter *code, size_t n) must_check;
/* What the program answers. 0 (kill) for a malformed program, and where it divides by zero. */
uint32_t bpf_run(const struct sock_filter *code, size_t n, const struct seccomp_data *d);
