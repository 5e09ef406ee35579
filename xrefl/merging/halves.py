"""Halves of the observations, chosen at random, whatever stretches they are read in."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrefl.merging.grouping import Grouped, sum_groups
from xrefl.merging.table import Table

__all__ = ["half_tables", "numbers_of"]


def half_tables(
    grouped: Grouped, before: NDArray[np.int32], sums: Any, seed: int
) -> tuple[Table, Table]:
    """Return the sums over two halves of the observations of a stretch.

    Parameters
    ----------
    grouped : Grouped
    before : ndarray of int32, shape (m,)
        How many observations of each reflection there were in earlier stretches.
    sums : Sums
        Of all observations, Friedel mates apart.
    seed : int
    """
    from xrefl.merging import _kernels

    in_first = np.empty(len(grouped.values), np.bool_)
    _kernels.choose_halves(
        grouped.codes, grouped.starts, sums.table.codes, before, np.uint64(seed), in_first
    )
    first, second = (_part(grouped, chosen) for chosen in (in_first, ~in_first))
    return first, second


def numbers_of(grouped: Grouped, before: NDArray[np.int32], sums: Any) -> NDArray[np.int32]:
    """Return how many observations of each reflection there have been after a stretch."""
    after = before.copy()
    after[np.searchsorted(sums.table.codes, grouped.codes)] += np.diff(grouped.starts).astype(
        np.int32
    )
    return after


def _part(grouped: Grouped, chosen: NDArray[np.bool_]) -> Table:
    counts = np.add.reduceat(chosen, grouped.starts[:-1]) if len(chosen) else grouped.starts[:0]
    some = counts > 0
    starts = np.concatenate([[0], np.cumsum(counts[some])]).astype(np.int64)
    return sum_groups(
        grouped._replace(codes=grouped.codes[some], starts=starts, values=grouped.values[chosen])
    )
