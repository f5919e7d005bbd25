# SPDX-License-Identifier: Apache-2.0
"""Mounts of config.json: each type and option as the container sees it, compared with runc where it is installed."""
import json
import os
import pwd
import shutil
import subprocess

from cases_run import both, out, sh
from frame import Skip, plain_user, real

TABLE = "cat /proc/self/mountinfo"


def mount(p, destination, kind, *options, source=None, **more):
    p.config["mounts"].append(dict({"destination": destination, "type": kind, "source": source or kind,
                                    "options": list(options)}, **more))


def row(text, point):
    """(options, type, options of the file system) of the last mount at the point."""
    found = [line.split() for line in text.splitlines() if line.split()[4] == point]
    assert found, f"nothing is mounted on {point}: {text}"
    last = found[-1]
    dash = last.index("-")
    return last[5], last[dash + 1], last[dash + 3]


def by_runc(p):
    """The output of the same bundle under runc, or None."""
    if os.geteuid() != 0 or not shutil.which("runc") or p.user:
        return None
    r = subprocess.run(["runc", "--root", os.path.join(p.dir, "runc"), "run", "-b", p.bundle, f"native-{os.getpid()}"],
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=30)
    return r.stdout if r.returncode == 0 else None


def shared_dir(p, name="shared"):
    d = os.path.join(p.dir, name)
    os.mkdir(d)
    with open(os.path.join(d, "f"), "w") as f:
        f.write("from outside\n")
    if p.user:
        os.chown(d, *p.user)
        os.chown(os.path.join(d, "f"), *p.user)
    return d


def refused(p, words, *options, kind="tmpfs", **more):
    mount(p, "/data", kind, *options, **more)
    r = sh(p, "true")
    p.config["mounts"].pop()
    assert r.code == 125 and len(r.err.splitlines()) == 1, r
    for w in [words] if isinstance(words, str) else words:
        assert w in r.err, (w, r)


# ---- flags

# options, then what mountinfo shows of the mount and of the file system (of a tmpfs)
FLAGS = [
    ("", "rw,relatime", "rw"),
    ("ro", "ro,relatime", "ro"),
    ("ro,rw", "rw,relatime", "rw"),
    ("nosuid,nodev,noexec", "rw,nosuid,nodev,noexec,relatime", "rw"),
    ("nosuid,suid,nodev,dev,noexec,exec", "rw,relatime", "rw"),
    ("noatime", "rw,noatime", "rw"),
    ("noatime,atime", "rw,relatime", "rw"),
    ("nodiratime", "rw,nodiratime,relatime", "rw"),
    ("nodiratime,diratime", "rw,relatime", "rw"),
    ("strictatime", "rw", "rw"),
    ("strictatime,nostrictatime", "rw,relatime", "rw"),
    ("noatime,strictatime,nodiratime", "rw,nodiratime", "rw"),
    ("relatime", "rw,relatime", "rw"),
    ("norelatime", "rw,relatime", "rw"),
    ("nosymfollow", "rw,relatime,nosymfollow", "rw"),
    ("sync,dirsync", "rw,relatime", "rw,sync,dirsync"),
    ("sync,async", "rw,relatime", "rw"),
    ("lazytime", "rw,relatime", "rw,lazytime"),
    ("silent,loud,iversion,noiversion,private,rprivate,unbindable,defaults", "rw,relatime", "rw"),
]


@real
def test_mount_flags(p):
    for i, (options, _, _) in enumerate(FLAGS):
        mount(p, f"/t{i}", "tmpfs", *filter(None, options.split(",")))
        mount(p, f"/b{i}", "bind", "bind", *filter(None, options.split(",")), source=p.dir)
    text, native = out(p, TABLE), by_runc(p)
    for i, (options, flags, super_flags) in enumerate(FLAGS):
        got = row(text, f"/t{i}")
        assert (got[0], got[2]) == (flags, super_flags), (options, got)
        assert row(text, f"/b{i}")[0] == flags, (options, row(text, f"/b{i}"))
        if native:
            assert row(native, f"/t{i}") == got, (options, row(native, f"/t{i}"), got)
            assert row(native, f"/b{i}")[0] == flags, (options, row(native, f"/b{i}"))


