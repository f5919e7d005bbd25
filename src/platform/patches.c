/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Call sites that stubs patch (platform/stub/patch.h): the sentry says which may be, gives memory
 * for trampolines, and has patches undone. All of it concerns how a guest's own code looks to
 * itself: a stub that does as it likes hurts itself.
 */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/sys.h"
#include "base/textio.h"
#include "platform/internal.h"

#define MAPS_MAX     (64u << 20)
#define REACH        0x7ff00000 /* of a jump, with something to spare */
#define LOWEST_CHUNK 0x20000ull

_Static_assert(PLATFORM_MAX_PIECES >= STUB_MAX_CHUNKS, "room for all");

/* RORX: what a trampoline needs to test an address without touching the flags. */
static bool processor_can(void)
{
    unsigned a, b = 0, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_BMI2);
}

int patches_enable(struct platform *p)
{
    const uint32_t on = 1;
    if (!processor_can()) {
        log_info("this processor lacks BMI2: system calls are not patched");
        p->patch = false;
        return 0;
    }
    return platform_write(p->zygote, STUB_DATA + offsetof(struct stub_process, patching.on), &on,
                          sizeof(on));
}

/* What the host's maps say of a site, and where a chunk for it could go. */
struct look {
    bool may_patch;
    uint64_t place; /* 0: nowhere */
};

static bool in_reach(uint64_t chunk, uint64_t site)
{
    int64_t d = (int64_t) (chunk - site);
    return d > -REACH && d < REACH;
}

/*
 * The place nearest below the code: what lies above a program is its heap, which must have room to
 * grow, and below the libraries the host goes on mapping anyway.
 */
static void look_at(const char *text, uint64_t site, struct look *ret)
{
    uint64_t end_before = LOWEST_CHUNK;
    *ret = (struct look){.may_patch = false};
    for (const char *line = text; *line;) {
        uint64_t start, end, inode;
        char mode[5];
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*x %*s %" SCNu64, &start, &end, mode,
                   &inode) != 4 ||
            start > site)
            return;
        if (start >= end_before + STUB_CHUNK_SIZE && in_reach(start - STUB_CHUNK_SIZE, site) &&
            (start <= STUB_BASE || start - STUB_CHUNK_SIZE >= STUB_END))
            ret->place = start - STUB_CHUNK_SIZE;
        ret->may_patch = site < end && strcmp(mode, "r-xp") == 0 && inode != 0;
        end_before = MAX(end, (uint64_t) LOWEST_CHUNK);
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
}

static bool has_chunk_near(struct stub_thread *st, uint64_t site)
{
    const struct stub_mm *mm = st->proc->mm;
    MUTEX_GUARD(&st->p->lock);
    for (unsigned i = 0; i < mm->n_chunks; i++)
        if (in_reach(mm->chunks[i], site))
            return true;
    return false;
}

static bool record_chunk(struct stub_thread *st, uint64_t chunk)
{
    struct stub_mm *mm = st->proc->mm;
    MUTEX_GUARD(&st->p->lock);
    if (mm->n_chunks == STUB_MAX_CHUNKS)
        return false;
    mm->chunks[mm->n_chunks++] = chunk;
    return true;
}

static bool make_chunk(struct stub_thread *st, uint64_t place)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
    uint64_t got;
    if (!place || !record_chunk(st, place))
        return false;
    /* What is recorded and not there hides nothing. */
    return platform_mmap(st, place, STUB_CHUNK_SIZE, PROT_READ | PROT_EXEC, flags, -1, 0, &got) ==
               0 &&
           got == place;
}

enum stub_patch patches_judge(struct stub_thread *st, uint64_t site, uint64_t *ret_chunk)
{
    _cleanup_free_ char *text = NULL;
    struct look look;
    char path[64];
    *ret_chunk = 0;
    (void) snprintf(path, sizeof(path), "/proc/%d/maps", (int) host_proc_pid(st->proc->pid));
    if (!st->p->patch || atomic_load(&st->proc->mm->unpatched) ||
        read_file_at(AT_FDCWD, path, MAPS_MAX, &text, NULL) < 0)
        return PATCH_REFUSED;
    look_at(text, site, &look);
    if (!look.may_patch)
        return PATCH_REFUSED;
    if (has_chunk_near(st, site))
        return PATCH_GRANTED;
    if (!make_chunk(st, look.place))
        return PATCH_REFUSED;
    *ret_chunk = look.place;
    return PATCH_GRANTED;
}

void patches_inherit(struct stub_mm *mm, const struct stub_proc *parent)
{
    MUTEX_GUARD(&parent->p->lock);
    memcpy(mm->chunks, parent->mm->chunks, sizeof(mm->chunks));
    mm->n_chunks = parent->mm->n_chunks;
    mm->unpatched = parent->mm->unpatched;
}

int platform_unpatch(struct stub_thread *st)
{
    struct stub_call c = {.nr = STUB_CALL_UNPATCH};
    if (!st->p->patch || atomic_load(&st->proc->mm->unpatched))
        return 0;
    if (st->owed_done)
        return -EBUSY;
    int r = channel_calls(st, &c, 1, -1);
    if (r == 0)
        atomic_store(&st->proc->mm->unpatched, true);
    return r;
}

size_t platform_pieces(const struct stub_thread *st, struct platform_piece ret[PLATFORM_MAX_PIECES])
{
    const struct stub_mm *mm = st->proc->mm;
    MUTEX_GUARD(&st->p->lock);
    for (unsigned i = 0; i < mm->n_chunks; i++)
        ret[i] =
            (struct platform_piece){.start = mm->chunks[i], .end = mm->chunks[i] + STUB_CHUNK_SIZE};
    return mm->n_chunks;
}
