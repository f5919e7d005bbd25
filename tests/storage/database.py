# SPDX-License-Identifier: Apache-2.0
"""A database whose writer is killed again and again. usage: database.py FILE MODE ROUNDS | database.py --check FILE COUNT

Each time the file must be intact, and what was said to be committed must be in it.
"""
import os
import random
import signal
import sqlite3
import sys
import time


def writer(path, mode, pipe):
    db = sqlite3.connect(path, isolation_level=None)
    db.execute(f"pragma journal_mode={mode}")
    db.execute("pragma synchronous=normal")
    number = db.execute("select coalesce(max(n), 0) from t").fetchone()[0]
    while True:
        number += 1
        db.execute("begin immediate")
        for i in range(20):
            db.execute("insert into t values (?, ?, ?)", (number, i, os.urandom(400)))
        db.execute("delete from t where n < ?", (number - 200,))
        db.execute("commit")
        os.write(pipe, number.to_bytes(8, "little"))


def check(path, committed):
    db = sqlite3.connect(path)
    word = db.execute("pragma integrity_check").fetchone()[0]
    last = db.execute("select coalesce(max(n), 0) from t").fetchone()[0]
    torn = db.execute("select count(*) from (select n from t group by n having count(*) != 20)").fetchone()[0]
    db.close()
    return word == "ok" and last >= committed and torn == 0, f"{word}, committed {committed}, found {last}, torn {torn}"


def main():
    if sys.argv[1] == "--check":
        print(*check(sys.argv[2], int(sys.argv[3])))
        return
    path, mode, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    db = sqlite3.connect(path)
    db.execute("create table if not exists t (n integer, i integer, b blob)")
    db.execute("create index if not exists t_n on t (n)")
    db.commit()
    db.close()
    committed = bad = 0
    for _ in range(rounds):
        r, w = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(r)
            try:
                writer(path, mode, w)
            finally:
                os._exit(1)
        os.close(w)
        time.sleep(random.uniform(0.05, 0.4))
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        with os.fdopen(r, "rb") as f:
            said = f.read()
        if said:
            committed = int.from_bytes(said[-8:], "little")
        good, text = check(path, committed)
        if not good or status != signal.SIGKILL:
            bad += 1
            print(f"status {status}: {text}", flush=True)
    print("intact" if not bad and committed else f"bad {bad}, committed {committed}")


main()
