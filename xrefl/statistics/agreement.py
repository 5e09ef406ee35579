"""How well two columns agree: R factors and correlation."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xrefl.statistics.columns import Column
from xrefl.statistics.groups import By
from xrefl.statistics.sums import moment_arrays, ratio

__all__ = ["correlation", "r_factor"]


# Square of what summing up a block of values may cost in precision.
_ROUNDING = (1024 * np.finfo(np.float64).eps) ** 2
_SPREADS = (("xx", "mean_x"), ("yy", "mean_y"))


def r_factor(
    ds: xr.Dataset, obs: Column, calc: Column, *, by: By = None, riso: bool = False
) -> xr.DataArray:
    """Return the R factor of two columns, over all reflections or in groups.

    R = Σ |obs - calc| / Σ obs. With ``riso`` neither column is the better one, and their mean
    is the denominator: R = Σ |obs - calc| / Σ ½ (obs + calc). Columns are taken as they are:
    bring them to one scale first.

    Parameters
    ----------
    ds : Dataset
        Merged or unmerged reflections.
    obs, calc : str or DataArray
        Amplitudes. Reflections do not count if either is NaN.
    by : Shells, str, DataArray, or a sequence of these, optional
        See `xrefl.statistics.groups.grouping`; with the column of free flags the result has
        the dimension ``free``, "work" and "free".
    riso : bool
        Whether the mean of both is the denominator.

    Returns
    -------
    DataArray, float64
        One value for each group, NaN where there are no reflections; lazy if the columns are.

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
    >>> r = ds.xtal.r_factor("FP", "FC_ALL", by="FREE")
    >>> round(float(r.sel(free="work")), 4), round(float(r.sel(free="free")), 4)
    (0.1946, 0.1643)
    >>> shells = ds.xtal.shells(4, method="dstar3")
    >>> ds.xtal.r_factor("FP", "FC_ALL", by=shells).values.round(4)
    array([0.1574, 0.2036, 0.2125, 0.2511])
    """
    moments = moment_arrays(ds, obs, calc, by=by, second=False)
    observed, calculated = moments.arrays["mean_x"], moments.arrays["mean_y"]
    denominator = 0.5 * (observed + calculated) if riso else observed
    values = ratio(moments.arrays["difference"], denominator)
    name = "R_iso" if riso else "R"
    result = moments.labelled({"r_factor": values})["r_factor"]
    return result.assign_attrs(long_name=f"{name} factor")


def correlation(ds: xr.Dataset, obs: Column, calc: Column, *, by: By = None) -> xr.Dataset:
    """Return Pearson's correlation of two columns, over all reflections or in groups.

    Parameters
    ----------
    ds : Dataset
        Merged or unmerged reflections.
    obs, calc : str or DataArray
        Reflections do not count if either is NaN.
    by : Shells, str, DataArray, or a sequence of these, optional
        See `xrefl.statistics.groups.grouping`.

    Returns
    -------
    Dataset
        ``n`` is the number of pairs (int64), ``cc`` the coefficient of correlation (NaN where a
        column does not vary), ``mean_ratio`` the ratio of means <calc> / <obs>. Lazy if the
        columns are.

    Raises
    ------
    MissingColumnError, TypeError, ValueError, CrystalMismatchError
        As `r_factor`.

    Examples
    --------
    >>> import xrefl
    >>> ds = xrefl.tutorial.open("5wkd")
    >>> shells = ds.xtal.shells(4, method="dstar3")
    >>> ds.xtal.correlation("FP", "FC_ALL", by=shells).cc.values.round(3)
    array([0.968, 0.947, 0.872, 0.895])
    """
    moments = moment_arrays(ds, obs, calc, by=by)
    of = moments.arrays
    # what is left of a constant after its mean is taken away are errors of rounding
    varies = [of[xx] > _ROUNDING * of["n"] * of[mean] ** 2 for xx, mean in _SPREADS]
    spread = np.where(varies[0] & varies[1], np.sqrt(of["xx"]) * np.sqrt(of["yy"]), 0.0)
    cc = np.clip(ratio(of["xy"], spread), -1.0, 1.0)
    ratio_of_means = ratio(of["mean_y"], of["mean_x"])
    result = moments.labelled({"n": of["n"], "cc": cc, "mean_ratio": ratio_of_means})
    result["n"].attrs["long_name"] = "number of reflections"
    result["cc"].attrs["long_name"] = "coefficient of correlation"
    result["mean_ratio"].attrs["long_name"] = "<calc> / <obs>"
    return result
