/* SPDX-License-Identifier: Apache-2.0 */
/* The lesser files of /proc/PID, who may read them, and what remains of the dead: proc(5). */
#include "guest.h"

#include <dirent.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static char text[1 << 16];

static const char *own(const char *name)
{
    char path[96];
    snprintf(path, sizeof(path), "/proc/self/%s", name);
    get_file(path, text, sizeof(text));
    return text;
}

static long line_of(const char *word)
{
    const char *at = strstr(text, word);
    if (!at)
        FAIL("no %s", word);
    return strtol(at + strlen(word), NULL, 0);
}

static pid_t sleeper(int out[2])
{
    CHECK_EQ(pipe(out), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char c;
        close(out[1]);
        (void) !read(out[0], &c, 1);
        _exit(0);
    }
    close(out[0]);
    return pid;
}

static void of(pid_t pid, const char *name, char *dst, size_t cap)
{
    snprintf(dst, cap, "/proc/%d/%s", (int) pid, name);
}

static void wait_sleeping(pid_t pid)
{
    char path[64];
    of(pid, "stat", path, sizeof(path));
    for (int i = 0; i < 500; i++) {
        get_file(path, text, sizeof(text));
        if (strrchr(text, ')')[2] == 'S')
            return;
        sleep_ms(5);
    }
    FAIL("not asleep: %s", text);
}

CASE(names_of_a_process)
{
    static const char *const names[] = {"attr",        "auxv",          "cgroup",
                                        "cmdline",     "comm",          "cpuset",
                                        "cwd",         "environ",       "exe",
                                        "fd",          "fdinfo",        "gid_map",
                                        "io",          "limits",        "loginuid",
                                        "map_files",   "maps",          "mountinfo",
                                        "mounts",      "mountstats",    "net",
                                        "ns",          "numa_maps",     "oom_adj",
                                        "oom_score",   "oom_score_adj", "pagemap",
                                        "personality", "projid_map",    "root",
                                        "schedstat",   "sessionid",     "setgroups",
                                        "smaps",       "smaps_rollup",  "stat",
                                        "statm",       "status",        "syscall",
                                        "task",        "timers",        "timerslack_ns",
                                        "uid_map",     "wchan",         "coredump_filter"};
    char path[64];
    struct stat st;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "/proc/self/%s", names[i]);
        if (lstat(path, &st) != 0)
            FAIL("%s: %s", path, strerrorname_np(errno));
    }
}

CASE(modes)
{
    static const struct {
        const char *name;
        mode_t mode;
    } want[] = {
        {"environ", 0400},       {"auxv", 0400},          {"io", 0400},        {"maps", 0444},
        {"stat", 0444},          {"pagemap", 0400},       {"syscall", 0400},   {"fd", 0500},
        {"map_files", 0500},     {"comm", 0644},          {"loginuid", 0644},  {"wchan", 0444},
        {"oom_score_adj", 0644}, {"timerslack_ns", 0666}, {"mountstats", 0400}};
    char path[64];
    struct stat st;
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        snprintf(path, sizeof(path), "/proc/self/%s", want[i].name);
        CHECK_EQ(stat(path, &st), 0);
        if ((st.st_mode & 07777) != want[i].mode)
            FAIL("%s has mode %o", want[i].name, st.st_mode & 07777);
    }
}

