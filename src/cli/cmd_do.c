/* SPDX-License-Identifier: Apache-2.0 */
/* cloister do: one command in a sandbox, without image, bundle or daemon. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "cli/cli.h"
#include "host/egress.h"
#include "host/foreground.h"
#include "host/hostroot.h"
#include "host/network.h"
#include "host/path.h"
#include "host/sandbox.h"
#include "host/specbuild.h"
#include "host/spectree.h"
#include "host/store.h"
#include "host/terminal.h"
#include "host/tree.h"
#include "host/volume.h"
#include "oci/caps.h"

#define HOSTNAME_MAX 64 /* uname(2) */

struct do_options {
    const char *root, *cwd, *network, *hostname, *overlay_size, *keep;
    bool ro, rw, overlay, strace, terminal, no_terminal;
    struct string_list env, volumes, cap_add, cap_drop, allow_net;
};

#define O(field) offsetof(struct do_options, field)

static const struct option do_option_table[] = {
    {"root", 0, OPTION_STRING, false, "DIR", "the container's root directory (default: /)",
     O(root)},
    {"ro", 0, OPTION_FLAG, false, NULL, "nothing below the root can be written", O(ro)},
    {"rw", 0, OPTION_FLAG, false, NULL, "writes go to the root directory, as the caller may",
     O(rw)},
    {"overlay", 0, OPTION_FLAG, false, NULL,
     "anything may be written, the host's files stay as they are (default)", O(overlay)},
    {"overlay-size", 0, OPTION_STRING, false, "SIZE",
     "at most this much may be written so: 64M, 2G (default: half of the memory)", O(overlay_size)},
    {"keep", 0, OPTION_STRING, false, "NAME",
     "--overlay, and keep what was written as NAME, or go on with it", O(keep)},
    {"volume", 'v', OPTION_LIST, false, "SRC:DST[:ro]",
     "show the host's SRC at DST, shared with the host; may be repeated", O(volumes)},
    {"cwd", 0, OPTION_STRING, false, "DIR",
     "working directory inside (default: the caller's, if it is there)", O(cwd)},
    {"env", 'e', OPTION_LIST, false, "K=V", "set a variable of its environment; may be repeated",
     O(env)},
    {"hostname", 0, OPTION_STRING, false, "NAME", "its host name (default: the host's)",
     O(hostname)},
    {"cap-add", 0, OPTION_LIST, false, "CAP",
     "a capability more, or ALL: within the sandbox only; may be repeated", O(cap_add)},
    {"cap-drop", 0, OPTION_LIST, false, "CAP", "a capability less, or ALL; may be repeated",
     O(cap_drop)},
    {"network", 0, OPTION_STRING, false, "MODE",
     "none (default: its own loopback alone), host, sandbox, or a namespace's path", O(network)},
    {"allow-net", 0, OPTION_LIST, false, "RULE",
     "let it reach HOST[:PORTS][/tcp|/udp] outside, by name or address; may be repeated",
     O(allow_net)},
    {"terminal", 't', OPTION_FLAG, false, NULL,
     "give it a terminal (default if ours is on descriptors 0, 1 and 2)", O(terminal)},
    {"no-terminal", 'T', OPTION_FLAG, false, NULL, "hand our descriptors over as they are",
     O(no_terminal)},
    {"strace", 0, OPTION_FLAG, false, NULL, "log every system call of the program", O(strace)},
};

/* An absolute path without links for the container's root. */
static int resolve_root(const char *arg, char **ret, struct fail *f)
{
    struct stat st;
    char *path = realpath(arg, NULL);

    if (!path)
        return fail_errno(f, errno, "option --root: %s", arg);
    if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode)) {
        free(path);
        return fail(f, ENOTDIR, "option --root: %s is not a directory", arg);
    }
    *ret = path;
    return 0;
}

/* In the host's kernel file systems there is nothing to stand on inside. */
static bool is_kernel_place(const char *path)
{
    return path_is_below(path, "/proc") || path_is_below(path, "/sys") ||
           path_is_below(path, "/dev");
}

