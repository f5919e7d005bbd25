/* SPDX-License-Identifier: Apache-2.0 */
/* Names, walks, mounts, permissions and opening over a file system in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "abi/linux/fcntl.h"
#include "kernel/vfs/attr.h"
#include "kernel/vfs/mount.h"
#include "kernel/vfs/names.h"
#include "kernel/vfs/walk.h"
#include "memfs.h"
#include "rpc/spec.h"

struct world {
    struct vfs *v;
    struct super *sb;
    struct cred *root, *user;
    struct walkctx w;
};

static void as(struct world *x, const struct cred *c)
{
    x->w.cred = c;
}

static void make_dir(struct world *x, const char *name)
{
    assert_int_equal(vfs_mknod(&x->w, NULL, name, LX_S_IFDIR | 0755, 0), 0);
}

static void make_file(struct world *x, const char *name)
{
    assert_int_equal(vfs_mknod(&x->w, NULL, name, LX_S_IFREG | 0644, 0), 0);
}

static int setup_on(void **state, bool exclusive)
{
    struct world *x = calloc(1, sizeof(*x));
    x->sb = memfs_new(exclusive);
    x->root = cred_alloc(0);
    x->user = cred_alloc(0);
    x->root->cap_effective = UINT64_MAX;
    x->user->fsuid = x->user->fsgid = 1000;
    assert_int_equal(vfs_new(&x->v), 0);
    assert_int_equal(vfs_mount(x->v, x->sb, "/", 0, "test"), 0);
    assert_int_equal(walkctx_init_root(&x->w, x->v, x->root), 0);
    make_dir(x, "/a");
    make_dir(x, "/a/b");
    make_dir(x, "/a/b/c");
    make_file(x, "/a/b/c/file");
    *state = x;
    return 0;
}

static int setup(void **state)
{
    return setup_on(state, true);
}

static int setup_shared(void **state)
{
    return setup_on(state, false);
}

static int teardown(void **state)
{
    struct world *x = *state;
    walkctx_done(&x->w);
    vfs_free(x->v);
    cred_put(x->root);
    cred_put(x->user);
    free(x);
    return 0;
}

/* The errno of a walk, or 0; `expect` NULL or the path it must end at. */
static int walk_to(struct world *x, const char *name, uint32_t flags, const char *expect)
{
    struct path p;
    char text[GUEST_PATH_MAX];
    int r = path_walk(&x->w, NULL, name, flags, &p);
    if (r < 0)
        return r;
    if (expect) {
        assert_true(path_text(&p, &x->w.root, text, sizeof(text)) > 0);
        assert_string_equal(text, expect);
    }
    path_put(&p);
    return 0;
}

static int open_one(struct world *x, const char *name, uint32_t flags)
{
    struct file *f;
    int r = path_open(&x->w, NULL, name, flags, 0644, &f);
    if (r == 0)
        file_put(f);
    return r;
}

static void test_components(void **state)
{
    struct world *x = *state;
    assert_int_equal(walk_to(x, "/", 0, "/"), 0);
    assert_int_equal(walk_to(x, "//a///b/./c", 0, "/a/b/c"), 0);
    assert_int_equal(walk_to(x, "a/b/../../a/b/c/file", 0, "/a/b/c/file"), 0);
    assert_int_equal(walk_to(x, "/../../..", 0, "/"), 0);
    assert_int_equal(walk_to(x, "/../a/..", 0, "/"), 0);
    assert_int_equal(walk_to(x, ".", 0, "/"), 0);
    assert_int_equal(walk_to(x, "/a/", 0, "/a"), 0);
    assert_int_equal(walk_to(x, "", 0, NULL), -ENOENT);
    assert_int_equal(walk_to(x, "", WALK_EMPTY, "/"), 0);
    assert_int_equal(walk_to(x, "/a/none", 0, NULL), -ENOENT);
    assert_int_equal(walk_to(x, "/a/none/x", 0, NULL), -ENOENT);
    assert_int_equal(walk_to(x, "/a/none/..", 0, NULL), -ENOENT);
    assert_int_equal(walk_to(x, "/a/b/c/file/", 0, NULL), -ENOTDIR);
    assert_int_equal(walk_to(x, "/a/b/c/file/x", 0, NULL), -ENOTDIR);
    assert_int_equal(walk_to(x, "/a/b/c/file/..", 0, NULL), -ENOTDIR);
    assert_int_equal(walk_to(x, "/a/b/c/file", WALK_DIRECTORY, NULL), -ENOTDIR);
}

