/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of objects of the upper: see facts.h. Sources: xattr(7). */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/stat.h"
#include "base/cleanup.h"
#include "base/parse.h"
#include "fs/union/internal.h"

#define WHITEOUT FACT_PREFIX "whiteout"
#define OPAQUE   FACT_PREFIX "opaque"
#define REDIRECT FACT_PREFIX "redirect"
#define ORIGIN   FACT_PREFIX "origin"
#define REPLACED FACT_PREFIX "replaced"
#define OWNER    FACT_PREFIX "owner"
#define NLINK    FACT_PREFIX "nlink"

#define ORIGIN_CAP   160
#define REDIRECT_CAP 4096

struct entry {
    struct htab_node link; /* [table_lock] */
    uint64_t upper_ino;    /* immutable */
    struct facts f;        /* [table_lock] */
};

void facts_clear(struct facts *f)
{
    free(f->redirect);
    *f = (struct facts){0};
}

/* ---- the table ---- */

/* [table_lock] */
static struct entry *find(struct union_super *us, uint64_t ino)
{
    struct htab_node *n;
    htab_for_each_hash (n, &us->facts, hash_u64(ino)) {
        struct entry *e = container_of(n, struct entry, link);
        if (e->upper_ino == ino)
            return e;
    }
    return NULL;
}

static int copy(struct facts *to, const struct facts *from)
{
    char *redirect = from->redirect ? strdup(from->redirect) : NULL;
    if (from->redirect && !redirect)
        return -ENOMEM;
    *to = *from;
    to->redirect = redirect;
    return 0;
}

/* What is known of ino is f from now on; takes f's text. */
static int store(struct union_super *us, uint64_t ino, struct facts *f)
{
    struct entry *fresh = calloc(1, sizeof(*fresh)), *e;
    char *old = NULL;
    if (!fresh)
        return -ENOMEM;
    mutex_lock(&us->table_lock);
    e = find(us, ino);
    if (!e) {
        e = fresh;
        fresh = NULL;
        e->upper_ino = ino;
        htab_insert(&us->facts, &e->link, hash_u64(ino));
    }
    old = e->f.redirect;
    e->f = *f;
    mutex_unlock(&us->table_lock);
    *f = (struct facts){0};
    free(old);
    free(fresh);
    return 0;
}

void facts_forget(struct union_super *us, uint64_t upper_ino)
{
    mutex_lock(&us->table_lock);
    struct entry *e = find(us, upper_ino);
    if (e)
        htab_remove(&us->facts, &e->link);
    mutex_unlock(&us->table_lock);
    if (e)
        facts_clear(&e->f);
    free(e);
}

void facts_free_all(struct union_super *us)
{
    struct htab_node *n, *tmp;
    htab_for_each_safe (n, tmp, &us->facts) {
        struct entry *e = container_of(n, struct entry, link);
        facts_clear(&e->f);
        free(e);
    }
    htab_free(&us->facts);
}

/* 1: known; 0: nothing known; -ENOMEM. */
static int recall(struct union_super *us, uint64_t ino, struct facts *ret)
{
    int r = 0;
    *ret = (struct facts){0};
    MUTEX_GUARD(&us->table_lock);
    struct entry *e = find(us, ino);
    if (e)
        r = copy(ret, &e->f);
    return r < 0 ? r : e != NULL;
}

bool facts_of_entry(struct union_super *us, uint64_t upper_ino, struct facts *ret)
{
    *ret = (struct facts){0};
    MUTEX_GUARD(&us->table_lock);
    struct entry *e = find(us, upper_ino);
    if (e) {
        *ret = e->f;
        ret->redirect = NULL;
    }
    return e || !us->kept;
}

/* ---- on disk ---- */

static bool can_carry(const struct node *n)
{
    return n->type == LX_S_IFREG || n->type == LX_S_IFDIR;
}

static int write_text(struct union_super *us, struct node *upper, const char *name,
                      const char *text)
{
    if (!us->kept || !can_carry(upper))
        return 0;
    if (text)
        return upper->ops->setxattr(upper, name, text, strlen(text), 0);
    int r = upper->ops->removexattr(upper, name);
    return r == -ENODATA ? 0 : r;
}

