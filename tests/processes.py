# SPDX-License-Identifier: Apache-2.0
"""Who descends from a test: this program takes orphans, so nothing that a test started gets lost.
And where test programs can be built so that they are seen inside."""
import atexit
import ctypes
import os
import shutil
import signal
import tempfile
import time

PR_SET_CHILD_SUBREAPER = 36


def default_signals():
    """What is started from here can be interrupted, also when whoever started us cannot (`run &` of a shell)."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)


def take_orphans():
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def stat_fields(pid):
    """The fields of /proc/PID/stat behind the name: state, parent, ..."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
        return f.read().rpartition(")")[2].split()


def number_inside(pid):
    """Its number in its own pid namespace: what tells who came first, however the host's numbers wrap."""
    with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as f:
        return next(int(line.split()[-1]) for line in f if line.startswith("NSpid:"))


def descendants(root=None):
    """{pid: parent} of all below root (default: this program), zombies too."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                parents[int(name)] = int(stat_fields(name)[1])
            except OSError:
                pass
    root = root or os.getpid()
    found, grown = {}, True
    while grown:
        grown = False
        for pid, parent in parents.items():
            if pid not in found and (parent == root or parent in found):
                found[pid] = parent
                grown = True
    return found


def reap():
    """Takes what has ended and nobody else waits for."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def until(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    return condition()


def end_all():
    """Kills every descendant, and reaps them."""
    def gone():
        for pid in descendants():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        reap()
        return not descendants()
    until(gone)


def visible_dir(base, name):
    """base/name; below /tmp, which is another one inside, a directory elsewhere that goes at exit."""
    path = os.path.join(base, name)
    if not os.path.realpath(path).startswith("/tmp/"):
        return path
    path = tempfile.mkdtemp(prefix="cloister-tests-", dir="/var/tmp")
    os.chmod(path, 0o755)
    atexit.register(shutil.rmtree, path, True)
    return path
