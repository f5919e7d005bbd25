# SPDX-License-Identifier: Apache-2.0
"""do --overlay and --keep with real sandboxes: what is written is seen inside, not on the host, and can be taken over."""
import json
import os
import stat
import subprocess
import time

from cases_run import both
from frame import Skip
from layers import snapshot


def read(path):
    with open(path) as f:
        return f.read()


def do(p, *args, script, code=0, **kw):
    r = p.cl("--store", p.dir + "/store", "do", "--root", p.rootfs, *args, "--", "/bin/sh", "-c", script, **kw)
    assert r.code == code, f"{script}: {r}"
    return r.out


def keep(p, script, name="k", **kw):
    return do(p, "--keep", name, script=script, **kw)


def kept(p, command, *args, name="k"):
    return p.ok("--store", p.dir + "/store", command, name, *args)


def with_overlay(case):
    """Both, where the sandbox has a writable side at all."""
    def wrapped(p):
        r = p.cl("do", "--overlay", "--root", p.rootfs, "--", "/bin/sh", "-c", "echo x > /data/probe")
        if r.code != 0 and "Read-only" in r.err:
            raise Skip("copy-on-write roots are not there")
        case(p)
    wrapped.__name__ = case.__name__
    wrapped.__code__ = wrapped.__code__.replace(co_firstlineno=case.__code__.co_firstlineno)
    return both(wrapped)


# ---- dropped


@with_overlay
def test_overlay_is_dropped(p):
    with open(p.rootfs + "/data/f", "w") as f:
        f.write("host\n")
    if p.user:
        os.chown(p.rootfs + "/data/f", *p.user)
    before = snapshot(p.rootfs)
    text = do(p, "--overlay", script="cat /data/f; echo more >> /data/f; cat /data/f; rm /etc/passwd; mkdir -p /new/x; "
                                     "mv /data /moved; ls / /moved; test -e /etc/passwd || echo gone")
    assert text.startswith("host\nhost\nmore\n/:\n") and "moved" in text and "new" in text and text.endswith("gone\n"), text
    assert snapshot(p.rootfs) == before
    assert do(p, "--overlay", script="cat /data/f; ls -d /moved 2>&1 | wc -l") == "host\n1\n"


@with_overlay
def test_overlay_of_the_hosts_root(p):
    script = f"echo x > {p.dir}/made && cat {p.dir}/made; echo y > /tmp/other && cat /tmp/other; ls /tmp"
    text = p.ok("do", "--overlay", "--", "/bin/sh", "-c", script)
    assert text == "x\ny\nother\n", text
    assert not os.path.exists(p.dir + "/made") and not os.path.exists("/tmp/other")
    r = p.cl("do", "--overlay", "--", "/bin/sh", "-c", "echo x > /etc/cloister-test && rm /etc/hostname && ls /etc/hostname")
    assert r.code != 0 and ("/etc/hostname" in r.err or "ermission denied" in r.err), r
    assert not os.path.exists("/etc/cloister-test") and os.path.exists("/etc/hostname")


@with_overlay
def test_overlay_below_tmp(p):
    d = subprocess.run(["mktemp", "-d", "/tmp/cloister-test.XXXXXX"], stdout=subprocess.PIPE, text=True).stdout.strip()
    try:
        if p.user:
            os.chown(d, *p.user)
        with open(d + "/f", "w") as f:
            f.write("host\n")
        text = p.ok("do", "--overlay", "--", "/bin/sh", "-c", "cat f; rm f; echo x > g; ls; pwd; ls /tmp", cwd=d)
        assert text == f"host\ng\n{d}\n{os.path.basename(d)}\n", text
        assert os.listdir(d) == ["f"]
    finally:
        for n in os.listdir(d):
            os.unlink(os.path.join(d, n))
        os.rmdir(d)


@with_overlay
def test_overlay_size(p):
    r = p.cl("do", "--overlay", "--overlay-size", "4M", "--root", p.rootfs, "--", "/bin/sh", "-c",
             "dd if=/dev/zero of=/data/big bs=64k count=32 2>/dev/null && echo fits; "
             "dd if=/dev/zero of=/data/bigger bs=64k count=64")
    assert "fits" in r.out and "No space left" in r.err, r
    do(p, "--overlay", "--overlay-size", "64M", script="dd if=/dev/zero of=/data/bigger bs=64k count=128 2>/dev/null")


