"""Columns as dask arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import xarray as xr

__all__ = ["chunked", "preferred"]

_PREFERRED_CHUNK = 2**20
"""Rows of a dask chunk where the caller leaves it to the file: 50 MB of a usual table."""


def preferred(dim: str) -> dict[str, Any]:
    """Return the encoding that tells xarray where to cut a column that is read lazily."""
    return {"preferred_chunks": {dim: _PREFERRED_CHUNK}}


def chunked(ds: xr.Dataset, chunks: int | Mapping[str, int] | str) -> xr.Dataset:
    """Return the Dataset with its columns as dask arrays.

    Left to xarray, the small coordinates of data sets and batches would become dask arrays as
    well, and chunks other than the preferred ones would give a warning that does not apply: a
    table of rows can be cut anywhere at no cost.
    """
    dim = "hkl" if "hkl" in ds.dims else "obs"
    if isinstance(chunks, Mapping) and not chunks.keys() <= {dim}:
        raise ValueError(f"chunks has {list(chunks)}, but the only dimension to cut is {dim!r}")
    rows = chunks.get(dim, _PREFERRED_CHUNK) if isinstance(chunks, Mapping) else chunks
    names = [name for name, column in ds.variables.items() if column.dims == (dim,)]
    chunked = {
        name: ds[name].variable.chunk({dim: rows}) for name in names if name not in ds.xindexes
    }
    return ds.assign_coords({name: chunked.pop(name) for name in "hkl" if name in chunked}).assign(
        chunked
    )
