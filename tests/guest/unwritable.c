/* SPDX-License-Identifier: Apache-2.0 */
/* Calls whose results cannot be delivered: nothing is lost by them, and nothing is left behind. */
#include "guest.h"
#include <sys/socket.h>
#include <sys/uio.h>

#define PAGE 4096

/* Memory nobody may write; the page before it is good. */
static char *wall(void)
{
    char *p =
        CHECK_MAP(mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CHECK_EQ(mprotect(p + PAGE, PAGE, PROT_READ), 0);
    return p + PAGE;
}

static int lowest(void)
{
    int fd = (int) CHECK_OK(dup(1));
    CHECK_EQ(close(fd), 0);
    return fd;
}

CASE(pipe_keeps_its_bytes)
{
    int p[2];
    char buf[64], *bad = wall();
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(write(p[1], "0123456789", 10), 10);
    CHECK_ERR(read(p[0], bad, 4), EFAULT);
    CHECK_ERR(read(p[0], (void *) 8, 4), EFAULT);
    CHECK_ERR(read(p[0], NULL, 4), EFAULT);
    CHECK_EQ(read(p[0], buf, sizeof(buf)), 10);
    CHECK_MEM(buf, "0123456789", 10);
}

CASE(what_fits_before_the_wall)
{
    int fd = (int) CHECK_OK(open("f", O_RDWR | O_CREAT, 0600));
    char buf[64], *bad = wall();
    CHECK_EQ(write(fd, "0123456789", 10), 10);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    CHECK_EQ(read(fd, bad - 4, 10), 4);
    CHECK_MEM(bad - 4, "0123", 4);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 4);
    CHECK_EQ(read(fd, buf, sizeof(buf)), 6);
}

CASE(file_offset_stays)
{
    int fd = (int) CHECK_OK(open("f", O_RDWR | O_CREAT, 0600));
    char *bad = wall();
    CHECK_EQ(write(fd, "0123456789", 10), 10);
    CHECK_EQ(lseek(fd, 2, SEEK_SET), 2);
    CHECK_ERR(read(fd, bad, 4), EFAULT);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 2);
    struct iovec v[2] = {{bad - 2, 2}, {bad, 2}};
    CHECK_EQ(readv(fd, v, 2), 2);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 4);
    CHECK_ERR(write(fd, (void *) 8, 4), EFAULT);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 4);
}

CASE(stream_socket_keeps_its_bytes)
{
    int s[2];
    char buf[64], *bad = wall();
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
    CHECK_EQ(write(s[1], "abc", 3), 3);
    CHECK_ERR(read(s[0], bad, 3), EFAULT);
    CHECK_ERR(recv(s[0], bad, 3, 0), EFAULT);
    CHECK_EQ(read(s[0], buf, sizeof(buf)), 3);
    CHECK_MEM(buf, "abc", 3);
}

CASE(no_descriptors_are_left)
{
    char *bad = wall();
    int before = lowest();
    CHECK_ERR(pipe((int *) (void *) bad), EFAULT);
    CHECK_EQ(lowest(), before);
    CHECK_ERR(pipe2((int *) 8, O_CLOEXEC), EFAULT);
    CHECK_EQ(lowest(), before);
    CHECK_ERR(socketpair(AF_UNIX, SOCK_STREAM, 0, (int *) (void *) bad), EFAULT);
    CHECK_EQ(lowest(), before);
    CHECK_ERR(syscall(SYS_pipe, bad), EFAULT);
    CHECK_EQ(lowest(), before);
}

CASE(directory_is_listed_from_where_it_was)
{
    char buf[4096], *bad = wall();
    int fd = (int) CHECK_OK(open(".", O_RDONLY | O_DIRECTORY));
    put_file("a", "", 0600);
    CHECK_ERR(syscall(SYS_getdents64, fd, bad, PAGE), EFAULT);
    CHECK_OK(syscall(SYS_getdents64, fd, buf, sizeof(buf)));
}

CASE(shared_pages_past_the_end_of_file)
{
    int p[2], fd = (int) CHECK_OK(open("f", O_RDWR | O_CREAT, 0600));
    char buf[16];
    char *m = CHECK_MAP(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(write(p[1], "xyz", 3), 3);
    CHECK_ERR(read(p[0], m, 3), EFAULT);
    CHECK_EQ(read(p[0], buf, sizeof(buf)), 3);
}

CASE(a_neighbour_is_not_disturbed)
{
    static int word[4] = {1, 2, 3, 4};
    int p[2];
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(write(p[1], "\x11", 1), 1);
    CHECK_EQ(read(p[0], (char *) word + 5, 1), 1);
    CHECK_EQ(word[0], 1);
    CHECK_EQ(word[1], 0x1102);
    CHECK_EQ(word[2], 3);
}

GUEST_MAIN
