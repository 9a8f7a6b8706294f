"""Callbacks that say how far a compaction or a repair has come.

1. They are called on the thread that asked for the work, from within the call.
2. Returning False ends the work; so does an exception, which then comes out of the call. Nothing crosses the library.
3. Nor does the end of the process: when the main thread is done, work that is watched on daemon threads is stopped, and
   waited for. Where a callback does not return in time its thread is held (native/callbacks.c).
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from . import errors
from ._stratum import ffi, lib


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a compaction has come."""

    segments_done: int
    segments_total: int
    bytes_read: int
    bytes_written: int
    bytes_reclaimed: int


@dataclass(frozen=True, slots=True)
class RepairProgress:
    """How far a repair has come; documents_total is 0 until everything was read once."""

    bytes_done: int
    bytes_total: int
    documents_done: int
    documents_total: int


OnProgress: TypeAlias = Callable[[Progress], "bool | None"]
OnRepairProgress: TypeAlias = Callable[[RepairProgress], "bool | None"]


def fields(struct: Any) -> dict[str, Any]:
    """The fields of a struct of stratum.h by their names."""
    names = (name for name, _ in ffi.typeof(struct).item.fields)
    return {name: getattr(struct, name) for name in names if name != "struct_size"}


#: Seconds that the end of the process waits for callbacks of daemon threads.
PATIENCE = 10.0

_watching: set[Watch] = set()
# The thread that ends the process.
_ending: int | None = None


class Watch:
    """A callback, and what it raised."""

    def __init__(self, call: Callable[[Any], bool | None], show: Callable[..., Any]) -> None:
        self.call = call
        self.show = show
        self.raised: BaseException | None = None
        self.thread = threading.get_ident()
        self.is_stopped = False
        self.is_over = threading.Event()

    def __call__(self, progress: Any) -> int:
        if self.is_stopped or self.raised is not None:
            return 0
        try:
            return 0 if self.call(self.show(**fields(progress))) is False else 1
        except BaseException as error:  # It goes on to the caller, once the library has returned.
            self.raised = error
            return 0

    def invoke(self, function: Any, *arguments: Any) -> None:
        """Calls a function of stratum.h, and raises what the callback did."""
        try:
            # In this order: what the end of the process does not see sees that.
            _watching.add(self)
            if _ending not in (None, self.thread):
                raise RuntimeError("the process ends: what daemon threads do is not watched any more")
            errors.invoke(function, *arguments)
        finally:
            _watching.discard(self)
            self.is_over.set()
            raised, self.raised = self.raised, None
            try:
                if raised is not None:
                    raise raised
            finally:
                # The exception would refer to itself through this frame.
                del raised


def end_watched() -> None:
    """Stops what other threads do that is watched, and waits for it."""
    global _ending
    _ending = threading.get_ident()
    others = [watch for watch in tuple(_watching) if watch.thread != _ending]
    for watch in others:
        watch.is_stopped = True
    until = time.monotonic() + PATIENCE
    for watch in others:
        watch.is_over.wait(max(0.0, until - time.monotonic()))


# When it is called, all threads but daemon ones are done, and those can still run.
atexit.register(end_watched)
# Other threads are not there in a child.
os.register_at_fork(after_in_child=_watching.clear)


@ffi.def_extern(onerror=None)  # type: ignore[untyped-decorator]
def stratum_python_progress(progress: Any, context: Any) -> int:
    """Of stratum_db_compact_now."""
    watch: Watch = ffi.from_handle(context)
    return watch(progress)


@ffi.def_extern(onerror=None)  # type: ignore[untyped-decorator]
def stratum_python_repair_progress(progress: Any, context: Any) -> int:
    """Of stratum_repair."""
    watch: Watch = ffi.from_handle(context)
    return watch(progress)


COMPACTION = ffi.addressof(lib, "codec_progress")
REPAIR = ffi.addressof(lib, "codec_repair_progress")
