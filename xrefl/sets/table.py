"""The values of one column in all sets, as one table."""

from __future__ import annotations

import xarray as xr

from xrefl.errors import MissingColumnError
from xrefl.hkl.crystal import merged_index
from xrefl.statistics.columns import Column, number_column

__all__ = ["table"]


def table(ds: xr.Dataset, column: Column, dim: str) -> xr.DataArray:
    """Return a column of real numbers as (set, reflection), without coordinates of reflections.

    Raises
    ------
    NotMergedError
        These are observations.
    MissingColumnError
        There is no such column.
    ValueError
        The column is not along sets and reflections, and nothing else.
    TypeError
        It is not of real numbers.
    """
    merged_index(ds)
    if isinstance(column, str) and column not in ds.variables:
        raise MissingColumnError(
            f"no column {column!r}; the columns are {', '.join(map(str, ds.data_vars))}"
        )
    values = number_column(ds, column)
    if set(values.dims) != {dim, "hkl"}:
        called = "the DataArray" if values.name is None else f"the column {values.name!r}"
        raise ValueError(
            f"{called} has the dimensions {values.dims}, where ({dim!r}, 'hkl') are needed: put "
            "data sets side by side with xrefl.concat, and choose one of any further dimension "
            "with .sel"
        )
    return values.transpose(dim, "hkl")
