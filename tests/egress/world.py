#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The outside, for tests/egress: servers in a network namespace of their own.

usage: world.py tcp|udp ADDRESS PORT   answers each connection or datagram with "ADDRESS PORT" and then echoes
       world.py dns ADDRESS            a server of names; NAMES below is all it knows
       world.py http ADDRESS PORT DIR  the files of DIR
       world.py spray ADDRESS PORT     sends datagrams to whatever port has sent it one, from another port

Prints "ready" when it listens.
"""
import functools
import http.server
import socket
import struct
import sys
import threading

A, CNAME, AAAA = 1, 5, 28
NAMES = {
    "allowed.test": [(A, "192.0.2.10"), (AAAA, "2001:db8:77::10")],
    "www.wild.test": [(A, "192.0.2.11")],
    "alias.test": [(CNAME, "target.cdn.test"), (CNAME, "edge.cdn.test"), (A, "192.0.2.12")],
    "evil.test": [(A, "192.0.2.13")],
    "rebind.test": [(A, "10.77.0.1"), (A, "127.0.0.1"), (A, "169.254.169.254")],
    "forged.test": [(A, "192.0.2.10")],
    "mapped.test": [(AAAA, "::ffff:10.77.0.1")],
}


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def ready():
    print("ready", flush=True)


def tcp(address, port):
    s = socket.create_server((address, port), family=family(address), backlog=64)
    ready()

    def serve(c):
        with c:
            c.sendall(f"{address} {port}\n".encode())
            while True:
                data = c.recv(65536)
                if not data:
                    return
                c.sendall(data)

    while True:
        threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()


def udp(address, port):
    s = socket.socket(family(address), socket.SOCK_DGRAM)
    s.bind((address, port))
    ready()
    while True:
        data, peer = s.recvfrom(65536)
        s.sendto(f"{address} {port} ".encode() + data, peer)


def spray(address, port):
    s, other = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in "ab")
    s.bind((address, port))
    other.bind((address, port + 1))
    ready()
    while True:
        data, peer = s.recvfrom(65536)
        for _ in range(5):
            other.sendto(b"unasked", peer)
        s.sendto(b"asked " + data, peer)


def encode(name):
    return b"".join(bytes([len(x)]) + x.encode() for x in name.split(".")) + b"\0"


def record(owner, kind, value):
    if kind == CNAME:
        data = encode(value)
    else:
        data = socket.inet_pton(socket.AF_INET if kind == A else socket.AF_INET6, value)
    return encode(owner) + struct.pack(">HHIH", kind, 1, 30, len(data)) + data


def question(query):
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode("latin-1"))
        at += 1 + query[at]
    return ".".join(labels).lower(), struct.unpack(">H", query[at + 1:at + 3])[0], query[12:at + 5]


def answer(query, name, kind, asked, number=None, forged=None):
    owner, records = name, []
    for k, value in NAMES.get(name, []):
        if k in (CNAME, kind):
            records.append(record(owner, k, forged or value))
        if k == CNAME:
            owner = value
    code = 0 if name in NAMES else 3
    head = struct.pack(">6H", number if number is not None else struct.unpack(">H", query[:2])[0], 0x8180 | code, 1,
                       len(records), 0, 0)
    return head + asked + b"".join(records)


def dns(address):
    s = socket.socket(family(address), socket.SOCK_DGRAM)
    s.bind((address, 53))
    ready()
    while True:
        query, peer = s.recvfrom(4096)
        try:
            name, kind, asked = question(query)
        except (IndexError, struct.error):
            continue
        print("asked", name, kind, flush=True)
        if name == "forged.test":  # somebody guesses
            for number in range(20):
                s.sendto(answer(query, name, kind, asked, number, "192.0.2.13" if kind == A else "2001:db8:77::13"), peer)
            continue
        s.sendto(answer(query, name, kind, asked), peer)


def web(address, port, folder):
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    s = http.server.ThreadingHTTPServer((address, port), handler)
    ready()
    s.serve_forever()


def main():
    kind, address, *rest = sys.argv[1:]
    {"tcp": lambda: tcp(address, int(rest[0])), "udp": lambda: udp(address, int(rest[0])), "dns": lambda: dns(address),
     "spray": lambda: spray(address, int(rest[0])), "http": lambda: web(address, int(rest[0]), rest[1])}[kind]()


if __name__ == "__main__":
    main()
