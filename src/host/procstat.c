/* SPDX-License-Identifier: Apache-2.0 */
/* Process identity: see procstat.h. */
#include "host/procstat.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "base/textio.h"

enum { STATE_FIELD = 3, START_TIME_FIELD = 22 };

int procstat_start_time(pid_t pid, uint64_t *ret)
{
    _cleanup_free_ char *text = NULL;
    char path[48], *p, *save = NULL;
    int r, field = STATE_FIELD;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int) pid);
    r = read_file_at(AT_FDCWD, path, 4096, &text, NULL);
    if (r < 0)
        return r == -ENOENT ? -ESRCH : r;
    p = strrchr(text, ')'); /* the name may hold anything, spaces and parentheses too */
    if (!p)
        return -EBADMSG;
    for (char *word = strtok_r(p + 1, " \n", &save); word;
         word = strtok_r(NULL, " \n", &save), field++) {
        if (field == STATE_FIELD && (*word == 'Z' || *word == 'X'))
            return -ESRCH;
        if (field == START_TIME_FIELD)
            return parse_u64(word, ret) < 0 ? -EBADMSG : 0;
    }
    return -EBADMSG;
}

bool procstat_is_same(pid_t pid, uint64_t start_time)
{
    uint64_t now;

    return pid > 0 && procstat_start_time(pid, &now) == 0 && now == start_time;
}
