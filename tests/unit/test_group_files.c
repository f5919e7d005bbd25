/* SPDX-License-Identifier: Apache-2.0 */
/* What a container is told of its limits, from the texts of either version's files; id maps. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/group/group.h"
#include "kernel/kernel.h"
#include "kernel/task/idmap.h"

#define MIB (UINT64_C(1) << 20)

static int text_fd(const char *text)
{
    int fd = memfd_create("file", 0);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t) strlen(text));
    return fd;
}

static void begin(struct kernel *k, bool v2)
{
    memset(k, 0, sizeof(*k));
    for (size_t i = 0; i < N_GROUP_FILES; i++)
        k->group.fds[i] = -1;
    k->group.v2 = v2;
}

static void set(struct kernel *k, enum group_file which, const char *text)
{
    if (k->group.fds[which] >= 0)
        close(k->group.fds[which]);
    k->group.fds[which] = text_fd(text);
}

static void end(struct kernel *k)
{
    for (size_t i = 0; i < N_GROUP_FILES; i++)
        if (k->group.fds[i] >= 0)
            close(k->group.fds[i]);
}

static void no_group(void **state)
{
    static struct kernel k;
    uint64_t v, quota, period;
    cpu_set_t cpus;

    begin(&k, false);
    assert_false(group_number(&k, GROUP_MEMORY_MAX, &v));
    assert_true(group_memory_max(&k) == GROUP_NO_LIMIT);
    assert_true(group_swap_max(&k) == GROUP_NO_LIMIT);
    group_cpu_max(&k, &quota, &period);
    assert_true(quota == GROUP_NO_LIMIT);
    assert_int_equal(period, 100000);
    assert_int_equal(group_cpu_weight(&k), 100);
    CPU_ZERO(&cpus);
    CPU_SET(3, &cpus);
    group_clamp_cpus(&k, &cpus);
    assert_true(CPU_COUNT(&cpus) == 1 && CPU_ISSET(3, &cpus));
}

static void version_1(void **state)
{
    static struct kernel k;
    uint64_t v, quota, period;

    begin(&k, false);
    set(&k, GROUP_MEMORY_MAX, "9223372036854771712\n");
    assert_true(group_memory_max(&k) == GROUP_NO_LIMIT);
    set(&k, GROUP_MEMORY_MAX, "67108864\n");
    set(&k, GROUP_SWAP_MAX, "100663296\n");
    assert_int_equal(group_memory_max(&k), 64 * MIB);
    assert_int_equal(group_swap_max(&k), 32 * MIB);
    set(&k, GROUP_MEMORY_CURRENT, "1048576\n");
    set(&k, GROUP_SWAP_CURRENT, "3145728\n");
    assert_int_equal(group_swap_used(&k), 2 * MIB);
    set(&k, GROUP_CPU_MAX, "-1\n");
    set(&k, GROUP_CPU_PERIOD, "50000\n");
    group_cpu_max(&k, &quota, &period);
    assert_true(quota == GROUP_NO_LIMIT);
    assert_int_equal(period, 50000);
    set(&k, GROUP_CPU_MAX, "25000\n");
    group_cpu_max(&k, &quota, &period);
    assert_int_equal(quota, 25000);
    set(&k, GROUP_CPU_WEIGHT, "2\n");
    assert_int_equal(group_cpu_weight(&k), 1);
    set(&k, GROUP_CPU_WEIGHT, "262144\n");
    assert_int_equal(group_cpu_weight(&k), 10000);
    set(&k, GROUP_CPU_STAT, "nr_periods 7\nnr_throttled 3\nthrottled_time 9000\n");
    assert_true(group_field(&k, GROUP_CPU_STAT, "nr_throttled", &v) && v == 3);
    assert_false(group_field(&k, GROUP_CPU_STAT, "nr_throttle", &v));
    assert_false(group_field(&k, GROUP_CPU_STAT, "periods", &v));
    end(&k);
}

static void version_2(void **state)
{
    static struct kernel k;
    struct memory_view m;
    uint64_t quota, period;
    cpu_set_t cpus;

    begin(&k, true);
    set(&k, GROUP_MEMORY_MAX, "max\n");
    assert_true(group_memory_max(&k) == GROUP_NO_LIMIT);
    set(&k, GROUP_CPU_MAX, "max 100000\n");
    group_cpu_max(&k, &quota, &period);
    assert_true(quota == GROUP_NO_LIMIT && period == 100000);
    set(&k, GROUP_CPU_MAX, "30000 60000\n");
    group_cpu_max(&k, &quota, &period);
    assert_true(quota == 30000 && period == 60000);
    set(&k, GROUP_MEMORY_MAX, "33554432\n");
    set(&k, GROUP_MEMORY_CURRENT, "8388608\n");
    set(&k, GROUP_MEMORY_STAT, "anon 4194304\nfile 2097152\nshmem 0\n");
    group_memory_view(&k, &m);
    assert_int_equal(m.total, 32 * MIB);
    assert_true(m.free <= 24 * MIB && m.cached == 2 * MIB && m.buffers == 0);
    assert_true(m.available >= m.free && m.available <= m.total);
    set(&k, GROUP_CPUS, "0-1,5\n");
    CPU_ZERO(&cpus);
    CPU_SET(1, &cpus);
    CPU_SET(2, &cpus);
    group_clamp_cpus(&k, &cpus);
    assert_true(CPU_COUNT(&cpus) == 1 && CPU_ISSET(1, &cpus));
    CPU_ZERO(&cpus);
    CPU_SET(2, &cpus);
    group_clamp_cpus(&k, &cpus);
    assert_true(CPU_COUNT(&cpus) == 3 && CPU_ISSET(5, &cpus));
    end(&k);
}

static void id_maps(void **state)
{
    struct id_map m;

    assert_int_equal(id_map_parse(NULL, &m), 0);
    assert_true(id_is_mapped(&m, 4000000000u));
    free(m.ranges);
    assert_int_equal(id_map_parse("  0  100000  1000\n  70000 300000 1\n", &m), 0);
    assert_int_equal(m.n, 2);
    assert_true(id_is_mapped(&m, 0) && id_is_mapped(&m, 999) && id_is_mapped(&m, 70000));
    assert_false(id_is_mapped(&m, 1000) || id_is_mapped(&m, 69999) || id_is_mapped(&m, 70001));
    free(m.ranges);
    assert_int_equal(id_map_parse("0 what 1\n", &m), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_group),
        cmocka_unit_test(version_1),
        cmocka_unit_test(version_2),
        cmocka_unit_test(id_maps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
