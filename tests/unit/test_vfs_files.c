/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptor tables, file locks, and reading and writing through open files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "abi/linux/fcntl.h"
#include "kernel/kernel.h"
#include "kernel/task/task.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/locks.h"
#include "kernel/vfs/mount.h"
#include "memfs.h"

/* Two processes that never run: what the locks ask for is here. */
struct process {
    struct kernel k;
    struct tgroup tg;
    struct task t;
};

struct world {
    struct vfs *v;
    struct cred *root;
    struct walkctx w;
    struct process a, b;
};

static void process_init(struct process *p, int pid)
{
    p->tg.tgid = pid;
    p->t.k = &p->k;
    p->t.tg = &p->tg;
    p->t.files = fdtable_new();
}

static int setup(void **state)
{
    struct world *x = calloc(1, sizeof(*x));
    x->root = cred_alloc(0);
    x->root->cap_effective = UINT64_MAX;
    assert_int_equal(vfs_new(&x->v), 0);
    assert_int_equal(vfs_mount(x->v, memfs_new(true), "/", 0, NULL), 0);
    assert_int_equal(walkctx_init_root(&x->w, x->v, x->root), 0);
    process_init(&x->a, 10);
    process_init(&x->b, 20);
    *state = x;
    return 0;
}

static int teardown(void **state)
{
    struct world *x = *state;
    fdtable_put(x->a.t.files, NULL);
    fdtable_put(x->b.t.files, NULL);
    walkctx_done(&x->w);
    vfs_free(x->v);
    cred_put(x->root);
    free(x);
    return 0;
}

static struct file *open_file(struct world *x, uint32_t flags)
{
    struct file *f;
    assert_int_equal(path_open(&x->w, NULL, "/file", flags | LX_O_CREAT, 0644, &f), 0);
    return f;
}

/* Opens into p's table; the reference is the table's. */
static struct file *open_in(struct world *x, struct process *p, uint32_t flags, int *ret_fd)
{
    struct file *f = open_file(x, flags);
    *ret_fd = fd_install(p->t.files, f, 0, 100, false);
    assert_true(*ret_fd >= 0);
    return f;
}

static void test_table(void **state)
{
    struct world *x = *state;
    struct fdtable *ft = x->a.t.files, *copy;
    struct file *f = open_file(x, LX_O_RDWR), *got, *place;
    assert_int_equal(fd_lookup(ft, 0, &got), -EBADF);
    assert_int_equal(fd_lookup(ft, -1, &got), -EBADF);
    assert_int_equal(fd_lookup(ft, 1 << 30, &got), -EBADF);
    assert_int_equal(fd_install(ft, file_get(f), 0, 3, false), 0);
    assert_int_equal(fd_install(ft, file_get(f), 0, 3, true), 1);
    assert_int_equal(fd_install(ft, file_get(f), 0, 3, false), 2);
    assert_int_equal(fd_install(ft, file_get(f), 0, 3, false), -EMFILE);
    assert_int_equal(fd_install(ft, file_get(f), 3, 3, false), -EINVAL);
    assert_int_equal(fd_install(ft, file_get(f), 500, 1000, false), 500);
    assert_int_equal(fd_install_at(ft, file_get(f), 1000, 1000, false, NULL), -EBADF);
    assert_int_equal(fd_install_at(ft, file_get(f), 7, 1000, true, NULL), 7);
    assert_int_equal(fd_install_at(ft, file_get(f), 7, 1000, false, NULL), 7);
    assert_int_equal(fd_get_cloexec(ft, 7), 0);
    assert_int_equal(fd_get_cloexec(ft, 1), 1);
    assert_int_equal(fd_get_cloexec(ft, 8), -EBADF);
    assert_int_equal(fd_close(ft, 0, NULL), 0);
    assert_int_equal(fd_close(ft, 0, NULL), -EBADF);
    copy = fdtable_copy(ft);
    assert_int_equal(fd_install(copy, file_get(f), 0, 1000, false), 0);
    assert_int_equal(fd_install(ft, file_get(f), 0, 1000, false), 0);
    assert_int_equal(fd_install(ft, file_get(f), 0, 1000, false), 3);
    fdtable_close_on_exec(ft, NULL);
    assert_int_equal(fd_next(ft, 1), 2);
    assert_int_equal(fd_next(ft, 8), 500);
    assert_int_equal(fd_next(ft, 501), -1);
    fdtable_put(copy, NULL);
    assert_int_equal(path_open(&x->w, NULL, "/", LX_O_PATH, 0, &place), 0);
    assert_int_equal(fd_install(ft, place, 0, 1000, false), 1);
    assert_int_equal(fd_lookup(ft, 1, &got), -EBADF);
    assert_int_equal(fd_lookup_any(ft, 1, &got), 0);
    file_put(got);
    file_put(f);
}

