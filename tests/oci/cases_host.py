# SPDX-License-Identifier: Apache-2.0
"""A container's life on the host side, with a stand-in for the sentry: states, errors, files, signals, hooks."""
import json
import os
import signal
import stat
import subprocess
import time

from frame import FAKE, Place, Skip, cgroup_dirs, fake, plain_user, wait_gone


# ---- what cannot be created


@fake
def test_bad_bundles(p):
    for command, code in (("create", 1), ("run", 125)):
        p.fails(code, ["/nonexistent", "No such file"], command, "-b", "/nonexistent", "a")
        p.fails(code, ["config.json", "No such file", "cloister spec"], command, "-b", p.dir, "a")
        p.write_text('{"ociVersion": "1.0.2",\n  nonsense}')
        p.fails(code, "config.json", command, "-b", p.bundle, "a")
        p.write_text("")
        p.fails(code, "config.json", command, "-b", p.bundle, "a")
        p.write_text("[]")
        p.fails(code, "object", command, "-b", p.bundle, "a")
    p.nothing_left()


@fake
def test_bad_values_name_their_path(p):
    def broken(change):
        config = json.loads(json.dumps(p.config))
        change(config)
        p.write_text(json.dumps(config))

    table = [
        (lambda c: c["process"].update(args="sh"), ["process.args", "array"]),
        (lambda c: c["process"].update(args=["sh", 1]), ["process.args[1]", "string"]),
        (lambda c: c["process"].update(args=[]), "process"),
        (lambda c: c["process"].update(cwd="x"), ["process", "absolute"]),
        (lambda c: c["process"]["user"].update(uid=-1), "process.user.uid"),
        (lambda c: c["process"].update(rlimits=[{"type": "RLIMIT_X", "soft": 1, "hard": 1}]),
         ["process.rlimits[0].type", "RLIMIT_X"]),
        (lambda c: c["process"].update(capabilities={"effective": ["CAP_FLY"]}),
         ["process.capabilities.effective", "CAP_FLY"]),
        (lambda c: c["process"].update(terminal=1), "process.terminal"),
        (lambda c: c.pop("process"), ["process", "missing"]),
        (lambda c: c.pop("root"), "root"),
        (lambda c: c.pop("ociVersion"), "ociVersion"),
        (lambda c: c.update(ociVersion="9.0"), ["ociVersion", "9.0"]),
        (lambda c: c["root"].update(path="gone"), ["root.path", "gone", "No such file"]),
        (lambda c: c["root"].update(path="config.json"), ["root.path", "not a directory"]),
        (lambda c: c["mounts"].append({"destination": "x", "type": "tmpfs"}), "mounts[4].destination"),
        (lambda c: c["mounts"].append({"destination": "/x", "type": "ext4"}), ["mounts[4].type", "ext4"]),
        (lambda c: c["mounts"].append({"destination": "/x", "type": "tmpfs", "options": ["wobbly"]}),
         ["mounts[4].options[0]", "wobbly"]),
        (lambda c: c["mounts"].append({"destination": "/x", "type": "bind", "source": "/nonexistent"}),
         ["mounts[4].source", "/nonexistent"]),
        (lambda c: c["mounts"].append({"destination": "/x", "type": "bind", "source": "/proc"}),
         ["mounts[4].source", "/proc"]),
        (lambda c: c["linux"]["namespaces"].append({"type": "moon"}), ["linux.namespaces[5].type", "moon"]),
        (lambda c: c["linux"]["namespaces"][2].update(path="/proc/1/ns/net"), "linux.namespaces[2].path"),
        (lambda c: c["linux"].update(uidMappings=[{"containerID": 0, "hostID": 0, "size": 1}]), "linux.gidMappings"),
        (lambda c: c["linux"].update(cgroupsPath="/../x"), ["linux.cgroupsPath", ".."]),
        (lambda c: c.update(hooks={"prestart": [{"path": "relative"}]}), "hooks.prestart[0].path"),
        (lambda c: c.update(hooks={"startContainer": [{"path": "/bin/true"}]}), "hooks.startContainer"),
    ]
    for change, words in table:
        broken(change)
        p.fails(1, words, "create", "-b", p.bundle, "a")
        p.nothing_left()


