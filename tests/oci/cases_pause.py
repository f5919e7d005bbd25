# SPDX-License-Identifier: Apache-2.0
"""pause and resume, by the cgroup's freezer and by the sandbox itself."""
import os
import time

from cases_exec import begin, processes
from cases_run import both
from frame import Skip, cgroup_dirs, real

COUNT = ["/bin/sh", "-c", "i=0; while :; do i=$((i+1)); echo $i >/data/count; done"]


def count(p):
    """What the container has written last: a number, or nothing while it writes the next."""
    path = os.path.join(p.rootfs, "data/count")
    for _ in range(500):
        if os.path.exists(path):
            with open(path) as f:
                return f.read()
        time.sleep(0.01)
    raise AssertionError("the container does not count")


def with_cgroup(p):
    if os.geteuid() != 0 or p.user:
        raise Skip("no cgroup without root")
    p.config["linux"]["cgroupsPath"] = f"/cloister-test-{os.getpid()}"
    if not any(os.path.isdir(d.rsplit("/", 1)[0]) for d in cgroup_dirs("/x")):
        raise Skip("no cgroups here")


def cpu_ticks(p):
    """Processor time so far of the sandbox and all it has."""
    root = p.ok("state", "a")
    pid = int(root.split('"pid":')[1].split(",")[0])
    total, todo = 0, [pid]
    while todo:
        one = todo.pop()
        try:
            with open(f"/proc/{one}/stat") as f:
                fields = f.read().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
            for tid in os.listdir(f"/proc/{one}/task"):
                with open(f"/proc/{one}/task/{tid}/children") as f:
                    todo += map(int, f.read().split())
        except OSError:
            continue
    return total


def pause_and_resume(p):
    begin(p, COUNT)
    count(p)
    for _ in range(3):
        p.ok("pause", "a")
        assert p.status("a") == "paused"
        assert " paused " in p.ok("list")
        time.sleep(0.02)
        before, ticks = count(p), cpu_ticks(p)
        time.sleep(0.4)
        now, used = count(p), cpu_ticks(p) - ticks
        assert now == before, f"it counts on: {before!r} {now!r}"
        assert used <= 1, f"it has used {used} ticks"
        p.fails(1, "already paused", "pause", "a")
        p.fails(125, "cannot exec in a paused container", "exec", "a", "true")
        p.fails(1, ["cannot delete", "paused"], "delete", "a")
        p.ok("resume", "a")
        assert p.status("a") == "running"
        for _ in range(200):
            if count(p) != before:
                break
            time.sleep(0.01)
        else:
            raise AssertionError("it does not go on")
    assert p.ok("exec", "a", "echo", "on") == "on\n"
    p.fails(1, "container not paused", "resume", "a")
    p.ok("pause", "a")
    p.ok("kill", "a", "KILL")
    p.wait_status("a", "stopped")
    p.ok("delete", "a")
    begin(p, COUNT)
    p.ok("pause", "a")
    p.ok("delete", "--force", "a")
    p.nothing_left()


@both
def test_pause_by_the_sandbox(p):
    pause_and_resume(p)


@real
def test_pause_by_the_freezer(p):
    with_cgroup(p)
    pause_and_resume(p)


def signals_wait(p):
    """A signal sent to a paused container arrives when it goes on."""
    begin(p, ["/bin/sh", "-c", "trap 'echo got >/data/got; exit 0' TERM; while :; do sleep 0.05; done"])
    got = os.path.join(p.rootfs, "data/got")
    p.ok("pause", "a")
    p.ok("kill", "a", "TERM")
    time.sleep(0.3)
    assert not os.path.exists(got)
    p.ok("resume", "a")
    p.wait_status("a", "stopped")
    assert os.path.exists(got)
    p.ok("delete", "a")
    p.nothing_left()


@both
def test_pause_keeps_signals(p):
    signals_wait(p)


@real
def test_freezer_keeps_signals(p):
    with_cgroup(p)
    signals_wait(p)


@real
def test_pause_leaves_calls_alone(p):
    """What sleeps in a call sleeps on: nothing fails, nothing is restarted."""
    begin(p, ["/bin/sleep", "1000"])
    e = p.start("exec", "a", "sh", "-c", "echo on; sleep 0.6; echo $?; sleep 0.1; echo end")
    assert e.stdout.readline() == "on\n"
    time.sleep(0.1)
    p.ok("pause", "a")
    assert len(processes(p)) == 3, "ps of a container that the sandbox itself holds"
    time.sleep(1)
    p.ok("resume", "a")
    assert e.stdout.read() == "0\nend\n"
    assert e.wait(10) == 0


@real
def test_pause_holds_exec_and_its_end(p):
    """The client of an exec that is killed meanwhile leaves nothing."""
    begin(p, ["/bin/sleep", "1000"])
    e = p.start("exec", "a", "sh", "-c", "echo on; while :; do :; done")
    assert e.stdout.readline() == "on\n"
    p.ok("pause", "a")
    e.kill()
    e.wait()
    for _ in range(200):
        if len(processes(p)) == 1:
            break
        time.sleep(0.02)
    assert len(processes(p)) == 1
    p.ok("resume", "a")


@real
def test_pause_errors(p):
    p.write(args=["/bin/sleep", "1000"])
    p.fails(1, "does not exist", "pause", "a")
    p.ok("create", "-b", p.bundle, "a")
    p.fails(1, "container not running", "pause", "a")
    p.fails(1, "container not paused", "resume", "a")
    p.ok("start", "a")
    p.ok("kill", "a", "KILL")
    p.wait_status("a", "stopped")
    p.fails(1, "container not running", "pause", "a")


@both
def test_pause_that_was_not_recorded(p):
    """A command that dies after it has asked, and before it has recorded it: the next one mends that."""
    path = os.path.join(p.state, "a", "state.json")
    begin(p, COUNT)
    count(p)
    with open(path) as f:
        running = f.read()
    p.ok("pause", "a")
    with open(path) as f:
        paused = f.read()
    with open(path, "w") as f:
        f.write(running)
    p.ok("pause", "a")
    p.ok("resume", "a")
    with open(path, "w") as f:
        f.write(paused)
    p.ok("resume", "a")
    assert p.status("a") == "running"
    before, end = count(p), time.monotonic() + 10
    while count(p) == before:
        assert time.monotonic() < end, "it does not go on"
        time.sleep(0.05)
    p.ok("delete", "--force", "a")
    p.nothing_left()


@both
def test_pause_of_a_foreground_run(p):
    p.write(args=COUNT)
    e = p.start("run", "-b", p.bundle, "a")
    p.wait_status("a", "running")
    count(p)
    p.ok("pause", "a")
    before = count(p)
    time.sleep(0.2)
    assert count(p) == before
    p.ok("resume", "a")
    p.ok("pause", "a")
    p.ok("kill", "a", "KILL")
    assert e.wait(10) == 137
    p.nothing_left()
