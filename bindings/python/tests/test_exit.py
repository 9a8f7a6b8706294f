"""The process ends while a daemon thread compacts or repairs: CPython up to 3.13 ends such a thread where it asks for the GIL,
which it does from within the library."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import stratum

# What the main thread leaves behind takes a while to go: the time in which other threads are ended.
PROGRAM = """
import os, sys, threading, time
import stratum
import stratum.progress

path = sys.argv[1]
db = stratum.open(path, durability="os", background=False, segment_size=65536)
begun = threading.Event()

class Slow:
    def __del__(self, sleep=time.sleep):
        sleep(1.5)

def fill():
    for _ in range(50):
        db.delete_document(db.create_document(b"x" * 5000))

def watched(progress):
    begun.set()
    time.sleep(0.3)

def compact():
    db.compact_now(watched)

def compact_again_and_again():
    while True:
        fill()
        db.compact_now(lambda progress: begun.set())

def repair():
    db.close()
    while True:
        stratum.repair(path, dry_run=True, progress=watched)

fill()
sys.slow = Slow()
threading.Thread(target=WORK, daemon=True).start()
assert begun.wait(30)
"""


def end(path: Path, work: str, rest: str = "") -> str:
    """Ends a process in the midst of that work; gives what it printed."""
    program = PROGRAM.replace("WORK", work) + rest
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
    with stratum.open(path) as db:
        assert db.verify().damage == []
    return done.stdout


@pytest.mark.parametrize("work", ["compact", "compact_again_and_again", "repair"])
def test_a_process_ends_well_while_a_daemon_thread_is_in_a_callback(path: Path, work: str) -> None:
    end(path, work)


def test_a_callback_that_takes_too_long_is_left_where_it_is(path: Path) -> None:
    end(path, "compact", "stratum.progress.PATIENCE = 0.1")


def test_a_callback_is_stopped_before_the_store_goes(path: Path) -> None:
    """A close in what Python does last waits for the compaction, which could not go on then."""
    rest = """
class Owner:
    def __del__(self, close=db.close, write=os.write):
        close()
        write(1, b"closed")

# In a module of its own: this one's globals are kept by the thread.
app = sys.modules["app"] = type(sys)("app")
app.owner = Owner()
del app
"""
    assert end(path, "compact", rest) == "closed"


def test_a_fork_does_not_wait_for_the_callbacks_of_its_parent(path: Path) -> None:
    rest = """
child = os.fork()
if child == 0:
    del sys.slow
    stratum.progress.PATIENCE = 20
    sys.exit(7)
started = time.monotonic()
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
assert time.monotonic() - started < 10
print("parent")
"""
    assert end(path, "compact", rest) == "parent\n"


def test_what_is_asked_for_at_the_end_is_done_on_the_main_thread_only(path: Path) -> None:
    rest = """
import atexit

def late(then):
    calls = []
    db.compact_now(calls.append)
    print(then, len(calls) > 0)

def last():
    fill()
    late("main")
    try:
        fill()
        threading.excepthook = lambda raised: print(raised.exc_type.__name__)
        thread = threading.Thread(target=late, args=("thread",), daemon=True)
        thread.start()
        thread.join()
    finally:
        db.close()

# Behind the hook of stratum, which is there already.
atexit._clear()
atexit.register(last)
atexit.register(stratum.progress.end_watched)
"""
    assert end(path, "compact", rest) == "main True\nRuntimeError\n"
