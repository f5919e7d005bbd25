# SPDX-License-Identifier: Apache-2.0
"""diff, commit, discard and kept, on stores made by hand: what is listed, what reaches the host, what is refused."""
import fcntl
import json
import os
import signal
import socket
import stat
import subprocess
import time

from frame import Place, Skip
from layers import PREFIX, Kept, snapshot, with_kept


def read(path):
    with open(path) as f:
        return f.read()


# ---- what is listed, and taken over


@with_kept
def test_nothing_was_changed(k):
    k.host_file("/a")
    k.file("/a", "lower\n")  # copied up, and the same again
    k.host_dir("/d")
    k.parents("/d/x")
    assert k.diff() == [] and k.json() == {}
    assert k.commit() == "0 changes committed\n"
    assert k.left() == [], k.left()


@with_kept
def test_files(k):
    k.host_file("/d/changed", "old\n")
    k.host_file("/d/gone")
    k.host_file("/d/kept")
    k.host_file("/d/mode", mode=0o644)
    k.file("/d/changed", "new\n")
    k.file("/d/added", "added\n", 0o600)
    k.file("/d/mode", "lower\n", mode=0o755)
    k.whiteout("/d/gone")
    assert k.diff() == ["A /d/added", "C /d/changed", "D /d/gone", "C /d/mode"], k.diff()
    doc = k.json()
    assert doc["/d/changed"]["changed"] == ["content"] and doc["/d/changed"]["size"] == 4, doc
    assert doc["/d/mode"]["changed"] == ["mode"] and doc["/d/mode"]["mode"] == "0755", doc
    assert doc["/d/gone"]["kind"] == "deleted" and doc["/d/added"]["type"] == "file", doc
    same = os.lstat(k.h("/d/mode")).st_ino
    os.utime(k.u("/d/added"), ns=(10**18, 10**18 + 5))
    assert k.commit() == "4 changes committed\n"
    assert sorted(os.listdir(k.h("/d"))) == ["added", "changed", "kept", "mode"]
    assert read(k.h("/d/changed")) == "new\n" and read(k.h("/d/added")) == "added\n"
    st = os.lstat(k.h("/d/added"))
    assert stat.S_IMODE(st.st_mode) == 0o600 and st.st_mtime_ns == 10**18 + 5
    assert os.lstat(k.h("/d/mode")).st_mode & 0o777 == 0o755 and os.lstat(k.h("/d/mode")).st_ino == same
    assert k.left() == [] and k.diff() == [], k.left()


@with_kept
def test_links_and_special_files(k):
    k.host_file("/target")
    k.host_link("target", "/link")
    k.host_link("target", "/same")
    k.host_file("/was-file")
    os.symlink("/etc/passwd", k.u("/link"))
    os.symlink("target", k.u("/same"))
    os.symlink("nowhere/at/all", k.u("/new"))
    os.mkfifo(k.u("/fifo"), 0o640)
    os.mkfifo(k.u("/was-file"))
    s = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(k.root)
    try:
        s.bind("socket")
    finally:
        os.chdir(here)
        s.close()
    assert k.diff() == ["A /fifo", "C /link", "A /new", "A /socket", "C /was-file"], k.diff()
    assert k.json()["/was-file"]["changed"] == ["type"]
    k.commit()
    assert os.readlink(k.h("/link")) == "/etc/passwd" and os.readlink(k.h("/new")) == "nowhere/at/all"
    st = os.lstat(k.h("/fifo"))
    assert stat.S_ISFIFO(st.st_mode) and stat.S_IMODE(st.st_mode) == 0o640
    assert stat.S_ISFIFO(os.lstat(k.h("/was-file")).st_mode) and stat.S_ISSOCK(os.lstat(k.h("/socket")).st_mode)
    assert read(k.h("/target")) == "lower\n"
    assert k.left() == [], k.left()


