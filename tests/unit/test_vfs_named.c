/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes that are known by name only, trust, and runs of names, over a file system that behaves as
 * hostfs does and has a host. The threads assert little but the contract of node.h: what counts is
 * also what the sanitizers and the lock ranks say.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "abi/linux/fcntl.h"
#include "kernel/vfs/mount.h"
#include "kernel/vfs/names.h"
#include "namedfs.h"

#define THREADS 4
#define ROUNDS  10000
#define LONG_NS 3600000000000u

struct world {
    struct vfs *v;
    struct named_super *ns;
    struct cred *root, *user;
    struct walkctx w;
};

static struct world new_world(bool exclusive, uint64_t trust_ns)
{
    struct world x = {0};
    struct super *sb = namedfs_new(exclusive, trust_ns);
    x.ns = named_super(sb);
    x.root = cred_alloc(0);
    x.root->cap_effective = UINT64_MAX;
    x.user = cred_alloc(0);
    x.user->fsuid = x.user->fsgid = 1000;
    assert_int_equal(vfs_new(&x.v), 0);
    assert_int_equal(vfs_mount(x.v, sb, "/", 0, NULL), 0);
    assert_int_equal(walkctx_init_root(&x.w, x.v, x.root), 0);
    return x;
}

static void end_world(struct world *x)
{
    assert_int_equal(x->ns->broken, 0);
    walkctx_done(&x->w);
    vfs_free(x->v);
    cred_put(x->root);
    cred_put(x->user);
}

static void make(struct world *x, const char *name, uint32_t mode)
{
    assert_int_equal(vfs_mknod(&x->w, NULL, name, mode, 0), 0);
}

static unsigned asked(struct world *x)
{
    return atomic_exchange(&x->ns->asked, 0);
}

static uint64_t ino(struct world *x, const char *name)
{
    struct place p;
    return path_stat(&x->w, NULL, name, 0, &p) == 0 ? p.attr.ino : 0;
}

static struct node *store_root(struct world *x)
{
    return named(x->ns->sb.root)->object;
}

static void test_stat(void **state unused_)
{
    struct world x = new_world(true, 0);
    struct place p;
    make(&x, "/d", LX_S_IFDIR | 0755);
    make(&x, "/d/f", LX_S_IFREG | 0644);
    assert_int_equal(vfs_symlink(&x.w, NULL, "/d/l", "f"), 0);
    assert_int_equal(vfs_symlink(&x.w, NULL, "/d/up", "/d"), 0);
    assert_int_equal(path_stat(&x.w, NULL, "/d/f", 0, &p), 0);
    assert_int_equal(p.attr.mode, LX_S_IFREG | 0644);
    assert_int_equal(ino(&x, "/d/l"), p.attr.ino);
    assert_int_equal(ino(&x, "/d/up/l"), p.attr.ino);
    assert_int_equal(path_stat(&x.w, NULL, "/d/l", WALK_NOFOLLOW, &p), 0);
    assert_int_equal(p.attr.mode & LX_S_IFMT, LX_S_IFLNK);
    assert_int_equal(path_stat(&x.w, NULL, "/d/l/", WALK_NOFOLLOW, &p), -ENOTDIR);
    assert_int_equal(path_stat(&x.w, NULL, "/d/up/", WALK_NOFOLLOW, &p), 0);
    assert_int_equal(p.attr.ino, ino(&x, "/d"));
    assert_int_equal(path_stat(&x.w, NULL, "/d/f/", 0, &p), -ENOTDIR);
    assert_int_equal(path_stat(&x.w, NULL, "/d/f/x", 0, &p), -ENOTDIR);
    assert_int_equal(path_stat(&x.w, NULL, "/d/none", 0, &p), -ENOENT);
    asked(&x);
    assert_int_equal(path_stat(&x.w, NULL, "/d/none", 0, &p), -ENOENT);
    assert_int_equal(asked(&x), 0); /* nobody else can have made it */
    assert_int_equal(path_access(&x.w, NULL, "/d/f", 0, MAY_EXEC), -EACCES);
    assert_int_equal(path_access(&x.w, NULL, "/d/f", 0, MAY_READ | MAY_WRITE), 0);
    x.w.cred = x.user;
    assert_int_equal(path_access(&x.w, NULL, "/d/l", 0, MAY_WRITE), -EACCES);
    assert_int_equal(path_access(&x.w, NULL, "/d/l", 0, MAY_READ), 0);
    x.w.cred = x.root;
    end_world(&x);
}

