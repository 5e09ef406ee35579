"""Absolute differences of all pairs of sets."""

from __future__ import annotations

from typing import Any

from xrefl._numba import summing_helper, summing_kernel

__all__ = ["TILE", "absolute_differences"]

TILE = 16
"""Pairs are gone over in tiles of as many sets each way, so that rows stay in the cache."""
_BLOCK = 2048


@summing_helper
def _sum(x: Any, y: Any, k: float) -> float:
    total = 0.0
    for row in range(x.size):
        gap = abs(x[row] - k * y[row])
        total += gap if gap == gap else 0.0  # NaN differs from itself
    return total


@summing_kernel
def absolute_differences(
    start: int,
    stop: int,
    values: Any,
    tiles: Any,
    scales: Any,
    edges: Any,
    differences: Any,
) -> None:
    """Sum up |x - k y| over the reflections that both sets of a pair have.

    Parameters
    ----------
    start, stop : int
        Tiles.
    values : (sets, reflections) of float64
        NaN where there is no value.
    tiles : (tiles, 2) of int64
        The first set x and the first set y of a tile.
    scales : (sets, sets) of float64
        What k is.
    edges : (groups + 1,) of int64
        Where groups of reflections begin.
    differences : (groups, sets, sets) of float64
        Added to.
    """
    count = len(values)
    for tile in range(start, stop):
        x_stop = min(tiles[tile, 0] + TILE, count)
        y_stop = min(tiles[tile, 1] + TILE, count)
        for group in range(edges.size - 1):
            for first in range(edges[group], edges[group + 1], _BLOCK):
                last = min(first + _BLOCK, edges[group + 1])
                for i in range(tiles[tile, 0], x_stop):
                    for j in range(tiles[tile, 1], y_stop):
                        x, y = values[i, first:last], values[j, first:last]
                        differences[group, i, j] += _sum(x, y, scales[i, j])