@with_kept
def test_hard_links(k):
    k.file("/a/one", "linked\n")
    os.makedirs(k.u("/b"))
    os.link(k.u("/a/one"), k.u("/b/two"))
    os.link(k.u("/a/one"), k.u("/b/three"))
    k.commit()
    st = os.lstat(k.h("/a/one"))
    assert st.st_nlink == 3 and os.lstat(k.h("/b/two")).st_ino == st.st_ino == os.lstat(k.h("/b/three")).st_ino
    assert read(k.h("/b/three")) == "linked\n" and k.left() == []


@with_kept
def test_sparse_and_big_files(k):
    path = k.file("/sparse")
    with open(path, "r+b") as f:
        f.truncate(64 << 20)
        f.seek(40 << 20)
        f.write(b"in the middle")
    big = os.urandom(1 << 20) * 9 + b"end"
    with open(k.file("/big"), "wb") as f:
        f.write(big)
    k.commit()
    st = os.lstat(k.h("/sparse"))
    assert st.st_size == 64 << 20 and st.st_blocks * 512 < 1 << 20, st
    with open(k.h("/sparse"), "rb") as f:
        f.seek(40 << 20)
        assert f.read(14) == b"in the middle\0"
    with open(k.h("/big"), "rb") as f:
        assert f.read() == big


@with_kept
def test_extended_attributes(k):
    k.host_file("/f")
    os.setxattr(k.h("/f"), "user.old", b"1")
    k.file("/f", "lower\n")
    os.setxattr(k.u("/f"), "user.new", b"2")
    k.directory("/d")
    os.setxattr(k.u("/d"), "user.dir", b"3")
    assert k.json()["/f"]["changed"] == ["xattr"]
    k.commit()
    assert os.listxattr(k.h("/f")) == ["user.new"] and os.getxattr(k.h("/f"), "user.new") == b"2"
    assert os.listxattr(k.h("/d")) == ["user.dir"]


@with_kept
def test_owners(k):
    if k.p.user or os.geteuid() != 0:
        return
    k.host_file("/f")
    k.file("/f", "lower\n")
    os.chown(k.u("/f"), 12345, 54321)
    os.symlink("x", k.u("/l"))
    os.lchown(k.u("/l"), 12345, 54321)
    k.directory("/d", 0o2770)
    os.chown(k.u("/d"), 0, 54321)
    os.chmod(k.u("/d"), 0o2770)
    assert k.json()["/f"]["changed"] == ["owner"] and k.json()["/f"]["uid"] == 12345
    k.commit()
    for name in "fl":
        st = os.lstat(k.h(name))
        assert (st.st_uid, st.st_gid) == (12345, 54321), name
    st = os.lstat(k.h("d"))
    assert st.st_gid == 54321 and stat.S_IMODE(st.st_mode) == 0o2770


@with_kept
def test_directories(k):
    k.host_file("/gone/a/b")
    k.host_dir("/mode")
    k.whiteout("/gone")
    k.directory("/mode", 0o700)
    k.directory("/new", 0o750)
    k.file("/new/sub/f", "f\n")
    k.directory("/closed", 0o500)
    k.file("/closed/f", "f\n", 0o400)
    assert k.diff() == ["A /closed", "A /closed/f", "D /gone", "C /mode", "A /new", "A /new/sub", "A /new/sub/f"], k.diff()
    os.utime(k.u("/new"), ns=(10**18, 10**18))
    k.commit()
    assert sorted(os.listdir(k.host)) == ["closed", "mode", "new"]
    assert [stat.S_IMODE(os.stat(k.h(n)).st_mode) for n in ("closed", "mode", "new")] == [0o500, 0o700, 0o750]
    assert os.stat(k.h("/new")).st_mtime_ns == 10**18
    assert read(k.h("/new/sub/f")) == "f\n" and k.left() == [], k.left()