static void test_long_names(void **state)
{
    struct world *x = *state;
    char name[300];
    memset(name, 'n', sizeof(name));
    name[256] = 0;
    assert_int_equal(walk_to(x, name, 0, NULL), -ENAMETOOLONG);
    assert_int_equal(vfs_mknod(&x->w, NULL, name, LX_S_IFDIR | 0755, 0), -ENAMETOOLONG);
    name[255] = 0;
    assert_int_equal(walk_to(x, name, 0, NULL), -ENOENT);
    make_dir(x, name);
    assert_int_equal(walk_to(x, name, 0, NULL), 0);
    assert_int_equal(vfs_rename(&x->w, NULL, name, NULL, "short", 0), 0);
    assert_int_equal(walk_to(x, "short", 0, "/short"), 0);
    assert_int_equal(vfs_rename(&x->w, NULL, "short", NULL, name, 0), 0);
    assert_int_equal(walk_to(x, name, 0, NULL), 0);
}

static void test_cache(void **state)
{
    struct world *x = *state;
    struct mem_super *ms = container_of(x->sb, struct mem_super, sb);
    char name[32];
    assert_int_equal(walk_to(x, "/a/b/c/file", 0, NULL), 0);
    assert_int_equal(walk_to(x, "/a/b/none", 0, NULL), -ENOENT);
    unsigned before = ms->lookups;
    assert_int_equal(walk_to(x, "/a/b/c/file", 0, NULL), 0);
    assert_int_equal(walk_to(x, "/a/b/none", 0, NULL), -ENOENT);
    assert_int_equal(ms->lookups, before);
    make_file(x, "/a/b/none");
    assert_int_equal(walk_to(x, "/a/b/none", 0, NULL), 0);
    x->sb->max_dentries = 50;
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof(name), "/a/missing%d", i);
        assert_int_equal(walk_to(x, name, 0, NULL), -ENOENT);
    }
    assert_true(htab_count(&x->sb->dentries) <= 51);
    ms->starved = 1;
    assert_int_equal(walk_to(x, "/a/b/other", 0, NULL), -ENOENT);
    assert_true(htab_count(&x->sb->dentries) <= 30);
    ms->starved = 2;
    assert_int_equal(walk_to(x, "/a/b/another", 0, NULL), -EMFILE);
    assert_int_equal(walk_to(x, "/a/b/c/file", 0, "/a/b/c/file"), 0);
}

static void test_shared(void **state)
{
    struct world *x = *state;
    struct node *n;
    struct create_args a = {.mode = LX_S_IFREG | 0644};
    struct path a_dir, again;
    assert_int_equal(path_walk(&x->w, NULL, "/a", 0, &a_dir), 0);
    assert_int_equal(vfs_mknod(&x->w, NULL, "/a", LX_S_IFDIR | 0755, 0), -EEXIST);
    assert_int_equal(path_walk(&x->w, NULL, "/a", 0, &again), 0);
    assert_ptr_equal(a_dir.dentry, again.dentry); /* one directory, one place in the tree */
    path_put(&a_dir);
    path_put(&again);
    assert_int_equal(walk_to(x, "/outside", 0, NULL), -ENOENT);
    assert_int_equal(mem_create(x->sb->root, "outside", &a, &n), 0);
    node_put(n);
    assert_int_equal(walk_to(x, "/outside", 0, "/outside"), 0);
    mem_remove(mem_find(x->sb->root, "outside"));
    assert_int_equal(walk_to(x, "/outside", 0, NULL), -ENOENT);
}

