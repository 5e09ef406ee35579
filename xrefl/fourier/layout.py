"""What reciprocal grids and maps look like as DataArrays.

Both hold one unit cell, and have ``cell``, ``spacegroup`` and ``grid`` (numbers of points along the
axes of the cell) in their attrs. A reciprocal grid has the dimensions h, k, l, whose coordinates
are Miller indices in the order of Fourier transforms: 0, 1, 2 and so on, and then the negative ones
up to -1. A map has the dimensions x, y, z, whose coordinates are fractional, i/n.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.crystal.cell import UnitCell
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import FormatError
from xrefl.fourier.coverage import covers_cell, known_grid, placement, with_coordinates
from xrefl.hkl.crystal import Crystal, crystal

__all__ = ["Grid", "as_grid", "as_map", "is_grid", "is_map", "new_grid", "new_map"]

_GRID, _MAP = ("h", "k", "l"), ("x", "y", "z")


class Grid(NamedTuple):
    """A reciprocal grid or a map that has been looked at.

    Attributes
    ----------
    array : DataArray
        With its dimensions in order.
    size : tuple of 3 int
        Points along the axes of the whole cell, also where only l >= 0 is stored.
    half_l : bool
        Only l >= 0 is stored.
    crystal : Crystal
    """

    array: xr.DataArray
    size: tuple[int, int, int]
    half_l: bool
    crystal: Crystal


def is_grid(obj: xr.DataArray) -> bool:
    """Tell whether a DataArray is a reciprocal grid."""
    return set(obj.dims) == set(_GRID)


def is_map(obj: xr.DataArray) -> bool:
    """Tell whether a DataArray is a map."""
    return set(obj.dims) == set(_MAP)


def frequencies(n: int) -> NDArray[np.int32]:
    """Return the Miller indices along an axis of n points.

    Examples
    --------
    >>> frequencies(6)
    array([ 0,  1,  2, -3, -2, -1], dtype=int32)
    """
    return np.roll(np.arange(-(n // 2), (n + 1) // 2, dtype=np.int32), (n + 1) // 2)


def new_grid(data: Any, cell: UnitCell, group: SpaceGroup, half_l: bool) -> xr.DataArray:
    """Return a reciprocal grid; with ``half_l`` of twice as many points as there are l > 0."""
    nu, nv, nw = data.shape
    l = np.arange(nw, dtype=np.int32) if half_l else frequencies(nw)
    coords = {"h": frequencies(nu), "k": frequencies(nv), "l": l}
    size = nu, nv, 2 * (nw - 1) if half_l else nw
    attrs = {**_attrs(cell, group, size), "half_l": int(half_l)}
    return xr.DataArray(data, coords, _GRID, attrs=attrs)


def new_map(data: Any, cell: UnitCell, group: SpaceGroup) -> xr.DataArray:
    """Return a map."""
    coords = {name: np.arange(n) / n for name, n in zip(_MAP, data.shape, strict=True)}
    return xr.DataArray(data, coords, _MAP, attrs=_attrs(cell, group, data.shape))


def _attrs(cell: UnitCell, group: SpaceGroup, size: tuple[int, ...]) -> dict[str, Any]:
    return {"cell": list(cell.parameters), "spacegroup": group.name, "grid": list(size)}


def as_grid(obj: xr.DataArray) -> Grid:
    """Return what a reciprocal grid has to say.

    Raises
    ------
    FormatError
        The object is none, not whole, or not of numbers.
    CrystalError
        It has no unit cell or space group.
    """
    if not is_grid(obj):
        raise FormatError(
            f"expected a reciprocal grid, with the dimensions h, k and l, found {obj.dims}; "
            "ds.xtal.to_grid(f, phi) makes one of reflections, map.xtal.to_grid() of a map"
        )
    if obj.dtype.kind not in "fiubc":
        raise FormatError(f"a reciprocal grid is of numbers, not of {obj.dtype}")
    array = obj.transpose(*_GRID)
    nu, nv, nw = array.shape
    l = array["l"]
    half = nw > 1 and l.dtype.kind in "fiu" and bool(l[-1] > 0)
    expected = (frequencies(nu), frequencies(nv), np.arange(nw) if half else frequencies(nw))
    _require_whole(array, expected, "0, 1, 2, ..., -2, -1", "use the whole grid")
    size = nu, nv, 2 * (nw - 1) if half else nw
    known = known_grid(array)
    if known is not None and known != size:  # l = 0, 1, 2 may be a part of more
        raise FormatError(
            f"the grid has indices for {size} points in the unit cell, but attrs['grid'] says "
            f"{known}: points have been left out; use the whole grid"
        )
    return Grid(array, size, half, crystal(array))


def as_map(obj: xr.DataArray) -> Grid:
    """Return what a map has to say; along axes without coordinates, these are i/n.

    Raises
    ------
    FormatError
        The object is none, not whole, or not of real numbers.
    CrystalError
        It has no unit cell or space group.
    """
    if not is_map(obj):
        raise FormatError(
            f"expected a map, with the dimensions x, y and z, found {obj.dims}; "
            "ds.xtal.to_map(f, phi) makes one of reflections, grid.xtal.to_map() of a grid"
        )
    if obj.dtype.kind not in "fiub":
        raise FormatError(f"a map is of real numbers, not of {obj.dtype}")
    array = with_coordinates(obj.transpose(*_MAP))
    nu, nv, nw = array.shape
    expected = tuple(np.arange(n) / n for n in (nu, nv, nw))
    remedy = "use the whole map, or complete it by symmetry with .xtal.complete_cell()"
    _require_whole(array, expected, "i/n from 0 up", remedy)
    if not covers_cell(array):  # a single section, whose coordinate 0 does not tell
        raise FormatError(
            f"the map has {array.shape} points of the {placement(array).grid} in the unit cell; "
            f"{remedy}"
        )
    return Grid(array, (nu, nv, nw), False, crystal(array))


def _require_whole(array: xr.DataArray, expected: tuple[Any, ...], order: str, remedy: str) -> None:
    for name, values in zip(array.dims, expected, strict=True):
        if name not in array.coords:
            raise FormatError(
                f"the coordinate {name!r} is missing, which tells the Miller indices of a grid; "
                "use the grid as xrefl has made it"
            )
        known = array[name]
        if (
            not known.size
            or known.dtype.kind not in "fiu"
            or not np.allclose(known, values, rtol=0, atol=1e-6)
        ):
            raise FormatError(
                f"the coordinate {name!r} is not that of a whole unit cell, {order}: points have "
                f"been left out or moved; {remedy}"
            )
