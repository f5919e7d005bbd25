/* SPDX-License-Identifier: Apache-2.0 */
/* Names of unix sockets: bind(2), connect(2), listen(2), accept(2), unix(7). */
#include "sockets.h"

/* ---- names ---- */

CASE(bind_makes_a_node)
{
    struct stat st;
    umask(027);
    bound(SOCK_STREAM, "s");
    CHECK_EQ(lstat("s", &st), 0);
    CHECK_EQ(st.st_mode, S_IFSOCK | 0750);
    CHECK_EQ(st.st_size, 0);
    CHECK_ERR(open("s", O_RDWR), ENXIO);
}

CASE(bind_mode_by_fchmod)
{
    struct sockaddr_un a;
    struct stat st;
    socklen_t n = address(&a, "s");
    int fd = (int) CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    umask(0);
    CHECK_EQ(fchmod(fd, 0620), 0);
    CHECK_EQ(bind(fd, (void *) &a, n), 0);
    CHECK_EQ(lstat("s", &st), 0);
    CHECK_EQ(st.st_mode, S_IFSOCK | 0620);
}

CASE(bind_errors)
{
    struct sockaddr_un a;
    socklen_t n = address(&a, "s");
    int fd = (int) CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    CHECK_ERR(bind(fd, (void *) &a, 1), EINVAL);
    CHECK_ERR(bind(fd, (void *) &a, sizeof(a) + 1), EINVAL);
    CHECK_ERR(bind(fd, (void *) &a, 200), EINVAL);
    CHECK_ERR(bind(fd, (void *) 8, n), EFAULT);
    a.sun_family = AF_INET;
    CHECK_ERR(bind(fd, (void *) &a, n), EINVAL);
    n = address(&a, "no/such/dir");
    CHECK_ERR(bind(fd, (void *) &a, n), ENOENT);
    put_file("f", "", 0644);
    n = address(&a, "f");
    CHECK_ERR(bind(fd, (void *) &a, n), EADDRINUSE);
    n = address(&a, "f/s");
    CHECK_ERR(bind(fd, (void *) &a, n), ENOTDIR);
    n = address(&a, ".");
    CHECK_ERR(bind(fd, (void *) &a, n), EADDRINUSE);
    n = address(&a, "s");
    CHECK_EQ(bind(fd, (void *) &a, n), 0);
    n = address(&a, "t");
    CHECK_ERR(bind(fd, (void *) &a, n), EINVAL);
    CHECK_ERR(access("t", F_OK), ENOENT);
}

CASE(bind_longest_path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX}, got;
    socklen_t n = sizeof(got);
    int fd = (int) CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    memset(a.sun_path, 'x', sizeof(a.sun_path));
    CHECK_EQ(bind(fd, (void *) &a, sizeof(a)), 0);
    CHECK_EQ(getsockname(fd, (void *) &got, &n), 0);
    CHECK_EQ(n, sizeof(a) + 1);
    CHECK_MEM(got.sun_path, a.sun_path, sizeof(a.sun_path));
    CHECK_EQ(listen(fd, 1), 0);
    int c = (int) CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    CHECK_EQ(connect(c, (void *) &a, sizeof(a)), 0);
}

CASE(getsockname_cuts)
{
    struct sockaddr_un a;
    socklen_t n = 4;
    int fd = bound(SOCK_STREAM, "socket");
    memset(&a, 'z', sizeof(a));
    CHECK_EQ(getsockname(fd, (void *) &a, &n), 0);
    CHECK_EQ(n, 9);
    CHECK_MEM(a.sun_path, "sozz", 4);
    n = (socklen_t) -1;
    CHECK_ERR(getsockname(fd, (void *) &a, &n), EINVAL);
    CHECK_ERR(getsockname(fd, (void *) &a, (void *) 8), EFAULT);
}

CASE(names_of_pair)
{
    struct sockaddr_un a;
    socklen_t n = sizeof(a);
    int sv[2], fd = (int) CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(getsockname(sv[0], (void *) &a, &n), 0);
    CHECK_EQ(n, 2);
    CHECK_EQ(a.sun_family, AF_UNIX);
    n = sizeof(a);
    CHECK_EQ(getpeername(sv[0], (void *) &a, &n), 0);
    CHECK_EQ(n, 2);
    CHECK_ERR(getpeername(fd, (void *) &a, &n), ENOTCONN);
    CHECK_EQ(close(sv[1]), 0);
    n = sizeof(a);
    CHECK_EQ(getpeername(sv[0], (void *) &a, &n), 0);
}