static void test_symlinks(void **state)
{
    struct world *x = *state;
    char name[16], target[16];
    assert_int_equal(vfs_symlink(&x->w, NULL, "/rel", "a/b"), 0);
    assert_int_equal(vfs_symlink(&x->w, NULL, "/a/abs", "/a/b/"), 0);
    assert_int_equal(vfs_symlink(&x->w, NULL, "/a/b/up", "../../a/abs"), 0);
    assert_int_equal(vfs_symlink(&x->w, NULL, "/loop", "loop"), 0);
    assert_int_equal(vfs_symlink(&x->w, NULL, "/tofile", "rel/c/file"), 0);
    assert_int_equal(vfs_symlink(&x->w, NULL, "/e", ""), -ENOENT);
    assert_int_equal(walk_to(x, "/rel/c", 0, "/a/b/c"), 0);
    assert_int_equal(walk_to(x, "/a/abs/c/file", 0, "/a/b/c/file"), 0);
    assert_int_equal(walk_to(x, "/rel/up/c", 0, "/a/b/c"), 0);
    assert_int_equal(walk_to(x, "/rel", WALK_NOFOLLOW, "/rel"), 0);
    assert_int_equal(walk_to(x, "/rel/", WALK_NOFOLLOW, "/a/b"), 0);
    assert_int_equal(walk_to(x, "/tofile", 0, "/a/b/c/file"), 0);
    assert_int_equal(walk_to(x, "/tofile/", 0, NULL), -ENOTDIR);
    assert_int_equal(walk_to(x, "/loop", 0, NULL), -ELOOP);
    assert_int_equal(walk_to(x, "/loop", WALK_NOFOLLOW, "/loop"), 0);
    assert_int_equal(walk_to(x, "/rel", WALK_NO_SYMLINKS, NULL), -ELOOP);
    for (int i = 0; i < 41; i++) {
        snprintf(name, sizeof(name), "l%d", i);
        snprintf(target, sizeof(target), i ? "l%d" : "a", i - 1);
        assert_int_equal(vfs_symlink(&x->w, NULL, name, target), 0);
    }
    assert_int_equal(walk_to(x, "l39/b", 0, "/a/b"), 0);
    assert_int_equal(walk_to(x, "l40/b", 0, NULL), -ELOOP);
}

static void test_restricted(void **state)
{
    struct world *x = *state;
    struct path a, p;
    assert_int_equal(vfs_symlink(&x->w, NULL, "/a/out", "/a/b"), 0);
    assert_int_equal(vfs_symlink(&x->w, NULL, "/a/in", "/b"), 0);
    assert_int_equal(path_walk(&x->w, NULL, "/a", 0, &a), 0);
    assert_int_equal(path_walk(&x->w, &a, "b/../..", WALK_BENEATH, &p), -EXDEV);
    assert_int_equal(path_walk(&x->w, &a, "/b", WALK_BENEATH, &p), -EXDEV);
    assert_int_equal(path_walk(&x->w, &a, "out", WALK_BENEATH, &p), -EXDEV);
    assert_int_equal(path_walk(&x->w, &a, "b/../b/c", WALK_BENEATH, &p), 0);
    path_put(&p);
    assert_int_equal(path_walk(&x->w, &a, "in/c", WALK_IN_ROOT, &p), 0);
    path_put(&p);
    assert_int_equal(path_walk(&x->w, &a, "../../b", WALK_IN_ROOT, &p), 0);
    path_put(&p);
    assert_int_equal(path_walk(&x->w, &a, "out", WALK_IN_ROOT, &p), -ENOENT);
    path_put(&a);
}

static void test_magic(void **state)
{
    struct world *x = *state;
    struct path c;
    assert_int_equal(path_walk(&x->w, NULL, "/a/b/c", 0, &c), 0);
    struct mem_node *m = mem_new(x->sb, &mem_magic_ops, LX_S_IFLNK | 0777);
    m->magic = c;
    mem_enter(x->sb->root, "magic", &m->node);
    node_put(&m->node);
    assert_int_equal(walk_to(x, "/magic", 0, "/a/b/c"), 0);
    assert_int_equal(walk_to(x, "/magic/file", 0, "/a/b/c/file"), 0);
    assert_int_equal(walk_to(x, "/magic/..", 0, "/a/b"), 0);
    assert_int_equal(walk_to(x, "/magic", WALK_NO_MAGIC, NULL), -ELOOP);
    assert_int_equal(walk_to(x, "/magic", WALK_BENEATH, NULL), -EXDEV);
    path_put(&c);
}

