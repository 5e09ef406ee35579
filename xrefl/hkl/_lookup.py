"""Finding the rows of reflections by their packed Miller indices."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from xrefl.hkl.packing import increasing


class Lookup:
    """A table that tells in which row each packed key is.

    Keys that increase from row to row are their own table; other keys are sorted once. Either
    way the table never changes after it is made, so threads may share it.

    Parameters
    ----------
    keys : (n,) ndarray of int64

    Attributes
    ----------
    increasing : bool
        Each key is greater than the one before it.
    unique : bool
        No key occurs twice.
    """

    def __init__(self, keys: npt.NDArray[np.int64]) -> None:
        self.increasing = increasing(keys)
        self._order = None if self.increasing else np.argsort(keys, kind="stable")
        self._sorted = keys if self._order is None else keys[self._order]
        self.unique = self.increasing or increasing(self._sorted)

    def positions(self, keys: npt.NDArray[np.int64]) -> npt.NDArray[np.intp]:
        """Return the row of each key, -1 where there is none (of repeated keys, the first)."""
        if self._sorted.size == 0:
            return np.full(keys.shape, -1, np.intp)
        if keys.size > 1 and not increasing(keys):
            # A binary search for keys in ascending order stays in the cache: sorting pays.
            order = np.argsort(keys)
            rows = np.empty(keys.shape, np.intp)
            rows[order] = self._search(keys[order])
            return rows
        return self._search(keys)

    def _search(self, keys: npt.NDArray[np.int64]) -> npt.NDArray[np.intp]:
        places = np.searchsorted(self._sorted, keys)
        found = self._sorted.take(places, mode="clip") == keys
        if self._order is not None:
            places = self._order.take(places, mode="clip")
        return np.where(found, places, -1)
