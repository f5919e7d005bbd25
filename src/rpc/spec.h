/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox specification: everything the host side tells the sandbox before it is locked in,
 * as plain values. The host side encodes it into a sealed memfd; the sandbox process decodes it
 * twice, once before and once after it has re-executed itself inside its minimal root.
 *
 * The decoder trusts nothing: every length and count is bounded, every string is NUL-free and
 * terminated, every descriptor number is checked against the inventory by its user.
 *
 * Ownership: a decoded spec owns all its memory; sandbox_spec_free() releases it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/util.h"

/* Inherited descriptors at fixed numbers; everything above comes from the spec. */
enum {
    SPEC_FD_SYNC = 3, /* SOCK_SEQPACKET to the CLI: READY or ERROR, once */
    SPEC_FD_SPEC = 4, /* sealed memfd holding the encoded spec */
    SPEC_FD_FIRST_FREE = 5,
};

enum mount_kind {
    MOUNT_TREE,  /* files of a donated host tree (bind mounts, the root) */
    MOUNT_TMPFS, /* a host tmpfs of our own, made at boot, then used as a tree */
    MOUNT_PROC,  /* synthetic, the guest's own processes */
    MOUNT_SYS,
    MOUNT_DEV,
    MOUNT_DEVPTS,
    MOUNT_MQUEUE,   /* a tmpfs as far as the guest can tell */
    MOUNT_CGROUP,   /* the container's own group, as version 2 shows it */
    MOUNT_READONLY, /* what is at `dest` once more, read-only; nothing where nothing is */
    MOUNT_MASK,     /* an empty directory or the null device over what is at `dest`; the same */
};

/* Guest-visible mount flags; the sentry enforces them for every kind. */
enum {
    MOUNT_F_RDONLY = 1u << 0,
    MOUNT_F_NOSUID = 1u << 1,
    MOUNT_F_NODEV = 1u << 2,
    MOUNT_F_NOEXEC = 1u << 3,
    MOUNT_F_NOATIME = 1u << 4,
    MOUNT_F_EXCLUSIVE = 1u << 5, /* nobody outside the sandbox writes here: may be cached */
    MOUNT_F_RECURSIVE = 1u << 6, /* rootless: clone submounts of `source` with it */
    MOUNT_F_OVERLAY = 1u << 7,   /* MOUNT_TREE: copy on write; the tree itself is only read */
    MOUNT_F_NODIRATIME = 1u << 8,
    MOUNT_F_STRICTATIME = 1u << 9, /* wins over NOATIME; neither: relatime */
    MOUNT_F_NOSYMFOLLOW = 1u << 10,
    /* Of the file system rather than the mount: shown, of no effect where nothing is cached. */
    MOUNT_F_SYNC = 1u << 11,
    MOUNT_F_DIRSYNC = 1u << 12,
    MOUNT_F_MAND = 1u << 13,
    MOUNT_F_LAZYTIME = 1u << 14,
    MOUNT_F_COPY_UP = 1u << 15, /* MOUNT_TMPFS: begins with what was at `dest` */
    MOUNT_F_DROPPED = 1u << 16, /* set by boot: its changes go when the sandbox does */
};

struct mount_spec {
    enum mount_kind kind;
    uint32_t flags;
    int tree_fd;  /* donated detached tree, or -1: boot opens `source` (MOUNT_TREE) or makes it
                     (MOUNT_TMPFS, MOUNT_MQUEUE) */
    char *source; /* MOUNT_TREE, rootless: host path; otherwise what /proc/mounts shows; may be NULL
                   */
    char *dest;   /* absolute guest path; "/" for the root, which comes first */
    uint64_t size; /* MOUNT_TMPFS: bytes, 0 = the kernel's default */
    uint32_t mode; /* MOUNT_TMPFS: mode of its root, e.g. 01777; MOUNT_DEVPTS: of new terminals */
    uint32_t ptmx_mode; /* MOUNT_DEVPTS: of ptmx in it */
    uint32_t uid, gid;  /* MOUNT_DEVPTS: of new terminals; UINT32_MAX: their opener's */
    /* MOUNT_F_OVERLAY: the directory that takes the changes, with root, work and index in it. With
     * neither of the two boot makes one, in a tmpfs that all such layers share. */
    int upper_fd;       /* donated tree or directory; -1: none */
    char *upper_source; /* rootless: host path that boot opens; may be NULL */
    char *data;         /* MOUNT_TMPFS, MOUNT_MQUEUE: more options for the host's tmpfs,
                           "nr_inodes=9,uid=1";         NULL */
};

/* A device node below /dev or elsewhere: its name, number and owner. */
struct device_spec {
    char *path;    /* absolute guest path */
    uint32_t mode; /* type (character, block, FIFO) and permissions */
    uint32_t major, minor;
    uint32_t uid, gid;
};

struct rlimit_spec {
    uint32_t resource; /* RLIMIT_* number of Linux */
    uint64_t soft, hard;
};

struct process_spec {
    char **argv; /* NULL-terminated, at least one; a name without a slash is looked up in envp's
                    PATH, inside */
    char **envp; /* NULL-terminated */
    char *cwd;   /* absolute guest path */
    uint32_t uid, gid; /* guest ids */
    uint32_t *groups;
    size_t n_groups;
    uint32_t umask;
    uint64_t cap_bounding, cap_effective, cap_permitted, cap_inheritable, cap_ambient;
    struct rlimit_spec *rlimits; /* those not listed: as the sandbox process has them */
    size_t n_rlimits;
    uint64_t ignored_signals; /* bit N-1: signal N begins ignored, as the caller had it */
    bool no_new_privs;
    bool terminal; /* descriptors 0, 1 and 2 are one terminal: the slave of a host pty of its own */
};

