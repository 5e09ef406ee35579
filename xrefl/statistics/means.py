"""Means of columns in groups of reflections."""

from __future__ import annotations

import xarray as xr

from xrefl.hkl.find import require_sigma
from xrefl.statistics.columns import Column, number_column
from xrefl.statistics.groups import By
from xrefl.statistics.sums import group_means

__all__ = ["i_over_sigma", "mean"]


def mean(
    ds: xr.Dataset, column: Column, *, by: By = None, weights: Column | None = None
) -> xr.DataArray:
    """Return the mean of a column, over all reflections or in groups.

    Parameters
    ----------
    ds : Dataset
        Merged or unmerged reflections.
    column : str or DataArray
        Real numbers along the reflections; other dimensions stay. NaN does not count. A
        DataArray of merged reflections is aligned by Miller index.
    by : Shells, str, DataArray, or a sequence of these, optional
        See `xrefl.statistics.groups.grouping`.
    weights : str or DataArray, optional
        The mean is Σ w x / Σ w. Reflections with a weight that is not positive and finite do not
        count.

    Returns
    -------
    DataArray, float64
        One value for each group, NaN where there is none; called as the column, and lazy if the
        column is.

    Raises
    ------
    MissingColumnError
        There is no such column.
    TypeError
        A column is not of real numbers.
    ValueError
        A column is not along the reflections, or groups are not known.
    CrystalMismatchError
        A DataArray or shells are of another crystal.

    Examples
    --------
    >>> import xrefl
    >>> ds = xrefl.tutorial.open("5wkd")
    >>> shells = ds.xtal.shells(4, method="dstar3")
    >>> ds.xtal.mean(ds.FP / ds.SIGFP, by=shells).values.round(4)
    array([17.4511, 14.2762, 11.4807,  9.4713])
    """
    result = group_means(ds, column, by=by, weights=weights)["mean"]
    of = ds[column] if isinstance(column, str) else column
    units = {"units": of.attrs["units"]} if "units" in of.attrs else {}
    return result.rename(of.name).assign_attrs(long_name="mean", **units)


def i_over_sigma(
    ds: xr.Dataset, intensity: Column, sigma: Column, *, by: By = None
) -> xr.DataArray:
    """Return the mean of I/σ(I), over all reflections or in groups.

    It is the mean of the ratios of the reflections, not the ratio of the means.

    Parameters
    ----------
    ds : Dataset
        Merged or unmerged reflections.
    intensity, sigma : str or DataArray
        Intensities (or amplitudes) and their standard deviations. Reflections do not count if
        either is NaN, or if σ is not positive.
    by : Shells, str, DataArray, or a sequence of these, optional
        See `xrefl.statistics.groups.grouping`.

    Returns
    -------
    DataArray, float64
        One value for each group, NaN where there is none; lazy if the columns are.

    Raises
    ------
    MissingColumnError, TypeError, ValueError, CrystalMismatchError
        As `mean`.

    Examples
    --------
    >>> import xrefl
    >>> round(float(xrefl.tutorial.open("5e5z").xtal.i_over_sigma("I", "SIGI")), 3)
    16.698
    """
    value, error = (number_column(ds, column) for column in (intensity, sigma))
    require_sigma(value, error)
    value, error = value.astype(float), error.astype(float)
    result = group_means(ds, value / error.where(error > 0), by=by)["mean"]
    return result.rename("i_over_sigma").assign_attrs(long_name="mean of I/σ(I)")
