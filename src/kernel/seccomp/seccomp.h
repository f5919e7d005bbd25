/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seccomp filters that guests put on themselves: seccomp(2). Programs are evaluated here, before a
 * call is dispatched; calls that run natively are brought here by kernel/syscall/native.h.
 *
 * A thread's filters are a list from the newest to the oldest. Lists share their tails: a child
 * begins with its parent's, and installing puts one filter in front.
 */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/ref.h"
#include "base/util.h"

struct task;

struct seccomp_filter {
    struct ref ref;
    struct seccomp_filter *older; /* immutable, referenced; NULL: the first */
    uint32_t count;               /* immutable: of this and the older ones */
    uint32_t cost;                /* immutable: instructions of all, and what each costs besides */
    uint32_t len;                 /* immutable */
    struct sock_filter code[];    /* immutable */
};

/*
 * A filter of len instructions, zeroed, for the caller to fill and check; not yet in any list. NULL
 * without memory.
 */
struct seccomp_filter *seccomp_filter_new(uint16_t len);
void seccomp_filter_put(struct seccomp_filter *f);

/*
 * Puts f (consumed in any case) in front of t's list; with tsync all threads of the group take over
 * t's list and no_new_privs. Own thread. 0; -ENOMEM: the list is full; -EINVAL: the thread is in
 * strict mode; with tsync the number of a thread whose list is not part of ours.
 */
long seccomp_install(struct task *t, struct seccomp_filter *f, bool tsync);
/* Strict mode: read, write, exit and rt_sigreturn. Own thread. 0 or -EINVAL. */
int seccomp_set_strict(struct task *t) must_check;

/* Under the tasks_lock, for a child that is not running yet: it begins with what t has. */
void seccomp_inherit(struct task *t, struct task *child);
/* The end of t: gives its list up. */
void seccomp_release(struct task *t);

/*
 * Before a call is carried out: true when it may be. Else it is over, and *ret is its result; the
 * thread may have a SIGSYS to act on, or to end. Own thread.
 */
bool seccomp_admits(struct task *t, uint64_t nr, const uint64_t a[static 6], long *ret);
