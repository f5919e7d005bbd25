# SPDX-License-Identifier: Apache-2.0
"""The sandbox seen and mistreated from the host: every case starts `cloister do`, does something to
its processes, and afterwards no process, mount or state of it may be left.

A process of the sandbox is a descendant of ours: this program is a subreaper, so orphans come to it.
"""
import os
import random
import select
import shutil
import signal
import subprocess
import tempfile
import time

import seccomp_dump
from processes import descendants, number_inside, reap, stat_fields, take_orphans, until

CASES = {}
STATE_DIRS = ["/run/cloister", os.path.join(os.environ.get("XDG_RUNTIME_DIR", "/nonexistent"), "cloister")]
cloister = programs = None


class Failure(Exception):
    pass


def case(f):
    CASES[f.__name__] = f
    return f


def check(condition, text):
    if not condition:
        raise Failure(text)


# ---- what is left

def nothing_left():
    def alone():
        reap()
        return not descendants()
    if not until(alone):
        left = [f"{p} {open(f'/proc/{p}/comm').read().strip()} {stat_fields(p)[0]}" for p in descendants()]
        for p in descendants():
            os.kill(p, signal.SIGKILL)
        raise Failure("left over: " + ", ".join(left))


def host_state():
    with open("/proc/self/mountinfo") as f:
        mounts = f.read()
    return mounts, [sorted(os.listdir(d)) if os.access(d, os.R_OK) else [] for d in STATE_DIRS], \
        sorted(n for n in os.listdir("/tmp") if "cloister" in n or "sentry" in n)