CASE(others_may_not_look)
{
    if (getuid() != 0)
        SKIP("needs root");
    int p[2];
    pid_t pid = sleeper(p);
    CHECK_EQ(setresgid(4321, 4321, 4321), 0);
    CHECK_EQ(setresuid(4321, 4321, 4321), 0);
    static const char *const closed[] = {"environ", "auxv",    "io", "maps",
                                         "smaps",   "pagemap", "fd", "syscall"};
    char path[64], link[64];
    for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++) {
        of(pid, closed[i], path, sizeof(path));
        errno = 0;
        int fd = open(path, O_RDONLY);
        if (fd >= 0 || errno != EACCES)
            FAIL("%s: %d %s", closed[i], fd, strerrorname_np(errno));
    }
    of(pid, "exe", path, sizeof(path));
    CHECK_ERR(readlink(path, link, sizeof(link)), EACCES);
    of(pid, "cwd", path, sizeof(path));
    CHECK_ERR(readlink(path, link, sizeof(link)), EACCES);
    of(pid, "ns/pid", path, sizeof(path));
    CHECK_ERR(readlink(path, link, sizeof(link)), EACCES);
    static const char *const beyond[] = {"exe", "cwd/", "cwd/.", "root/", "root/proc", "fdinfo/0"};
    for (size_t i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++) {
        of(pid, beyond[i], path, sizeof(path));
        errno = 0;
        int fd = open(path, O_RDONLY);
        if (fd >= 0 || errno != EACCES)
            FAIL("%s: %d %s", beyond[i], fd, strerrorname_np(errno));
    }
    static const char *const open_to_all[] = {"stat",   "statm", "status", "cmdline",  "comm",
                                              "limits", "wchan", "mounts", "oom_score"};
    for (size_t i = 0; i < sizeof(open_to_all) / sizeof(open_to_all[0]); i++) {
        of(pid, open_to_all[i], path, sizeof(path));
        int fd = (int) CHECK_OK(open(path, O_RDONLY));
        CHECK(read(fd, link, sizeof(link)) > 0);
        close(fd);
    }
    of(pid, "comm", path, sizeof(path));
    CHECK_ERR(open(path, O_WRONLY), EACCES);
    close(p[1]);
}

CASE(privileges_are_not_looked_into)
{
    if (getuid() != 0)
        SKIP("needs root");
    static const char *const closed[] = {"environ", "maps", "mem", "cwd/"};
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {{0}};
    int p[2], there = 7, here;
    pid_t pid = sleeper(p);
    char path[64];
    CHECK_EQ(syscall(SYS_capset, &h, none), 0); /* the same user still */
    for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++) {
        of(pid, closed[i], path, sizeof(path));
        errno = 0;
        int fd = open(path, O_RDONLY);
        if (fd >= 0 || errno != EACCES)
            FAIL("%s: %d %s", closed[i], fd, strerrorname_np(errno));
    }
    struct iovec to = {&here, sizeof(here)}, from = {&there, sizeof(there)};
    CHECK_ERR(process_vm_readv(pid, &to, 1, &from, 1, 0), EPERM);
    close(p[1]);
}

CASE(addresses_are_hidden_from_others)
{
    if (getuid() != 0)
        SKIP("needs root");
    int p[2];
    unsigned long start_code = 9, start_stack = 9;
    pid_t pid = sleeper(p);
    char path[64];
    CHECK_EQ(setresgid(4321, 4321, 4321), 0);
    CHECK_EQ(setresuid(4321, 4321, 4321), 0);
    of(pid, "stat", path, sizeof(path));
    get_file(path, text, sizeof(text));
    CHECK_EQ(sscanf(strrchr(text, ')') + 1,
                    " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d "
                    "%*u %*u %*d %*u %lu %*u %lu",
                    &start_code, &start_stack),
             2);
    CHECK_EQ(start_code, 1);
    CHECK_EQ(start_stack, 0);
    close(p[1]);
}

