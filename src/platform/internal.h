/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The platform's own structures; only src/platform includes this.
 *
 * Lock order: platform.zygote_lock > platform.listener_lock > platform.lock. Nothing is waited for
 * under platform.lock.
 */
#pragma once

#include <linux/filter.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/htab.h"
#include "base/list.h"
#include "base/mutex.h"
#include "base/park.h"
#include "base/ref.h"
#include "platform/platform.h"
#include "platform/stub_abi.h"

/* One address space: the slots in use. Shared by a process and its vfork children. */
struct stub_mm {
    struct ref ref;
    uint64_t slots[STUB_MAX_SLOTS / 64]; /* [platform.lock] */
    uint64_t vdso;                       /* owner thread */
    uint64_t gap_start, gap_end;         /* as vdso: what pushes the mmap area down by chance */
    uint64_t chunks[STUB_MAX_CHUNKS];    /* [platform.lock] for trampolines */
    unsigned n_chunks;                   /* [platform.lock] */
    _Atomic bool unpatched;              /* no site is patched, now or ever again */
};

/* One host process. */
struct stub_proc {
    struct ref ref;
    struct platform *p;      /* immutable */
    struct stub_mm *mm;      /* immutable, referenced */
    pid_t pid;               /* immutable once registered */
    struct htab_node by_pid; /* [platform.lock] */
    struct list threads;     /* [platform.lock] stub_thread.link: those that may run */
    struct list leaving;     /* [platform.lock] stub_thread.link: told to exit, slot not yet free */
    bool registered;         /* [platform.lock] */
    _Atomic bool dead;       /* set under platform.lock before the pid is reaped */
    _Atomic bool natives_trapped;  /* the second filter is in force: natives.c; never cleared */
    _Atomic uint32_t direct_epoch; /* [platform.lock] for writes: direct.c */
    int dead_signal;               /* written before dead */
    struct mutex post_lock;        /* RANK_STUB */
    int post;                      /* [post_lock] our end: post.c; -1: none */
    uint32_t post_age;             /* [post_lock] how often it has ended */
    _Atomic bool post_making;
};

enum clone_state { CLONE_IDLE, CLONE_ORDERED, CLONE_CONTINUED, CLONE_ARRIVED };

struct stub_thread {
    struct ref ref;
    struct platform *p;      /* immutable */
    struct stub_proc *proc;  /* immutable, referenced */
    struct list link;        /* [platform.lock] */
    struct htab_node by_tid; /* [platform.lock] */
    bool registered;         /* [platform.lock] */
    bool leaving;            /* [platform.lock] no more kicks */
    pid_t tid;               /* immutable once registered */
    uint32_t slot;           /* immutable */
    struct channel *ch;      /* immutable: our mapping of shared, hostile memory */
    int channel_fd;          /* until the stub has it; then -1 */
    _Atomic uint32_t event;  /* futex word, private: bumped when the process dies or must go */
    _Atomic bool expelled;   /* must hand over soon, or be killed */
    struct {                 /* [platform.lock] platform_watch_death() */
        _Atomic uint32_t *word;
        uint32_t bits;
        struct parker *park;
    } watch;

    /* of the trap being handled; owner thread */
    struct stub_segment in[STUB_SEGMENTS], out[STUB_SEGMENTS];
    uint32_t n_in, n_out;
    uint32_t out_len[STUB_SEGMENTS];
    uint64_t patch;    /* what the stub would patch after this call, 0: nothing */
    uint64_t direct;   /* DIRECT_* */
    uint32_t gifts;    /* in the post, to be told with the resume */
    bool expect_ready; /* a newcomer whose REQ_READY has not been read yet */
    bool owed_done;    /* the answer to a clone order is still to come (vfork) */

    /* what the listener may grant this thread; [platform.lock] */
    struct {
        _Atomic enum clone_state state;
        uint64_t cookie;
        uint32_t flags;
        struct stub_thread *child;
    } clone;
    _Atomic bool may_confine;     /* the listener may grant one seccomp(2): natives.c */
    struct notify_waiter *waiter; /* [platform.waiters_lock] the owner thread is in notify_wait() */
    struct mutex donate_lock;     /* RANK_STUB */
    int donate_fd;      /* [donate_lock] descriptor for the next donate, -1: none; the owner's */
    uint32_t donate_as; /* [donate_lock] the number it gets, 0: any */

