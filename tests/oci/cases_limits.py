# SPDX-License-Identifier: Apache-2.0
"""Limits as the container sees them: memory, processors, time, tasks; and its /sys/fs/cgroup."""
import os
import re

from cases_exec import begin
from cases_run import both, out, sh
from frame import Skip, cgroup_dirs, real

MIB = 1 << 20


def cgroup_mount(p, *options):
    p.config["mounts"].append({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
                               "options": list(options) or ["nosuid", "noexec", "nodev", "relatime", "ro"]})


def need_cgroups():
    if os.geteuid() != 0 or not cgroup_dirs("") or not os.access(cgroup_dirs("")[0], os.W_OK):
        raise Skip("needs root and a writable cgroup hierarchy")


def group_dir(controller):
    top = "/sys/fs/cgroup"
    return top if os.path.exists(top + "/cgroup.controllers") else os.path.join(top, controller)


def resources(p, **more):
    p.config["linux"]["resources"] = more


def values(p, script):
    return dict(line.split("=", 1) for line in out(p, script).splitlines())


SHOW = "for f in {}; do echo $f=$(cat /sys/fs/cgroup/$f); done"


@both
def test_cgroup_view_without_limits(p):
    cgroup_mount(p)
    v = values(p, SHOW.format("cgroup.controllers memory.max memory.swap.max cpu.max pids.max cpu.weight cgroup.procs cgroup.type "
                              "cpuset.cpus.effective memory.high"))
    assert v["memory.max"] == v["pids.max"] == v["memory.swap.max"] == v["memory.high"] == "max", v
    assert (v["cpu.max"], v["cpu.weight"], v["cgroup.type"]) == ("max 100000", "100", "domain"), v
    assert v["cgroup.controllers"] == "cpuset cpu memory pids" and v["cgroup.procs"].split()[0] == "1", v
    text = out(p, "cat /proc/self/cgroup; grep -c cgroup2 /proc/self/mountinfo; cat /sys/fs/cgroup/memory.current; "
                  "grep -E '^(usage_usec|nr_throttled) ' /sys/fs/cgroup/cpu.stat; cat /sys/fs/cgroup/pids.current").split("\n")
    assert text[0] == "0::/" and text[1] == "1" and int(text[2]) > 100000 and text[4] == "nr_throttled 0", text
    assert int(text[5]) >= 1, text
    r = sh(p, "echo 1 > /sys/fs/cgroup/memory.max; mkdir /sys/fs/cgroup/x")
    assert r.code != 0 and r.err.count("Read-only") == 2, r
    p.config["mounts"].pop()
    cgroup_mount(p, "rw")
    r = sh(p, "echo 1 > /sys/fs/cgroup/memory.max; echo x > /sys/fs/cgroup/cgroup.controllers; mkdir /sys/fs/cgroup/x")
    assert r.code != 0 and r.err.count("denied") + r.err.count("not permitted") == 3, r


@real
def test_memory_limit_as_seen(p):
    need_cgroups()
    cgroup_mount(p)
    resources(p, memory={"limit": 96 * MIB})
    v = values(p, SHOW.format("memory.max memory.current memory.peak memory.events"))
    assert int(v["memory.max"]) == 96 * MIB and 0 < int(v["memory.current"]) < 96 * MIB, v
    assert "oom_kill 0" in v["memory.events"], v
    text = out(p, "cat /proc/meminfo; busybox free -k; busybox sh -c 'cat /sys/fs/cgroup/memory.stat'")
    total = int(re.search(r"MemTotal: +(\d+) kB", text)[1])
    free = int(re.search(r"MemFree: +(\d+) kB", text)[1])
    available = int(re.search(r"MemAvailable: +(\d+) kB", text)[1])
    assert total == 96 * 1024 and 0 < free < total and free <= available <= total, (total, free, available)
    assert re.search(r"Mem: +98304 ", text), text
    assert re.search(r"^anon [1-9]\d*$", text, re.M) and re.search(r"^file \d+$", text, re.M), text
    text = out(p, "a=$(grep MemFree /proc/meminfo); dd if=/dev/zero of=/dev/shm/x bs=1M count=40 2>/dev/null; echo $a; grep MemFree /proc/meminfo") \
        if "/dev/shm" in str(p.config["mounts"]) else None
    p.nothing_left()


