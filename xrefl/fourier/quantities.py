"""Resolution of reflections and of the points of reciprocal grids."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.fourier.layout import as_grid, is_grid
from xrefl.hkl import reflections

__all__ = ["d", "inv_d2"]


def inv_d2(obj: xr.DataArray) -> xr.DataArray:
    """Return 1/d² of each reflection, or of each point of a reciprocal grid, in Å⁻² (float64).

    See Also
    --------
    xrefl.hkl.reflections.inv_d2

    Examples
    --------
    >>> import xrefl
    >>> grid = xrefl.tutorial.open("5wkd").xtal.to_grid("FWT", "PHWT")
    >>> grid.xtal.inv_d2().sel(h=-1, k=-1, l=-1).item()
    0.04960...
    """
    if not is_grid(obj):
        return reflections.inv_d2(obj)
    known = as_grid(obj)
    lines = {name: known.array[name].astype(np.float64).drop_vars(name) for name in "hkl"}
    if known.array.chunks is not None:
        sizes = dict(zip("hkl", known.array.chunks, strict=True))
        lines = {name: line.chunk({name: sizes[name]}) for name, line in lines.items()}
    h, k, l = lines.values()
    metric = known.crystal.cell.reciprocal_metric
    squares: xr.DataArray = (
        h * h * metric[0, 0] + 2 * metric[0, 1] * h * k + k * k * metric[1, 1]
    ) + (2 * metric[0, 2] * h + 2 * metric[1, 2] * k + metric[2, 2] * l) * l
    squares = squares.transpose(*obj.dims).assign_coords({name: obj[name] for name in "hkl"})
    kept = ("cell", "spacegroup", "grid", "half_l")
    attrs = {name: obj.attrs[name] for name in kept if name in obj.attrs}
    return squares.rename("inv_d2").assign_attrs(attrs, long_name="1/d²", units="Å⁻²")


def d(obj: xr.DataArray) -> xr.DataArray:
    """Return d of each reflection, or of each point of a reciprocal grid, in Å (float64).

    It is infinite at 0 0 0.

    See Also
    --------
    xrefl.hkl.reflections.d

    Examples
    --------
    >>> import xrefl
    >>> grid = xrefl.tutorial.open("5wkd").xtal.to_grid("FWT", "PHWT")
    >>> grid.xtal.d().sel(h=-1, k=-1, l=-1).item()
    4.4900...
    """
    if not is_grid(obj):
        return reflections.d(obj)
    squares = inv_d2(obj)
    result: xr.DataArray = xr.apply_ufunc(_spacing, squares, dask="parallelized", keep_attrs=True)
    return result.rename("d").assign_attrs(long_name="resolution d", units="Å")


def _spacing(inv_d2: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        result: NDArray[np.float64] = 1 / np.sqrt(inv_d2)
    return result
