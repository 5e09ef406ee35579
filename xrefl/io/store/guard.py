"""Columns of a store that notice when it is replaced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from xarray.backends import BackendArray
from xarray.core import indexing

from xrefl.errors import FormatError
from xrefl.io.store.format import GROUP

__all__ = ["GuardedArray", "store_state"]


def store_state(folder: Path) -> tuple[int, int]:
    """Return what changes when a store is written anew."""
    status = (folder / GROUP / "zarr.json").stat()
    return status.st_ino, status.st_mtime_ns


class GuardedArray(BackendArray):
    """A lazy array that reads as long as its store is the one that was opened.

    Parameters
    ----------
    array : lazy array of xarray
    folder : Path
        The store.
    state : tuple
        What `store_state` said when it was opened.
    """

    def __init__(self, array: Any, folder: Path, state: tuple[int, int]) -> None:
        self._array = array
        self._folder = folder
        self._state = state
        self.shape = array.shape
        self.dtype = array.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        try:
            same = store_state(self._folder) == self._state
        except FileNotFoundError:
            same = False
        if not same:
            raise FormatError(
                f"the store {self._folder} has changed since it was opened; open it again to read "
                "the new content"
            )
        part = indexing.LazilyIndexedArray(self._array, key)
        return part.get_duck_array()  # type: ignore[no-untyped-call]
