# SPDX-License-Identifier: Apache-2.0
"""Real containers: a busybox root, as root and as a plain user."""
import json
import os
import re
import signal
import subprocess
import tempfile
import time

from frame import Place, Skip, cgroup_dirs, plain_user, real, wait_gone


def both(case):
    """The case as whoever runs the suite, and once more as a plain user if that is root."""
    def once(user):
        p = Place(user=user)
        try:
            p.busybox()
            if user:
                for top, dirs, files in os.walk(p.rootfs):
                    for name in dirs + files:
                        os.lchown(os.path.join(top, name), *user)
            try:
                case(p)
            except AssertionError as e:
                raise AssertionError(f"{'as a plain user: ' if user else ''}{e}") from e
        finally:
            p.close()

    def wrapped():
        once(None)
        if os.geteuid() == 0:
            once(plain_user())
    wrapped.__name__ = case.__name__
    wrapped.__code__ = wrapped.__code__.replace(co_firstlineno=case.__code__.co_firstlineno)
    return wrapped


def sh(p, script, **process):
    """Runs a script in a new container."""
    p.write(args=["/bin/sh", "-c", script], **process)
    return p.cl("run", "-b", p.bundle, "a")


def out(p, script, **process):
    r = sh(p, script, **process)
    assert r.code == 0, f"{script}: {r}"
    return r.out


# ---- the program and its end


@both
def test_real_output_and_status(p):
    assert out(p, "echo hello; echo a b") == "hello\na b\n"
    r = sh(p, "echo to-stderr >&2; exit 3")
    assert (r.code, r.out, r.err) == (3, "", "to-stderr\n"), r
    for n in (0, 1, 125, 255):
        assert sh(p, f"exit {n}").code == n
    for n in (9, 15, 6):
        assert sh(p, f"kill -{n} $$").code == 128 + n, n
    p.nothing_left()


@both
def test_real_program_not_there(p):
    p.write(args=["/bin/nothing"])
    p.fails(127, "/bin/nothing", "run", "-b", p.bundle, "a")
    p.write(args=["nothing"])
    p.fails(127, "nothing", "run", "-b", p.bundle, "a")
    p.write(args=["/etc/passwd"])
    p.fails(126, "/etc/passwd", "run", "-b", p.bundle, "a")
    p.write(args=["/bin"])
    p.fails(126, "/bin", "run", "-b", p.bundle, "a")
    p.write(args=["/bin/nothing"])
    p.fails(1, "/bin/nothing", "create", "-b", p.bundle, "a")
    p.write(args=["/bin/sh", "-c", "pwd"], cwd="/etc/passwd/x")
    p.fails(125, ["/etc/passwd/x", "Not a directory"], "run", "-b", p.bundle, "a")
    p.nothing_left()


@both
def test_real_input(p):
    p.write(args=["/bin/cat"])
    with tempfile.TemporaryFile() as f:
        f.write(b"line 1\nline 2\n")
        f.seek(0)
        assert p.ok("run", "-b", p.bundle, "a", stdin=f) == "line 1\nline 2\n"


@both
def test_real_shared_output_file(p):
    """Offsets are the host's: nothing is overwritten when others write to the same file."""
    path = os.path.join(p.dir, "log")
    p.write(args=["/bin/sh", "-c", "echo inside; echo again"])
    with open(path, "w") as f:
        f.write("before\n")
        f.flush()
        subprocess.run(p.argv("run", "-b", p.bundle, "a"), stdout=f, stdin=subprocess.DEVNULL, check=True,
                       timeout=30, **p.options())
        f.seek(0, os.SEEK_CUR)
        os.write(f.fileno(), b"after\n")
    with open(path) as f:
        assert f.read() == "before\ninside\nagain\nafter\n"