/* Length, 0 for none. Terminated. */
static ssize_t read_text(struct node *upper, const char *name, char *dst, size_t cap)
{
    ssize_t n = upper->ops->getxattr(upper, name, dst, cap - 1);
    if (n < 0)
        n = n == -ENODATA || n == -EOPNOTSUPP ? 0 : n;
    dst[n > 0 ? n : 0] = '\0';
    return n;
}

static int origin_text(struct node *lower, char dst[static ORIGIN_CAP])
{
    struct attr a;
    int r = lower->ops->getattr(lower, &a);
    if (r == 0)
        snprintf(dst, ORIGIN_CAP, "%" PRIu64 ":%" PRIu64 ":%o:%" PRIu64 ":%lld.%09ld:%lld.%09ld",
                 a.dev, a.ino, a.mode, a.size, (long long) a.mtime.tv_sec, a.mtime.tv_nsec,
                 (long long) a.ctime.tv_sec, a.ctime.tv_nsec);
    return r;
}

/* The number in the second field of origin's text; 0 where there is none. */
static uint64_t origin_ino(char *text)
{
    char *ino = strchr(text, ':'), *end = ino ? strchr(ino + 1, ':') : NULL;
    uint64_t v;
    if (!end)
        return 0;
    *end = '\0';
    return parse_u64(ino + 1, &v) == 0 ? v : 0;
}

static bool owner_of_text(char *text, uint32_t *uid, uint32_t *gid)
{
    char *g = strchr(text, ':'), *end = g ? strchr(g + 1, ':') : NULL;
    if (!g)
        return false;
    *g = '\0';
    if (end)
        *end = '\0';
    return parse_u32(text, uid) == 0 && parse_u32(g + 1, gid) == 0;
}

static int load_one(struct node *upper, const char *name, struct facts *f)
{
    char text[REDIRECT_CAP];
    ssize_t n = read_text(upper, name, text, sizeof(text));
    uint32_t v;
    if (n <= 0)
        return (int) n;
    if (strcmp(name, OPAQUE) == 0) {
        f->opaque = true;
    } else if (strcmp(name, WHITEOUT) == 0) {
        f->whiteout = true;
    } else if (strcmp(name, ORIGIN) == 0) {
        if (f->ino != UINT64_MAX)
            f->ino = origin_ino(text);
    } else if (strcmp(name, REPLACED) == 0) {
        f->ino = UINT64_MAX; /* for load(): its own */
    } else if (strcmp(name, OWNER) == 0) {
        f->has_owner = owner_of_text(text, &f->uid, &f->gid);
    } else if (strcmp(name, NLINK) == 0) {
        f->nlink = parse_u32(text, &v) == 0 ? v : 0;
    } else if (strcmp(name, REDIRECT) == 0 && text[0] == '/') {
        f->redirect = strdup(text);
        return f->redirect ? 0 : -ENOMEM;
    }
    return 0;
}

/* What another session has written. Remembered, also that there is nothing. */
static int load(struct union_super *us, struct node *upper, struct facts *ret)
{
    _cleanup_free_ char *names = NULL;
    struct facts f = {0}, kept;
    ssize_t n = 0;
    int r = 0;
    if (can_carry(upper)) {
        n = upper->ops->listxattr(upper, NULL, 0);
        if (n > 0) {
            names = malloc((size_t) n + 1);
            n = names ? upper->ops->listxattr(upper, names, (size_t) n) : -ENOMEM;
        }
        if (n < 0 && n != -EOPNOTSUPP)
            return (int) n;
    }
    if (n > 0)
        names[n] = '\0';
    for (const char *at = names; n > 0 && at < names + n && r == 0; at += strlen(at) + 1)
        if (strncmp(at, FACT_PREFIX, strlen(FACT_PREFIX)) == 0)
            r = load_one(upper, at, &f);
    if (f.ino == UINT64_MAX || f.opaque)
        f.ino = 0;
    if (r == 0)
        r = copy(&kept, &f);
    if (r == 0) {
        r = store(us, upper->ino, &kept);
        if (r < 0)
            facts_clear(&kept);
    }
    if (r < 0) {
        facts_clear(&f);
        return r;
    }
    *ret = f;
    return 0;
}

