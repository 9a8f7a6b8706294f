"""`judge` in Python: import, show, check. ../README.md says what each does."""

from __future__ import annotations

import io
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import stratum
from compare import Rules
from package import NotAPackage, read_package
from stratum import MISSING, Db, Tree

USAGE = "usage: judge import STORE PACKAGE_DIR... | show STORE PACKAGE | check STORE PACKAGE OUTPUTS"


def main(arguments: list[str]) -> int:
    """Gives the exit status."""
    try:
        match arguments:
            case ["import", store, _, *_]:
                done = import_packages(store, arguments[2:])
            case ["show", store, package]:
                done = with_tree(store, package, show)
            case ["check", store, package, outputs]:
                done = with_tree(store, package, lambda name, _, tree: check(name, tree, Path(outputs)))
            case _:
                return fail(USAGE)
    except (stratum.StratumError, OSError) as error:
        return fail(str(error))
    return 0 if done else 1


def fail(what: str) -> int:
    """Says what is wrong."""
    print(f"judge: {what}", file=sys.stderr)
    return 2


def import_packages(store: str, packages: list[str]) -> bool:
    """Whether all packages were imported."""
    done = True
    with stratum.open(store) as db:
        for directory in map(Path, packages):
            try:
                tree = read_package(directory)
            except (NotAPackage, OSError, UnicodeError) as error:
                fail(f"{directory}: not imported: {error}")
                done = False
                continue
            old = find(db, directory.name)
            ids = db.put_tree(tree) if old is None else db.replace_tree(old, tree)
            replaced = "" if old is None else " replaced"
            print(f"{directory.name}: document {ids.document}{replaced}, {len(tree.inputs)} tests")
    return done


def find(db: Db, package: str) -> int | None:
    """The document of a package."""
    return next((document for document in db if db.column(document, "package", None) == package), None)


def with_tree(store: str, package: str, act: Callable[[str, int, Tree], bool]) -> bool:
    """Does something with a package's tree, in a store that must be there."""
    with stratum.open(store, create=False) as db:
        document = find(db, package)
        if document is None:
            fail(f"{package}: no such package in {store}")
            return False
        return act(package, document, db[document])


def show(package: str, document: int, tree: Tree) -> bool:
    """What is stored."""
    print(f"{package}: document {document}")
    columns = tree.columns
    print(f"  title      {columns['title']}")
    for name, between in (("keywords", ", "), ("flags", " ")):
        if name in columns:
            print(f"  {name:<9}  {between.join(columns[name])}")
    print(f"  samples    {columns['samples']}")
    print(f"  statement  {summed(tree.blob)}")
    for row in tree.inputs:
        output = "no output" if row.output is MISSING else f"out {described(row.output)}"
        print(f"  {row.columns['test']}: in {described(row.value)}; {output}")
    return True


def check(package: str, tree: Tree, outputs: Path) -> bool:
    """Whether every output agrees."""
    rules = Rules.from_flags(tree.columns.get("flags", []))
    verdicts = []
    for row in tree.inputs:
        if row.output is MISSING:
            continue
        test = row.columns["test"]
        places = (outputs / f"{test}{extension}" for extension in (".out", ".ans"))
        got = next((place for place in places if place.is_file()), None)
        why = "no output" if got is None else rules.difference(as_bytes(row.output), got.read_bytes())
        print(f"ok     {test}" if why is None else f"WRONG  {test}: {why}")
        verdicts.append(why is None)
    print(f"{package}: {sum(verdicts)} of {len(verdicts)} tests ok")
    return all(verdicts)


def as_bytes(value: str | bytes) -> bytes:
    """The bytes of a text."""
    return value.encode() if isinstance(value, str) else value


def described(value: str | bytes) -> str:
    """Kind, size and sum of a value."""
    return f"{'String' if isinstance(value, str) else 'Bytes'} {summed(as_bytes(value))}"


def summed(data: bytes) -> str:
    """Size and sum of bytes."""
    return f"{len(data)} bytes, crc32 {zlib.crc32(data):08x}"


if __name__ == "__main__":
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    sys.exit(main(sys.argv[1:]))
