/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that guests make natively, brought back to the sentry where somebody must see each of them
 * (a guest's own seccomp filter, a tracer): a second host filter traps what does not come from the
 * stub's text, and the stub makes the call when it is ordered to.
 *
 * The filter lies in shared memory while the host copies it. A guest that is hostile already can
 * put another there; it can as well jump into the stub's text. Either way it gets no call but those
 * that the first filter grants to everybody.
 */
#include <asm/prctl.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/bpf.h"
#include "base/log.h"
#include "platform/internal.h"

#define FUTEX_WAIT_CMD   0u
#define FUTEX_BITSET_CMD 9u
#define FUTEX_CMD_MASK   0x7fu

_Static_assert(sizeof(struct sock_filter) == sizeof(uint64_t), "one word per instruction");

static bool confined(void *arg)
{
    struct stub_thread *st = arg;
    return !atomic_load(&st->may_confine) || atomic_load(&st->proc->dead) ||
           __atomic_load_n(&st->ch->turn, __ATOMIC_SEQ_CST) == TURN_SENTRY;
}

/* The program goes where no marshalled argument of the call being handled lies. */
static int place_program(struct stub_thread *st, uint64_t *ret_addr)
{
    struct sock_filter code[STUB_PROGRAM_MAX];
    const uint64_t at =
        STUB_SLOTS + st->slot * STUB_SLOT_SIZE + SLOT_CHANNEL + offsetof(struct channel, program);
    int n = native_filter_build(code, STUB_PROGRAM_MAX);
    if (n < 0)
        return n;
    st->ch->program.len = (uint64_t) n;
    st->ch->program.filter = at + offsetof(struct stub_program, code);
    memcpy(st->ch->program.code, code, (size_t) n * sizeof(code[0]));
    *ret_addr = at;
    return 0;
}

int platform_trap_natives(struct stub_thread *st)
{
    struct stub_call c = {
        .nr = SYS_seccomp,
        .args = {SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC},
    };
    if (atomic_load(&st->proc->natives_trapped))
        return 0;
    int r = place_program(st, &c.args[2]);
    if (r == 0) {
        atomic_store(&st->may_confine, true);
        r = channel_calls_notified(st, &c, confined);
        atomic_store(&st->may_confine, false);
    }
    if (r == 0 && c.result == 0)
        r = platform_unpatch(st); /* a call is also to be seen where it stands */
    if (r == 0 && c.result == 0) {
        /* Two threads may have come here at once: then there are two such filters, to no harm. */
        atomic_store(&st->proc->natives_trapped, true);
        return 0;
    }
    /* One attempt, or a guest that denies its success could fill the host with filters. */
    log_warn("stub %d did not install its filter (error %ld); killed", st->tid,
             (long) (r < 0 ? -r : -c.result));
    platform_kill(st);
    return -ESRCH;
}

bool platform_natives_trapped(const struct stub_thread *st)
{
    return atomic_load(&st->proc->natives_trapped);
}

/* Would guest text get this call past the first filter, or would the stub answer it by itself? */
static bool is_native(const struct platform *p, uint64_t nr, const uint64_t args[6])
{
    struct seccomp_data d = {.nr = (int) nr, .arch = AUDIT_ARCH_X86_64};
    if (nr == SYS_brk)
        return true;
    if (nr == SYS_arch_prctl)
        return args[0] >= ARCH_SET_GS && args[0] <= ARCH_GET_GS;
    for (size_t i = 0; i < ARRAY_LEN(d.args); i++)
        d.args[i] = args[i];
    return bpf_run(p->program, p->n_program, &d) == SECCOMP_RET_ALLOW;
}

int platform_native(struct stub_thread *st, uint64_t nr, const uint64_t args[6], int64_t *ret)
{
    struct stub_call c = {.nr = nr};
    if (!is_native(st->p, nr, args)) {
        *ret = -ENOSYS;
        return 0;
    }
    memcpy(c.args, args, sizeof(c.args));
    int r = channel_calls(st, &c, 1, -1);
    if (r < 0)
        return r;
    *ret = c.result;
    return 0;
}

int platform_native_wait(struct stub_thread *st, const uint64_t args[6],
                         const struct timespec *deadline, int64_t *ret)
{
    const uint32_t cmd = (uint32_t) args[1] & FUTEX_CMD_MASK;
    struct stub_call c = {.nr = SYS_futex, .wait = deadline ? WAIT_UNTIL : WAIT_UNTIMED};
    if (cmd != FUTEX_WAIT_CMD && cmd != FUTEX_BITSET_CMD)
        return -EINVAL;
    memcpy(c.args, args, sizeof(c.args));
    if (cmd == FUTEX_WAIT_CMD) {
        /* Deadlines are absolute for the other form alone. */
        c.args[1] |= FUTEX_BITSET_CMD;
        c.args[5] = UINT32_MAX;
    }
    if (deadline) {
        st->ch->deadline.sec = deadline->tv_sec;
        st->ch->deadline.nsec = deadline->tv_nsec;
    }
    int r = channel_calls(st, &c, 1, -1);
    if (r < 0)
        return r;
    *ret = c.result;
    return 0;
}

int platform_native_waitv(struct stub_thread *st, const uint64_t args[6], int64_t *ret)
{
    struct stub_call c = {.nr = SYS_futex_waitv, .wait = WAIT_AS_IS};
    memcpy(c.args, args, sizeof(c.args));
    int r = channel_calls(st, &c, 1, -1);
    if (r < 0)
        return r;
    *ret = c.result;
    return 0;
}
