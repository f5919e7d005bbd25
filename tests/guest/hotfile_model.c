/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random operations on a few files through a few descriptors, each checked against a model of what
 * files, descriptions and descriptors are: open(2), read(2), lseek(2), dup(2), ftruncate(2).
 */
#include "guest.h"

enum { FILES = 3, NUMBERS = 6, FIRST = 20, MOST = 6000 };

static struct {
    unsigned char bytes[2 * MOST];
    long size;
} files[FILES];

struct description {
    int file, refs;
    long at;
    bool append;
    int mode;
};

static struct description descriptions[64];
static struct description *slots[NUMBERS]; /* of descriptor FIRST + i; NULL: closed */
static unsigned seed;

static long pick(long n)
{
    return (long) (rand_r(&seed) % (unsigned) n);
}

static void let_go(int i)
{
    if (slots[i])
        slots[i]->refs--;
    slots[i] = NULL;
}

static void do_open(int i)
{
    static const int modes[] = {O_RDONLY, O_WRONLY, O_RDWR, O_RDWR};
    char name[8];
    int file = (int) pick(FILES), mode = modes[pick(4)];
    bool append = pick(4) == 0;
    struct description *d = descriptions;
    snprintf(name, sizeof(name), "m%d", file);
    int fd = (int) CHECK_OK(open(name, mode | (append ? O_APPEND : 0) | O_CREAT, 0644));
    if (fd != FIRST + i) {
        CHECK_EQ(dup2(fd, FIRST + i), FIRST + i);
        close(fd);
    }
    let_go(i);
    while (d->refs)
        d++;
    *d = (struct description){.file = file, .refs = 1, .append = append, .mode = mode};
    slots[i] = d;
}

static void do_read(int i, bool positioned)
{
    static unsigned char buf[2 * MOST];
    struct description *d = slots[i];
    long n = pick(3000), at = positioned ? pick(MOST) : d->at;
    ssize_t got =
        positioned ? pread(FIRST + i, buf, (size_t) n, at) : read(FIRST + i, buf, (size_t) n);
    if (d->mode == O_WRONLY) {
        CHECK(got == -1 && errno == EBADF);
        return;
    }
    long left = files[d->file].size - at, want = left <= 0 ? 0 : n < left ? n : left;
    CHECK_EQ(got, want);
    CHECK_MEM(buf, files[d->file].bytes + at, (size_t) want);
    if (!positioned)
        d->at += want;
}

static void do_write(int i, bool positioned)
{
    unsigned char buf[600];
    struct description *d = slots[i];
    long n = 1 + pick((long) sizeof(buf) - 1), at = positioned ? pick(MOST) : d->at;
    memset(buf, (int) pick(256), sizeof(buf));
    if (d->append)
        at = files[d->file].size;
    if (at + n > 2 * MOST)
        return;
    ssize_t got =
        positioned ? pwrite(FIRST + i, buf, (size_t) n, at) : write(FIRST + i, buf, (size_t) n);
    if (d->mode == O_RDONLY) {
        CHECK(got == -1 && errno == EBADF);
        return;
    }
    CHECK_EQ(got, n);
    if (at > files[d->file].size)
        memset(files[d->file].bytes + files[d->file].size, 0, (size_t) (at - files[d->file].size));
    memcpy(files[d->file].bytes + at, buf, (size_t) n);
    if (at + n > files[d->file].size)
        files[d->file].size = at + n;
    if (!positioned)
        d->at = at + n;
}

static void do_seek(int i)
{
    struct description *d = slots[i];
    long off = pick(MOST), how = pick(3);
    long base = how == SEEK_SET ? 0 : how == SEEK_CUR ? d->at : files[d->file].size;
    off = how == SEEK_SET ? off : off - MOST / 2;
    if (base + off < 0) {
        CHECK_ERR(lseek(FIRST + i, off, (int) how), EINVAL);
        return;
    }
    CHECK_EQ(lseek(FIRST + i, off, (int) how), base + off);
    d->at = base + off;
    if (d->at > MOST)
        d->at = CHECK_OK(lseek(FIRST + i, 0, SEEK_SET));
}

static void do_truncate(int i)
{
    struct description *d = slots[i];
    long to = pick(MOST);
    if (d->mode == O_RDONLY)
        return;
    CHECK_EQ(ftruncate(FIRST + i, to), 0);
    if (to > files[d->file].size)
        memset(files[d->file].bytes + files[d->file].size, 0, (size_t) (to - files[d->file].size));
    files[d->file].size = to;
}

static void do_dup(int i)
{
    int to = (int) pick(NUMBERS);
    CHECK_EQ(dup2(FIRST + i, FIRST + to), FIRST + to);
    if (to == i)
        return;
    let_go(to);
    slots[to] = slots[i];
    slots[to]->refs++;
}

static void step_once(void)
{
    int i = (int) pick(NUMBERS), what = (int) pick(40);
    char c;
    if (!slots[i]) {
        if (pick(3))
            do_open(i);
        else
            CHECK_ERR(read(FIRST + i, &c, 1), EBADF);
        return;
    }
    if (what < 24) {
        what & 1 ? do_read(i, what & 2) : do_write(i, what & 2);
    } else if (what < 32) {
        do_seek(i);
    } else if (what < 34) {
        do_truncate(i);
    } else if (what < 35) {
        slots[i]->append = !slots[i]->append;
        CHECK_EQ(fcntl(FIRST + i, F_SETFL, slots[i]->append ? O_APPEND : 0), 0);
    } else if (what < 37) {
        do_dup(i);
    } else if (what < 39) {
        do_open(i);
    } else {
        close(FIRST + i);
        let_go(i);
    }
}

/* Without this no number lives long enough to be used much. */
static void work_on_one(void)
{
    int i = (int) pick(NUMBERS);
    for (int k = 0; slots[i] && k < 150; k++) {
        long what = pick(6);
        if (what == 0)
            do_seek(i);
        else
            what & 1 ? do_read(i, what & 2) : do_write(i, what & 2);
    }
}

static void walk(unsigned from, int rounds)
{
    seed = from;
    for (int r = 0; r < rounds; r++) {
        for (int k = 0; k < 30; k++)
            step_once();
        work_on_one();
    }
}

CASE(one_process)
{
    walk(1, 60);
}

/* Every few steps the next process goes on where the last one was; the other only waits. */
CASE(from_process_to_process)
{
    walk(2, 5);
    for (unsigned depth = 0; depth < 12; depth++) {
        pid_t pid = (pid_t) CHECK_OK(fork());
        if (pid) {
            int st = 0;
            while (waitpid(pid, &st, 0) < 0 && errno == EINTR)
                ;
            if (depth == 0) {
                CHECK_EQ(st, 0);
                return;
            }
            _exit(st ? 1 : 0);
        }
        walk(100 + depth, 4);
    }
    _exit(0);
}

GUEST_MAIN
