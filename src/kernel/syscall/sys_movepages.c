/* SPDX-License-Identifier: Apache-2.0 */
/*
 * move_pages(2) on a machine with one node: pages are where they would be moved to. What it tells
 * is whether there is a page at an address at all, and that is the host's to know
 * (/proc/PID/pagemap, admin-guide/mm/pagemap.rst; only its "present" bit is looked at).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sys.h"
#include "kernel/mem/mappings.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/snapshot.h"
#include "kernel/task/task.h"

#define PAGE     4096ull
#define PRESENT  (1ull << 63)
#define MOVE     2u /* MPOL_MF_MOVE */
#define MOVE_ALL 4u
#define BATCH    64u

struct space {
    char *maps; /* the host's text */
    int pagemap;
};

static void space_close(struct space *s)
{
    free(s->maps);
    if (s->pagemap >= 0)
        close(s->pagemap);
}

static int space_open(struct task *t, pid_t pid, struct space *ret)
{
    struct task_snapshot snap;
    char path[64];
    int r = task_snapshot(t->k, pid, &snap);

    if (r < 0)
        return r;
    if (pid != t->tg->tgid && !task_may_inspect(t, pid))
        return -EPERM;
    r = host_process_text(snap.host_pid, "maps", &ret->maps);
    if (r < 0)
        return r;
    (void) snprintf(path, sizeof(path), "/proc/%d/pagemap", (int) host_proc_pid(snap.host_pid));
    ret->pagemap = open(path, O_RDONLY | O_CLOEXEC);
    return ret->pagemap < 0 ? -EFAULT : 0;
}

static bool is_mapped(const struct space *s, uint64_t addr)
{
    const char *pos = s->maps;
    struct mapping m;

    while (mapping_next(&pos, &m) && m.start <= addr) {
        if (addr < m.end)
            return true;
    }
    return false;
}

/* The node, or why there is none. */
static int32_t status_of(const struct space *s, uint64_t addr)
{
    uint64_t entry;

    if (addr >= GUEST_TASK_SIZE || !is_mapped(s, addr))
        return -EFAULT;
    if (pread(s->pagemap, &entry, sizeof(entry), (off_t) (addr / PAGE * 8)) != sizeof(entry))
        return -EFAULT;
    return entry & PRESENT ? 0 : -ENOENT;
}

/* BATCH pages at most, from index i on. */
static int some(struct task *t, const struct space *s, const uint64_t a[static 6], uint64_t i,
                unsigned n)
{
    uint64_t addrs[BATCH];
    int32_t nodes[BATCH] = {0}, status[BATCH];
    int r = copy_in(t, addrs, uaddr(a[2] + i * sizeof(addrs[0])), n * sizeof(addrs[0]));

    if (r == 0 && a[3])
        r = copy_in(t, nodes, uaddr(a[3] + i * sizeof(nodes[0])), n * sizeof(nodes[0]));
    for (unsigned k = 0; r == 0 && k < n; k++) {
        if (nodes[k])
            return -ENODEV;
        status[k] = status_of(s, addrs[k]);
    }
    return r ? r : copy_out(t, uaddr(a[4] + i * sizeof(status[0])), status, n * sizeof(status[0]));
}

long sys_move_pages(struct task *t, const uint64_t a[static 6])
{
    struct space s = {.pagemap = -1};
    pid_t pid = (pid_t) a[0] ? (pid_t) a[0] : t->tg->tgid;
    uint32_t flags = (uint32_t) a[5];
    int r = 0;

    if (flags & ~(MOVE | MOVE_ALL))
        return -EINVAL;
    if ((flags & MOVE_ALL) && !cred_capable(t->cred, LX_CAP_SYS_NICE))
        return -EPERM;
    r = space_open(t, pid, &s);
    for (uint64_t i = 0; r == 0 && i < a[1]; i += BATCH) {
        r = some(t, &s, a, i, (unsigned) MIN(a[1] - i, (uint64_t) BATCH));
        if (r == 0 && (atomic_load(&t->work) & (WORK_EXIT | WORK_DEAD)))
            r = -EINTR;
    }
    space_close(&s);
    return r;
}