/* What was opened shows the image that ran then, not what a privileged one keeps to itself. */
CASE(exec_while_open)
{
    static const char *const names[] = {"maps", "smaps", "environ"};
    char path[64], c = 0;
    int fds[3], start[2], hold[2];
    CHECK_EQ(pipe(start), 0);
    CHECK_EQ(pipe(hold), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(start[1]);
        close(hold[1]);
        (void) !read(start[0], &c, 1);
        dup2(hold[0], 0);
        execl("/bin/cat", "cat", NULL);
        _exit(1);
    }
    for (size_t i = 0; i < 3; i++) {
        of(pid, names[i], path, sizeof(path));
        fds[i] = (int) CHECK_OK(open(path, O_RDONLY));
    }
    of(pid, "mem", path, sizeof(path));
    int mem = (int) CHECK_OK(open(path, O_RDONLY));
    CHECK_EQ(pread(mem, &c, 1, (off_t) (uintptr_t) text), 1);
    close(start[1]);
    of(pid, "comm", path, sizeof(path));
    for (int i = 0; i < 500; i++) {
        get_file(path, text, sizeof(text));
        if (strcmp(text, "cat\n") == 0)
            break;
        sleep_ms(5);
    }
    CHECK_STR(text, "cat\n");
    wait_sleeping(pid);
    for (size_t i = 0; i < 3; i++) {
        ssize_t n = read(fds[i], text, sizeof(text));
        if (n)
            FAIL("%s: %zd bytes", names[i], n);
    }
    CHECK_EQ(pread(mem, &c, 1, (off_t) (uintptr_t) text), 0);
    of(pid, "environ", path, sizeof(path));
    get_file(path, text, sizeof(text));
    close(hold[1]);
}

CASE(death_while_open)
{
    static const char *const names[] = {"stat",   "status",        "statm",     "comm",
                                        "limits", "oom_score_adj", "schedstat", "wchan"};
    int p[2], fds[8];
    pid_t pid = sleeper(p);
    char path[64], buf[64];
    for (size_t i = 0; i < 8; i++) {
        of(pid, names[i], path, sizeof(path));
        fds[i] = (int) CHECK_OK(open(path, O_RDONLY));
    }
    of(pid, "fd", path, sizeof(path));
    DIR *d = opendir(path);
    CHECK(d != NULL);
    close(p[1]);
    CHECK_EXIT(pid, 0);
    for (size_t i = 0; i < 8; i++) {
        errno = 0;
        ssize_t n = read(fds[i], buf, sizeof(buf));
        if (n != -1 || errno != ESRCH)
            FAIL("%s: %zd %s", names[i], n, strerrorname_np(errno));
    }
    CHECK_ERR(syscall(SYS_getdents64, dirfd(d), text, sizeof(text)), ENOENT);
    closedir(d);
}

CASE(zombie)
{
    char path[64];
    siginfo_t info;
    pid_t pid = fork();
    if (pid == 0)
        _exit(5);
    CHECK_EQ(waitid(P_PID, (id_t) pid, &info, WEXITED | WNOWAIT), 0);
    of(pid, "cmdline", path, sizeof(path));
    CHECK_EQ(get_file(path, text, sizeof(text)), 0);
    of(pid, "maps", path, sizeof(path));
    CHECK_EQ(get_file(path, text, sizeof(text)), 0);
    of(pid, "statm", path, sizeof(path));
    get_file(path, text, sizeof(text));
    CHECK_STR(text, "0 0 0 0 0 0 0\n");
    of(pid, "status", path, sizeof(path));
    get_file(path, text, sizeof(text));
    CHECK(strstr(text, "State:\tZ (zombie)\n") != NULL);
    CHECK(strstr(text, "VmSize") == NULL);
    CHECK(strstr(text, "Threads:\t1\n") != NULL);
    of(pid, "exe", path, sizeof(path));
    CHECK_ERR(readlink(path, text, sizeof(text)), ENOENT);
    of(pid, "stat", path, sizeof(path));
    get_file(path, text, sizeof(text));
    CHECK_EQ(strrchr(text, ')')[2], 'Z');
    CHECK_EQ(strtol(strrchr(text, ' '), NULL, 10), 5 << 8);
    CHECK_EXIT(pid, 5);
}

