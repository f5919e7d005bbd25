/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoding and decoding of the sandbox specification: a header (magic, version, size) and then the
 * fields in one fixed order, native byte order, no padding. Strings carry their length; the length
 * STR_NULL stands for a NULL pointer. One table-free pass per direction: the writer and the reader
 * below must list the same fields in the same order, and the unit test compares them field by
 * field.
 */
#include "rpc/spec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SPEC_MAGIC   0x43505343u /* "CSPC" */
#define SPEC_VERSION 3u
#define PROC_MAGIC   0x50505343u /* "CSPP": a process_spec alone */
#define STR_NULL     UINT32_MAX

enum {
    MAX_MOUNTS = 1024,
    MAX_DEVICES = 1024,
    MAX_GROUPS = 65536,
    MAX_RLIMITS = 64,
    MAX_FD = 1 << 20,
};

#define MOUNT_F_ALL                                                                           \
    (MOUNT_F_RDONLY | MOUNT_F_NOSUID | MOUNT_F_NODEV | MOUNT_F_NOEXEC | MOUNT_F_NOATIME |     \
     MOUNT_F_EXCLUSIVE | MOUNT_F_RECURSIVE | MOUNT_F_NODIRATIME | MOUNT_F_STRICTATIME |       \
     MOUNT_F_NOSYMFOLLOW | MOUNT_F_SYNC | MOUNT_F_DIRSYNC | MOUNT_F_MAND | MOUNT_F_LAZYTIME | \
     MOUNT_F_COPY_UP | MOUNT_F_OVERLAY | MOUNT_F_DROPPED)

const struct group_file_name group_file_names[N_GROUP_FILES] = {
    [GROUP_MEMORY_MAX] = {"cgroup memory.max", "memory", "memory.limit_in_bytes", "memory.max"},
    [GROUP_MEMORY_CURRENT] = {"cgroup memory.current", "memory", "memory.usage_in_bytes",
                              "memory.current"},
    [GROUP_MEMORY_PEAK] = {"cgroup memory.peak", "memory", "memory.max_usage_in_bytes",
                           "memory.peak"},
    [GROUP_MEMORY_STAT] = {"cgroup memory.stat", "memory", "memory.stat", "memory.stat"},
    [GROUP_MEMORY_EVENTS] = {"cgroup memory.events", "memory", "memory.oom_control",
                             "memory.events"},
    [GROUP_SWAP_MAX] = {"cgroup memory.swap.max", "memory", "memory.memsw.limit_in_bytes",
                        "memory.swap.max"},
    [GROUP_SWAP_CURRENT] = {"cgroup memory.swap.current", "memory", "memory.memsw.usage_in_bytes",
                            "memory.swap.current"},
    [GROUP_CPU_MAX] = {"cgroup cpu.max", "cpu", "cpu.cfs_quota_us", "cpu.max"},
    [GROUP_CPU_PERIOD] = {"cgroup cpu period", "cpu", "cpu.cfs_period_us", NULL},
    [GROUP_CPU_WEIGHT] = {"cgroup cpu.weight", "cpu", "cpu.shares", "cpu.weight"},
    [GROUP_CPU_STAT] = {"cgroup cpu.stat", "cpu", "cpu.stat", "cpu.stat"},
    [GROUP_CPU_USAGE] = {"cgroup cpu usage", "cpuacct", "cpuacct.stat", NULL},
    [GROUP_CPUS] = {"cgroup cpuset.cpus", "cpuset", "cpuset.effective_cpus",
                    "cpuset.cpus.effective"},
    [GROUP_MEMS] = {"cgroup cpuset.mems", "cpuset", "cpuset.effective_mems",
                    "cpuset.mems.effective"},
};

/* ---- writing ---- */

struct writer {
    unsigned char *data;
    size_t len, cap;
    int error; /* first failure; later writes are ignored */
};

static void put(struct writer *w, const void *src, size_t n)
{
    if (w->error)
        return;
    if (n > SPEC_MAX_BYTES - w->len) {
        w->error = -E2BIG;
        return;
    }
    if (w->len + n > w->cap) {
        size_t cap = w->cap ? w->cap : 4096;
        while (cap < w->len + n)
            cap *= 2;
        unsigned char *p = realloc(w->data, cap);
        if (!p) {
            w->error = -ENOMEM;
            return;
        }
        w->data = p;
        w->cap = cap;
    }
    if (n)
        memcpy(w->data + w->len, src, n);
    w->len += n;
}

