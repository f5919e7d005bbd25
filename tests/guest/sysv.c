/* SPDX-License-Identifier: Apache-2.0 */
/* System V IPC: sysvipc(7). Natively in an IPC name space that others may use, too. */
#include "guest.h"
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#ifndef SHM_EXEC
#define SHM_EXEC 0100000
#endif

union arg {
    int val;
    struct semid_ds *buf;
    unsigned short *array;
    struct seminfo *info;
};

/* What a case leaves behind goes when it ends. */
static int made_sem = -1, made_shm = -1, made_msg = -1;
static void clean(void)
{
    if (getpid() != guest_pid)
        return;
    if (made_sem >= 0)
        semctl(made_sem, 0, IPC_RMID);
    if (made_shm >= 0)
        shmctl(made_shm, IPC_RMID, NULL);
    if (made_msg >= 0)
        msgctl(made_msg, IPC_RMID, NULL);
}

static int new_sem(int n, int mode)
{
    made_sem = semget(IPC_PRIVATE, n, IPC_CREAT | mode);
    CHECK(made_sem >= 0);
    return made_sem;
}

static int new_shm(size_t size)
{
    made_shm = shmget(IPC_PRIVATE, size, IPC_CREAT | 0700);
    CHECK(made_shm >= 0);
    return made_shm;
}

static int new_msg(void)
{
    made_msg = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
    CHECK(made_msg >= 0);
    return made_msg;
}

static int op(int id, int num, int value, int flags)
{
    struct sembuf b = {(unsigned short) num, (short) value, (short) flags};
    return semop(id, &b, 1);
}

static key_t fresh_key(void)
{
    return (key_t) (0x43000000 + getpid());
}

static pid_t child(void)
{
    pid_t pid = fork();
    CHECK(pid >= 0);
    return pid;
}

static void until_waiting(int id, int num, int cmd, int n)
{
    for (int i = 0; i < 2000 && semctl(id, num, cmd) != n; i++)
        sleep_ms(2);
    CHECK_EQ(semctl(id, num, cmd), n);
}

/* ---- semaphores ---- */

