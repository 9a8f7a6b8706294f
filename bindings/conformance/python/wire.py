"""Between the language of the vectors and the module stratum: values, columns and trees in, canonical JSON out.

1. What is not in the language raises Broken; canonical JSON is what ../README.md says, to the byte.
2. A dict cannot hold a key twice: the runner refuses what does.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any

import stratum
from stratum import MISSING, Kind


class Broken(Exception):
    """A vector that is not in the language."""


def quote(text: str) -> str:
    """A text."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(f"\\u{ord(c):04x}" if c < " " else c for c in escaped) + '"'


def number(value: int) -> str:
    """A number."""
    return f'"{value}"'


def hexed(data: Any) -> str:
    """Bytes."""
    return f'"{bytes(data).hex()}"'


def boolean(value: bool) -> str:
    """true or false."""
    return "true" if value else "false"


def bits(value: float) -> str:
    """The bits of a double."""
    return f'"{struct.pack(">d", value).hex()}"'


def listed(items: Iterable[str]) -> str:
    """A list of what is JSON already."""
    return f"[{','.join(items)}]"


def value(given: Any) -> str:
    """A value that was read, by the kind that it would be stored as again."""
    kind = stratum.kind_of(given)
    name = kind.name.lower()
    match kind:
        case Kind.NULL:
            content = "null"
        case Kind.BOOL:
            content = boolean(given)
        case Kind.INT64:
            content = number(given)
        case Kind.DOUBLE:
            content = bits(given)
        case Kind.DECIMAL:
            content = quote(getattr(given, "text", None) or str(given))
        case Kind.STRING:
            content = quote(given)
        case Kind.BYTES:
            content = hexed(given)
        case Kind.INT64_LIST:
            content = listed(map(number, given))
        case Kind.DOUBLE_LIST:
            content = listed(map(bits, given))
        case Kind.STRING_LIST:
            content = listed(map(quote, given))
        case Kind.STRING_MAP:
            content = listed(f"[{quote(key)},{quote(item)}]" for key, item in given.items())
        case Kind.LIST:
            content = listed(map(value, given))
        case Kind.MAP:
            content = listed(f"[{quote(key)},{value(item)}]" for key, item in given.items())
    return f'{{"{name}":{content}}}'


def columns(given: dict[str, Any]) -> str:
    """Columns that were read."""
    return listed(f"[{quote(name)},{value(item)}]" for name, item in given.items())


def input_(given: stratum.Input) -> str:
    """An input that was read."""
    output = "null" if given.output is MISSING else value(given.output)
    return (
        f'{{"id":{number(given.id)},"value":{value(given.value)},"columns":{columns(given.columns)},"output":{output}}}'
    )


def tree(given: stratum.Tree) -> str:
    """A tree that was read."""
    inputs = listed(map(input_, given.inputs))
    return f'{{"blob":{hexed(given.blob)},"columns":{columns(given.columns)},"inputs":{inputs}}}'


def tree_ids(ids: stratum.TreeIds) -> str:
    """The ids of a tree."""
    names = ("document", "first_input", "input_count")
    return "{" + ",".join(f'"{name}":{number(getattr(ids, name))}' for name in names) + "}"


def to_dict(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Pairs as a dict; refused where a key is there twice."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise stratum.InvalidArgument("a key is there twice")
    return made


def to_double(text: str) -> float:
    """A double from its bits."""
    made: float = struct.unpack(">d", bytes.fromhex(text))[0]
    return made


def to_value(json: Any) -> Any:
    """A value to write, of the class that names its kind."""
    if not isinstance(json, dict) or len(json) != 1:
        raise Broken(f"no value: {json}")
    ((kind, content),) = json.items()
    match kind:
        case "null" | "bool" | "string":
            return content
        case "int64":
            return int(content)
        case "double":
            return to_double(content)
        case "decimal":
            return to_decimal(content)
        case "bytes":
            return bytes.fromhex(content)
        case "int64_list":
            return stratum.Int64List(map(int, content))
        case "double_list":
            return stratum.DoubleList(map(to_double, content))
        case "string_list":
            return stratum.StringList(content)
        case "string_map":
            return stratum.StringMap(to_dict([(key, item) for key, item in content]))
        case "list":
            return stratum.List(map(to_value, content))
        case "map":
            return stratum.Map(to_dict([(key, to_value(item)) for key, item in content]))
        case "nest":
            made = to_value(content[1])
            for _ in range(int(content[0])):
                made = stratum.List([made])
            return made
    raise Broken(f"no kind: {kind}")


def to_decimal(text: str) -> Any:
    """A decimal; what Python takes for no number is refused as the store would."""
    try:
        return stratum.Decimal(text)
    except ValueError as error:
        raise stratum.InvalidArgument(str(error)) from error


def to_columns(json: Any) -> dict[str, Any]:
    """Columns to write."""
    return to_dict([(name, to_value(item)) for name, item in json or []])


def to_tree(json: Any) -> stratum.Tree:
    """A tree to write."""
    inputs = []
    for item in json.get("inputs", []):
        output = item.get("output")
        made = MISSING if output is None else to_value(output)
        inputs.append(stratum.Input(to_value(item["value"]), made, to_columns(item.get("columns"))))
    return stratum.Tree(bytes.fromhex(json.get("blob", "")), to_columns(json.get("columns")), inputs)
