"""The values of one column in all sets, as one table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import xarray as xr

from xrefl.errors import MissingColumnError
from xrefl.hkl.crystal import merged_index
from xrefl.statistics.columns import Column, number_column

__all__ = ["in_one_chunk", "table"]


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
            "data sets side by side with xrefl.concat, name their dimension with dim=, and choose "
            "one of any further dimension with .sel"
        )
    return values.transpose(dim, "hkl")


def in_one_chunk(columns: Iterable[xr.Variable | xr.DataArray]) -> list[Any]:
    """Return columns that are lazy as one chunk each, so that a function gets them whole.

    Without reflections there is nothing to wait for: they are no longer lazy then.
    """
    return [_whole(one) for one in columns]


def _whole(column: Any) -> Any:
    if column.chunks is None:
        return column
    if not column.size:
        return column.copy(data=np.empty(column.shape, column.dtype))
    return column.chunk(dict.fromkeys(column.dims, -1))
