/* SPDX-License-Identifier: Apache-2.0 */
/* cloister features: what of the specification is honoured; source: features.md of the OCI runtime
 * specification. */
#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "cli/cli.h"
#include "host/cgroup.h"
#include "oci/caps.h"
#include "oci/config.h"
#include "oci/mounts.h"

#ifndef CLOISTER_VERSION
#define CLOISTER_VERSION "0.1.0"
#endif

/* Those a config may ask for; joining an existing one by path is refused at create. */
static const char *const namespaces[] = {"cgroup", "ipc",  "mount", "network",
                                         "pid",    "user", "uts",   NULL};

static void add_list(struct strbuf *sb, const char *name, const char *const *items)
{
    sb_addf(sb, "\"%s\": [", name);
    for (size_t i = 0; items[i]; i++) {
        sb_add(sb, i ? ", " : "");
        sb_add_json_string(sb, items[i]);
    }
    sb_add(sb, "]");
}

static void add_hooks(struct strbuf *sb)
{
    const char *names[HOOK_KINDS + 1] = {NULL};
    size_t n = 0;

    for (int i = 0; i < HOOK_KINDS; i++)
        if (i != HOOK_START_CONTAINER)
            names[n++] = oci_hook_names[i];
    add_list(sb, "hooks", names);
}

static void add_capabilities(struct strbuf *sb)
{
    sb_add(sb, "\"capabilities\": [");
    for (unsigned i = 0; i < caps_count(); i++) {
        sb_add(sb, i ? ", " : "");
        sb_add_json_string(sb, caps_name(i));
    }
    sb_add(sb, "]");
}

static void describe(struct strbuf *sb)
{
    int version = cgroup_version();

    sb_add(sb, "{\n  \"ociVersionMin\": \"1.0.0\",\n  \"ociVersionMax\": \"1.2.0\",\n  ");
    add_hooks(sb);
    sb_add(sb, ",\n  ");
    add_list(sb, "mountOptions", oci_mount_option_names());
    sb_add(sb, ",\n  \"linux\": {\n    ");
    add_list(sb, "namespaces", namespaces);
    sb_add(sb, ",\n    ");
    add_capabilities(sb);
    sb_addf(
        sb,
        ",\n    \"cgroup\": {\"v1\": %s, \"v2\": %s, \"systemd\": false, \"systemdUser\": false, "
        "\"rdma\": false},\n",
        version == 1 ? "true" : "false", version == 2 ? "true" : "false");
    sb_add(sb, "    \"seccomp\": {\"enabled\": false},\n"
               "    \"apparmor\": {\"enabled\": false},\n"
               "    \"selinux\": {\"enabled\": false},\n"
               "    \"intelRdt\": {\"enabled\": false},\n"
               "    \"mountExtensions\": {\"idmap\": {\"enabled\": true}}\n  },\n");
    sb_add(sb, "  \"annotations\": {\"org.cloister.version\": \"" CLOISTER_VERSION "\"}\n}\n");
}

static int run_features(struct cli *cli, const struct command *self, int argc, char **argv)
{
    _cleanup_sb_ struct strbuf sb = STRBUF_INIT;
    struct fail f = {0};
    int status;

    if (cli_options(cli, self, NULL, &argc, argv, 0, 0, 1, &status) != 0)
        return status;
    describe(&sb);
    if (sb_error(&sb) < 0) {
        fail(&f, ENOMEM, "out of memory");
        return cli_fail(cli, &f, 1);
    }
    fputs(sb_text(&sb), stdout);
    return 0;
}

const struct command cmd_features = {
    .name = "features",
    .arguments = "",
    .summary = "print what of the OCI specification is honoured, as JSON",
    .more =
        "A config's seccomp profile, AppArmor or SELinux label is left out with a warning: the\n"
        "container's system calls do not reach the host kernel they would be checked by.",
    .run = run_features,
};
