"""Cursors: walks over documents and over the inputs of one.

1. A cursor stays at the moment at which it was made, and is for one thread at a time: a second one gets Busy.
2. It refers to what it was made from, so that the store is not collected meanwhile.
"""

from __future__ import annotations

from typing import Any

from . import errors
from ._setup import codec
from ._stratum import ffi, lib
from .handle import Handle
from .values import Input


class DocumentCursor(Handle):
    """Gives the ids of documents, ascending; made by documents()."""

    __slots__ = ("_source",)

    _free = lib.stratum_document_cursor_free

    def __init__(self, source: object, view: Any, start: int) -> None:
        super().__init__("stratum_document_cursor", lib.stratum_view_documents, view, start)
        self._source = source

    def __iter__(self) -> DocumentCursor:
        return self

    def __next__(self) -> int:
        out, error = ffi.new("uint64_t *"), ffi.new("stratum_error **")
        status = lib.stratum_document_cursor_next(self._raw, out, error)
        if status == lib.STRATUM_END:
            raise StopIteration
        errors.check(status, error)
        document: int = out[0]
        return document

    def fill(self, count: int) -> list[int]:
        """The next ids, up to `count`; none past the last."""
        out, filled, error = ffi.new("uint64_t[]", count), ffi.new("size_t *"), ffi.new("stratum_error **")
        status = lib.stratum_document_cursor_fill(self._raw, out, count, filled, error)
        if status == lib.STRATUM_END:
            return []
        errors.check(status, error)
        ids: list[int] = ffi.unpack(out, filled[0])
        return ids

    def seek(self, start: int) -> None:
        """Moves the cursor, forwards or back: the next id is the first that is `start` or above."""
        errors.invoke(lib.stratum_document_cursor_seek, self._raw, start)

    def close(self) -> None:
        """Frees the cursor; a second time does nothing."""
        self._release()

    def __enter__(self) -> DocumentCursor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class InputCursor(Handle):
    """Gives the inputs of a document in their order, with columns and outputs; made by input_cursor()."""

    __slots__ = ("_source", "_turn")

    _free = lib.stratum_input_cursor_free

    def __init__(self, source: object, view: Any, document: int) -> None:
        # A row is the library's until it is decoded, which is longer than the library's own call.
        self._turn = codec.Turn()
        super().__init__("stratum_input_cursor", lib.stratum_view_input_cursor, view, document)
        self._source = source

    def __iter__(self) -> InputCursor:
        return self

    def __next__(self) -> Input:
        with self._turn:
            made = codec.next_input(self._address)
        if made is None:
            raise StopIteration
        return made

    def fill(self, buffer: Any) -> int:
        """Fills a writable buffer with packed rows (unpack_rows decodes them); gives the bytes filled, 0 past the last.

        BufferTooSmall where not even the next row fits: `needed` of the exception says how many bytes it takes.
        """
        length, error = ffi.new("size_t *"), ffi.new("stratum_error **")
        with self._turn, ffi.from_buffer(buffer, require_writable=True) as into:
            status = lib.stratum_input_cursor_fill(self._raw, into, len(into), length, error)
        if status == lib.STRATUM_END:
            return 0
        try:
            errors.check(status, error)
        except errors.BufferTooSmall as small:
            small.needed = length[0]
            raise
        filled: int = length[0]
        return filled

    def close(self) -> None:
        """Frees the cursor; a second time does nothing. Busy while another thread uses it."""
        with self._turn:
            self._release()

    def __enter__(self) -> InputCursor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
