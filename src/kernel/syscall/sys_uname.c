/* SPDX-License-Identifier: Apache-2.0 */
/* uname(2), sethostname(2), sysinfo(2). */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h> /* the host's call */
#include <sys/utsname.h> /* the host's call */

#include "abi/linux/resource.h"
#include "abi/linux/utsname.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/time/ktimer.h"

static void put_text(char dst[LX_UTS_LEN + 1], const char *src)
{
    (void) snprintf(dst, LX_UTS_LEN + 1, "%s", src);
}

/* Memory and threads are the host kernel's, so its release is the honest answer about what they can
 * do. */
long sys_uname(struct task *t, const uint64_t a[static 6])
{
    struct lx_utsname u;
    struct utsname host;

    if (uname(&host))
        return -EFAULT;
    memset(&u, 0, sizeof(u));
    put_text(u.sysname, "Linux");
    put_text(u.release, host.release);
    put_text(u.version, host.version);
    put_text(u.machine, "x86_64");
    mutex_lock(&t->k->tasks_lock);
    put_text(u.nodename, t->k->hostname);
    put_text(u.domainname, t->k->domainname);
    mutex_unlock(&t->k->tasks_lock);
    return copy_out(t, uaddr(a[0]), &u, sizeof(u));
}

static long set_uts(struct task *t, char *dst, uint64_t addr, uint64_t len)
{
    char name[LX_UTS_LEN + 1] = "";
    int r;

    if (!cred_capable(t->cred, LX_CAP_SYS_ADMIN))
        return -EPERM;
    if (len > LX_UTS_LEN)
        return -EINVAL;
    r = copy_in(t, name, uaddr(addr), len);
    if (r)
        return r;
    mutex_lock(&t->k->tasks_lock);
    memcpy(dst, name, sizeof(name));
    mutex_unlock(&t->k->tasks_lock);
    return 0;
}

long sys_sethostname(struct task *t, const uint64_t a[static 6])
{
    return set_uts(t, t->k->hostname, a[0], (uint64_t) (int64_t) (int32_t) a[1]);
}

long sys_setdomainname(struct task *t, const uint64_t a[static 6])
{
    return set_uts(t, t->k->domainname, a[0], (uint64_t) (int64_t) (int32_t) a[1]);
}

long sys_sysinfo(struct task *t, const uint64_t a[static 6])
{
    struct lx_sysinfo si;
    struct memory_view m;
    struct sysinfo host;

    if (sysinfo(&host))
        return -EFAULT;
    memset(&si, 0, sizeof(si));
    si.uptime = host.uptime;
    for (int i = 0; i < 3; i++)
        si.loads[i] = host.loads[i];
    group_memory_view(t->k, &m);
    si.totalram = m.total;
    si.freeram = m.free;
    si.sharedram = m.shared;
    si.bufferram = m.buffers;
    si.totalswap = m.swap_total;
    si.freeswap = m.swap_free;
    si.mem_unit = 1;
    mutex_lock(&t->k->tasks_lock);
    si.procs = (uint16_t) MIN(t->k->n_tasks, 65535u);
    mutex_unlock(&t->k->tasks_lock);
    return copy_out(t, uaddr(a[0]), &si, sizeof(si));
}
