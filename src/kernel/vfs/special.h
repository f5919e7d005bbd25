/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Special files found in host trees: FIFOs, sockets and device nodes. A file system that meets one
 * hands it over here; the objects behind are fdobj's and fs/dev's, which no file system may name.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/util.h"

struct file;
struct kernel;
struct link_ops;
struct node;
struct open_args;
struct pipes;
struct strbuf;
struct super;
struct terminals;
struct unix_net;

#define MEMFD_NAME_MAX 249

/* What mount(2) can make inside: a new instance, or one more mount of the only one. */
struct fs_type {
    const char *name; /* NULL ends the table */
    /* options: "name=value,..." as mount(2) has them. -EINVAL. NULL: -EPERM, whoever asks. */
    int (*mount)(struct kernel *k, const char *options, struct super **ret);
};

struct specials {
    const struct fs_type *fs_types;
    struct pipes *pipes; /* fdobj/pipe.h */
    /*
     * open(2) of a FIFO: fifo(7), may sleep in a->task (no lock held). `n` says which FIFO it is by
     * its attributes' dev and ino. a->task is not NULL. -ENXIO, -ERESTARTSYS.
     */
    int (*fifo_open)(struct kernel *k, struct node *n, const struct open_args *a,
                     struct file **ret);
    /* Character device by Linux's 64-bit device number. -ENXIO for those a guest may not have. */
    int (*device_open)(struct kernel *k, uint64_t rdev, const struct open_args *a,
                       struct file **ret);
    struct terminals *terminals; /* tty/tty.h */
    /* /dev/tty, /dev/console and /dev/ptmx by number. -ENXIO. */
    int (*terminal_open)(struct kernel *k, uint64_t rdev, const struct open_args *a,
                         struct file **ret);
    bool (*has_console)(struct kernel *k);
    struct unix_net *unix_net; /* net/unix/unix.h */
    /* The lines of /proc/net/unix. */
    int (*unix_show)(struct kernel *k, struct strbuf *out);
    const struct link_ops *links; /* network interfaces: kernel/links.h */
    struct super *memfds;         /* what files of memfd_create(2) live on */
    /* An empty one, open for reading and writing. flags: LX_MFD_*; without LX_MFD_CLOEXEC, and
     * checked. */
    int (*memfd_new)(struct kernel *k, const char *name, uint32_t flags, struct file **ret);
};
