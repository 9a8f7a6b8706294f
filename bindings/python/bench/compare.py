"""Stratum beside py-lmdb and sqlite3: the same trees, the same questions, in one run.

    bindings/python/bench/run.sh [--trees N] [--seconds S] [--dir DIR]

A tree is a problem: 2 KB of statement, 4 columns, 20 tests of a name, an input and an answer, of several types. What each
keeps of it:

- stratum: a document with its inputs and outputs.
- lmdb: under its id the whole tree, pickled (fast, and only for Python that trusts what it reads) or as JSON.
- sqlite: a row for the problem and one for each test, with the types in JSON, since a column has five of them.

1. Each figure is the best of several rounds, in which the contestants take turns.
2. All give back the same tree, which is checked before anything is measured.
"""

from __future__ import annotations

import argparse
import json
import pickle
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmdb
import stratum
from stratum import Input, Tree

TESTS = 20
AT_ONCE = 100
ROUNDS = 5


def make(number: int) -> Tree:
    """The tree of that number."""
    columns = {"name": f"Problem {number}", "level": number % 7, "limit": 2.5, "tags": ["dp", "graphs", "strings"]}
    inputs = []
    for test in range(TESTS):
        given = [number, test, *range(10)] if test % 2 else f"{number} {test}\n" + "1 2 3 4 5 6 7 8 9 10\n" * 4
        answer: Any = number * test if test % 3 else f"answer {number * test}\n"
        inputs.append(Input(given, answer, {"name": f"secret/{test:02}"}, test + 1))
    return Tree(b"<p>Statement</p>\n" * 120, columns, inputs)


def plain(tree: Tree) -> list[Any]:
    """The tree in what every encoding has."""
    rows = [[row.id, row.columns["name"], row.value, row.output] for row in tree.inputs]
    return [tree.columns, rows]


class Stratum:
    """The package itself."""

    name = "stratum"

    def __init__(self, where: Path, durable: bool) -> None:
        self.db = stratum.open(where, durability="always" if durable else "os")

    def write(self, first: int, trees: list[Tree]) -> None:
        with self.db.batch() as batch:
            for tree in trees:
                batch.put_tree(tree)

    def tree(self, id: int) -> tuple[bytes, list[Any]]:
        tree = self.db[id]
        return tree.blob, plain(tree)

    def read(self, id: int) -> Any:
        return self.db[id]

    def scan(self) -> int:
        return sum(1 for _ in self.db.items())

    def output(self, id: int) -> Any:
        return self.db.output(id, 7)

    def column(self, id: int) -> Any:
        return self.db.column(id, "name")

    def blob(self, id: int) -> bytes:
        return self.db.blob(id)

    def exists(self, id: int) -> bool:
        return id in self.db

    def close(self) -> None:
        self.db.close()


