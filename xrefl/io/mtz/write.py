"""Write a Dataset to an MTZ file, block by block."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import IO, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.crystal.cell import UnitCell
from xrefl.errors import FormatError
from xrefl.hkl.blocks import row_blocks
from xrefl.io.atomic import atomic_writer
from xrefl.io.mtz.collect import Content, collect
from xrefl.io.mtz.column_types import INTEGER_TYPES
from xrefl.io.mtz.compose import RowSummary, compose_header, compose_start
from xrefl.io.mtz.header import ColumnInfo, Header

__all__ = ["to_mtz"]

_LARGEST_EXACT = 2**24  # whole numbers up to here are exact in 32-bit floats


def to_mtz(ds: xr.Dataset, path: str | os.PathLike[str] | IO[bytes]) -> None:
    """Write a Dataset to an MTZ file.

    Rows are written in blocks (the chunks of dask-backed data), so that memory does not grow
    with the file. The resolution range, minima and maxima and the sort order in the header are
    those of the rows. Columns of Friedel mates are put side by side.

    Parameters
    ----------
    ds : xarray.Dataset
        Merged (dimension ``hkl``) or unmerged (``obs``). Each data variable becomes a column of
        32-bit floats under its name; its type is ``attrs["mtz_type"]``, or, where there is none,
        I for whole numbers and R ("real number") for others; its data set is
        ``attrs["dataset_id"]``, or the last one.
    path : path or binary file object
        Where to write. A file appears under its name when it is complete, and is gzipped if the
        name ends in ``.gz``.

    Raises
    ------
    FormatError
        Something cannot be in an MTZ file, such as a label of more than 30 characters or a
        whole number beyond 16,777,216.

    Examples
    --------
    >>> import tempfile, pathlib, xrefl
    >>> ds = xrefl.tutorial.open("5e5z")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "copy.mtz")
    ...     ds.xtal.to_mtz(path)
    ...     copy = xrefl.open_mtz(path).load()
    >>> copy.identical(ds.load())
    True
    """
    content = collect(ds)
    if isinstance(path, (str, os.PathLike)):
        with atomic_writer(path) as stream:
            _write(content, stream)
    elif hasattr(path, "write"):
        _write(content, path)
    else:
        raise TypeError(f"expected a path or a binary file object, not {type(path).__name__}")


def _write(content: Content, stream: IO[bytes]) -> None:
    header = content.header
    rows = _RowWriter(header)
    stream.write(compose_start(len(header.columns), header.nrow))
    for block in row_blocks(content.variables, header.nrow):
        stream.write(rows.interleave(block).data)
    stream.write(compose_header(header, content.spacegroup, rows.summary()))


class _RowWriter:
    """Makes rows of floats from columns, and keeps account of what the header says of them."""

    def __init__(self, header: Header) -> None:
        self._columns = header.columns
        self._summary = RowSummary(len(header.columns))
        cells = [header.cell, *(dataset.cell for dataset in header.datasets)]
        self._cells = [UnitCell(*cell) for cell in dict.fromkeys(cells) if cell is not None]
        # Observations are customarily sorted by h, k, l, M/ISYM and BATCH, reflections by h, k, l.
        unmerged = [column.type for column in header.columns[3:5]] == ["Y", "B"]
        self._sort_columns = 5 if unmerged else 3
        # How many leading columns the rows are sorted by so far, and the last row seen.
        self._sorted_by = self._sort_columns
        self._last: list[Any] | None = None
        self._buffer = np.empty((0, len(header.columns)), np.float32)

    def interleave(self, block: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
        """Return the rows of one block, C-contiguous, in memory that the next block uses again."""
        nrow = len(block[0])
        if nrow > len(self._buffer):
            self._buffer = np.empty((nrow, len(block)), np.float32)
        rows = self._buffer[:nrow]
        summary = self._summary
        for i, (values, info) in enumerate(zip(block, self._columns, strict=True)):
            column = _as_float32(values, info)
            rows[:, i] = column
            if len(column):
                summary.minimum[i] = np.fmin(summary.minimum[i], np.fmin.reduce(column))
                summary.maximum[i] = np.fmax(summary.maximum[i], np.fmax.reduce(column))
        if len(rows):
            self._extend_resolution(block[:3])
            self._check_order(block)
        return rows

    def summary(self) -> RowSummary:
        """Return the account, after the last block."""
        if self._sorted_by >= 3:
            by = 5 if self._sorted_by == 5 else 3
            self._summary.sort_order = tuple(range(1, by + 1)) + (0,) * (5 - by)
        return self._summary

    def _extend_resolution(self, hkl: Sequence[NDArray[Any]]) -> None:
        for cell in self._cells:
            inv_d2 = cell.inv_d2((hkl[0], hkl[1], hkl[2]))
            inv_d2 = inv_d2[inv_d2 > 0]  # the reflection 0 0 0 has no resolution
            if len(inv_d2):
                self._summary.min_inv_d2 = min(self._summary.min_inv_d2, float(inv_d2.min()))
                self._summary.max_inv_d2 = max(self._summary.max_inv_d2, float(inv_d2.max()))

    def _check_order(self, columns: Sequence[NDArray[Any]]) -> None:
        if self._last is not None:
            joints = [
                np.array([last, column[0]])
                for last, column in zip(self._last, columns, strict=False)
            ]
            self._sorted_by = min(self._sorted_by, _leading_sorted(joints))
        self._last = [column[-1] for column in columns[: self._sort_columns]]
        self._sorted_by = _leading_sorted(columns[: self._sorted_by])


def _leading_sorted(columns: Sequence[NDArray[Any]]) -> int:
    """Return by how many leading columns the rows are sorted, lexicographically."""
    tied: NDArray[np.bool_] | np.bool_ = np.True_
    for i, column in enumerate(columns):
        before, after = column[:-1], column[1:]
        if np.any((before > after) & tied):
            return i
        tied = (before == after) & tied
    return len(columns)


def _as_float32(values: NDArray[Any], info: ColumnInfo) -> NDArray[np.float32]:
    """Return what is written for the values of one column, exact where that matters."""
    if info.type in INTEGER_TYPES or values.dtype.kind in "iu":
        _check_whole(values, info)
    with np.errstate(over="ignore"):
        column = values.astype(np.float32, copy=False)
    if values.dtype.itemsize > 4 and not np.array_equal(np.isinf(column), np.isinf(values)):
        raise FormatError(
            f"column {info.label} has values beyond the range of 32-bit floats (3.4e38); "
            "scale the column first"
        )
    return column


def _check_whole(values: NDArray[Any], info: ColumnInfo) -> None:
    if not values.size or values.dtype.kind == "b":
        return
    if info.type in "HYB" and values.dtype.kind == "f":
        wrong = values[np.rint(values) != values]  # NaN as well
        if wrong.size:
            raise FormatError(
                f"column {info.label} of type {info.type} has the value {wrong[0]}, but must have "
                "whole numbers in every row; drop the rows without one first, for instance with "
                ".where(..., drop=True)"
            )
    largest = max(-float(np.fmin.reduce(values)), float(np.fmax.reduce(values)))
    if largest > _LARGEST_EXACT:
        raise FormatError(
            f"column {info.label} has the whole number {largest:.0f}, but an MTZ file holds "
            f"32-bit floats, exact up to {_LARGEST_EXACT}; renumber or drop the column"
        )
