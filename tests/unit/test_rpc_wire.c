/* SPDX-License-Identifier: Apache-2.0 */
/* rpc: the sandbox specification there and back, the sync and control protocols. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail /* cmocka's macro; ours is a function */

#include "base/cleanup.h"
#include "rpc/control.h"
#include "rpc/fail.h"
#include "rpc/spec.h"
#include "rpc/sync.h"

#define WORD(text) ((char *) (uintptr_t) (text))

static char *argv_words[] = {WORD("sh"), WORD("-c"), WORD(""), NULL};
static char *envp_words[] = {WORD("A=1"), NULL};
static char *rules[] = {WORD("pypi.org:443"), WORD("10.0.0.0/8"), NULL};
static char *servers[] = {WORD("127.0.0.53"), NULL};
static uint32_t groups[] = {4, 27};
static struct rlimit_spec rlimits[] = {{7, 1024, 4096}, {4, 0, UINT64_MAX}};
static struct mount_spec mounts[] = {
    {.kind = MOUNT_TREE, .flags = MOUNT_F_RDONLY, .tree_fd = 7, .dest = WORD("/"), .upper_fd = -1},
    {.kind = MOUNT_TREE,
     .flags = MOUNT_F_RECURSIVE,
     .tree_fd = -1,
     .source = WORD("/srv/x"),
     .dest = WORD("/data"),
     .upper_fd = -1},
    {.kind = MOUNT_TMPFS,
     .flags = MOUNT_F_NOSUID | MOUNT_F_EXCLUSIVE,
     .tree_fd = -1,
     .source = WORD("tmpfs"),
     .dest = WORD("/tmp"),
     .size = 65536,
     .mode = 01777,
     .ptmx_mode = 0666,
     .uid = 7,
     .gid = 8,
     .data = WORD("nr_inodes=9"),
     .upper_fd = -1},
    {.kind = MOUNT_TREE,
     .flags = MOUNT_F_OVERLAY,
     .tree_fd = 9,
     .dest = WORD("/home"),
     .upper_fd = 10},
    {.kind = MOUNT_TREE,
     .flags = MOUNT_F_OVERLAY,
     .tree_fd = -1,
     .source = WORD("/opt"),
     .dest = WORD("/opt"),
     .upper_fd = -1,
     .upper_source = WORD("/var/layers/3")},
};
static char *sysctls[] = {WORD("net.ipv4.ip_forward=1"), NULL};
static struct device_spec devices[] = {
    {.path = WORD("/dev/fuse"),
     .mode = S_IFCHR | 0660,
     .major = 10,
     .minor = 229,
     .uid = 1,
     .gid = 2},
};

/* Every field with a value of its own, so that two that were exchanged are noticed. */
static struct sandbox_spec example(void)
{
    return (struct sandbox_spec){
        .id = WORD("one"),
        .hostname = WORD("host"),
        .domainname = NULL,
        .mounts = mounts,
        .n_mounts = ARRAY_LEN(mounts),
        .devices = devices,
        .n_devices = ARRAY_LEN(devices),
        .process =
            {
                .argv = argv_words,
                .envp = envp_words,
                .cwd = WORD("/data"),
                .uid = 1000,
                .gid = 1001,
                .groups = groups,
                .n_groups = ARRAY_LEN(groups),
                .umask = 027,
                .cap_bounding = 1,
                .cap_effective = 2,
                .cap_permitted = 3,
                .cap_inheritable = 4,
                .cap_ambient = 5,
                .rlimits = rlimits,
                .n_rlimits = ARRAY_LEN(rlimits),
                .ignored_signals = UINT64_C(1) << 63,
                .no_new_privs = true,
            },
        .network = NETWORK_HOST,
        .allow_net = rules,
        .nameservers = servers,
        .control_fd = 5,
        .log_fd = 6,
        .self_fd = 8,
        .group_fds = {11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, -1},
        .group_v2 = true,
        .machine_fd = 24,
        .net_fd = 25,
        .sysctls = sysctls,
        .start_now = true,
        .strace = true,
        .mediate_data = true,
        .log_level = 2,
        .pids_max = 99,
        .overlay_size = UINT64_C(1) << 40,
    };
}

