# SPDX-License-Identifier: Apache-2.0
"""Containers of bundles: the option, the annotation, namespaces that are joined."""
import json
import os
import subprocess
import tempfile

FETCH = "need(fetch('192.0.2.10', 80) == '192.0.2.10 80')\n" \
        "fails(errno.ECONNREFUSED, sock().connect, ('192.0.2.11', 80))\n"


def bundle(s, text, annotation=None, namespaces=({"type": "network"},), hooks=None):
    folder = tempfile.mkdtemp(dir=s.world.folder)
    types = ("pid", "ipc", "uts", "mount")
    config = {
        "ociVersion": "1.0.2",
        "process": {"user": {"uid": 0, "gid": 0}, "cwd": "/", "env": ["PATH=/usr/bin:/bin"],
                    "args": ["/usr/bin/python3", "-c", s.world.prelude + text]},
        "root": {"path": "/", "readonly": True},
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                   {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"}],
        "linux": {"namespaces": [{"type": t} for t in types] + list(namespaces)},
    }
    if annotation is not None:
        config["annotations"] = {"org.cloister.allow-net": annotation}
    if hooks:
        config["hooks"] = hooks
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as f:
        json.dump(config, f)
    subprocess.run(["chown", "-R", f"{s.uid}:{s.uid}", folder], check=True)
    return folder


def container(s, folder, *options, status=0):
    return s.cloister(["--root", os.path.join(folder, "state"), "run", "--bundle", folder, *options,
                       f"egress-{os.getpid()}"], status=status)


def case_bundle_with_the_option(s):
    container(s, bundle(s, FETCH), "--allow-net", "192.0.2.10:80")
    s.said("no rule allows tcp 192.0.2.11:80")


def case_bundle_with_the_annotation(s):
    container(s, bundle(s, FETCH, "192.0.2.10:80/tcp, 192.0.2.13"))
    s.said("no rule allows tcp 192.0.2.11:80")
    container(s, bundle(s, "fails(errno.ECONNREFUSED, sock().connect, ('192.0.2.10', 80))\n", "all"),
              "--allow-net", "192.0.2.13")  # whoever runs it has the last word
    for text, why in (("10.0.0.1/8", "bits set beyond"), (" ", "it holds no rule")):
        container(s, bundle(s, FETCH, text), status=125)
        s.said("annotations.org.cloister.allow-net")
        s.said(why)


def case_bundle_of_the_hosts_network(s):
    container(s, bundle(s, FETCH + "fails(errno.ECONNREFUSED, sock().connect, ('127.0.0.1', 8080))\n", "192.0.2.10:80", ()))


def case_bundle_with_hooks(s):
    """They would find the host's namespace in place of the container's."""
    hooks = {"createRuntime": [{"path": "/bin/true"}]}
    container(s, bundle(s, FETCH, "192.0.2.10", hooks=hooks), status=125)
    s.said("hooks of kind prestart")
    container(s, bundle(s, FETCH, "192.0.2.10:80", (), hooks=hooks))


def case_joined_namespace(s):
    """The policy is asked there, and its loopback is the container's own."""
    if s.uid:
        return
    path = f"/proc/{s.world.anchor.pid}/ns/net"
    text = "need(fetch('127.0.0.1', 7777) == '127.0.0.1 7777')\n" \
           "need(fetch('192.0.2.10', 80) == '192.0.2.10 80')\n" \
           "need(fetch('10.77.0.1', 80) == '10.77.0.1 80')\n" \
           "fails(errno.ECONNREFUSED, sock().connect, ('10.77.0.9', 80))\n"
    if not hasattr(s.world, "joined"):
        s.world.joined = s.world.serve("tcp", "127.0.0.1", 7777)
    container(s, bundle(s, text, "10.77.0.1:80", ({"type": "network", "path": path},)))
    s.said("no rule allows tcp 10.77.0.9:80")
