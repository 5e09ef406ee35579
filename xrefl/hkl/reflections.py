"""Quantities that follow from the Miller indices and the crystal alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import numpy as np
import xarray as xr
from numpy.typing import DTypeLike

from xrefl.errors import MillerIndexError
from xrefl.hkl.crystal import reflection_dim, space_group, unit_cell

__all__ = ["absent", "centric", "d", "epsilon", "inv_d2", "resolution"]

Known = TypeVar("Known")


def inv_d2(obj: xr.Dataset | xr.DataArray) -> xr.DataArray:
    """Return 1/d² of each reflection, in Å⁻² (float64).

    1/d² = h G* h^T with G* the metric of the reciprocal cell (International Tables for
    Crystallography, volume B, section 1.1).

    Examples
    --------
    >>> import xrefl
    >>> ds = xrefl.tutorial.open("5e5z")
    >>> ds.xtal.inv_d2().values[:3].round(8)
    array([0.27128571, 0.26887162, 0.27219833])
    """
    cell = _checked(obj, unit_cell)
    attrs = {"long_name": "1/d²", "units": "Å⁻²"}
    return _for_each(obj, cell.inv_d2, "inv_d2", np.float64, attrs)


def d(obj: xr.Dataset | xr.DataArray) -> xr.DataArray:
    """Return the spacing d of each reflection, in Å (float64; infinite for 0 0 0).

    Examples
    --------
    >>> import xrefl
    >>> ds = xrefl.tutorial.open("5e5z")
    >>> ds.xtal.d().values[:3].round(8)
    array([1.91993507, 1.92853496, 1.91671381])
    """
    cell = _checked(obj, unit_cell)
    attrs = {"long_name": "resolution d", "units": "Å"}
    return _for_each(obj, cell.d, "d", np.float64, attrs)


def resolution(obj: xr.Dataset | xr.DataArray) -> tuple[float, float]:
    """Return the low and the high resolution limit of the reflections, in Å.

    Raises
    ------
    MillerIndexError
        There are no reflections but 0 0 0, which has no resolution.

    Examples
    --------
    >>> import xrefl
    >>> xrefl.tutorial.open("5e5z").xtal.resolution
    (18.66504580..., 1.66396457...)
    """
    values = inv_d2(obj)
    if values.size:
        limits = xr.Dataset({"low": values.where(values > 0).min(), "high": values.max()}).compute()
        if limits["high"] > 0:
            return spacing(float(limits["low"])), spacing(float(limits["high"]))
    raise MillerIndexError("there are no reflections, so there is no resolution range")


def spacing(inv_d2: float) -> float:
    """Return d (Å) for one value of 1/d² (Å⁻²)."""
    return math.sqrt(1 / inv_d2) if inv_d2 > 0 else math.inf


def centric(obj: xr.Dataset | xr.DataArray) -> xr.DataArray:
    """Tell which reflections are centric: some operation maps them to their Friedel mate.

    Examples
    --------
    >>> import xrefl
    >>> int(xrefl.tutorial.open("5e5z").xtal.centric().sum())
    100
    """
    group = _checked(obj, space_group)
    return _for_each(obj, group.centric, "centric", np.bool_, {"long_name": "centric"})


def epsilon(obj: xr.Dataset | xr.DataArray, *, centering: bool = True) -> xr.DataArray:
    """Return the factor ε of each reflection: how many operations leave its indices unchanged.

    The expected intensity is ε times that of a general reflection (International Tables for
    Crystallography, volume B, section 2.1).

    Parameters
    ----------
    obj : Dataset or DataArray
        Reflections.
    centering : bool
        Whether lattice centring counts: in a C-centred group all factors are then even.

    Examples
    --------
    >>> import xrefl
    >>> int(xrefl.tutorial.open("5e5z").xtal.epsilon().sel(hkl=(0, 2, 0)))
    2
    """
    group = _checked(obj, space_group)

    function = partial(group.epsilon, centering=centering)
    return _for_each(obj, function, "epsilon", np.int32, {"long_name": "epsilon factor"})


def absent(obj: xr.Dataset | xr.DataArray) -> xr.DataArray:
    """Tell which reflections are systematically absent: translations of the group forbid them.

    Examples
    --------
    >>> import xrefl
    >>> bool(xrefl.tutorial.open("5e5z").xtal.absent().any())
    False
    """
    group = _checked(obj, space_group)
    attrs = {"long_name": "systematically absent"}
    return _for_each(obj, group.absent, "absent", np.bool_, attrs)


def _checked(obj: xr.Dataset | xr.DataArray, known: Callable[[Any], Known]) -> Known:
    reflection_dim(obj)  # what has no Miller indices is told so, not that it has no crystal
    return known(obj)


def _for_each(
    obj: xr.Dataset | xr.DataArray,
    function: Callable[[Any], Any],
    name: str,
    dtype: DTypeLike,
    attrs: Mapping[str, str],
) -> xr.DataArray:
    """Apply a function of the indices (h, k, l); dask-backed indices stay lazy."""
    result: xr.DataArray = xr.apply_ufunc(
        partial(_call, function),
        *(obj[index] for index in "hkl"),
        dask="parallelized",
        output_dtypes=[dtype],
        keep_attrs=False,
    )
    return result.rename(name).assign_attrs(attrs)


def _call(function: Callable[[Any], Any], *hkl: Any) -> Any:
    return function(hkl)  # a tuple of the three indices
