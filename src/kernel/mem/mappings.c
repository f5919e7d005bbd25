/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/mem/mappings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/sys.h"
#include "base/textio.h"

#define HOST_TEXT_MAX (64u << 20) /* a process with very many mappings */

int host_process_text(pid_t host_pid, const char *file, char **ret)
{
    char path[64];
    int r;

    if (host_pid <= 0)
        return -ESRCH;
    (void) snprintf(path, sizeof(path), "/proc/%d/%s", (int) host_proc_pid(host_pid), file);
    r = read_file_at(-1, path, HOST_TEXT_MAX, ret, NULL);
    return r == -ENOENT ? -ESRCH : r;
}

bool mapping_next(const char **pos, struct mapping *ret)
{
    while (**pos) {
        const char *line = *pos;
        size_t len = strcspn(line, "\n");
        unsigned major, minor;
        char perm[5];

        *pos = line + len + (line[len] == '\n');
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64, &ret->start,
                   &ret->end, perm, &ret->offset, &major, &minor, &ret->ino) != 7)
            continue;
        ret->dev = (uint64_t) major << 32 | minor;
        ret->read = perm[0] == 'r';
        ret->write = perm[1] == 'w';
        ret->exec = perm[2] == 'x';
        ret->shared = perm[3] == 's';
        return true;
    }
    return false;
}

int mapping_at(pid_t host_pid, uint64_t addr, struct mapping *ret)
{
    _cleanup_free_ char *text = NULL;
    const char *pos;
    int r = host_process_text(host_pid, "maps", &text);

    if (r < 0)
        return r;
    pos = text;
    while (mapping_next(&pos, ret)) {
        if (addr < ret->start)
            break;
        if (addr < ret->end)
            return 0;
    }
    return -EFAULT;
}