class Sandbox:
    """A running `cloister do`."""

    def __init__(self, *argv, before=(), **options):
        self.proc = subprocess.Popen([cloister, *before, "do", "--", *argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, start_new_session=True, **options)
        self.text = b""

    def until_says(self, word, seconds=10.0):
        end = time.monotonic() + seconds
        while word not in self.text:
            left = end - time.monotonic()
            ready = left > 0 and select.select([self.proc.stdout], [], [], left)[0]
            data = os.read(self.proc.stdout.fileno(), 4096) if ready else b""
            if not data:
                self.proc.kill()
                raise Failure(f"no {word!r}; out {self.text!r}, err {self.proc.stderr.read()[-300:]!r}")
            self.text += data

    def sentry(self):
        """The first process of the sandbox: a child of the command line's."""
        def find():
            return [p for p, parent in descendants(self.proc.pid).items() if parent == self.proc.pid]
        found = until(find)
        check(len(found) == 1, f"the command has {len(found)} children instead of one")
        return found[0]

    def stubs(self):
        """Oldest first; the first of all is the zygote. A process may go while it is looked at."""
        found = []
        for pid in descendants(self.sentry()):
            try:
                if stat_fields(pid)[0] != "Z":
                    found.append((number_inside(pid), pid))
            except (FileNotFoundError, ProcessLookupError):
                continue
        return [pid for _, pid in sorted(found)]

    def settled_stubs(self, at_least):
        """The stubs once no exec replaces one by another any more: two looks agree."""
        def settled():
            first = self.stubs()
            time.sleep(0.2)
            return len(first) >= at_least and first == self.stubs() and first
        return until(settled)

    def end(self, seconds=10.0):
        """(exit status, output, errors), ending what does not end."""
        try:
            out, err = self.proc.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            _, err = self.proc.communicate()
            raise Failure(f"no end within {seconds} seconds; said {self.text!r}, {err[-300:]!r}") from None
        status = self.proc.returncode
        return (status if status >= 0 else 128 - status), self.text + out, err


def sh(script):
    return Sandbox("/bin/sh", "-c", script)


# ---- what the running processes are

def status_of(pid):
    with open(f"/proc/{pid}/status") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


@case
def data_moves_without_the_sentry_unless_told():
    """A stub holds the file that its program reads much, and its post; with --mediate-data it holds nothing."""
    script = ("seq 100 199 > /tmp/much; exec < /tmp/much; for i in $(seq 60); do read line; done; "
              "echo up $line; sleep 100")
    for before, want in (((), ["/much", "socket:"]), (("--mediate-data",), [])):
        s = Sandbox("/bin/sh", "-c", script, before=before)
        s.until_says(b"up 159")
        held = [os.readlink(f"/proc/{pid}/fd/{fd}") for pid in s.settled_stubs(3) for fd in os.listdir(f"/proc/{pid}/fd")]
        kinds = sorted("/much" if name.endswith("/much") else name.partition("[")[0] for name in held)
        check(kinds == want, f"{before}: the stubs hold {held}")
        s.proc.terminate()
        s.end()


@case
def stubs_are_confined():
    s = sh("echo up; sleep 100 & sleep 100")
    s.until_says(b"up")
    stubs = s.settled_stubs(4)
    check(stubs, "fewer than four stub processes")
    for pid in stubs:
        st = status_of(pid)
        check(st["Seccomp"] == "2", f"stub {pid}: Seccomp {st['Seccomp']}")
        check(st["NoNewPrivs"] == "1", f"stub {pid}: NoNewPrivs {st['NoNewPrivs']}")
        for kind in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
            check(int(st[kind], 16) == 0, f"stub {pid}: {kind} {st[kind]}")
        check(os.listdir(f"/proc/{pid}/fd") == [], f"stub {pid} holds {os.listdir(f'/proc/{pid}/fd')}")
        for ns in ("user", "mnt", "pid", "ipc", "uts", "cgroup", "net"):
            check(os.readlink(f"/proc/{pid}/ns/{ns}") != os.readlink(f"/proc/self/ns/{ns}"), f"stub {pid}: {ns} shared")
    s.proc.terminate()
    s.end()


@case
def filter_of_a_live_stub():
    """The filter as the kernel holds it, run on every number, gate and origin."""
    if os.geteuid() != 0:
        return "skip: reading a filter needs root"
    s = sh("echo up; sleep 100")
    s.until_says(b"up")
    stub = s.settled_stubs(2)[-1]
    filters = seccomp_dump.read(stub)
    s.proc.terminate()
    s.end()
    if filters is None:
        return "skip: this kernel does not show filters"
    wrong = seccomp_dump.surprises(filters)
    check(not wrong, "; ".join(wrong[:10]))
    return f"{len(filters)} filters, {sum(map(len, filters))} instructions"


# ---- processes that end out of turn

@case
def finished_container_leaves_nothing():
    s = sh("sleep 1000 & (sleep 1000 &) ; sleep 1000 | sleep 1000 & exit 3")
    status, out, err = s.end()
    check(status == 3, f"status {status}, {err[-200:]!r}")
    nothing_left()


def wait_for_new(s, before):
    return [p for p in s.settled_stubs(len(before) + 1) if p not in before]


@case
def killed_stub_ends_that_process_alone():
    s = sh('echo up; read x; sleep 1000 & p=$!; echo started; wait $p; echo "ended $?"; '
           'seq 1 5 | tail -n 1; exit 4')
    s.until_says(b"up")
    before = s.stubs()
    s.proc.stdin.write(b"go\n")
    s.proc.stdin.flush()
    s.until_says(b"started")
    new = wait_for_new(s, before)
    check(len(new) == 1, f"{len(new)} new stubs")
    os.kill(new[0], signal.SIGKILL)
    status, out, err = s.end()
    check(b"ended 137\n5\n" in out and status == 4, f"status {status}, {out!r}, {err[-300:]!r}")


@case
def stub_killed_in_the_middle_of_calls():
    for _ in range(10):
        s = sh('echo up; read x; (while :; do : < /etc/passwd; done) & p=$!; echo started; wait $p; echo "ended $?"')
        s.until_says(b"up")
        before = s.stubs()
        s.proc.stdin.write(b"go\n")
        s.proc.stdin.flush()
        s.until_says(b"started")
        new = wait_for_new(s, before)
        check(new, "no new stub")
        time.sleep(random.random() / 30)
        os.kill(new[-1], signal.SIGKILL)
        status, out, err = s.end()
        check(b"ended 137" in out and status == 0, f"status {status}, {out!r}, {err[-300:]!r}")


@case
def thread_of_a_stub_killed():
    """A signal to one host thread ends its whole guest process, as on Linux."""
    s = Sandbox("/usr/bin/python3", "-c",
                "import os, threading, time\n"
                "p = os.fork()\n"
                "if p == 0:\n"
                "    [threading.Thread(target=time.sleep, args=(100,)).start() for _ in range(4)]\n"
                "    print('up', flush=True); time.sleep(100)\n"
                "print(os.waitpid(p, 0)[1])")
    s.until_says(b"up\n")
    pid = max(s.stubs(), key=lambda p: len(os.listdir(f"/proc/{p}/task")))
    os.kill(int(max(os.listdir(f"/proc/{pid}/task"), key=int)), signal.SIGKILL)
    status, out, err = s.end()
    check(b"\n9\n" in out and status == 0, f"status {status}, {out!r}, {err[-300:]!r}")


@case
def stopped_stub():
    """Nothing waits for a stub that was stopped: others go on, and SIGKILL of the guest reaches it."""
    for what in ("sleep 1000", "exec 1>&-; while :; do :; done"):
        s = sh(f'echo up; read x; ({what}) & p=$!; echo started; read x; echo going on | cat; kill -KILL $p; '
               'wait $p; echo "ended $?"')
        s.until_says(b"up")
        before = s.stubs()
        s.proc.stdin.write(b"go\n")
        s.proc.stdin.flush()
        s.until_says(b"started")
        wait_for_new(s, before)
        time.sleep(0.05)
        for pid in [p for p in s.stubs() if p not in before]:
            os.kill(pid, signal.SIGSTOP)
        s.proc.stdin.write(b"go\n")
        s.proc.stdin.flush()
        status, out, err = s.end(15)
        check(b"going on\nended 137\n" in out and status == 0, f"{what}: status {status}, {out!r}, {err[-300:]!r}")


@case
def everything_stopped_then_killed():
    s = sh("echo up; sleep 100 & while :; do :; done")
    s.until_says(b"up")
    for pid in s.stubs():
        os.kill(pid, signal.SIGSTOP)
    s.proc.kill()
    s.end()
    nothing_left()


@case
def sentry_killed():
    s = sh("echo up; sleep 100 & while :; do :; done")
    s.until_says(b"up")
    os.kill(s.sentry(), signal.SIGKILL)
    status, _, _ = s.end()
    check(status != 0, "status 0 though the sentry was killed")
    nothing_left()


@case
def zygote_killed():
    s = sh("echo up; read x; echo not reached")
    s.until_says(b"up")
    os.kill(s.stubs()[0], signal.SIGKILL)
    until(lambda: s.proc.poll() is not None)  # before the end of its input lets the program go on
    status, out, _ = s.end()
    check(status != 0 and b"not reached" not in out, f"status {status}, {out!r}")
    nothing_left()


@case
def program_killed_by_command_line():
    for signo in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # Not a shell: natively, too, dash sometimes goes on after SIGINT when its child has not been told.
        s = Sandbox("/usr/bin/perl", "-e", '$| = 1; print "up\\n"; sleep 100; print "not reached\\n"')
        s.until_says(b"up")
        s.proc.send_signal(signo)
        try:
            status, out, err = s.end()
        except Failure as e:
            raise Failure(f"signal {signo}: {e}") from None
        check(status != 0 and b"not reached" not in out, f"signal {signo}: status {status}, {out!r}, {err!r}")
        nothing_left()


BUSY = ("i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); echo $i | cat > /dev/null; sleep 0.001 & (exit 3); done")


@case
def command_line_killed_at_random_moments():
    rng = random.Random(os.environ.get("CLOISTER_TEST_SEED", "moments"))
    rounds = 60
    for i in range(rounds):
        s = sh(BUSY)
        time.sleep(rng.random() * (0.02 if i % 3 == 0 else 0.08 if i % 3 == 1 else 0.3))
        s.proc.kill()
        s.proc.communicate()
        nothing_left()
    return f"{rounds} times"


@case
def sentry_killed_at_random_moments():
    rng = random.Random(os.environ.get("CLOISTER_TEST_SEED", "moments"))
    for i in range(30):
        s = sh(BUSY)
        time.sleep(rng.random() * (0.02 if i % 2 else 0.2))
        for pid in [p for p, parent in descendants(s.proc.pid).items() if parent == s.proc.pid]:
            os.kill(pid, signal.SIGKILL)
        s.proc.kill()
        s.proc.communicate()
        nothing_left()


@case
def output_appended_to_a_shared_file():
    with tempfile.TemporaryDirectory(dir="/var/tmp") as d:
        path = os.path.join(d, "log")
        script = f'"$1" do -- echo one > {path}; "$1" do -- echo two >> {path}; echo three >> {path}; ' \
                 f'("$1" do -- sh -c "echo four; echo five"; echo six; "$1" do -- sh -c "echo seven & wait") >> {path}; ' \
                 f'("$1" do -- echo eight; echo nine) > {path}.2; cat {path} {path}.2'
        run = subprocess.run(["sh", "-c", script, "sh", cloister], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             stdin=subprocess.DEVNULL, timeout=60)
        want = "".join(w + "\n" for w in "one two three four five six seven eight nine".split())
        check(run.stdout.decode() == want, f"{run.stdout!r}, {run.stderr[-300:]!r}")


@case
def inherited_descriptors_keep_their_attributes():
    """Standard input and output are for data: a guest's root does not change the caller's files, nor reopen them."""
    script = ("import os\n"
              "for f in (lambda: os.fchmod(0, 0), lambda: os.fchown(0, 1, 1), lambda: os.utime(0, (1, 1)),\n"
              "          lambda: os.setxattr('/proc/self/fd/0', 'user.x', b'y'), lambda: os.chmod('/dev/stdin', 0),\n"
              "          lambda: os.open('/proc/self/fd/0', os.O_RDWR), lambda: os.open('/dev/stdin', os.O_WRONLY),\n"
              "          lambda: os.truncate('/proc/self/fd/0', 0), lambda: os.ftruncate(0, 0), lambda: os.write(0, b'x')):\n"
              "    try: f(); print('done')\n"
              "    except OSError as e: print('refused')\n")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as d:
        files = [os.path.join(d, "file")]
        with open(files[0], "w", encoding="utf-8") as f:
            f.write("text")
        if os.geteuid() == 0:
            files.append(os.path.join(d, "null"))
            os.mknod(files[1], 0o20666, os.makedev(1, 3))
        for path in files:
            before = os.stat(path)
            with open(path, "rb") as stdin:
                run = subprocess.run([cloister, "do", "--", "/usr/bin/python3", "-c", script], stdin=stdin, stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, timeout=30)
            check(run.stdout == b"refused\n" * 10, f"{path}: {run.stdout!r} {run.stderr[-300:]!r}")
            now = os.stat(path)
            check(all(getattr(before, f) == getattr(now, f) for f in ("st_mode", "st_uid", "st_gid", "st_size", "st_mtime")),
                  f"{path} has changed: {before} {now}")


@case
def sentry_has_no_way_out():
    """The confinement of the process that holds the descriptors, from outside."""
    s = sh("echo up; sleep 100")
    s.until_says(b"up")
    pid = s.sentry()
    st = status_of(pid)
    check(st["Seccomp"] == "2" and st["NoNewPrivs"] == "1", f"Seccomp {st['Seccomp']}, NoNewPrivs {st['NoNewPrivs']}")
    root = sorted(os.listdir(f"/proc/{pid}/root/"))
    check(root == ["proc", "sentry"], f"the sentry's root holds {root}")
    with open(f"/proc/{pid}/mountinfo") as f:
        points = sorted(line.split()[4] for line in f)
    check(set(points) <= {"/", "/proc", "/sentry"}, f"mounts {points}")
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            link = os.readlink(f"/proc/{pid}/fd/{fd}")
        except FileNotFoundError:
            continue # closed meanwhile
        check(not link.startswith("/dev/") or link == "/dev/null", f"descriptor {fd} is {link}")
    s.proc.terminate()
    s.end()


# ---- a plain user, and places that are hard to reach

PLAIN_USER = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]
WORK = ("id -u; echo $((6 * 7)) | cat; (: > /usr/new) 2> /dev/null || echo read-only; echo note > /tmp/f && cat /tmp/f; "
        "test -s /etc/passwd && exit 5")


