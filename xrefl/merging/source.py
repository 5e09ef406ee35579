"""Where observations come from: stretches of rows, read when they are worked on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.io.lazy import FloatRows, TableRows, table_rows

__all__ = ["Rows", "Stretch", "stretches"]

_ROWS = 2**20
# Dask chunks smaller than this are taken together: what is done for each stretch beside its rows
# grows with the number of unique reflections.
_FEW_ROWS = 2**19
# Rows that are looked at to divide between reflections.
_FEW_NEXT = 512


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

    def __len__(self) -> int:
        return self._stop - self._start

    def part(self, start: int, stop: int) -> Rows:
        """Return some of the rows."""
        return Rows(self._columns, self._start + start, self._start + stop)

    @property
    def floats(self) -> FloatRows | None:
        """The rows as they are in a file of numbers of single precision; None if in no such."""
        found = self._columns.floats if isinstance(self._columns, TableRows) else None
        return None if found is None else found._replace(first=found.first + self._start)

    def read(self, start: int = 0, stop: int | None = None) -> dict[str, NDArray[Any]]:
        """Return the values of each column, of all rows or some of them."""
        first, last = self._start + start, self._stop if stop is None else self._start + stop
        if isinstance(self._columns, TableRows):
            return self._columns.read(first, last)
        part = self._columns.isel(obs=slice(first, last))
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
    first : tuple of int, optional
        Indices of the first row, if that is another reflection than the row before, and if to know
        that takes no computing.
    """

    start: int
    stop: int
    columns: Rows | Mapping[str, Any]
    first: tuple[int, int, int] | None = None


def stretches(columns: xr.Dataset) -> list[Stretch]:
    """Divide columns along ``obs`` into stretches.

    Dask-backed columns are divided where their chunks end; others into equal stretches of at most
    2²⁰ rows, or as many as ``xrefl.merging.rows`` says in the configuration of dask, but not within
    a reflection.
    """
    import dask

    nrow = columns.sizes["obs"]
    if all(variable.chunks is None for variable in columns.variables.values()):
        lazy = table_rows(columns)
        rows = Rows(columns if lazy is None else lazy, 0, nrow)
        most = dask.config.get("xrefl.merging.rows", _ROWS)
        count = -(-nrow // most)
        starts: list[tuple[int, tuple[int, int, int] | None]] = []
        if nrow:
            starts.append((0, _indices(rows.read(0, 1))[0]))
        for row in (i * nrow // count for i in range(1, count)):
            if row <= starts[-1][0]:  # within the reflection before
                continue
            start, first = _next_reflection(rows, row)
            if start < nrow:
                starts.append((start, first))
        stops = [*(row for row, _ in starts[1:]), nrow]
        return [
            Stretch(start, stop, rows.part(start, stop), first)
            for (start, first), stop in zip(starts, stops, strict=True)
        ]
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


def _next_reflection(rows: Rows, row: int) -> tuple[int, tuple[int, int, int] | None]:
    """Return the first row from this one on with other indices than the one before, and these.

    A few rows are looked at; if all are of one reflection, that is the row given, and None. If
    there is no other until the end, it is the row behind the last.
    """
    stop = min(row + _FEW_NEXT, len(rows))
    near = _indices(rows.read(row - 1, stop))
    for i, indices in enumerate(near):
        if indices != near[0]:
            return row - 1 + i, indices
    return stop if stop == len(rows) else row, None


def _indices(columns: Mapping[str, NDArray[Any]]) -> list[tuple[int, int, int]]:
    return list(zip(*(columns[name].tolist() for name in "hkl"), strict=True))