static long lock(struct process *p, struct file *f, int type, int64_t start, int64_t len)
{
    struct lx_flock fl = {.type = (int16_t) type, .start = start, .len = len};
    return vfs_lock_posix(&p->t, f, LX_F_SETLK, &fl);
}

/* Who would stop p from write-locking [start, start+len)? 0: nobody. */
static int blocker(struct process *p, struct file *f, int64_t start, int64_t len,
                   struct lx_flock *ret)
{
    *ret = (struct lx_flock){.type = LX_F_WRLCK, .start = start, .len = len};
    assert_int_equal(vfs_lock_posix(&p->t, f, LX_F_GETLK, ret), 0);
    return ret->type == LX_F_UNLCK ? 0 : ret->pid;
}

static void test_record_locks(void **state)
{
    struct world *x = *state;
    struct lx_flock fl;
    int fa, fb;
    struct file *a = open_in(x, &x->a, LX_O_RDWR, &fa), *b = open_in(x, &x->b, LX_O_RDWR, &fb);
    assert_int_equal(lock(&x->a, a, LX_F_WRLCK, 100, 100), 0);
    assert_int_equal(lock(&x->b, b, LX_F_RDLCK, 0, 100), 0);
    assert_int_equal(lock(&x->b, b, LX_F_RDLCK, 50, 51), -EAGAIN);
    assert_int_equal(blocker(&x->b, b, 0, 0, &fl), 10);
    assert_int_equal(fl.start, 100);
    assert_int_equal(fl.len, 100);
    assert_int_equal(blocker(&x->a, a, 0, 0, &fl), 20);
    /* a hole splits, its filling joins again */
    assert_int_equal(lock(&x->a, a, LX_F_UNLCK, 150, 10), 0);
    assert_int_equal(lock(&x->b, b, LX_F_WRLCK, 150, 10), 0);
    assert_int_equal(lock(&x->b, b, LX_F_UNLCK, 150, 10), 0);
    assert_int_equal(blocker(&x->b, b, 155, 100, &fl), 10);
    assert_int_equal(fl.start, 160);
    assert_int_equal(fl.len, 40);
    assert_int_equal(lock(&x->a, a, LX_F_WRLCK, 150, 10), 0);
    assert_int_equal(blocker(&x->b, b, 120, 1, &fl), 10);
    assert_int_equal(fl.start, 100);
    assert_int_equal(fl.len, 100);
    /* to the end of the file, and weaker */
    assert_int_equal(lock(&x->a, a, LX_F_RDLCK, 100, 0), 0);
    assert_int_equal(lock(&x->b, b, LX_F_RDLCK, 1000, 1), 0);
    assert_int_equal(lock(&x->b, b, LX_F_WRLCK, INT64_MAX, 1), -EAGAIN);
    assert_int_equal(lock(&x->b, b, LX_F_WRLCK, INT64_MAX, 2), -EOVERFLOW);
    assert_int_equal(lock(&x->b, b, LX_F_WRLCK, 10, -11), -EINVAL);
    assert_int_equal(lock(&x->b, b, LX_F_WRLCK, -1, 1), -EINVAL);
    assert_int_equal(lock(&x->b, b, 3, 0, 1), -EINVAL);
    /* any descriptor of the file that its process closes takes all of them away */
    int other;
    open_in(x, &x->a, LX_O_RDONLY, &other);
    assert_int_equal(fd_close(x->a.t.files, other, &x->a.t), 0);
    assert_int_equal(lock(&x->b, b, LX_F_WRLCK, 0, 0), 0);
    assert_int_equal(fd_close(x->b.t.files, fb, &x->b.t), 0);
    assert_int_equal(lock(&x->a, a, LX_F_WRLCK, 0, 0), 0);
}

static void test_lock_access(void **state)
{
    struct world *x = *state;
    int fd;
    struct file *r = open_in(x, &x->a, LX_O_RDONLY, &fd), *w = open_in(x, &x->a, LX_O_WRONLY, &fd);
    assert_int_equal(lock(&x->a, r, LX_F_WRLCK, 0, 0), -EBADF);
    assert_int_equal(lock(&x->a, w, LX_F_RDLCK, 0, 0), -EBADF);
    assert_int_equal(lock(&x->a, w, LX_F_WRLCK, 0, 0), 0);
}

