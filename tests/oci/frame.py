# SPDX-License-Identifier: Apache-2.0
"""The frame of the lifecycle tests: a place with a bundle and a state directory for each case."""
import inspect
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
CLOISTER = os.path.abspath(os.environ.get("CLOISTER", os.path.join(ROOT, "build/cloister")))
OUT = os.path.join(os.environ.get("CLOISTER_TEST_DIR", os.path.join(ROOT, "build/tests")), "oci")
FAKE = os.path.join(OUT, "fake-sentry")
TIMEOUT = 30


class Skip(Exception):
    """What this host does not allow to test."""


def cases_of(module):
    found = [v for k, v in vars(module).items() if k.startswith("test_") and inspect.isfunction(v)]
    return sorted(found, key=lambda f: f.__code__.co_firstlineno)


def build_fake():
    sources = [os.path.join(HERE, "fake-sentry.c")]
    for folder in ("rpc", "base"):
        path = os.path.join(ROOT, "src", folder)
        sources += [os.path.join(path, f) for f in sorted(os.listdir(path)) if f.endswith(".c")]
    newest = max(os.path.getmtime(s) for s in sources)
    if os.path.exists(FAKE) and os.path.getmtime(FAKE) > newest:
        return
    subprocess.run([os.environ.get("CC", "cc"), "-std=gnu17", "-D_GNU_SOURCE", "-O1", "-I" + os.path.join(ROOT, "src"),
                    "-o", FAKE] + sources + ["-lpthread"], check=True)


def plain_user():
    """Ids of a user without privileges, for what must work without them."""
    try:
        entry = pwd.getpwnam("nobody")
        return entry.pw_uid, entry.pw_gid
    except KeyError:
        return 65534, 65534


class Result:
    def __init__(self, proc):
        self.code = proc.returncode
        self.out = proc.stdout
        self.err = proc.stderr

    def __repr__(self):
        return f"status {self.code}, stdout {self.out!r}, stderr {self.err!r}"


class Place:
    """Bundle, state directory and commands of one case. sentry: None for the real one."""

    def __init__(self, sentry=None, user=None):
        self.dir = tempfile.mkdtemp(prefix="case-", dir=OUT)
        self.user = user
        self.state = os.path.join(self.dir, "state")
        self.bundle = os.path.join(self.dir, "bundle")
        self.rootfs = os.path.join(self.bundle, "rootfs")
        self.sentry = sentry
        self.started = []
        os.makedirs(self.rootfs)
        os.chmod(self.dir, 0o755)
        self.config = json.loads(TEMPLATE)
        if user:
            for path in (self.dir, self.bundle, self.rootfs):
                os.chown(path, *user)

    # ---- the bundle

    def write(self, config=None, **process):
        config = config or self.config
        config["process"].update(process)
        self.write_text(json.dumps(config))

    def write_text(self, text):
        with open(os.path.join(self.bundle, "config.json"), "w") as f:
            f.write(text)

    def busybox(self):
        source = shutil.which("busybox") or "/bin/busybox"
        if not os.path.exists(source):
            raise Skip("busybox is not installed")
        for d in ("bin", "proc", "sys", "dev", "tmp", "etc", "data"):
            os.makedirs(os.path.join(self.rootfs, d), exist_ok=True)
        shutil.copy(source, os.path.join(self.rootfs, "bin/busybox"))
        for name in ("sh", "true", "false", "cat", "echo", "ls", "sleep", "id", "pwd", "env", "hostname", "touch",
                     "kill", "mkdir", "stty", "tty", "rm", "dd", "grep", "mount", "ps", "wc", "yes", "head", "stat", "test"):
            link = os.path.join(self.rootfs, "bin", name)
            if not os.path.lexists(link):
                os.symlink("busybox", link)
        with open(os.path.join(self.rootfs, "etc/passwd"), "w") as f:
            f.write("root:x:0:0:root:/:/bin/sh\nguest:x:1000:1000:guest:/:/bin/sh\n")

    # ---- commands

    def argv(self, *args):
        argv = [CLOISTER, "--root", self.state]
        if self.sentry:
            argv += ["--sentry", self.sentry]
        return argv + [str(a) for a in args]

    def options(self):
        if not self.user:
            return {}
        return {"user": self.user[0], "group": self.user[1], "extra_groups": []}

    def cl(self, *args, cwd=None, env=None, stdin=subprocess.DEVNULL, timeout=TIMEOUT):
        """Output through files: a detached container keeps its standard output open."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            proc = subprocess.Popen(self.argv(*args), stdin=stdin, stdout=out, stderr=err,
                                    cwd=cwd or self.dir, env=env, **self.options())
            try:
                proc.wait(timeout)
            except subprocess.TimeoutExpired:
                proc.kill()
                proc.wait()
                raise AssertionError(f"{' '.join(map(str, args))}: no end after {timeout} s")
            out.seek(0)
            err.seek(0)
            proc.stdout = out.read().decode(errors="replace")
            proc.stderr = err.read().decode(errors="replace")
        return Result(proc)

    def ok(self, *args, **kw):
        r = self.cl(*args, **kw)
        assert r.code == 0, f"{' '.join(map(str, args))}: {r}"
        return r.out

    def fails(self, code, words, *args, **kw):
        """One clear line with these words, and this status."""
        r = self.cl(*args, **kw)
        what = f"{' '.join(map(str, args))}: {r}"
        assert r.code == code, f"expected status {code}: {what}"
        lines = r.err.splitlines()
        assert len(lines) == 1, f"expected one line: {what}"
        assert lines[0].startswith("cloister"), what
        for w in [words] if isinstance(words, str) else words:
            assert w in r.err, f"expected {w!r}: {what}"
        return r

    def start(self, *args, **kw):
        """A command that goes on: a Popen with text pipes."""
        proc = subprocess.Popen(self.argv(*args), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, cwd=self.dir, **self.options(), **kw)
        self.started.append(proc)
        return proc

    def status(self, name):
        return json.loads(self.ok("state", name))["status"]

    def wait_status(self, name, wanted):
        for _ in range(500):
            r = self.cl("state", name)
            if r.code == 0 and json.loads(r.out)["status"] == wanted:
                return json.loads(r.out)
            time.sleep(0.02)
        raise AssertionError(f"{name} does not become {wanted}: {r}")

    # ---- the end

    def nothing_left(self):
        left = os.listdir(self.state) if os.path.isdir(self.state) else []
        assert left == [], f"left in the state directory: {left}"
        processes = self.processes()
        assert processes == [], f"left running: {processes}"

    def processes(self):
        """Processes that have this place's paths open or in their environment: sandboxes, by their pid namespace."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                for fd in os.listdir(f"/proc/{pid}/fd"):
                    if os.readlink(f"/proc/{pid}/fd/{fd}").startswith(self.dir) and int(pid) != os.getpid():
                        found.append((int(pid), open(f"/proc/{pid}/comm").read().strip()))
                        break
            except OSError:
                continue
        return found

    def close(self):
        for proc in self.started:
            if proc.poll() is None:
                proc.kill()
            proc.wait()
            proc.stdout.close()
            proc.stderr.close()
        if os.path.isdir(self.state):
            for name in self.cl("list", "-q").out.split():
                self.cl("delete", "--force", name)
        shutil.rmtree(self.dir, ignore_errors=True)


