"""The reflections of a SHELX file: which of two readings it asks for, and where it ends.

The format is one of fixed columns (3I4, 2F8.2, I4, with Fortran's rules), but many programs write
the same numbers with blanks between them, in any columns. Every line is read both ways:

- A line that only the columns make sense of, because its numbers touch, and in which every number
  ends where its column does, demands the columns.
- A line that only white space makes sense of demands that.
- Where both readings give the same numbers, nothing is to be decided.
- Where they differ (``20050`` is 200.50 in columns), the columns are meant if all numbers of the
  line end where their columns do.

All lines must be of one mind, or the file is refused.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from xrefl.errors import FormatError, FormatWarning
from xrefl.io.shelx.lines import Block, Rows, blocks

__all__ = ["Reflections", "read_reflections"]

_REMEDY = (
    "; each line should have its numbers in the columns of SHELX (3I4, 2F8.2, I4), or with "
    "decimal points and blanks between them"
)


@dataclass(slots=True)
class Reflections:
    """The columns of a file.

    Attributes
    ----------
    hkl : list of 3 ndarray of int32
    value, sigma : ndarray of float64
        The measurement and its standard deviation.
    batch : ndarray of int32 or None
        None where the file has no batch numbers.
    """

    hkl: list[NDArray[np.int32]]
    value: NDArray[np.float64]
    sigma: NDArray[np.float64]
    batch: NDArray[np.int32] | None


def read_reflections(data: bytes, name: str, *, complete: bool = False) -> Reflections:
    """Read the lines of a SHELX file up to the one with the indices 0 0 0.

    Parameters
    ----------
    data : bytes
        The whole text.
    name : str
        What messages call the file; the number of the line is added.
    complete : bool, optional
        The text is known not to have been cut.

    Raises
    ------
    FormatError
        A line is not a reflection, the lines cannot all be read in one way, or there are none.
    """
    text = _Text(data, name)
    rows = _Collected()
    after: list[Block] = []
    for block in blocks(text.data, text.starts):
        if rows.ended:
            after.append(block)
            continue
        ends = np.flatnonzero(block.fixed.end | block.free.end)
        count = int(ends[0]) if len(ends) else len(block.line)
        bad = text.first_bad(block, count)
        if bad < count and rows.count + bad and text.after_blank(block, bad):
            count = bad
        elif bad < count:
            text.refuse(int(block.line[bad]))
        rows.add(block, count)
        if count < len(block.line):
            rows.ended = True
            after.append(_slice(block, slice(count + 1, None)))
    if not rows.count:
        found = "ends the file at once" if rows.ended else "is not there"
        raise FormatError(f"{name}: there are no reflections: the first line {found}")
    line, chosen, fixed = rows.decide(text)
    blank_before = int(np.argmax(np.diff(line, prepend=line[0] - 1) > 1))
    _warn_of_departures(text, line, chosen, fixed, blank_before)
    _warn_of_more(text, after, fixed)
    if not rows.ended and not complete and not text.data.endswith(b"\n"):
        text.warn(
            int(line[-1]),
            "neither a line end nor a line with the indices 0 0 0 follows; if the file was cut, "
            "digits of its last number may be missing",
        )
    h, k, l, value, sigma = chosen.numbers
    return Reflections(
        [index.astype(np.int32) for index in (h, k, l)],
        value,
        sigma,
        chosen.batch if chosen.has_batch.any() else None,
    )


class _Text:
    """Lines of text, and messages about them."""

    def __init__(self, data: bytes, name: str) -> None:
        data = data.removeprefix(b"\xef\xbb\xbf")
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        self.data = data
        self.name = name
        newlines = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n"))
        self.starts = np.concatenate(([0], newlines + 1, [len(data)]))
        if self.starts[-1] == self.starts[-2]:
            self.starts = self.starts[:-1]

    def line(self, number: int) -> str:
        text = self.data[self.starts[number] : self.starts[number + 1]][:100]
        return text.decode("latin-1").rstrip()

    def place(self, number: int) -> str:
        return f"{self.name}, line {number + 1}"

    def warn(self, number: int, what: str) -> None:
        warnings.warn(f"{self.place(number)}: {what}", FormatWarning, stacklevel=4)

    def first_bad(self, block: Block, count: int) -> int:
        """Return the first of the lines that is no reflection in either reading, or `count`."""
        good = (block.fixed.valid & block.aligned) | block.free.valid
        return count if good[:count].all() else int(np.argmin(good))

    def after_blank(self, block: Block, row: int) -> bool:
        """Tell whether a blank line stands before a line, and warn that it ends the file."""
        number = int(block.line[row])
        if self.line(number - 1):
            return False
        self.warn(
            number,
            "a blank line ends the reflections, as in SHELX; what follows was not read, from "
            f"{self.line(number)!r} on",
        )
        return True

    def refuse(self, number: int) -> NoReturn:
        line = self.line(number)
        raise FormatError(
            f"{self.place(number)}: {line!r} is not a reflection: {_problem(line)}{_REMEDY}"
        )


def _problem(line: str) -> str:
    if "*" in line:
        return "asterisks stand where a number did not fit its columns"
    tokens = line.split()
    for token in tokens[:3]:
        if not token.lstrip("+-").isdecimal():
            return f"{token!r} is not a Miller index"
    if len(tokens) < 5:
        return f"h, k, l, the measurement and its standard deviation are needed, found {tokens}"
    for token in tokens[3:5]:
        try:
            float(token)
        except ValueError:
            return f"{token!r} is not a number"
    return "an index or a number is out of range, or the batch number is not a whole number"


def _slice(block: Block, rows: slice) -> Block:
    return Block(block.line[rows], block.fixed.take(rows), block.free.take(rows),
                 block.aligned[rows])  # fmt: skip


class _Collected:
    """The lines before the end, in both readings."""

    def __init__(self) -> None:
        self.parts: list[Block] = []
        self.count = 0
        self.ended = False

    def add(self, block: Block, count: int) -> None:
        if count:
            self.parts.append(block if count == len(block.line) else _slice(block, slice(count)))
            self.count += count

    def decide(self, text: _Text) -> tuple[NDArray[np.int64], Rows, bool]:
        """Return the lines and their rows in the reading they demand, and whether in columns."""
        demands_columns = _First()
        demands_blanks = _First()
        differs_aligned = _First()
        differs_otherwise = _First()
        for part in self.parts:
            fixed, free = part.fixed, part.free
            if fixed is free:
                continue
            demands_columns.look(part, fixed.valid & part.aligned & ~free.valid)
            demands_blanks.look(part, free.valid & ~fixed.valid)
            differs = fixed.valid & free.valid & ~fixed.same(free)
            differs_aligned.look(part, differs & part.aligned)
            differs_otherwise.look(part, differs & ~part.aligned)
        if demands_blanks and (demands_columns or differs_aligned):
            other = demands_columns if demands_columns else differs_aligned
            raise FormatError(
                f"{text.place(other.line)}: {text.line(other.line)!r} is laid out in the columns "
                f"of SHELX, but line {demands_blanks.line + 1}, "
                f"{text.line(demands_blanks.line)!r}, can only be read by white space{_REMEDY}"
            )
        if differs_otherwise and not demands_blanks:
            raise FormatError(
                f"{text.place(differs_otherwise.line)}: {text.line(differs_otherwise.line)!r} "
                "means one thing in the columns of SHELX and another by white space, and its "
                f"numbers do not end where the columns do{_REMEDY}"
            )
        fixed_columns = not demands_blanks
        chosen = [part.fixed if fixed_columns else part.free for part in self.parts]
        line = np.concatenate([part.line for part in self.parts])
        self.parts.clear()  # what is not returned need not wait for the columns to be joined
        joined = [np.concatenate(a) for a in zip(*(rows.arrays() for rows in chosen), strict=True)]
        return line, Rows.of(joined), fixed_columns


class _First:
    """The first line for which something holds; false as long as there is none."""

    def __init__(self) -> None:
        self.line = -1

    def __bool__(self) -> bool:
        return self.line >= 0

    def look(self, part: Block, holds: NDArray[np.bool_]) -> None:
        if self.line < 0 and holds.any():
            self.line = int(part.line[np.argmax(holds)])


def _warn_of_departures(
    text: _Text, line: NDArray[np.int64], rows: Rows, fixed: bool, blank_before: int
) -> None:
    if blank_before:
        number = int(line[blank_before])
        text.warn(
            number - 1, "the line is blank; SHELX would end here, the lines behind it were read"
        )
    if fixed and rows.implied.any():
        number = int(line[np.argmax(rows.implied)])
        text.warn(
            number,
            f"{text.line(number)!r} has a number without a decimal point; its last two digits "
            f"were taken for decimals, as SHELX does (F8.2){_more(rows.implied)}. If whole numbers "
            "are meant, write the points",
        )
    if rows.extra.any():
        number = int(line[np.argmax(rows.extra)])
        where = "behind column 32" if fixed else "behind six numbers"
        text.warn(
            number,
            f"what stands {where} was not read{_more(rows.extra)}: {text.line(number)!r}",
        )
    missing = ~rows.has_batch
    if missing.any() and not missing.all():
        number = int(line[np.argmax(missing)])
        text.warn(
            number,
            "there is no batch number, but other lines have one; 0 was taken, as in Fortran"
            f"{_more(missing)}",
        )


def _more(lines: NDArray[np.bool_]) -> str:
    count = int(lines.sum()) - 1
    return f", here and in {count} more lines" if count else ""


def _warn_of_more(text: _Text, after: list[Block], fixed: bool) -> None:
    found = _First()
    total = 0
    for block in after:
        rows = block.fixed if fixed else block.free
        more = rows.valid & ~rows.end
        if fixed:
            more &= block.aligned | block.free.valid
        found.look(block, more)
        total += int(more.sum())
    if found:
        text.warn(
            found.line,
            f"{total} lines that look like reflections stand behind the one with the indices "
            f"0 0 0, which ends them; they were not read, from {text.line(found.line)!r} on",
        )
