# SPDX-License-Identifier: Apache-2.0
"""Files that change outside while a container looks at them: never a wrong file, and no stale answer."""
import os
import random
import subprocess
import time

from frame import HERE, OUT, real

SECONDS = 3


def build_walker():
    source, program = os.path.join(HERE, "walker.c"), os.path.join(OUT, "walker")
    if not os.path.exists(program) or os.path.getmtime(program) < os.path.getmtime(source):
        subprocess.run([os.environ.get("CC", "cc"), "-std=gnu17", "-O2", "-Wall", "-static", "-pthread", "-o", program,
                        source], check=True)
    return program


class Changer:
    """Makes, replaces, moves and removes the names of walker.c below `top`. All by renames, as outside
    programs do: at no moment does a name lead to what it should not."""

    def __init__(self, top):
        self.top, self.serial = top, 0
        self.aside = top + ".aside"
        os.makedirs(self.aside)
        self.secret = self.path("../secret")
        with open(self.secret, "w") as f:
            f.write("X: nobody inside may read this\n")
        for name in ("a", "b", "p", "s", "link", "evil"):
            self.change(name)

    def path(self, name):
        return os.path.join(self.top, name)

    def fresh(self):
        self.serial += 1
        return os.path.join(self.aside, str(self.serial))

    def file(self, letter):
        path = self.fresh()
        with open(path, "w") as f:
            f.write(letter + " is where it belongs\n")
        return path

    def tree(self, letter):
        path = self.fresh()
        os.makedirs(os.path.join(path, "deep"))
        os.rename(self.file(letter), os.path.join(path, "f"))
        os.rename(self.file(letter), os.path.join(path, "deep/f"))
        return path

    def link(self, target):
        path = self.fresh()
        os.symlink(target, path)
        return path

    def put(self, new, name):
        if os.path.lexists(self.path(name)) and (os.path.isdir(new) or os.path.isdir(self.path(name))):
            self.remove(name)
        os.rename(new, self.path(name))

    def remove(self, name):
        if os.path.lexists(self.path(name)):
            os.rename(self.path(name), self.fresh())

    def change(self, name):
        if random.random() < 0.15:
            return self.remove(name)
        made = {"a": lambda: self.file("a"), "b": lambda: self.file("b"), "p": lambda: self.tree("p"),
                "s": lambda: self.tree("s") if random.random() < 0.5 else self.link("p"),
                "link": lambda: self.link(random.choice(["a", "b"])),
                "evil": lambda: self.file("e") if random.random() < 0.5 else self.link(self.secret)}
        return self.put(made[name](), name)

    def churn(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.change(random.choice(["a", "b", "p", "s", "link", "evil"]))

    def settle(self):
        """The end, in the walker's words."""
        self.put(self.file("a"), "a")
        self.remove("b")
        self.put(self.tree("p"), "p")
        self.put(self.link("p"), "s")
        self.put(self.link("b"), "link")
        self.put(self.link(self.secret), "evil")
        return "a=a b=- p/f=p p/deep/f=p s/f=p link=- evil=-\n"


def watched(p, inside, outside):
    os.makedirs(outside)
    changer = Changer(outside)
    os.link(build_walker(), os.path.join(p.rootfs, "bin/walker"))
    p.write(args=["/bin/walker", inside])
    proc = subprocess.Popen(p.argv("run", "-b", p.bundle, "walker"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)
    p.started.append(proc)
    changer.churn(SECONDS)
    out, err = proc.communicate(changer.settle(), timeout=30)
    assert proc.returncode == 0 and out.endswith(" 0 wrong\ndone\n") and not out.startswith("0 rounds"), out + err


@real
def test_real_files_change_in_a_volume(p):
    source = os.path.join(p.dir, "volume/data")
    p.config["mounts"].append({"destination": "/data", "type": "bind", "source": source, "options": ["rbind", "ro"]})
    watched(p, "/data", source)


@real
def test_real_files_change_in_the_root(p):
    watched(p, "/tree", os.path.join(p.rootfs, "tree"))


@real
def test_real_files_change_below_a_plain_user(p):
    """Who may not search a directory just because of who it is: modes are asked for, too."""
    p.config["process"]["user"] = {"uid": 1000, "gid": 1000}
    watched(p, "/tree", os.path.join(p.rootfs, "tree"))
