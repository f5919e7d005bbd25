/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of processors as text: see cpulist.h. */
#include "fs/sys/cpulist.h"

#include <stdbool.h>
#include <stdint.h>

void cpu_list_text(const cpu_set_t *set, struct strbuf *out)
{
    const char *comma = "";
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, set))
            continue;
        int last = cpu;
        while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, set))
            last++;
        sb_addf(out, last > cpu ? "%s%d-%d" : "%s%d", comma, cpu, last);
        comma = ",";
        cpu = last;
    }
    sb_add(out, "\n");
}

void cpu_mask_text(const cpu_set_t *set, struct strbuf *out)
{
    int group = CPU_SETSIZE / 32 - 1;
    bool first = true;
    for (; group >= 0; group--) {
        uint32_t bits = 0;
        for (int i = 0; i < 32; i++)
            bits |= CPU_ISSET(group * 32 + i, set) ? 1u << i : 0;
        if (!bits && first && group)
            continue;
        sb_addf(out, first ? "%x" : ",%08x", bits);
        first = false;
    }
    sb_add(out, "\n");
}
