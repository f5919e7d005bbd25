/* SPDX-License-Identifier: Apache-2.0 */
/* See strace.h. The form of strace(1): name(arguments) = result. */
#include "kernel/syscall/strace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "abi/linux/fcntl.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "kernel/restart.h"
#include "kernel/syscall/strace_names.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"

#define TEXT_SHOWN 64u /* bytes of a path or buffer */
#define PATH_SHOWN 256u
#define ARGS_SHOWN 32u

static void show_bytes(struct strbuf *out, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        switch (p[i]) {
        case '\n':
            sb_add(out, "\\n");
            break;
        case '\t':
            sb_add(out, "\\t");
            break;
        case '"':
        case '\\':
            sb_addf(out, "\\%c", p[i]);
            break;
        default:
            if (p[i] >= 32 && p[i] < 127)
                sb_addch(out, (char) p[i]);
            else /* octal, no longer than what follows needs */
                sb_addf(out, i + 1 < n && p[i + 1] >= '0' && p[i + 1] <= '9' ? "\\%03o" : "\\%o",
                        p[i]);
        }
    }
}

static void show_buffer(struct task *t, struct strbuf *out, uint64_t at, uint64_t len)
{
    uint8_t data[TEXT_SHOWN];
    size_t n = (size_t) MIN(len, (uint64_t) sizeof(data));
    if (copy_in(t, data, uaddr(at), n) < 0) {
        sb_addf(out, "0x%" PRIx64, at);
        return;
    }
    sb_add(out, "\"");
    show_bytes(out, data, n);
    sb_add(out, n < len ? "\"..." : "\"");
}

static void show_string(struct task *t, struct strbuf *out, uint64_t at)
{
    char text[PATH_SHOWN];
    if (!at) {
        sb_add(out, "NULL");
        return;
    }
    ssize_t n = copy_in_str(t, text, uaddr(at), sizeof(text));
    if (n < 0) {
        sb_addf(out, "0x%" PRIx64, at);
        return;
    }
    sb_add(out, "\"");
    show_bytes(out, (const uint8_t *) text, (size_t) n);
    sb_add(out, "\"");
}

static void show_argv(struct task *t, struct strbuf *out, uint64_t at)
{
    uint64_t p;
    unsigned n = 0;
    sb_add(out, "[");
    for (; n < ARGS_SHOWN && copy_in(t, &p, uaddr(at + 8 * n), sizeof(p)) == 0 && p; n++) {
        sb_add(out, n ? ", " : "");
        show_string(t, out, p);
    }
    sb_add(out, n == ARGS_SHOWN ? ", ...]" : "]");
}

static void show_arg(struct task *t, struct strbuf *out, const struct arg_desc *d,
                     const uint64_t a[static 6], unsigned i, long r)
{
    if (strace_show_name(out, (enum arg_kind) d->kind, a[i]))
        return;
    switch ((enum arg_kind) d->kind) {
    case ARG_INT:
    case ARG_FD:
    case ARG_PID:
        sb_addf(out, "%d", (int) a[i]);
        break;
    case ARG_DIRFD:
        if ((int) a[i] == LX_AT_FDCWD)
            sb_add(out, "AT_FDCWD");
        else
            sb_addf(out, "%d", (int) a[i]);
        break;
    case ARG_LONG:
    case ARG_OFF:
        sb_addf(out, "%" PRId64, (int64_t) a[i]);
        break;
    case ARG_UINT:
    case ARG_ID:
        sb_addf(out, "%" PRId32, (int32_t) a[i]);
        break;
    case ARG_SIZE:
        sb_addf(out, "%" PRIu64, a[i]);
        break;
    case ARG_MODE:
        sb_addf(out, "0%" PRIo64, a[i]);
        break;
    case ARG_PATH:
    case ARG_STR:
        show_string(t, out, a[i]);
        break;
    case ARG_IN:
        show_buffer(t, out, a[i], a[d->len_arg]);
        break;
    case ARG_OUT:
        show_buffer(t, out, a[i], r > 0 ? MIN((uint64_t) r, a[d->len_arg]) : 0);
        break;
    case ARG_ARGV:
        show_argv(t, out, a[i]);
        break;
    case ARG_ADDR:
    case ARG_INS:
    case ARG_OUTS:
    case ARG_IOS:
        sb_addf(out, a[i] ? "0x%" PRIx64 : "NULL", a[i]);
        break;
    default:
        sb_addf(out, a[i] ? "0x%" PRIx64 : "%" PRIu64, a[i]);
        break;
    }
}

static void show_result(struct strbuf *out, long r)
{
    if (r <= -ERESTARTSYS && r >= -ERESTART_RESTARTBLOCK)
        sb_add(out, "? (interrupted)");
    else if (r < 0 && r > -4096) {
        const char *name = strerrorname_np((int) -r);
        sb_addf(out, "-1 %s (%s)", name ? name : "E?", strerrordesc_np((int) -r));
    } else
        sb_addf(out, r > 4096 ? "0x%lx" : "%ld", (unsigned long) r);
}

/* Only then is open(2)'s mode an argument at all. */
static bool makes_file(uint64_t flags)
{
    return (flags & LX_O_CREAT) || (flags & LX_O_TMPFILE) == LX_O_TMPFILE;
}

static void show_call(struct task *t, struct strbuf *out, uint64_t nr, const uint64_t a[static 6],
                      long r)
{
    const struct syscall_desc *d = syscall_desc(nr);
    if (d)
        sb_addf(out, "[%d] %s(", t->tid, d->name);
    else
        sb_addf(out, "[%d] syscall_%" PRIu64 "(", t->tid, nr);
    for (unsigned i = 0; d && i < 6 && d->args[i].kind != ARG_NA; i++) {
        if (i && d->args[i].kind == ARG_MODE && d->args[i - 1].kind == ARG_FLAGS &&
            !makes_file(a[i - 1]))
            break;
        if (i)
            sb_add(out, ", ");
        show_arg(t, out, &d->args[i], a, i, r);
    }
}

static void show(struct strbuf *line)
{
    if (sb_error(line) == 0)
        log_line(LOG_INFO, "%s", sb_text(line));
    sb_free(line);
}

/* Those that do not come back, or not to the same image, are shown when they begin. */
static bool leaves(uint64_t nr)
{
    return nr == 59 || nr == 60 || nr == 231 || nr == 322 || nr == 15;
}

void strace_enter(struct task *t, uint64_t nr, const uint64_t a[static 6])
{
    struct strbuf line = STRBUF_INIT;
    if (!leaves(nr))
        return;
    show_call(t, &line, nr, a, 0);
    sb_add(&line, ")");
    show(&line);
}

void strace_exit(struct task *t, uint64_t nr, const uint64_t a[static 6], long r)
{
    struct strbuf line = STRBUF_INIT;
    if (leaves(nr) && r >= 0)
        return;
    show_call(t, &line, nr, a, r);
    sb_add(&line, ") = ");
    show_result(&line, r);
    show(&line);
}
