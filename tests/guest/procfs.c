/* SPDX-License-Identifier: Apache-2.0 */
/* What programs read in /proc and do with /dev: proc(5), null(4), random(4), full(4). */
#include "guest.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>

static char text[1 << 16];

/* The rest of the line that starts with this word, in the last file read. */
static const char *field(const char *word)
{
    static char value[256];
    const char *at = text;
    size_t n = strlen(word);
    while (at && strncmp(at, word, n) != 0) {
        at = strchr(at, '\n');
        at = at ? at + 1 : NULL;
    }
    if (!at)
        FAIL("no line %s", word);
    at += n;
    at += strspn(at, " \t");
    size_t len = strcspn(at, "\n");
    snprintf(value, sizeof(value), "%.*s", (int) len, at);
    return value;
}

static long number(const char *word)
{
    return strtol(field(word), NULL, 10);
}

static void read_own(const char *name)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/%s", name);
    CHECK(get_file(path, text, sizeof(text)) > 0);
}

CASE(self_is_a_link_to_the_pid)
{
    char link[64], pid[64];
    ssize_t n = readlink("/proc/self", link, sizeof(link) - 1);
    CHECK(n > 0);
    link[n] = 0;
    snprintf(pid, sizeof(pid), "%d", (int) getpid());
    CHECK_STR(link, pid);
    n = readlink("/proc/thread-self", link, sizeof(link) - 1);
    CHECK(n > 0);
    link[n] = 0;
    snprintf(pid, sizeof(pid), "%d/task/%d", (int) getpid(), (int) getpid());
    CHECK_STR(link, pid);
}

CASE(status)
{
    read_own("status");
    CHECK_STR(field("Name:"), "procfs");
    CHECK_EQ(field("State:")[0], 'R');
    CHECK_EQ(number("Pid:"), getpid());
    CHECK_EQ(number("Tgid:"), getpid());
    CHECK_EQ(number("PPid:"), getppid());
    CHECK_EQ(number("Uid:"), getuid());
    CHECK_EQ(number("Gid:"), getgid());
    CHECK_EQ(number("Threads:"), 1);
    CHECK(number("VmRSS:") > 0);
    CHECK(number("VmSize:") >= number("VmRSS:"));
    field("SigBlk:");
    field("SigCgt:");
    field("CapEff:");
}

CASE(status_shows_signals)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
    CHECK_EQ(signal(SIGUSR2, SIG_IGN) != SIG_ERR, 1);
    CHECK_EQ(raise(SIGUSR1), 0);
    read_own("status");
    uint64_t bit = 1ull << (SIGUSR1 - 1);
    CHECK(strtoull(field("SigBlk:"), NULL, 16) & bit);
    CHECK((strtoull(field("SigPnd:"), NULL, 16) | strtoull(field("ShdPnd:"), NULL, 16)) & bit);
    CHECK(strtoull(field("SigIgn:"), NULL, 16) & 1ull << (SIGUSR2 - 1));
}

CASE(stat)
{
    int pid, ppid, pgrp, sid;
    char comm[64], state;
    read_own("stat");
    CHECK_EQ(sscanf(text, "%d (%63[^)]) %c %d %d %d", &pid, comm, &state, &ppid, &pgrp, &sid), 6);
    CHECK_EQ(pid, getpid());
    CHECK_STR(comm, "procfs");
    CHECK_EQ(state, 'R');
    CHECK_EQ(ppid, getppid());
    CHECK_EQ(pgrp, getpgrp());
    CHECK_EQ(sid, getsid(0));
    int fields = 0;
    for (char *p = strrchr(text, ')'); p; p = strchr(p + 1, ' '))
        fields++;
    CHECK(fields >= 43); /* up to the 44th at least: older kernels had fewer */
    CHECK_EQ(text[strlen(text) - 1], '\n');
}

CASE(statm)
{
    long size, resident, shared;
    read_own("statm");
    CHECK_EQ(sscanf(text, "%ld %ld %ld", &size, &resident, &shared), 3);
    CHECK(size >= resident && resident > 0 && shared >= 0);
}

CASE(comm)
{
    read_own("comm");
    CHECK_STR(text, "procfs\n");
    int fd = (int) CHECK_OK(open("/proc/self/comm", O_WRONLY));
    CHECK_EQ(write(fd, "renamed", 7), 7);
    read_own("comm");
    CHECK_STR(text, "renamed\n");
}

