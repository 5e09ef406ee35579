"""Values as CIF text: single items, and rows of loops."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrefl._parallel import over_rows
from xrefl.errors import FormatError, FormatWarning

__all__ = ["Printf", "RowFormatter", "number_text", "quoted"]

_RESERVED = re.compile(r"(?:data_|save_|loop_$|stop_$|global_$)", re.IGNORECASE)
_NUMBER = re.compile(
    r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?:\(\d+\))?|[-+]?(?:nan|inf(?:inity)?)",
    re.IGNORECASE | re.ASCII,
)
_VISIBLE = re.compile(r"[!-~]+")
_UNFIT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]|\ufeff|[\ud800-\udfff]")
_PRINTF = re.compile(r"%?([-+_0#]*)(\d*)(?:\.(\d*))?([fFeEgGd])", re.ASCII)

_PIECE_ROWS = 4096  # whose values and lines stay in the cache
_PIECE_BYTES = 2**22
_NUMBER_BYTES = 48  # more than the kernel writes for a number that is not padded
_EXACT = 2**53  # whole numbers up to here are exact in float64


def quoted(text: str, *, numbers: bool = False) -> str:
    r"""Return a text as one value of a CIF, in quotes or as a text field where needed.

    Parameters
    ----------
    text : str
        Any text. Control characters become spaces with a `FormatWarning`, as does a line
        break before ``;``, which no CIF can hold.
    numbers : bool
        Quote what looks like a number, so that a reader sees that it is text.

    Examples
    --------
    >>> [quoted(text) for text in ("plain", "C 1 2 1", "", "?", "it's one", "loop_")]
    ['plain', "'C 1 2 1'", "''", "'?'", '"it\'s one"', "'loop_'"]
    """
    fit = text.replace("\r\n", "\n").replace("\r", "\n")
    fit = _UNFIT.sub(" ", fit).replace("\n;", "\n ;")
    if fit != text:
        warnings.warn(
            f"CIF has no way to hold all characters of {text[:60]!r}; written as {fit[:60]!r}",
            FormatWarning,
            stacklevel=2,
        )
    if _is_bare(fit) and not (numbers and _NUMBER.fullmatch(fit)):
        return fit
    if "\n" not in fit:
        # A quote inside ends the value only before white space, but not all readers know.
        for quote in "'\"":
            if quote not in fit:
                return f"{quote}{fit}{quote}"
    return f"\n;{fit}\n;\n"


def _is_bare(text: str) -> bool:
    return bool(
        _VISIBLE.fullmatch(text)
        and text[0] not in "_#$'\"[];"
        and text not in ("?", ".")
        and not _RESERVED.match(text)
    )


def number_text(value: float) -> str:
    """Return the shortest text for a number, "?" for NaN.

    Examples
    --------
    >>> number_text(90.0), number_text(0.1), number_text(float("nan"))
    ('90', '0.1', '?')
    """
    return "?" if value != value else repr(float(value)).removesuffix(".0")


@dataclass(frozen=True, slots=True)
class Printf:
    """A format for numbers, as C's printf has it.

    Attributes
    ----------
    kind : str
        One of ``f F e E g G d``.
    flags : str
        Some of ``- + space 0 #``.
    width, precision : int
        Precision is 0 for ``d``.
    """

    kind: str
    flags: str = ""
    width: int = 0
    precision: int = 6

    @classmethod
    def parse(cls, text: str) -> Printf:
        """Return the format of a text such as ``%8.2f``; ``%`` may be left out.

        ``_`` stands for the flag space. NaN is written as ``?``, filled up to the width.

        Raises
        ------
        ValueError
            The text is not such a format.
        """
        match = _PRINTF.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not a format such as %.3f, %8.2f, %.5g, %12.4e or %d")
        flags, width, precision, kind = match.groups()
        if int(width or 0) > 99 or int(precision or 0) > 40:
            raise ValueError(f"{text!r} asks for more than 99 characters or 40 digits")
        if kind == "d":
            if precision is not None:
                raise ValueError(f"{text!r}: a format for whole numbers has no precision")
            precision = "0"
        digits = 6 if precision is None else int(precision or 0)
        return cls(kind, flags.replace("_", " "), int(width or 0), digits)

    @property
    def words(self) -> tuple[int, int, int, int]:
        """The format as the kernel takes it."""
        from xrefl.io.cif import _format_kernels as kernels

        kinds = {
            "f": kernels.FIXED,
            "e": kernels.EXPONENT,
            "g": kernels.GENERAL,
            "d": kernels.INTEGER,
        }
        bits = {
            "-": kernels.LEFT,
            "+": kernels.PLUS,
            " ": kernels.SPACE,
            "0": kernels.ZERO,
            "#": kernels.ALTERNATE,
        }
        flags = sum(bits[flag] for flag in set(self.flags))
        if self.kind.isupper():
            flags |= kernels.UPPER
        return kinds[self.kind.lower()], self.precision, self.width, flags

    def text(self, value: float) -> str:
        """Return a number in this format.

        Raises
        ------
        FormatError
            It is infinite, and the format is for whole numbers.
        """
        try:
            return self.python % value
        except OverflowError:
            raise FormatError(
                f"the value {value} cannot be written in the format {self.python}, which is for "
                "whole numbers; use one such as %g, or make the value missing (NaN)"
            ) from None

    @property
    def python(self) -> str:
        """The format as Python's operator % takes it."""
        digits = "" if self.kind == "d" else f".{self.precision}"
        return f"%{self.flags}{self.width or ''}{digits}{self.kind}"


