/* SPDX-License-Identifier: Apache-2.0 */
/* What kept sandboxes and volumes are described by: notes of a layer, meta.json, paths. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/strbuf.h"
#include "host/change.h"
#include "host/path.h"
#include "host/store.h"
#include "host/store_meta.h"
#include "host/upper_meta.h"
#include "host/volume.h"

/* After ours: cmocka makes fail() a macro. */
#include <cmocka.h>

/* ---- notes ---- */

static int origin(const char *text)
{
    struct upper_origin o;

    return upper_origin_parse(text, strlen(text), &o);
}

static void test_origin(void **state)
{
    static const char good[] = "65024:17:100644:5:1795561348.000000009:-3.5";
    struct upper_origin o;

    (void) state;
    assert_int_equal(upper_origin_parse(good, strlen(good), &o), 0);
    assert_int_equal(o.dev, 65024);
    assert_int_equal(o.ino, 17);
    assert_int_equal(o.mode, S_IFREG | 0644);
    assert_int_equal(o.size, 5);
    assert_int_equal(o.mtime.tv_sec, 1795561348);
    assert_int_equal(o.mtime.tv_nsec, 9);
    assert_int_equal(o.ctime.tv_sec, -3);
    assert_int_equal(o.ctime.tv_nsec, 5);
    assert_int_equal(origin("18446744073709551615:1:0:0:0.0:0.999999999"), 0);
    assert_int_equal(origin(""), -EBADMSG);
    assert_int_equal(origin("1:2:100644:5:1.0"), -EBADMSG);
    assert_int_equal(origin("1:2:100644:5:1.0:2"), -EBADMSG);
    assert_int_equal(origin("1:2:100644:5:1.0:2."), -EBADMSG);
    assert_int_equal(origin("1:2:100644:5:1.0:2.1000000000"), -EBADMSG);
    assert_int_equal(origin("1:2:100648:5:1.0:2.0"), -EBADMSG);
    assert_int_equal(origin("1:2:100644:-5:1.0:2.0"), -EBADMSG);
    assert_int_equal(origin("1:2:100644:5:--1.0:2.0"), -EBADMSG);
    assert_int_equal(origin(" 1:2:100644:5:1.0:2.0"), -EBADMSG);
    assert_int_equal(origin("1:2:100644:5:1.0:2.0 "), -EBADMSG);
    assert_int_equal(origin("18446744073709551616:1:0:0:0.0:0.0"), -EBADMSG);
    assert_int_equal(origin("1:1:40000000000:0:0.0:0.0"), -EBADMSG);
    assert_int_equal(upper_origin_parse("1:1:0:0:0.0:0.0\0", 16, &o), -EBADMSG);
}

static void test_origin_holds(void **state)
{
    struct stat st = {.st_dev = 1,
                      .st_ino = 2,
                      .st_mode = S_IFREG | 0644,
                      .st_size = 5,
                      .st_mtim = {1, 2},
                      .st_ctim = {3, 4}};
    struct upper_origin o = {
        .dev = 1, .ino = 2, .mode = S_IFREG | 0644, .size = 5, .mtime = {1, 2}, .ctime = {3, 4}};

    (void) state;
    assert_true(upper_origin_holds(&o, &st));
    st.st_ctim.tv_nsec++;
    assert_false(upper_origin_holds(&o, &st));
    st.st_mode = o.mode = S_IFDIR | 0755;
    assert_true(upper_origin_holds(&o, &st));
    st.st_mode ^= 1;
    assert_false(upper_origin_holds(&o, &st));
}

static int owner(const char *text, struct upper_owner *ret)
{
    return upper_owner_parse(text, strlen(text), ret);
}

static void test_owner(void **state)
{
    struct upper_owner o;

    (void) state;
    assert_int_equal(owner("0:4294967295:100600", &o), 0);
    assert_int_equal(o.gid, UINT32_MAX);
    assert_false(o.is_device);
    assert_int_equal(owner("1:2:20666:259", &o), 0);
    assert_true(o.is_device);
    assert_int_equal(o.rdev, 259);
    assert_int_equal(owner("4294967296:0:0", &o), -EBADMSG);
    assert_int_equal(owner("1:2:20666:", &o), -EBADMSG);
    assert_int_equal(owner("1:2:20666:1:", &o), -EBADMSG);
    assert_int_equal(owner("1:2", &o), -EBADMSG);
    assert_int_equal(owner("", &o), -EBADMSG);
}

static void test_redirect(void **state)
{
    static const char *const bad[] = {"", "/", "a", "/..", "/a/..", "/a//b", "/a/", "/./a", "/a/."};
    char *path = NULL, *big = malloc(5001);

    (void) state;
    assert_int_equal(upper_redirect_parse("/a/..b", 6, &path), 0);
    assert_string_equal(path, "/a/..b");
    free(path);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(upper_redirect_parse(bad[i], strlen(bad[i]), &path), -EBADMSG);
    assert_int_equal(upper_redirect_parse("/a\0b", 4, &path), -EBADMSG);
    memset(big, 'x', 5000);
    big[0] = '/';
    assert_int_equal(upper_redirect_parse(big, 5000, &path), -EBADMSG);
    free(big);
}

/* ---- paths ---- */

