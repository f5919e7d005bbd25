# SPDX-License-Identifier: Apache-2.0
"""The command line itself: help, options, man pages, and the commands that need no container."""
import json
import os
import re
import subprocess

from frame import CLOISTER, ROOT, fake

COMMANDS = ["do", "diff", "commit", "discard", "kept", "run", "create", "start", "exec", "pause", "resume", "events", "update", "state", "kill", "delete", "list", "ps", "spec", "posture", "doctor",
            "features"]
MAN = os.path.join(ROOT, "docs/man")


def help_options(text):
    """{"--bundle": "-b"...} as --help lists them."""
    found = {}
    for line in text.splitlines():
        m = re.match(r"  (?:-(\w), )?--([\w-]+)", line)
        if m:
            found["--" + m[2]] = "-" + m[1] if m[1] else None
    return found


def man_options(text):
    found = {}
    for line in text.splitlines():
        if not line.startswith((".B", ".BR", ".BI", ".IR")):
            continue
        plain = line.replace("\\-", "-").replace("\\fR", "").replace("\\fI", "").replace("\\fB", "").replace('"', "")
        m = re.match(r"\.B[RI]?\s+(?:-(\w)\s*,\s*)?--([\w-]+)", plain)
        if m:
            found["--" + m[2]] = "-" + m[1] if m[1] else None
    return found


def help_commands(text):
    part = text.split("commands:\n")[1].split("\n\n")[0]
    return [line.split()[0] for line in part.splitlines()]


@fake
def test_help_lists_every_command(p):
    r = p.ok("--help")
    assert sorted(help_commands(r)) == sorted(COMMANDS), help_commands(r)
    assert p.cl().code == 1
    for c in COMMANDS:
        text = p.ok(c, "--help")
        assert text.startswith("usage: cloister [global options] " + c), text
        assert p.ok("help", c) == text
        assert p.ok(c, "-h") == text


@fake
def test_version(p):
    text = p.ok("--version")
    assert re.match(r"cloister version \d+\.\d+\.\d+\nspec: \d", text), text
    for c in COMMANDS:
        assert p.ok(c, "--version") == text


@fake
def test_man_pages_agree_with_help(p):
    pages = {None: "cloister.1"}
    pages.update({c: f"cloister-{c}.1" for c in COMMANDS})
    for command, page in pages.items():
        with open(os.path.join(MAN, page)) as f:
            text = f.read()
        shown = help_options(p.ok(*([command] if command else []), "--help"))
        told = man_options(text)
        assert shown == told, f"{page}: only in --help: {set(shown.items()) - set(told.items())}, " \
                              f"only in the page: {set(told.items()) - set(shown.items())}"
        assert text.startswith(".\\\" SPDX-License-Identifier: Apache-2.0\n.TH CLOISTER"), page
    with open(os.path.join(MAN, "cloister.1")) as f:
        text = f.read()
    for c in COMMANDS:
        assert f"cloister\\-{c}" in text, f"cloister.1 does not mention {c}"


@fake
def test_usage_errors(p):
    p.fails(1, ["unknown command", "frobnicate"], "frobnicate")
    p.fails(1, ["unknown option", "--nope"], "--nope", "list")
    p.fails(1, ["--log-format", "yaml"], "--log-format", "yaml", "list")
    p.fails(1, ["log file", "/nonexistent/x"], "--log", "/nonexistent/x", "list")
    p.fails(1, "--systemd-cgroup", "--systemd-cgroup", "list")
    for c in ("start", "state", "kill", "delete", "ps", "posture", "create", "pause", "resume", "events", "update"):
        p.fails(1, "missing argument: CONTAINER", c)
        p.fails(1, ["unknown option", "--nope"], c, "--nope", "x")
    for c in ("run", "do"):
        p.fails(125, "missing argument", c)
        p.fails(125, "unknown option", c, "--nope", "x")
    for c in ("list", "kept", "spec", "doctor", "features"):
        p.fails(1, "unexpected argument", c, "x")
    p.fails(1, "unexpected argument", "state", "a", "b")
    p.fails(1, ["--bundle", "needs a value"], "create", "x", "--bundle")
    p.fails(1, "--preserve-fds", "create", "--preserve-fds", "x", "a")
    p.fails(1, "--format", "list", "--format", "yaml")
    p.fails(1, "--format", "doctor", "--format", "yaml")
    p.nothing_left()