@with_overlay
def test_volumes_stay_shared(p):
    os.makedirs(p.dir + "/src")
    if p.user:
        os.chown(p.dir + "/src", *p.user)
    text = p.ok(
        "--store", p.dir + "/store", "do", "--root", p.rootfs, "--keep", "k", "-v", "src:/data/vol", "-v", "src:/vol2", "--",
        "/bin/sh", "-c", "echo x > /data/vol/f; cat /vol2/f; ls -d /vol2; echo z > /data/own")
    assert text == "x\n/vol2\n", text
    assert read(p.dir + "/src/f") == "x\n"
    assert kept(p, "diff") == "A /data/own\n", kept(p, "diff")


# ---- kept


@with_overlay
def test_keep_goes_on(p):
    before = snapshot(p.rootfs)
    keep(p, "echo 1 > /data/f; rm /etc/passwd; mkdir /new; ln -s /data/f /new/l")
    assert snapshot(p.rootfs) == before
    assert keep(p, "cat /new/l; ls /etc; echo 2 >> /data/f; cat /data/f") == "1\n1\n2\n"
    assert kept(p, "diff").splitlines() == ["A /data/f", "D /etc/passwd", "A /new", "A /new/l"]
    assert snapshot(p.rootfs) == before
    # The host goes on, too, and another name begins anew.
    with open(p.rootfs + "/data/later", "w") as f:
        f.write("later\n")
    assert keep(p, "cat /data/later; cat /data/f | wc -l") == "later\n2\n"
    assert keep(p, "ls /data; cat /etc/passwd | wc -l", name="other") == "later\n2\n"
    listed = json.loads(p.ok("--store", p.dir + "/store", "kept", "-f", "json"))
    assert [x["name"] for x in listed] == ["k", "other"] and listed[0]["root"] == p.rootfs
    p.ok("--store", p.dir + "/store", "discard", "k", "other")
    assert p.ok("--store", p.dir + "/store", "kept", "-q") == "" and os.listdir(p.dir + "/store") == []


@with_overlay
def test_keep_and_commit(p):
    for d in ("gone", "renamed", "replaced"):
        os.makedirs(f"{p.rootfs}/data/{d}/sub")
        for name in ("a", "b", "sub/c"):
            with open(f"{p.rootfs}/data/{d}/{name}", "w") as f:
                f.write(f"{d} {name}\n")
    os.symlink("a", p.rootfs + "/data/link")
    if p.user:
        for top, dirs, files in os.walk(p.rootfs + "/data"):
            for n in dirs + files:
                os.lchown(os.path.join(top, n), *p.user)
    keep(p, """cd /data
        echo changed > renamed/a; mv renamed moved; rm moved/b; echo new > moved/new; chmod 600 moved/sub/c
        rm -r gone
        rm -r replaced; mkdir replaced; echo fresh > replaced/a; chmod 700 replaced
        ln -sf nowhere link; ln -s /etc/passwd added-link
        echo linked > one; /bin/busybox ln one two
        /bin/busybox mkfifo -m 640 fifo
        /bin/busybox truncate -s 32M sparse; echo end >> sparse
        mkdir -m 750 dir; touch dir/empty; chmod 500 dir""")
    wanted = keep(p, "cd /data; /bin/busybox find . | /bin/busybox sort; cat moved/* replaced/a one 2>/dev/null; true")
    lines = kept(p, "diff").splitlines()
    assert "A /data/moved (from /data/renamed)" in lines and "D /data/gone" in lines and "D /data/renamed" in lines, lines
    assert "C /data/moved/a" in lines and "D /data/moved/b" in lines and "C /data/moved/sub/c" in lines, lines
    assert "D /data/replaced/b" in lines and "C /data/link" in lines, lines
    kept(p, "commit")
    d = p.rootfs + "/data/"
    assert read(d + "moved/a") == "changed\n" and not os.path.exists(d + "moved/b") and read(d + "moved/sub/c") == "renamed sub/c\n"
    assert sorted(os.listdir(d + "replaced")) == ["a"] and stat.S_IMODE(os.stat(d + "replaced").st_mode) == 0o700
    assert not os.path.exists(d + "gone") and not os.path.exists(d + "renamed")
    assert os.readlink(d + "link") == "nowhere" and os.readlink(d + "added-link") == "/etc/passwd"
    assert os.stat(d + "one").st_ino == os.stat(d + "two").st_ino and read(d + "two") == "linked\n"
    assert stat.S_ISFIFO(os.lstat(d + "fifo").st_mode) and os.stat(d + "sparse").st_blocks < 1000
    assert stat.S_IMODE(os.stat(d + "dir").st_mode) == 0o500 and stat.S_IMODE(os.stat(d + "moved/sub/c").st_mode) == 0o600
    assert kept(p, "diff") == ""
    root = p.dir + "/store/k/layers/0/root"
    assert [os.path.join(t, n) for t, _, files in os.walk(root) for n in files] == []
    assert keep(p, "cd /data; /bin/busybox find . | /bin/busybox sort; cat moved/* replaced/a one 2>/dev/null; true") == wanted
    keep(p, "echo again >> /data/moved/a")
    assert kept(p, "diff") == "C /data/moved/a\n"
    os.chmod(d + "dir", 0o700)