    struct {              /* placement.c; owner thread */
        int cpu, own_cpu; /* where the pair is bound; where this sentry thread is */
        bool bound, counted;
        _Atomic bool off; /* any thread: the guest has chosen processors itself */
        bool apart;       /* this thread spins on a processor of its own */
        uint32_t traps, quick_windows, patience;
        uint64_t window_ns, window_tsc, spin_ticks;
    } place;
};

#define STUB_FILTER_MAX 512
#define PLATFORM_CPUS   64 /* pairs on processors beyond are left to the host's scheduler */

struct platform {
    struct mutex lock;    /* RANK_PLATFORM */
    struct htab procs;    /* [lock] by host pid */
    struct htab threads;  /* [lock] by host tid */
    unsigned n_threads;   /* [lock] host threads, also those told to exit until they are gone */
    unsigned max_threads; /* immutable */
    struct stub_thread *zygote; /* immutable */
    struct mutex zygote_lock;   /* RANK_CONTROL: one order to the zygote at a time */
    struct mutex listener_lock; /* only tried, never waited for; held by the thread that serves the
                                   listener */
    struct mutex waiters_lock;  /* RANK_LEAF */
    struct list waiters;        /* [waiters_lock] those in notify_wait(): notify.c */
    int listener;               /* immutable */
    int oom_score_fd;
    bool patch; /* immutable: as configured */
    pthread_t reaper;
    bool reaping; /* the reaper runs; set before the second thread that could ask */
    struct sock_filter program[STUB_FILTER_MAX]; /* immutable: the stubs' filter */
    size_t n_program;
    bool no_waitv;             /* the host has no futex_waitv (before 5.16) */
    bool size_limited;         /* immutable: the stubs' files may not grow without end */
    uint64_t direct_mark;      /* immutable: platform_direct_mark() */
    _Atomic bool direct_given; /* some process may hold descriptors given in its present epoch */
    struct {
        uint64_t start, end;
        bool is_vdso;
    } special[4]; /* immutable: vvar and vdso mappings of the zygote */
    unsigned n_special;
    bool placement;                             /* immutable: there is more than one processor */
    int n_cpus;                                 /* immutable: how many those are */
    cpu_set_t cpus;                             /* immutable: those the host lets us use */
    _Atomic int cpu_busy[PLATFORM_CPUS], awake; /* bound pairs that are awake: by processor, all */
    _Atomic int cpu_spun[PLATFORM_CPUS],
        apart; /* those set apart: by the sentry's processor, all */
};

/* thread.c: life of stub_mm, stub_proc, stub_thread. The caller owns one reference of what is made.
 */
struct stub_thread *thread_new(struct platform *p, struct stub_proc *proc, uint32_t slot);
struct stub_proc *proc_new(struct platform *p, struct stub_mm *mm);
struct stub_mm *mm_new(void);
/* Lowest free slot of an address space, also reclaiming those of threads that are gone. -EAGAIN. */
int mm_take_slot(struct stub_proc *proc);
void thread_register(struct stub_thread *st, pid_t pid, pid_t tid); /* [platform.lock] held */
struct stub_thread *thread_by_tid(struct platform *p,
                                  pid_t tid);                 /* [platform.lock] held; borrowed */
struct stub_proc *proc_by_pid(struct platform *p, pid_t pid); /* [platform.lock] held; borrowed */
void proc_put(struct stub_proc *proc);
/* Counts out the threads that were told to exit and are gone. [platform.lock] held */
void threads_reclaim(struct platform *p);
/* Marks a process dead and wakes all who wait for its threads. */
void proc_died(struct stub_proc *proc, int signo);

