"""The crystal of a model."""

from __future__ import annotations

from collections.abc import Sequence

import xarray as xr

from xrefl.crystal.cell import UnitCell
from xrefl.crystal.sites import site_symmetry_order
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.hkl import crystal

__all__ = ["assign_crystal"]

_SMALL = "CIF"  # attrs["source_format"] of models whose occupancies are not divided


def assign_crystal(
    obj: xr.Dataset,
    *,
    cell: UnitCell | Sequence[float] | None = None,
    spacegroup: SpaceGroup | str | int | None = None,
) -> xr.Dataset:
    """Return the same reflections or atoms with another unit cell or space group.

    Of reflections attrs and index change together, and so do the cells of all data sets. Miller
    indices stay as they are, so this is not a change to another setting.

    Atoms stay where they are, in Å. Their ``site_symmetry_order`` is found anew, and with it the
    ``occupancy_divisor`` of a small molecule.

    Parameters
    ----------
    obj : Dataset
        Reflections with coordinates h, k and l, of which merged ones get an index where they have
        none, or an atomic model.
    cell : UnitCell or six numbers, optional
        Å and degrees; by default it stays.
    spacegroup : SpaceGroup, name or number, optional
        By default it stays.

    Raises
    ------
    CrystalError
        There is no such cell or space group.
    CrystalMismatchError
        Observations have a column M/ISYM that does not fit the new group.

    Warns
    -----
    CrystalWarning
        The cell does not have the symmetry of the group, to 1 % and 1 degree.

    Examples
    --------
    >>> import xrefl
    >>> ds = xrefl.tutorial.open("5e5z")
    >>> ds.xtal.assign_crystal(spacegroup="P 1 2 1").attrs["spacegroup"]
    'P 1 2 1'
    >>> model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    >>> model = model.xtal.assign_crystal(spacegroup="P 1")
    >>> int(model.site_symmetry_order.max())
    1
    """
    if "atom" not in obj.dims:
        return crystal.assign_crystal(obj, cell=cell, spacegroup=spacegroup)
    result = crystal.with_crystal_in_attrs(obj, cell, spacegroup)
    if "xyz" not in obj.variables or not {"cell", "spacegroup"} <= result.attrs.keys():
        return result
    known = crystal.crystal(result)
    xyz = obj["xyz"].transpose("atom", ...).values
    order = ("atom", site_symmetry_order(xyz, *known))
    changed = {"site_symmetry_order": order}
    if obj.attrs.get("source_format") == _SMALL:
        changed["occupancy_divisor"] = order
    return result.assign(
        {
            name: obj[name].copy(data=values[1]) if name in obj.variables else values
            for name, values in changed.items()
        }
    )