CASE(cmdline_and_environ)
{
    size_t n = get_file("/proc/self/cmdline", text, sizeof(text));
    CHECK_STR(text, guest_argv[0]);
    size_t want = 0;
    for (int i = 0; i < guest_argc; i++)
        want += strlen(guest_argv[i]) + 1;
    CHECK_EQ(n, want);
    n = get_file("/proc/self/environ", text, sizeof(text));
    CHECK(n > 0);
    CHECK_STR(text, guest_envp[0]);
}

CASE(exe_cwd_root)
{
    char link[4096], want[4096];
    ssize_t n = readlink("/proc/self/exe", link, sizeof(link) - 1);
    CHECK(n > 0);
    link[n] = 0;
    CHECK(realpath(guest_self, want) != NULL || errno == ENOENT);
    CHECK_STR(strrchr(link, '/'), "/procfs");
    CHECK(getcwd(want, sizeof(want)) != NULL);
    n = readlink("/proc/self/cwd", link, sizeof(link) - 1);
    CHECK(n > 0);
    link[n] = 0;
    CHECK_STR(link, want);
    n = readlink("/proc/self/root", link, sizeof(link) - 1);
    CHECK_EQ(n, 1);
    CHECK_EQ(link[0], '/');
    /* These are more than text: they lead to the objects. */
    struct stat a, b;
    CHECK_EQ(stat("/proc/self/cwd", &a), 0);
    CHECK_EQ(stat(".", &b), 0);
    CHECK_EQ(a.st_ino, b.st_ino);
    CHECK_EQ(access("/proc/self/root/proc/self/status", R_OK), 0);
    int fd = (int) CHECK_OK(open("/proc/self/exe", O_RDONLY));
    CHECK_EQ(read(fd, link, 4), 4);
    CHECK_MEM(link, "\177ELF", 4);
}

CASE(exe_of_a_removed_program)
{
    char link[4096];
    put_file("own", "", 0700);
    int from = (int) CHECK_OK(open("/proc/self/exe", O_RDONLY)),
        to = (int) CHECK_OK(open("own", O_WRONLY));
    ssize_t n;
    while ((n = read(from, text, sizeof(text))) > 0)
        CHECK_EQ(write(to, text, (size_t) n), n);
    close(to);
    int p[2];
    CHECK_EQ(pipe(p), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(p[1], 1);
        execl("own", "own", "--mode", "gone", (char *) NULL);
        _exit(1);
    }
    CHECK_EXIT(pid, 0);
    n = read(p[0], link, sizeof(link) - 1);
    CHECK(n > 0);
    link[n] = 0;
    CHECK_STR(strrchr(link, '/'), "/own (deleted)");
}

int guest_mode(const char *mode, int argc, char **argv)
{
    char link[4096];
    (void) argc;
    (void) argv;
    if (strcmp(mode, "gone") != 0 || unlink("own") != 0)
        return 1;
    ssize_t n = readlink("/proc/self/exe", link, sizeof(link));
    return n > 0 && write(1, link, (size_t) n) == n ? 0 : 1;
}

CASE(fd_directory)
{
    put_file("f", "some text", 0600);
    int fd = (int) CHECK_OK(open("f", O_RDONLY)), seen = 0;
    CHECK_EQ(lseek(fd, 5, SEEK_SET), 5);
    DIR *d = opendir("/proc/self/fd");
    CHECK(d != NULL);
    for (struct dirent *e; (e = readdir(d));) {
        if (atoi(e->d_name) == fd && e->d_name[0] != '.') {
            CHECK_EQ(e->d_type, DT_LNK);
            seen++;
        }
    }
    closedir(d);
    CHECK_EQ(seen, 1);
    char path[64], link[4096], buf[16];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(path, link, sizeof(link) - 1);
    CHECK(n > 0);
    link[n] = 0;
    CHECK_STR(strrchr(link, '/'), "/f");
    /* Opening it makes a new description, at the start; also after the name is gone. */
    CHECK_EQ(unlink("f"), 0);
    int again = (int) CHECK_OK(open(path, O_RDWR));
    CHECK_EQ(read(again, buf, 4), 4);
    CHECK_MEM(buf, "some", 4);
    CHECK_EQ(close(fd), 0);
    CHECK_ERR(open(path, O_RDONLY), ENOENT);
}