CASE(names_of_connection)
{
    struct sockaddr_un a;
    socklen_t n = sizeof(a);
    int ls = listener(SOCK_STREAM, "l", 1), c = client(SOCK_STREAM, "l");
    int s = (int) CHECK_OK(accept(ls, (void *) &a, &n));
    CHECK_EQ(n, 2);
    n = sizeof(a);
    CHECK_EQ(getsockname(s, (void *) &a, &n), 0);
    CHECK_STR(a.sun_path, "l");
    CHECK_EQ(n, 4);
    n = sizeof(a);
    CHECK_EQ(getpeername(c, (void *) &a, &n), 0);
    CHECK_STR(a.sun_path, "l");
    n = sizeof(a);
    CHECK_EQ(getpeername(s, (void *) &a, &n), 0);
    CHECK_EQ(n, 2);
}

CASE(abstract_names)
{
    struct sockaddr_un a, got;
    socklen_t n = abstract(&a, "name"), m = sizeof(got);
    int fd = (int) CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0)),
        other = (int) CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    CHECK_ERR(connect(other, (void *) &a, n), ECONNREFUSED);
    CHECK_EQ(bind(fd, (void *) &a, n), 0);
    CHECK_ERR(bind(other, (void *) &a, n), EADDRINUSE);
    CHECK_ERR(connect(other, (void *) &a, n), ECONNREFUSED);
    CHECK_EQ(listen(fd, 1), 0);
    CHECK_ERR(connect(other, (void *) &a, n - 1), ECONNREFUSED);
    CHECK_EQ(connect(other, (void *) &a, n), 0);
    CHECK_EQ(getpeername(other, (void *) &got, &m), 0);
    CHECK_EQ(m, n);
    CHECK_MEM(&got, &a, n);
    CHECK_EQ(close(fd), 0);
    fd = (int) CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    CHECK_EQ(bind(fd, (void *) &a, n), 0);
}

CASE(abstract_by_type)
{
    struct sockaddr_un a;
    socklen_t n = abstract(&a, "type");
    int st = (int) CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0)),
        dg = (int) CHECK_OK(socket(AF_UNIX, SOCK_DGRAM, 0)),
        sq = (int) CHECK_OK(socket(AF_UNIX, SOCK_SEQPACKET, 0));
    CHECK_EQ(bind(st, (void *) &a, n), 0);
    CHECK_EQ(listen(st, 1), 0);
    CHECK_ERR(connect(sq, (void *) &a, n), ECONNREFUSED);
    CHECK_EQ(bind(dg, (void *) &a, n), 0);
}

CASE(autobind)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX}, b;
    socklen_t n = sizeof(a);
    int x = (int) CHECK_OK(socket(AF_UNIX, SOCK_DGRAM, 0)),
        y = (int) CHECK_OK(socket(AF_UNIX, SOCK_DGRAM, 0));
    CHECK_EQ(bind(x, (void *) &a, 2), 0);
    CHECK_EQ(bind(y, (void *) &a, 2), 0);
    CHECK_EQ(getsockname(x, (void *) &a, &n), 0);
    CHECK_EQ(n, 8);
    CHECK_EQ(a.sun_path[0], 0);
    CHECK(strspn(a.sun_path + 1, "0123456789abcdef") >= 5);
    n = sizeof(b);
    CHECK_EQ(getsockname(y, (void *) &b, &n), 0);
    CHECK(memcmp(&a, &b, 8) != 0);
    CHECK_EQ(bind(x, (void *) &(struct sockaddr_un){.sun_family = AF_UNIX}, 2), 0);
}

CASE(renamed_and_linked)
{
    listener(SOCK_STREAM, "l", 5);
    CHECK_EQ(rename("l", "m"), 0);
    client(SOCK_STREAM, "m");
    CHECK_EQ(link("m", "n"), 0);
    client(SOCK_STREAM, "n");
    CHECK_EQ(symlink("n", "sym"), 0);
    client(SOCK_STREAM, "sym");
    int fd = (int) CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    CHECK_ERR(connect_to(fd, "l"), ENOENT);
}

CASE(unlinked_stays_bound)
{
    struct sockaddr_un a;
    socklen_t n = sizeof(a);
    int ls = listener(SOCK_STREAM, "l", 5);
    CHECK_EQ(unlink("l"), 0);
    CHECK_EQ(getsockname(ls, (void *) &a, &n), 0);
    CHECK_STR(a.sun_path, "l");
    int other = listener(SOCK_STREAM, "l", 5);
    client(SOCK_STREAM, "l");
    CHECK_EQ(events(ls), 0);
    CHECK_EQ(events(other), READABLE);
}

