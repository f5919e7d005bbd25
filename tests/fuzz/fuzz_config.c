/* SPDX-License-Identifier: Apache-2.0 */
/* config.json: what parses must have every mount parse or fail with a message, and be freed whole.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "oci/config.h"
#include "oci/mounts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct oci_config *c;
    struct fail f = {0};

    char *text = malloc(size + 1);
    int r;

    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    log_init(-1, LOG_TEXT, LOG_ERROR);
    r = oci_config_parse(text, size, &c, &f);
    free(text);
    if (r < 0) {
        if (!f.text[0])
            abort();
        return 0;
    }
    for (size_t i = 0; i < c->n_mounts; i++) {
        struct oci_mount_plan m;
        int e;

        f.text[0] = '\0';
        e = oci_mount_parse(&c->mounts[i], i, &m, &f);
        if (e < 0 && !f.text[0])
            abort();
        if (e == 0)
            oci_mount_plan_clear(&m);
    }
    oci_config_free(c);
    return 0;
}
