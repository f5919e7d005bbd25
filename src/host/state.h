/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state directory: one directory per container with
 *
 *   state.json     what is known of it; replaced by write, fsync, rename, fsync of the directory
 *   lock           flock: held exclusively by whoever changes the container, shared by readers
 *   control.sock   where the sentry listens
 *   config.json    copy of the bundle's, only if there are hooks still to run
 *
 * A container's directory is made under a name that begins with a dot and renamed when it is locked
 * and has a state, so nobody ever sees half of one. A container is `creating` only as long as its
 * maker holds the lock; one that is found unlocked and `creating` was left by a maker that died,
 * and is purged by whoever finds it. The same goes for the container of a foreground `run` that was
 * killed: its sandbox died with it.
 *
 * Whether a container runs is asked of the kernel each time: its sandbox's pid with the start time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/util.h"
#include "rpc/fail.h"

enum container_status {
    STATUS_CREATING,
    STATUS_CREATED,
    STATUS_RUNNING,
    STATUS_PAUSED,
    STATUS_STOPPED,
};

struct container {
    char *id;
    char *dir;           /* absolute path of its directory */
    int dir_fd, lock_fd; /* -1 when closed */

    enum container_status status; /* as stored; STOPPED when its sandbox is gone */
    pid_t pid;                    /* of the sandbox; 0 before it exists */
    uint64_t start_time;
    char *bundle, *rootfs;
    char *created;     /* RFC 3339, UTC */
    char *annotations; /* a JSON object as text, or NULL */
    char *cgroup;      /* path below each hierarchy, or NULL */
    char *version;     /* ociVersion of the config */
    uint32_t uid;      /* who made it */
    bool has_hooks;    /* config.json was kept */
    pid_t maker;       /* foreground `run` without --keep: who deletes it at its end; else 0 */
    uint64_t maker_start;
};

#define CONTAINER_NONE              \
    {                               \
        .dir_fd = -1, .lock_fd = -1 \
    }

struct state_store {
    char *path;
    int fd;
};

const char *container_status_name(enum container_status s);

/* root: --root, or NULL for the default. The directory is made (0700) if missing and `create` is
 * set. */
int state_store_open(const char *root, bool create, struct state_store *ret, struct fail *f)
    must_check;
void state_store_close(struct state_store *s);

/* Letters, digits, "_", "+", "-" and ".", not beginning with a dot, at most 200. */
int container_check_id(const char *id, struct fail *f) must_check;

/*
 * Makes the directory of a new container, locked, status CREATING. The caller has filled id,
 * bundle, rootfs, version, annotations, cgroup in *c beforehand. -EEXIST for a duplicate.
 */
int container_create(struct state_store *s, struct container *c, struct fail *f) must_check;

enum container_access {
    FOR_PEEK, /* no wait: while someone changes it, what it was before, unlocked (for hooks that
                  ask) */
    FOR_READ,
    FOR_CHANGE,
};
/* Finds and locks an existing container and reads its state. -ENOENT "container does not exist". */
int container_open(struct state_store *s, const char *id, enum container_access access,
                   struct container *ret, struct fail *f) must_check;

/* Writes state.json from *c. durable: survive a crash of the machine. */
int container_save(struct container *c, bool durable, struct fail *f) must_check;
/* Removes everything the container has on disk. The sandbox must be gone. */
int container_remove(struct state_store *s, struct container *c, struct fail *f) must_check;
/* The same for one whose state cannot be read: its sandbox, if it still runs, is not ended. */
int container_discard(struct state_store *s, const char *id, struct fail *f) must_check;
/* Kills the sandbox, if it is still the one we know, and waits for its end (at most 10 s). */
int container_kill_sandbox(const struct container *c, struct fail *f) must_check;
/* Frees, closes, unlocks. */
void container_close(struct container *c);

/* Path of the control socket; the caller frees. NULL when out of memory. */
char *container_control_path(const struct container *c);

/* Calls fn for each container found, read-locked; one that is being created appears as CREATING.
 * Goes on while fn returns 0; its negative errno is an error. */
int state_store_each(struct state_store *s, int (*fn)(struct container *c, void *arg), void *arg,
                     struct fail *f) must_check;