CASE(stale_node_refuses)
{
    int fd = listener(SOCK_STREAM, "l", 1), c = (int) CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    CHECK_EQ(close(fd), 0);
    CHECK_ERR(connect_to(c, "l"), ECONNREFUSED);
    put_file("f", "", 0666);
    CHECK_ERR(connect_to(c, "f"), ECONNREFUSED);
    CHECK_EQ(mknod("node", S_IFSOCK | 0666, 0), 0);
    CHECK_ERR(connect_to(c, "node"), ECONNREFUSED);
    CHECK_ERR(connect_to(c, "missing"), ENOENT);
    CHECK_ERR(connect_to(c, "f/x"), ENOTDIR);
}

CASE(connect_wants_write_permission)
{
    if (geteuid() != 0)
        SKIP("not root");
    chmod(".", 0755);
    listener(SOCK_STREAM, "l", 5);
    CHECK_EQ(chmod("l", 0755), 0);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK_EQ(setresuid(1234, 1234, 1234), 0);
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        CHECK_ERR(connect_to(fd, "l"), EACCES);
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
    CHECK_EQ(chmod("l", 0722), 0);
    pid = fork();
    if (pid == 0) {
        CHECK_EQ(setresuid(1234, 1234, 1234), 0);
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        _exit(connect_to(fd, "l") != 0);
    }
    CHECK_EXIT(pid, 0);
}

/* ---- connect, listen, accept ---- */

CASE(listen_errors)
{
    int fd = (int) CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    CHECK_ERR(listen(fd, 1), EINVAL);
    CHECK_ERR(accept(fd, NULL, NULL), EINVAL);
    fd = bound(SOCK_DGRAM, "d");
    CHECK_ERR(listen(fd, 1), EOPNOTSUPP);
    CHECK_ERR(accept(fd, NULL, NULL), EOPNOTSUPP);
    fd = bound(SOCK_STREAM, "s");
    CHECK_ERR(accept(fd, NULL, NULL), EINVAL);
    CHECK_EQ(listen(fd, -1), 0);
    CHECK_EQ(listen(fd, 3), 0);
    CHECK_EQ(int_option(fd, SO_ACCEPTCONN), 1);
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    CHECK_ERR(listen(sv[0], 1), EINVAL);
    CHECK_EQ(int_option(sv[0], SO_ACCEPTCONN), 0);
}

CASE(connect_errors)
{
    listener(SOCK_STREAM, "l", 5);
    bound(SOCK_STREAM, "b");
    bound(SOCK_DGRAM, "d");
    struct sockaddr_un a;
    socklen_t n = address(&a, "l");
    int fd = (int) CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    CHECK_ERR(connect_to(fd, "b"), ECONNREFUSED);
    CHECK_ERR(connect_to(fd, "d"), EPROTOTYPE);
    CHECK_ERR(connect(fd, (void *) &a, 2), EINVAL);
    CHECK_ERR(connect(fd, (void *) 8, n), EFAULT);
    CHECK_EQ(connect_to(fd, "l"), 0);
    CHECK_ERR(connect_to(fd, "l"), EISCONN);
    int ls = listener(SOCK_STREAM, "m", 1);
    CHECK_ERR(connect_to(ls, "l"), EINVAL);
}

CASE(connect_and_talk)
{
    char b[8];
    int ls = listener(SOCK_STREAM, "l", 1), c = client(SOCK_STREAM, "l");
    CHECK_EQ(write(c, "early", 5), 5);
    int s = (int) CHECK_OK(accept(ls, NULL, NULL));
    CHECK_EQ(read(s, b, 8), 5);
    CHECK_EQ(write(s, "back", 4), 4);
    CHECK_EQ(read(c, b, 8), 4);
    CHECK_EQ(close(s), 0);
    CHECK_EQ(read(c, b, 8), 0);
}

