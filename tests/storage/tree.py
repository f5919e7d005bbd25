# SPDX-License-Identifier: Apache-2.0
"""A directory tree as a dictionary, so that two can be compared bit by bit with all their metadata."""
import hashlib
import os
import stat


def _content(path, st):
    if stat.S_ISLNK(st.st_mode):
        return os.readlink(path)
    if not stat.S_ISREG(st.st_mode):
        return st.st_rdev if stat.S_ISBLK(st.st_mode) or stat.S_ISCHR(st.st_mode) else None
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        while chunk := f.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _xattrs(path):
    try:
        return {n: os.getxattr(path, n, follow_symlinks=False) for n in sorted(os.listxattr(path, follow_symlinks=False))}
    except OSError:
        return {}


def read(top, times=True, skip=()):
    """{path: what it is}; hard links by the first of their names. skip: paths that are left out with all below."""
    found, first = {}, {}
    for directory, dirs, files in os.walk(top):
        dirs.sort()
        for name in sorted(dirs + files):
            path = os.path.join(directory, name)
            relative = os.path.relpath(path, top)
            if relative in skip:
                if name in dirs:
                    dirs.remove(name)
                continue
            st = os.lstat(path)
            is_dir = stat.S_ISDIR(st.st_mode)
            found[relative] = {
                "mode": oct(st.st_mode), "owner": (st.st_uid, st.st_gid), "size": None if is_dir else st.st_size,
                "links": None if is_dir else st.st_nlink, "content": None if is_dir else _content(path, st),
                "same file as": None if is_dir else first.setdefault((st.st_dev, st.st_ino), relative),
                "mtime": st.st_mtime_ns if times else None, "xattrs": _xattrs(path)}
    return found


def differences(a, b):
    """Lines of text, none when the trees are the same."""
    lines = [f"only in the first: {p}" for p in sorted(a.keys() - b.keys())]
    lines += [f"only in the second: {p}" for p in sorted(b.keys() - a.keys())]
    for path in sorted(a.keys() & b.keys()):
        for key, value in a[path].items():
            if value != b[path][key]:
                lines.append(f"{path}: {key}: {value} and {b[path][key]}")
    return lines
