"""Use after close, double close, forgotten close, garbage collection, fork, leaks, threads."""

from __future__ import annotations

import decimal
import gc
import itertools
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import stratum
from stratum import Input, Tree, errors


def test_everything_answers_closed_after_close(path: Path) -> None:
    db = stratum.open(path, durability="os")
    document = db.put_tree(Tree(b"blob", {"c": 1}, [Input(1, 2)])).document
    view, snapshot, batch = db.latest, db.snapshot(), db.batch()
    cursor, inputs = db.documents(), db.input_cursor(document)
    pinned, packed, tree = db.pinned_blob(document), db.packed_tree(document), db[document]
    batch.set_blob(document, b"x")
    items, ids = db.items(), iter(db)
    next(items)
    db.close()
    db.close()
    assert db.is_closed
    calls: list[Callable[[], Any]] = [
        lambda: db[document],
        lambda: db.get(document),
        lambda: document in db,
        lambda: len(db),
        lambda: list(db),
        lambda: db.create_document(),
        lambda: db.set_output(document, 1, 1),
        lambda: db.put_tree(Tree()),
        lambda: db.apply_packed(b""),
        db.snapshot,
        db.batch,
        db.flush,
        db.checkpoint,
        db.compact_now,
        db.stats,
        db.verify,
        lambda: view.blob(document),
        lambda: snapshot.tree(document),
        lambda: snapshot.sequence,
        lambda: batch.create_document(),
        batch.commit,
        lambda: next(cursor),
        lambda: cursor.fill(1),
        lambda: cursor.seek(0),
        lambda: next(inputs),
        lambda: inputs.fill(bytearray(100)),
        lambda: next(ids),
    ]
    for call in calls:
        with pytest.raises(stratum.Closed):
            call()
    # What was read stays; what is still to be freed can be, twice.
    assert bytes(pinned) == b"blob" and packed.tree() == tree
    for close in (snapshot.close, batch.abandon, cursor.close, inputs.close, pinned.release) * 2:
        close()


def test_finalizers_in_any_order(path: Path) -> None:
    for order in itertools.permutations(range(5)):
        db = stratum.open(path, durability="os", background=False)
        document = db.create_document(b"blob")
        snapshot = db.snapshot()
        batch = db.batch()
        batch.delete_document(document)
        cursor = snapshot.input_cursor(document)
        things: dict[int, Any] = {0: db, 1: snapshot, 2: batch, 3: cursor, 4: snapshot.pinned_blob(document)}
        pinned = memoryview(things[4])
        db.close()
        del db, snapshot, batch, cursor
        for which in order:
            del things[which]
            assert bytes(pinned) == b"blob"


def test_children_keep_their_store(path: Path) -> None:
    snapshot = stratum.open(path).snapshot()
    gc.collect()
    assert len(snapshot) == 0
    db = snapshot._db
    db.close()


def test_a_forgotten_store_warns_and_is_closed(path: Path) -> None:
    with pytest.warns(ResourceWarning, match="was not closed"):
        db = stratum.open(path)
        db.create_document(b"kept")
        del db
        gc.collect()
    with stratum.open(path) as db:
        assert len(db) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        cycle: list[Any] = [stratum.open(path)]
        cycle.append(cycle)
        del cycle
        gc.collect()
    with stratum.open(path) as db:
        assert len(db) == 1
    # One that could not be opened leaves nothing to warn of.
    with pytest.raises(stratum.OpenRefused):
        stratum.open(path, exclusive=True)
    gc.collect()


def test_exit_without_close(path: Path) -> None:
    program = f"import stratum; db = stratum.open({str(path)!r}); db.create_document(b'kept'); s = db.snapshot(); b = db.batch()"
    assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", program]) == 0
    with stratum.open(path) as db:
        assert len(db) == 1


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_thousand_times(path: Path) -> None:
    files, before = open_files(), 0
    for cycle in range(1000):
        db = stratum.open(path, durability="os", background=False)
        document = db.put_tree(Tree(b"blob", {"c": [1, "x"]}, [Input(1, 2)])).document
        forgotten: list[Any] = [db.snapshot(), db.batch(), db.documents(), db.input_cursor(document)]
        forgotten += [db.pinned_blob(document), db.packed_tree(document), db[document]]
        try:
            db.set_blob(document + 1, b"")
        except stratum.NotFound:
            # pytest.raises would keep the frames, and the store with them.
            pass
        if cycle % 2 == 0:
            db.close()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            del db, forgotten
        if cycle == 200:
            gc.collect()
            before = resident()
    gc.collect()
    assert open_files() == files
    # What is live is some hundred bytes a document; a leak of a store in each cycle would be far more than this.
    assert resident() - before < 16 << 20
    with stratum.open(path) as db:
        assert len(db) == 1000


