"""The crystal of reflections, grids and maps."""

from __future__ import annotations

from collections.abc import Sequence

import xarray as xr

from xrefl.crystal.cell import UnitCell
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.fourier.layout import is_grid, is_map
from xrefl.hkl import crystal

__all__ = ["assign_crystal"]


def assign_crystal(
    obj: xr.DataArray,
    *,
    cell: UnitCell | Sequence[float] | None = None,
    spacegroup: SpaceGroup | str | int | None = None,
) -> xr.DataArray:
    """Return the same reflections, grid or map with another unit cell or space group.

    Values and indices stay as they are, so this is not a change to another setting.

    Parameters
    ----------
    obj : DataArray
        A column of reflections, a reciprocal grid or a map.
    cell : UnitCell or six numbers, optional
        Å and degrees; by default it stays.
    spacegroup : SpaceGroup, name or number, optional
        By default it stays.

    Raises
    ------
    CrystalError
        There is no such cell or space group.

    Warns
    -----
    CrystalWarning
        The cell does not have the symmetry of the group, to 1 % and 1 degree.

    See Also
    --------
    xrefl.hkl.crystal.assign_crystal : of a Dataset.

    Examples
    --------
    >>> import xrefl
    >>> rho = xrefl.tutorial.open("5wkd").xtal.to_map("FWT", "PHWT")
    >>> rho.xtal.assign_crystal(spacegroup="P 1").xtal.spacegroup
    SpaceGroup("P 1")
    """
    if not is_grid(obj) and not is_map(obj):
        return crystal.assign_crystal(obj, cell=cell, spacegroup=spacegroup)
    return crystal.with_crystal_in_attrs(obj, cell, spacegroup)
