"""The conformance runner of the module stratum: `run WORK FILE...`, `dump STORE...`; ../README.md tells what they do.

1. It uses the package's public API alone: what that lacks the suite cannot pass.
2. A handle that was freed stays under its name: the package has to answer Closed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import stratum
import wire
from wire import Broken, number

#: What a call gives: nothing, or canonical JSON.
Answer = str | None


class End(Exception):
    """A cursor has passed its last row."""


class Run:
    """The state of one script."""

    def __init__(self, where: Path) -> None:
        self.where = where
        self.things: dict[str, Any] = {}
        self.ids: dict[str, int] = {}
        self.step: dict[str, Any] = {}
        self.args: dict[str, Any] = {}

    def do(self, step: dict[str, Any]) -> Answer:
        """Does a step."""
        self.step, self.args = step, step.get("args", {})
        op: str = step["op"]
        if op == "db_open":
            options = self.args.get("options", {})
            return self.keep(stratum.open(self.path("path"), options=options))
        if op in ("file_write", "file_xor"):
            return self.file(op)
        thing = self.things[step["on"]]
        if op.startswith("view_") and op != "view_free":
            return self.on_view(thing, op.removeprefix("view_"))
        call = getattr(self, op, None)
        if call is not None:
            answer: Answer = call(thing)
            return answer
        for prefix in ("db_", "batch_"):
            if op.startswith(prefix):
                return self.write(thing, op.removeprefix(prefix))
        raise Broken(f"no call: {op}")

    # ---- arguments, and what comes out --------------------------------------------------------------------------

    def path(self, name: str) -> str:
        return str(self.where / self.args[name])

    def resolve(self, text: str) -> int:
        return self.ids[text[1:]] if text.startswith("$") else int(text)

    def id(self, name: str) -> int:
        return self.resolve(self.args[name])

    def value(self) -> Any:
        return wire.to_value(self.args["value"])

    def packed(self) -> Any:
        text: str = self.args["packed"]
        return self.things[text[1:]] if text.startswith("$") else bytes.fromhex(text)

    def keep(self, thing: Any) -> Answer:
        if "save_as" in self.step:
            self.things[self.step["save_as"]] = thing
        return None

    def keep_id(self, id: int, suffix: str = "") -> str:
        if "save_as" in self.step:
            self.ids[self.step["save_as"] + suffix] = id
        return number(id)

    def keep_tree_ids(self, ids: stratum.TreeIds) -> str:
        self.keep_id(ids.document)
        self.keep_id(ids.first_input, ".input")
        return wire.tree_ids(ids)

    # ---- files --------------------------------------------------------------------------------------------------

    def file(self, op: str) -> Answer:
        path = Path(self.path("file"))
        if op == "file_write":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bytes.fromhex(self.args["bytes"]))
        else:
            data = bytearray(path.read_bytes())
            data[self.id("offset")] ^= bytes.fromhex(self.args["mask"])[0]
            path.write_bytes(data)
        return None

    # ---- stores -------------------------------------------------------------------------------------------------

    def db_close(self, db: stratum.Db) -> None:
        db.close()

    def db_flush(self, db: stratum.Db) -> None:
        db.flush()

    def db_checkpoint(self, db: stratum.Db) -> None:
        db.checkpoint()

    def db_latest(self, db: stratum.Db) -> None:
        view = db.latest
        view.document_count()
        self.keep(view)

    def db_snapshot(self, db: stratum.Db) -> None:
        self.keep(db.snapshot())

    def batch_create(self, db: stratum.Db) -> None:
        self.keep(db.batch())

    def db_compact_now(self, db: stratum.Db) -> None:
        stops = self.args.get("progress") == "stop"
        db.compact_now(lambda _: not stops)

    def db_stats(self, db: stratum.Db) -> str:
        stats = db.stats()
        names = ("documents", "nodes", "snapshots", "commits", "sequence")
        figures = [f'"{name}":{number(getattr(stats, name))}' for name in names]
        return "{" + ",".join(figures) + f',"poisoned":{wire.boolean(stats.poisoned)}}}'

    def db_verify(self, db: stratum.Db) -> str:
        found = db.verify()
        figures = {"documents": found.documents, "inputs": found.inputs, "outputs": found.outputs}
        figures["damage"] = len(found.damage)
        return "{" + ",".join(f'"{name}":{number(figure)}' for name, figure in figures.items()) + "}"

    # ---- batches ------------------------------------------------------------------------------------------------

    def batch_commit(self, batch: stratum.Batch) -> str:
        return number(batch.commit(self.args.get("durability")))

    def batch_clear(self, batch: stratum.Batch) -> None:
        batch.clear()

    def batch_free(self, batch: stratum.Batch) -> None:
        batch.abandon()

    def batch_size(self, batch: stratum.Batch) -> str:
        operations, length = batch.size()
        return f'{{"operations":{number(operations)},"bytes":{number(length)}}}'

    # ---- writes -------------------------------------------------------------------------------------------------

    def write(self, to: stratum.Db | stratum.Batch, verb: str) -> Answer:
        match verb:
            case "create_document":
                blob = bytes.fromhex(self.args.get("blob", ""))
                return self.keep_id(to.create_document(blob, wire.to_columns(self.args.get("columns"))))
            case "put_tree":
                return self.keep_tree_ids(to.put_tree(wire.to_tree(self.args["tree"])))
            case "replace_tree":
                return self.keep_tree_ids(to.replace_tree(self.id("document"), wire.to_tree(self.args["tree"])))
            case "put_packed":
                return self.keep_tree_ids(to.put_packed(self.packed()))
            case "replace_packed":
                return self.keep_tree_ids(to.replace_packed(self.id("document"), self.packed()))
            case "apply_packed":
                return wire.listed(map(number, to.apply_packed(bytes.fromhex(self.args["operations"]))))
            case "append_input":
                return self.keep_id(to.append_input(self.id("document"), self.value()))
            case "insert_input":
                return self.keep_id(to.insert_input(self.id("document"), self.id("before"), self.value()))
        self.change(to, verb)
        return None

    def change(self, to: stratum.Db | stratum.Batch, verb: str) -> None:
        """A write that gives nothing: its arguments in their order."""
        arguments: dict[str, list[str]] = {
            "set_blob": ["document", "blob"],
            "set_column": ["document", "name", "value"],
            "remove_column": ["document", "name"],
            "delete_document": ["document"],
            "move_input": ["document", "input", "before"],
            "replace_input": ["document", "input", "value"],
            "set_input_column": ["document", "input", "name", "value"],
            "remove_input_column": ["document", "input", "name"],
            "delete_input": ["document", "input"],
            "set_output": ["document", "input", "value"],
            "update_output": ["document", "input", "value"],
            "delete_output": ["document", "input"],
        }
        if verb not in arguments:
            raise Broken(f"no write: {verb}")
        read: dict[str, Callable[[], Any]] = {
            "blob": lambda: bytes.fromhex(self.args["blob"]),
            "name": lambda: self.args["name"],
            "value": self.value,
        }
        getattr(to, verb)(*(read[name]() if name in read else self.id(name) for name in arguments[verb]))

    # ---- views --------------------------------------------------------------------------------------------------

    def view_free(self, view: stratum.Snapshot | stratum.View) -> None:
        if isinstance(view, stratum.Snapshot):
            view.close()

    def on_view(self, view: stratum.Snapshot | stratum.View, read: str) -> Answer:
        match read:
            case "sequence":
                return number(view.sequence)
            case "document_count":
                return number(view.document_count())
            case "documents":
                return self.keep(view.documents(self.id("from")))
            case "packed_trees":
                with view.packed_trees(map(self.resolve, self.args["documents"])) as packed:
                    return wire.hexed(packed)
        return self.on_document(view, read, self.id("document"))

    def on_document(self, view: stratum.Snapshot | stratum.View, read: str, document: int) -> Answer:
        match read:
            case "exists":
                return wire.boolean(view.exists(document))
            case "input_count":
                return number(view.input_count(document))
            case "blob" | "packed_tree":
                pinned = view.pinned_blob(document) if read == "blob" else view.packed_tree(document).pinned
                self.keep(pinned)
                return wire.hexed(pinned)
            case "read_blob":
                buffer = bytearray(self.id("capacity"))
                return wire.hexed(buffer[: view.read_blob(document, buffer)])
            case "columns":
                return wire.columns(view.columns(document))
            case "column":
                return wire.value(view.column(document, self.args["name"]))
            case "input_ids":
                return wire.listed(map(number, view.input_ids(document)))
            case "inputs":
                return wire.listed(map(wire.input_, view.inputs(document)))
            case "tree":
                tree = view.tree(document)
                self.keep(tree)
                return wire.tree(tree)
            case "input_cursor":
                return self.keep(view.input_cursor(document))
            case "input":
                return wire.value(view.input(document, self.id("input")))
            case "input_columns":
                return wire.columns(view.input_columns(document, self.id("input")))
            case "output":
                return wire.value(view.output(document, self.id("input")))
        raise Broken(f"no read: {read}")

    # ---- cursors, and what was saved ----------------------------------------------------------------------------

    def document_cursor_next(self, cursor: stratum.DocumentCursor) -> str:
        return self.keep_id(next(cursor))

    def document_cursor_fill(self, cursor: stratum.DocumentCursor) -> str:
        ids = cursor.fill(self.id("capacity"))
        if not ids:
            raise End
        return wire.listed(map(number, ids))

    def document_cursor_seek(self, cursor: stratum.DocumentCursor) -> None:
        cursor.seek(self.id("from"))

    def document_cursor_free(self, cursor: stratum.DocumentCursor) -> None:
        cursor.close()

    def input_cursor_next(self, cursor: stratum.InputCursor) -> str:
        return wire.input_(next(cursor))

    def input_cursor_fill(self, cursor: stratum.InputCursor) -> str:
        buffer = bytearray(self.id("capacity"))
        length = cursor.fill(buffer)
        if length == 0:
            raise End
        return wire.hexed(buffer[:length])

    def input_cursor_free(self, cursor: stratum.InputCursor) -> None:
        cursor.close()

    def tree_get(self, tree: stratum.Tree | None) -> str:
        # A Tree is no handle: the runner itself forgets it.
        if tree is None:
            raise stratum.Closed("the tree was freed")
        return wire.tree(tree)

    def tree_free(self, tree: stratum.Tree | None) -> None:
        self.things[self.step["on"]] = None

    def pinned_data(self, pinned: stratum.Pinned) -> str:
        return wire.hexed(pinned)

    def pinned_free(self, pinned: stratum.Pinned) -> None:
        pinned.release()

    def end(self) -> None:
        """Closes what the script left open."""
        for thing in self.things.values():
            if isinstance(thing, stratum.Db):
                thing.close()


def run_script(script: dict[str, Any], where: Path) -> None:
    """Runs a script in `where`; writes a line for each step."""
    where.mkdir(parents=True)
    print(f'{{"script":{wire.quote(script["name"])}}}')
    run = Run(where)
    for at, step in enumerate(script["steps"], 1):
        answer, status = None, "STRATUM_OK"
        try:
            answer = run.do(step)
        except stratum.StratumError as error:
            status = error.name
        except (StopIteration, End):
            status = "STRATUM_END"
        except Exception as error:
            raise Broken(f"{script['name']}, step {at} ({step['op']}): {error!r}") from error
        shown = "" if answer is None else f',"value":{answer}'
        print(f'{{"step":{at},"op":{wire.quote(step["op"])},"status":{wire.quote(status)}{shown}}}')
    run.end()


def dump(store: str) -> None:
    """Writes what a store holds."""
    try:
        with stratum.open(store, create=False) as db, db.snapshot() as view:
            for document in view:
                print(f'{{"document":{number(document)},"tree":{wire.tree(view[document])}}}')
            print(f'{{"documents":{number(len(view))}}}')
    except stratum.StratumError as error:
        print(f'{{"status":{wire.quote(error.name)}}}')


def main(arguments: list[str]) -> int:
    """The command line."""
    match arguments:
        case ["run", work, *files]:
            scripts = [script for file in files for script in json.loads(Path(file).read_text())["scripts"]]
            for at, script in enumerate(scripts):
                run_script(script, Path(work) / str(at))
        case ["dump", *stores]:
            for at, store in enumerate(stores):
                print(f'{{"store":{at}}}')
                dump(store)
        case _:
            print("usage: runner run WORK FILE... | dump STORE...", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.stdout = open(sys.stdout.fileno(), "w", encoding="utf-8", newline="\n", closefd=False)
    try:
        status = main(sys.argv[1:])
    except Broken as error:
        print(error, file=sys.stderr)
        status = 2
    sys.stdout.flush()
    sys.exit(status)
