"""The client API of the Stratum server, opened on a directory instead of an address.

    from lse_client import LseClient

    with LseClient("./data") as client:
        problem = client.create_problem("<p>Add two numbers.</p>", name="Sum", category="easy", version=1)
        case = client.add_test_case(problem, [2, 3])
        client.set_expected_output(problem, case, 5)
        for test in client.get_all_test_cases(problem):
            print(test["tc_id"], test["value"], client.get_expected_output(problem, test["tc_id"])["value"])

1. A problem is a document of the store, its HTML the blob; a test case is an input, an expected output an output. What is
   written here can be read with the module `stratum`, and the other way round.
2. Ids are int. Values are what `stratum` stores: an int, float, str, bytes, bool, None, list or dict maps to its kind by
   itself, and comes back as it went in.
3. What is missing raises NotFound, which is a KeyError; every other failure is a StratumError, too. Calls that have nothing
   to tell return True, as the server's clients do.
"""

from __future__ import annotations

import os
import re
from typing import Any, TypedDict

import stratum
from stratum import NotFound, Storable, StratumError, Value

__all__ = ["ExpectedOutput", "LseClient", "NotFound", "StratumError", "TestCase"]

_ADDRESS = re.compile(r"^[a-z][a-z0-9+.-]*://|^(\[[0-9a-fA-F:.]+\]|[^/\\:]+):\d{1,5}$")


class TestCase(TypedDict):
    """One test case."""

    tc_id: int
    value: Value


class ExpectedOutput(TypedDict):
    """The expected output of a test case."""

    tc_id: int
    value: Value


# pytest would take it for tests.
TestCase.__test__ = False  # type: ignore[attr-defined]


class LseClient:
    """Problems with their test cases and expected outputs, in the store of a directory.

    A `with` closes it. It may be used by any number of threads at once; the directory is open in one process at a time.
    """

    def __init__(self, directory: str | os.PathLike[str], **options: Any) -> None:
        """Opens the store in `directory`, and creates it where there is none.

        `options` are those of stratum.open: durability="interval", create=False... An address like "localhost:50051" is
        refused with a ValueError: there is no server yet. A directory of such a name is "./localhost:50051".
        """
        path = os.fspath(directory)
        if isinstance(path, str) and _ADDRESS.match(path):
            raise ValueError(
                f"{path!r} is the address of a server, and there is none yet: give the directory of a store, "
                f"LseClient('./data') for example"
            )
        self._db = stratum.Db(path, **options)

    # ---- problems -----------------------------------------------------------------------------------------------

    def create_problem(
        self, html: str | bytes, name: Storable = "", category: Storable = "", version: Storable = 1
    ) -> int:
        """Creates a problem; gives its id. `html` is text, or its UTF-8."""
        return self._db.create_document(_utf8(html), {"name": name, "category": category, "version": version})

    def get_problem_html(self, problem_id: int) -> str:
        """The HTML of a problem."""
        return self._db.blob(problem_id).decode()

    def get_problem_meta(self, problem_id: int) -> dict[str, Value]:
        """The columns of a problem: name, category, version, and whatever update_problem_column added."""
        return self._db.columns(problem_id)

    def update_problem_html(self, problem_id: int, html: str | bytes) -> bool:
        """Replaces the HTML of a problem."""
        self._db.set_blob(problem_id, _utf8(html))
        return True

    def update_problem_column(self, problem_id: int, column: str, value: Storable) -> bool:
        """Sets a column of a problem, one that it has or a new one."""
        self._db.set_column(problem_id, column, value)
        return True

    def delete_problem(self, problem_id: int) -> bool:
        """Deletes a problem with its test cases and expected outputs. Its id is never used again."""
        self._db.delete_document(problem_id)
        return True

    def list_problems(self) -> list[int]:
        """The ids of all problems, ascending."""
        return list(self._db)

    # ---- test cases ---------------------------------------------------------------------------------------------

    def add_test_case(self, problem_id: int, value: Storable) -> int:
        """Adds a test case behind those that are there; gives its id, which is unique in the problem."""
        return self._db.append_input(problem_id, value)

    def get_test_case(self, problem_id: int, tc_id: int) -> TestCase:
        """A test case: a dict with `tc_id` and `value`."""
        return {"tc_id": tc_id, "value": self._db.input(problem_id, tc_id)}

    def get_all_test_cases(self, problem_id: int) -> list[TestCase]:
        """All test cases of a problem, of one moment, in their order: dicts with `tc_id` and `value`."""
        return [{"tc_id": row.id, "value": row.value} for row in self._db.inputs(problem_id)]

    def update_test_case(self, problem_id: int, tc_id: int, value: Storable) -> bool:
        """Replaces the value of a test case; its place and expected output stay."""
        self._db.replace_input(problem_id, tc_id, value)
        return True

    def delete_test_case(self, problem_id: int, tc_id: int) -> bool:
        """Deletes a test case with its expected output."""
        self._db.delete_input(problem_id, tc_id)
        return True

    # ---- expected outputs ---------------------------------------------------------------------------------------

    def set_expected_output(self, problem_id: int, tc_id: int, value: Storable) -> bool:
        """Sets the expected output of a test case: creates or replaces it."""
        self._db.set_output(problem_id, tc_id, value)
        return True

    def get_expected_output(self, problem_id: int, tc_id: int) -> ExpectedOutput:
        """The expected output of a test case: a dict with `tc_id` and `value`. NotFound where it has none."""
        return {"tc_id": tc_id, "value": self._db.output(problem_id, tc_id)}

    def update_expected_output(self, problem_id: int, tc_id: int, value: Storable) -> bool:
        """Replaces the expected output of a test case, which must have one."""
        self._db.update_output(problem_id, tc_id, value)
        return True

    def delete_expected_output(self, problem_id: int, tc_id: int) -> bool:
        """Deletes the expected output of a test case, which must have one."""
        self._db.delete_output(problem_id, tc_id)
        return True

    # ---- the store ----------------------------------------------------------------------------------------------

    def get_stats(self) -> dict[str, int | float | bool]:
        """Figures: problems_in_index, active_segment_bytes, segment_count, and all of stratum.Stats by their names."""
        stats = self._db.stats()
        figures: dict[str, int | float | bool] = {
            "problems_in_index": stats.documents,
            "active_segment_bytes": stats.active_segment_bytes,
            "segment_count": stats.segments,
        }
        figures.update((name, getattr(stats, name)) for name in stats.__slots__)
        return figures

    def flush(self) -> bool:
        """Makes everything that was written so far durable, whatever the durability of the store."""
        self._db.flush()
        return True

    def compact_now(self) -> bool:
        """Compacts until no garbage is left that can go; returns when done."""
        self._db.compact_now()
        return True

    def close(self) -> None:
        """Makes everything durable and closes the store; a second time does nothing."""
        self._db.close()

    def __enter__(self) -> LseClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _utf8(html: str | bytes) -> bytes:
    """The bytes of a text; bytes are taken where they are UTF-8, so that they come back as a text."""
    if isinstance(html, str):
        return html.encode()
    bytes(html).decode()
    return bytes(html)