@both
def test_real_process_settings(p):
    assert out(p, "pwd", cwd="/etc") == "/etc\n"
    assert out(p, "pwd", cwd="/tmp/made/for/it") == "/tmp/made/for/it\n"
    env = dict(line.split("=", 1) for line in out(p, "env", env=["A=1", "B=x y", "PATH=/bin"]).splitlines())
    assert env["A"] == "1" and env["B"] == "x y", env
    assert out(p, "hostname") == "inside\n"
    assert out(p, "id -u; id -g", user={"uid": 1000, "gid": 1000}) == "1000\n1000\n"
    assert out(p, "umask", user={"uid": 0, "gid": 0, "umask": 63}).strip() in ("0077", "077")
    limits = [{"type": "RLIMIT_NOFILE", "soft": 33, "hard": 44}]
    assert out(p, "ulimit -Sn; ulimit -Hn", rlimits=limits) == "33\n44\n"
    text = out(p, "grep -E '^(CapEff|CapBnd|NoNewPrivs)' /proc/self/status", noNewPrivileges=True,
               capabilities={"bounding": ["CAP_KILL"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"]})
    assert re.search(r"^CapEff:\s+0000000000000020$", text, re.M), text
    assert re.search(r"^NoNewPrivs:\s+1$", text, re.M), text
    p.nothing_left()


# ---- files


@both
def test_real_root_is_shared_or_readonly(p):
    out(p, "echo x > /data/new && cat /data/new")
    with open(os.path.join(p.rootfs, "data/new")) as f:
        assert f.read() == "x\n"
    p.config["root"]["readonly"] = True
    r = sh(p, "echo y > /data/other")
    assert r.code != 0 and "Read-only file system" in r.err, r
    assert not os.path.exists(os.path.join(p.rootfs, "data/other"))


@both
def test_real_masked_and_readonly_paths(p):
    p.config["linux"]["maskedPaths"] = ["/proc/meminfo", "/proc/sys/fs", "/etc", "/not/there", "/proc/nor/there"]
    p.config["linux"]["readonlyPaths"] = ["/data", "/proc/sys/kernel", "/nor/this"]
    assert out(p, "wc -c < /proc/meminfo; ls /proc/sys/fs | wc -l; ls -A /etc | wc -l; "
                  "cat /proc/sys/kernel/ostype") == "0\n0\n0\nLinux\n"
    r = sh(p, "echo x > /data/f; echo y > /etc/f; echo z > /proc/sys/fs/f; mkdir /data/d")
    assert r.code != 0 and r.err.count("Read-only file system") == 4, r
    assert os.listdir(os.path.join(p.rootfs, "data")) == [], os.listdir(os.path.join(p.rootfs, "data"))
    assert out(p, "ls -d /not /nor 2>/dev/null; echo") == "\n"
    p.config["linux"]["maskedPaths"] = ["relative"]
    r = sh(p, "true")
    assert r.code != 0 and "linux.maskedPaths[0]" in r.err, r


@both
def test_real_tmpfs(p):
    assert out(p, "echo x > /tmp/f && cat /tmp/f") == "x\n"
    assert not os.path.exists(os.path.join(p.rootfs, "tmp/f"))
    p.config["mounts"].append({"destination": "/data", "type": "tmpfs", "options": ["size=64k", "mode=700"]})
    r = sh(p, "stat -c %a /data; dd if=/dev/zero of=/data/big bs=1k count=200")
    assert r.code != 0 and "No space left" in r.err and r.out == "700\n", r


@both
def test_real_binds(p):
    shared = os.path.join(p.dir, "shared")
    os.mkdir(shared)
    with open(os.path.join(shared, "f"), "w") as f:
        f.write("from outside\n")
    if p.user:
        os.chown(shared, *p.user)
        os.chown(os.path.join(shared, "f"), *p.user)
    bind = {"destination": "/data", "type": "bind", "source": shared, "options": ["rbind", "rw"]}
    p.config["mounts"].append(bind)
    assert out(p, "cat /data/f; echo back > /data/g") == "from outside\n"
    with open(os.path.join(shared, "g")) as f:
        assert f.read() == "back\n"
    bind["options"] = ["bind", "ro"]
    r = sh(p, "cat /data/f; echo no > /data/h")
    assert r.code != 0 and r.out == "from outside\n" and "Read-only" in r.err, r
    bind.update(destination="/etc/passwd", source=os.path.join(shared, "f"))
    assert out(p, "cat /etc/passwd") == "from outside\n"


@both
def test_real_links_stay_inside(p):
    os.symlink("/etc/passwd", os.path.join(p.rootfs, "data/link"))
    os.symlink("../../../../../../etc/passwd", os.path.join(p.rootfs, "data/up"))
    os.symlink("/proc/self/root/etc/passwd", os.path.join(p.rootfs, "data/magic"))
    text = out(p, "cat /data/link /data/up /data/magic; ls /..; cd /../..; pwd")
    assert text.count("root:x:0:0:root:/:/bin/sh") == 3 and "home" not in text, text


@both
def test_real_root_below_a_private_directory(p):
    os.chmod(p.dir, 0o700)
    assert out(p, "echo reached") == "reached\n"


@real
def test_real_id_maps(p):
    if os.geteuid() != 0:
        raise Skip("needs root")
    for top, dirs, files in os.walk(p.rootfs):
        for name in dirs + files:
            os.lchown(os.path.join(top, name), 100000, 100000)
    os.chown(p.rootfs, 100000, 100000)
    ranges = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    p.config["linux"].update(uidMappings=ranges, gidMappings=ranges)
    p.config["linux"]["namespaces"].append({"type": "user"})
    assert out(p, "id -u; echo x > /data/f; stat -c %u /data/f") == "0\n0\n"
    assert os.stat(os.path.join(p.rootfs, "data/f")).st_uid == 100000
    p.nothing_left()


# ---- life


@both
def test_real_life(p):
    p.write(args=["/bin/sh", "-c", "trap 'echo got it; exit 9' USR1; echo up > /data/up; while :; do sleep 0.05; done"])
    p.ok("create", "-b", p.bundle, "--pid-file", "pid", "a")
    with open(os.path.join(p.dir, "pid")) as f:
        pid = int(f.read())
    assert p.status("a") == "created"
    assert not os.path.exists(os.path.join(p.rootfs, "data/up")), "runs before its start"
    posture = json.loads(p.ok("posture", "a"))
    assert posture, posture
    p.ok("start", "a")
    for _ in range(200):
        if os.path.exists(os.path.join(p.rootfs, "data/up")):
            break
        time.sleep(0.02)
    assert p.status("a") == "running"
    found = json.loads(p.ok("ps", "--format", "json", "a"))["processes"]
    assert found[0]["pid"] == 1 and "sh" in found[0]["cmd"], found
    assert "sh" in p.ok("ps", "a")
    p.ok("kill", "a", "USR1")
    p.wait_status("a", "stopped")
    wait_gone(pid)
    p.ok("delete", "a")
    p.nothing_left()


@both
def test_real_kill(p):
    p.write(args=["/bin/sh", "-c", "trap '' TERM; sleep 100 & sleep 100"])
    for name, word in (("a", "KILL"), ("b", "9")):
        p.ok("run", "-d", "-b", p.bundle, name)
        p.ok("kill", name, "TERM")
        time.sleep(0.1)
        assert p.status(name) == "running"
        p.ok("kill", name, word)
        p.wait_status(name, "stopped")
        p.ok("delete", name)
    p.ok("run", "-d", "-b", p.bundle, "c")
    p.ok("kill", "--all", "c", "INT")
    p.ok("delete", "--force", "c")
    p.nothing_left()


@both
def test_real_signals_are_passed_on(p):
    p.write(args=["/bin/sh", "-c", "trap 'echo caught; exit 5' TERM INT; echo ready; while :; do sleep 0.05; done"])
    for number in (signal.SIGTERM, signal.SIGINT):
        proc = p.start("run", "-b", p.bundle, "a")
        assert proc.stdout.readline() == "ready\n"
        proc.send_signal(number)
        assert proc.wait(10) == 5, proc.stderr.read()
        assert proc.stdout.read() == "caught\n"
    p.nothing_left()


def cgroup_free_processes(pid):
    """pid and everything below it, as the host sees it."""
    found, todo = [], [pid]
    while todo:
        pid = todo.pop()
        found.append(pid)
        try:
            with open(f"/proc/{pid}/task/{pid}/children") as f:
                todo += [int(c) for c in f.read().split()]
        except OSError:
            pass
    return found


def mounts():
    with open("/proc/self/mountinfo") as f:
        return sorted(f.read().splitlines())


@both
def test_real_killed_from_outside(p):
    """The command or the sandbox is killed: no process, no mount, no file stays."""
    before = mounts()
    p.write(args=["/bin/sh", "-c", "sleep 1000 & echo ready; sleep 1000"])
    for victim in ("command", "sandbox"):
        proc = p.start("run", "-b", p.bundle, "a")
        assert proc.stdout.readline() == "ready\n"
        pid = p.wait_status("a", "running")["pid"]
        family = cgroup_free_processes(pid)
        assert len(family) >= 3, family
        if victim == "command":
            proc.kill()
        else:
            os.kill(pid, signal.SIGKILL)
        proc.wait(10)
        for member in family:
            wait_gone(member)
        assert p.ok("list", "-q") == ""
    assert mounts() == before
    p.nothing_left()


@both
def test_real_killed_while_starting(p):
    before = mounts()
    p.write(args=["/bin/sleep", "1000"])
    for delay in range(0, 40, 4):
        proc = p.start("create", "-b", p.bundle, "a")
        time.sleep(delay / 1000)
        proc.kill()
        proc.wait()
        time.sleep(0.05)
        if "a" in p.ok("list", "-q").split():
            assert p.status("a") in ("created", "stopped")
        p.ok("delete", "--force", "a")
        left = os.listdir(p.state) if os.path.isdir(p.state) else []
        assert left == [], (delay, left)
    assert mounts() == before
    p.nothing_left()


@both
def test_real_many_at_once(p):
    p.write(args=["/bin/sh", "-c", "exit 7"])
    procs = [p.start("run", "-b", p.bundle, f"c{i}") for i in range(12)]
    assert [proc.wait(60) for proc in procs] == [7] * 12
    p.nothing_left()


@real
def test_real_limits(p):
    """The memory limit ends the program that exceeds it, and no other; tasks run out as they do on a host."""
    if os.geteuid() != 0 or not cgroup_dirs("") or not os.access(cgroup_dirs("")[0], os.W_OK):
        raise Skip("needs root and a writable cgroup hierarchy")
    p.config["linux"]["resources"] = {"memory": {"limit": 64 << 20}, "pids": {"limit": 20}}
    for _ in range(3):
        r = sh(p, "dd if=/dev/zero of=/dev/null bs=200M count=1; echo $?")
        if r.code == 0:
            break  # else the kernel chose a second one while the first was still giving up its memory
    assert r.code == 0 and r.out == "137\n", r
    r = sh(p, "n=0; while [ $n -lt 40 ]; do sleep 5 & n=$((n+1)); done; echo all")
    assert r.code != 0 and "Resource temporarily unavailable" in r.err, r
    assert not any(os.path.exists(d) for d in cgroup_dirs("/cloister"))
    p.nothing_left()


@both
def test_real_strace(p):
    p.write(args=["/bin/cat", "/etc/passwd"])
    r = p.cl("--log", os.path.join(p.dir, "log"), "run", "--strace", "-b", p.bundle, "a")
    assert r.code == 0, r
    with open(os.path.join(p.dir, "log")) as f:
        text = f.read()
    assert re.search(r'openat\(.*"/etc/passwd".*\) = 3\n', text) and "exit_group(0)" in text, text[-2000:]


# ---- do


@both
def test_real_do(p):
    assert p.ok("do", "--root", p.rootfs, "--", "/bin/sh", "-c", "echo hi; ls /data") == "hi\n"
    assert p.cl("do", "--root", p.rootfs, "sh", "-c", "exit 4").code in (4, 127)
    r = p.cl("do", "--ro", "--root", p.rootfs, "--", "/bin/sh", "-c", "echo x > /data/f")
    assert r.code != 0 and "Read-only file system" in r.err, r
    p.ok("do", "--rw", "--root", p.rootfs, "--", "/bin/sh", "-c", "echo x > /data/f")
    with open(os.path.join(p.rootfs, "data/f")) as f:
        assert f.read() == "x\n"
    text = p.ok("do", "--root", p.rootfs, "--cwd", "/etc", "--env", "A=b c", "--", "/bin/sh", "-c", 'pwd; echo "$A"')
    assert text == "/etc\nb c\n", text
    p.fails(127, "/bin/nothing", "do", "--root", p.rootfs, "--", "/bin/nothing")


@both
def test_real_do_on_the_hosts_root(p):
    assert p.ok("do", "--", "/bin/sh", "-c", "echo $((6 * 7))") == "42\n"
    assert p.ok("do", "cat", "/etc/hostname") == open("/etc/hostname").read()
    r = p.cl("do", "--ro", "--", "/bin/sh", "-c", "touch /etc/cloister-test")
    assert r.code != 0 and "Read-only" in r.err, r
    assert p.ok("do", "--", "/bin/sh", "-c", "echo x > /tmp/cloister-test; cat /tmp/cloister-test") == "x\n"
    assert not os.path.exists("/tmp/cloister-test")
    assert p.ok("do", "--", "/bin/pwd").strip() == p.dir
    uid = p.user[0] if p.user else os.geteuid()
    assert p.ok("do", "--", "id", "-u").strip() == str(uid)
    names = p.ok("do", "--", "/bin/sh", "-c", "cat /proc/1/comm; ls /proc | grep -c '^[0-9]'").split()
    assert int(names[-1]) <= 4, names
    p.fails(127, "no-such-command", "do", "no-such-command", env={"PATH": "/usr/bin:/bin"})


@both
def test_real_do_ends_with_its_command(p):
    proc = p.start("do", "--", "/bin/sh", "-c", "sleep 1000 & exec sleep 1000")
    time.sleep(0.5)
    family = cgroup_free_processes(proc.pid)[1:]
    assert family
    proc.kill()
    proc.wait()
    for member in family:
        wait_gone(member)