static void put_u32(struct writer *w, uint32_t v)
{
    put(w, &v, sizeof(v));
}

static void put_u64(struct writer *w, uint64_t v)
{
    put(w, &v, sizeof(v));
}

static void put_str(struct writer *w, const char *s)
{
    size_t n = s ? strlen(s) : 0;

    if (n >= SPEC_MAX_BYTES) {
        w->error = -E2BIG;
        return;
    }
    put_u32(w, s ? (uint32_t) n : STR_NULL);
    put(w, s, n);
}

static void put_strv(struct writer *w, char *const *v)
{
    uint32_t n = 0;

    while (v && v[n])
        n++;
    put_u32(w, n);
    for (uint32_t i = 0; i < n; i++)
        put_str(w, v[i]);
}

static void put_mount(struct writer *w, const struct mount_spec *m)
{
    put_u32(w, m->kind);
    put_u32(w, m->flags);
    put_u32(w, (uint32_t) m->tree_fd);
    put_str(w, m->source);
    put_str(w, m->dest);
    put_u64(w, m->size);
    put_u32(w, m->mode);
    put_u32(w, m->ptmx_mode);
    put_u32(w, m->uid);
    put_u32(w, m->gid);
    put_u32(w, (uint32_t) m->upper_fd);
    put_str(w, m->upper_source);
    put_str(w, m->data);
}

static void put_device(struct writer *w, const struct device_spec *d)
{
    put_str(w, d->path);
    put_u32(w, d->mode);
    put_u32(w, d->major);
    put_u32(w, d->minor);
    put_u32(w, d->uid);
    put_u32(w, d->gid);
}

static void put_process(struct writer *w, const struct process_spec *p)
{
    put_strv(w, p->argv);
    put_strv(w, p->envp);
    put_str(w, p->cwd);
    put_u32(w, p->uid);
    put_u32(w, p->gid);
    put_u32(w, (uint32_t) p->n_groups);
    for (size_t i = 0; i < p->n_groups; i++)
        put_u32(w, p->groups[i]);
    put_u32(w, p->umask);
    put_u64(w, p->cap_bounding);
    put_u64(w, p->cap_effective);
    put_u64(w, p->cap_permitted);
    put_u64(w, p->cap_inheritable);
    put_u64(w, p->cap_ambient);
    put_u32(w, (uint32_t) p->n_rlimits);
    for (size_t i = 0; i < p->n_rlimits; i++) {
        put_u32(w, p->rlimits[i].resource);
        put_u64(w, p->rlimits[i].soft);
        put_u64(w, p->rlimits[i].hard);
    }
    put_u64(w, p->ignored_signals);
    put_u32(w, p->no_new_privs);
    put_u32(w, p->terminal);
}

static void put_spec(struct writer *w, const struct sandbox_spec *s)
{
    put_u32(w, SPEC_MAGIC);
    put_u32(w, SPEC_VERSION);
    put_u32(w, 0); /* total size, patched below */
    put_str(w, s->id);
    put_str(w, s->hostname);
    put_str(w, s->domainname);
    put_u32(w, (uint32_t) s->n_mounts);
    for (size_t i = 0; i < s->n_mounts; i++)
        put_mount(w, &s->mounts[i]);
    put_u32(w, (uint32_t) s->n_devices);
    for (size_t i = 0; i < s->n_devices; i++)
        put_device(w, &s->devices[i]);
    put_process(w, &s->process);
    put_u32(w, s->network);
    put_strv(w, s->allow_net);
    put_strv(w, s->nameservers);
    put_u32(w, (uint32_t) s->control_fd);
    put_u32(w, (uint32_t) s->log_fd);
    put_u32(w, (uint32_t) s->self_fd);
    for (size_t i = 0; i < N_GROUP_FILES; i++)
        put_u32(w, (uint32_t) s->group_fds[i]);
    put_u32(w, s->group_v2);
    put_u32(w, (uint32_t) s->machine_fd);
    put_u32(w, (uint32_t) s->net_fd);
    put_strv(w, s->sysctls);
    put_u32(w, s->rootless);
    put_u32(w, s->start_now);
    put_u32(w, s->die_with_parent);
    put_u32(w, s->strace);
    put_u32(w, s->no_patch);
    put_u32(w, s->mediate_data);
    put_u32(w, s->log_level);
    put_u32(w, s->log_json);
    put_u32(w, s->pids_max);
    put_u64(w, s->overlay_size);
    if (!w->error) {
        uint32_t total = (uint32_t) w->len;
        memcpy(w->data + 8, &total, sizeof(total));
    }
}

