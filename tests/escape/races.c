/* SPDX-License-Identifier: Apache-2.0 */
/* Threads of one process that would get each other's descriptors, mappings or children if they
 * could. */
#include "attack.h"

#include <pthread.h>

enum { ROUNDS = 2000, BYTES = 8192 };

struct mapper {
    char name[16];
    char letter;
    volatile int wrong;
};

static void *map_rounds(void *arg)
{
    struct mapper *m = arg;
    for (int i = 0; i < ROUNDS && !m->wrong; i++) {
        int fd = open(m->name, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            m->wrong = errno;
        char *p = mmap(NULL, BYTES, PROT_READ, i % 2 ? MAP_SHARED : MAP_PRIVATE, fd, 0);
        close(fd);
        if (p == MAP_FAILED)
            m->wrong = errno;
        else if (p[0] != m->letter || p[BYTES - 1] != m->letter)
            m->wrong = -1;
        munmap(p, BYTES);
    }
    return NULL;
}

/* Two thousand rounds each: every mapping is of the thread's own file. */
CASE(two_threads_map_two_files)
{
    struct mapper m[2] = {{"a", 'a', 0}, {"b", 'b', 0}};
    pthread_t t[2];
    for (int i = 0; i < 2; i++) {
        char text[BYTES + 1];
        memset(text, m[i].letter, BYTES);
        text[BYTES] = 0;
        put_file(m[i].name, text, 0600);
        CHECK_EQ(pthread_create(&t[i], NULL, map_rounds, &m[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(pthread_join(t[i], NULL), 0);
        CHECK_EQ(m[i].wrong, 0);
    }
}

/* The same while a third forks: the donated descriptor must not end up in a child. */
static void *fork_rounds(void *arg)
{
    volatile int *wrong = arg;
    for (int i = 0; i < 150; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(6);
        int st = 0;
        if (pid < 0 || waitpid(pid, &st, 0) != pid || st != 6 << 8)
            *wrong = errno ?: -1;
    }
    return NULL;
}

CASE(mapping_while_forking)
{
    struct mapper m = {"a", 'a', 0};
    char text[BYTES + 1];
    memset(text, 'a', BYTES);
    text[BYTES] = 0;
    put_file("a", text, 0600);
    pthread_t t[3];
    volatile int wrong[2] = {0};
    CHECK_EQ(pthread_create(&t[0], NULL, map_rounds, &m), 0);
    for (int i = 1; i < 3; i++)
        CHECK_EQ(pthread_create(&t[i], NULL, fork_rounds, (void *) &wrong[i - 1]), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_join(t[i], NULL), 0);
    CHECK_EQ(m.wrong, 0);
    CHECK_EQ(wrong[0], 0);
    CHECK_EQ(wrong[1], 0);
}

static void *open_close(void *arg)
{
    volatile bool *stop = arg;
    while (!*stop) {
        int fd = open("a", O_RDONLY);
        if (fd >= 0)
            close(fd);
    }
    return NULL;
}

/* A descriptor number that is closed and used again while another thread maps it. */
CASE(mapping_a_number_that_changes)
{
    put_file("a", "text of a", 0600);
    volatile bool stop = false;
    pthread_t t[2];
    for (int i = 0; i < 2; i++)
        CHECK_EQ(pthread_create(&t[i], NULL, open_close, (void *) &stop), 0);
    for (int i = 0; i < ROUNDS; i++) {
        char *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 3 + i % 3, 0);
        if (p == MAP_FAILED) {
            CHECK_EQ(errno, EBADF);
            continue;
        }
        CHECK_MEM(p, "text of a", 9);
        CHECK_EQ(munmap(p, 4096), 0);
    }
    stop = true;
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
}

static void *exec_racer(void *arg)
{
    (void) arg;
    for (;;)
        syscall(SYS_getppid);
    return NULL;
}

/* exec while other threads are in the middle of calls. */
CASE(exec_with_busy_threads)
{
    for (int i = 0; i < 20; i++) {
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
            pthread_t t;
            for (int k = 0; k < 4; k++)
                pthread_create(&t, NULL, exec_racer, NULL);
            execl("/bin/sh", "sh", "-c", "exit 8", (char *) NULL);
            _exit(1);
        }
        CHECK_EQ(end_within(pid, 10000), 8 << 8);
    }
}

/* exit_group against threads that fork. */
CASE(exit_while_forking)
{
    for (int i = 0; i < 20; i++) {
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
            static volatile int wrong;
            pthread_t t;
            for (int k = 0; k < 3; k++)
                pthread_create(&t, NULL, fork_rounds, (void *) &wrong);
            sleep_ms(i % 7);
            _exit(9);
        }
        CHECK_EQ(end_within(pid, 10000), 9 << 8);
    }
}

GUEST_MAIN
