"""The extension module stratum._stratum: all of stratum.h through cffi, and the C files of native/, in one shared object.

STRATUM_HEADER, STRATUM_LIBRARY and STRATUM_LIBS say where stratum.h and libstratum.a are and what else is to be linked;
build.sh sets them.

1. What cffi declares is made from stratum.h: there is no second list of functions, structs or constants.
2. The library is linked statically and its symbols are hidden: two extensions with a Stratum each do not mix.
"""

import os
import re
from pathlib import Path

from cffi import FFI

HERE = Path(__file__).resolve().parent
HEADER = Path(os.environ["STRATUM_HEADER"])

# Called while the library compacts or repairs: it calls native/callbacks.c, and that these, whose bodies progress.py has.
CALLBACKS = """
extern "Python+C" int32_t stratum_python_progress(const stratum_progress *progress, void *context);
extern "Python+C" int32_t stratum_python_repair_progress(const stratum_repair_progress *progress, void *context);
int32_t codec_progress(const stratum_progress *progress, void *context);
int32_t codec_repair_progress(const stratum_repair_progress *progress, void *context);
int codec_install(void);
"""


def declarations() -> str:
    """stratum.h as cffi reads C: no comments, no preprocessor but constants."""
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.DOTALL)
    text = re.sub(r'#ifdef __cplusplus\n.*?\n#endif', "", text, flags=re.DOTALL)
    constant = re.compile(r"#define STRATUM_\w+ \d+\s*$")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#") or constant.match(line)]
    return "\n".join(lines)


def header_version() -> str:
    """The version that stratum.h names."""
    text = HEADER.read_text()
    parts = [re.search(rf"#define STRATUM_VERSION_{part} (\d+)", text) for part in ("MAJOR", "MINOR", "PATCH")]
    return ".".join(part.group(1) for part in parts if part)


ffi = FFI()
ffi.cdef(declarations())
ffi.cdef(CALLBACKS)
ffi.set_source(
    "stratum._stratum",
    '#include "callbacks.h"\n#include "install.h"\n',
    sources=[f"native/{path.name}" for path in sorted((HERE / "native").glob("*.c"))],
    depends=[str(path) for path in sorted((HERE / "native").glob("*.h"))],
    include_dirs=[str(HEADER.parent), str(HERE / "native")],
    extra_objects=[os.environ["STRATUM_LIBRARY"]],
    extra_compile_args=["-std=c11", "-fvisibility=hidden", "-Wall", "-Wextra", *os.environ.get("STRATUM_CFLAGS", "").split()],
    extra_link_args=["-Wl,--exclude-libs,ALL", "-Wl,--gc-sections", "-Wl,--strip-debug", *os.environ["STRATUM_LIBS"].split()],
    # The files of native/ use more of Python than the limited API.
    py_limited_api=False,
)
