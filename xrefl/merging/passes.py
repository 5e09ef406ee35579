"""Passes over observations, stretch by stretch, as delayed tasks of dask.

What is calculated from each stretch is joined in a tree that depends on nothing but the number of
stretches, so that results depend neither on the number of workers nor on their speed. A first
pass has the sums over each unique reflection, further ones what needs their means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrefl.merging import grouping
from xrefl.merging.deviations import Means, Ungrouped, as_grouped, deviations, means_of
from xrefl.merging.error_model import ErrorModel, corrected
from xrefl.merging.grouping import Grouped, Recipe
from xrefl.merging.halves import half_tables, numbers_of
from xrefl.merging.source import Stretch, read
from xrefl.merging.table import Table, join, merge_mates
from xrefl.merging.workers import active_client, files_of_workers, require_xrefl

__all__ = ["Observations", "Sums", "compute", "settled", "tree"]

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
    error_model : ErrorModel, optional
        Corrects the standard deviations.
    held : list
        What stays on a cluster for further passes, which it does as long as somebody holds it.
    """

    stretches: tuple[Stretch, ...]
    recipe: Recipe
    rejected: NDArray[np.int64]
    local: bool
    error_model: ErrorModel | None = None
    held: list[Any] = field(default_factory=list, compare=False, repr=False)

    @property
    def nrow(self) -> int:
        """Number of rows."""
        return self.stretches[-1].stop if self.stretches else 0

    @property
    def are_kept(self) -> bool:
        """Whether grouped observations are kept from one pass to the next, else read again.

        They are while they are few, or no more than ``xrefl.merging.kept-rows`` says in the
        configuration of dask.
        """
        import dask

        return self.nrow <= int(dask.config.get("xrefl.merging.kept-rows", _KEPT_ROWS))

    def grouped(self, function: Callable[..., Any] | None = None) -> list[Any]:
        """Return the grouped observations of each stretch, delayed.

        Another ``function`` takes the same: the columns, the recipe, and the rejected rows.
        """
        from dask.delayed import delayed

        task = delayed(function or _group, pure=False)
        tasks = []
        for stretch in self.stretches:
            first, last = np.searchsorted(self.rejected, [stretch.start, stretch.stop])
            rejected = self.rejected[first:last] - stretch.start
            tasks.append(task(stretch.columns, self.recipe, rejected))
        return tasks

    def passes(self, count: int, function: Callable[..., Any] | None = None) -> list[list[Any]]:
        """Return what `grouped` does once for each of several passes.

        Few observations are kept from one to the next, many are read again, and then only grouped
        where that is needed. An error model takes a pass of its own, for the means that it needs.
        """
        count += self.error_model is not None
        if self.are_kept:
            passes = [self.grouped(function)] * count
        else:
            again = [self.grouped(function or _prepare) for _ in range(count - 1)]
            passes = [self.grouped(function), *again]
        return passes if self.error_model is None else self._with_model(passes)

    def _with_model(self, passes: Sequence[list[Any]]) -> list[list[Any]]:
        """Return passes with corrected standard deviations, and without the first one."""
        from dask.delayed import delayed

        grouped = [delayed(as_grouped, pure=False)(part) for part in passes[0]]
        sums = settled(self, merged_mates(first_pass(grouped)))
        task = delayed(_corrected, pure=False)
        # passes that share what they read share what is made of it
        tasks = {
            id(one): [task(part, sums, self.error_model) for part in one] for one in passes[1:]
        }
        return [tasks[id(one)] for one in passes[1:]]


def first_pass(grouped: Sequence[Any]) -> Any:
    """Return `Sums`, delayed."""
    return tree(grouped, _sums, _join_sums)


def merged_mates(sums: Any) -> Any:
    """Return `Sums` with Friedel mates together, delayed."""
    from dask.delayed import delayed

    return delayed(_merged_mates, pure=False)(sums)


