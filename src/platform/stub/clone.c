/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New host threads and processes, on the sentry's order. The call itself waits in seccomp until the
 * sentry continues it; the child says hello with the order's cookie and gets its own channel.
 */
#include "platform/stub/patch.h"

#define SYS_CLOSE              3
#define SYS_MMAP               9
#define SYS_MADVISE            28
#define SYS_CLONE              56
#define SYS_SIGALTSTACK        131
#define SYS_ARCH_PRCTL         158
#define SYS_EXIT_GROUP         231
#define ARCH_SET_FS            0x1002
#define MADV_DONTFORK          10
#define PROT_RW                3
#define MAP_SHARED_FIXED       0x11
#define MAP_PRIVATE_ANON_FIXED 0x32

struct clone_order {
    uint64_t cookie, stack, tls;
    uint32_t flags, set_tls, slot;
};

long slot_prepare(uint32_t slot)
{
    uint64_t base = STUB_SLOTS + slot * STUB_SLOT_SIZE + SLOT_STACK;
    long r = stub_syscall(SYS_MMAP, (long) base, SLOT_STACK_SIZE, PROT_RW, MAP_PRIVATE_ANON_FIXED,
                          -1, 0);
    if (r < 0)
        return r;
    slot_local(slot)->kicked = slot_local(slot)->no_direct = 0;
    return 0;
}

void slot_use_stack(uint32_t slot)
{
    struct {
        uint64_t sp;
        int32_t flags, pad;
        uint64_t size;
    } ss = {.sp = STUB_SLOTS + slot * STUB_SLOT_SIZE + SLOT_STACK, .size = SLOT_STACK_SIZE};
    stub_syscall(SYS_SIGALTSTACK, (long) &ss, 0, 0, 0, 0, 0);
}

/* Maps the channel that the sentry gives for this cookie. Does not return when there is none. */
static struct channel *arrive(uint32_t slot, uint64_t cookie)
{
    struct channel *ch = slot_channel(slot);
    long fd = stub_syscall(STUB_NR_HELLO, (long) cookie, 0, 0, 0, 0, 0);
    long r = fd;
    if (fd >= 0) {
        r = stub_syscall(SYS_MMAP, (long) ch, CHANNEL_SIZE, PROT_RW, MAP_SHARED_FIXED, fd, 0);
        stub_syscall(SYS_CLOSE, fd, 0, 0, 0, 0, 0);
    }
    if (r < 0)
        stub_syscall(SYS_EXIT_GROUP, 125, 0, 0, 0, 0, 0);
    stub_syscall(SYS_MADVISE, (long) ch, CHANNEL_SIZE, MADV_DONTFORK, 0, 0, 0);
    return ch;
}

static void child_registers(const struct clone_order *o, struct frame *f)
{
    if (o->stack)
        f->uc.regs.rsp = o->stack;
    if (o->set_tls)
        stub_syscall(SYS_ARCH_PRCTL, ARCH_SET_FS, (long) o->tls, 0, 0, 0, 0);
}

struct newcomer {
    struct clone_order order;
    bool foreign; /* a process in another one's memory, or a thread of such */
    struct frame *frame;
};

/* A child that shares the parent's memory begins here, on its own slot's stack, signals masked. */
static void newcomer_main(void *arg)
{
    struct newcomer *n = arg;
    struct frame *f = n->frame;
    /* The kernel cleared the alternate stack, or for vfork left the parent's: both are wrong here.
     */
    slot_use_stack(n->order.slot);
    if (n->foreign)
        direct_disown(n->order.slot);
    if (stub_process.patching.n_chunks)
        gs_adopt(n->order.slot); /* it is the parent's until here */
    struct channel *ch = arrive(n->order.slot, n->order.cookie);
    child_registers(&n->order, f);
    converse(ch, f, REQ_READY);
    stub_leave(f);
}

static int64_t clone_sharing(const struct clone_order *o, const struct frame *f)
{
    long r = slot_prepare(o->slot);
    if (r < 0)
        return r;
    uint64_t top = STUB_SLOTS + (o->slot + 1) * STUB_SLOT_SIZE;
    struct frame *copy = frame_clone(f, top);
    struct newcomer *n = (struct newcomer *) (((uint64_t) copy - sizeof(*n)) & ~15ul);
    n->order = *o;
    n->frame = copy;
    if (o->flags != STUB_CLONE_VFORK) /* there the parent sleeps meanwhile */
        stub_process.patching.threads = 1;
    n->foreign = o->flags != STUB_CLONE_THREAD || slot_local(slot_of(f))->no_direct;
    return stub_clone_onto(o->flags, n, newcomer_main, n);
}

int64_t order_clone(struct channel *ch, struct frame *f, bool *ret_child)
{
    const struct clone_order o = {
        .cookie = ch->clone.cookie,
        .stack = ch->clone.stack,
        .tls = ch->clone.tls,
        .flags = ch->clone.flags,
        .set_tls = ch->clone.set_tls,
        .slot = ch->clone.slot,
    };
    if (o.slot >= STUB_MAX_SLOTS)
        return -22;
    if (o.flags != STUB_CLONE_FORK)
        return clone_sharing(&o, f);

    direct_before_fork(slot_of(f));
    spin_lock(&stub_process.patching.lock); /* no half-written patch is copied */
    long r = stub_syscall(SYS_CLONE, o.flags, 0, 0, 0, 0, 0);
    spin_unlock(&stub_process.patching.lock);
    if (r != 0) {
        direct_after_fork(slot_of(f));
    } else {
        stub_process.brk_lock = 0; /* whoever held it is not in this process */
        stub_process.patching.threads = 0;
        direct_in_child(o.slot);
        arrive(o.slot, o.cookie);
        child_registers(&o, f);
        *ret_child = true;
    }
    return r;
}
