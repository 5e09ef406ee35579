"""Reflections under the indices of the asymmetric unit."""

from __future__ import annotations

import xarray as xr

from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.hkl.changes import Changes, changed_columns, has_phases
from xrefl.hkl.crystal import is_merged, merged_index, space_group
from xrefl.hkl.index import HKLIndex
from xrefl.hkl.original import (
    kind_of_indices,
    misym_label,
    original_operations,
    to_original_hkl,
    with_indices,
    with_misym,
)
from xrefl.hkl.rebuild import called, rebuilt, require_inequivalent, with_history
from xrefl.hkl.unit import into_unit, observed_in_unit

__all__ = ["to_asu"]


def to_asu(ds: xr.Dataset, *, convention: str = "ccp4") -> xr.Dataset:
    """Return reflections under the indices of the reciprocal asymmetric unit.

    Where the indices of a reflection change, from h to h R or -h R, its columns change with
    them, as their ``attrs["mtz_type"]`` says:

    - phases (P) are shifted by -360° h.t, and change their sign with the sign of the indices;
      those that change lie in -180° < φ <= 180° afterwards;
    - Hendrickson-Lattman coefficients (A, four together) turn with the phase;
    - complex columns are multiplied by exp(-2πi h.t), and conjugated with the sign;
    - F(+) and F(-), I(+) and I(-), E(+) and E(-) and their standard deviations change places
      with the sign of the indices, as do the halves of a dimension ``friedel``, unless the
      reflection is centric;
    - anomalous differences (D) change their sign likewise.

    Parameters
    ----------
    ds : Dataset
        Merged or unmerged reflections; dask-backed columns stay lazy. Of observations the column
        M/ISYM is brought up to date; where there is none, it is added, with the way from the
        indices at hand, so that `to_original_hkl` leads back and mates are not mixed up.
    convention : {"ccp4", "tnt"}
        Whose choice of the unit; that of CCP4 is also that of cctbx.

    Returns
    -------
    Dataset
        Rows keep their order.

    Raises
    ------
    MillerIndexError
        Merged reflections are equivalent to each other.
    CrystalError
        The convention is not known, or the setting of the space group is not tabulated.

    Examples
    --------
    >>> import xarray as xr, xrefl
    >>> index = xrefl.HKLIndex.from_miller([1], [-3], [2], spacegroup="P 1 21 1")
    >>> phase = ("hkl", [50.0], {"mtz_type": "P", "units": "degree"})
    >>> moved = xr.Dataset({"PHI": phase}, index.coordinates()).xtal.to_asu()
    >>> [int(moved[name][0]) for name in "hkl"], moved.PHI.values
    ([1, 3, 2], array([130.]))
    """
    group = space_group(ds)
    into_asu = _merged if is_merged(ds) else _unmerged
    result = into_asu(ds, group, convention)
    line = f"indices brought into the {convention.upper()} asymmetric unit of {called(group)}"
    return with_history(result, line)


def _merged(ds: xr.Dataset, group: SpaceGroup, convention: str) -> xr.Dataset:
    old = merged_index(ds)
    unit = into_unit(old.miller, group, convention, phases=has_phases(ds))
    require_inequivalent(unit.moved.keys, old, unit.moved.hkl)
    index = HKLIndex.from_moved(unit.moved, cell=old.cell, spacegroup=old.spacegroup)
    changes = Changes(xr.Variable("hkl", unit.moved.shift), xr.Variable("hkl", unit.mate))
    coords = index.coordinates({name: ds.variables[name] for name in ("hkl", *"hkl")})
    kept = {
        name: variable
        for name, variable in ds.variables.items()
        if "hkl" in variable.dims and name not in coords
    }
    return rebuilt(ds, "hkl", coords, kept | changed_columns(ds, changes, "hkl"))


def _unmerged(ds: xr.Dataset, group: SpaceGroup, convention: str) -> xr.Dataset:
    operations = original_operations(ds)
    unit = observed_in_unit(ds, group, convention, operations)
    result = ds.assign(changed_columns(ds, Changes(unit.shift, unit.mate), "obs"))
    isym = unit.isym
    if operations is not None and kind_of_indices(ds) == "asu":
        # M/ISYM leads back to the original indices, wherever these observations were
        indices = to_original_hkl(ds[[misym_label(ds)]])
        isym = observed_in_unit(indices, group, convention, operations).isym
    return with_indices(with_misym(result, isym), (unit.h, unit.k, unit.l), "asu")
