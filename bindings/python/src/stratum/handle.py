"""What stores, snapshots, batches and cursors have in common: a handle of the library.

1. A handle is a number that the library checks: it is kept after the release, and the library answers every further use
   with Closed. No lock is needed here, whichever thread releases while others call.
2. What depends on a store refers to it, so that the store is not collected while something of it is in use.
3. Whatever interrupts the making of an object, Ctrl-C too, leaves nothing open behind it.
"""

from __future__ import annotations

import os
from typing import Any, ClassVar

from . import errors
from ._stratum import ffi


class Handle:
    """An object of the library, freed once."""

    __slots__ = ("_address", "_is_released", "_raw", "_slot", "__weakref__")

    #: The library's function that frees it: takes the slot, and sets it to NULL. An empty one is no error.
    _free: ClassVar[Any]

    def __init__(self, kind: str, function: Any, *arguments: Any) -> None:
        """Calls a function that makes an object of that type."""
        # The slot is there before the call is made: Ctrl-C may come as soon as the library has put something into it.
        self._slot = ffi.new(f"{kind} **")
        self._is_released = False
        try:
            errors.invoke(function, *arguments, self._slot)
            self._raw = self._slot[0]
            self._address: int = int(ffi.cast("uintptr_t", self._raw))
        except BaseException:
            # Not left to the finalizer: the traceback keeps the object.
            self._release()
            raise

    def _release(self) -> None:
        """Frees the handle; a second time does nothing."""
        if not self._is_released:
            self._free(self._slot)
            self._is_released = True

    def __del__(self) -> None:
        if hasattr(self, "_is_released"):
            self._release()


def as_path(path: Any) -> bytes:
    """A path as the system takes it."""
    return os.fsencode(path)
