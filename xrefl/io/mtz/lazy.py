"""Columns of an MTZ table as arrays that are read when they are used."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from xrefl.errors import FormatError
from xrefl.io.mtz.table import Field, Table

__all__ = ["ColumnArray", "ColumnReader"]

_SMALL = 2**26  # bytes: read in some 20 ms
_LARGE = 2**30


class ColumnReader:
    """Reads columns, and tries to pass over the file only once for those used together.

    Rows are interleaved in the file, so whoever reads one column passes over all of them. In a
    small table the first column that is asked for whole therefore brings along the others; in a
    larger one the second does, which is how `Dataset.load` asks. Each waits here until it is
    asked for and is then given away, so that nothing is held twice. In a very large table, and
    for parts of columns, each is read on its own.

    Parameters
    ----------
    table : Table
        Where the rows are.
    fields : sequence of Field
        The columns that may be asked for.

    Notes
    -----
    A reader is picklable and has no open files. Pickled or copied, it leaves waiting columns
    behind.
    """

    def __init__(self, table: Table, fields: Sequence[Field]) -> None:
        self.table = table
        self._fields = list(fields)
        self._waiting: dict[Field, NDArray[Any]] | None = None
        self._lock = threading.Lock()
        size = table.nrow * table.ncol * 4
        self._alone = 0 if size <= _SMALL else 1 if size <= _LARGE else sys.maxsize

    def __getstate__(self) -> tuple[Table, list[Field]]:
        return self.table, self._fields

    def __setstate__(self, state: tuple[Table, list[Field]]) -> None:
        self.__init__(*state)  # type: ignore[misc]

    def read(self, field: Field, rows: slice) -> NDArray[Any]:
        """Return the given rows of a column."""
        if range(self.table.nrow)[rows] == range(self.table.nrow):
            with self._lock:
                found = self._together(field)
            if found is not None:
                return found
        return self.table.read([field], rows)[0]

    def _together(self, field: Field) -> NDArray[Any] | None:
        """Return a whole column that has come along with others, None if it has not."""
        if self._waiting is None:
            if self._alone > 0:
                self._alone -= 1
                self._fields = [other for other in self._fields if other != field]
                return None
            try:
                columns = self.table.read(self._fields)
            except FormatError:  # perhaps in a column that nobody has asked for
                self._alone = sys.maxsize
                return None
            self._waiting = dict(zip(self._fields, columns, strict=True))
        return self._waiting.pop(field, None)


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
