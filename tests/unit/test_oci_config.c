/* SPDX-License-Identifier: Apache-2.0 */
/* oci: config.json by tables, mounts, capabilities. Error paths are tested through the command
 * line. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>
#undef fail /* cmocka's macro; ours is a function */
#define not_so(...) (print_error(__VA_ARGS__), _fail(__FILE__, __LINE__))

#include "base/log.h"
#include "oci/caps.h"
#include "oci/config.h"
#include "oci/mounts.h"

#define MINIMAL "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"r\"}"

static struct oci_config *parse(const char *text)
{
    struct oci_config *c = NULL;
    struct fail f = {0};

    if (oci_config_parse(text, strlen(text), &c, &f) < 0)
        not_so("%s", f.text);
    return c;
}

static void refuses(const char *text, const char *words)
{
    struct oci_config *c = NULL;
    struct fail f = {0};

    assert_true(oci_config_parse(text, strlen(text), &c, &f) < 0);
    assert_null(c);
    if (!strstr(f.text, words))
        not_so("expected \"%s\", found \"%s\"", words, f.text);
}

static void minimal(void **state)
{
    struct oci_config *c = parse(MINIMAL "}");

    assert_false(c->has_process);
    assert_string_equal(c->root_path, "r");
    assert_int_equal(c->process.umask, 022);
    assert_non_null(c->process.envp);
    assert_null(c->process.envp[0]);
    assert_string_equal(c->noted, "");
    oci_config_free(c);
}

static void process(void **state)
{
    struct oci_config *c = parse(
        MINIMAL ",\"process\":{\"args\":[\"a\",\"\"],\"cwd\":\"/x\",\"env\":[\"K=V\"],"
                "\"user\":{\"uid\":4294967295,\"gid\":2,\"umask\":63,\"additionalGids\":[3,4]},"
                "\"capabilities\":{\"effective\":[\"CAP_CHOWN\",\"CAP_BPF\"]},"
                "\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"soft\":0,\"hard\":18446744073709551615}],"
                "\"noNewPrivileges\":true,\"unknown\":{\"x\":1}}}");
    const struct process_spec *p = &c->process;

    assert_true(c->has_process);
    assert_string_equal(p->argv[0], "a");
    assert_string_equal(p->argv[1], "");
    assert_null(p->argv[2]);
    assert_string_equal(p->envp[0], "K=V");
    assert_string_equal(p->cwd, "/x");
    assert_int_equal(p->uid, UINT32_MAX);
    assert_int_equal(p->umask, 077);
    assert_int_equal(p->n_groups, 2);
    assert_int_equal(p->groups[1], 4);
    assert_true(c->has_capabilities);
    assert_int_equal(p->cap_effective, UINT64_C(1) | UINT64_C(1) << 39);
    assert_int_equal(p->cap_bounding, 0);
    assert_int_equal(p->rlimits[0].resource, RLIMIT_CORE);
    assert_int_equal(p->rlimits[0].hard, UINT64_MAX);
    assert_true(p->no_new_privs);
    oci_config_free(c);
}

static void what_is_left_out_is_noted(void **state)
{
    struct oci_config *c =
        parse(MINIMAL ",\"linux\":{\"seccomp\":{\"defaultAction\":\"x\"},\"sysctl\":{},"
                      "\"resources\":{\"cpu\":{\"shares\":1,\"idle\":1},\"blockIO\":{\"weight\":9},"
                      "\"devices\":[{\"allow\":false}]}}}");

    assert_non_null(strstr(c->noted, "linux.seccomp"));
    assert_non_null(strstr(c->noted, "linux.resources.blockIO"));
    assert_non_null(strstr(c->noted, "linux.resources.cpu.idle"));
    assert_null(strstr(c->noted, "shares"));
    assert_int_equal(c->resources.value[LIMIT_CPU_SHARES], 1);
    assert_null(strstr(c->noted, "sysctl"));
    assert_null(strstr(c->noted, "devices"));
    oci_config_free(c);
}

static void wrong_values(void **state)
{
    refuses("", "config.json");
    refuses("{\"ociVersion\":", "config.json");
    refuses(MINIMAL "} x", "config.json");
    refuses("3", "object");
    refuses(MINIMAL ",\"hostname\":7}", "hostname");
    refuses(MINIMAL ",\"hostname\":\"a\\u0000b\"}", "NUL");
    refuses(
        MINIMAL
        ",\"process\":{\"args\":[\"a\"],\"cwd\":\"/\",\"user\":{\"uid\":4294967296,\"gid\":0}}}",
        "process.user.uid");
    refuses(MINIMAL
            ",\"process\":{\"args\":[\"a\"],\"cwd\":\"/\",\"user\":{\"uid\":1.5,\"gid\":0}}}",
            "process.user.uid");
    refuses(MINIMAL ",\"linux\":{\"resources\":{\"pids\":{}}}}", "linux.resources.pids");
    refuses(MINIMAL ",\"hooks\":{\"poststop\":[{\"path\":\"/x\",\"timeout\":0}]}}",
            "hooks.poststop[0].timeout");
}

struct mount_case {
    const char *type, *destination, *options[6];
    int error;
    struct mount_spec want;
    bool recursive;
};

