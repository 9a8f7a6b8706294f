"""Pinned bytes, packed trees in place, and many writes in one buffer."""

from __future__ import annotations

import gc
from types import SimpleNamespace
from typing import Any

import pytest

import stratum
from stratum import MISSING, Input, Kind, Operations, PackedTree, Tree

TREE = Tree(
    b"blob of some length",
    {"a": [1, 2, 3], "b": {"k": "v"}},
    [Input([1.5, -0.0, 3.0], "out", {"c": 1}), Input("text"), Input(b"\0\xff", None), Input([7, 8], {"x": 1})],
)


def test_a_tree_in_place(db: stratum.Db) -> None:
    document = db.put_tree(TREE).document
    packed = db.packed_tree(document)
    assert bytes(packed.blob) == TREE.blob and packed.columns() == TREE.columns
    assert len(packed) == 4 and packed.output_count == 3
    assert packed[0].value.kind is Kind.DOUBLE_LIST
    numbers = packed[0].value.view()
    assert numbers.format == "d" and numbers.tolist() == [1.5, -0.0, 3.0] and numbers.readonly
    assert packed[3].value.view().tolist() == [7, 8]
    assert bytes(packed[1].value.view()) == b"text" and bytes(packed[2].value.view()) == b"\0\xff"
    assert packed[1].output is MISSING and packed[0].columns() == {"c": 1}
    assert [row.get() for row in packed] == db[document].inputs
    assert packed.tree() == db[document]
    with pytest.raises(IndexError):
        packed[4]
    with pytest.raises(TypeError):
        output = packed[3].output
        assert not isinstance(output, stratum.Missing)
        output.view()


def test_packed_trees_go_in_again(db: stratum.Db) -> None:
    document = db.put_tree(TREE).document
    packed = db.packed_tree(document)
    again = db.put_packed(packed)
    assert db[again.document] == db[document] and again.input_count == 4
    other = db.create_document(b"other")
    assert db.replace_packed(other, bytes(packed)).document == other and db[other].blob == TREE.blob
    for wrong in (b"", b"STPT", bytes(packed)[:-8], bytearray(packed.packed)[8:]):
        with pytest.raises(stratum.InvalidArgument):
            db.put_packed(wrong)
        with pytest.raises(ValueError):
            PackedTree(wrong)
        with pytest.raises(ValueError):
            stratum.unpack_tree(wrong)


def test_a_changed_byte_is_a_tree_or_a_value_error(db: stratum.Db) -> None:
    good = bytes(db.packed_tree(db.put_tree(TREE).document))
    read = 0
    for at in range(len(good)):
        for mask in (1, 0xFF):
            changed = bytearray(good)
            changed[at] ^= mask
            try:
                stratum.unpack_tree(changed)
                read += 1
            except ValueError:
                pass
            try:
                for row in PackedTree(changed):
                    row.get()
            except ValueError:
                pass
    assert 0 < read < 2 * len(good)


def test_pinned_bytes_outlive_everything(path: Any) -> None:
    db = stratum.open(path, durability="os")
    document = db.create_document(b"x" * 200_000)
    pinned = db.pinned_blob(document)
    view = memoryview(pinned)
    assert pinned.is_borrowed and view.readonly and len(pinned) == 200_000
    part = pinned.view[10:20]
    db.delete_document(document)
    db.compact_now()
    db.close()
    del db
    gc.collect()
    assert view[199_999] == ord("x") and bytes(part) == b"x" * 10
    with pytest.raises(BufferError):
        pinned.release()
    with pytest.raises(TypeError):
        view[0] = 1
    view.release()
    part.release()
    gc.collect()
    pinned.release()
    pinned.release()
    with pytest.raises(stratum.Closed):
        memoryview(pinned)
    assert len(pinned) == 0


def test_a_view_keeps_what_it_shows(db: stratum.Db) -> None:
    document = db.create_document(b"abc" * 100)
    view = memoryview(db.pinned_blob(document))[3:6]
    blob = db.packed_tree(document).blob
    gc.collect()
    assert bytes(view) == b"abc" and bytes(blob[:3]) == b"abc"
    with db.pinned_blob(document) as pinned:
        assert bytes(pinned) == b"abc" * 100
    with pytest.raises(stratum.Closed):
        bytes(pinned)


def test_trees_of_over_4_gib_together_are_read_one_by_one(db: stratum.Db, monkeypatch: pytest.MonkeyPatch) -> None:
    documents = [db.put_tree(TREE).document for _ in range(3)]

    def refuse(*_: object) -> None:
        raise stratum.TooLarge

    wanted = list(db.items())
    monkeypatch.setattr("stratum.store.codec", SimpleNamespace(packed_trees=refuse))
    assert list(db.items()) == wanted and [document for document, _ in wanted] == documents


def test_operations(db: stratum.Db) -> None:
    old = db.put_tree(Tree(b"old", {"c": 1}, [Input(1, 1, {"a": 1}), Input(2), Input(3)])).document
    gone = db.create_document(b"gone")
    other = db.create_document(b"other")
    packed = db.packed_tree(old)
    operations = Operations()
    document = operations.create_document(b"new", {"z": 1, "a": [1, "x"]})
    input = operations.append_input(document, [1.5])
    before = operations.insert_input(document, input, {"k": "v"})
    operations.move_input(document, input, before)
    operations.set_output(document, input, 2**70)
    operations.set_input_column(document, input, "p", None)
    operations.set_blob(old, b"changed")
    operations.set_column(old, "d", "e")
    operations.remove_column(old, "c")
    operations.replace_input(old, 2, "two")
    operations.remove_input_column(old, 1, "a")
    operations.update_output(old, 1, "one")
    operations.delete_input(old, 3)
    operations.set_output(old, 2, 2)
    operations.delete_output(old, 2)
    operations.delete_document(gone)
    copy = operations.put_packed(packed)
    operations.set_column(copy, "copied", True)
    operations.replace_packed(other, packed)
    made = db.apply_packed(operations)
    assert len(made) == len(operations) == 19
    assert db[made[0]] == Tree(
        b"new", {"a": [1, "x"], "z": 1}, [Input([1.5], 2**70, {"p": None}, made[1]), Input({"k": "v"}, id=made[2])]
    )
    assert db[old] == Tree(b"changed", {"d": "e"}, [Input(1, "one", id=1), Input("two", id=2)])
    assert gone not in db and db[made[16]].columns == {"c": 1, "copied": True} and db[other].blob == b"old"

    failing = Operations()
    failing.create_document()
    failing.delete_document(99)
    with pytest.raises(stratum.NotFound) as caught:
        db.apply_packed(failing)
    assert caught.value.applied == 1
    with db.batch() as batch:
        assert batch.apply_packed(bytes(Operations())) == []
    with pytest.raises(stratum.InvalidArgument):
        db.apply_packed(b"12345678")
