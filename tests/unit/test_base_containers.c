/* SPDX-License-Identifier: Apache-2.0 */
/* base: list, htab, bitmap, ref, util. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bitmap.h"
#include "base/cleanup.h"
#include "base/htab.h"
#include "base/list.h"
#include "base/ref.h"

struct item {
    int value;
    struct list link;
    struct htab_node node;
};

static void list_keeps_order(void **state)
{
    struct item items[5], *pos, *tmp;
    struct list a, b;
    int expect = 0;

    list_init(&a);
    list_init(&b);
    assert_true(list_empty(&a));
    assert_null(list_pop(&a));
    for (int i = 0; i < 5; i++) {
        items[i].value = i;
        list_add_tail(&items[i].link, i < 3 ? &a : &b);
    }
    list_splice_tail(&b, &a);
    assert_true(list_empty(&b));
    list_splice_tail(&b, &a);
    list_for_each_entry (pos, &a, link)
        assert_int_equal(pos->value, expect++);
    assert_int_equal(expect, 5);
    list_for_each_entry_safe (pos, tmp, &a, link)
        if (pos->value % 2)
            list_del(&pos->link);
    assert_int_equal(list_count(&a), 3);
    list_del(&items[1].link); /* twice does no harm */
    assert_true(list_empty(&items[1].link));
    list_add(&items[1].link, &a);
    assert_ptr_equal(list_first_entry(&a, struct item, link), &items[1]);
    assert_ptr_equal(list_last_entry(&a, struct item, link), &items[4]);
    assert_ptr_equal(list_pop(&a), &items[1].link);
}

#define MANY 5000

static void htab_finds_all_and_only(void **state)
{
    struct item *items = calloc(MANY, sizeof(*items));
    struct htab_node *n, *tmp;
    struct htab h;
    size_t seen = 0;

    assert_non_null(items);
    htab_init(&h);
    assert_null(htab_find_first(&h, 1));
    assert_null(htab_first(&h));
    for (int i = 0; i < MANY; i++) {
        items[i].value = i;
        htab_insert(&h, &items[i].node, hash_u64((uint64_t) i % 1000)); /* five of each */
    }
    assert_int_equal(htab_count(&h), MANY);
    for (unsigned key = 0; key < 1000; key++) {
        int found = 0;
        htab_for_each_hash (n, &h, hash_u64(key))
            found += container_of(n, struct item, node)->value % 1000 == (int) key;
        assert_int_equal(found, 5);
    }
    htab_for_each_safe (n, tmp, &h)
        if (container_of(n, struct item, node)->value >= 1000)
            htab_remove(&h, n);
    htab_for_each (n, &h)
        seen++;
    assert_int_equal(seen, 1000);
    assert_null(htab_find_first(&h, hash_u64(1001)));
    htab_free(&h);
    free(items);
}

static void hashes_depend_on_every_byte(void **state)
{
    const char text[] = "the quick brown fox";
    char other[sizeof(text)];

    for (size_t n = 0; n < sizeof(text); n++) {
        assert_int_not_equal(hash_bytes(text, n, 1), hash_bytes(text, n + 1, 1));
        memcpy(other, text, sizeof(text));
        other[n] ^= 1;
        assert_int_not_equal(hash_bytes(text, sizeof(text), 1), hash_bytes(other, sizeof(text), 1));
    }
    assert_int_not_equal(hash_bytes(text, 5, 1), hash_bytes(text, 5, 2));
}

static void bitmap_finds_and_grows(void **state)
{
    struct bitmap b, c;

    bitmap_init(&b);
    bitmap_init(&c);
    assert_int_equal(bitmap_first_zero(&b, 0), 0);
    assert_int_equal(bitmap_first_zero(&b, 77), 77);
    assert_true(bitmap_first_set(&b, 0) == SIZE_MAX);
    for (size_t i = 0; i < 200; i++)
        assert_int_equal(bitmap_set(&b, i), 0);
    assert_int_equal(bitmap_first_zero(&b, 0), 200);
    bitmap_clear(&b, 64);
    bitmap_clear(&b, 100000);
    assert_int_equal(bitmap_first_zero(&b, 0), 64);
    assert_int_equal(bitmap_first_zero(&b, 65), 200);
    assert_int_equal(bitmap_count(&b), 199);
    assert_int_equal(bitmap_copy(&c, &b), 0);
    assert_int_equal(bitmap_set(&b, 64), 0);
    assert_false(bitmap_test(&c, 64));
    assert_true(bitmap_test(&c, 199));
    assert_false(bitmap_test(&c, 1 << 20));
    assert_int_equal(bitmap_first_set(&c, 64), 65);
    assert_int_equal(bitmap_set(&c, SIZE_MAX), -ENOMEM);
    bitmap_free(&b);
    bitmap_free(&c);
}

static void ref_counts_and_saturates(void **state)
{
    struct ref r;

    ref_init(&r);
    ref_get(&r);
    assert_false(ref_put(&r));
    assert_true(ref_tryget(&r));
    assert_false(ref_put(&r));
    assert_true(ref_put(&r));
    assert_false(ref_tryget(&r));
    r.n = REF_SATURATED;
    ref_get(&r);
    assert_int_equal(ref_count(&r), REF_SATURATED);
    for (int i = 0; i < 3; i++)
        assert_false(ref_put(&r));
    assert_int_equal(ref_count(&r), REF_SATURATED);
}

static void ref_underflow_aborts(void **state)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        struct ref r = {0};
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        signal(SIGABRT, SIG_DFL);
        _exit(ref_put(&r));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void owners_are_released_once(void **state)
{
    int pipe_fds[2], kept;

    assert_int_equal(pipe(pipe_fds), 0);
    {
        _cleanup_close_ int a = pipe_fds[0];
        _cleanup_close_ int b = pipe_fds[1];
        kept = take_fd(&b);
        assert_int_equal(b, -1);
        assert_int_equal(a, pipe_fds[0]);
    }
    assert_int_equal(close(pipe_fds[0]), -1);
    assert_int_equal(close(kept), 0);
    _cleanup_free_ char *text = strdup("x");
    char *moved = take_ptr(&text);
    assert_null(text);
    free(moved);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_keeps_order),
        cmocka_unit_test(htab_finds_all_and_only),
        cmocka_unit_test(hashes_depend_on_every_byte),
        cmocka_unit_test(bitmap_finds_and_grows),
        cmocka_unit_test(ref_counts_and_saturates),
        cmocka_unit_test(ref_underflow_aborts),
        cmocka_unit_test(owners_are_released_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
