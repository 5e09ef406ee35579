"""What a person sees of packed keys: Miller indices.

xarray asks the array of a coordinate how to show itself in a line. These two are the arrays
that xarray itself would use, except for that line; the values stay packed keys.
"""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt
from xarray.core.indexing import NumpyIndexingAdapter, PandasIndexingAdapter

from xrefl.hkl.packing import format_hkl

_HTML_WIDTH = 400


class _ShownAsMillerIndices:
    """How arrays of packed keys show themselves in text and in HTML."""

    __slots__ = ()

    array: Any

    # Above the coordinates of `ds.hkl`, xarray writes the values of an array that is in memory,
    # here packed keys; of any other it writes "[n values with dtype=int64]".
    @property
    def _in_memory(self) -> bool:
        return False

    def _repr_inline_(self, max_width: int) -> str:
        return shorten(np.ravel(np.asarray(self.array)), max_width)

    def _repr_html_(self) -> str:
        return f"<pre>{escape(self._repr_inline_(_HTML_WIDTH))}</pre>"


class PackedKeys(_ShownAsMillerIndices, PandasIndexingAdapter):
    """Packed keys along a dimension."""

    __slots__ = ()

    def _convert_scalar(self, item: Any) -> Any:
        return PackedKey(super()._convert_scalar(item))  # type: ignore[no-untyped-call]


class PackedKey(_ShownAsMillerIndices, NumpyIndexingAdapter):
    """The packed key of a single reflection."""

    __slots__ = ()


def shorten(keys: npt.NDArray[np.int64], max_width: int) -> str:
    """Write as many reflections, from both ends, as fit into `max_width` characters.

    The first and the last are always written.

    Examples
    --------
    >>> from xrefl.hkl.packing import pack
    >>> shorten(pack(range(9), 0, 1), 32)
    '(0 0 1) (1 0 1) ... (8 0 1)'
    """
    if len(keys) <= 2:
        return format_hkl(keys)
    most = max(max_width // len("(0 0 0) "), 2)
    shown = keys if len(keys) <= most else np.concatenate([keys[:most], keys[-most:]])
    words = [format_hkl(key) for key in shown]
    line = " ".join(words)
    if len(keys) <= most and len(line) <= max_width:
        return line
    for count in range(min(most, len(words) - 1), 1, -1):
        line = " ".join([*words[: (count + 1) // 2], "...", *words[-(count // 2) :]])
        if len(line) <= max_width:
            break
    return line