static int write_whole(int fd, const unsigned char *p, size_t n)
{
    while (n) {
        ssize_t k = write(fd, p, n);
        if (k < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        p += k;
        n -= (size_t) k;
    }
    return 0;
}

/* What was written, as a sealed memfd; releases the writer. */
static int seal(struct writer *w, int *ret_fd)
{
    int fd = -1, r = w->error;

    if (r < 0)
        goto out;
    fd = memfd_create("cloister-spec", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) {
        r = -errno;
        goto out;
    }
    r = write_whole(fd, w->data, w->len);
    if (r < 0)
        goto out;
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0) {
        r = -errno;
        goto out;
    }
    *ret_fd = fd;
    fd = -1;
out:
    if (fd >= 0)
        close(fd);
    free(w->data);
    return r;
}

int sandbox_spec_encode(const struct sandbox_spec *s, int *ret_fd)
{
    struct writer w = {0};

    put_spec(&w, s);
    return seal(&w, ret_fd);
}

int process_spec_encode(const struct process_spec *p, int *ret_fd)
{
    struct writer w = {0};

    put_u32(&w, PROC_MAGIC);
    put_u32(&w, SPEC_VERSION);
    put_process(&w, p);
    return seal(&w, ret_fd);
}

/* ---- reading ---- */

struct reader {
    const unsigned char *p;
    size_t left;
    int error; /* first failure; later reads return zero */
};

static void get(struct reader *r, void *dst, size_t n)
{
    if (!r->error && n > r->left)
        r->error = -EBADMSG;
    if (r->error) {
        memset(dst, 0, n);
        return;
    }
    memcpy(dst, r->p, n);
    r->p += n;
    r->left -= n;
}

static uint32_t get_u32(struct reader *r)
{
    uint32_t v;
    get(r, &v, sizeof(v));
    return v;
}

static uint64_t get_u64(struct reader *r)
{
    uint64_t v;
    get(r, &v, sizeof(v));
    return v;
}

static bool get_bool(struct reader *r)
{
    uint32_t v = get_u32(r);

    if (v > 1 && !r->error)
        r->error = -EBADMSG;
    return v == 1;
}

static int get_fd(struct reader *r)
{
    uint32_t v = get_u32(r);

    if (v == UINT32_MAX)
        return -1;
    if (v >= MAX_FD && !r->error)
        r->error = -EBADMSG;
    return (int) v;
}

/* A count whose items take at least min_size bytes each: bounded by what is left to read. */
static size_t get_count(struct reader *r, size_t max, size_t min_size)
{
    uint32_t n = get_u32(r);

    if (r->error)
        return 0;
    if (n > max || n > r->left / min_size) {
        r->error = -EBADMSG;
        return 0;
    }
    return n;
}

static void *get_array(struct reader *r, size_t n, size_t size)
{
    if (r->error)
        return NULL;
    void *p = calloc(n ? n : 1, size);
    if (!p)
        r->error = -ENOMEM;
    return p;
}

static char *get_str(struct reader *r, bool required)
{
    uint32_t n = get_u32(r);
    char *s;

    if (r->error)
        return NULL;
    if (n == STR_NULL) {
        if (required)
            r->error = -EBADMSG;
        return NULL;
    }
    if (n > r->left || memchr(r->p, 0, n)) {
        r->error = -EBADMSG;
        return NULL;
    }
    s = malloc((size_t) n + 1);
    if (!s) {
        r->error = -ENOMEM;
        return NULL;
    }
    get(r, s, n);
    s[n] = '\0';
    return s;
}

static char *get_path(struct reader *r)
{
    char *s = get_str(r, true);

    if (s && s[0] != '/' && !r->error)
        r->error = -EBADMSG;
    return s;
}

static char **get_strv(struct reader *r)
{
    size_t n = get_count(r, SPEC_MAX_BYTES / 4, 4);
    char **v = get_array(r, n + 1, sizeof(*v));

    for (size_t i = 0; v && i < n && !r->error; i++)
        v[i] = get_str(r, true);
    return v;
}

/* Boot makes the tmpfs ones and writes their trees into the spec for its second stage. */
static bool has_host_tree(uint32_t kind)
{
    return kind == MOUNT_TREE || kind == MOUNT_TMPFS || kind == MOUNT_MQUEUE;
}

