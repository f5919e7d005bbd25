/* SPDX-License-Identifier: Apache-2.0 */
/* execve(2), execveat(2): the guest's strings, copied once; the loader does the rest. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "kernel/loader/exec.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/walk.h"

#define AT_FDCWD_            (-100)
#define AT_SYMLINK_NOFOLLOW_ 0x100u
#define AT_EMPTY_PATH_       0x1000u
#define PAGE                 4096u
#define STRING_MAX           (128u << 10)
#define MAX_STRINGS          (1u << 20)

/* Strings of one program lie close together: pages read for one serve the next ones. */
struct page_cache {
    uint64_t base;
    size_t n;
    char bytes[2 * PAGE];
};

static int fill(struct task *t, struct page_cache *pc, uint64_t addr)
{
    uint64_t base = addr & ~(uint64_t) (PAGE - 1);
    ssize_t r;

    pc->n = 0;
    if (addr >= GUEST_TASK_SIZE)
        return -EFAULT;
    pc->base = base;
    /* A short answer is not the end: it may be a string that was marshalled and begins the page. */
    do {
        r = platform_read_some(t->st, pc->bytes + pc->n, base + pc->n, sizeof(pc->bytes) - pc->n);
        if (r <= 0)
            return r < 0 ? (int) r : -EFAULT;
        pc->n += (size_t) r;
    } while (addr - base >= pc->n);
    return 0;
}

/* Appends the string at addr. */
static int copy_string(struct task *t, struct page_cache *pc, uint64_t addr, struct exec_strings *s,
                       char *tmp)
{
    size_t len = 0;

    for (;;) {
        const char *from, *nul;
        size_t avail;

        if (addr < pc->base || addr - pc->base >= pc->n) {
            int r = fill(t, pc, addr);

            if (r)
                return r;
        }
        from = pc->bytes + (addr - pc->base);
        avail = pc->n - (size_t) (addr - pc->base);
        nul = memchr(from, '\0', avail);
        if (nul)
            avail = (size_t) (nul - from);
        if (len + avail >= STRING_MAX)
            return -E2BIG;
        if (nul && len == 0)
            return exec_strings_add(s, from, avail);
        memcpy(tmp + len, from, avail);
        len += avail;
        addr += avail;
        if (nul)
            return exec_strings_add(s, tmp, len);
    }
}

/* A NULL-terminated array of pointers to strings; NULL itself is an empty array, as Linux allows.
 */
static int copy_strings(struct task *t, uint64_t array, struct exec_strings *s)
{
    _cleanup_free_ struct page_cache *pc = malloc(sizeof(*pc));
    _cleanup_free_ char *tmp = malloc(STRING_MAX);
    uint64_t ptrs[64];
    int r;

    if (!pc || !tmp)
        return -ENOMEM;
    pc->base = pc->n = 0;
    if (!array)
        return 0;
    for (;;) {
        /* Not past the page: the array may end at the last mapped one. */
        size_t room = (PAGE - (array & (PAGE - 1))) / 8, n = room ? MIN(room, ARRAY_LEN(ptrs)) : 1;

        r = copy_in(t, ptrs, uaddr(array), n * 8);
        if (r)
            return r;
        for (size_t i = 0; i < n; i++) {
            if (!ptrs[i])
                return 0;
            if (s->n >= MAX_STRINGS)
                return -E2BIG;
            r = copy_string(t, pc, ptrs[i], s, tmp);
            if (r)
                return r;
        }
        array += n * 8;
    }
}

static long run_exec(struct task *t, struct exec_args *a, uint64_t argv, uint64_t envp)
{
    int r;

    r = copy_strings(t, argv, &a->argv);
    if (r == 0)
        r = copy_strings(t, envp, &a->envp);
    if (r == 0 && a->argv.n == 0)
        r = exec_strings_add(&a->argv, "", 0); /* programs rely on argv[0]; Linux does the same */
    if (r == 0)
        r = exec_image(t, a);
    exec_strings_free(&a->argv);
    exec_strings_free(&a->envp);
    return r;
}

static int copy_path(struct task *t, uint64_t addr, char *path)
{
    ssize_t n = copy_in_str(t, path, uaddr(addr), GUEST_PATH_MAX);

    return n < 0 ? (int) n : 0;
}

long sys_execve(struct task *t, const uint64_t a[static 6])
{
    char path[GUEST_PATH_MAX];
    struct exec_args args = {.path = path};
    int r = copy_path(t, a[0], path);

    return r ? r : run_exec(t, &args, a[1], a[2]);
}

long sys_execveat(struct task *t, const uint64_t a[static 6])
{
    char path[GUEST_PATH_MAX], shown[GUEST_PATH_MAX + 32];
    struct exec_args args = {.path = path};
    struct file *dir = NULL;
    int fd = (int) a[0];
    uint64_t flags = a[4];
    long r;

    if (flags & ~(uint64_t) (AT_SYMLINK_NOFOLLOW_ | AT_EMPTY_PATH_))
        return -EINVAL;
    r = copy_path(t, a[1], path);
    if (r)
        return r;
    if (flags & AT_SYMLINK_NOFOLLOW_)
        args.walk_flags = WALK_NOFOLLOW;
    if (path[0] == '\0' && !(flags & AT_EMPTY_PATH_))
        return -ENOENT;
    if (path[0] != '/' && fd != AT_FDCWD_) {
        r = fd_lookup_any(t->files, fd, &dir);
        if (r)
            return r;
        if (!dir->path.mnt) {
            file_put(dir);
            return path[0] ? -ENOTDIR : -EACCES;
        }
        if (path[0])
            args.at = &dir->path;
        else
            args.target = &dir->path;
        (void) snprintf(shown, sizeof(shown), "/dev/fd/%d%s%s", fd, path[0] ? "/" : "", path);
        args.path_unreachable = fd_get_cloexec(t->files, fd) == 1;
        args.name = args.at ? path : NULL;
        args.path = shown;
    }
    r = run_exec(t, &args, a[2], a[3]);
    if (dir)
        file_put(dir);
    return r;
}