def test_calls_do_not_leak(db: stratum.Db) -> None:
    value = {"list": [1, 2, 3], "mixed": [1, "x", 2.5, None, {"a": 2**70}], "text": "é" * 100, "map": {"a": "b"}}
    document = db.put_tree(Tree(b"x" * 1000, {"c": value}, [Input(value, value, {"c": value})] * 5)).document
    big = List()

    def once() -> None:
        tree = db[document]
        assert db.inputs(document)[0].value == db.output(document, 1) == db.column(document, "c") == value
        stratum.unpack_value(stratum.pack_value(tree.columns))
        stratum.kind_of(big.value)
        for wrong in (lambda: db.column(document, "none"), lambda: db.put_tree(Tree(b"", {"c": [value, object()]}))):
            with pytest.raises((stratum.NotFound, TypeError)):
                wrong()
        try:
            stratum.unpack_value(stratum.pack_value(value)[:-8])
        except ValueError:
            pass

    for _ in range(500):
        once()
    gc.collect()
    before, objects = resident(), len(gc.get_objects())
    for _ in range(3000):
        once()
    gc.collect()
    assert resident() - before < 4 << 20 and len(gc.get_objects()) - objects < 100


class List:
    """Values that take blocks of their own."""

    def __init__(self) -> None:
        self.value = [["x" * 50, at] for at in range(2000)]


def test_a_fork_is_refused(db: stratum.Db) -> None:
    document = db.create_document(b"parent")
    snapshot = db.snapshot()
    child = os.fork()
    if child == 0:
        # Nothing of pytest may run in the child.
        status = 1
        try:
            refused = 0
            for call in (lambda: db[document], lambda: db.create_document(), lambda: len(snapshot), db.batch):
                try:
                    call()
                except stratum.Forked:
                    refused += 1
            snapshot.close()
            db.close()
            status = 0 if refused == 4 else 2
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert db.blob(document) == b"parent" and len(snapshot) == 1
    snapshot.close()
    assert db.create_document(b"after") == document + 1


def run_all(*bodies: Callable[[], None]) -> None:
    """Runs each on a thread; raises what one of them raised."""
    raised: list[BaseException] = []

    def guarded(body: Callable[[], None]) -> None:
        try:
            body()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=guarded, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]


def test_threads_on_one_store(path: Path) -> None:
    with stratum.open(path, durability="os", segment_size=65536) as db:
        shared = db.create_document(b"0", {"n": 0})
        stop = threading.Event()
        left = [4]

        def writer() -> None:
            for at in range(150):
                with db.batch() as batch:
                    document = batch.create_document(b"x" * 100, {"at": at})
                    batch.append_input(document, [at, at])
                    batch.set_column(shared, "n", at)
            left[0] -= 1
            if left[0] == 0:
                stop.set()

        def reader() -> None:
            while not stop.is_set():
                with db.snapshot() as snapshot:
                    seen = 0
                    for document, tree in snapshot.items():
                        assert document == shared or tree.inputs[0].value == [tree.columns["at"]] * 2
                        seen += 1
                    assert seen == len(snapshot)

        def compactor() -> None:
            while not stop.is_set():
                db.compact_now()
                gc.collect()

        run_all(*[writer] * 4, reader, reader, compactor)
        assert len(db) == 601 and db.verify().damage == []


def test_a_store_is_closed_under_its_users(path: Path) -> None:
    db = stratum.open(path, durability="os")
    document = db.put_tree(Tree(b"blob", {}, [Input([1, 2, 3])] * 20)).document
    begun = threading.Barrier(4)

    def user() -> None:
        begun.wait()
        while True:
            try:
                assert db[document].blob == b"blob"
                db.pinned_blob(document)
                with db.snapshot() as snapshot:
                    assert len(list(snapshot.input_cursor(document))) == 20
                db.set_blob(document, b"blob")
            except stratum.Closed:
                return

    def closer() -> None:
        begun.wait()
        time.sleep(0.2)
        db.close()

    run_all(user, user, user, closer)


def test_a_batch_is_for_one_thread(db: stratum.Db) -> None:
    batch = db.batch()
    big = b"x" * (64 << 20)
    answers: list[int | None] = []

    def add() -> None:
        try:
            answers.append(batch.create_document(big))
        except stratum.Busy:
            answers.append(None)

    run_all(*[add] * 6)
    # It depends on the moment how many meet; none of them is lost, and nothing breaks.
    assert len(answers) == 6 and batch.size()[0] == sum(answer is not None for answer in answers)
    batch.abandon()


