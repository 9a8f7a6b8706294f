"""Stratum: an embedded store for golden sets, documents with ordered inputs and their expected outputs.

    import stratum

    with stratum.open("sums.stratum") as db:
        sum = db.create_document(b"Add two numbers.", {"name": "Sum"})
        input = db.append_input(sum, "2 3")
        db.set_output(sum, input, 5)
        print(db[sum])
"""

from ._setup import codec as _codec
from ._stratum import ffi as _ffi
from ._stratum import lib as _lib
from .batch import Batch, Durability
from .cursors import DocumentCursor, InputCursor
from .errors import (
    BufferTooSmall,
    Busy,
    Closed,
    CommitUnknown,
    Corruption,
    Forked,
    InvalidArgument,
    InvalidHandle,
    Io,
    Locked,
    NewerFormat,
    NoMemory,
    NoSpace,
    NotAStore,
    NotFound,
    OpenRefused,
    Panic,
    Poisoned,
    SnapshotTooOld,
    StratumError,
    TooLarge,
    TooManyHandles,
    status_name,
)
from .packed import Operations, PackedInput, PackedTree, PackedValue
from .progress import Progress, RepairProgress
from .reports import Damage, Finding, Findings, RepairOutcome, RepairReport, Stats, repair
from .store import Db, Snapshot, View
from .values import (
    MISSING,
    Decimal,
    DoubleList,
    Input,
    Int64List,
    Kind,
    List,
    Map,
    Missing,
    Storable,
    StringList,
    StringMap,
    Tree,
    TreeIds,
    Value,
)

#: Opens a store: Db itself, under the name that one looks for.
open = Db

Pinned = _codec.Pinned
pack_value = _codec.pack_value
pack_columns = _codec.pack_columns
unpack_value = _codec.unpack_value
unpack_columns = _codec.unpack_columns
unpack_rows = _codec.unpack_rows
unpack_tree = _codec.unpack_tree
unpack_trees = _codec.unpack_trees


def kind_of(value: Storable) -> Kind:
    """The kind that a Python object is stored as; TypeError where it cannot be stored."""
    return Kind(_codec.kind(value))


#: The version of the library.
__version__: str = _ffi.string(_lib.stratum_version()).decode()

__all__ = [
    "__version__",
    "Batch",
    "BufferTooSmall",
    "Busy",
    "Closed",
    "CommitUnknown",
    "Corruption",
    "Damage",
    "Db",
    "Decimal",
    "DocumentCursor",
    "DoubleList",
    "Durability",
    "Finding",
    "Findings",
    "Forked",
    "Input",
    "InputCursor",
    "Int64List",
    "InvalidArgument",
    "InvalidHandle",
    "Io",
    "Kind",
    "kind_of",
    "List",
    "Locked",
    "Map",
    "MISSING",
    "Missing",
    "NewerFormat",
    "NoMemory",
    "NoSpace",
    "NotAStore",
    "NotFound",
    "open",
    "OpenRefused",
    "Operations",
    "pack_columns",
    "pack_value",
    "PackedInput",
    "PackedTree",
    "PackedValue",
    "Panic",
    "Pinned",
    "Poisoned",
    "Progress",
    "repair",
    "RepairOutcome",
    "RepairProgress",
    "RepairReport",
    "Snapshot",
    "SnapshotTooOld",
    "Stats",
    "status_name",
    "Storable",
    "StratumError",
    "StringList",
    "StringMap",
    "TooLarge",
    "TooManyHandles",
    "Tree",
    "TreeIds",
    "unpack_columns",
    "unpack_rows",
    "unpack_tree",
    "unpack_trees",
    "unpack_value",
    "Value",
    "View",
]
