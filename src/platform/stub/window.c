/* SPDX-License-Identifier: Apache-2.0 */
/* Which bytes around a system call instruction a jump may replace: the windows of patch.h. */
#include "platform/stub/patch.h"

#define LOOK_BACK  8
#define LOOK_AHEAD 8

bool is_no_opcode(uint8_t byte)
{
    /* Invalid in 64-bit mode: AMD64 APM 3, appendix B.3; without those that were given a new life
     * as prefixes (62, c4, c5, d5). */
    static const uint8_t none[] = {0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x27, 0x2f, 0x37,
                                   0x3f, 0x60, 0x61, 0x82, 0x9a, 0xce, 0xd4, 0xd6, 0xea};
    for (size_t i = 0; i < sizeof(none); i++)
        if (none[i] == byte)
            return true;
    return false;
}

static bool is_number(const uint8_t *imm32, uint64_t nr)
{
    uint32_t v = (uint32_t) imm32[0] | (uint32_t) imm32[1] << 8 | (uint32_t) imm32[2] << 16 |
                 (uint32_t) imm32[3] << 24;
    return v == nr;
}

/*
 * A number that the instruction before the call puts into eax, being the one in rax. That these
 * bytes belong to another instruction is out of the question with a prefix that would make it one
 * of r8d excluded: as a displacement, relative to rax, it would be an address below 1 KiB.
 */
static bool before_call(uint64_t site, uint64_t nr, struct window *w)
{
    uint8_t code[LOOK_BACK];
    if (stub_copy(code, (const void *) (site - LOOK_BACK), LOOK_BACK))
        return false;
    size_t from;
    if (code[1] == 0x48 && code[2] == 0xc7 && code[3] == 0xc0 && is_number(code + 4, nr))
        from = 1; /* mov $imm32,%rax */
    else if (code[3] == 0xb8 && (code[2] & 0xf0) != 0x40 && is_number(code + 4, nr))
        from = 3; /* mov $imm32,%eax */
    else
        return false;
    w->n_before = (uint8_t) (LOOK_BACK - from);
    w->n_tail = 0;
    w->at = site - w->n_before;
    for (size_t i = 0; i < w->n_before; i++)
        w->before[i] = code[from + i];
    for (size_t i = 0; i < JUMP_SIZE; i++)
        w->original[i] = code[from + i];
    return true;
}

/* The length of an instruction that means the same anywhere and cannot fault; 0: not one of them.
 */
static size_t movable(const uint8_t *c)
{
    const size_t prefix = (c[0] & 0xf0) == 0x40; /* REX */
    const bool wide = prefix && (c[0] & 0x08);
    const uint8_t *op = c + prefix;
    switch (op[0]) {
    case 0x3d: /* cmp $imm32,%rax */
        return prefix + 5;
    case 0x89: /* mov, test between registers; movslq */
    case 0x8b:
    case 0x85:
    case 0x63:
        return op[1] >= 0xc0 && (op[0] != 0x63 || wide) ? prefix + 2 : 0;
    case 0x83: /* cmp $imm8 with a register */
        return op[1] >= 0xf8 ? prefix + 3 : 0;
    default:
        return 0;
    }
}

static bool behind_call(uint64_t site, struct window *w)
{
    uint8_t code[LOOK_AHEAD];
    if (stub_copy(code, (const void *) site, LOOK_AHEAD))
        return false;
    size_t n = movable(code + 2);
    if (code[0] != 0x0f || code[1] != 0x05 || n < JUMP_SIZE - 2)
        return false;
    w->at = site;
    w->n_before = 0;
    w->n_tail = (uint8_t) n;
    for (size_t i = 0; i < n; i++)
        w->tail[i] = code[2 + i];
    for (size_t i = 0; i < JUMP_SIZE; i++)
        w->original[i] = code[i];
    return true;
}

bool window_find(uint64_t site, uint64_t nr, struct window *ret)
{
    struct window behind;
    bool found = before_call(site, nr, ret);
    if (found && is_in_line(ret->at))
        return true;
    /* One that lies across two lines is never written: pwrite(2) in Debian's libc. */
    if (!behind_call(site, &behind) || (found && !is_in_line(behind.at)))
        return found;
    *ret = behind;
    return true;
}
