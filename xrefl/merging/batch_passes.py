"""Passes over observations that give sums for each range of batches.

A range is left out of CC1/2 by taking its observations from the sums of the reflections that it
has some of. Where all observations of a reflection, or all of the range, are in one stretch, that
is done there and then. What is left, pairs of a reflection and a range that both go on in other
stretches, is 48 bytes for each, brought together at the end: a few thousand for a stretch where
rows are in the order of batches or of reflections. Only if they are in neither, each observation
may become such a pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrefl.merging._batch_sums import (
    D_COUNT,
    D_ERROR,
    D_MEAN,
    D_SQUARE,
    PAIR_WIDTH,
    RANGE,
    ROW,
    WIDTH,
)
from xrefl.merging.batch_ranges import BatchRanges, batch_ranges
from xrefl.merging.batch_request import Division, counted
from xrefl.merging.cc_half import sigma_tau
from xrefl.merging.in_batches import Batches, InBatches
from xrefl.merging.in_shells import InShells, in_shells
from xrefl.merging.passes import Sums, tree
from xrefl.merging.r_factors import Weighting
from xrefl.merging.table import MEAN, SQUARES, WEIGHT, WSQUARES, Table

__all__ = ["CCHalf", "Plan", "RangeSums", "left_out", "plan", "range_sums"]


class Plan(NamedTuple):
    """What the second pass has to know of the first."""

    table: Table
    """Sums over the observations of each unique reflection."""
    found: InShells
    """Shells of these."""
    ranges: BatchRanges
    rows: NDArray[np.int64]
    """How many rows there are of each range."""
    centre: float
    """What is taken from means before they are squared."""
    weighting: Weighting
    counts: dict[str, int]
    """How many observations do not count, by reason."""


class RangeSums(NamedTuple):
    """What the second pass finds."""

    sums: NDArray[np.float64]
    """Sums for each range and shell (`xrefl.merging._batch_sums`), shape (r * s, 15)."""
    first: NDArray[np.int32]
    """The first range that each unique reflection was observed in, shape (m,)."""
    pairs: NDArray[np.float64]
    """Pairs of a reflection and a range that have observations elsewhere, shape (p, 6)."""


class CCHalf(NamedTuple):
    """CC1/2 of all observations, and without those of each range."""

    whole: NDArray[np.float64]
    """Shape (s,), or a number for all shells together."""
    without: NDArray[np.float64]
    """Shape (r, s), or (r,)."""


def plan(sums: Sums, batches: Batches, division: Division, weighting: Weighting) -> Plan:
    """Return what the second pass has to know.

    Raises
    ------
    XreflError
        No observation counts.
    """
    table = sums.table
    counts = counted(division, sums.excluded, table.codes, table.n)
    ranges = batch_ranges(batches.numbers, division.known, division.width, division.edges)
    found = in_shells(table.codes, division.shells, division.cell, division.group)
    rows = np.bincount(ranges.of(batches.numbers), batches.rows, len(ranges.first))
    means = table.sums[(found.number >= 0) & (table.n > 1), weighting.mean]
    centre = float(means.mean()) if len(means) else 0.0
    return Plan(table, found, ranges, rows.astype(np.int64), centre, weighting, counts)


def range_sums(parts: Sequence[Any], known: Any) -> Any:
    """Return `RangeSums` of all stretches, delayed.

    Parameters
    ----------
    parts : sequence of InBatches, delayed
    known : Plan, delayed
    """
    return tree(parts, _sum_up, _joined, known)


def left_out(found: RangeSums, known: Plan) -> CCHalf:
    """Return CC1/2 with and without each range, in each shell and, as the last, over all.

    Returns
    -------
    CCHalf
        Of shapes (s + 1,) and (r, s + 1).
    """
    from xrefl.merging import _batch_kernels

    table, size, weighted = known.table, known.found.size, known.weighting.mean != MEAN
    by_range = found.sums.copy()
    if len(found.pairs):
        keys = found.pairs[:, ROW].astype(np.int64) * len(known.rows)
        keys += found.pairs[:, RANGE].astype(np.int64)
        order = np.argsort(keys, kind="stable")
        _batch_kernels.leave_out_pairs(
            found.pairs, order, table.n, table.sums, known.found.number, size, known.centre,
            weighted, by_range,
        )  # fmt: skip
    used = (known.found.number >= 0) & (table.n > 1)
    number, n, sums = known.found.number[used], table.n[used], table.sums[used]
    distance = sums[:, known.weighting.mean] - known.centre
    squares = sums[:, WSQUARES] / sums[:, WEIGHT] if weighted else sums[:, SQUARES] / n
    values = [np.ones(len(n)), distance, distance * distance, squares / (n - 1)]
    whole = _with_overall(np.stack([np.bincount(number, one, size) for one in values], axis=-1))
    changes = by_range.reshape(-1, size, WIDTH)[..., [D_COUNT, D_MEAN, D_SQUARE, D_ERROR]]
    changes = _with_overall(changes)
    return CCHalf(_cc_half(whole), _cc_half(whole + changes))


def _with_overall(sums: NDArray[Any]) -> NDArray[np.float64]:
    """Append the sums over all shells, which are the dimension before the last."""
    return np.concatenate([sums, sums.sum(-2, keepdims=True)], axis=-2)


def _cc_half(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return CC1/2 from the number of reflections and the sums of <I>, <I>² and s²/n."""
    n, mean, squares, error = np.moveaxis(sums, -1, 0)
    about_mean = squares - mean * mean / np.where(n > 0, n, np.nan)
    return sigma_tau(n, about_mean, error)


def _sum_up(part: InBatches, known: Plan) -> RangeSums:
    from xrefl.merging import _batch_kernels

    grouped, table, ranges = part.grouped, known.table, known.ranges
    of_batch = ranges.of(part.batches.numbers)
    here = np.bincount(of_batch, part.batches.rows, len(ranges.first))
    shells = known.found.size
    sums = np.zeros((len(ranges.first) * shells, WIDTH))
    first = np.full(len(table.codes), len(ranges.first), np.int32)
    pairs = np.empty((len(grouped.values), PAIR_WIDTH))  # memory is taken as it is filled
    count = _batch_kernels.by_range(
        grouped.codes,
        grouped.starts,
        grouped.values,
        of_batch[part.place],
        table.codes,
        table.n,
        table.sums,
        known.found.number,
        shells,
        known.centre,
        known.weighting.mean != MEAN,
        known.weighting.divisor,
        here == known.rows,
        sums,
        first,
        pairs,
    )
    return RangeSums(sums, first, pairs[:count].copy())


def _joined(first: RangeSums, second: RangeSums) -> RangeSums:
    return RangeSums(
        first.sums + second.sums,
        np.minimum(first.first, second.first),
        np.concatenate([first.pairs, second.pairs]),
    )
