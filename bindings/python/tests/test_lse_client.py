"""LseClient in full."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import stratum
from lse_client import LseClient, NotFound, StratumError


@pytest.fixture
def client(path: Path) -> Iterator[LseClient]:
    with LseClient(path, durability="os") as client:
        yield client


def test_problems(client: LseClient) -> None:
    problem = client.create_problem("<p>Größe</p>", name="Sum", category="easy", version=3)
    assert type(problem) is int
    assert client.get_problem_html(problem) == "<p>Größe</p>"
    assert client.get_problem_meta(problem) == {"name": "Sum", "category": "easy", "version": 3}
    assert client.update_problem_html(problem, "") and client.get_problem_html(problem) == ""
    assert client.update_problem_html(problem, b"<b>") and client.get_problem_html(problem) == "<b>"
    assert client.update_problem_column(problem, "version", 4)
    assert client.update_problem_column(problem, "tags", ["dp", "graphs"])
    meta = client.get_problem_meta(problem)
    assert meta == {"name": "Sum", "category": "easy", "version": 4, "tags": ["dp", "graphs"]}
    other = client.create_problem("")
    assert client.get_problem_meta(other) == {"name": "", "category": "", "version": 1}
    assert client.list_problems() == [problem, other]
    assert client.delete_problem(problem) and client.list_problems() == [other]
    assert client.create_problem("x", "by place", "c", 9) > other
    with pytest.raises(UnicodeDecodeError):
        client.create_problem(b"\xff")
    with pytest.raises(TypeError):
        client.create_problem(None)  # type: ignore[arg-type]


def test_test_cases(client: LseClient) -> None:
    problem = client.create_problem("x")
    first, second = client.add_test_case(problem, [2, 3]), client.add_test_case(problem, "text")
    assert type(first) is int and client.get_test_case(problem, first) == {"tc_id": first, "value": [2, 3]}
    assert client.get_all_test_cases(problem) == [
        {"tc_id": first, "value": [2, 3]},
        {"tc_id": second, "value": "text"},
    ]
    assert client.update_test_case(problem, first, {"n": 1})
    assert client.get_test_case(problem, first)["value"] == {"n": 1}
    assert client.delete_test_case(problem, first)
    assert [case["tc_id"] for case in client.get_all_test_cases(problem)] == [second]
    assert client.get_all_test_cases(client.create_problem("none")) == []


def test_expected_outputs(client: LseClient) -> None:
    problem = client.create_problem("x")
    case = client.add_test_case(problem, 1)
    for call in (client.get_expected_output, client.delete_expected_output):
        with pytest.raises(NotFound):
            call(problem, case)
    with pytest.raises(NotFound):
        client.update_expected_output(problem, case, 1)
    assert client.set_expected_output(problem, case, 5)
    assert client.get_expected_output(problem, case) == {"tc_id": case, "value": 5}
    assert client.set_expected_output(problem, case, None)
    assert client.get_expected_output(problem, case)["value"] is None
    assert client.update_expected_output(problem, case, [1.5])
    assert client.get_expected_output(problem, case)["value"] == [1.5]
    assert client.delete_expected_output(problem, case)
    with pytest.raises(KeyError):
        client.get_expected_output(problem, case)
    assert client.get_test_case(problem, case)["value"] == 1


@pytest.mark.parametrize(
    "value",
    [0, -(2**63), 2**100, 1.5, math.inf, "", "é\0", b"\xff", True, None, [], [1, 2], [1.5], ["a"], [1, "a", [None]], {}]
    + [{"a": "b"}, {"a": [1, {"b": 2.5}]}, Decimal("0.10")],
    ids=repr,
)
def test_values_map_by_themselves(client: LseClient, value: Any) -> None:
    problem = client.create_problem("x")
    case = client.add_test_case(problem, value)
    client.set_expected_output(problem, case, value)
    for read in (client.get_test_case(problem, case)["value"], client.get_expected_output(problem, case)["value"]):
        assert read == value and isinstance(read, type(value))


def test_what_is_missing_is_a_key_error(client: LseClient) -> None:
    problem = client.create_problem("x")
    calls: list[tuple[Any, ...]] = [
        (client.get_problem_html, 99),
        (client.get_problem_meta, 99),
        (client.update_problem_html, 99, ""),
        (client.update_problem_column, 99, "name", ""),
        (client.delete_problem, 99),
        (client.add_test_case, 99, 1),
        (client.get_test_case, problem, 99),
        (client.get_all_test_cases, 99),
        (client.update_test_case, problem, 99, 1),
        (client.delete_test_case, problem, 99),
        (client.set_expected_output, problem, 99, 1),
        (client.get_expected_output, problem, 99),
        (client.update_expected_output, problem, 99, 1),
        (client.delete_expected_output, problem, 99),
    ]
    for call, *arguments in calls:
        with pytest.raises(NotFound) as caught:
            call(*arguments)
        assert isinstance(caught.value, KeyError) and isinstance(caught.value, StratumError)


def test_the_store(client: LseClient, path: Path) -> None:
    problem = client.create_problem("x" * 10_000)
    for _ in range(10):
        client.update_problem_html(problem, "y" * 10_000)
    stats = client.get_stats()
    assert stats["problems_in_index"] == 1 and stats["active_segment_bytes"] > 0 and stats["segment_count"] >= 1
    assert stats["documents"] == 1 and stats["commits"] == 11
    assert client.flush() and client.compact_now()
    assert client.get_stats()["garbage_bytes"] <= stats["garbage_bytes"]
    client.close()
    client.close()
    with pytest.raises(stratum.Closed):
        client.list_problems()
    with LseClient(str(path)) as again:
        assert again.list_problems() == [problem] and again.get_problem_html(problem) == "y" * 10_000
    with stratum.open(path) as db:
        assert db[problem].columns["version"] == 1


@pytest.mark.parametrize("address", ["localhost:50051", "10.0.0.1:50051", "[::1]:50051", "http://host", "dns:///h:1", "h:1"])
def test_an_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match=r"address of a server.*LseClient\('./data'\)"):
        LseClient(address)
    assert not Path(address).exists()


def test_a_directory_may_have_the_name_of_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with LseClient("./localhost:50051") as client:
        assert client.list_problems() == []
    assert (tmp_path / "localhost:50051").is_dir()


def test_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    (block,) = readme.split("```python\n")[1:]
    monkeypatch.chdir(tmp_path)
    exec(block.split("```")[0], {})
    assert capsys.readouterr().out == "[2, 3] 5\n"
    with LseClient("data") as client:
        assert client.list_problems() == [1]


def test_it_has_exactly_these_calls() -> None:
    calls = [name for name, _ in inspect.getmembers(LseClient, inspect.isfunction) if not name.startswith("_")]
    assert sorted(calls) == sorted(
        """create_problem get_problem_html get_problem_meta update_problem_html update_problem_column delete_problem
        list_problems add_test_case get_test_case get_all_test_cases update_test_case delete_test_case
        set_expected_output get_expected_output update_expected_output delete_expected_output get_stats flush compact_now
        close""".split()
    )
    for name in calls:
        assert inspect.getdoc(getattr(LseClient, name)), name