class RowFormatter:
    r"""Writes rows of columns as lines of a loop.

    A number without a format becomes the shortest decimal that reads back as the same number of
    its type: float32 for columns of float32, float64 for others; whole numbers below 10⁹ are
    written in full. NaN becomes ``?``. Text is put in quotes where it needs them, and where it
    looks like a number; the texts ``?`` and ``.`` stand for missing values, as does None.

    Parameters
    ----------
    formats : sequence of Printf or None
        One for each column.
    real : sequence of bool, optional
        For each column whether floats that are whole numbers are written with ".0", so that
        they are seen to be real numbers.

    Examples
    --------
    >>> rows = RowFormatter([None, None, Printf.parse("%.2f")])
    >>> columns = [np.array([1, 2]), np.float32([0.1, np.nan]), np.array([1.0, 2.0])]
    >>> b"".join(rows.lines(columns)).decode()
    '1 0.1 1.00\n2 ? 2.00\n'
    """

    def __init__(
        self, formats: Sequence[Printf | None], real: Sequence[bool] | None = None
    ) -> None:
        self._formats = list(formats)
        self._real = list(real) if real is not None else [False] * len(self._formats)

    def lines(self, columns: Sequence[NDArray[Any]]) -> Iterator[bytes]:
        """Yield the lines of the rows of arrays of numbers or text, piece by piece.

        Raises
        ------
        FormatError
            An array is neither of numbers nor of text, or is text where there is a format; or an
            infinite number is to be written as a whole one.
        """
        from xrefl.io.cif import _format_kernels as kernels

        texts = _Texts()
        sources = [self._source(i, column, texts) for i, column in enumerate(columns)]
        specs = np.array([source.spec for source in sources], np.int64).reshape(-1, 4)
        pool, starts = texts.arrays()
        row_bytes = sum(source.most_bytes + 1 for source in sources)
        piece_rows = max(1, min(_PIECE_ROWS, _PIECE_BYTES // row_bytes))
        pieces: dict[int, bytes] = {}

        def work(start: int, stop: int) -> None:
            values = np.empty((len(sources), piece_rows))
            out = np.empty(piece_rows * row_bytes, np.uint8)
            holes = np.empty((piece_rows * len(sources), 3), np.int64)
            for first in range(start, stop, piece_rows):
                count = min(piece_rows, stop - first)
                for row, source in zip(values, sources, strict=True):
                    row[:count] = source.values[first : first + count]
                size, nhole = kernels.write_rows(0, count, values, specs, pool, starts, out, holes)
                pieces[first] = self._filled(out[:size], holes[:nhole], values, sources)

        over_rows(work, len(columns[0]))
        for first in sorted(pieces):
            yield pieces.pop(first)

    def _source(self, i: int, column: NDArray[Any], texts: _Texts) -> _Source:
        from xrefl.io.cif import _format_kernels as kernels

        form = self._formats[i]
        if column.dtype.kind in "UOT":
            if form is not None:
                raise FormatError(f"the format {form.python} is for numbers, but values are text")
            return texts.add(*_factorized(column))
        if column.dtype.kind not in "fiub" or column.dtype.itemsize > 8:
            raise FormatError(
                f"values of type {column.dtype} cannot be written to a CIF file, which holds "
                "real numbers and text; convert or drop them first"
            )
        if column.dtype.kind in "iu" and column.size and _largest(column) > _EXACT:
            write = str if form is None else form.text
            return texts.add(*_factorized(column), cell=lambda value: write(value))
        if form is not None:
            return _Source(column, form.words, max(_NUMBER_BYTES, form.width + 1))
        if column.dtype.kind != "f":
            return _Source(column, (kernels.INTEGER, 1, 0, 0), _NUMBER_BYTES)
        short = column.dtype.itemsize <= 4
        op = kernels.SHORTEST_32 if short else kernels.SHORTEST_64
        return _Source(column, (op, 0, 0, kernels.POINT * self._real[i]), _NUMBER_BYTES)

    def _filled(
        self,
        out: NDArray[np.uint8],
        holes: NDArray[np.int64],
        values: NDArray[np.float64],
        sources: Sequence[_Source],
    ) -> bytes:
        """Return the lines with the numbers that the kernel left to Python."""
        if not len(holes):
            return out.tobytes()
        written = out.tobytes()
        parts, done = [], 0
        for at, row, i in holes.tolist():
            parts += [written[done:at], self._slowly(float(values[i, row]), i, sources[i])]
            done = at
        return b"".join([*parts, written[done:]])

    def _slowly(self, value: float, i: int, source: _Source) -> bytes:
        form = self._formats[i]
        if form is not None:
            return form.text(value).encode()
        single = source.values.dtype.itemsize <= 4
        text = str(np.float32(value)) if single else repr(value)
        return (text if self._real[i] else text.removesuffix(".0")).encode()


@dataclass(frozen=True, slots=True)
class _Source:
    """A column as the kernel takes it: numbers, or the numbers of texts."""

    values: NDArray[Any]
    spec: tuple[int, int, int, int]
    most_bytes: int


class _Texts:
    """The different texts of some columns, as CIF values, in one pool of bytes."""

    def __init__(self) -> None:
        self._cells: list[bytes] = []

    def add(
        self, codes: NDArray[Any], values: Sequence[Any], cell: Callable[[Any], str] | None = None
    ) -> _Source:
        from xrefl.io.cif._format_kernels import TEXT

        first = len(self._cells)
        cells = [(cell or _cell)(value).encode() for value in values]
        self._cells += cells
        longest = max(map(len, cells), default=0)
        return _Source(codes + first, (TEXT, 0, 0, 0), longest)

    def arrays(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        pool = np.frombuffer(b"".join(self._cells), np.uint8)
        starts = np.cumsum([0, *map(len, self._cells)], dtype=np.int64)
        return pool, starts


def _factorized(column: NDArray[Any]) -> tuple[NDArray[np.intp], list[Any]]:
    """Return the number of each value among the different values, and these."""
    letters = {4: np.uint32, 8: np.uint64}.get(column.dtype.itemsize)
    if column.dtype.kind == "U" and letters is not None and column.dtype.isnative:
        codes, uniques = pd.factorize(np.ascontiguousarray(column).view(letters))
        return codes, uniques.view(column.dtype).tolist()
    if column.dtype.kind in "UT":
        column = column.astype(object)
    try:
        codes, uniques = pd.factorize(column, use_na_sentinel=False)
    except TypeError:  # values that cannot be told apart are none that `_cell` takes
        return np.arange(len(column)), column.tolist()
    return codes, list(uniques)


def _cell(value: Any) -> str:
    """Return a text of a column as a CIF value."""
    if isinstance(value, str):
        return value if value in ("?", ".") else quoted(value, numbers=True)
    if value is None or (isinstance(value, float) and value != value):
        return "?"
    raise FormatError(
        f"the value {value!r} among text is of type {type(value).__name__}; make all of them "
        "text, or numbers"
    )


def _largest(column: NDArray[Any]) -> int:
    return max(-int(column.min()), int(column.max()))
