/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System V IPC: sysvipc(7). One IPC name space per container, all of it behind one lock: objects
 * are few and operations short. No guest memory is touched under it.
 *
 * An identifier is seq * IPC_MAX_IDS + index, so that one of a removed object is not soon valid
 * again. Whoever sleeps on an object holds a reference; `removed` tells it of IPC_RMID.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "abi/linux/ipc.h"
#include "base/list.h"
#include "base/mutex.h"
#include "base/ref.h"
#include "base/util.h"

struct kernel;
struct strbuf;
struct task;
struct tgroup;

#define IPC_MAX_IDS 32768

/* First member of every object. All fields [ipc.lock] unless they say otherwise. */
struct ipc_object {
    struct ref ref; /* the table's, those of sleepers */
    int32_t id;     /* immutable */
    int32_t key;
    uint32_t uid, gid, cuid, cgid;
    uint32_t mode; /* permission bits, and what a kind adds */
    bool removed;
    void (*free)(struct ipc_object *o); /* immutable; no lock held */
};

struct ipc_table {
    struct ipc_object **slot; /* grown as needed, up to `limit` */
    unsigned n_slots, used, limit, seq;
};

struct ipc {
    struct mutex lock; /* RANK_IPC */
    struct ipc_table sem, shm, msg;
    uint64_t n_sems;     /* semaphores of all sets */
    uint64_t undo_bytes; /* memory of all adjustments for SEM_UNDO */
    uint64_t msg_bytes;  /* memory of all messages, with what it takes to keep them */
    uint64_t shm_pages;

    struct list mqueues; /* POSIX message queues that have a name: mqueue.c */
    unsigned n_mqueues;
    uint64_t last_mqueue;
};

int ipc_new(struct ipc **ret) must_check;

/* ---- what the three kinds share: table.c; ipc.lock held ---- */

/* Which object semget(2) and its like mean: 0 and *ret, or 1: one is to be made. -ENOENT, -EEXIST,
 * -ENOSPC. */
int ipc_lookup(struct ipc_table *tb, int32_t key, int flags, struct ipc_object **ret) must_check;
/* Enters o, whose memory is the caller's until then. -ENOMEM. */
int ipc_enter(struct task *t, struct ipc_table *tb, struct ipc_object *o, int32_t key, int flags)
    must_check;
/* -EINVAL: no such object (any more). A reference is not taken. */
int ipc_find(struct ipc_table *tb, int id, struct ipc_object **ret) must_check;
/* By index, for the *_STAT commands; -EINVAL. */
int ipc_find_at(struct ipc_table *tb, int index, struct ipc_object **ret) must_check;
/* Highest index in use, 0 when there is none. */
int ipc_last(const struct ipc_table *tb);
/* Takes o out of the table; the table's reference is the caller's to drop, without the lock. */
void ipc_remove(struct ipc_table *tb, struct ipc_object *o);
/* Without the lock. */
void ipc_put(struct ipc_object *o);

/* The permission bits wanted (of flags or S_IR*, S_IW*): 0 or -EACCES. */
int ipc_may(struct task *t, const struct ipc_object *o, int want) must_check;
/* IPC_SET and IPC_RMID: 0 or -EPERM. */
int ipc_may_control(struct task *t, const struct ipc_object *o) must_check;
void ipc_fill_perm(const struct ipc_object *o, struct lx_ipc_perm *ret);
/* IPC_SET's part of it; -EINVAL. */
int ipc_set_perm(struct ipc_object *o, const struct lx_ipc_perm *p) must_check;
int64_t ipc_now(void);
pid_t ipc_pid(struct task *t);

/* ---- calls: sem.c, shm.c, msg.c ---- */
long sem_get(struct task *t, int32_t key, int n, int flags) must_check;
/* ops: private copy. deadline: CLOCK_MONOTONIC, NULL for none. */
long sem_op(struct task *t, int id, const struct lx_sembuf *ops, size_t n,
            const struct timespec *deadline) must_check;
long sem_ctl(struct task *t, int id, int num, int cmd, uint64_t arg) must_check;

long shm_get(struct task *t, int32_t key, uint64_t size, int flags) must_check;
long shm_attach(struct task *t, int id, uint64_t addr, int flags) must_check;
long shm_detach(struct task *t, uint64_t addr) must_check;
long shm_ctl(struct task *t, int id, int cmd, uint64_t buf) must_check;

long msg_get(struct task *t, int32_t key, int flags) must_check;
long msg_send(struct task *t, int id, uint64_t buf, uint64_t size, int flags) must_check;
long msg_receive(struct task *t, int id, uint64_t buf, uint64_t size, int64_t type, int flags)
    must_check;
long msg_ctl(struct task *t, int id, int cmd, uint64_t buf) must_check;

/* ---- the end of processes; own thread ---- */

/* The last thread of a process: semaphore adjustments, and what goes with its memory. */
void ipc_exit(struct task *t);
/* SEM_UNDO takes place. */
void sem_exit(struct tgroup *tg);
/* t's memory is about to go while no other process is in it: segments lose attachments. */
void shm_leave_memory(struct task *t);

/* ---- /proc ---- */
int sem_show(struct kernel *k, struct strbuf *out) must_check;
int shm_show(struct kernel *k, struct strbuf *out) must_check;
int msg_show(struct kernel *k, struct strbuf *out) must_check;

/* Limits, as /proc/sys/kernel shows them. */
#define SEM_MSL 32000
#define SEM_MNI 32000
#define SEM_MNS 1024000 /* the sentry's memory, so less than Linux's 32000 * 32000 */
#define SEM_OPM 500
#define SEM_VMX 32767
#define SHM_MAX (UINT64_MAX - (UINT64_C(1) << 24))
#define SHM_ALL (UINT64_MAX - (UINT64_C(1) << 24))
#define SHM_MNI 4096
#define MSG_MAX 8192
#define MSG_MNB 16384
#define MSG_MNI 32000
