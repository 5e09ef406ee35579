"""Observations that are far from the others of their reflection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrefl.merging.grouping import EXCLUDED, Grouped, Recipe, group_rows, sum_groups
from xrefl.merging.passes import Observations, Sums, first_pass, merged_mates, settled
from xrefl.merging.source import read
from xrefl.merging.table import join

__all__ = ["Outliers", "find_outliers", "without_outliers"]

# The search before the decision lets through what is this near to the threshold.
_MARGIN = 1e-6


class Outliers(NamedTuple):
    """Outlying observations, and all observations of their reflections.

    Arrays are parallel, in the order of reflections and rows.
    """

    codes: NDArray[np.int64]
    """Which reflections (`xrefl.merging.codes`), Friedel mates apart."""
    rows: NDArray[np.int64]
    """Which rows."""
    intensity: NDArray[np.float64]
    """Intensities."""
    sigma: NDArray[np.float64]
    """Their standard deviations."""
    rejected: NDArray[np.bool_]
    """Which of them are rejected."""
    means: NDArray[np.float64]
    """Means of the others when they were, or NaN."""
    deviates: NDArray[np.float64]
    """Deviates from these, or NaN."""

    @property
    def rejected_rows(self) -> NDArray[np.int64]:
        """The rows that are rejected, ascending."""
        return np.sort(self.rows[self.rejected])


def find_outliers(observations: Observations, threshold: float, together: bool) -> tuple[Any, Any]:
    """Return the sums over all observations, and the outliers among them; delayed.

    Parameters
    ----------
    observations : Observations
    threshold : float
        The largest deviate that is no outlier.
    together : bool
        Whether Friedel mates are compared with each other.

    Returns
    -------
    sums, outliers : delayed Sums and Outliers
    """
    from dask.delayed import delayed

    first, second, third = observations.passes(3, _with_rows)
    sums = settled(observations, first_pass(first))
    known = merged_mates(sums) if together else sums
    flag, collect = delayed(_deviant, pure=False), delayed(_collected, pure=False)
    limit = (threshold * (1 - _MARGIN)) ** 2
    found = delayed(_united, pure=False)([flag(one, known, limit, together) for one in second])
    found = settled(observations, found)
    parts = [
        collect(one, found, stretch.start, together)
        for one, stretch in zip(third, observations.stretches, strict=True)
    ]
    return sums, delayed(_settled, pure=False)(parts, threshold, together)


def without_outliers(sums: Sums, outliers: Outliers) -> Sums:
    """Return sums over the observations that are not rejected."""
    if not outliers.rejected.any():
        return sums
    table = sums.table
    touched = np.unique(outliers.codes)
    others = np.ones(len(table.codes), np.bool_)
    others[np.searchsorted(table.codes, touched)] = False
    order = np.lexsort((outliers.rows, outliers.codes))
    order = order[~outliers.rejected[order]]
    codes = outliers.codes[order]
    first = np.flatnonzero(np.concatenate([[True], codes[1:] != codes[:-1]]))
    left = Grouped(
        codes[first],
        np.append(first, len(codes)),
        np.stack([outliers.intensity[order], outliers.sigma[order]], axis=1),
        np.empty(0, np.int32),
        sums.excluded,
    )
    excluded = sums.excluded.copy()
    excluded[EXCLUDED.index("rejected")] += np.count_nonzero(outliers.rejected)
    return Sums(join(table.select(others), sum_groups(left)), excluded)


def _with_rows(columns: Any, recipe: Recipe, rejected: NDArray[np.int64]) -> Grouped:
    return group_rows(read(columns), recipe, rejected)


def _deviant(grouped: Grouped, sums: Sums, limit: float, together: bool) -> NDArray[np.int64]:
    """Return the reflections of which an observation of this stretch deviates."""
    from xrefl.merging import _merge_kernels

    found = np.zeros(len(grouped.codes), np.bool_)
    if found.size:
        _merge_kernels.find_deviant(
            grouped.codes, grouped.starts, grouped.values, *sums.table, limit, found
        )
    return np.unique(_reflections(grouped.codes[found], together))


def _united(parts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.unique(np.concatenate(parts))


def _collected(
    grouped: Grouped, found: NDArray[np.int64], start: int, together: bool
) -> tuple[NDArray[Any], ...]:
    """Return the observations of some reflections: code, row, intensity and σ of each."""
    counts = np.diff(grouped.starts)
    chosen = np.isin(_reflections(grouped.codes, together), found)
    each = np.repeat(chosen, counts)
    return (
        np.repeat(grouped.codes[chosen], counts[chosen]),
        grouped.rows[each].astype(np.int64) + start,
        grouped.intensity[each],
        grouped.sigma[each],
    )


def _settled(
    parts: Sequence[tuple[NDArray[Any], ...]], threshold: float, together: bool
) -> Outliers:
    """Decide which observations are rejected."""
    from xrefl.merging import _merge_kernels

    codes, rows, intensity, sigma = (np.concatenate(column) for column in zip(*parts, strict=True))
    reflections = _reflections(codes, together)
    order = np.lexsort((rows, reflections))
    codes, rows, intensity, sigma = (column[order] for column in (codes, rows, intensity, sigma))
    reflections = reflections[order]
    first = np.flatnonzero(reflections[1:] != reflections[:-1]) + 1
    starts = np.concatenate([[0], first, [len(reflections)]])
    rejected = np.zeros(len(rows), np.bool_)
    means, deviates = np.full((2, len(rows)), np.nan)
    _merge_kernels.settle(starts, intensity, sigma, threshold, rejected, means, deviates)
    return Outliers(codes, rows, intensity, sigma, rejected, means, deviates)


def _reflections(codes: NDArray[np.int64], together: bool) -> NDArray[np.int64]:
    return codes & ~np.int64(1) if together else codes
