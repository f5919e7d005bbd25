# SPDX-License-Identifier: Apache-2.0
"""Commands and sandboxes killed at any moment: nothing may stay."""
import json
import os
import random
import signal
import time

from frame import fake, gone, wait_gone


def descendants(pid):
    """Children of pid, also those that a sibling clone gave to us."""
    found = []
    for task in (pid, os.getpid()):
        try:
            with open(f"/proc/{task}/task/{task}/children") as f:
                found += [int(c) for c in f.read().split() if int(c) != pid]
        except OSError:
            pass
    return found


def comm(pid):
    try:
        with open(f"/proc/{pid}/comm") as f:
            return f.read().strip()
    except OSError:
        return ""


@fake
def test_create_killed_while_the_sandbox_boots(p):
    p.write(args=["slow"])
    proc = p.start("create", "-b", p.bundle, "a")
    for _ in range(200):
        time.sleep(0.02)
        boxes = [c for c in descendants(proc.pid) if comm(c).startswith("fake-sentry")]
        if boxes:
            break
    assert boxes, "the sandbox does not appear"
    proc.kill()
    proc.wait()
    for box in boxes:
        wait_gone(box)
    assert p.ok("list", "-q") == ""
    p.fails(1, "does not exist", "state", "a")
    p.nothing_left()


@fake
def test_run_killed(p):
    p.write(args=["sleep"])
    proc = p.start("run", "-b", p.bundle, "a")
    pid = p.wait_status("a", "running")["pid"]
    proc.kill()
    proc.wait()
    wait_gone(pid)
    assert p.ok("list", "-q") == ""
    p.nothing_left()


@fake
def test_kept_container_survives_its_killed_run(p):
    p.write(args=["sleep"])
    proc = p.start("run", "--keep", "-b", p.bundle, "a")
    pid = p.wait_status("a", "running")["pid"]
    proc.kill()
    proc.wait()
    wait_gone(pid)
    assert p.status("a") == "stopped"
    p.ok("delete", "a")
    p.nothing_left()


@fake
def test_sandbox_killed(p):
    p.write(args=["sleep"])
    proc = p.start("run", "-b", p.bundle, "a")
    os.kill(p.wait_status("a", "running")["pid"], signal.SIGKILL)
    assert proc.wait(10) == 137
    p.ok("create", "-b", p.bundle, "a")
    os.kill(json.loads(p.ok("state", "a"))["pid"], signal.SIGKILL)
    assert p.wait_status("a", "stopped")["pid"] == 0
    p.fails(1, "stopped", "start", "a")
    p.ok("delete", "a")
    p.nothing_left()


@fake
def test_killed_at_random_moments(p):
    """Whatever the moment: afterwards there is a whole container or none."""
    rng = random.Random(1)
    p.write(args=["sleep"])
    for i in range(60):
        command = rng.choice(["create", "run", "run -d"]).split()
        proc = p.start(*command, "-b", p.bundle, f"a{i}")
        time.sleep(rng.random() * 0.012)
        proc.kill()
        proc.wait()
        time.sleep(0.02)
        for name in p.ok("list", "-q").split():
            r = p.cl("state", name)  # what the command left is perhaps just being taken away
            assert r.code == 0 or (r.code == 1 and "does not exist" in r.err), r
            p.ok("delete", "--force", name)
        left = os.listdir(p.state) if os.path.isdir(p.state) else []
        assert left == [], (i, command, left)
    p.nothing_left()


@fake
def test_delete_killed_at_random_moments(p):
    rng = random.Random(2)
    p.write(args=["sleep"])
    for i in range(25):
        p.ok("create", "-b", p.bundle, "a")
        proc = p.start("delete", "--force", "a")
        time.sleep(rng.random() * 0.006)
        proc.kill()
        proc.wait()
        p.ok("delete", "--force", "a")
        assert p.ok("list", "-q") == ""
        p.nothing_left()


@fake
def test_half_written_files(p):
    p.write(args=["sleep"])
    p.ok("create", "-b", p.bundle, "a")
    with open(os.path.join(p.state, "a/.state.json"), "w") as f:
        f.write('{"pid": 1')
    os.mkdir(os.path.join(p.state, ".new-1"))
    open(os.path.join(p.state, ".new-1/lock"), "w").close()
    assert p.status("a") == "created"
    assert p.ok("list", "-q") == "a\n"
    p.ok("delete", "a")
    p.nothing_left()


@fake
def test_damaged_state_is_told_and_removable(p):
    p.write(args=["sleep"])
    p.ok("create", "-b", p.bundle, "a")
    pid = json.loads(p.ok("state", "a"))["pid"]
    os.kill(pid, signal.SIGKILL)
    with open(os.path.join(p.state, "a/state.json"), "w") as f:
        f.write("{")
    p.fails(1, "state.json", "state", "a")
    p.ok("delete", "--force", "a")
    p.nothing_left()


@fake
def test_pid_given_to_another_process(p):
    """The stored pid belongs to someone else by now: nobody is killed."""
    p.write(args=["sleep"])
    p.ok("create", "-b", p.bundle, "a")
    path = os.path.join(p.state, "a/state.json")
    with open(path) as f:
        state = json.load(f)
    os.kill(state["pid"], signal.SIGKILL)
    time.sleep(0.05)  # start times count in hundredths of a second
    victim = os.fork()
    if victim == 0:
        time.sleep(60)
        os._exit(0)
    try:
        state["pid"] = victim
        with open(path, "w") as f:
            json.dump(state, f)
        assert p.status("a") == "stopped"
        p.ok("delete", "--force", "a")
        assert not gone(victim)
    finally:
        os.kill(victim, signal.SIGKILL)
        os.waitpid(victim, 0)
    p.nothing_left()
