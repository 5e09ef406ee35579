"""Reflections with two values that a graph compares: observed and calculated."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.errors import FormatError, MillerIndexError
from xrefl.hkl.crystal import reflection_dim
from xrefl.plot._axes import pyplot
from xrefl.statistics.columns import Column, find_column, number_column, on_rows

__all__ = ["Pairs", "compared"]

_INTENSITIES = ("J", "K")


class Pairs(NamedTuple):
    """Reflections that have both values."""

    ds: xr.Dataset
    """Columns ``obs`` and ``calc`` (float64), of complex numbers the absolute values."""
    obs: str
    """What the first column is called."""
    calc: str
    """And the second."""

    @property
    def x(self) -> NDArray[np.float64]:
        """Calculated values."""
        values: NDArray[np.float64] = self.ds["calc"].values
        return values

    @property
    def y(self) -> NDArray[np.float64]:
        """Observed values."""
        values: NDArray[np.float64] = self.ds["obs"].values
        return values


def compared(ds: xr.Dataset, obs: Column, calc: Column, flags: xr.DataArray | None = None) -> Pairs:
    """Return reflections that have two values, of what can be compared. All are computed.

    Parameters
    ----------
    ds : Dataset
    obs, calc : str or DataArray
    flags : DataArray, optional
        What becomes the column ``free``, float64.

    Raises
    ------
    MillerIndexError
        No reflection has both.
    FormatError
        One is of intensities and the other is not, or is of several values for each reflection.
    XreflError
        Matplotlib, which is to draw them, is not installed.
    MissingColumnError, TypeError, ValueError, CrystalMismatchError
        As `xrefl.statistics.agreement.r_factor`.
    """
    pyplot()
    dim = reflection_dim(ds)
    found = [find_column(ds, column) for column in (obs, calc)]
    names = [_called(one, default) for one, default in zip(found, ("obs", "calc"), strict=True)]
    if len({one.attrs.get("mtz_type") in _INTENSITIES for one in found}) == 2:
        raise FormatError(
            f"{names[0]} and {names[1]} cannot be compared: one is of intensities (mtz_type J or "
            "K), and the other is not"
        )
    for one, name in zip(found, names, strict=True):
        if one.ndim > 1:
            raise FormatError(
                f"{name} has the dimensions {one.dims}; choose one column along {dim}, with .sel "
                "or .isel"
            )
    real = [abs(one) if one.dtype.kind == "c" else one for one in found]
    columns = {
        key: number_column(ds, one).astype(np.float64).variable
        for key, one in zip(("obs", "calc"), real, strict=True)
    }
    if flags is not None:
        columns["free"] = on_rows(ds, flags).variable
    both = ds.drop_vars(list(ds.data_vars)).assign(columns).compute()
    known = np.isfinite(both["obs"].values) & np.isfinite(both["calc"].values)
    if not known.any():
        raise MillerIndexError(
            f"none of {known.size} reflections has values of both {names[0]} and {names[1]}"
        )
    return Pairs(both.isel({dim: np.flatnonzero(known)}), *names)


def _called(column: xr.DataArray, default: str) -> str:
    name = str(default if column.name is None else column.name)
    return f"|{name}|" if column.dtype.kind == "c" else name
