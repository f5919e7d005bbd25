# SPDX-License-Identifier: Apache-2.0
"""Guests that try to get where no rule leads."""


def case_other_ways_to_say_an_address(s):
    s.python(["192.0.2.10:80", "192.0.2.10:4000/udp"],
             "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
             "def v4(a, port, family=V4):\n    return struct.pack('=H', family) + struct.pack('!H', port) + "
             "socket.inet_aton(a) + bytes(8)\n"
             "def v6(a, port, flow=0, scope=0):\n    return struct.pack('=H', V6) + struct.pack('!HI', port, flow) + "
             "socket.inet_pton(V6, a) + struct.pack('=I', scope)\n"
             "def call(name, expected, s, addr, n=None):\n"
             "    ctypes.set_errno(0)\n"
             "    n = len(addr) if n is None else n\n"
             "    r = libc.connect(s.fileno(), addr, n) if name == 'connect' else "
             "libc.sendto(s.fileno(), b'x', 1, 0, addr, n)\n"
             "    e = ctypes.get_errno() if r < 0 else 0\n"
             "    need(e in expected, name, addr, n, errno.errorcode.get(e, e))\n"
             "evil = '192.0.2.13'\nR, P, I, F = errno.ECONNREFUSED, errno.EPERM, errno.EINVAL, errno.EAFNOSUPPORT\n"
             "call('connect', [R], sock(), v4(evil, 80))\n"
             "call('connect', [R], sock(), v4(evil, 80) + bytes(100))\n"  # longer than any
             "call('connect', [I], sock(), v4(evil, 80), 8)\n"
             "call('connect', [I], sock(), v4(evil, 80), 1)\n"
             "call('connect', [F], sock(), v4(evil, 80, 77))\n"
             "call('connect', [F, I], sock(V6), v4(evil, 80))\n"
             "call('connect', [R], sock(V6), v6('::ffff:' + evil, 80))\n"
             "call('connect', [R], sock(V6), v6('::ffff:' + evil, 80, 0xfffff, 99))\n"
             "call('connect', [R, errno.ENETUNREACH], sock(V6), v6('::' + evil, 80))\n"
             "call('connect', [R], sock(V6), v6('2001:db8:77::10', 80, 1, 1))\n"
             "call('connect', [R], sock(V6), v6('2001:db8:77::10', 80), 24)\n"
             "call('sendto', [P], sock(kind=UDP), v4(evil, 4000))\n"
             "call('sendto', [P], sock(kind=UDP), v4(evil, 4000, 0))\n"  # AF_UNSPEC: an address there
             "call('sendto', [P], sock(V6, UDP), v4(evil, 4000))\n"
             "call('sendto', [P], sock(V6, UDP), v6('::ffff:' + evil, 4000))\n"
             "call('sendto', [errno.EDESTADDRREQ, I], sock(V6, UDP), v4(evil, 4000, 0))\n"
             "call('sendto', [I, F], sock(kind=UDP), v6('2001:db8:77::10', 4000))\n"
             "call('sendto', [0], sock(kind=UDP), v4('192.0.2.10', 4000, 0))\n")


def case_options_that_choose_a_way(s):
    s.python(["192.0.2.10"],
             "def refused(s, level, name, value, also=()):\n"
             "    try:\n        s.setsockopt(level, name, value)\n        need(False, level, name)\n"
             "    except OSError as e:\n        need(e.errno in (errno.EPERM, errno.ENOPROTOOPT, *also), level, name, e)\n"
             "for move in (False, True):\n"
             "    for kind in (TCP, UDP):\n"
             "        s = sock(kind=kind)\n"
             "        if move: s.connect(('192.0.2.10', 80))\n"
             "        refused(s, socket.SOL_SOCKET, 25, b'out0\\0')\n"
             "        refused(s, socket.SOL_SOCKET, 62, 2)\n"
             "        refused(s, socket.IPPROTO_IP, 4, bytes([131, 7, 4, 192, 0, 2, 13, 0]))\n"  # a source route
             "        refused(s, socket.IPPROTO_IP, 15, 1)\n"
             "        refused(s, socket.IPPROTO_IP, 19, 1)\n"
             "        refused(s, socket.IPPROTO_IP, 50, struct.pack('!I', 1), (errno.EADDRNOTAVAIL,))\n"
             "        refused(s, socket.IPPROTO_IP, 51, struct.pack('=I', 60000 << 16 | 1024))\n"
             "        if move: refused(s, socket.IPPROTO_IP, 35, socket.inet_aton('224.1.1.1') + bytes(4))\n"
             "    s = sock(V6, UDP)\n"
             "    for n in (2, 3, 4, 5, 6, 22, 32, 33, 50, 54, 55, 57, 59, 75, 76, 78):\n"
             "        refused(s, socket.IPPROTO_IPV6, n, b'\\1' * 24, (errno.EINVAL,))\n")


