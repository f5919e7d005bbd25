/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of the egress policy: a text is refused with a reason, or is a rule that makes sense. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/netrule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct net_rule *r)
{
    char name[NET_NAME_MAX];
    bool named = r->kind == NET_RULE_NAME || r->kind == NET_RULE_DOMAIN;

    if (r->first > r->last || !r->protocols || r->prefix > (r->addr.v6 ? 128 : 32))
        abort();
    if (named != (r->name[0] != '\0') || (r->kind == NET_RULE_ADDRESS && !r->prefix))
        abort();
    if (named &&
        (net_name_normal(r->name, strlen(r->name), name) < 0 || strcmp(r->name, name) != 0))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *) data, size), why[128] = "";
    struct net_rule r;

    if (!text)
        return 0;
    if (net_rule_parse(text, &r, why, sizeof(why)) == 0)
        check(&r);
    else if (!why[0])
        abort();
    free(text);
    return 0;
}
