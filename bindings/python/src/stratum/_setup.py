"""Ties the extension to the classes of the package. Imported before anything of stratum._codec is used."""

import decimal

from . import errors, values
from ._stratum import lib

if lib.codec_install() != 0:
    raise ImportError("stratum._codec could not be made")

from . import _codec  # noqa: E402

_codec.setup(
    tree=values.Tree,
    input=values.Input,
    missing=values.MISSING,
    decimal=decimal.Decimal,
    from_text=values.from_decimal_text,
    error=errors.make,
    int64_list=values.Int64List,
    double_list=values.DoubleList,
    string_list=values.StringList,
    string_map=values.StringMap,
    list=values.List,
    map=values.Map,
)
codec = _codec
