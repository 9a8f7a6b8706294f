"""Ctrl-C within a call, and warnings that are errors: no store stays open for it."""

from __future__ import annotations

import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import stratum
from stratum import errors
from stratum._stratum import ffi, lib


def run(program: str, *options: str) -> str:
    """Runs a program of its own, which has to end in status 0; gives what it printed."""
    done = subprocess.run([sys.executable, *options, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Interrupted:
    """Ctrl-C right behind the call of one function: what it made is there, and nobody has it yet."""

    def __init__(self, function: Any) -> None:
        self.function = function
        self.real = errors.invoke
        self.made: Any = None

    def __call__(self, function: Any, *arguments: Any) -> None:
        self.real(function, *arguments)
        if function == self.function:
            # The number alone: the slot that it came in is not kept.
            self.made = ffi.new("void **", arguments[-1][0])
            raise KeyboardInterrupt


def test_an_open_that_is_interrupted_leaves_the_store_closed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(errors, "invoke", Interrupted(lib.stratum_db_open))
        with pytest.raises(KeyboardInterrupt) as kept:
            stratum.open(path)
    # While the traceback is still there.
    with stratum.open(path) as db:
        assert len(db) == 0
    assert kept.traceback


def test_a_handle_whose_making_is_interrupted_is_freed(db: stratum.Db, monkeypatch: pytest.MonkeyPatch) -> None:
    document = db.create_document(b"x")
    db.append_input(document, 1)
    makers: list[tuple[Callable[[], Any], Any, str, Any]] = [
        (db.snapshot, lib.stratum_db_snapshot, "stratum_view", lib.stratum_view_free),
        (db.batch, lib.stratum_batch_create, "stratum_batch", lib.stratum_batch_free),
        (db.documents, lib.stratum_view_documents, "stratum_document_cursor", lib.stratum_document_cursor_free),
        (
            lambda: db.input_cursor(document),
            lib.stratum_view_input_cursor,
            "stratum_input_cursor",
            lib.stratum_input_cursor_free,
        ),
        (db.verify, lib.stratum_db_verify, "stratum_report", lib.stratum_report_free),
    ]
    for make, function, kind, free in makers:
        interrupted = Interrupted(function)
        with monkeypatch.context() as patched:
            patched.setattr(errors, "invoke", interrupted)
            with pytest.raises(KeyboardInterrupt) as kept:
                make()
        assert free(ffi.cast(f"{kind} **", interrupted.made)) == lib.STRATUM_CLOSED, kind
        assert kept.traceback


def test_an_interrupt_between_two_steps_of_an_open_closes_the_store(path: Path) -> None:
    """Wherever Ctrl-C comes: the store can be opened again, and nothing is left of the first one."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    package = str(Path(stratum.__file__).parent)
    steps = 0

    def step(frame: Any, event: str, argument: Any) -> Any:
        nonlocal steps
        # Python itself passes over what comes out of a finalizer.
        code = frame.f_code
        if code.co_filename.startswith(package) and code.co_name not in ("__del__", "_release"):
            steps += 1
            if steps == at:
                signal.raise_signal(signal.SIGINT)
        return step

    try:
        for at in range(1, 1000):
            steps = 0
            opened = None
            with warnings.catch_warnings():
                # Of what was open already.
                warnings.simplefilter("ignore", ResourceWarning)
                sys.settrace(step)
                try:
                    opened = stratum.open(path, background=False)
                except KeyboardInterrupt:
                    pass
                finally:
                    sys.settrace(None)
            if opened is not None:
                opened.close()
            stratum.open(path, background=False).close()
            if steps < at:
                break
        assert at > 20 and steps < at
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_forgotten_store_is_closed_where_warnings_are_errors(path: Path) -> None:
    program = f"""
import stratum
db = stratum.open({str(path)!r})
del db
with stratum.open({str(path)!r}) as db:
    print(len(db))
"""
    assert run(program, "-W", "error") == "0\n"