@with_kept
def test_replaced_directory(k):
    k.host_file("/d/stays", "old\n")
    k.host_file("/d/goes")
    k.host_file("/d/sub/goes")
    k.host_file("/d/dir-then-file/x")
    k.directory("/d", opaque=True)
    k.file("/d/stays", "new\n", origin=False)
    k.file("/d/added")
    os.mkdir(k.u("/d/sub"))
    k.file("/d/dir-then-file", "file\n", origin=False)
    assert k.diff() == ["A /d/added", "C /d/dir-then-file", "C /d/stays", "D /d/sub/goes", "D /d/goes"], k.diff()
    k.commit()
    assert sorted(os.listdir(k.h("/d"))) == ["added", "dir-then-file", "stays", "sub"]
    assert os.listdir(k.h("/d/sub")) == [] and read(k.h("/d/stays")) == "new\n"
    assert read(k.h("/d/dir-then-file")) == "file\n" and k.left() == [], k.left()


@with_kept
def test_part_of_a_replaced_directory(k):
    k.host_file("/d/goes")
    k.host_file("/d/stays", "old\n")
    k.directory("/d", opaque=True)
    k.file("/d/stays", "new\n", origin=False)
    k.file("/d/added", "added\n")
    k.commit("/d/added", "/d/stays")
    assert sorted(os.listdir(k.h("/d"))) == ["added", "goes", "stays"]
    # The host's names mean nothing to the sandbox there, so it keeps its own.
    assert k.left() == ["d", "d/added", "d/stays"] and k.diff() == ["D /d/goes"], k.left()
    k.commit()
    assert sorted(os.listdir(k.h("/d"))) == ["added", "stays"] and k.left() == []


@with_kept
def test_file_and_directory_change_places(k):
    k.host_file("/dir/in/it")
    k.host_file("/file")
    k.host_link("dir", "/link")
    k.file("/dir", "file now\n")
    k.directory("/file", opaque=True)
    k.file("/file/in", "in\n")
    k.directory("/link", opaque=True)
    k.file("/link/in", "in\n")
    assert k.diff() == ["C /dir", "C /file", "A /file/in", "C /link", "A /link/in"], k.diff()
    k.commit()
    assert read(k.h("/dir")) == "file now\n" and read(k.h("/file/in")) == "in\n" and read(k.h("/link/in")) == "in\n"
    assert sorted(os.listdir(k.host)) == ["dir", "file", "link"] and not os.path.islink(k.h("/link"))
    assert k.left() == [], k.left()


@with_kept
def test_renamed_directory(k):
    k.host_file("/old/a", "a\n")
    k.host_file("/old/b", "b\n")
    k.host_file("/old/deep/c", "c\n")
    ino = os.stat(k.h("/old/a")).st_ino
    k.directory("/new", redirect="/old")
    k.file("/new/a", "changed\n", origin=False)
    k.note_origin("/new/a", "/old/a")
    k.file("/new/added", "added\n")
    open(k.u("/new/b"), "w").close()
    from layers import origin_text
    os.setxattr(k.u("/new/b"), PREFIX + "whiteout", origin_text(os.lstat(k.h("/old/b"))).encode())
    os.chmod(k.u("/new/b"), 0o600)
    k.whiteout("/old")
    assert k.diff() == ["A /new (from /old)", "C /new/a", "A /new/added", "D /new/b", "D /old"], k.diff()
    assert k.json()["/new"]["from"] == "/old"
    k.refused(["renamed", "together"], "/old")
    k.refused(["renamed", "together"], "/new/a")
    k.commit()
    assert os.listdir(k.host) == ["new"] and sorted(os.listdir(k.h("/new"))) == ["a", "added", "deep"]
    assert read(k.h("/new/a")) == "changed\n" and read(k.h("/new/deep/c")) == "c\n" and k.left() == [], k.left()
    assert os.stat(k.h("/new/a")).st_ino != ino


