/* SPDX-License-Identifier: Apache-2.0 */
/* host: state files, process identity, id maps, paths, and filling a specification. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail /* cmocka's macro; ours is a function */

#include "base/cleanup.h"
#include "host/cgroup.h"
#include "host/idmap.h"
#include "host/path.h"
#include "host/procstat.h"
#include "host/specbuild.h"
#include "host/spectree.h"
#include "host/state.h"
#include "host/state_file.h"

#define WORD(text) ((char *) (uintptr_t) (text))

static struct container example(void)
{
    struct container c = CONTAINER_NONE;

    c.id = WORD("one");
    c.status = STATUS_CREATED;
    c.pid = 4711;
    c.start_time = UINT64_C(1) << 40;
    c.bundle = WORD("/b \"quoted\"\n");
    c.rootfs = WORD("/b/rootfs");
    c.created = WORD("2026-01-31T12:00:00Z");
    c.annotations = WORD("{\"a\":\"b\"}");
    c.cgroup = WORD("/x/y");
    c.version = WORD("1.0.2");
    c.uid = 1000;
    c.has_hooks = true;
    c.maker = 12;
    c.maker_start = 34;
    return c;
}

static void state_survives_the_way(void **state)
{
    struct container c = example(), back = CONTAINER_NONE;
    _cleanup_free_ char *text = NULL;
    struct fail f = {0};

    assert_int_equal(state_file_format(&c, &text), 0);
    back.id = strdup("one");
    assert_int_equal(state_file_parse(text, strlen(text), &back, &f), 0);
    assert_int_equal(back.status, c.status);
    assert_int_equal(back.pid, c.pid);
    assert_int_equal(back.start_time, c.start_time);
    assert_string_equal(back.bundle, c.bundle);
    assert_string_equal(back.rootfs, c.rootfs);
    assert_string_equal(back.created, c.created);
    assert_string_equal(back.annotations, c.annotations);
    assert_string_equal(back.cgroup, c.cgroup);
    assert_string_equal(back.version, c.version);
    assert_int_equal(back.uid, c.uid);
    assert_true(back.has_hooks);
    assert_int_equal(back.maker, c.maker);
    assert_int_equal(back.maker_start, c.maker_start);
    container_close(&back);
}

static void another_containers_state_is_refused(void **state)
{
    struct container c = example(), back = CONTAINER_NONE;
    _cleanup_free_ char *text = NULL;
    struct fail f = {0};

    assert_int_equal(state_file_format(&c, &text), 0);
    back.id = strdup("two");
    assert_int_equal(state_file_parse(text, strlen(text), &back, &f), -EBADMSG);
    for (size_t n = 0; n + 2 < strlen(text); n++)
        assert_true(state_file_parse(text, n, &back, &f) < 0);
    container_close(&back);
}

static void state_for_hooks(void **state)
{
    struct container c = example();
    _cleanup_free_ char *text = NULL;

    c.bundle = WORD("/b");
    assert_int_equal(state_file_format_oci(&c, false, &text), 0);
    assert_string_equal(
        text, "{\"ociVersion\":\"1.0.2\",\"id\":\"one\",\"pid\":4711,\"status\":\"created\","
              "\"bundle\":\"/b\",\"annotations\":{\"a\":\"b\"}}");
}

static void processes_are_told_apart(void **state)
{
    uint64_t start, again;
    pid_t child;

    assert_int_equal(procstat_start_time(getpid(), &start), 0);
    assert_int_equal(procstat_start_time(getpid(), &again), 0);
    assert_int_equal(start, again);
    assert_true(procstat_is_same(getpid(), start));
    assert_false(procstat_is_same(getpid(), start + 1));
    assert_false(procstat_is_same(0, start));
    child = fork();
    if (child == 0)
        _exit(0);
    /* A zombie runs no more. */
    assert_int_equal(waitid(P_PID, (id_t) child, &(siginfo_t){0}, WEXITED | WNOWAIT), 0);
    assert_int_equal(procstat_start_time(child, &start), -ESRCH);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(procstat_start_time(child, &start), -ESRCH);
}

static void paths_below(void **state)
{
    assert_true(path_is_below("/a/b", "/a"));
    assert_true(path_is_below("/a", "/a"));
    assert_false(path_is_below("/ab", "/a"));
    assert_true(path_is_below("/ab", "/"));
    assert_false(path_is_below("/", "/a"));
}

static void cgroup_paths(void **state)
{
    static const char *const refused[] = {"", "/", "///", "..", "/a/../b", "a/..", "s:p:n"};
    struct fail f = {0};
    char *clean;

    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        assert_int_equal(cgroup_check_path(refused[i], &clean, &f), -EINVAL);
    assert_int_equal(cgroup_check_path("//a/b..c/", &clean, &f), 0);
    assert_string_equal(clean, "/a/b..c");
    free(clean);
}

static void environment(void **state)
{
    char *words[] = {WORD("A=1"), WORD("AB=2"), NULL}, **env;

    assert_int_equal(spec_copy_strv(words, -1, &env), 0);
    assert_int_equal(spec_setenv(&env, "A=3"), 0);
    assert_int_equal(spec_setenv(&env, "C="), 0);
    assert_string_equal(spec_getenv(env, "A"), "3");
    assert_string_equal(spec_getenv(env, "AB"), "2");
    assert_string_equal(spec_getenv(env, "C"), "");
    assert_null(spec_getenv(env, "B"));
    assert_null(env[3]);
    for (size_t i = 0; env[i]; i++)
        free(env[i]);
    free(env);
}

static void names_of_containers(void **state)
{
    struct fail f = {0};

    assert_int_equal(container_check_id("a.b_c+d-1", &f), 0);
    assert_int_equal(container_check_id("..", &f), -EINVAL);
    assert_int_equal(container_check_id("a/b", &f), -EINVAL);
    assert_int_equal(container_check_id("", &f), -EINVAL);
    assert_int_equal(container_check_id("-rf", &f), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(state_survives_the_way),
        cmocka_unit_test(another_containers_state_is_refused),
        cmocka_unit_test(state_for_hooks),
        cmocka_unit_test(processes_are_told_apart),
        cmocka_unit_test(paths_below),
        cmocka_unit_test(cgroup_paths),
        cmocka_unit_test(environment),
        cmocka_unit_test(names_of_containers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
