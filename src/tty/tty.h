/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Terminals: pty pairs (pty(7), pts(4)), and consoles, whose other side is a pty of the host. Both
 * are entries of the container's one devpts. The kernel reaches them through struct specials.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/util.h"

struct cred;
struct file;
struct kernel;
struct open_args;
struct super;
struct task;
struct terminals;

int terminals_new(struct kernel *k, struct terminals **ret) must_check;

struct devpts_options {
    uint32_t mode;      /* of new terminals, e.g. 0620 */
    uint32_t ptmx_mode; /* of ptmx in it */
    uint32_t uid, gid;  /* of new terminals; UINT32_MAX: their opener's */
};

/* The file system of /dev/pts. Every mount shows the same terminals. */
int devpts_mount(struct kernel *k, const struct devpts_options *o, struct super **ret) must_check;
/* The same once more, as mount(2) does it: its options are looked at, and stay as they are.
 * -EINVAL. */
int devpts_mount_again(struct kernel *k, const char *options, struct super **ret) must_check;

/* For struct specials: /dev/tty (5:0), /dev/console (5:1) and /dev/ptmx (5:2); -ENXIO. */
int terminal_open(struct kernel *k, uint64_t rdev, const struct open_args *a, struct file **ret)
    must_check;
bool terminal_has_console(struct kernel *k);

/*
 * A terminal whose other side is the host's: host_fd, the slave of a host pty, is consumed, also on
 * error. Its description must be nobody else's: it is made raw and non-blocking, for the line
 * discipline is ours. Input is taken from it as it comes, its window size is followed, and its
 * hang-up is the terminal's. *ret is open for reading and writing, as /dev/pts/N where a devpts is
 * mounted there. keep: it is the container's own, /dev/console, and stays as long as the container;
 * any other ends, and lets go of host_fd, when its last file is closed and the host has taken what
 * was written. owner: of its node.
 */
int console_open(struct kernel *k, int host_fd, const struct cred *owner, bool keep,
                 struct file **ret) must_check;
/* Makes the terminal behind f (of console_open) the controlling one of t, which must lead a session
 * without one. t need not run yet. -EPERM. */
int console_make_controlling(struct task *t, struct file *f) must_check;
/* The host has been told to change some console's window: look now rather than soon. */
void consoles_resized(struct kernel *k);
/* At the container's end: waits a while until the hosts have taken all output, and gives them back
 * their modes. */
void consoles_drain(struct kernel *k);