static void test_description_locks(void **state)
{
    struct world *x = *state;
    struct lx_flock fl = {.type = LX_F_WRLCK, .len = 10};
    int fa, fb;
    struct file *a = open_in(x, &x->a, LX_O_RDWR, &fa), *b = open_in(x, &x->a, LX_O_RDWR, &fb);
    assert_int_equal(vfs_lock_posix(&x->a.t, a, LX_F_OFD_SETLK, &fl), 0);
    assert_int_equal(vfs_lock_posix(&x->a.t, b, LX_F_OFD_SETLK, &fl), -EAGAIN);
    assert_int_equal(blocker(&x->a, b, 0, 0, &fl), -1);
    fl = (struct lx_flock){.type = LX_F_WRLCK, .len = 10, .pid = 1};
    assert_int_equal(vfs_lock_posix(&x->a.t, b, LX_F_OFD_SETLK, &fl), -EINVAL);
    fl.pid = 0;
    assert_int_equal(fd_close(x->a.t.files, fa, &x->a.t), 0);
    assert_int_equal(vfs_lock_posix(&x->a.t, b, LX_F_OFD_SETLK, &fl), 0);
}

static void test_flock(void **state)
{
    struct world *x = *state;
    int fa, fb;
    struct file *a = open_in(x, &x->a, LX_O_RDONLY, &fa), *b = open_in(x, &x->b, LX_O_RDONLY, &fb);
    assert_int_equal(vfs_lock_flock(&x->a.t, a, LX_LOCK_SH), 0);
    assert_int_equal(vfs_lock_flock(&x->b.t, b, LX_LOCK_SH | LX_LOCK_NB), 0);
    assert_int_equal(vfs_lock_flock(&x->b.t, b, LX_LOCK_EX | LX_LOCK_NB), -EAGAIN);
    assert_int_equal(vfs_lock_flock(&x->a.t, a, LX_LOCK_UN), 0);
    assert_int_equal(vfs_lock_flock(&x->b.t, b, LX_LOCK_EX | LX_LOCK_NB), 0);
    assert_int_equal(lock(&x->a, a, LX_F_RDLCK, 0, 0), 0); /* another kind */
    assert_int_equal(vfs_lock_flock(&x->a.t, a, LX_LOCK_SH | LX_LOCK_NB), -EAGAIN);
    assert_int_equal(vfs_lock_flock(&x->a.t, a, 0), -EINVAL);
    /* a copy of the descriptor keeps the description's lock */
    assert_int_equal(fd_install(x->b.t.files, file_get(b), 0, 100, false), 1);
    assert_int_equal(fd_close(x->b.t.files, fb, &x->b.t), 0);
    assert_int_equal(vfs_lock_flock(&x->a.t, a, LX_LOCK_SH | LX_LOCK_NB), -EAGAIN);
    assert_int_equal(fd_close(x->b.t.files, 1, &x->b.t), 0);
    assert_int_equal(vfs_lock_flock(&x->a.t, a, LX_LOCK_SH | LX_LOCK_NB), 0);
}

static void test_transfer_errors(void **state)
{
    struct world *x = *state;
    struct iobuf io;
    struct file *f;
    char c = 0;
    iobuf_kernel(&io, &c, 1);
    assert_int_equal(path_open(&x->w, NULL, "/", LX_O_RDONLY, 0, &f), 0);
    assert_int_equal(file_read(NULL, f, &io, -1), -EISDIR);
    assert_int_equal(file_write(NULL, f, &io, -1), -EBADF);
    file_put(f);
    f = open_file(x, LX_O_WRONLY);
    assert_int_equal(file_read(NULL, f, &io, -1), -EBADF);
    assert_int_equal(file_write(NULL, f, &io, -1), -EINVAL);
    file_put(f);
    assert_int_equal(path_open(&x->w, NULL, "/file", LX_O_PATH | LX_O_RDWR, 0, &f), 0);
    assert_int_equal(file_read(NULL, f, &io, -1), -EBADF);
    assert_int_equal(file_write(NULL, f, &io, -1), -EBADF);
    assert_int_equal(file_seek(f, 0, LX_SEEK_SET), -EBADF);
    file_put(f);
}

#define ON(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON(test_table), ON(test_record_locks),    ON(test_lock_access), ON(test_description_locks),
        ON(test_flock), ON(test_transfer_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