@fake
def test_missing_sentry(p):
    p.write()
    p.sentry = "/nonexistent/sentry"
    p.fails(125, ["/nonexistent/sentry", "No such file"], "run", "-b", p.bundle, "a")
    p.fails(125, "/nonexistent/sentry", "do", "true")
    p.sentry = os.path.join(p.dir, "empty")
    with open(p.sentry, "w"):
        pass
    os.chmod(p.sentry, 0o755)
    p.fails(125, "executing cloister-sentry", "run", "-b", p.bundle, "a")
    p.nothing_left()


@fake
def test_sentry_reports_an_error(p):
    p.write(args=["error", "chroot: mounting X on Y: because"])
    p.fails(1, "chroot: mounting X on Y: because", "create", "-b", p.bundle, "a")
    p.fails(127, "chroot: mounting X on Y: because", "run", "-b", p.bundle, "a")
    p.write(args=["die"])
    p.fails(125, "status 7 before it was ready", "run", "-b", p.bundle, "a")
    p.fails(1, "before it was ready", "create", "-b", p.bundle, "a")
    p.nothing_left()


@fake
def test_pid_file_cannot_be_written(p):
    p.write(args=["sleep"])
    p.fails(1, "/nonexistent/pid", "create", "-b", p.bundle, "--pid-file", "/nonexistent/pid", "a")
    p.fails(125, "/nonexistent/pid", "run", "-b", p.bundle, "--pid-file", "/nonexistent/pid", "a")
    p.nothing_left()


# ---- states


@fake
def test_life(p):
    p.write(args=["sleep"])
    p.ok("create", "--bundle", p.bundle, "--pid-file", "pid", "a")
    state = json.loads(p.ok("state", "a"))
    assert state["status"] == "created" and state["id"] == "a" and state["bundle"] == p.bundle
    assert state["rootfs"] == p.rootfs and state["ociVersion"] == "1.0.2"
    with open(os.path.join(p.dir, "pid")) as f:
        assert int(f.read()) == state["pid"]
    p.fails(1, ["already exists", "a"], "create", "--bundle", p.bundle, "a")
    p.fails(125, "already exists", "run", "--bundle", p.bundle, "a")
    p.ok("start", "a")
    assert p.status("a") == "running"
    p.fails(1, "already running", "start", "a")
    p.fails(1, ["not stopped", "running"], "delete", "a")
    p.ok("kill", "a", "TERM")
    p.wait_status("a", "stopped")
    assert json.loads(p.ok("state", "a"))["pid"] == 0
    p.fails(1, "stopped", "start", "a")
    p.fails(1, "not running", "kill", "a", "KILL")
    p.fails(1, "not running", "ps", "a")
    p.fails(1, "not running", "posture", "a")
    p.ok("delete", "a")
    p.fails(1, "does not exist", "state", "a")
    p.nothing_left()


@fake
def test_unknown_container(p):
    for c in ("start", "state", "kill", "delete", "ps", "posture"):
        p.fails(1, ["ghost", "does not exist"], c, "ghost")
    p.ok("delete", "--force", "ghost")
    assert not os.path.exists(p.state), "a question must not make the state directory"


@fake
def test_delete_created_and_force(p):
    p.write(args=["sleep"])
    p.ok("create", "-b", p.bundle, "a")
    pid = json.loads(p.ok("state", "a"))["pid"]
    p.ok("delete", "a")
    wait_gone(pid)
    p.ok("run", "-d", "-b", p.bundle, "a")
    pid = json.loads(p.ok("state", "a"))["pid"]
    p.ok("delete", "-f", "a")
    wait_gone(pid)
    p.nothing_left()


@fake
def test_kill_spellings(p):
    p.write(args=["sleep"])
    for word, number in (("TERM", 15), ("SIGUSR1", 10), ("usr2", 12), ("9", 9), ("RTMIN+2", 36), ("SIGRTMAX", 64)):
        proc = p.start("run", "-b", p.bundle, "a")
        p.wait_status("a", "running")
        p.fails(1, "unknown signal", "kill", "a", "SIGNOPE")
        p.fails(1, "unknown signal", "kill", "a", "65")
        p.fails(1, "unknown signal", "kill", "a", "0")
        p.ok("kill", "a", word)
        assert proc.wait(10) == 128 + number, (word, proc.returncode)
    p.nothing_left()


