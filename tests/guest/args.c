/* SPDX-License-Identifier: Apache-2.0 */
/* What a program finds on its first stack: arguments, environment, auxiliary vector. */
#include "guest.h"
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>

static bool aux_find(unsigned long type, unsigned long *ret)
{
    char **p = guest_envp;
    while (*p)
        p++;
    for (const ElfW(auxv_t) *a = (const void *) (p + 1); a->a_type != AT_NULL; a++)
        if (a->a_type == type) {
            *ret = a->a_un.a_val;
            return true;
        }
    return false;
}

static unsigned long aux(unsigned long type)
{
    unsigned long v = 0;
    if (!aux_find(type, &v))
        FAIL("no auxv entry %lu", type);
    return v;
}

int guest_mode(const char *mode, int argc, char **argv)
{
    if (strcmp(mode, "random") == 0) {
        const void *p = (const void *) getauxval(AT_RANDOM);
        return write(1, p, 16) != 16;
    }
    if (strcmp(mode, "layout") == 0) {
        uintptr_t at[3] = {(uintptr_t) &at, (uintptr_t) sbrk(0), getauxval(AT_SYSINFO_EHDR)};
        return write(1, at, sizeof(at)) != sizeof(at);
    }
    if (strcmp(mode, "strings") == 0)
        return !(argc == 4 && strcmp(argv[0], "a") == 0 && strcmp(argv[1], "") == 0 &&
                 strcmp(argv[2], "b c\n\t") == 0 && strcmp(argv[3], "\xff\xfe") == 0 && !argv[4] &&
                 environ[0] && strcmp(environ[0], "X=1=2") == 0 && environ[1] &&
                 strcmp(environ[1], "EMPTY=") == 0 && environ[2] &&
                 strcmp(environ[2], "no equals sign") == 0 && !environ[3]);
    if (strcmp(mode, "noenv") == 0)
        return environ && environ[0];
    return 2;
}

CASE(vectors)
{
    CHECK(guest_argc >= 1);
    CHECK(guest_argv[0] && guest_argv[0][0]);
    CHECK(guest_argv[guest_argc] == NULL);
    CHECK(guest_envp == guest_argv + guest_argc + 1);
    CHECK(getenv("PATH") != NULL);
}

CASE(stack_alignment)
{
    /* The word below argv is argc, and it stood at a 16-byte boundary (x86-64 psABI). */
    CHECK_EQ((uintptr_t) (guest_argv - 1) % 16, 0);
    CHECK_EQ(*(long *) (guest_argv - 1), guest_argc);
}

CASE(strings_survive_exec)
{
    char *argv[] = {(char *) guest_self, "--mode", "strings", "a", "", "b c\n\t", "\xff\xfe", NULL};
    char *envp[] = {"X=1=2", "EMPTY=", "no equals sign", NULL};
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        execve(guest_self, argv, envp);
        _exit(3);
    }
    CHECK_EXIT(pid, 0);
}

CASE(empty_environment)
{
    char *argv[] = {(char *) guest_self, "--mode", "noenv", NULL};
    char *envp[] = {NULL};
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        execve(guest_self, argv, envp);
        _exit(3);
    }
    CHECK_EXIT(pid, 0);
}

CASE(aux_sizes)
{
    CHECK_EQ(aux(AT_PAGESZ), 4096);
    CHECK_EQ(aux(AT_CLKTCK), 100);
    CHECK_EQ(aux(AT_PHENT), sizeof(ElfW(Phdr)));
    CHECK(aux(AT_PHNUM) > 0 && aux(AT_PHNUM) < 64);
    CHECK(aux(AT_HWCAP) != 0);
    CHECK(aux(AT_MINSIGSTKSZ) >= 1024 && aux(AT_MINSIGSTKSZ) < 65536);
    CHECK_STR((const char *) aux(AT_PLATFORM), "x86_64");
    CHECK_EQ(sysconf(_SC_PAGESIZE), 4096);
    CHECK_EQ(sysconf(_SC_CLK_TCK), 100);
}

CASE(aux_ids)
{
    CHECK_EQ(aux(AT_UID), getuid());
    CHECK_EQ(aux(AT_EUID), geteuid());
    CHECK_EQ(aux(AT_GID), getgid());
    CHECK_EQ(aux(AT_EGID), getegid());
    CHECK_EQ(aux(AT_SECURE), 0);
    CHECK_EQ(aux(AT_FLAGS), 0);
}

CASE(aux_execfn)
{
    CHECK_STR((const char *) aux(AT_EXECFN), guest_self);
}

CASE(aux_program)
{
    const ElfW(Phdr) *ph = (const void *) aux(AT_PHDR);
    extern char __ehdr_start[], _start[];
    CHECK_EQ((uintptr_t) ph, (uintptr_t) __ehdr_start + ((ElfW(Ehdr) *) __ehdr_start)->e_phoff);
    CHECK_EQ(aux(AT_PHNUM), ((ElfW(Ehdr) *) __ehdr_start)->e_phnum);
    CHECK_EQ(aux(AT_ENTRY), (uintptr_t) _start);
    bool interp = false;
    for (unsigned long i = 0; i < aux(AT_PHNUM); i++)
        interp |= ph[i].p_type == PT_INTERP;
    if (interp)
        CHECK_MEM((void *) aux(AT_BASE), ELFMAG, SELFMAG);
}

CASE(aux_vdso)
{
    const ElfW(Ehdr) *eh = (const void *) aux(AT_SYSINFO_EHDR);
    CHECK_EQ((uintptr_t) eh % 4096, 0);
    CHECK_MEM(eh, ELFMAG, SELFMAG);
    CHECK_EQ(eh->e_type, ET_DYN);
}

CASE(aux_random)
{
    static const unsigned char zero[16];
    unsigned char got[2][16];
    CHECK(memcmp((const void *) aux(AT_RANDOM), zero, 16) != 0);
    for (int i = 0; i < 2; i++) {
        int p[2];
        CHECK_EQ(pipe(p), 0);
        pid_t pid = (pid_t) CHECK_OK(fork());
        if (pid == 0) {
            dup2(p[1], 1);
            execl(guest_self, guest_self, "--mode", "random", (char *) NULL);
            _exit(3);
        }
        CHECK_EXIT(pid, 0);
        CHECK_EQ(read(p[0], got[i], 16), 16);
    }
    CHECK(memcmp(got[0], got[1], 16) != 0);
}

CASE(layout_is_random)
{
    /* Two images of the same program share no stack, heap or library addresses. */
    uintptr_t got[2][3];
    for (int i = 0; i < 2; i++) {
        int p[2];
        CHECK_EQ(pipe(p), 0);
        pid_t pid = (pid_t) CHECK_OK(fork());
        if (pid == 0) {
            dup2(p[1], 1);
            execl(guest_self, guest_self, "--mode", "layout", (char *) NULL);
            _exit(3);
        }
        CHECK_EXIT(pid, 0);
        CHECK_EQ(read(p[0], got[i], sizeof(got[i])), sizeof(got[i]));
    }
    for (int k = 0; k < 3; k++)
        CHECK(got[0][k] != got[1][k]);
}

GUEST_MAIN