class OwnCopy:
    """The two executables in a new directory that only the plain user may enter."""

    def __init__(self, parent):
        self.dir = tempfile.TemporaryDirectory(prefix="own-", dir=parent)

    def __enter__(self):
        folder = self.dir.__enter__()
        for name in ("cloister", "cloister-sentry"):
            shutil.copy(os.path.join(os.path.dirname(cloister), name), folder)
        for name in ("", "cloister", "cloister-sentry"):
            os.chown(os.path.join(folder, name), 65534, 65534)
        os.chmod(folder, 0o700)
        return os.path.join(folder, "cloister")

    def __exit__(self, *why):
        return self.dir.__exit__(*why)


def works_for_plain_user(argv, want_uid=b"65534"):
    run = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30)
    want = want_uid + b"\n42\nread-only\nnote\n"
    check(run.stdout == want and run.returncode == 5, f"status {run.returncode}, {run.stdout!r}, {run.stderr[-300:]!r}")


def no_plain_user():
    if os.geteuid() != 0:
        return "skip: needs root to become another user"
    try:
        with open("/proc/sys/user/max_user_namespaces", encoding="utf-8") as f:
            return "skip: no user namespaces on this host" if f.read().strip() == "0" else None
    except OSError:
        return "skip: no user namespaces on this host"


