/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/sysvipc and the limits of System V IPC in /proc/sys/kernel: proc(5). */
#include <inttypes.h>

#include "fs/proc/internal.h"
#include "kernel/ipc/ipc.h"
#include "kernel/ipc/mqueue.h"
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

#define SHOW_MQ(name, value)                                                       \
    static int show_##name(const struct pseudo_ctx *c unused_, struct strbuf *out) \
    {                                                                              \
        sb_addf(out, "%d\n", value);                                               \
        return 0;                                                                  \
    }

SHOW_MQ(msg_default, MQ_MSG_DEFAULT)
SHOW_MQ(msg_max, MQ_MSG_MAX)
SHOW_MQ(msgsize_default, MQ_MSGSIZE_DEFAULT)
SHOW_MQ(msgsize_max, MQ_MSGSIZE_MAX)
SHOW_MQ(queues_max, MQ_QUEUES_MAX)

const struct pseudo_entry proc_mqueue_table[] = {
    PSEUDO_FILE("msg_default", 0444, show_msg_default),
    PSEUDO_FILE("msg_max", 0444, show_msg_max),
    PSEUDO_FILE("msgsize_default", 0444, show_msgsize_default),
    PSEUDO_FILE("msgsize_max", 0444, show_msgsize_max),
    PSEUDO_FILE("queues_max", 0444, show_queues_max),
    {0},
};

int proc_show_sem(const struct pseudo_ctx *c unused_, struct strbuf *out)
{
    sb_addf(out, "%d\t%d\t%d\t%d\n", SEM_MSL, SEM_MNS, SEM_OPM, SEM_MNI);
    return 0;
}
