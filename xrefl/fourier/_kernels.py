"""Kernels of reciprocal grids and maps."""

from __future__ import annotations

from typing import Any

import numpy as np

from xrefl._numba import kernel


@kernel
def fill(
    start: Any,
    stop: Any,
    h: Any,
    k: Any,
    l: Any,
    values: Any,
    rotations: Any,
    translations: Any,
    phasors: Any,
    limits: Any,
    half: Any,
    size: Any,
    first: Any,
    grid: Any,
) -> None:
    """Write rows to a grid, under the indices of all equivalents and of their Friedel mates.

    What lies beyond the limits is left out, and so are missing values. Of a grid of some size
    there may be a block, which begins at ``first``.
    """
    nu, nv, nw = size
    x, y, z = first
    mu, mv, mw = grid.shape
    for row in range(start, stop):
        value = values[row]
        if value != value:
            continue
        p, q, r = h[row], k[row], l[row]
        for n in range(rotations.shape[0]):
            a = p * rotations[n, 0, 0] + q * rotations[n, 1, 0] + r * rotations[n, 2, 0]
            b = p * rotations[n, 0, 1] + q * rotations[n, 1, 1] + r * rotations[n, 2, 1]
            c = p * rotations[n, 0, 2] + q * rotations[n, 1, 2] + r * rotations[n, 2, 2]
            if abs(a) > limits[0] or abs(b) > limits[1] or abs(c) > limits[2]:
                continue
            turn = p * translations[n, 0] + q * translations[n, 1] + r * translations[n, 2]
            turn %= 24
            moved = value if turn == 0 else value * phasors[turn]
            if c >= 0 or not half:
                i = (a if a >= 0 else a + nu) - x
                j = (b if b >= 0 else b + nv) - y
                m = (c if c >= 0 else c + nw) - z
                if 0 <= i < mu and 0 <= j < mv and 0 <= m < mw:
                    grid[i, j, m] = moved
            if c <= 0 or not half:
                i = (-a if a <= 0 else nu - a) - x
                j = (-b if b <= 0 else nv - b) - y
                m = (-c if c <= 0 else nw - c) - z
                if 0 <= i < mu and 0 <= j < mv and 0 <= m < mw:
                    grid[i, j, m] = np.conj(moved)


@kernel
def gather(start: Any, stop: Any, h: Any, k: Any, l: Any, grid: Any, half: Any, out: Any) -> None:
    """Read rows from a grid; with ``half`` it has l >= 0 only, and mates serve for the others."""
    nu, nv, nw = grid.shape
    for row in range(start, stop):
        a, b, c = h[row], k[row], l[row]
        if half and c < 0:
            out[row] = np.conj(grid[-a if a <= 0 else nu - a, -b if b <= 0 else nv - b, -c])
        else:
            out[row] = grid[
                a if a >= 0 else a + nu, b if b >= 0 else b + nv, c if c >= 0 else c + nw
            ]


@kernel
def symmetrize(
    start: Any, stop: Any, rho: Any, rotations: Any, shifts: Any, how: Any, out: Any
) -> None:
    """Give all images of a point the sum of their values (how = 0), the largest (1), or mean (2).

    Missing values are skipped; where all are, the result is NaN.
    Shifts are in steps of the grid, and axes that a rotation mixes have equally many. Whoever
    comes to the first of the images writes all of them, so that threads do not meet.
    """
    nu, nv, nw = rho.shape
    values, result = rho.reshape(nu * nv * nw), out.reshape(nu * nv * nw)
    count = rotations.shape[0]
    begin = np.empty((count, 3), np.int64)
    images = np.empty(count, np.int64)
    for x in range(start, stop):
        for y in range(nv):
            was_there = False  # an operation takes all of this line to one that came before
            for n in range(count):
                m, t = rotations[n], shifts[n]
                begin[n, 0] = (m[0, 0] * x + m[0, 1] * y + t[0]) % nu
                begin[n, 1] = (m[1, 0] * x + m[1, 1] * y + t[1]) % nv
                begin[n, 2] = (m[2, 0] * x + m[2, 1] * y + t[2]) % nw
                if m[0, 2] == 0 and m[1, 2] == 0:
                    was_there |= begin[n, 0] * nv + begin[n, 1] < x * nv + y
            if was_there:
                continue
            for z in range(nw):
                own = (x * nv + y) * nw + z
                is_first = True
                for n in range(count):
                    a = begin[n, 0] + rotations[n, 0, 2] * z
                    a += nu if a < 0 else (-nu if a >= nu else 0)
                    b = begin[n, 1] + rotations[n, 1, 2] * z
                    b += nv if b < 0 else (-nv if b >= nv else 0)
                    c = begin[n, 2] + rotations[n, 2, 2] * z
                    c += nw if c < 0 else (-nw if c >= nw else 0)
                    images[n] = (a * nv + b) * nw + c
                    if images[n] < own:
                        is_first = False
                        break
                if not is_first:
                    continue
                value = np.nan
                present = 0
                for n in range(count):
                    other = values[images[n]]
                    if other != other:
                        continue
                    present += 1
                    if present == 1 or (how == 1 and other > value):
                        value = np.float64(other)
                    elif how != 1:
                        value += other
                if how == 2 and present > 0:
                    value /= present
                for n in range(count):
                    result[images[n]] = value
