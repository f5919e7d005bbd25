# SPDX-License-Identifier: Apache-2.0
"""Known differences between native and inside: lines `NAME CAUSE` of a suite's differences.txt."""
import os


def read(suite):
    """{name: cause}"""
    found = {}
    with open(os.path.join(suite, "differences.txt"), encoding="utf-8") as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                name, _, cause = line.strip().partition(" ")
                found[name] = cause.strip()
    return found