static void compare_process(const struct process_spec *a, const struct process_spec *b)
{
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(a->argv[i], b->argv[i]);
    assert_null(b->argv[3]);
    assert_string_equal(a->envp[0], b->envp[0]);
    assert_null(b->envp[1]);
    assert_string_equal(a->cwd, b->cwd);
    assert_int_equal(a->uid, b->uid);
    assert_int_equal(a->gid, b->gid);
    assert_int_equal(b->n_groups, a->n_groups);
    assert_memory_equal(a->groups, b->groups, sizeof(groups));
    assert_int_equal(a->umask, b->umask);
    assert_int_equal(a->cap_bounding, b->cap_bounding);
    assert_int_equal(a->cap_effective, b->cap_effective);
    assert_int_equal(a->cap_permitted, b->cap_permitted);
    assert_int_equal(a->cap_inheritable, b->cap_inheritable);
    assert_int_equal(a->cap_ambient, b->cap_ambient);
    assert_int_equal(b->n_rlimits, a->n_rlimits);
    for (size_t i = 0; i < a->n_rlimits; i++) {
        assert_int_equal(a->rlimits[i].resource, b->rlimits[i].resource);
        assert_int_equal(a->rlimits[i].soft, b->rlimits[i].soft);
        assert_int_equal(a->rlimits[i].hard, b->rlimits[i].hard);
    }
    assert_int_equal(a->ignored_signals, b->ignored_signals);
    assert_int_equal(a->no_new_privs, b->no_new_privs);
    assert_int_equal(a->terminal, b->terminal);
}

static void compare(const struct sandbox_spec *a, const struct sandbox_spec *b)
{
    assert_string_equal(a->id, b->id);
    assert_string_equal(a->hostname, b->hostname);
    assert_null(b->domainname);
    assert_int_equal(b->n_mounts, a->n_mounts);
    for (size_t i = 0; i < a->n_mounts; i++) {
        assert_int_equal(a->mounts[i].kind, b->mounts[i].kind);
        assert_int_equal(a->mounts[i].flags, b->mounts[i].flags);
        assert_int_equal(a->mounts[i].tree_fd, b->mounts[i].tree_fd);
        assert_string_equal(a->mounts[i].dest, b->mounts[i].dest);
        assert_int_equal(a->mounts[i].source == NULL, b->mounts[i].source == NULL);
        if (a->mounts[i].source)
            assert_string_equal(a->mounts[i].source, b->mounts[i].source);
        assert_int_equal(a->mounts[i].size, b->mounts[i].size);
        assert_int_equal(a->mounts[i].mode, b->mounts[i].mode);
        assert_int_equal(a->mounts[i].upper_fd, b->mounts[i].upper_fd);
        assert_int_equal(a->mounts[i].upper_source == NULL, b->mounts[i].upper_source == NULL);
        if (a->mounts[i].upper_source)
            assert_string_equal(a->mounts[i].upper_source, b->mounts[i].upper_source);
        assert_int_equal(a->mounts[i].ptmx_mode, b->mounts[i].ptmx_mode);
        assert_int_equal(a->mounts[i].uid, b->mounts[i].uid);
        assert_int_equal(a->mounts[i].gid, b->mounts[i].gid);
        assert_int_equal(a->mounts[i].data == NULL, b->mounts[i].data == NULL);
        if (a->mounts[i].data)
            assert_string_equal(a->mounts[i].data, b->mounts[i].data);
    }
    assert_int_equal(b->n_devices, a->n_devices);
    for (size_t i = 0; i < a->n_devices; i++) {
        assert_string_equal(a->devices[i].path, b->devices[i].path);
        assert_int_equal(a->devices[i].mode, b->devices[i].mode);
        assert_int_equal(a->devices[i].major, b->devices[i].major);
        assert_int_equal(a->devices[i].minor, b->devices[i].minor);
        assert_int_equal(a->devices[i].uid, b->devices[i].uid);
        assert_int_equal(a->devices[i].gid, b->devices[i].gid);
    }
    compare_process(&a->process, &b->process);
    assert_int_equal(a->network, b->network);
    assert_string_equal(a->allow_net[0], b->allow_net[0]);
    assert_string_equal(a->allow_net[1], b->allow_net[1]);
    assert_null(b->allow_net[2]);
    assert_string_equal(a->nameservers[0], b->nameservers[0]);
    assert_null(b->nameservers[1]);
    assert_int_equal(a->control_fd, b->control_fd);
    assert_int_equal(a->log_fd, b->log_fd);
    assert_int_equal(a->self_fd, b->self_fd);
    assert_memory_equal(a->group_fds, b->group_fds, sizeof(a->group_fds));
    assert_int_equal(a->group_v2, b->group_v2);
    assert_int_equal(a->machine_fd, b->machine_fd);
    assert_int_equal(a->net_fd, b->net_fd);
    assert_string_equal(a->sysctls[0], b->sysctls[0]);
    assert_null(b->sysctls[1]);
    assert_int_equal(a->rootless, b->rootless);
    assert_int_equal(a->start_now, b->start_now);
    assert_int_equal(a->die_with_parent, b->die_with_parent);
    assert_int_equal(a->strace, b->strace);
    assert_int_equal(a->no_patch, b->no_patch);
    assert_int_equal(a->mediate_data, b->mediate_data);
    assert_int_equal(a->log_level, b->log_level);
    assert_int_equal(a->log_json, b->log_json);
    assert_int_equal(a->pids_max, b->pids_max);
    assert_int_equal(a->overlay_size, b->overlay_size);
}

