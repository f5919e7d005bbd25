/* SPDX-License-Identifier: Apache-2.0 */
/* Ends the way its arguments say: what the runtime's own exit status must show. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void *leave(void *code)
{
    exit(*(int *) code);
}

int main(int argc, char **argv)
{
    int n = argc > 2 ? atoi(argv[2]) : 0;
    pthread_t th;
    if (argc < 2)
        return 2;
    printf("%s %d\n", argv[1], n);
    fflush(stdout);
    if (strcmp(argv[1], "exit") == 0)
        exit(n);
    if (strcmp(argv[1], "exit-thread") == 0) {
        pthread_create(&th, NULL, leave, &n);
        for (;;)
            pause();
    }
    if (strcmp(argv[1], "exit-raw") == 0)
        syscall(SYS_exit, n);
    if (strcmp(argv[1], "signal") == 0) {
        signal(n, SIG_DFL);
        raise(n);
    }
    if (strcmp(argv[1], "segv") == 0)
        *(volatile int *) 16 = 1;
    if (strcmp(argv[1], "fork-exit") == 0) {
        if (fork() == 0) {
            usleep(100000);
            _exit(9); /* nobody waits: the status of the first process counts */
        }
        exit(n);
    }
    return 3;
}
