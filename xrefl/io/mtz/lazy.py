"""Columns of an MTZ table as arrays that are read when they are used."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from xrefl.io.mtz.table import Field, Table

__all__ = ["ColumnArray", "ColumnReader", "PassingReader"]


class ColumnReader:
    """Reads columns of a table, each on its own. Small, picklable and without open files."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def read(self, field: Field, rows: slice) -> NDArray[Any]:
        """Return the given rows of a column."""
        return self.table.read([field], rows)[0]


class PassingReader(ColumnReader):
    """Reads the columns that are used together in one pass over the file.

    Rows are interleaved in the file, so whoever reads one column passes over all of them. The
    first request for a whole column therefore brings along the other ``fields``; each waits
    here until it is asked for and is then given away, so that nothing is held twice. Pickled
    or copied, the reader leaves the waiting columns behind.
    """

    def __init__(self, table: Table, fields: Sequence[Field]) -> None:
        super().__init__(table)
        self._fields = list(fields)
        self._waiting: dict[Field, NDArray[Any]] | None = None
        self._lock = threading.Lock()

    def __getstate__(self) -> tuple[Table, list[Field]]:
        return self.table, self._fields

    def __setstate__(self, state: tuple[Table, list[Field]]) -> None:
        self.__init__(*state)  # type: ignore[misc]

    def read(self, field: Field, rows: slice) -> NDArray[Any]:
        if range(self.table.nrow)[rows] != range(self.table.nrow):
            return super().read(field, rows)
        with self._lock:
            if self._waiting is None:
                columns = self.table.read(self._fields)
                self._waiting = dict(zip(self._fields, columns, strict=True))
            found = self._waiting.pop(field, None)
        return super().read(field, rows) if found is None else found


class ColumnArray(BackendArray):
    """One column, as xarray's lazy indexing wants it."""

    def __init__(self, reader: ColumnReader, field: Field) -> None:
        self._reader = reader
        self._field = field
        self.shape = (reader.table.nrow,)
        self.dtype = np.dtype(field.dtype)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.BASIC, self._read
        )

    def _read(self, key: tuple[Any, ...]) -> Any:
        (rows,) = key
        if isinstance(rows, slice):
            return self._reader.read(self._field, rows)
        row = range(self.shape[0])[rows]
        return self._reader.read(self._field, slice(row, row + 1))[0]
