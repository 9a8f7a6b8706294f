# The cffi module: everything that stratum.h declares.
from typing import Any

ffi: Any
lib: Any