@real
def test_mount_tmpfs_options(p):
    cases = ["size=100k", "mode=700", "size=1m,nr_inodes=10k,mode=1770", "uid=7,gid=8,mode=750", "size=4097", "mode=0"]
    for i, options in enumerate(cases):
        mount(p, f"/t{i}", "tmpfs", *options.split(","))
    text, native = out(p, TABLE), by_runc(p)
    wanted = ["rw,size=100k", "rw,mode=700", "rw,size=1024k,nr_inodes=10240,mode=1770", "rw,mode=750,uid=7,gid=8",
              "rw,size=8k", "rw,mode=000"]
    for i, w in enumerate(wanted):
        assert row(text, f"/t{i}")[2] == w, (cases[i], row(text, f"/t{i}"))
        if native:
            assert row(native, f"/t{i}")[2].replace(",inode64", "") == w, (cases[i], row(native, f"/t{i}"))


@both
def test_mount_tmpfs_behaves(p):
    mount(p, "/data", "tmpfs", "nr_inodes=4", "uid=0", "gid=0", "mode=711")
    r = sh(p, "stat -c '%a %u %g' /data; touch /data/1 /data/2 /data/3 /data/4")
    assert r.out == "711 0 0\n" and "No space left" in r.err, r
    p.config["mounts"][-1]["options"] = ["size=50%"]
    assert out(p, "echo x > /data/f; cat /data/f") == "x\n"
    p.config["mounts"][-1]["options"] = ["huge=nonsense"]
    r = sh(p, "true")
    assert r.code == 125 and "huge=nonsense" in r.err and "/data" in r.err, r


