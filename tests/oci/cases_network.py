# SPDX-License-Identifier: Apache-2.0
"""Network namespaces: none, the host's, one that is joined."""
import json
import os
import subprocess

from cases_run import both
from frame import CLOISTER, Place, Skip, fake, plain_user, real

SERVER = "import socket; s = socket.create_server(('', 80)); print('ready', flush=True); c, a = s.accept(); " \
         "c.sendall(b'from inside to ' + a[0].encode()); c.close()"


def ip(*args):
    return subprocess.run(["ip", *args], check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True).stdout


class Pair:
    """Two network namespaces joined by a veth pair: the container's (10.77.0.2) and one beside it (10.77.0.1)."""

    def __init__(self):
        if os.geteuid() != 0:
            raise Skip("only root makes network namespaces")
        self.outer, self.inner = f"cl-{os.getpid()}-out", f"cl-{os.getpid()}-in"
        self.path = f"/run/netns/{self.inner}"
        self.made = []

    def __enter__(self):
        try:
            for name in (self.outer, self.inner):
                ip("netns", "add", name)
                self.made.append(name)
            ip("-n", self.outer, "link", "add", "out0", "type", "veth", "peer", "name", "in0", "netns", self.inner)
            for name, dev, n in ((self.outer, "out0", 1), (self.inner, "in0", 2)):
                ip("-n", name, "addr", "add", f"10.77.0.{n}/24", "dev", dev)
                ip("-n", name, "addr", "add", f"fd77::{n}/64", "dev", dev, "nodad")
                ip("-n", name, "link", "set", dev, "up")
        except (OSError, subprocess.CalledProcessError) as e:
            self.__exit__()
            raise Skip(f"no network namespaces here: {e}")
        return self

    def __exit__(self, *_):
        for name in self.made:
            ip("netns", "del", name)

    def outside(self, program):
        return subprocess.Popen(["ip", "netns", "exec", self.outer, "python3", "-c", program], stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)


def host_place(case):
    """A case in which containers have the host's files: python3, ip."""
    def wrapped():
        p = Place()
        try:
            case(p)
        finally:
            p.close()
    wrapped.__name__ = case.__name__
    wrapped.__code__ = wrapped.__code__.replace(co_firstlineno=case.__code__.co_firstlineno)
    return wrapped


def interfaces(text):
    return [line.split(":")[1].split("@")[0].strip() for line in text.splitlines()]


def connect(host, port=80):
    return f"import socket; c = socket.create_connection(('{host}', {port}), 10); print(c.recv(100).decode())"


def use_network(p, path=None, listed=True):
    spaces = [n for n in p.config["linux"]["namespaces"] if n["type"] != "network"]
    if listed:
        spaces.append({"type": "network", **({"path": path} if path else {})})
    p.config["linux"]["namespaces"] = spaces
    p.write()


@fake
def test_network_modes(p):
    p.fails(125, ["--network", "bridge"], "do", "--network", "bridge", "--", "x")
    p.write()
    p.fails(125, ["--network", "bridge"], "run", "--network", "bridge", "-b", p.bundle, "a")
    for path, words in (("/nonexistent", "No such file"), ("/etc/passwd", "is not a network namespace"),
                        ("/proc/self/ns/mnt", "is not a network namespace"), ("/dev/null", "is not a network namespace")):
        p.fails(125, ["--network", path, words], "do", "--network", path, "--", "x")
        use_network(p, path)
        p.fails(1, ["linux.namespaces[4].path", path, words], "create", "-b", p.bundle, "a")
    use_network(p, "relative")
    p.fails(1, ["linux.namespaces[4].path", "absolute"], "create", "-b", p.bundle, "a")
    for kind in ("pid", "ipc", "uts", "mount", "cgroup", "user"):
        p.config["linux"]["namespaces"] = [{"type": kind, "path": "/proc/self/ns/net"}]
        p.write()
        p.fails(1, ["linux.namespaces[0].path", kind, "not supported"], "create", "-b", p.bundle, "a")
    p.nothing_left()


@fake
def test_do_network_specification(p):
    def mode(*args):
        return p.ok("do", *args, "--", "show").splitlines()[0].rsplit("network=", 1)[1]
    own, host = "0", "1"
    assert mode() == mode("--network", "none") == mode("--network", "sandbox") == own
    assert mode("--network", "host") == mode("--network", "/proc/self/ns/net") == host


