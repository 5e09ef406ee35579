"""Merged intensities and their standard deviations, from sums over observations."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from xrefl._memory import empty, empty_columns
from xrefl._parallel import over_rows
from xrefl.merging.table import Pieces, Table

__all__ = ["ERRORS", "WEIGHTS", "Errors", "Estimates", "Weights", "estimates"]

Weights = Literal["inverse_variance", "unweighted"]
Errors = Literal["sigmas", "scatter", "larger"]

WEIGHTS = ("inverse_variance", "unweighted")
ERRORS = ("sigmas", "scatter", "larger")


class Estimates(NamedTuple):
    """Unique reflections, ascending.

    Of columns with several rows, the first is of both Friedel mates, the others of hkl and -h-k-l.
    """

    hkl: tuple[NDArray[np.int32], ...]
    """h, k and l, shape (m,) each, read-only."""
    keys: NDArray[np.int64]
    """The same, packed; shape (m,)."""
    values: NDArray[Any]
    """Means, shape (1 or 3, m), NaN where there is no observation."""
    sigmas: NDArray[Any]
    """Their standard deviations, shape (1 or 3, m)."""
    counts: NDArray[np.int32]
    """Numbers of observations, shape (1 or 3, m)."""
    chi2: NDArray[Any]
    """χ²/(n - 1) of both mates together, shape (m,), NaN where n is 1."""

    def select(self, rows: NDArray[np.bool_]) -> Estimates:
        """Return some of the reflections."""
        hkl = tuple(index[rows] for index in self.hkl)
        for index in hkl:
            index.setflags(write=False)
        return Estimates(
            hkl,
            self.keys[rows],
            self.values[:, rows],
            self.sigmas[:, rows],
            self.counts[:, rows],
            self.chi2[rows],
        )


def estimates(
    table: Table | Pieces, weights: Weights, errors: Errors, separate: bool, dtype: DTypeLike
) -> Estimates:
    """Return the means of each reflection.

    Parameters
    ----------
    table : Table or Pieces
        Friedel mates apart.
    weights, errors
        See `xrefl.merging.merge.merge`.
    separate : bool
        Whether to calculate those of each mate, too.
    dtype : dtype
        float32 or float64.

    Examples
    --------
    >>> from xrefl.merging.codes import encode
    >>> index = np.array([1, 1])
    >>> sums = np.zeros((2, 7))
    >>> sums[:, 0], sums[:, 1] = [1, 3], [10, 14]
    >>> table = Table(encode(index, index, index, index < [1, 2]), np.array([1, 3]), sums)
    >>> merged = estimates(table, "inverse_variance", "sigmas", True, np.float64)
    >>> merged.values.ravel().tolist(), merged.counts.ravel().tolist()
    ([13.0, 10.0, 14.0], [4, 1, 3])
    """
    from xrefl.merging import _merge_kernels

    starts = [_starts(piece.codes) for piece in table.pieces]
    edges = np.cumsum([0, *(len(one) - 1 for one in starts)]).tolist()
    count, rows = edges[-1], 3 if separate else 1
    hkl = empty(3 * count, np.int32).reshape(3, count)
    keys = empty(count, np.int64)
    columns = empty_columns(rows * count, [dtype, dtype, np.int32])
    values, sigmas, counts = (column.reshape(rows, count) for column in columns)
    chi2 = empty(count, dtype)
    for piece, ends, edge in zip(table.pieces, starts, pairwise(edges), strict=True):
        part = slice(*edge)
        over_rows(
            _merge_kernels.estimate,
            len(ends) - 1,
            ends,
            *piece,
            weights == "unweighted",
            ERRORS.index(errors),
            hkl[:, part],
            keys[part],
            values[:, part],
            sigmas[:, part],
            counts[:, part],
            chi2[part],
        )
    hkl.setflags(write=False)
    return Estimates(tuple(hkl), keys, values, sigmas, counts, chi2)


def _starts(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where the one or two rows of each reflection begin, and in the end their number."""
    keys = codes >> 1
    first = np.ones(len(keys) + 1, np.bool_)
    np.not_equal(keys[1:], keys[:-1], out=first[1:-1])
    return np.flatnonzero(first)