CASE(status_keys)
{
    static const char *const keys[] = {"Umask:",
                                       "FDSize:",
                                       "NSpid:",
                                       "VmPeak:",
                                       "VmHWM:",
                                       "RssAnon:",
                                       "RssFile:",
                                       "RssShmem:",
                                       "VmData:",
                                       "VmStk:",
                                       "VmExe:",
                                       "VmLib:",
                                       "VmPTE:",
                                       "VmSwap:",
                                       "SigQ:",
                                       "SigPnd:",
                                       "ShdPnd:",
                                       "CapInh:",
                                       "CapPrm:",
                                       "CapBnd:",
                                       "CapAmb:",
                                       "NoNewPrivs:",
                                       "Seccomp:",
                                       "Cpus_allowed:",
                                       "Cpus_allowed_list:",
                                       "voluntary_ctxt_switches:",
                                       "CoreDumping:"};
    own("status");
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        line_of(keys[i]);
    CHECK_EQ(line_of("NSpid:"), getpid());
    CHECK_EQ(line_of("FDSize:"), 64);
    CHECK_EQ(line_of("VmRSS:"), line_of("RssAnon:") + line_of("RssFile:") + line_of("RssShmem:"));
    CHECK(line_of("VmPeak:") >= line_of("VmSize:"));
    CHECK(line_of("VmHWM:") >= line_of("VmRSS:"));
}

CASE(fdsize_grows)
{
    CHECK_EQ(dup2(0, 200), 200);
    own("status");
    CHECK_EQ(line_of("FDSize:"), 256);
}

