"""Bring maps into the order of files."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from xrefl._numba import kernel

__all__ = ["turn"]

# A line of the cache has 16 floats; a few lines of a row of the slab stay in it.
_LINE = 16
_ROW = 64


@kernel
def turn(start: int, stop: int, values: NDArray[Any], slab: NDArray[Any]) -> None:
    """Copy values along x, y and z, z running fastest, to a slab along z, y and x."""
    nz, _, nx = slab.shape
    for y in range(start, stop):
        for first_x in range(0, nx, _ROW):
            last_x = min(first_x + _ROW, nx)
            for first_z in range(0, nz, _LINE):
                last_z = min(first_z + _LINE, nz)
                for x in range(first_x, last_x):
                    for z in range(first_z, last_z):
                        slab[z, y, x] = values[x, y, z]