struct names_sink {
    struct dirsink sink;
    char text[256];
};

static bool names_emit(struct dirsink *s, const char *name, size_t len, uint64_t ino unused_,
                       uint32_t type unused_, int64_t next unused_)
{
    struct names_sink *n = container_of(s, struct names_sink, sink);
    strncat(n->text, name, len);
    strcat(n->text, " ");
    return true;
}

static void list_dir(struct world *x, const char *name, const char *expect)
{
    struct names_sink n = {.sink = {.emit = names_emit}};
    struct file *f;
    size_t len;
    assert_int_equal(path_open(&x->w, NULL, name, LX_O_RDONLY | LX_O_DIRECTORY, 0, &f), 0);
    do {
        len = strlen(n.text);
        assert_int_equal(file_readdir(f, &n.sink), 0);
    } while (strlen(n.text) > len);
    file_put(f);
    assert_string_equal(n.text, expect);
}

static void test_mounts(void **state)
{
    struct world *x = *state;
    _cleanup_sb_ struct strbuf text = STRBUF_INIT;
    assert_int_equal(vfs_mount(x->v, memfs_new(true), "/a/m n", MOUNT_F_RDONLY | MOUNT_F_NOSUID,
                               "vol"),
                     0);
    list_dir(x, "/a", "b m n ");
    assert_int_equal(walk_to(x, "/a/m n", 0, "/a/m n"), 0);
    assert_int_equal(walk_to(x, "/a/m n/..", 0, "/a"), 0);
    assert_int_equal(walk_to(x, "/a/m n", WALK_NO_XDEV, NULL), -EXDEV);
    assert_int_equal(vfs_mknod(&x->w, NULL, "/a/m n/x", LX_S_IFDIR | 0755, 0), -EROFS);
    assert_int_equal(vfs_unlink(&x->w, NULL, "/a/m n", true), -EBUSY);
    assert_int_equal(vfs_rename(&x->w, NULL, "/a/m n", NULL, "/a/z", 0), -EBUSY);
    assert_int_equal(vfs_rename(&x->w, NULL, "/a/b", NULL, "/a/m n/b", 0), -EXDEV);
    /* Below a read-only tree mount points exist only in our name space. */
    assert_int_equal(vfs_mount(x->v, memfs_new(true), "/a/m n/deep/er", 0, NULL), 0);
    list_dir(x, "/a/m n", "deep ");
    list_dir(x, "/a/m n/deep", ". .. er ");
    assert_int_equal(walk_to(x, "/a/m n/deep/er/../../..", 0, "/a"), 0);
    assert_int_equal(vfs_mknod(&x->w, NULL, "/a/m n/deep/x", LX_S_IFDIR | 0755, 0), -EROFS);
    make_file(x, "/a/m n/deep/er/file");
    assert_int_equal(walk_to(x, "/a/m n/deep/er/file", 0, "/a/m n/deep/er/file"), 0);
    assert_int_equal(vfs_format_mounts(vfs_first_ns(x->v), &x->w.root, &text), 0);
    assert_string_equal(sb_text(&text), "test / memfs rw,relatime 0 0\n"
                                        "vol /a/m\\040n memfs ro,nosuid,relatime 0 0\n"
                                        "none /a/m\\040n/deep/er memfs rw,relatime 0 0\n");
    /* A change of root hides what is not below it. */
    sb_reset(&text);
    struct path m;
    assert_int_equal(path_walk(&x->w, NULL, "/a/m n/deep", 0, &m), 0);
    assert_int_equal(vfs_format_mounts(vfs_first_ns(x->v), &m, &text), 0);
    assert_string_equal(sb_text(&text), "none /er memfs rw,relatime 0 0\n");
    path_put(&m);
}