static const struct mount_case mount_cases[] = {
    {"proc", "/proc", {NULL}, 0, {.kind = MOUNT_PROC, .mode = 0555}, false},
    {"tmpfs",
     "/t",
     {"nosuid", "size=64k", "mode=700"},
     0,
     {.kind = MOUNT_TMPFS, .flags = MOUNT_F_NOSUID, .size = 65536, .mode = 0700},
     false},
    {"tmpfs", "/t", {NULL}, 0, {.kind = MOUNT_TMPFS, .mode = 01777}, false},
    {"tmpfs", "/dev", {"mode=755"}, 0, {.kind = MOUNT_DEV, .mode = 0755}, false},
    {"bind", "/b", {"ro", "rw", "noexec"}, 0, {.flags = MOUNT_F_NOEXEC, .mode = 0755}, false},
    {NULL, "/b", {"rbind", "ro"}, 0, {.flags = MOUNT_F_RDONLY, .mode = 0755}, true},
    {"devpts",
     "/dev/pts",
     {"newinstance", "ptmxmode=0666", "gid=5", "mode=620"},
     0,
     {.kind = MOUNT_DEVPTS, .mode = 0620},
     false},
    {"cgroup",
     "/sys/fs/cgroup",
     {"ro", "cpu"},
     0,
     {.kind = MOUNT_CGROUP, .flags = MOUNT_F_RDONLY, .mode = 0555},
     false},
    {"tmpfs", "/t", {"size=lots"}, -EINVAL, {0}, false},
    {"tmpfs", "/t", {"mode=99"}, -EINVAL, {0}, false},
    {"tmpfs",
     "/t",
     {"noatime", "strictatime", "nodiratime", "nosymfollow", "sync"},
     0,
     {.kind = MOUNT_TMPFS,
      .flags = MOUNT_F_STRICTATIME | MOUNT_F_NODIRATIME | MOUNT_F_NOSYMFOLLOW | MOUNT_F_SYNC,
      .mode = 01777},
     false},
    {"bind", "/b", {"rro", "sync"}, 0, {.flags = MOUNT_F_RDONLY, .mode = 0755}, false},
    {"bind", "/b", {"ro", "rrw"}, 0, {.mode = 0755}, false},
    {"bind", "/b", {"tmpcopyup"}, -EINVAL, {0}, false},
    {"bind", "/b", {"rshared"}, -ENOTSUP, {0}, false},
    {"bind", "/b", {"remount"}, -ENOTSUP, {0}, false},
    {"proc", "/proc", {"hidepid=2"}, -EINVAL, {0}, false},
    {"tmpfs", "/t", {"nr_inodes=5,uid=7"}, -EINVAL, {0}, false},
    {"tmpfs", "/t", {"uid=-1"}, -EINVAL, {0}, false},
    {"devpts", "/dev/pts", {"max=3"}, -EINVAL, {0}, false},
    {"tmpfs", "/t", {"wobbly"}, -EINVAL, {0}, false},
    {"ext4", "/t", {NULL}, -ENOTSUP, {0}, false},
    {NULL, "/t", {NULL}, -EINVAL, {0}, false},
};

static void mounts(void **state)
{
    log_init(-1, LOG_TEXT, LOG_ERROR);
    for (size_t i = 0; i < ARRAY_LEN(mount_cases); i++) {
        const struct mount_case *t = &mount_cases[i];
        struct oci_mount m = {
            .destination = (char *) (uintptr_t) t->destination,
            .type = (char *) (uintptr_t) t->type,
            .source = (char *) (uintptr_t) "/src",
            .options = (char **) (uintptr_t) t->options,
        };
        struct oci_mount_plan got;
        struct fail f = {0};
        int r = oci_mount_parse(&m, i, &got, &f);

        assert_int_equal(r, t->error);
        if (r < 0) {
            assert_non_null(strstr(f.text, "mounts["));
            continue;
        }
        assert_int_equal(got.spec.kind, t->want.kind);
        assert_int_equal(got.spec.flags, t->want.flags);
        assert_int_equal(got.spec.size, t->want.size);
        assert_int_equal(got.spec.mode, t->want.mode);
        assert_int_equal(got.recursive, t->recursive);
        oci_mount_plan_clear(&got);
    }
}

/* `features` must not promise an option that is then refused. */
static void every_named_option_is_understood(void **state)
{
    const char *const *names = oci_mount_option_names();

    for (size_t i = 0; names[i]; i++) {
        const bool idmap = strstr(names[i], "idmap"); /* of binds alone */
        char *options[] = {(char *) (uintptr_t) names[i], NULL};
        struct oci_mount m = {
            .destination = (char *) (uintptr_t) "/t",
            .type = (char *) (uintptr_t) (idmap ? "bind" : "tmpfs"),
            .source = (char *) (uintptr_t) "/src",
            .options = options,
        };
        struct oci_mount_plan got;
        struct fail f = {0};

        if (oci_mount_parse(&m, 0, &got, &f) < 0)
            not_so("%s: %s", names[i], f.text);
        else
            oci_mount_plan_clear(&got);
    }
}

static void capabilities(void **state)
{
    assert_int_equal(caps_by_name("CAP_CHOWN"), 0);
    assert_int_equal(caps_by_name("CAP_CHECKPOINT_RESTORE"), 40);
    assert_int_equal(caps_by_name("CHOWN"), -EINVAL);
    for (unsigned i = 0; i < caps_count(); i++)
        assert_int_equal(caps_by_name(caps_name(i)), i);
    assert_null(caps_name(caps_count()));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(minimal),
        cmocka_unit_test(process),
        cmocka_unit_test(what_is_left_out_is_noted),
        cmocka_unit_test(wrong_values),
        cmocka_unit_test(mounts),
        cmocka_unit_test(every_named_option_is_understood),
        cmocka_unit_test(capabilities),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
