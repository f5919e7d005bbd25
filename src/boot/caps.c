/* SPDX-License-Identifier: Apache-2.0 */
/* Ids, capabilities, limits: see caps.h. */
#include "boot/caps.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"

#define CAP_BIT(cap) (1ull << (cap))

bool caps_raw_sockets(const struct sandbox_spec *s)
{
    return s->network == NETWORK_OWN && (s->process.cap_bounding & CAP_BIT(CAP_NET_RAW));
}

uint64_t caps_kept(bool one_id, bool raw)
{
    /*
     * - CHOWN, FOWNER: chown and chmod on behalf of a guest's root, within the mapped ids.
     * - DAC_OVERRIDE, DAC_READ_SEARCH: the guest's permissions are checked by the sentry itself.
     * - SYS_PTRACE: the stubs' memory and maps while a thread has the guest's fsuid; Yama 2.
     * - SETUID, SETGID: files made for a guest user get their owner by fsuid and fsgid; with one
     *   mapped id there is nothing to change to.
     * - SETFCAP: file capabilities, which guests give who may; no more than a set-user-id bit does.
     * - NET_RAW: raw and packet sockets of a guest that may have them, caps_raw_sockets().
     * - FSETID never: with it a write would leave set-uid bits standing.
     */
    uint64_t kept = CAP_BIT(CAP_CHOWN) | CAP_BIT(CAP_FOWNER) | CAP_BIT(CAP_DAC_OVERRIDE) |
                    CAP_BIT(CAP_DAC_READ_SEARCH) | CAP_BIT(CAP_SYS_PTRACE) | CAP_BIT(CAP_SETFCAP);

    if (!one_id)
        kept |= CAP_BIT(CAP_SETUID) | CAP_BIT(CAP_SETGID);
    if (raw)
        kept |= CAP_BIT(CAP_NET_RAW);
    return kept;
}

static int drop_bounding(uint64_t kept, struct fail *f)
{
    for (unsigned cap = 0; cap < 64; cap++) {
        if (kept & CAP_BIT(cap))
            continue;
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0) {
            if (errno == EINVAL) /* past the last one this kernel knows */
                return 0;
            return fail_errno(f, errno, "dropping capability %u from the bounding set", cap);
        }
    }
    return 0;
}

static int set_sets(uint64_t kept, struct fail *f)
{
    struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct d[2] = {0};

    for (unsigned i = 0; i < 2; i++)
        d[i].effective = d[i].permitted = (uint32_t) (kept >> (32 * i));
    if (syscall(SYS_capset, &h, d) < 0)
        return fail_errno(f, errno, "dropping capabilities");
    return 0;
}

int caps_die_with_parent(struct fail *f)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        return fail_errno(f, errno, "asking for a parent-death signal");
    return 0;
}

int caps_confine(bool one_id, const struct sandbox_spec *s, struct fail *f)
{
    /*
     * NOROOT: uid 0 means nothing at an exec, so that the zygote starts without capabilities.
     * NO_SETUID_FIXUP: a thread that takes a guest's fsuid keeps the ones for file work.
     */
    const unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                               SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
                               SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED | SECBIT_KEEP_CAPS_LOCKED;
    uint64_t kept = caps_kept(one_id, caps_raw_sockets(s));
    int r;

    /* EPERM: a plain user's single-id map denies setgroups. */
    if (setgroups(0, NULL) < 0 && errno != EPERM)
        return fail_errno(f, errno, "dropping supplementary groups");
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return fail_errno(f, errno, "dropping ambient capabilities");
    r = drop_bounding(kept, f);
    if (r < 0)
        return r;
    if (prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) < 0)
        return fail_errno(f, errno, "locking the secure bits");
    r = set_sets(kept, f);
    if (r < 0)
        return r;
    if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
        return fail_errno(f, errno, "staying readable for ourselves (PR_SET_DUMPABLE)");
    log_debug("boot: capabilities are %#llx, for good", (unsigned long long) kept);
    return s->die_with_parent ? caps_die_with_parent(f) : 0;
}

int caps_set_limits(struct fail *f)
{
    /* A core_pattern pipe would run a host program on guest memory: 1 stops it, 0 does not. */
    const struct rlimit core = {1, 1};
    struct rlimit files;

    if (setrlimit(RLIMIT_CORE, &core) < 0)
        return fail_errno(f, errno, "limiting core dumps");
    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return fail_errno(f, errno, "reading the limit on descriptors");
    files.rlim_cur = files.rlim_max; /* all guest processes share our table */
    if (setrlimit(RLIMIT_NOFILE, &files) < 0)
        return fail_errno(f, errno, "raising the limit on descriptors to %llu",
                          (unsigned long long) files.rlim_max);
    return 0;
}

int caps_no_new_privs(struct fail *f)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return fail_errno(f, errno, "setting no_new_privs");
    return 0;
}

int caps_settle_process(struct fail *f)
{
    /* EPIPE and EFBIG are the guest's to see; job control of the caller's terminal is not ours. */
    static const int ignored[] = {SIGPIPE, SIGXFSZ, SIGTTIN, SIGTTOU,
                                  SIGTSTP, SIGHUP,  SIGINT,  SIGQUIT};
    static const int defaults[] = {SIGCHLD, SIGTERM};
    sigset_t none;

    for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
        (void) signal(ignored[i], SIG_IGN);
    for (size_t i = 0; i < ARRAY_LEN(defaults); i++)
        (void) signal(defaults[i], SIG_DFL);
    sigemptyset(&none);
    if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
        return fail_errno(f, errno, "clearing the signal mask");
    (void) setsid(); /* EPERM: the host side has done it */
    (void) umask(0); /* modes are final when they reach us */
    return 0;
}
