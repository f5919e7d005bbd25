# SPDX-License-Identifier: Apache-2.0
"""What rules allow, by address, port, protocol and name, and what is said of the rest."""


def case_nothing_without_rules(s):
    s.python([], "fails(errno.ENETUNREACH, sock().connect, ('192.0.2.10', 80))\n"
                 "fails(errno.ENETUNREACH, sock(kind=UDP).sendto, b'x', ('192.0.2.10', 4000))\n")
    s.silent()


def case_address(s):
    s.python(["192.0.2.10:80/tcp", "192.0.2.12"],
             "need(fetch('192.0.2.10', 80) == '192.0.2.10 80')\n"
             "need(fetch('192.0.2.12', 443) == '192.0.2.12 443')\n"
             "fails(errno.ECONNREFUSED, sock().connect, ('192.0.2.10', 443))\n"
             "fails(errno.ECONNREFUSED, sock().connect, ('192.0.2.11', 80))\n"
             "fails(errno.EPERM, sock(kind=UDP).sendto, b'x', ('192.0.2.10', 80))\n")
    s.said("egress: no rule allows tcp 192.0.2.10:443; --allow-net 192.0.2.10:443 would")
    s.said("egress: no rule allows tcp 192.0.2.11:80; --allow-net 192.0.2.11:80 would")
    s.said("egress: no rule allows udp 192.0.2.10:80; --allow-net 192.0.2.10:80/udp would")


def case_network_and_ports(s):
    s.python(["192.0.2.8/30:80-100"],
             "need(fetch('192.0.2.10', 80) == '192.0.2.10 80')\n"
             "need(fetch('192.0.2.11', 80) == '192.0.2.11 80')\n"
             "fails(errno.ECONNREFUSED, sock().connect, ('192.0.2.12', 80))\n"
             "fails(errno.ECONNREFUSED, sock().connect, ('192.0.2.10', 443))\n")


def case_protocol(s):
    s.python(["192.0.2.10:4000/udp"],
             "need(ask('192.0.2.10', 4000) == '192.0.2.10 4000 hello')\n"
             "fails(errno.EPERM, sock(kind=UDP).sendto, b'x', ('192.0.2.11', 4000))\n"
             "fails(errno.ECONNREFUSED, sock().connect, ('192.0.2.10', 4000))\n")
    s.said("no rule allows udp 192.0.2.11:4000")


def case_all(s):
    s.python(["all"], "need(fetch('192.0.2.10', 80) == '192.0.2.10 80')\n"
                      "need(ask('192.0.2.11', 4000) == '192.0.2.11 4000 hello')\n"
                      "need(fetch(socket.gethostbyname('evil.test'), 80) == '192.0.2.13 80')\n"
                      "fails(errno.ECONNREFUSED, sock().connect, ('10.77.0.1', 80))\n"  # the host's own
                      "fails(errno.ECONNREFUSED, sock().connect, ('169.254.169.254', 80))\n"
                      "fails(errno.EPERM, sock(kind=UDP).sendto, b'x', ('10.77.0.255', 80))\n")
    s.said("no rule allows tcp 10.77.0.1:80; --allow-net 10.77.0.1:80 would")


def case_the_hosts_own_address(s):
    s.python(["10.77.0.0/24:80"], "need(fetch('10.77.0.1', 80) == '10.77.0.1 80')\n")


def case_v6(s):
    s.python(["[2001:db8:77::]/64:80", "[2001:db8:77::10]:4000/udp"],
             "need(fetch('2001:db8:77::10', 80, V6) == '2001:db8:77::10 80')\n"
             "need(ask('2001:db8:77::10', 4000, family=V6).startswith('2001:db8:77::10 4000'))\n"
             "fails(errno.ECONNREFUSED, sock(V6).connect, ('2001:db8:77::10', 443))\n"
             "fails(errno.ECONNREFUSED, sock(V6).connect, ('2001:db8:78::10', 80))\n")
    s.said("no rule allows tcp [2001:db8:77::10]:443; --allow-net [2001:db8:77::10]:443 would")


def case_mapped_v6(s):
    s.python(["192.0.2.10:80", "192.0.2.10:4000/udp"],
             "need(fetch('::ffff:192.0.2.10', 80, V6) == '192.0.2.10 80')\n"
             "need(ask('::ffff:192.0.2.10', 4000, family=V6) == '192.0.2.10 4000 hello')\n"
             "fails(errno.ECONNREFUSED, sock(V6).connect, ('::ffff:192.0.2.11', 80))\n"
             "fails(errno.EPERM, sock(V6, UDP).sendto, b'x', ('::ffff:192.0.2.11', 4000))\n")
    s.said("no rule allows tcp 192.0.2.11:80")


def case_name(s):
    s.python(["allowed.test:80/tcp"],
             "a = socket.gethostbyname('allowed.test')\n"
             "need(a == '192.0.2.10', a)\n"
             "need(fetch(a, 80) == '192.0.2.10 80')\n"
             "fails(errno.ECONNREFUSED, sock().connect, (a, 443))\n"
             "fails(errno.ECONNREFUSED, sock().connect, ('192.0.2.13', 80))\n"
             "try:\n    socket.gethostbyname('evil.test')\n    need(False, 'evil.test was found')\n"
             "except socket.gaierror:\n    pass\n")
    s.said("no rule allows tcp 192.0.2.10:443 (allowed.test); --allow-net allowed.test:443 would")
    s.said("no rule allows asking for the name evil.test; --allow-net evil.test would")
    s.silent("asked evil.test")


def case_a_name_must_be_asked_for(s):
    s.python(["allowed.test:80"], "fails(errno.ECONNREFUSED, sock().connect, ('192.0.2.10', 80))\n")


