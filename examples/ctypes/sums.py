#!/usr/bin/env python3
"""Stratum from plain ctypes: dlopen and the C ABI, no build step, no package.

    make install PREFIX="$PWD/build/usr"
    python3 examples/ctypes/sums.py build/usr/lib/libstratum.so build/sums.stratum

Puts a document with two inputs into a store, reads it back as a tree, and sees that a missing document is a status. It
shows what any language with a dlopen needs: opaque pointers, a few structs, statuses. The package in bindings/python is
what a program in Python would rather take.

1. Structs here are those of stratum.h, field by field; STRATUM_* are its numbers.
2. What a tree lends is copied before the tree is freed.
"""

import ctypes
import sys
from ctypes import POINTER, Structure, Union, byref, c_char_p, c_double, c_int32, c_int64, c_size_t, c_uint32, c_uint64
from ctypes import c_void_p

NOT_FOUND = 1
KIND_INT64 = 3
KIND_STRING = 6


class Text(Structure):
    _fields_ = [("data", c_void_p), ("length", c_size_t)]


class As(Union):
    _fields_ = [
        ("boolean", c_int32),
        ("int64", c_int64),
        ("float64", c_double),
        ("text", c_void_p),
    ]


class Value(Structure):
    _anonymous_ = ("content",)
    _fields_ = [("kind", c_uint32), ("reserved", c_uint32), ("count", c_size_t), ("content", As)]


class Column(Structure):
    _fields_ = [("name", Text), ("value", Value)]


class Input(Structure):
    _fields_ = [
        ("id", c_uint64),
        ("value", Value),
        ("columns", POINTER(Column)),
        ("column_count", c_size_t),
        ("output", POINTER(Value)),
    ]


class Tree(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("blob", c_void_p),
        ("blob_length", c_size_t),
        ("columns", POINTER(Column)),
        ("column_count", c_size_t),
        ("inputs", POINTER(Input)),
        ("input_count", c_size_t),
    ]


class TreeIds(Structure):
    _fields_ = [("document", c_uint64), ("first_input", c_uint64), ("input_count", c_uint64)]


class StratumError(Exception):
    """What the library said."""


class Store:
    """A store, through the functions that this example needs."""

    def __init__(self, library: str, path: str) -> None:
        self.lib = ctypes.CDLL(library)
        # Whatever gives a pointer, or takes a 64-bit number, has to be declared: ctypes takes int otherwise.
        self.lib.stratum_error_message.restype = c_char_p
        self.lib.stratum_error_message.argtypes = [c_void_p]
        self.lib.stratum_db_open.argtypes = [c_char_p, c_size_t, c_void_p, c_void_p, c_void_p]
        self.lib.stratum_db_put_tree.argtypes = [c_void_p, POINTER(Tree), POINTER(TreeIds), c_void_p]
        self.lib.stratum_db_latest.restype = c_void_p
        self.lib.stratum_db_latest.argtypes = [c_void_p]
        self.lib.stratum_view_tree.argtypes = [c_void_p, c_uint64, c_void_p, c_void_p]
        self.lib.stratum_tree_get.restype = POINTER(Tree)
        self.lib.stratum_tree_get.argtypes = [c_void_p]
        self.db = c_void_p()
        encoded = path.encode()
        self.call("stratum_db_open", encoded, len(encoded), None, byref(self.db))

    def call(self, name: str, *arguments: object) -> int:
        """Calls a function whose last argument is the error; gives OK or NOT_FOUND, raises the rest."""
        error = c_void_p()
        status = int(getattr(self.lib, name)(*arguments, byref(error)))
        if status not in (0, NOT_FOUND):
            message = self.lib.stratum_error_message(error).decode()
            self.lib.stratum_error_free(byref(error))
            raise StratumError(f"{name}: {message}")
        return status

    def put(self, blob: bytes, tests: "list[tuple[str, int]]") -> int:
        """A document with an input and its output for each test; gives its id."""
        texts = [question.encode() for question, _ in tests]
        outputs = (Value * len(tests))()
        inputs = (Input * len(tests))()
        for at, (_, answer) in enumerate(tests):
            outputs[at] = Value(kind=KIND_INT64, int64=answer)
            text = ctypes.cast(c_char_p(texts[at]), c_void_p)
            inputs[at].value = Value(kind=KIND_STRING, count=len(texts[at]), text=text)
            inputs[at].output = ctypes.pointer(outputs[at])
        tree = Tree(
            struct_size=ctypes.sizeof(Tree),
            blob=ctypes.cast(c_char_p(blob), c_void_p),
            blob_length=len(blob),
            inputs=inputs,
            input_count=len(tests),
        )
        ids = TreeIds()
        self.call("stratum_db_put_tree", self.db, byref(tree), byref(ids))
        return int(ids.document)

    def get(self, document: int) -> "tuple[bytes, list[tuple[str, int]]] | None":
        """What `put` was given; None where there is no such document."""
        owner = c_void_p()
        if self.call("stratum_view_tree", self.lib.stratum_db_latest(self.db), document, byref(owner)) == NOT_FOUND:
            return None
        tree = self.lib.stratum_tree_get(owner).contents
        blob = ctypes.string_at(tree.blob, tree.blob_length)
        tests = []
        for row in tree.inputs[: tree.input_count]:
            question = ctypes.string_at(row.value.text, row.value.count).decode()
            tests.append((question, int(row.output.contents.int64)))
        self.lib.stratum_tree_free(byref(owner))
        return blob, tests

    def close(self) -> None:
        """Makes everything durable, and closes."""
        self.call("stratum_db_close", byref(self.db))


def main() -> None:
    library, path = sys.argv[1:]
    store = Store(library, path)
    document = store.put(b"Add two numbers.", [("2 3", 5), ("-1 1", 0)])
    read = store.get(document)
    assert read is not None
    blob, tests = read
    print(blob.decode())
    for question, answer in tests:
        print(f"{question} -> {answer}")
    print("missing:", store.get(document + 1))
    store.close()


if __name__ == "__main__":
    main()
