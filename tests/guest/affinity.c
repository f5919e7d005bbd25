/* SPDX-License-Identifier: Apache-2.0 */
/* sched_setaffinity(2): the processors a thread may use are its own matter. */
#include "guest.h"

#include <pthread.h>
#include <sched.h>

static cpu_set_t mask(void)
{
    cpu_set_t s;
    CPU_ZERO(&s);
    CHECK_EQ(sched_getaffinity(0, sizeof(s), &s), 0);
    return s;
}

/* The first processor of the mask alone. */
static cpu_set_t first(void)
{
    cpu_set_t all = mask(), one;
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &all))
            CPU_SET(i, &one);
    return one;
}

CASE(all_processors_stay_visible)
{
    cpu_set_t before = mask();
    for (int i = 0; i < 2000; i++) {
        cpu_set_t now = mask();
        CHECK(CPU_EQUAL(&now, &before));
    }
    CHECK_EQ(sysconf(_SC_NPROCESSORS_ONLN) >= CPU_COUNT(&before), 1);
}

static void *in_thread(void *want)
{
    cpu_set_t now = mask();
    return CPU_EQUAL(&now, (cpu_set_t *) want) ? NULL : want;
}

CASE(choice_is_kept_and_inherited)
{
    cpu_set_t all = mask(), one = first();
    pthread_t th;
    void *r;
    CHECK_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
    for (int i = 0; i < 1000; i++) {
        cpu_set_t now = mask();
        CHECK(CPU_EQUAL(&now, &one) && CPU_ISSET(sched_getcpu(), &one));
    }
    CHECK_EQ(pthread_create(&th, NULL, in_thread, &one), 0);
    CHECK_EQ(pthread_join(th, &r), 0);
    CHECK(r == NULL);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0)
        _exit(in_thread(&one) != NULL);
    CHECK_EXIT(pid, 0);
    CHECK_EQ(sched_setaffinity(0, sizeof(all), &all), 0);
    cpu_set_t now = mask();
    CHECK(CPU_EQUAL(&now, &all));
}

CASE(choice_survives_exec)
{
    cpu_set_t one = first();
    int p[2];
    char text[16] = "";
    CHECK_EQ(pipe(p), 0);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        CHECK_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
        dup2(p[1], 1);
        execlp("nproc", "nproc", NULL);
        _exit(9);
    }
    CHECK_EXIT(pid, 0);
    CHECK_OK(read(p[0], text, sizeof(text) - 1));
    CHECK(strcmp(text, "1\n") == 0);
}

CASE(errors)
{
    cpu_set_t none;
    char small[4];
    CPU_ZERO(&none);
    CHECK_ERR(sched_setaffinity(0, sizeof(none), &none), EINVAL);
    CHECK_ERR(sched_getaffinity(0, sizeof(small), (void *) small), EINVAL);
    CHECK_ERR(sched_setaffinity(4000000, sizeof(none), &none), ESRCH);
}

GUEST_MAIN
