/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking and running programs of seccomp's classic BPF. The machine has an accumulator, an index
 * register and 16 scratch words of 32 bits; jumps go forward only, so every program ends
 * (Documentation/networking/filter.rst).
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>

#include "base/bpf.h"

#define SCRATCH_WORDS BPF_MEMWORDS

/* clang-format off */
static bool is_known(uint16_t code)
{
    switch (code) {
    case BPF_LD | BPF_W | BPF_ABS: case BPF_LD | BPF_W | BPF_LEN: case BPF_LDX | BPF_W | BPF_LEN:
    case BPF_LD | BPF_IMM: case BPF_LDX | BPF_IMM: case BPF_LD | BPF_MEM: case BPF_LDX | BPF_MEM:
    case BPF_ST: case BPF_STX: case BPF_MISC | BPF_TAX: case BPF_MISC | BPF_TXA:
    case BPF_RET | BPF_K: case BPF_RET | BPF_A:
    /* NOLINTNEXTLINE(misc-redundant-expression): two of the three are 0 */
    case BPF_ALU | BPF_ADD | BPF_K: case BPF_ALU | BPF_ADD | BPF_X:
    case BPF_ALU | BPF_SUB | BPF_K: case BPF_ALU | BPF_SUB | BPF_X:
    case BPF_ALU | BPF_MUL | BPF_K: case BPF_ALU | BPF_MUL | BPF_X:
    case BPF_ALU | BPF_DIV | BPF_K: case BPF_ALU | BPF_DIV | BPF_X:
    case BPF_ALU | BPF_AND | BPF_K: case BPF_ALU | BPF_AND | BPF_X:
    case BPF_ALU | BPF_OR | BPF_K: case BPF_ALU | BPF_OR | BPF_X:
    case BPF_ALU | BPF_XOR | BPF_K: case BPF_ALU | BPF_XOR | BPF_X:
    case BPF_ALU | BPF_LSH | BPF_K: case BPF_ALU | BPF_LSH | BPF_X:
    case BPF_ALU | BPF_RSH | BPF_K: case BPF_ALU | BPF_RSH | BPF_X:
    case BPF_ALU | BPF_NEG:
    case BPF_JMP | BPF_JA:
    case BPF_JMP | BPF_JEQ | BPF_K: case BPF_JMP | BPF_JEQ | BPF_X:
    case BPF_JMP | BPF_JGE | BPF_K: case BPF_JMP | BPF_JGE | BPF_X:
    case BPF_JMP | BPF_JGT | BPF_K: case BPF_JMP | BPF_JGT | BPF_X:
    case BPF_JMP | BPF_JSET | BPF_K: case BPF_JMP | BPF_JSET | BPF_X:
        return true;
    default:
        return false;
    }
}
/* clang-format on */

/* Operands by themselves, at place pc of n. */
static bool operands_fit(const struct sock_filter *f, size_t pc, size_t n)
{
    const size_t rest = n - pc - 1; /* instructions behind this one */

    switch (f->code) {
    case BPF_LD | BPF_W | BPF_ABS:
        return f->k < sizeof(struct seccomp_data) && f->k % 4 == 0;
    case BPF_LD | BPF_MEM:
    case BPF_LDX | BPF_MEM:
    case BPF_ST:
    case BPF_STX:
        return f->k < SCRATCH_WORDS;
    case BPF_ALU | BPF_DIV | BPF_K:
        return f->k != 0;
    case BPF_ALU | BPF_LSH | BPF_K:
    case BPF_ALU | BPF_RSH | BPF_K:
        return f->k < 32;
    case BPF_JMP | BPF_JA:
        return f->k < rest;
    default:
        return BPF_CLASS(f->code) != BPF_JMP || (f->jt < rest && f->jf < rest);
    }
}

/*
 * Scratch words: `valid` are those written on every way to here. Where ways meet, only what is
 * valid on both counts; jumps go forward, so one pass is enough.
 */
