# SPDX-License-Identifier: Apache-2.0
"""Kept sandboxes made by hand, as the sandbox's union file system would leave them."""
import json
import os
import shutil
import stat
import time

from frame import Place

PREFIX = "user.cloister."


def origin_text(st):
    def t(ns):
        return f"{ns // 10**9}.{ns % 10**9:09d}"
    return f"{st.st_dev}:{st.st_ino}:{st.st_mode:o}:{st.st_size}:{t(st.st_mtime_ns)}:{t(st.st_ctime_ns)}"


class Kept:
    """`name` over the directory host/ of a place, which is its root."""

    def __init__(self, place, name="k", dest="/", created=None):
        self.p = place
        self.name = name
        self.host = os.path.join(place.dir, "host")
        self.store = os.path.join(place.dir, "store")
        self.dir = os.path.join(self.store, name)
        self.layer = os.path.join(self.dir, "layers/0")
        self.root = os.path.join(self.layer, "root")
        os.makedirs(self.host, exist_ok=True)
        self.give(self.host)
        for part in ("root", "work", "index"):
            os.makedirs(os.path.join(self.layer, part))
        os.chmod(self.store, 0o700)
        now = created or time.time_ns()
        with open(self.dir + "/meta.json", "w") as f:
            json.dump({"version": 1, "name": name, "created": "2026-01-01T00:00:00Z", "createdNs": now, "root": self.host,
                       "sizeLimit": 0, "layers": [{"number": 0, "dest": dest}]}, f)
        open(self.dir + "/lock", "w").close()

    def give(self, path):
        if self.p.user:
            os.lchown(path, *self.p.user)

    def own(self):
        """Gives the store to the place's user, when it was made by root."""
        if not self.p.user:
            return
        self.give(self.store)
        for d, dirs, files in os.walk(self.store):
            for n in dirs + files:
                if os.lstat(os.path.join(d, n)).st_uid == 0:
                    self.give(os.path.join(d, n))

    # ---- the host's side

    def h(self, path):
        return os.path.join(self.host, path.lstrip("/"))

    def host_file(self, path, text="lower\n", mode=0o644):
        if os.path.dirname(path) != "/":
            self.host_dir(os.path.dirname(path))
        with open(self.h(path), "w") as f:
            f.write(text)
        os.chmod(self.h(path), mode)
        self.give(self.h(path))
        return self.h(path)

    def host_dir(self, path, mode=0o755):
        at = ""
        for name in path.strip("/").split("/"):
            at += "/" + name
            if not os.path.isdir(self.h(at)):
                os.mkdir(self.h(at))
                self.give(self.h(at))
        os.chmod(self.h(path), mode)

    def host_link(self, target, path):
        os.symlink(target, self.h(path))
        self.give(self.h(path))

    # ---- the layer

    def u(self, path):
        return os.path.join(self.root, path.lstrip("/"))

    def parents(self, path):
        """Copied-up directories on the way."""
        at = ""
        for name in path.strip("/").split("/")[:-1]:
            at += "/" + name
            if os.path.lexists(self.u(at)):
                continue
            os.mkdir(self.u(at))
            if os.path.isdir(self.h(at)) and not os.path.islink(self.h(at)):
                self.note_origin(at)
                shutil.copystat(self.h(at), self.u(at))
                st = os.stat(self.h(at))
                if os.geteuid() == 0:
                    os.chown(self.u(at), st.st_uid, st.st_gid)

    def note_origin(self, path, of=None):
        os.setxattr(self.u(path), PREFIX + "origin", origin_text(os.lstat(self.h(of or path))).encode())

    def file(self, path, text="upper\n", mode=0o644, origin=None):
        self.parents(path)
        with open(self.u(path), "w") as f:
            f.write(text)
        os.chmod(self.u(path), mode)
        if origin if origin is not None else os.path.lexists(self.h(path)):
            self.note_origin(path)
        if self.p.user:
            os.chown(self.u(path), *self.p.user)
        return self.u(path)

    def directory(self, path, mode=0o755, opaque=False, redirect=None):
        self.parents(path)
        os.mkdir(self.u(path))
        os.chmod(self.u(path), mode)
        if opaque:
            os.setxattr(self.u(path), PREFIX + "opaque", b"y")
        if redirect:
            os.setxattr(self.u(path), PREFIX + "redirect", redirect.encode())
            self.note_origin(path, redirect)
        elif os.path.lexists(self.h(path)):
            self.note_origin(path)
        if self.p.user:
            os.chown(self.u(path), *self.p.user)

    def whiteout(self, path, mode=0o600):
        self.parents(path)
        open(self.u(path), "w").close()
        os.setxattr(self.u(path), PREFIX + "whiteout", origin_text(os.lstat(self.h(path))).encode())
        os.chmod(self.u(path), mode)

    # ---- commands

    def args(self, command, *args):
        return ["--store", self.store, command, *[self.name] * (command != "kept"), *args]

    def diff(self, *args):
        self.own()
        return self.p.ok(*self.args("diff", *args)).splitlines()

    def json(self):
        self.own()
        return {c["path"]: c for c in json.loads(self.p.ok(*self.args("diff", "--json")))}

    def commit(self, *args):
        self.own()
        return self.p.ok(*self.args("commit", *args))

    def refused(self, words, *args):
        """commit fails, with these words somewhere, and nothing is different on the host or in the store."""
        self.own()
        before = snapshot(self.host), snapshot(self.root)
        r = self.p.cl(*self.args("commit", *args))
        assert r.code == 1, r
        for w in [words] if isinstance(words, str) else words:
            assert w in r.err, f"expected {w!r}: {r}"
        assert (snapshot(self.host), snapshot(self.root)) == before, "something was changed"
        return r

    def left(self):
        """What is still in the layer."""
        return sorted(os.path.relpath(os.path.join(d, n), self.root)
                      for d, dirs, files in os.walk(self.root) for n in dirs + files)


def snapshot(top, times=True):
    """{path: everything that can be told of it}, without access times."""
    found = {}
    for d, dirs, files in os.walk(top):
        for n in dirs + files:
            path = os.path.join(d, n)
            st = os.lstat(path)
            data = None
            xattrs = {}
            if stat.S_ISLNK(st.st_mode):
                data = os.readlink(path)
            elif stat.S_ISREG(st.st_mode):
                with open(path, "rb") as f:
                    data = f.read()
            if stat.S_ISREG(st.st_mode) or stat.S_ISDIR(st.st_mode):
                xattrs = {x: os.getxattr(path, x) for x in os.listxattr(path)}
            found[os.path.relpath(path, top)] = (st.st_mode, st.st_uid, st.st_gid, data, xattrs, st.st_rdev) + (
                (st.st_mtime_ns,) if times and not stat.S_ISDIR(st.st_mode) else ())
    return found


def with_kept(case):
    """The case as whoever runs the suite, and once more as a plain user if that is root."""
    from frame import plain_user

    def once(user):
        p = Place(user=user)
        try:
            case(Kept(p))
        except AssertionError as e:
            raise AssertionError(f"{'as a plain user: ' if user else ''}{e}") from e
        finally:
            p.close()

    def wrapped():
        once(None)
        if os.geteuid() == 0:
            once(plain_user())
    wrapped.__name__ = case.__name__
    wrapped.__code__ = wrapped.__code__.replace(co_firstlineno=case.__code__.co_firstlineno)
    return wrapped