/*
 * Files of the container's cgroup: what a guest is told about its limits and its use of them. Each
 * is a donated read-only descriptor, so that what `update` changes is seen at once; version 1 has
 * other names, and more files for the same.
 */
enum group_file {
    GROUP_MEMORY_MAX,
    GROUP_MEMORY_CURRENT,
    GROUP_MEMORY_PEAK,
    GROUP_MEMORY_STAT,
    GROUP_MEMORY_EVENTS,
    GROUP_SWAP_MAX, /* version 1: memory and swap together */
    GROUP_SWAP_CURRENT,
    GROUP_CPU_MAX,
    GROUP_CPU_PERIOD, /* version 1 */
    GROUP_CPU_WEIGHT, /* version 1: shares */
    GROUP_CPU_STAT,
    GROUP_CPU_USAGE, /* version 1 */
    GROUP_CPUS,
    GROUP_MEMS,
    N_GROUP_FILES,
};

struct group_file_name {
    const char *name;       /* of the descriptor, in the inventory */
    const char *controller; /* whose hierarchy of version 1 */
    const char *v1, *v2;    /* NULL: there is none */
};
extern const struct group_file_name group_file_names[N_GROUP_FILES];

/* The namespace of the sandbox process, which the host side has put it into. */
enum network_mode {
    NETWORK_OWN,    /* fresh and its own: boot brings up the loopback interface */
    NETWORK_HOST,   /* the caller's */
    NETWORK_JOINED, /* someone else's, as it is */
};

struct sandbox_spec {
    char *id;
    char *hostname; /* NULL: the host's */
    char *domainname;
    struct mount_spec *mounts; /* in mount order; mounts[0].dest is "/" */
    size_t n_mounts;
    struct device_spec *devices; /* besides those that every /dev has */
    size_t n_devices;
    struct process_spec process;
    enum network_mode network;
    /* The egress policy, base/netrule.h: what Internet sockets may reach. NULL (or empty): all that
     * the network reaches. With rules and NETWORK_OWN the sandbox process starts in the namespace
     * that leads outside, and boot makes the sandbox's own. */
    char **allow_net;
    char **nameservers; /* addresses: who is asked for names, resolv.conf(5) of the host */
    /* SOCK_SEQPACKET unix socket: listening (state directory), or already connected to the one
     * client of a foreground `do` (SO_ACCEPTCONN tells which); -1 for none. Protocol: rpc/control.h
     */
    int control_fd;
    int log_fd;                   /* where log lines go, or -1 */
    int group_fds[N_GROUP_FILES]; /* or -1; all: the container has no cgroup of its own */
    bool group_v2;                /* which version's files they are */
    int machine_fd; /* boot's: tree of the host's /sys/devices/system, for what MOUNT_SYS tells of
                       processors and memory nodes; -1: none */
    int net_fd;     /* boot's: tree of /proc/sys/net, for what MOUNT_PROC tells of it; -1: none */
    char **sysctls; /* "net.NAME=VALUE", for the network namespace; NULL-terminated, or NULL */
    int self_fd;    /* detached tree of the sentry's own binary (real root), or -1 */
    bool rootless;  /* no privileges on the host: sources are opened inside the user namespace */
    bool start_now; /* false: wait for COMMIT (rpc/sync.h), then for START on the control socket */
    bool die_with_parent; /* foreground `do` and `run`: armed PR_SET_PDEATHSIG must be re-armed
                             after id changes */
    bool strace;
    bool no_patch;      /* call sites of the guest stay as they are */
    bool mediate_data;  /* the data of files, too, moves through the sentry */
    uint32_t log_level; /* enum log_level */
    bool log_json;
    uint32_t pids_max; /* guest tasks admitted; 0 = the default */
    /* What all layers together may take, in bytes. Of the tmpfs boot makes: its size, 0 = the
     * kernel's default; of given ones the sentry counts, 0 = without end. */
    uint64_t overlay_size;
};

static inline bool spec_has_policy(const struct sandbox_spec *s)
{
    return s->allow_net && s->allow_net[0];
}
/* One thread stays in the namespace that leads outside. */
static inline bool spec_has_two_networks(const struct sandbox_spec *s)
{
    return spec_has_policy(s) && s->network == NETWORK_OWN;
}

/* Largest encoded spec accepted: room for ARG_MAX-sized arguments and environment. */
#define SPEC_MAX_BYTES (4u << 20)

/* Encodes `s` into a new sealed memfd (CLOEXEC). Returns 0 and *ret_fd, or a negative errno. */
int sandbox_spec_encode(const struct sandbox_spec *s, int *ret_fd) must_check;

/* Decodes untrusted bytes. 0 and *ret (caller frees), -EBADMSG for anything malformed, -ENOMEM. */
int sandbox_spec_decode(const void *bytes, size_t n, struct sandbox_spec **ret) must_check;

/* Reads a whole spec from a memfd by pread, whatever its offset. */
int sandbox_spec_read(int fd, struct sandbox_spec **ret) must_check;

void sandbox_spec_free(struct sandbox_spec *s);

/* The same for a process alone: what `exec` starts in a running sandbox. A decoded one owns its
 * memory until process_spec_clear(). */
int process_spec_encode(const struct process_spec *p, int *ret_fd) must_check;
int process_spec_decode(const void *bytes, size_t n, struct process_spec *ret) must_check;
int process_spec_read(int fd, struct process_spec *ret) must_check;
void process_spec_clear(struct process_spec *p);