@with_kept
def test_renamed_in_a_chain(k):
    k.host_file("/a/1")
    k.host_file("/b/2")
    k.host_file("/c/3")
    k.directory("/a", redirect="/b")   # mv a z/new; mv b a; mv c b
    k.directory("/b", redirect="/c")
    k.directory("/z", 0o750)
    k.directory("/z/new", redirect="/a")
    k.whiteout("/c")
    k.commit()
    assert {d: os.listdir(k.h(d)) for d in ("/a", "/b", "/z/new")} == {"/a": ["2"], "/b": ["3"], "/z/new": ["1"]}
    assert sorted(os.listdir(k.host)) == ["a", "b", "z"] and k.left() == [], k.left()


@with_kept
def test_renamed_over_another(k):
    k.host_file("/a/1")
    k.host_file("/b/2")
    k.directory("/b", redirect="/a")
    k.whiteout("/a")
    assert k.diff() == ["D /a", "C /b (from /a)"], k.diff()
    k.commit()
    assert os.listdir(k.host) == ["b"] and os.listdir(k.h("/b")) == ["1"] and k.left() == [], k.left()


@with_kept
def test_renamed_in_a_circle(k):
    k.host_file("/a/1")
    k.host_file("/b/2")
    k.directory("/a", redirect="/b")
    k.directory("/b", redirect="/a")
    k.refused("circle")


@with_kept
def test_part_of_it(k):
    k.host_file("/d/one", "1\n")
    k.host_file("/d/two", "2\n")
    k.file("/d/one", "one\n")
    k.file("/d/two", "two\n")
    k.file("/new/x/y", "y\n")
    k.file("/new/x/z", "z\n")
    k.file("/newer", "n\n")
    assert k.diff("/new") == ["A /new", "A /new/x", "A /new/x/y", "A /new/x/z"]
    assert k.commit("/d/one", "/new/x/y") == "4 changes committed\n"
    assert read(k.h("/d/one")) == "one\n" and read(k.h("/d/two")) == "2\n" and read(k.h("/new/x/y")) == "y\n"
    assert k.diff() == ["C /d/two", "A /new/x/z", "A /newer"], k.diff()
    k.refused("nothing was changed at /d/one", "/d/one")
    k.refused('".."', "/d/../new")
    k.commit("/d//two/", "/newer")
    assert k.diff() == ["A /new/x/z"] and k.left() == ["new", "new/x", "new/x/z"], k.left()


@with_kept
def test_strange_names(k):
    names = ["a b", "new\nline", "back\\slash", "esc\x1b[31m", "ü", b"bad-\xff\xfe".decode("utf8", "surrogateescape"), "-rf"]
    for n in names:
        k.file("/" + n, n.encode("utf8", "surrogateescape").hex())
    lines = k.diff()
    assert len(lines) == len(names) and "A /new\\012line" in lines and "A /back\\134slash" in lines, lines
    assert "A /esc\\033[31m" in lines and "A /ü" in lines and "A /bad-\\377\\376" in lines, lines
    assert len(k.json()) == len(names)
    k.commit()
    assert sorted(os.listdir(k.host)) == sorted(names)


# ---- what is refused


@with_kept
def test_conflicts(k):
    for n in ("changed", "chmod", "replaced", "removed", "deleted"):
        k.host_file("/" + n)
    k.host_file("/dir/x")
    k.host_link("a", "/link")
    k.host_file("/fine", "old\n")
    time.sleep(0.02)
    for n in ("changed", "chmod", "replaced", "removed"):
        k.file("/" + n)
    k.whiteout("/deleted")
    k.whiteout("/dir")
    k.file("/both")
    k.file("/fine", "new\n")
    os.symlink("b", k.u("/link"))
    time.sleep(0.02)
    with open(k.h("/changed"), "a") as f:
        f.write("more\n")
    os.chmod(k.h("/chmod"), 0o600)
    os.rename(k.host_file("/other"), k.h("/replaced"))
    os.unlink(k.h("/removed"))
    k.host_file("/deleted", "again\n")
    k.host_file("/dir/y")
    k.host_file("/both", "host\n")
    os.unlink(k.h("/link"))
    k.host_link("c", "/link")
    r = k.refused(["8 conflicts", "nothing was committed"])
    told = {line.split(": ")[2] for line in r.err.splitlines()[:-1]}
    assert told == {"/changed", "/chmod", "/replaced", "/removed", "/deleted", "/dir", "/both", "/link"}, r.err
    conflicts = {p for p, c in k.json().items() if "conflict" in c}
    assert conflicts == told, conflicts
    k.refused("1 conflict", "/both", "/fine")
    k.commit("/fine")
    assert read(k.h("/fine")) == "new\n"
    k.commit("--force")
    assert sorted(os.listdir(k.host)) == ["both", "changed", "chmod", "fine", "link", "removed", "replaced"]
    assert read(k.h("/both")) == "upper\n" and os.readlink(k.h("/link")) == "b" and k.left() == []


