"""Writes: what stores (each call is a commit) and batches offer alike.

1. Values are what the table "Values" of README.md says; what cannot be stored is a TypeError, before anything is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from . import errors
from ._setup import codec
from ._stratum import ffi, lib
from .packed import Operations
from .values import Storable, Tree, TreeIds

_VALUE = ffi.typeof("stratum_value *")
_COLUMNS = ffi.typeof("stratum_column *")
_TREE = ffi.typeof("stratum_tree_desc *")
_ROW_BYTES = 48

# What nobody can write to: the store's own bytes are not changed, either.
_UNCHANGING = (bytes, codec.Pinned)


def _lend(data: Any) -> Any:
    """The bytes of an object, for a call that reads them without the GIL: copied where others could change them meanwhile.

    A memoryview that is read-only says nothing: others may write to what it looks at.
    """
    if type(data) is not bytes:
        with memoryview(data) as view:
            if type(view.obj) not in _UNCHANGING or not view.c_contiguous:
                data = bytes(view)
    return ffi.from_buffer(data)


class Calls:
    """The writes of stratum.h on one type of object: calls.set_blob is stratum_<object>_set_blob."""

    def __init__(self, prefix: str) -> None:
        names = [name for name in dir(lib) if name.startswith("stratum_batch_")]
        for verb in (name.removeprefix("stratum_batch_") for name in names):
            function = getattr(lib, f"{prefix}_{verb}", None)
            if function is not None:
                setattr(self, verb, function)

    def __getattr__(self, verb: str) -> Any:
        raise AttributeError(verb)


class Writes:
    """Everything that can be changed."""

    __slots__ = ()

    _raw: Any
    _calls: ClassVar[Calls]

    # ---- documents ----------------------------------------------------------------------------------------------

    def create_document(self, blob: Any = b"", columns: Mapping[str, Storable] | None = None) -> int:
        """Creates a document with a blob (bytes) and columns; gives its id."""
        arena = codec.columns_arena(columns)
        out = ffi.new("uint64_t *")
        pointer = ffi.cast(_COLUMNS, arena.address)
        with _lend(blob) as lent:
            errors.invoke(self._calls.create_document, self._raw, lent, len(lent), pointer, arena.count, out)
        document: int = out[0]
        return document

    def put_tree(self, tree: Tree) -> TreeIds:
        """Creates a document with its columns, inputs and outputs."""
        arena = codec.tree_arena(tree)
        out = ffi.new("stratum_tree_ids *")
        errors.invoke(self._calls.put_tree, self._raw, ffi.cast(_TREE, arena.address), out)
        return TreeIds(out.document, out.first_input, out.input_count)

    def replace_tree(self, document: int, tree: Tree) -> TreeIds:
        """Replaces blob, columns, inputs and outputs; the document keeps its id, the inputs get new ones."""
        arena = codec.tree_arena(tree)
        out = ffi.new("stratum_tree_ids *")
        errors.invoke(self._calls.replace_tree, self._raw, document, ffi.cast(_TREE, arena.address), out)
        return TreeIds(out.document, out.first_input, out.input_count)

    def put_packed(self, packed: Any) -> TreeIds:
        """Creates a document from a packed tree: what packed_tree gives, or its bytes."""
        return self._packed(self._calls.put_packed, packed)

    def replace_packed(self, document: int, packed: Any) -> TreeIds:
        """Replaces a document by a packed tree; the document keeps its id, the inputs get new ones."""
        return self._packed(self._calls.replace_packed, packed, document)

    def _packed(self, function: Any, packed: Any, *document: int) -> TreeIds:
        out = ffi.new("stratum_tree_ids *")
        with _lend(getattr(packed, "packed", packed)) as lent:
            errors.invoke(function, self._raw, *document, lent, len(lent), out)
        return TreeIds(out.document, out.first_input, out.input_count)

    def set_blob(self, document: int, blob: Any) -> None:
        """Replaces the blob of a document."""
        with _lend(blob) as lent:
            errors.invoke(self._calls.set_blob, self._raw, document, lent, len(lent))

    def set_column(self, document: int, name: str, value: Storable) -> None:
        """Sets a column of a document: creates or replaces it."""
        arena = codec.value_arena(value)
        text = name.encode()
        pointer = ffi.cast(_VALUE, arena.address)
        errors.invoke(self._calls.set_column, self._raw, document, text, len(text), pointer)

    def remove_column(self, document: int, name: str) -> None:
        """Removes a column of a document; NotFound where there is none."""
        text = name.encode()
        errors.invoke(self._calls.remove_column, self._raw, document, text, len(text))

    def delete_document(self, document: int) -> None:
        """Deletes a document with its columns, inputs and outputs. Its id is never used again."""
        errors.invoke(self._calls.delete_document, self._raw, document)

    # ---- inputs -------------------------------------------------------------------------------------------------

    def append_input(self, document: int, value: Storable) -> int:
        """Appends an input to a document; gives its id."""
        arena = codec.value_arena(value)
        out = ffi.new("uint64_t *")
        errors.invoke(self._calls.append_input, self._raw, document, ffi.cast(_VALUE, arena.address), out)
        input: int = out[0]
        return input

    def insert_input(self, document: int, before: int, value: Storable) -> int:
        """Inserts an input before the input `before`; gives its id."""
        arena = codec.value_arena(value)
        out = ffi.new("uint64_t *")
        errors.invoke(self._calls.insert_input, self._raw, document, before, ffi.cast(_VALUE, arena.address), out)
        input: int = out[0]
        return input

    def move_input(self, document: int, input: int, before: int = 0) -> None:
        """Moves an input before the input `before`, or to the end where that is 0."""
        errors.invoke(self._calls.move_input, self._raw, document, input, before)

    def replace_input(self, document: int, input: int, value: Storable) -> None:
        """Replaces the value of an input; its place, columns and output stay."""
        self._set(self._calls.replace_input, document, input, value)

    def set_input_column(self, document: int, input: int, name: str, value: Storable) -> None:
        """Sets a column of an input: creates or replaces it."""
        arena = codec.value_arena(value)
        text = name.encode()
        pointer = ffi.cast(_VALUE, arena.address)
        errors.invoke(self._calls.set_input_column, self._raw, document, input, text, len(text), pointer)

    def remove_input_column(self, document: int, input: int, name: str) -> None:
        """Removes a column of an input; NotFound where there is none."""
        text = name.encode()
        errors.invoke(self._calls.remove_input_column, self._raw, document, input, text, len(text))

    def delete_input(self, document: int, input: int) -> None:
        """Deletes an input with its columns and its output."""
        errors.invoke(self._calls.delete_input, self._raw, document, input)

    # ---- outputs ------------------------------------------------------------------------------------------------

    def set_output(self, document: int, input: int, value: Storable) -> None:
        """Sets the output of an input: creates or replaces it."""
        self._set(self._calls.set_output, document, input, value)

    def update_output(self, document: int, input: int, value: Storable) -> None:
        """Replaces the output of an input; NotFound where there is none yet."""
        self._set(self._calls.update_output, document, input, value)

    def delete_output(self, document: int, input: int) -> None:
        """Deletes the output of an input; NotFound where there is none."""
        errors.invoke(self._calls.delete_output, self._raw, document, input)

    def _set(self, function: Any, document: int, input: int, value: Storable) -> None:
        arena = codec.value_arena(value)
        errors.invoke(function, self._raw, document, input, ffi.cast(_VALUE, arena.address))

    # ---- many in one buffer -------------------------------------------------------------------------------------

    def apply_packed(self, operations: Operations | bytes | bytearray | memoryview) -> list[int]:
        """Many writes in one call; gives an id for each: what it makes, else 0.

        Where one fails, `applied` of the exception says how many came before it: in a batch those stay, in a store
        nothing of them is written.
        """
        rows = bytes(operations)
        capacity = len(rows) // _ROW_BYTES + 1
        ids, applied = ffi.new("uint64_t[]", capacity), ffi.new("size_t *")
        try:
            errors.invoke(self._calls.apply_packed, self._raw, rows, len(rows), ids, capacity, applied)
        except errors.StratumError as error:
            error.applied = applied[0]
            raise
        made: list[int] = ffi.unpack(ids, applied[0])
        return made
