/* SPDX-License-Identifier: Apache-2.0 */
/* The mount table: that what leaves it is freed, and that walks may go on meanwhile. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/mount.h"
#include "kernel/vfs/mount_table.h"
#include "kernel/vfs/names.h"
#include "memfs.h"
#include "rpc/spec.h"

#define WALKERS 3
#define ROUNDS  3000

struct world {
    struct vfs *v;
    struct mount_ns *ns;
    struct cred *root;
    struct walkctx w;
    size_t at_first; /* mounts */
    _Atomic bool end;
};

static int setup(void **state)
{
    static const char *const dirs[] = {"/a", "/a/b", "/a/b/c", "/m", "/n", "/t"};
    struct world *x = calloc(1, sizeof(*x));
    x->root = cred_alloc(0);
    x->root->cap_effective = UINT64_MAX;
    assert_int_equal(vfs_new(&x->v), 0);
    assert_int_equal(vfs_mount(x->v, memfs_new(true), "/", 0, "test"), 0);
    assert_int_equal(walkctx_init_root(&x->w, x->v, x->root), 0);
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
        assert_int_equal(vfs_mknod(&x->w, NULL, dirs[i], LX_S_IFDIR | 0755, 0), 0);
    x->ns = vfs_first_ns(x->v);
    x->at_first = x->v->n_mounts;
    *state = x;
    return 0;
}

static int teardown(void **state)
{
    struct world *x = *state;
    assert_int_equal(x->v->n_mounts, x->at_first);
    walkctx_done(&x->w);
    vfs_free(x->v);
    cred_put(x->root);
    free(x);
    return 0;
}

static struct path at(struct world *x, const char *name)
{
    struct path p;
    assert_int_equal(path_walk(&x->w, NULL, name, 0, &p), 0);
    return p;
}

static int bind(struct world *x, const char *from, const char *to, bool recursive)
{
    struct path f = at(x, from), t = at(x, to);
    int r = mount_bind(x->ns, &f, &t, recursive);
    path_put(&f);
    path_put(&t);
    return r;
}

static int unmount(struct world *x, const char *name, uint32_t flags)
{
    struct path p = at(x, name);
    return mount_umount(x->ns, &p, flags);
}

static void test_counts(void **state)
{
    struct world *x = *state;
    assert_int_equal(bind(x, "/a", "/m", false), 0);
    assert_int_equal(x->v->n_mounts, x->at_first + 1);
    struct path p = at(x, "/m/b");
    assert_int_equal(unmount(x, "/m", 0), -EBUSY);
    assert_int_equal(unmount(x, "/m", LX_MNT_DETACH), 0);
    assert_int_equal(x->v->n_mounts, x->at_first + 1);
    path_put(&p);
    assert_int_equal(x->v->n_mounts, x->at_first);
}

static void test_a_super_goes_with_its_last_mount(void **state)
{
    struct world *x = *state;
    struct path t = at(x, "/t"), n = at(x, "/n");
    assert_int_equal(mount_new(x->ns, memfs_new(true), 0, "mem", &t), 0);
    path_put(&t);
    assert_int_equal(vfs_mknod(&x->w, NULL, "/t/d", LX_S_IFDIR | 0755, 0), 0);
    assert_int_equal(bind(x, "/t/d", "/n", false), 0);
    path_put(&n);
    assert_int_equal(unmount(x, "/t", 0), 0);
    assert_int_equal(vfs_mknod(&x->w, NULL, "/n/e", LX_S_IFDIR | 0755, 0), 0);
    assert_int_equal(unmount(x, "/n", 0), 0);
}

static void test_a_tree_that_is_detached_takes_none_along(void **state)
{
    struct world *x = *state;
    assert_int_equal(bind(x, "/a", "/m", false), 0);
    assert_int_equal(bind(x, "/n", "/m/b", false), 0);
    struct path p = at(x, "/m");
    assert_int_equal(unmount(x, "/m", LX_MNT_DETACH), 0);
    assert_int_equal(x->v->n_mounts, x->at_first + 1); /* the one that is held */
    path_put(&p);
}

static void test_a_clone_that_is_never_hung(void **state)
{
    struct world *x = *state;
    assert_int_equal(bind(x, "/n", "/a/b", false), 0);
    struct path p = at(x, "/a"), copy;
    assert_int_equal(mount_clone(x->ns, &p, true, &copy), 0);
    assert_int_equal(x->v->n_mounts, x->at_first + 3);
    path_put(&copy);
    path_put(&p);
    assert_int_equal(unmount(x, "/a/b", 0), 0);
}