def test_a_cursor_is_for_one_thread_also_while_its_row_is_decoded(
    db: stratum.Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [Input([decimal.Decimal("1e400"), "x" * 5000, at]) for at in range(3)]
    cursor = db.input_cursor(db.put_tree(Tree(inputs=rows)).document)
    answers: list[Any] = []

    def other() -> None:
        for call in (lambda: next(cursor), lambda: cursor.fill(bytearray(100_000)), cursor.close):
            try:
                answers.append(call())
            except stratum.Busy as busy:
                answers.append(type(busy))

    class Meddling(stratum.Decimal):
        """Made in the midst of a row's decoding: the row is the cursor's own until it is whole."""

        def __new__(cls, text: str) -> Any:
            monkeypatch.undo()
            run_all(other)
            return stratum.Decimal(text)

    monkeypatch.setattr(stratum.values, "Decimal", Meddling)
    assert next(cursor).value[1:] == ["x" * 5000, 0] and answers == [stratum.Busy] * 3
    assert [row.value[2] for row in cursor] == [1, 2]
    cursor.close()


def test_the_gil_is_released(path: Path) -> None:
    """While one thread waits for the disk, or compacts, others run Python."""
    with stratum.open(path, durability="os", background=False, segment_size=16 << 20) as db:
        # On a busy machine a whole round may pass in the other thread's turn; with the GIL held each of them does.
        assert any(turns_while_compacting(db) > 3 for _ in range(10))


def turns_while_compacting(db: stratum.Db) -> int:
    """How often this thread runs Python while another one verifies and compacts."""
    for _ in range(20):
        db.create_document(os.urandom(2 << 20))
    for document in list(db)[::2]:
        db.delete_document(document)
    turns, done = 0, threading.Event()

    def compact() -> None:
        db.verify()
        db.compact_now()
        done.set()

    thread = threading.Thread(target=compact)
    interval = sys.getswitchinterval()
    # A thread that holds the GIL is not interrupted within this time.
    sys.setswitchinterval(60)
    try:
        thread.start()
        while not done.is_set():
            turns += 1
            time.sleep(0.0001)
    finally:
        sys.setswitchinterval(interval)
    thread.join()
    return turns


def test_values_may_change_while_they_are_written(db: stratum.Db) -> None:
    """Lists and dicts that another thread changes are stored as they were at some moment, and nothing breaks."""
    numbers: list[Any] = list(range(1000))
    texts: dict[str, Any] = {f"k{at}": f"v{at}" for at in range(500)}
    stop = threading.Event()

    def change() -> None:
        at = 0
        while not stop.is_set():
            at += 1
            numbers.append(at)
            del numbers[:2]
            numbers.append(at)
            texts[f"k{at % 700}"] = "x" * (at % 50)
            texts.pop(f"k{(at * 7) % 700}", None)

    def write() -> None:
        try:
            for _ in range(300):
                document = db.create_document(b"", {"numbers": numbers, "texts": texts})
                columns = db.columns(document)
                assert 999 <= len(columns["numbers"]) <= 1001 and all(type(n) is int for n in columns["numbers"])
                assert all(type(text) is str for text in columns["texts"].values())
                gc.collect(0)
        finally:
            stop.set()

    run_all(change, write)


def test_bytes_that_others_can_write_to_are_copied(db: stratum.Db, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread may change a bytearray as soon as the library has it: what is stored is what it was when it was given."""
    document = db.create_document()
    empty = bytes(db.packed_tree(document))
    shared = bytearray()
    real = errors.invoke

    def late(function: Any, *arguments: Any) -> None:
        shared[:4] = b"late"
        real(function, *arguments)

    monkeypatch.setattr(errors, "invoke", late)

    def given(content: bytes) -> bytearray:
        shared[:] = content
        return shared

    assert db.blob(db.create_document(given(b"blob"))) == b"blob"
    assert db.blob(db.create_document(memoryview(given(b"blob")).toreadonly())) == b"blob"
    db.set_blob(document, given(b"other"))
    assert db.blob(document) == b"other"
    assert db[db.put_packed(given(empty)).document] == Tree()
    db.replace_packed(document, stratum.PackedTree(given(empty)))
    assert db[document] == Tree()


def test_an_interrupt_comes_out_of_a_callback(db: stratum.Db) -> None:
    document = db.create_document(b"x")
    db.set_blob(document, b"y")
    # Whoever started the tests in the background may have had interrupts ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            db.compact_now(lambda progress: signal.raise_signal(signal.SIGINT))
    finally:
        signal.signal(signal.SIGINT, before)
    assert db.blob(document) == b"y"
