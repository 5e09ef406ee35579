"""Kernels of solvent masks: balls, islands, and what is near the solvent."""

from __future__ import annotations

from math import ceil, floor, sqrt
from typing import Any

import numpy as np

from xrefl._numba import helper, kernel, lean_kernel


@lean_kernel
def cover_balls(
    start: Any, stop: Any, centers: Any, radii: Any, steps: Any, per_step: Any, inside: Any
) -> None:
    """Set the points of planes ``start`` to ``stop`` to 1 in balls, and to 0 elsewhere.

    Parameters
    ----------
    centers : ndarray of float, shape (n, 3)
        In steps of the grid, from 0 up and below the number of points.
    radii : ndarray of float, shape (n,)
        Å.
    steps : ndarray of float, shape (3, 3)
        The lower triangle that makes vectors in Å of steps, so that a plane of the grid cuts a
        disc out of a ball, and a line of it a run.
    per_step : ndarray of float, shape (3,)
        The reciprocals of its diagonal.
    inside : ndarray of uint8, shape (nx, ny, nz)
        The result, a whole unit cell.
    """
    nx, ny, nz = inside.shape
    for x in range(start, stop):
        for y in range(ny):
            row = inside[x, y]
            for z in range(nz):
                row[z] = 0
    for n in range(centers.shape[0]):
        square, mid_x, atom_y, atom_z = radii[n] ** 2, centers[n, 0], centers[n, 1], centers[n, 2]
        reach_x = radii[n] * per_step[0]
        for x in range(ceil(mid_x - reach_x), floor(mid_x + reach_x) + 1):
            plane = x
            while plane < 0:  # quicker than a division
                plane += nx
            while plane >= nx:
                plane -= nx
            if plane < start or plane >= stop:
                continue
            dx = x - mid_x
            disc = max(square - (steps[0, 0] * dx) ** 2, 0.0)
            reach_y = sqrt(disc) * per_step[1]
            mid_y = atom_y - steps[1, 0] * dx * per_step[1]
            for y in range(ceil(mid_y - reach_y), floor(mid_y + reach_y) + 1):
                run = max(disc - (steps[1, 1] * (y - mid_y)) ** 2, 0.0)
                reach_z = sqrt(run) * per_step[2]
                mid_z = atom_z - (steps[2, 0] * dx + steps[2, 1] * (y - atom_y)) * per_step[2]
                begin, end = ceil(mid_z - reach_z), floor(mid_z + reach_z)
                column = y
                while column < 0:
                    column += ny
                while column >= ny:
                    column -= ny
                line = inside[plane, column]
                if begin >= 0 and end < nz:
                    for z in range(begin, end + 1):
                        line[z] = 1
                else:
                    for z in range(begin, end + 1):
                        line[z % nz] = 1


@lean_kernel
def solvent_rows(start: Any, stop: Any, inside: Any, moves: Any, row: Any, mask: Any) -> None:
    """Set the points of planes ``start`` to ``stop`` to 0 if they and their neighbours are inside.

    The others are set to 1.

    Parameters
    ----------
    inside : ndarray of uint8, shape (nx, ny, nz)
        1 inside, 0 outside, in a whole unit cell.
    moves : ndarray of int, shape (n, 3)
        From a point to its neighbours, each from 0 up and below the number of points.
    row : ndarray of uint8, shape (nz,)
        Memory to work in.
    mask : ndarray of float32
        The result.
    """
    nx, ny, nz = inside.shape
    for x in range(start, stop):
        for y in range(ny):
            own, result = inside[x, y], mask[x, y]
            for z in range(nz):
                row[z] = own[z]
            for i in range(moves.shape[0]):
                a, b, shift = x + moves[i, 0], y + moves[i, 1], moves[i, 2]
                other = inside[a - nx if a >= nx else a, b - ny if b >= ny else b]
                ahead, begin = other[shift:], row[: nz - shift]
                for z in range(nz - shift):
                    begin[z] &= ahead[z]
                end = row[nz - shift :]
                for z in range(shift):
                    end[z] &= other[z]
            for z in range(nz):
                result[z] = 1 - row[z]


@helper
def _root(parent: Any, i: Any) -> Any:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@kernel
def fill_islands(inside: Any, most: Any) -> None:
    """Set the groups of zeros of at most so many points to 1, in a whole unit cell.

    Points belong together if they touch by a face, an edge or a corner, across the faces of the
    cell, too. What is joined are the runs of zeros on the lines along z: those of a line with
    those of four of its eight neighbours, which see it as one of their other four.
    """
    nx, ny, nz = inside.shape
    first = np.zeros(nx * ny + 1, np.int64)  # the first run of each line
    for line in range(nx * ny):
        row = inside[line // ny, line % ny]
        count = 0
        before = np.uint8(1)
        for z in range(nz):
            count += row[z] < before
            before = row[z]
        first[line + 1] = first[line] + count
    total = first[nx * ny]
    begin, end = np.empty(total, np.int32), np.empty(total, np.int32)
    parent = np.arange(total)
    for line in range(nx * ny):
        row = inside[line // ny, line % ny]
        run = first[line]
        before = np.uint8(1)
        for z in range(nz):
            if row[z] != before:
                if before:
                    begin[run] = z
                else:
                    end[run] = z
                    run += 1
                before = row[z]
        if not before:
            end[run] = nz
    for line in range(nx * ny):
        x, y = line // ny, line % ny
        for way in range(5):  # the line itself, whose ends meet, and four neighbours
            if way == 4:
                other = x * ny + (y + ny - 1) % ny
            elif way == 3:
                other = line
            else:
                other = (x + nx - 1) % nx * ny + (y + ny - 1 + way) % ny
            i, j = first[line], first[other]
            last_i, last_j = first[line + 1] - 1, first[other + 1] - 1
            if i > last_i or j > last_j:
                continue
            # runs at the opposite ends of the lines
            if begin[i] == 0 and end[last_j] == nz:
                parent[_root(parent, i)] = _root(parent, last_j)
            if begin[j] == 0 and end[last_i] == nz:
                parent[_root(parent, j)] = _root(parent, last_i)
            while other != line and i <= last_i and j <= last_j:
                if begin[i] <= end[j] and begin[j] <= end[i]:
                    parent[_root(parent, i)] = _root(parent, j)
                if end[i] < end[j]:
                    i += 1
                else:
                    j += 1
    points = np.zeros(total, np.int64)
    for run in range(total):
        points[_root(parent, run)] += end[run] - begin[run]
    for line in range(nx * ny):
        for run in range(first[line], first[line + 1]):
            if points[_root(parent, run)] <= most:
                inside[line // ny, line % ny, begin[run] : end[run]] = 1