/* A file that was opened by name stays within reach of those who have its path. */
static void test_held(void **state unused_)
{
    struct world x = new_world(true, 0);
    struct file *f, *g;
    struct attr a;
    struct path p;
    make(&x, "/f", LX_S_IFREG | 0644);
    assert_int_equal(path_open(&x.w, NULL, "/f", LX_O_RDONLY, 0, &f), 0);
    uint64_t was = ino(&x, "/f");
    p = f->path;
    path_get(&p);
    assert_int_equal(vfs_rename(&x.w, NULL, "/f", NULL, "/g", 0), 0);
    make(&x, "/f", LX_S_IFREG | 0600);
    assert_int_equal(path_open_at(&x.w, &p, LX_O_RDONLY, &g), 0);
    file_put(g);
    file_put(f);
    assert_int_equal(vfs_unlink(&x.w, NULL, "/g", false), 0);
    assert_int_equal(path_getattr(&p, &a), 0);
    assert_int_equal(a.ino, was);
    path_put(&p);
    x.w.cred = x.user; /* the file is opened before its mode is known, but nobody gets it */
    assert_int_equal(path_open(&x.w, NULL, "/f", LX_O_RDONLY, 0, &f), -EACCES);
    x.w.cred = x.root;
    end_world(&x);
}

/* The long time stands for the one that would pass; what is heard from outside ends it. */
static void test_trust(void **state unused_)
{
    struct world x = new_world(false, LONG_NS);
    struct file *f;
    make(&x, "/d", LX_S_IFDIR | 0755);
    make(&x, "/d/f", LX_S_IFREG | 0644);
    assert_int_equal(path_open(&x.w, NULL, "/d/f", LX_O_RDONLY, 0, &f), 0);
    file_put(f);
    uint64_t was = ino(&x, "/d/f");
    asked(&x);
    assert_int_equal(ino(&x, "/d/f"), was);
    assert_int_equal(asked(&x), 1); /* the file itself is always asked for */
    outside_move(x.ns, store_root(&x), "d", "e");
    assert_int_equal(ino(&x, "/d/f"), was); /* for a while */
    assert_int_equal(ino(&x, "/e/f"), was); /* names that were missing are looked for */
    atomic_store(&x.ns->heard, coarse_now_ns());
    assert_int_equal(ino(&x, "/d/f"), 0);
    assert_int_equal(ino(&x, "/e/f"), was);
    end_world(&x);
}

static void test_runs(void **state unused_)
{
    struct world x = new_world(false, 0);
    make(&x, "/a", LX_S_IFDIR | 0755);
    make(&x, "/a/b", LX_S_IFDIR | 0755);
    make(&x, "/a/b/c", LX_S_IFDIR | 0755);
    make(&x, "/a/b/c/f", LX_S_IFREG | 0644);
    uint64_t was = ino(&x, "/a/b/c/f");
    asked(&x);
    assert_int_equal(ino(&x, "/a/b/c/f"), was);
    assert_int_equal(ino(&x, "//a/b//c/f"), was);
    assert_int_equal(asked(&x), 4); /* the run, and the file */
    assert_int_equal(ino(&x, "/a/b/../b/c/f"), was);
    outside_move(x.ns, store_root(&x), "a", "z");
    assert_int_equal(ino(&x, "/a/b/c/f"), 0);
    assert_int_equal(ino(&x, "/z/b/c/f"), was);
    outside_move(x.ns, store_root(&x), "z", "a");
    assert_int_equal(ino(&x, "/a/b/c/f"), was);
    assert_int_equal(vfs_mount(x.v, memfs_new(true), "/a/b", 0, NULL), 0);
    assert_int_equal(ino(&x, "/a/b/c/f"), 0); /* covered */
    end_world(&x);
}

/* ---- many at once ---- */

struct worker {
    pthread_t id;
    struct world *x;
    uint32_t random;
    unsigned strange; /* results nothing explains */
};

static uint32_t next(struct worker *k)
{
    k->random = k->random * 1664525u + 1013904223u;
    return k->random >> 16;
}

static void pick(struct worker *k, char dst[static 64])
{
    static const char *const tops[] = {"", "/d0", "/d1", "/d0/d2", "/d1/d2", "/d0/d2/d3", "/link"};
    static const char *const leaves[] = {"d0", "d2", "d3", "f0", "f1", "f2", "link", ".."};
    snprintf(dst, 64, "%s/%s", tops[next(k) % ARRAY_LEN(tops)],
             leaves[next(k) % ARRAY_LEN(leaves)]);
}

