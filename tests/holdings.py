# SPDX-License-Identifier: Apache-2.0
"""What a sandbox's sentry holds, seen from the host."""
import os
import re

import processes


def sentry_below(pid):
    """The sandbox process: the descendant that runs the sentry and is pid 1 of its own name space."""
    for child in processes.descendants(pid):
        try:
            if processes.number_inside(child) == 1:
                return child
        except (OSError, StopIteration):
            continue
    return None


class Holdings:
    """Descriptors, threads, processes below, private memory."""

    def __init__(self, pid):
        self.descriptors = len(os.listdir(f"/proc/{pid}/fd"))
        self.threads = len(os.listdir(f"/proc/{pid}/task"))
        self.children = len(processes.descendants(pid))
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
            self.memory_kb = int(re.search(r"^Private_Dirty:\s+(\d+)", f.read(), re.M)[1])

    def __str__(self):
        return (f"{self.descriptors} descriptors, {self.threads} threads, {self.children} processes, "
                f"{self.memory_kb} kB private")

    def counts(self):
        return self.descriptors, self.threads, self.children
