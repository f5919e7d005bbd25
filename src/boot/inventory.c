/* SPDX-License-Identifier: Apache-2.0 */
/* The descriptor inventory: see inventory.h. Source: close_range(2). */
#include "boot/inventory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/sys.h"

int inventory_add(struct inventory *inv, int fd, const char *name)
{
    if (fd < 0)
        return 0;
    if (inventory_name(inv, fd))
        return -EINVAL;
    if (inv->n == INVENTORY_MAX)
        return -E2BIG;
    inv->items[inv->n++] = (struct inventory_item){fd, name};
    return 0;
}

void inventory_remove(struct inventory *inv, int fd)
{
    for (size_t i = 0; i < inv->n; i++)
        if (inv->items[i].fd == fd) {
            inv->items[i] = inv->items[--inv->n];
            return;
        }
}

const char *inventory_name(const struct inventory *inv, int fd)
{
    for (size_t i = 0; i < inv->n; i++)
        if (inv->items[i].fd == fd)
            return inv->items[i].name;
    return NULL;
}

/* A number of the spec must be open and not be another one's. */
static int add_checked(struct inventory *inv, int fd, const char *name, struct fail *f)
{
    int r;

    if (fd < 0)
        return 0;
    if (fcntl(fd, F_GETFD) < 0)
        return fail_errno(f, errno, "descriptor %d (%s) of the sandbox's specification", fd, name);
    r = inventory_add(inv, fd, name);
    if (r < 0)
        return fail(f, -r, "descriptor %d (%s) of the sandbox's specification is named twice", fd,
                    name);
    return 0;
}

int inventory_from_spec(struct inventory *inv, const struct sandbox_spec *s, struct fail *f)
{
    static const char *const stdio[] = {"stdin", "stdout", "stderr"};
    int r = 0;

    inv->n = 0;
    for (int fd = 0; fd < 3 && r == 0; fd++)
        if (fcntl(fd, F_GETFD) >=
            0) /* a caller may have closed it: then the guest has none either */
            r = inventory_add(inv, fd, stdio[fd]);
    if (r == 0)
        r = add_checked(inv, SPEC_FD_SYNC, "sync", f);
    if (r == 0)
        r = add_checked(inv, SPEC_FD_SPEC, "spec", f);
    if (r == 0)
        r = add_checked(inv, s->control_fd, "control", f);
    if (r == 0 && s->log_fd > 2)
        r = add_checked(inv, s->log_fd, "log", f);
    if (r == 0)
        r = add_checked(inv, s->self_fd, "self", f);
    for (size_t i = 0; i < N_GROUP_FILES && r == 0; i++)
        r = add_checked(inv, s->group_fds[i], group_file_names[i].name, f);
    if (r == 0)
        r = add_checked(inv, s->machine_fd, "machine", f);
    if (r == 0)
        r = add_checked(inv, s->net_fd, "net", f);
    for (size_t i = 0; i < s->n_mounts && r == 0; i++) {
        r = add_checked(inv, s->mounts[i].tree_fd, "tree", f);
        if (r == 0)
            r = add_checked(inv, s->mounts[i].upper_fd, "upper", f);
    }
    return r;
}

static int compare(const void *a, const void *b)
{
    const struct inventory_item *x = a, *y = b;

    return (x->fd > y->fd) - (x->fd < y->fd);
}

int inventory_close_others(struct inventory *inv)
{
    unsigned from = 0;
    int r;

    qsort(inv->items, inv->n, sizeof(inv->items[0]), compare);
    for (size_t i = 0; i < inv->n; i++) {
        unsigned fd = (unsigned) inv->items[i].fd;

        r = fd > from ? host_close_range(from, fd - 1, 0) : 0;
        if (r < 0)
            return r;
        from = fd + 1;
    }
    return host_close_range(from, ~0u, 0);
}

int inventory_set_cloexec(const struct inventory *inv, bool on)
{
    for (size_t i = 0; i < inv->n; i++)
        if (fcntl(inv->items[i].fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0)
            return -errno;
    return 0;
}
