"""Observations that are sorted by reflection, as those of most files are.

Where stretches end between reflections, each has all observations of its own: sums, means and
deviations from them are calculated at once, in blocks of rows that stay in the cache, and
observations are read only once.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from xrefl._memory import empty
from xrefl.crystal.cell import UnitCell
from xrefl.crystal.miller import LIMIT
from xrefl.crystal.reflections import centric_matrices
from xrefl.merging.blocks import Block, Blocks
from xrefl.merging.codes import firsts
from xrefl.merging.grouping import EXCLUDED, Recipe
from xrefl.merging.in_shells import Located, located
from xrefl.merging.passes import Observations, compute, first_pass
from xrefl.merging.source import Rows
from xrefl.merging.table import Pieces, Table, Totals, empty_table

__all__ = ["InOrder", "first_sums", "pass_in_order"]

_BLOCK = 2**15
# Fewer reflections than this are copied, so that the large pages that they began are free.
_FEW = 2**16
# Whether rows are sorted shows in the first few.
_FIRST_BLOCK = 2**11


# Getting new memory for each stretch takes longer than what is done in it.
_KEPT = threading.local()


class InOrder(NamedTuple):
    """What is found of observations whose reflections ascend."""

    apart: Pieces
    """Sums over the observations of each unique reflection, mates apart."""
    table: Pieces
    """The same with mates together, where that is asked for; else ``apart``."""
    deviations: list[NDArray[np.float64]]
    """Σ|I - <I>| of the reflections of each piece of ``table``, shape (m, 2)."""
    where: Located
    """Where the unique reflections are, mates as one."""
    excluded: NDArray[np.int64]
    """How many observations do not count, by the reasons `EXCLUDED`."""

    @property
    def totals(self) -> Totals:
        """What merging needs of this."""
        return Totals(self.table, self.excluded, ~self.where.allowed)


class _Part(NamedTuple):
    """What is found in one stretch."""

    apart: Table
    table: Table
    deviations: NDArray[np.float64]
    where: Located
    excluded: NDArray[np.int64]


def pass_in_order(
    observations: Observations, together: bool, cell: UnitCell | None
) -> InOrder | None:
    """Go over observations once, or return None if they are not sorted by reflection.

    Parameters
    ----------
    observations : Observations
    together : bool
        Whether Friedel mates are merged.
    cell : UnitCell or None
        Tells where reflections are.
    """
    begin = [stretch.first for stretch in observations.stretches]
    if observations.error_model is not None or None in begin or begin != sorted(set(begin)):  # type: ignore[type-var]
        return None
    parts: list[_Part | None] = list(
        compute(observations, *observations.grouped(_Task(together, cell)))
    )
    known = [part for part in parts if part is not None]
    filled = [part for part in known if len(part.apart.codes)]
    within = pairwise((part.apart.codes[0], part.apart.codes[-1]) for part in filled)
    if len(known) < len(parts) or any(a[1] >> 1 >= b[0] >> 1 for a, b in within):
        return None
    apart = Pieces(tuple(part.apart for part in filled))
    return InOrder(
        apart,
        Pieces(tuple(part.table for part in filled)) if together else apart,
        [part.deviations for part in filled],
        Located(*map(np.concatenate, zip(*(part.where for part in known), strict=True))),
        np.sum([part.excluded for part in known], axis=0),
    )


def first_sums(observations: Observations, together: bool) -> Totals:
    """Return the sums over the observations of each unique reflection, sorted or not.

    Friedel mates may be ``together``, or not.
    """
    in_order = pass_in_order(observations, together, None)
    if in_order is not None:
        return in_order.totals
    (sums,) = compute(observations, first_pass(observations.passes(1)[0]))
    return Totals(*sums)


@dataclass(frozen=True)
class _Task:
    """Sums up the observations of a stretch, if they are sorted; else returns None."""

    together: bool
    cell: UnitCell | None

    def __call__(self, columns: Rows, recipe: Recipe, rejected: NDArray[np.int64]) -> _Part | None:
        nrow = len(columns)
        sums, blocks = _Sums(recipe, nrow, self.together), Blocks(columns, recipe, rejected)
        start, size = 0, _FIRST_BLOCK
        while start < nrow:
            block = blocks.read(start, min(start + size, nrow))
            if block is None or not sums.add(block):
                return None
            start += len(block.keys)
            size = _BLOCK if len(block.keys) else 4 * size
        return sums.part(self.cell)


class _Sums:
    """Sums to which blocks of rows are added, reflections ascending."""

    def __init__(self, recipe: Recipe, nrow: int, together: bool) -> None:
        self._together = together
        self._group = recipe.group
        self._matrices = np.empty((0, 3, 3))
        if len(recipe.group.primitive_operations) > 1:
            self._matrices = centric_matrices(recipe.group.primitive_rotations)
        # as many reflections as rows; memory that is not written to costs nothing
        self._apart = empty_table(nrow + 1)
        self._both = empty_table(nrow if together else 0)
        self._deviations = empty(2 * nrow + 2, np.float64).reshape(-1, 2)
        self._excluded = np.zeros(len(EXCLUDED), np.int64)
        self._last, self._size = -1, (0, 0)

    def add(self, block: Block) -> bool:
        """Add rows, or return False if their reflections do not ascend."""
        from xrefl.merging import _order_kernels

        nrow = len(block.keys)
        self._excluded += block.excluded
        runs, keys, apart, weights, slots, about = _Scratch.of(nrow)
        runs = runs[:nrow]
        count = _order_kernels.number_runs(
            block.keys, block.use, self._matrices, LIMIT, runs, keys, apart
        )
        if count == 0:
            return True
        if count < 0 or keys[0] <= self._last:
            return False
        self._last = int(keys[count - 1])
        _order_kernels.sum_runs(
            *block[1:5], runs, count, apart, self._together, weights, slots, about
        )
        one, both = self._size
        self._size = _order_kernels.write_runs(
            keys, count, slots, about, one, *self._apart, self._together, both, *self._both,
            self._deviations,
        )  # fmt: skip
        return True

    def part(self, cell: UnitCell | None) -> _Part:
        """Return what was found."""
        one, both = self._size
        apart = self._cut(self._apart, one)
        table = self._cut(self._both, both) if self._together else apart
        codes = table.codes if self._together else apart.codes[firsts(apart.codes)] & ~1
        where = located(codes, cell, self._group)
        deviations = self._deviations[: len(table.codes)]
        if len(deviations) < _FEW:
            deviations = deviations.copy()
        return _Part(apart, table, deviations, where, self._excluded)

    def _cut(self, table: Table, count: int) -> Table:
        """Return the rows that were written; few of them without the memory behind them."""
        found = table.select(slice(count))
        if count >= _FEW:
            return found
        return Table(found.codes.copy(), found.n.copy(), found.sums.copy())


class _Scratch(NamedTuple):
    """Memory for one block, used again for the next of the same thread."""

    runs: NDArray[np.int32]
    keys: NDArray[np.int64]
    apart: NDArray[np.bool_]
    weights: NDArray[np.float64]
    slots: NDArray[np.float64]
    about: NDArray[np.float64]

    @classmethod
    def of(cls, nrow: int) -> Self:
        """Return memory for so many rows at least."""
        scratch = getattr(_KEPT, "scratch", None)
        if scratch is None or nrow > len(scratch.runs):
            scratch = cls(
                np.empty(nrow, np.int32),
                np.empty(nrow, np.int64),
                np.empty(nrow, np.bool_),
                np.empty(nrow),
                np.empty((2 * nrow, 8)),
                np.empty((2 * nrow, 4)),
            )
            if nrow <= _BLOCK:
                _KEPT.scratch = scratch
        return scratch