static void test_paths(void **state)
{
    char *path;

    (void) state;
    assert_int_equal(path_normalise("//a/./b//", &path), 0);
    assert_string_equal(path, "/a/b");
    free(path);
    assert_int_equal(path_normalise("/", &path), 0);
    assert_string_equal(path, "/");
    free(path);
    assert_int_equal(path_normalise("a", &path), -EINVAL);
    assert_int_equal(path_normalise("/a/../b", &path), -EINVAL);
    assert_true(path_is_normal("/"));
    assert_true(path_is_normal("/a/...b"));
    assert_false(path_is_normal("/a/"));
    assert_true(path_is_below("/a/b", "/a"));
    assert_true(path_is_below("/a", "/"));
    assert_false(path_is_below("/ab", "/a"));
    path = path_join("/", "/x");
    assert_string_equal(path, "/x");
    free(path);
    path = path_join("/x", "/");
    assert_string_equal(path, "/x");
    free(path);
}

static void test_printed(void **state)
{
    struct strbuf sb = STRBUF_INIT;

    (void) state;
    path_print("/a\nb\\\x1b\xc3\xbc\xff", &sb);
    assert_string_equal(sb_text(&sb), "/a\\012b\\134\\033\xc3\xbc\\377");
    sb_free(&sb);
}

/* ---- meta.json ---- */

static int meta(const char *text, struct kept_meta *ret)
{
    struct fail f = {0};
    int r = kept_meta_parse(text, strlen(text), "n", ret, &f);

    assert_true(r == 0 || *f.text);
    return r;
}

#define HEAD "{\"version\":1,\"name\":\"n\",\"created\":\"now\",\"createdNs\":5,"

static void test_meta(void **state)
{
    const struct kept_layer *l;
    struct kept_meta m, again;
    char *text;

    (void) state;
    assert_int_equal(meta(HEAD "\"root\":\"/r\",\"layers\":[{\"number\":3,\"dest\":\"/\"}]}", &m),
                     0);
    assert_int_equal(m.created_ns, 5);
    assert_int_equal(kept_meta_add_layer(&m, "/tmp/x y\"", &l), 0);
    assert_int_equal(l->number, 4);
    assert_int_equal(kept_meta_format(&m, &text), 0);
    assert_int_equal(meta(text, &again), 0);
    assert_int_equal(again.n_layers, 2);
    assert_string_equal(again.layers[1].dest, "/tmp/x y\"");
    free(text);
    kept_meta_free(&m);
    kept_meta_free(&again);
}

static void test_bad_meta(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        HEAD "\"root\":\"r\",\"layers\":[]}",
        HEAD "\"root\":\"/r/..\",\"layers\":[]}",
        HEAD "\"root\":\"/r\",\"layers\":[{\"number\":1}]}",
        HEAD "\"root\":\"/r\",\"layers\":[{\"number\":1,\"dest\":\"x\"}]}",
        HEAD "\"root\":\"/r\",\"layers\":[{\"number\":-1,\"dest\":\"/\"}]}",
        HEAD "\"root\":\"/r\",\"layers\":[{\"number\":1,\"dest\":\"/\"},{\"number\":1,\"dest\":\"/"
             "a\"}]}",
        HEAD
        "\"root\":\"/r\",\"layers\":[{\"number\":1,\"dest\":\"/\"},{\"number\":2,\"dest\":\"/\"}]}",
        "{\"version\":2,\"name\":\"n\",\"created\":\"\",\"createdNs\":0,\"root\":\"/"
        "\",\"layers\":[]}",
        "{\"version\":1,\"name\":\"m\",\"created\":\"\",\"createdNs\":0,\"root\":\"/"
        "\",\"layers\":[]}",
    };
    struct kept_meta m;

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_true(meta(bad[i], &m) < 0);
}

static void test_names(void **state)
{
    static const char *const bad[] = {"", ".", "..", "a/b", "-a", "+a", "a b", "a\n"};
    struct fail f = {0};
    char name[66];

    (void) state;
    memset(name, 'a', sizeof(name));
    name[65] = '\0';
    assert_int_equal(kept_check_name(name, &f), -EINVAL);
    name[64] = '\0';
    assert_int_equal(kept_check_name(name, &f), 0);
    assert_int_equal(kept_check_name("_a.b-c+1", &f), 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(kept_check_name(bad[i], &f), -EINVAL);
}

/* ---- volumes ---- */

static void test_volumes(void **state)
{
    struct volumes v = {0};
    struct fail f = {0};
    char *path;

    (void) state;
    assert_int_equal(volumes_parse(&v, "/:/host//:ro", &f), 0);
    assert_int_equal(volumes_parse(&v, "/usr:/host/a\\:b\\\\c\\d", &f), 0);
    assert_string_equal(v.items[0].dest, "/host");
    assert_true(v.items[0].readonly);
    assert_string_equal(v.items[1].dest, "/host/a:b\\c\\d");
    assert_false(v.items[1].readonly);
    assert_int_equal(volumes_locate(&v, "/host/x", &path), 0);
    assert_string_equal(path, "//x");
    free(path);
    assert_int_equal(volumes_locate(&v, "/host/a:b\\c\\d/e", &path), 0);
    assert_string_equal(path, "/usr/e");
    free(path);
    assert_int_equal(volumes_locate(&v, "/hos", &path), -ENOENT);
    assert_int_equal(volumes_parse(&v, "/:/host", &f), -EEXIST);
    assert_int_equal(volumes_parse(&v, "/", &f), -EINVAL);
    assert_int_equal(volumes_parse(&v, "/:/a:ro:", &f), -EINVAL);
    assert_int_equal(volumes_parse(&v, "::", &f), -EINVAL);
    assert_int_equal(v.n, 2);
    volumes_free(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_origin), cmocka_unit_test(test_origin_holds),
        cmocka_unit_test(test_owner),  cmocka_unit_test(test_redirect),
        cmocka_unit_test(test_paths),  cmocka_unit_test(test_printed),
        cmocka_unit_test(test_meta),   cmocka_unit_test(test_bad_meta),
        cmocka_unit_test(test_names),  cmocka_unit_test(test_volumes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
