/* SPDX-License-Identifier: Apache-2.0 */
/* The sandbox spec's decoder: whatever decodes must be freed whole and encode again. */
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include "rpc/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sandbox_spec *spec;
    int fd;

    if (sandbox_spec_decode(data, size, &spec) < 0)
        return 0;
    if (sandbox_spec_encode(spec, &fd) == 0)
        close(fd);
    sandbox_spec_free(spec);
    return 0;
}
