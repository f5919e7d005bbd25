/* SPDX-License-Identifier: Apache-2.0 */
/* The mounts of `do`: see hostroot.h. */
#include "host/hostroot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/path.h"
#include "host/specbuild.h"
#include "host/spectree.h"
#include "host/tree.h"

/* Places that the container has for itself. */
static const char *const covered[] = {"/proc", "/sys", "/dev", "/tmp", NULL};

struct own_mount {
    enum mount_kind kind;
    const char *dest;
    const char *source;
    uint32_t flags;
    uint32_t mode;
    uint32_t ptmx_mode, gid; /* devpts: as config.json of other runtimes has it; 5 is "tty" */
};

static const struct own_mount own_mounts[] = {
    {.kind = MOUNT_PROC,
     .dest = "/proc",
     .source = "proc",
     .flags = MOUNT_F_NOSUID | MOUNT_F_NODEV | MOUNT_F_NOEXEC},
    {.kind = MOUNT_SYS,
     .dest = "/sys",
     .source = "sysfs",
     .flags = MOUNT_F_RDONLY | MOUNT_F_NOSUID | MOUNT_F_NODEV | MOUNT_F_NOEXEC},
    {.kind = MOUNT_DEV, .dest = "/dev", .source = "dev", .flags = MOUNT_F_NOSUID, .mode = 0755},
    {.kind = MOUNT_DEVPTS,
     .dest = "/dev/pts",
     .source = "devpts",
     .flags = MOUNT_F_NOSUID | MOUNT_F_NOEXEC,
     .mode = 0620,
     .ptmx_mode = 0666,
     .gid = 5},
    {.kind = MOUNT_TMPFS,
     .dest = "/dev/shm",
     .source = "tmpfs",
     .flags = MOUNT_F_NOSUID | MOUNT_F_NODEV | MOUNT_F_EXCLUSIVE,
     .mode = 01777},
    {.kind = MOUNT_TMPFS,
     .dest = "/tmp",
     .source = "tmpfs",
     .flags = MOUNT_F_NOSUID | MOUNT_F_NODEV | MOUNT_F_EXCLUSIVE,
     .mode = 01777},
};

int hostroot_add_mounts(struct sandbox_spec *s, const struct hostroot *h, struct fail *f)
{
    struct tree_source root = {
        .path = h->root,
        .dest = "/",
        .flags = MOUNT_F_NOSUID | (h->overlay    ? MOUNT_F_OVERLAY
                                   : h->writable ? 0u
                                                 : MOUNT_F_RDONLY),
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
        m->ptmx_mode = o->ptmx_mode;
        m->uid = UINT32_MAX;
        m->gid = o->gid;
    }
    /* Standing in /tmp/work and finding it empty would surprise: the caller's directory stays in
     * sight. */
    cwd.path = cwd.dest = h->cwd;
    if (h->cwd && path_is_below(h->cwd, "/tmp") && strcmp(h->cwd, "/tmp") != 0)
        return spec_add_tree(s, &cwd, f);
    return 0;
}

int hostroot_keep_layers(struct sandbox_spec *s, struct kept *k, bool privileged, struct fail *f)
{
    int r = 0;

    for (size_t i = 0; i < s->n_mounts && r == 0; i++) {
        struct mount_spec *m = &s->mounts[i];

        if (!(m->flags & MOUNT_F_OVERLAY))
            continue;
        r = kept_layer_path(k, m->dest, &m->upper_source, f);
        if (r == 0 && privileged)
            r = tree_open(m->upper_source, 0, &m->upper_fd, f);
    }
    return r;
}
