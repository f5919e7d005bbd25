/* SPDX-License-Identifier: Apache-2.0 */
/* Reading mountinfo: see mountinfo.h. */
#include "boot/mountinfo.h"

#include <string.h>

/* mountinfo writes space, tab, newline and backslash as three octal digits. */
static void unescape(char *s)
{
    char *out = s;

    while (*s) {
        if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
            s[3] >= '0' && s[3] <= '7') {
            *out++ = (char) ((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
            s += 4;
        } else {
            *out++ = *s++;
        }
    }
    *out = '\0';
}

/* id parent maj:min root point options [tags...] - type source superoptions */
static bool parse(char *line, struct mount_row *ret)
{
    char *save = NULL, *word = strtok_r(line, " ", &save);

    *ret = (struct mount_row){0};
    for (int field = 0; word; field++, word = strtok_r(NULL, " ", &save)) {
        if (field == 4)
            ret->point = word;
        if (field == 5)
            ret->options = word;
        if (field > 5 && strcmp(word, "-") == 0) {
            ret->type = strtok_r(NULL, " ", &save);
            ret->source = strtok_r(NULL, " ", &save);
            break;
        }
    }
    if (!ret->point || !ret->type || !ret->source)
        return false;
    unescape(ret->point);
    unescape(ret->source);
    return true;
}

bool mountinfo_next(char **cursor, struct mount_row *ret)
{
    while (*cursor && **cursor) {
        char *line = *cursor, *end = strchr(line, '\n');

        *cursor = end ? end + 1 : NULL;
        if (end)
            *end = '\0';
        if (parse(line, ret))
            return true;
    }
    return false;
}

bool mount_has_option(const char *options, const char *word)
{
    size_t n = strlen(word);

    for (const char *p = options; p; p = strchr(p, ','), p = p ? p + 1 : NULL)
        if (strncmp(p, word, n) == 0 && (p[n] == ',' || p[n] == '\0'))
            return true;
    return false;
}

bool mount_type_is_kernel(const char *type)
{
    static const char *const types[] = {
        "autofs",  "binfmt_misc", "bpf",      "cgroup",     "cgroup2",   "configfs",
        "debugfs", "devpts",      "devtmpfs", "efivarfs",   "fusectl",   "mqueue",
        "nsfs",    "proc",        "pstore",   "ramfs",      "selinuxfs", "securityfs",
        "smackfs", "sysfs",       "tracefs",  "rpc_pipefs", "hugetlbfs",
    };

    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (strcmp(type, types[i]) == 0)
            return true;
    return false;
}
