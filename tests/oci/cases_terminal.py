# SPDX-License-Identifier: Apache-2.0
"""Terminals on the host's side: joined to the caller's own, and sent over a console socket."""
import array
import fcntl
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import termios
import time

from cases_exec import begin, processes, wait_processes
from cases_run import both
from frame import CLOISTER, real


class Screen:
    """A terminal with a command on it, as a user has it."""

    def __init__(self, p, argv, rows=24, cols=80, stdout=None):
        self.master, slave = pty.openpty()
        self.resize(rows, cols)
        self.seen = ""
        self.before = termios.tcgetattr(slave)
        self.slave = slave

        def own_terminal():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        self.proc = subprocess.Popen(argv, stdin=slave, stdout=slave if stdout is None else stdout, stderr=slave,
                                     preexec_fn=own_terminal, cwd=p.dir)
        p.started.append(self)
        self.stdout = self.stderr = open(os.devnull)

    def poll(self):
        return self.proc.poll()

    def kill(self):
        self.proc.kill()

    def resize(self, rows, cols):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def type(self, text):
        os.write(self.master, text.encode())

    def read(self, seconds):
        if not select.select([self.master], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return False
        self.seen += data.decode(errors="replace")
        return bool(data)

    def expect(self, text, seconds=10):
        end = time.monotonic() + seconds
        while text not in self.seen:
            if time.monotonic() > end:
                raise AssertionError(f"{text!r} does not appear: {self.seen[-2000:]!r}")
            self.read(0.2)
        at = self.seen.index(text) + len(text)
        before, self.seen = self.seen[:at], self.seen[at:]
        return before

    def is_raw(self):
        return not termios.tcgetattr(self.slave)[3] & termios.ICANON

    def wait(self, seconds=10):
        end = time.monotonic() + seconds
        while self.proc.poll() is None:
            if time.monotonic() > end:
                raise AssertionError(f"the command does not end: {self.seen[-2000:]!r}")
            self.read(0.05)
        while self.read(0.05):
            pass
        if self.proc.returncode < 0:
            return self.proc.returncode  # killed: nothing could be restored
        after = termios.tcgetattr(self.slave)
        assert after == self.before, f"the terminal is not as it was: {self.before} {after}"
        return self.proc.returncode


def screen(p, *args, **kw):
    return Screen(p, p.argv(*args), **kw)


def do_screen(p, *args, **kw):
    return Screen(p, [CLOISTER, "do", *args], **kw)


# ---- do


@real
def test_terminal_do_by_itself(p):
    s = do_screen(p, "sh", "-c", "test -t 0 && test -t 1 && test -t 2 && tty; stty size; exit 3", rows=33, cols=99)
    s.expect("/dev/pts/0")
    s.expect("33 99")
    assert s.wait() == 3
    # Not for a pipe, and not when told so.
    r = p.cl("do", "sh", "-c", "test -t 0 || test -t 1 || echo none")
    assert r.out == "none\n", r
    s = do_screen(p, "-T", "sh", "-c", "echo plain; tty")
    s.expect("plain")
    s.wait()
    assert "/dev/pts/0" not in s.seen
    p.fails(125, "exclude each other", "do", "-t", "-T", "true")


@real
def test_terminal_do_is_a_terminal(p):
    s = do_screen(p, "-t", "sh", "-i")
    s.type("echo a$((1+1))b\n")
    s.expect("a2b")
    assert s.is_raw()
    s.type("sleep 1000\n")
    s.expect("sleep 1000")
    time.sleep(0.3)
    s.type("\x03")
    s.type("echo st=$?\n")
    s.expect("st=130")
    s.type("cat\n")
    time.sleep(0.2)
    s.type("x\ny\x7fz\n\x04")
    s.type("echo en''d\n")
    s.expect("end")
    s.type("exit 7\n")
    assert s.wait() == 7


@real
def test_terminal_follows_the_size(p):
    s = do_screen(p, "sh", "-c", "trap 'stty size' WINCH; stty size; while :; do sleep 0.05; done", rows=10, cols=20)
    s.expect("10 20")
    s.resize(44, 55)
    s.expect("44 55")
    s.resize(45, 56)
    s.expect("45 56")
    s.type("\x03")
    s.wait()


@real
def test_terminal_is_restored(p):
    for signo in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        s = do_screen(p, "sleep", "1000")
        for _ in range(200):
            if s.is_raw():
                break
            time.sleep(0.02)
        assert s.is_raw()
        s.proc.send_signal(signo)
        assert s.wait() == 128 + signo
    s = do_screen(p, "/nonexistent")
    assert s.wait() == 127


@real
def test_terminal_shows_all_output(p):
    s = do_screen(p, "sh", "-c", "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo line $i; done; printf 'last'")
    text = s.expect("last", 30)
    assert s.wait() == 0
    assert text.replace("\r\n", "\n") == "".join(f"line {i}\n" for i in range(1, 3001)) + "last"


@real
def test_terminal_do_with_piped_input(p):
    """-t without a terminal of ours: what comes in is typed, its end is ^D."""
    r, w = os.pipe()
    os.write(w, b"echo got $((6*7))\n")
    os.close(w)
    result = p.cl("do", "-t", "sh", stdin=r)
    os.close(r)
    assert result.code == 0 and "got 42\r\n" in result.out, result


# ---- run, exec


@both
def test_terminal_run(p):
    p.write(args=["/bin/sh", "-c", "test -t 0 && echo yes; read x; echo got $x; exit 4"], terminal=True,
            consoleSize={"height": 5, "width": 6})
    s = Screen(p, p.argv("run", "-b", p.bundle, "a")) if not p.user else None
    if s:
        s.expect("yes")
        s.type("hello\n")
        s.expect("got hello")
        assert s.wait() == 4
    r, w = os.pipe()
    os.write(w, b"piped\n")
    os.close(w)
    result = p.cl("run", "-b", p.bundle, "a", stdin=r)
    os.close(r)
    assert result.code == 4 and "got piped\r\n" in result.out, result
    p.nothing_left()


@real
def test_terminal_exec(p):
    begin(p)
    s = screen(p, "exec", "-t", "a", "sh", rows=12, cols=34)
    s.type("test -t 0 && echo ye''s; stty size 2>/dev/null; id\n")
    s.expect("yes")
    s.expect("uid=0")
    s.type("sleep 1000\n")
    s.expect("sleep 1000")
    time.sleep(0.3)
    s.type("\x03")
    s.type("exit 9\n")
    assert s.wait() == 9
    wait_processes(p, 1)
    # Two at once, each with its own.
    one, two = screen(p, "exec", "-t", "a", "sh"), screen(p, "exec", "--tty", "a", "sh")
    one.type("echo on''e\n")
    two.type("echo tw''o\n")
    one.expect("one")
    two.expect("two")
    for s in (one, two):
        s.type("exit\n")
        assert s.wait() == 0
    s = screen(p, "exec", "-t", "a", "/nothing")
    assert s.wait() == 127
    # The client's end hangs up.
    s = screen(p, "exec", "-t", "a", "sleep", "1000")
    wait_processes(p, 2)
    s.kill()
    wait_processes(p, 1)
    p.ok("delete", "--force", "a")


@real
def test_terminal_exec_ends_while_others_write(p):
    """What the process leaves behind does not keep its caller."""
    begin(p)
    s = screen(p, "exec", "-t", "a", "sh", "-c", "trap '' HUP; yes & sleep 0.2; exit 5")
    assert s.wait() == 5
    end = time.monotonic() + 5
    while any(q["cmd"] == "yes" for q in processes(p)):  # a zombie shows as [yes]: nobody reaps it
        assert time.monotonic() < end
        time.sleep(0.05)
    p.ok("delete", "--force", "a")


@real
def test_terminal_is_restored_when_nobody_reads(p):
    begin(p)
    for argv in (p.argv("exec", "-t", "a", "yes"), [CLOISTER, "do", "-t", "yes"]):
        r, w = os.pipe()
        s = Screen(p, argv, stdout=w)
        os.close(w)
        assert os.read(r, 2) == b"y\r"
        assert s.is_raw()
        os.close(r)
        assert s.wait() == -signal.SIGPIPE
        assert termios.tcgetattr(s.slave) == s.before
    wait_processes(p, 1)
    p.ok("delete", "--force", "a")


# ---- the console socket


class ConsoleSocket:
    def __init__(self, p):
        self.path = os.path.join(p.dir, "console.sock")
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        os.chmod(self.path, 0o777)
        self.listener.listen(4)
        self.listener.settimeout(10)

    def receive(self):
        connection = self.listener.accept()[0]
        fds = array.array("i")
        data, ancillary, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(64))
        for level, kind, content in ancillary:
            assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
            fds.frombytes(content)
        connection.close()
        assert len(fds) == 1 and data.startswith(b"/dev/"), (fds, data)
        return fds[0]


