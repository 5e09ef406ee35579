"""Sums over the observations of each unique reflection, Friedel mates apart.

Means come with sums of squares about them, never with sums of squares alone, so that nothing is
lost where intensities are large and vary little. Tables of parts of the observations are joined
by the formulas of Chan, Golub & LeVeque (1979), "Updating formulae and a pairwise algorithm for
computing sample variances", Stanford report STAN-CS-79-773.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrefl._memory import empty

__all__ = [
    "MEAN",
    "OVER_SIGMA",
    "SQUARES",
    "VARIANCE",
    "WEIGHT",
    "WIDTH",
    "WMEAN",
    "WSQUARES",
    "Table",
    "join",
    "merge_mates",
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
    out = _table(begin + count + len(second.codes) - end)
    for column, before, after in zip(out, first, second, strict=True):
        column[:begin], column[begin + count :] = before[:begin], after[end:]
    _kernels.join(*shared[0], *shared[1], *out.select(slice(begin, begin + count)))
    return out


def merge_mates(table: Table) -> Table:
    """Return the table in which observations of Friedel mates count as those of one reflection."""
    from xrefl.merging import _kernels

    if not (table.codes & 1).any():
        return table
    out = _table(len(table.codes) - _kernels.count_pairs(table.codes))
    _kernels.merge_mates(*table, *out)
    return out


def _table(count: int) -> Table:
    return Table(empty(count, np.int64), empty(count, np.int64), _rows(count))


def _rows(count: int) -> NDArray[np.float64]:
    sums: NDArray[np.float64] = empty(count * WIDTH, np.float64).reshape(count, WIDTH)
    return sums