class Lmdb:
    """Trees as values of py-lmdb, in one encoding."""

    name = "lmdb+pickle"
    dumps: Callable[[Any], bytes] = staticmethod(lambda value: pickle.dumps(value, 5))
    loads: Callable[[bytes], Any] = staticmethod(pickle.loads)

    def __init__(self, where: Path, durable: bool) -> None:
        self.env = lmdb.open(str(where), map_size=8 << 30, sync=durable, max_dbs=2)
        self.blobs = self.env.open_db(b"blobs")
        self.heads = self.env.open_db(b"heads")
        self.reader: Any = None

    def write(self, first: int, trees: list[Tree]) -> None:
        with self.env.begin(write=True) as txn:
            for id, tree in enumerate(trees, first):
                txn.put(id.to_bytes(8, "big"), tree.blob, db=self.blobs, append=True)
                txn.put(id.to_bytes(8, "big"), self.dumps(plain(tree)), db=self.heads, append=True)
        # One reader for all reads: what LMDB is fastest with.
        self.reader = None

    def txn(self) -> Any:
        if self.reader is None:
            self.reader = self.env.begin()
        return self.reader

    def tree(self, id: int) -> tuple[bytes, list[Any]]:
        key, txn = id.to_bytes(8, "big"), self.txn()
        return txn.get(key, db=self.blobs), self.loads(txn.get(key, db=self.heads))

    read: Callable[[Any, int], Any] = tree

    def scan(self) -> int:
        txn, count = self.txn(), 0
        for (_, _), (_, head) in zip(txn.cursor(self.blobs), txn.cursor(self.heads)):
            self.loads(head)
            count += 1
        return count

    def output(self, id: int) -> Any:
        return self.loads(self.txn().get(id.to_bytes(8, "big"), db=self.heads))[1][6][3]

    def column(self, id: int) -> Any:
        return self.loads(self.txn().get(id.to_bytes(8, "big"), db=self.heads))[0]["name"]

    def blob(self, id: int) -> bytes:
        blob: bytes = self.txn().get(id.to_bytes(8, "big"), db=self.blobs)
        return blob

    def exists(self, id: int) -> bool:
        return self.txn().get(id.to_bytes(8, "big"), db=self.blobs) is not None

    def close(self) -> None:
        self.reader = None
        self.env.close()


class LmdbJson(Lmdb):
    """The same in JSON."""

    name = "lmdb+json"
    dumps = staticmethod(lambda value: json.dumps(value).encode())
    loads = staticmethod(json.loads)


class Sqlite:
    """Trees as rows."""

    name = "sqlite3"

    def __init__(self, where: Path, durable: bool) -> None:
        self.db = sqlite3.connect(where, isolation_level=None)
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute(f"PRAGMA synchronous={'FULL' if durable else 'OFF'}")
        self.db.execute("PRAGMA mmap_size=4294967296")
        self.db.execute("CREATE TABLE problem (id INTEGER PRIMARY KEY, columns TEXT, statement BLOB)")
        self.db.execute(
            "CREATE TABLE test (problem INTEGER, id INTEGER, name TEXT, input TEXT, output TEXT,"
            " PRIMARY KEY (problem, id)) WITHOUT ROWID"
        )

    def write(self, first: int, trees: list[Tree]) -> None:
        self.db.execute("BEGIN")
        for id, tree in enumerate(trees, first):
            self.db.execute("INSERT INTO problem VALUES (?, ?, ?)", (id, json.dumps(tree.columns), tree.blob))
            self.db.executemany(
                "INSERT INTO test VALUES (?, ?, ?, ?, ?)",
                [
                    (id, row.id, row.columns["name"], json.dumps(row.value), json.dumps(row.output))
                    for row in tree.inputs
                ],
            )
        self.db.execute("COMMIT")

    def tree(self, id: int) -> tuple[bytes, list[Any]]:
        columns, blob = self.db.execute("SELECT columns, statement FROM problem WHERE id = ?", (id,)).fetchone()
        tests = self.db.execute("SELECT id, name, input, output FROM test WHERE problem = ? ORDER BY id", (id,))
        rows = [[row, name, json.loads(given), json.loads(answer)] for row, name, given, answer in tests]
        return blob, [json.loads(columns), rows]

    read: Callable[[Any, int], Any] = tree

    def scan(self) -> int:
        ids = self.db.execute("SELECT id FROM problem ORDER BY id").fetchall()
        return sum(1 for (id,) in ids if self.tree(id))

    def output(self, id: int) -> Any:
        query = "SELECT output FROM test WHERE problem = ? AND id = 7"
        return json.loads(self.db.execute(query, (id,)).fetchone()[0])

    def column(self, id: int) -> Any:
        query = "SELECT columns FROM problem WHERE id = ?"
        return json.loads(self.db.execute(query, (id,)).fetchone()[0])["name"]

    def blob(self, id: int) -> bytes:
        blob: bytes = self.db.execute("SELECT statement FROM problem WHERE id = ?", (id,)).fetchone()[0]
        return blob

    def exists(self, id: int) -> bool:
        return self.db.execute("SELECT 1 FROM problem WHERE id = ?", (id,)).fetchone() is not None

    def close(self) -> None:
        self.db.close()


