"""A problem package, read from its directory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from stratum import MISSING, Input, Tree


class NotAPackage(Exception):
    """Why a directory cannot be imported."""


def read_package(directory: Path) -> Tree:
    """The package as a tree."""
    try:
        # Every scalar is the text that stands there.
        about = yaml.load((directory / "problem.yaml").read_bytes(), Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        raise NotAPackage(f"problem.yaml: {error}") from error
    if not isinstance(about, dict):
        raise NotAPackage("problem.yaml is not a map")
    data = directory / "data"
    samples, secret = tests(data / "sample"), tests(data / "secret")

    columns: dict[str, Any] = {"package": directory.name, "title": title(about.get("name"), directory.name)}
    for key, column in (("keywords", "keywords"), ("validator_flags", "flags")):
        if texts := words(about.get(key)):
            columns[column] = texts
    columns["samples"] = len(samples)
    return Tree(statement(directory), columns, [read_input(data, path) for path in samples + secret])


def title(name: Any, otherwise: str) -> str:
    """The title: a text, or one of several languages."""
    if isinstance(name, dict):
        name = name.get("en", next(iter(name.values()), None))
    return name if isinstance(name, str) else otherwise


def words(given: Any) -> list[str]:
    """A list of texts, or a text that is split."""
    if isinstance(given, list):
        return [item for item in given if isinstance(item, str)]
    return given.split() if isinstance(given, str) else []


def statement(directory: Path) -> bytes:
    """The first statement."""
    for place in (directory / "statement", directory / "problem_statement"):
        if place.is_dir():
            found = sorted((path for path in place.iterdir() if path.name.startswith("problem.")), key=os.fsencode)
            return found[0].read_bytes() if found else b""
    return b""


def tests(folder: Path) -> list[Path]:
    """The files that end in `.in`, in the order of the bytes of their paths."""
    return sorted((path for path in files(folder) if path.name.endswith(".in")), key=os.fsencode)


def files(folder: Path) -> Iterator[Path]:
    """All files below a folder, where it is there."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from files(path)
        else:
            yield path


def read_input(data: Path, path: Path) -> Input:
    """A test with its answer."""
    answer = path.with_suffix(".ans")
    test = path.relative_to(data).with_suffix("").as_posix()
    return Input(content(path), content(answer) if answer.is_file() else MISSING, {"test": test})


def content(path: Path) -> str | bytes:
    """Text where the file is UTF-8, otherwise bytes."""
    read = path.read_bytes()
    try:
        return read.decode()
    except UnicodeDecodeError:
        return read
