# SPDX-License-Identifier: Apache-2.0
"""exec: further processes in a running container."""
import json
import os
import signal
import subprocess
import threading
import time

from cases_run import both
from frame import gone, real, wait_gone


def begin(p, args=("/bin/sleep", "1000"), **process):
    p.write(args=list(args), **process)
    p.ok("run", "-d", "-b", p.bundle, "a")


def processes(p):
    return json.loads(p.ok("ps", "-f", "json", "a"))["processes"]


def wait_processes(p, n):
    for _ in range(250):
        found = processes(p)
        if len(found) == n:
            return found
        time.sleep(0.02)
    raise AssertionError(f"not {n} processes: {found}")


def read_pid(path):
    with open(path) as f:
        return int(f.read())


def wait_file(path):
    for _ in range(500):
        if os.path.exists(path):
            return
        time.sleep(0.01)
    raise AssertionError(f"{path} does not appear")


@both
def test_exec_output_and_status(p):
    begin(p)
    r = p.cl("exec", "a", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (r.code, r.out, r.err) == (7, "out\n", "err\n"), r
    for n in (0, 1, 255):
        assert p.cl("exec", "a", "sh", "-c", f"exit {n}").code == n
    for n in (9, 15, 6):
        assert p.cl("exec", "a", "sh", "-c", f"kill -{n} $$").code == 128 + n, n
    assert p.ok("exec", "a", "--", "echo", "--x", "-y") == "--x -y\n"
    assert p.ok("exec", "a", "echo", "-d") == "-d\n"
    assert len(wait_processes(p, 1)) == 1
    p.ok("delete", "--force", "a")
    p.nothing_left()


@real
def test_exec_stdin(p):
    begin(p)
    path = os.path.join(p.dir, "input")
    with open(path, "w") as f:
        f.write("abc\n")
    with open(path) as f:
        assert p.ok("exec", "a", "cat", stdin=f) == "abc\n"


@real
def test_exec_place_in_the_tree(p):
    begin(p)
    text = p.ok("exec", "a", "sh", "-c", "read pid comm state ppid pgrp sid rest </proc/self/stat; "
                "echo $ppid $(( pid == pgrp )) $(( pid == sid ))").split()
    assert text == ["0", "1", "1"], text
    # Its children are its own, and init's when it has gone.
    p.ok("exec", "a", "sh", "-c", "sleep 1000 & :")
    found = wait_processes(p, 2)
    assert [f["ppid"] for f in found] == [0, 1], found
    p.ok("delete", "--force", "a")


@real
def test_exec_takes_after_the_container(p):
    begin(p, env=["PATH=/bin", "COLOUR=green"], cwd="/data", user={"uid": 1000, "gid": 100, "umask": 0o27},
          rlimits=[{"type": "RLIMIT_NOFILE", "soft": 77, "hard": 88}], noNewPrivileges=True)
    script = "id -u; id -g; pwd; echo $COLOUR; ulimit -n; umask; grep NoNewPrivs /proc/self/status"
    assert p.ok("exec", "a", "sh", "-c", script).split() == \
        ["1000", "100", "/data", "green", "77", "0027", "NoNewPrivs:", "1"]


@real
def test_exec_options(p):
    begin(p, env=["PATH=/bin", "COLOUR=green"])
    assert p.ok("exec", "-u", "1000:7", "-g", "8", "--additional-gids", "9", "a", "id", "-G") == "7 8 9\n"
    assert p.ok("exec", "--user", "5", "a", "sh", "-c", "id -u; id -g").split() == ["5", "0"]
    assert p.ok("exec", "-e", "COLOUR=red", "--env", "B=1=2", "a", "sh", "-c", "echo $COLOUR $B") == "red 1=2\n"
    assert p.ok("exec", "--cwd", "/tmp", "a", "pwd") == "/tmp\n"
    assert "CapEff:\t0000000000000000\n" in p.ok("exec", "a", "cat", "/proc/self/status")
    text = p.ok("exec", "--cap", "CAP_NET_RAW", "-c", "CAP_CHOWN", "a", "cat", "/proc/self/status")
    assert "CapEff:\t0000000000002001\n" in text and "CapBnd:\t0000000000002001\n" in text, text
    assert "NoNewPrivs:\t1" in p.ok("exec", "--no-new-privs", "a", "cat", "/proc/self/status")
    p.fails(125, ["--user", "root"], "exec", "-u", "root", "a", "true")
    p.fails(125, ["--cwd", "tmp"], "exec", "--cwd", "tmp", "a", "true")
    p.fails(125, ["--env", "nothing"], "exec", "-e", "nothing", "a", "true")
    p.fails(125, ["--cap", "CAP_FLY"], "exec", "--cap", "CAP_FLY", "a", "true")
    p.fails(125, ["--additional-gids", "x"], "exec", "-g", "x", "a", "true")
    for option in ("--apparmor", "--process-label"):
        p.fails(125, option, "exec", option, "x", "a", "true")
    p.fails(125, "command to run", "exec", "a")


@real
def test_exec_process_file(p):
    begin(p, env=["PATH=/bin", "COLOUR=green"], cwd="/data")
    path = os.path.join(p.dir, "process.json")

    def write(**process):
        with open(path, "w") as f:
            json.dump(process, f)
    write(args=["/bin/sh", "-c", "id -u; pwd; echo [$COLOUR$X]"], cwd="/tmp", env=["X=1"], user={"uid": 3, "gid": 4})
    assert p.ok("exec", "--process", path, "a").split() == ["3", "/tmp", "[1]"]
    assert p.ok("exec", "-p", path, "a").split() == ["3", "/tmp", "[1]"]
    p.fails(125, "exclude each other", "exec", "--process", path, "a", "true")
    write(cwd="/")
    p.fails(125, [path, "args"], "exec", "--process", path, "a")
    write(args=["x"], cwd="tmp")
    p.fails(125, [path, "not an absolute path"], "exec", "--process", path, "a")
    p.fails(125, "/nonexistent", "exec", "--process", "/nonexistent", "a")


@both
def test_exec_errors(p):
    begin(p)
    p.fails(127, ['exec: "nothing": executable file not found in $PATH'], "exec", "a", "nothing")
    p.fails(127, ["/bin/nothing", "No such file"], "exec", "a", "/bin/nothing")
    p.fails(126, ["/etc/passwd", "Permission denied"], "exec", "a", "/etc/passwd")
    p.fails(126, "/bin", "exec", "a", "/bin")
    p.fails(125, "/etc/passwd/x", "exec", "--cwd", "/etc/passwd/x", "a", "true")
    p.fails(125, "container does not exist", "exec", "b", "true")
    assert len(wait_processes(p, 1)) == 1
    p.ok("kill", "a", "KILL")
    p.wait_status("a", "stopped")
    p.fails(125, "container not running", "exec", "a", "true")
    p.ok("delete", "a")
    p.nothing_left()


@real
def test_exec_before_the_start(p):
    p.write(args=["/bin/sleep", "1000"])
    p.ok("create", "-b", p.bundle, "a")
    assert p.ok("exec", "a", "echo", "early") == "early\n"
    p.ok("start", "a")
    assert p.ok("exec", "a", "echo", "late") == "late\n"
    p.ok("delete", "-f", "a")


@both
def test_exec_passes_signals_on(p):
    begin(p)
    for signo in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP, signal.SIGRTMIN + 2):
        e = p.start("exec", "a", "sh", "-c", f"trap 'echo got; exit 5' {int(signo)}; echo on; while :; do sleep 0.05; done")
        assert e.stdout.readline() == "on\n"
        e.send_signal(signo)
        assert e.wait(10) == 5, signo
        assert e.stdout.read() == "got\n"
    e = p.start("exec", "a", "sh", "-c", "echo on; exec sleep 1000")
    assert e.stdout.readline() == "on\n"
    e.send_signal(signal.SIGTERM)
    assert e.wait(10) == 128 + 15
    p.ok("delete", "--force", "a")