@with_kept
def test_no_conflict_when_both_did_the_same(k):
    k.host_file("/f", "old\n")
    k.file("/f", "new\n")
    k.file("/added", "both\n")
    k.whiteout_host = k.host_file("/gone")
    k.whiteout("/gone")
    k.host_file("/f", "new\n")
    k.host_file("/added", "both\n")
    os.unlink(k.h("/gone"))
    assert k.diff() == []
    k.commit()
    assert k.left() == []


@with_kept
def test_privileged_files(k):
    k.file("/setuid", mode=0o4755)
    k.file("/setgid", mode=0o2755)
    k.file("/plain", "x\n")
    os.chmod(k.u("/setuid"), 0o4755)
    k.own()
    os.chmod(k.u("/setuid"), 0o4755)
    os.chmod(k.u("/setgid"), 0o2755)
    assert "A /setuid (set-uid)" in k.diff() and "A /setgid (set-gid)" in k.diff()
    assert k.json()["/setuid"]["privileged"] is True
    k.refused(["/setuid", "set-uid", "/setgid", "2 privileged files", "--allow-privileged"])
    k.commit("/plain")
    k.commit("--allow-privileged")
    assert stat.S_IMODE(os.stat(k.h("/setuid")).st_mode) == 0o4755
    assert stat.S_IMODE(os.stat(k.h("/setgid")).st_mode) == 0o2755


@with_kept
def test_devices(k):
    k.file("/null", "")
    os.setxattr(k.u("/null"), PREFIX + "owner", f"0:0:20666:{os.makedev(1, 3)}".encode())
    assert k.diff() == ["A /null (device)"] and k.json()["/null"]["type"] == "character device"
    if k.p.user or os.geteuid() != 0:
        r = k.p.cl(*k.args("commit", "--allow-privileged", "--force"))
        assert r.code == 1 and "not permitted" in r.err, r
        return
    k.refused(["/null", "device", "--allow-privileged"])
    try:
        k.commit("--allow-privileged")
    except AssertionError as e:
        if "not permitted" in str(e):
            raise Skip("no devices can be made here")
        raise
    st = os.lstat(k.h("/null"))
    assert stat.S_ISCHR(st.st_mode) and st.st_rdev == os.makedev(1, 3) and stat.S_IMODE(st.st_mode) == 0o666


@with_kept
def test_foreign_owner_of_a_plain_user(k):
    if not k.p.user:
        return
    k.file("/f")
    os.setxattr(k.u("/f"), PREFIX + "owner", b"0:0:100644")
    k.file("/mine")
    os.setxattr(k.u("/mine"), PREFIX + "owner", b"65534:65534:100640")
    assert k.diff() == ["A /f", "A /mine"]
    k.refused(["/f", "only root"])
    k.commit("/mine")
    assert stat.S_IMODE(os.stat(k.h("/mine")).st_mode) == 0o640