CASE(sem_get)
{
    key_t key = fresh_key();
    CHECK_ERR(semget(key, 1, 0600), ENOENT);
    CHECK_ERR(semget(key, 0, IPC_CREAT | 0600), EINVAL);
    CHECK_ERR(semget(key, -1, IPC_CREAT | 0600), EINVAL);
    CHECK_ERR(semget(key, 32001, IPC_CREAT | 0600), EINVAL);
    int id = made_sem = semget(key, 3, IPC_CREAT | IPC_EXCL | 0600);
    CHECK(id >= 0);
    CHECK_ERR(semget(key, 3, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
    CHECK_EQ(semget(key, 3, 0), id);
    CHECK_EQ(semget(key, 0, 0600), id);
    CHECK_ERR(semget(key, 4, 0600), EINVAL);
    CHECK_EQ(semctl(id, 0, IPC_RMID), 0);
    CHECK_ERR(semctl(id, 0, IPC_RMID), EINVAL);
    CHECK_ERR(semctl(id, 0, GETVAL), EINVAL);
    CHECK_ERR(semget(key, 3, 0600), ENOENT);
    int next = made_sem = semget(key, 3, IPC_CREAT | 0600);
    CHECK(next >= 0 && next != id);
    clean();
}

CASE(sem_values)
{
    int id = new_sem(4, 0600);
    unsigned short v[4] = {1, 2, 3, 4}, got[4];
    CHECK_EQ(semctl(id, 2, GETVAL), 0);
    CHECK_EQ(semctl(id, 2, SETVAL, (union arg){.val = 77}), 0);
    CHECK_EQ(semctl(id, 2, GETVAL), 77);
    CHECK_EQ(semctl(id, 2, GETPID), getpid());
    CHECK_ERR(semctl(id, 4, GETVAL), EINVAL);
    CHECK_ERR(semctl(id, -1, GETVAL), EINVAL);
    CHECK_ERR(semctl(id, 0, SETVAL, (union arg){.val = 32768}), ERANGE);
    CHECK_ERR(semctl(id, 0, SETVAL, (union arg){.val = -1}), ERANGE);
    CHECK_EQ(semctl(id, 0, SETALL, (union arg){.array = v}), 0);
    CHECK_EQ(semctl(id, 0, GETALL, (union arg){.array = got}), 0);
    CHECK_MEM(got, v, sizeof(v));
    v[3] = 40000;
    CHECK_ERR(semctl(id, 0, SETALL, (union arg){.array = v}), ERANGE);
    CHECK_ERR(semctl(id, 0, GETALL, (union arg){.array = (void *) 8}), EFAULT);
    CHECK_ERR(semctl(id, 0, 999), EINVAL);
    clean();
}

CASE(sem_operations)
{
    int id = new_sem(2, 0600);
    CHECK_EQ(op(id, 0, 3, 0), 0);
    CHECK_EQ(op(id, 0, -2, 0), 0);
    CHECK_EQ(semctl(id, 0, GETVAL), 1);
    CHECK_ERR(op(id, 0, -2, IPC_NOWAIT), EAGAIN);
    CHECK_ERR(op(id, 0, 0, IPC_NOWAIT), EAGAIN);
    CHECK_EQ(op(id, 1, 0, IPC_NOWAIT), 0);
    CHECK_ERR(op(id, 2, 1, 0), EFBIG);
    CHECK_ERR(op(id, 0, 32767, 0), ERANGE);
    CHECK_ERR(op(-1, 0, 1, 0), EINVAL);
    struct sembuf b[501] = {{0, 0, 0}};
    CHECK_ERR(semop(id, b, 0), EINVAL);
    CHECK_ERR(semop(id, b, 501), E2BIG);
    CHECK_ERR(semop(id, (void *) 8, 1), EFAULT);
    clean();
}

CASE(sem_all_or_nothing)
{
    int id = new_sem(2, 0600);
    struct sembuf b[3] = {{0, 5, 0}, {1, 1, 0}, {1, -2, IPC_NOWAIT}};
    CHECK_ERR(semop(id, b, 3), EAGAIN);
    CHECK_EQ(semctl(id, 0, GETVAL), 0);
    CHECK_EQ(semctl(id, 1, GETVAL), 0);
    b[2].sem_op = -1;
    CHECK_EQ(semop(id, b, 3), 0);
    CHECK_EQ(semctl(id, 0, GETVAL), 5);
    /* One after the other on one semaphore: wait for zero, then take it. */
    struct sembuf lock[2] = {{1, 0, 0}, {1, 1, 0}};
    CHECK_EQ(semop(id, lock, 2), 0);
    lock[0].sem_flg = IPC_NOWAIT;
    CHECK_ERR(semop(id, lock, 2), EAGAIN);
    clean();
}

CASE(sem_wait_and_wake)
{
    int id = new_sem(2, 0600);
    pid_t a = child();
    if (a == 0)
        _exit(op(id, 0, -2, 0) != 0);
    until_waiting(id, 0, GETNCNT, 1);
    CHECK_EQ(op(id, 0, 1, 0), 0);
    until_waiting(id, 0, GETNCNT, 1);
    CHECK_EQ(op(id, 0, 1, 0), 0);
    CHECK_EXIT(a, 0);
    CHECK_EQ(semctl(id, 0, GETVAL), 0);
    CHECK_EQ(semctl(id, 0, GETPID), a);
    CHECK_EQ(op(id, 1, 1, 0), 0);
    a = child();
    if (a == 0)
        _exit(op(id, 1, 0, 0) != 0);
    until_waiting(id, 1, GETZCNT, 1);
    CHECK_EQ(semctl(id, 1, GETNCNT), 0);
    CHECK_EQ(semctl(id, 1, SETVAL, (union arg){.val = 0}), 0);
    CHECK_EXIT(a, 0);
    clean();
}

CASE(sem_waiters_chain)
{
    int id = new_sem(3, 0600);
    pid_t pid[3];
    for (int i = 2; i >= 0; i--) {
        pid[i] = child();
        if (pid[i] == 0) {
            struct sembuf b[2] = {{(unsigned short) i, -1, 0},
                                  {(unsigned short) ((i + 1) % 3), 1, 0}};
            _exit(semop(id, b, 2) != 0);
        }
        until_waiting(id, i, GETNCNT, 1);
    }
    CHECK_EQ(op(id, 0, 1, 0), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EXIT(pid[i], 0);
    CHECK_EQ(semctl(id, 0, GETVAL), 1);
    clean();
}

CASE(sem_removed_while_waiting)
{
    int id = new_sem(1, 0600);
    pid_t a = child();
    if (a == 0)
        _exit(op(id, 0, -1, 0) != -1 || errno != EIDRM);
    until_waiting(id, 0, GETNCNT, 1);
    CHECK_EQ(semctl(id, 0, IPC_RMID), 0);
    CHECK_EXIT(a, 0);
}

static void on_signal(int signo)
{
    (void) signo;
}

/* Again and again: on a busy machine the first may come before the wait. */
static timer_t alarms;
static void alarm_in(int ms, int flags)
{
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = flags};
    sigaction(SIGALRM, &sa, NULL);
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    struct itimerspec its = {{0, ms * 1000000l}, {0, ms * 1000000l}};
    CHECK_EQ(timer_create(CLOCK_MONOTONIC, &ev, &alarms), 0);
    CHECK_EQ(timer_settime(alarms, 0, &its, NULL), 0);
}

static void no_alarm(void)
{
    CHECK_EQ(timer_delete(alarms), 0);
}

CASE(sem_signals_and_timeouts)
{
    int id = new_sem(1, 0600);
    struct sembuf b = {0, -1, 0};
    struct timespec ts = {0, 50000000}, bad = {0, 1000000000};
    alarm_in(50, SA_RESTART);
    CHECK_ERR(op(id, 0, -1, 0), EINTR);
    no_alarm();
    uint64_t start = now_ns();
    CHECK_ERR(semtimedop(id, &b, 1, &ts), EAGAIN);
    CHECK(now_ns() - start >= 50000000);
    CHECK_ERR(semtimedop(id, &b, 1, &bad), EINVAL);
    CHECK_ERR(semtimedop(id, &b, 1, (void *) 8), EFAULT);
    CHECK_EQ(semctl(id, 0, GETNCNT), 0);
    clean();
}

CASE(sem_undo_at_exit)
{
    int id = new_sem(2, 0600);
    CHECK_EQ(op(id, 0, 5, 0), 0);
    for (int how = 0; how < 2; how++) {
        pid_t a = child();
        if (a == 0) {
            CHECK_EQ(op(id, 0, -3, SEM_UNDO), 0);
            CHECK_EQ(op(id, 1, 2, SEM_UNDO), 0);
            CHECK_EQ(semctl(id, 0, GETVAL), 2);
            if (how)
                kill(getpid(), SIGKILL);
            _exit(0);
        }
        if (how)
            CHECK_KILLED(a, SIGKILL);
        else
            CHECK_EXIT(a, 0);
        CHECK_EQ(semctl(id, 0, GETVAL), 5);
        CHECK_EQ(semctl(id, 1, GETVAL), 0);
        CHECK_EQ(semctl(id, 0, GETPID), a);
    }
    clean();
}

CASE(sem_undo_is_clamped_cleared_and_not_inherited)
{
    int id = new_sem(2, 0600);
    pid_t a = child();
    if (a == 0) {
        CHECK_EQ(op(id, 0, 3, SEM_UNDO), 0);
        CHECK_EQ(op(id, 0, -2, 0), 0); /* undoing 3 would go below zero */
        CHECK_EQ(op(id, 1, 3, SEM_UNDO), 0);
        pid_t b = child();
        if (b == 0)
            _exit(0);
        CHECK_EXIT(b, 0);
        CHECK_EQ(semctl(id, 1, GETVAL), 3);
        CHECK_EQ(semctl(id, 1, SETVAL, (union arg){.val = 7}), 0); /* forgets the adjustment */
        _exit(0);
    }
    CHECK_EXIT(a, 0);
    CHECK_EQ(semctl(id, 0, GETVAL), 0);
    CHECK_EQ(semctl(id, 1, GETVAL), 7);
    clean();
}

CASE(sem_undo_survives_exec_and_wakes)
{
    int id = new_sem(1, 0600);
    CHECK_EQ(op(id, 0, 1, 0), 0);
    pid_t a = child();
    if (a == 0) {
        CHECK_EQ(op(id, 0, -1, SEM_UNDO), 0);
        char *argv[] = {"sleep", "0.3", NULL};
        execv("/bin/sleep", argv);
        _exit(9);
    }
    while (semctl(id, 0, GETVAL) != 0)
        sleep_ms(2);
    CHECK_EQ(op(id, 0, -1, 0), 0);
    CHECK_EXIT(a, 0);
    clean();
}

CASE(sem_undo_range)
{
    int id = new_sem(1, 0600);
    pid_t a = child();
    if (a == 0) {
        CHECK_EQ(op(id, 0, 32767, SEM_UNDO), 0);
        CHECK_EQ(op(id, 0, -32767, 0), 0);
        CHECK_ERR(op(id, 0, 2, SEM_UNDO), ERANGE);
        _exit(0);
    }
    CHECK_EXIT(a, 0);
    clean();
}

CASE(sem_stat_and_set)
{
    int id = new_sem(3, 0640);
    struct semid_ds ds;
    time_t now = time(NULL);
    CHECK_EQ(semctl(id, 0, IPC_STAT, (union arg){.buf = &ds}), 0);
    CHECK_EQ(ds.sem_nsems, 3);
    CHECK_EQ(ds.sem_otime, 0);
    CHECK(ds.sem_ctime >= now - 5 && ds.sem_ctime <= now + 5);
    CHECK_EQ(ds.sem_perm.mode & 0777, 0640);
    CHECK_EQ(ds.sem_perm.uid, geteuid());
    CHECK_EQ(ds.sem_perm.cgid, getegid());
    CHECK_EQ(op(id, 0, 1, 0), 0);
    ds.sem_perm.mode = 0600;
    CHECK_EQ(semctl(id, 0, IPC_SET, (union arg){.buf = &ds}), 0);
    CHECK_EQ(semctl(id, 0, IPC_STAT, (union arg){.buf = &ds}), 0);
    CHECK_EQ(ds.sem_perm.mode & 0777, 0600);
    CHECK(ds.sem_otime >= now - 5);
    CHECK_ERR(semctl(id, 0, IPC_STAT, (union arg){.buf = (void *) 8}), EFAULT);
    CHECK_ERR(semctl(id, 0, IPC_SET, (union arg){.buf = (void *) 8}), EFAULT);
    struct seminfo si;
    CHECK(semctl(0, 0, IPC_INFO, (union arg){.info = &si}) >= 0);
    CHECK_EQ(si.semmsl, 32000);
    CHECK_EQ(si.semopm, 500);
    CHECK_EQ(si.semvmx, 32767);
    int last = semctl(0, 0, SEM_INFO, (union arg){.info = &si}), found = 0;
    CHECK(si.semusz >= 1 && si.semaem >= 3);
    for (int i = 0; i <= last; i++)
        found |= semctl(i, 0, SEM_STAT, (union arg){.buf = &ds}) == id;
    CHECK(found);
    clean();
}

/* As another user, in a child; true if this could be done. */
static bool become_nobody(void)
{
    return geteuid() == 0 && setgid(65534) == 0 && setuid(65534) == 0;
}

CASE(sem_permissions)
{
    int id = new_sem(1, 0600);
    struct semid_ds ds;
    pid_t a = child();
    if (a == 0) {
        if (!become_nobody())
            _exit(77);
        CHECK_ERR(op(id, 0, 1, 0), EACCES);
        CHECK_ERR(semctl(id, 0, GETVAL), EACCES);
        CHECK_ERR(semctl(id, 0, IPC_STAT, (union arg){.buf = &ds}), EACCES);
        CHECK_ERR(semctl(id, 0, IPC_RMID), EPERM);
        _exit(0);
    }
    int st;
    CHECK_EQ(waitpid(a, &st, 0), a);
    clean();
    if (WIFEXITED(st) && WEXITSTATUS(st) == 77)
        SKIP("not root");
    CHECK_EQ(st, 0);
}

/* ---- shared memory ---- */

CASE(shm_get)
{
    key_t key = fresh_key();
    CHECK_ERR(shmget(key, 100, 0600), ENOENT);
    CHECK_ERR(shmget(key, 0, IPC_CREAT | 0600), EINVAL);
    int id = made_shm = shmget(key, 100, IPC_CREAT | IPC_EXCL | 0600);
    CHECK(id >= 0);
    CHECK_ERR(shmget(key, 100, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
    CHECK_EQ(shmget(key, 0, 0), id);
    CHECK_EQ(shmget(key, 100, 0600), id);
    CHECK_ERR(shmget(key, 101, 0600), EINVAL);
    CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
    CHECK_ERR(shmget(key, 0, 0), ENOENT);
    CHECK_ERR(shmctl(id, IPC_RMID, NULL), EINVAL);
    CHECK_ERR(shmat(id, NULL, 0) == (void *) -1 ? -1 : 0, EINVAL);
}

CASE(shm_is_shared)
{
    int id = new_shm(10000);
    char *p = shmat(id, NULL, 0);
    CHECK(p != (void *) -1);
    for (int i = 0; i < 10000; i++)
        CHECK_EQ(p[i], 0);
    strcpy(p, "parent");
    pid_t a = child();
    if (a == 0) {
        char *q = shmat(id, NULL, 0);
        CHECK(q != (void *) -1 && q != p);
        CHECK_STR(q, "parent");
        strcpy(p, "child");
        CHECK_STR(q, "child");
        _exit(0);
    }
    CHECK_EXIT(a, 0);
    CHECK_STR(p, "child");
    CHECK_EQ(shmdt(p), 0);
    CHECK_ERR(shmdt(p), EINVAL);
    clean();
}

static unsigned long attached(int id)
{
    struct shmid_ds ds;
    CHECK_EQ(shmctl(id, IPC_STAT, &ds), 0);
    return ds.shm_nattch;
}

/* Ends of processes are seen a moment later here than natively. */
static void until_attached(int id, unsigned long n)
{
    for (int i = 0; i < 500 && attached(id) != n; i++)
        sleep_ms(2);
    CHECK_EQ(attached(id), n);
}

CASE(shm_counts_attachments)
{
    int id = new_shm(8192);
    CHECK_EQ(attached(id), 0);
    void *p = shmat(id, NULL, 0), *q = shmat(id, NULL, SHM_RDONLY);
    CHECK_EQ(attached(id), 2);
    int pipes[2];
    CHECK_EQ(pipe(pipes), 0);
    pid_t a = child();
    if (a == 0) {
        char c;
        close(pipes[1]);
        CHECK_EQ(read(pipes[0], &c, 1), 0);
        _exit(0);
    }
    CHECK_EQ(attached(id), 4);
    close(pipes[1]);
    CHECK_EXIT(a, 0);
    until_attached(id, 2);
    CHECK_EQ(shmdt(q), 0);
    CHECK_EQ(attached(id), 1);
    CHECK_EQ(munmap(p, 8192), 0);
    CHECK_EQ(attached(id), 0);
    a = child();
    if (a == 0) {
        shmat(id, NULL, 0);
        char *argv[] = {"sleep", "0.2", NULL};
        execv("/bin/sleep", argv);
        _exit(9);
    }
    sleep_ms(100);
    until_attached(id, 0);
    CHECK_EXIT(a, 0);
    clean();
}

CASE(shm_goes_with_its_last_attachment)
{
    int id = new_shm(4096);
    struct shmid_ds ds;
    char *p = shmat(id, NULL, 0);
    CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
    CHECK_EQ(shmctl(id, IPC_STAT, &ds), 0);
    CHECK_EQ(ds.shm_perm.mode & SHM_DEST, SHM_DEST);
    CHECK_EQ(ds.shm_perm.__key, IPC_PRIVATE);
    strcpy(p, "still there");
    char *q = shmat(id, NULL, 0); /* Linux lets the id live on */
    CHECK(q != (void *) -1);
    CHECK_STR(q, "still there");
    CHECK_EQ(shmdt(q), 0);
    CHECK_EQ(shmdt(p), 0);
    CHECK_ERR(shmctl(id, IPC_STAT, &ds), EINVAL);
    /* The same when processes end, or unmap it themselves. */
    id = new_shm(4096);
    pid_t a = child();
    if (a == 0) {
        shmat(id, NULL, 0);
        CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
        _exit(0);
    }
    CHECK_EXIT(a, 0);
    for (int i = 0; i < 500 && shmctl(id, IPC_STAT, &ds) == 0; i++)
        sleep_ms(2);
    CHECK_ERR(shmctl(id, IPC_STAT, &ds), EINVAL);
    id = new_shm(4096);
    p = shmat(id, NULL, 0);
    CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
    CHECK_EQ(munmap(p, 4096), 0);
    CHECK_ERR(shmctl(id, IPC_STAT, &ds), EINVAL);
}

CASE(shm_attach_addresses)
{
    int id = new_shm(8192);
    char *area = CHECK_MAP(mmap(NULL, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CHECK_ERR((long) shmat(id, area, 0), EINVAL); /* something is there */
    CHECK_EQ((long) shmat(id, area, SHM_REMAP), (long) area);
    CHECK_EQ(shmdt(area), 0);
    CHECK_EQ(munmap(area, 65536), 0);
    CHECK_ERR((long) shmat(id, area + 1, 0), EINVAL);
    CHECK_EQ((long) shmat(id, area + 4100, SHM_RND), (long) area + 4096);
    CHECK_EQ(shmdt(area + 4096), 0);
    CHECK_ERR(shmdt(area + 4097), EINVAL);
    CHECK_ERR((long) shmat(id, NULL, SHM_REMAP), EINVAL);
    CHECK_ERR((long) shmat(-1, NULL, 0), EINVAL);
    clean();
}

static sigjmp_buf jump;
static void on_fault(int signo)
{
    (void) signo;
    siglongjmp(jump, 1);
}

CASE(shm_read_only)
{
    int id = new_shm(4096);
    char *p = shmat(id, NULL, SHM_RDONLY);
    CHECK(p != (void *) -1);
    CHECK_EQ(p[0], 0);
    struct sigaction sa = {.sa_handler = on_fault};
    sigaction(SIGSEGV, &sa, NULL);
    if (sigsetjmp(jump, 1) == 0) {
        *(volatile char *) p = 1;
        FAIL("wrote to it");
    }
    CHECK_ERR(mprotect(p, 4096, PROT_READ | PROT_WRITE), EACCES);
    char *w = shmat(id, NULL, SHM_EXEC);
    CHECK(w != (void *) -1);
    w[5] = 'x';
    CHECK_EQ(p[5], 'x');
    clean();
}

CASE(shm_detach_pieces)
{
    int id = new_shm(4 * 4096);
    char *p = shmat(id, NULL, 0);
    CHECK_EQ(mprotect(p + 4096, 4096, PROT_READ), 0);
    CHECK_EQ(attached(id), 3);
    CHECK_EQ(munmap(p + 2 * 4096, 4096), 0);
    CHECK_EQ(shmdt(p), 0);
    CHECK_EQ(attached(id), 0);
    clean();
}

CASE(shm_stat_and_set)
{
    int id = new_shm(5000);
    struct shmid_ds ds;
    time_t now = time(NULL);
    CHECK_EQ(shmctl(id, IPC_STAT, &ds), 0);
    CHECK_EQ(ds.shm_segsz, 5000);
    CHECK_EQ(ds.shm_cpid, getpid());
    CHECK_EQ(ds.shm_atime, 0);
    CHECK_EQ(ds.shm_lpid, 0);
    CHECK(ds.shm_ctime >= now - 5);
    void *p = shmat(id, NULL, 0);
    CHECK_EQ(shmctl(id, IPC_STAT, &ds), 0);
    CHECK(ds.shm_atime >= now - 5);
    CHECK_EQ(ds.shm_lpid, getpid());
    CHECK_EQ(shmdt(p), 0);
    ds.shm_perm.mode = 0444;
    CHECK_EQ(shmctl(id, IPC_SET, &ds), 0);
    CHECK_EQ(shmctl(id, IPC_STAT, &ds), 0);
    CHECK_EQ(ds.shm_perm.mode & 0777, 0444);
    CHECK(ds.shm_dtime >= now - 5);
    CHECK_ERR(shmctl(id, IPC_STAT, (void *) 8), EFAULT);
    CHECK_ERR(shmctl(id, 999, &ds), EINVAL);
    struct shminfo si;
    CHECK(shmctl(0, IPC_INFO, (void *) &si) >= 0);
    CHECK_EQ(si.shmmin, 1);
    CHECK_EQ(si.shmmni, 4096);
    struct shm_info info;
    int last = shmctl(0, SHM_INFO, (void *) &info), found = 0;
    CHECK(info.used_ids >= 1 && info.shm_tot >= 2);
    for (int i = 0; i <= last; i++)
        found |= shmctl(i, SHM_STAT, &ds) == id;
    CHECK(found);
    clean();
}

CASE(shm_permissions)
{
    int id = new_shm(4096);
    struct shmid_ds ds;
    pid_t a = child();
    if (a == 0) {
        if (!become_nobody())
            _exit(77);
        CHECK_ERR((long) shmat(id, NULL, 0), EACCES);
        CHECK_ERR((long) shmat(id, NULL, SHM_RDONLY), EACCES);
        CHECK_ERR(shmctl(id, IPC_STAT, &ds), EACCES);
        CHECK_ERR(shmctl(id, IPC_RMID, NULL), EPERM);
        _exit(0);
    }
    int st;
    CHECK_EQ(waitpid(a, &st, 0), a);
    clean();
    if (WIFEXITED(st) && WEXITSTATUS(st) == 77)
        SKIP("not root");
    CHECK_EQ(st, 0);
}

/* ---- messages ---- */

struct msg {
    long type;
    char text[64];
};

static int send(int id, long type, const char *text, int flags)
{
    struct msg m = {.type = type};
    strcpy(m.text, text);
    return msgsnd(id, &m, strlen(text), flags);
}

/* The text received, or the errno as a word. */
static const char *receive(int id, long type, int flags)
{
    static struct msg m;
    memset(&m, 0, sizeof(m));
    ssize_t n = msgrcv(id, &m, sizeof(m.text) - 1, type, flags);
    return n < 0 ? strerrorname_np(errno) : m.text;
}

CASE(msg_get)
{
    key_t key = fresh_key();
    CHECK_ERR(msgget(key, 0600), ENOENT);
    int id = made_msg = msgget(key, IPC_CREAT | IPC_EXCL | 0600);
    CHECK(id >= 0);
    CHECK_ERR(msgget(key, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
    CHECK_EQ(msgget(key, 0600), id);
    CHECK_EQ(msgctl(id, IPC_RMID, NULL), 0);
    CHECK_ERR(msgget(key, 0), ENOENT);
    CHECK_ERR(msgsnd(id, &(struct msg){.type = 1}, 0, 0), EINVAL);
}

CASE(msg_types)
{
    int id = new_msg();
    CHECK_EQ(send(id, 3, "three", 0), 0);
    CHECK_EQ(send(id, 1, "one", 0), 0);
    CHECK_EQ(send(id, 2, "two", 0), 0);
    CHECK_EQ(send(id, 1, "uno", 0), 0);
    CHECK_STR(receive(id, 2, 0), "two");
    CHECK_STR(receive(id, 2, IPC_NOWAIT), "ENOMSG");
    CHECK_STR(receive(id, -2, 0), "one");
    CHECK_STR(receive(id, 1, MSG_EXCEPT), "three");
    CHECK_STR(receive(id, 0, 0), "uno");
    CHECK_STR(receive(id, 0, IPC_NOWAIT), "ENOMSG");
    clean();
}

CASE(msg_errors)
{
    int id = new_msg();
    struct msg m = {.type = 1, .text = "0123456789"};
    static char big[9000];
    CHECK_ERR(send(id, 0, "x", 0), EINVAL);
    CHECK_ERR(send(id, -1, "x", 0), EINVAL);
    CHECK_ERR(msgsnd(id, big, 8193, 0), EINVAL);
    CHECK_ERR(msgsnd(id, (void *) 8, 1, 0), EFAULT);
    CHECK_ERR(msgsnd(-1, &m, 1, 0), EINVAL);
    CHECK_ERR(msgrcv(id, &m, (size_t) -1, 0, 0), EINVAL);
    CHECK_EQ(msgsnd(id, &m, 10, 0), 0);
    CHECK_ERR(msgrcv(id, &m, 5, 0, 0), E2BIG);
    CHECK_EQ(msgrcv(id, &m, 5, 0, MSG_NOERROR), 5);
    CHECK_EQ(msgsnd(id, &m, 0, 0), 0);
    CHECK_EQ(msgrcv(id, &m, 0, 0, 0), 0);
    CHECK_ERR(msgctl(id, 999, NULL), EINVAL);
    clean();
}

CASE(msg_full_queue)
{
    int id = new_msg();
    static struct {
        long type;
        char text[8192];
    } m = {.type = 1};
    CHECK_EQ(msgsnd(id, &m, 8192, 0), 0);
    CHECK_EQ(msgsnd(id, &m, 8192, 0), 0);
    CHECK_ERR(msgsnd(id, &m, 1, IPC_NOWAIT), EAGAIN);
    CHECK_EQ(msgsnd(id, &m, 0, IPC_NOWAIT), 0);
    pid_t a = child();
    if (a == 0)
        _exit(msgsnd(id, &m, 100, 0) != 0);
    sleep_ms(50);
    CHECK_EQ(waitpid(a, NULL, WNOHANG), 0);
    CHECK_EQ(msgrcv(id, &m, sizeof(m.text), 0, 0), 8192);
    CHECK_EXIT(a, 0);
    clean();
}

CASE(msg_wait_and_wake)
{
    int id = new_msg();
    pid_t a = child();
    if (a == 0)
        _exit(strcmp(receive(id, 7, 0), "for seven") != 0);
    sleep_ms(30);
    CHECK_EQ(send(id, 6, "for six", 0), 0);
    CHECK_EQ(send(id, 7, "for seven", 0), 0);
    CHECK_EXIT(a, 0);
    CHECK_STR(receive(id, 0, IPC_NOWAIT), "for six");
    alarm_in(50, SA_RESTART);
    CHECK_STR(receive(id, 0, 0), "EINTR");
    no_alarm();
    a = child();
    if (a == 0)
        _exit(strcmp(receive(id, 0, 0), "EIDRM") != 0);
    sleep_ms(50);
    CHECK_EQ(msgctl(id, IPC_RMID, NULL), 0);
    CHECK_EXIT(a, 0);
}

CASE(msg_stat_and_set)
{
    int id = new_msg();
    struct msqid_ds ds;
    time_t now = time(NULL);
    CHECK_EQ(send(id, 1, "hello", 0), 0);
    CHECK_EQ(msgctl(id, IPC_STAT, &ds), 0);
    CHECK_EQ(ds.msg_qnum, 1);
    CHECK_EQ(ds.__msg_cbytes, 5);
    CHECK_EQ(ds.msg_qbytes, 16384);
    CHECK_EQ(ds.msg_lspid, getpid());
    CHECK_EQ(ds.msg_lrpid, 0);
    CHECK(ds.msg_stime >= now - 5);
    CHECK_EQ(ds.msg_rtime, 0);
    ds.msg_qbytes = 5;
    CHECK_EQ(msgctl(id, IPC_SET, &ds), 0);
    CHECK_ERR(send(id, 1, "x", IPC_NOWAIT), EAGAIN);
    CHECK_STR(receive(id, 0, 0), "hello");
    CHECK_EQ(msgctl(id, IPC_STAT, &ds), 0);
    CHECK_EQ(ds.msg_qnum, 0);
    CHECK_EQ(ds.msg_lrpid, getpid());
    struct msginfo mi;
    CHECK(msgctl(0, IPC_INFO, (void *) &mi) >= 0);
    CHECK_EQ(mi.msgmax, 8192);
    CHECK_EQ(mi.msgmnb, 16384);
    int last = msgctl(0, MSG_INFO, (void *) &mi), found = 0;
    CHECK(mi.msgpool >= 1);
    for (int i = 0; i <= last; i++)
        found |= msgctl(i, MSG_STAT, &ds) == id;
    CHECK(found);
    clean();
}

CASE(msg_ping_pong)
{
    int id = new_msg();
    struct msg m = {.type = 1};
    pid_t a = child();
    for (int i = 0; i < 300; i++) {
        if (a == 0) {
            CHECK_EQ(msgrcv(id, &m, sizeof(m.text), 1, 0), 4);
            m.type = 2;
            CHECK_EQ(msgsnd(id, &m, 4, 0), 0);
        } else {
            m.type = 1;
            memcpy(m.text, &i, 4);
            CHECK_EQ(msgsnd(id, &m, 4, 0), 0);
            CHECK_EQ(msgrcv(id, &m, sizeof(m.text), 2, 0), 4);
            CHECK_MEM(m.text, &i, 4);
        }
    }
    if (a == 0)
        _exit(0);
    CHECK_EXIT(a, 0);
    clean();
}

/* ---- /proc ---- */

static bool listed(const char *file, int id)
{
    static char text[65536];
    char want[16];
    snprintf(want, sizeof(want), " %d ", id);
    get_file(file, text, sizeof(text));
    return strstr(text, want) != NULL;
}

CASE(proc_lists_them)
{
    int s = new_sem(2, 0600), h = new_shm(4096), m = new_msg();
    CHECK(listed("/proc/sysvipc/sem", s));
    CHECK(listed("/proc/sysvipc/shm", h));
    CHECK(listed("/proc/sysvipc/msg", m));
    clean();
    made_sem = made_shm = made_msg = -1;
    CHECK(!listed("/proc/sysvipc/sem", s));
    CHECK(!listed("/proc/sysvipc/shm", h));
    CHECK(!listed("/proc/sysvipc/msg", m));
    char text[64];
    get_file("/proc/sys/kernel/msgmax", text, sizeof(text));
    CHECK_STR(text, "8192\n");
}

GUEST_MAIN
