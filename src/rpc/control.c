/* SPDX-License-Identifier: Apache-2.0 */
/* The control protocol, both sides: see control.h. Sources: unix(7), recvmsg(2). */
#include "rpc/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

struct wire_header {
    uint32_t magic;
    uint32_t type;
    uint32_t len;
};

_Static_assert(sizeof(struct wire_header) == CONTROL_MAX_FRAME - CONTROL_MAX_PAYLOAD,
               "header size");

static bool type_is_known(uint32_t type)
{
    return (type >= CONTROL_START && type <= CONTROL_LAST_REQUEST) ||
           (type >= CONTROL_OK && type <= CONTROL_LAST_ANSWER);
}

/* Room for the descriptors of one frame, aligned as cmsg(3) wants it. */
struct fds_buffer {
    _Alignas(struct cmsghdr) char bytes[CMSG_SPACE(sizeof(int) * CONTROL_MAX_FDS)];
};

void control_fds_close(struct control_fds *fds)
{
    for (size_t i = 0; i < fds->n; i++)
        if (fds->fd[i] >= 0)
            close(fds->fd[i]);
    fds->n = 0;
}

static void add_fds(struct msghdr *m, struct fds_buffer *b, const struct control_fds *fds)
{
    size_t bytes = sizeof(int) * fds->n;
    struct cmsghdr *c;

    memset(b, 0, sizeof(*b));
    m->msg_control = b->bytes;
    m->msg_controllen = CMSG_SPACE(bytes);
    c = CMSG_FIRSTHDR(m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(bytes);
    memcpy(CMSG_DATA(c), fds->fd, bytes);
}

int control_send(int fd, enum control_type type, const void *payload, size_t len)
{
    static const struct control_fds none = {.n = 0};

    return control_send_fds(fd, type, payload, len, &none);
}

int control_send_fds(int fd, enum control_type type, const void *payload, size_t len,
                     const struct control_fds *fds)
{
    struct wire_header h = {.magic = CONTROL_MAGIC, .type = type, .len = (uint32_t) len};
    struct iovec iov[2] = {
        {.iov_base = &h, .iov_len = sizeof(h)},
        {.iov_base = (void *) (uintptr_t) payload, .iov_len = len},
    };
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = len ? 2 : 1};
    struct fds_buffer b;

    if (len > CONTROL_MAX_PAYLOAD || fds->n > CONTROL_MAX_FDS)
        return -EMSGSIZE;
    if (fds->n)
        add_fds(&m, &b, fds);
    for (;;) {
        ssize_t n = sendmsg(fd, &m, MSG_NOSIGNAL);
        if (n >= 0)
            return (size_t) n == sizeof(h) + len ? 0 : -EPIPE;
        if (errno == ECONNRESET)
            return -EPIPE;
        if (errno != EINTR)
            return -errno;
    }
}

int control_send_text(int fd, enum control_type type, const char *text)
{
    size_t len = strlen(text);

    /* Half a JSON document is worse than none; half an error line still says something. */
    if (len > CONTROL_MAX_PAYLOAD && type == CONTROL_ERROR)
        len = CONTROL_MAX_PAYLOAD;
    return control_send(fd, type, text, len);
}

/* The header of the packet of n bytes in buf, and the frame behind it. */
static int parse_frame(char *buf, size_t n, struct control_frame *ret)
{
    struct wire_header h;

    if (n < sizeof(h))
        return -EBADMSG;
    memcpy(&h, buf, sizeof(h));
    if (h.magic != CONTROL_MAGIC || !type_is_known(h.type) || h.len != n - sizeof(h))
        return -EBADMSG;
    buf[n] = '\0';
    *ret = (struct control_frame){
        .type = (enum control_type) h.type,
        .len = h.len,
        .payload = buf + sizeof(h),
    };
    return 0;
}

/* Whatever the peer has attached is taken, so that it can be closed. */
static int take_fds(struct msghdr *m, struct control_fds *ret)
{
    bool good = !(m->msg_flags & MSG_CTRUNC);

    ret->n = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        size_t n;

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            good = false;
            continue;
        }
        n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n && ret->n < CONTROL_MAX_FDS; i++)
            memcpy(&ret->fd[ret->n++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
    }
    return good ? 0 : -EBADMSG;
}

/* fds NULL: the kernel drops what was sent along. */
static int receive(int fd, char *buf, size_t cap, struct control_frame *ret,
                   struct control_fds *fds)
{
    struct fds_buffer b;
    struct iovec iov = {.iov_base = buf, .iov_len = CONTROL_MAX_FRAME};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t n;
    int r = 0;

    if (cap < CONTROL_MAX_FRAME + 1)
        return -EINVAL;
    if (fds) {
        m.msg_control = b.bytes;
        m.msg_controllen = sizeof(b.bytes);
    }
    do {
        n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == ECONNRESET ? -ENOTCONN : -errno;
    if (fds)
        r = take_fds(&m, fds);
    if (n == 0)
        r = -ENOTCONN;
    else if (m.msg_flags & MSG_TRUNC)
        r = -EBADMSG;
    if (r == 0)
        r = parse_frame(buf, (size_t) n, ret);
    if (r < 0 && fds)
        control_fds_close(fds);
    return r;
}

int control_recv(int fd, char *buf, size_t cap, struct control_frame *ret)
{
    return receive(fd, buf, cap, ret, NULL);
}

int control_recv_fds(int fd, char *buf, size_t cap, struct control_frame *ret,
                     struct control_fds *ret_fds)
{
    ret_fds->n = 0;
    return receive(fd, buf, cap, ret, ret_fds);
}

static int take_payload(const struct control_frame *f, enum control_type type, void *dst,
                        size_t len)
{
    if (f->type != type || f->len != len)
        return -EBADMSG;
    memcpy(dst, f->payload, len);
    return 0;
}

int control_parse_kill(const struct control_frame *f, struct control_kill *ret)
{
    struct control_kill k;
    bool one = f->type == CONTROL_SIGNAL;

    if (take_payload(f, one ? CONTROL_SIGNAL : CONTROL_KILL, &k, sizeof(k)) < 0 || k.signo < 1 ||
        k.signo > 64 || k.all > !one)
        return -EBADMSG;
    *ret = k;
    return 0;
}

int control_parse_exec(const struct control_frame *f, const struct control_fds *fds,
                       struct control_exec *ret)
{
    struct control_exec e;

