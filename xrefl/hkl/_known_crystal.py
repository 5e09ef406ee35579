"""The crystal that an index carries, and whether two of them are the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from xrefl.errors import CrystalError, CrystalMismatchError


class KnownCrystal(NamedTuple):
    """Unit cell and space group of reflections, each None where it is not known.

    Plain numbers and text, so that an index pickles small and compares fast.

    Attributes
    ----------
    cell : tuple of 6 float or None
        Lengths in Å, angles in degrees.
    spacegroup : str or None
        Extended Hermann-Mauguin symbol.
    """

    cell: tuple[float, ...] | None = None
    spacegroup: str | None = None

    @classmethod
    def of(cls, cell: Sequence[float] | None, spacegroup: str | None) -> KnownCrystal:
        """Return the crystal with its cell as a tuple of six floats.

        Raises
        ------
        CrystalError
            The cell does not have six parameters.
        """
        if cell is None:
            return cls(None, spacegroup)
        parameters = tuple(float(parameter) for parameter in getattr(cell, "parameters", cell))
        if len(parameters) != 6:
            raise CrystalError(f"a unit cell has 6 parameters, found {len(parameters)}: {cell}")
        return cls(parameters, spacegroup)

    def same_as(self, other: KnownCrystal) -> bool:
        """Tell whether both know the same, cells to 1 %."""
        return (
            (self.cell is None) == (other.cell is None)
            and (self.spacegroup is None) == (other.spacegroup is None)
            and _same_cell(self.cell, other.cell)
            and _same_spacegroup(self.spacegroup, other.spacegroup)
        )

    def combine(self, other: KnownCrystal) -> KnownCrystal:
        """Return this crystal, with what it does not know taken from the other.

        Raises
        ------
        CrystalMismatchError
            The cells differ by more than 1 %, or the space groups differ.
        """
        if not _same_cell(self.cell, other.cell):
            raise _mismatch("unit cells", self.cell, other.cell, "differ by more than 1 %")
        if not _same_spacegroup(self.spacegroup, other.spacegroup):
            raise _mismatch("space groups", self.spacegroup, other.spacegroup, "differ")
        return KnownCrystal(self.cell or other.cell, self.spacegroup or other.spacegroup)


def _same_cell(cell: tuple[float, ...] | None, other: tuple[float, ...] | None) -> bool:
    if cell is None or other is None or cell == other:
        return True
    from xrefl.crystal.cell import UnitCell

    return UnitCell(*cell).is_close(UnitCell(*other), rtol=0.01)


def _same_spacegroup(name: str | None, other: str | None) -> bool:
    if name is None or other is None or name == other:
        return True
    from xrefl.crystal.spacegroup import SpaceGroup

    return SpaceGroup(name) == SpaceGroup(other)


def _mismatch(what: str, first: object, second: object, how: str) -> CrystalMismatchError:
    return CrystalMismatchError(
        f"these reflections are of different crystals: their {what}, {first} and {second}, {how}."
        " Bring both to one setting first, or, if they do belong together, give both the same"
        " crystal: ds.xtal.assign_crystal(...)"
    )
