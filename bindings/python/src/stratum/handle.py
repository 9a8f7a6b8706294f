"""What stores, snapshots, batches and cursors have in common: a handle of the library.

1. A handle is a number that the library checks: it is kept after the release, and the library answers every further use
   with Closed. No lock is needed here, whichever thread releases while others call.
2. What depends on a store refers to it, so that the store is not collected while something of it is in use.
"""

from __future__ import annotations

import os
from typing import Any

from . import errors
from ._stratum import ffi


class Handle:
    """An object of the library, freed once."""

    __slots__ = ("_address", "_is_released", "_raw", "_slot", "__weakref__")

    def __init__(self, slot: Any) -> None:
        # The slot is what the library's free functions take and set to NULL.
        self._slot = slot
        self._raw = slot[0]
        self._address: int = int(ffi.cast("uintptr_t", self._raw))
        self._is_released = False

    def _release(self, free: Any) -> None:
        """Frees the handle; a second time does nothing."""
        if not self._is_released:
            self._is_released = True
            free(self._slot)


def create(kind: str, function: Any, *arguments: Any) -> Any:
    """Calls a function that makes an object of that type; gives the slot that it was put into."""
    slot = ffi.new(f"{kind} **")
    errors.invoke(function, *arguments, slot)
    return slot


def as_path(path: Any) -> bytes:
    """A path as the system takes it."""
    return os.fsencode(path)