@real
def test_memory_limit_is_fresh(p):
    """update is seen by the next read: the descriptors are the cgroup's own files."""
    need_cgroups()
    cgroup_mount(p)
    resources(p, memory={"limit": 96 * MIB}, cpu={"quota": 50000, "period": 100000})
    begin(p, ["/bin/sleep", "1000"])
    assert p.ok("exec", "a", "cat", "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/cpu.max") == f"{96 * MIB}\n50000 100000\n"
    p.ok("update", "--memory", "64M", "--cpu-quota", "75000", "--cpu-period", "50000", "a")
    assert p.ok("exec", "a", "cat", "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/cpu.max") == f"{64 * MIB}\n75000 50000\n"
    assert "MemTotal:          65536 kB" in p.ok("exec", "a", "cat", "/proc/meminfo")
    p.ok("update", "--memory", "-1", "--cpu-quota", "-1", "a")
    assert p.ok("exec", "a", "cat", "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/cpu.max") == "max\nmax 50000\n"
    posture = p.ok("posture", "a")
    assert "cgroup memory.max" in posture and "cgroup cpu.max" in posture, posture
    p.ok("delete", "--force", "a")
    p.nothing_left()


@real
def test_time_limits_as_seen(p):
    need_cgroups()
    cgroup_mount(p)
    resources(p, cpu={"quota": 20000, "period": 50000, "shares": 2048})
    v = values(p, SHOW.format("cpu.max cpu.weight"))
    assert v["cpu.max"] == "20000 50000" and 70 <= int(v["cpu.weight"]) <= 100, v
    text = out(p, "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done; cat /sys/fs/cgroup/cpu.stat")
    assert int(re.search(r"usage_usec (\d+)", text)[1]) > 1000, text
    assert int(re.search(r"nr_periods (\d+)", text)[1]) >= 1, text
    resources(p, cpu={"shares": 1})
    r = sh(p, "true")
    assert r.code == 125 and "linux.resources.cpu.shares" in r.err, r
    resources(p, cpu={"cpus": "9999"})
    r = sh(p, "true")
    assert r.code == 125 and "linux.resources.cpu.cpus" in r.err, r
    resources(p, memory={"limit": 64 * MIB, "swap": 32 * MIB})
    r = sh(p, "true")
    assert r.code == 125 and "linux.resources.memory" in r.err, r
    p.nothing_left()


@real
def test_processors_as_seen(p):
    need_cgroups()
    if not os.path.isdir(group_dir("cpuset")) or len(os.sched_getaffinity(0)) < 2:
        raise Skip("needs a cpuset hierarchy and two processors")
    cgroup_mount(p)
    last = max(os.sched_getaffinity(0))
    ask = ("cat /sys/devices/system/cpu/online /sys/fs/cgroup/cpuset.cpus.effective; busybox nproc; grep -c ^processor /proc/cpuinfo; "
           "grep -c '^cpu[0-9]' /proc/stat; ls -d /sys/devices/system/cpu/cpu[0-9]* | wc -l; "
           "grep Cpus_allowed_list /proc/self/status | tr -s '[:space:]' ' '; echo; grep ^processor /proc/cpuinfo | tr -d '\\t'")
    resources(p, cpu={"cpus": str(last), "mems": "0"})
    text = out(p, ask)
    wanted = f"{last}\n{last}\n1\n1\n1\n1\nCpus_allowed_list: {last} \nprocessor: {last}\n"
    assert text == wanted, (text, wanted)
    del p.config["linux"]["resources"]
    assert out(p, "busybox nproc").strip() == str(len(os.sched_getaffinity(0)))
    p.config["linux"]["cgroupsPath"] = f"/cloister-test-{os.getpid()}"
    begin(p, ["/bin/sleep", "1000"])
    p.ok("update", "--cpuset-cpus", str(last), "a")
    assert p.ok("exec", "a", "sh", "-c", ask).splitlines()[:3] == [str(last), str(last), "1"]
    p.ok("delete", "--force", "a")
    p.nothing_left()


@both
def test_tasks_as_seen(p):
    if p.user or os.geteuid() != 0:
        p.config["linux"]["resources"] = {"pids": {"limit": 17}}
    else:
        need_cgroups()
        resources(p, pids={"limit": 17})
    cgroup_mount(p)
    v = values(p, SHOW.format("pids.max pids.current pids.events"))
    assert v["pids.max"] == "17" and 1 <= int(v["pids.current"]) <= 17 and v["pids.events"] == "max 0", v