def second_pass(observations: Observations, grouped: Sequence[Any], sums: Any) -> Any:
    """Return the sums of absolute deviations from the means, delayed.

    Parameters
    ----------
    observations : Observations
    grouped : sequence of Grouped or Ungrouped, delayed
    sums : Sums, delayed
        Mates are apart or together as here.

    Returns
    -------
    delayed ndarray of float64, shape (m, 2)
        Σ|I - mean| over the observations of each reflection, from the mean with weights 1/σ² and
        from that without.
    """
    from dask.delayed import delayed

    means = delayed(_means, pure=False)(sums, not observations.are_kept)
    return tree(grouped, deviations, np.add, means)


def halves(grouped: Sequence[Any], sums: Any, seed: int) -> Any:
    """Return the tables of two halves of the observations, chosen at random; delayed.

    Observations of a unique reflection are taken in pairs, in the order of rows; chance decides
    which of a pair goes to which half. Mates are always apart.
    """
    from dask.delayed import delayed

    before, parts = delayed(_no_observations, pure=False)(sums), []
    for part in grouped:
        one = delayed(as_grouped, pure=False)(part)
        parts.append(delayed(half_tables, pure=False)(one, before, sums, seed))
        before = delayed(numbers_of, pure=False)(one, before, sums)
    return tree(parts, _as_it_is, _join_halves)


def settled(observations: Observations, sums: Any) -> Any:
    """Return the `Sums` of a first pass, delayed, for use in further passes.

    Where observations are read again, the first pass is done now: nothing then is read for the
    next one before it is of use. The sums stay where they are, in this process or on a cluster.
    """
    from dask import base

    if observations.are_kept:
        return sums
    with _engine(observations) as scheduler:
        (done,) = base.persist(sums, **scheduler)
        if active_client() is not None and not scheduler:
            from distributed import wait

            wait(done)
    observations.held.append(done)
    return done


def compute(observations: Observations, *tasks: Any) -> tuple[Any, ...]:
    """Compute delayed results together, by the scheduler of dask that is in use.

    That is an active Client of `dask.distributed`, or else threads of this process; data in
    memory are always worked on where they are.

    Raises
    ------
    FileNotFoundError
        A file is not there, or not where workers of the cluster look for it.
    XreflError
        A worker has no xrefl, or another version.
    """
    from dask import base

    with _engine(observations) as scheduler:
        results: tuple[Any, ...] = base.compute(*tasks, **scheduler)
    return results


@contextmanager
def _engine(observations: Observations) -> Iterator[dict[str, Any]]:
    """Give the scheduler to name to dask, if not the one in use."""
    from dask import threaded

    client = active_client()
    if client is None:
        yield {}
    elif observations.local:
        # as a function, since the name "threads" would have dask warn of the Client
        yield {"scheduler": threaded.get}
    else:
        require_xrefl(client)
        with files_of_workers():
            yield {}


def tree(
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
    return grouping.group_rows(read(columns), recipe, rejected, with_rows=False)


def _prepare(columns: Any, recipe: Recipe, rejected: NDArray[np.int64]) -> Ungrouped:
    return Ungrouped(grouping.prepare(read(columns), recipe, rejected), recipe)


def _corrected(part: Grouped | Ungrouped, sums: Sums, model: ErrorModel) -> Grouped:
    return corrected(as_grouped(part), sums.table, model)


def _sums(grouped: Grouped) -> Sums:
    return Sums(grouping.sum_groups(grouped), grouped.excluded)


def _join_sums(first: Sums, second: Sums) -> Sums:
    return Sums(join(first.table, second.table), first.excluded + second.excluded)


def _merged_mates(sums: Sums) -> Sums:
    return sums._replace(table=merge_mates(sums.table))


def _means(sums: Sums, by_indices: bool) -> Means:
    return means_of(sums.table, by_indices)


def _no_observations(sums: Sums) -> NDArray[np.int32]:
    return np.zeros(len(sums.table.codes), np.int32)


def _as_it_is(part: Any) -> Any:
    return part


def _join_halves(first: tuple[Table, Table], second: tuple[Table, Table]) -> tuple[Table, Table]:
    return join(first[0], second[0]), join(first[1], second[1])