def case_messages_that_choose_a_source(s):
    s.python(["192.0.2.10", "192.0.2.53:53"],
             "info = struct.pack('=i', 0) + socket.inet_aton('10.77.0.1') + bytes(4)\n"
             "u = sock(kind=UDP)\n"
             "for c in (False, True):\n"
             "    if c: u.connect(('192.0.2.10', 4000))\n"
             "    fails(errno.EPERM, u.sendmsg, [b'x'], [(socket.IPPROTO_IP, 8, info)], 0, "
             "*([] if c else [('192.0.2.10', 4000)]))\n"
             "fails(errno.EINVAL, u.sendmsg, [b'x'], [(socket.IPPROTO_IP, 7, bytes(8))])\n"  # IP_RETOPTS
             "v = sock(V6, UDP)\n"
             "fails(errno.EPERM, v.sendmsg, [b'x'], [(socket.IPPROTO_IPV6, 50, bytes(20))], 0, "
             "('::ffff:192.0.2.10', 4000))\n")


def case_fast_open(s):
    s.python(["192.0.2.10:80"],
             "fails(errno.EOPNOTSUPP, sock().sendto, b'x', 0x20000000, ('192.0.2.13', 80))\n"
             "fails(errno.EOPNOTSUPP, sock().sendto, b'x', 0x20000000, ('192.0.2.10', 80))\n"
             "c = sock()\nfetch('192.0.2.10', 80, s=c)\nc.sendto(b'here', ('192.0.2.13', 80))\n"
             "need(c.recv(9) == b'here')\n"  # to its peer, as ever
             "c = sock()\n"
             "try:\n    c.setsockopt(socket.IPPROTO_TCP, 30, 1)\nexcept OSError:\n    pass\n"
             "fails(errno.ECONNREFUSED, c.connect, ('192.0.2.13', 80))\n")


def case_other_kinds_of_sockets(s):
    s.python(["all"],
             "def no(*a):\n"
             "    try:\n        x = socket.socket(*a)\n    except OSError:\n        return\n"
             "    try:\n        x.sendto(bytes(28), ('192.0.2.10', 0))\n        need(False, a)\n"
             "    except OSError as e:\n"
             "        need(e.errno in (errno.ENETUNREACH, errno.EPERM, errno.ENETDOWN, errno.EINVAL), a, e)\n"
             "no(V4, socket.SOCK_RAW, socket.IPPROTO_ICMP)\nno(V4, socket.SOCK_RAW, socket.IPPROTO_RAW)\n"
             "no(V4, UDP, socket.IPPROTO_ICMP)\nno(V4, TCP, 132)\nno(V4, UDP, 136)\n"
             "try:\n    p = socket.socket(17, socket.SOCK_RAW, 0)\nexcept OSError:\n    p = None\n"
             "if p:\n    fails(errno.ENODEV, p.bind, ('out0', 0))\n"
             "names = [n for _, n in socket.if_nameindex()]\nneed(names == ['lo'], names)\n")


def case_names_are_no_tunnel(s):
    s.python(["allowed.test:80", "192.0.2.10:4000/udp"],
             "head = lambda n=1, a=0, flags=0x100: struct.pack('!6H', 7, flags, n, a, 0, 0)\n"
             "name = lambda t: b''.join(bytes([len(x)]) + x.encode() for x in t.split('.')) + b'\\0'\n"
             "q = lambda t, kind=1, c=1: name(t) + struct.pack('!2H', kind, c)\n"
             "good = head() + q('allowed.test')\nserver = ('192.0.2.53', 53)\n"
             "bad = [b'', b'x' * 100, good[:-1], good + b'secret', head() + q('secret.evil.test'), "
             "head() + q('x.allowed.test'), head(2) + q('allowed.test') + q('secret.evil.test'), "
             "head() + q('allowed.test', 16), head() + q('allowed.test', 255), head() + q('allowed.test', 1, 3), "
             "head(1, 1) + q('allowed.test') + q('x'), head(1, 0, 0x2800) + q('allowed.test'), "
             "head(1, 0, 0x8180) + q('allowed.test'), head() + b'\\xc0\\x0c\\0\\1\\0\\1', bytes(65000)]\n"
             "for connected in (False, True):\n"
             "    u = sock(kind=UDP)\n    send = lambda b, f=0: u.sendto(b, f, server)\n"
             "    if connected:\n        u.connect(server)\n        send = lambda b, f=0: u.send(b, f)\n"
             "    for b in bad:\n        fails(errno.EPERM, send, b)\n"
             "    fails(errno.EPERM, send, good, socket.MSG_MORE if hasattr(socket, 'MSG_MORE') else 0x8000)\n"
             "    u.setsockopt(socket.IPPROTO_UDP, 1, 1)\n    fails(errno.EPERM, send, good)\n"
             "    u.setsockopt(socket.IPPROTO_UDP, 1, 0)\n"
             "    u.setsockopt(socket.IPPROTO_UDP, 103, 20)\n    fails(errno.EPERM, send, good)\n"
             "    u.setsockopt(socket.IPPROTO_UDP, 103, 0)\n"
             "    send(good)\n    need(u.recv(512)[-4:] == bytes([192, 0, 2, 10]))\n"
             "u = sock(kind=UDP)\n"
             "fails(errno.ECONNREFUSED, sock().connect, server)\n"
             "fails(errno.EPERM, u.sendto, good, ('192.0.2.53', 54))\n"
             "fails(errno.EPERM, u.sendto, good, ('192.0.2.54', 53))\n")