static void spec_survives_the_way(void **state)
{
    struct sandbox_spec s = example(), *back;
    int fd;

    assert_int_equal(sandbox_spec_encode(&s, &fd), 0);
    assert_int_equal(sandbox_spec_read(fd, &back), 0);
    compare(&s, back);
    sandbox_spec_free(back);
    /* It is sealed: whoever holds it cannot change it. */
    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
    assert_int_equal(ftruncate(fd, 0), -1);
    close(fd);
}

static void flags_are_told_apart(void **state)
{
    struct sandbox_spec s = example(), *back;
    bool *const flags[] = {&s.rootless, &s.start_now,    &s.die_with_parent, &s.strace,
                           &s.no_patch, &s.mediate_data, &s.log_json,        &s.process.terminal};
    int fd;

    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        for (size_t k = 0; k < ARRAY_LEN(flags); k++)
            *flags[k] = k == i;
        assert_int_equal(sandbox_spec_encode(&s, &fd), 0);
        assert_int_equal(sandbox_spec_read(fd, &back), 0);
        compare(&s, back);
        sandbox_spec_free(back);
        close(fd);
    }
}

/* Every prefix and every changed byte is refused or understood, never overrun (the sanitizers
 * watch). */
static void damaged_specs_are_refused(void **state)
{
    struct sandbox_spec s = example(), *back;
    struct stat st;
    unsigned char *bytes;
    int fd;

    assert_int_equal(sandbox_spec_encode(&s, &fd), 0);
    assert_int_equal(fstat(fd, &st), 0);
    bytes = malloc((size_t) st.st_size);
    assert_non_null(bytes);
    assert_int_equal(pread(fd, bytes, (size_t) st.st_size, 0), st.st_size);
    for (size_t n = 0; n < (size_t) st.st_size; n++) {
        unsigned char *cut = malloc(n ? n : 1); /* of its own size, so that reading past it shows */
        memcpy(cut, bytes, n);
        assert_int_equal(sandbox_spec_decode(cut, n, &back), -EBADMSG);
        free(cut);
    }
    for (size_t i = 0; i < (size_t) st.st_size; i++) {
        bytes[i] ^= 0x81;
        if (sandbox_spec_decode(bytes, (size_t) st.st_size, &back) == 0)
            sandbox_spec_free(back);
        bytes[i] ^= 0x81;
    }
    free(bytes);
    close(fd);
}