def case_name_of_both_families(s):
    s.python(["allowed.test:80"],
             "found = {x[4][0] for x in socket.getaddrinfo('allowed.test', 80, type=TCP)}\n"
             "need(found == {'192.0.2.10', '2001:db8:77::10'}, found)\n"
             "need(fetch('2001:db8:77::10', 80, V6) == '2001:db8:77::10 80')\n"
             "need(fetch('192.0.2.10', 80) == '192.0.2.10 80')\n")
    s.silent()


def case_wildcard(s):
    s.python(["*.wild.test"], "need(fetch(socket.gethostbyname('www.wild.test'), 443) == '192.0.2.11 443')\n"
                              "try:\n    socket.gethostbyname('allowed.test')\n    need(False, 'allowed.test')\n"
                              "except socket.gaierror:\n    pass\n")


def case_alias(s):
    s.python(["alias.test:80"], "need(fetch(socket.gethostbyname('alias.test'), 80) == '192.0.2.12 80')\n")


def case_rebinding(s):
    """A name that leads to the host itself opens nothing."""
    s.python(["rebind.test", "mapped.test"],
             "socket.getaddrinfo('rebind.test', 80)\n"
             "try:\n    socket.getaddrinfo('mapped.test', 80)\nexcept socket.gaierror:\n    pass\n"
             "fails(errno.ECONNREFUSED, sock().connect, ('10.77.0.1', 80))\n"
             "fails(errno.ECONNREFUSED, sock(V6).connect, ('::ffff:10.77.0.1', 80))\n"
             "fails(errno.ECONNREFUSED, sock().connect, ('169.254.169.254', 80))\n"
             "fails(errno.ECONNREFUSED, sock().connect, ('127.0.0.1', 8080))\n")  # its own loopback: nobody there


def case_stub_resolver(s):
    """A server of names on the host's own loopback is outside, and nothing else there is."""
    s.world.nameserver("127.0.0.53")
    s.python(["allowed.test:80"],
             "need(fetch(socket.gethostbyname('allowed.test'), 80) == '192.0.2.10 80')\n"
             "fails(errno.ECONNREFUSED, sock().connect, ('127.0.0.53', 53))\n"
             "fails(errno.ECONNREFUSED, sock().connect, ('127.0.0.1', 8080))\n")


def case_another_server_of_names(s):
    """One that no resolv.conf names, but a rule for its very port."""
    s.world.nameserver("192.0.2.54")
    s.python(["allowed.test:80", "192.0.2.53:53/udp"],
             "q = b'\\x12\\x34\\x01\\x00\\x00\\x01\\0\\0\\0\\0\\0\\0\\x07allowed\\x04test\\0\\0\\x01\\0\\x01'\n"
             "u = sock(kind=UDP)\nu.sendto(q, ('192.0.2.53', 53))\nr = u.recv(512)\n"
             "need(r[:2] == q[:2] and r[-4:] == bytes([192, 0, 2, 10]), r)\n"
             "need(fetch('192.0.2.10', 80) == '192.0.2.10 80')\n"
             "u.sendto(b'anything', ('192.0.2.53', 53))\n")
    s.silent()


def case_forged_answers(s):
    s.python(["forged.test:80"], "try:\n    socket.gethostbyname('forged.test')\nexcept socket.gaierror:\n    pass\n"
                                 "fails(errno.ECONNREFUSED, sock().connect, ('192.0.2.13', 80))\n", timeout=120)


def case_log_is_not_flooded(s):
    s.python(["192.0.2.10:80"], "for i in range(3000):\n    fails(errno.ECONNREFUSED, sock().connect, ('192.0.2.11', 80))\n"
                                "for i in range(1000):\n"
                                "    fails(errno.ECONNREFUSED, sock().connect, (f'198.51.{i // 250}.{i % 250}', 80))\n")
    if s.err.count("192.0.2.11:80;") != 1 or s.err.count("\n") > 100:
        s.said("one line each, and not a hundred")


def case_rules_are_checked(s):
    for rule, why in (("10.0.0.1/8", "bits set beyond"), ("pypi.org:0", "not a port"), ("a b", "neither an address"),
                      ("pypi.org:443/http", "neither tcp nor udp"), ("", "no host")):
        s.run([rule], ["/bin/true"], status=125)
        s.said(f"option --allow-net: in \"{rule}\"")
        s.said(why)


def case_posture(s):
    s.run(["192.0.2.10:80", "allowed.test"], ["/bin/true"])


def case_host_network(s):
    """With the host's own namespace the same is asked, and its loopback needs a rule."""
    net = ("--network", "host")
    s.python(["192.0.2.10:80"], "need(fetch('192.0.2.10', 80) == '192.0.2.10 80')\n"
                                "fails(errno.ECONNREFUSED, sock().connect, ('192.0.2.11', 80))\n"
                                "fails(errno.ECONNREFUSED, sock().connect, ('127.0.0.1', 8080))\n"
                                "fails(errno.ECONNREFUSED, sock().connect, ('0.0.0.0', 8080))\n"
                                "fails(errno.ECONNREFUSED, sock(V6).connect, ('::ffff:127.0.0.1', 8080))\n"
                                "fails(errno.EPERM, sock(kind=UDP).sendto, b'x', ('224.0.0.1', 9))\n"
                                "fails(errno.EACCES, socket.socket, V4, UDP, socket.IPPROTO_ICMP)\n", options=net)
    s.python(["127.0.0.1:8080"], "need(fetch('127.0.0.1', 8080) == '127.0.0.1 8080')\n", options=net)
    s.python(["allowed.test:80"], "need(fetch(socket.gethostbyname('allowed.test'), 80) == '192.0.2.10 80')\n"
                                  "fails(errno.ECONNREFUSED, sock().connect, ('192.0.2.11', 80))\n", options=net)