static void get_mount(struct reader *r, struct mount_spec *m)
{
    uint32_t kind = get_u32(r);

    m->kind = (enum mount_kind) kind;
    m->flags = get_u32(r);
    m->tree_fd = get_fd(r);
    m->source = get_str(r, false);
    m->dest = get_path(r);
    m->size = get_u64(r);
    m->mode = get_u32(r);
    m->ptmx_mode = get_u32(r);
    m->uid = get_u32(r);
    m->gid = get_u32(r);
    m->upper_fd = get_fd(r);
    m->upper_source = get_str(r, false);
    m->data = get_str(r, false);
    if (r->error)
        return;
    if (kind > MOUNT_MASK || (m->flags & ~MOUNT_F_ALL) || ((m->mode | m->ptmx_mode) & ~07777u) ||
        (kind == MOUNT_TREE && m->tree_fd < 0 && !m->source) ||
        (!has_host_tree(kind) && m->tree_fd >= 0) ||
        ((m->flags & MOUNT_F_OVERLAY) && kind != MOUNT_TREE) ||
        (!(m->flags & MOUNT_F_OVERLAY) && (m->upper_fd >= 0 || m->upper_source)))
        r->error = -EBADMSG;
}

static void get_device(struct reader *r, struct device_spec *d)
{
    d->path = get_path(r);
    d->mode = get_u32(r);
    d->major = get_u32(r);
    d->minor = get_u32(r);
    d->uid = get_u32(r);
    d->gid = get_u32(r);
    if (!r->error && !(S_ISCHR(d->mode) || S_ISBLK(d->mode) || S_ISFIFO(d->mode)))
        r->error = -EBADMSG;
}

static void get_process(struct reader *r, struct process_spec *p)
{
    p->argv = get_strv(r);
    if (!r->error && !p->argv[0])
        r->error = -EBADMSG;
    p->envp = get_strv(r);
    p->cwd = get_path(r);
    p->uid = get_u32(r);
    p->gid = get_u32(r);
    p->n_groups = get_count(r, MAX_GROUPS, 4);
    p->groups = get_array(r, p->n_groups, sizeof(*p->groups));
    for (size_t i = 0; p->groups && i < p->n_groups; i++)
        p->groups[i] = get_u32(r);
    p->umask = get_u32(r);
    if (p->umask > 0777 && !r->error)
        r->error = -EBADMSG;
    p->cap_bounding = get_u64(r);
    p->cap_effective = get_u64(r);
    p->cap_permitted = get_u64(r);
    p->cap_inheritable = get_u64(r);
    p->cap_ambient = get_u64(r);
    p->n_rlimits = get_count(r, MAX_RLIMITS, 20);
    p->rlimits = get_array(r, p->n_rlimits, sizeof(*p->rlimits));
    for (size_t i = 0; p->rlimits && i < p->n_rlimits; i++) {
        p->rlimits[i].resource = get_u32(r);
        p->rlimits[i].soft = get_u64(r);
        p->rlimits[i].hard = get_u64(r);
        if (!r->error && p->rlimits[i].resource >= 16)
            r->error = -EBADMSG;
    }
    p->ignored_signals = get_u64(r);
    p->no_new_privs = get_bool(r);
    p->terminal = get_bool(r);
}

static void get_spec(struct reader *r, struct sandbox_spec *s)
{
    uint32_t network;

    s->id = get_str(r, true);
    s->hostname = get_str(r, false);
    s->domainname = get_str(r, false);
    s->n_mounts = get_count(r, MAX_MOUNTS, 32);
    s->mounts = get_array(r, s->n_mounts, sizeof(*s->mounts));
    for (size_t i = 0; s->mounts && i < s->n_mounts; i++)
        get_mount(r, &s->mounts[i]);
    s->n_devices = get_count(r, MAX_DEVICES, 24);
    s->devices = get_array(r, s->n_devices, sizeof(*s->devices));
    for (size_t i = 0; s->devices && i < s->n_devices; i++)
        get_device(r, &s->devices[i]);
    if (!r->error && (s->n_mounts == 0 || strcmp(s->mounts[0].dest, "/") != 0))
        r->error = -EBADMSG;
    get_process(r, &s->process);
    network = get_u32(r);
    if (network > NETWORK_JOINED && !r->error)
        r->error = -EBADMSG;
    s->network = (enum network_mode) network;
    s->allow_net = get_strv(r);
    s->nameservers = get_strv(r);
    s->control_fd = get_fd(r);
    s->log_fd = get_fd(r);
    s->self_fd = get_fd(r);
    for (size_t i = 0; i < N_GROUP_FILES; i++)
        s->group_fds[i] = get_fd(r);
    s->group_v2 = get_bool(r);
    s->machine_fd = get_fd(r);
    s->net_fd = get_fd(r);
    s->sysctls = get_strv(r);
    s->rootless = get_bool(r);
    s->start_now = get_bool(r);
    s->die_with_parent = get_bool(r);
    s->strace = get_bool(r);
    s->no_patch = get_bool(r);
    s->mediate_data = get_bool(r);
    s->log_level = get_u32(r);
    s->log_json = get_bool(r);
    s->pids_max = get_u32(r);
    s->overlay_size = get_u64(r);
}

