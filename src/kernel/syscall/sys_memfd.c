/* SPDX-License-Identifier: Apache-2.0 */
/* memfd_create(2). */
#include <errno.h>

#include "abi/linux/eventfd.h"
#include "kernel/kernel.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/special.h"

#define KNOWN (LX_MFD_CLOEXEC | LX_MFD_ALLOW_SEALING | LX_MFD_NOEXEC_SEAL | LX_MFD_EXEC)

long sys_memfd_create(struct task *t, const uint64_t a[static 6])
{
    char name[MEMFD_NAME_MAX + 1];
    uint32_t flags = (uint32_t) a[1];
    struct file *f;
    /* LX_MFD_HUGETLB: there are no huge pages to give away */
    if ((flags & ~KNOWN) ||
        (flags & (LX_MFD_NOEXEC_SEAL | LX_MFD_EXEC)) == (LX_MFD_NOEXEC_SEAL | LX_MFD_EXEC))
        return -EINVAL;
    ssize_t n = copy_in_str(t, name, uaddr(a[0]), sizeof(name));
    if (n < 0)
        return n == -ENAMETOOLONG ? -EINVAL : n;
    int r = t->k->specials->memfd_new(t->k, name, flags & ~LX_MFD_CLOEXEC, &f);
    return r < 0 ? r : task_fd_install(t, f, flags & LX_MFD_CLOEXEC);
}
