/* SPDX-License-Identifier: Apache-2.0 */
/* Life of the sentry's objects for host processes and threads, and how they are found and ended. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sys.h"
#include "platform/internal.h"

/* Sealed so that no guest can truncate it under the sentry's feet (a SIGBUS would be its end). */
static int channel_create(struct channel **ret, int *ret_fd)
{
    _cleanup_close_ int fd = memfd_create("channel", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    if (ftruncate(fd, CHANNEL_SIZE) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
        return -errno;
    void *m = mmap(NULL, CHANNEL_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (m == MAP_FAILED)
        return -errno;
    *ret = m;
    *ret_fd = take_fd(&fd);
    return 0;
}

struct stub_mm *mm_new(void)
{
    struct stub_mm *mm = calloc(1, sizeof(*mm));
    if (mm)
        ref_init(&mm->ref);
    return mm;
}

static void mm_put(struct stub_mm *mm)
{
    if (mm && ref_put(&mm->ref))
        free(mm);
}

struct stub_proc *proc_new(struct platform *p, struct stub_mm *mm)
{
    struct stub_proc *proc = calloc(1, sizeof(*proc));
    if (!proc)
        return NULL;
    ref_init(&proc->ref);
    proc->p = p;
    proc->mm = mm;
    ref_get(&mm->ref);
    mutex_init(&proc->post_lock, RANK_STUB);
    proc->post = -1;
    list_init(&proc->threads);
    list_init(&proc->leaving);
    return proc;
}

void proc_put(struct stub_proc *proc)
{
    if (!proc || !ref_put(&proc->ref))
        return;
    post_end(proc);
    mm_put(proc->mm);
    free(proc);
}

/* Threads told to exit keep their slot until the host says that they are gone. [platform.lock] */
static void reclaim_slots(struct stub_proc *proc)
{
    struct list *at, *next;
    list_for_each_safe (at, next, &proc->leaving) {
        struct stub_thread *st = list_entry(at, struct stub_thread, link);
        if (!proc->dead && syscall(SYS_tgkill, proc->pid, st->tid, 0) == 0)
            continue;
        list_del(&st->link);
        proc->mm->slots[st->slot / 64] &= ~(1ull << (st->slot % 64));
        proc->p->n_threads--;
        platform_put(st);
    }
}

void threads_reclaim(struct platform *p)
{
    struct htab_node *node;
    htab_for_each (node, &p->procs)
        reclaim_slots(container_of(node, struct stub_proc, by_pid));
}

int mm_take_slot(struct stub_proc *proc)
{
    struct platform *p = proc->p;
    struct stub_mm *mm = proc->mm;
    int slot = -EAGAIN;
    mutex_lock(&p->lock);
    if (!list_empty(&proc->leaving))
        reclaim_slots(proc);
    for (unsigned i = 0; i < ARRAY_LEN(mm->slots) && slot < 0; i++) {
        if (mm->slots[i] == ~0ull)
            continue;
        unsigned bit = (unsigned) __builtin_ctzll(~mm->slots[i]);
        mm->slots[i] |= 1ull << bit;
        slot = (int) (i * 64 + bit);
    }
    mutex_unlock(&p->lock);
    return slot;
}

struct stub_thread *thread_new(struct platform *p, struct stub_proc *proc, uint32_t slot)
{
    _cleanup_free_ struct stub_thread *st = calloc(1, sizeof(*st));
    if (!st || channel_create(&st->ch, &st->channel_fd) < 0)
        return NULL;
    ref_init(&st->ref);
    st->p = p;
    st->proc = proc;
    ref_get(&proc->ref);
    st->slot = slot;
    mutex_init(&st->donate_lock, RANK_STUB);
    st->donate_fd = -1;
    st->place.cpu = st->place.own_cpu = -1;
    list_init(&st->link);
    st->ch->turn = TURN_STUB;
    return take_ptr(&st);
}

void thread_register(struct stub_thread *st, pid_t pid, pid_t tid)
{
    struct platform *p = st->p;
    struct stub_proc *proc = st->proc;
    st->tid = tid;
    st->registered = true;
    st->ch->direct_epoch = atomic_load(&proc->direct_epoch);
    htab_insert(&p->threads, &st->by_tid, hash_u64((uint64_t) tid));
    list_add_tail(&st->link, &proc->threads);
    ref_get(&st->ref); /* the list's */
    if (proc->registered)
        return;
    proc->pid = pid;
    proc->registered = true;
    ref_get(&proc->ref); /* the table's, until it is reaped */
    htab_insert(&p->procs, &proc->by_pid, hash_u64((uint64_t) pid));
}

struct stub_thread *thread_by_tid(struct platform *p, pid_t tid)
{
    struct htab_node *n = htab_find_first(&p->threads, hash_u64((uint64_t) tid));
    for (; n; n = htab_find_next(n)) {
        struct stub_thread *st = container_of(n, struct stub_thread, by_tid);
        if (st->tid == tid)
            return st;
    }
    return NULL;
}

struct stub_proc *proc_by_pid(struct platform *p, pid_t pid)
{
    struct htab_node *n = htab_find_first(&p->procs, hash_u64((uint64_t) pid));
    for (; n; n = htab_find_next(n)) {
        struct stub_proc *proc = container_of(n, struct stub_proc, by_pid);
        if (proc->pid == pid)
            return proc;
    }
    return NULL;
}

/* [platform.lock] */
static void thread_unregister(struct stub_thread *st)
{
    if (!st->registered)
        return;
    st->registered = false;
    st->leaving = true;
    st->watch.word = NULL;
    htab_remove(&st->p->threads, &st->by_tid);
}

/* [platform.lock] */
static void tell_watcher(struct stub_thread *st)
{
    if (!st->watch.word)
        return;
    atomic_fetch_or(st->watch.word, st->watch.bits);
    parker_wake(st->watch.park);
}

void proc_died(struct stub_proc *proc, int signo)
{
    struct platform *p = proc->p;
    struct list *at, *next;
    mutex_lock(&p->lock);
    proc->dead_signal = signo;
    proc->dead = true;
    list_for_each_safe (at, next, &proc->threads) {
        struct stub_thread *st = list_entry(at, struct stub_thread, link);
        tell_watcher(st);
        thread_unregister(st);
        atomic_fetch_add(&st->event, 1);
        host_futex_wake(&st->event, INT32_MAX, FUTEX_SCOPE_PRIVATE);
        notify_wake(st);
        list_del(&st->link);
        proc->mm->slots[st->slot / 64] &= ~(1ull << (st->slot % 64));
        proc->p->n_threads--;
        platform_put(st);
    }
    reclaim_slots(proc);
    if (proc->registered) {
        proc->registered = false;
        htab_remove(&p->procs, &proc->by_pid);
    }
    mutex_unlock(&p->lock);
}

void platform_get(struct stub_thread *st)
{
    ref_get(&st->ref);
}

void platform_put(struct stub_thread *st)
{
    if (!st || !ref_put(&st->ref))
        return;
    munmap(st->ch, CHANNEL_SIZE);
    st->channel_fd = close_fd(st->channel_fd);
    proc_put(st->proc);
    free(st);
}

void platform_exit_thread(struct stub_thread *st)
{
    struct platform *p = st->p;
    struct stub_proc *proc = st->proc;
    mutex_lock(&p->lock);
    bool registered = st->registered;
    if (registered) {
        thread_unregister(st);
        list_del(&st->link);
        list_add_tail(&st->link, &proc->leaving);
    }
    bool last = list_empty(&proc->threads);
    mutex_unlock(&p->lock);
    placement_forget(st);

    if (registered && channel_settle(st) == 0) {
        st->ch->value = last;
        channel_reply(st, REP_EXIT);
    }
    platform_put(st);
}

/* pids are safe to signal under the lock: the reaper marks a process dead before it frees the
 * number. */
void platform_kill(struct stub_thread *st)
{
    struct platform *p = st->p;
    mutex_lock(&p->lock);
    if (!st->proc->dead && st->proc->registered)
        kill(st->proc->pid, SIGKILL);
    mutex_unlock(&p->lock);
}

void platform_kick(struct stub_thread *st)
{
    struct platform *p = st->p;
    mutex_lock(&p->lock);
    if (!st->proc->dead && st->registered && !st->leaving)
        syscall(SYS_tgkill, st->proc->pid, st->tid, STUB_KICK_SIGNAL);
    mutex_unlock(&p->lock);
}

void platform_expel(struct stub_thread *st, bool in_guest)
{
    if (!atomic_exchange(&st->expelled, true)) {
        atomic_fetch_add(&st->event, 1);
        host_futex_wake(&st->event, INT32_MAX, FUTEX_SCOPE_PRIVATE);
    }
    if (in_guest)
        platform_kick(st);
}

void platform_watch_death(struct stub_thread *st, _Atomic uint32_t *word, uint32_t bits,
                          struct parker *park)
{
    struct platform *p = st->p;
    mutex_lock(&p->lock);
    st->watch.word = word;
    st->watch.bits = bits;
    st->watch.park = park;
    if (st->proc->dead)
        tell_watcher(st);
    mutex_unlock(&p->lock);
}

pid_t platform_host_pid(const struct stub_thread *st)
{
    return st->proc->pid;
}

pid_t platform_host_tid(const struct stub_thread *st)
{
    return st->tid;
}

void platform_gap(const struct stub_thread *st, uint64_t *ret_start, uint64_t *ret_end)
{
    *ret_start = st->proc->mm->gap_start;
    *ret_end = st->proc->mm->gap_end;
}

void platform_reserved(uint64_t *ret_start, uint64_t *ret_end)
{
    *ret_start = STUB_BASE;
    *ret_end = STUB_END;
}

uint64_t platform_hidden_size(const struct stub_thread *st)
{
    const struct stub_mm *mm = st->proc->mm;
    return (STUB_DATA_END - STUB_BASE) + (STUB_END - STUB_SLOTS) + (mm->gap_end - mm->gap_start);
}

/* The stacks of the slots in use, and the stub's own page. */
uint64_t platform_hidden_data(const struct stub_thread *st)
{
    uint64_t slots = 1;
    mutex_lock(&st->p->lock);
    for (size_t i = 0; i < ARRAY_LEN(st->proc->mm->slots); i++)
        slots += (uint64_t) __builtin_popcountll(st->proc->mm->slots[i]);
    mutex_unlock(&st->p->lock);
    return slots * STUB_SLOT_SIZE;
}
