"""The table "Values" of the README: what a Python object is stored as, and what comes back."""

from __future__ import annotations

import array
import copy
import decimal
import enum
import math
import pickle
import struct
from collections import OrderedDict
from typing import Any

import pytest

import stratum
from stratum import MISSING, Decimal, DoubleList, Int64List, Kind, List, Map, StringList, StringMap, kind_of


class Level(enum.IntEnum):
    EASY = 3


class Indexed:
    def __index__(self) -> int:
        return 7


# What goes in, its kind, what comes out.
TABLE: list[tuple[Any, Kind, Any]] = [
    (None, Kind.NULL, None),
    (True, Kind.BOOL, True),
    (False, Kind.BOOL, False),
    (0, Kind.INT64, 0),
    (2**63 - 1, Kind.INT64, 2**63 - 1),
    (-(2**63), Kind.INT64, -(2**63)),
    (2**63, Kind.DECIMAL, 2**63),
    (-(2**63) - 1, Kind.DECIMAL, -(2**63) - 1),
    (10**4000, Kind.DECIMAL, 10**4000),
    (Level.EASY, Kind.INT64, 3),
    (Indexed(), Kind.INT64, 7),
    (1.5, Kind.DOUBLE, 1.5),
    (math.inf, Kind.DOUBLE, math.inf),
    (decimal.Decimal("1.50"), Kind.DECIMAL, Decimal("1.50")),
    (decimal.Decimal(5), Kind.DECIMAL, Decimal("5")),
    (Decimal("1e400"), Kind.DECIMAL, Decimal("1e400")),
    ("", Kind.STRING, ""),
    ("a\0é\U0001f600", Kind.STRING, "a\0é\U0001f600"),
    (b"", Kind.BYTES, b""),
    (b"\0\xff", Kind.BYTES, b"\0\xff"),
    (bytearray(b"ab"), Kind.BYTES, b"ab"),
    (memoryview(b"abc")[1:], Kind.BYTES, b"bc"),
    ([], Kind.LIST, []),
    ((), Kind.LIST, []),
    (Int64List(), Kind.INT64_LIST, Int64List()),
    (DoubleList(), Kind.DOUBLE_LIST, DoubleList()),
    (StringList(), Kind.STRING_LIST, StringList()),
    ([1, -2, 2**63 - 1], Kind.INT64_LIST, [1, -2, 2**63 - 1]),
    ((1, 2), Kind.INT64_LIST, [1, 2]),
    (array.array("q", [1, 2]), Kind.INT64_LIST, [1, 2]),
    ([1.5, -0.5], Kind.DOUBLE_LIST, [1.5, -0.5]),
    (array.array("d", [1.5]), Kind.DOUBLE_LIST, [1.5]),
    (["a", "", "é"], Kind.STRING_LIST, ["a", "", "é"]),
    ([1, 2**63], Kind.LIST, [1, 2**63]),
    ([2**63], Kind.LIST, [2**63]),
    ([1, 2.0], Kind.LIST, [1, 2.0]),
    ([2.0, 1], Kind.LIST, [2.0, 1]),
    (["a", 1], Kind.LIST, ["a", 1]),
    ([1, True], Kind.LIST, [1, True]),
    ([True, False], Kind.LIST, [True, False]),
    ([None], Kind.LIST, [None]),
    ([[1], [1.5], []], Kind.LIST, [[1], [1.5], []]),
    (List([1, 2]), Kind.LIST, List([1, 2])),
    (List(["a"]), Kind.LIST, List(["a"])),
    ({}, Kind.MAP, {}),
    (StringMap(), Kind.STRING_MAP, StringMap()),
    ({"b": "1", "a": "é"}, Kind.STRING_MAP, {"b": "1", "a": "é"}),
    ({"b": 1, "a": "2"}, Kind.MAP, {"b": 1, "a": "2"}),
    (Map({"a": "b"}), Kind.MAP, Map({"a": "b"})),
    ({"": {"x": [{}]}}, Kind.MAP, {"": {"x": [{}]}}),
]


@pytest.mark.parametrize(("given", "kind", "wanted"), TABLE, ids=lambda case: repr(case)[:40])
def test_every_row_of_the_table(db: stratum.Db, given: Any, kind: Kind, wanted: Any) -> None:
    assert kind_of(given) is kind
    ids = db.put_tree(stratum.Tree(b"", {"c": given}, [stratum.Input(given, given, {"c": given})]))
    document, (input,) = ids.document, ids.inputs
    tree = db[document]
    read = [
        db.column(document, "c"),
        db.columns(document)["c"],
        db.input(document, input),
        db.output(document, input),
        db.input_columns(document, input)["c"],
        tree.columns["c"],
        tree.inputs[0].value,
        tree.inputs[0].output,
        tree.inputs[0].columns["c"],
        next(db.input_cursor(document)).value,
        stratum.unpack_value(stratum.pack_value(given)),
    ]
    for value in read:
        assert value == wanted and type(value) is type(wanted)
        # It would be stored as the same again.
        assert kind_of(value) is kind
        assert stratum.pack_value(value) == stratum.pack_value(given)


