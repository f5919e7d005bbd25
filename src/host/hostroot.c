/* SPDX-License-Identifier: Apache-2.0 */
/* The mounts of `do`: see hostroot.h. */
#include "host/hostroot.h"

#include <errno.h>
#include <string.h>

#include "host/specbuild.h"
#include "host/spectree.h"

/* Places that the container has for itself. */
static const char *const covered[] = {"/proc", "/sys", "/dev", "/tmp", NULL};

struct own_mount {
    enum mount_kind kind;
    const char *dest;
    const char *source;
    uint32_t flags;
    uint32_t mode;
};

static const struct own_mount own_mounts[] = {
    {MOUNT_PROC, "/proc", "proc", MOUNT_F_NOSUID | MOUNT_F_NODEV | MOUNT_F_NOEXEC, 0},
    {MOUNT_SYS, "/sys", "sysfs", MOUNT_F_RDONLY | MOUNT_F_NOSUID | MOUNT_F_NODEV | MOUNT_F_NOEXEC,
     0},
    {MOUNT_DEV, "/dev", "dev", MOUNT_F_NOSUID, 0},
    {MOUNT_DEVPTS, "/dev/pts", "devpts", MOUNT_F_NOSUID | MOUNT_F_NOEXEC, 0},
    {MOUNT_TMPFS, "/dev/shm", "tmpfs", MOUNT_F_NOSUID | MOUNT_F_NODEV | MOUNT_F_EXCLUSIVE, 01777},
    {MOUNT_TMPFS, "/tmp", "tmpfs", MOUNT_F_NOSUID | MOUNT_F_NODEV | MOUNT_F_EXCLUSIVE, 01777},
};

int hostroot_add_mounts(struct sandbox_spec *s, const struct hostroot *h, struct fail *f)
{
    struct tree_source root = {
        .path = h->root,
        .dest = "/",
        .flags = MOUNT_F_NOSUID | (h->writable ? 0u : MOUNT_F_RDONLY),
        .privileged = h->privileged,
        .recursive = true,
        .covered = covered,
    };
    struct tree_source cwd = root;
    struct mount_spec *m;
    int r = spec_add_trees(s, &root, f);

    if (r < 0)
        return r;
    for (size_t i = 0; i < ARRAY_LEN(own_mounts); i++) {
        const struct own_mount *o = &own_mounts[i];

        r = spec_add_mount(s, o->kind, o->dest, o->source, o->flags, &m);
        if (r < 0)
            return fail(f, ENOMEM, "out of memory");
        m->mode = o->mode;
    }
    /* Standing in /tmp/work and finding it empty would surprise: the caller's directory stays in
     * sight. */
    cwd.path = cwd.dest = h->cwd;
    if (h->cwd && path_is_below(h->cwd, "/tmp") && strcmp(h->cwd, "/tmp") != 0)
        return spec_add_tree(s, &cwd, f);
    return 0;
}
