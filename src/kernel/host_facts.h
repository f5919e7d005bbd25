/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guest is told about the machine. The sandbox's own /proc shows processes only, so boot
 * reads these texts before it leaves the host's tree. Any of them may be NULL: /proc then shows
 * what sysinfo(2), uname(2) and the affinity mask tell.
 */
#pragma once

struct host_facts {
    char *cpuinfo; /* /proc/cpuinfo */
    char *meminfo; /* /proc/meminfo; MemFree and friends are brought up to date from sysinfo(2) */
    char *version; /* /proc/version */
    char *uid_map, *gid_map; /* of the sandbox's user namespace */
    char *huge_pages;        /* /sys/kernel/mm/transparent_hugepage/enabled */
    int machine_fd;          /* tree of the host's /sys/devices/system, or -1 */
    int net_fd;              /* tree of the host's /proc/sys/net, or -1 */
};
