/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing and joining network namespaces: see network.h. */
#include "host/network.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/sysctl.h"

#ifndef NSFS_MAGIC
#define NSFS_MAGIC 0x6e736673
#endif

static bool is_ours(int fd)
{
    struct stat own, that;

    return stat("/proc/self/ns/net", &own) == 0 && fstat(fd, &that) == 0 &&
           own.st_dev == that.st_dev && own.st_ino == that.st_ino;
}

/* The kernel's own file system first: no ioctl reaches whatever else the path may name. */
static bool is_network_namespace(int fd)
{
    struct statfs sf;

    return fstatfs(fd, &sf) == 0 && (unsigned long) sf.f_type == NSFS_MAGIC &&
           ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET;
}

/* `what`: the property or option, for messages. */
static int join(const char *path, const char *what, struct network_choice *ret, struct fail *f)
{
    _cleanup_close_ int fd = -1;

    if (path[0] != '/')
        return fail(f, EINVAL, "%s: \"%s\" is not an absolute path", what, path);
    fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(f, errno, "%s: the network namespace %s", what, path);
    if (!is_network_namespace(fd))
        return fail(f, EINVAL, "%s: %s is not a network namespace", what, path);
    if (is_ours(fd)) {
        *ret = (struct network_choice){NETWORK_HOST, -1};
        return 0;
    }
    *ret = (struct network_choice){NETWORK_JOINED, take_fd(&fd)};
    return 0;
}

static int choose_by_config(const struct oci_config *c, struct network_choice *ret, struct fail *f)
{
    char what[64];

    for (size_t i = 0; i < c->n_namespaces; i++) {
        const struct oci_namespace *n = &c->namespaces[i];

        if (strcmp(n->type, "network") != 0)
            continue;
        if (!n->path || !*n->path) {
            *ret = (struct network_choice){NETWORK_OWN, -1};
            return 0;
        }
        snprintf(what, sizeof(what), "linux.namespaces[%zu].path", i);
        return join(n->path, what, ret, f);
    }
    *ret = (struct network_choice){NETWORK_HOST, -1};
    return 0;
}

int network_choose(const char *option, const struct oci_config *config, struct network_choice *ret,
                   struct fail *f)
{
    *ret = (struct network_choice){NETWORK_OWN, -1};
    if (option && strcmp(option, "none") == 0)
        return 0;
    if (option && strcmp(option, "host") == 0) {
        ret->mode = NETWORK_HOST;
        return 0;
    }
    if (!option || strcmp(option, "sandbox") == 0)
        return config ? choose_by_config(config, ret, f) : 0;
    if (option[0] == '/')
        return join(option, "option --network", ret, f);
    return fail(f, EINVAL,
                "option --network: expected none, host, sandbox or the path of a network "
                "namespace, found \"%s\"",
                option);
}

int network_enter(int fd, int *ret_back, struct fail *f)
{
    _cleanup_close_ int back = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

    if (back < 0)
        return fail_errno(f, errno, "opening our own network namespace");
    if (setns(fd, CLONE_NEWNET) < 0)
        return fail_errno(f, errno, "joining the network namespace%s",
                          errno == EPERM ? " (it takes CAP_SYS_ADMIN in the user namespace that it "
                                           "belongs to, and in our own)"
                                         : "");
    *ret_back = take_fd(&back);
    return 0;
}

#define LOW_PORTS "net.ipv4.ip_unprivileged_port_start"

static bool sets(const struct sandbox_spec *s, const char *name)
{
    const size_t n = strlen(name);

    for (size_t i = 0; s->sysctls && s->sysctls[i]; i++)
        if (strncmp(s->sysctls[i], name, n) == 0 && s->sysctls[i][n] == '=')
            return true;
    return false;
}

int network_prepare(const struct sandbox_spec *s, struct fail *f)
{
    const bool low_ports = s->process.cap_bounding & (UINT64_C(1) << CAP_NET_BIND_SERVICE);
    const char *failed;
    int r = sysctl_set_all(s->sysctls, &failed);

    if (r < 0)
        return fail_errno(f, -r, "linux.sysctl: setting %s", failed);
    r = low_ports && !sets(s, LOW_PORTS) ? sysctl_set(LOW_PORTS, "0") : 0;
    if (r < 0)
        log_info("the container cannot have ports below the namespace's " LOW_PORTS ": %s",
                 strerror(-r));
    return 0;
}

int network_leave(int back, struct fail *f)
{
    _cleanup_close_ int own = back;

    if (setns(own, CLONE_NEWNET) == 0)
        return 0;
    if (errno != EPERM)
        return fail_errno(f, errno, "coming back from the joined network namespace");
    log_info("staying in the joined network namespace: no right to come back");
    return 0;
}