CASE(sizes_follow_memory)
{
    const long mib = 64;
    own("status");
    long size = line_of("VmSize:"), rss = line_of("VmRSS:"), data = line_of("VmData:");
    char *m = CHECK_MAP(
        mmap(NULL, (size_t) mib << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    own("status");
    CHECK_EQ(line_of("VmSize:") - size, mib << 10);
    CHECK_EQ(line_of("VmData:") - data, mib << 10);
    memset(m, 1, (size_t) mib << 20);
    own("status");
    long grown = line_of("VmRSS:") - rss;
    CHECK(grown >= (mib << 10) && grown < (mib << 10) + 1024);
    munmap(m, (size_t) mib << 20);
    own("status");
    CHECK_EQ(line_of("VmSize:"), size);
    /* The kernel counts pages per processor and gathers them now and then: proc(5), "inaccurate".
     */
    CHECK(line_of("VmHWM:") >= rss + (mib << 10) - 1024);
}

CASE(switches_are_counted)
{
    own("status");
    long before = line_of("voluntary_ctxt_switches:");
    for (int i = 0; i < 20; i++)
        sleep_ms(1);
    own("status");
    CHECK(line_of("voluntary_ctxt_switches:") >= before + 20);
}

CASE(groups_end_with_a_blank)
{
    own("status");
    const char *at = strstr(text, "Groups:\t");
    CHECK(at != NULL);
    CHECK_EQ(strchr(at, '\n')[-1], ' ');
}

CASE(faults_in_stat)
{
    unsigned long min0, min1, maj;
    const char *form = " %*c %*d %*d %*d %*d %*d %*u %lu %*u %lu";
    own("stat");
    CHECK_EQ(sscanf(strrchr(text, ')') + 1, form, &min0, &maj), 2);
    char *m = CHECK_MAP(
        mmap(NULL, 256 << 12, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    madvise(m, 256 << 12, MADV_NOHUGEPAGE);
    for (int i = 0; i < 256; i++)
        m[i << 12] = 1;
    own("stat");
    CHECK_EQ(sscanf(strrchr(text, ')') + 1, form, &min1, &maj), 2);
    CHECK(min1 >= min0 + 256);
}

CASE(priority_in_stat)
{
    int prio, nice_value, threads;
    CHECK_EQ(setpriority(PRIO_PROCESS, 0, 7), 0);
    own("stat");
    CHECK_EQ(sscanf(strrchr(text, ')') + 1,
                    " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %d %d %d", &prio,
                    &nice_value, &threads),
             3);
    CHECK_EQ(nice_value, 7);
    CHECK_EQ(prio, 27);
    CHECK_EQ(threads, 1);
}

CASE(start_time_is_now)
{
    double up;
    unsigned long long start;
    pid_t pid = fork();
    if (pid == 0) {
        get_file("/proc/self/stat", text, sizeof(text));
        CHECK_EQ(sscanf(strrchr(text, ')') + 1,
                        " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
                        "%*d %llu",
                        &start),
                 1);
        get_file("/proc/uptime", text, sizeof(text));
        CHECK_EQ(sscanf(text, "%lf", &up), 1);
        double age = up - (double) start / (double) sysconf(_SC_CLK_TCK);
        CHECK(age > -0.1 && age < 5.0);
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
}

CASE(oom_scores)
{
    CHECK_STR(own("oom_score_adj"), "0\n");
    int fd = (int) CHECK_OK(open("/proc/self/oom_score_adj", O_WRONLY));
    CHECK_EQ(write(fd, "500", 3), 3);
    CHECK_STR(own("oom_score_adj"), "500\n");
    CHECK_STR(own("oom_adj"), "8\n");
    CHECK_ERR(write(fd, "1001", 4), EINVAL);
    CHECK_ERR(write(fd, "-1001", 5), EINVAL);
    CHECK_ERR(write(fd, "abc", 3), EINVAL);
    CHECK_ERR(write(fd, "5x", 2), EINVAL);
    CHECK_EQ(write(fd, "1000\n", 5), 5);
    CHECK_STR(own("oom_adj"), "15\n");
    long score = strtol(own("oom_score"), NULL, 10);
    CHECK(score >= 1000);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK_STR(own("oom_score_adj"), "1000\n");
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
}

CASE(oom_adj_of_old)
{
    int fd = (int) CHECK_OK(open("/proc/self/oom_adj", O_WRONLY));
    CHECK_EQ(write(fd, "15", 2), 2);
    CHECK_STR(own("oom_score_adj"), "1000\n");
    CHECK_ERR(write(fd, "16", 2), EINVAL);
    CHECK_ERR(write(fd, "-18", 3), EINVAL);
}

CASE(oom_score_without_privilege)
{
    if (getuid() != 0)
        SKIP("needs root");
    int fd = (int) CHECK_OK(open("/proc/self/oom_score_adj", O_WRONLY));
    CHECK_EQ(write(fd, "300", 3), 3);
    CHECK_EQ(setresuid(4321, 4321, 4321), 0);
    close(fd);
    prctl(PR_SET_DUMPABLE, 1);
    fd = (int) CHECK_OK(open("/proc/self/oom_score_adj", O_WRONLY));
    CHECK_EQ(write(fd, "400", 3), 3);
    CHECK_ERR(write(fd, "-100", 4), EACCES);
}

CASE(timer_slack)
{
    CHECK_STR(own("timerslack_ns"), "50000\n");
    CHECK_EQ(prctl(PR_SET_TIMERSLACK, 70000), 0);
    CHECK_STR(own("timerslack_ns"), "70000\n");
    int fd = (int) CHECK_OK(open("/proc/self/timerslack_ns", O_WRONLY));
    CHECK_EQ(write(fd, "90000", 5), 5);
    CHECK_EQ(prctl(PR_GET_TIMERSLACK), 90000);
    CHECK_ERR(write(fd, "x", 1), EINVAL);
}

CASE(posix_timers_are_listed)
{
    timer_t id;
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    CHECK_EQ(get_file("/proc/self/timers", text, sizeof(text)), 0);
    ev.sigev_value.sival_int = 0x55;
    CHECK_EQ(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id), 0);
    own("timers");
    CHECK_EQ(line_of("ID: "), 0);
    CHECK_EQ(line_of("signal: "), SIGUSR1);
    CHECK_EQ(line_of("ClockID: "), CLOCK_MONOTONIC);
    char want[64];
    snprintf(want, sizeof(want), "notify: signal/pid.%d\n", (int) getpid());
    CHECK(strstr(text, want) != NULL);
}

CASE(coredump_filter)
{
    CHECK_STR(own("coredump_filter"), "00000033\n");
    int fd = (int) CHECK_OK(open("/proc/self/coredump_filter", O_WRONLY));
    CHECK_EQ(write(fd, "0x7f", 4), 4);
    CHECK_STR(own("coredump_filter"), "0000007f\n");
    pid_t pid = fork();
    if (pid == 0) {
        CHECK_STR(own("coredump_filter"), "0000007f\n");
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
    CHECK_ERR(write(fd, "zz", 2), EINVAL);
}

CASE(io_counts)
{
    char buf[1000];
    int zero = (int) CHECK_OK(open("/dev/zero", O_RDONLY)),
        null = (int) CHECK_OK(open("/dev/null", O_WRONLY));
    own("io");
    long r0 = line_of("rchar: "), w0 = line_of("wchar: "), cr0 = line_of("syscr: "),
         cw0 = line_of("syscw: ");
    for (int i = 0; i < 10; i++) {
        CHECK_EQ(read(zero, buf, sizeof(buf)), sizeof(buf));
        CHECK_EQ(write(null, buf, 500), 500);
    }
    own("io");
    CHECK(line_of("rchar: ") >= r0 + 10000 && line_of("rchar: ") < r0 + 12000);
    CHECK_EQ(line_of("wchar: ") - w0, 5000);
    CHECK(line_of("syscr: ") >= cr0 + 10 && line_of("syscr: ") <= cr0 + 14);
    CHECK_EQ(line_of("syscw: ") - cw0, 10);
    line_of("read_bytes: ");
    line_of("cancelled_write_bytes: ");
}

CASE(wchan_and_syscall)
{
    int p[2];
    pid_t pid = sleeper(p);
    char path[64];
    wait_sleeping(pid);
    of(pid, "wchan", path, sizeof(path));
    do /* a sleeper that has not quite left its processor shows 0 */
        get_file(path, text, sizeof(text));
    while (strcmp(text, "0") == 0);
    CHECK(strlen(text) > 1 && strchr(text, '\n') == NULL);
    of(pid, "syscall", path, sizeof(path));
    get_file(path, text, sizeof(text));
    long nr;
    unsigned long arg, size, sp;
    CHECK_EQ(sscanf(text, "%ld 0x%lx 0x%*x 0x%lx 0x%*x 0x%*x 0x%*x 0x%lx", &nr, &arg, &size, &sp),
             4);
    CHECK_EQ(nr, SYS_read);
    CHECK_EQ(arg, p[0]);
    CHECK_EQ(size, 1);
    CHECK(sp != 0);
    CHECK_EQ(sscanf(own("syscall"), "%ld", &nr), 1);
    CHECK_EQ(nr, SYS_read); /* this one */
    CHECK_STR(own("wchan"), "0");
    close(p[1]);
    CHECK_EXIT(pid, 0);
}

CASE(schedstat)
{
    unsigned long long run, wait_ns, slices;
    volatile unsigned n = 0;
    for (uint64_t end = now_ns() + 50000000; now_ns() < end;)
        n++;
    CHECK_EQ(sscanf(own("schedstat"), "%llu %llu %llu", &run, &wait_ns, &slices), 3);
    CHECK(run > 10000000);
}

static long sum_of_smaps(void)
{
    FILE *f = fopen("/proc/self/smaps", "re");
    long sum = 0, kib;
    char line[512];
    CHECK(f != NULL);
    while (fgets(line, sizeof(line), f))
        if (sscanf(line, "Rss: %ld", &kib) == 1)
            sum += kib;
    fclose(f);
    return sum;
}

CASE(maps_and_rollup_agree)
{
    sum_of_smaps(); /* which brings in pages itself */
    long sum = sum_of_smaps();
    own("smaps_rollup");
    CHECK(strstr(text, "[rollup]\n") != NULL);
    long rss = line_of("Rss:"), pss = line_of("Pss:");
    CHECK(rss > 0 && pss > 0 && pss <= rss);
    line_of("Private_Dirty:");
    line_of("Swap:");
    line_of("Locked:");
    if (labs(sum - rss) > 400)
        FAIL("smaps %ld, rollup %ld", sum, rss);
}

CASE(pagemap)
{
    uint64_t e[2];
    char *m =
        CHECK_MAP(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    m[0] = 1;
    int fd = (int) CHECK_OK(open("/proc/self/pagemap", O_RDONLY));
    off_t at = (off_t) ((uintptr_t) m / 4096 * 8);
    CHECK_EQ(pread(fd, e, 16, at), 16);
    CHECK_EQ(e[0] >> 63, 1);
    CHECK_EQ(e[1] >> 63, 0);
    CHECK_ERR(pread(fd, e, 7, at), EINVAL);
    CHECK_ERR(pread(fd, e, 8, at + 1), EINVAL);
    CHECK_EQ(lseek(fd, at, SEEK_SET), at);
    CHECK_EQ(read(fd, e, 8), 8);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), at + 8);
}

CASE(map_files)
{
    char name[96], link[4096];
    unsigned long from, to;
    int seen = 0;
    put_file("mapped", "text", 0600);
    int fd = (int) CHECK_OK(open("mapped", O_RDONLY));
    char *m = CHECK_MAP(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0));
    DIR *d = opendir("/proc/self/map_files");
    CHECK(d != NULL);
    for (struct dirent *e; (e = readdir(d));) {
        if (sscanf(e->d_name, "%lx-%lx", &from, &to) == 2 && from == (unsigned long) m) {
            CHECK_EQ(to - from, 4096);
            seen++;
        }
    }
    closedir(d);
    CHECK_EQ(seen, 1);
    snprintf(name, sizeof(name), "/proc/self/map_files/%lx-%lx", (unsigned long) m,
             (unsigned long) m + 4096);
    ssize_t n = readlink(name, link, sizeof(link) - 1);
    CHECK(n > 0);
    link[n] = 0;
    CHECK_STR(strrchr(link, '/'), "/mapped");
    CHECK_ERR(readlink("/proc/self/map_files/1000-2000", link, sizeof(link)), ENOENT);
}

CASE(map_files_are_many)
{
    const int n = 6000;
    char link[64];
    int seen = 0;
    put_file("mapped", "text", 0600);
    int fd = (int) CHECK_OK(open("mapped", O_RDONLY));
    char *m = CHECK_MAP(mmap(NULL, (size_t) n * 4096, PROT_READ, MAP_PRIVATE, fd, 0));
    for (int i = 0; i < n; i += 2)
        CHECK_EQ(mprotect(m + (size_t) i * 4096, 4096, PROT_NONE), 0);
    int64_t before = (int64_t) now_ns();
    DIR *d = opendir("/proc/self/map_files");
    CHECK(d != NULL);
    for (struct dirent *e; (e = readdir(d));)
        seen++;
    closedir(d);
    CHECK(seen > n);
    CHECK_ERR(readlink("/proc/self/map_files/1000-2000", link, sizeof(link)), ENOENT);
    CHECK((int64_t) now_ns() - before < 8000000000);
}

CASE(children_of_a_thread)
{
    int p[2];
    pid_t pid = sleeper(p);
    char path[96], want[32];
    snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int) getpid());
    get_file(path, text, sizeof(text));
    snprintf(want, sizeof(want), "%d ", (int) pid);
    CHECK_STR(text, want);
    close(p[1]);
    CHECK_EXIT(pid, 0);
    CHECK_EQ(get_file(path, text, sizeof(text)), 0);
}

CASE(ids_and_maps)
{
    unsigned a, b, n;
    CHECK_EQ(sscanf(own("uid_map"), "%u %u %u", &a, &b, &n), 3);
    CHECK_EQ(sscanf(own("gid_map"), "%u %u %u", &a, &b, &n), 3);
    CHECK_STR(own("setgroups"), "allow\n");
    CHECK_EQ(own("loginuid")[strlen(text) - 1] == '\n', 0);
    own("sessionid");
    CHECK_STR(own("personality"), "00000000\n");
    CHECK(strchr(own("cgroup"), '/') != NULL);
    CHECK_EQ(own("cpuset")[0], '/');
}

CASE(no_security_module)
{
    char buf[16];
    int fd = open("/proc/self/attr/current", O_RDONLY);
    CHECK(fd >= 0);
    if (read(fd, buf, sizeof(buf)) >= 0)
        SKIP("a security module is at work");
    CHECK_EQ(errno, EINVAL);
    struct stat st;
    CHECK_EQ(stat("/proc/self/attr/exec", &st), 0);
    CHECK_EQ(st.st_mode & 0777, 0666);
}

CASE(mountstats)
{
    own("mountstats");
    CHECK(strncmp(text, "device ", 7) == 0);
    CHECK(strstr(text, " mounted on /proc with fstype proc\n") != NULL);
}

CASE(fdinfo_of_a_file)
{
    struct stat st;
    char path[64];
    put_file("f", "0123456789", 0600);
    int fd = (int) CHECK_OK(open("f", O_RDWR | O_APPEND));
    CHECK_EQ(lseek(fd, 3, SEEK_SET), 3);
    CHECK_EQ(fstat(fd, &st), 0);
    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
    get_file(path, text, sizeof(text));
    CHECK_EQ(line_of("pos:"), 3);
    CHECK_EQ(line_of("flags:"), O_RDWR | O_APPEND | 0100000);
    CHECK(line_of("mnt_id:") > 0);
    CHECK_EQ(line_of("ino:"), st.st_ino);
}

CASE(fdinfo_of_objects)
{
    int p[2];
    char path[64];
    struct stat st;
    CHECK_EQ(pipe2(p, O_NONBLOCK), 0);
    CHECK_EQ(fstat(p[0], &st), 0);
    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", p[0]);
    get_file(path, text, sizeof(text));
    CHECK_EQ(line_of("pos:"), 0);
    CHECK_EQ(line_of("flags:"), O_NONBLOCK);
    CHECK_EQ(line_of("ino:"), st.st_ino);
}

static void *own_comm(void *arg)
{
    char path[64];
    prctl(PR_SET_NAME, "a-thread");
    snprintf(path, sizeof(path), "/proc/self/task/%d/comm", (int) gettid());
    get_file(path, arg, 64);
    return NULL;
}

CASE(threads_have_names)
{
    pthread_t t;
    char name[64];
    CHECK_EQ(pthread_create(&t, NULL, own_comm, name), 0);
    CHECK_EQ(pthread_join(t, NULL), 0);
    CHECK_STR(name, "a-thread\n");
    CHECK_STR(own("comm"), "procfs_process\n");
}

CASE(long_comm_is_cut)
{
    int fd = (int) CHECK_OK(open("/proc/self/comm", O_WRONLY));
    CHECK_EQ(write(fd, "a-name-of-twenty-chr", 20), 20);
    CHECK_STR(own("comm"), "a-name-of-twent\n");
}

CASE(a_blocked_futex_sleeps)
{
    uint32_t *word =
        CHECK_MAP(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    pid_t pid = fork();
    if (pid == 0) {
        while (!__atomic_load_n(word, __ATOMIC_SEQ_CST))
            syscall(SYS_futex, word, 0, 0, NULL, NULL, 0);
        _exit(0);
    }
    wait_sleeping(pid);
    __atomic_store_n(word, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, word, 1, 1, NULL, NULL, 0);
    CHECK_EXIT(pid, 0);
}

CASE(stopped_and_continued)
{
    int p[2];
    pid_t pid = sleeper(p);
    char path[64];
    of(pid, "stat", path, sizeof(path));
    CHECK_EQ(kill(pid, SIGSTOP), 0);
    CHECK_EQ(waitpid(pid, NULL, WUNTRACED), pid);
    get_file(path, text, sizeof(text));
    CHECK_EQ(strrchr(text, ')')[2], 'T');
    CHECK_EQ(kill(pid, SIGCONT), 0);
    CHECK_EQ(waitpid(pid, NULL, WCONTINUED), pid);
    wait_sleeping(pid);
    close(p[1]);
    CHECK_EXIT(pid, 0);
}

GUEST_MAIN