int sandbox_spec_decode(const void *bytes, size_t n, struct sandbox_spec **ret)
{
    struct reader r = {.p = bytes, .left = n};
    struct sandbox_spec *s;

    if (n > SPEC_MAX_BYTES)
        return -EBADMSG;
    if (get_u32(&r) != SPEC_MAGIC || get_u32(&r) != SPEC_VERSION || get_u32(&r) != n || r.error)
        return -EBADMSG;
    s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    get_spec(&r, s);
    if (!r.error && r.left)
        r.error = -EBADMSG;
    if (r.error) {
        sandbox_spec_free(s);
        return r.error;
    }
    *ret = s;
    return 0;
}

/* The whole of a memfd, by pread. The caller frees. */
static int read_whole(int fd, unsigned char **ret, size_t *ret_len)
{
    struct stat st;
    unsigned char *buf;
    size_t have = 0;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > (off_t) SPEC_MAX_BYTES)
        return -EBADMSG;
    buf = malloc((size_t) st.st_size);
    if (!buf)
        return -ENOMEM;
    while (have < (size_t) st.st_size) {
        ssize_t k = pread(fd, buf + have, (size_t) st.st_size - have, (off_t) have);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            break;
        have += (size_t) k;
    }
    if (have < (size_t) st.st_size) {
        free(buf);
        return -EBADMSG;
    }
    *ret = buf;
    *ret_len = have;
    return 0;
}

int sandbox_spec_read(int fd, struct sandbox_spec **ret)
{
    unsigned char *buf;
    size_t n;
    int r = read_whole(fd, &buf, &n);

    if (r < 0)
        return r;
    r = sandbox_spec_decode(buf, n, ret);
    free(buf);
    return r;
}

int process_spec_decode(const void *bytes, size_t n, struct process_spec *ret)
{
    struct reader r = {.p = bytes, .left = n};
    struct process_spec p = {0};

    if (n > SPEC_MAX_BYTES)
        return -EBADMSG;
    if (get_u32(&r) != PROC_MAGIC || get_u32(&r) != SPEC_VERSION || r.error)
        return -EBADMSG;
    get_process(&r, &p);
    if (!r.error && r.left)
        r.error = -EBADMSG;
    if (r.error) {
        process_spec_clear(&p);
        return r.error;
    }
    *ret = p;
    return 0;
}

int process_spec_read(int fd, struct process_spec *ret)
{
    unsigned char *buf;
    size_t n;
    int r = read_whole(fd, &buf, &n);

    if (r < 0)
        return r;
    r = process_spec_decode(buf, n, ret);
    free(buf);
    return r;
}

static void free_strv(char **v)
{
    for (size_t i = 0; v && v[i]; i++)
        free(v[i]);
    free(v);
}

void sandbox_spec_free(struct sandbox_spec *s)
{
    if (!s)
        return;
    for (size_t i = 0; s->mounts && i < s->n_mounts; i++) {
        free(s->mounts[i].source);
        free(s->mounts[i].dest);
        free(s->mounts[i].upper_source);
        free(s->mounts[i].data);
    }
    free(s->mounts);
    for (size_t i = 0; s->devices && i < s->n_devices; i++)
        free(s->devices[i].path);
    free(s->devices);
    free(s->id);
    free_strv(s->allow_net);
    free_strv(s->nameservers);
    free(s->hostname);
    free(s->domainname);
    free_strv(s->sysctls);
    process_spec_clear(&s->process);
    free(s);
}

void process_spec_clear(struct process_spec *p)
{
    free_strv(p->argv);
    free_strv(p->envp);
    free(p->cwd);
    free(p->groups);
    free(p->rlimits);
    *p = (struct process_spec){0};
}