@fake
def test_list(p):
    p.write(args=["sleep"])
    assert p.ok("list", "-f", "json").strip() == "null"
    assert p.ok("list", "-q") == ""
    for name in ("b", "a+1", "c.d"):
        p.ok("create", "-b", p.bundle, name)
    p.ok("start", "b")
    assert sorted(p.ok("list", "-q").split()) == ["a+1", "b", "c.d"]
    table = {line.split()[0]: line.split()[2] for line in p.ok("list").splitlines()}
    assert table == {"ID": "STATUS", "a+1": "created", "b": "running", "c.d": "created"}, table
    found = {c["id"]: c["status"] for c in json.loads(p.ok("list", "--format", "json"))}
    assert found == {"a+1": "created", "b": "running", "c.d": "created"}, found
    for name in found:
        p.ok("delete", "--force", name)
    p.nothing_left()


@fake
def test_exit_status(p):
    for n in (0, 1, 77, 255):
        p.write(args=["exit", str(n)])
        assert p.cl("run", "-b", p.bundle, "a").code == n
        assert p.cl("do", "--", "exit", n).code == n
    p.nothing_left()


@fake
def test_run_keep_and_detach(p):
    p.write(args=["exit", "3"])
    assert p.cl("run", "--keep", "-b", p.bundle, "a").code == 3
    assert p.status("a") == "stopped"
    p.ok("delete", "a")
    p.write(args=["sleep"])
    p.ok("run", "--detach", "--pid-file", "pid", "-b", p.bundle, "a")
    assert p.status("a") == "running"
    p.ok("delete", "--force", "a")
    p.nothing_left()


@fake
def test_foreground_passes_signals_on(p):
    p.write(args=["sleep"])
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        proc = p.start("run", "-b", p.bundle, "a")
        p.wait_status("a", "running")
        proc.send_signal(number)
        assert proc.wait(10) == 128 + number, (number, proc.stderr.read())
        proc = p.start("do", "--", "sleep")
        time.sleep(0.2)
        proc.send_signal(number)
        assert proc.wait(10) == 128 + number, (number, proc.stderr.read())
    p.nothing_left()


# ---- files and logs


@fake
def test_log_file(p):
    log = os.path.join(p.dir, "log")
    r = p.cl("--log", log, "--log-format", "json", "state", "ghost")
    assert r.code == 1 and "does not exist" in r.err
    with open(log) as f:
        lines = [json.loads(line) for line in f]
    assert lines[-1]["level"] == "error" and "does not exist" in lines[-1]["msg"] and lines[-1]["time"]
    r = p.cl("--log-format", "json", "state", "ghost")
    assert json.loads(r.err)["level"] == "error", r
    p.write()
    p.ok("--log", log, "--debug", "run", "-b", p.bundle, "a")


@fake
def test_state_directory_is_private(p):
    p.write(args=["sleep"])
    p.ok("create", "-b", p.bundle, "a")
    for path in (p.state, os.path.join(p.state, "a")):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o700, path
    if os.geteuid() == 0:
        other = Place(FAKE, plain_user())
        try:
            other.state = p.state
            r = other.cl("list")
            assert r.code == 1 and ("another user" in r.err or "Permission denied" in r.err), r
        finally:
            other.state = "/nonexistent"
            other.close()
    p.ok("delete", "a")


@fake
def test_many_at_once(p):
    p.write(args=["sleep"])
    same = [p.start("create", "-b", p.bundle, "one") for _ in range(10)]
    codes = sorted(proc.wait(30) for proc in same)
    assert codes == [0] + [1] * 9, codes
    different = [p.start("create", "-b", p.bundle, f"c{i}") for i in range(10)]
    assert [proc.wait(30) for proc in different] == [0] * 10
    assert len(p.ok("list", "-q").split()) == 11
    enders = [p.start("delete", "--force", f"c{i}") for i in range(10)] + [p.start("delete", "one")]
    assert [proc.wait(30) for proc in enders] == [0] * 11
    p.nothing_left()


# ---- hooks and cgroups


def hook(p, name, body):
    path = os.path.join(p.dir, name)
    with open(path, "w") as f:
        f.write("#!/bin/sh\n" + body)
    os.chmod(path, 0o755)
    return {"path": path, "args": [name, "argument"], "env": ["WHO=hook"]}


