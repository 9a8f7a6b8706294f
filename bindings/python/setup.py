"""Builds the wheel: the cffi module comes from build_native.py, the version from the C header."""

import sys
from pathlib import Path

from setuptools import setup

sys.path.insert(0, str(Path(__file__).resolve().parent))
from build_native import header_version  # noqa: E402

setup(version=header_version(), cffi_modules=["build_native.py:ffi"])