static void test_permissions(void **state)
{
    struct world *x = *state;
    struct attr a = {.mode = 0700};
    struct path p;
    assert_int_equal(path_walk(&x->w, NULL, "/a/b", 0, &p), 0);
    as(x, x->user);
    assert_int_equal(walk_to(x, "/a/b/c/file", 0, NULL), 0);
    assert_int_equal(vfs_setattr(&x->w, &p, &a, ATTR_MODE), -EPERM);
    assert_int_equal(vfs_mknod(&x->w, NULL, "/a/new", LX_S_IFDIR | 0755, 0), -EACCES);
    assert_int_equal(vfs_mknod(&x->w, NULL, "/a/b", LX_S_IFDIR | 0755, 0), -EEXIST);
    assert_int_equal(vfs_unlink(&x->w, NULL, "/a/b", true), -EACCES);
    assert_int_equal(vfs_unlink(&x->w, NULL, "/a/none", true), -ENOENT);
    assert_int_equal(open_one(x, "/a/b/c/file", LX_O_RDONLY), 0);
    assert_int_equal(open_one(x, "/a/b/c/file", LX_O_RDWR), -EACCES);
    assert_int_equal(open_one(x, "/a/b/c/file", LX_O_RDONLY | LX_O_TRUNC), -EACCES);
    as(x, x->root);
    assert_int_equal(vfs_setattr(&x->w, &p, &a, ATTR_MODE), 0);
    as(x, x->user);
    assert_int_equal(walk_to(x, "/a/b/c/file", 0, NULL),
                     -EACCES); /* what was remembered is forgotten */
    assert_int_equal(walk_to(x, "/a/b", 0, NULL), 0);
    assert_int_equal(walk_to(x, "/a/b/..", 0, NULL), -EACCES);
    x->user->cap_effective = 1ull << LX_CAP_DAC_READ_SEARCH;
    assert_int_equal(walk_to(x, "/a/b/c/file", 0, NULL), 0);
    assert_int_equal(vfs_mknod(&x->w, NULL, "/a/b/new", LX_S_IFDIR | 0755, 0), -EACCES);
    as(x, x->root);
    path_put(&p);
}

static void test_sticky(void **state)
{
    struct world *x = *state;
    struct attr a = {.mode = 01777, .uid = 1000};
    struct path p;
    make_dir(x, "/tmp");
    make_file(x, "/tmp/roots");
    assert_int_equal(path_walk(&x->w, NULL, "/tmp", 0, &p), 0);
    assert_int_equal(vfs_setattr(&x->w, &p, &a, ATTR_MODE), 0);
    as(x, x->user);
    make_file(x, "/tmp/mine");
    assert_int_equal(vfs_unlink(&x->w, NULL, "/tmp/roots", false), -EPERM);
    assert_int_equal(vfs_rename(&x->w, NULL, "/tmp/mine", NULL, "/tmp/roots", 0), -EPERM);
    assert_int_equal(vfs_rename(&x->w, NULL, "/tmp/mine", NULL, "/tmp/other", 0), 0);
    assert_int_equal(vfs_unlink(&x->w, NULL, "/tmp/other", false), 0);
    as(x, x->root);
    assert_int_equal(vfs_setattr(&x->w, &p, &a, ATTR_UID), 0);
    as(x, x->user);
    assert_int_equal(vfs_unlink(&x->w, NULL, "/tmp/roots", false), 0);
    as(x, x->root);
    path_put(&p);
}

static void test_owner_strips_bits(void **state)
{
    struct world *x = *state;
    struct attr a = {.mode = 06755, .uid = 5};
    struct path p;
    assert_int_equal(path_walk(&x->w, NULL, "/a/b/c/file", 0, &p), 0);
    assert_int_equal(vfs_setattr(&x->w, &p, &a, ATTR_MODE), 0);
    assert_int_equal(vfs_setattr(&x->w, &p, &a, ATTR_UID), 0);
    assert_int_equal(path_getattr(&p, &a), 0);
    assert_int_equal(a.mode, LX_S_IFREG | 0755);
    assert_int_equal(a.uid, 5);
    path_put(&p);
}