int facts_get(struct union_super *us, struct node *upper, struct facts *ret)
{
    int r = recall(us, upper->ino, ret);
    if (r != 0 || !us->kept)
        return MIN(r, 0);
    return load(us, upper, ret);
}

/* ---- changes ---- */

/* Writes `text` (NULL: removes it), then remembers f. Takes f's text. */
static int change(struct union_super *us, struct node *upper, const char *name, const char *text,
                  struct facts *f)
{
    int r = name ? write_text(us, upper, name, text) : 0;
    if (r == 0)
        r = store(us, upper->ino, f);
    facts_clear(f);
    return r;
}

int facts_set_identity(struct union_super *us, struct node *upper, uint64_t dev, uint64_t ino)
{
    struct facts f;
    int r = facts_get(us, upper, &f);
    if (r < 0)
        return r;
    f.dev = dev;
    f.ino = ino;
    f.confirmed = true;
    return change(us, upper, NULL, NULL, &f);
}

int facts_set_whiteout(struct union_super *us, struct node *upper, struct node *lower)
{
    struct facts f = {.whiteout = true};
    char text[ORIGIN_CAP] = "";
    int r = us->kept ? origin_text(lower, text) : 0;
    return r < 0 ? r : change(us, upper, WHITEOUT, text, &f);
}

int facts_set_opaque(struct union_super *us, struct node *upper)
{
    struct facts f;
    int r = facts_get(us, upper, &f);
    if (r < 0)
        return r;
    f.opaque = true;
    return change(us, upper, OPAQUE, "y", &f);
}

int facts_set_redirect(struct union_super *us, struct node *upper, const char *path)
{
    struct facts f;
    int r = facts_get(us, upper, &f);
    if (r < 0)
        return r;
    free(f.redirect);
    f.redirect = strdup(path);
    if (!f.redirect)
        return -ENOMEM;
    return change(us, upper, REDIRECT, path, &f);
}

int facts_set_origin(struct union_super *us, struct node *upper, struct node *lower, bool replaced)
{
    char text[ORIGIN_CAP];
    if (!us->kept || !can_carry(upper))
        return 0;
    int r = lower ? origin_text(lower, text) : 0;
    if (r == 0)
        r = write_text(us, upper, REPLACED, lower && replaced ? "y" : NULL);
    return r < 0 ? r : write_text(us, upper, ORIGIN, lower ? text : NULL);
}

int facts_set_owner(struct union_super *us, struct node *upper, uint32_t uid, uint32_t gid)
{
    struct facts f;
    struct attr a;
    char text[64];
    int r = upper->ops->getattr(upper, &a);
    if (r == 0)
        r = facts_get(us, upper, &f);
    if (r < 0)
        return r;
    f.has_owner = a.uid != uid || a.gid != gid;
    f.uid = uid;
    f.gid = gid;
    snprintf(text, sizeof(text), "%u:%u:%o", uid, gid, a.mode);
    return change(us, upper, OWNER, f.has_owner ? text : NULL, &f);
}

int facts_set_nlink(struct union_super *us, struct node *upper, uint32_t nlink)
{
    struct facts f;
    char text[16];
    int r = facts_get(us, upper, &f);
    if (r < 0)
        return r;
    f.nlink = nlink;
    snprintf(text, sizeof(text), "%u", nlink);
    return change(us, upper, NLINK, text, &f);
}

bool facts_is_whiteout(struct union_super *us, struct node *upper)
{
    struct facts f;
    struct attr a;
    if (upper->type != LX_S_IFREG)
        return false;
    if (facts_of_entry(us, upper->ino, &f))
        return f.whiteout;
    /* Little else looks like one: mostly the attribute need not be asked for. */
    if (upper->ops->getattr(upper, &a) < 0 || a.size || (a.mode & 07777) != FACT_WHITEOUT_MODE)
        return false;
    if (facts_get(us, upper, &f) < 0)
        return false;
    facts_clear(&f); /* keeps nothing that is asked for here but its text */
    return facts_of_entry(us, upper->ino, &f) && f.whiteout;
}
