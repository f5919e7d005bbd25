/* SPDX-License-Identifier: Apache-2.0 */
/* Mount name spaces as files: what /proc/PID/ns/mnt leads to, and setns(2) takes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "abi/linux/stat.h"
#include "kernel/vfs/mount_table.h"
#include "kernel/vfs/node.h"

struct ns_node {
    struct node node;    /* first */
    struct mount_ns *ns; /* referenced */
};

struct ns_file {
    struct file file;    /* first */
    struct mount_ns *ns; /* referenced */
};

static void ns_file_release(struct file *f)
{
    struct ns_file *nf = container_of(f, struct ns_file, file);
    mount_ns_put(nf->ns);
    free(nf);
}

static const struct file_ops ns_file_ops = {.release = ns_file_release};

static int ns_open(struct node *n, const struct open_args *a, struct file **ret)
{
    struct ns_file *nf = calloc(1, sizeof(*nf));
    if (!nf)
        return -ENOMEM;
    file_init(&nf->file, &ns_file_ops, a->flags);
    nf->ns = mount_ns_get(container_of(n, struct ns_node, node)->ns);
    *ret = &nf->file;
    return 0;
}

static int ns_getattr(struct node *n, struct attr *ret)
{
    *ret = (struct attr){
        .ino = n->ino, .mode = LX_S_IFREG | 0444, .nlink = 1, .blksize = 4096, .btime = {0, -1}};
    return 0;
}

static void ns_release(struct node *n)
{
    struct ns_node *nn = container_of(n, struct ns_node, node);
    mount_ns_put(nn->ns);
    free(nn);
}

static const struct node_ops ns_ops = {
    .open = ns_open,
    .getattr = ns_getattr,
    .release = ns_release,
};

int mount_ns_path(struct mount_ns *ns, struct path *ret)
{
    char name[40];
    struct ns_node *nn = calloc(1, sizeof(*nn));
    if (!nn)
        return -ENOMEM;
    node_init(&nn->node, ns->vfs->ghosts, &ns_ops, LX_S_IFREG, ns->ino);
    nn->ns = mount_ns_get(ns);
    (void) snprintf(name, sizeof(name), "mnt:[%llu]", (unsigned long long) ns->ino);
    return path_anon(ns->vfs, &nn->node, name, ret);
}

struct mount_ns *mount_ns_of_file(struct file *f)
{
    return f->ops == &ns_file_ops ? container_of(f, struct ns_file, file)->ns : NULL;
}
