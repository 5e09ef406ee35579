"""Where the points of a map are in the unit cell."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr

from xrefl.errors import FormatError
from xrefl.hkl.crystal import unit_cell

__all__ = ["Placement", "covers_cell", "known_grid", "origin", "placement", "with_coordinates"]

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
        raise FormatError(
            f"a map has the dimensions x, y and z, not {tuple(density.dims)}; "
            "grid.xtal.to_map() makes one of a reciprocal grid"
        )
    known = known_grid(density)
    starts, grids = [], []
    for i, axis in enumerate(AXES):
        start, grid = _along(density, axis, None if known is None else known[i])
        starts.append(start)
        grids.append(grid)
    return Placement(tuple(starts), tuple(density.sizes[axis] for axis in AXES), tuple(grids))


def with_coordinates(density: xr.DataArray) -> xr.DataArray:
    """Return a map with coordinates along all axes: where there are none, i/n from 0 on.

    As in `placement`, n is that of ``attrs["grid"]``, or else the number of points.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> with_coordinates(xr.DataArray(np.zeros((4, 1, 2)), dims=("x", "y", "z"))).x.values
    array([0.  , 0.25, 0.5 , 0.75])
    """
    known = known_grid(density) or tuple(density.sizes[axis] for axis in AXES)
    missing = {
        axis: np.arange(density.sizes[axis]) / n
        for axis, n in zip(AXES, known, strict=True)
        if axis not in density.coords
    }
    return density.assign_coords(missing) if missing else density


def known_grid(obj: xr.DataArray) -> tuple[int, ...] | None:
    """Return the numbers of points along the cell that ``attrs["grid"]`` tells, if it is there.

    Raises
    ------
    FormatError
        It is not three positive whole numbers.
    """
    if "grid" not in obj.attrs:
        return None
    known = np.asarray(obj.attrs["grid"])
    if known.shape != (3,) or known.dtype.kind not in "iu" or (known < 1).any():
        raise FormatError(
            f"attrs['grid'] must be three numbers of points, not {obj.attrs['grid']!r}"
        )
    return tuple(known.tolist())


def origin(density: xr.DataArray) -> tuple[float, ...]:
    """Return where the first point of a map is, as the word ORIGIN of MRC files has it, in Å.

    Without ``attrs["origin"]``, the place of the point 0 0 0 of the cell, it is 0 0 0, which says
    nothing: coordinates alone count.

    Raises
    ------
    FormatError
        ``attrs["origin"]`` is not three finite numbers, or beyond the range of 32-bit floats.
    CrystalError
        The unit cell is not known.
    """
    if "origin" not in density.attrs:
        return 0.0, 0.0, 0.0
    corner = np.asarray(density.attrs["origin"])
    if corner.shape != (3,) or corner.dtype.kind not in "fiu":
        raise FormatError(
            f"attrs['origin'] must be three lengths in Å, not {density.attrs['origin']!r}"
        )
    if not (np.abs(corner) < np.finfo(np.float32).max).all():
        raise FormatError(
            f"attrs['origin'] must be finite lengths in Å, not {density.attrs['origin']!r}"
        )
    place = placement(density)
    start = np.array(place.start) / place.grid
    x, y, z = (corner + unit_cell(density).orthogonalize(start)).tolist()
    return x, y, z


def _along(density: xr.DataArray, axis: str, known: int | None) -> tuple[int, int]:
    """Return the first point along an axis, and the number of points along the cell."""
    size = density.sizes[axis]
    if size == 0:
        raise FormatError(f"the map has no points along {axis}")
    if axis not in density.coords:
        return 0, known or size
    at = density.coords[axis].values
    if at.dtype.kind not in "fiu":
        raise FormatError(f"coordinate {axis} of the map is of {at.dtype}, not of numbers")
    at = at.astype(np.float64)
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
