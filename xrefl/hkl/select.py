"""Some of the reflections."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import xarray as xr

from xrefl.crystal.cell import MARGIN
from xrefl.errors import MillerIndexError
from xrefl.hkl.crystal import reflection_dim
from xrefl.hkl.rebuild import with_history
from xrefl.hkl.reflections import absent, inv_d2, resolution

__all__ = ["drop_absent", "sel_resolution"]

Data = TypeVar("Data", xr.Dataset, xr.DataArray)


def drop_absent(obj: Data) -> Data:
    """Return the reflections that are not systematically absent.

    Parameters
    ----------
    obj : Dataset or DataArray
        Merged or unmerged reflections. Columns stay lazy; the indices of dask-backed
        observations are computed, since how many remain must be known.

    Examples
    --------
    >>> import xrefl
    >>> ds = xrefl.tutorial.open("5e5z").xtal.assign_crystal(spacegroup="P 1 n 1")
    >>> ds.sizes["hkl"], ds.xtal.drop_absent().sizes["hkl"]
    (441, 390)
    """
    forbidden = absent(obj).values
    if not forbidden.any():
        return obj.copy()
    result = _rows(obj, ~forbidden)
    count = np.count_nonzero(forbidden)
    return with_history(result, f"{count:,} systematically absent reflections dropped")


def sel_resolution(obj: Data, *, dmin: float | None = None, dmax: float | None = None) -> Data:
    """Return the reflections in a range of resolution, dmin <= d < dmax.

    As in `xrefl.miller_indices`, shells that share a limit share no reflection; 1/d² has a margin
    of 1e-9, so that a reflection counts at its own d.

    Parameters
    ----------
    obj : Dataset or DataArray
        Merged or unmerged reflections. Columns stay lazy; the indices of dask-backed
        observations are computed, since how many remain must be known.
    dmin, dmax : float, optional
        High and low resolution limit in Å; by default there is none.

    Raises
    ------
    MillerIndexError
        There are no such reflections.

    Examples
    --------
    >>> import xrefl
    >>> ds = xrefl.tutorial.open("5e5z")
    >>> ds.xtal.sel_resolution(dmin=2.0).xtal.resolution
    (18.66504580..., 2.00071...)
    """
    low = 0.0 if dmax is None else _limit("dmax", dmax)
    high = np.inf if dmin is None else _limit("dmin", dmin)
    if dmin is not None and dmax is not None and not dmax > dmin:
        raise MillerIndexError(f"dmax={dmax} must be greater than dmin={dmin} (Å)")
    values = inv_d2(obj).values
    chosen = (values <= high) & ((values > low) if dmax is not None else True)
    if not chosen.any():
        limits = resolution(obj)
        raise MillerIndexError(
            f"no reflections with {_range(dmin, dmax)}; the data go from {limits[0]:.2f} to "
            f"{limits[1]:.2f} Å"
        )
    result = obj.copy() if chosen.all() else _rows(obj, chosen)
    return with_history(result, f"reflections with {_range(dmin, dmax)} selected")


def _range(dmin: float | None, dmax: float | None) -> str:
    low = "" if dmax is None else f"d < {dmax} Å"
    high = "" if dmin is None else f"d >= {dmin} Å"
    return " and ".join(filter(None, [low, high])) or "any d"


def _limit(name: str, d: float) -> float:
    if not d > 0:
        raise MillerIndexError(f"{name} must be a positive number of Å, found {d!r}")
    return (1 + MARGIN) / (float(d) * float(d))


def _rows(obj: Data, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Data:
    return obj.isel({reflection_dim(obj): np.flatnonzero(chosen)})
