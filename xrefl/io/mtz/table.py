"""The table of an MTZ file: rows of 32-bit floats, read by blocks into typed columns."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from xrefl._memory import empty_columns
from xrefl._parallel import over_rows
from xrefl.errors import FormatError
from xrefl.io.source import Source

__all__ = ["Field", "Table"]

_NATIVE = "<f4" if sys.byteorder == "little" else ">f4"

Column = NDArray[np.int32 | np.float32]

_BLOCK_ROWS = 32_768  # with fewer, threads wait for each other; with more, the cache is too small


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a table: where it stands, and what it becomes in memory."""

    label: str
    position: int
    dtype: type[np.int32] | type[np.float32]


@dataclass(frozen=True, slots=True)
class Table:
    """Location and layout of the rows.

    Attributes
    ----------
    source : Source
        The file.
    offset : int
        Byte at which the first row begins.
    nrow, ncol : int
        Rows, and numbers in a row.
    dtype : str
        ``"<f4"`` or ``">f4"``.
    missing : float
        The number that stands for a missing value beside NaN, or NaN.
    """

    source: Source
    offset: int
    nrow: int
    ncol: int
    dtype: str
    missing: float = np.nan

    @property
    def row_bytes(self) -> int:
        return 4 * self.ncol

    def read(self, fields: Sequence[Field], rows: slice = slice(None)) -> list[Column]:
        """Read columns, in one pass over the file on threads.

        Parameters
        ----------
        fields : sequence of Field
            The columns.
        rows : slice
            Which rows; any step.

        Returns
        -------
        list of arrays
            One array for each field, of its dtype; missing values are NaN.

        Raises
        ------
        FormatError
            An integer column holds a missing or fractional value; the file has changed.
        """
        wanted = range(self.nrow)[rows]
        forward = wanted if wanted.step > 0 else wanted[::-1]
        columns = empty_columns(len(forward), [field.dtype for field in fields])
        over_rows(self._fill, len(forward), forward, fields, columns, slices_per_thread=1)
        return columns if forward is wanted else [column[::-1] for column in columns]

    def floats(self, start: int, buffer: NDArray[np.float32]) -> None:
        """Read rows as they are, all their columns; shape (rows, ncol), of this machine's order."""
        with self.source.reader() as reader:
            at = self.offset + start * self.row_bytes
            reader.read_into(at, buffer.reshape(-1).view(np.uint8))
        if self.dtype != _NATIVE:
            buffer.byteswap(inplace=True)

    def _fill(
        self,
        start: int,
        stop: int,
        rows: range,
        fields: Sequence[Field],
        columns: Sequence[Column],
    ) -> None:
        step = rows.step
        block_rows = max(1, min(_BLOCK_ROWS // step, stop - start))
        # The last row of a block is not followed by the rows that the step leaves out.
        buffer = np.empty(((block_rows - 1) * step + 1) * self.ncol * 4, np.uint8)
        scratch = _Scratch(block_rows)
        with self.source.reader() as reader, np.errstate(invalid="ignore"):
            for first in range(start, stop, block_rows):
                last = min(first + block_rows, stop)
                count = ((last - first - 1) * step + 1) * self.ncol * 4
                reader.read_into(self.offset + rows[first] * self.ncol * 4, buffer[:count])
                block = buffer[:count].view(self.dtype).reshape(-1, self.ncol)[::step]
                for field, column in zip(fields, columns, strict=True):
                    values, out = block[:, field.position], column[first:last]
                    if field.dtype is np.float32:
                        out[:] = values
                        if self.missing == self.missing:
                            out[out == np.float32(self.missing)] = np.nan
                    elif (bad := scratch.to_integers(values, out, self.missing)) is not None:
                        self._refuse(field, rows[first + bad], values[bad])

    def _refuse(self, field: Field, row: int, value: float) -> NoReturn:
        with self.source.reader():  # a file that has been changed is told as such
            pass
        raise FormatError(
            f"{self.source.name}: column {field.label} must hold whole numbers, but row {row} "
            f"(byte {self.offset + (row * self.ncol + field.position) * 4}) has {value}; write the "
            "file again from its source"
        )


class _Scratch:
    """Memory for the steps of a conversion, used again for every block.

    NumPy's temporary arrays of this size would be new memory each time, which takes longer to
    get than to fill.
    """

    def __init__(self, nrow: int) -> None:
        self._values = np.empty(nrow, np.float32)
        self._back = np.empty(nrow, np.float32)
        self._wrong = np.empty(nrow, np.bool_)

    def to_integers(self, column: NDArray[np.float32], out: Column, missing: float) -> int | None:
        """Convert floats to int32; return the first row that is not whole, or None."""
        values, back, wrong = (
            scratch[: len(out)] for scratch in (self._values, self._back, self._wrong)
        )
        values[:] = column
        out[:] = values
        back[:] = out
        np.not_equal(values, back, out=wrong)
        if missing == missing:
            wrong |= values == np.float32(missing)
        return int(wrong.argmax()) if wrong.any() else None
