/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc/mounts shows of a file system's options: see mount_options.h. */
#include "sentry/mount_options.h"

#include <errno.h>
#include <string.h>

#include "base/parse.h"
#include "base/strbuf.h"

#define PLAIN_TMPFS_MODE 01777
#define PAGE_KIB         4u

static void comma(struct strbuf *out)
{
    if (out->len)
        sb_addch(out, ',');
}

/* The value of "name=" in the comma-separated data: its length, or -1. */
static int find_value(const char *data, const char *name, const char **ret)
{
    size_t n = strlen(name);

    for (const char *o = data; o; o = strchr(o, ','), o = o ? o + 1 : NULL) {
        if (strncmp(o, name, n) != 0 || o[n] != '=')
            continue;
        *ret = o + n + 1;
        return (int) strcspn(*ret, ",");
    }
    return -1;
}

static void add_value(struct strbuf *out, const char *data, const char *name)
{
    const char *v;
    int n = find_value(data, name, &v);

    if (n < 0)
        return;
    comma(out);
    sb_addf(out, "%s=%.*s", name, n, v);
}

/* "10k" is shown as the number it is. */
static void add_count(struct strbuf *out, const char *data, const char *name)
{
    const char *v;
    char text[32];
    uint64_t count;
    int n = find_value(data, name, &v);

    if (n < 0 || (size_t) n >= sizeof(text))
        return;
    memcpy(text, v, (size_t) n);
    text[n] = '\0';
    if (parse_size(text, &count) < 0)
        return;
    comma(out);
    sb_addf(out, "%s=%llu", name, (unsigned long long) count);
}

static void show_tmpfs(struct strbuf *out, const struct mount_spec *m)
{
    if (m->size) {
        comma(out);
        sb_addf(out, "size=%lluk",
                (unsigned long long) ((m->size + PAGE_KIB * 1024 - 1) / (PAGE_KIB * 1024)) *
                    PAGE_KIB);
    }
    add_count(out, m->data, "nr_inodes");
    if (m->mode != PLAIN_TMPFS_MODE) {
        comma(out);
        sb_addf(out, "mode=%03o", m->mode);
    }
    add_value(out, m->data, "uid");
    add_value(out, m->data, "gid");
    add_value(out, m->data, "huge");
    add_value(out, m->data, "mpol");
}

static void show_devpts(struct strbuf *out, const struct mount_spec *m)
{
    if (m->uid != UINT32_MAX)
        sb_addf(out, "uid=%u,", m->uid);
    if (m->gid != UINT32_MAX)
        sb_addf(out, "gid=%u,", m->gid);
    sb_addf(out, "mode=%03o,ptmxmode=%03o", m->mode, m->ptmx_mode);
}

/* Those of the file system itself: one has no mount that says otherwise. */
static void show_flags(struct strbuf *out, uint32_t flags)
{
    static const struct {
        uint32_t flag;
        const char *name;
    } known[] = {{MOUNT_F_SYNC, "sync"},
                 {MOUNT_F_DIRSYNC, "dirsync"},
                 {MOUNT_F_MAND, "mand"},
                 {MOUNT_F_LAZYTIME, "lazytime"}};

    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (!(flags & known[i].flag))
            continue;
        comma(out);
        sb_add(out, known[i].name);
    }
}

int mount_options_text(const struct mount_spec *m, char **ret)
{
    _cleanup_sb_ struct strbuf sb = STRBUF_INIT;

    *ret = NULL;
    show_flags(&sb, m->flags);
    if (m->kind == MOUNT_TMPFS || m->kind == MOUNT_DEV)
        show_tmpfs(&sb, m);
    else if (m->kind == MOUNT_DEVPTS)
        show_devpts(&sb, m);
    if (sb_error(&sb) < 0)
        return -ENOMEM;
    if (sb.len == 0)
        return 0;
    *ret = strdup(sb_text(&sb));
    return *ret ? 0 : -ENOMEM;
}
