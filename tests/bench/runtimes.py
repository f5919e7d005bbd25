# SPDX-License-Identifier: Apache-2.0
"""The bundles that are measured, and the runtimes that start them."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
LIMIT = 60  # seconds for any one command


class Unusable(Exception):
    pass


# ---- the bundle

def build_micro(to):
    subprocess.run([os.environ.get("CC", "cc"), "-std=gnu17", "-O2", "-static", "-pthread", "-o", to,
                    *(os.path.join(HERE, f"micro{part}.c") for part in ("", "_files", "_waits"))], check=True)


def build_bundle(top):
    """A static busybox and the program of micro-operations."""
    rootfs = os.path.join(top, "rootfs")
    for d in ("bin", "dev", "proc", "sys", "tmp"):
        os.makedirs(os.path.join(rootfs, d))
    busybox = shutil.which("busybox") or sys.exit("busybox (package busybox-static) is needed")
    shutil.copy(busybox, os.path.join(rootfs, "bin/busybox"))
    for name in ("true", "sleep", "sh"):
        os.link(os.path.join(rootfs, "bin/busybox"), os.path.join(rootfs, "bin", name))
    build_micro(os.path.join(rootfs, "bin/micro"))


def write_config(bundle, args, binds=(), cwd="/", capabilities=()):
    """binds: (what, where, writable)."""
    mounts = [{"destination": "/proc", "type": "proc", "source": "proc"},
              {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
               "options": ["nosuid", "mode=755", "size=65536k"]},
              {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev"]}]
    mounts += [{"destination": where, "type": "bind", "source": what,
                "options": ["rbind", "rw" if writable else "ro"]} for what, where, writable in binds]
    namespaces = ["pid", "network", "ipc", "uts", "mount"]
    config = {"ociVersion": "1.0.2", "hostname": "bench",
              "root": {"path": "rootfs", "readonly": True}, "mounts": mounts,
              "process": {"terminal": False, "user": {"uid": 0, "gid": 0}, "args": args, "cwd": cwd,
                          "env": ["PATH=/bin:/usr/bin", "HOME=/tmp"], "noNewPrivileges": True,
                          "capabilities": {k: list(capabilities) for k in ("bounding", "effective", "permitted")}},
              "linux": {"namespaces": [{"type": n} for n in namespaces]}}
    with open(os.path.join(bundle, "config.json"), "w", encoding="utf-8") as f:
        json.dump(config, f)


# ---- the runtimes

class Runtime:
    """An OCI runtime: `command run -d --bundle B ID`, and how to get rid of it."""

    def __init__(self, name, variants, top):
        self.name, self.top, self.serial = name, top, 0
        self.state = os.path.join(top, "state-" + name)
        self.variants = variants  # option lists, the better first
        self.command = None

    def prefix(self, options):
        return [options[0], "--root", self.state] + options[1:]

    def argv(self, detach=False, bundle=None):
        self.serial += 1
        self.ident = f"bench-{os.getpid()}-{self.serial}"
        flag = "-bundle" if self.name == "runsc" else "--bundle"
        return self.command + ["run"] + (["--detach"] if detach else []) + [flag, bundle or self.top, self.ident]

    def choose(self):
        """Finds the options that work on this machine, or says why none does."""
        reasons = []
        write_config(self.top, ["/bin/true"])
        for options in self.variants:
            self.command = self.prefix(options)
            if not shutil.which(options[0]):
                raise Unusable(f"{options[0]} is not installed")
            run = attempt(self.argv())
            if run.returncode == 0:
                return " ".join(options[1:])
            lines = (run.stderr + run.stdout).decode(errors="replace").strip().splitlines() or ["no word"]
            reasons.append(f"{' '.join(options[1:]) or 'plain'}: {lines[-1][:120]}")
        raise Unusable("; ".join(reasons))

    def delete(self):
        attempt(self.command + ["kill", self.ident, "KILL"])
        for _ in range(50):
            if attempt(self.command + ["delete", self.ident]).returncode == 0:
                return
            time.sleep(0.05)


class Native(Runtime):
    """The bare programs of the same bundle."""

    def argv(self, detach=False, bundle=None):
        with open(os.path.join(bundle or self.top, "config.json"), encoding="utf-8") as f:
            args = json.load(f)["process"]["args"]
        return [os.path.join(self.top, "rootfs", args[0].lstrip("/"))] + args[1:]

    def choose(self):
        return ""


def attempt(argv, limit=LIMIT, cwd=None):
    """Runs to the end, whatever the end is; its output without pipes that a daemon might keep open."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            run = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err, timeout=limit, cwd=cwd)
        except subprocess.TimeoutExpired:
            run = subprocess.CompletedProcess(argv, 124)
        out.seek(0)
        err.seek(0)
        run.stdout, run.stderr = out.read(), err.read()
        return run


def cloister_command():
    return os.path.abspath(os.environ.get("CLOISTER", os.path.join(ROOT, "build/cloister")))


def runtimes(names, top):
    table = [Native("native", [], top),
             Runtime("crun", [["crun"], ["crun", "--cgroup-manager=disabled"]], top),
             Runtime("runsc", [["runsc", "--platform=systrap", "--network=none", "--ignore-cgroups"],
                               ["runsc", "--platform=ptrace", "--network=none", "--ignore-cgroups"]], top),
             Runtime("cloister", [[cloister_command()]], top)]
    return [r for r in table if not names or r.name in names or r.name == "native"]