@with_kept
def test_modes_that_lock_the_user_out(k):
    k.host_file("/gone")
    k.whiteout("/gone", 0)
    k.file("/secret", "s\n")
    k.file("/closed/f", "f\n")
    os.chmod(k.u("/closed/f"), 0)
    k.own()
    os.chmod(k.u("/secret"), 0)
    os.chmod(k.u("/closed"), 0)
    os.chmod(k.u("/gone"), 0)
    before = snapshot(k.root)
    assert k.diff() == ["A /closed", "A /closed/f", "D /gone", "A /secret"], k.diff()
    assert snapshot(k.root) == before, "modes were not given back"
    k.commit()
    assert stat.S_IMODE(os.stat(k.h("/closed")).st_mode) == 0 and stat.S_IMODE(os.stat(k.h("/secret")).st_mode) == 0
    assert read(k.h("/closed/f")) == "f\n" if os.geteuid() == 0 else True
    assert k.left() == [], k.left()


@with_kept
def test_hostile_notes(k):
    for name, value in (("origin", b"1:2:3"), ("origin", b"1:2:100644:5:1.5:1.9999999999"), ("whiteout", b""),
                        ("opaque", b"y"), ("redirect", b"/x"), ("owner", b"0:0:100644:5"), ("owner", b"1:2"),
                        ("owner", b"0:0:40755"), ("origin", b"x" * 5000)):
        path = k.file("/f")
        try:
            os.setxattr(path, PREFIX + name, value)
        except OSError:
            os.unlink(path)
            continue
        r = k.p.cl(*k.args("diff")) if k.own() is None else None
        assert r.code == 1 and "/f" in r.err and r.out == "", (name, value, r)
        os.unlink(path)
    for value in (b"relative", b"/../etc", b"/a/./b", b"/a//b", b"/", b"", b"/a\0b"):
        k.directory("/d")
        os.setxattr(k.u("/d"), PREFIX + "redirect", value)
        k.own()
        r = k.p.cl(*k.args("diff"))
        assert r.code == 1 and "/d" in r.err, (value, r)
        os.rmdir(k.u("/d"))


@with_kept
def test_links_lead_nowhere(k):
    """A parent that is a link on the host is a conflict, whatever the store says; one in the store is only a link."""
    outside = os.path.join(k.p.dir, "outside")
    os.makedirs(outside)
    if k.p.user:
        os.chown(outside, *k.p.user)
    k.host_link(outside, "/way")
    time.sleep(0.01)
    k.file("/way/f")
    os.symlink(outside, k.u("/link"))
    k.directory("/redirected")
    os.setxattr(k.u("/redirected"), PREFIX + "redirect", b"/way/sub")
    k.own()
    r = k.p.cl(*k.args("commit"))
    assert os.listdir(outside) == [], r
    r = k.p.cl(*k.args("commit", "--force"))
    assert os.listdir(outside) == [], r


# ---- interruption


@with_kept
def test_killed_and_again(k):
    wanted = {}
    for i in range(150):
        k.host_file(f"/d{i % 7}/f{i}", f"old {i}\n")
    for i in range(150):
        if i % 10 == 3:
            k.whiteout(f"/d{i % 7}/f{i}")
        else:
            k.file(f"/d{i % 7}/f{i}", f"new {i}\n" * 500)
            wanted[f"d{i % 7}/f{i}"] = f"new {i}\n" * 500
    for i in range(50):
        k.file(f"/new/n{i % 3}/f{i}", f"added {i}\n")
        wanted[f"new/n{i % 3}/f{i}"] = f"added {i}\n"
    k.own()
    interrupted = 0
    for delay in (0.005, 0.01, 0.015, 0.02, 0.03, 0.04):
        for sig in (signal.SIGKILL, signal.SIGINT):
            proc = subprocess.Popen(k.p.argv(*k.args("commit")), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                    text=True, cwd=k.p.dir, **k.p.options())
            time.sleep(delay)
            proc.send_signal(sig)
            out, err = proc.communicate()
            interrupted += proc.returncode != 0
            assert proc.returncode in (0, -sig, 128 + sig), (proc.returncode, out, err)
            for i in range(150):
                path = k.h(f"/d{i % 7}/f{i}")
                text = read(path) if os.path.exists(path) else None
                assert text in (f"old {i}\n", f"new {i}\n" * 500 if i % 10 != 3 else None), (i, text)
    assert interrupted, "no commit was interrupted"
    k.commit()
    found = {os.path.relpath(os.path.join(d, n), k.host): read(os.path.join(d, n))
             for d, _, files in os.walk(k.host) for n in files}
    assert found == wanted, set(found) ^ set(wanted)
    assert k.left() == [], k.left()


