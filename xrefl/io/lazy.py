"""Columns of a table of rows as arrays that are read when they are used."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np
import xarray as xr
from numpy.typing import DTypeLike, NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from xrefl.errors import FormatError

__all__ = ["ColumnArray", "ColumnReader", "FloatRows", "RowTable", "TableRows", "table_rows"]

# Bytes of the rows: up to the first, whole tables are read in some 60 ms.
_SMALL = 2**28
_LARGE = 2**30
_FEW_ROWS = 1024
_STRETCHES = 4


class AnyField(Protocol):
    """What a table calls one of its columns; hashable."""

    @property
    def dtype(self) -> DTypeLike:
        """Type of the array."""


Field = TypeVar("Field", bound=AnyField)


AskedFor = TypeVar("AskedFor", bound=AnyField, contravariant=True)


class RowTable(Protocol[AskedFor]):
    """A table of a file, picklable and without open files."""

    @property
    def nrow(self) -> int:
        """Number of rows."""

    @property
    def row_bytes(self) -> int:
        """Bytes of a row in the file, on average."""

    def read(self, fields: Sequence[AskedFor], rows: slice = ...) -> Sequence[NDArray[Any]]:
        """Return the columns, read in one pass over the rows."""


class ColumnReader(Generic[Field]):
    """Reads columns, and tries to pass over rows only once for columns used together.

    Rows are interleaved in the file, so whoever reads one column passes over all of them. When
    a second column is asked for over the same rows, as `Dataset.load`, a computation or a writer
    does, the others come along: each waits here until it is asked for and is then given away,
    so that nothing is held twice. In small tables already the first brings the others. Columns
    wait for a few stretches of rows at a time, and never if they are very large.

    Parameters
    ----------
    table : RowTable
        Where the rows are.
    fields : sequence of Field
        The columns that may be asked for.

    Notes
    -----
    A reader is picklable and has no open files. A copy reads each column on its own, since
    another process asks it for one.
    """

    def __init__(self, table: RowTable[Field], fields: Sequence[Field]) -> None:
        self.table = table
        self._fields = frozenset(fields)
        self._alone = False
        self._stretches: dict[range, _Stretch[Field]] = {}
        self._lock = threading.Lock()

    def __getstate__(self) -> tuple[RowTable[Field], frozenset[Field]]:
        return self.table, self._fields

    def __setstate__(self, state: tuple[RowTable[Field], frozenset[Field]]) -> None:
        self.__init__(state[0], tuple(state[1]))  # type: ignore[misc]
        self._alone = True

    def read(self, field: Field, rows: slice) -> NDArray[Any]:
        """Return the given rows of a column."""
        found = None if self._alone else self._together(field, rows)
        return self.table.read([field], rows)[0] if found is None else found

    def _together(self, field: Field, rows: slice) -> NDArray[Any] | None:
        """Return a column that has come along with others, None if it has not."""
        selected = range(self.table.nrow)[rows]
        size = len(selected) * self.table.row_bytes
        if size > _LARGE or len(selected) < _FEW_ROWS:
            return None
        at_once = len(selected) == self.table.nrow and size <= _SMALL
        with self._lock:
            stretch = self._stretches.setdefault(selected, _Stretch())
            while len(self._stretches) > _STRETCHES:
                del self._stretches[next(iter(self._stretches))]
        with stretch.lock:
            if field in stretch.waiting:
                return stretch.waiting.pop(field)
            others = self._fields - stretch.asked - {field}
            bring = bool(others) and (at_once or bool(stretch.asked - {field}))
            stretch.asked.add(field)
            if not bring:
                return None
            try:
                columns = self.table.read([field, *others], rows)
            except FormatError:  # perhaps in a column that nobody will ask for
                self._alone = True
                return None
            stretch.asked |= others
            stretch.waiting = dict(zip(others, columns[1:], strict=True))
            return columns[0]


class _Stretch(Generic[Field]):
    """Which columns of a stretch of rows were asked for, and which wait to be."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.asked: set[Field] = set()
        self.waiting: dict[Field, NDArray[Any]] = {}


class ColumnArray(BackendArray):
    """One column, as xarray's lazy indexing wants it."""

    def __init__(self, reader: ColumnReader[Any], field: AnyField) -> None:
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


@runtime_checkable
class FloatTable(Protocol):
    """A table of a file whose rows are numbers of single precision, as in MTZ files."""

    ncol: int
    missing: float

    def floats(self, start: int, buffer: NDArray[np.float32]) -> None:
        """Read rows as they are."""


class FloatRows(NamedTuple):
    """Rows of such a table, and where in them columns are."""

    table: FloatTable
    positions: dict[str, int]
    first: int
    """The row of the table that counts as the first."""

    def read(self, start: int, buffer: NDArray[np.float32]) -> None:
        """Read rows as they are, all their columns."""
        self.table.floats(self.first + start, buffer)


class TableRows:
    """Columns of a table of a file that have not been read, to be read together.

    Picklable and without open files, whatever the process.
    """

    def __init__(self, table: RowTable[Any], fields: Mapping[str, AnyField], start: int) -> None:
        self._table = table
        self._fields = dict(fields)
        self._start = start

    def read(self, start: int, stop: int) -> dict[str, NDArray[Any]]:
        """Return rows of each column, read in one pass."""
        rows = slice(self._start + start, self._start + stop)
        columns = self._table.read(list(self._fields.values()), rows)
        return dict(zip(self._fields, columns, strict=True))

    @property
    def floats(self) -> FloatRows | None:
        """The rows as they are, if they are in the file as numbers of single precision."""
        if not isinstance(self._table, FloatTable):
            return None
        positions = {name: field.position for name, field in self._fields.items()}  # type: ignore[attr-defined]
        return FloatRows(self._table, positions, self._start)


def table_rows(columns: xr.Dataset) -> TableRows | None:
    """Return what reads all columns of a Dataset in one pass.

    None unless they are consecutive rows of one table of a file, none of them in memory yet.
    xarray has no public way to what a lazy variable will read, so its wrappers are taken off.
    """
    found: dict[str, ColumnArray] = {}
    starts: set[int] = set()
    for name, variable in columns.variables.items():
        data: Any = variable._data
        while not isinstance(data, ColumnArray):
            if isinstance(data, indexing.LazilyIndexedArray):
                key = data.key.tuple
                if len(key) != 1 or not isinstance(key[0], slice) or key[0].step not in (None, 1):
                    return None
                starts.add(key[0].start or 0)
            data = getattr(data, "array", None)
            if data is None:
                return None
        found[str(name)] = data
    if len({id(column._reader.table) for column in found.values()}) != 1 or len(starts) != 1:
        return None
    fields = {name: column._field for name, column in found.items()}
    return TableRows(next(iter(found.values()))._reader.table, fields, starts.pop())
