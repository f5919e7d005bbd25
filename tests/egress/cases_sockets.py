# SPDX-License-Identifier: Apache-2.0
"""Sockets on their way from the inside to the outside: nothing of it must show."""
import os
import subprocess


def case_loopback_is_its_own(s):
    """The host has a server on the same port."""
    s.python(["all", "127.0.0.1:8080"],
             "l = socket.create_server(('127.0.0.1', 8080))\n"
             "def serve():\n    c = l.accept()[0]\n    c.sendall(b'inside')\n    c.close()\n"
             "threading.Thread(target=serve).start()\n"
             "c = sock()\nc.connect(('127.0.0.1', 8080))\nneed(c.recv(9) == b'inside')\n"
             "u = sock(kind=UDP)\nu.bind(('127.0.0.1', 0))\n"
             "v = sock(kind=UDP)\nv.sendto(b'x', u.getsockname())\nneed(u.recv(9) == b'x')\n")


def case_listeners_are_inside(s):
    s.python(["192.0.2.10:80"],
             "l = socket.create_server(('0.0.0.0', 8080))\n"  # taken on the host
             "c = sock()\nc.connect(('127.0.0.1', 8080))\nl.accept()\n")


def case_options_are_replayed(s):
    s.python(["192.0.2.10:80"],
             "plain = sock()\nfetch('192.0.2.10', 80, s=plain)\n"
             "c = sock()\n"
             "c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)\n"
             "c.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)\n"
             "c.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 77)\n"
             "c.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 78)\n"
             "c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)\n"
             "c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 3))\n"
             "c.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0x10)\n"
             "before = c.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)\n"
             "inode = os.fstat(c.fileno()).st_ino\n"
             "fetch('192.0.2.10', 80, s=c)\n"
             "need(c.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))\n"
             "need(c.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))\n"
             "need(c.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 78)\n"
             "need(c.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == before == 65536)\n"
             "need(c.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == struct.pack('ii', 1, 3))\n"
             "need(c.getsockopt(socket.IPPROTO_IP, socket.IP_TOS) == 0x10)\n"
             "need(os.fstat(c.fileno()).st_ino == inode)\n"
             "need(not plain.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))\n"
             "c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)\n"
             "need(not c.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))\n"
             "need(c.getpeername() == ('192.0.2.10', 80) and c.getsockname()[0] == '10.77.0.1')\n")


def case_nonblocking_connect(s):
    """Waited for by an epoll set that knew the socket before it moved, edges and levels, and by another thread."""
    s.python(["192.0.2.10:80"],
             "for mode in (0, select.EPOLLET, select.EPOLLONESHOT):\n"
             "    c = sock(timeout=0)\n    e = select.epoll()\n"
             "    e.register(c, select.EPOLLIN | select.EPOLLOUT | mode)\n"
             "    e.poll(0.01)\n"
             "    r = c.connect_ex(('192.0.2.10', 80))\n    need(r == errno.EINPROGRESS, r)\n"
             "    if mode == select.EPOLLONESHOT:\n        e.modify(c, select.EPOLLIN | select.EPOLLOUT | mode)\n"
             "    got = b''\n    deadline = time.time() + 5\n"
             "    while not got and time.time() < deadline:\n"
             "        for fd, ev in e.poll(1):\n"
             "            if ev & select.EPOLLOUT:\n"
             "                need(c.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0)\n"
             "            if ev & select.EPOLLIN:\n                got = c.recv(100)\n"
             "            elif mode == select.EPOLLONESHOT:\n                e.modify(c, select.EPOLLIN | mode)\n"
             "    need(got == b'192.0.2.10 80\\n', mode, got)\n"
             "c = sock(timeout=None)\nout = []\n"
             "def wait():\n    p = select.poll()\n    p.register(c, select.POLLIN)\n"
             "    while True:\n        ev = p.poll(5000)\n        if ev and ev[0][1] & select.POLLIN: break\n"
             "        time.sleep(0.01)\n"
             "    out.append(c.recv(100))\n"
             "t = threading.Thread(target=wait)\nt.start()\ntime.sleep(0.1)\n"
             "c.connect(('192.0.2.10', 80))\nt.join(5)\nneed(out == [b'192.0.2.10 80\\n'], out)\n")


