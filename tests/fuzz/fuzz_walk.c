/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks and changes of names over a file system in memory: lines of hostile text, each an operation
 * and one or two paths. Whatever happens, ".." must not leave the root, texts must be absolute, and
 * nothing may leak (the sanitizers tell).
 *
 * A line is a letter and the rest: d mkdir, f file, s symlink (target and name by a blank), l link,
 * u unlink, r rmdir, m rename, x exchange, c chmod 0, o open with O_CREAT, w walk, b walk beneath
 * /d, U and R switch between an ordinary user and root.
 */
#include <stdint.h>
#include <stdio.h>

#include "../unit/memfs.h"
#include "abi/linux/fcntl.h"
#include "kernel/vfs/attr.h"
#include "kernel/vfs/mount.h"
#include "kernel/vfs/names.h"
#include "kernel/vfs/walk.h"
#include "rpc/spec.h"

#define MAX_INPUT 4096

struct world {
    struct vfs *v;
    struct cred *root, *user;
    struct walkctx w;
};

static void check(int ok)
{
    if (!ok)
        abort();
}

static void world_init(struct world *x)
{
    x->root = cred_alloc(0);
    x->user = cred_alloc(0);
    x->root->cap_effective = UINT64_MAX;
    x->user->fsuid = x->user->fsgid = 1000;
    struct super *sb = memfs_new(true);
    sb->max_dentries = 8; /* so that eviction is part of the game */
    check(vfs_new(&x->v) == 0);
    check(vfs_mount(x->v, sb, "/", 0, NULL) == 0);
    check(vfs_mount(x->v, memfs_new(false), "/d/shared", 0, NULL) == 0);
    check(vfs_mount(x->v, memfs_new(true), "/d/ro", MOUNT_F_RDONLY, NULL) == 0);
    check(vfs_mount(x->v, memfs_new(true), "/d/ro/ghost/deep", 0, NULL) == 0);
    check(walkctx_init_root(&x->w, x->v, x->root) == 0);
}

static void world_done(struct world *x)
{
    walkctx_done(&x->w);
    vfs_free(x->v);
    cred_put(x->root);
    cred_put(x->user);
}

static void walk(struct world *x, const struct path *at, const char *name, uint32_t flags)
{
    char text[GUEST_PATH_MAX];
    struct path p, again;
    if (path_walk(&x->w, at, name, flags, &p) < 0)
        return;
    ssize_t n = path_text(&p, at ? at : &x->w.root, text, sizeof(text));
    if (n >= 0) {
        check(text[0] == '/' && strlen(text) == (size_t) n);
        /* As root, a name that is there leads back to the same place. */
        const struct cred *c = x->w.cred;
        x->w.cred = x->root;
        if (path_walk(&x->w, NULL, text, WALK_NOFOLLOW, &again) == 0) {
            check(at || path_node(&again) == path_node(&p) || strstr(text, " (deleted)"));
            path_put(&again);
        }
        x->w.cred = c;
    }
    path_put(&p);
}

static void link_or_chmod(struct world *x, const char *a, const char *b)
{
    struct path p;
    struct attr at = {.mode = 0};
    if (path_walk(&x->w, NULL, a, WALK_NOFOLLOW, &p) < 0)
        return;
    (void) !(b ? vfs_link(&x->w, &p, NULL, b) : vfs_setattr(&x->w, &p, &at, ATTR_MODE));
    path_put(&p);
}

static void open_close(struct world *x, const char *a)
{
    struct file *f;
    if (path_open(&x->w, NULL, a, LX_O_RDWR | LX_O_CREAT, 0600, &f) == 0)
        file_put(f);
}

static void beneath(struct world *x, const char *a)
{
    struct path d;
    if (path_walk(&x->w, NULL, "/d", 0, &d) < 0)
        return;
    walk(x, &d, a, WALK_BENEATH);
    walk(x, &d, a, WALK_IN_ROOT);
    path_put(&d);
}

static void operate(struct world *x, char op, char *a, char *b)
{
    const char *second = b ? b : "";
    switch (op) {
    case 'd':
        (void) !vfs_mknod(&x->w, NULL, a, LX_S_IFDIR | 0755, 0);
        break;
    case 'f':
        (void) !vfs_mknod(&x->w, NULL, a, LX_S_IFREG | 0644, 0);
        break;
    case 's':
        (void) !vfs_symlink(&x->w, NULL, second, a);
        break;
    case 'l':
        link_or_chmod(x, a, second);
        break;
    case 'c':
        link_or_chmod(x, a, NULL);
        break;
    case 'u':
        (void) !vfs_unlink(&x->w, NULL, a, false);
        break;
    case 'r':
        (void) !vfs_unlink(&x->w, NULL, a, true);
        break;
    case 'm':
        (void) !vfs_rename(&x->w, NULL, a, NULL, second, 0);
        break;
    case 'x':
        (void) !vfs_rename(&x->w, NULL, a, NULL, second, LX_RENAME_EXCHANGE);
        break;
    case 'o':
        open_close(x, a);
        break;
    case 'b':
        beneath(x, a);
        break;
    case 'U':
        x->w.cred = x->user;
        break;
    case 'R':
        x->w.cred = x->root;
        break;
    default:
        walk(x, NULL, a, 0);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static char text[MAX_INPUT + 1];
    struct world x;
    char *save = NULL;
    n = n < MAX_INPUT ? n : MAX_INPUT;
    memcpy(text, data, n);
    text[n] = 0;
    world_init(&x);
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *b = strchr(line, ' ');
        if (b)
            *b++ = 0;
        operate(&x, line[0], line + 1, b);
    }
    world_done(&x);
    return 0;
}
