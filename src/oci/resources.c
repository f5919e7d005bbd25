/* SPDX-License-Identifier: Apache-2.0 */
/* Resources of a container: see resources.h. */
#include "oci/resources.h"

#include <stddef.h>
#include <stdlib.h>

void limits_init(struct limits *l)
{
    *l = (struct limits){.cpus = NULL};
    for (int i = 0; i < N_LIMITS; i++)
        l->value[i] = LIMIT_UNSET;
}

void limits_free(struct limits *l)
{
    free(l->cpus);
    free(l->mems);
    limits_init(l);
}

#define V(which) offsetof(struct limits, value[which])

static const struct json_field memory_fields[] = {
    {.name = "limit", .kind = JSON_I64, .offset = V(LIMIT_MEMORY)},
    {.name = "reservation", .kind = JSON_I64, .offset = V(LIMIT_MEMORY_RESERVATION)},
    {.name = "swap", .kind = JSON_I64, .offset = V(LIMIT_MEMORY_SWAP)},
    {.name = "kernel", .kind = JSON_NOTED},
    {.name = "kernelTCP", .kind = JSON_NOTED},
    {.name = "swappiness", .kind = JSON_NOTED},
    {.name = "disableOOMKiller", .kind = JSON_NOTED},
};
static const struct json_table memory_table = JSON_TABLE(memory_fields);
static const struct json_field cpu_fields[] = {
    {.name = "shares", .kind = JSON_I64, .offset = V(LIMIT_CPU_SHARES)},
    {.name = "period", .kind = JSON_I64, .offset = V(LIMIT_CPU_PERIOD)},
    {.name = "quota", .kind = JSON_I64, .offset = V(LIMIT_CPU_QUOTA)},
    {.name = "cpus", .kind = JSON_STRING, .offset = offsetof(struct limits, cpus)},
    {.name = "mems", .kind = JSON_STRING, .offset = offsetof(struct limits, mems)},
    {.name = "burst", .kind = JSON_NOTED},
    {.name = "realtimeRuntime", .kind = JSON_NOTED},
    {.name = "realtimePeriod", .kind = JSON_NOTED},
    {.name = "idle", .kind = JSON_NOTED},
};
static const struct json_table cpu_table = JSON_TABLE(cpu_fields);
static const struct json_field pids_fields[] = {
    {.name = "limit", .kind = JSON_I64, .required = true, .offset = V(LIMIT_PIDS)},
};
static const struct json_table pids_table = JSON_TABLE(pids_fields);
static const struct json_field resources_fields[] = {
    {.name = "memory", .kind = JSON_OBJECT, .table = &memory_table},
    {.name = "cpu", .kind = JSON_OBJECT, .table = &cpu_table},
    {.name = "pids", .kind = JSON_OBJECT, .table = &pids_table},
    {.name = "blockIO", .kind = JSON_NOTED},
    {.name = "hugepageLimits", .kind = JSON_NOTED},
    {.name = "network", .kind = JSON_NOTED},
    {.name = "rdma", .kind = JSON_NOTED},
    {.name = "unified", .kind = JSON_NOTED},
    /* "devices" only restricts real devices, and a container here has none: honoured by design. */
};
static const struct json_table resources_table = JSON_TABLE(resources_fields);

/* runc's own encoder writes every number: 0 is what was not given. */
static void drop_zeros(struct limits *l)
{
    for (int i = 0; i < N_LIMITS; i++)
        if (l->value[i] == 0)
            l->value[i] = LIMIT_UNSET;
    if (l->cpus && !*l->cpus) {
        free(l->cpus);
        l->cpus = NULL;
    }
    if (l->mems && !*l->mems) {
        free(l->mems);
        l->mems = NULL;
    }
}

int limits_from_json(struct json_reader *r, json_object *v, struct limits *l)
{
    int e = json_read(r, v, &resources_table, l);

    drop_zeros(l);
    return e;
}
