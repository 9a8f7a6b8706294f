"""Batches: any number of writes that become visible and durable together."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from . import errors
from ._stratum import ffi, lib
from .handle import Handle
from .writes import Calls, Writes

if TYPE_CHECKING:
    from .store import Db

#: On disk when the call returns; synced every `sync_interval_ms`; handed to the system.
Durability: TypeAlias = Literal["always", "interval", "os"]

_DURABILITY: dict[str | None, int] = {
    None: lib.STRATUM_DURABILITY_DEFAULT,
    "always": lib.STRATUM_DURABILITY_ALWAYS,
    "interval": lib.STRATUM_DURABILITY_INTERVAL,
    "os": lib.STRATUM_DURABILITY_OS,
}


class Batch(Handle, Writes):
    """Writes that are committed together: all or none.

    A `with` commits where its body ends, and abandons the batch where the body raises. A batch is for one thread at a
    time: a second one gets Busy.
    """

    __slots__ = ("_db", "_durability")

    _calls = Calls("stratum_batch")
    _free = lib.stratum_batch_free

    def __init__(self, db: Db, durability: Durability | None = None) -> None:
        self._durability = _durability(durability)
        super().__init__("stratum_batch", lib.stratum_batch_create, db._raw)
        self._db = db

    def commit(self, durability: Durability | None = None) -> int:
        """Commits; gives the commit's sequence number. The batch is used up, also where this fails, except after Busy."""
        options = ffi.new("stratum_commit_options *")
        options.struct_size = ffi.sizeof("stratum_commit_options")
        options.durability = self._durability if durability is None else _durability(durability)
        # Once it is used up the library answers Closed, as for every other call.
        slot = ffi.new("stratum_batch **", self._raw)
        sequence = ffi.new("uint64_t *")
        try:
            errors.invoke(lib.stratum_batch_commit, slot, options, sequence)
        finally:
            self._is_released = self._is_released or slot[0] == ffi.NULL
        number: int = sequence[0]
        return number

    def abandon(self) -> None:
        """Forgets all of it: nothing is written. A second time, or after a commit, does nothing."""
        self._release()

    def clear(self) -> None:
        """Forgets everything in the batch, which can be used again; the ids that it handed out are skipped."""
        errors.invoke(lib.stratum_batch_clear, self._raw)

    def size(self) -> tuple[int, int]:
        """How many writes it holds, and its size in bytes as counted against `max_batch_bytes`."""
        operations, length = ffi.new("uint64_t *"), ffi.new("uint64_t *")
        errors.invoke(lib.stratum_batch_size, self._raw, operations, length)
        return operations[0], length[0]

    def __enter__(self) -> Batch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and not self._is_released:
            self.commit()
        else:
            self.abandon()


def _durability(durability: str | None) -> int:
    try:
        return _DURABILITY[durability]
    except (KeyError, TypeError):
        raise errors.InvalidArgument(f"durability is 'always', 'interval' or 'os', not {durability!r}") from None
