"""Values, trees and inputs as Python objects.

1. What is read is plain (int, list, dict...) wherever the plain object would be stored as the same kind again; where it
   would not, it is one of the classes here that name their kind. All of them are equal to their plain counterparts.
2. A missing output is MISSING: None is a value like any other.
"""

from __future__ import annotations

import decimal
import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, SupportsIndex, TypeAlias

from ._stratum import lib

#: What a read gives: None, bool, int, float, Decimal, str, bytes, list or dict. Any, since only the caller knows which.
Value: TypeAlias = Any

#: What can be written. Beside these: whatever has a buffer of bytes, 64-bit integers or doubles (bytearray, array, numpy).
Storable: TypeAlias = (
    "None | bool | int | SupportsIndex | float | decimal.Decimal | str | bytes | bytearray | memoryview"
    " | Sequence[Any] | Mapping[str, Any]"
)


class Kind(enum.IntEnum):
    """The kinds of values; `kind_of` tells what an object is stored as."""

    NULL = lib.STRATUM_KIND_NULL
    BOOL = lib.STRATUM_KIND_BOOL
    INT64 = lib.STRATUM_KIND_INT64
    DOUBLE = lib.STRATUM_KIND_DOUBLE
    DECIMAL = lib.STRATUM_KIND_DECIMAL
    STRING = lib.STRATUM_KIND_STRING
    BYTES = lib.STRATUM_KIND_BYTES
    INT64_LIST = lib.STRATUM_KIND_INT64_LIST
    DOUBLE_LIST = lib.STRATUM_KIND_DOUBLE_LIST
    STRING_LIST = lib.STRATUM_KIND_STRING_LIST
    STRING_MAP = lib.STRATUM_KIND_STRING_MAP
    LIST = lib.STRATUM_KIND_LIST
    MAP = lib.STRATUM_KIND_MAP


class Missing(enum.Enum):
    """The type of MISSING; it is false."""

    MISSING = "MISSING"

    def __bool__(self) -> Literal[False]:
        return False

    def __repr__(self) -> str:
        return "MISSING"


#: No output. Not None, which is a value.
MISSING: Final = Missing.MISSING


class Decimal(decimal.Decimal):
    """A number as text, kept to the letter in `text`: Decimal("1e400").text is "1e400".

    Where decimal.Decimal cannot hold it (an exponent beyond its limits), the number is a signalling NaN: it raises when
    it is used, and `text` says what it is.
    """

    #: The number as it is stored.
    text: str

    def __new__(cls, text: str) -> Decimal:
        try:
            made = super().__new__(cls, text)
        except decimal.InvalidOperation:
            made = super().__new__(cls, "sNaN")
        else:
            if made.is_nan() and "nan" not in text.lower():
                made = super().__new__(cls, "sNaN")
        made.text = text
        return made

    def __repr__(self) -> str:
        return f"Decimal({self.text!r})"

    def __reduce__(self) -> tuple[type[Decimal], tuple[str]]:
        return Decimal, (self.text,)

    def __copy__(self) -> Decimal:
        return self

    def __deepcopy__(self, memo: object) -> Decimal:
        return self


class Int64List(list[int]):
    """A list that is stored as an Int64List, also where it is empty."""


class DoubleList(list[float]):
    """A list that is stored as a DoubleList, also where it is empty."""


class StringList(list[str]):
    """A list that is stored as a StringList, also where it is empty."""


class StringMap(dict[str, str]):
    """A dict that is stored as a StringMap, also where it is empty."""


class List(list[Any]):
    """A list that is stored as a list of values of any kind, also where all are int, float or str."""


class Map(dict[str, Any]):
    """A dict that is stored as a map to values of any kind, also where all are str."""


@dataclass(slots=True)
class Input:
    """An input with what hangs on it."""

    value: Any
    output: Any = MISSING
    columns: dict[str, Any] = field(default_factory=dict)
    #: Its id in what was read; ignored in what is written.
    id: int = 0


@dataclass(slots=True)
class Tree:
    """A document with its columns, and its inputs and outputs in order."""

    blob: bytes = b""
    columns: dict[str, Any] = field(default_factory=dict)
    inputs: list[Input] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class TreeIds:
    """The ids that a tree got: its inputs are first_input, first_input + 1, and so on; first_input is 0 for none."""

    document: int
    first_input: int
    input_count: int

    @property
    def inputs(self) -> range:
        """The ids of the inputs, in their order."""
        return range(self.first_input, self.first_input + self.input_count)


def from_decimal_text(text: str) -> int | decimal.Decimal:
    """A stored Decimal: whole numbers beyond 64 bits are int again, where Python converts as many digits."""
    if len(text) > 18 and text.lstrip("-").isdigit():
        try:
            number = int(text)
        except ValueError:
            return Decimal(text)
        if not -(2**63) <= number < 2**63:
            return number
    return Decimal(text)
