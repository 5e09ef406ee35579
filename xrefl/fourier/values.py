"""Values of maps: normalized, symmetrized, interpolated."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from xrefl._memory import empty
from xrefl._parallel import over_rows
from xrefl.crystal.cell import UnitCell
from xrefl.crystal.op import DEN
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import FormatError
from xrefl.fourier._lazy import whole
from xrefl.fourier.layout import as_map
from xrefl.fourier.size import require_suitable

__all__ = ["interpolate", "normalize", "symmetrize"]


def normalize(rho: xr.DataArray) -> xr.DataArray:
    """Return a map with mean 0 and standard deviation 1, (ρ - mean)/σ over all points.

    Parameters
    ----------
    rho : DataArray, dims (x, y, z)
        One unit cell; a dask-backed map stays lazy.

    Returns
    -------
    DataArray
        Of the same type of numbers; NaN if the map is flat.

    Raises
    ------
    FormatError
        This is not a whole map.

    Examples
    --------
    >>> import xrefl
    >>> rho = xrefl.tutorial.open("5wkd").xtal.to_map("FWT", "PHWT", sample_rate=3)
    >>> round(float(rho.xtal.normalize().std()), 5)
    1.0
    """
    as_map(rho)
    kind = np.float64 if rho.dtype == np.float64 else np.float32
    mean, sigma = rho.mean(dtype=np.float64), rho.std(dtype=np.float64)
    scale = 1 / sigma.where(sigma > 0)
    result: xr.DataArray = (rho - mean.astype(kind)) * scale.astype(kind)
    return result.rename(rho.name).assign_attrs(rho.attrs, units="σ")


def symmetrize(rho: xr.DataArray, *, how: str = "sum") -> xr.DataArray:
    """Return a map in which each point has what its symmetry mates have together.

    Parameters
    ----------
    rho : DataArray, dims (x, y, z)
        One unit cell. If it is dask-backed, the result is one task.
    how : {"sum", "max", "mean"}
        Sum, largest, or mean of the values at R x + t for all operations of the space group,
        centring included. A point on a special position counts with each operation.

    Raises
    ------
    FormatError
        This is not a whole map, or ``how`` is not known.
    CrystalError
        Symmetry does not map points on each other, or the crystal is not known.

    Examples
    --------
    >>> import xrefl
    >>> rho = xrefl.tutorial.open("5wkd").xtal.to_map("FWT", "PHWT")
    >>> same = rho.xtal.symmetrize(how="mean")
    >>> bool(abs(same - rho).max() < 1e-5)
    True
    """
    if how not in ("sum", "max", "mean"):
        raise FormatError(f"how must be 'sum', 'max' or 'mean', not {how!r}")
    known = as_map(rho)
    require_suitable(known.crystal.spacegroup, known.size)
    kind = np.float64 if rho.dtype == np.float64 else np.float32
    data = whole(
        _symmetrized, known.array, known.crystal.spacegroup, how, shape=known.size, dtype=kind
    )
    return known.array.copy(data=data).transpose(*rho.dims)


def interpolate(
    rho: xr.DataArray, points: ArrayLike | xr.DataArray, *, order: int = 1, cartesian: bool = True
) -> xr.DataArray:
    """Return the values of a map at any points, in this unit cell or another.

    Parameters
    ----------
    rho : DataArray, dims (x, y, z)
        One unit cell. If it is dask-backed, the result is one task.
    points : array_like or DataArray, shape (..., 3)
        Positions, in Å or fractional; ``xyz`` of a model, for example.
    order : {1, 3}
        Trilinear interpolation, or cubic B-splines through all points of the map.
    cartesian : bool
        Whether positions are in Å; otherwise they are fractional.

    Returns
    -------
    DataArray, shape (...)
        With the dimensions and coordinates of the points but for the last dimension; NaN where a
        position is not finite.

    Raises
    ------
    FormatError
        This is not a whole map, or the points are not positions, or there is no such order.
    CrystalError
        The unit cell is not known.

    Examples
    --------
    >>> import xrefl
    >>> rho = xrefl.tutorial.open("5wkd").xtal.to_map("FWT", "PHWT", sample_rate=3)
    >>> peak = rho.xtal.interpolate([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    >>> peak.shape
    (2,)
    """
    known = as_map(rho)
    where = points if isinstance(points, xr.DataArray) else xr.DataArray(np.asarray(points))
    if where.ndim == 0 or where.shape[-1] != 3 or where.dtype.kind not in "fiu":
        raise FormatError(
            f"points are numbers of shape (..., 3), not {where.dtype} of shape {where.shape}"
        )
    if order not in (1, 3):
        raise FormatError(f"the order of interpolation must be 1 or 3, not {order!r}")
    cell = known.crystal.cell if cartesian else None
    kind = np.float64 if rho.dtype == np.float64 else np.float32
    values = whole(
        _interpolated, known.array, where.values, order, cell, shape=where.shape[:-1], dtype=kind
    )
    rest = where.isel({where.dims[-1]: 0}, drop=True)
    return xr.DataArray(values, rest.coords, rest.dims, name=rho.name or "map")


def _symmetrized(values: NDArray[Any], group: SpaceGroup, how: str) -> NDArray[Any]:
    from xrefl.fourier import _kernels

    kind = np.float64 if values.dtype == np.float64 else np.float32
    values = np.ascontiguousarray(values, kind)
    shifts = group.translations.astype(np.int64) * np.array(values.shape) // DEN
    out = empty(values.size, kind).reshape(values.shape)
    args = values, group.rotations.astype(np.int64), shifts, how == "max", out
    planes = max(2, 50_000 // (values.shape[1] * values.shape[2]))
    # the first planes have most of the work
    over_rows(_kernels.symmetrize, values.shape[0], *args, min_rows=planes, slices_per_thread=32)
    if how == "mean":
        out *= kind(1 / len(shifts))
    return out


def _interpolated(
    values: NDArray[Any], points: NDArray[Any], order: int, cell: UnitCell | None
) -> NDArray[Any]:
    from scipy import ndimage

    kind = np.float64 if values.dtype == np.float64 else np.float32
    places = cell.fractionalize(points) if cell is not None else points.astype(np.float64)
    steps = places * np.array(values.shape)
    known = np.isfinite(steps).all(axis=-1)
    out = np.full(known.shape, np.nan, kind)
    out[known] = ndimage.map_coordinates(
        values, steps[known].T, order=order, mode="grid-wrap", output=kind
    )
    return out
