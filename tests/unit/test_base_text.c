/* SPDX-License-Identifier: Apache-2.0 */
/* base: strbuf, checked, parse, textio, log. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <json.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "base/textio.h"

static void strbuf_builds(void **state)
{
    _cleanup_sb_ struct strbuf sb = STRBUF_INIT;
    char *taken;

    assert_string_equal(sb_text(&sb), "");
    sb_add(&sb, "a");
    sb_addch(&sb, 'b');
    sb_addf(&sb, "%d-%s", 42, "c");
    assert_string_equal(sb_text(&sb), "ab42-c");
    for (int i = 0; i < 1000; i++)
        sb_addf(&sb, "%0100d", i);
    assert_int_equal(sb.len, 6 + 100000);
    assert_int_equal(sb_take(&sb, &taken), 0);
    assert_int_equal(strlen(taken), 100006);
    free(taken);
    assert_string_equal(sb_text(&sb), "");
}

static void strbuf_error_sticks(void **state)
{
    _cleanup_sb_ struct strbuf sb = STRBUF_INIT;
    char *taken = NULL;

    sb_add(&sb, "kept");
    sb_addn(&sb, "", SIZE_MAX - 2);
    sb_add(&sb, "lost");
    assert_int_equal(sb_error(&sb), -ENOMEM);
    assert_string_equal(sb_text(&sb), "kept");
    assert_int_equal(sb_take(&sb, &taken), -ENOMEM);
    assert_null(taken);
    sb_reset(&sb);
    assert_int_equal(sb_error(&sb), 0);
    assert_string_equal(sb_text(&sb), "");
}

static void json_strings_are_escaped(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"", "\"\""},
        {"plain", "\"plain\""},
        {"\"\\\n\t\r\b\f", "\"\\\"\\\\\\n\\t\\r\\b\\f\""},
        {"\x01\x1f\x7f", "\"\\u0001\\u001f\\u007f\""},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"\xff", "\"\xef\xbf\xbd\""},
        {"\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\""},                 /* overlong */
        {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* surrogate */
        {"\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\""},                 /* cut short */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_sb_ struct strbuf sb = STRBUF_INIT;
        sb_add_json_string(&sb, cases[i].in);
        assert_string_equal(sb_text(&sb), cases[i].out);
    }
}

static void arithmetic_is_checked(void **state)
{
    size_t n;
    uint32_t u32;
    uint64_t u64;

    assert_true(check_add((size_t) 1, (size_t) 2, &n));
    assert_int_equal(n, 3);
    assert_false(check_add(SIZE_MAX, (size_t) 1, &n));
    assert_false(check_mul(UINT64_MAX, (uint64_t) 2, &u64));
    assert_false(check_add(UINT32_MAX, 1u, &u32));
    assert_false(check_sub((uint64_t) 1, (uint64_t) 2, &u64));
    assert_true(check_align_up(4097, 4096, &u64));
    assert_int_equal(u64, 8192);
    assert_false(check_align_up(UINT64_MAX, 4096, &u64));
    assert_true(check_range(0, 10, 10));
    assert_false(check_range(1, 10, 10));
    assert_false(check_range(UINT64_MAX, 2, 10));
    assert_int_equal(ALIGN_UP(1u, 16), 16);
    assert_int_equal(ALIGN_DOWN(31u, 16), 16);
    assert_int_equal(MIN(3, MAX(1, 2)), 2);
}

static void numbers_are_strict(void **state)
{
    static const char *const bad[] = {"", " 1", "1 ", "+1", "0x1", "1.", "a", "-", "--1", "1k1"};
    uint64_t u = 7;
    int64_t i = 7;
    int32_t i32;
    uint32_t u32;
    bool b;

    for (size_t k = 0; k < ARRAY_LEN(bad); k++) {
        assert_int_equal(parse_u64(bad[k], &u), -EINVAL);
        assert_int_equal(parse_i64(bad[k], &i), -EINVAL);
        assert_int_equal(parse_size(bad[k], &u), -EINVAL);
    }
    assert_int_equal(parse_u64("-1", &u), -EINVAL);
    assert_int_equal(parse_u64(NULL, &u), -EINVAL);
    assert_int_equal(u, 7);
    assert_int_equal(parse_u64("18446744073709551615", &u), 0);
    assert_true(u == UINT64_MAX);
    assert_int_equal(parse_u64("18446744073709551616", &u), -ERANGE);
    assert_int_equal(parse_i64("-9223372036854775808", &i), 0);
    assert_true(i == INT64_MIN);
    assert_int_equal(parse_i64("9223372036854775808", &i), -ERANGE);
    assert_int_equal(parse_i32("-2147483649", &i32), -ERANGE);
    assert_int_equal(parse_u32("4294967296", &u32), -ERANGE);
    assert_int_equal(parse_octal("0755", &u32), 0);
    assert_int_equal(u32, 0755);
    assert_int_equal(parse_octal("8", &u32), -EINVAL);
    assert_int_equal(parse_hex("fF", &u), 0);
    assert_int_equal(u, 255);
    assert_int_equal(parse_bool("yes", &b), 0);
    assert_true(b);
    assert_int_equal(parse_bool("maybe", &b), -EINVAL);
}

