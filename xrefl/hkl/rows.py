"""Rows of arrays: taken in another order, and the order that sorts them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl._memory import empty_columns
from xrefl._parallel import over_rows

__all__ = ["sorting_order", "take_rows"]

_MIN_ROWS = 100_000
# As many as the copies of a reflection and a few more; each is a step of a lazy computation.
_MOST_PIECES = 48
_DIGIT = 11  # bits that are sorted by at a time
_INT64 = np.iinfo(np.int64)
_WORDS = {1: np.uint8, 4: np.uint32, 8: np.uint64}

Name = TypeVar("Name", bound=Hashable)


def take_rows(
    variables: Mapping[Name, xr.Variable], dim: Hashable, rows: NDArray[np.integer]
) -> dict[Name, xr.Variable]:
    """Return the rows of variables that are listed.

    Dask-backed variables stay lazy; where rows ascend, chunks are made of one old chunk each.
    """
    taken: dict[Name, xr.Variable] = {}
    columns: dict[Name, NDArray[Any]] = {}
    for name, variable in variables.items():
        if variable.chunks is not None:
            taken[name] = _taken_lazily(variable, dim, rows.astype(np.intp))
            continue
        data = variable.data if isinstance(variable.data, np.ndarray) else variable.values
        if data.ndim == 1:
            columns[name] = data
        else:
            taken[name] = _like(variable, data.take(rows, variable.dims.index(dim)))
    outs = empty_columns(len(rows), [column.dtype for column in columns.values()])
    for (name, column), out in zip(columns.items(), outs, strict=True):
        _take(column, rows, out)
        taken[name] = _like(variables[name], out)
    return taken


def _like(variable: xr.Variable, data: NDArray[Any]) -> xr.Variable:
    return xr.Variable(variable.dims, data, variable.attrs, variable.encoding, fastpath=True)


def _taken_lazily(variable: xr.Variable, dim: Hashable, rows: NDArray[np.intp]) -> xr.Variable:
    ends = np.flatnonzero(rows[1:] < rows[:-1]) + 1
    pieces = np.split(rows, ends) if len(ends) < _MOST_PIECES else [rows]
    parts = [variable.isel({dim: piece}) for piece in pieces]
    joined: xr.Variable = xr.Variable.concat(parts, dim)  # type: ignore[no-untyped-call]
    return joined


def _take(values: NDArray[Any], rows: NDArray[np.integer], out: NDArray[Any]) -> None:
    word = _WORDS.get(values.itemsize)
    if len(rows) < _MIN_ROWS or word is None or values.dtype.hasobject:
        out[...] = values.take(rows)
        return
    from xrefl.hkl import _kernels

    # only the size of a value matters; a kernel is compiled for each size
    source = np.ascontiguousarray(values).view(word)
    source.setflags(write=False)
    numbers = rows.astype(np.uint32, copy=False)
    numbers.setflags(write=False)
    over_rows(_kernels.take, len(rows), source, numbers, out.view(word))


def sorting_order(columns: Sequence[NDArray[Any]]) -> NDArray[np.intp] | None:
    """Return the order of rows that sorts them by the first column, then the second, and so on.

    Equal rows keep their order, and NaN comes last. None if the rows are in order already.

    Parameters
    ----------
    columns : sequence of (n,) ndarray
        Numbers, or text.

    Examples
    --------
    >>> sorting_order([np.array([2, 1, 2]), np.array([5.0, np.nan, 4.0])])
    array([1, 2, 0])
    """
    count = len(columns[0])
    word = np.zeros(count, np.uint64)
    used = row_bits = max(count - 1, 1).bit_length()
    if count == 0:
        return None
    # the number of the row in the lowest bits, then the last column, ... up to the first
    for column in reversed(columns):
        if column.dtype.kind not in "iu":
            break
        low, high = int(column.min()), int(column.max())
        bits = (high - low).bit_length()
        if used + bits > 64 or high > _INT64.max:
            break
        code = column.astype(np.int64)
        code -= low
        word |= code.view(np.uint64) << np.uint64(used)
        used += bits
    else:
        if np.all(word[1:] >= word[:-1]):
            return None
        word |= np.arange(count, dtype=np.uint64)
        word = _sorted_by_bits(word, row_bits, used)
        return (word & np.uint64((1 << row_bits) - 1)).view(np.int64)
    order = np.lexsort(columns[::-1])
    return None if np.all(order[1:] > order[:-1]) else order


def _sorted_by_bits(words: NDArray[np.uint64], first: int, last: int) -> NDArray[np.uint64]:
    """Return words in the order of their bits from first to last; those below are in order."""
    from xrefl.hkl import _kernels

    other = np.empty_like(words)
    for low in range(first, last, _DIGIT):
        _kernels.radix_pass(words, low, np.zeros((1 << _DIGIT) + 1, np.int64), other)
        words, other = other, words
    return words
