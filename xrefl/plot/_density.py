"""Ratios of values to their standard deviations, counted by resolution, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.crystal.cell import UnitCell
from xrefl.errors import MillerIndexError
from xrefl.hkl.blocks import row_blocks
from xrefl.hkl.crystal import reflection_dim, unit_cell
from xrefl.hkl.find import require_sigma
from xrefl.statistics.columns import Column
from xrefl.statistics.intensity import single_column

__all__ = ["LINEAR", "Counts", "Ratios", "count", "curved", "ratios", "straight"]

LINEAR = 2.0
"""Up to about here ratios are drawn on a linear scale, and on a logarithmic one beyond."""

# Steps of ratios that are counted for each that is drawn: medians are read from them.
_FINER = 8
_CELLS_UP = 96
_FEWEST_CELLS, _MOST_CELLS = 48, 140
# A point of the running mean and median is of a part of all reflections, but not of fewer.
_POINTS, _FEWEST = 40, 20

Array = NDArray[np.float64]


def curved(ratios: Array) -> Array:
    """Return heights in a picture: asinh, linear about 0 and logarithmic far from it."""
    return np.asarray(np.arcsinh(ratios / LINEAR))


def straight(heights: Array) -> Array:
    """Return the ratios that are drawn at these heights."""
    return np.asarray(LINEAR * np.sinh(heights))


class Ratios(NamedTuple):
    """Where the ratios come from."""

    variables: list[xr.Variable]
    """Value, standard deviation, h, k and l."""
    rows: int
    cell: UnitCell

    def blocks(self) -> Iterator[tuple[Array, Array]]:
        """Yield 1/d² and ratios of reflections that have both, block by block."""
        for value, sigma, h, k, l in row_blocks(self.variables, self.rows):
            sigma = sigma.astype(np.float64)
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = value.astype(np.float64) / sigma
            inv_d2 = self.cell.inv_d2((h, k, l))
            known = np.isfinite(ratio) & (sigma > 0) & (inv_d2 > 0)
            yield inv_d2[known], ratio[known]


class Counts(NamedTuple):
    """Reflections by 1/d² and ratio."""

    x: Array
    """Edges of cells in 1/d², Å⁻²."""
    y: Array
    """Edges of cells in ratios."""
    cells: NDArray[np.int64]
    """How many reflections there are in each."""
    at: Array
    """Mean 1/d² of stretches with about the same number of reflections."""
    mean: Array
    """Mean ratio in them."""
    median: Array


def ratios(ds: xr.Dataset, value: Column, sigma: Column) -> tuple[Ratios, xr.DataArray]:
    """Return where ratios come from, and the column of values; nothing is computed.

    Raises
    ------
    FormatError
        Types tell that these are not a value and its standard deviation.
    CrystalError
        The unit cell is not known.
    MissingColumnError, TypeError, ValueError, CrystalMismatchError
        As `single_column`.
    """
    dim = reflection_dim(ds)
    found, error = single_column(ds, value), single_column(ds, sigma)
    require_sigma(found, error)
    variables = [one.variable for one in (found, error, *(ds[name] for name in "hkl"))]
    return Ratios(variables, ds.sizes[dim], unit_cell(ds)), found


def count(source: Ratios) -> Counts:
    """Count reflections in cells, and find the mean and the median of their ratios.

    Reflections are gone over twice: for limits, and to count them.

    Raises
    ------
    MillerIndexError
        No reflection has a value and a standard deviation.
    """
    low, high, total = np.full(2, np.inf), np.full(2, -np.inf), 0
    for x, y in source.blocks():
        if len(x):
            low = np.minimum(low, [x.min(), y.min()])
            high = np.maximum(high, [x.max(), y.max()])
            total += len(x)
    if not total:
        raise MillerIndexError(
            f"none of {source.rows} reflections has a value and a positive standard deviation; "
            "name two other columns"
        )
    low[1], high[1] = curved(low[1]), curved(high[1])
    high = np.where(high > low, high, low + np.maximum(abs(low), 1) * 1e-3)
    across = int(np.clip(np.sqrt(total) / 2, _FEWEST_CELLS, _MOST_CELLS))
    shape = across, _CELLS_UP * _FINER
    scale = np.array(shape) / (high - low)
    fine, sums = np.zeros(shape[0] * shape[1], np.int64), np.zeros((2, across))
    for x, y in source.blocks():
        column = np.minimum((x - low[0]) * scale[0], across - 1).astype(np.int64)
        row = np.clip((curved(y) - low[1]) * scale[1], 0, shape[1] - 1).astype(np.int64)
        fine += np.bincount(column * shape[1] + row, minlength=fine.size)
        for total_of, one in zip(sums, (x, y), strict=True):
            total_of += np.bincount(column, one, across)
    table = fine.reshape(shape)
    edges = [np.linspace(low[i], high[i], shape[i] + 1) for i in (0, 1)]
    return Counts(
        edges[0],
        straight(edges[1][::_FINER]),
        table.reshape(across, _CELLS_UP, _FINER).sum(axis=2),
        *_running(table, sums, edges[1], max(total // _POINTS, min(_FEWEST, total))),
    )


def _running(
    table: NDArray[np.int64], sums: Array, edges: Array, least: int
) -> tuple[Array, Array, Array]:
    """Return means of 1/d² and of ratios, and medians, of columns with so many reflections."""
    n = table.sum(axis=1)
    stretch = np.cumsum(n) - n  # of a column: how many there are before it
    starts = [0]
    for i in range(1, len(n)):
        if stretch[i] - stretch[starts[-1]] >= least and n[i:].sum() >= least:
            starts.append(i)
    joined = np.add.reduceat(table, starts, axis=0)
    totals = joined.sum(axis=1)
    at, mean = np.add.reduceat(sums, starts, axis=1) / totals
    below = np.cumsum(joined, axis=1)
    median = np.empty(len(starts))
    for i, half in enumerate(totals / 2):
        cell = int(np.searchsorted(below[i], half))
        share = (half - (below[i, cell] - joined[i, cell])) / joined[i, cell]
        median[i] = edges[cell] + share * (edges[cell + 1] - edges[cell])
    return at, mean, straight(median)