def read_until(fd, text):
    seen = b""
    end = time.monotonic() + 10
    while text not in seen:
        assert time.monotonic() < end, f"{text} does not appear: {seen}"
        if select.select([fd], [], [], 0.5)[0]:
            seen += os.read(fd, 4096)
    return seen


@both
def test_console_socket_of_create(p):
    c = ConsoleSocket(p)
    p.write(args=["/bin/sh", "-c", "test -t 0 && test -t 1 && test -t 2 && echo yes; read x; echo got $x; exit 6"],
            terminal=True, consoleSize={"height": 21, "width": 43})
    p.ok("create", "-b", p.bundle, "--console-socket", c.path, "a")
    master = c.receive()
    assert os.isatty(master)
    assert struct.unpack("HHHH", fcntl.ioctl(master, termios.TIOCGWINSZ, b"\0" * 8))[:2] == (21, 43)
    p.ok("start", "a")
    read_until(master, b"yes\r\n")
    os.write(master, b"word\n")
    read_until(master, b"got word\r\n")
    p.wait_status("a", "stopped")
    p.ok("delete", "a")
    os.close(master)
    p.ok("run", "-d", "-b", p.bundle, "--console-socket", c.path, "a")
    master = c.receive()
    read_until(master, b"yes\r\n")
    p.ok("delete", "--force", "a")
    os.close(master)
    p.nothing_left()


