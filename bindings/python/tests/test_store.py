"""Every call of stores, views, batches and cursors."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Literal

import pytest

import stratum
from stratum import MISSING, Input, Tree
from stratum._stratum import ffi, lib


def test_the_readme_in_short(db: stratum.Db) -> None:
    document = db.create_document(b"Add two numbers.", {"name": "Sum", "limit": 3})
    input = db.append_input(document, "2 3")
    db.set_output(document, input, 5)
    tree = db[document]
    assert tree == Tree(b"Add two numbers.", {"limit": 3, "name": "Sum"}, [Input("2 3", 5, {}, input)])
    assert db.get(document) == db.tree(document) == db.latest[document] == tree
    assert db.get(99) is None and db.get(99, "none") == "none"
    assert document in db and 99 not in db and 0 not in db and -1 not in db and 2**64 not in db and "1" not in db
    assert list(db) == [document] and len(db) == 1 and bool(db) and db.exists(document)
    with pytest.raises(KeyError) as caught:
        db[99]
    assert isinstance(caught.value, stratum.NotFound) and caught.value.name == "STRATUM_NOT_FOUND"
    assert "not there" in str(caught.value)


def test_parts_of_a_document(db: stratum.Db) -> None:
    ids = db.put_tree(Tree(b"blob", {"b": 1, "a": [2]}, [Input("x", 1, {"p": 0.5}), Input("y")]))
    document, (x, y) = ids.document, ids.inputs
    assert db.blob(document) == b"blob"
    assert db.columns(document) == {"a": [2], "b": 1} and list(db.columns(document)) == ["a", "b"]
    assert db.column(document, "b") == 1 and db.column(document, "c", 7) == 7 and db.column(99, "c", None) is None
    assert db.input_ids(document) == [x, y] and db.input_count(document) == 2
    assert db.inputs(document) == [Input("x", 1, {"p": 0.5}, x), Input("y", MISSING, {}, y)]
    assert db.input(document, y) == "y" and db.input_columns(document, x) == {"p": 0.5}
    assert db.output(document, x) == 1 and db.output(document, y, MISSING) is MISSING
    for missing in (
        lambda: db.column(document, "c"),
        lambda: db.output(document, y),
        lambda: db.output(document, 99),
        lambda: db.input(document, 99),
        lambda: db.input(99, 1),
        lambda: db.input_columns(document, 99),
        lambda: db.blob(99),
        lambda: db.columns(99),
        lambda: db.inputs(99),
        lambda: db.input_ids(99),
        lambda: db.input_count(99),
        lambda: db.input_cursor(99),
        lambda: db.packed_tree(99),
        lambda: db.tree(0),
    ):
        with pytest.raises(stratum.NotFound):
            missing()
    with pytest.raises(TypeError):
        db.tree("1")  # type: ignore[arg-type]


def test_blobs_into_a_buffer(db: stratum.Db) -> None:
    document = db.create_document(b"0123456789")
    buffer = bytearray(12)
    assert db.read_blob(document, buffer) == 10 and buffer == b"0123456789\0\0"
    with pytest.raises(stratum.BufferTooSmall):
        db.read_blob(document, bytearray(9))
    with pytest.raises(BufferError):
        db.read_blob(document, b"read-only!")


def test_writes(db: stratum.Db) -> None:
    document = db.create_document(memoryview(b"xblob")[1:])
    assert db.blob(document) == b"blob"
    db.set_blob(document, bytearray(b"other"))
    db.set_column(document, "n", 1)
    db.set_column(document, "m", None)
    db.remove_column(document, "n")
    first = db.append_input(document, 1)
    third = db.append_input(document, 3)
    second = db.insert_input(document, third, 2)
    db.move_input(document, first)
    db.move_input(document, third, second)
    db.replace_input(document, first, "one")
    db.set_input_column(document, first, "c", True)
    db.set_input_column(document, first, "d", True)
    db.remove_input_column(document, first, "d")
    db.set_output(document, first, 10)
    db.update_output(document, first, 11)
    db.set_output(document, second, 20)
    db.delete_output(document, second)
    assert db[document] == Tree(
        b"other", {"m": None}, [Input(3, id=third), Input(2, id=second), Input("one", 11, {"c": True}, first)]
    )
    db.delete_input(document, third)
    ids = db.replace_tree(document, Tree(b"new", {}, [Input([1.5])]))
    assert ids.document == document and ids.input_count == 1 and db[document].inputs[0].id == ids.first_input > third
    for missing in (
        lambda: db.update_output(document, ids.first_input, 1),
        lambda: db.delete_output(document, ids.first_input),
        lambda: db.remove_column(document, "none"),
        lambda: db.delete_document(99),
        lambda: db.replace_tree(99, Tree()),
    ):
        with pytest.raises(stratum.NotFound):
            missing()
    db.delete_document(document)
    assert document not in db
    with pytest.raises(TypeError):
        db.create_document("text")
    with pytest.raises(TypeError):
        db.put_tree({"blob": b""})  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        db.put_tree(Tree(inputs=[1]))  # type: ignore[list-item]


def test_a_batch_is_all_or_nothing(db: stratum.Db) -> None:
    with db.batch() as batch:
        document = batch.create_document(b"a")
        input = batch.append_input(document, 1)
        batch.set_output(document, input, 2)
        assert document not in db and batch.size()[0] == 3
    assert db[document] == Tree(b"a", {}, [Input(1, 2, {}, input)])
    with pytest.raises(ZeroDivisionError), db.batch() as batch:
        batch.delete_document(document)
        _ = 1 / 0
    assert document in db
    batch = db.batch()
    with pytest.raises(stratum.NotFound):
        batch.delete_document(99)
    batch.delete_document(document)
    batch.clear()
    assert batch.size()[0] == 0
    batch.create_document(b"b")
    assert batch.commit("always") == db.sequence
    with pytest.raises(stratum.Closed):
        batch.commit()
    batch.abandon()
    assert len(db) == 2
    with pytest.raises(stratum.InvalidArgument):
        db.batch("sometimes")  # type: ignore[arg-type]
    with db.batch("interval") as batch:
        batch.commit()


def test_snapshots_stay(db: stratum.Db) -> None:
    document = db.create_document(b"a", {"n": 1})
    with db.snapshot() as snapshot:
        db.set_blob(document, b"b")
        db.create_document(b"c")
        assert snapshot.blob(document) == b"a" and len(snapshot) == 1 and snapshot.sequence < db.sequence
        assert dict(snapshot.items()) == {document: Tree(b"a", {"n": 1})}
        assert db.stats().snapshots == 1
    assert db.stats().snapshots == 0
    snapshot.close()
    with pytest.raises(stratum.Closed):
        snapshot.blob(document)


def test_cursors(db: stratum.Db) -> None:
    documents = [db.create_document(b"%d" % at) for at in range(300)]
    assert list(db) == documents and list(db.documents(documents[297])) == documents[297:]
    assert [document for document, _ in db.items(documents[290])] == documents[290:]
    assert dict(db.latest.items())[documents[7]].blob == b"7"
    with db.documents() as cursor:
        assert next(cursor) == documents[0] and cursor.fill(2) == documents[1:3]
        cursor.seek(documents[299])
        assert list(cursor) == [documents[299]] and cursor.fill(1) == []
        cursor.seek(0)
        db.create_document(b"later")
        assert len(list(cursor)) == 300
        with pytest.raises(stratum.InvalidArgument):
            cursor.fill(0)
    with pytest.raises(stratum.Closed):
        next(cursor)

    ids = db.put_tree(Tree(inputs=[Input(at, at * 2, {"c": "x"}) for at in range(50)]))
    rows = db.inputs(ids.document)
    with db.input_cursor(ids.document) as inputs:
        assert next(inputs) == rows[0]
        buffer, read = bytearray(300), []
        while length := inputs.fill(buffer):
            read += stratum.unpack_rows(memoryview(buffer)[:length])
        assert read == rows[1:]
    with db.input_cursor(ids.document) as inputs:
        with pytest.raises(stratum.BufferTooSmall) as small:
            inputs.fill(bytearray(8))
        assert small.value.needed is not None
        assert inputs.fill(bytearray(small.value.needed)) == small.value.needed
        assert list(inputs) == rows[1:]


def test_many_trees_in_one_call(db: stratum.Db) -> None:
    documents = [db.put_tree(Tree(b"x" * at, {"n": at}, [Input(at)])).document for at in range(20)]
    trees = db.trees([documents[3], 99, documents[0]])
    assert trees == [db[documents[3]], None, db[documents[0]]]
    assert db.trees([]) == []
    with db.packed_trees(documents) as packed:
        assert stratum.unpack_trees(packed) == [db[document] for document in documents]


def test_upkeep(db: stratum.Db) -> None:
    document = db.create_document(b"x" * 100_000)
    for at in range(20):
        db.set_blob(document, b"%d" % at * 50_000)
    db.flush()
    before = db.stats()
    assert before.documents == 1 and before.garbage_bytes > 0 and before.durable_sequence == before.sequence
    seen: list[stratum.Progress] = []
    db.compact_now(seen.append)
    assert seen and seen[-1].bytes_read > 0 and db.stats().compactions > 0
    assert db.stats().garbage_bytes < before.garbage_bytes
    db.checkpoint()
    assert db.stats().checkpoints > 0
    found = db.verify()
    assert found.documents == 1 and found.damage == []


def test_a_callback_may_stop_raise_and_read(db: stratum.Db) -> None:
    document = db.create_document(b"x")
    db.set_blob(document, b"y")
    assert db.compact_now(lambda progress: False) is None  # type: ignore[func-returns-value]

    def fails(progress: stratum.Progress) -> bool:
        assert db.blob(document) == b"y"
        for busy in (db.flush, db.close, db.checkpoint, db.verify, lambda: db.set_blob(document, b"z")):
            with pytest.raises(stratum.Busy):
                busy()
        raise LookupError("from within")

    db.set_blob(document, b"y")
    with pytest.raises(LookupError, match="from within"):
        db.compact_now(fails)
    assert not db.is_closed and db.blob(document) == b"y"


def test_options(path: Path) -> None:
    with pytest.raises(stratum.OpenRefused):
        stratum.open(path, create=False)
    with stratum.open(os.fsencode(path), read_mode="pread", segment_size=65536, options={"fold_after": 2}) as db:
        assert db.create_document(b"") == 1
        with pytest.raises(stratum.Locked):
            stratum.open(path)
        assert repr(db).startswith("<stratum.Db ")
    with pytest.raises(stratum.OpenRefused):
        stratum.open(path, exclusive=True)
    for wrong in ({"fold_afer": 2}, {"segment_size": "large"}):
        with pytest.raises(stratum.InvalidArgument):
            stratum.open(path, options=wrong)  # type: ignore[arg-type]
    with stratum.open(path, max_record_bytes=100) as db, pytest.raises(stratum.TooLarge):
        db.create_document(bytes(101))
    (path.parent / "other").mkdir()
    (path.parent / "other" / "file").write_text("not ours")
    with pytest.raises(stratum.NotAStore):
        stratum.open(path.parent / "other")


@pytest.mark.parametrize("compression", ["none", "lz4", "zstd"])
def test_compression(path: Path, compression: Literal["none", "lz4", "zstd"]) -> None:
    blob = b"the same words again and again " * 1000
    with stratum.open(path, compression=compression, background=False) as db:
        document = db.create_document(blob)
        db.compact_now()
        assert (db.stats().total_bytes < len(blob)) == (compression != "none")
        assert db.blob(document) == blob
    with pytest.raises(stratum.InvalidArgument):
        stratum.open(path, compression="gzip")  # type: ignore[arg-type]


@pytest.mark.parametrize("limit", [0, 100_000])
def test_throttled_compaction(path: Path, limit: int) -> None:
    blob = b"blob" * 15_000
    with stratum.open(path, compaction_bytes_per_second=limit, background=False) as db:
        gone, stays = db.create_document(blob), db.create_document(blob)
        db.delete_document(gone)
        db.compact_now()
        assert (db.stats().compaction_throttled_us > 0) == (limit > 0)
        assert db.blob(stays) == blob


def test_errors_are_pythons_own_too() -> None:
    pairs = {
        stratum.NotFound: KeyError,
        stratum.InvalidArgument: ValueError,
        stratum.Closed: ValueError,
        stratum.NoMemory: MemoryError,
        stratum.Io: OSError,
        stratum.NoSpace: OSError,
        stratum.Locked: OSError,
    }
    for ours, theirs in pairs.items():
        assert issubclass(ours, theirs) and issubclass(ours, stratum.StratumError)
    assert str(stratum.NotFound("gone")) == "gone"


def test_an_io_error_has_its_errno(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(stratum.Io) as caught:
        stratum.open(tmp_path / "file" / "store")
    assert caught.value.errno == 20 and caught.value.name == "STRATUM_IO" and "file" in str(caught.value)


def test_every_status_has_a_class() -> None:
    statuses = {}
    for name in dir(lib):
        number = getattr(lib, name)
        if isinstance(number, int) and ffi.string(lib.stratum_status_name(number)).decode() == name:
            statuses[number] = name
    classes = {cls.status for cls in vars(stratum).values() if isinstance(cls, type) and issubclass(cls, stratum.StratumError)}
    assert len(statuses) > 20
    # Success, and the end of a cursor, are no exceptions; StratumError itself stands for none.
    assert set(statuses) - classes == {lib.STRATUM_END} and classes - set(statuses) == set()


def test_reports_have_all_fields_of_the_structs() -> None:
    def names(struct: str) -> set[str]:
        return {name for name, _ in ffi.typeof(struct).fields} - {"struct_size", "reserved", "damage_count", "finding_count"}

    for struct, cls in {
        "stratum_stats": stratum.Stats,
        "stratum_findings": stratum.Findings,
        "stratum_damage": stratum.Damage,
        "stratum_progress": stratum.Progress,
        "stratum_repair_progress": stratum.RepairProgress,
        "stratum_repair_result": stratum.RepairReport,
        "stratum_finding": stratum.Finding,
        "stratum_tree_ids": stratum.TreeIds,
    }.items():
        assert {field.name for field in dataclasses.fields(cls)} == names(struct), struct
    assert len(stratum.Kind) == sum(name.startswith("STRATUM_KIND_") for name in dir(lib))


def test_every_option_of_the_header_is_an_argument() -> None:
    setters = {name.removeprefix("stratum_options_set_") for name in dir(lib) if name.startswith("stratum_options_set_")}
    arguments = set(stratum.Db.__init__.__code__.co_varnames[: 1 + 1 + stratum.Db.__init__.__code__.co_kwonlyargcount])
    assert setters == arguments - {"self", "path", "options"}


def test_every_write_of_the_header_is_a_method() -> None:
    for cls, prefix in ((stratum.Db, "stratum_db_"), (stratum.Batch, "stratum_batch_")):
        verbs = {name.removeprefix(prefix) for name in dir(lib) if name.startswith(prefix)}
        known = {"open": "__init__", "create": "__init__", "latest": "latest", "free": "abandon"}
        for verb in verbs:
            assert hasattr(cls, known.get(verb, verb)), f"{cls.__name__}.{verb}"


def test_repair(path: Path, tmp_path: Path) -> None:
    with stratum.open(path, background=False) as db:
        kept = db.put_tree(Tree(b"kept", {"n": 1}, [Input(1, 2)])).document
        lost = db.create_document(b"lost" * 1000)
    (segment,) = path.glob("segment-*")
    data = bytearray(segment.read_bytes())
    at = data.index(b"lostlost")
    data[at] ^= 0xFF
    segment.write_bytes(data)
    with stratum.open(path, create=False) as db:
        assert {place.document for place in db.verify().damage} == {lost}
        with pytest.raises(stratum.Corruption):
            db.blob(lost)

    dry = stratum.repair(path, dry_run=True)
    assert dry.outcome is stratum.RepairOutcome.DRY_RUN and not dry.is_lossless and dry.findings
    seen: list[stratum.RepairProgress] = []
    report = stratum.repair(path, tmp_path / "saved", progress=seen.append)
    assert report.outcome is stratum.RepairOutcome.WRITTEN and report.documents_whole == 1 and seen
    names = {finding.name for finding in report.findings}
    assert "RECORD_DAMAGED" in names and any(finding.is_loss and finding.line for finding in report.findings)
    with stratum.open(tmp_path / "saved", create=False) as db:
        assert db[kept] == Tree(b"kept", {"n": 1}, [Input(1, 2, {}, 1)])

    stopped = stratum.repair(path, tmp_path / "stopped", progress=lambda progress: False)
    assert stopped.outcome is stratum.RepairOutcome.STOPPED
    with pytest.raises(stratum.InvalidArgument):
        stratum.repair(path)
    with pytest.raises(stratum.Io):
        stratum.repair(tmp_path / "nothing", tmp_path / "x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(stratum.NotAStore):
        stratum.repair(tmp_path / "empty", tmp_path / "x")
