"""Blocks of rows, small enough to stay in the cache, with what is merged of them."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from xrefl.crystal.asu import conditions
from xrefl.crystal.miller import LIMIT
from xrefl.errors import XreflError
from xrefl.hkl.packing import pack
from xrefl.io.lazy import FloatRows
from xrefl.merging.grouping import EXCLUDED, Recipe, prepare
from xrefl.merging.source import Rows

__all__ = ["Block", "Blocks"]

_NAMES = ("h", "k", "l", "misym", "intensity", "sigma")
# Rows in which the last run is looked for first.
_TAIL = 128


class Block(NamedTuple):
    """Rows with packed indices in the asymmetric unit."""

    keys: NDArray[np.int64]
    minus: NDArray[np.bool_]
    """Whether the mate was observed; of centric reflections, it does not matter."""
    intensity: NDArray[np.floating]
    sigma: NDArray[np.floating]
    use: NDArray[np.bool_]
    """Whether the row counts."""
    excluded: NDArray[np.int64]
    """Number of rows that do not count, for each reason in `EXCLUDED`."""

    @classmethod
    def empty(cls, nrow: int) -> Self:
        """Return memory for a block of numbers of single precision."""
        return cls(
            np.empty(nrow, np.int64),
            np.empty(nrow, np.bool_),
            np.empty(nrow, np.float32),
            np.empty(nrow, np.float32),
            np.empty(nrow, np.bool_),
            np.empty(len(EXCLUDED), np.int64),
        )

    def first(self, nrow: int) -> Block:
        """Return the first rows, and the counts as they are."""
        return Block(
            self.keys[:nrow],
            self.minus[:nrow],
            self.intensity[:nrow],
            self.sigma[:nrow],
            self.use[:nrow],
            self.excluded,
        )


class Blocks:
    """Reads the rows of a stretch block by block, none of which ends within a reflection.

    Parameters
    ----------
    columns : Rows
    recipe : Recipe
    rejected : ndarray of int
        Rows that do not count, ascending.
    """

    def __init__(self, columns: Rows, recipe: Recipe, rejected: NDArray[np.int64]) -> None:
        self._columns = columns
        self._recipe = recipe
        self._rejected = rejected
        self._floats = columns.floats
        if recipe.operations is None or not recipe.in_unit or recipe.batches is not None:
            self._floats = None
        if self._floats is not None:
            self._at = np.array([self._floats.positions[name] for name in _NAMES])
            self._conditions = conditions(recipe.group).astype(np.float32)
            self._table = np.empty((0, self._floats.table.ncol), np.float32)
            self._block = Block.empty(0)

    def read(self, start: int, stop: int) -> Block | None:
        """Read a block that begins with a row, and ends before another at the latest.

        It is empty if all its rows are of one reflection, and there are more rows. What it holds
        is overwritten by the next. None if there is something that is an error.
        """
        block = None if self._floats is None else self._taken(self._floats, start, stop)
        return self._prepared(start, stop) if block is None else block

    def _taken(self, floats: FloatRows, start: int, stop: int) -> Block | None:
        """Take a block from the file as it is, or return None if there is something special."""
        from xrefl.merging import _order_kernels

        if stop - start > len(self._table):
            self._table = np.empty((stop - start, floats.table.ncol), np.float32)
            self._block = Block.empty(stop - start)
        table = self._table[: stop - start]
        floats.read(start, table)
        if stop < len(self._columns):
            table = table[: _whole_runs(tuple(table[:, at] for at in self._at[:3]))]
        count = len(table)
        block = self._block.first(count)
        rejected = self._rejected_in(start, start + count)
        block.use[:] = True
        block.use[rejected] = False
        block.excluded[:] = 0
        block.excluded[EXCLUDED.index("rejected")] = len(rejected)
        assert self._recipe.operations is not None
        plain = _order_kernels.take_rows(
            table,
            self._at,
            np.float32(floats.table.missing),
            LIMIT,
            2 * len(self._recipe.operations),
            self._conditions,
            *block[:5],
            block.excluded,
        )
        return block if plain else None

    def _prepared(self, start: int, stop: int) -> Block | None:
        columns = self._columns.read(start, stop)
        if stop < len(self._columns):
            count = _whole_runs(tuple(columns[name] for name in "hkl"))
            columns = {name: column[:count] for name, column in columns.items()}
        count = len(columns["h"])
        try:
            rows = prepare(columns, self._recipe, self._rejected_in(start, start + count))
        except XreflError:  # whose message should be about all rows
            return None
        keys = pack(rows.h, rows.k, rows.l)
        return Block(keys, rows.minus, rows.intensity, rows.sigma, rows.use, rows.excluded)

    def _rejected_in(self, start: int, stop: int) -> NDArray[np.int64]:
        first, last = np.searchsorted(self._rejected, [start, stop])
        return self._rejected[first:last] - start


def _whole_runs(hkl: tuple[NDArray[np.number], ...]) -> int:
    """Return how many rows there are before the last run of equal indices."""
    nrow = len(hkl[0])
    for first in (max(nrow - _TAIL, 0), 0):
        h, k, l = (index[first:] for index in hkl)
        other = (h != h[-1]) | (k != k[-1]) | (l != l[-1])
        if other.any():
            return nrow - int(np.argmax(other[::-1]))
    return 0