def test_order_of_keys_is_kept(db: stratum.Db) -> None:
    ordered = OrderedDict(z="1", a="2")
    ordered.move_to_end("z")
    document = db.create_document(b"", {"plain": {"z": 1, "a": 2}, "ordered": ordered})
    columns = db.columns(document)
    assert list(columns["plain"]) == ["z", "a"] and list(columns["ordered"]) == ["a", "z"]


@pytest.mark.parametrize("bits", [0x8000000000000000, 0x7FF8000000000001, 0xFFF0DEADBEEF0001, 0x7FF0000000000001, 1])
def test_doubles_keep_their_bits(db: stratum.Db, bits: int) -> None:
    number: float = struct.unpack("<d", struct.pack("<Q", bits))[0]
    document = db.create_document(b"", {"one": number, "list": [number, number]})
    columns = db[document].columns
    for read in (db.column(document, "one"), columns["one"], *columns["list"], *db.columns(document)["list"]):
        assert struct.unpack("<Q", struct.pack("<d", read))[0] == bits


def test_decimals_keep_their_text(db: stratum.Db) -> None:
    for text in ("1e400", "1E+0", "-0", "0.00", "1e99999999999999999999999", "123456789012345678901234567890.5"):
        document = db.create_document(b"", {"n": Decimal(text)})
        read = db.column(document, "n")
        assert isinstance(read, Decimal) and read.text == text
        assert copy.deepcopy(read).text == pickle.loads(pickle.dumps(read)).text == text
    assert Decimal("1.5") + 1 == decimal.Decimal("2.5")
    beyond = Decimal("1e99999999999999999999999")
    with pytest.raises(decimal.InvalidOperation):
        beyond + 1
    assert repr(beyond) == "Decimal('1e99999999999999999999999')"


def test_whole_numbers_with_too_many_digits_stay_text(db: stratum.Db) -> None:
    document = db.create_document(b"", {"n": Decimal("9" * 5000)})
    read = db.column(document, "n")
    assert isinstance(read, Decimal) and read.text == "9" * 5000


@pytest.mark.parametrize(
    "value",
    [object(), {1, 2}, 1j, {1: 2}, {"a": {2: 3}}, [object()], MISSING, array.array("f", [1.0]), memoryview(b"abcd").cast("H")],
    ids=repr,
)
def test_what_cannot_be_stored_is_a_type_error(db: stratum.Db, value: Any) -> None:
    document = db.create_document(b"", {"n": 1})
    for call in (db.append_input, lambda d, v: db.set_column(d, "c", v), lambda d, v: db.create_document(b"", {"c": v})):
        with pytest.raises(TypeError):
            call(document, value)
    assert len(db) == 1 and db.columns(document) == {"n": 1} and db.input_count(document) == 0


def test_a_class_that_names_its_kind_holds_its_items_to_it() -> None:
    wrong: list[tuple[Any, Any]] = [(Int64List, [1.5]), (Int64List, [2**63]), (DoubleList, ["a"]), (StringList, [1])]
    for cls, items in [*wrong, (StringMap, {"a": 1})]:
        with pytest.raises(TypeError, match=cls.__name__):
            kind_of(cls(items))


def test_what_the_store_refuses_is_an_invalid_argument(db: stratum.Db) -> None:
    deep: Any = 1
    for _ in range(65):
        deep = List([deep])
    for value in (deep, decimal.Decimal("NaN"), decimal.Decimal("Infinity"), Decimal("1_000")):
        with pytest.raises(stratum.InvalidArgument):
            db.create_document(b"", {"c": value})
    with pytest.raises(UnicodeEncodeError):
        db.create_document(b"", {"c": "\ud800"})
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(RecursionError):
        db.create_document(b"", {"c": endless})
    assert len(db) == 0


def test_missing_is_not_none(db: stratum.Db) -> None:
    ids = db.put_tree(stratum.Tree(inputs=[stratum.Input(1), stratum.Input(1, None)]))
    rows = db[ids.document].inputs
    assert rows[0].output is MISSING and rows[1].output is None
    assert not MISSING and repr(MISSING) == "MISSING" and pickle.loads(pickle.dumps(MISSING)) is MISSING


def test_malformed_bytes_are_a_value_error() -> None:
    good = stratum.pack_value({"a": [1, "b", [2.5]], "s": ["x", "y"], "m": {"k": "v"}, "d": 2**70})
    for length in range(len(good)):
        with pytest.raises(ValueError):
            stratum.unpack_value(good[:length])
    with pytest.raises(ValueError):
        stratum.unpack_value(good + bytes(8))
    # Whatever one changes, nothing outside of the bytes is read, and the answer is a value or a ValueError.
    for at in range(len(good)):
        for mask in (1, 0x80, 0xFF):
            changed = bytearray(good)
            changed[at] ^= mask
            try:
                stratum.unpack_value(changed)
            except (ValueError, decimal.InvalidOperation):
                pass