@fake
def test_hooks(p):
    record = os.path.join(p.dir, "record")
    body = f'read state; echo "$1 $WHO $(basename $0) $state" >> {record}\n'
    kinds = ["prestart", "createRuntime", "createContainer", "poststart", "poststop"]
    p.config["hooks"] = {k: [hook(p, k, body)] for k in kinds}
    p.write(args=["sleep"])
    p.ok("create", "-b", p.bundle, "a")
    p.ok("start", "a")
    os.unlink(os.path.join(p.bundle, "config.json"))
    p.ok("delete", "--force", "a")
    with open(record) as f:
        lines = [line.split(" ", 3) for line in f]
    assert [(w[0], w[1], w[2]) for w in lines] == [("argument", "hook", k) for k in kinds], lines
    states = [json.loads(w[3]) for w in lines]
    assert [s["status"] for s in states] == ["creating"] * 3 + ["running", "stopped"], states
    assert all(s["id"] == "a" and s["bundle"] == p.bundle for s in states)
    assert states[0]["pid"] > 0
    p.nothing_left()


@fake
def test_hook_asks_for_the_state(p):
    record = os.path.join(p.dir, "record")
    p.config["hooks"] = {"createRuntime": [dict(hook(p, "ask", f"{' '.join(p.argv('state', 'a'))} > {record}\n"),
                                                timeout=5)]}
    p.write(args=["sleep"])
    p.ok("create", "-b", p.bundle, "a")
    with open(record) as f:
        state = json.load(f)
    assert state["status"] == "creating" and state["pid"] == json.loads(p.ok("state", "a"))["pid"], state
    p.ok("delete", "a")


@fake
def test_failing_hooks(p):
    p.config["hooks"] = {"createRuntime": [hook(p, "bad", "exit 3\n")]}
    p.write(args=["sleep"])
    p.fails(1, ["hooks.createRuntime[0]", "status 3"], "create", "-b", p.bundle, "a")
    p.config["hooks"] = {"createRuntime": [dict(hook(p, "slow", "sleep 10\n"), timeout=1)]}
    p.write()
    p.fails(1, ["hooks.createRuntime[0]", "longer than 1 s"], "create", "-b", p.bundle, "a")
    p.config["hooks"] = {"prestart": [{"path": "/nonexistent/hook"}]}
    p.write()
    p.fails(125, ["hooks.prestart[0]", "/nonexistent/hook"], "run", "-b", p.bundle, "a")
    p.config["hooks"] = {"poststart": [hook(p, "late", "exit 3\n")]}
    p.write()
    r = p.cl("run", "-d", "-b", p.bundle, "a")
    assert r.code == 0 and "hooks.poststart[0]" in r.err, r
    p.ok("delete", "-f", "a")
    p.nothing_left()


@fake
def test_cgroup_limits(p):
    if os.geteuid() != 0 or not cgroup_dirs("") or not os.access(cgroup_dirs("")[0], os.W_OK):
        raise Skip("needs root and a writable cgroup hierarchy")
    path = f"/cloister-test-{os.getpid()}/inner"
    p.config["linux"].update(cgroupsPath=path, resources={"memory": {"limit": 64 << 20}, "pids": {"limit": 50}})
    p.write(args=["sleep"])
    try:
        p.ok("create", "-b", p.bundle, "a")
        pid = str(json.loads(p.ok("state", "a"))["pid"])
        for d in cgroup_dirs(path):
            with open(d + "/cgroup.procs") as f:
                assert pid in f.read().split(), d
        for d in cgroup_dirs(path):
            for name in ("memory.max", "memory.limit_in_bytes"):
                if os.path.exists(os.path.join(d, name)):
                    with open(os.path.join(d, name)) as f:
                        assert int(f.read()) == 64 << 20
        p.ok("delete", "a")
        assert not any(os.path.exists(d) for d in cgroup_dirs(path))
    finally:
        for d in cgroup_dirs(os.path.dirname(path)):
            if os.path.isdir(d):
                os.rmdir(d)
    p.nothing_left()


# ---- do


