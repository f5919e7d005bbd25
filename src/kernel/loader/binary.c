/* SPDX-License-Identifier: Apache-2.0 */
/* The file to be run: found with the caller's rights, read with the kernel's (execute-only
 * programs). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/stat.h"
#include "kernel/loader/internal.h"
#include "kernel/mem/uaccess.h"
#include "kernel/task/task.h"
#include "kernel/vfs/node.h"
#include "kernel/vfs/walk.h"
#include "rpc/spec.h"

static int read_some(struct file *f, void *dst, size_t n, uint64_t off, size_t *ret)
{
    size_t done = 0;

    while (done < n) {
        struct iobuf io;
        ssize_t r;

        if (!f->ops->read)
            return -EACCES;
        iobuf_kernel(&io, (uint8_t *) dst + done, n - done);
        r = f->ops->read(f, &io, (int64_t) (off + done));
        if (r < 0)
            return (int) r;
        if (r == 0)
            break;
        done += (size_t) r;
    }
    *ret = done;
    return 0;
}

int binary_read(struct binary *b, void *dst, size_t n, uint64_t off)
{
    size_t got;
    int r;

    if (off <= b->n_head && n <= b->n_head - off) {
        memcpy(dst, b->head + off, n);
        return 0;
    }
    r = read_some(b->file, dst, n, off, &got);
    if (r)
        return r;
    return got == n ? 0 : -ENOEXEC;
}

void binary_close(struct binary *b)
{
    if (b->file) {
        node_end_run(path_node(&b->path));
        file_put(b->file);
    }
    if (b->path.mnt)
        path_put(&b->path);
    b->file = NULL;
    b->path = (struct path){NULL, NULL};
}

/* Consumes p. */
static int open_walked(struct walkctx *w, struct path *p, struct binary *ret)
{
    struct cred *all = NULL;
    const struct cred *own = w->cred;
    int r;

    *ret = (struct binary){.path = *p};
    r = path_getattr(p, &ret->attr);
    if (r)
        goto out;
    r = -EACCES;
    if ((ret->attr.mode & LX_S_IFMT) != LX_S_IFREG || (path_mount_flags(p) & MOUNT_F_NOEXEC))
        goto out;
    r = path_permission(w, p, MAY_EXEC);
    if (r)
        goto out;
    r = -ENOMEM;
    all = cred_copy(own);
    if (!all)
        goto out;
    all->cap_effective = (1ull << (LX_CAP_LAST + 1)) - 1;
    r = node_begin_run(path_node(p));
    if (r)
        goto out;
    w->cred = all;
    r = path_open_at(w, p, 0, &ret->file);
    w->cred = own;
    if (r)
        node_end_run(path_node(p));
    else
        r = read_some(ret->file, ret->head, sizeof(ret->head), 0, &ret->n_head);
out:
    cred_put(all);
    if (r)
        binary_close(ret);
    return r;
}

int binary_open(struct task *t, const struct path *at, const char *name, uint32_t walk_flags,
                struct binary *ret)
{
    struct walkctx w;
    struct path p;
    int r;

    walkctx_init(&w, t);
    r = path_walk(&w, at, name, walk_flags, &p);
    if (r == 0) {
        struct node *n = path_node(&p);

        if (n && n->type == LX_S_IFLNK) {
            path_put(&p);
            r = -ELOOP; /* AT_SYMLINK_NOFOLLOW: execveat(2) */
        } else {
            r = open_walked(&w, &p, ret);
        }
    }
    walkctx_done(&w);
    return r;
}

int binary_open_path(struct task *t, const struct path *path, struct binary *ret)
{
    struct walkctx w;
    struct path p = *path;
    int r;

    path_get(&p);
    walkctx_init(&w, t);
    r = open_walked(&w, &p, ret);
    walkctx_done(&w);
    return r;
}

int binary_parse(struct binary *b, struct elf_image *ret)
{
    struct lx_elf64_ehdr eh;
    struct lx_elf64_phdr *ph;
    size_t n;
    int r;

    r = elf_parse_header(b->head, b->n_head, &eh);
    if (r)
        return r;
    n = (size_t) eh.phnum * sizeof(*ph);
    ph = malloc(n);
    if (!ph)
        return -ENOMEM;
    r = binary_read(b, ph, n, eh.phoff);
    if (r == 0)
        r = elf_parse_phdrs(&eh, ph, GUEST_TASK_SIZE, ret);
    free(ph);
    return r;
}