@with_overlay
def test_keep_commit_of_a_part_then_go_on(p):
    keep(p, "mkdir -p /data/x/y; echo 1 > /data/x/y/1; echo 2 > /data/x/2")
    kept(p, "commit", "/data/x/y")
    assert read(p.rootfs + "/data/x/y/1") == "1\n" and not os.path.exists(p.rootfs + "/data/x/2")
    assert keep(p, "cat /data/x/y/1 /data/x/2; rm /data/x/y/1") == "1\n2\n"
    assert kept(p, "diff").splitlines() == ["A /data/x/2", "D /data/x/y/1"]
    kept(p, "commit")
    assert os.listdir(p.rootfs + "/data/x/y") == [] and read(p.rootfs + "/data/x/2") == "2\n"


@with_overlay
def test_keep_conflict(p):
    with open(p.rootfs + "/etc/passwd", "a") as f:
        f.write("x\n")
    keep(p, "echo inside >> /etc/passwd")
    with open(p.rootfs + "/etc/passwd", "a") as f:
        f.write("outside\n")
    r = p.cl("--store", p.dir + "/store", "commit", "k")
    assert r.code == 1 and "/etc/passwd: was changed on the host" in r.err and "nothing was committed" in r.err, r
    assert "inside" not in read(p.rootfs + "/etc/passwd")
    kept(p, "commit", "--force")
    assert read(p.rootfs + "/etc/passwd").endswith("inside\n")


@with_overlay
def test_keep_is_busy_and_survives_a_kill(p):
    proc = p.start("--store", p.dir + "/store", "do", "--root", p.rootfs, "--keep", "k", "--", "/bin/sh", "-c",
                   "echo done > /data/f; while :; do echo x > /data/g; echo y > /data/h; rm /data/g; done")
    for _ in range(300):
        r = p.cl("--store", p.dir + "/store", "diff", "k")
        if r.code == 1 and "in use" in r.err and os.path.exists(p.dir + "/store/k/layers/0/root/data/f"):
            break
        time.sleep(0.02)
    else:
        raise AssertionError(f"not busy: {r}")
    p.fails(125, ["k", "in use"], "--store", p.dir + "/store", "do", "--root", p.rootfs, "--keep", "k", "--", "/bin/true")
    proc.kill()
    proc.wait()
    for _ in range(300):
        r = p.cl("--store", p.dir + "/store", "diff", "k")
        if r.code == 0:
            break
        time.sleep(0.02)
    assert r.code == 0 and "A /data/f\n" in r.out, r
    assert keep(p, "cat /data/f") == "done\n"


@with_overlay
def test_keep_size(p):
    script = "dd if=/dev/zero of=/data/big bs=64k count=128 2>/dev/null && echo fits; rm -f /data/big"
    assert keep(p, script, code=0) == "fits\n"
    r = p.cl("--store", p.dir + "/store", "do", "--root", p.rootfs, "--keep", "k", "--overlay-size", "4M", "--", "/bin/sh", "-c",
             script)
    assert r.out == "", r
    assert keep(p, script) == "", "the size was not remembered"


@with_overlay
def test_keep_default_store(p):
    if not p.user and os.geteuid() == 0:
        return  # /var/lib is the machine's own
    home = p.dir + "/home"
    os.makedirs(home)
    if p.user:
        os.chown(home, *p.user)
    env = dict(os.environ, HOME=home)
    env.pop("XDG_DATA_HOME", None)
    p.ok("do", "--root", p.rootfs, "--keep", "k", "--", "/bin/sh", "-c", "echo x > /data/f", env=env)
    assert os.stat(home + "/.local/share/cloister/overlays").st_mode & 0o777 == 0o700
    assert p.ok("diff", "k", env=env) == "A /data/f\n"
    env["XDG_DATA_HOME"] = p.dir + "/xdg"
    assert p.ok("kept", "-q", env=env) == ""
