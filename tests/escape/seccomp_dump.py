# SPDX-License-Identifier: Apache-2.0
"""Reads the seccomp filters of a live process out of the kernel (ptrace(2), PTRACE_SECCOMP_GET_FILTER)
and runs them here, on the calls a hostile guest could make.

The list of what may pass is written here once more, from the design and not from the source.
"""
import ctypes
import os
import struct

ATTACH, DETACH, GET_FILTER = 16, 17, 0x420c
X86_64, I386 = 0xc000003e, 0x40000003
STUB, STUB_END = 0x700000000000, 0x700000010000
ALLOW, TRAP, NOTIFY = 0x7fff0000, 0x00030000, 0x7fc00000
RANK = {0x80000000: 0, 0: 1, TRAP: 2, 0x50000: 3, NOTIFY: 4, 0x7ff00000: 5, 0x7ffc0000: 6, ALLOW: 7}

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def read(pid):
    """The process's filters, newest first, as lists of (code, jt, jf, k); None when the kernel refuses."""
    if libc.ptrace(ATTACH, pid, None, None) < 0:
        return None
    os.waitpid(pid, 0x40000000)
    filters = []
    try:
        while True:
            n = libc.ptrace(GET_FILTER, pid, len(filters), None)
            if n < 0:
                break
            buf = ctypes.create_string_buffer(8 * n)
            libc.ptrace(GET_FILTER, pid, len(filters), ctypes.cast(buf, ctypes.c_void_p))
            filters.append([struct.unpack_from("<HBBI", buf, 8 * i) for i in range(n)])
    finally:
        libc.ptrace(DETACH, pid, None, None)
    return filters or None


def run_one(program, data):
    """A classic BPF machine, of what seccomp admits."""
    a = x = pc = 0
    mem = [0] * 16
    while True:
        code, jt, jf, k = program[pc]
        pc += 1
        kind = code & 7
        if kind == 0:  # load into a
            mode = code & 0xe0
            a = struct.unpack_from("<I", data, k)[0] if mode == 0x20 else mem[k] if mode == 0x60 else \
                len(data) if mode == 0x80 else k
        elif kind == 1:
            x = k if code & 0xe0 == 0 else mem[k] if code & 0xe0 == 0x60 else len(data)
        elif kind == 2:
            mem[k] = a
        elif kind == 3:
            mem[k] = x
        elif kind == 4:
            v = x if code & 8 else k
            op = code & 0xf0
            a = {0: a + v, 0x10: a - v, 0x20: a * v, 0x30: a // v if v else 0, 0x40: a | v, 0x50: a & v,
                 0x60: a << (v & 31), 0x70: a >> (v & 31), 0x80: -a, 0xa0: a ^ v}[op] & 0xffffffff
        elif kind == 5:
            v = x if code & 8 else k
            op = code & 0xf0
            if op == 0:
                pc += k
            else:
                pc += jt if {0x10: a == v, 0x20: a > v, 0x30: a >= v, 0x40: bool(a & v)}[op] else jf
        elif kind == 6:
            return (a if code & 0x18 == 0x10 else k) & 0xffff0000
        elif kind == 7:
            if code & 0xf8 == 0:
                x = a
            else:
                a = x


def verdict(filters, nr, args=(), arch=X86_64, ip=0x401000):
    args = [v & 0xffffffffffffffff for v in list(args) + [0] * (6 - len(args))]
    data = struct.pack("<IIQ6Q", nr & 0xffffffff, arch, ip, *args)
    return min((run_one(f, data) for f in filters), key=lambda v: RANK[v])


def table():
    """(number, arguments, verdict from guest text, verdict by the stub's text) of all that is not TRAP/TRAP."""
    anywhere = {n: (ALLOW, ALLOW) for n in (10, 11, 24, 25, 26, 27, 28, 149, 150, 202, 216, 324, 325)}
    only_stub = {n: (TRAP, ALLOW) for n in (0, 1, 3, 5, 8, 9, 14, 15, 17, 18, 19, 20, 40, 45, 46, 47, 60, 131, 231, 232, 233, 271, 295,
                                           296, 436, 449)}
    notified = {n: (NOTIFY, NOTIFY) for n in (184, 185)}
    return {**anywhere, **only_stub, **notified}


