# SPDX-License-Identifier: Apache-2.0
"""Makes a tree with everything an archive has to carry. usage: make_tree.py DIRECTORY"""
import os
import random
import subprocess
import sys

top = sys.argv[1]
r = random.Random(7)
os.makedirs(top)
dirs = [top]
for i in range(40):
    d = os.path.join(r.choice(dirs), f"dir {i}" if i % 5 else f"d\xe4{i}\n")
    os.mkdir(d)
    dirs.append(d)
files = []
for i in range(400):
    path = os.path.join(r.choice(dirs), f"f{i}")
    with open(path, "wb") as f:
        f.write(r.randbytes(r.choice((0, 1, 511, 4096, 70000))))
        if i % 20 == 0:
            f.truncate(3 << 20)  # a hole to the end
    os.chmod(path, r.choice((0o644, 0o600, 0o755, 0o4755, 0o2711, 0)))
    files.append(path)
for i in range(40):
    os.link(r.choice(files), os.path.join(r.choice(dirs), f"hard{i}"))
    os.symlink(r.choice(("/etc/passwd", "nowhere", "../..", "x" * 200)), os.path.join(r.choice(dirs), f"sym{i}"))
for i in range(6):
    os.mkfifo(os.path.join(r.choice(dirs), f"fifo{i}"), 0o640)
for path in files[::7]:
    os.setxattr(path, "user.note", r.randbytes(r.randrange(1, 200)))
for path in files[::11]:
    subprocess.run(["setfacl", "-m", "u:33:rw,g:42:r", path], check=True)
subprocess.run(["setfacl", "-d", "-m", "u:33:rwx", dirs[3]], check=True)
for path in files[::5]:
    keep = os.stat(path).st_mode
    os.chown(path, r.randrange(2000), r.randrange(2000))
    os.chmod(path, keep & 0o7777)
os.chmod(dirs[5], 0o1777)
os.chmod(dirs[6], 0o2775)
for directory, below, names in os.walk(top, topdown=False):
    # Links to directories are among those below.
    for path in [os.path.join(directory, n) for n in sorted(names + below)] + [directory]:
        os.utime(path, ns=(10 ** 18 + r.randrange(10 ** 15), 10 ** 18 + r.randrange(10 ** 15)), follow_symlinks=False)