static void make_pair(int pair[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
}

static void sync_reports(void **state)
{
    struct sync_report r;
    char text[3000];
    int pair[2];

    make_pair(pair);
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(sync_send(pair[0], SYNC_ERROR, 126, text), 0);
    assert_int_equal(sync_recv(pair[1], &r), 0);
    assert_int_equal(r.kind, SYNC_ERROR);
    assert_int_equal(r.code, 126);
    assert_int_equal(strlen(r.text), SYNC_MAX_TEXT);
    assert_int_equal(sync_send(pair[0], SYNC_GO, 0, NULL), 0);
    assert_int_equal(sync_expect(pair[1], SYNC_COMMIT), -EBADMSG);
    assert_int_equal(send(pair[0], "abc", 3, 0), 3);
    assert_int_equal(sync_recv(pair[1], &r), -EBADMSG);
    close(pair[0]);
    assert_int_equal(sync_recv(pair[1], &r), -ENOTCONN);
    assert_int_equal(sync_send(pair[1], SYNC_GO, 0, NULL), -EPIPE);
    close(pair[1]);
}

static void control_frames(void **state)
{
    struct control_kill k = {.signo = 15, .all = 1}, back;
    _cleanup_free_ char *buf = malloc(CONTROL_MAX_FRAME + 1),
                        *big = calloc(1, CONTROL_MAX_PAYLOAD + 2);
    struct control_frame f;
    int pair[2];

    make_pair(pair);
    assert_int_equal(control_send(pair[0], CONTROL_KILL, &k, sizeof(k)), 0);
    assert_int_equal(control_recv(pair[1], buf, CONTROL_MAX_FRAME + 1, &f), 0);
    assert_int_equal(control_parse_kill(&f, &back), 0);
    assert_int_equal(back.signo, 15);
    assert_int_equal(back.all, 1);
    k.signo = 65;
    assert_int_equal(control_send(pair[0], CONTROL_KILL, &k, sizeof(k)), 0);
    assert_int_equal(control_recv(pair[1], buf, CONTROL_MAX_FRAME + 1, &f), 0);
    assert_int_equal(control_parse_kill(&f, &back), -EBADMSG);
    assert_int_equal(control_send(pair[0], CONTROL_TEXT, big, CONTROL_MAX_PAYLOAD + 1), -EMSGSIZE);
    memset(big, 'e', CONTROL_MAX_PAYLOAD + 1);
    assert_int_equal(control_send_text(pair[0], CONTROL_ERROR, big), 0);
    assert_int_equal(control_recv(pair[1], buf, CONTROL_MAX_FRAME + 1, &f), 0);
    assert_int_equal(f.len, CONTROL_MAX_PAYLOAD);
    /* Wrong magic, wrong length, no header, unknown type. */
    assert_int_equal(send(pair[0], "0123456789abcdef", 16, 0), 16);
    assert_int_equal(control_recv(pair[1], buf, CONTROL_MAX_FRAME + 1, &f), -EBADMSG);
    assert_int_equal(send(pair[0], "xyz", 3, 0), 3);
    assert_int_equal(control_recv(pair[1], buf, CONTROL_MAX_FRAME + 1, &f), -EBADMSG);
    uint32_t words[3] = {CONTROL_MAGIC, CONTROL_START, 4};
    assert_int_equal(send(pair[0], words, sizeof(words), 0), sizeof(words));
    assert_int_equal(control_recv(pair[1], buf, CONTROL_MAX_FRAME + 1, &f), -EBADMSG);
    words[1] = 77, words[2] = 0;
    assert_int_equal(send(pair[0], words, sizeof(words), 0), sizeof(words));
    assert_int_equal(control_recv(pair[1], buf, CONTROL_MAX_FRAME + 1, &f), -EBADMSG);
    close(pair[0]);
    assert_int_equal(control_recv(pair[1], buf, CONTROL_MAX_FRAME + 1, &f), -ENOTCONN);
    close(pair[1]);
}

/* Descriptors come along, are counted, and go when the frame is no good. */
static void control_descriptors(void **state)
{
    _cleanup_free_ char *buf = malloc(CONTROL_MAX_FRAME + 1);
    struct control_exec x = {.stdio = 5, .preserved = 1}, back;
    struct control_fds fds = {.fd = {0, 1, 2, 0}, .n = 4}, got;
    struct control_frame f;
    int pair[2], before;

    make_pair(pair);
    before = dup(0);
    assert_int_equal(close(before), 0);
    assert_int_equal(control_send_fds(pair[0], CONTROL_EXEC, &x, sizeof(x), &fds), 0);
    assert_int_equal(control_recv_fds(pair[1], buf, CONTROL_MAX_FRAME + 1, &f, &got), 0);
    assert_int_equal(got.n, 4);
    assert_int_equal(control_parse_exec(&f, &got, &back), 0);
    assert_int_equal(back.stdio, 5);
    assert_int_equal(back.preserved, 1);
    assert_int_equal(fcntl(got.fd[3], F_GETFD), FD_CLOEXEC);
    control_fds_close(&got);
    /* Fewer descriptors than it says, a bit too many, too many preserved. */
    fds.n = 3;
    assert_int_equal(control_send_fds(pair[0], CONTROL_EXEC, &x, sizeof(x), &fds), 0);
    assert_int_equal(control_recv_fds(pair[1], buf, CONTROL_MAX_FRAME + 1, &f, &got), 0);
    assert_int_equal(control_parse_exec(&f, &got, &back), -EBADMSG);
    control_fds_close(&got);
    x = (struct control_exec){.stdio = 8, .preserved = 1};
    assert_int_equal(control_send_fds(pair[0], CONTROL_EXEC, &x, sizeof(x), &fds), 0);
    assert_int_equal(control_recv_fds(pair[1], buf, CONTROL_MAX_FRAME + 1, &f, &got), 0);
    assert_int_equal(control_parse_exec(&f, &got, &back), -EBADMSG);
    control_fds_close(&got);
    /* A frame that is no good leaves no descriptor open; nor does one that nobody expected. */
    assert_int_equal(control_send_fds(pair[0], CONTROL_EXEC, &x, 0, &fds), 0);
    assert_int_equal(control_recv(pair[1], buf, CONTROL_MAX_FRAME + 1, &f), 0);
    assert_int_equal(control_send_fds(pair[0], (enum control_type) 77, &x, 0, &fds), 0);
    assert_int_equal(control_recv_fds(pair[1], buf, CONTROL_MAX_FRAME + 1, &f, &got), -EBADMSG);
    assert_int_equal(got.n, 0);
    assert_int_equal(dup(0), before);
    close(before);
    close(pair[0]);
    close(pair[1]);
}

static void control_exec_answers(void **state)
{
    _cleanup_free_ char *buf = malloc(CONTROL_MAX_FRAME + 1);
    struct control_kill k = {.signo = 9}, kb;
    struct control_exited x = {.wait_status = 0x300}, xb;
    struct control_frame f;
    const char *text;
    uint32_t status;
    int pair[2];

    make_pair(pair);
    assert_int_equal(control_send_failed(pair[0], 127, "not there"), 0);
    assert_int_equal(control_recv(pair[1], buf, CONTROL_MAX_FRAME + 1, &f), 0);
    assert_int_equal(control_parse_failed(&f, &status, &text), 0);
    assert_int_equal(status, 127);
    assert_string_equal(text, "not there");
    assert_int_equal(control_parse_exited(&f, &xb), -EBADMSG);
    assert_int_equal(control_send(pair[0], CONTROL_EXITED, &x, sizeof(x)), 0);
    assert_int_equal(control_recv(pair[1], buf, CONTROL_MAX_FRAME + 1, &f), 0);
    assert_int_equal(control_parse_exited(&f, &xb), 0);
    assert_int_equal(xb.wait_status, 0x300);
    /* SIGNAL is for one process. */
    k.all = 1;
    assert_int_equal(control_send(pair[0], CONTROL_SIGNAL, &k, sizeof(k)), 0);
    assert_int_equal(control_recv(pair[1], buf, CONTROL_MAX_FRAME + 1, &f), 0);
    assert_int_equal(control_parse_kill(&f, &kb), -EBADMSG);
    k.all = 0;
    assert_int_equal(control_send(pair[0], CONTROL_SIGNAL, &k, sizeof(k)), 0);
    assert_int_equal(control_recv(pair[1], buf, CONTROL_MAX_FRAME + 1, &f), 0);
    assert_int_equal(control_parse_kill(&f, &kb), 0);
    close(pair[0]);
    close(pair[1]);
}

static void a_process_survives_the_way(void **state)
{
    char *argv[] = {(char *) (uintptr_t) "sh", NULL}, *envp[] = {NULL};
    struct process_spec p = {.argv = argv,
                             .envp = envp,
                             .cwd = (char *) (uintptr_t) "/tmp",
                             .uid = 7,
                             .gid = 8,
                             .umask = 077,
                             .cap_bounding = 3,
                             .no_new_privs = true,
                             .terminal = true};
    struct process_spec back;
    int fd;

    assert_int_equal(process_spec_encode(&p, &fd), 0);
    assert_int_equal(process_spec_read(fd, &back), 0);
    assert_string_equal(back.argv[0], "sh");
    assert_string_equal(back.cwd, "/tmp");
    assert_int_equal(back.uid, 7);
    assert_int_equal(back.umask, 077);
    assert_true(back.no_new_privs && back.terminal);
    process_spec_clear(&back);
    close(fd);
    assert_int_equal(process_spec_read(0, &back), -EBADMSG);
    assert_int_equal(process_spec_decode("nonsense", 8, &back), -EBADMSG);
}

static void control_calls(void **state)
{
    char *text;
    int pair[2];

    make_pair(pair);
    /* The answer may lie there before the question: one answer a question is all that counts. */
    assert_int_equal(control_send(pair[0], CONTROL_OK, NULL, 0), 0);
    assert_int_equal(control_call(pair[1], CONTROL_START, NULL, 0, &text), 0);
    assert_null(text);
    assert_int_equal(control_send_text(pair[0], CONTROL_TEXT, "{}"), 0);
    assert_int_equal(control_call(pair[1], CONTROL_STATE, NULL, 0, &text), 0);
    assert_string_equal(text, "{}");
    free(text);
    assert_int_equal(control_send_text(pair[0], CONTROL_ERROR, "no"), 0);
    assert_int_equal(control_call(pair[1], CONTROL_STATE, NULL, 0, &text), -EREMOTEIO);
    assert_string_equal(text, "no");
    free(text);
    close(pair[0]);
    assert_int_equal(control_call(pair[1], CONTROL_STATE, NULL, 0, &text), -EPIPE);
    assert_null(text);
    close(pair[1]);
}

/* A state directory may lie deeper than a socket address is long. */
static void control_sockets_at_long_paths(void **state)
{
    char dir[] = "/tmp/cloister-unit.XXXXXX", path[400];
    int listening, client, n;

    assert_non_null(mkdtemp(dir));
    n = snprintf(path, sizeof(path), "%s/%0200d", dir, 7);
    assert_int_equal(mkdir(path, 0700), 0);
    memcpy(path + n, "/control.sock", sizeof("/control.sock"));
    assert_int_equal(control_listen(path, &listening), 0);
    assert_int_equal(control_connect(path, 1000, &client), 0);
    close(client);
    close(listening);
    assert_int_equal(control_connect(path, 1000, &client), -ECONNREFUSED);
    unlink(path);
    path[n] = '\0';
    rmdir(path);
    rmdir(dir);
}

static void failures_are_one_line(void **state)
{
    struct fail f = {0};

    assert_int_equal(fail(&f, ENOENT, "a\nb\x1b[31m%s", "c"), -ENOENT);
    assert_string_equal(f.text, "a b [31mc");
    assert_int_equal(fail_errno(&f, EACCES, "opening %s", "x"), -EACCES);
    assert_string_equal(f.text, "opening x: Permission denied");
    assert_int_equal(fail_wrap(&f, -EACCES, "mounts[%d]", 3), -EACCES);
    assert_string_equal(f.text, "mounts[3]: opening x: Permission denied");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spec_survives_the_way),
        cmocka_unit_test(flags_are_told_apart),
        cmocka_unit_test(damaged_specs_are_refused),
        cmocka_unit_test(sync_reports),
        cmocka_unit_test(control_frames),
        cmocka_unit_test(control_descriptors),
        cmocka_unit_test(control_exec_answers),
        cmocka_unit_test(a_process_survives_the_way),
        cmocka_unit_test(control_calls),
        cmocka_unit_test(control_sockets_at_long_paths),
        cmocka_unit_test(failures_are_one_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
