"""Reflections in order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.errors import MissingColumnError, XreflError
from xrefl.hkl.crystal import is_merged, merged_index, reflection_dim
from xrefl.hkl.rebuild import rebuilt, with_history
from xrefl.hkl.rows import sorting_order, take_rows

__all__ = ["sort_hkl", "with_rows"]


def sort_hkl(ds: xr.Dataset, *, by: int | str | Sequence[str] = ("h", "k", "l")) -> xr.Dataset:
    """Return reflections sorted by h, then k, then l, or by other columns.

    Rows that are equal in all of them keep their order; missing values come last.

    Parameters
    ----------
    ds : Dataset
        Merged or unmerged reflections. The columns to sort by are computed if they are
        dask-backed; all others stay lazy.
    by : sequence of str, str, or int, optional
        Names of columns, the first of which counts most, or how many of the columns of the
        file, h, k, l and then the variables in their order: 5 sorts observations of an MTZ file
        by h, k, l, M/ISYM and BATCH.

    Returns
    -------
    Dataset
        The same reflections.

    Raises
    ------
    MissingColumnError
        There is no such column, or there are not as many.
    ValueError
        A column has further dimensions.

    Examples
    --------
    >>> import xrefl
    >>> ds = xrefl.tutorial.open("5wkd")
    >>> ds.xtal.sort_hkl(by=["FREE", "FP"]).FP.values[:3]
    array([10.514603, 14.084509, 15.99513 ], dtype=float32)
    """
    dim = reflection_dim(ds)
    names = _names(ds, dim, by)
    order = sorting_order([ds[name].values for name in names])
    if order is None:
        return ds.copy()
    return with_history(with_rows(ds, order), f"sorted by {', '.join(names)}")


def with_rows(ds: xr.Dataset, rows: NDArray[np.intp]) -> xr.Dataset:
    """Return the rows listed, each at most once; the same as ``ds.isel``, on threads."""
    dim = reflection_dim(ds)
    coords = xr.Coordinates()
    if is_merged(ds):
        index = merged_index(ds).isel({"hkl": rows})
        assert index is not None
        coords = index.coordinates({name: ds.variables[name] for name in ("hkl", *"hkl")})
    variables = {n: v for n, v in ds.variables.items() if dim in v.dims and n not in coords}
    return rebuilt(ds, dim, coords, take_rows(variables, dim, rows))


def _names(ds: xr.Dataset, dim: str, by: int | str | Sequence[str]) -> list[str]:
    columns = [*"hkl", *(str(name) for name, one in ds.data_vars.items() if one.dims == (dim,))]
    if isinstance(by, int | np.integer):
        if not 1 <= by <= len(columns):
            raise MissingColumnError(
                f"by={by} asks for the first {by} columns, but there are {len(columns)}: "
                f"{', '.join(columns)}"
            )
        return columns[:by]
    names = [by] if isinstance(by, str | xr.DataArray) else list(by)
    known = {*columns, *(str(name) for name, one in ds.coords.items() if one.dims == (dim,))}
    for name in names:
        if not isinstance(name, str):
            raise TypeError(
                f"columns to sort by are named, as 'FP', not given as {type(name).__name__}; "
                ".assign it to the Dataset first"
            )
        if name in ds.variables and name not in known:
            raise ValueError(
                f"{name!r} has the dimensions {ds[name].dims}, but reflections are sorted by one "
                f"value for each row ({dim!r}); select from it first"
            )
        if name not in known:
            raise MissingColumnError(
                f"no column {name!r} to sort by; the columns are {', '.join(columns)}"
            )
    if not names:
        raise XreflError("nothing to sort by: name a column, or leave `by` out to sort by h, k, l")
    return names