static void sizes_have_units(void **state)
{
    uint64_t u;

    assert_int_equal(parse_size("10", &u), 0);
    assert_int_equal(u, 10);
    assert_int_equal(parse_size("10b", &u), 0);
    assert_int_equal(u, 10);
    assert_int_equal(parse_size("1K", &u), 0);
    assert_int_equal(u, 1024);
    assert_int_equal(parse_size("3mb", &u), 0);
    assert_int_equal(u, 3u << 20);
    assert_int_equal(parse_size("2GiB", &u), 0);
    assert_int_equal(u, (uint64_t) 2 << 30);
    assert_int_equal(parse_size("10iB", &u), -EINVAL);
    assert_int_equal(parse_size("99999999999T", &u), -ERANGE);
}

static void files_are_read_whole_or_not(void **state)
{
    char *text, big[5000];
    size_t len;
    int fd = memfd_create("file", MFD_CLOEXEC);

    memset(big, 'x', sizeof(big));
    assert_true(fd >= 0);
    assert_int_equal(write_full(fd, big, sizeof(big)), 0);
    lseek(fd, 0, SEEK_SET);
    assert_int_equal(read_fd_all(fd, 4999, &text, NULL), -EFBIG);
    lseek(fd, 0, SEEK_SET);
    assert_int_equal(read_fd_all(fd, 5000, &text, &len), 0);
    assert_int_equal(len, 5000);
    assert_int_equal(strlen(text), 5000);
    free(text);
    close(fd);
    assert_int_equal(read_file_at(AT_FDCWD, "/proc/self/comm", 64, &text, NULL), 0);
    assert_string_equal(text, "test_base_text\n");
    free(text);
    assert_int_equal(read_file_at(AT_FDCWD, "/proc/self/exe", 64, &text, NULL), -ELOOP);
    assert_int_equal(read_file_at(AT_FDCWD, "/nonexistent", 64, &text, NULL), -ENOENT);
    assert_int_equal(write_file_at(AT_FDCWD, "/proc/self/comm", "renamed"), 0);
    assert_int_equal(write_file_atf(AT_FDCWD, "/proc/self/comm", "test_%s", "base_text"), 0);
}

/* What one log call writes; the caller frees. */
static char *logged(enum log_format format, enum log_level level, const char *msg)
{
    char *text;
    int fd = memfd_create("log", MFD_CLOEXEC);

    assert_true(fd >= 0);
    log_init(fd, format, LOG_INFO);
    errno = 123;
    LOG_AT_(level, "%s", msg);
    assert_int_equal(errno, 123);
    log_init(STDERR_FILENO, LOG_TEXT, LOG_WARN);
    lseek(fd, 0, SEEK_SET);
    assert_int_equal(read_fd_all(fd, 1 << 20, &text, NULL), 0);
    close(fd);
    return text;
}

static void log_text_is_one_line(void **state)
{
    _cleanup_free_ char *a = logged(LOG_TEXT, LOG_ERROR, "it\nbroke \x1b[31mhere\n");
    _cleanup_free_ char *b = logged(LOG_TEXT, LOG_DEBUG, "quiet");

    assert_non_null(strstr(a, "Z ERROR it broke ?[31mhere\n"));
    assert_ptr_equal(strchr(a, '\n'), a + strlen(a) - 1);
    assert_string_equal(b, "");
}

static void check_json(const char *msg)
{
    _cleanup_free_ char *line = logged(LOG_JSON, LOG_WARN, msg);
    struct json_object *o = json_tokener_parse(line), *v;

    assert_non_null(o);
    assert_true(json_object_object_get_ex(o, "level", &v));
    assert_string_equal(json_object_get_string(v), "warning");
    assert_true(json_object_object_get_ex(o, "msg", &v));
    assert_string_equal(json_object_get_string(v), msg);
    assert_true(json_object_object_get_ex(o, "time", &v));
    assert_int_equal(strlen(json_object_get_string(v)), strlen("2026-01-31T12:00:00Z"));
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
    json_object_put(o);
}

static void log_json_is_one_object(void **state)
{
    char big[4000];

    check_json("plain words");
    check_json("quotes \" and \\ and\nlines");
    memset(big, 'y', sizeof(big));
    big[sizeof(big) - 1] = '\0';
    check_json(big);
    memset(big, '"', 600);
    big[600] = '\0';
    check_json(big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strbuf_builds),
        cmocka_unit_test(strbuf_error_sticks),
        cmocka_unit_test(json_strings_are_escaped),
        cmocka_unit_test(arithmetic_is_checked),
        cmocka_unit_test(numbers_are_strict),
        cmocka_unit_test(sizes_have_units),
        cmocka_unit_test(files_are_read_whole_or_not),
        cmocka_unit_test(log_text_is_one_line),
        cmocka_unit_test(log_json_is_one_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
