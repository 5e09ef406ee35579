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
from xrefl.errors import FormatError, MissingColumnError
from xrefl.fourier._lazy import whole
from xrefl.fourier.coverage import origin
from xrefl.fourier.layout import as_map
from xrefl.fourier.size import require_suitable
from xrefl.fourier.statistics import statistics

__all__ = ["interpolate", "normalize", "sum_over_mates", "symmetrize"]

_HOW = ("sum", "max", "mean")
# Up to this part of its mean, the deviation of a flat map may come from rounding.
_ROUNDING = 1e-14


def normalize(rho: xr.DataArray) -> xr.DataArray:
    """Return a map with mean 0 and standard deviation 1, (ρ - mean)/σ over all points.

    Parameters
    ----------
    rho : DataArray, dims (x, y, z)
        One unit cell; a dask-backed map stays lazy. NaN is skipped, and stays.

    Returns
    -------
    DataArray
        float64 if the map is, otherwise float32; NaN if the map is flat.

    Raises
    ------
    FormatError
        This is not a whole map.
    CrystalError
        It has no unit cell or space group.

    Examples
    --------
    >>> import xrefl
    >>> rho = xrefl.tutorial.open("5wkd").xtal.to_map("FWT", "PHWT", sample_rate=3)
    >>> round(float(rho.xtal.normalize().std()), 5)
    1.0
    """
    as_map(rho)
    rho = rho.astype(_float_type(rho.dtype), copy=False)
    found = statistics(rho)
    mean, sigma = found["average"].drop_attrs(), found["sigma"].drop_attrs()
    scale = 1 / sigma.where(sigma > _ROUNDING * abs(mean))
    result: xr.DataArray = (rho - mean.astype(rho.dtype)) * scale.astype(rho.dtype)
    return result.rename(rho.name).assign_attrs(rho.attrs, units="σ")


def symmetrize(rho: xr.DataArray, *, how: str = "mean") -> xr.DataArray:
    """Return a map in which each point has the mean, sum or maximum of its symmetry mates.

    Parameters
    ----------
    rho : DataArray, dims (x, y, z)
        One unit cell. If it is dask-backed, the result is one task.
    how : {"mean", "sum", "max"}
        Mean, sum, or largest of the values at R x + t for all operations of the space group,
        centring included. The mean, and the largest, of a map that has the symmetry is the map
        itself. A point on a special position counts with each operation. NaN is skipped; points
        all of whose mates are missing are NaN.

    Returns
    -------
    DataArray
        float64 if the map is, otherwise float32.

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
    >>> same = rho.xtal.symmetrize()
    >>> bool(abs(same - rho).max() < 1e-5)
    True
    """
    if how not in _HOW:
        raise FormatError(f"how must be 'sum', 'max' or 'mean', not {how!r}")
    known = as_map(rho)
    require_suitable(known.crystal.spacegroup, known.size)
    kind = _float_type(rho.dtype)
    data = whole(
        _symmetrized, known.array, known.crystal.spacegroup, how, shape=known.size, dtype=kind
    )
    return known.array.copy(data=data).transpose(*rho.dims)


