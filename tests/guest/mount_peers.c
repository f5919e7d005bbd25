/* SPDX-License-Identifier: Apache-2.0 */
/* Shared mounts, and those that follow them: mount_namespaces(7). */
#include "mounting.h"

/* s is a shared mount with two directories; a, b, c are there to be mounted on. */
static void tree(void)
{
    need_admin();
    static const char *const dirs[] = {"s", "a", "b", "c", "x"};
    for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
        CHECK_EQ(mkdir(dirs[i], 0755), 0);
    put_file("x/mark", "x", 0644);
    CHECK_EQ(mount("t", "s", "tmpfs", 0, NULL), 0);
    CHECK_EQ(mount(NULL, "s", NULL, MS_PRIVATE, NULL), 0);
    CHECK_EQ(mkdir("s/d", 0755), 0);
    CHECK_EQ(mkdir("s/d/e", 0755), 0);
    CHECK_EQ(mkdir("s/f", 0755), 0);
    CHECK_EQ(mount(NULL, "s", NULL, MS_SHARED, NULL), 0);
}

/* The number of one of the optional fields; 0: not there. */
static int field(const char *at, const char *name)
{
    char line[4096];
    CHECK(mount_line(here(at), line, sizeof(line)));
    char *end = strstr(line, " - "), *f = strstr(line, name);
    return f && f < end ? atoi(f + strlen(name)) : 0;
}

CASE(a_bind_is_a_peer)
{
    tree();
    int group = field("s", "shared:");
    CHECK(group > 0);
    bind_dir("s", "a");
    CHECK_EQ(field("a", "shared:"), group);
    bind_dir("x", "s/d");
    CHECK_EQ(access("a/d/mark", F_OK), 0);
    CHECK(field("s/d", "shared:") > 0);
    CHECK_EQ(field("s/d", "shared:"), field("a/d", "shared:"));
    bind_dir("x", "a/f");
    CHECK_EQ(access("s/f/mark", F_OK), 0);
    CHECK_EQ(umount("a/d"), 0);
    CHECK_ERR(access("s/d/mark", F_OK), ENOENT);
    CHECK_EQ(umount("s/f"), 0);
    CHECK_ERR(access("a/f/mark", F_OK), ENOENT);
    CHECK_EQ(umount("a"), 0);
    CHECK_EQ(umount("s"), 0);
}

CASE(a_slave_receives_and_gives_nothing)
{
    tree();
    bind_dir("s", "a");
    CHECK_EQ(mount(NULL, "a", NULL, MS_SLAVE, NULL), 0);
    CHECK_EQ(field("a", "shared:"), 0);
    CHECK_EQ(field("a", "master:"), field("s", "shared:"));
    bind_dir("x", "s/d");
    CHECK_EQ(access("a/d/mark", F_OK), 0);
    CHECK_EQ(field("a/d", "master:"), field("s/d", "shared:"));
    bind_dir("x", "a/f");
    CHECK_ERR(access("s/f/mark", F_OK), ENOENT);
    CHECK_EQ(umount("a/d"), 0);
    CHECK_EQ(access("s/d/mark", F_OK), 0);
    CHECK_EQ(umount("a/f"), 0);
    CHECK_EQ(umount("s/d"), 0);
    CHECK_EQ(umount("a"), 0);
    CHECK_EQ(umount("s"), 0);
}

CASE(a_private_one_is_on_its_own)
{
    tree();
    bind_dir("s", "a");
    CHECK_EQ(mount(NULL, "a", NULL, MS_PRIVATE, NULL), 0);
    bind_dir("x", "s/d");
    CHECK_ERR(access("a/d/mark", F_OK), ENOENT);
    CHECK_EQ(umount("s/d"), 0);
    CHECK_EQ(umount("a"), 0);
    /* A bind of a private mount is private. */
    bind_dir("x", "a");
    CHECK_EQ(mount(NULL, "a", NULL, MS_PRIVATE, NULL), 0);
    bind_dir("a", "b");
    CHECK_EQ(field("b", "shared:"), 0);
    CHECK_EQ(umount("b"), 0);
    CHECK_EQ(umount("a"), 0);
    CHECK_EQ(umount("s"), 0);
}

