"""What rows are sorted by: the reflection they belong to, or first its resolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from xrefl.crystal.asu import to_asu
from xrefl.crystal.cell import UnitCell
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.hkl.packing import pack
from xrefl.hkl.rows import sorting_order

__all__ = ["Order", "Sort"]

Sort: TypeAlias = Literal["hkl", "resolution"]

# With as many shells, h, k and l still compress well within each.
_SHELLS = 256
_SHELL_BITS, _KEY_BITS = 8, 63


class Order:
    """The order of rows: by shell of resolution if there are limits, then by h, k and l.

    Parameters
    ----------
    group : SpaceGroup or None
        Indices are compared as they are in the CCP4 asymmetric unit of this group; None for those
        that are in one already.
    cell : UnitCell or None
        None for an order without shells.
    """

    def __init__(self, group: SpaceGroup | None, cell: UnitCell | None) -> None:
        self._group = group
        self._cell = cell
        self._limits: NDArray[np.float64] | None = None

    @property
    def needs_sample(self) -> bool:
        """Whether the shells are still to be chosen."""
        return self._cell is not None and self._limits is None

    def choose_shells(self, hkl: Sequence[NDArray[np.int32]]) -> None:
        """Choose shells with as many rows each as those of a sample."""
        assert self._cell is not None
        inv_d2 = np.sort(self._cell.inv_d2((hkl[0], hkl[1], hkl[2])))
        places = np.arange(1, _SHELLS) * len(inv_d2) // _SHELLS
        self._limits = np.unique(inv_d2[places]) if len(inv_d2) else np.empty(0)

    def codes(self, hkl: Sequence[NDArray[Any]]) -> NDArray[np.int64]:
        """Return numbers that never decrease from row to row in this order."""
        columns = self._in_asu(hkl)
        code = pack(*columns)
        shells = self._shells(columns)
        if shells is not None:
            code >>= _SHELL_BITS
            code |= shells << (_KEY_BITS - _SHELL_BITS)
        return code

    def order(self, hkl: Sequence[NDArray[Any]]) -> NDArray[np.intp] | None:
        """Return the order of rows, in which equal ones stay as they are; None if it is that."""
        columns = self._in_asu(hkl)
        shells = self._shells(columns)
        return sorting_order(columns if shells is None else [shells, *columns])

    def _in_asu(self, hkl: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        if self._group is None or not len(hkl[0]):
            return list(hkl)
        moved, _ = to_asu((hkl[0], hkl[1], hkl[2]), self._group)
        return list(moved.T)

    def _shells(self, hkl: Sequence[NDArray[Any]]) -> NDArray[np.int64] | None:
        if self._cell is None:
            return None
        assert self._limits is not None  # choose_shells was called
        inv_d2 = self._cell.inv_d2((hkl[0], hkl[1], hkl[2]))
        return np.searchsorted(self._limits, inv_d2, side="left").astype(np.int64)