@real
def test_network_of_a_bundle(p):
    """A type without a path: a new one; not listed: the host's; options go before."""
    def dev(*args):
        r = p.ok("run", *args, "-b", p.bundle, "a")
        return sorted(line.split(":")[0].strip() for line in r.splitlines()[2:])
    p.config["process"]["args"] = ["/bin/cat", "/proc/net/dev"]
    host = sorted(os.listdir("/sys/class/net"))
    use_network(p)
    assert dev() == dev("--network", "sandbox") == dev("--network", "none") == ["lo"]
    assert dev("--network", "host") == host
    use_network(p, "/proc/self/ns/net")
    assert dev() == host
    use_network(p, listed=False)
    assert dev() == host
    assert dev("--network", "none") == ["lo"]
    p.nothing_left()


@host_place
def test_joined_namespace_is_seen(p):
    with Pair() as n:
        shown = p.ok("do", "--network", n.path, "--", "ip", "-o", "link")
        assert interfaces(shown) == ["lo", "in0"], shown
        assert "lo: <LOOPBACK> " in shown, f"the loopback interface was brought up: {shown}"
        shown = p.ok("do", "--network", n.path, "--", "ip", "-o", "addr")
        assert "10.77.0.2/24" in shown and "fd77::2/64" in shown, shown
        assert "in0" in p.ok("do", "--network", n.path, "--", "cat", "/proc/net/dev")
        assert "10.77.0.0/24" in p.ok("do", "--network", n.path, "--", "ip", "route")
        assert "lo: <LOOPBACK> " in ip("-n", n.inner, "-o", "link"), "changed from inside"
        assert interfaces(ip("-n", n.inner, "-o", "link")) == ["lo", "in0"], "an interface is gone"
    p.nothing_left()


@host_place
def test_joined_namespace_both_ways(p):
    with Pair() as n:
        for family, inner, outer in (("", "10.77.0.2", "10.77.0.1"), (", family=socket.AF_INET6", "fd77::2", "fd77::1")):
            server = SERVER.replace("80)", "80)" + family)
            s = p.start("do", "--network", n.path, "--", "python3", "-c", server.replace("80", "8080"))
            assert s.stdout.readline() == "ready\n", s.communicate()
            got = n.outside(connect(inner, 8080)).communicate(timeout=20)[0]
            assert got == f"from inside to {outer}\n", got
            assert s.wait(20) == 0
            s = n.outside(server)
            assert s.stdout.readline() == "ready\n", s.communicate()
            got = p.ok("do", "--network", n.path, "--", "python3", "-c", connect(outer))
            assert got == f"from inside to {inner}\n", got
            s.communicate(timeout=20)


@real
def test_joined_namespace_of_config(p):
    """By linux.namespaces, for the container's whole life and for what exec starts in it."""
    with Pair() as n:
        use_network(p, n.path)
        p.config["process"]["args"] = ["/bin/sleep", "1000"]
        p.write()
        p.ok("create", "-b", p.bundle, "a")
        pid = json.loads(p.ok("state", "a"))["pid"]
        assert os.stat(f"/proc/{pid}/ns/net").st_ino == os.stat(n.path).st_ino
        p.ok("start", "a")
        assert "in0" in p.ok("exec", "a", "cat", "/proc/net/dev")
        p.ok("delete", "--force", "a")
        assert interfaces(ip("-n", n.inner, "-o", "link")) == ["lo", "in0"], "an interface is gone"
        p.nothing_left()


@host_place
def test_joining_takes_a_right(p):
    with Pair() as n:
        q = Place(user=plain_user())
        try:
            q.fails(125, ["joining the network namespace", "CAP_SYS_ADMIN", "not permitted"],
                    "do", "--network", n.path, "--", "true")
            assert q.ok("do", "--network", "host", "--", "true") == ""
            assert q.ok("do", "--network", "none", "--", "true") == ""
        finally:
            q.close()


