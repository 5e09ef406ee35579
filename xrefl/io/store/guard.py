"""Columns of a store that notice when it is replaced, or damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from xarray.backends import BackendArray
from xarray.core import indexing

from xrefl.errors import FormatError
from xrefl.io.store.format import GROUP

__all__ = ["GuardedArray", "at_one_moment", "store_state"]

T = TypeVar("T")

_TRIES = 10


def store_state(folder: Path) -> tuple[int, int]:
    """Return what changes when a store is written anew."""
    status = (folder / GROUP / "zarr.json").stat()
    return status.st_ino, status.st_mtime_ns


def at_one_moment(folder: Path, read: Callable[[tuple[int, int]], T]) -> T:
    """Return what is read of a store; if it is replaced meanwhile, read it again.

    Parameters
    ----------
    folder : Path
        The store.
    read : callable
        Takes the state of the store.

    Raises
    ------
    FileNotFoundError
        There is no store any more.
    FormatError
        The store is replaced each time.
    """
    for _ in range(_TRIES):
        state = store_state(folder)
        try:
            found = read(state)
        except Exception:  # parts of two stores may make any
            if store_state(folder) == state:
                raise
        else:
            if store_state(folder) == state:
                return found
    raise FormatError(
        f"the store {folder} was replaced {_TRIES} times while it was opened; wait until nobody "
        "writes to it"
    )


class GuardedArray(BackendArray):
    """A lazy array that reads as long as its store is the one that was opened.

    Parameters
    ----------
    array : lazy array of xarray
    column : Path
        Its folder, in the store.
    axis, rows : int
        Along which axis it has chunks, and of how many rows.
    state : tuple
        What `store_state` said when the store was opened.
    """

    def __init__(
        self, array: Any, column: Path, axis: int, rows: int, state: tuple[int, int]
    ) -> None:
        self._array = array
        self._column = column
        self._axis = axis
        self._rows = rows
        self._state = state
        self.shape = array.shape
        self.dtype = array.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        try:
            same = store_state(self._column.parent) == self._state
        except FileNotFoundError:
            same = False
        if not same:
            raise FormatError(
                f"the store {self._column.parent} has changed since it was opened; open it again "
                "to read the new content"
            )
        try:
            return self._read(key)
        except (ValueError, RuntimeError) as error:  # of codecs, which do not say where
            raise FormatError(
                f"{self._damaged_chunk()} is damaged ({error}); write the store again, or copy it "
                "once more"
            ) from None

    def _read(self, key: indexing.ExplicitIndexer) -> Any:
        part = indexing.LazilyIndexedArray(self._array, key)
        return part.get_duck_array()  # type: ignore[no-untyped-call]

    def _damaged_chunk(self) -> Path:
        """Return the first chunk that cannot be read, or else the column."""
        for number, start in enumerate(range(0, self.shape[self._axis], self._rows)):
            key = [slice(None)] * len(self.shape)
            key[self._axis] = slice(start, start + self._rows)
            place = ["0"] * len(self.shape)
            place[self._axis] = str(number)
            try:
                self._read(indexing.BasicIndexer(tuple(key)))
            except (ValueError, RuntimeError):
                return self._column.joinpath("c", *place)
        return self._column
