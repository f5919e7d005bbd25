# SPDX-License-Identifier: Apache-2.0
"""do --volume: what of the host is shown where, and who may write to it."""
import os

from cases_run import both


def make(p, path, text=None):
    """A directory, or a file with text, of the place's user."""
    full = os.path.join(p.dir, path)
    os.makedirs(full if text is None else os.path.dirname(full), exist_ok=True)
    if text is not None:
        with open(full, "w") as f:
            f.write(text)
    at = full
    while p.user and at != p.dir:
        os.chown(at, *p.user)
        at = os.path.dirname(at)
    return full


def read(path):
    with open(path) as f:
        return f.read()


def sh(p, volumes, script, **kw):
    args = [x for v in volumes for x in ("-v", v)]
    return p.ok("do", *args, "--", "/bin/sh", "-c", script, **kw)


@both
def test_volume_is_shared_both_ways(p):
    make(p, "src/f", "host\n")
    assert sh(p, ["src:/new/place"], "cat /new/place/f; echo inside > /new/place/g; rm /new/place/f") == "host\n"
    assert read(p.dir + "/src/g") == "inside\n"
    assert os.listdir(p.dir + "/src") == ["g"]
    assert os.stat(p.dir + "/src/g").st_uid == (p.user[0] if p.user else os.geteuid())


@both
def test_volume_read_only(p):
    make(p, "src/f", "host\n")
    r = p.cl("do", "-v", "src:/x:ro", "--", "/bin/sh", "-c", "cat /x/f; echo y > /x/f; touch /x/g")
    assert r.out == "host\n" and r.err.count("Read-only file system") == 2, r
    assert os.listdir(p.dir + "/src") == ["f"] and read(p.dir + "/src/f") == "host\n"


@both
def test_volume_of_a_file(p):
    make(p, "one", "1\n")
    assert sh(p, ["one:/etc/one", "one:/etc/hostname:ro"], "cat /etc/one /etc/hostname; echo 2 >> /etc/one") == "1\n1\n"
    assert read(p.dir + "/one") == "1\n2\n"
    r = p.cl("do", "-v", "one:/etc/hostname:ro", "--", "/bin/sh", "-c", "echo 3 > /etc/hostname")
    assert r.code != 0 and "Read-only" in r.err, r


@both
def test_volume_nesting_needs_no_order(p):
    make(p, "outer/a", "a\n")
    make(p, "inner/b", "b\n")
    make(p, "outer/in", None)
    for volumes in (["outer:/x", "inner:/x/in"], ["inner:/x/in", "outer:/x"]):
        assert sh(p, volumes, "cat /x/a /x/in/b; ls /x") == "a\nb\na\nin\n"
    text = sh(p, ["inner:/x/in:ro", "outer:/x"], "touch /x/c; touch /x/in/c 2>/dev/null || echo refused")
    assert text == "refused\n" and os.path.exists(p.dir + "/outer/c"), text


@both
def test_volume_place_that_is_not_there(p):
    make(p, "src/f", "f\n")
    text = sh(p, ["src:/aaa-volume", "src:/etc/deep/er"], "ls / | grep aaa; ls /etc/deep; cat /etc/deep/er/f")
    assert text == "aaa-volume\ner\nf\n", text
    assert not os.path.exists("/aaa-volume") and not os.path.exists("/etc/deep")


@both
def test_volume_and_the_working_directory(p):
    make(p, "src/sub/f", "f\n")
    # Over it: what stands there inside decides.
    assert sh(p, [f"src:{p.dir}"], "pwd; ls") == p.dir + "\nsub\n"
    assert sh(p, [f"{p.dir}/src:{p.dir}"], "pwd", cwd=p.dir + "/src") == "/\n"
    # Relative sources start where the caller stands, dots and links included.
    assert sh(p, ["..:/x"], "cat /x/sub/f; pwd", cwd=p.dir + "/src/sub") == f"f\n{p.dir}/src/sub\n"
    os.symlink("src", p.dir + "/link")
    assert sh(p, ["link/sub/../:/x"], "ls /x") == "sub\n"


@both
def test_volume_with_a_root_of_its_own(p):
    make(p, "src/f", "f\n")
    text = p.ok("do", "--root", p.rootfs, "--volume", "src:/data", "-v", "src:/new", "--", "/bin/sh", "-c",
                "cat /data/f /new/f; echo g > /data/g; cat /new/g")
    assert text == "f\nf\ng\n", text
    assert read(p.dir + "/src/g") == "g\n" and os.listdir(p.rootfs + "/data") == []


@both
def test_volume_colons(p):
    make(p, "a:b/f", "f\n")
    make(p, "c\\d/f", "g\n")
    assert sh(p, ["a\\:b:/x\\:y", "c\\d:/z"], "cat /x:y/f /z/f") == "f\ng\n"


@both
def test_volume_errors(p):
    make(p, "src/f", "f\n")
    os.mkfifo(p.dir + "/fifo")

    def bad(words, *volumes):
        p.fails(125, ["--volume"] + words, "do", *[x for v in volumes for x in ("--volume", v)], "--", "true")

    bad(["SRC:DST[:ro]", '"src"'], "src")
    bad(["SRC:DST[:ro]"], "src:")
    bad(["SRC:DST[:ro]"], ":/x")
    bad(["colon"], "src:/x:ro:rw")
    bad(["ro or rw", '"RO"'], "src:/x:RO")
    bad(["source nope", "No such file"], "nope:/x")
    bad(['"x"', "absolute"], "src:x")
    bad(['".."'], "src:/x/../y")
    bad(["--root"], "src:/./")
    bad(["two", "/x"], "src:/x", "src:/x/")
    bad(["fifo", "neither"], "fifo:/x")
    bad(["/proc", "kernel"], "/proc/self:/x")
