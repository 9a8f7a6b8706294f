"""Statuses as exceptions: one class for each, all of them StratumError.

1. Where Python has an exception for the same thing, the class is one, too: what is missing is a KeyError, a disk that
   fails an OSError.
2. The numbers are those of stratum.h; a status that has no class here raises StratumError itself.
"""

from __future__ import annotations

from typing import Any

from ._stratum import ffi, lib

_CLASSES: dict[int, type[StratumError]] = {}


class StratumError(Exception):
    """Whatever the store refuses. The text says what happened and what to do."""

    #: The status of stratum.h that the class stands for.
    status: int = 0

    #: The system's error number behind it; 0 or None where there is none.
    errno: int | None

    #: Of apply_packed: how many operations came before the one that failed.
    applied: int | None = None

    def __init__(self, message: str = "", errno: int = 0) -> None:
        super().__init__(message)
        self.message = message
        if errno:
            self.errno = errno
        elif not isinstance(self, OSError):
            self.errno = 0

    def __init_subclass__(cls, **named: Any) -> None:
        super().__init_subclass__(**named)
        _CLASSES.setdefault(cls.status, cls)

    def __str__(self) -> str:
        return self.message

    @property
    def name(self) -> str:
        """The status as stratum.h names it: "STRATUM_LOCKED"."""
        return status_name(self.status)


class NotFound(StratumError, KeyError):
    """The document, input, output or column is not there."""

    status: int = lib.STRATUM_NOT_FOUND


class InvalidArgument(StratumError, ValueError):
    """An argument can never be right."""

    status: int = lib.STRATUM_INVALID_ARGUMENT


class InvalidHandle(StratumError, ValueError):
    """Not a handle: a mistake of this package."""

    status: int = lib.STRATUM_INVALID_HANDLE


class Closed(StratumError, ValueError):
    """The store, snapshot, batch, cursor or memory was closed or released."""

    status: int = lib.STRATUM_CLOSED


class Busy(StratumError, RuntimeError):
    """The batch or cursor is in use by another thread, or the call is not allowed inside a callback."""

    status: int = lib.STRATUM_BUSY


class BufferTooSmall(StratumError, BufferError):
    """The caller's buffer cannot hold the answer."""

    status: int = lib.STRATUM_BUFFER_TOO_SMALL

    #: How many bytes it takes, where that is known.
    needed: int | None = None


class TooLarge(StratumError, ValueError):
    """Over a limit of the store; nothing was written."""

    status: int = lib.STRATUM_TOO_LARGE


class TooManyHandles(StratumError, RuntimeError):
    """There are as many handles open as there can be."""

    status: int = lib.STRATUM_TOO_MANY_HANDLES


class NoMemory(StratumError, MemoryError):
    """The system refused memory. Nothing was changed."""

    status: int = lib.STRATUM_NO_MEMORY


class Corruption(StratumError):
    """Stored bytes do not check out. Nothing was changed."""

    status: int = lib.STRATUM_CORRUPTION


class Io(StratumError, OSError):
    """The operating system refused an operation; `errno` says why."""

    status: int = lib.STRATUM_IO


class NoSpace(StratumError, OSError):
    """The disk is full. Nothing was changed, and writing works again when there is room."""

    status: int = lib.STRATUM_NO_SPACE


class Locked(StratumError, OSError):
    """The store is open elsewhere."""

    status: int = lib.STRATUM_LOCKED


class NotAStore(StratumError):
    """The directory holds something that is not a store. It was not touched."""

    status: int = lib.STRATUM_NOT_A_STORE


class NewerFormat(StratumError):
    """A newer version wrote this. It was not touched."""

    status: int = lib.STRATUM_NEWER_FORMAT


class OpenRefused(StratumError):
    """There is no store and `create` is off, or there is one and `exclusive` is on."""

    status: int = lib.STRATUM_OPEN_REFUSED


class CommitUnknown(StratumError, OSError):
    """A sync failed: opening the store again tells whether this commit is in it."""

    status: int = lib.STRATUM_COMMIT_UNKNOWN


class Poisoned(StratumError, OSError):
    """An earlier sync failed: reads go on, writes are refused until the store is opened again."""

    status: int = lib.STRATUM_POISONED


class SnapshotTooOld(StratumError):
    """The snapshot held more than `max_retained_bytes` and was given up; take a new one."""

    status: int = lib.STRATUM_SNAPSHOT_TOO_OLD


class Forked(StratumError, RuntimeError):
    """This process is a fork of the one that opened the store: open it anew, once the parent has closed it."""

    status: int = lib.STRATUM_FORKED


class Panic(StratumError, RuntimeError):
    """The library failed in itself (a bug: please report it)."""

    status: int = lib.STRATUM_PANIC


def status_name(status: int) -> str:
    """The name of a status as stratum.h has it."""
    name: bytes = ffi.string(lib.stratum_status_name(status))
    return name.decode()


def make(status: int, message: str, errno: int) -> StratumError:
    """The exception for a status."""
    cls = _CLASSES.get(status, StratumError)
    if not message:
        message = (cls.__doc__ or status_name(status)) if cls is not StratumError else status_name(status)
    error = cls(message, errno)
    error.status = status
    return error


def check(status: int, error: Any) -> None:
    """Raises what a status says; `error` is the stratum_error ** of the call."""
    if status != 0:
        try:
            message: bytes = ffi.string(lib.stratum_error_message(error[0]))
            # Not kept in a variable: the exception would refer to itself through this frame, and to the caller's store.
            raise make(status, message.decode(), lib.stratum_error_os_errno(error[0]))
        finally:
            lib.stratum_error_free(error)


def invoke(function: Any, *arguments: Any) -> None:
    """Calls a function of stratum.h whose last argument is the error."""
    error = ffi.new("stratum_error **")
    status = function(*arguments, error)
    if status != 0:
        check(status, error)
