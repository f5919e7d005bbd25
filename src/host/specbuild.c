/* SPDX-License-Identifier: Apache-2.0 */
/* Filling a sandbox_spec: see specbuild.h. */
#include "host/specbuild.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

struct sandbox_spec *spec_new(void)
{
    struct sandbox_spec *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->control_fd = -1;
    s->log_fd = -1;
    s->self_fd = -1;
    s->machine_fd = -1;
    s->net_fd = -1;
    for (size_t i = 0; i < N_GROUP_FILES; i++)
        s->group_fds[i] = -1;
    s->process.umask = 022;
    return s;
}

int spec_add_mount(struct sandbox_spec *s, enum mount_kind kind, const char *dest,
                   const char *source, uint32_t flags, struct mount_spec **ret)
{
    struct mount_spec m = {.kind = kind, .flags = flags, .tree_fd = -1, .upper_fd = -1};
    struct mount_spec *v;

    v = reallocarray(s->mounts, s->n_mounts + 1, sizeof(*v));
    if (!v)
        return -ENOMEM;
    s->mounts = v;
    m.dest = strdup(dest);
    m.source = source ? strdup(source) : NULL;
    if (!m.dest || (source && !m.source)) {
        free(m.dest);
        free(m.source);
        return -ENOMEM;
    }
    v[s->n_mounts] = m;
    if (ret)
        *ret = &v[s->n_mounts];
    s->n_mounts++;
    return 0;
}

int spec_copy_strv(char *const *v, long n, char ***ret)
{
    size_t count = 0;
    char **copy;

    while (n < 0 ? v[count] != NULL : count < (size_t) n)
        count++;
    copy = calloc(count + 1, sizeof(*copy));
    if (!copy)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        copy[i] = strdup(v[i]);
        if (!copy[i]) {
            while (i--)
                free(copy[i]);
            free(copy);
            return -ENOMEM;
        }
    }
    *ret = copy;
    return 0;
}

int spec_setenv(char ***env, const char *assignment)
{
    size_t n = 0, name = strcspn(assignment, "=") + 1;
    char *copy = strdup(assignment);
    char **v;

    if (!copy)
        return -ENOMEM;
    for (; (*env)[n]; n++) {
        if (strncmp((*env)[n], assignment, name) == 0) {
            free((*env)[n]);
            (*env)[n] = copy;
            return 0;
        }
    }
    v = reallocarray(*env, n + 2, sizeof(*v));
    if (!v) {
        free(copy);
        return -ENOMEM;
    }
    v[n] = copy;
    v[n + 1] = NULL;
    *env = v;
    return 0;
}

const char *spec_getenv(char *const *env, const char *name)
{
    size_t n = strlen(name);

    for (size_t i = 0; env && env[i]; i++)
        if (strncmp(env[i], name, n) == 0 && env[i][n] == '=')
            return env[i] + n + 1;
    return NULL;
}

int spec_set_caller_ids(struct sandbox_spec *s)
{
    int n = getgroups(0, NULL);
    gid_t *groups;

    s->process.uid = geteuid();
    s->process.gid = getegid();
    if (n < 0)
        return -errno;
    groups = calloc((size_t) n + 1, sizeof(*groups));
    if (!groups)
        return -ENOMEM;
    n = getgroups(n, groups);
    if (n < 0) {
        free(groups);
        return -errno;
    }
    free(s->process.groups);
    s->process.groups = groups;
    s->process.n_groups = (size_t) n;
    return 0;
}

void spec_set_caller_signals(struct sandbox_spec *s)
{
    struct sigaction sa;

    for (int signo = 1; signo <= 64; signo++)
        if (sigaction(signo, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN)
            s->process.ignored_signals |= UINT64_C(1) << (signo - 1);
}

void spec_close_trees(struct sandbox_spec *s)
{
    for (size_t i = 0; i < s->n_mounts; i++) {
        s->mounts[i].tree_fd = close_fd(s->mounts[i].tree_fd);
        s->mounts[i].upper_fd = close_fd(s->mounts[i].upper_fd);
    }
    s->self_fd = close_fd(s->self_fd);
}
