/* SPDX-License-Identifier: Apache-2.0 */
/* Paths to what has no name in any directory. */
#include <errno.h>
#include <string.h>

#include "kernel/vfs/mount_table.h"
#include "kernel/vfs/walk.h"

int path_anon(struct vfs *v, struct node *steal, const char *name, struct path *ret)
{
    struct dentry *d = dentry_new(NULL, NULL, name, strlen(name), steal);
    node_put(steal);
    if (!d)
        return -ENOMEM;
    *ret = (struct path){.mnt = v->internal, .dentry = d};
    return 0;
}
