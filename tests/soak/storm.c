/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A storm for the sentry, and its calm. As the sandbox's init: workers fork, exec, make threads,
 * exchange signals and wait for each other without end, while a killer sends SIGKILL, SIGSTOP and
 * SIGCONT to whom it finds in /proc. On "calm" from standard input everybody is killed and reaped
 * and the word "calm" is answered; on "storm" it begins again. The host side counts what the
 * sentry holds in each calm.
 *
 * usage: storm SEED; `storm leaf` is what the workers exec.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORKERS  6
#define MAX_PIDS 512

static const char *self;
static _Atomic unsigned long *rounds; /* shared: what all workers have done */

static uint32_t next(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static void nothing(int signo)
{
    (void) signo;
}

static void *thread_body(void *arg)
{
    volatile uint32_t sum = 0;

    for (uint32_t i = 0; i < (uint32_t) (uintptr_t) arg; i++)
        sum += i;
    return NULL;
}

static void threads(uint32_t *state)
{
    pthread_t t[4];
    int n = 0;

    while (n < 4 && pthread_create(&t[n], NULL, thread_body,
                                   (void *) (uintptr_t) (next(state) % 20000)) == 0)
        n++;
    if (next(state) % 16 == 0)
        _exit(0); /* the whole group while threads run */
    while (n-- > 0)
        pthread_join(t[n], NULL);
}

/* A child that computes, sleeps, dies of a signal, execs or leaves orphans behind. */
static void child(uint32_t seed)
{
    uint32_t state = seed | 1;
    struct timespec nap = {.tv_nsec = next(&state) % 3000000};

    switch (next(&state) % 7) {
    case 0:
        execl(self, self, "leaf", (char *) NULL);
        _exit(1);
    case 1:
        threads(&state);
        break;
    case 2:
        raise(SIGUSR2);
        break;
    case 3:
        if (fork() == 0) { /* an orphan soon */
            nanosleep(&nap, NULL);
            _exit(0);
        }
        break;
    case 4:
        nanosleep(&nap, NULL);
        break;
    case 5: {
        char *m = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (m != MAP_FAILED)
            memset(m, 1, 1 << 16);
        break;
    }
    default:
        kill(getppid(), SIGUSR1);
    }
    _exit((int) (next(&state) % 256));
}

static void exchange(void)
{
    int p[2], e = eventfd(0, EFD_CLOEXEC);
    char byte = 1;

    if (pipe2(p, O_CLOEXEC) == 0) {
        if (write(p[1], &byte, 1) == 1 && read(p[0], &byte, 1) != 1)
            _exit(3);
        close(p[0]);
        close(p[1]);
    }
    if (e >= 0)
        close(e);
}

static void worker(uint32_t seed)
{
    uint32_t state = seed * 2654435761u | 1;

    signal(SIGUSR1, nothing);
    setpgid(0, 0);
    for (;;) {
        union sigval v = {.sival_int = (int) state};
        uint32_t kind = next(&state) % 4, child_seed = next(&state);
        pid_t pid = kind ? fork() : vfork();

        if (pid == 0) {
            if (kind > 1)
                child(child_seed);
            execl(self, self, "leaf", (char *) NULL);
            _exit(1);
        }
        if (pid > 0 && next(&state) % 3 == 0)
            sigqueue(pid, SIGRTMIN + (int) (next(&state) % 8), v);
        exchange();
        while (waitpid(-1, NULL, next(&state) % 8 ? WNOHANG : 0) > 0)
            ;
        atomic_fetch_add(rounds, 1);
    }
}

static int guests(pid_t *pids, pid_t but, pid_t and_but)
{
    DIR *d = opendir("/proc");
    struct dirent *e;
    int n = 0;

    while (d && n < MAX_PIDS && (e = readdir(d))) {
        pid_t pid = atoi(e->d_name);
        if (pid > 1 && pid != but && pid != and_but)
            pids[n++] = pid;
    }
    if (d)
        closedir(d);
    return n;
}

/* Sends at random; what it stops it mostly continues, so that the storm does not freeze. */
static void killer(uint32_t seed)
{
    static const int signals[] = {SIGKILL, SIGKILL, SIGSTOP, SIGCONT,
                                  SIGSTOP, SIGUSR1, SIGCONT, SIGTERM};
    uint32_t state = seed | 1;
    pid_t pids[MAX_PIDS], self_pid = getpid();

    for (;;) {
        struct timespec nap = {.tv_nsec = 200000 + next(&state) % 2000000};
        int n = guests(pids, self_pid, 0);

        for (int i = 0; i < 3 && n > 0; i++)
            kill(pids[next(&state) % (uint32_t) n], signals[next(&state) % 8]);
        if (next(&state) % 8 == 0)
            for (int i = 0; i < n; i++)
                kill(pids[i], SIGCONT);
        nanosleep(&nap, NULL);
    }
}

static pid_t start(void (*body)(uint32_t), uint32_t seed)
{
    pid_t pid = fork();

    if (pid == 0) {
        body(seed);
        _exit(0);
    }
    return pid;
}

static void calm(void)
{
    for (;;) {
        kill(-1, SIGKILL);
        if (waitpid(-1, NULL, 0) < 0 && errno == ECHILD)
            return;
    }
}

static bool read_word(char *word, size_t cap)
{
    size_t n = 0;

    while (n + 1 < cap && read(0, word + n, 1) == 1 && word[n] != '\n')
        n++;
    word[n] = '\0';
    return n > 0;
}

int main(int argc, char **argv)
{
    uint32_t seed = argc > 1 ? (uint32_t) atoi(argv[1]) : 1;
    pid_t workers[WORKERS], killer_pid = -1;
    bool storming = false;
    char word[16];

    if (argc > 1 && strcmp(argv[1], "leaf") == 0)
        return 7;
    self = realpath("/proc/self/exe", NULL);
    signal(SIGUSR1, nothing); /* from orphans */
    rounds = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (!self || rounds == MAP_FAILED)
        return 1;
    for (;;) {
        struct pollfd p = {.fd = 0, .events = POLLIN};
        int r = poll(&p, 1, storming ? 20 : -1);

        if (r > 0) {
            if (!read_word(word, sizeof(word)))
                break;
            storming = strcmp(word, "storm") == 0;
            if (storming) {
                memset(workers, 0xff, sizeof(workers));
                killer_pid = -1;
            } else {
                calm();
                printf("calm %lu\n", atomic_load(rounds));
                fflush(stdout);
            }
        }
        if (!storming)
            continue;
        /* Whoever was killed is replaced; orphans come to us. */
        for (pid_t pid; (pid = waitpid(-1, NULL, WNOHANG)) > 0;) {
            for (int i = 0; i < WORKERS; i++)
                if (workers[i] == pid)
                    workers[i] = -1;
            if (pid == killer_pid)
                killer_pid = -1;
        }
        for (int i = 0; i < WORKERS; i++)
            if (workers[i] < 0)
                workers[i] = start(worker, ++seed);
        if (killer_pid < 0)
            killer_pid = start(killer, ++seed);
    }
    calm();
    return 0;
}
