/* SPDX-License-Identifier: Apache-2.0 */
/* cloister spec: a config.json to begin with. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "base/textio.h"
#include "cli/cli.h"

struct spec_options {
    const char *bundle;
    bool rootless;
};

#define O(field) offsetof(struct spec_options, field)

static const struct option spec_option_table[] = {
    {"bundle", 'b', OPTION_STRING, false, "DIR", "where to write config.json (default: .)",
     O(bundle)},
    {"rootless", 0, OPTION_FLAG, false, NULL, "for a plain user: container root is the caller",
     O(rootless)},
};

/* What a shell in a container commonly needs. The container's /proc, /sys and /dev are synthetic,
 * so that nothing has to be masked. */
static const char head[] =
    "{\n"
    "  \"ociVersion\": \"1.0.2\",\n"
    "  \"process\": {\n"
    "    \"terminal\": false,\n"
    "    \"user\": {\"uid\": 0, \"gid\": 0},\n"
    "    \"args\": [\"sh\"],\n"
    "    \"env\": [\n"
    "      \"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\",\n"
    "      \"TERM=xterm\"\n"
    "    ],\n"
    "    \"cwd\": \"/\",\n"
    "    \"capabilities\": {\n"
    "      \"bounding\": [\"CAP_AUDIT_WRITE\", \"CAP_KILL\", \"CAP_NET_BIND_SERVICE\"],\n"
    "      \"effective\": [\"CAP_AUDIT_WRITE\", \"CAP_KILL\", \"CAP_NET_BIND_SERVICE\"],\n"
    "      \"permitted\": [\"CAP_AUDIT_WRITE\", \"CAP_KILL\", \"CAP_NET_BIND_SERVICE\"]\n"
    "    },\n"
    "    \"rlimits\": [{\"type\": \"RLIMIT_NOFILE\", \"soft\": 1024, \"hard\": 1024}],\n"
    "    \"noNewPrivileges\": true\n"
    "  },\n"
    "  \"root\": {\"path\": \"rootfs\", \"readonly\": true},\n"
    "  \"hostname\": \"cloister\",\n"
    "  \"mounts\": [\n"
    "    {\"destination\": \"/proc\", \"type\": \"proc\", \"source\": \"proc\"},\n"
    "    {\"destination\": \"/sys\", \"type\": \"sysfs\", \"source\": \"sysfs\",\n"
    "     \"options\": [\"nosuid\", \"noexec\", \"nodev\", \"ro\"]},\n"
    "    {\"destination\": \"/dev\", \"type\": \"tmpfs\", \"source\": \"tmpfs\",\n"
    "     \"options\": [\"nosuid\", \"strictatime\", \"mode=755\", \"size=65536k\"]},\n"
    "    {\"destination\": \"/dev/pts\", \"type\": \"devpts\", \"source\": \"devpts\",\n"
    "     \"options\": [\"nosuid\", \"noexec\", \"newinstance\", \"ptmxmode=0666\", "
    "\"mode=0620\"]},\n"
    "    {\"destination\": \"/dev/shm\", \"type\": \"tmpfs\", \"source\": \"shm\",\n"
    "     \"options\": [\"nosuid\", \"noexec\", \"nodev\", \"mode=1777\", \"size=65536k\"]},\n"
    "    {\"destination\": \"/dev/mqueue\", \"type\": \"mqueue\", \"source\": \"mqueue\",\n"
    "     \"options\": [\"nosuid\", \"noexec\", \"nodev\"]}\n"
    "  ],\n"
    "  \"linux\": {\n";

static const char *const namespaces[] = {"pid", "network", "ipc", "uts", "mount", "cgroup"};

static void format_config(struct strbuf *sb, bool rootless)
{
    sb_add(sb, head);
    if (rootless)
        sb_addf(sb,
                "    \"uidMappings\": [{\"containerID\": 0, \"hostID\": %u, \"size\": 1}],\n"
                "    \"gidMappings\": [{\"containerID\": 0, \"hostID\": %u, \"size\": 1}],\n",
                (unsigned) geteuid(), (unsigned) getegid());
    sb_add(sb, "    \"namespaces\": [\n");
    for (size_t i = 0; i < ARRAY_LEN(namespaces); i++)
        sb_addf(sb, "      {\"type\": \"%s\"}%s\n", namespaces[i],
                rootless || i + 1 < ARRAY_LEN(namespaces) ? "," : "");
    if (rootless)
        sb_add(sb, "      {\"type\": \"user\"}\n");
    sb_add(sb, "    ]\n  }\n}\n");
}

static int write_config(const char *dir, bool rootless, struct fail *f)
{
    _cleanup_sb_ struct strbuf sb = STRBUF_INIT;
    _cleanup_close_ int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int fd = -1;
    int r;

    if (dir_fd < 0)
        return fail_errno(f, errno, "the bundle directory %s", dir);
    format_config(&sb, rootless);
    if (sb_error(&sb) < 0)
        return fail(f, ENOMEM, "out of memory");
    fd = openat(dir_fd, "config.json", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0 && errno == EEXIST)
        return fail(f, EEXIST, "%s/config.json exists already: remove it first", dir);
    if (fd < 0)
        return fail_errno(f, errno, "writing %s/config.json", dir);
    r = write_full(fd, sb_text(&sb), sb.len);
    if (r < 0) {
        (void) unlinkat(dir_fd, "config.json", 0);
        return fail_errno(f, -r, "writing %s/config.json", dir);
    }
    return 0;
}

static int run_spec(struct cli *cli, const struct command *self, int argc, char **argv)
{
    struct spec_options o = {0};
    struct fail f = {0};
    int status;

    if (cli_options(cli, self, &o, &argc, argv, 0, 0, 1, &status) != 0)
        return status;
    if (write_config(o.bundle ? o.bundle : ".", o.rootless, &f) < 0)
        return cli_fail(cli, &f, 1);
    return 0;
}

const struct command cmd_spec = {
    .name = "spec",
    .arguments = "",
    .summary = "write a config.json to begin with",
    .more = "The config runs sh from the directory rootfs beside it.",
    .options = OPTION_TABLE(spec_option_table),
    .run = run_spec,
};