@case
def rootless():
    """Also: the binary below a 0700 directory, and below the temporary directory that boot covers."""
    if no_plain_user():
        return no_plain_user()
    for parent in ("/var/tmp", "/tmp"):
        with OwnCopy(parent) as binary:
            works_for_plain_user(PLAIN_USER + [binary, "do", "--ro", "--", "/bin/sh", "-c", WORK])
    return ""


@case
def rootless_with_locked_mounts():
    """Mounts whose flags a user namespace may not take away."""
    if no_plain_user():
        return no_plain_user()
    with OwnCopy("/var/tmp") as binary:
        script = ("mount -t tmpfs -o nosuid,nodev,noexec,ro,nodiratime tmpfs /mnt && mount --bind /usr /usr && "
                  "mount -o remount,bind,nosuid,nodev,noatime,ro /usr && exec \"$@\"")
        works_for_plain_user(["unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh", *PLAIN_USER, binary,
                              "do", "--ro", "--", "/bin/sh", "-c", WORK])
    return ""


@case
def rootless_killed_at_random_moments():
    if no_plain_user():
        return no_plain_user()
    rng = random.Random(os.environ.get("CLOISTER_TEST_SEED", "moments"))
    with OwnCopy("/var/tmp") as binary:
        for _ in range(20):
            p = subprocess.Popen(PLAIN_USER + [binary, "do", "--", "/bin/sh", "-c", BUSY], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
            time.sleep(rng.random() * 0.15)
            p.kill()
            p.wait()
            nothing_left()
    return ""


@case
def root_below_a_private_directory():
    """A root file system that the mapped root could not reach by its path."""
    if os.geteuid() != 0:
        return "skip: needs root"
    with tempfile.TemporaryDirectory(dir="/var/tmp") as d:
        os.makedirs(f"{d}/private/root/bin")
        shutil.copy(shutil.which("busybox"), f"{d}/private/root/bin/sh")
        os.chown(f"{d}/private", 65534, 65534)
        os.chmod(f"{d}/private", 0o700)
        run = subprocess.run([cloister, "do", "--root", f"{d}/private/root", "--cwd", "/", "--", "/bin/sh", "-c", "pwd; exit 6"],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30)
        check(run.stdout == b"/\n" and run.returncode == 6, f"{run.returncode}, {run.stdout!r}, {run.stderr[-300:]!r}")
    return ""


def climb(tree, options, where, name, mover=None):
    """A case of climb.c in a tree beside which there is a secret."""
    os.makedirs(f"{tree}/work/moving/deep")
    p = subprocess.Popen([cloister, "do", *options, "--env", f"CLIMB_IN={where}/work", "--", f"{where}/climb", name], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, errors="replace")
    while mover and p.poll() is None:
        mover(f"{tree}/work/moving", f"{tree}/../outside/moving")
    out, _ = p.communicate(timeout=60)
    check(p.returncode == 0 and "skip" not in out, f"{name}: {p.returncode}, {out[-300:]}")
    shutil.rmtree(f"{tree}/work")


def there_and_back(a, b):
    os.rename(a, b)
    time.sleep(0.001)
    os.rename(b, a)
    time.sleep(0.001)


@case
def climbing_out_of_a_tree():
    """A volume, and a root: nothing beside them is read or made, also when the host moves directories out of them."""
    if os.geteuid() != 0:
        return "skip: needs root"
    names = subprocess.run([f"{programs}/climb", "--list"], stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    with tempfile.TemporaryDirectory(dir="/var/tmp") as d:
        os.makedirs(f"{d}/tree")
        os.makedirs(f"{d}/outside")
        shutil.copy(f"{programs}/climb", f"{d}/tree/climb")
        with open(f"{d}/outside/secret", "w", encoding="ascii") as f:
            f.write("SECRET")
        for name in names:
            mover = there_and_back if name == "moved_by_the_host" else None
            climb(f"{d}/tree", ["--volume", f"{d}/tree:/mnt"], "/mnt", name, mover)
            climb(f"{d}/tree", ["--root", f"{d}/tree", "--rw", "--cwd", "/"], "", name, mover)
            check(os.listdir(f"{d}/outside") == ["secret"], f"{name}: outside has {os.listdir(f'{d}/outside')}")
            found = subprocess.run(["find", d, "-name", "pwned"], stdout=subprocess.PIPE, text=True, check=True).stdout
            check(not found, f"{name}: made {found}")
            check(os.stat(f"{d}/outside/secret").st_nlink == 1, f"{name}: the secret has another name")
    return ""


def run(path, out, wanted, count):
    """Runs the cases, each with the host's state before and after."""
    global cloister, programs
    cloister, programs = path, out
    # What our caller ignores a sandbox would ignore, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    take_orphans()
    for name, body in CASES.items():
        if wanted and name not in wanted:
            continue
        before, text, good = host_state(), "", True
        try:
            text = body() or ""
            nothing_left()
            check(host_state() == before, "the host's mounts, state directory or /tmp are not as before")
        except (Failure, OSError, subprocess.SubprocessError) as e:
            good, text = False, f"{type(e).__name__}: {e}"
            try:
                nothing_left()
            except (Failure, OSError):
                pass
        count(good, f"outside {name}", text)