EDGES = [  # number, arguments, expected from guest text, expected by the stub
    (9, (0, 4096, 3, 0x22), ALLOW, ALLOW), (9, (0, 4096, 3, 0x40022), TRAP, TRAP), (9, (0, 4096, 3, 0x2022), TRAP, TRAP),
    (9, (0, 4096, 3, 0x2a), TRAP, TRAP), (9, (0, 4096, 1, 2, 3), TRAP, ALLOW), (9, (0, 4096, 3, 0x80022), TRAP, TRAP),
    (28, (0, 0, 4), ALLOW, ALLOW), (28, (0, 0, 9), TRAP, TRAP), (28, (0, 0, 12), TRAP, TRAP), (28, (0, 0, 100), TRAP, TRAP),
    (28, (0, 0, 24), TRAP, TRAP), (28, (0, 0, 0xffffffff), TRAP, TRAP),
    (202, (0, 0, 0, 1), TRAP, ALLOW), (202, (0, 0, 0, 1 << 40), TRAP, ALLOW), (202, (0, 1), ALLOW, ALLOW),
    (202, (0, 3), ALLOW, ALLOW), (202, (0, 0x83), ALLOW, ALLOW), (202, (0, 4), ALLOW, ALLOW), (202, (0, 0x84), ALLOW, ALLOW),
    (202, (0, 5), ALLOW, ALLOW), (202, (0, 6), TRAP, TRAP), (202, (0, 0x86), TRAP, TRAP), (202, (0, 11), TRAP, TRAP),
    (202, (0, 0x8c), TRAP, TRAP), (202, (0, 13), TRAP, TRAP), (202, (0, 0x200), TRAP, TRAP),
    (228, (2,), ALLOW, ALLOW), (228, (3,), ALLOW, ALLOW), (228, (1,), TRAP, ALLOW), (228, (0,), TRAP, TRAP),
    (228, (0xfffffffe,), TRAP, TRAP), (324, (0, 1), TRAP, TRAP),
    (158, (0x1000,), TRAP, TRAP), (158, (0x1001,), TRAP, ALLOW), (158, (0x1004,), TRAP, ALLOW),
    (158, (0x1005,), TRAP, TRAP), (158, (0x1012,), TRAP, TRAP), (158, (0x5001,), TRAP, TRAP),
    (56, (0x8011,), NOTIFY, NOTIFY), (56, (0x11,), TRAP, TRAP), (56, (0x8011 | 1 << 32,), TRAP, TRAP),
    (56, (0x10008011,), TRAP, TRAP), (56, (0x8011 | 1 << 63,), TRAP, TRAP), (56, (0x50f00,), NOTIFY, NOTIFY),
    (56, (0x3d0f00,), TRAP, TRAP),
    (16, (0, 0x541b), TRAP, ALLOW), (16, (0, 0x541c), TRAP, TRAP), (16, (0, 0x8912), TRAP, TRAP),
    (46, (0, 0, 0xc040), TRAP, ALLOW), (46, (0, 0, 0x20000000), TRAP, TRAP), (46, (0, 0, 1), TRAP, TRAP),
    (54, (0, 6, 1), TRAP, ALLOW), (54, (0, 6, 3), TRAP, ALLOW), (54, (0, 6, 12), TRAP, ALLOW), (54, (0, 6, 2), TRAP, TRAP),
    (54, (0, 6, 31), TRAP, TRAP), (54, (0, 1, 3), TRAP, TRAP), (54, (0, 0, 1), TRAP, TRAP),
    (317, (1, 1), TRAP, NOTIFY), (317, (1, 0), TRAP, TRAP), (317, (1, 8), TRAP, TRAP), (317, (1, 9), TRAP, TRAP),
    (317, (1, 25), TRAP, TRAP), (317, (0, 0), TRAP, TRAP), (317, (2, 1), TRAP, TRAP), (317, (1, 1 << 32 | 8), TRAP, TRAP),
]


def surprises(filters):
    """Where the filters say other than the tables, as lines."""
    wrong, expected = [], table()

    def compare(nr, args, arch, want_guest, want_stub):
        for who, ip, want in (("guest", 0x401000, want_guest), ("below the stub", STUB - 2, want_guest),
                              ("behind the stub", STUB_END, want_guest), ("the stub's address of another half",
                              STUB & 0xffffffff | 0x600000000000, want_guest), ("the stub", STUB + 0x100, want_stub)):
            got = verdict(filters, nr, args, arch, ip)
            if got != want:
                wrong.append(f"{nr}{tuple(map(hex, args))} of {arch:#x} from {who}: {got:#x} instead of {want:#x}")

    for nr in list(range(0, 1024)) + [0x7fffffff, 0xffffffff, 1 << 31]:
        compare(nr, (), X86_64, *expected.get(nr, (TRAP, TRAP)))
        compare(nr | 0x40000000, (), X86_64, TRAP, TRAP)
        compare(nr, (), I386, TRAP, TRAP)
    for nr, args, want_guest, want_stub in EDGES:
        compare(nr, args, X86_64, want_guest, want_stub)
    return wrong