static void test_open(void **state)
{
    struct world *x = *state;
    struct file *f;
    assert_int_equal(open_one(x, "/new", LX_O_RDWR), -ENOENT);
    assert_int_equal(open_one(x, "/new/", LX_O_RDWR | LX_O_CREAT), -EISDIR);
    assert_int_equal(open_one(x, "/new", LX_O_RDWR | LX_O_CREAT | LX_O_EXCL), 0);
    assert_int_equal(open_one(x, "/new", LX_O_RDWR | LX_O_CREAT | LX_O_EXCL), -EEXIST);
    assert_int_equal(open_one(x, "/new", LX_O_RDWR | LX_O_CREAT), 0);
    assert_int_equal(open_one(x, "/new", LX_O_DIRECTORY), -ENOTDIR);
    assert_int_equal(open_one(x, "/a", LX_O_RDWR), -EISDIR);
    assert_int_equal(open_one(x, "/a", LX_O_CREAT), -EISDIR);
    assert_int_equal(open_one(x, "/", LX_O_CREAT | LX_O_WRONLY), -EISDIR);
    assert_int_equal(vfs_symlink(&x->w, NULL, "/dangling", "a/made"), 0);
    assert_int_equal(open_one(x, "/dangling", LX_O_RDONLY), -ENOENT);
    assert_int_equal(open_one(x, "/dangling", LX_O_NOFOLLOW), -ELOOP);
    assert_int_equal(open_one(x, "/dangling", LX_O_CREAT | LX_O_NOFOLLOW), -ELOOP);
    assert_int_equal(open_one(x, "/dangling", LX_O_CREAT | LX_O_EXCL), -EEXIST);
    assert_int_equal(open_one(x, "/dangling", LX_O_CREAT), 0);
    assert_int_equal(walk_to(x, "/a/made", 0, "/a/made"), 0);
    assert_int_equal(path_open(&x->w, NULL, "/dangling", LX_O_PATH | LX_O_NOFOLLOW, 0, &f), 0);
    assert_int_equal(path_node(&f->path)->type, LX_S_IFLNK);
    file_put(f);
    assert_int_equal(open_one(x, "/a", LX_O_TMPFILE), -EINVAL);
    assert_int_equal(open_one(x, "/a", LX_O_TMPFILE | LX_O_RDWR), -EOPNOTSUPP);
}

static void test_removal(void **state)
{
    struct world *x = *state;
    char text[GUEST_PATH_MAX];
    struct path c;
    assert_int_equal(path_walk(&x->w, NULL, "/a/b/c", 0, &c), 0);
    assert_int_equal(vfs_unlink(&x->w, NULL, "/a/b/c", true), -ENOTEMPTY);
    assert_int_equal(vfs_unlink(&x->w, NULL, "/a/b/c", false), -EISDIR);
    assert_int_equal(vfs_unlink(&x->w, NULL, "/a/b/c/file", true), -ENOTDIR);
    assert_int_equal(vfs_unlink(&x->w, NULL, "/a/b/c/file/", false), -ENOTDIR);
    assert_int_equal(vfs_unlink(&x->w, NULL, "/a/b/c/.", true), -EINVAL);
    assert_int_equal(vfs_unlink(&x->w, NULL, "/a/b/c/..", true), -ENOTEMPTY);
    assert_int_equal(vfs_unlink(&x->w, NULL, "/", true), -EBUSY);
    assert_int_equal(vfs_unlink(&x->w, NULL, "/a/b/c/file", false), 0);
    assert_int_equal(vfs_unlink(&x->w, NULL, "/a/b/c/", true), 0);
    assert_int_equal(walk_to(x, "/a/b/c", 0, NULL), -ENOENT);
    assert_true(path_text(&c, &x->w.root, text, sizeof(text)) > 0);
    assert_string_equal(text, "/a/b/c (deleted)");
    struct path at = c;
    assert_int_equal(vfs_mknod(&x->w, &at, "x", LX_S_IFDIR | 0755, 0), -ENOENT);
    path_put(&c);
}

