"""Outputs, token by token or byte by byte."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

SHOWN_BYTES = 40

_NUMBER = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


@dataclass
class Rules:
    """How outputs are compared."""

    case_sensitive: bool = False
    space_sensitive: bool = False
    absolute: float | None = None
    relative: float | None = None

    @classmethod
    def from_flags(cls, flags: Sequence[str]) -> Rules:
        """What a package's flags ask for."""
        rules = cls()
        for flag, following in zip_longest(flags, flags[1:], fillvalue=""):
            tolerance = number(following.encode())
            if flag == "case_sensitive":
                rules.case_sensitive = True
            elif flag == "space_change_sensitive":
                rules.space_sensitive = True
            if tolerance is not None and flag in ("float_tolerance", "float_absolute_tolerance"):
                rules.absolute = tolerance
            if tolerance is not None and flag in ("float_tolerance", "float_relative_tolerance"):
                rules.relative = tolerance
        return rules

    def difference(self, expected: bytes, got: bytes) -> str | None:
        """How the two differ; None where they agree."""
        if self.space_sensitive:
            if not self.case_sensitive:
                expected, got = expected.lower(), got.lower()
            if expected == got:
                return None
            pairs = zip_longest(expected, got)
            return f"at byte {next(at for at, (a, b) in enumerate(pairs, 1) if a != b)}"
        for at, (wanted, given) in enumerate(zip_longest(expected.split(), got.split()), 1):
            if wanted is None or given is None or not self.same_token(wanted, given):
                return f"token {at}: expected {shown(wanted)}, got {shown(given)}"
        return None

    def same_token(self, expected: bytes, got: bytes) -> bool:
        """Whether two tokens agree."""
        if expected == got or (not self.case_sensitive and expected.lower() == got.lower()):
            return True
        if self.absolute is None and self.relative is None:
            return False
        wanted, given = number(expected), number(got)
        if wanted is None or given is None:
            return False
        distance = abs(wanted - given)
        return (self.absolute is not None and distance <= self.absolute) or (
            self.relative is not None and distance <= self.relative * abs(wanted)
        )


def number(token: bytes) -> float | None:
    """What is a number as a whole; float() alone would also take `inf` and `1_0`."""
    return float(token) if _NUMBER.fullmatch(token) else None


def shown(token: bytes | None) -> str:
    """A token as it is printed."""
    if token is None:
        return "nothing"
    text = "".join(
        chr(byte) if 0x20 <= byte < 0x7F and chr(byte) not in '"\\' else f"\\x{byte:02x}" for byte in token[:SHOWN_BYTES]
    )
    return f'"{text}"{"..." if len(token) > SHOWN_BYTES else ""}'
