/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memfd_create(2): memory of the host behind a node without a name, so that such a file can be
 * opened again and executed like any other. Seals are the host's own.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi/linux/eventfd.h"
#include "abi/linux/fcntl.h"
#include "base/cleanup.h"
#include "fs/host/internal.h"
#include "kernel/vfs/special.h"
#include "kernel/vfs/walk.h"

/* Those of the guest's flags the host is asked for; it need not know the newer two. */
static unsigned host_flags(uint32_t flags)
{
    return MFD_CLOEXEC | (flags & (LX_MFD_ALLOW_SEALING | LX_MFD_NOEXEC_SEAL | LX_MFD_EXEC));
}

int hostfs_memfds(struct kernel *k, struct super **ret)
{
    int fd = memfd_create("root", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    struct hostfs_config c = {.tree_fd = fd,
                              .type_name = "tmpfs",
                              .exclusive = true,
                              .map_ids = k->one_id};
    return hostfs_mount(k, &c, ret);
}

int hostfs_memfd_new(struct kernel *k, const char *name, uint32_t flags, struct file **ret)
{
    struct open_args a = {.flags = LX_O_RDWR | LX_O_LARGEFILE};
    char shown[MEMFD_NAME_MAX + 32];
    struct node *n;
    struct path p;
    int fd = memfd_create(name, host_flags(flags));
    if (fd < 0)
        return -errno;
    int r = host_node_new(k->specials->memfds, fd, &n);
    if (r < 0)
        return r;
    (void) snprintf(shown, sizeof(shown), "/memfd:%s (deleted)", name);
    r = path_anon(k->vfs, n, shown, &p);
    if (r < 0)
        return r;
    r = host_open(n, &a, ret);
    if (r == 0)
        file_set_path(*ret, &p);
    path_put(&p);
    return r;
}
