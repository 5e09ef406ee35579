"""Kernel that completes a cell by symmetry."""

from __future__ import annotations

from typing import Any

from xrefl._numba import kernel


@kernel
def place_mates(
    start: Any,
    stop: Any,
    values: Any,
    strides: Any,
    size: Any,
    first: Any,
    grid: Any,
    rotation: Any,
    shift: Any,
    cell: Any,
) -> None:
    """Write the points of sections ``start`` to ``stop`` to where one operation takes them.

    Values are flat with the given strides; the cell is flat with x running fastest, and has NaN
    where nothing was written before. Points of the map must be of different places in the cell.
    """
    nu, nv, nw = grid[0], grid[1], grid[2]
    # What a step along x adds to the indices of the mate, in [0, n).
    step_u, step_v, step_w = rotation[0, 0] % nu, rotation[1, 0] % nv, rotation[2, 0] % nw
    for k in range(start, stop):
        z = first[2] + k
        for j in range(size[1]):
            y = first[1] + j
            u = (
                rotation[0, 0] * first[0] + rotation[0, 1] * y + rotation[0, 2] * z + shift[0]
            ) % nu
            v = (
                rotation[1, 0] * first[0] + rotation[1, 1] * y + rotation[1, 2] * z + shift[1]
            ) % nv
            w = (
                rotation[2, 0] * first[0] + rotation[2, 1] * y + rotation[2, 2] * z + shift[2]
            ) % nw
            at = j * strides[1] + k * strides[2]
            for i in range(size[0]):
                place = (w * nv + v) * nu + u
                if cell[place] != cell[place]:
                    cell[place] = values[at + i * strides[0]]
                u += step_u
                v += step_v
                w += step_w
                u = u - nu if u >= nu else u
                v = v - nv if v >= nv else v
                w = w - nw if w >= nw else w