CASE(a_slave_with_peers_of_its_own)
{
    tree();
    bind_dir("s", "a");
    CHECK_EQ(mount(NULL, "a", NULL, MS_SLAVE, NULL), 0);
    CHECK_EQ(mount(NULL, "a", NULL, MS_SHARED, NULL), 0);
    CHECK(field("a", "shared:") > 0);
    CHECK_EQ(field("a", "master:"), field("s", "shared:"));
    bind_dir("a", "b");
    CHECK_EQ(field("b", "shared:"), field("a", "shared:"));
    bind_dir("b", "c");
    CHECK_EQ(mount(NULL, "c", NULL, MS_SLAVE, NULL), 0);
    bind_dir("x", "s/d");
    CHECK_EQ(access("a/d/mark", F_OK), 0);
    CHECK_EQ(access("b/d/mark", F_OK), 0);
    CHECK_EQ(access("c/d/mark", F_OK), 0);
    CHECK_EQ(field("a/d", "shared:"), field("b/d", "shared:"));
    CHECK_EQ(field("c/d", "master:"), field("b/d", "shared:"));
    CHECK_EQ(field("a/d", "master:"), field("s/d", "shared:"));
    CHECK_EQ(umount("s/d"), 0);
    CHECK_ERR(access("c/d/mark", F_OK), ENOENT);
    bind_dir("x", "a/f");
    CHECK_EQ(access("b/f/mark", F_OK), 0);
    CHECK_EQ(access("c/f/mark", F_OK), 0);
    CHECK_ERR(access("s/f/mark", F_OK), ENOENT);
    CHECK_EQ(umount("b/f"), 0);
    CHECK_EQ(umount("c"), 0);
    CHECK_EQ(umount("b"), 0);
    CHECK_EQ(umount("a"), 0);
    CHECK_EQ(umount("s"), 0);
}

CASE(a_part_receives_what_it_shows)
{
    tree();
    bind_dir("s/d", "a");
    bind_dir("x", "s/d/e");
    CHECK_EQ(access("a/e/mark", F_OK), 0);
    bind_dir("x", "s/f");
    CHECK_EQ(mounts_below(here("a")), 2);
    CHECK_EQ(umount("s/f"), 0);
    CHECK_EQ(umount("a/e"), 0);
    CHECK_ERR(access("s/d/e/mark", F_OK), ENOENT);
    CHECK_EQ(umount("a"), 0);
    CHECK_EQ(umount("s"), 0);
}

CASE(busy_elsewhere)
{
    tree();
    bind_dir("s", "a");
    bind_dir("x", "s/d");
    int fd = (int) CHECK_OK(open("a/d/mark", O_RDONLY));
    CHECK_ERR(umount("s/d"), EBUSY);
    close(fd);
    CHECK_EQ(umount("s/d"), 0);
    CHECK_EQ(mounts_below(here("a")), 1);
    CHECK_EQ(umount("a"), 0);
    CHECK_EQ(umount("s"), 0);
}

CASE(detached_everywhere)
{
    tree();
    bind_dir("s", "a");
    bind_dir("x", "s/d");
    int fd = (int) CHECK_OK(open("a/d/mark", O_RDONLY));
    CHECK_EQ(umount2("s/d", MNT_DETACH), 0);
    CHECK_ERR(access("a/d/mark", F_OK), ENOENT);
    close(fd);
    CHECK_EQ(umount("a"), 0);
    CHECK_EQ(umount("s"), 0);
}

CASE(moves)
{
    tree();
    bind_dir("x", "s/d");
    CHECK_ERR(mount("s/d", "a", NULL, MS_MOVE, NULL), EINVAL); /* its parent is shared */
    CHECK_EQ(umount("s/d"), 0);
    bind_dir("s", "b");
    /* Into a shared one: the others get a copy. */
    CHECK_EQ(mount("x", "x", NULL, MS_BIND, NULL), 0);
    CHECK_EQ(mount(NULL, "x", NULL, MS_PRIVATE, NULL), 0);
    CHECK_EQ(mount("x", "s/f", NULL, MS_MOVE, NULL), 0);
    CHECK_EQ(access("b/f/mark", F_OK), 0);
    CHECK_EQ(umount("s/f"), 0);
    CHECK_EQ(mounts_below(here("b")), 1);
    CHECK_EQ(umount("b"), 0);
    CHECK_EQ(umount("s"), 0);
}