@both
def test_exec_killed_takes_its_process_along(p):
    begin(p)
    e = p.start("exec", "a", "sh", "-c", "echo on; exec sleep 1000")
    assert e.stdout.readline() == "on\n"
    wait_processes(p, 2)
    e.kill()
    e.wait()
    wait_processes(p, 1)
    p.ok("delete", "--force", "a")
    p.nothing_left()


@both
def test_exec_ends_with_the_container(p):
    begin(p)
    e = p.start("exec", "a", "sh", "-c", "echo on; exec sleep 1000")
    assert e.stdout.readline() == "on\n"
    p.ok("kill", "a", "KILL")
    assert e.wait(10) == 137
    p.ok("delete", "a")
    begin(p, ["/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.05; done"])
    e = p.start("exec", "a", "sh", "-c", "echo on; exec sleep 1000")
    assert e.stdout.readline() == "on\n"
    p.ok("kill", "a", "TERM")
    assert e.wait(10) == 137
    p.wait_status("a", "stopped")
    p.ok("delete", "a")
    p.nothing_left()


@both
def test_exec_detached(p):
    begin(p)
    path = os.path.join(p.dir, "pid")
    assert p.ok("exec", "-d", "--pid-file", path, "a", "sleep", "1000") == ""
    pid = read_pid(path)
    assert not gone(pid)
    assert len(wait_processes(p, 2)) == 2
    # SIGTERM of an engine reaches the process; SIGKILL takes both.
    os.kill(pid, signal.SIGTERM)
    wait_gone(pid)
    wait_processes(p, 1)
    p.ok("exec", "-d", "--pid-file", path, "a", "sleep", "1000")
    os.kill(read_pid(path), signal.SIGKILL)
    wait_processes(p, 1)
    os.unlink(path)
    p.fails(127, "nothing", "exec", "-d", "--pid-file", path, "a", "nothing")
    assert not os.path.exists(path)
    p.fails(125, "/nonexistent", "exec", "-d", "--pid-file", "/nonexistent/pid", "a", "sleep", "1000")
    wait_processes(p, 1)
    p.ok("delete", "--force", "a")
    p.nothing_left()