static int check_scratch(const struct sock_filter *code, size_t n)
{
    static const uint16_t all = UINT16_MAX;
    uint16_t met[BPF_MAXINSNS], valid = 0;

    memset(met, 0xff, n * sizeof(met[0]));
    for (size_t pc = 0; pc < n; pc++) {
        const struct sock_filter *f = &code[pc];

        valid &= met[pc];
        switch (BPF_CLASS(f->code)) {
        case BPF_ST:
        case BPF_STX:
            valid |= (uint16_t) (1u << f->k);
            break;
        case BPF_LD:
        case BPF_LDX:
            if (BPF_MODE(f->code) == BPF_MEM && !(valid & 1u << f->k))
                return -EINVAL;
            break;
        case BPF_JMP:
            if (BPF_OP(f->code) == BPF_JA) {
                met[pc + 1 + f->k] &= valid;
            } else {
                met[pc + 1 + f->jt] &= valid;
                met[pc + 1 + f->jf] &= valid;
            }
            valid = all; /* nothing falls through */
            break;
        default:
            break;
        }
    }
    return 0;
}

int bpf_check(const struct sock_filter *code, size_t n)
{
    if (n == 0 || n > BPF_MAXINSNS)
        return -EINVAL;
    for (size_t pc = 0; pc < n; pc++) {
        if (!is_known(code[pc].code) || !operands_fit(&code[pc], pc, n))
            return -EINVAL;
    }
    if (BPF_CLASS(code[n - 1].code) != BPF_RET)
        return -EINVAL;
    return check_scratch(code, n);
}

static bool holds(uint16_t op, uint32_t a, uint32_t v)
{
    switch (op) {
    case BPF_JEQ:
        return a == v;
    case BPF_JGE:
        return a >= v;
    case BPF_JGT:
        return a > v;
    default:
        return (a & v) != 0;
    }
}

static uint32_t compute(uint16_t op, uint32_t a, uint32_t v)
{
    switch (op) {
    case BPF_ADD:
        return a + v;
    case BPF_SUB:
        return a - v;
    case BPF_MUL:
        return a * v;
    case BPF_DIV:
        return a / v;
    case BPF_AND:
        return a & v;
    case BPF_OR:
        return a | v;
    case BPF_XOR:
        return a ^ v;
    case BPF_LSH:
        return a << (v & 31);
    case BPF_RSH:
        return a >> (v & 31);
    default: /* BPF_NEG */
        return -a;
    }
}

/* The word that a load brings; false when it is out of bounds. */
static bool load_word(const struct sock_filter *f, const struct seccomp_data *d,
                      const uint32_t scratch[SCRATCH_WORDS], uint32_t *ret)
{
    switch (BPF_MODE(f->code)) {
    case BPF_IMM:
        *ret = f->k;
        return true;
    case BPF_LEN:
        *ret = sizeof(*d);
        return true;
    case BPF_MEM:
        *ret = f->k < SCRATCH_WORDS ? scratch[f->k] : 0;
        return f->k < SCRATCH_WORDS;
    default: /* BPF_ABS */
        if (f->k > sizeof(*d) - sizeof(*ret))
            return false;
        memcpy(ret, (const uint8_t *) d + f->k, sizeof(*ret));
        return true;
    }
}

uint32_t bpf_run(const struct sock_filter *code, size_t n, const struct seccomp_data *d)
{
    uint32_t a = 0, x = 0, scratch[SCRATCH_WORDS] = {0};

    for (size_t pc = 0; pc < n; pc++) {
        const struct sock_filter *f = &code[pc];
        uint32_t v = BPF_SRC(f->code) == BPF_X ? x : f->k;

        switch (BPF_CLASS(f->code)) {
        case BPF_LD:
            if (!load_word(f, d, scratch, &a))
                return 0;
            break;
        case BPF_LDX:
            if (!load_word(f, d, scratch, &x))
                return 0;
            break;
        case BPF_ST:
        case BPF_STX:
            if (f->k >= SCRATCH_WORDS)
                return 0;
            scratch[f->k] = BPF_CLASS(f->code) == BPF_ST ? a : x;
            break;
        case BPF_ALU:
            if (BPF_OP(f->code) == BPF_DIV && v == 0)
                return 0;
            a = compute(BPF_OP(f->code), a, v);
            break;
        case BPF_JMP:
            if (BPF_OP(f->code) == BPF_JA)
                pc += f->k;
            else
                pc += holds(BPF_OP(f->code), a, v) ? f->jt : f->jf;
            break;
        case BPF_RET:
            return BPF_RVAL(f->code) == BPF_A ? a : f->k;
        default: /* BPF_MISC */
            if (BPF_MISCOP(f->code) == BPF_TAX)
                x = a;
            else
                a = x;
            break;
        }
    }
    return 0;
}
