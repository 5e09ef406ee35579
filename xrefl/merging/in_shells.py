"""Which shells unique reflections are in, and how many reflections each shell could have."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrefl.crystal.cell import MARGIN, UnitCell
from xrefl.crystal.generate import miller_indices
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalError, CrystalMismatchError, MillerIndexError
from xrefl.merging import codes as coding
from xrefl.statistics.shells import Shells

__all__ = ["InShells", "Located", "as_shells", "assigned", "in_shells", "located", "possible"]

# Limits of resolution are moved outward by this fraction of 1/d², so that the outermost
# reflections are within them whatever the rounding.
_MARGIN = 1e-9


class InShells(NamedTuple):
    """Shells, and which of them each unique reflection is in."""

    shells: Shells | None
    """None, all reflections together, if there is no cell."""
    codes: NDArray[np.int64]
    """Unique reflections (`xrefl.merging.codes`), shape (m,), ascending."""
    number: NDArray[np.int32]
    """Number of the shell, -1 for systematic absences and 0 0 0; shape (m,)."""
    inv_d2: NDArray[np.float64]
    """1/d² in Å⁻², shape (m,); NaN if there is no cell."""

    @property
    def size(self) -> int:
        """Number of shells."""
        return 1 if self.shells is None else len(self.shells)

    @property
    def limits(self) -> tuple[float, float]:
        """Limits of 1/d² in Å⁻²: what is above the first and not above the second is within."""
        if self.shells is None:
            return -np.inf, np.inf
        return self.shells.min_inv_d2 * (1 - _MARGIN), self.shells.max_inv_d2 * (1 + _MARGIN)


def as_shells(shells: Shells | int | None, cell: UnitCell | None) -> Shells | int:
    """Check what shells are asked for, before there are reflections.

    Raises
    ------
    TypeError
        Neither shells, nor a number of them, nor None, which is one shell.
    ValueError
        The number is less than 1.
    CrystalMismatchError
        The shells are of another crystal.
    """
    if shells is None:
        return 1
    if isinstance(shells, Shells):
        if shells.cell and cell and not shells.cell.is_close(cell):
            raise CrystalMismatchError(
                f"the shells were made with the unit cell {shells.cell.parameters}, but the "
                f"observations have {cell.parameters}; give their number, shells=20"
            )
        return shells
    if isinstance(shells, bool) or not isinstance(shells, int | np.integer):
        raise TypeError(
            f"shells are a number of them, or the result of ds.xtal.shells, not "
            f"{type(shells).__name__}"
        )
    if shells < 1:
        raise ValueError(f"the number of shells must be at least 1, not {shells}")
    return int(shells)


class Located(NamedTuple):
    """Where unique reflections are in reciprocal space."""

    codes: NDArray[np.int64]
    """Unique reflections (`xrefl.merging.codes`), shape (m,), ascending."""
    allowed: NDArray[np.bool_]
    """Whether they are neither systematically absent nor 0 0 0; shape (m,)."""
    inv_d2: NDArray[np.float64]
    """1/d² in Å⁻², shape (m,); NaN if there is no cell."""


def located(codes: NDArray[np.int64], cell: UnitCell | None, group: SpaceGroup) -> Located:
    """Return where unique reflections are; codes ascend."""
    hkl = coding.indices(codes)
    allowed = ~group.absent(hkl)
    allowed[coding.at_origin(codes)] = False
    inv_d2 = np.full(len(codes), np.nan) if cell is None else cell.inv_d2(hkl)
    return Located(codes, allowed, inv_d2)


def in_shells(
    codes: NDArray[np.int64], shells: Shells | int, cell: UnitCell | None, group: SpaceGroup
) -> InShells:
    """Assign unique reflections to shells.

    Parameters
    ----------
    codes : ndarray of int64, shape (m,)
        Unique reflections (`xrefl.merging.codes`), ascending.
    shells : Shells or int
        A number of shells is of equal volume in reciprocal space, between the limits of these
        reflections.
    cell : UnitCell or None
        Without one there are no shells.
    group : SpaceGroup
        Which reflections are absent.

    Raises
    ------
    MillerIndexError
        All reflections are absent.
    ValueError
        There are too few reflections for so many shells.
    """
    return assigned(located(codes, cell, group), shells, cell, group)


def assigned(
    where: Located, shells: Shells | int, cell: UnitCell | None, group: SpaceGroup
) -> InShells:
    """Assign reflections whose places are known to shells; all as for `in_shells`."""
    codes, allowed, inv_d2 = where
    if not allowed.any():
        raise MillerIndexError(
            f"all {len(codes)} reflections are systematically absent in {group.name}; check the "
            "space group, spacegroup=..."
        )
    if cell is None:
        number = np.where(allowed, np.int32(0), np.int32(-1))
        return InShells(None, codes, number, inv_d2)
    if not isinstance(shells, Shells):
        once = allowed & coding.firsts(codes)  # mates are one reflection
        there = inv_d2 if once.all() else inv_d2[once]
        shells = Shells.from_inv_d2(there, shells, method="dstar3", cell=cell)
    number = shells.assign_inv_d2(inv_d2)
    number[~allowed] = -1
    return InShells(shells, codes, number, inv_d2)


def possible(
    found: InShells, cell: UnitCell, group: SpaceGroup
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count possible reflections in each shell, within the outer limits.

    Parameters
    ----------
    found : InShells
        Has shells.
    cell : UnitCell
    group : SpaceGroup

    Returns
    -------
    reflections, pairs : ndarray of int64, shape (shells,)
        All reflections of the asymmetric unit, and the acentric ones, which are Friedel pairs.

    Raises
    ------
    CrystalError
        They are too many.
    """
    assert found.shells is not None
    # the margin of miller_indices is there already
    dmax, dmin = (((1 + MARGIN) / limit) ** 0.5 for limit in found.limits)
    try:
        h, k, l = miller_indices(cell, group, dmin, dmax).T
    except CrystalError as error:
        raise CrystalError(
            f"a cell of {cell.parameters} has too many reflections to {dmin:.3g} Å to tell how "
            "complete these are; is the cell wrong, or a Miller index? Leave such observations out "
            "first, ds.xtal.sel_resolution(dmin=...)"
        ) from error
    number = found.shells.assign_inv_d2(cell.inv_d2((h, k, l)))
    centric = np.bincount(number[group.centric((h, k, l))], minlength=found.size)
    reflections = np.bincount(number, minlength=found.size)
    return reflections, reflections - centric