SUBREAPER = """
import ctypes, os, subprocess, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
path = sys.argv[1]
subprocess.run(sys.argv[2:], check=True)
pid = int(open(path).read())
status = os.waitpid(pid, 0)[1]
print(os.waitstatus_to_exitcode(status))
"""


@both
def test_exec_detached_is_reaped_by_an_engine(p):
    """Who is a subreaper, as engines are, gets the process of the pid file as its child, with the status."""
    begin(p)
    path = os.path.join(p.dir, "pid")
    for script, status in (("exit 3", "3"), ("sleep 0.1; exit 4", "4"), ("kill -9 $$", "137")):
        r = subprocess.run(["python3", "-c", SUBREAPER, path] + p.argv("exec", "-d", "--pid-file", path, "a", "sh", "-c",
                           script), capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL, **p.options())
        assert r.stdout == status + "\n", r
    p.ok("delete", "--force", "a")


@real
def test_exec_detached_lets_go_of_pipes(p):
    begin(p)
    e = p.start("exec", "-d", "a", "sh", "-c", "echo on; exec sleep 1000 >/dev/null 2>&1")
    assert e.communicate(timeout=10)[0] == "on\n"
    assert len(processes(p)) == 2
    p.ok("delete", "--force", "a")


@real
def test_exec_in_the_foreground_writes_its_own_pid(p):
    begin(p)
    path = os.path.join(p.dir, "pid")
    e = p.start("exec", "--pid-file", path, "a", "sleep", "1000")
    wait_file(path)
    assert read_pid(path) == e.pid
    e.terminate()
    assert e.wait(10) == 128 + 15


@real
def test_exec_preserves_descriptors(p):
    begin(p)
    r, w = os.pipe()
    os.set_inheritable(w, True)
    e = subprocess.run(["/bin/sh", "-c", f"exec \"$@\" 3>&{w}", "sh"] +
                       p.argv("exec", "--preserve-fds", "1", "a", "sh", "-c", "echo deep >&3; ls /proc/self/fd | wc -l"),
                       pass_fds=[w], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
    os.close(w)
    assert e.returncode == 0, e
    assert os.read(r, 100) == b"deep\n"
    os.close(r)
    p.fails(125, ["--preserve-fds", "3"], "exec", "--preserve-fds", "1", "a", "true")
    p.fails(125, ["--preserve-fds", "64"], "exec", "--preserve-fds", "65", "a", "true")


@real
def test_exec_many_at_once(p):
    """One that waits does not keep others out, nor the commands on the container."""
    begin(p)
    waiting = [p.start("exec", "a", "sh", "-c", "echo on; exec sleep 1000") for _ in range(8)]
    for e in waiting:
        assert e.stdout.readline() == "on\n"
    assert len(processes(p)) == 9
    results = []

    def one(n):
        results.append(p.cl("exec", "a", "sh", "-c", f"echo {n}; exit {n}"))
    threads = [threading.Thread(target=one, args=(n,)) for n in range(12)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted((r.code, r.out) for r in results) == sorted((n, f"{n}\n") for n in range(12)), results
    for e in waiting:
        e.terminate()
    for e in waiting:
        assert e.wait(10) == 143
    wait_processes(p, 1)
    p.ok("delete", "--force", "a")
    p.nothing_left()


@real
def test_exec_counts_against_the_pids_limit(p):
    p.config["linux"]["resources"] = {"pids": {"limit": 3}}
    begin(p)
    a = p.start("exec", "a", "sh", "-c", "echo on; exec sleep 1000")
    b = p.start("exec", "a", "sh", "-c", "echo on; exec sleep 1000")
    assert (a.stdout.readline(), b.stdout.readline()) == ("on\n", "on\n")
    p.fails(125, "limit of processes", "exec", "a", "true")
    a.terminate()
    assert a.wait(10) == 143
    assert p.ok("exec", "a", "echo", "again") == "again\n"
    p.ok("delete", "--force", "a")


SEIZE_ALL = """
#include <sys/ptrace.h>
int main(void)
{
    for (;;)
        for (int pid = 2; pid < 100; pid++)
            ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACEEXEC);
}
"""


@both
def test_exec_of_what_the_container_traces(p):
    """A guest that seizes processes while they are still being made stops none of those who make them."""
    subprocess.run([os.environ.get("CC", "cc"), "-static", "-x", "c", "-", "-o", os.path.join(p.rootfs, "bin/seize-all")],
                   input=SEIZE_ALL, text=True, check=True)
    begin(p, args=["/bin/seize-all"])
    for _ in range(20):
        p.ok("exec", "a", "true")
    p.ok("kill", "a", "KILL")
    p.wait_status("a", "stopped")
