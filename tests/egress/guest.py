# SPDX-License-Identifier: Apache-2.0
"""What the guests of tests/egress have at hand: put in front of each of their programs."""
import errno
import os
import select
import socket
import struct
import sys
import threading
import time

V4, V6, TCP, UDP = socket.AF_INET, socket.AF_INET6, socket.SOCK_STREAM, socket.SOCK_DGRAM


def need(condition, *text):
    if not condition:
        print("needed:", *text, flush=True)
        os._exit(1)


def fails(number, call, *args):
    """The error of a call must be this one."""
    try:
        result = call(*args)
    except OSError as e:
        need(e.errno == number, "error", errno.errorcode[number], "not", e, "from", call, args)
        return
    need(False, errno.errorcode[number], "from", call, args, "which gave", result)


def sock(family=V4, kind=TCP, timeout=5):
    s = socket.socket(family, kind)
    s.settimeout(timeout)
    return s


def fetch(address, port, family=V4, s=None):
    """The line a server of the outside begins with."""
    s = s or sock(family)
    s.connect((address, port))
    line = s.recv(100)
    s.sendall(b"echo")
    need(s.recv(100) == b"echo", "an echo")
    return line.decode().strip()


def ask(address, port, data=b"hello", family=V4, s=None):
    s = s or sock(family, UDP)
    s.sendto(data, (address, port))
    return s.recv(1000).decode()