CASE(accept_flags)
{
    int ls = listener(SOCK_STREAM, "l", 3);
    client(SOCK_STREAM, "l");
    client(SOCK_STREAM, "l");
    int s = (int) CHECK_OK(accept4(ls, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
    CHECK_EQ(fcntl(s, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fcntl(s, F_GETFL), O_RDWR | O_NONBLOCK);
    nonblock(ls);
    s = (int) CHECK_OK(accept(ls, NULL, NULL));
    CHECK_EQ(fcntl(s, F_GETFL), O_RDWR);
    CHECK_ERR(accept(ls, NULL, NULL), EAGAIN);
    CHECK_ERR(accept4(ls, NULL, NULL, 1), EINVAL);
}

CASE(accept_in_order)
{
    int ls = listener(SOCK_STREAM, "l", 3);
    for (int i = 0; i < 3; i++) {
        int c = client(SOCK_STREAM, "l");
        CHECK_EQ(write(c, &(char){(char) i}, 1), 1);
    }
    for (int i = 0; i < 3; i++) {
        char b;
        int s = (int) CHECK_OK(accept(ls, NULL, NULL));
        CHECK_EQ(read(s, &b, 1), 1);
        CHECK_EQ(b, i);
    }
}

CASE(accept_times_out)
{
    int ls = listener(SOCK_STREAM, "l", 3);
    set_timeout(ls, SO_RCVTIMEO, 40);
    CHECK_ERR(accept(ls, NULL, NULL), EAGAIN);
}

CASE(accept_blocks)
{
    int ls = listener(SOCK_STREAM, "l", 3);
    pid_t pid = fork();
    if (pid == 0) {
        sleep_ms(50);
        client(SOCK_STREAM, "l");
        _exit(0);
    }
    CHECK_OK(accept(ls, NULL, NULL));
    CHECK_EXIT(pid, 0);
}

CASE(accept_without_room)
{
    struct rlimit l, old;
    int ls = listener(SOCK_STREAM, "l", 3);
    client(SOCK_STREAM, "l");
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
    l = old;
    l.rlim_cur = 3;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &l), 0);
    CHECK_ERR(accept(ls, NULL, NULL), EMFILE);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
    CHECK_OK(accept(ls, NULL, NULL));
}

CASE(backlog)
{
    listener(SOCK_STREAM, "l", 1);
    client(SOCK_STREAM, "l");
    client(SOCK_STREAM, "l");
    int fd = (int) CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    nonblock(fd);
    CHECK_ERR(connect_to(fd, "l"), EAGAIN);
    CHECK_EQ(fcntl(fd, F_SETFL, 0), 0);
    set_timeout(fd, SO_SNDTIMEO, 40);
    CHECK_ERR(connect_to(fd, "l"), EAGAIN);
}

CASE(backlog_blocks)
{
    int ls = listener(SOCK_STREAM, "l", 0);
    client(SOCK_STREAM, "l");
    pid_t pid = fork();
    if (pid == 0) {
        client(SOCK_STREAM, "l");
        _exit(0);
    }
    sleep_ms(50);
    CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
    CHECK_OK(accept(ls, NULL, NULL));
    CHECK_OK(accept(ls, NULL, NULL));
    CHECK_EXIT(pid, 0);
}

CASE(listener_closes)
{
    char b;
    int ls = listener(SOCK_STREAM, "l", 1), c = client(SOCK_STREAM, "l");
    CHECK_EQ(close(ls), 0);
    CHECK_ERR(read(c, &b, 1), ECONNRESET);
    CHECK_EQ(read(c, &b, 1), 0);
}

CASE(client_gone_before_accept)
{
    char b[4];
    int ls = listener(SOCK_STREAM, "l", 1), c = client(SOCK_STREAM, "l");
    CHECK_EQ(write(c, "hi", 2), 2);
    CHECK_EQ(close(c), 0);
    int s = (int) CHECK_OK(accept(ls, NULL, NULL));
    CHECK_EQ(read(s, b, 4), 2);
    CHECK_EQ(read(s, b, 4), 0);
}

struct acceptor {
    int ls;
    _Atomic int got;
};

static void *accept_one(void *arg)
{
    struct acceptor *a = arg;
    if (accept(a->ls, NULL, NULL) >= 0)
        a->got++;
    return NULL;
}

CASE(many_acceptors)
{
    enum { N = 8 };
    struct acceptor a = {.ls = listener(SOCK_STREAM, "l", N)};
    pthread_t th[N];
    for (int i = 0; i < N; i++)
        CHECK_EQ(pthread_create(&th[i], NULL, accept_one, &a), 0);
    for (int i = 0; i < N; i++)
        client(SOCK_STREAM, "l");
    for (int i = 0; i < N; i++)
        CHECK_EQ(pthread_join(th[i], NULL), 0);
    CHECK_EQ(a.got, N);
}

GUEST_MAIN
