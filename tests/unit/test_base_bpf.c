/* SPDX-License-Identifier: Apache-2.0 */
/* base: checking and running programs of seccomp's classic BPF. */
#include <errno.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bpf.h"

#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static void limits(void **state)
{
    struct sock_filter *code = calloc(BPF_MAXINSNS + 1, sizeof(*code));

    (void) state;
    assert_non_null(code);
    for (size_t i = 0; i <= BPF_MAXINSNS; i++)
        code[i] = (struct sock_filter) ALLOW;
    assert_int_equal(bpf_check(code, 0), -EINVAL);
    assert_int_equal(bpf_check(code, 1), 0);
    assert_int_equal(bpf_check(code, BPF_MAXINSNS), 0);
    assert_int_equal(bpf_check(code, BPF_MAXINSNS + 1), -EINVAL);
    free(code);
}

static void jumps(void **state)
{
    struct sock_filter to_end[] = {BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0), ALLOW, ALLOW};
    struct sock_filter beyond[] = {BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 2, 0), ALLOW, ALLOW};
    struct sock_filter far[] = {BPF_STMT(BPF_JMP | BPF_JA, 0xffffffff), ALLOW};

    (void) state;
    assert_int_equal(bpf_check(to_end, 3), 0);
    assert_int_equal(bpf_check(beyond, 3), -EINVAL);
    assert_int_equal(bpf_check(far, 2), -EINVAL);
}

/* A scratch word must be written on every way to where it is read. */
static void scratch(void **state)
{
    struct sock_filter both[] = {
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2),
        BPF_STMT(BPF_ST, 5),
        BPF_STMT(BPF_JMP | BPF_JA, 1),
        BPF_STMT(BPF_STX, 5),
        BPF_STMT(BPF_LD | BPF_MEM, 5),
        ALLOW,
    };
    struct sock_filter one[] = {
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
        BPF_STMT(BPF_ST, 5),
        BPF_STMT(BPF_LD | BPF_MEM, 5),
        ALLOW,
    };

    (void) state;
    assert_int_equal(bpf_check(both, 6), 0);
    assert_int_equal(bpf_check(one, 4), -EINVAL);
}

static void runs(void **state)
{
    const struct seccomp_data d = {.nr = 7, .args = {0x1122334455667788}};
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args) + 4),
        BPF_STMT(BPF_ST, 0),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 4),
        BPF_STMT(BPF_MISC | BPF_TAX, 0),
        BPF_STMT(BPF_LD | BPF_MEM, 0),
        BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0),
        BPF_STMT(BPF_RET | BPF_A, 0),
    };
    struct sock_filter by_zero[] = {
        BPF_STMT(BPF_LDX | BPF_IMM, 0),
        BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0),
        ALLOW,
    };

    (void) state;
    assert_int_equal(bpf_check(code, 8), 0);
    assert_int_equal(bpf_run(code, 8, &d), 0x11223344 ^ 0x70);
    assert_int_equal(bpf_check(by_zero, 3), 0);
    assert_int_equal(bpf_run(by_zero, 3, &d), 0);
    /* Unchecked programs end, too. */
    assert_int_equal(bpf_run(code, 7, &d), 0);
    code[0].k = 4096;
    assert_int_equal(bpf_run(code, 8, &d), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits),
        cmocka_unit_test(jumps),
        cmocka_unit_test(scratch),
        cmocka_unit_test(runs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
