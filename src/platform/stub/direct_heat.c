/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sentry is asked for. It gives a descriptor that is busy; and of a process that goes from
 * file to file, where none becomes busy, each file as it is opened, when those before were mostly
 * asked something before they were closed.
 *
 * A gift to a number takes some 60 us, most of it waiting for the sentry to see the notification,
 * one at the opening 5. A small call on a file saves about 1 us by it if its site is patched,
 * 64 KiB some 10. A call on a stream or a set is mostly one of two processes that wait for each
 * other, where each hand-over less is a switch less.
 *
 * Threads count side by side, and nobody minds a lost count.
 */
#include "platform/stub/direct.h"

#define SYS_READ       0
#define SYS_WRITE      1
#define SYS_PREAD64    17
#define SYS_PWRITE64   18
#define SYS_SENDFILE   40
#define SYS_NEWFSTATAT 262

#define BUSY        50u
#define HEAT_64K    8u
#define HEAT_LIMIT  24u
#define HEAT_SWITCH 4u

#define EAGER     12u
#define EAGER_MAX 24u

static uint8_t heat[DIRECT_TABLE]; /* by the calls that went to the sentry; 0: not used yet */
static uint32_t eager;             /* used files count for it, unused ones against it */

void heat_used(uint32_t fd)
{
    if (heat[fd])
        return;
    heat[fd] = 1;
    if (eager < EAGER_MAX)
        eager++;
}

void heat_closed(uint32_t fd)
{
    if (heat[fd])
        heat[fd] = 0;
    else if (eager)
        eager--;
}

bool heat_is_eager(void)
{
    return eager >= EAGER;
}

/* Notes a call that the sentry has to make; true when the descriptor becomes busy by it. */
static bool heat_up(uint32_t fd, uint64_t nr, const struct stub_regs *r)
{
    heat_used(fd);
    bool plain = nr == SYS_READ || nr == SYS_WRITE || nr == SYS_PREAD64 || nr == SYS_PWRITE64;
    bool of_file = direct_kinds(nr) & 1u << DIRECT_FILE;
    uint64_t more = !of_file ? HEAT_SWITCH : 1 + (plain ? (r->rdx >> 16) * HEAT_64K : 0);
    uint8_t old = heat[fd];
    heat[fd] = (uint8_t) (old + (more > HEAT_LIMIT ? HEAT_LIMIT : more));
    /* One that was refused is asked for again when the count has gone round. */
    return old < BUSY && heat[fd] >= BUSY;
}

bool heat_makes_busy(uint64_t nr, const struct stub_regs *r)
{
    const uint32_t fd = (uint32_t) r->rdi, in = (uint32_t) r->rsi;
    if (fd >= DIRECT_TABLE)
        return false;
    if (direct_is_busy_call(nr)) {
        bool source = nr == SYS_SENDFILE && in < DIRECT_TABLE && heat_up(in, nr, r);
        return heat_up(fd, nr, r) || source;
    }
    if (nr != SYS_NEWFSTATAT || direct_is_fstat(nr, r))
        heat_used(fd);
    return false;
}
