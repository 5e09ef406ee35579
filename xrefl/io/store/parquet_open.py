"""Open a Parquet file of reflections as a lazy Dataset."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray.core import indexing

from xrefl.errors import FormatError
from xrefl.io.chunks import chunked, preferred
from xrefl.io.lazy import ColumnArray, ColumnReader
from xrefl.io.store.open import assembled
from xrefl.io.store.parquet_notes import KEY, from_json, pyarrow

__all__ = ["open_parquet"]


def open_parquet(
    path: str | os.PathLike[str],
    *,
    chunks: int | Mapping[str, int] | str | None = None,
) -> xr.Dataset:
    """Open a Parquet file that ``ds.xtal.to_parquet`` has written.

    Parameters
    ----------
    path : path
        The file.
    chunks : int, dict, "auto" or None
        As in `xrefl.open_mtz`: None gives columns that become NumPy arrays when they are used,
        ``{}`` dask arrays of 1,048,576 rows, one group of the file.

    Returns
    -------
    Dataset
        The one that was written, with all attributes.

    Raises
    ------
    FormatError
        It is no Parquet file, or was not written by xrefl, or by a newer version.

    Examples
    --------
    >>> import tempfile, pathlib, xrefl
    >>> ds = xrefl.tutorial.open("5e5z").load()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "5e5z.parquet")
    ...     ds.xtal.to_parquet(path)
    ...     copy = xrefl.open_parquet(path).load()
    >>> copy.identical(ds)
    True
    """
    table, notes = _opened(Path(path).expanduser().absolute())
    dim = notes["dim"]
    columns = [one for one in notes["variables"] if one["name"] not in notes["small"]]
    fields = {one["name"]: _Field(one["name"], one["dtype"]) for one in columns}
    reader = ColumnReader(table, list(fields.values()))
    variables = dict(notes["small"])
    for one in columns:
        data: Any = indexing.LazilyIndexedArray(ColumnArray(reader, fields[one["name"]]))
        if chunks is None:
            data = indexing.MemoryCachedArray(data)  # type: ignore[no-untyped-call]
        variables[one["name"]] = xr.Variable((dim,), data, one["attrs"], preferred(dim))
    ds = assembled(variables, notes, notes["attrs"])
    return ds if chunks is None else chunked(ds, chunks)


@dataclass(frozen=True, slots=True)
class _Field:
    """A column: its name and type."""

    name: str
    dtype: str


@dataclass(frozen=True, slots=True)
class _Table:
    """The rows of a Parquet file, read by groups; picklable, without open files."""

    path: str
    state: tuple[int, int]
    edges: tuple[int, ...]
    row_bytes: int

    @property
    def nrow(self) -> int:
        return self.edges[-1]

    def read(self, fields: Sequence[_Field], rows: slice = slice(None)) -> Sequence[NDArray[Any]]:
        """Return columns for a stretch of rows; its step, if it has one, is positive."""
        if _state(Path(self.path)) != self.state:
            raise FormatError(
                f"{self.path}: the file has changed since it was opened; open it again to read "
                "the new content"
            )
        selected = range(self.nrow)[rows]
        if not len(selected):
            return [np.empty(0, field.dtype) for field in fields]
        low, high = selected[0], selected[-1] + 1
        first = int(np.searchsorted(self.edges, low, side="right")) - 1
        last = int(np.searchsorted(self.edges, high, side="left"))
        pa = pyarrow()
        try:
            with pa.parquet.ParquetFile(self.path, page_checksum_verification=True) as file:
                names = [field.name for field in fields]
                table = file.read_row_groups(list(range(first, last)), columns=names)
        except (pa.ArrowException, OSError) as error:
            raise FormatError(f"{self.path}: the file is damaged: {error}") from None
        within = slice(low - self.edges[first], high - self.edges[first], selected.step)
        return [
            table.column(field.name).to_numpy().astype(field.dtype, copy=False)[within]
            for field in fields
        ]


def _state(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _opened(path: Path) -> tuple[_Table, dict[str, Any]]:
    pa = pyarrow()
    state = _state(path)
    try:
        with pa.parquet.ParquetFile(path) as file:
            metadata = file.metadata
            names = set(file.schema_arrow.names)
            notes = from_json((file.schema_arrow.metadata or {}).get(KEY), str(path))
    except (pa.ArrowException, OSError) as error:
        raise FormatError(f"{path} is no Parquet file, or damaged: {error}") from None
    counts = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    edges = tuple(np.cumsum([0, *counts]).tolist())
    for one in notes["variables"]:
        if one["name"] not in notes["small"] and one["name"] not in names:
            raise FormatError(f"{path}: the column {one['name']!r} is not there; write it again")
    if edges[-1] != notes["rows"]:
        raise FormatError(f"{path} has {edges[-1]} rows, but should have {notes['rows']}")
    width = sum(np.dtype(one["dtype"]).itemsize for one in notes["variables"]
                if one["name"] not in notes["small"])  # fmt: skip
    return _Table(str(path), state, edges, width), notes