static void test_rename(void **state)
{
    struct world *x = *state;
    char text[GUEST_PATH_MAX];
    struct path c;
    assert_int_equal(path_walk(&x->w, NULL, "/a/b/c", 0, &c), 0);
    assert_int_equal(vfs_rename(&x->w, NULL, "/a", NULL, "/a/b/c/a", 0), -EINVAL);
    assert_int_equal(vfs_rename(&x->w, NULL, "/a/b/c", NULL, "/a", 0), -ENOTEMPTY);
    /* Above the source comes before what the target is. */
    assert_int_equal(vfs_rename(&x->w, NULL, "/a/b/c/file", NULL, "/a/b", 0), -ENOTEMPTY);
    make_file(x, "/plain");
    assert_int_equal(vfs_rename(&x->w, NULL, "/plain", NULL, "/a/b", 0), -EISDIR);
    assert_int_equal(vfs_rename(&x->w, NULL, "/a/b", NULL, "/a/b/c/file", 0), -EINVAL);
    assert_int_equal(vfs_rename(&x->w, NULL, "/a/b", NULL, "/plain", 0), -ENOTDIR);
    assert_int_equal(vfs_rename(&x->w, NULL, "/a/.", NULL, "/z", 0), -EBUSY);
    assert_int_equal(vfs_rename(&x->w, NULL, "/a/b", NULL, "/moved", 0), 0);
    assert_int_equal(walk_to(x, "/a/b", 0, NULL), -ENOENT);
    assert_int_equal(walk_to(x, "/moved/c/file", 0, "/moved/c/file"), 0);
    assert_true(path_text(&c, &x->w.root, text, sizeof(text)) > 0);
    assert_string_equal(text, "/moved/c");
    make_file(x, "/other");
    assert_int_equal(vfs_rename(&x->w, NULL, "/other", NULL, "/moved/c/file", LX_RENAME_NOREPLACE),
                     -EEXIST);
    assert_int_equal(vfs_rename(&x->w, NULL, "/other", NULL, "/moved", LX_RENAME_EXCHANGE), 0);
    assert_int_equal(walk_to(x, "/other/c/file", 0, "/other/c/file"), 0);
    assert_int_equal(walk_to(x, "/moved", WALK_DIRECTORY, NULL), -ENOTDIR);
    assert_int_equal(vfs_rename(&x->w, NULL, "/moved", NULL, "/other/c/file", 0), 0);
    assert_int_equal(walk_to(x, "/moved", 0, NULL), -ENOENT);
    assert_int_equal(vfs_rename(&x->w, NULL, "/other/c/file", NULL, "/none/", 0), -ENOTDIR);
    path_put(&c);
}

static void test_links(void **state)
{
    struct world *x = *state;
    struct path f, d;
    assert_int_equal(path_walk(&x->w, NULL, "/a/b/c/file", 0, &f), 0);
    assert_int_equal(path_walk(&x->w, NULL, "/a", 0, &d), 0);
    assert_int_equal(vfs_link(&x->w, &f, NULL, "/a/b"), -EEXIST);
    assert_int_equal(vfs_link(&x->w, &d, NULL, "/d"), -EPERM);
    assert_int_equal(vfs_link(&x->w, &f, NULL, "/d/"), -ENOENT);
    assert_int_equal(vfs_link(&x->w, &f, NULL, "/hard"), 0);
    assert_int_equal(walk_to(x, "/hard", 0, "/hard"), 0);
    path_put(&f);
    path_put(&d);
}

#define ON(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON(test_components),
        ON(test_long_names),
        ON(test_cache),
        ON(test_symlinks),
        ON(test_restricted),
        ON(test_magic),
        ON(test_mounts),
        ON(test_permissions),
        ON(test_sticky),
        ON(test_owner_strips_bits),
        ON(test_open),
        ON(test_removal),
        ON(test_rename),
        ON(test_links),
        cmocka_unit_test_setup_teardown(test_shared, setup_shared, teardown),
        cmocka_unit_test_setup_teardown(test_components, setup_shared, teardown),
        cmocka_unit_test_setup_teardown(test_symlinks, setup_shared, teardown),
        cmocka_unit_test_setup_teardown(test_rename, setup_shared, teardown),
        cmocka_unit_test_setup_teardown(test_removal, setup_shared, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