def case_connect_fails_outside(s):
    s.python(["192.0.2.10", "192.0.2.11:80"],
             "c = sock(timeout=None)\nfails(errno.ECONNREFUSED, c.connect, ('192.0.2.10', 9))\n"
             "need(fetch('192.0.2.10', 80, s=c) == '192.0.2.10 80')\n"
             "fails(errno.EISCONN, c.connect, ('192.0.2.11', 80))\n"
             "fails(errno.EISCONN, c.connect, ('127.0.0.1', 80))\n"
             "c.sendall(b'still')\nneed(c.recv(10) == b'still')\n"
             "d = sock(timeout=0)\nneed(d.connect_ex(('192.0.2.10', 9)) == errno.EINPROGRESS)\n"
             "select.select([], [d], [], 5)\nneed(d.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED)\n")
    s.silent()


def case_shared_descriptors(s):
    """Duplicates, children and those sent over a unix socket are the same socket before and after."""
    s.python(["192.0.2.10:80"],
             "c = sock(timeout=None)\nd = c.dup()\nd.settimeout(None)\n"
             "a, b = socket.socketpair()\nsocket.send_fds(a, [b'x'], [c.fileno()])\n"
             "fds = socket.recv_fds(b, 1, 1)[1]\ne = socket.socket(fileno=fds[0])\n"
             "pid = os.fork()\n"
             "if pid == 0:\n    c.connect(('192.0.2.10', 80))\n    os._exit(0)\n"
             "need(os.waitpid(pid, 0)[1] == 0)\n"
             "need(d.recv(100) == b'192.0.2.10 80\\n')\ne.sendall(b'abc')\nneed(c.recv(3) == b'abc')\n"
             "need(e.getpeername() == c.getpeername() == ('192.0.2.10', 80))\n")


def case_datagrams_change_sides(s):
    s.python(["192.0.2.10:4000/udp", "192.0.2.11:4000/udp"],
             "l = sock(kind=UDP)\nl.bind(('127.0.0.1', 0))\n"
             "u = sock(kind=UDP)\nu.bind(('0.0.0.0', 0))\n"
             "for i in range(3):\n"
             "    need(ask('192.0.2.10', 4000, s=u) == '192.0.2.10 4000 hello')\n"
             "    need(ask('192.0.2.11', 4000, s=u) == '192.0.2.11 4000 hello')\n"
             "    fails(errno.EPERM, u.sendto, b'x', ('192.0.2.12', 4000))\n"
             "    u.sendto(b'in', l.getsockname())\n    need(l.recv(9) == b'in')\n"
             "u.connect(('192.0.2.10', 4000))\nu.send(b'c')\nneed(u.recv(99) == b'192.0.2.10 4000 c')\n"
             "fails(errno.EPERM, u.sendto, b'x', l.getsockname())\n"  # not away from its peer
             "fails(errno.EPERM, u.connect, ('192.0.2.12', 4000))\n"
             "u.connect(l.getsockname())\nu.send(b'in')\nneed(l.recv(9) == b'in')\n")


def case_disconnected_sockets(s):
    s.python(["192.0.2.10"],
             "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
             "def drop(x):\n    need(libc.connect(x.fileno(), bytes(16), 16) == 0)\n"
             "u = sock(kind=UDP)\nu.connect(('192.0.2.10', 4000))\ndrop(u)\n"
             "fails(errno.EPERM, u.sendto, b'x', ('192.0.2.11', 4000))\n"
             "fails(errno.EDESTADDRREQ, u.send, b'x')\n"
             "c = sock()\nfetch('192.0.2.10', 80, s=c)\ndrop(c)\n"
             "fails(errno.ECONNREFUSED, c.connect, ('192.0.2.11', 80))\n"
             "need(fetch('192.0.2.10', 443, s=c) == '192.0.2.10 443')\ndrop(c)\n"
             "c.listen()\n"  # inside again
             "p = c.getsockname()[1]\nd = sock()\nd.connect(('127.0.0.1', p))\nc.accept()\n")


def case_bound_sockets(s):
    s.python(["192.0.2.10"],
             "c = sock()\nc.bind(('', 0))\nneed(fetch('192.0.2.10', 80, s=c) == '192.0.2.10 80')\n"
             "c = sock()\nc.bind(('0.0.0.0', 5555))\nfails(errno.EADDRNOTAVAIL, c.connect, ('192.0.2.10', 80))\n"
             "c = sock()\nc.bind(('127.0.0.1', 0))\nfails(errno.EINVAL, c.connect, ('192.0.2.10', 80))\n"
             "u = sock(V6, UDP)\nu.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)\nu.bind(('::', 0))\n"
             "need(ask('::ffff:192.0.2.10', 4000, s=u) == '192.0.2.10 4000 hello')\n"
             "c = sock()\nfetch('192.0.2.10', 80, s=c)\nfails(errno.EINVAL, c.bind, ('', 0))\n")


