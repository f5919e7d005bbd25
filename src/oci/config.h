/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An OCI bundle's config.json as a C struct; source: the OCI runtime specification, config.md and
 * config-linux.md. Values are checked for type, range and spelling here; whether the host can
 * honour them is the host side's business.
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/util.h"
#include "oci/resources.h"
#include "rpc/fail.h"
#include "rpc/spec.h"

struct oci_id_mapping {
    uint32_t container_id, host_id, size;
};

struct oci_mount {
    char *destination;                                  /* absolute */
    char *type;                                         /* may be NULL */
    char *source;                                       /* may be NULL */
    char **options;                                     /* may be NULL */
    struct oci_id_mapping *uid_mappings, *gid_mappings; /* ids of the source, ids of the mount */
    size_t n_uid_mappings, n_gid_mappings;
};

struct oci_device {
    char *path;           /* absolute */
    uint32_t type;        /* S_IFCHR, S_IFBLK or S_IFIFO */
    int64_t major, minor; /* -1: not given */
    uint32_t mode, uid, gid;
    bool has_mode;
};

struct oci_hook {
    char *path; /* absolute */
    char **args, **env;
    int64_t timeout; /* seconds, 0: none */
};

struct oci_hooks {
    struct oci_hook *list;
    size_t n;
};

enum oci_hook_kind {
    HOOK_PRESTART,
    HOOK_CREATE_RUNTIME,
    HOOK_CREATE_CONTAINER,
    HOOK_START_CONTAINER,
    HOOK_POSTSTART,
    HOOK_POSTSTOP,
    HOOK_KINDS,
};

/* JSON name of the kind: "prestart" ... */
extern const char *const oci_hook_names[HOOK_KINDS];

struct oci_namespace {
    char *type, *path;
};

struct oci_config {
    char *version;
    struct process_spec process; /* capabilities already as bit sets */
    bool has_process, has_umask, has_capabilities;
    uint32_t console_rows, console_cols; /* process.consoleSize; 0: not given */
    char *root_path;
    bool root_readonly;
    char *hostname, *domainname;
    struct oci_mount *mounts;
    size_t n_mounts;
    struct oci_hooks hooks[HOOK_KINDS];
    json_object *annotations; /* or NULL */

    bool has_linux;
    struct oci_namespace *namespaces;
    size_t n_namespaces;
    struct oci_id_mapping *uid_mappings, *gid_mappings;
    size_t n_uid_mappings, n_gid_mappings;
    char *cgroups_path;
    struct limits resources;
    char **masked_paths, **readonly_paths;
    char **sysctls; /* linux.sysctl, those of a network namespace: "net.NAME=VALUE"; may be NULL */
    size_t n_sysctls;
    struct oci_device *devices;
    size_t n_devices;
    bool root_slave; /* linux.rootfsPropagation: mounts made on the host later should be seen */

    char *noted; /* properties that were given and are not honoured, for one warning; "" if none */
};

/* Reads DIR/config.json. The caller frees with oci_config_free(). */
int oci_config_load(const char *bundle_dir, struct oci_config **ret, struct fail *f) must_check;
/* The same from text, with a NUL behind its len bytes. */
int oci_config_parse(const char *text, size_t len, struct oci_config **ret, struct fail *f)
    must_check;
/* Reads an OCI process (`exec --process`): only process, has_... and noted of *ret are filled in.
 */
int oci_process_load(const char *path, struct oci_config **ret, struct fail *f) must_check;
int oci_process_parse(const char *text, size_t len, struct oci_config **ret, struct fail *f)
    must_check;
void oci_config_free(struct oci_config *c);
/* For cleanup attributes. */
void oci_config_freep(struct oci_config **c);

bool oci_config_has_namespace(const struct oci_config *c, const char *type);
