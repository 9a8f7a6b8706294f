"""Stores and their views."""

from __future__ import annotations

import os
import struct
import warnings
from collections.abc import Iterator
from typing import Any, Literal

from . import errors, reports
from ._setup import codec
from ._stratum import ffi, lib
from .batch import Batch, Durability
from .handle import Handle, as_path
from .progress import COMPACTION, OnProgress, Progress, Watch
from .reads import Reads
from .reports import Findings, Stats
from .values import Tree
from .writes import Calls, Writes

_TREES_AT_ONCE = 64

# A row of stratum_view_packed_trees: id, offset, length.
_ROWS = struct.Struct("<QQQ")


class View(Reads):
    """The newest moment of a store at each read: `latest` of a store."""

    __slots__ = ("_db", "_view")

    def __init__(self, db: Db) -> None:
        self._db = db
        self._view = db._view

    def items(self, start: int = 0) -> Iterator[tuple[int, Tree]]:
        """All documents with their trees, ids ascending, of one moment."""
        return self._db.items(start)


class Snapshot(Handle, Reads):
    """One moment of a store, unchanged by later writes and compaction. While it is open, it keeps what it shows on disk.

    A `with` closes it.
    """

    __slots__ = ("_db", "_view")

    _free = lib.stratum_view_free

    def __init__(self, db: Db) -> None:
        super().__init__("stratum_view", lib.stratum_db_snapshot, db._raw)
        self._view = self._address
        self._db = db

    def items(self, start: int = 0) -> Iterator[tuple[int, Tree]]:
        """All documents with their trees, ids ascending."""
        with self.documents(start) as cursor:
            while ids := cursor.fill(_TREES_AT_ONCE):
                try:
                    packed = codec.packed_trees(self._view, ids).view
                except errors.TooLarge:
                    # Over 4 GiB together.
                    yield from ((document, self.tree(document)) for document in ids)
                    continue
                # Decoded one by one: a tree that was dealt with is gone when the next one is made.
                for document, offset, length in _ROWS.iter_unpack(packed[8 : 8 + _ROWS.size * len(ids)]):
                    yield document, codec.unpack_tree(packed[offset : offset + length])

    def close(self) -> None:
        """Frees the snapshot; a second time does nothing."""
        self._release()

    def __enter__(self) -> Snapshot:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Options(Handle):
    """The options that a store is opened with."""

    __slots__ = ()

    _free = lib.stratum_options_free

    def __init__(self, given: dict[str, object]) -> None:
        super().__init__("stratum_options", lib.stratum_options_create)
        for option, value in given.items():
            name = option.encode()
            text = (str(value).lower() if isinstance(value, bool) else str(value)).encode()
            errors.invoke(lib.stratum_options_set, self._raw, name, len(name), text, len(text))


def _close_quietly(slot: Any, close: Any = lib.stratum_db_close, no_error: Any = ffi.NULL) -> None:
    close(slot, no_error)