def case_unasked_datagrams(s):
    """Who nobody may send to cannot send here either."""
    s.python(["192.0.2.10:4100/udp"],
             "u = sock(kind=UDP)\nneed(ask('192.0.2.10', 4100, s=u) == 'asked hello')\n"
             "u.sendto(b'again', ('192.0.2.10', 4100))\ntime.sleep(0.2)\n"
             "need(u.recv(100, socket.MSG_PEEK) == b'asked again')\nneed(u.recv(100) == b'asked again')\n"
             "u.settimeout(0.2)\n"
             "try:\n    need(False, u.recv(100))\nexcept TimeoutError:\n    pass\n")


def case_threads_move_one_socket(s):
    """Many threads send by one socket to both sides: each datagram arrives where it was sent to, or nowhere."""
    s.python(["192.0.2.10:4000/udp"],
             "l = sock(kind=UDP)\nl.bind(('127.0.0.1', 4000))\nl.settimeout(0.5)\n"
             "u = sock(kind=UDP)\nstop = []\nerrors = []\n"
             "def send(where, what):\n"
             "    for i in range(400):\n"
             "        try:\n            u.sendto(what, where)\n"
             "        except OSError as e:\n            errors.append(e)\n"
             "def receive():\n"
             "    while not stop:\n"
             "        try:\n            need(u.recv(99, socket.MSG_DONTWAIT) == b'192.0.2.10 4000 out')\n"
             "        except BlockingIOError:\n            select.select([u], [], [], 0.01)\n"
             "ts = [threading.Thread(target=send, args=x) for x in 2 * [(('192.0.2.10', 4000), b'out'), "
             "(('127.0.0.1', 4000), b'in')]]\n"
             "r = threading.Thread(target=receive)\nr.start()\n"
             "for t in ts: t.start()\nfor t in ts: t.join()\nstop.append(1)\nr.join()\n"
             "need(not errors, errors[:3])\n"
             "n = 0\ntry:\n    while True:\n        need(l.recv(99) == b'in')\n        n += 1\n"
             "except TimeoutError:\n    pass\nneed(n > 0)\n")


def case_real_programs(s):
    """curl, urllib and git fetch from a server that only a name leads to."""
    world = s.world
    if not hasattr(world, "web"):
        world.web = os.path.join(world.folder, "web")
        work = os.path.join(world.folder, "work")
        env = dict(os.environ, GIT_CONFIG_GLOBAL="/dev/null", GIT_AUTHOR_NAME="a", GIT_AUTHOR_EMAIL="a@b",
                   GIT_COMMITTER_NAME="a", GIT_COMMITTER_EMAIL="a@b")
        for argv in (["init", "-q", work], ["-C", work, "commit", "-q", "--allow-empty", "-m", "first"],
                     ["clone", "-q", "--bare", work, os.path.join(world.web, "repo.git")],
                     ["-C", os.path.join(world.web, "repo.git"), "update-server-info"]):
            subprocess.run(["git", *argv], check=True, env=env)
        with open(os.path.join(world.web, "page"), "w", encoding="ascii") as f:
            f.write("a page\n")
        subprocess.run(["chmod", "-R", "a+rX", world.web], check=True)
        world.serve("http", "192.0.2.10", 8000, world.web)
        world.serve("http", "192.0.2.13", 8000, world.web)
    rules = ["allowed.test:8000/tcp"]
    for argv in (["curl", "-sS", "http://allowed.test:8000/page"],
                 ["/usr/bin/python3", "-c", "import urllib.request as u; "
                  "print(u.urlopen('http://allowed.test:8000/page').read().decode(), end='')"]):
        out = s.run(rules, argv)
        if out != "a page\n":
            s.said(f"a page, not {out}")
    s.run(rules, ["sh", "-c", "cd /tmp && git clone -q http://allowed.test:8000/repo.git && "
                              "git -C repo log --format=%s | grep -x first"])
    s.run(rules, ["curl", "-sS", "http://192.0.2.13:8000/page"], status=7)
    s.said("no rule allows tcp 192.0.2.13:8000")
    s.run(rules, ["curl", "-sS", "http://evil.test:8000/page"], status=6)
    s.said("--allow-net evil.test would")