@fake
def test_invalid_names(p):
    p.write()
    for name in ("", "a/b", "..", ".x", "a b", "x" * 201, "ä", "-"):
        if name not in ("", "-"):
            p.fails(1, "invalid container ID", "create", name)
        p.fails(1, "invalid container ID", "state", name)
    p.nothing_left()


@fake
def test_go_style_options(p):
    p.write(args=["exit", "7"])
    assert p.cl("run", "-bundle", p.bundle, "a").code == 7
    assert p.cl("run", "--bundle=" + p.bundle, "a").code == 7
    assert p.cl("run", "-b", p.bundle, "--keep=false", "a").code == 7
    assert p.cl("run", "a", "--bundle", p.bundle).code == 7
    p.nothing_left()


@fake
def test_spec(p):
    d = os.path.join(p.dir, "new")
    os.makedirs(os.path.join(d, "rootfs"))
    p.ok("spec", cwd=d)
    with open(os.path.join(d, "config.json")) as f:
        config = json.load(f)
    assert config["process"]["args"] == ["sh"] and config["root"]["path"] == "rootfs"
    p.fails(1, ["config.json exists already"], "spec", "--bundle", d)
    os.unlink(os.path.join(d, "config.json"))
    p.ok("spec", "--rootless", "-b", d)
    with open(os.path.join(d, "config.json")) as f:
        config = json.load(f)
    assert config["linux"]["uidMappings"] == [{"containerID": 0, "hostID": os.geteuid(), "size": 1}]
    assert {"type": "user"} in config["linux"]["namespaces"]
    p.ok("create", "-b", d, "a")
    p.ok("delete", "a")
    p.fails(1, "/nonexistent", "spec", "-b", "/nonexistent")


@fake
def test_features_is_json(p):
    doc = json.loads(p.ok("features"))
    assert doc["ociVersionMin"] == "1.0.0" and "createRuntime" in doc["hooks"]
    assert "startContainer" not in doc["hooks"]
    assert "pid" in doc["linux"]["namespaces"] and "ro" in doc["mountOptions"]
    assert "CAP_CHOWN" in doc["linux"]["capabilities"]


@fake
def test_doctor(p):
    r = p.cl("doctor", "--format", "json")
    doc = json.loads(r.out)
    assert r.code == (0 if doc["ready"] else 1)
    assert {"kernel", "namespaces", "landlock", "seccomp"} <= {c["name"] for c in doc["checks"]}
    for c in doc["checks"]:
        assert c["verdict"] == "ok" or c["advice"], c
    p.sentry = "/nonexistent/sentry"
    r = p.cl("doctor")
    assert r.code == 1 and "missing  sandbox program" in r.out and "cannot run here" in r.out, r


def complete(p, *words):
    """What bash offers for the last word."""
    script = os.path.join(ROOT, "packaging/completions/cloister.bash")
    line = " ".join(f"'{w}'" for w in (CLOISTER,) + words)
    r = subprocess.run(["bash", "-c", f"source {script}; COMP_WORDS=({line}); COMP_CWORD={len(words)}; _cloister; "
                                      'printf "%s\\n" "${COMPREPLY[@]}"'], stdout=subprocess.PIPE, text=True)
    return r.stdout.split()


@fake
def test_completion(p):
    assert sorted(w for w in complete(p, "") if not w.startswith("-")) == sorted(COMMANDS)
    assert complete(p, "do", "--ne") == ["--network"]
    assert complete(p, "--root", p.state, "run", "--bun") == ["--bundle"]
    assert complete(p, "do", "--network", "") == ["none", "host", "sandbox"]
    p.write(args=["sleep"])
    p.ok("create", "-b", p.bundle, "one")
    assert complete(p, "--root", p.state, "kill", "") == ["one"]
    p.ok("delete", "one")