def in_place(case, sentry, prepare):
    def wrapped():
        p = Place(sentry)
        try:
            prepare(p)
            case(p)
        finally:
            p.close()
    wrapped.__name__ = case.__name__
    wrapped.__code__ = wrapped.__code__.replace(co_firstlineno=case.__code__.co_firstlineno)
    return wrapped


def fake(case):
    """A case with the stand-in for the sentry."""
    return in_place(case, FAKE, lambda p: None)


def real(case):
    """A case with the real sentry and a busybox root."""
    return in_place(case, None, Place.busybox)


def cgroup_dirs(path):
    """Where a group lies in the hierarchies that have limits."""
    top = "/sys/fs/cgroup"
    roots = [top] if os.path.exists(top + "/cgroup.controllers") else \
        [os.path.join(top, d) for d in ("memory", "pids") if os.path.isdir(os.path.join(top, d))]
    return [r + path for r in roots]


def gone(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] in "ZX"
    except OSError:
        return True


def wait_gone(pid, seconds=5):
    end = time.monotonic() + seconds
    while not gone(pid):
        assert time.monotonic() < end, f"process {pid} is still there"
        time.sleep(0.01)


TEMPLATE = """{
  "ociVersion": "1.0.2",
  "process": {"user": {"uid": 0, "gid": 0}, "args": ["exit", "0"], "cwd": "/",
    "env": ["PATH=/bin", "HOME=/"]},
  "root": {"path": "rootfs"},
  "hostname": "inside",
  "mounts": [
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro", "nosuid"]},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=64k"]},
    {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=1777"]}],
  "linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}]}
}"""


def run(cases, with_fake=True):
    if not os.access(CLOISTER, os.X_OK):
        print(f"{CLOISTER}: not there; build it, or set CLOISTER", file=sys.stderr)
        return 2
    os.makedirs(OUT, exist_ok=True)
    if with_fake:
        build_fake()
    passed = failed = 0
    for case in cases:
        name = case.__name__[len("test_"):]
        try:
            case()
        except Skip as e:
            print(f"skipped - {name}: {e}", flush=True)
        except Exception as e:
            failed += 1
            where = traceback.extract_tb(e.__traceback__)
            at = next((f"{os.path.basename(t.filename)}:{t.lineno}" for t in where if "cases_" in t.filename), "")
            print(f"not ok - {name}: {at}: {type(e).__name__}: {e}", flush=True)
        else:
            passed += 1
            print(f"ok - {name}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


signal.signal(signal.SIGCHLD, signal.SIG_DFL)