def interpolate(
    rho: xr.DataArray,
    points: ArrayLike | xr.DataArray | xr.Dataset,
    *,
    order: int = 1,
    cartesian: bool = True,
) -> xr.DataArray:
    """Return the values of a map at positions in Å, or fractional ones, in any unit cell.

    Parameters
    ----------
    rho : DataArray, dims (x, y, z)
        One unit cell. If it or the points are dask-backed, the result is one task.
    points : array_like or DataArray, shape (..., 3), or Dataset
        Positions, in Å unless ``cartesian=False``. Of a model those of its atoms.
    order : {1, 3}
        Trilinear interpolation, or cubic B-splines through all points of the map.
    cartesian : bool
        Whether positions are in Å (the default); otherwise they are fractional. In Å, the corner
        of the cell is at ``attrs["origin"]``, which maps of MRC files may have; at 0 without it.

    Returns
    -------
    DataArray, shape (...)
        float64 if the map is, otherwise float32. With the dimensions and coordinates of the points
        but for the last dimension; NaN where a position is not finite, or a point of the map
        beside it (with order 3, any) is missing.

    Raises
    ------
    FormatError
        This is not a whole map, or the points are not positions, or there is no such order.
    CrystalError
        The unit cell is not known.
    MissingColumnError
        The Dataset has no positions.

    Examples
    --------
    >>> import xrefl
    >>> rho = xrefl.tutorial.open("5wkd").xtal.to_map("FWT", "PHWT", sample_rate=3)
    >>> peak = rho.xtal.interpolate([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    >>> peak.shape
    (2,)
    >>> model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    >>> bool((rho.xtal.interpolate(model) > 0).all())
    True
    """
    known = as_map(rho)
    if isinstance(points, xr.Dataset):
        if not cartesian:
            raise FormatError("the positions of a model are in Å; leave cartesian=False out")
        points = _positions(points)
    where = points if isinstance(points, xr.DataArray) else xr.DataArray(np.asarray(points))
    if where.ndim == 0 or where.shape[-1] != 3 or where.dtype.kind not in "fiu":
        raise FormatError(
            f"points are numbers of shape (..., 3), not {where.dtype} of shape {where.shape}"
        )
    if order not in (1, 3):
        raise FormatError(f"the order of interpolation must be 1 or 3, not {order!r}")
    array = known.array if where.chunks is None else known.array.chunk()
    frame = (known.crystal.cell, origin(rho)) if cartesian else None
    kind = _float_type(rho.dtype)
    values = whole(
        _interpolated, array, where.data, order, frame, shape=where.shape[:-1], dtype=kind
    )
    rest = where.isel({where.dims[-1]: 0}, drop=True)
    return xr.DataArray(values, rest.coords, rest.dims, name=rho.name or "map")


def sum_over_mates(values: NDArray[Any], group: SpaceGroup) -> None:
    """Replace the values of a map by what points have together with their symmetry mates."""
    if len(group.translations) > 1:
        _symmetrize(values, group, "sum", values)


def _positions(model: xr.Dataset) -> xr.DataArray:
    if "xyz" not in model or "axis" not in model["xyz"].dims:
        raise MissingColumnError(
            "the Dataset has no positions 'xyz' along 'axis'; xrefl.open_model gives one that has"
        )
    return model["xyz"].transpose(..., "axis")


def _float_type(dtype: np.dtype[Any]) -> type[np.floating[Any]]:
    """Return the type of what is calculated of a map's values."""
    return np.float64 if dtype == np.float64 else np.float32


def _symmetrized(values: NDArray[Any], group: SpaceGroup, how: str) -> NDArray[Any]:
    kind = _float_type(values.dtype)
    values = np.ascontiguousarray(values, kind)
    out = empty(values.size, kind).reshape(values.shape)
    _symmetrize(values, group, how, out)
    return out


def _symmetrize(values: NDArray[Any], group: SpaceGroup, how: str, out: NDArray[Any]) -> None:
    """Give all points what they have together with their mates; ``out`` may be the values."""
    from xrefl.fourier import _kernels

    shifts = group.translations.astype(np.int64) * np.array(values.shape) // DEN
    args = values, group.rotations.astype(np.int64), shifts, _HOW.index(how), out
    planes = max(2, 50_000 // (values.shape[1] * values.shape[2]))
    # the first planes have most of the work
    over_rows(_kernels.symmetrize, values.shape[0], *args, min_rows=planes, slices_per_thread=32)


def _interpolated(
    values: NDArray[Any],
    points: NDArray[Any],
    order: int,
    frame: tuple[UnitCell, tuple[float, ...]] | None,
) -> NDArray[Any]:
    """Return values at fractional points, or at points in Å of the frame: cell and origin."""
    from scipy import ndimage

    kind = _float_type(values.dtype)
    places = points.astype(np.float64)
    if frame is not None:
        cell, zero = frame
        places = cell.fractionalize(places - zero)
    known = np.isfinite(places).all(axis=-1)
    steps = (places[known] % 1) * values.shape  # splines beyond 2^63 steps would be infinite
    out = np.full(known.shape, np.nan, kind)
    out[known] = ndimage.map_coordinates(
        values.astype(kind, copy=False), steps.T, order=order, mode="grid-wrap", output=kind
    )
    return out