@real
def test_mount_devpts_options(p):
    mount(p, "/dev/pts", "devpts", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5")
    text, native = out(p, TABLE), by_runc(p)
    assert row(text, "/dev/pts")[2] == "rw,gid=5,mode=620,ptmxmode=666", row(text, "/dev/pts")
    if native:
        assert row(native, "/dev/pts") == row(text, "/dev/pts"), native
    mount(p, "/dev/pts", "devpts", "uid=7")
    assert row(out(p, TABLE), "/dev/pts")[2] == "rw,uid=7,mode=600,ptmxmode=000"


@both
def test_mount_option_errors(p):
    where = "mounts[4].options[0]"
    refused(p, [where, '"wobbly"'], "wobbly")
    refused(p, [where, '"wobbly=1"'], "wobbly=1")
    refused(p, ["mounts[4].options[1]", '"mode=9"'], "ro", "mode=9")
    refused(p, [where, '"size=lots"'], "size=lots")
    refused(p, [where, '"size=x%"'], "size=x%")
    refused(p, [where, '"uid=-1"'], "uid=-1")
    refused(p, [where, '"nr_inodes=5,mode=777"'], "nr_inodes=5,mode=777")
    refused(p, [where, '"rshared"', "outside"], "rshared", kind="bind", source=p.dir)
    refused(p, [where, '"shared"'], "shared")
    refused(p, [where, '"remount"'], "remount", "bind", kind="bind", source=p.dir)
    refused(p, [where, '"hidepid=2"', "proc"], "hidepid=2", kind="proc")
    refused(p, [where, '"max=5"', "devpts"], "max=5", kind="devpts")
    refused(p, [where, '"size=4k"', "bind"], "size=4k", kind="bind", source=p.dir)
    refused(p, [where, '"tmpcopyup"'], "tmpcopyup", kind="bind", source=p.dir)
    refused(p, ["mounts[4].type", '"ext4"'], kind="ext4")
    refused(p, ["mounts[4]", "id-mapped"], "idmap")
    refused(p, ["mounts[4].source", "/not/there"], kind="bind", source="/not/there")
    refused(p, ["mounts[4].source", "not/there"], kind="bind", source="not/there")
    refused(p, ["mounts[4].source", "window"], kind="bind", source="/proc/self")
    p.nothing_left()


# ---- binds


@both
def test_mount_binds_of_all_kinds(p):
    d = shared_dir(p)
    relative = os.path.relpath(d, p.bundle)
    mount(p, "/data/dir", "bind", "bind", source=relative)
    mount(p, "/data/deep/er/file", "bind", "bind", source=os.path.join(d, "f"))
    mount(p, "/data/none", "none", "rbind", source=d)
    p.config["mounts"].append({"destination": "/data/untyped", "source": d, "options": ["bind"]})
    assert out(p, "cat /data/dir/f /data/deep/er/file /data/none/f /data/untyped/f") == "from outside\n" * 4
    assert os.path.isdir(os.path.join(p.rootfs, "data/dir")), "made in the writable root, as runc does"
    assert os.path.isfile(os.path.join(p.rootfs, "data/deep/er/file"))


@both
def test_mount_points_below_a_readonly_root(p):
    d = shared_dir(p)
    p.config["root"]["readonly"] = True
    mount(p, "/not/there/before", "bind", "bind", source=d)
    mount(p, "/nor/this", "tmpfs")
    r = sh(p, "cat /not/there/before/f; echo x > /not/there/before/g; echo y > /nor/this/h; cat /nor/this/h; "
              "echo z > /not/i")
    assert r.out == "from outside\ny\n" and r.err.count("Read-only") == 1, r
    assert sorted(os.listdir(d)) == ["f", "g"] and not os.path.exists(os.path.join(p.rootfs, "not")), os.listdir(d)


@both
def test_mount_destination_links_stay_inside(p):
    """A link of the image that leads out of its root leads to the root's own files instead."""
    d = shared_dir(p)
    os.makedirs(os.path.join(p.rootfs, "inner"))
    trap = os.path.join(p.dir, "trap")
    os.mkdir(trap)
    for name, target in (("abs", "/inner"), ("up", "../../../../../../../../inner"), ("gone", "/not/../made/for/it"), ("out", trap)):
        os.symlink(target, os.path.join(p.rootfs, "data", name))
        mount(p, f"/data/{name}/here", "bind", "bind", source=d)
        text = out(p, f"cat /data/{name}/here/f; cat {os.path.normpath(os.path.join('/data', target))}/here/f")
        assert text == "from outside\n" * 2, (name, text)
        p.config["mounts"].pop()
    assert os.listdir(trap) == [], "made outside of the root"
    os.symlink("round", os.path.join(p.rootfs, "data/round"))
    mount(p, "/data/round/x", "tmpfs")
    r = sh(p, "true")
    assert r.code == 125 and "/data/round/x" in r.err and "Too many levels" in r.err, r
    p.config["mounts"].pop()
    os.symlink("/inner/late", os.path.join(p.rootfs, "data/last"))
    mount(p, "/data/last", "tmpfs")
    assert " /inner/late " in out(p, TABLE)


@both
def test_mounts_in_their_order(p):
    d = shared_dir(p)
    mount(p, "/data", "tmpfs")
    mount(p, "/data/in", "bind", "bind", source=d)
    mount(p, "/data/in/side", "tmpfs", "ro")
    assert out(p, "cat /data/in/f; ls /data /data/in") == "from outside\n/data:\nin\n\n/data/in:\nf\nside\n"
    p.config["mounts"][-3:] = [p.config["mounts"][-2], p.config["mounts"][-3]]
    assert out(p, "ls -A /data; echo end") == "end\n", "the later mount covers the earlier one"


@real
def test_mount_inherits_the_hosts_flags(p):
    """A bind without options has what its source has; ro and noexec of the host stay in any case."""
    script = os.path.join(p.dir, "hosted")
    os.mkdir(script)
    mount(p, "/plain", "bind", "bind", source=script)
    mount(p, "/given", "bind", "bind", "nosuid", source=script)
    p.write(args=["/bin/sh", "-c", TABLE])
    wrapped = ["unshare", "-m", "sh", "-c", f"mount -t tmpfs -o nodev,noexec,noatime x {script} && exec \"$@\"", "sh"]
    r = subprocess.run(wrapped + p.argv("run", "-b", p.bundle, "a"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, text=True, timeout=30)
    if os.geteuid() != 0:
        raise Skip("needs root")
    assert r.returncode == 0, r
    assert row(r.stdout, "/plain")[0] == "rw,nodev,noexec,noatime", row(r.stdout, "/plain")
    assert row(r.stdout, "/given")[0] == "rw,nosuid,noexec,relatime", row(r.stdout, "/given")


@real
def test_mount_recursive_attributes(p):
    if os.geteuid() != 0:
        raise Skip("needs root")
    top = os.path.join(p.dir, "top")
    os.makedirs(os.path.join(top, "sub"))
    cases = [("ro", "ro,relatime", "rw,relatime"), ("rro", "ro,relatime", "ro,relatime"),
             ("ro,rrw", "rw,relatime", "rw,relatime"),
             ("rnosuid,rnodev,rnoexec", "rw,nosuid,nodev,noexec,relatime", "rw,nosuid,nodev,noexec,relatime"),
             ("rnoatime,rnodiratime", "rw,noatime,nodiratime", "rw,noatime,nodiratime"),
             ("rstrictatime,rnosymfollow", "rw,nosymfollow", "rw,nosymfollow"),
             ("noexec", "rw,noexec,relatime", "rw,relatime")]
    for i, (options, _, _) in enumerate(cases):
        mount(p, f"/r{i}", "bind", "rbind", *options.split(","), source=top)
    mount(p, "/one", "bind", "bind", "rro", source=top)
    p.write(args=["/bin/sh", "-c", TABLE + "; echo x > /r0/sub/f; echo x > /r1/sub/f"])
    wrapped = ["unshare", "-m", "sh", "-c", f"mount -t tmpfs x {top}/sub && exec \"$@\"", "sh"]
    r = subprocess.run(wrapped + p.argv("run", "-b", p.bundle, "a"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, text=True, timeout=30)
    assert r.stderr.count("Read-only") == 1, r
    for i, (options, above, below) in enumerate(cases):
        got = row(r.stdout, f"/r{i}")[0], row(r.stdout, f"/r{i}/sub")[0]
        assert got == (above, below), (options, got)
    assert " /one/sub " not in r.stdout, "bind takes one mount"


@both
def test_mount_strict_times(p):
    d = shared_dir(p)
    old = 1000000000
    os.utime(os.path.join(d, "f"), (old, old + 10))
    for option, moved in (("noatime", False), ("strictatime", True)):
        os.utime(os.path.join(d, "f"), (old, old - 10))
        mount(p, "/data", "bind", "bind", option, source=d)
        out(p, "cat /data/f")
        p.config["mounts"].pop()
        if option == "strictatime" and p.user:
            continue  # a plain user's mounts keep the host's
        got = os.stat(os.path.join(d, "f")).st_atime != old
        if option == "strictatime" or not p.user:
            assert got == moved, option


@both
def test_mount_copies_up(p):
    os.makedirs(os.path.join(p.rootfs, "data/sub/deep"))
    with open(os.path.join(p.rootfs, "data/file"), "w") as f:
        f.write("x" * 100000)
    with open(os.path.join(p.rootfs, "data/sub/deep/exe"), "w") as f:
        f.write("#!/bin/sh\necho ran\n")
    os.chmod(os.path.join(p.rootfs, "data/sub/deep/exe"), 0o751)
    os.chmod(os.path.join(p.rootfs, "data/sub"), 0o2710)
    os.symlink("sub/deep", os.path.join(p.rootfs, "data/link"))
    os.mkfifo(os.path.join(p.rootfs, "data/fifo"), 0o640)
    os.utime(os.path.join(p.rootfs, "data/file"), (1, 2))
    if p.user:
        for top, dirs, files in os.walk(os.path.join(p.rootfs, "data")):
            for name in dirs + files:
                os.lchown(os.path.join(top, name), *p.user)
        os.chmod(os.path.join(p.rootfs, "data/sub"), 0o2710)
    os.chmod(os.path.join(p.rootfs, "data"), 0o711)
    mount(p, "/data", "tmpfs", "tmpcopyup")
    text = out(p, "wc -c < /data/file; /data/link/exe; stat -c '%a %F' /data /data/sub /data/link/exe /data/fifo; "
                  "stat -c %Y /data/file; rm -r /data/sub /data/file; ls /data")
    assert text.replace("named pipe", "fifo") == ("100000\nran\n711 directory\n2710 directory\n751 regular file\n640 fifo\n2\nfifo\nlink\n"), text
    assert os.path.exists(os.path.join(p.rootfs, "data/file")), "the original stays"
    p.config["mounts"][-1]["options"] = ["tmpcopyup", "size=8k"]
    r = sh(p, "true")
    assert r.code == 125 and "/data" in r.err and "No space left" in r.err, r
    p.config["mounts"][-1].update(destination="/not/there", options=["tmpcopyup"])
    assert out(p, "ls -A /not/there; echo end") == "end\n"


# ---- ids


def id_map(*ranges):
    return [{"containerID": c, "hostID": h, "size": n} for c, h, n in ranges]


def own(path, uid, gid=None):
    os.lchown(path, uid, uid if gid is None else gid)


@real
def test_mount_id_mapped(p):
    if os.geteuid() != 0:
        raise Skip("needs root")
    d = shared_dir(p)
    for name, uid in (("root", 0), ("user", 1000), ("other", 5000)):
        with open(os.path.join(d, name), "w"):
            pass
        own(os.path.join(d, name), uid)
    own(d, 1000)
    maps = id_map((0, 2000, 1), (1000, 0, 1))
    mount(p, "/data", "bind", "bind", source=d, uidMappings=maps, gidMappings=maps)
    script = "stat -c '%n %u %g' /data/root /data/user /data/other; "
    r = sh(p, script)
    if "does not know id-mapped" in r.err:
        raise Skip(r.err)
    assert r.out == "/data/root 2000 2000\n/data/user 0 0\n/data/other 65534 65534\n", r
    out(p, "echo x > /data/new", user={"uid": 0, "gid": 0})
    assert os.stat(os.path.join(d, "new")).st_uid == 1000, "made by 0, which is 1000 of the file system"
    p.config["mounts"][-1].update(options=["bind", "idmap"])
    assert out(p, script) == r.out
    del p.config["mounts"][-1]["gidMappings"]
    r = sh(p, "true")
    assert r.code == 125 and "mounts[4].gidMappings" in r.err, r
    del p.config["mounts"][-1]["uidMappings"]
    r = sh(p, "true")
    assert r.code == 125 and "mounts[4]" in r.err and "idmap" in r.err, r


@real
def test_mount_id_mapped_by_the_containers_map(p):
    """With idmap alone a volume owned by the host's root is the container's root's, though that is 100000 outside."""
    if os.geteuid() != 0:
        raise Skip("needs root")
    d = shared_dir(p)
    for top, dirs, files in os.walk(p.rootfs):
        for name in dirs + files:
            own(os.path.join(top, name), 100000)
    own(p.rootfs, 100000)
    maps = id_map((0, 100000, 65536))
    p.config["linux"].update(uidMappings=maps, gidMappings=maps)
    p.config["linux"]["namespaces"].append({"type": "user"})
    mount(p, "/data", "bind", "rbind", "ridmap", source=d)
    mount(p, "/mapped-not", "bind", "bind", source=d)
    r = sh(p, "stat -c %u /data/f /mapped-not/f; echo x > /data/new; stat -c %u /data/new")
    if "does not know id-mapped" in r.err:
        raise Skip(r.err)
    assert r.out == "0\n65534\n0\n", r
    assert os.stat(os.path.join(d, "new")).st_uid == 0


@real
def test_several_id_ranges(p):
    if os.geteuid() != 0:
        raise Skip("needs root")
    for top, dirs, files in os.walk(p.rootfs):
        for name in dirs + files:
            own(os.path.join(top, name), 100000)
    own(p.rootfs, 100000)
    for name, uid in (("a", 100000), ("b", 200005), ("c", 300000), ("d", 0)):
        path = os.path.join(p.rootfs, "data", name)
        with open(path, "w"):
            pass
        own(path, uid)
        os.chmod(path, 0o600)
    maps = id_map((0, 100000, 1000), (1000, 200000, 1000), (70000, 300000, 1))
    p.config["linux"].update(uidMappings=maps, gidMappings=maps)
    p.config["linux"]["namespaces"].append({"type": "user"})
    text = out(p, "stat -c '%u %g' /data/a /data/b /data/c /data/d; cat /data/d 2>/dev/null || echo refused; "
                  "touch /data/new; cat /proc/self/uid_map /proc/self/gid_map | tr -s ' '")
    assert text == "0 0\n1005 1005\n70000 70000\n65534 65534\nrefused\n" + \
        " 0 100000 1000\n 1000 200000 1000\n 70000 300000 1\n" * 2, text
    assert os.stat(os.path.join(p.rootfs, "data/new")).st_uid == 100000
    out(p, "touch /tmp/f; stat -c %u /tmp/f", user={"uid": 1005, "gid": 1005})
    r = sh(p, "busybox chown 2000:2000 /data/new")
    assert r.code != 0 and "Invalid argument" in r.err, r
    r = sh(p, "true", user={"uid": 2000, "gid": 0})
    assert r.code != 0 and "2000" in r.err, r


@real
def test_id_ranges_of_a_plain_user(p):
    """By newuidmap, which reads /etc/subuid: shown our own one in a mount namespace."""
    if os.geteuid() != 0 or not shutil.which("newuidmap") or not os.path.exists("/etc/subuid") \
            or not os.path.exists("/etc/subgid"):
        raise Skip("needs root, newuidmap, /etc/subuid and /etc/subgid")
    uid, gid = plain_user()
    table = os.path.join(p.dir, "subids")
    with open(table, "w") as f:
        f.write("".join(f"{name}:500000:65536\n" for name in (pwd.getpwuid(uid).pw_name, uid)))
    for top, dirs, files in os.walk(p.dir):
        for name in dirs + files:
            own(os.path.join(top, name), uid, gid)
    own(p.dir, uid, gid)
    p.config["linux"].update(uidMappings=id_map((0, uid, 1), (1, 500000, 65535)), gidMappings=id_map((0, gid, 1), (1, 500000, 65535)))
    p.config["linux"]["namespaces"].append({"type": "user"})
    caps = ["CAP_CHOWN", "CAP_SETUID", "CAP_SETGID", "CAP_DAC_OVERRIDE"]
    p.write(args=["/bin/sh", "-c", "id -u; touch /data/a /data/b /data/c; busybox chown 33:33 /data/b; "
                                   "stat -c %u:%g /data/a /data/b; "
                                   "busybox chown 70000 /data/c; tr -s ' ' < /proc/self/uid_map"],
            capabilities={"bounding": caps, "effective": caps, "permitted": caps})
    wrapped = ["unshare", "-m", "sh", "-c", f"mount --bind {table} /etc/subuid && mount --bind {table} /etc/subgid && "
               f"exec setpriv --reuid {uid} --regid {gid} --clear-groups \"$@\"", "sh"]
    r = subprocess.run(wrapped + p.argv("run", "-b", p.bundle, "a"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, text=True, timeout=30)
    assert r.stdout == f"0\n0:0\n33:33\n 0 {uid} 1\n 1 500000 65535\n", r
    assert "Invalid argument" in r.stderr, r
    st = os.stat(os.path.join(p.rootfs, "data/b"))
    assert (st.st_uid, st.st_gid) == (500032, 500032), st
    os.chmod(os.path.join(p.rootfs, "data"), 0o777)
    p.write(args=["/bin/touch", "/data/theirs"], user={"uid": 1000, "gid": 1000})
    subprocess.run(wrapped + p.argv("run", "-b", p.bundle, "a"), stdin=subprocess.DEVNULL, check=True, timeout=30)
    assert os.stat(os.path.join(p.rootfs, "data/theirs")).st_uid == 500999


# ---- devices


def device(p, path, kind, major=None, minor=None, **more):
    d = dict({"path": path, "type": kind}, **more)
    if major is not None:
        d.update(major=major, minor=minor)
    p.config["linux"].setdefault("devices", []).append(d)


@real
def test_listed_devices(p):
    device(p, "/dev/fuse", "c", 10, 229, fileMode=0o660, uid=3, gid=4)
    device(p, "/dev/net/tun", "c", 10, 200)
    device(p, "/dev/net/other", "u", 10, 201)
    device(p, "/dev/sda", "b", 8, 0, fileMode=0o640)
    device(p, "/dev/pipe", "p", fileMode=0o600)
    device(p, "/dev/zero", "c", 1, 5, fileMode=0o600)
    device(p, "/data/null", "c", 1, 3)
    text = out(p, "stat -c '%n %F %a %u %g %t:%T' /dev/fuse /dev/net/tun /dev/sda /dev/pipe /dev/zero /data/null; ls /dev/net; "
                  "stat -c %a /dev; ls /dev | grep -c zero; head -c 3 /dev/zero | wc -c; echo x > /data/null; wc -c < /data/null; "
                  "(echo through > /dev/pipe &) ; cat /dev/pipe")
    assert text.replace("named pipe", "fifo") == (
        "/dev/fuse character special file 660 3 4 a:e5\n/dev/net/tun character special file 666 0 0 a:c8\n"
        "/dev/sda block special file 640 0 0 8:0\n/dev/pipe fifo 600 0 0 0:0\n/dev/zero character special file 600 0 0 1:5\n"
        "/data/null character special file 666 0 0 1:3\nother\ntun\n755\n1\n3\n0\nthrough\n"), text
    r = sh(p, "cat /dev/net/tun; cat /dev/sda; cat /dev/fuse; true")
    assert r.err.count("No such device or address") == 2 and r.err.count("Permission denied") == 1, r
    del p.config["linux"]["devices"]
    for bad, words in (({"path": "dev/x", "type": "c", "major": 1, "minor": 3}, "linux.devices[0].path"),
                       ({"path": "/dev/x", "type": "z", "major": 1, "minor": 3}, "linux.devices[0].type"),
                       ({"path": "/dev/x", "type": "c", "major": 1}, "linux.devices[0].minor"),
                       ({"path": "/dev/x", "type": "c", "minor": 1}, "linux.devices[0].major"),
                       ({"path": "/dev/x", "type": "c", "major": 1, "minor": 1 << 20}, "linux.devices[0]"),
                       ({"type": "c", "major": 1, "minor": 3}, "linux.devices[0].path")):
        p.config["linux"]["devices"] = [bad]
        r = sh(p, "true")
        assert r.code == 125 and words in r.err, (bad, r)


@both
def test_default_devices(p):
    text = out(p, "for d in null zero full random urandom tty; do stat -c '%n %a %t:%T' /dev/$d; done; ls -l /dev/fd /dev/stdin | wc -l")
    assert text == ("/dev/null 666 1:3\n/dev/zero 666 1:5\n/dev/full 666 1:7\n/dev/random 666 1:8\n/dev/urandom 666 1:9\n"
                    "/dev/tty 666 5:0\n2\n"), text


@both
def test_bound_devices(p):
    """A device of the host that is bound is the container's own of that number: never the host's."""
    mount(p, "/data/null", "bind", "bind", source="/dev/null")
    mount(p, "/data/zero", "bind", "bind", "nodev", source="/dev/zero")
    r = sh(p, "stat -c '%F %t:%T' /data/null; echo x > /data/null && wc -c < /data/null; head -c1 /data/zero")
    assert r.out == "character special file 1:3\n0\n" and "Permission denied" in r.err, r


# ---- covers, propagation, features


@both
def test_covers_in_corners(p):
    """Covers come on top of all mounts, follow no link out, and take files as they take directories."""
    d = shared_dir(p)
    mount(p, "/data", "bind", "bind", source=d)
    os.symlink("/data/f", os.path.join(p.rootfs, "etc/link"))
    p.config["linux"]["maskedPaths"] = ["/data/f", "/proc/kcore", "/sys/firmware"]
    p.config["linux"]["readonlyPaths"] = ["/data", "/proc/sys", "/proc/sys/kernel"]
    r = sh(p, "wc -c < /data/f; wc -c < /etc/link; stat -c '%F %t:%T' /data/f; echo x > /data/g; "
              "echo x > /proc/sys/kernel/hostname; ls /sys/firmware | wc -l; ls /proc/kcore")
    assert r.err.count("Read-only") == 2, r
    assert r.out.startswith("0\n0\ncharacter special file 1:3\n0\n"), r
    with open(os.path.join(d, "f")) as f:
        assert f.read() == "from outside\n"


@both
def test_root_propagation(p):
    for word in ("", "private", "rprivate", "unbindable"):
        p.config["linux"]["rootfsPropagation"] = word
        assert sh(p, "true").err == "", word
    p.config["linux"]["rootfsPropagation"] = "rslave"
    r = sh(p, "true")
    assert r.code == 0 and "rootfsPropagation" in r.err, r
    for word in ("rshared", "sideways"):
        p.config["linux"]["rootfsPropagation"] = word
        r = sh(p, "true")
        assert r.code == 125 and "linux.rootfsPropagation" in r.err and word in r.err, r


@real
def test_features_tell_the_mount_options(p):
    told = json.loads(p.ok("features"))
    assert {"bind", "rbind", "rro", "nosymfollow", "tmpcopyup", "idmap", "ridmap", "noatime"} <= set(told["mountOptions"]), told
    assert not {"shared", "rshared", "remount"} & set(told["mountOptions"]), told
    assert told["linux"]["mountExtensions"]["idmap"]["enabled"] is True
