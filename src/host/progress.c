/* SPDX-License-Identifier: Apache-2.0 */
/* How far it is: see progress.h. */
#include "host/progress.h"

#include <stdio.h>
#include <unistd.h>

#define EVERY_NS 200000000

void progress_begin(struct progress *p, const char *verb, uint64_t total)
{
    *p = (struct progress){.verb = verb, .total = total, .tty = isatty(2) == 1};
    clock_gettime(CLOCK_MONOTONIC, &p->shown);
}

static int64_t since(const struct timespec *a, const struct timespec *b)
{
    return (int64_t) (b->tv_sec - a->tv_sec) * 1000000000 + (b->tv_nsec - a->tv_nsec);
}

void progress_add(struct progress *p, unsigned n, uint64_t bytes)
{
    struct timespec now;
    char of[32] = "";

    p->n += n;
    p->bytes += bytes;
    if (!p->tty)
        return;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (since(&p->shown, &now) < EVERY_NS)
        return;
    p->shown = now;
    p->any = true;
    if (p->total)
        snprintf(of, sizeof(of), " of %llu", (unsigned long long) p->total);
    fprintf(stderr, "\r%s %llu%s, %llu MiB\033[K", p->verb, (unsigned long long) p->n, of,
            (unsigned long long) p->bytes >> 20);
    fflush(stderr);
}

void progress_end(struct progress *p)
{
    if (p->any)
        fputs("\r\033[K", stderr);
    p->any = p->tty = false;
}
