/* SPDX-License-Identifier: Apache-2.0 */
/* Messages to and from servers of names: read within their bounds, and never believed by halves. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/policy/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dns_question q = {.type = DNS_A, .name = "pypi.org"}, own;
    char name[NET_NAME_MAX];
    struct dns_answers a;

    if (dns_parse_question(data, size, &own) == 0 &&
        (net_name_normal(own.name, strlen(own.name), name) < 0 || strcmp(own.name, name) != 0))
        abort();
    if (size > 2)
        q.id = (uint16_t) (data[0] << 8 | data[1]);
    for (int i = 0; i < 2; i++) {
        int r = dns_parse_answer(data, size, &q, &a);

        if (a.n > DNS_ANSWERS_MAX || (r < 0 && a.n))
            abort();
        q.type = DNS_AAAA;
    }
    return 0;
}