@both
def test_console_socket_of_exec(p):
    begin(p)
    c = ConsoleSocket(p)
    path = os.path.join(p.dir, "pid")
    p.ok("exec", "-d", "-t", "--pid-file", path, "--console-socket", c.path, "a", "sh")
    master = c.receive()
    os.write(master, b"echo a$((1+2))b\n")
    read_until(master, b"a3b\r\n")
    os.write(master, b"exit\n")
    wait_processes(p, 1)
    os.close(master)
    # The engine's end of it hangs up.
    p.ok("exec", "-d", "-t", "--console-socket", c.path, "a", "sh", "-c", "echo on; exec sleep 1000")
    master = c.receive()
    read_until(master, b"on\r\n")
    os.close(master)
    wait_processes(p, 1)
    p.ok("delete", "--force", "a")
    p.nothing_left()


@real
def test_console_socket_errors(p):
    p.write(args=["/bin/true"], terminal=True)
    p.fails(1, "cannot allocate tty if", "create", "-b", p.bundle, "a")
    p.fails(125, "cannot allocate tty if", "run", "-d", "-b", p.bundle, "a")
    p.fails(125, "cannot use console socket if", "run", "-b", p.bundle, "--console-socket", "/x", "a")
    p.fails(1, ["--console-socket", "/nonexistent/x"], "create", "-b", p.bundle, "--console-socket", "/nonexistent/x", "a")
    p.write(args=["/bin/sleep", "1000"], terminal=False)
    p.fails(1, "cannot use console socket if", "create", "-b", p.bundle, "--console-socket", "/x", "a")
    p.write(args=["/bin/true"], terminal=True, consoleSize={"height": 70000, "width": 1})
    p.fails(1, "consoleSize", "create", "-b", p.bundle, "--console-socket", "/x", "a")
    p.config["process"].pop("consoleSize")
    begin(p, terminal=False)
    p.fails(125, "cannot allocate tty if", "exec", "-d", "-t", "a", "true")
    p.fails(125, "cannot use console socket if", "exec", "-t", "--console-socket", "/x", "a", "true")
    p.ok("delete", "--force", "a")
    p.nothing_left()
