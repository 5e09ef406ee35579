"""Deviations of observations from the means of their reflections."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrefl.crystal.miller import LIMIT
from xrefl.errors import XreflError
from xrefl.merging import codes as coding
from xrefl.merging.grouping import (
    CELLS_PER_ROW,
    Grouped,
    Prepared,
    Recipe,
    box_size,
    group,
)
from xrefl.merging.table import MEAN, WMEAN, Table

__all__ = ["Means", "Ungrouped", "as_grouped", "deviations", "means_of"]

_CHANGED = (
    "observations have changed between two passes over them: there are reflections that were not "
    "there before; see that nobody writes to their source, and merge them again"
)


class Ungrouped(NamedTuple):
    """Rows of a stretch that are only grouped if need be."""

    rows: Prepared
    recipe: Recipe


class Means(NamedTuple):
    """Means of reflections, and where to find them by Miller indices."""

    table: Table
    box: NDArray[np.int64]
    """Lowest and highest h, k, l."""
    places: NDArray[np.int32] | None
    """For each cell of the box the row of the reflection and that of its mate, -1 where there is
    none; None if indices are too far apart for that."""


def means_of(table: Table, by_indices: bool = True) -> Means:
    """Return the means of a table, with mates apart or together.

    Only rows that are not grouped need to find them by their indices.
    """
    from xrefl.merging import _kernels

    count = len(table.codes)
    if count == 0 or not by_indices:
        return Means(table, np.zeros(6, np.int64), None)
    indices = coding.indices(table.codes)
    box = np.array([f(index) for f in (np.min, np.max) for index in indices], np.int64)
    cells = box_size(box)
    if cells > CELLS_PER_ROW * count + 100_000:
        return Means(table, box, None)
    places = np.full(2 * cells, -1, np.int32)
    _kernels.place_codes(table.codes, box, LIMIT, places)
    return Means(table, box, places)


def as_grouped(part: Grouped | Ungrouped) -> Grouped:
    """Return the observations of a stretch grouped."""
    return group(*part, with_rows=False) if isinstance(part, Ungrouped) else part


def _require_within(rows: Prepared, box: NDArray[np.int64]) -> None:
    """Raise XreflError if rows have indices that those of the pass before did not have."""
    if rows.used and ((rows.box[:3] < box[:3]).any() or (rows.box[3:] > box[3:]).any()):
        raise XreflError(_CHANGED)


def deviations(part: Grouped | Ungrouped, means: Means) -> NDArray[np.float64]:
    """Return Σ|I - mean| over the observations of each reflection in a stretch.

    Parameters
    ----------
    part : Grouped or Ungrouped
    means : Means

    Returns
    -------
    ndarray of float64, shape (m, 2)
        For the means with weights and for those without.

    Raises
    ------
    XreflError
        There are reflections that have no mean.
    """
    from xrefl.merging import _kernels

    table = means.table
    if isinstance(part, Ungrouped) and means.places is not None:
        h, k, l, minus, intensity, _, use, *_ = part.rows
        sums = np.zeros((len(table.codes), 4))
        sums[:, :2] = table.sums[:, [WMEAN, MEAN]]
        box, places = means.box, means.places
        _require_within(part.rows, box)
        if _kernels.deviations_of_rows(h, k, l, minus, intensity, use, box, places, sums):
            raise XreflError(_CHANGED)
        return sums[:, 2:].copy()
    grouped = as_grouped(part)
    out = np.zeros((len(table.codes), 2))
    args = grouped.codes, grouped.starts, grouped.values, table.codes, table.sums, out
    _kernels.deviations(*args)
    return out
