"""Where observations come from: stretches of rows, read when they are worked on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.io.lazy import TableRows, table_rows

__all__ = ["Rows", "Stretch", "stretches"]

_ROWS = 2**20
# Dask chunks smaller than this are taken together: what is done for each stretch beside its rows
# grows with the number of unique reflections.
_FEW_ROWS = 2**19


class Rows:
    """Rows of columns in memory, or of a file that is read when they are asked for.

    Picklable where the columns are, so that a worker of a cluster reads its own rows.
    """

    def __init__(self, columns: xr.Dataset | TableRows, start: int, stop: int) -> None:
        self._columns = columns
        self._start = start
        self._stop = stop

    def __getstate__(self) -> dict[str, Any]:
        """Leave behind the rows of other stretches that are in memory."""
        if isinstance(self._columns, TableRows):
            return self.__dict__
        part = self._columns.isel(obs=slice(self._start, self._stop))
        return {"_columns": part, "_start": 0, "_stop": self._stop - self._start}

    def read(self) -> dict[str, NDArray[Any]]:
        """Return the values of each column."""
        if isinstance(self._columns, TableRows):
            return self._columns.read(self._start, self._stop)
        part = self._columns.isel(obs=slice(self._start, self._stop))
        return {str(name): column.values for name, column in part.variables.items()}


@dataclass(frozen=True)
class Stretch:
    """A stretch of rows that one task works on.

    Attributes
    ----------
    start, stop : int
        Which rows of the whole.
    columns : object
        `Rows`, or a mapping from names to delayed arrays of dask.
    """

    start: int
    stop: int
    columns: Rows | Mapping[str, Any]


def stretches(columns: xr.Dataset) -> list[Stretch]:
    """Divide columns along ``obs`` into stretches.

    Dask-backed columns are divided where their chunks end; others every 2²⁰ rows, or as many as
    ``xrefl.merging.rows`` says in the configuration of dask.
    """
    import dask

    nrow = columns.sizes["obs"]
    if all(variable.chunks is None for variable in columns.variables.values()):
        edges = [*range(0, nrow, dask.config.get("xrefl.merging.rows", _ROWS)), nrow]
        lazy = table_rows(columns)
        rows = columns if lazy is None else lazy
        return [Stretch(*edge, Rows(rows, *edge)) for edge in pairwise(edges)]
    chunked = columns.reset_coords().chunk().unify_chunks()
    edges = [0]
    for end in np.cumsum(chunked.chunks["obs"]).tolist():
        if end - edges[-1] >= _FEW_ROWS or end == nrow:
            edges.append(end)
    # dask, which would look at each delayed array for each other, joins small chunks beforehand
    sizes = (tuple(np.diff(edges).tolist()),)
    blocks = {
        str(name): column.data.rechunk(sizes, method="tasks").to_delayed()
        for name, column in chunked.data_vars.items()
    }
    return [
        Stretch(*edge, {name: block[i] for name, block in blocks.items()})
        for i, edge in enumerate(pairwise(edges))
    ]


def read(columns: Rows | Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the values of the columns of a stretch whose delayed arrays have been computed."""
    if isinstance(columns, Rows):
        return columns.read()
    return {name: np.asarray(values) for name, values in columns.items()}