CASE(fd_links_of_objects)
{
    int p[2];
    char path[64], link[64];
    CHECK_EQ(pipe(p), 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", p[0]);
    ssize_t n = readlink(path, link, sizeof(link) - 1);
    CHECK(n > 0);
    link[n] = 0;
    struct stat st;
    CHECK_EQ(fstat(p[0], &st), 0);
    char want[64];
    snprintf(want, sizeof(want), "pipe:[%llu]", (unsigned long long) st.st_ino);
    CHECK_STR(link, want);
    /* A pipe can be opened again by its descriptor. */
    int w = (int) CHECK_OK(open(path, O_WRONLY));
    CHECK_EQ(write(w, "x", 1), 1);
    CHECK_EQ(read(p[0], link, 1), 1);
}

CASE(fdinfo)
{
    put_file("f", "0123456789", 0600);
    int fd = (int) CHECK_OK(open("f", O_RDONLY | O_CLOEXEC));
    CHECK_EQ(lseek(fd, 7, SEEK_SET), 7);
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
    CHECK(get_file(path, text, sizeof(text)) > 0);
    CHECK_EQ(number("pos:"), 7);
    CHECK_EQ(strtol(field("flags:"), NULL, 8) & (O_ACCMODE | O_CLOEXEC), O_CLOEXEC);
}

/* One line of maps per mapping, with its protection and name; addresses ascend. */
CASE(maps)
{
    put_file("mapped", "text", 0600);
    int fd = (int) CHECK_OK(open("mapped", O_RDONLY));
    char *m = CHECK_MAP(mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, fd, 0));
    char *a =
        CHECK_MAP(mmap(NULL, 12288, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CHECK_EQ(mprotect(a + 4096, 4096, PROT_NONE), 0);
    FILE *f = fopen("/proc/self/maps", "re");
    CHECK(f != NULL);
    char line[4400], perms[8], name[4200];
    unsigned long from, to, off, last = 0;
    int file = 0, anon = 0, stack = 0, heap = 0, own = 0;
    unsigned long here = (unsigned long) &f, code = (unsigned long) guest_mode,
                  brk = (unsigned long) sbrk(4096);
    while (fgets(line, sizeof(line), f)) {
        name[0] = 0;
        CHECK(sscanf(line, "%lx-%lx %7s %lx %*s %*s %4199[^\n]", &from, &to, perms, &off, name) >=
              4);
        CHECK(from < to && from >= last);
        last = to;
        if (from == (unsigned long) m) {
            CHECK_STR(perms, "r--p");
            CHECK_EQ(off, 0);
            CHECK_STR(strrchr(name, '/'), "/mapped");
            file++;
        }
        if (from == (unsigned long) a + 4096 && strcmp(perms, "---p") == 0)
            anon++;
        if (here >= from && here < to) {
            CHECK_STR(name, "[stack]");
            stack++;
        }
        if (code >= from && code < to) {
            CHECK_STR(perms, "r-xp");
            CHECK_STR(strrchr(name, '/'), "/procfs");
            own++;
        }
        if (brk >= from && brk < to)
            heap++;
    }
    CHECK_EQ(file, 1);
    CHECK_EQ(anon, 1);
    CHECK_EQ(stack, 1);
    CHECK_EQ(own, 1);
    (void) heap;
    fclose(f);
}

static void *visible(void *arg)
{
    DIR *d = opendir("/proc/self/task");
    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.')
            ++*(int *) arg;
    if (d)
        closedir(d);
    return NULL;
}

CASE(task_directory)
{
    pthread_t t;
    int n = 0;
    char path[64];
    CHECK_EQ(pthread_create(&t, NULL, visible, &n), 0);
    CHECK_EQ(pthread_join(t, NULL), 0);
    CHECK_EQ(n, 2);
    snprintf(path, sizeof(path), "/proc/self/task/%d/status", (int) getpid());
    CHECK(get_file(path, text, sizeof(text)) > 0);
    CHECK_EQ(number("Pid:"), getpid());
}

CASE(other_processes)
{
    char path[64];
    int p[2];
    CHECK_EQ(pipe(p), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char c;
        close(p[1]);
        (void) !read(p[0], &c, 1);
        _exit(0);
    }
    snprintf(path, sizeof(path), "/proc/%d/status", (int) pid);
    for (int i = 0; i < 200; i++) {
        CHECK(get_file(path, text, sizeof(text)) > 0);
        if (field("State:")[0] == 'S')
            break;
        sleep_ms(10);
    }
    CHECK_EQ(field("State:")[0], 'S');
    CHECK_EQ(number("PPid:"), getpid());
    CHECK_EQ(kill(pid, SIGSTOP), 0);
    CHECK_EQ(waitpid(pid, NULL, WUNTRACED), pid);
    CHECK(get_file(path, text, sizeof(text)) > 0);
    CHECK_EQ(field("State:")[0], 'T');
    kill(pid, SIGKILL);
    siginfo_t info;
    CHECK_EQ(waitid(P_PID, (id_t) pid, &info, WEXITED | WNOWAIT), 0);
    CHECK(get_file(path, text, sizeof(text)) > 0);
    CHECK_EQ(field("State:")[0], 'Z');
    CHECK_KILLED(pid, SIGKILL);
    CHECK_ERR(open(path, O_RDONLY), ENOENT);
}

/* A file that is read in pieces, and by many small reads, is one text. */
CASE(reading_in_pieces)
{
    size_t n = get_file("/proc/self/status", text, sizeof(text));
    int fd = (int) CHECK_OK(open("/proc/self/status", O_RDONLY));
    char c, name[16] = "";
    for (int i = 0; i < 12; i++) {
        CHECK_EQ(read(fd, &c, 1), 1);
        name[i] = c;
    }
    CHECK_MEM(name, "Name:\tprocfs", 12);
    CHECK_EQ(pread(fd, name, 5, 0), 5);
    CHECK_MEM(name, "Name:", 5);
    CHECK_EQ(lseek(fd, 6, SEEK_SET), 6);
    CHECK_EQ(read(fd, name, 6), 6);
    CHECK_MEM(name, "procfs", 6);
    CHECK(n > 100);
    CHECK_EQ(pread(fd, name, 5, 1 << 20), 0);
}

CASE(of_the_machine)
{
    CHECK(get_file("/proc/meminfo", text, sizeof(text)) > 0);
    CHECK(number("MemTotal:") > 0);
    CHECK(number("MemFree:") <= number("MemTotal:"));
    CHECK(number("MemAvailable:") > 0);
    CHECK(get_file("/proc/cpuinfo", text, sizeof(text)) > 0);
    CHECK(strncmp(text, "processor", 9) == 0);
    field("flags");
    CHECK(get_file("/proc/stat", text, sizeof(text)) > 0);
    CHECK(strncmp(text, "cpu ", 4) == 0);
    CHECK(number("btime") > 1000000000);
    double up = 0, idle = 0;
    CHECK(get_file("/proc/uptime", text, sizeof(text)) > 0);
    CHECK_EQ(sscanf(text, "%lf %lf", &up, &idle), 2);
    CHECK(up > 0);
    CHECK(get_file("/proc/loadavg", text, sizeof(text)) > 0);
    CHECK(get_file("/proc/version", text, sizeof(text)) > 0);
    struct utsname u;
    CHECK_EQ(uname(&u), 0);
    CHECK(strncmp(text, "Linux version ", 14) == 0);
    CHECK(strncmp(text + 14, u.release, strlen(u.release)) == 0);
    CHECK(get_file("/proc/filesystems", text, sizeof(text)) > 0);
    CHECK(get_file("/proc/mounts", text, sizeof(text)) > 0);
    CHECK(strstr(text, " / ") && strstr(text, " /proc "));
}

CASE(sysctls)
{
    struct utsname u;
    CHECK_EQ(uname(&u), 0);
    strcat(u.release, "\n");
    CHECK(get_file("/proc/sys/kernel/osrelease", text, sizeof(text)) > 0);
    CHECK_STR(text, u.release);
    CHECK(get_file("/proc/sys/kernel/ostype", text, sizeof(text)) > 0);
    CHECK_STR(text, "Linux\n");
    CHECK(get_file("/proc/sys/kernel/hostname", text, sizeof(text)) > 0);
    strcat(u.nodename, "\n");
    CHECK_STR(text, u.nodename);
    CHECK(get_file("/proc/sys/kernel/pid_max", text, sizeof(text)) > 0);
    CHECK(atoi(text) >= 301);
    CHECK(get_file("/proc/sys/vm/overcommit_memory", text, sizeof(text)) > 0);
    CHECK(get_file("/proc/sys/kernel/random/uuid", text, sizeof(text)) == 37);
    CHECK_EQ(text[8], '-');
    CHECK_EQ(text[14], '4');
}

CASE(mountinfo)
{
    FILE *f = fopen("/proc/self/mountinfo", "re");
    char line[4400], point[4200];
    int id, parent, roots = 0, lines = 0;
    CHECK(f != NULL);
    while (fgets(line, sizeof(line), f)) {
        CHECK_EQ(sscanf(line, "%d %d %*s %*s %4199s", &id, &parent, point), 3);
        CHECK(strstr(line, " - ") != NULL);
        roots += strcmp(point, "/") == 0;
        lines++;
    }
    CHECK(roots >= 1 && lines >= 2);
    fclose(f);
}

CASE(limits_file)
{
    read_own("limits");
    CHECK(strncmp(text, "Limit ", 6) == 0);
    CHECK(strstr(text, "Max open files") != NULL);
}

CASE(what_is_not_there)
{
    CHECK_ERR(open("/proc/nothing", O_RDONLY), ENOENT);
    CHECK_ERR(open("/proc/self/nothing", O_RDONLY), ENOENT);
    CHECK_ERR(open("/proc/999999999", O_RDONLY), ENOENT);
    CHECK(mkdir("/proc/new", 0700) < 0);
    CHECK(open("/proc/new", O_WRONLY | O_CREAT, 0600) < 0);
    CHECK(unlink("/proc/version") < 0);
    CHECK_ERR(open("/proc/self", O_WRONLY), EISDIR);
    CHECK_ERR(open("/proc/version/x", O_RDONLY), ENOTDIR);
}

CASE(listing_of_proc)
{
    DIR *d = opendir("/proc");
    int self = 0, own = 0, meminfo = 0;
    CHECK(d != NULL);
    for (struct dirent *e; (e = readdir(d));) {
        self += strcmp(e->d_name, "self") == 0;
        meminfo += strcmp(e->d_name, "meminfo") == 0;
        own += atoi(e->d_name) == getpid();
    }
    closedir(d);
    CHECK(self == 1 && meminfo == 1 && own == 1);
}

CASE(null_and_zero)
{
    char buf[4096];
    memset(buf, 1, sizeof(buf));
    int null = (int) CHECK_OK(open("/dev/null", O_RDWR)),
        zero = (int) CHECK_OK(open("/dev/zero", O_RDWR));
    CHECK_EQ(write(null, buf, sizeof(buf)), sizeof(buf));
    CHECK_EQ(read(null, buf, sizeof(buf)), 0);
    CHECK_EQ(read(zero, buf, sizeof(buf)), sizeof(buf));
    for (size_t i = 0; i < sizeof(buf); i++)
        CHECK_EQ(buf[i], 0);
    CHECK_EQ(write(zero, buf, 10), 10);
    struct stat st;
    CHECK_EQ(fstat(null, &st), 0);
    CHECK(S_ISCHR(st.st_mode));
    CHECK_EQ(major(st.st_rdev), 1);
    CHECK_EQ(minor(st.st_rdev), 3);
    CHECK_EQ(stat("/dev/zero", &st), 0);
    CHECK_EQ(minor(st.st_rdev), 5);
    CHECK_EQ(isatty(null), 0);
    CHECK_EQ(ftruncate(null, 0) < 0, 1);
    CHECK_EQ(open("/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0666) >= 0, 1);
}

CASE(zero_can_be_mapped)
{
    int fd = (int) CHECK_OK(open("/dev/zero", O_RDWR));
    char *m = CHECK_MAP(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
    CHECK_EQ(m[5000], 0);
    m[5000] = 1;
    CHECK_EQ(munmap(m, 8192), 0);
    m = CHECK_MAP(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    pid_t pid = fork();
    if (pid == 0) {
        m[0] = 42;
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
    CHECK_EQ(m[0], 42);
}

CASE(full)
{
    int fd = (int) CHECK_OK(open("/dev/full", O_RDWR));
    char c = 1;
    CHECK_ERR(write(fd, &c, 1), ENOSPC);
    CHECK_EQ(read(fd, &c, 1), 1);
    CHECK_EQ(c, 0);
}

CASE(random_devices)
{
    static const char *const names[] = {"/dev/random", "/dev/urandom"};
    for (int i = 0; i < 2; i++) {
        char a[32] = {0}, b[32] = {0};
        int fd = (int) CHECK_OK(open(names[i], O_RDONLY));
        CHECK_EQ(read(fd, a, 32), 32);
        CHECK_EQ(read(fd, b, 32), 32);
        CHECK(memcmp(a, b, 32) != 0);
    }
}

CASE(standard_links)
{
    struct stat a, b;
    CHECK_EQ(fstat(1, &a), 0);
    CHECK_EQ(stat("/dev/stdout", &b), 0);
    CHECK_EQ(a.st_ino, b.st_ino);
    CHECK_EQ(stat("/dev/fd/1", &b), 0);
    CHECK_EQ(a.st_ino, b.st_ino);
    int fd = (int) CHECK_OK(open("/dev/stdin", O_RDONLY));
    close(fd);
}

CASE(no_terminal)
{
    pid_t pid = fork();
    if (pid == 0) {
        setsid();
        _exit(open("/dev/tty", O_RDWR) < 0 && errno == ENXIO ? 0 : 1);
    }
    CHECK_EXIT(pid, 0);
}

GUEST_MAIN
