"""The packed forms: trees looked at where they lie, and many writes in one buffer.

1. A PackedTree copies nothing until it is asked to: blob and lists of numbers are memoryviews of the store's own bytes,
   which stay for as long as somebody looks at them.
2. Operations builds the rows of stratum_batch_apply_packed; what an operation does not use is 0.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ._setup import codec
from ._stratum import lib
from .values import MISSING, Input, Kind, Missing, Storable, Tree, Value

if TYPE_CHECKING:
    from ._codec import Pinned

_ENTRY = struct.Struct("<IIIII")
_ROW = struct.Struct("<IIQQQIIQ")
_MADE = 1 << 63


class PackedValue:
    """A value in its encoded form."""

    __slots__ = ("encoded",)

    def __init__(self, encoded: memoryview) -> None:
        #: The bytes of the encoded form.
        self.encoded = encoded

    @property
    def kind(self) -> Kind:
        """Its kind."""
        return Kind(self.encoded[0])

    def get(self) -> Value:
        """The value as a Python object."""
        return codec.unpack_value(self.encoded)

    def view(self) -> memoryview[int] | memoryview[float]:
        """The content without a copy: the UTF-8 of a String or Decimal, Bytes, or the numbers of a packed list.

        TypeError for any other kind.
        """
        count = int.from_bytes(self.encoded[4:8], "little")
        kind = self.kind
        if kind is Kind.INT64_LIST:
            return self.encoded[8 : 8 + 8 * count].cast("q")
        if kind is Kind.DOUBLE_LIST:
            return self.encoded[8 : 8 + 8 * count].cast("d")
        if kind in (Kind.STRING, Kind.DECIMAL, Kind.BYTES):
            return self.encoded[8 : 8 + count]
        raise TypeError(f"a value of kind {kind.name} has no content of its own to look at")


class PackedInput:
    """One input of a packed tree."""

    __slots__ = ("id", "value", "output", "_columns")

    def __init__(self, id: int, value: memoryview, output: memoryview, columns: memoryview) -> None:
        self.id = id
        self.value = PackedValue(value)
        self.output: PackedValue | Missing = PackedValue(output) if output else MISSING
        self._columns = columns

    def columns(self) -> dict[str, Value]:
        """Its columns."""
        return codec.unpack_columns(self._columns)

    def get(self) -> Input:
        """The input as Python objects."""
        output = self.output.get() if isinstance(self.output, PackedValue) else MISSING
        return Input(self.value.get(), output, self.columns(), self.id)


class PackedTree:
    """A whole document in one buffer ("Packed tree" in docs/format.md); len() and [] are those of its inputs."""

    __slots__ = ("pinned", "packed")

    def __init__(self, packed: Pinned | bytes | bytearray | memoryview) -> None:
        #: What it was made of.
        self.pinned = packed
        #: The bytes.
        self.packed = memoryview(packed).cast("B").toreadonly()
        if len(self.packed) < 80 or bytes(self.packed[:4]) != b"STPT" or 8 * self._u32(8) != len(self.packed):
            raise ValueError("no packed tree")

    def _u32(self, at: int) -> int:
        return int.from_bytes(self.packed[at : at + 4], "little")

    def _part(self, offset: int, length: int) -> memoryview:
        if offset + length > len(self.packed):
            raise ValueError("a packed tree ends early")
        return self.packed[offset : offset + length]

    @property
    def blob(self) -> memoryview:
        """The blob."""
        return self._part(8 * self._u32(40), int.from_bytes(self.packed[48:56], "little"))

    @property
    def output_count(self) -> int:
        """How many inputs have an output."""
        return self._u32(64)

    def columns(self) -> dict[str, Value]:
        """The columns of the document."""
        return codec.unpack_columns(self._part(8 * self._u32(32), 8 * self._u32(36)))

    def __len__(self) -> int:
        return self._u32(24)

    def __getitem__(self, position: int) -> PackedInput:
        if not 0 <= position < len(self):
            raise IndexError("no input at that position")
        id, offset, value, output, columns = _ENTRY.unpack(self._part(80 + 32 * position, _ENTRY.size))
        columns &= 0x3FFFFFFF
        node = self._part(8 * offset, 8 * (value + output + columns))
        ends = 8 * value, 8 * (value + output)
        return PackedInput(id, node[: ends[0]], node[ends[0] : ends[1]], node[ends[1] :])

    def __iter__(self) -> Iterator[PackedInput]:
        for position in range(len(self)):
            yield self[position]

    def tree(self) -> Tree:
        """The whole tree as Python objects."""
        return codec.unpack_tree(self.packed)

    def __bytes__(self) -> bytes:
        return bytes(self.packed)


def _padded(part: bytes) -> bytes:
    return part + bytes(-len(part) % 8)


class Operations:
    """Many writes in one buffer, for apply_packed. What makes something gives a number that later operations may use in
    its place; apply_packed gives the ids themselves, one for each operation."""

    __slots__ = ("_rows",)

    def __init__(self) -> None:
        self._rows: list[bytes] = []

    def _add(
        self,
        operation: int,
        document: int = 0,
        input: int = 0,
        before: int = 0,
        name: str = "",
        columns: bytes = b"",
        body: bytes = b"",
    ) -> int:
        text = name.encode()
        content = _padded(text) + columns + _padded(body)
        length8 = (_ROW.size + len(content)) // 8
        row = _ROW.pack(operation, length8, document, input, before, len(text), len(columns) // 8, len(body))
        self._rows.append(row + content)
        return _MADE + len(self._rows) - 1

    def __len__(self) -> int:
        return len(self._rows)

    def __bytes__(self) -> bytes:
        return b"".join(self._rows)

    def create_document(self, blob: bytes = b"", columns: Mapping[str, Storable] | None = None) -> int:
        """Gives what stands for the document's id."""
        packed = codec.pack_columns(columns)
        return self._add(lib.STRATUM_OP_CREATE_DOCUMENT, columns=packed, body=bytes(blob))

    def put_packed(self, packed: Any) -> int:
        """A new document from a packed tree; gives what stands for its id. Its inputs have the ids 1, 2, 3..."""
        return self._add(lib.STRATUM_OP_PUT_TREE, body=bytes(packed))

    def replace_packed(self, document: int, packed: Any) -> int:
        """Gives what stands for the id of the first input."""
        return self._add(lib.STRATUM_OP_REPLACE_TREE, document, body=bytes(packed))

    def set_blob(self, document: int, blob: bytes) -> None:
        self._add(lib.STRATUM_OP_SET_BLOB, document, body=bytes(blob))

    def set_column(self, document: int, name: str, value: Storable) -> None:
        self._add(lib.STRATUM_OP_SET_COLUMN, document, name=name, body=codec.pack_value(value))

    def remove_column(self, document: int, name: str) -> None:
        self._add(lib.STRATUM_OP_REMOVE_COLUMN, document, name=name)

    def delete_document(self, document: int) -> None:
        self._add(lib.STRATUM_OP_DELETE_DOCUMENT, document)

    def append_input(self, document: int, value: Storable) -> int:
        """Gives what stands for the input's id."""
        return self._add(lib.STRATUM_OP_APPEND_INPUT, document, body=codec.pack_value(value))

    def insert_input(self, document: int, before: int, value: Storable) -> int:
        """Gives what stands for the input's id."""
        return self._add(lib.STRATUM_OP_INSERT_INPUT, document, before=before, body=codec.pack_value(value))

    def move_input(self, document: int, input: int, before: int = 0) -> None:
        self._add(lib.STRATUM_OP_MOVE_INPUT, document, input, before)

    def replace_input(self, document: int, input: int, value: Storable) -> None:
        self._add(lib.STRATUM_OP_REPLACE_INPUT, document, input, body=codec.pack_value(value))

    def set_input_column(self, document: int, input: int, name: str, value: Storable) -> None:
        self._add(lib.STRATUM_OP_SET_INPUT_COLUMN, document, input, name=name, body=codec.pack_value(value))

    def remove_input_column(self, document: int, input: int, name: str) -> None:
        self._add(lib.STRATUM_OP_REMOVE_INPUT_COLUMN, document, input, name=name)

    def delete_input(self, document: int, input: int) -> None:
        self._add(lib.STRATUM_OP_DELETE_INPUT, document, input)

    def set_output(self, document: int, input: int, value: Storable) -> None:
        self._add(lib.STRATUM_OP_SET_OUTPUT, document, input, body=codec.pack_value(value))

    def update_output(self, document: int, input: int, value: Storable) -> None:
        self._add(lib.STRATUM_OP_UPDATE_OUTPUT, document, input, body=codec.pack_value(value))

    def delete_output(self, document: int, input: int) -> None:
        self._add(lib.STRATUM_OP_DELETE_OUTPUT, document, input)