/* As /proc/PID/fd/N does: the path outlives the file it was taken from. */
static int open_and_keep(const struct walkctx *w, const char *name, uint32_t flags)
{
    struct file *f;
    struct attr a;
    int r = path_open(w, NULL, name, flags, 0644, &f);
    if (r < 0)
        return r;
    struct path p = f->path;
    path_get(&p);
    file_put(f);
    r = path_getattr(&p, &a);
    path_put(&p);
    return r;
}

static int one(struct worker *k, const struct walkctx *w)
{
    char a[64], b[64];
    struct place place;
    struct path p;
    struct attr attr;
    struct file *f;
    int r;
    pick(k, a);
    pick(k, b);
    switch (next(k) % 14) {
    case 0:
        return vfs_mknod(w, NULL, a, LX_S_IFDIR | 0755, 0);
    case 1:
        return vfs_rename(w, NULL, a, NULL, b, 0);
    case 2:
        return vfs_rename(w, NULL, a, NULL, b, LX_RENAME_EXCHANGE);
    case 3:
        return vfs_unlink(w, NULL, a, false);
    case 4:
        return vfs_unlink(w, NULL, a, true);
    case 5:
        return vfs_symlink(w, NULL, a, next(k) % 2 ? "/d0" : "../d1");
    case 6:
    case 7:
        r = path_open(w, NULL, a, LX_O_CREAT | (next(k) % 4 ? LX_O_RDWR : LX_O_EXCL), 0644, &f);
        if (r == 0)
            file_put(f);
        return r;
    case 8:
        return open_and_keep(w, a, LX_O_RDONLY);
    case 9:
        return open_and_keep(w, a, LX_O_RDWR);
    case 10:
        return path_access(w, NULL, a, 0, MAY_READ);
    case 11:
        r = path_walk(w, NULL, a, WALK_NOFOLLOW, &p);
        if (r == 0) {
            r = path_getattr(&p, &attr);
            path_put(&p);
        }
        return r;
    case 12:
        atomic_store(&k->x->ns->heard, coarse_now_ns());
        return 0;
    default:
        return path_stat(w, NULL, a, next(k) % 2 ? 0 : WALK_NOFOLLOW, &place);
    }
}

static bool explained(int r)
{
    static const int usual[] = {0,         EEXIST, ENOENT, ENOTDIR, EISDIR,
                                ENOTEMPTY, EBUSY,  EINVAL, ELOOP};
    for (size_t i = 0; i < ARRAY_LEN(usual); i++)
        if (r == -usual[i])
            return true;
    return false;
}

static void *work(void *arg)
{
    struct worker *k = arg;
    struct walkctx w;
    if (walkctx_init_root(&w, k->x->v, k->x->root) < 0)
        return NULL;
    for (int i = 0; i < ROUNDS; i++)
        if (!explained(one(k, &w)))
            k->strange++;
    walkctx_done(&w);
    return NULL;
}

static void *outside(void *arg)
{
    static const char *const names[] = {"f0", "f1", "f2", "link", "d3"};
    struct worker *k = arg;
    for (int i = 0; i < ROUNDS; i++)
        outside_move(k->x->ns, store_root(k->x), names[next(k) % ARRAY_LEN(names)],
                     names[next(k) % 3]);
    return NULL;
}

static void storm(bool exclusive, uint64_t trust_ns)
{
    struct world x = new_world(exclusive, trust_ns);
    struct worker k[THREADS + 1] = {0};
    unsigned n = exclusive ? THREADS : THREADS + 1;
    x.ns->sb.max_dentries = 12;
    for (uint32_t i = 0; i < n; i++) {
        k[i].x = &x;
        k[i].random = i + 1;
        assert_int_equal(pthread_create(&k[i].id, NULL, i < THREADS ? work : outside, &k[i]), 0);
    }
    for (unsigned i = 0; i < n; i++) {
        pthread_join(k[i].id, NULL);
        assert_int_equal(k[i].strange, 0);
    }
    end_world(&x);
}

static void test_storm_exclusive(void **state unused_)
{
    storm(true, 0);
}

static void test_storm_shared(void **state unused_)
{
    storm(false, 0);
}

static void test_storm_trusted(void **state unused_)
{
    storm(false, 2000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stat),
        cmocka_unit_test(test_held),
        cmocka_unit_test(test_trust),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_storm_exclusive),
        cmocka_unit_test(test_storm_shared),
        cmocka_unit_test(test_storm_trusted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
