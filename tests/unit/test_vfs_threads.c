/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many threads change and walk the same few names. There is little to assert but the end state:
 * what counts is what the sanitizers and the lock ranks say.
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
#include "memfs.h"

#define THREADS 4
#define ROUNDS  20000

struct world {
    struct vfs *v;
    struct cred *root;
};

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

/* Two levels of directories, a shared mount below, and names that are files, links or nothing. */
static void pick(struct worker *k, char dst[static 64])
{
    static const char *const tops[] = {"",       "/d0", "/d1",   "/d0/d2",
                                       "/d1/d2", "/m",  "/m/d0", "/link/d2"};
    static const char *const leaves[] = {"d0", "d1", "d2", "f0", "f1", "link", "..", "."};
    snprintf(dst, 64, "%s/%s", tops[next(k) % ARRAY_LEN(tops)],
             leaves[next(k) % ARRAY_LEN(leaves)]);
}

static int walk_and_print(const struct walkctx *w, const char *name)
{
    char text[GUEST_PATH_MAX];
    struct path p;
    int r = path_walk(w, NULL, name, 0, &p);
    if (r < 0)
        return r;
    ssize_t n = path_text(&p, &w->root, text, sizeof(text));
    path_put(&p);
    return n > 0 && text[0] == '/' ? 0 : -EIO;
}

static int one(struct worker *k, const struct walkctx *w)
{
    char a[64], b[64];
    struct file *f;
    int r;
    pick(k, a);
    pick(k, b);
    switch (next(k) % 10) {
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
        r = path_open(w, NULL, a, LX_O_CREAT | LX_O_RDWR, 0644, &f);
        if (r == 0)
            file_put(f);
        return r;
    default:
        return walk_and_print(w, a);
    }
}

static bool explained(int r)
{
    static const int usual[] = {0,         EEXIST, ENOENT, ENOTDIR, EISDIR,
                                ENOTEMPTY, EBUSY,  EINVAL, EXDEV,   ELOOP};
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

static void run(bool exclusive)
{
    struct world x = {0};
    struct worker k[THREADS] = {0};
    struct super *sb = memfs_new(exclusive);
    sb->max_dentries = 12;
    x.root = cred_alloc(0);
    x.root->cap_effective = UINT64_MAX;
    assert_int_equal(vfs_new(&x.v), 0);
    assert_int_equal(vfs_mount(x.v, sb, "/", 0, NULL), 0);
    assert_int_equal(vfs_mount(x.v, memfs_new(!exclusive), "/m", 0, NULL), 0);
    for (uint32_t i = 0; i < THREADS; i++) {
        k[i].x = &x;
        k[i].random = i + 1;
        assert_int_equal(pthread_create(&k[i].id, NULL, work, &k[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(k[i].id, NULL);
        assert_int_equal(k[i].strange, 0);
    }
    vfs_free(x.v);
    cred_put(x.root);
}

static void test_exclusive(void **state unused_)
{
    run(true);
}

static void test_shared(void **state unused_)
{
    run(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_exclusive),
                                       cmocka_unit_test(test_shared)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
