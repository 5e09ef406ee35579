"""Moments of normalized structure factors."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from xrefl.hkl import reflections
from xrefl.statistics.columns import Column, number_column
from xrefl.statistics.groups import By, grouping
from xrefl.statistics.intensity import where_present
from xrefl.statistics.sums import group_means

__all__ = ["moments"]

_KINDS = np.array(["acentric", "centric"])


def moments(ds: xr.Dataset, e: Column, *, by: By = None, squared: bool = False) -> xr.Dataset:
    """Return the moments of E of acentric and of centric reflections.

    They tell whether intensities are distributed as Wilson (1949, Acta Cryst. 2, 318) expects:

    ==========================  ========  =======  ================
    moment                      acentric  centric  acentric, twins
    ==========================  ========  =======  ================
    ``mean_e``: <E>             0.886     0.798    0.940
    ``second``: <E²>            1         1        1
    ``fourth``: <E⁴>            2         3        1.5
    ``mean_abs_e2_minus_1``     0.736     0.968    0.541
    ==========================  ========  =======  ================

    The last column is for perfect twins by merohedry (Stanley, 1972, J. Appl. Cryst. 5, 191).
    Absent reflections, 0 0 0 and missing values do not count. Where weak intensities are negative
    and E is missing, moments of E are biased; those of E² are not.

    Parameters
    ----------
    ds : Dataset
        Reflections, merged or unmerged.
    e : str or DataArray
        E, as `normalize` gives it; further dimensions stay.
    by : Shells, str, DataArray, or a sequence of these, optional
        See `xrefl.statistics.groups.grouping`.
    squared : bool
        Whether ``e`` holds E², and ``mean_e`` is to be that of its roots where it is not negative.

    Returns
    -------
    Dataset
        The moments, and ``n``, the number of reflections; along the groups and ``centric``,
        "acentric" and "centric". NaN where there are no reflections. Dask-backed data stay lazy.

    Raises
    ------
    MissingColumnError
        There is no such column.
    TypeError
        It is not of real numbers.
    ValueError
        Its type says that it does not hold E.

    Examples
    --------
    >>> import xrefl
    >>> ds = xrefl.tutorial.open("5e5z")
    >>> ds.xtal.moments(ds.xtal.normalize("FP")).fourth.to_series().round(1)
    centric
    acentric    2.4
    centric     4.0
    Name: fourth, dtype: float64
    """
    column = number_column(ds, e)
    kind = column.attrs.get("mtz_type", "")
    # a DataArray is what its owner says: arithmetic keeps the type of what it was made of
    if isinstance(e, str) and kind not in ("", "R" if squared else "E"):
        raise ValueError(
            f"{column.name!r} does not hold E: its mtz_type is {kind!r}; make E-values with "
            ".xtal.normalize, or set attrs['mtz_type'] = 'E'"
        )
    values = where_present(ds, column.astype(np.float64))
    e2 = values if squared else values * values
    e1 = values
    if squared:
        e1 = xr.apply_ufunc(np.sqrt, values.where(values >= 0), dask="allowed")
    keys: list[Any] = list(by) if isinstance(by, list | tuple) else [] if by is None else [by]
    groups = grouping(ds, [*keys, reflections.centric(ds)])
    result = {
        name: group_means(ds, values_of, by=groups)["mean"].assign_attrs(long_name=label)
        for name, values_of, label in (
            ("mean_e", e1, "<E>"),
            ("second", e2, "<E²>"),
            ("fourth", e2 * e2, "<E⁴>"),
            ("mean_abs_e2_minus_1", abs(e2 - 1), "<|E² - 1|>"),
        )
    }
    n = group_means(ds, e2, by=groups)["n"].assign_attrs(long_name="number of reflections")
    return xr.Dataset({"n": n, **result}).assign_coords(centric=_KINDS)
