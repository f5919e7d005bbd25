# SPDX-License-Identifier: Apache-2.0
"""Reads the output of `strace -f` and brings it into a form in which two runs can be compared.

A trace becomes {place of the process in the tree: [call, ...]}. Taken away is what differs between two
runs of the same program on one kernel: process numbers, addresses, random bytes, times, and the moments at
which signals arrive (a call that one interrupts and that begins again is one call, and the handler's
return is none). Everything else stays: names, arguments, results, their order within a process.
"""
import re

LINE = re.compile(r"^(\d+) +(.*)$")
CREATES = re.compile(r"^(?:clone|clone3|fork|vfork)\(.*= (\d+)$")
RESTARTED = re.compile(r"= \? ERESTART\w+ ")
NORMAL = [
    (re.compile(r"0x[0-9a-f]{4,}"), "ADDR"),
    (re.compile(r'^getrandom\("[^"]*"'), "getrandom(BYTES"),
    # The parent, group and session of the first one are not in the trace.
    (re.compile(r"^(get(?:ppid|pgrp|sid)\([^)]*\) += )\d+"), r"\1PID"),
    (re.compile(r"^(clock_gettime\([^{]*)\{[^}]*\}"), r"\1TIME"),
    (re.compile(r" +(= [^=]*)$"), r" \1"),  # the column of the result
]
# A number of a process as a result or among the arguments of these.
PIDS = re.compile(r"^(clone|clone3|fork|vfork|wait4|getpid|gettid|getppid|set_tid_address|kill|tgkill|getpgrp|setpgid)\(")
NUMBER = re.compile(r"(?<![\w.])\d{1,7}(?![\w.])")


def merged(text):
    """(pid, call) in the order in which calls began, the two halves of interrupted lines put together."""
    calls, open_calls = [], {}
    for line in text.splitlines():
        match = LINE.match(line)
        if not match:
            continue
        pid, rest = int(match[1]), match[2]
        if rest.endswith("<unfinished ...>"):
            open_calls[pid] = len(calls)
            begun = rest[: -len("<unfinished ...>")].rstrip(" ")
            calls.append([pid, begun + " " if begun.endswith(",") else begun])
        elif rest.startswith("<... "):
            tail = rest[rest.index("resumed>") + len("resumed>"):]
            at = open_calls.pop(pid, None)
            if at is not None:
                calls[at][1] += tail
        else:
            calls.append([pid, rest])
    return calls


def normal(call, known):
    if PIDS.match(call):
        call = NUMBER.sub(lambda m: "PID" if int(m[0]) in known else m[0], call)
    for pattern, to in NORMAL:
        call = pattern.sub(to, call)
    return call


def read(text):
    calls = merged(text)
    known = {pid for pid, _ in calls}
    known |= {int(m[1]) for _, c in calls if (m := CREATES.match(c))}
    place, children, result = {}, {}, {}
    # Children begin after their parent's call has, but may be listed before it ends.
    for pid, call in calls:
        match = CREATES.match(call)
        if match:
            children.setdefault(pid, []).append(int(match[1]))
    root = calls[0][0] if calls else 0
    todo = [(root, "0")]
    while todo:
        pid, name = todo.pop()
        place[pid] = name
        todo += [(c, f"{name}.{n}") for n, c in enumerate(children.get(pid, []), 1)]
    for pid, call in calls:
        if call.startswith("--- SIGCHLD") or call.startswith("rt_sigreturn(") or RESTARTED.search(call):
            continue
        if call.startswith("restart_syscall("):
            continue
        result.setdefault(place.get(pid, "?"), []).append(normal(call, known))
    return result
