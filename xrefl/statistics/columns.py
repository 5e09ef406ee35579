"""Columns that a statistic is asked for: found by name, checked, and put on the same rows."""

from __future__ import annotations

from typing import TypeAlias

import xarray as xr

from xrefl.errors import MillerIndexError, MissingColumnError
from xrefl.hkl.crystal import reflection_dim

__all__ = ["Column", "find_column", "number_column", "on_rows"]

Column: TypeAlias = str | xr.DataArray
"""A column: its name in the Dataset, or a DataArray along the same reflections."""


def find_column(ds: xr.Dataset, column: Column) -> xr.DataArray:
    """Return a column along the reflections.

    Parameters
    ----------
    ds : Dataset
        Merged or unmerged reflections.
    column : str or DataArray
        A DataArray need not have the same rows.

    Raises
    ------
    MissingColumnError
        There is no such column.
    ValueError
        It is not along the reflections.
    TypeError
        It is neither a name nor a DataArray.
    """
    dim = reflection_dim(ds)
    if isinstance(column, str):
        if column not in ds.variables:
            raise MissingColumnError(
                f"no column {column!r}; the columns are {', '.join(map(str, ds.data_vars))}"
            )
        column = ds[column]
    elif not isinstance(column, xr.DataArray):
        raise TypeError(
            f"a column is a name or a DataArray, not {type(column).__name__}; an array becomes one "
            f"by xr.DataArray(array, dims={dim!r})"
        )
    if dim not in column.dims:
        raise ValueError(
            f"{_called(column)} has the dimensions {column.dims}, not that of the reflections, "
            f"{dim!r}"
        )
    return column


def number_column(ds: xr.Dataset, column: Column) -> xr.DataArray:
    """Return a column of numbers on the rows of a Dataset, without its coordinates along them.

    Reflections that a DataArray does not have are NaN, those that it has besides are left out.

    Parameters
    ----------
    ds : Dataset
        Merged or unmerged reflections.
    column : str or DataArray

    Raises
    ------
    TypeError
        The column is not of real numbers.
    MissingColumnError, ValueError
        As `find_column`.
    CrystalMismatchError
        A DataArray has its reflections from another crystal.
    """
    found = find_column(ds, column)
    if found.dtype.kind not in "fiub":
        raise TypeError(
            f"{_called(found)} has values of type {found.dtype}, where real numbers are needed"
        )
    if not _same_rows(ds, found) and found.dtype.kind != "f":
        found = found.astype(float)
    return on_rows(ds, found)


def on_rows(ds: xr.Dataset, column: xr.DataArray, fill_value: float | None = None) -> xr.DataArray:
    """Return a column on the rows of a Dataset, without its coordinates along them.

    Raises
    ------
    MillerIndexError
        Observations are of another number than those of the Dataset.
    CrystalMismatchError
        Merged reflections are from another crystal.
    """
    dim = reflection_dim(ds)
    if not _same_rows(ds, column):
        missing = {} if fill_value is None else {"fill_value": fill_value}
        column = column.reindex_like(ds[dim], **missing)  # type: ignore[arg-type]
    if column.sizes[dim] != ds.sizes[dim]:
        raise MillerIndexError(
            f"{_called(column)} has {column.sizes[dim]} rows, but there are {ds.sizes[dim]} "
            f"reflections along {dim!r}: take it from the same Dataset"
        )
    return column.drop_vars([name for name, coord in column.coords.items() if dim in coord.dims])


def _same_rows(ds: xr.Dataset, column: xr.DataArray) -> bool:
    dim = reflection_dim(ds)
    ours, theirs = ds.xindexes.get(dim), column.xindexes.get(dim)
    return ours is None or theirs is None or ours is theirs or ours.equals(theirs)


def _called(column: xr.DataArray) -> str:
    return "the DataArray" if column.name is None else f"the column {column.name!r}"
