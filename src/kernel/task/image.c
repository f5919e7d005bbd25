/* SPDX-License-Identifier: Apache-2.0 */
/* What was exec'ed. */
#include "kernel/task/image.h"

#include <stdlib.h>

#include "kernel/vfs/node.h"
#include "kernel/vfs/walk.h"

struct image *image_new(void)
{
    struct image *im = calloc(1, sizeof(*im));

    if (im)
        ref_init(&im->ref);
    return im;
}

struct image *image_get(struct image *im)
{
    if (im)
        ref_get(&im->ref);
    return im;
}

void image_put(struct image *im)
{
    if (!im || !ref_put(&im->ref))
        return;
    if (im->exe.mnt) {
        node_end_run(path_node(&im->exe));
        path_put(&im->exe);
    }
    free(im);
}

int image_set_exe(struct image *im, const struct path *p)
{
    int r = node_begin_run(path_node(p));

    if (r)
        return r;
    im->exe = *p;
    path_get(&im->exe);
    return 0;
}
