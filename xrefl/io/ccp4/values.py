"""The values of a map as an array that is read when it is used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from xrefl._memory import empty
from xrefl._parallel import over_rows
from xrefl.io.source import BlockReader, Source

__all__ = ["MapArray", "Values"]

# Bytes read at once where they do not go straight to where they are wanted.
_BLOCK = 2**20
# Fewer bytes than this are read by one thread.
_FEW = 2**22


@dataclass(frozen=True)
class Values:
    """Where the values are in a file; picklable and without open files.

    Attributes
    ----------
    source : Source
    offset : int
        Byte of the first value.
    dtype : numpy.dtype
        Type in the file; what is read becomes float32.
    shape : tuple of 3 int
        Number of sections, of rows in a section, of values (columns) in a row.
    """

    source: Source
    offset: int
    dtype: np.dtype[Any]
    shape: tuple[int, int, int]

    def read(self, sections: range, rows: range, columns: range) -> NDArray[np.float32]:
        """Return the values of some sections, rows and columns; steps may be of any size."""
        shape = len(sections), len(rows), len(columns)
        out: NDArray[np.float32] = empty(int(np.prod(shape)), np.float32).reshape(shape)
        if out.size:
            whole_rows = rows == range(self.shape[1]) and columns == range(self.shape[2])
            block = _Block(self, out, sections, rows, columns)
            straight = whole_rows and sections.step == 1 and self.dtype == np.float32
            section_bytes = self.shape[1] * self.shape[2] * self.dtype.itemsize
            over_rows(
                block.straight if straight else block.by_section,
                len(sections),
                min_rows=max(2, _FEW // section_bytes),
            )
        return out


@dataclass(frozen=True)
class _Block:
    """One reading: what is wanted, and where it goes."""

    values: Values
    out: NDArray[np.float32]
    sections: range
    rows: range
    columns: range

    def straight(self, start: int, stop: int) -> None:
        """Read whole sections into the result."""
        values = self.values
        size = values.shape[1] * values.shape[2] * 4
        with values.source.reader() as reader:
            target = self.out[start:stop].reshape(-1).view(np.uint8)
            reader.read_into(values.offset + self.sections[start] * size, target)

    def by_section(self, start: int, stop: int) -> None:
        """Read some rows of a section at a time, and pick from them."""
        nrow, ncol = self.values.shape[1:]
        row_bytes = ncol * self.values.dtype.itemsize
        at_once = max(1, _BLOCK // (row_bytes * abs(self.rows.step)))
        with self.values.source.reader() as reader:
            for i in range(start, stop):
                section = self.values.offset + self.sections[i] * nrow * row_bytes
                for first in range(0, len(self.rows), at_once):
                    rows = self.rows[first : first + at_once]
                    low, high = min(rows[0], rows[-1]), max(rows[0], rows[-1])
                    table = self._table(reader, section + low * row_bytes, high - low + 1)
                    picked = table[_cut(rows, low)][:, _cut(self.columns)]
                    self.out[i, first : first + at_once] = picked

    def _table(self, reader: BlockReader, offset: int, nrow: int) -> NDArray[Any]:
        ncol, dtype = self.values.shape[2], self.values.dtype
        data = np.empty(nrow * ncol * dtype.itemsize, np.uint8)
        reader.read_into(offset, data)
        return data.view(dtype).reshape(nrow, ncol)


def _cut(chosen: range, first: int = 0) -> slice:
    """Return a range as a slice of what begins with the number ``first``."""
    stop = chosen.stop - first
    return slice(chosen.start - first, stop if stop >= 0 else None, chosen.step)


class MapArray(BackendArray):
    """The values along x, y and z, as xarray's lazy indexing wants them.

    Parameters
    ----------
    values : Values
    file_axes : tuple of 3 int
        The axis, 0 to 2 for x, y and z, along columns, rows and sections.
    """

    def __init__(self, values: Values, file_axes: tuple[int, ...]) -> None:
        self._values = values
        # Dimension of the file (section, row, column) for each of x, y and z.
        self._dims = tuple(2 - file_axes.index(axis) for axis in range(3))
        self.shape = tuple(values.shape[dim] for dim in self._dims)
        self.dtype = np.dtype(np.float32)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.BASIC, self._read
        )

    def _read(self, key: tuple[Any, ...]) -> Any:
        ranges = [range(0)] * 3
        for dim, one, count in zip(self._dims, key, self.shape, strict=True):
            whole = range(count)
            at = whole[one]
            ranges[dim] = at if isinstance(at, range) else range(at, at + 1)
        found = self._values.read(*ranges).transpose(self._dims)
        return found[tuple(slice(None) if isinstance(one, slice) else 0 for one in key)]
