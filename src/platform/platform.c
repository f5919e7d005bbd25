/* SPDX-License-Identifier: Apache-2.0 */
/* Starting the platform, and the proof that it can do its work on this host. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/sys.h"
#include "base/textio.h"
#include "platform/internal.h"

int platform_init(const struct platform_config *c, struct platform **ret)
{
    struct platform *p = calloc(1, sizeof(*p));
    if (!p)
        return -ENOMEM;
    mutex_init(&p->lock, RANK_PLATFORM);
    mutex_init(&p->zygote_lock, RANK_CONTROL);
    mutex_init(&p->listener_lock, RANK_NONE);
    mutex_init(&p->waiters_lock, RANK_LEAF);
    list_init(&p->waiters);
    htab_init(&p->procs);
    htab_init(&p->threads);
    p->max_threads = c->max_threads;
    p->oom_score_fd = c->oom_score_fd;
    p->patch = c->patch;
    p->listener = -1;
    placement_init(p);
    if (getrandom(&p->direct_mark, sizeof(p->direct_mark), 0) != sizeof(p->direct_mark))
        return -EIO;
    int r = zygote_start(p);
    if (r < 0)
        return r;
    *ret = p;
    return 0;
}

int platform_start(struct platform *p)
{
    return reaper_start(p);
}

pid_t platform_zygote_pid(const struct platform *p)
{
    return p->zygote->tid;
}

/*
 * The kick: asked for while the zygote waits in its handler, so it stays pending there; that the
 * host lets us send it is what is proved.
 */
int platform_selfcheck(struct platform *p, const char **ret_why)
{
    struct stub_process heap;
    char path[64];
    _cleanup_free_ char *text = NULL;
    *ret_why = "process_vm_readv of the zygote";
    struct stub_thread *z = p->zygote;
    if (platform_read(z, &heap, STUB_DATA, sizeof(heap)) < 0 || heap.vdso == 0)
        return -EPERM;
    *ret_why = "process_vm_writev to the zygote";
    if (platform_write(z, STUB_DATA, &heap, sizeof(heap)) < 0)
        return -EPERM;
    *ret_why = "reading the zygote's memory map";
    snprintf(path, sizeof(path), "/proc/%d/maps", host_proc_pid(z->tid));
    int r = read_file_at(AT_FDCWD, path, 1 << 20, &text, NULL);
    if (r < 0)
        return r;
    *ret_why = "signalling the zygote";
    r = host_tgkill(z->tid, z->tid, 0);
    return r < 0 ? r : 0;
}
