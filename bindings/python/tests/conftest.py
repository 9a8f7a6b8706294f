"""What the tests have in common."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import stratum


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a store may be made."""
    return tmp_path / "store"


@pytest.fixture
def db(path: Path) -> Iterator[stratum.Db]:
    """A store whose commits do not wait for a disk."""
    with stratum.open(path, durability="os", background=False) as db:
        yield db
