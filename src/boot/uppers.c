/* SPDX-License-Identifier: Apache-2.0 */
/* Writable sides of copy-on-write mounts: see uppers.h. Sources: open_tree(2), mount_setattr(2). */
#include "boot/uppers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/sys.h"
#include "boot/trees.h"

#define RESTRICTED (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSYMFOLLOW)

int uppers_open(struct sandbox_spec *s, struct fail *f)
{
    for (size_t i = 0; i < s->n_mounts; i++) {
        struct mount_spec *m = &s->mounts[i];
        unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;

        if (m->upper_fd >= 0 || !m->upper_source)
            continue;
        m->upper_fd = host_open_tree(AT_FDCWD, m->upper_source, flags);
        if (m->upper_fd < 0)
            return fail_errno(f, -m->upper_fd, "cloning the tree %s, for changes of %s",
                              m->upper_source, m->dest);
        log_debug("boot 0: %s cloned as descriptor %d, for changes of %s", m->upper_source,
                  m->upper_fd, m->dest);
    }
    return 0;
}

static bool wants_memory(const struct mount_spec *m)
{
    return (m->flags & MOUNT_F_OVERLAY) && m->upper_fd < 0;
}

/* Layer `number` gets a directory of the tmpfs that is mounted at `staging` for a moment. */
static int make_layer(struct mount_spec *m, size_t number, const char *staging, struct fail *f)
{
    char name[128];

    if (snprintf(name, sizeof(name), "%s/%zu", staging, number) >= (int) sizeof(name))
        return fail(f, ENAMETOOLONG, "%s/%zu", staging, number);
    if (mkdir(name, 0700) < 0)
        return fail_errno(f, errno, "making %s", name);
    m->upper_fd = host_open_tree(AT_FDCWD, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (m->upper_fd < 0)
        return fail_errno(f, -m->upper_fd, "cloning %s", name);
    m->flags |= MOUNT_F_DROPPED;
    log_debug("boot trees: changes of %s go to memory, descriptor %d", m->dest, m->upper_fd);
    return 0;
}

static int make_layers(struct sandbox_spec *s, const char *staging, struct fail *f)
{
    _cleanup_close_ int fs = -1;
    const struct mount_spec memory = {.size = s->overlay_size, .mode = 0700};
    int r = trees_make_tmpfs(&memory, RESTRICTED, &fs, f);

    if (r < 0)
        return fail_wrap(f, r, "the tmpfs for changed files");
    r = host_move_mount(fs, "", AT_FDCWD, staging, MOVE_MOUNT_F_EMPTY_PATH);
    if (r < 0)
        return fail_errno(f, -r, "making the tmpfs for changed files");
    for (size_t i = 0; i < s->n_mounts && r == 0; i++)
        if (wants_memory(&s->mounts[i]))
            r = make_layer(&s->mounts[i], i, staging, f);
    if (umount2(staging, MNT_DETACH) < 0 && r == 0)
        r = fail_errno(f, errno, "detaching %s", staging);
    return r;
}

static int make_memory(struct sandbox_spec *s, const char *work, struct fail *f)
{
    _cleanup_free_ char *staging = NULL;
    size_t n = 0;
    int r;

    for (size_t i = 0; i < s->n_mounts; i++)
        n += wants_memory(&s->mounts[i]);
    if (n == 0)
        return 0;
    if (asprintf(&staging, "%s/upper", work) < 0)
        return fail(f, ENOMEM, "out of memory");
    if (mkdir(staging, 0700) < 0)
        return fail_errno(f, errno, "making %s", staging);
    r = make_layers(s, staging, f);
    if (rmdir(staging) < 0 && r == 0)
        r = fail_errno(f, errno, "removing %s", staging);
    return r;
}

static int restrict_upper(const struct mount_spec *m, struct fail *f)
{
    struct mount_attr a = {.attr_set = RESTRICTED, .propagation = MS_PRIVATE};
    int r;

    if (m->flags & MOUNT_F_NOEXEC)
        a.attr_set |= MOUNT_ATTR_NOEXEC; /* as restrict_tree() does, for the same reason */
    r = host_mount_setattr(m->upper_fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &a, sizeof(a));
    return r < 0 ? fail_errno(f, -r, "restricting the tree for changes of %s", m->dest) : 0;
}

int uppers_finish(struct sandbox_spec *s, const char *work, struct fail *f)
{
    int r = make_memory(s, work, f);

    for (size_t i = 0; i < s->n_mounts && r == 0; i++)
        if (s->mounts[i].upper_fd >= 0)
            r = restrict_upper(&s->mounts[i], f);
    return r;
}