static void test_name_spaces(void **state)
{
    struct world *x = *state;
    struct mount_ns *copy;
    struct path root = x->w.root, cwd = x->w.cwd;
    path_get(&root);
    path_get(&cwd);
    assert_int_equal(bind(x, "/a", "/m", false), 0);
    assert_int_equal(mount_ns_copy(x->ns, &root, &cwd, &copy), 0);
    assert_int_equal(unmount(x, "/m", 0), 0);
    struct walkctx w = x->w;
    w.root = root;
    w.cwd = cwd;
    struct path p;
    assert_int_equal(path_walk(&w, NULL, "/m/b", 0, &p), 0);
    path_put(&p);
    path_put(&root);
    path_put(&cwd);
    mount_ns_put(copy);
}

static void test_too_many(void **state)
{
    struct world *x = *state;
    int r = 0;
    while (r == 0) /* each doubles the tree */
        r = bind(x, "/", "/m", true);
    assert_int_equal(r, -ENOSPC);
    assert_true(x->v->n_mounts <= MOUNTS_MAX);
    assert_int_equal(unmount(x, "/m", LX_MNT_DETACH), 0);
    while (x->v->n_mounts > x->at_first)
        assert_int_equal(unmount(x, "/m", LX_MNT_DETACH), 0);
}

static void *walker(void *arg)
{
    static const char *const names[] = {"/m/b/c/../..", "/m/..", "/n/m/b", "/t/b/c",
                                        "/a/b/../../m/b"};
    struct world *x = arg;
    char text[GUEST_PATH_MAX];
    for (size_t i = 0; !atomic_load(&x->end); i++) {
        struct path p;
        if (path_walk(&x->w, NULL, names[i % ARRAY_LEN(names)], 0, &p) < 0)
            continue;
        (void) !path_text(&p, &x->w.root, text, sizeof(text));
        path_put(&p);
    }
    return NULL;
}

static void one_change(struct world *x, int i)
{
    struct path p, q;
    if (path_walk(&x->w, NULL, i % 2 ? "/m" : "/n", 0, &p) < 0)
        return;
    if (path_walk(&x->w, NULL, i % 3 ? "/t" : "/a", 0, &q) < 0) {
        path_put(&p);
        return;
    }
    switch (i % 6) {
    case 0:
        (void) !mount_bind(x->ns, &q, &p, false);
        break;
    case 1:
        (void) !mount_bind(x->ns, &q, &p, true);
        break;
    case 2:
        (void) !mount_move(x->ns, &p, &q);
        break;
    case 3:
        path_put(&q);
        q = p;
        path_get(&q);
        (void) !mount_umount(x->ns, &q, LX_MNT_DETACH);
        break;
    case 4:
        (void) !mount_set_propagation(x->ns, &p, i % 4 ? LX_MS_SHARED : LX_MS_SLAVE, true);
        break;
    default:
        (void) !mount_set_flags(x->ns, &p, MOUNT_F_RDONLY, MOUNT_F_NODEV, true);
    }
    path_put(&p);
    path_put(&q);
}

static void copy_namespace(struct world *x)
{
    struct path root = x->w.root, cwd = x->w.cwd;
    struct mount_ns *copy;
    path_get(&root);
    path_get(&cwd);
    int r = mount_ns_copy(x->ns, &root, &cwd, &copy);
    path_put(&root);
    path_put(&cwd);
    if (r == 0)
        mount_ns_put(copy);
}

static void test_walks_meanwhile(void **state)
{
    static const char *const tops[] = {"/m", "/n", "/t", "/a"};
    struct world *x = *state;
    pthread_t ids[WALKERS];
    for (int i = 0; i < WALKERS; i++)
        assert_int_equal(pthread_create(&ids[i], NULL, walker, x), 0);
    for (int i = 0; i < ROUNDS; i++) {
        one_change(x, i);
        if (i % 50 == 0)
            copy_namespace(x);
        for (size_t k = 0; i % 20 == 0 && k < ARRAY_LEN(tops); k++)
            while (unmount(x, tops[k], LX_MNT_DETACH) == 0)
                ;
    }
    for (size_t k = 0; k < ARRAY_LEN(tops); k++)
        while (unmount(x, tops[k], LX_MNT_DETACH) == 0)
            ;
    atomic_store(&x->end, true);
    for (int i = 0; i < WALKERS; i++)
        pthread_join(ids[i], NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_super_goes_with_its_last_mount, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_tree_that_is_detached_takes_none_along, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_clone_that_is_never_hung, setup, teardown),
        cmocka_unit_test_setup_teardown(test_name_spaces, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_many, setup, teardown),
        cmocka_unit_test_setup_teardown(test_walks_meanwhile, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
