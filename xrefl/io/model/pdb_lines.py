"""Lines of fixed columns: a PDB file as arrays of characters."""

from __future__ import annotations

import re
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from xrefl.errors import FormatError

__all__ = ["PdbLines", "PdbRows", "chars_as_text"]

_WIDTH = 80
_LARGEST = 1e9  # no coordinate, displacement or occupancy comes near
_SPACE = 32
_NUMBER = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_INTEGER = re.compile(rb"[+-]?\d+", re.ASCII)


def _table(allowed: bytes) -> NDArray[np.bool_]:
    table = np.zeros(256, bool)
    table[list(allowed)] = True
    return table


_IN_NUMBER = _table(b" 0123456789+-.eE")
_IN_INTEGER = _table(b" 0123456789+-")


class PdbLines:
    """The lines of a PDB file, whatever ends them.

    Parameters
    ----------
    data : bytes
        The file.
    name : str
        What messages call it.
    """

    def __init__(self, data: bytes, name: str) -> None:
        self.name = name
        data = data.removeprefix(b"\xef\xbb\xbf")
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        self._text = np.frombuffer(data + b"\n" + b" " * _WIDTH, np.uint8)
        ends = np.flatnonzero(self._text[: len(data) + 1] == ord("\n"))
        self.starts = np.concatenate(([0], ends[:-1] + 1))
        self.lengths = ends - self.starts
        self.records = _record_names(chars_as_bytes(self._cut(slice(None), 6)))

    def _cut(self, lines: NDArray[np.intp] | slice, width: int) -> NDArray[np.uint8]:
        """Return the first characters of lines, filled up with spaces."""
        window = np.lib.stride_tricks.sliding_window_view(self._text, width)
        chars = window[self.starts[lines]]
        past_end = np.arange(width) >= np.minimum(self.lengths[lines], width)[:, None]
        chars[past_end] = _SPACE
        return chars

    def rows(self, lines: NDArray[np.intp]) -> PdbRows:
        """Return lines (numbers from 0) as rows of 80 characters."""
        return PdbRows(self._cut(lines, _WIDTH), lines, self.name)

    def text(self, line: int) -> str:
        """Return a line as text; bytes that are not ASCII are replaced."""
        start = self.starts[line]
        return bytes(self._text[start : start + self.lengths[line]]).decode("ascii", "replace")

    def where(self, line: int) -> str:
        """Return "file, line 12" of a line (numbers from 0)."""
        return f"{self.name}, line {line + 1}"


class PdbRows:
    """Rows of 80 ASCII characters with fields in fixed columns, counted from 1 as in the format.

    Parameters
    ----------
    chars : ndarray of uint8, shape (n, 80)
    lines : ndarray of int, shape (n,)
        Which lines of the file they are, counted from 0.
    name : str
        What messages call the file.
    """

    def __init__(self, chars: NDArray[np.uint8], lines: NDArray[np.intp], name: str) -> None:
        self.chars = chars
        self.lines = lines
        self.name = name
        odd = (chars < _SPACE) | (chars > 126)
        if odd.any():
            row, column = np.argwhere(odd)[0].tolist()
            raise FormatError(
                f"{self.place(row, column + 1)}: the byte {chars[row, column]:#04x} is not a "
                "printable ASCII character; columns of atoms have no tabs or other characters"
            )

    def place(self, row: int, first: int, last: int | None = None) -> str:
        """Return "file, line 12, columns 31-38"."""
        columns = f"column {first}" if last is None else f"columns {first}-{last}"
        return f"{self.name}, line {self.lines[row] + 1}, {columns}"

    def field(self, first: int, last: int) -> NDArray[np.bytes_]:
        """Return columns ``first`` to ``last`` as bytes of fixed width."""
        return chars_as_bytes(self.chars[:, first - 1 : last])

    def text(self, first: int, last: int) -> NDArray[np.str_]:
        """Return columns as text without the spaces around it."""
        return chars_as_text(self.chars[:, first - 1 : last])

    def is_blank(self, first: int, last: int) -> NDArray[np.bool_]:
        """Tell where columns hold nothing but spaces."""
        blank: NDArray[np.bool_] = (self.chars[:, first - 1 : last] == _SPACE).all(axis=1)
        return blank

    def numbers(self, first: int, last: int, what: str) -> NDArray[np.float64]:
        """Return columns as numbers, equal to ``float()`` of the text; NaN where blank."""
        blank = self.is_blank(first, last)
        text = np.where(blank, b"0", self.field(first, last)) if blank.any() else None
        field = self.field(first, last) if text is None else text
        if not _IN_NUMBER[self.chars[:, first - 1 : last]].all():
            self._refuse(field, first, last, what, _NUMBER)
        try:
            values = field.astype(np.float64)
        except ValueError:
            self._refuse(field, first, last, what, _NUMBER)
        if (too_large := np.abs(values) > _LARGEST).any():
            row = int(np.flatnonzero(too_large)[0])
            raise FormatError(
                f"{self.place(row, first, last)}: {what} is {values[row]:g}, which cannot be; "
                "correct the number"
            )
        if text is not None:
            values[blank] = np.nan
        return values

    def integers(self, first: int, last: int, what: str) -> NDArray[np.int32]:
        """Return columns as whole numbers; none may be blank. At most nine columns."""
        field = self.field(first, last)
        if not _IN_INTEGER[self.chars[:, first - 1 : last]].all():
            self._refuse(field, first, last, what, _INTEGER)
        try:
            return field.astype(np.int32)
        except ValueError:
            self._refuse(field, first, last, what, _INTEGER)

    def _refuse(
        self, field: NDArray[np.bytes_], first: int, last: int, what: str, form: re.Pattern[bytes]
    ) -> NoReturn:
        for row, text in enumerate(field.tolist()):
            if not form.fullmatch(text.strip()):
                kind = "a number" if form is _NUMBER else "a whole number"
                raise FormatError(
                    f"{self.place(row, first, last)}: {what} is {text.decode('ascii')!r}, which is "
                    f"not {kind}; columns of a PDB file are fixed, and nothing may be shifted"
                )
        raise AssertionError(f"{what}: NumPy and the grammar of numbers differ")


def _record_names(names: NDArray[np.bytes_]) -> NDArray[np.bytes_]:
    """Return names of records in upper case; "ATOM 1" is ATOM with a serial number of 6 digits."""
    names = np.strings.rstrip(np.strings.upper(names))
    chars = np.ascontiguousarray(names).view(np.uint8).reshape(names.size, -1)
    if chars.shape[1] == 6:
        digit = (chars[:, 5] >= ord("0")) & (chars[:, 5] <= ord("9"))
        names[digit & np.strings.startswith(names, b"ATOM ")] = b"ATOM"
    return names


def chars_as_bytes(chars: NDArray[np.uint8]) -> NDArray[np.bytes_]:
    """Return rows of characters as an array of bytes of fixed width."""
    chars = np.ascontiguousarray(chars)
    return chars.view(f"S{chars.shape[1]}")[:, 0]


def chars_as_text(chars: NDArray[np.uint8]) -> NDArray[np.str_]:
    """Return rows of ASCII characters as text of fixed width, without the spaces around it."""
    wide = chars.astype(np.uint32).view(f"U{chars.shape[1]}")[:, 0]
    stripped: NDArray[np.str_] = np.strings.strip(wide)
    return stripped
