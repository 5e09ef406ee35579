"""Where the points of a map are in the unit cell."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr

from xrefl.errors import FormatError

__all__ = ["Placement", "covers_cell", "placement"]

AXES = ("x", "y", "z")
# What coordinates may be off, in steps of the grid.
_TOLERANCE = 0.01


class Placement(NamedTuple):
    """A box of grid points: the point i along an axis has the coordinate (start + i) / grid."""

    start: tuple[int, ...]
    """The first point along x, y and z."""
    size: tuple[int, ...]
    """Number of points."""
    grid: tuple[int, ...]
    """Number of points along the whole cell."""


def placement(density: xr.DataArray) -> Placement:
    """Return where the points of a map are, by its coordinates.

    Along an axis of one point, or without coordinates, ``attrs["grid"]`` tells the number of
    points along the cell; without that, the map is taken to be the whole cell.

    Parameters
    ----------
    density : DataArray
        A map with dimensions x, y and z.

    Raises
    ------
    FormatError
        This is no map, or its points are not those of a grid that divides the cell evenly.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> density = xr.DataArray(np.zeros((4, 2, 2)), dims=("x", "y", "z"))
    >>> placement(density.assign_coords(x=[-0.125, 0, 0.125, 0.25]))
    Placement(start=(-1, 0, 0), size=(4, 2, 2), grid=(8, 2, 2))
    """
    if set(density.dims) != set(AXES):
        raise FormatError(f"a map has the dimensions x, y and z, not {tuple(density.dims)}")
    known = density.attrs.get("grid")
    if known is not None and len(known) != 3:
        raise FormatError(f"attrs['grid'] must be three numbers of points, not {known!r}")
    starts, grids = [], []
    for i, axis in enumerate(AXES):
        start, grid = _along(density, axis, None if known is None else int(known[i]))
        starts.append(start)
        grids.append(grid)
    return Placement(tuple(starts), tuple(density.sizes[axis] for axis in AXES), tuple(grids))


def _along(density: xr.DataArray, axis: str, known: int | None) -> tuple[int, int]:
    """Return the first point along an axis, and the number of points along the cell."""
    size = density.sizes[axis]
    if size == 0:
        raise FormatError(f"the map has no points along {axis}")
    if axis not in density.coords:
        return 0, known or size
    at = np.asarray(density.coords[axis].values, dtype=float)
    if not np.isfinite(at).all():
        raise FormatError(f"coordinate {axis} of the map has values that are not finite")
    first, last = float(at[0]), float(at[-1])
    steps = (size - 1) / (last - first) if last > first else 0.0
    grid = round(steps) if size > 1 and steps < 2**31 else known or 1
    start = round(first * grid)
    if grid < 1 or np.abs(at * grid - start - np.arange(size)).max() > _TOLERANCE:
        raise FormatError(
            f"coordinate {axis} of the map, {first:g} to {last:g} in {size} points, is not that "
            "of a grid: it must be i/n for consecutive i, where n points divide the cell evenly"
        )
    return start, grid


def covers_cell(density: xr.DataArray) -> bool:
    """Tell whether a map holds the points of one unit cell, from the origin on.

    Parameters
    ----------
    density : DataArray
        A map with dimensions x, y and z.

    Raises
    ------
    FormatError
        As for `placement`.
    """
    place = placement(density)
    return place.start == (0, 0, 0) and place.size == place.grid
