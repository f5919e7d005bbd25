/* SPDX-License-Identifier: Apache-2.0 */
/* Something to debug: threads, a counter to watch, a fork, and a loop to attach to. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

volatile int counter;
volatile double half = 0.5;
static pthread_barrier_t all_here;

static int inner(int n)
{
    int sum = 0;
    for (int i = 0; i < n; i++)
        sum += i;
    return sum;
}

int work(int n)
{
    int sum = inner(n);
    counter++;
    return sum;
}

static void *thread_main(void *arg)
{
    pthread_barrier_wait(&all_here);
    return (void *) (long) work((int) (long) arg);
}

void all_threads_stand(void)
{
    pthread_barrier_wait(&all_here);
}

static void forks(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(work(3));
    waitpid(pid, &status, 0);
    printf("child %d\n", WEXITSTATUS(status));
}

int main(int argc, char **argv)
{
    pthread_t t[3];
    if (argc > 1 && strcmp(argv[1], "loop") == 0) {
        puts("looping");
        fflush(stdout);
        for (;;) {
            work(2);
            usleep(20000);
        }
    }
    pthread_barrier_init(&all_here, NULL, 4);
    for (long i = 0; i < 3; i++)
        pthread_create(&t[i], NULL, thread_main, (void *) (i + 3));
    all_threads_stand();
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    work(7);
    if (system("exit 4") != 4 << 8)
        return 1;
    forks();
    printf("counter %d half %g\n", counter, half);
    return 0;
}
