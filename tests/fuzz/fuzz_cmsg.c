/* SPDX-License-Identifier: Apache-2.0 */
/* Control messages: what is found lies in the buffer, and the end is reached. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "net/scm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t at = 0, before, n = 0;
    struct cmsg c;
    int r;

    while (before = at, (r = cmsg_next(data, size, &at, &c)) == 1) {
        if (c.data < data + before || c.len > size || c.data + c.len > data + size)
            abort();
        if (at <= before || at > size || ++n > size / sizeof(struct lx_cmsghdr))
            abort();
    }
    return 0;
}
