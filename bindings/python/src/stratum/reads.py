"""Reads: what stores, their latest views and snapshots offer alike.

1. Each read sees one moment: of a snapshot always the same, of a store the newest.
2. All of them may be called by any number of threads at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar, overload

from . import errors
from ._setup import codec
from ._stratum import ffi, lib
from .cursors import DocumentCursor, InputCursor
from .packed import PackedTree
from .values import Input, Tree, Value

if TYPE_CHECKING:
    from ._codec import Pinned

T = TypeVar("T")

_NO_DEFAULT: Any = object()
_IDS_AT_ONCE = 4096


class Reads:
    """A read-only mapping of document ids to trees, and reads of their parts."""

    __slots__ = ()

    #: The address of the stratum_view that is read.
    _view: int

    def _raw_view(self) -> Any:
        return ffi.cast("stratum_view *", self._view)

    # ---- as a mapping -------------------------------------------------------------------------------------------

    def __contains__(self, document: object) -> bool:
        try:
            return codec.exists(self._view, document)
        except TypeError:
            # What is no number is no id.
            return False

    def __len__(self) -> int:
        return self.document_count()

    def __bool__(self) -> bool:
        # A store without documents is no false one.
        return True

    def __iter__(self) -> Iterator[int]:
        """The ids of all documents, ascending, of one moment."""
        with self.documents() as cursor:
            while ids := cursor.fill(_IDS_AT_ONCE):
                yield from ids

    def __getitem__(self, document: int) -> Tree:
        return codec.tree(self._view, document)

    @overload
    def get(self, document: int) -> Tree | None: ...
    @overload
    def get(self, document: int, default: T) -> Tree | T: ...
    def get(self, document: int, default: Any = None) -> Any:
        """The whole tree of a document; `default` where there is none."""
        try:
            return codec.tree(self._view, document)
        except errors.NotFound:
            return default

    # ---- whole documents ----------------------------------------------------------------------------------------

    def tree(self, document: int) -> Tree:
        """A whole document: blob, columns, inputs and outputs, in one read. NotFound where there is none."""
        return codec.tree(self._view, document)

    def trees(self, documents: Iterable[int]) -> list[Tree | None]:
        """Many trees of one moment in one call; None for a document that is not there. Up to 4 GiB together."""
        with codec.packed_trees(self._view, tuple(documents)) as packed:
            return codec.unpack_trees(packed)

    def packed_tree(self, document: int) -> PackedTree:
        """A whole document without a copy: its parts are looked at where they lie."""
        return PackedTree(codec.packed_tree(self._view, document))

    def packed_trees(self, documents: Iterable[int]) -> Pinned:
        """Many packed trees in one buffer, as stratum_view_packed_trees describes it; unpack_trees decodes it."""
        return codec.packed_trees(self._view, tuple(documents))

    def exists(self, document: int) -> bool:
        """Whether the document is there."""
        return codec.exists(self._view, document)

    def document_count(self) -> int:
        """How many documents there are."""
        return self._number(lib.stratum_view_document_count)

    @property
    def sequence(self) -> int:
        """The sequence number of the newest commit; 0 before the first."""
        return self._number(lib.stratum_view_sequence)

    def _number(self, function: Any) -> int:
        out = ffi.new("uint64_t *")
        errors.invoke(function, self._raw_view(), out)
        number: int = out[0]
        return number

    # ---- parts of a document ------------------------------------------------------------------------------------

    def blob(self, document: int) -> bytes:
        """The blob of a document, copied."""
        return codec.blob(self._view, document)

    def pinned_blob(self, document: int) -> Pinned:
        """The blob of a document without a copy: memoryview(it) looks at it, a `with` or release() gives it back."""
        return codec.pinned_blob(self._view, document)

    def read_blob(self, document: int, buffer: Any) -> int:
        """Copies the blob into a writable buffer; gives its length. BufferTooSmall where it does not fit."""
        length = ffi.new("size_t *")
        with ffi.from_buffer(buffer, require_writable=True) as into:
            errors.invoke(lib.stratum_view_read_blob, self._raw_view(), document, into, len(into), length)
        taken: int = length[0]
        return taken

    def columns(self, document: int) -> dict[str, Value]:
        """The columns of a document, sorted by name; its blob is not read."""
        return codec.columns(self._view, document)

    def column(self, document: int, name: str, default: Any = _NO_DEFAULT) -> Value:
        """One column of a document. Where it, or the document, is not there: `default`, or NotFound if none is given."""
        try:
            return codec.column(self._view, document, name)
        except errors.NotFound:
            if default is _NO_DEFAULT:
                raise
            return default

    def input_count(self, document: int) -> int:
        """How many inputs the document has."""
        return codec.input_count(self._view, document)

    def input_ids(self, document: int) -> list[int]:
        """The ids of a document's inputs, in their order."""
        return codec.input_ids(self._view, document)

    def inputs(self, document: int) -> list[Input]:
        """All inputs of a document in their order, with columns and outputs; its blob is not read."""
        return codec.inputs(self._view, document)

    def input(self, document: int, input: int) -> Value:
        """The value of an input."""
        return codec.input(self._view, document, input)

    def input_columns(self, document: int, input: int) -> dict[str, Value]:
        """The columns of an input, sorted by name."""
        return codec.input_columns(self._view, document, input)

    def output(self, document: int, input: int, default: Any = _NO_DEFAULT) -> Value:
        """The output of an input. Where it, or the input, is not there: `default`, or NotFound if none is given."""
        try:
            return codec.output(self._view, document, input)
        except errors.NotFound:
            if default is _NO_DEFAULT:
                raise
            return default

    # ---- cursors ------------------------------------------------------------------------------------------------

    def documents(self, start: int = 0) -> DocumentCursor:
        """A cursor over the ids of all documents, ascending, from `start` on. It stays at its moment."""
        return DocumentCursor(self, self._raw_view(), start)

    def input_cursor(self, document: int) -> InputCursor:
        """A cursor over the inputs of a document, for documents that are not to be in memory as a whole."""
        return InputCursor(self, self._raw_view(), document)