CASE(between_name_spaces)
{
    tree();
    int up[2], down[2];
    char c;
    CHECK_EQ(pipe(up), 0);
    CHECK_EQ(pipe(down), 0);
    pid_t p = fork();
    if (p == 0) {
        CHECK_EQ(unshare(CLONE_NEWNS), 0);
        CHECK_EQ(mount(NULL, "s", NULL, MS_SLAVE, NULL), 0);
        CHECK_EQ(write(up[1], "x", 1), 1);
        CHECK_EQ(read(down[0], &c, 1), 1);
        CHECK_EQ(access("s/d/mark", F_OK), 0);
        bind_dir("x", "s/f");
        CHECK_EQ(write(up[1], "x", 1), 1);
        CHECK_EQ(read(down[0], &c, 1), 1);
        CHECK_ERR(access("s/d/mark", F_OK), ENOENT);
        CHECK_EQ(access("s/f/mark", F_OK), 0);
        _exit(0);
    }
    CHECK_EQ(read(up[0], &c, 1), 1);
    bind_dir("x", "s/d");
    CHECK_EQ(write(down[1], "x", 1), 1);
    CHECK_EQ(read(up[0], &c, 1), 1);
    CHECK_ERR(access("s/f/mark", F_OK), ENOENT);
    CHECK_EQ(umount("s/d"), 0);
    CHECK_EQ(write(down[1], "x", 1), 1);
    CHECK_EXIT(p, 0);
    CHECK_EQ(umount("s"), 0);
}

CASE(a_peer_below_itself)
{
    tree();
    bind_dir("s", "s/d");
    CHECK_EQ(mounts_below(here("s")), 2);
    CHECK_EQ(access("s/d/d/e", F_OK), 0);
    bind_dir("x", "s/f");
    CHECK_EQ(access("s/d/f/mark", F_OK), 0);
    CHECK_EQ(mounts_below(here("s")), 4);
    CHECK_EQ(umount2("s/d", MNT_DETACH), 0);
    CHECK_EQ(umount2("s", MNT_DETACH), 0);
    CHECK_EQ(mounts_below(here("s")), 0);
}

CASE(detaching_a_tree_of_peers)
{
    tree();
    bind_dir("s", "s/d");
    bind_dir("s/f", "s/d/f");
    bind_dir("x", "s/f");
    CHECK_EQ(umount2("s", MNT_DETACH), 0);
    CHECK_EQ(mounts_below(here("s")), 0);
}

CASE(recursive_changes)
{
    tree();
    bind_dir("x", "s/d");
    CHECK(field("s/d", "shared:") > 0);
    CHECK_EQ(mount(NULL, "s", NULL, MS_PRIVATE | MS_REC, NULL), 0);
    CHECK_EQ(field("s/d", "shared:"), 0);
    CHECK_EQ(field("s", "shared:"), 0);
    CHECK_EQ(mount(NULL, "s", NULL, MS_SHARED | MS_REC, NULL), 0);
    CHECK(field("s/d", "shared:") > 0);
    CHECK(field("s", "shared:") > 0);
    CHECK(field("s", "shared:") != field("s/d", "shared:"));
    /* A slave without peers is a private one. */
    CHECK_EQ(mount(NULL, "s", NULL, MS_SLAVE, NULL), 0);
    CHECK_EQ(field("s", "master:"), 0);
    CHECK_EQ(umount("s/d"), 0);
    CHECK_EQ(umount("s"), 0);
}

CASE(slaves_of_a_group_that_ends)
{
    tree();
    bind_dir("s", "a");
    CHECK_EQ(mount(NULL, "a", NULL, MS_SLAVE, NULL), 0);
    CHECK_EQ(mount(NULL, "a", NULL, MS_SHARED, NULL), 0);
    bind_dir("a", "b");
    CHECK_EQ(mount(NULL, "b", NULL, MS_SLAVE, NULL), 0);
    CHECK_EQ(umount("a"), 0);
    CHECK_EQ(field("b", "master:"), field("s", "shared:"));
    bind_dir("x", "s/d");
    CHECK_EQ(access("b/d/mark", F_OK), 0);
    CHECK_EQ(umount("s/d"), 0);
    CHECK_EQ(umount("b"), 0);
    CHECK_EQ(umount("s"), 0);
}

GUEST_MAIN
