"""Shells for statistics whose caller has not given any."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrefl.crystal.cell import UnitCell
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.statistics._tally import tally
from xrefl.statistics.shells import Shells

__all__ = ["default_shells"]


def default_shells(
    cell: UnitCell,
    group: SpaceGroup,
    hkl: Sequence[Any],
    rows: NDArray[np.bool_],
    *,
    each: int,
    fewest: int,
    most: int,
) -> Shells:
    """Return shells with an equal number of unique reflections.

    Parameters
    ----------
    cell : UnitCell
    group : SpaceGroup
    hkl : three ndarray of int, shape (n,)
        Merged or unmerged; absent reflections and 0 0 0 do not count.
    rows : ndarray of bool, shape (n,)
        Which of them count.
    each : int
        About how many reflections a shell shall have.
    fewest, most : int
        How many shells there may be. Reflections that share one resolution may leave fewer.

    Raises
    ------
    MillerIndexError
        There are no reflections.

    Examples
    --------
    >>> cell = UnitCell(10, 10, 10, 90, 90, 90)
    >>> hkl = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [1, 1, 1]]).T
    >>> rows = np.ones(4, bool)
    >>> default_shells(cell, SpaceGroup("P 1"), hkl, rows, each=2, fewest=1, most=9)
    <Shells: 2, 10.00-7.07 Å to 7.07-5.77 Å>
    """
    h, k, l = hkl
    unique = tally(group, h, k, l, rows)
    inv_d2 = cell.inv_d2(unique.hkl())
    count = min(max(round(len(inv_d2) / each), fewest), most, max(len(inv_d2), 1))
    while True:
        try:
            return Shells.from_inv_d2(inv_d2, count, cell=cell)
        except ValueError:
            if count == 1:
                raise
            count = count * 3 // 4
