"""Sums over the common reflections of all pairs of sets, as products of matrices."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["centred", "correlations"]

Array = NDArray[np.float64]

_BLOCK = 8192
# Sums of squares about the mean of a set that lose more than four digits when they become those
# about the mean of common reflections are summed up anew.
_LEFT = 1e-4
# Spread of values, relative, that is taken for rounding errors of values that are all the same.
_ROUNDING = 64 * np.finfo(np.float64).eps


class _Pairs(NamedTuple):
    """Sums over the reflections that row i of one table and row j of another have in common."""

    n: Array
    x: Array
    y: Array
    xx: Array
    yy: Array
    xy: Array


def centred(values: Array) -> tuple[Array, Array]:
    """Return rows with their mean taken away and in units of their spread, and what is there.

    What is not finite becomes 0. Correlations are the same, and sums of squares lose little
    when the mean of common reflections is taken away.
    """
    there = np.isfinite(values)
    mask = there.astype(np.float64)
    n = np.maximum(mask.sum(axis=1, keepdims=True), 1)
    clean = np.where(there, values, 0.0)
    largest = np.abs(clean).max(axis=1, keepdims=True, initial=0.0)
    clean /= np.where(largest > 0, largest, 1.0)  # squares neither overflow nor vanish
    clean -= clean.sum(axis=1, keepdims=True) / n
    clean *= mask
    spread = np.sqrt((clean**2).sum(axis=1, keepdims=True) / n)
    return np.where(spread > _ROUNDING, clean, 0.0) / np.where(spread > 0, spread, 1.0), mask


def _pair_sums(x: Array, in_x: Array, y: Array, in_y: Array) -> _Pairs:
    """Return sums over the common reflections of all pairs of rows.

    Parameters
    ----------
    x, y : (m, n), (k, n) ndarray of float64
        Values, 0 where there are none.
    in_x, in_y : of the same shapes
        1 where there is a value, 0 elsewhere.
    """
    sums = _Pairs(*np.zeros((6, len(x), len(y))))
    alike = x is y and in_x is in_y
    for start in range(0, x.shape[1], _BLOCK):
        rows = slice(start, start + _BLOCK)
        a, in_a, b, in_b = x[:, rows], in_x[:, rows], y[:, rows], in_y[:, rows]
        parts = (in_a, in_b), (a, in_b), (in_a, b), (a**2, in_b), (in_a, b**2), (a, b)
        for name, total, (left, right) in zip(_Pairs._fields, sums, parts, strict=True):
            if not (alike and name in ("y", "yy")):
                total += left @ right.T
    return sums._replace(y=sums.x.T, yy=sums.xx.T) if alike else sums


def correlations(
    x: Array, in_x: Array, y: Array, in_y: Array, least: int
) -> tuple[Array, NDArray[np.int64]]:
    """Return Pearson's correlation of all pairs of centred rows, and how many values it is of.

    Pairs with fewer common values than ``least`` have NaN, and so have those in which one row
    does not vary.
    """
    sums = _pair_sums(x, in_x, y, in_y)
    n = np.maximum(sums.n, 1)
    xx, yy = sums.xx - sums.x**2 / n, sums.yy - sums.y**2 / n
    xy = sums.xy - sums.x * sums.y / n
    enough = sums.n >= max(least, 2)
    lost = enough & ((xx < _LEFT * sums.xx) | (yy < _LEFT * sums.yy))
    for i, j in np.argwhere(lost):  # hardly ever: common values lie apart from all others
        common = (in_x[i] * in_y[j]).astype(bool)
        a, b = x[i, common], y[j, common]
        a, b = a - a.mean(), b - b.mean()
        xx[i, j], yy[i, j], xy[i, j] = a @ a, b @ b, a @ b
    varies = enough & (xx > _ROUNDING**2 * sums.xx) & (yy > _ROUNDING**2 * sums.yy)
    scale = np.sqrt(np.where(varies, xx, 1)) * np.sqrt(np.where(varies, yy, 1))
    cc = np.where(varies, np.clip(xy / scale, -1, 1), np.nan)
    return cc, np.rint(sums.n).astype(np.int64)