@fake
def test_do_errors(p):
    p.fails(125, ["--root", "/nonexistent"], "do", "--root", "/nonexistent", "--", "x")
    p.fails(125, ["--root", "not a directory"], "do", "--root", "/etc/passwd", "--", "x")
    p.fails(125, ["--ro", "--rw"], "do", "--ro", "--rw", "--", "x")
    p.fails(125, ["--cwd", "absolute"], "do", "--cwd", "x", "--", "x")
    p.fails(125, ["--env", "NAME=VALUE"], "do", "--env", "x", "--", "x")
    p.fails(125, ["--network", "bridge"], "do", "--network", "bridge", "--", "x")
    p.fails(127, "no such program", "do", "--", "error", "no such program")


def spec_lines(p, *args):
    return p.ok("do", *args).splitlines()


@fake
def test_do_specification(p):
    lines = spec_lines(p, "--", "show", "--flag", "a b", "")
    assert [x for x in lines if x.startswith("arg ")] == ["arg show", "arg --flag", "arg a b", "arg "], lines
    mounts = {x.split()[1]: x for x in lines if x.startswith("mount ")}
    for dest in ("/", "/proc", "/sys", "/dev", "/tmp"):
        assert dest in mounts, lines
    readonly, nosuid, overlay = 1, 2, 128
    flags = int(mounts["/"].split("flags=")[1].split()[0], 16)
    assert flags & overlay and flags & nosuid and not flags & readonly
    root = next(x for x in spec_lines(p, "--ro", "--", "show") if x.startswith("mount / "))
    flags = int(root.split("flags=")[1].split()[0], 16)
    assert flags & readonly and not flags & overlay
    assert "network=0" in lines[0]
    kernel = [m for m in mounts if m.startswith(("/proc/", "/sys/", "/run/user")) or m == "/dev/hugepages"]
    assert kernel == [], kernel
    lines = spec_lines(p, "--rw", "--network", "host", "--root", p.rootfs, "--cwd", "/", "--", "show")
    root = next(x for x in lines if x.startswith("mount / "))
    assert not int(root.split("flags=")[1].split()[0], 16) & readonly and p.rootfs in root
    assert "network=1" in lines[0]
    assert any("cwd=/ " in x for x in lines), lines


@fake
def test_do_shows_the_working_directory_below_tmp(p):
    d = subprocess.run(["mktemp", "-d", "/tmp/cloister-test.XXXXXX"], stdout=subprocess.PIPE, text=True).stdout.strip()
    try:
        r = p.cl("do", "--", "show", cwd=d)
        assert f"mount {d} " in r.out and f"cwd={d} " in r.out, r
    finally:
        os.rmdir(d)


@fake
def test_do_from_a_kernel_directory(p):
    assert "cwd=/ " in p.ok("do", "--", "show", cwd="/proc/sys")
    assert "cwd=/usr " in p.ok("do", "--", "show", cwd="/usr")


@fake
def test_plain_user(p):
    if os.geteuid() != 0:
        raise Skip("the other cases ran as a plain user already")
    u = Place(FAKE, plain_user())
    try:
        u.write(args=["sleep"])
        try:
            r = u.cl("do", "--", "show")
        except PermissionError:
            raise Skip("a plain user cannot reach the build directory")
        if r.code != 0 and "user namespaces" in r.err:
            raise Skip("no unprivileged user namespaces here")
        assert r.code == 0, r
        assert "rootless=1" in r.out and "self_fd=-1" in r.out and "pid=1" in r.out, r
        u.ok("create", "-b", u.bundle, "a")
        u.ok("start", "a")
        assert u.status("a") == "running"
        u.ok("kill", "a", "KILL")
        u.wait_status("a", "stopped")
        u.ok("delete", "a")
        u.config["linux"]["resources"] = {"memory": {"limit": 1 << 26}}
        u.write()
        u.fails(1, ["linux.resources.memory.limit", "plain user"], "create", "-b", u.bundle, "a")
        u.config["linux"].pop("resources")
        ranges = [{"containerID": 0, "hostID": 4000000000, "size": 2}]
        u.config["linux"].update(uidMappings=ranges, gidMappings=ranges)
        u.write()
        u.fails(1, "newuidmap", "create", "-b", u.bundle, "a")
        u.nothing_left()
    finally:
        u.close()
