"""The values of a loop that is small: a list."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from xrefl.io.cif.numbers import INT32_MAX, INT32_MIN, as_float, is_integer
from xrefl.io.cif.text import CifText
from xrefl.io.cif.tokens import content_of, decoded, is_missing, scan, text_of

__all__ = ["BadValueError", "Body", "Code", "Description", "Kind", "SmallBody", "row_of_items"]

Kind: TypeAlias = Literal["integer", "number", "text"]
Code: TypeAlias = Literal["f8", "i4", "U", "O"]


class Description(NamedTuple):
    """What the values of each column are."""

    kinds: tuple[Kind, ...]
    has_missing: tuple[bool, ...]
    widths: tuple[int, ...]


class BadValueError(Exception):
    """A value is not what a column of its type can hold."""

    def __init__(self, row: int, column: int, raw: bytes) -> None:
        super().__init__(row, column, raw)
        self.row, self.column, self.raw = row, column, raw


class Body(Protocol):
    """The values of a table."""

    @property
    def nrow(self) -> int:
        """Number of rows."""

    @property
    def nbytes(self) -> int:
        """Bytes of text."""

    @property
    def description(self) -> Description:
        """What the values of each column are."""

    def read(
        self,
        text: CifText,
        columns: Sequence[tuple[int, Code]],
        start: int,
        stop: int,
        missing: int | None,
    ) -> list[NDArray[Any]]:
        """Return columns over rows; raises `BadValueError` for the first value that is wrong."""

    def offset(self, text: CifText, row: int, column: int) -> int:
        """Return the byte at which a value begins."""


@dataclass(frozen=True)
class SmallBody:
    """Values as they are in the file, row after row.

    Attributes
    ----------
    values : list of bytes
        With their quotes.
    ncol : int
        Values in a row.
    start, stop : int
        Bytes from the first value to behind the last.
    offsets : tuple of int
        Where each value begins; () where the values follow each other.
    """

    values: list[bytes] = field(repr=False)
    ncol: int
    start: int
    stop: int
    offsets: tuple[int, ...] = ()

    @property
    def nrow(self) -> int:
        return len(self.values) // self.ncol

    @property
    def nbytes(self) -> int:
        return self.stop - self.start

    @functools.cached_property
    def description(self) -> Description:
        columns = [self.values[i :: self.ncol] for i in range(self.ncol)]
        return Description(
            tuple(_kind(column) for column in columns),
            tuple(any(map(is_missing, column)) for column in columns),
            tuple(max(len(content_of(raw)) for raw in column) for column in columns),
        )

    def read(
        self,
        text: CifText,
        columns: Sequence[tuple[int, Code]],
        start: int,
        stop: int,
        missing: int | None,
    ) -> list[NDArray[Any]]:
        arrays: list[NDArray[Any]] = []
        wrong: list[tuple[int, int]] = []
        for column, code in columns:
            raw = self.values[start * self.ncol + column : stop * self.ncol : self.ncol]
            values = [_CONVERT[code](one, missing) for one in raw]
            if code in ("f8", "i4") and None in values:
                wrong.append((start + values.index(None), column))
                continue
            dtype = f"U{max(self.description.widths[column], 1)}" if code == "U" else code
            array = np.empty(len(values), dtype)
            array[:] = values
            arrays.append(array)
        if wrong:
            row, column = min(wrong)
            raise BadValueError(row, column, self.values[row * self.ncol + column])
        return arrays

    def offset(self, text: CifText, row: int, column: int) -> int:
        number = row * self.ncol + column
        if self.offsets:
            return self.offsets[number]
        return next(islice(scan(text, self.start), number, None))[1]


def row_of_items(values: Sequence[bytes], offsets: Sequence[int]) -> SmallBody:
    """Return the single items of a block as the one row of a table."""
    nbytes = sum(map(len, values))
    start = offsets[0]
    return SmallBody(list(values), len(values), start, start + nbytes, tuple(offsets))


def _kind(column: Sequence[bytes]) -> Kind:
    present = [raw for raw in column if not is_missing(raw)]
    if present and all(map(is_integer, present)):
        return "integer"
    return "number" if all(as_float(raw) is not None for raw in present) else "text"


def _float(raw: bytes, _: int | None) -> float | None:
    return np.nan if is_missing(raw) else as_float(raw)


def whole_number(raw: bytes, missing: int | None) -> int | None:
    """Return a whole number within int32, None for anything else."""
    if is_missing(raw):
        return missing
    number = as_float(raw)
    if number is None or not INT32_MIN <= number <= INT32_MAX or number != int(number):
        return None
    return int(number)


def _fixed_width(raw: bytes, _: int | None) -> str:
    return text_of(raw)


def _object(raw: bytes, _: int | None) -> str | None:
    return None if is_missing(raw) else decoded(content_of(raw))


_CONVERT: dict[Code, Any] = {
    "f8": _float,
    "i4": whole_number,
    "U": _fixed_width,
    "O": _object,
}
