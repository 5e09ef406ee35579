"""Sums over the observations of each unique reflection, Friedel mates apart.

Means come with sums of squares about them, never with sums of squares alone, so that nothing is
lost where intensities are large and vary little. Tables of parts of the observations are joined
by the formulas of Chan, Golub & LeVeque (1979), "Updating formulae and a pairwise algorithm for
computing sample variances", Stanford report STAN-CS-79-773.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrefl._memory import empty
from xrefl.merging.codes import at_origin

__all__ = [
    "MEAN",
    "OVER_SIGMA",
    "SQUARES",
    "VARIANCE",
    "WEIGHT",
    "WIDTH",
    "WMEAN",
    "WSQUARES",
    "Pieces",
    "Table",
    "Totals",
    "divided",
    "empty_table",
    "join",
    "merge_mates",
    "observations_at_origin",
    "observations_in",
]

WEIGHT, WMEAN, WSQUARES, MEAN, SQUARES, VARIANCE, OVER_SIGMA = range(7)
"""Columns of `Table.sums`: the sum of the weights 1/σ²; the mean of I with these weights, and the
sum of w (I - mean)², which is χ²; the mean of I without weights, and the sum of (I - mean)²; the
sum of σ², and that of I/σ."""
WIDTH = 7


class Table(NamedTuple):
    """Sums over observations, for each unique reflection that was observed."""

    codes: NDArray[np.int64]
    """Which reflections (`xrefl.merging.codes`), shape (m,), ascending, each of them once."""
    n: NDArray[np.int64]
    """Number of observations, shape (m,), 1 or more."""
    sums: NDArray[np.float64]
    """Their sums, shape (m, 7); the columns are `WEIGHT` and so on."""

    def select(self, rows: NDArray[np.bool_] | slice) -> Table:
        """Return the sums of some of the reflections."""
        return Table(self.codes[rows], self.n[rows], self.sums[rows])

    @property
    def pieces(self) -> tuple[Table, ...]:
        """The table itself, which is in one piece."""
        return (self,)

    def whole(self) -> Table:
        """Return the table itself."""
        return self


@dataclass(frozen=True)
class Pieces:
    """A table in pieces, whose codes ascend from one to the next.

    A reflection and its mate are in the same piece.
    """

    pieces: tuple[Table, ...]

    @cached_property
    def codes(self) -> NDArray[np.int64]:
        """The codes of all of them."""
        none = np.empty(0, np.int64)
        return np.concatenate([none, *(piece.codes for piece in self.pieces)])

    @cached_property
    def n(self) -> NDArray[np.int64]:
        """Numbers of observations."""
        none = np.empty(0, np.int64)
        return np.concatenate([none, *(piece.n for piece in self.pieces)])

    def whole(self) -> Table:
        """Return the table in one piece."""
        sums = [np.empty((0, WIDTH)), *(piece.sums for piece in self.pieces)]
        return Table(self.codes, self.n, np.concatenate(sums))


def join(first: Table, second: Table) -> Table:
    """Return the table of the observations of two tables."""
    from xrefl.merging import _kernels

    if not len(first.codes) or not len(second.codes):
        return second if not len(first.codes) else first
    # parts of sorted observations share a reflection at most; the rest is copied as it is
    begin = int(np.searchsorted(first.codes, second.codes[0]))
    end = int(np.searchsorted(second.codes, first.codes[-1], side="right"))
    shared = first.select(slice(begin, None)), second.select(slice(end))
    count = _kernels.count_distinct(shared[0].codes, shared[1].codes)
    out = empty_table(begin + count + len(second.codes) - end)
    for column, before, after in zip(out, first, second, strict=True):
        column[:begin], column[begin + count :] = before[:begin], after[end:]
    _kernels.join(*shared[0], *shared[1], *out.select(slice(begin, begin + count)))
    return out


class Totals(NamedTuple):
    """What is found of all observations."""

    table: Table | Pieces
    """Sums over the observations of each unique reflection, mates apart."""
    excluded: NDArray[np.int64]
    """How many observations do not count, by the reasons `xrefl.merging.grouping.EXCLUDED`."""
    absent: NDArray[np.bool_] | None = None
    """Which of the unique reflections, mates as one, are systematically absent, if that is known
    already; 0 0 0 is."""


def merge_mates(table: Table) -> Table:
    """Return the table in which observations of Friedel mates count as those of one reflection."""
    from xrefl.merging import _kernels

    if not (table.codes & 1).any():
        return table
    out = empty_table(len(table.codes) - _kernels.count_pairs(table.codes))
    _kernels.merge_mates(*table, *out)
    return out


def divided(table: Table | Pieces, *columns: NDArray[Any]) -> Iterator[tuple[Any, ...]]:
    """Return the pieces of a table, each with the parts of columns that belong to its rows."""
    start = 0
    for piece in table.pieces:
        rows = slice(start, start + len(piece.codes))
        yield piece, *(column[rows] for column in columns)
        start = rows.stop


def observations_in(table: Table | Pieces) -> int:
    """Return the number of observations."""
    return sum(int(piece.n.sum()) for piece in table.pieces)


def observations_at_origin(table: Table | Pieces) -> int:
    """Return the number of observations of the reflection 0 0 0."""
    return sum(int(piece.n[at_origin(piece.codes)].sum()) for piece in table.pieces)


def empty_table(count: int) -> Table:
    """Return a table of so many rows, which are to be filled."""
    sums = empty(count * WIDTH, np.float64).reshape(count, WIDTH)
    return Table(empty(count, np.int64), empty(count, np.int64), sums)
