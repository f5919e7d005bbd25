/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ptrace(2) for the rest of the kernel: where a task's life touches its tracer. The system call
 * itself is kernel/syscall/sys_ptrace.c.
 *
 * A traced task's every call comes to the sentry (kernel/syscall/native.h), nothing of it is
 * marshalled, and it is resumed with all its registers (RESUME_REGS), so that a tracer sees and
 * changes the guest's own memory and registers.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/task/task.h"

/* Whether somebody traces t: own thread, or with one of tracer's locks. */
static inline bool is_traced(const struct task *t)
{
    return atomic_load(&t->trace.tracer) != NULL;
}

/*
 * Guest memory of t, whatever its protection if a thread of that process is in a ptrace-stop; self:
 * the calling thread's task. image: the tgroup.n_execs whose memory it must be, for who was given
 * the right to it earlier. Bytes moved, less than n where nothing is mapped, or -EIO, -ESRCH (also
 * for another image), -EINTR. No locks held.
 */
#define TRACE_ANY_IMAGE UINT32_MAX
ssize_t trace_memory(struct task *self, struct task *t, uint32_t image, uint64_t addr, void *buf,
                     size_t n, bool write) must_check;

/* ---- own thread, no locks held: task/run.c ---- */

/* A call of a traced task, with its stops, up to how it goes on. */
void trace_syscall(struct task *t, struct resume *how);
/* A call of an untraced task is over; somebody may have attached meanwhile. */
void trace_syscall_over(struct task *t, struct resume *how);
/* rt_sigreturn(2) of a traced task must come back with the registers it has restored. */
bool trace_wants_back(struct task *t, const struct resume *how);
/* Last thing before guest code runs: stepping, changed segment bases. */
void trace_before_run(struct task *t, struct resume *how, struct signal_delivery *frame);
/* First thing after a trap. */
void trace_after_trap(struct task *t, enum trap trap, struct resume *how);

/* ---- own thread, no locks held: signals, exec, clone, exit ---- */

/* signal-delivery-stop. False: the tracer has suppressed the signal; else *info may be another. */
bool trace_signal(struct task *t, struct resume *how, struct lx_siginfo *info) must_check;
/* sighand.lock held: whether trace_job_stop() has something to do. */
bool trace_job_due_locked(const struct task *t);
/* group-stop, PTRACE_EVENT_STOP. */
void trace_job_stop(struct task *t, struct resume *how);
/* PTRACE_EVENT_*; nothing if the tracer does not want this one. */
void trace_event(struct task *t, int event, uint64_t message);
/* The image has changed; the thread had this number before. */
void trace_execed(struct task *t, pid_t old_tid);
/*
 * PTRACE_EVENT_SECCOMP, asked for by a filter of t's own. True: the call as t->trap has it now is
 * to be made; false: it is over with *ret, because nobody wants the event, or the tracer skips it.
 */
bool trace_seccomp(struct task *t, uint16_t data, long *ret) must_check;
/*
 * exec of a set-id program: whether t may take its rights. True: until trace_setid_over() nobody
 * attaches without CAP_SYS_PTRACE, or what was asked here would not hold at the exec's end.
 */
bool trace_admits_setid(struct task *t) must_check;
void trace_setid_over(struct task *t);

/* tasks_lock held: the registers say so; t's handlers use them. A stop signal came while the group
 * was stopped already, or SIGCONT: sighand.lock held. */
void trace_notify_job_locked(struct task *t, bool cont);

/* The event that a clone(2) with these flags is, 0 for none that is wanted. */
int trace_clone_event(struct task *t, uint64_t flags, int exit_signal);
/* tasks_lock held: the child of t, which cannot run yet, is traced like its parent. */
void trace_clone_child(struct task *t, struct task *child);

/* ---- with tasks_lock held: exit and wait ---- */

/* t is gone as a thread: its tracees are let go; zombies among them that their parents may now have
 * are told by `notify`. The references on zombies are added to `zombies` by trace.link: one may be
 * the last of a group, to be dropped after unlocking. */
void trace_release_all(struct task *t, void (*notify)(struct tgroup *tg, struct list *dead),
                       struct list *dead, struct list *zombies);
/* t leaves its tracer; it goes on if it was stopped. The caller drops the reference returned, after
 * unlocking; NULL: it was not traced. */
struct task *trace_unlink(struct task *t) must_check;
/* A thread that is not its group's leader has ended. True: it stays as a zombie for its tracer. */
bool trace_keep_zombie(struct task *t);
/* Whether the group's end is its tracer's to know first. */
bool trace_hides_zombie(const struct tgroup *tg);
/* Tells the tracer of the end of t (a leader whose group is a zombie, or another thread). True: it
 * does not want to know, t is not to be kept for it. */
bool trace_notify_exit(struct task *t, uint32_t status);
/* Frees the number of a thread that trace_keep_zombie() kept. */
void trace_free_zombie(struct task *t);
