/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/sysvipc and the limits of System V IPC in /proc/sys/kernel: proc(5). */
#include <inttypes.h>

#include "fs/proc/internal.h"
#include "kernel/ipc/ipc.h"
#include "kernel/kernel.h"

static int show_msg(const struct pseudo_ctx *c, struct strbuf *out)
{
    return msg_show(c->k, out);
}

static int show_sem(const struct pseudo_ctx *c, struct strbuf *out)
{
    return sem_show(c->k, out);
}

static int show_shm(const struct pseudo_ctx *c, struct strbuf *out)
{
    return shm_show(c->k, out);
}

const struct pseudo_entry proc_sysvipc_table[] = {
    PSEUDO_FILE("msg", 0444, show_msg),
    PSEUDO_FILE("sem", 0444, show_sem),
    PSEUDO_FILE("shm", 0444, show_shm),
    {0},
};

#define SHOW_LIMIT(name, fmt, value)                                             \
    int proc_show_##name(const struct pseudo_ctx *c unused_, struct strbuf *out) \
    {                                                                            \
        sb_addf(out, "%" fmt "\n", value);                                       \
        return 0;                                                                \
    }

SHOW_LIMIT(msgmax, "d", MSG_MAX)
SHOW_LIMIT(msgmnb, "d", MSG_MNB)
SHOW_LIMIT(msgmni, "d", MSG_MNI)
SHOW_LIMIT(shmall, PRIu64, SHM_ALL)
SHOW_LIMIT(shmmax, PRIu64, SHM_MAX)
SHOW_LIMIT(shmmni, "d", SHM_MNI)

int proc_show_sem(const struct pseudo_ctx *c unused_, struct strbuf *out)
{
    sb_addf(out, "%d\t%d\t%d\t%d\n", SEM_MSL, SEM_MNS, SEM_OPM, SEM_MNI);
    return 0;
}
