/* SPDX-License-Identifier: Apache-2.0 */
/* The table as data: syscalls.tbl turned into an array by number. */
#include <stddef.h>

#include "kernel/kernel.h"
#include "kernel/syscall/syscall.h"

#define FN_FULL(name) sys_##name
#define FN_PART(name) sys_##name
#define FN_NONE(name) NULL
#define ARG(k)        ARG_K_##k

static const struct syscall_desc table[KERNEL_MAX_SYSCALL] = {
#define SYS(nr, name_, level_, a0, a1, a2, a3, a4, a5) \
    [nr] = {.name = #name_,                            \
            .fn = FN_##level_(name_),                  \
            .level = LEVEL_##level_,                   \
            .args = {ARG(a0), ARG(a1), ARG(a2), ARG(a3), ARG(a4), ARG(a5)}},
#include "kernel/syscall/syscalls.tbl"
#undef SYS
};

const struct syscall_desc *syscall_desc(uint64_t nr)
{
    return nr < KERNEL_MAX_SYSCALL && table[nr].name ? &table[nr] : NULL;
}
