/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that need no kernel of ours until somebody traces them. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int main(void)
{
    struct timespec soon = {.tv_nsec = 1000000}, now;
    unsigned word = 0, other = 0;
    unsigned char residency[4];
    char *m = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (m == MAP_FAILED)
        return 1;
    m[0] = 1;
    mprotect(m, 4096, PROT_READ);
    madvise(m + 4096, 4096, MADV_DONTNEED);
    mincore(m, 16384, residency);
    msync(m, 4096, MS_SYNC);
    m = mremap(m, 16384, 32768, MREMAP_MAYMOVE);
    munmap(m, 32768);
    mlock(&word, sizeof(word));
    munlock(&word, sizeof(word));
    sched_yield();
    syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0);
    syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &soon, NULL, 0);
    syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *) 1, &other, 0);
    syscall(SYS_clock_gettime, CLOCK_PROCESS_CPUTIME_ID, &now);
    syscall(SYS_membarrier, 0, 0, 0);
    sbrk(4096);
    syscall(SYS_getpid);
    syscall(SYS_gettid);
    syscall(SYS_getuid);
    munmap((void *) 1, 4096);
    mprotect((void *) 4096, 4096, PROT_READ);
    mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 77, 0);
    puts("done");
    return 0;
}