def case_answers_from_the_inside(s):
    """A server of the guest's own cannot say which addresses a name has."""
    s.world.nameserver("127.0.0.53")
    s.python(["forged2.test:80"],
             "inside = sock(kind=UDP)\ninside.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"
             "inside.bind(('127.0.0.53', 53))\n"
             "q = struct.pack('!6H', 7, 0x100, 1, 0, 0, 0) + b'\\x07forged2\\x04test\\0\\0\\1\\0\\1'\n"
             "u = sock(kind=UDP)\nu.sendto(q, ('127.0.0.53', 53))\n"
             "own = sock(kind=UDP)\nown.bind(('127.0.0.1', 0))\nu.sendto(b'x', own.getsockname())\n"
             "a = own.recvfrom(9)[1]\n"
             "for n in range(64):\n"
             "    r = struct.pack('!6H', n, 0x8180, 1, 1, 0, 0) + q[12:] + b'\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\1\\0\\0\\4' + "
             "bytes([192, 0, 2, 13])\n"
             "    inside.sendto(r, a)\n    u.recv(512)\n"
             "fails(errno.ECONNREFUSED, sock().connect, ('192.0.2.13', 80))\n",
             options=("--cap-add", "NET_BIND_SERVICE"))


def case_racing_addresses(s):
    """One thread changes the address while another's call reads it; what is checked is what is used."""
    s.python(["192.0.2.10:80", "192.0.2.10:4000/udp"],
             "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
             "def v4(a, port):\n    return struct.pack('=H', V4) + struct.pack('!H', port) + socket.inet_aton(a) + bytes(8)\n"
             "good, bad = v4('192.0.2.10', 80), v4('192.0.2.13', 80)\n"
             "buf = ctypes.create_string_buffer(good, 16)\nstop = []\n"
             "def flip():\n    while not stop:\n        ctypes.memmove(buf, bad, 16)\n        ctypes.memmove(buf, good, 16)\n"
             "t = threading.Thread(target=flip)\nt.start()\nsys.setswitchinterval(1e-5)\n"
             "reached = set()\n"
             "for i in range(300):\n    c = sock(timeout=None)\n"
             "    if libc.connect(c.fileno(), buf, 16) == 0:\n        reached.add(c.recv(99).split()[0])\n    c.close()\n"
             "stop.append(1)\nt.join()\nneed(reached <= {b'192.0.2.10'}, reached)\n")


def case_racing_calls(s):
    """Two threads connect and disconnect one socket to both sides."""
    s.python(["192.0.2.10"],
             "import ctypes\nlibc = ctypes.CDLL(None)\n"
             "seen = set()\nu = sock(kind=UDP)\nstop = []\n"
             "host = sock(kind=UDP)\nhost.bind(('127.0.0.1', 8080))\n"
             "def go(where):\n    while not stop:\n"
             "        for f in (lambda: u.connect(where), lambda: u.send(b'x'), lambda: libc.connect(u.fileno(), bytes(16), 16),\n"
             "                  lambda: u.sendto(b'y', where), lambda: u.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096),\n"
             "                  lambda: seen.add(u.getpeername()[0])):\n"
             "            try:\n                f()\n            except OSError:\n                pass\n"
             "ts = [threading.Thread(target=go, args=(w,)) for w in (('192.0.2.10', 4000), ('127.0.0.1', 8080), "
             "('192.0.2.13', 4000))]\n"
             "for t in ts: t.start()\ntime.sleep(3)\nstop.append(1)\nfor t in ts: t.join()\n"
             "need(seen <= {'192.0.2.10', '127.0.0.1'}, seen)\n")
