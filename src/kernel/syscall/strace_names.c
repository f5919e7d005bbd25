/* SPDX-License-Identifier: Apache-2.0 */
/* See strace_names.h. A table lists values of several bits before those of single ones. */
#include "kernel/syscall/strace_names.h"

#include <inttypes.h>
#include <string.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/mman.h"
#include "abi/linux/signal.h"
#include "base/strbuf.h"
#include "base/util.h"

struct flag_name {
    uint32_t mask, value; /* it is this one when (v & mask) == value */
    const char *name;
};

#define BITS(x)            \
    {                      \
        LX_##x, LX_##x, #x \
    }
#define FIELD(m, x)   \
    {                 \
        m, LX_##x, #x \
    }

static const struct flag_name open_flags[] = {
    FIELD(LX_O_ACCMODE, O_RDONLY),
    FIELD(LX_O_ACCMODE, O_WRONLY),
    FIELD(LX_O_ACCMODE, O_RDWR),
    BITS(O_TMPFILE),
    BITS(O_SYNC),
    BITS(O_CREAT),
    BITS(O_EXCL),
    BITS(O_NOCTTY),
    BITS(O_TRUNC),
    BITS(O_APPEND),
    BITS(O_NONBLOCK),
    BITS(O_DSYNC),
    BITS(O_ASYNC),
    BITS(O_DIRECT),
    BITS(O_LARGEFILE),
    BITS(O_DIRECTORY),
    BITS(O_NOFOLLOW),
    BITS(O_NOATIME),
    BITS(O_CLOEXEC),
    BITS(O_PATH),
    {0},
};
static const struct flag_name prot_flags[] = {
    {UINT32_MAX, 0, "PROT_NONE"},
    BITS(PROT_READ),
    BITS(PROT_WRITE),
    BITS(PROT_EXEC),
    BITS(PROT_GROWSDOWN),
    {0},
};
static const struct flag_name map_flags[] = {
    FIELD(LX_MAP_TYPE, MAP_SHARED_VALIDATE),
    FIELD(LX_MAP_TYPE, MAP_SHARED),
    FIELD(LX_MAP_TYPE, MAP_PRIVATE),
    BITS(MAP_FIXED),
    BITS(MAP_ANONYMOUS),
    BITS(MAP_32BIT),
    BITS(MAP_GROWSDOWN),
    BITS(MAP_DENYWRITE),
    BITS(MAP_EXECUTABLE),
    BITS(MAP_LOCKED),
    BITS(MAP_NORESERVE),
    BITS(MAP_POPULATE),
    BITS(MAP_NONBLOCK),
    BITS(MAP_STACK),
    BITS(MAP_HUGETLB),
    BITS(MAP_SYNC),
    BITS(MAP_FIXED_NOREPLACE),
    {0},
};
static const struct flag_name at_flags[] = {
    {UINT32_MAX, 0, "0"},      BITS(AT_SYMLINK_NOFOLLOW), BITS(AT_EACCESS),
    BITS(AT_SYMLINK_FOLLOW),   BITS(AT_NO_AUTOMOUNT),     BITS(AT_EMPTY_PATH),
    BITS(AT_STATX_FORCE_SYNC), BITS(AT_STATX_DONT_SYNC),  {0},
};
static const struct flag_name access_modes[] = {
    {UINT32_MAX, 0, "F_OK"}, {4, 4, "R_OK"}, {2, 2, "W_OK"}, {1, 1, "X_OK"}, {0},
};
static const struct flag_name seek_modes[] = {
    {UINT32_MAX, 0, "SEEK_SET"},  {UINT32_MAX, 1, "SEEK_CUR"},  {UINT32_MAX, 2, "SEEK_END"},
    {UINT32_MAX, 3, "SEEK_DATA"}, {UINT32_MAX, 4, "SEEK_HOLE"}, {0},
};

/* The names of what is set, and the rest as a number. */
static void show_flags(struct strbuf *out, const struct flag_name *table, uint32_t v)
{
    uint32_t left = v;
    bool any = false;
    for (const struct flag_name *f = table; f->name; f++) {
        bool zero = f->value == 0;
        if ((v & f->mask) != f->value || (zero ? any : (left & f->value) != f->value))
            continue;
        sb_addf(out, "%s%s", any ? "|" : "", f->name);
        left &= ~f->value;
        any = true;
    }
    if (left || !any)
        sb_addf(out, "%s0x%" PRIx32, any ? "|" : "", left);
}

static void show_signal(struct strbuf *out, int signo)
{
    const char *name = sigabbrev_np(signo);
    if (name)
        sb_addf(out, "SIG%s", name);
    else if (signo >= LX_SIGRTMIN && signo <= LX_SIGRTMAX)
        sb_addf(out, "SIGRT_%d", signo - LX_SIGRTMIN);
    else
        sb_addf(out, "%d", signo);
}

bool strace_show_name(struct strbuf *out, enum arg_kind kind, uint64_t v)
{
    static const struct flag_name *const tables[] = {
        [ARG_FLAGS] = open_flags, [ARG_PROT] = prot_flags,  [ARG_MAP] = map_flags,
        [ARG_AT] = at_flags,      [ARG_ACC] = access_modes, [ARG_SEEK] = seek_modes,
    };
    if (kind == ARG_SIG) {
        show_signal(out, (int) v);
        return true;
    }
    if ((size_t) kind >= ARRAY_LEN(tables) || !tables[kind])
        return false;
    show_flags(out, tables[kind], (uint32_t) v);
    return true;
}