# ---- the store


@with_kept
def test_busy(k):
    k.file("/f")
    k.own()
    with open(k.dir + "/lock", "r+") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        for command in ("diff", "commit", "discard"):
            k.p.fails(1, [k.name, "in use"], *k.args(command))
        k.p.fails(125, [k.name, "in use"], "--store", k.store, "do", "--root", k.host, "--keep", k.name, "true")
        assert json.loads(k.p.ok("--store", k.store, "kept", "-f", "json"))[0]["busy"] is True
    assert json.loads(k.p.ok("--store", k.store, "kept", "-f", "json"))[0]["busy"] is False


@with_kept
def test_kept_lists(k):
    k.own()
    assert k.p.ok("--store", k.store, "kept", "-q") == "k\n"
    text = k.p.ok("--store", k.store, "kept")
    assert text.startswith("NAME") and "idle" in text and k.host in text, text
    with open(k.dir + "/meta.json", "w") as f:
        f.write("{")
    assert "damaged" in k.p.ok("--store", k.store, "kept")
    k.p.fails(1, "meta.json", *k.args("diff"))
    assert k.p.ok("--store", k.p.dir + "/nothing", "kept", "-q") == ""
    assert not os.path.exists(k.p.dir + "/nothing")


@with_kept
def test_names_and_other_errors(k):
    k.own()
    for name in ("", "a/b", "..", ".x", "-x", "a b", "x" * 65, "ä"):
        for command in ("diff", "commit", "discard"):
            if not name.startswith("-"):
                k.p.fails(1, "invalid name", "--store", k.store, command, name)
        k.p.fails(125, "invalid name", "--store", k.store, "do", "--keep=" + name, "true")
    for command in ("diff", "commit", "discard"):
        k.p.fails(1, ["nobody", "no kept sandbox"], "--store", k.store, command, "nobody")
        k.p.fails(1, "missing argument", "--store", k.store, command)
    k.p.fails(125, [k.host, "another name"], "--store", k.store, "do", "--keep", k.name, "true")
    k.p.fails(125, ["--keep", "--rw"], "do", "--keep", "x", "--rw", "true")
    k.p.fails(125, ["--overlay", "--ro"], "do", "--overlay", "--ro", "true")
    for size in ("", "0", "-1", "1x", "1.5G", "99999999T"):
        k.p.fails(125, "--overlay-size", "do", "--overlay", "--overlay-size=" + size, "true")
    k.p.fails(125, "--overlay-size", "do", "--ro", "--overlay-size", "1M", "true")
    os.chmod(k.store, 0o777)
    k.p.fails(1, "written to by others", *k.args("diff"))


@with_kept
def test_discard(k):
    k.file("/a/b/c")
    k.file("/x", mode=0)
    k.own()
    fd = os.open(k.root, os.O_RDONLY)
    for i in range(600):
        os.mkdir("d" * 20, dir_fd=fd)
        sub = os.open("d" * 20, os.O_RDONLY, dir_fd=fd)
        if k.p.user:
            os.fchown(sub, *k.p.user)
        os.close(fd)
        fd = sub
    os.close(fd)
    os.chmod(k.u("/a"), 0)
    os.chmod(k.u("/" + "d" * 20), 0)
    r = k.p.cl(*k.args("diff"))
    assert r.code == 1 and "deeper" in r.err, r
    k.p.ok(*k.args("discard"))
    assert os.listdir(k.store) == []
    assert os.path.isdir(k.host)
