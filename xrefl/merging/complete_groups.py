"""All observations of a unique reflection together, for one range of reflections after another.

Pairs of observations cannot be summed up stretch by stretch. So observations are gone over once
for each range of reflections, and those of the range are gathered in this process. Ranges hold so
many observations that memory is bounded; few observations are one range, and are read once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrefl._memory import empty
from xrefl.merging import passes
from xrefl.merging.in_batches import (
    Batches,
    InBatches,
    all_batches,
    group_in_batches,
    passes_in_batches,
)
from xrefl.merging.passes import Observations

__all__ = ["Complete", "CompleteGroups"]

# Observations of a range: 20 bytes each, twice while they are brought together (0.7 GB).
_ROWS = 2**24


class Complete(NamedTuple):
    """Observations of a range of unique reflections, all that count."""

    codes: NDArray[np.int64]
    """Which reflections (`xrefl.merging.codes`), shape (m,), ascending."""
    starts: NDArray[np.int64]
    """Where the observations of each begin, and in the end their number; shape (m + 1,)."""
    values: NDArray[np.float64]
    """Intensities and their standard deviations, shape (n, 2); of a reflection in the order of
    stretches, within each with Friedel mates last."""
    batch: NDArray[np.int32]
    """Places of their batches in `CompleteGroups.batches`, shape (n,)."""


class CompleteGroups:
    """Complete groups of observations; iterate over them as often as need be.

    Parameters
    ----------
    source : Observations
        With batch numbers (``batch=`` of `xrefl.merging.observations.observations`).
    friedel : {"merge", "separate"}
        Whether observations of Friedel mates are of one reflection.
    most_rows : int
        Number of observations that are gathered at once, unless a reflection alone has more.

    Attributes
    ----------
    batches : Batches
        That occur in all observations.
    codes : ndarray of int64, shape (m,)
        All unique reflections, ascending.
    n : ndarray of int64, shape (m,)
        Number of observations of each.
    excluded : ndarray of int64
        Number of rows that do not count, for each reason in `xrefl.merging.grouping.EXCLUDED`.

    Examples
    --------
    >>> import xrefl
    >>> from xrefl.merging.observations import find_columns, observations
    >>> model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    >>> ds = xrefl.simulate_unmerged(model, dmin=4.0)
    >>> source = observations(ds, find_columns(ds, None, None), batch="BATCH")
    >>> groups = CompleteGroups(source, "merge", most_rows=100)
    >>> [len(part.values) for part in groups]
    [91, 91, 97, 99]
    """

    def __init__(self, source: Observations, friedel: str, most_rows: int = _ROWS) -> None:
        self._source = source
        self._mask = ~np.int64(1) if friedel == "merge" else ~np.int64(0)
        self._whole: Complete | None = None
        self.batches: Batches
        if source.nrow <= most_rows:
            (parts,) = passes_in_batches(source, 1)
            *found, self.batches = passes.compute(source, *parts, all_batches(parts))
            self._whole = _gathered(
                [_between(part, self._mask, None, self.batches) for part in found]
            )
            self.codes, self.n = self._whole.codes, np.diff(self._whole.starts)
            self.excluded = np.sum([part.grouped.excluded for part in found], axis=0)
            return
        # which observations there are does not depend on an error model
        parts = source.grouped(group_in_batches)
        sums, self.batches = passes.compute(
            source, passes.first_pass([part.grouped for part in parts]), all_batches(parts)
        )
        codes = sums.table.codes & self._mask
        first = np.flatnonzero(np.append(True, codes[1:] != codes[:-1])[: len(codes)])
        self.codes, self.n = codes[first], np.add.reduceat(sums.table.n, first)
        self.excluded = sums.excluded
        self._sums = sums if source.error_model is not None else None
        self._bounds = _bounds(self.codes, self.n, most_rows)

    def __iter__(self) -> Iterator[Complete]:
        if self._whole is not None:
            yield self._whole
            return
        from dask.delayed import delayed

        cut = delayed(_between, pure=False)
        for bounds in pairwise(self._bounds):
            (parts,) = passes_in_batches(self._source, 1, self._sums)
            tasks = [cut(part, self._mask, bounds, self.batches) for part in parts]
            yield _gathered(passes.compute(self._source, *tasks))


def _bounds(codes: NDArray[np.int64], counts: NDArray[np.int64], most_rows: int) -> list[int]:
    """Return the codes that ranges of so many observations begin with, and one past the last."""
    ends = np.cumsum(counts)
    bounds, start = [], 0
    while start < len(codes):
        bounds.append(int(codes[start]))
        before = int(ends[start - 1]) if start else 0
        start = max(int(np.searchsorted(ends, before + most_rows, side="right")), start + 1)
    return [*bounds, np.iinfo(np.int64).max]


def _between(
    part: InBatches, mask: np.int64, bounds: tuple[int, int] | None, batches: Batches
) -> Complete:
    """Return the observations of a stretch whose reflections are in a range."""
    grouped, place = part.grouped, part.place
    numbers = np.searchsorted(batches.numbers, part.batches.numbers).astype(np.int32)
    codes = grouped.codes & mask
    if bounds is None:
        return Complete(codes, grouped.starts, grouped.values, numbers[place])
    first, last = np.searchsorted(codes, bounds)
    starts = grouped.starts[first : last + 1]
    rows = slice(starts[0], starts[-1])
    return Complete(
        codes[first:last].copy(),
        starts - starts[0],
        grouped.values[rows].copy(),
        numbers[place[rows]],
    )


def _gathered(parts: Sequence[Complete]) -> Complete:
    """Bring the observations of several stretches together."""
    from xrefl.merging import _batch_kernels

    every = np.concatenate([part.codes for part in parts])
    counts = np.concatenate([np.diff(part.starts) for part in parts])
    order = np.argsort(every, kind="stable")  # which is fast where lists are sorted
    every = every[order]
    first = np.flatnonzero(np.append(True, every[1:] != every[:-1])) if len(every) else every
    codes = every[first]
    starts = np.zeros(len(codes) + 1, np.int64)
    if len(codes):
        np.cumsum(np.add.reduceat(counts[order], first), out=starts[1:])
    size = int(starts[-1])
    out = empty(2 * size, np.float64).reshape(size, 2), empty(size, np.int32)
    to = starts[:-1].copy()
    for part in parts:
        _batch_kernels.place_groups(*part, codes, to, *out)
    return Complete(codes, starts, *out)
