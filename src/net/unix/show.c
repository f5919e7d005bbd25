/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/net/unix: proc_pid_net(5). */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "kernel/kernel.h"
#include "kernel/vfs/special.h"
#include "net/unix/internal.h"

#define SHOW_MAX          4096u
#define ACCEPTS           0x10000u /* __SO_ACCEPTCON */
#define STATE_UNCONNECTED 1
#define STATE_CONNECTED   3

static void show_name(const struct unix_name *n, struct strbuf *out)
{
    sb_addch(out, ' ');
    for (uint32_t i = LX_UN_PATH_AT; i < n->text.len; i++) {
        char c = (char) n->text.bytes[i];
        if (c == '\0' && i + 1 == n->text.len && n->path.dentry)
            break;
        sb_addch(out, c ? c : '@');
    }
}

static void show_end(struct unix_end *e, uint64_t ino, struct strbuf *out)
{
    mutex_lock(&e->lock);
    bool listening = e->state == UNIX_LISTENING;
    int state = e->state == UNIX_CONNECTED ? STATE_CONNECTED : STATE_UNCONNECTED;
    struct unix_name *n = unix_name_get(e->name);
    mutex_unlock(&e->lock);
    sb_addf(out, "%016x: %08X %08X %08X %04X %02X %5" PRIu64, 0, ref_count(&e->ref), 0,
            listening ? ACCEPTS : 0, (unsigned) e->type, (unsigned) state, ino);
    if (n)
        show_name(n, out);
    sb_addch(out, '\n');
    unix_name_put(n);
}

struct seen {
    struct unix_end *e;
    uint64_t ino;
};

static size_t collect(struct unix_net *net, struct seen *list, size_t cap)
{
    struct unix_end *e;
    size_t n = 0;
    MUTEX_GUARD(&net->names_lock);
    list_for_each_entry (e, &net->ends, all)
        if (n < cap && e->ino && ref_tryget(&e->ref))
            list[n++] = (struct seen){e, e->ino};
    return n;
}

int unix_show(struct kernel *k, struct strbuf *out)
{
    _cleanup_free_ struct seen *list = calloc(SHOW_MAX, sizeof(*list));
    if (!list)
        return -ENOMEM;
    size_t n = collect(k->specials->unix_net, list, SHOW_MAX);
    for (size_t i = 0; i < n; i++) {
        show_end(list[i].e, list[i].ino, out);
        unix_end_put(list[i].e);
    }
    return sb_error(out);
}
