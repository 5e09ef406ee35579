"""Kernel that lists the grid points of balls."""

from __future__ import annotations

from math import ceil, floor, sqrt
from typing import Any

from xrefl._numba import kernel


@kernel
def mark_balls(
    start: Any,
    stop: Any,
    centers: Any,
    radii: Any,
    steps: Any,
    first: Any,
    grid: Any,
    inside: Any,
) -> None:
    """Set the points of planes ``start`` to ``stop`` that are in one of the balls, or an image.

    Centers are in steps of the grid, and ``steps`` is the lower triangle that makes vectors in Å
    of them. So on a plane of the grid a ball covers a disc, and on a line of it a run of points:
    where both begin and end follows from what the radius leaves. ``inside`` is a box of points,
    the first of which is ``first``; everything repeats itself after ``grid`` points.
    """
    _, ny, nz = inside.shape
    low_x, high_x = first[0] + start, first[0] + stop - 1
    low_y, high_y = first[1], first[1] + ny - 1
    low_z, high_z = first[2], first[2] + nz - 1
    per_y, per_z = 1 / steps[1, 1], 1 / steps[2, 2]
    for n in range(centers.shape[0]):
        square = radii[n] * radii[n]
        reach_x = radii[n] / steps[0, 0]
        least, most = ceil(centers[n, 0] - reach_x), floor(centers[n, 0] + reach_x)
        for m in range(-((most - low_x) // grid[0]), (high_x - least) // grid[0] + 1):
            move_x = m * grid[0]
            for x in range(max(low_x, least + move_x), min(high_x, most + move_x) + 1):
                dx = x - move_x - centers[n, 0]
                disc = max(square - (steps[0, 0] * dx) ** 2, 0.0)
                mid_y = centers[n, 1] - steps[1, 0] * dx * per_y
                reach_y = sqrt(disc) * per_y
                left, right = ceil(mid_y - reach_y), floor(mid_y + reach_y)
                for p in range(-((right - low_y) // grid[1]), (high_y - left) // grid[1] + 1):
                    move_y = p * grid[1]
                    for y in range(max(low_y, left + move_y), min(high_y, right + move_y) + 1):
                        dy = y - move_y - centers[n, 1]
                        run = disc - (steps[1, 0] * dx + steps[1, 1] * dy) ** 2
                        mid_z = centers[n, 2] - (steps[2, 0] * dx + steps[2, 1] * dy) * per_z
                        reach_z = sqrt(max(run, 0.0)) * per_z
                        begin, end = ceil(mid_z - reach_z), floor(mid_z + reach_z)
                        i, j = x - first[0], y - low_y
                        if begin >= low_z and end <= high_z and nz <= grid[2]:
                            for z in range(begin - low_z, end - low_z + 1):
                                inside[i, j, z] = True
                            continue
                        q = -((end - low_z) // grid[2])
                        for move_z in range(q * grid[2], high_z - begin + 1, grid[2]):
                            for z in range(
                                max(low_z, begin + move_z), min(high_z, end + move_z) + 1
                            ):
                                inside[i, j, z - low_z] = True