class Db(Handle, Reads, Writes):
    """An open store: a read-only mapping of document ids to trees, with writes that are a commit each.

    A `with` closes it. It may be used by any number of threads at once.
    """

    __slots__ = ("_view", "path")

    _calls = Calls("stratum_db")
    _free = staticmethod(_close_quietly)

    def __init__(
        self,
        path: str | bytes | os.PathLike[Any],
        *,
        create: bool | None = None,
        exclusive: bool | None = None,
        durability: Durability | None = None,
        sync_interval_ms: int | None = None,
        read_mode: Literal["mmap", "pread"] | None = None,
        verify_reads: bool | None = None,
        segment_size: int | None = None,
        max_record_bytes: int | None = None,
        max_batch_bytes: int | None = None,
        background: bool | None = None,
        max_amplification: float | None = None,
        checkpoint_bytes: int | None = None,
        fold_after: int | None = None,
        compression: Literal["none", "lz4", "zstd"] | None = None,
        compaction_bytes_per_second: int | None = None,
        max_retained_bytes: int | None = None,
        options: dict[str, object] | None = None,
    ) -> None:
        """Opens the store in the directory `path`, and creates it where there is none.

        The arguments are the options of stratum.h (stratum_options_set_*), None is their default; `options` has further
        ones by their names. A store is open at most once: the second opener gets Locked at once.
        """
        given: dict[str, object] = {
            "create": create,
            "exclusive": exclusive,
            "durability": durability,
            "sync_interval_ms": sync_interval_ms,
            "read_mode": read_mode,
            "verify_reads": verify_reads,
            "segment_size": segment_size,
            "max_record_bytes": max_record_bytes,
            "max_batch_bytes": max_batch_bytes,
            "background": background,
            "max_amplification": max_amplification,
            "checkpoint_bytes": checkpoint_bytes,
            "fold_after": fold_after,
            "compression": compression,
            "compaction_bytes_per_second": compaction_bytes_per_second,
            "max_retained_bytes": max_retained_bytes,
            **(options or {}),
        }
        #: The directory, as it was given.
        self.path = path
        name = as_path(path)
        chosen = _Options({option: value for option, value in given.items() if value is not None})
        super().__init__("stratum_db", lib.stratum_db_open, name, len(name), chosen._raw)
        self._view: int = int(ffi.cast("uintptr_t", lib.stratum_db_latest(self._raw)))

    # ---- views and batches --------------------------------------------------------------------------------------

    @property
    def latest(self) -> View:
        """A view without the writes: the newest moment at each read."""
        return View(self)

    def snapshot(self) -> Snapshot:
        """One moment that stays. It costs microseconds."""
        return Snapshot(self)

    def batch(self, durability: Durability | None = None) -> Batch:
        """Writes that become visible and durable together; `with db.batch() as batch:` commits at its end."""
        return Batch(self, durability)

    def items(self, start: int = 0) -> Iterator[tuple[int, Tree]]:
        """All documents with their trees, ids ascending, of one moment: that of the first step."""
        with self.snapshot() as snapshot:
            yield from snapshot.items(start)

    # ---- upkeep -------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Makes everything that was committed so far durable, whatever durability it was committed with."""
        errors.invoke(lib.stratum_db_flush, self._raw)

    def checkpoint(self) -> None:
        """Writes an index checkpoint now, so that the next open need not read the log before it."""
        errors.invoke(lib.stratum_db_checkpoint, self._raw)

    def compact_now(self, progress: OnProgress | None = None) -> None:
        """Compacts until no garbage is left that can go; returns when done.

        `progress` is called between steps; it ends the work by returning False. It may read the store; writes, flush and
        the like raise Busy in it.
        """
        if progress is None:
            errors.invoke(lib.stratum_db_compact_now, self._raw, ffi.NULL, ffi.NULL)
        else:
            watch = Watch(progress, Progress)
            # The handle lives as long as the call.
            handle = ffi.new_handle(watch)
            watch.invoke(lib.stratum_db_compact_now, self._raw, COMPACTION, handle)

    def stats(self) -> Stats:
        """Figures about the store."""
        return reports.stats(self._raw)

    def verify(self) -> Findings:
        """Reads and checks everything. Damage is no exception of this call: the findings list it."""
        return reports.verify(self._raw)

    # ---- the end ------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Makes everything durable and closes; a second time does nothing.

        What could not be made durable raises; the store is closed all the same, except after Busy (from within a callback).
        Views, cursors and batches of the store raise Closed from then on; what was read stays.
        """
        if self._is_released:
            return
        slot = ffi.new("stratum_db **", self._raw)
        try:
            errors.invoke(lib.stratum_db_close, slot)
        except errors.Closed:
            # Another thread was faster.
            pass
        finally:
            self._is_released = self._is_released or slot[0] == ffi.NULL

    @property
    def is_closed(self) -> bool:
        """Whether close() was called."""
        return self._is_released

    def __enter__(self) -> Db:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<stratum.Db {os.fspath(self.path)!r}{' closed' if self._is_released else ''}>"

    def __del__(self, warn: Any = warnings.warn) -> None:
        # One that was not opened has nothing in its slot.
        if not hasattr(self, "_is_released") or self._is_released or not self._slot[0]:
            return
        try:
            warn(f"a store was not closed: {self!r}", ResourceWarning, source=self, stacklevel=1)
        finally:
            # Also where warnings are errors.
            self.close()
