"""The lines of a SHELX file, each read twice: in fixed columns, and by white space."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xrefl.hkl.packing import LIMIT
from xrefl.io.shelx.numerals import BAD, BLANK, CODES, DECIMAL, NOTHING, WHOLE, Numerals, numerals

__all__ = ["Block", "Rows", "blocks"]

_COLUMNS = ((0, 4), (4, 8), (8, 12), (12, 20), (20, 28), (28, 32))
"""3I4, 2F8.2, I4."""

_BLOCK = 32_768
_WIDEST = 256
_LONGEST_NUMBER = 32


@dataclass(slots=True)
class Rows:
    """What one reading makes of some lines; values count where ``valid`` is true.

    Attributes
    ----------
    numbers : list of 5 ndarray of float64
        h, k, l, the measurement and its standard deviation.
    batch : ndarray of int32
        0 where there is none.
    has_batch, extra : ndarray of bool
        Whether there is a batch number, and whether there is more after it.
    valid : ndarray of bool
        Whether the line is a reflection.
    end : ndarray of bool
        Whether the line begins with the indices 0 0 0, which ends the reflections.
    implied : ndarray of bool
        Whether a decimal point was put where it is not written.
    """

    numbers: list[NDArray[np.float64]]
    batch: NDArray[np.int32]
    has_batch: NDArray[np.bool_]
    extra: NDArray[np.bool_]
    valid: NDArray[np.bool_]
    end: NDArray[np.bool_]
    implied: NDArray[np.bool_]

    def arrays(self) -> list[NDArray[np.generic]]:
        return [*self.numbers, self.batch, self.has_batch, self.extra, self.valid, self.end,
                self.implied]  # fmt: skip

    @classmethod
    def of(cls, arrays: list[NDArray[np.generic]]) -> Rows:
        return cls(arrays[:5], *arrays[5:])  # type: ignore[arg-type]

    def take(self, rows: slice | NDArray[np.bool_]) -> Rows:
        return Rows.of([array[rows] for array in self.arrays()])

    def replaced(self, rows: NDArray[np.intp], others: Rows) -> Rows:
        """Return a copy in which some rows are those of another reading."""
        arrays = [array.copy() for array in self.arrays()]
        for array, other in zip(arrays, others.arrays(), strict=True):
            array[rows] = other
        return Rows.of(arrays)

    def same(self, other: Rows) -> NDArray[np.bool_]:
        """Tell which rows are equal in both readings."""
        equal: NDArray[np.bool_] = self.batch == other.batch
        equal &= self.has_batch == other.has_batch
        for mine, theirs in zip(self.numbers, other.numbers, strict=True):
            equal &= mine == theirs
        return equal


@dataclass(slots=True)
class Block:
    """Some lines, without the blank ones.

    Attributes
    ----------
    line : ndarray of int64
        Number of each line, from 0.
    fixed, free : Rows
        The two readings.
    aligned : ndarray of bool
        Whether every number ends where its column does, as Fortran writes them.
    """

    line: NDArray[np.int64]
    fixed: Rows
    free: Rows
    aligned: NDArray[np.bool_]


def blocks(data: bytes, starts: NDArray[np.int64]) -> Iterator[Block]:
    """Read the lines that begin at ``starts`` and end before the next, some at a time.

    The last of the starts is that of a line behind the end.
    """
    padding = bytes([BLANK]) * (_WIDEST + 1)
    text = np.frombuffer(data.translate(CODES) + padding, np.uint8)
    for first in range(0, len(starts) - 1, _BLOCK):
        edges = starts[first : first + _BLOCK + 1]
        lengths = np.diff(edges)
        width = int(min(max(lengths.max(), _COLUMNS[-1][1] + 1), _WIDEST))
        codes = np.lib.stride_tricks.sliding_window_view(text, width)[edges[:-1]]
        codes[np.arange(width) >= lengths[:, None]] = BLANK
        cut = lengths > width
        used = (codes != BLANK).any(axis=1) | cut
        line = first + np.flatnonzero(used)
        if len(line):
            yield _block(data, line, edges[:-1][used], codes[used], cut[used])


def _block(
    data: bytes,
    line: NDArray[np.int64],
    offsets: NDArray[np.int64],
    codes: NDArray[np.uint8],
    cut: NDArray[np.bool_],
) -> Block:
    columns = np.ascontiguousarray(codes.T)
    fixed, aligned = _fixed(data, offsets, columns)
    fixed.extra |= cut
    # Where numbers stand apart and have their points, both readings are the same.
    apart = fixed.valid & aligned & ~fixed.extra & ~fixed.implied
    for start, _ in _COLUMNS[1:]:
        apart &= columns[start] == BLANK
    rest = np.flatnonzero(~apart)
    free = fixed
    if len(rest):
        by_tokens = _free(data, offsets[rest], codes[rest])
        by_tokens.valid &= by_tokens.extra | ~cut[rest]  # all six are in the part that was read
        free = fixed.replaced(rest, by_tokens)
    return Block(line, fixed, free, aligned)


def _fixed(
    data: bytes, offsets: NDArray[np.int64], columns: NDArray[np.uint8]
) -> tuple[Rows, NDArray[np.bool_]]:
    fields = []
    aligned = np.ones(columns.shape[1], np.bool_)
    for field, (start, stop) in enumerate(_COLUMNS):

        def text(row: int, start: int = start, stop: int = stop) -> bytes:
            return data[offsets[row] + start : offsets[row] + stop].partition(b"\n")[0]

        numbers = numerals(columns[start:stop], text, implied=2 if field in (3, 4) else 0)
        fields.append(numbers)
        aligned &= (columns[stop - 1] != BLANK) | (numbers.kind == NOTHING)
    rows = _rows(fields, extra=(columns[_COLUMNS[-1][1] :] != BLANK).any(axis=0))
    for numbers in fields[3:5]:
        rows.implied |= (numbers.kind == WHOLE) & (numbers.value != 0)
    return rows, aligned


def _free(data: bytes, offsets: NDArray[np.int64], codes: NDArray[np.uint8]) -> Rows:
    count, width = codes.shape
    ink = np.zeros((count, width + 1), np.bool_)
    np.not_equal(codes, BLANK, out=ink[:, :-1])
    edge = ink.copy()
    edge[:, 1:] ^= ink[:, :-1]
    bounds = np.flatnonzero(edge)  # where tokens begin and end, in turn
    begins, ends = bounds[0::2], bounds[1::2]
    tokens = np.bincount(begins // (width + 1), minlength=count)
    first = np.cumsum(tokens) - tokens
    begins, ends = np.append(begins, 0), np.append(ends, 0)
    flat = np.append(codes, np.full((count, 1), BLANK, np.uint8), axis=1).ravel()
    flat = np.append(flat, np.full(_LONGEST_NUMBER, BLANK, np.uint8))
    fields = []
    for number in range(6):
        there = tokens > number
        begin = begins[np.where(there, first + number, -1)]
        length = np.where(there, ends[np.where(there, first + number, -1)] - begin, 0)
        columns = np.full((min(int(length.max()), _LONGEST_NUMBER) or 1, count), BLANK, np.uint8)
        for position, column in enumerate(columns):
            inside = length > position
            column[inside] = flat[begin[inside] + position]

        def text(row: int, begin: NDArray[np.intp] = begin, length: NDArray[np.intp] = length,
                 ) -> bytes:  # fmt: skip
            start = int(offsets[row] + begin[row] % (width + 1))
            return data[start : start + int(length[row])]

        numbers = numerals(columns, text)
        numbers.kind[length > _LONGEST_NUMBER] = BAD
        fields.append(numbers)
    return _rows(fields, extra=tokens > 6)


def _rows(fields: list[Numerals], extra: NDArray[np.bool_]) -> Rows:
    batch = fields[5]
    has_batch = batch.kind == WHOLE
    valid = has_batch & (np.abs(batch.value) < 2**31)
    valid |= batch.kind == NOTHING
    end = np.ones(len(valid), np.bool_)
    for numbers in fields[:3]:
        valid &= (numbers.kind == WHOLE) & (np.abs(numbers.value) < LIMIT)
        end &= (numbers.kind == WHOLE) & (numbers.value == 0)
    for numbers in fields[3:5]:
        valid &= (numbers.kind == WHOLE) | (numbers.kind == DECIMAL)
    return Rows(
        [numbers.value for numbers in fields[:5]],
        np.where(has_batch & valid, batch.value, 0).astype(np.int32),
        has_batch,
        extra,
        valid,
        end,
        np.zeros(len(valid), np.bool_),
    )