/* channel.c: the sentry's side of the conversation. */
void channel_reply(struct stub_thread *st, enum stub_reply rep);
/* Waits for the stub's turn to end. 0, or -ESRCH when the process is dead. */
int channel_wait(struct stub_thread *st) must_check;
/* The same; 1: the stub computes, what it has closed waits, and it closes nothing more quietly. */
int channel_wait_or_quiet(struct stub_thread *st) must_check;
/* channel_reply, channel_wait and a REQ_DONE: *ret_result. A breach of protocol kills the stub. */
int channel_order(struct stub_thread *st, enum stub_reply rep, int64_t *ret_result) must_check;
/* Waits for what the stub still owes from an earlier order: a newcomer's READY, a vfork parent's
 * DONE. */
int channel_settle(struct stub_thread *st) must_check;
/* Runs up to STUB_MAX_CALLS native calls. Results are in calls[].result. 0 or -ESRCH. */
int channel_calls(struct stub_thread *st, struct stub_call *calls, unsigned n, int donate_fd)
    must_check;
/* One call for which the listener must be served until served(st). */
int channel_calls_notified(struct stub_thread *st, struct stub_call *call, bool (*served)(void *st))
    must_check;

/* post.c: descriptors that come with the resume. Owner thread; the stub is trapped. False: it was
 * not sent. */
bool post_send(struct stub_thread *st, const struct stub_gift *g, int host_fd) must_check;
/* Another process may have the stub's end. Any thread. */
void post_end(struct stub_proc *proc);

/* memory.c: straight to the other process, as far as its protections let. Any thread. */
ssize_t process_write(struct stub_thread *st, uint64_t dst, const void *src, size_t n) must_check;

/* notify.c: seccomp user notifications. */
/*
 * Serves the listener until done(arg), or waits while another thread does; *any thread* may be
 * served by it. done() is looked at after each notification that concerns st, after
 * notify_wake(st), and now and then. Gives up after ms milliseconds: -ETIMEDOUT. Owner thread of
 * st.
 */
int notify_wait(struct stub_thread *st, bool (*done)(void *arg), void *arg, unsigned ms) must_check;
/* Any thread: the owner of st looks again. */
void notify_wake(struct stub_thread *st);

void deadline_after_ms(struct timespec *ts, unsigned ms); /* CLOCK_MONOTONIC */

/* zygote.c */
int zygote_start(struct platform *p) must_check;

/* patches.c: call sites that stubs patch. */
/* Lets the stubs do so; the zygote is prepared and has not been copied yet. */
int patches_enable(struct platform *p) must_check;
/* May the stub patch the call at `site`? If so, *ret_chunk is memory just mapped for it, or 0 where
 * there was some. Owner thread, the stub is trapped. */
enum stub_patch patches_judge(struct stub_thread *st, uint64_t site, uint64_t *ret_chunk);
/* For a forked process: what its copied memory holds. */
void patches_inherit(struct stub_mm *mm, const struct stub_proc *parent);

/* filter.c: the stub's seccomp program. The number of instructions, or -E2BIG. */
int stub_filter_build(struct sock_filter *out, size_t cap) must_check;
/* The second program, which traps all that does not come from the stub's text. */
int native_filter_build(struct sock_filter *out, size_t cap) must_check;

/* placement.c: which processor a pair runs on. */
#define UNBIND_MS 2
void placement_init(struct platform *p);
void placement_trapped(struct stub_thread *st); /* a word of the stub has arrived */
bool placement_spin(
    struct stub_thread *st); /* waits a little if that pays: true, the word is there */
void placement_quiet(struct stub_thread *st);     /* none for UNBIND_MS */
void placement_bring(struct stub_thread *zygote); /* [zygote_lock] to the caller's processor */
void placement_inherit(struct stub_thread *child, const struct stub_thread *parent);
void placement_forget(struct stub_thread *st); /* the pair ends */

/* How long a stub is waited for. */
#define EXPEL_MS      2000  /* the patience with an expelled stub */
#define EXPEL_LOOK_MS 1000  /* how often a wait for notifications looks whether it is one */
#define ARRIVAL_MS    20000 /* a child may be slow on a loaded machine, but not for ever */

/* strays.c */
/* After a clone of st that was continued and brought no child: ends what may have come of it. */
void strays_end(struct stub_thread *st);

/* reaper.c */
int reaper_start(struct platform *p) must_check;
