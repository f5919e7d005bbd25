# SPDX-License-Identifier: Apache-2.0
"""events and update: what a container uses, and its limits while it runs."""
import json
import os
import time

from cases_exec import begin
from cases_pause import with_cgroup
from cases_run import both
from frame import Skip, real

BUSY = ["/bin/sh", "-c", "while :; do :; done"]


def stats(p):
    event = json.loads(p.ok("events", "--stats", "a"))
    assert (event["type"], event["id"]) == ("stats", "a"), event
    return event["data"]


def group_file(p, controller, v1, v2):
    path = p.config["linux"]["cgroupsPath"]
    top = "/sys/fs/cgroup"
    if os.path.exists(top + "/cgroup.controllers"):
        name = f"{top}{path}/{v2}"
    else:
        name = f"{top}/{controller}{path}/{v1}"
    if not os.path.exists(name):
        raise Skip(f"no {name}")
    with open(name) as f:
        return f.read().strip()


def growing(p):
    begin(p, BUSY)
    one = stats(p)
    assert one["memory"]["usage"]["usage"] > 100000, one
    assert one["pids"]["current"] >= 1, one
    time.sleep(0.5)
    two = stats(p)
    assert two["cpu"]["usage"]["total"] - one["cpu"]["usage"]["total"] > 100000000, (one, two)
    p.ok("delete", "--force", "a")


@both
def test_events_of_processes(p):
    growing(p)


@real
def test_events_of_a_cgroup(p):
    with_cgroup(p)
    growing(p)


@both
def test_events_follow(p):
    begin(p, ["/bin/sleep", "1000"])
    e = p.start("events", "--interval", "100ms", "a")
    for _ in range(3):
        assert json.loads(e.stdout.readline())["type"] == "stats"
    p.ok("kill", "a", "KILL")
    assert e.wait(10) == 0
    p.fails(1, "container not running", "events", "a")
    p.fails(1, "--interval", "events", "--interval", "soon", "a")
    p.ok("delete", "a")
    p.nothing_left()


@real
def test_update_writes_to_the_cgroup(p):
    with_cgroup(p)
    begin(p, ["/bin/sleep", "1000"])
    p.ok("update", "--memory", "64M", "a")
    assert group_file(p, "memory", "memory.limit_in_bytes", "memory.max") == str(64 << 20)
    assert stats(p)["memory"]["usage"]["limit"] == 64 << 20
    p.ok("update", "--memory", "-1", "a")
    assert stats(p)["memory"]["usage"]["limit"] == 0
    p.ok("update", "--cpu-period", "50000", "--cpu-quota", "25000", "a")
    assert group_file(p, "cpu", "cpu.cfs_quota_us", "cpu.max") in ("25000", "25000 50000")
    p.ok("update", "--cpu-share", "512", "a")
    path = os.path.join(p.dir, "resources.json")
    with open(path, "w") as f:
        json.dump({"memory": {"limit": 96 << 20}, "cpu": {"shares": 0}, "pids": {"limit": 7}}, f)
    p.ok("update", "-r", path, "a")
    assert stats(p)["memory"]["usage"]["limit"] == 96 << 20
    with open(path) as f:
        p.ok("update", "--resources", "-", "--memory", "80M", "a", stdin=f)
    assert stats(p)["memory"]["usage"]["limit"] == 80 << 20
    with open(path, "w") as f:
        json.dump({"blockIO": {"weight": 10}}, f)
    p.fails(1, "blockIO", "update", "-r", path, "a")
    p.fails(1, "--cpu-share", "update", "--cpu-share", "1", "a")
    p.ok("delete", "--force", "a")
    p.nothing_left()


@both
def test_update_of_the_pids_limit(p):
    begin(p, ["/bin/sleep", "1000"])
    p.ok("update", "--pids-limit", "1", "a")
    p.fails(125, "limit of processes", "exec", "a", "true")
    p.ok("update", "--pids-limit", "5", "a")
    assert p.ok("exec", "a", "echo", "on") == "on\n"
    assert stats(p)["pids"]["limit"] == 5
    p.fails(1, "no cgroup", "update", "--memory", "64M", "a")
    p.fails(1, ["--memory", "lots"], "update", "--memory", "lots", "a")
    p.fails(1, "--blkio-weight", "update", "--blkio-weight", "10", "a")
    p.ok("kill", "a", "KILL")
    p.wait_status("a", "stopped")
    p.fails(1, "container not running", "update", "--pids-limit", "5", "a")
    p.ok("delete", "a")
    p.nothing_left()