@host_place
def test_joined_namespace_in_files(p):
    """/sys/class/net and /proc/sys/net are the joined namespace's; statistics move."""
    with Pair() as n:
        def inside(script):
            return p.ok("do", "--network", n.path, "--", "sh", "-c", script).split()
        def there(script):
            return ip("netns", "exec", n.inner, "sh", "-c", script).split()
        files = "cd /sys/class/net/in0; cat address mtu ifindex iflink operstate carrier flags type tx_queue_len speed duplex; " \
                "cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/in0/forwarding /proc/sys/net/ipv6/conf/in0/disable_ipv6"
        assert inside("ls /sys/class/net /sys/devices/virtual/net") == ["/sys/class/net:", "in0", "lo",
                                                                       "/sys/devices/virtual/net:", "in0", "lo"]
        ip("netns", "exec", n.inner, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        ip("-n", n.inner, "link", "set", "in0", "mtu", "1400")
        assert inside(files) == there(files)
        before, after = inside("cat /sys/class/net/in0/statistics/tx_packets; "
                               "python3 -c \"import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('10.77.0.1', 9))\"; "
                               "cat /sys/class/net/in0/statistics/tx_packets")
        assert int(after) > int(before)
        script = "echo 5 > /sys/class/net/in0/mtu"
        r = p.cl("do", "--network", n.path, "--", "sh", "-c", script)
        assert r.code != 0 and "1400" in ip("-n", n.inner, "link"), r


@host_place
def test_low_ports_of_a_joined_namespace(p):
    """The container's own capability decides; in a namespace that is joined, too."""
    bind = "import socket; socket.create_server(('', 80)); print('bound')"
    with Pair() as n:
        assert p.ok("do", "--network", n.path, "--", "python3", "-c", bind) == "bound\n"
        r = p.cl("do", "--network", n.path, "--cap-drop", "NET_BIND_SERVICE", "--", "python3", "-c", bind)
        assert r.code == 1 and "Permission denied" in r.err, r


SYSCTLS = {"net.ipv4.ip_default_ttl": "77", "net/ipv4/tcp_fin_timeout": "33", "net.ipv4.ip_local_port_range": "30000 40000"}
SHOW = ["/bin/cat", "/proc/sys/net/ipv4/ip_default_ttl", "/proc/sys/net/ipv4/tcp_fin_timeout",
        "/proc/sys/net/ipv4/ip_local_port_range"]


def with_sysctls(p):
    p.config["linux"]["sysctl"] = SYSCTLS
    p.config["process"]["args"] = SHOW


@both
def test_sysctls_of_an_own_namespace(p):
    with_sysctls(p)
    use_network(p)
    assert p.ok("run", "-b", p.bundle, "a").split() == ["77", "33", "30000", "40000"]
    p.config["linux"]["sysctl"] = {"net.ipv4.ip_forward": "x"}
    p.write()
    p.fails(125, ["linux.sysctl", "net.ipv4.ip_forward=x", "Invalid argument"], "run", "-b", p.bundle, "a")
    p.config["linux"]["sysctl"] = {"net.no.such": "1"}
    p.write()
    p.fails(125, ["linux.sysctl", "net.no.such=1", "No such file"], "run", "-b", p.bundle, "a")
    p.config["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1"}
    use_network(p, listed=False)
    p.fails(125, ["linux.sysctl", "net.ipv4.ip_forward=1", "host's network namespace"], "run", "-b", p.bundle, "a")
    p.nothing_left()


@host_place
def test_joining_in_a_user_namespace(p):
    """Somebody who is no root, but may do so where he is, joins a namespace that is his."""
    uid, gid = plain_user()
    q = Place(user=(uid, gid))
    script = "unshare -n sleep 60 & sleep 0.5; " \
             f"{CLOISTER} --root {q.state} do --network /proc/$!/ns/net -- cat /proc/net/dev; kill $!"
    try:
        r = subprocess.run(["unshare", "-U", "--map-user=1000", "--map-group=1000", "--keep-caps", "sh", "-c", script],
                           user=uid, group=gid, extra_groups=[], cwd=q.dir, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           text=True, timeout=60)
    finally:
        q.close()
    if "unshare" in r.stderr:
        raise Skip(r.stderr.strip())
    assert "lo:" in r.stdout and "eth" not in r.stdout, r


@real
def test_sysctls_of_a_joined_namespace(p):
    with Pair() as n:
        with_sysctls(p)
        use_network(p, n.path)
        assert p.ok("run", "-b", p.bundle, "a").split() == ["77", "33", "30000", "40000"]
        assert ip("netns", "exec", n.inner, "cat", "/proc/sys/net/ipv4/ip_default_ttl") == "77\n"
        with open("/proc/sys/net/ipv4/ip_default_ttl") as f:
            assert f.read() != "77\n", "the host's own setting was changed"


@fake
def test_sysctls_that_are_no_names(p):
    for name in ("net..ipv4", "net.ipv4.", "net/../kernel/hostname", "net/./x", "net.a=b"):
        p.config["linux"]["sysctl"] = {name: "1"}
        p.write()
        r = p.cl("create", "-b", p.bundle, "a")
        assert r.code == 1 and "linux.sysctl" in r.err or "left out" in r.err, (name, r)
        p.cl("delete", "--force", "a")
    p.config["linux"]["sysctl"] = {"net.ipv4.ip_forward": 1}
    p.write()
    p.fails(1, ["linux.sysctl", "expected a string"], "create", "-b", p.bundle, "a")


NAMES = "hostname; uname -n; cat /proc/sys/kernel/hostname /proc/sys/kernel/domainname"


@both
def test_names_of_a_container(p):
    p.config.update(hostname="box", domainname="example.org")
    p.write(args=["/bin/sh", "-c", NAMES])
    assert p.ok("run", "-b", p.bundle, "a").split() == ["box", "box", "box", "example.org"]
    p.write(args=["/bin/sh", "-c", "hostname new"])
    r = p.cl("run", "-b", p.bundle, "a")
    assert r.code != 0, "a name was changed without CAP_SYS_ADMIN"
    for kind in ("bounding", "permitted", "effective"):
        p.config["process"].setdefault("capabilities", {})[kind] = ["CAP_SYS_ADMIN"]
    p.write(args=["/bin/sh", "-c", f"hostname new; {NAMES}; echo newer > /proc/sys/kernel/hostname; "
                                   f"echo d > /proc/sys/kernel/domainname; {NAMES}"])
    assert p.ok("run", "-b", p.bundle, "a").split() == ["new"] * 3 + ["example.org"] + ["newer"] * 3 + ["d"]


@host_place
def test_names_of_do(p):
    own = os.uname().nodename
    for user in (None, plain_user()):
        q = Place(user=user) if user else p
        try:
            assert q.ok("do", "--", "sh", "-c", NAMES).split()[:3] == [own] * 3
            assert q.ok("do", "--hostname", "box", "--", "sh", "-c", NAMES).split()[:3] == ["box"] * 3
            for name in ("", "x" * 65):
                q.fails(125, ["--hostname"], "do", "--hostname", name, "--", "true")
            for question in (["hostname", "-f"], ["getent", "hosts", own],
                             ["python3", "-c", "import socket; print(socket.gethostbyname(socket.gethostname()))"]):
                r = subprocess.run(question, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
                if r.returncode == 0:
                    assert q.ok("do", "--", *question) == r.stdout, question
        finally:
            if user:
                q.close()
    assert os.uname().nodename == own


RAW = """import socket
for family, kind, protocol in ((socket.AF_INET, socket.SOCK_RAW, 1), (socket.AF_PACKET, socket.SOCK_DGRAM, 0)):
    try:
        socket.socket(family, kind, protocol)
        print("yes")
    except PermissionError:
        print("no")
"""


@host_place
def test_raw_sockets_by_namespace(p):
    """Where the namespace was made for the sandbox and a guest may have the capability; nowhere else."""
    with Pair() as n:
        for options, want in (((), "yes"), (("--network", "sandbox"), "yes"), (("--cap-drop", "NET_RAW"), "no"),
                              (("--network", "host"), "no"), (("--network", n.path), "no")):
            assert p.ok("do", *options, "--", "python3", "-c", RAW).split() == [want] * 2, options
    q = Place(user=plain_user())
    try:
        assert q.ok("do", "--", "python3", "-c", RAW).split() == ["no"] * 2
        assert q.ok("do", "--cap-add", "NET_RAW", "--", "python3", "-c", RAW).split() == ["yes"] * 2
    finally:
        q.close()


@host_place
def test_packet_sockets_have_no_rings(p):
    program = """import errno, socket, struct
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
for option, value in ((5, struct.pack("4I", 4096, 1, 2048, 2)), (13, struct.pack("4I", 4096, 1, 2048, 2)),
                      (10, struct.pack("i", 2)), (15, struct.pack("i", 1)), (18, struct.pack("i", 1))):
    try:
        s.setsockopt(263, option, value)
        print("set", option)
    except OSError as e:
        print(errno.errorcode[e.errno])
"""
    assert p.ok("do", "--", "python3", "-c", program).split() == ["ENOPROTOOPT"] * 5