/* Whether the caller's directory `here` is one inside, too. */
static bool is_inside(const struct volumes *v, const char *root, const char *here)
{
    _cleanup_free_ char *path = NULL;
    struct stat st;
    int r = volumes_locate(v, here, &path);

    if (r == -ENOENT && is_kernel_place(here))
        return false;
    if (r == -ENOENT && asprintf(&path, "%s%s", strcmp(root, "/") == 0 ? "" : root, here) < 0)
        return false;
    return path && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The caller's own directory when it exists inside, else "/". */
static int choose_cwd(struct sandbox_spec *s, const struct do_options *o, const struct volumes *v,
                      const char *root, struct fail *f)
{
    _cleanup_free_ char *here = getcwd(NULL, 0);

    if (o->cwd && o->cwd[0] != '/')
        return fail(f, EINVAL, "option --cwd: \"%s\" is not an absolute path", o->cwd);
    if (o->cwd)
        s->process.cwd = strdup(o->cwd);
    else if (here && here[0] == '/' && is_inside(v, root, here))
        s->process.cwd = take_ptr(&here);
    else
        s->process.cwd = strdup("/");
    return s->process.cwd ? 0 : fail(f, ENOMEM, "out of memory");
}

static int caps_of(const struct string_list *names, const char *option, uint64_t *ret,
                   struct fail *f)
{
    *ret = 0;
    for (size_t i = 0; i < names->n; i++) {
        char name[32] = "CAP_";
        const char *text = names->items[i];
        size_t n = strlen(name);
        int cap;

        if (strcasecmp(text, "all") == 0) {
            *ret |= (UINT64_C(1) << caps_count()) - 1;
            continue;
        }
        if (strncasecmp(text, name, n) == 0)
            text += n;
        for (; *text && n < sizeof(name) - 1; n++)
            name[n] = (char) toupper((unsigned char) *text++);
        cap = *text ? -EINVAL : caps_by_name(name);
        if (cap < 0)
            return fail(f, EINVAL, "option %s: there is no capability \"%s\"", option,
                        names->items[i]);
        *ret |= UINT64_C(1) << cap;
    }
    return 0;
}

/* A user without privileges has what was asked for, and keeps it. */
static int fill_caps(struct process_spec *p, const struct do_options *o, struct fail *f)
{
    uint64_t add, drop;
    int r = caps_of(&o->cap_add, "--cap-add", &add, f);

    if (r == 0)
        r = caps_of(&o->cap_drop, "--cap-drop", &drop, f);
    if (r < 0)
        return r;
    /* A name beats ALL on the other side. */
    if (drop == (UINT64_C(1) << caps_count()) - 1)
        p->cap_bounding = add;
    else
        p->cap_bounding = (CAPS_DEFAULT | add) & ~drop;
    p->cap_effective = p->cap_permitted = p->uid == 0 ? p->cap_bounding : add & p->cap_bounding;
    if (p->uid != 0)
        p->cap_inheritable = p->cap_ambient = add & p->cap_bounding;
    return 0;
}

static int fill_process(struct sandbox_spec *s, const struct do_options *o, char **argv,
                        struct fail *f)
{
    struct process_spec *p = &s->process;
    int r = spec_copy_strv(argv, -1, &p->argv);

    if (r == 0)
        r = spec_copy_strv(environ, -1, &p->envp);
    for (size_t i = 0; i < o->env.n && r == 0; i++) {
        if (o->env.items[i][0] == '=' || !strchr(o->env.items[i], '='))
            return fail(f, EINVAL, "option --env: expected NAME=VALUE, found \"%s\"",
                        o->env.items[i]);
        r = spec_setenv(&p->envp, o->env.items[i]);
    }
    if (r == 0)
        r = spec_set_caller_ids(s);
    if (r < 0)
        return fail_errno(f, -r, "describing the process");
    spec_set_caller_signals(s);
    p->terminal = o->terminal || (!o->no_terminal && terminal_is_ours());
    p->umask = umask(022);
    umask(p->umask);
    return fill_caps(p, o, f);
}

static int add_mounts(struct sandbox_spec *s, const struct do_options *o, const struct volumes *v,
                      const char *root, struct kept *k, struct fail *f)
{
    struct hostroot h = {
        .root = root,
        .writable = o->rw,
        .overlay = o->overlay,
        .privileged = geteuid() == 0,
    };
    _cleanup_free_ char *shown = NULL;
    int r;

    if (!o->root && !o->cwd && volumes_locate(v, s->process.cwd, &shown) == -ENOENT)
        h.cwd = s->process.cwd;
    r = hostroot_add_mounts(s, &h, f);
    if (r == 0 && k)
        r = hostroot_keep_layers(s, k, h.privileged, f);
    if (r == 0)
        r = volumes_add_mounts(v, s, h.privileged, f);
    return r;
}

static int check_modes(struct do_options *o, struct fail *f)
{
    o->overlay |= o->keep || (!o->ro && !o->rw);
    if (o->ro && o->rw)
        return fail(f, EINVAL, "options --ro and --rw exclude each other");
    if (o->overlay && (o->ro || o->rw))
        return fail(f, EINVAL, "options %s and %s exclude each other",
                    o->keep ? "--keep" : "--overlay", o->ro ? "--ro" : "--rw");
    if (o->overlay_size && !o->overlay)
        return fail(f, EINVAL, "option --overlay-size: not with --ro or --rw");
    return 0;
}

static int check_options(struct do_options *o, struct volumes *ret, struct fail *f)
{
    int r = 0;

    if (o->hostname && (!*o->hostname || strlen(o->hostname) > HOSTNAME_MAX))
        return fail(f, EINVAL, "option --hostname: expected 1 to %d bytes", HOSTNAME_MAX);
    if (o->terminal && o->no_terminal)
        return fail(f, EINVAL, "options --terminal and --no-terminal exclude each other");
    for (size_t i = 0; i < o->volumes.n && r == 0; i++)
        r = volumes_parse(ret, o->volumes.items[i], f);
    return r == 0 ? check_modes(o, f) : r;
}

/* The size of a kept sandbox is remembered. */
static int choose_size(struct sandbox_spec *s, const struct do_options *o, struct kept *k,
                       struct fail *f)
{
    uint64_t size = 0;

    if (o->overlay_size &&
        (parse_size(o->overlay_size, &size) < 0 || size == 0 || size > INT64_MAX))
        return fail(f, EINVAL, "option --overlay-size: expected a size as 64M or 2G, found \"%s\"",
                    o->overlay_size);
    s->overlay_size = size ? size : k ? k->meta.size_limit : 0;
    if (!k || s->overlay_size == k->meta.size_limit)
        return 0;
    k->meta.size_limit = size;
    return kept_save(k, f);
}

static int open_kept(const struct cli *cli, const struct do_options *o, const char *root,
                     struct kept *k, struct fail *f)
{
    return o->keep ? kept_open_or_make(cli->store, o->keep, root, k, f) : 0;
}

static int build_spec(const struct cli *cli, struct do_options *o, char **argv,
                      struct sandbox_spec *s, struct kept *k, struct fail *f)
{
    _cleanup_(volumes_free) struct volumes volumes = {0};
    _cleanup_free_ char *root = NULL;
    char id[32];
    int r = check_options(o, &volumes, f);

    if (r == 0)
        r = resolve_root(o->root ? o->root : "/", &root, f);
    if (r == 0)
        r = fill_process(s, o, argv, f);
    if (r == 0)
        r = choose_cwd(s, o, &volumes, root, f);
    if (r == 0)
        r = open_kept(cli, o, root, k, f);
    if (r == 0)
        r = choose_size(s, o, o->keep ? k : NULL, f);
    if (r == 0)
        r = add_mounts(s, o, &volumes, root, o->keep ? k : NULL, f);
    if (r < 0)
        return r;
    snprintf(id, sizeof(id), "do-%d", (int) getpid());
    s->id = strdup(id);
    s->hostname = o->hostname ? strdup(o->hostname) : NULL;
    if (!s->id || (o->hostname && !s->hostname))
        return fail(f, ENOMEM, "out of memory");
    s->rootless = geteuid() != 0;
    s->start_now = true;
    s->die_with_parent = true;
    s->strace = o->strace || cli->strace;
    s->no_patch = cli->no_patch;
    s->mediate_data = cli->mediate_data;
    s->log_fd = cli->log_fd;
    s->log_level = s->strace && cli->level < LOG_INFO ? LOG_INFO : cli->level;
    s->log_json = cli->json;
    return 0;
}

/* Everything that must be undone or closed, whatever happens. */
struct do_run {
    struct sandbox_spec *spec;
    struct sandbox sandbox;
    struct foreground fg;
    struct host_pty pty;
    struct kept kept; /* locked until the sandbox has ended */
    struct network_choice network;
    int control_theirs, log_copy;
    char *sentry;
};

static void do_run_end(struct do_run *d)
{
    sandbox_destroy(&d->sandbox);
    foreground_end(&d->fg);
    d->fg.control_fd = close_fd(d->fg.control_fd);
    d->control_theirs = close_fd(d->control_theirs);
    d->log_copy = close_fd(d->log_copy);
    host_pty_close(&d->pty);
    close_fd(d->network.fd);
    sandbox_spec_free(d->spec);
    kept_close(&d->kept);
    free(d->sentry);
}

static int make_terminal(struct do_run *d, struct sandbox_params *p, struct fail *f)
{
    int r;

    if (!d->spec->process.terminal)
        return 0;
    r = host_pty_open(0, 0, &d->pty, f);
    if (r == 0)
        r = sandbox_keep_log(d->spec, &d->log_copy, f);
    if (r < 0)
        return r;
    d->fg.master = take_fd(&d->pty.master);
    p->terminal_fd = d->pty.slave;
    return 0;
}

static int launch(const struct cli *cli, struct do_run *d, struct fail *f)
{
    struct sandbox_params p = {
        .spec = d->spec,
        .privileged = !d->spec->rootless,
        .network_fd = d->network.fd,
        .terminal_fd = -1,
        .signal_mask = &d->fg.saved_mask,
    };
    int pair[2], r;

    r = sandbox_find_sentry(cli->sentry, &d->sentry, f);
    if (r < 0)
        return r;
    p.sentry_path = d->sentry;
    r = make_terminal(d, &p, f);
    if (r < 0)
        return r;
    if (p.privileged) {
        idmap_identity(&p.ids);
        r = tree_open(d->sentry, TREE_RDONLY, &d->spec->self_fd, f);
        if (r < 0)
            return r;
    } else {
        idmap_single(&p.ids, geteuid(), getegid());
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return fail_errno(f, errno, "making the control socket");
    d->fg.control_fd = pair[0];
    d->control_theirs = d->spec->control_fd = pair[1];
    r = sandbox_clone(&p, &d->sandbox, f);
    host_pty_close(&d->pty);
    d->control_theirs = close_fd(d->control_theirs);
    if (r == 0)
        r = sandbox_release(&d->sandbox, &p, f);
    if (r == 0)
        r = foreground_wait_ready(&d->fg, &d->sandbox, f);
    return r;
}

static int run_do(struct cli *cli, const struct command *self, int argc, char **argv)
{
    _cleanup_(do_run_end) struct do_run d = {
        .sandbox = SANDBOX_NONE,
        .fg = FOREGROUND_NONE,
        .pty = HOST_PTY_NONE,
        .kept = KEPT_NONE,
        .network = {.fd = -1},
        .control_theirs = -1,
        .log_copy = -1,
    };
    struct do_options o = {0};
    struct fail f = {0};
    int status, r;

    if (cli_options(cli, self, &o, &argc, argv, 1, -1, EXIT_OURS, &status) != 0)
        return status;
    d.spec = spec_new();
    r = d.spec ? 0 : fail(&f, ENOMEM, "out of memory");
    if (r == 0)
        r = foreground_begin(&d.fg, &f);
    if (r == 0)
        r = network_choose(o.network, NULL, &d.network, &f);
    if (r == 0) { /* before anything is made that is kept */
        d.spec->network = d.network.mode;
        r = egress_fill(d.spec, o.allow_net.items, o.allow_net.n, NULL, &f);
    }
    if (r == 0)
        r = build_spec(cli, &o, argv + 1, d.spec, &d.kept, &f);
    if (r == 0)
        r = launch(cli, &d, &f);
    if (r == 0)
        r = foreground_wait_exit(&d.fg, &d.sandbox, &status, &f);
    free(o.env.items);
    free(o.volumes.items);
    free(o.allow_net.items);
    return r < 0 ? cli_fail(cli, &f, EXIT_OURS) : status;
}

const struct command cmd_do = {
    .name = "do",
    .arguments = "[--] COMMAND [ARGS...]",
    .summary = "run a command in a sandbox that sees the host's files",
    .more =
        "The root is the host's own, but what is written to it stays in the sandbox, with a /tmp,\n"
        "/proc, /dev and /sys of the sandbox's own. Exit status: the command's, 128+N if signal N\n"
        "killed it, 125 if cloister failed, 126 if the command cannot be executed, 127 if it is "
        "not there.",
    .options = {.table = do_option_table,
                .n = ARRAY_LEN(do_option_table),
                .stop_at_argument = true},
    .run = run_do,
};