    if (take_payload(f, CONTROL_EXEC, &e, sizeof(e)) < 0 || (e.stdio & ~7u) ||
        e.preserved > CONTROL_MAX_PRESERVED ||
        fds->n != 1u + (size_t) __builtin_popcount(e.stdio) + e.preserved)
        return -EBADMSG;
    *ret = e;
    return 0;
}

int control_parse_limits(const struct control_frame *f, struct control_limits *ret)
{
    return take_payload(f, CONTROL_LIMITS, ret, sizeof(*ret));
}

int control_parse_started(const struct control_frame *f, struct control_started *ret)
{
    return take_payload(f, CONTROL_STARTED, ret, sizeof(*ret));
}

int control_parse_exited(const struct control_frame *f, struct control_exited *ret)
{
    return take_payload(f, CONTROL_EXITED, ret, sizeof(*ret));
}

int control_parse_failed(const struct control_frame *f, uint32_t *ret_status, const char **ret_text)
{
    if (f->type != CONTROL_FAILED || f->len < sizeof(*ret_status))
        return -EBADMSG;
    memcpy(ret_status, f->payload, sizeof(*ret_status));
    *ret_text = f->payload + sizeof(*ret_status);
    return 0;
}

int control_send_failed(int fd, uint32_t status, const char *text)
{
    char payload[2048];
    size_t len = strnlen(text, sizeof(payload) - sizeof(status));

    memcpy(payload, &status, sizeof(status));
    memcpy(payload + sizeof(status), text, len);
    return control_send(fd, CONTROL_FAILED, payload, sizeof(status) + len);
}

int control_call(int fd, enum control_type type, const void *payload, size_t len, char **ret_text)
{
    struct control_frame f;
    int r;

    *ret_text = NULL;
    char *buf = malloc(CONTROL_MAX_FRAME + 1);
    if (!buf)
        return -ENOMEM;
    r = control_send(fd, type, payload, len);
    if (r == 0)
        r = control_recv(fd, buf, CONTROL_MAX_FRAME + 1, &f);
    if (r == 0) {
        if (f.type == CONTROL_OK) {
            r = 0;
        } else if (f.type == CONTROL_TEXT || f.type == CONTROL_ERROR) {
            char *text =
                strdup(f.payload); /* an embedded NUL ends it, which is what a reader wants */
            r = text ? (f.type == CONTROL_ERROR ? -EREMOTEIO : 0) : -ENOMEM;
            *ret_text = text;
        } else {
            r = -EBADMSG;
        }
    }
    free(buf);
    return r;
}

/* Fills a unix address for path; a long path goes through its directory's descriptor, kept in
 * *ret_dir. */
static int make_address(const char *path, struct sockaddr_un *sa, int *ret_dir)
{
    const char *slash = strrchr(path, '/');
    char dir[4096];
    int n;

    *sa = (struct sockaddr_un){.sun_family = AF_UNIX};
    *ret_dir = -1;
    if (strlen(path) < sizeof(sa->sun_path)) {
        memcpy(sa->sun_path, path, strlen(path) + 1);
        return 0;
    }
    if (!slash || (size_t) (slash - path) >= sizeof(dir))
        return -ENAMETOOLONG;
    memcpy(dir, path, (size_t) (slash - path));
    dir[slash - path] = '\0';
    *ret_dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*ret_dir < 0)
        return -errno;
    n = snprintf(sa->sun_path, sizeof(sa->sun_path), "/proc/self/fd/%d/%s", *ret_dir, slash + 1);
    return n > 0 && (size_t) n < sizeof(sa->sun_path) ? 0 : -ENAMETOOLONG;
}

static int with_address(const char *path, bool listening, int timeout_ms, int *ret_fd)
{
    struct sockaddr_un sa;
    int dir, fd, r;

    r = make_address(path, &sa, &dir);
    if (r < 0)
        goto out_dir;
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        r = -errno;
        goto out_dir;
    }
    if (listening) {
        if (bind(fd, (struct sockaddr *) &sa, sizeof(sa)) < 0 || listen(fd, 16) < 0)
            r = -errno;
    } else {
        struct timeval tv = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
        (void) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
        (void) setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
        if (connect(fd, (struct sockaddr *) &sa, sizeof(sa)) < 0)
            r = -errno;
    }
    if (r < 0)
        close(fd);
    else
        *ret_fd = fd;
out_dir:
    if (dir >= 0)
        close(dir);
    return r;
}

int control_connect(const char *path, int timeout_ms, int *ret_fd)
{
    return with_address(path, false, timeout_ms, ret_fd);
}

int control_listen(const char *path, int *ret_fd)
{
    return with_address(path, true, 0, ret_fd);
}
