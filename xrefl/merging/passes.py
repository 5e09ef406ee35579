"""Passes over observations, stretch by stretch, as delayed tasks of dask.

What is calculated from each stretch is joined in a tree that depends on nothing but the number of
stretches, so that results depend neither on the number of workers nor on their speed. A first
pass has the sums over each unique reflection, further ones what needs their means.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrefl.merging import grouping
from xrefl.merging.grouping import Grouped, Recipe
from xrefl.merging.halves import half_tables, numbers_of
from xrefl.merging.source import Stretch, read
from xrefl.merging.table import Table, join, merge_mates

__all__ = ["Observations", "Sums", "compute"]

# Grouped observations are kept from one pass to the next while they are fewer than this (0.4 GB).
_KEPT_ROWS = 2**24


class Sums(NamedTuple):
    """What the first pass finds."""

    table: Table
    """Sums over the observations of each unique reflection, mates apart."""
    excluded: NDArray[np.int64]
    """How many observations do not count, by the reasons `EXCLUDED`."""


@dataclass(frozen=True)
class Observations:
    """Observations to be merged, and the passes over them.

    Attributes
    ----------
    stretches : tuple of Stretch
    recipe : Recipe
    rejected : ndarray of int64
        Rows that do not count, ascending.
    local : bool
        Whether the columns are in the memory of this process.
    """

    stretches: tuple[Stretch, ...]
    recipe: Recipe
    rejected: NDArray[np.int64]
    local: bool

    @property
    def nrow(self) -> int:
        """Number of rows."""
        return self.stretches[-1].stop if self.stretches else 0

    def grouped(self) -> list[Any]:
        """Return the grouped observations of each stretch, delayed."""
        from dask.delayed import delayed

        task = delayed(_group, pure=False)
        tasks = []
        for stretch in self.stretches:
            first, last = np.searchsorted(self.rejected, [stretch.start, stretch.stop])
            rejected = self.rejected[first:last] - stretch.start
            tasks.append(task(stretch.columns, self.recipe, rejected))
        return tasks

    def passes(self, count: int) -> list[list[Any]]:
        """Return what `grouped` does once for each of several passes.

        Few observations are kept from one to the next, many are read again.
        """
        if self.nrow <= _KEPT_ROWS:
            return [self.grouped()] * count
        return [self.grouped() for _ in range(count)]


def first_pass(grouped: Sequence[Any]) -> Any:
    """Return `Sums`, delayed."""
    return _tree(grouped, _sums, _join_sums)


def merged_mates(sums: Any) -> Any:
    """Return `Sums` with Friedel mates together, delayed."""
    from dask.delayed import delayed

    return delayed(_merged_mates, pure=False)(sums)


def second_pass(grouped: Sequence[Any], sums: Any) -> Any:
    """Return the sums of absolute deviations from the means, delayed.

    Parameters
    ----------
    grouped : sequence of Grouped, delayed
    sums : Sums, delayed
        Mates are apart or together as here.

    Returns
    -------
    delayed ndarray of float64, shape (m, 2)
        Σ|I - mean| over the observations of each reflection, from the mean with weights 1/σ² and
        from that without.
    """
    return _tree(grouped, _deviations, np.add, sums)


def halves(grouped: Sequence[Any], sums: Any, seed: int) -> Any:
    """Return the tables of two halves of the observations, chosen at random; delayed.

    Observations of a unique reflection are taken in pairs, in the order of rows; chance decides
    which of a pair goes to which half. Mates are always apart.
    """
    from dask.delayed import delayed

    before, parts = delayed(_no_observations, pure=False)(sums), []
    for one in grouped:
        parts.append(delayed(half_tables, pure=False)(one, before, sums, seed))
        before = delayed(numbers_of, pure=False)(one, before, sums)
    return _tree(parts, _as_it_is, _join_halves)


def compute(observations: Observations, *tasks: Any) -> tuple[Any, ...]:
    """Compute delayed results together, by the scheduler of dask that is in use.

    That is an active Client of `dask.distributed`, or else threads of this process; data in
    memory are always worked on where they are.
    """
    from dask import base

    scheduler: Any = base.get_scheduler()  # type: ignore[no-untyped-call]
    here = observations.local and "distributed" in getattr(scheduler, "__module__", "")
    options = {"scheduler": "threads"} if here else {}
    results: tuple[Any, ...] = base.compute(*tasks, **options)  # type: ignore[no-untyped-call]
    return results


def _tree(
    parts: Sequence[Any],
    function: Callable[..., Any],
    combine: Callable[[Any, Any], Any],
    *args: Any,
) -> Any:
    """Apply a function to each part, and combine neighbours until one result is left."""
    from dask.delayed import delayed

    leaf, node = delayed(function, pure=False), delayed(combine, pure=False)
    level = [leaf(part, *args) for part in parts]
    while len(level) > 1:
        level = [
            node(*level[i : i + 2]) if i + 1 < len(level) else level[i]
            for i in range(0, len(level), 2)
        ]
    return level[0]


def _group(columns: Any, recipe: Recipe, rejected: NDArray[np.int64]) -> Grouped:
    return grouping.group_rows(read(columns), recipe, rejected)


def _sums(grouped: Grouped) -> Sums:
    return Sums(grouping.sum_groups(grouped), grouped.excluded)


def _join_sums(first: Sums, second: Sums) -> Sums:
    return Sums(join(first.table, second.table), first.excluded + second.excluded)


def _merged_mates(sums: Sums) -> Sums:
    return sums._replace(table=merge_mates(sums.table))


def _deviations(grouped: Grouped, sums: Sums) -> NDArray[np.float64]:
    from xrefl.merging import _kernels

    table = sums.table
    out = np.zeros((len(table.codes), 2))
    _kernels.deviations(
        grouped.codes, grouped.starts, grouped.intensity, table.codes, table.sums, out
    )
    return out


def _no_observations(sums: Sums) -> NDArray[np.int32]:
    return np.zeros(len(sums.table.codes), np.int32)


def _as_it_is(part: Any) -> Any:
    return part


def _join_halves(first: tuple[Table, Table], second: tuple[Table, Table]) -> tuple[Table, Table]:
    return join(first[0], second[0]), join(first[1], second[1])
