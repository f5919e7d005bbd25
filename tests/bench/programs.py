# SPDX-License-Identifier: Apache-2.0
"""Whole programs that live on files. The host's /usr is mounted read-only, a work directory writable; the
programs are timed from inside, without the start of the container, and their median is taken.

`do` is a column of its own here: the same programs in `cloister do`, which shows the host's root itself."""
import json
import os
import shutil
import statistics
import subprocess

from runtimes import Native, Unusable, attempt, build_micro, cloister_command, write_config

LIMIT = 300  # seconds for all programs once
MODULES = ("argparse asyncio base64 collections csv datetime decimal email.parser hashlib http.client inspect json "
           "logging multiprocessing pickle shutil sqlite3 tarfile urllib.request xml.dom.minidom")
# OUT is a writable directory; the working directory holds `repo` (20,000 files) and `few` (2,000).
PROGRAMS = {
    "find_usr": "find /usr > /dev/null",
    "find_usr_stat": "find /usr -newer /etc/passwd > /dev/null",
    "git_status": "git -C repo --no-optional-locks status > /dev/null",
    "python_20_imports": "python3 -c 'import " + MODULES.replace(" ", ", ") + "'",
    "cp_2000": "cp -r few $OUT/copy && rm -r $OUT/copy",
    "tar_usr_share": "tar cf - /usr/share/doc 2> /dev/null | cat > /dev/null",
    "grep_r": "grep -r no-such-word /usr/include repo/0 > /dev/null; :",
}
CAPS = ["CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_CHOWN"]


def make_files(top, n, in_each=100):
    for i in range(n):
        d = os.path.join(top, str(i // in_each))
        os.makedirs(d, exist_ok=True)
        with open(os.path.join(d, f"file{i}.c"), "w", encoding="utf-8") as f:
            f.write(f"int number_{i}(void)\n{{\n    return {i};\n}}\n" * 8)


def make_work(top, wanted):
    """The work directory; what is not needed for the wanted programs stays empty."""
    work = os.path.join(top, "work")
    repo = os.path.join(work, "repo")
    make_files(os.path.join(work, "few"), 2000)
    os.makedirs(os.path.join(work, "out"))
    make_files(repo, 20000 if "git_status" in wanted else 100)
    if "git_status" in wanted:
        name = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"]
        for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "files"]):
            subprocess.run(["git", "-C", repo, "-c", "safe.directory=*"] + name + words, check=True)
    return work


def make_bundle(top, work, name="programs"):
    """The host's programs below /usr; what is linked there in its root is linked there in ours."""
    bundle = os.path.join(top, name)
    rootfs = os.path.join(bundle, "rootfs")
    for d in ("bench", "dev", "etc", "proc", "sys", "tmp", "usr", "work"):
        os.makedirs(os.path.join(rootfs, d))
    for name in ("bin", "lib", "lib64", "sbin"):
        if os.path.islink("/" + name):
            os.symlink(os.readlink("/" + name), os.path.join(rootfs, name))
    build_micro(os.path.join(rootfs, "bench/micro"))
    shutil.copy(os.path.join(rootfs, "bench/micro"), os.path.join(work, "micro"))
    return bundle, [("/usr", "/usr", False), ("/etc", "/etc", False), (work, "/work", True)]


def command(micro, out, names, rounds):
    """Runs inside: for each program one line, its name and nanoseconds."""
    env = f"export OUT={out} GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'; "
    return ["/bin/sh", "-c", env + "; ".join(
        f"echo {n} $({micro} -r {rounds} /bin/sh -c {json.dumps(PROGRAMS[n]).replace('$', chr(92) + '$')})" for n in names)]


def run_one(r, bundle, binds, work, names, rounds):
    if r.name == "do":
        argv = [cloister_command(), "do", "--"] + command("./micro", "/tmp", names, rounds)
    elif isinstance(r, Native):
        argv = command("./micro", os.path.join(work, "out"), names, rounds)
    else:
        write_config(bundle, command("./micro", "/work/out", names, rounds), binds, "/work", CAPS)
        argv = r.argv(bundle=bundle)
    run = attempt(argv, LIMIT, work)
    found = {}
    for line in run.stdout.decode(errors="replace").splitlines():
        words = line.split()
        if len(words) == 2:
            found[words[0]] = float(words[1])
    missing = [n for n in names if n not in found]
    error = f"{' '.join(missing)}: status {run.returncode} " + run.stderr.decode(errors="replace")[-200:].strip()
    return found, error if missing else ""


class Do:
    name = "do"


def programs(found, rounds, names, notes, top):
    """{program: {runtime: ns}}"""
    missing = [p for p in ("git", "python3", "find", "tar", "grep") if not shutil.which(p)]
    if missing:
        raise Unusable("not installed: " + " ".join(missing))
    work = make_work(top, names)
    bundle, binds = make_bundle(top, work)
    values = {n: {} for n in names}
    columns = found + ([Do()] if any(r.name == "cloister" for r in found) else [])
    for _ in range(rounds):
        for r in columns:
            times, error = run_one(r, bundle, binds, work, names, 3)
            if error:
                notes[r.name] = (notes.get(r.name, "") + " programs: " + error).strip()
            for name, value in times.items():
                values[name].setdefault(r.name, []).append(value)
    return {n: {c: statistics.median(v) for c, v in by.items()} for n, by in values.items()}
