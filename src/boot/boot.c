/* SPDX-License-Identifier: Apache-2.0 */
/* The two stages of boot: see boot.h. */
#include "boot/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "boot/caps.h"
#include "boot/chroot.h"
#include "boot/landlock.h"
#include "boot/loopback.h"
#include "boot/outer.h"
#include "boot/posture.h"
#include "boot/reexec.h"
#include "boot/seccomp.h"

#define KERNEL_MAJOR 5
#define KERNEL_MINOR 14

/* Host threads of all stubs together, when neither the spec nor a limit of the host says less. */
#define DEFAULT_MAX_THREADS 8192u
/* Threads that must be left for the sentry itself. */
#define RESERVED_THREADS 64u

static void start_log(const struct sandbox_spec *s)
{
    log_init(s->log_fd, s->log_json ? LOG_JSON : LOG_TEXT,
             s->log_level <= LOG_DEBUG ? (enum log_level) s->log_level : LOG_WARN);
}

static int check_kernel(struct fail *f)
{
    struct utsname u;
    unsigned major = 0, minor = 0;

    if (uname(&u) < 0 || sscanf(u.release, "%u.%u", &major, &minor) != 2)
        return fail(f, ENOTSUP, "the kernel's version cannot be read");
    if (major < KERNEL_MAJOR || (major == KERNEL_MAJOR && minor < KERNEL_MINOR))
        return fail(f, ENOTSUP, "Linux %s is too old: Cloister needs %d.%d or newer", u.release,
                    KERNEL_MAJOR, KERNEL_MINOR);
    return 0;
}

static int read_spec(struct sandbox_spec **ret, struct fail *f)
{
    int r = sandbox_spec_read(SPEC_FD_SPEC, ret);

    return r < 0 ? fail_errno(f, -r,
                              "reading the sandbox's specification (cloister-sentry is started by "
                              "cloister, not by hand)")
                 : 0;
}

/* Nothing of the host's that was left open may come along, whoever left it. */
static int only_inventory(struct inventory *inv, const struct sandbox_spec *s, struct fail *f)
{
    int r = inventory_from_spec(inv, s, f);

    if (r < 0)
        return r;
    r = inventory_close_others(inv);
    return r < 0 ? fail_errno(f, -r, "closing all descriptors but the inventory's") : 0;
}

int boot_enter(int *ret_handoff_fd, struct fail *f)
{
    static struct inventory inv;
    struct chroot_inputs in = CHROOT_INPUTS_NONE;
    struct handoff h = {.oom_score_fd = -1, .inner_net_fd = -1};
    struct sandbox_spec *s = NULL;
    int r = read_spec(&s, f);

    if (r < 0)
        return r;
    start_log(s);
    r = check_kernel(f);
    if (r == 0)
        r = only_inventory(&inv, s, f);
    if (r == 0 && s->die_with_parent)
        r = caps_die_with_parent(f);
    if (r < 0)
        return r;
    r = spec_has_two_networks(s) ? outer_make_inner(s, &h.inner_net_fd, f) : loopback_up(s, f);
    if (r < 0)
        return r;
    handoff_collect(&h);
    /* Writable only now: later /proc is read-only. Without it stubs keep the caller's score. */
    h.oom_score_fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    r = chroot_open_inputs(s, &in, f);
    if (r == 0)
        r = chroot_enter(s, &in, &h.proc_mode, f);
    if (r < 0)
        return r;
#ifdef CLOISTER_DYNAMIC_SENTRY
    h.no_reexec = true;
    close_fd(in.self_tree);
    close_fd(in.self_file);
    return reexec_prepare(s, &h, ret_handoff_fd, f);
#else
    (void) ret_handoff_fd;
    return reexec(s, &h, &in, f);
#endif
}

/* ---- second stage ---- */

static unsigned thread_limit(const struct sandbox_spec *s)
{
    unsigned limit = s->pids_max ? 2 * s->pids_max + RESERVED_THREADS : DEFAULT_MAX_THREADS;
    struct rlimit nproc;

    if (getrlimit(RLIMIT_NPROC, &nproc) == 0 && nproc.rlim_cur != RLIM_INFINITY) {
        /* Each guest thread costs two host threads, and other sandboxes count against the user,
         * too. */
        rlim_t half = nproc.rlim_cur > 2 * RESERVED_THREADS
                          ? (nproc.rlim_cur - RESERVED_THREADS) / 2
                          : RESERVED_THREADS / 2;
        if (half < limit)
            limit = (unsigned) half;
    }
    return limit;
}

static int adopt(int handoff_fd, struct confinement *c, struct fail *f)
{
    int r = read_spec(&c->spec, f);

    if (r < 0)
        return r;
    start_log(c->spec);
    r = handoff_read(handoff_fd, &c->handoff);
    if (r < 0)
        return fail_errno(f, -r, "reading the hand-over of the first stage");
    r = inventory_from_spec(&c->inventory, c->spec, f);
    if (r == 0 && (inventory_add(&c->inventory, c->handoff.oom_score_fd, "oom_score_adj") < 0 ||
                   inventory_add(&c->inventory, c->handoff.inner_net_fd, "network") < 0))
        r = fail(f, EINVAL, "the hand-over names a descriptor twice");
    if (r < 0)
        return r;
    r = inventory_close_others(&c->inventory); /* the hand-over, too: it has been read */
    if (r == 0)
        r = inventory_set_cloexec(&c->inventory, true);
    return r < 0 ? fail_errno(f, -r, "closing all descriptors but the inventory's") : 0;
}

static int make_platform(struct confinement *c, struct fail *f)
{
    struct platform_config pc = {
        .max_threads = thread_limit(c->spec),
        .oom_score_fd = c->handoff.oom_score_fd,
        .patch = !c->spec->no_patch && !c->spec->strace,
    };
    int r = platform_init(&pc, &c->platform);

    if (r < 0)
        return fail_errno(f, -r, "making the process from which guest processes are copied");
    inventory_remove(&c->inventory, c->handoff.oom_score_fd);
    c->handoff.oom_score_fd = close_fd(c->handoff.oom_score_fd);
    return 0;
}

/* Goes into the sandbox's own network namespace, if there are two. */
static int split_network(struct confinement *c, struct fail *f)
{
    int inner = c->handoff.inner_net_fd, r;

    inventory_remove(&c->inventory, inner);
    c->handoff.inner_net_fd = -1;
    r = outer_split(c->spec, inner, &c->outer, f);
    if (r == 0 && c->outer && inventory_add(&c->inventory, c->outer->routes_fd, "routes") < 0)
        r = fail(f, E2BIG, "the inventory is full");
    return r;
}

int boot_confine(int handoff_fd, struct confinement *c, struct fail *f)
{
    int r = adopt(handoff_fd, c, f);

    if (r == 0)
        r = caps_settle_process(f);
    if (r == 0)
        r = split_network(c, f);
    if (r == 0)
        r = caps_confine(c->handoff.one_id, c->spec, f);
    if (r == 0)
        r = caps_set_limits(f);
    if (r == 0)
        r = caps_no_new_privs(f);
    if (r == 0)
        r = landlock_confine(c->spec, &c->landlock_abi, f);
    if (r == 0)
        r = make_platform(c, f);
    if (r == 0)
        r = outer_confine(c->outer, f);
    if (r == 0)
        r = seccomp_confine(caps_raw_sockets(c->spec), f);
    if (r < 0)
        return r;
    r = platform_start(c->platform);
    if (r < 0)
        return fail_errno(f, -r, "starting the thread that waits for guest processes");
    return posture_check(c, f);
}
