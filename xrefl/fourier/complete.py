"""Complete a map of a part of the cell by symmetry."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl._memory import empty
from xrefl._parallel import over_rows
from xrefl.crystal.op import DEN
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalError
from xrefl.fourier._lazy import whole
from xrefl.fourier.coverage import AXES, Placement, covers_cell, placement, with_coordinates
from xrefl.fourier.size import axis_factors, related_axes
from xrefl.hkl.crystal import space_group

__all__ = ["complete_cell"]

_MIN_POINTS = 2**18


def complete_cell(density: xr.DataArray) -> xr.DataArray:
    """Return a map of the whole unit cell, completed by symmetry.

    A point that the map itself has keeps its value (the first one, where the map repeats
    itself); others have the value of a symmetry mate. NaN is a missing value: a mate's counts.

    Parameters
    ----------
    density : DataArray
        A map of a part of the cell, such as an asymmetric unit, or of more than one cell. If it
        is dask-backed, so is the result, in one chunk.

    Returns
    -------
    DataArray
        Coordinates x, y and z begin at 0 and cover one cell. A map that did so already is
        returned as it is.

    Raises
    ------
    CrystalError
        The map has no space group, symmetry does not map its grid points onto each other, or
        there are points of the cell that neither the map nor its symmetry mates cover.
    FormatError
        This is no map, or its points are not those of a grid that divides the cell evenly.

    Examples
    --------
    >>> import numpy as np, xarray as xr, xrefl
    >>> half = xr.DataArray(
    ...     np.arange(12.0, dtype="f4").reshape(4, 1, 3),
    ...     dims=("x", "y", "z"),
    ...     coords={"x": np.arange(4) / 4, "y": [0.0], "z": np.arange(3) / 4},
    ...     attrs={"cell": [10, 10, 10, 90, 90, 90], "spacegroup": "P 1 2 1", "grid": [4, 1, 4]},
    ... )
    >>> whole = half.xtal.complete_cell()
    >>> whole.sel(x=0.25, z=0.75).item(), whole.sel(x=0.75, z=0.25).item()
    (10.0, 10.0)
    """
    place = placement(density)
    if covers_cell(density):
        return with_coordinates(density)
    group = space_group(density)
    operations = _on_grid(group, place.grid)
    density = density.transpose(*AXES)
    if density.chunks is None:
        data: Any = _checked(density.values, place, operations)
    else:
        _checked(np.broadcast_to(np.float32(0), place.size), place, operations)  # where, not what
        data = whole(_completed, density, place, operations, shape=place.grid, dtype=density.dtype)
    coords = {axis: (axis, np.arange(n) / n) for axis, n in zip(AXES, place.grid, strict=True)}
    result = xr.DataArray(data, coords, AXES, name=density.name, attrs=density.attrs)
    result.attrs["grid"] = list(place.grid)
    return result


_Operations = list[tuple[NDArray[np.int64], NDArray[np.int64]]]


def _on_grid(group: SpaceGroup, grid: tuple[int, ...]) -> _Operations:
    """Return rotations and translations in steps of the grid."""
    n = np.array(grid, dtype=np.int64)
    rotations = group.rotations * n[:, None]
    shifts = group.translations * n
    if (rotations % n).any() or (shifts % DEN).any():
        size = "x".join(map(str, _fitting(group, grid)))
        raise CrystalError(
            f"symmetry of {group.name} does not map the points of a grid of "
            f"{'x'.join(map(str, grid))} onto each other; a grid of {size} would do"
        )
    return list(zip(rotations // n, shifts // DEN, strict=True))


def _fitting(group: SpaceGroup, grid: tuple[int, ...]) -> list[int]:
    """Return the smallest grid, not smaller along any axis, whose points symmetry maps."""
    return [
        -(-max(grid[i] for i in axes) // factor) * factor
        for axes, factor in zip(related_axes(group), axis_factors(group), strict=True)
    ]


def _checked(values: NDArray[Any], place: Placement, operations: _Operations) -> NDArray[Any]:
    """Return the values of the whole cell, if the map and its mates cover it."""
    cell = _completed(values, place, operations)
    if np.isnan(cell).any():
        if np.isnan(values).any():  # which NaN are values of the map?
            _checked(np.broadcast_to(np.float32(0), place.size), place, operations)
        else:
            missing = int(np.isnan(cell).sum())
            raise CrystalError(
                f"{missing:,} of {cell.size:,} points of the cell are covered neither by the map "
                f"(points {_ranges(place)} of {'x'.join(map(str, place.grid))}) nor by its "
                "symmetry mates; take a larger part of the cell"
            )
    return cell


def _ranges(place: Placement) -> str:
    return ", ".join(
        f"{first} to {first + count - 1}"
        for first, count in zip(place.start, place.size, strict=True)
    )


def _completed(values: NDArray[Any], place: Placement, operations: _Operations) -> NDArray[Any]:
    """Return the values of the whole cell, NaN where there are none."""
    from xrefl.fourier import _coverage_kernels as kernels

    size = [min(n, whole) for n, whole in zip(place.size, place.grid, strict=True)]
    exact = values.astype(np.result_type(values.dtype, np.float32), copy=False)
    if not (exact.flags.c_contiguous or exact.flags.f_contiguous):
        exact = np.ascontiguousarray(exact)
    strides = np.array(exact.strides) // exact.itemsize
    flat = exact.ravel(order="A")
    grid = np.array(place.grid)
    cell = empty(int(np.prod(grid)), exact.dtype)
    cell.fill(np.nan)
    min_rows = max(2, _MIN_POINTS // (size[0] * size[1]))
    for rotation, shift in operations:
        over_rows(
            kernels.place_mates,
            size[2],
            flat,
            strides,
            np.array(size),
            np.array(place.start),
            grid,
            rotation,
            shift,
            cell,
            min_rows=min_rows,
        )
        if not np.isnan(cell.min()):
            break
    result = cell.reshape(place.grid[::-1]).transpose()
    if values.dtype.kind != "f" and np.isnan(result).any():
        return result
    return result.astype(values.dtype, copy=False)
