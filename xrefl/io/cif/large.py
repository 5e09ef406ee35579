"""The values of a loop that is large: where they stand, read when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrefl._memory import empty_columns
from xrefl._parallel import over_rows
from xrefl.errors import FormatError
from xrefl.io.cif.body import BadValueError, Code, Description, whole_number
from xrefl.io.cif.numbers import as_float
from xrefl.io.cif.text import Bytes, CifText
from xrefl.io.cif.tokens import content_of, decoded, is_missing, scan, text_of

__all__ = ["LargeBody"]

ODD_AT_ONCE = 2**13
"""Values that kernels leave to Python are handled so many at a time."""

_BLOCKS = {"f8": np.float64, "i4": np.int32, "U": np.uint32, "O": np.int64}


@dataclass(frozen=True)
class LargeBody:
    """Values in slices of the text.

    Attributes
    ----------
    offsets : array of int64
        Bytes at which slices begin, and the end of the last.
    values : array of int64
        Number of the first value of each slice, and of all values.
    ncol : int
        Values in a row.
    description : Description
        What the columns hold.
    """

    offsets: NDArray[np.int64] = field(repr=False)
    values: NDArray[np.int64] = field(repr=False)
    ncol: int
    description: Description

    @property
    def nrow(self) -> int:
        return int(self.values[-1]) // self.ncol

    @property
    def nbytes(self) -> int:
        return int(self.offsets[-1] - self.offsets[0])

    def offset(self, text: CifText, row: int, column: int) -> int:
        number = row * self.ncol + column
        piece = int(np.searchsorted(self.values, number, "right")) - 1
        after = number - int(self.values[piece])
        return next(islice(scan(text, int(self.offsets[piece])), after, None))[1]

    def read(
        self,
        text: CifText,
        columns: Sequence[tuple[int, Code]],
        start: int,
        stop: int,
        missing: int | None,
    ) -> list[NDArray[Any]]:
        # Kernels write each column once.
        later = [i for i, one in enumerate(columns) if one[0] in [c for c, _ in columns[:i]]]
        now = [one for i, one in enumerate(columns) if i not in later]
        arrays = _Reading(self, text, now, start, stop, missing).run()
        if later:
            rest = self.read(text, [columns[i] for i in later], start, stop, missing)
            for i, array in zip(later, rest, strict=True):
                arrays.insert(i, array)
        return arrays


class _Reading:
    """One pass over rows."""

    def __init__(
        self,
        body: LargeBody,
        text: CifText,
        columns: Sequence[tuple[int, Code]],
        start: int,
        stop: int,
        missing: int | None,
    ) -> None:
        self._body, self._text = body, text
        self._columns = columns
        self._start, self._stop = start, stop
        self._missing = missing
        self._whole = text.whole()
        self._widths = np.maximum(np.array(body.description.widths, np.int64), 1)
        self._arrays = empty_columns(
            stop - start,
            [f"U{self._widths[column]}" if code == "U" else code for column, code in columns],
        )
        self._bad: list[BadValueError] = []

    def run(self) -> list[NDArray[Any]]:
        if self._columns and self._stop > self._start:
            ncol, values = self._body.ncol, self._body.values
            first = int(np.searchsorted(values, self._start * ncol, "right")) - 1
            last = int(np.searchsorted(values, self._stop * ncol, "left"))
            over_rows(
                lambda begin, end: self._slices(first + begin, first + end),
                last - first,
                min_rows=2,
            )
        if self._bad:
            raise min(self._bad, key=_position)
        return self._arrays

    def _slices(self, begin: int, end: int) -> None:
        block = _Block(self._columns, self._body.ncol, self._widths)
        for piece in range(begin, end):
            try:
                self._slice(piece, block)
            except BadValueError as bad:
                self._bad.append(bad)
                return

    def _slice(self, piece: int, block: _Block) -> None:
        from xrefl.io.cif import _kernels

        ncol, offsets, values = self._body.ncol, self._body.offsets, self._body.values
        begin, end = int(offsets[piece]), int(offsets[piece + 1])
        if self._whole is not None:
            base, text = 0, self._whole[:end]
        else:
            base = begin - 1
            text = self._text.window(base, end)
        value = int(values[piece])
        skipped = max(value, self._start * ncol)
        until = min(int(values[piece + 1]), self._stop * ncol)
        row = skipped // ncol
        block.make(-(-until // ncol) - row)
        place = begin - base
        while value < until:
            before = value
            place, value, odd = _kernels.read(
                *(text, place, value, until, skipped, row, block.codes, block.slots),
                *(self._widths, *block.blocks.values(), block.odd),
            )
            if odd:
                self._resolve(block.odd[:odd], text, row, block)
            elif value == before or value < until:
                raise FormatError(
                    f"{self._text.name}: the file has changed since it was opened; open it again "
                    "to read the new content"
                )
        self._take(block, text, row, skipped, until)

    def _take(self, block: _Block, text: Bytes, row: int, skipped: int, until: int) -> None:
        """Move a block to the columns; the rows at its ends may be those of other slices, too."""
        ncol = self._body.ncol
        for (column, code), array in zip(self._columns, self._arrays, strict=True):
            begin = -(-(skipped - column) // ncol)
            end = -(-(until - column) // ncol)
            part = block.part(column, code, begin - row, end - row)
            if code == "O":
                part = _objects(text, part)
            elif code == "U":
                part = part.view(array.dtype)[:, 0]
            array[begin - self._start : end - self._start] = part

    def _resolve(self, odd: NDArray[np.int64], text: Bytes, row: int, block: _Block) -> None:
        """Give the values that the kernel left out."""
        bad: list[BadValueError] = []
        codes = dict(self._columns)
        for column in np.unique(odd[:, 1]).tolist():
            code = codes[column]
            mine = odd[odd[:, 1] == column]
            numbers = mine[:, 4] == 1
            if code == "f8" and numbers.any():
                rows = mine[numbers, 0]
                block.part(column, code, 0, int(rows[-1]) + 1)[rows] = _floats(text, mine[numbers])
                mine = mine[~numbers]
            for at, _, begin, end, _ in mine.tolist():
                value = self._value(code, text[begin:end].tobytes())
                if value is None:
                    bad.append(BadValueError(row + at, column, text[begin:end].tobytes()))
                    break
                block.put(column, code, at, value)
        if bad:
            raise min(bad, key=_position)

    def _value(self, code: Code, raw: bytes) -> float | int | str | None:
        if code == "U":
            return text_of(raw)
        return as_float(raw) if code == "f8" else whole_number(raw, self._missing)


def _position(bad: BadValueError) -> tuple[int, int]:
    return bad.row, bad.column


def _floats(text: Bytes, spans: NDArray[np.int64]) -> list[float]:
    """Return numbers whose syntax is known to be right."""
    return [
        float(text[begin:end].tobytes().partition(b"(")[0]) for begin, end in spans[:, 2:4].tolist()
    ]


class _Block:
    """Memory of one thread for the columns of a slice."""

    def __init__(
        self, columns: Sequence[tuple[int, Code]], ncol: int, widths: NDArray[np.int64]
    ) -> None:
        from xrefl.io.cif import _kernels

        kinds = {"f8": _kernels.FLOAT, "i4": _kernels.INT, "U": _kernels.CHARS, "O": _kernels.SPAN}
        self.codes = np.zeros(ncol, np.int8)
        self.slots = np.zeros(ncol, np.int64)
        self.odd = np.empty((ODD_AT_ONCE, 5), np.int64)
        self._columns = {code: [c for c, other in columns if other == code] for code in kinds}
        self._widths = widths
        self._rows = -1
        self.blocks: dict[str, NDArray[Any]] = {}
        for code, numbers in self._columns.items():
            self.codes[numbers] = kinds[code]

    def make(self, nrow: int) -> None:
        """Have room for so many rows."""
        if nrow <= self._rows:
            return
        self._rows = nrow
        for code, numbers in self._columns.items():
            sizes = nrow * (self._widths[numbers] if code == "U" else np.ones(len(numbers), int))
            ends = np.cumsum(sizes, dtype=np.int64)
            self.slots[numbers] = ends - sizes
            total = int(ends[-1]) if numbers else 0
            self.blocks[code] = np.empty((total, 2) if code == "O" else total, _BLOCKS[code])

    def part(self, column: int, code: Code, begin: int, end: int) -> NDArray[Any]:
        """Return rows of a column; characters and spans as rows of an array."""
        slot = int(self.slots[column])
        if code == "U":
            width = int(self._widths[column])
            return self.blocks[code][slot + begin * width : slot + end * width].reshape(-1, width)
        return self.blocks[code][slot + begin : slot + end]

    def put(self, column: int, code: Code, row: int, value: Any) -> None:
        """Write one value."""
        part = self.part(column, code, row, row + 1)
        if code == "U":
            width = part.shape[1]
            part[:] = np.array([value], f"U{width}").view(np.uint32)
        else:
            part[:] = value


def _objects(text: Bytes, spans: NDArray[np.int64]) -> NDArray[np.object_]:
    found: NDArray[np.object_] = np.empty(len(spans), np.object_)
    for i, (begin, end) in enumerate(spans.tolist()):
        raw = text[begin:end].tobytes()
        found[i] = None if is_missing(raw) else decoded(content_of(raw))
    return found
