/* SPDX-License-Identifier: Apache-2.0 */
/* Seccomp programs: what bpf_check() takes must run to its end within bounds, whatever the call is.
 */
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bpf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seccomp_data d;
    size_t n = size > sizeof(d) ? (size - sizeof(d)) / sizeof(struct sock_filter) : 0;
    struct sock_filter *code;

    if (n == 0)
        return 0;
    code = malloc(n * sizeof(*code)); /* of exactly this size: a sanitizer sees each step beyond */
    if (!code)
        return 0;
    memcpy(&d, data, sizeof(d));
    memcpy(code, data + sizeof(d), n * sizeof(*code));
    if (bpf_check(code, n) == 0)
        (void) bpf_run(code, n, &d);
    free(code);
    return 0;
}