CONTESTANTS: list[Any] = [Stratum, Lmdb, LmdbJson, Sqlite]


class Table:
    """Figures by row and contestant: nanoseconds for one."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, float]] = {}

    def note(self, row: str, contestant: str, seconds: float, count: int) -> None:
        best = self.rows.setdefault(row, {})
        best[contestant] = min(best.get(contestant, float("inf")), 1e9 * seconds / count)

    def print(self) -> None:
        names = [cls.name for cls in CONTESTANTS]
        print("| " + " | ".join(["", *names]) + " |")
        print("|" + "---|" * (1 + len(names)))
        for row, best in self.rows.items():
            cells = [f"{best[name]:,.0f} ns ({best[name] / best['stratum']:.2f}x)" for name in names]
            print("| " + " | ".join([row, *cells]) + " |")


def write_all(cls: Any, where: Path, trees: list[Tree], durable: bool, at_once: int) -> tuple[Any, float]:
    """A new store with all trees, and how long that took."""
    shutil.rmtree(where, ignore_errors=True)
    where.parent.mkdir(parents=True, exist_ok=True)
    where.unlink(missing_ok=True)
    for behind in ("-wal", "-shm"):
        where.with_name(where.name + behind).unlink(missing_ok=True)
    store = cls(where, durable)
    begun = time.perf_counter()
    for first in range(0, len(trees), at_once):
        store.write(first + 1, trees[first : first + at_once])
    return store, time.perf_counter() - begun


def calls(call: Callable[[int], Any], ids: list[int], seconds: float) -> tuple[float, int]:
    """Calls it with every id, again and again; gives seconds and how many calls."""
    count, begun = 0, time.perf_counter()
    while (took := time.perf_counter() - begun) < seconds or count == 0:
        for id in ids:
            call(id)
        count += len(ids)
    return took, count


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trees", type=int, default=1500)
    parser.add_argument("--seconds", type=float, default=0.3)
    parser.add_argument("--dir", type=Path, help="where the stores are made (a directory of the system's)")
    options = parser.parse_args()
    base = Path(tempfile.mkdtemp(dir=options.dir))
    trees = [make(number) for number in range(options.trees)]
    ids = [1 + (at * 7919) % options.trees for at in range(500)]
    table = Table()
    try:
        for _ in range(ROUNDS):
            stores = []
            for cls in CONTESTANTS:
                store, took = write_all(cls, base / cls.name, trees, False, AT_ONCE)
                table.note(f"write a tree, {AT_ONCE} in a commit, not synced", cls.name, took, len(trees))
                stores.append(store)
            wanted = (trees[41].blob, plain(trees[41]))
            for store in stores:
                assert store.tree(42) == wanted, store.name
                assert store.scan() == len(trees)
                assert store.output(42) == trees[41].inputs[6].output and store.column(42) == "Problem 41"
            for row, call in (
                ("read a tree", "read"),
                ("one output", "output"),
                ("one column", "column"),
                ("the statement, 2 KB", "blob"),
                ("is it there", "exists"),
            ):
                for store in stores:
                    took, count = calls(getattr(store, call), ids, options.seconds)
                    table.note(row, store.name, took, count)
            for store in stores:
                begun = time.perf_counter()
                count = store.scan()
                table.note("all trees, each", store.name, time.perf_counter() - begun, count)
            for store in stores:
                store.close()
            for cls in CONTESTANTS:
                store, took = write_all(cls, base / f"{cls.name}-durable", trees[:100], True, 1)
                table.note("write a tree, durable", cls.name, took, 100)
                store.close()
        table.print()
    finally:
        shutil.rmtree(base)


if __name__ == "__main__":
    main()
