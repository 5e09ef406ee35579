"""Reflections under the indices of the asymmetric unit."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.crystal.asu import asu_numbers
from xrefl.crystal.miller import as_miller
from xrefl.crystal.moves import Moved, move
from xrefl.crystal.op import Op
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.hkl.changes import Changes, changed_columns, has_phases
from xrefl.hkl.crystal import is_merged, merged_index, space_group
from xrefl.hkl.index import HKLIndex
from xrefl.hkl.original import (
    counted_operations,
    kind_of_indices,
    to_original_hkl,
    whole_misym,
    with_indices,
)
from xrefl.hkl.rebuild import rebuilt, require_inequivalent, with_history

__all__ = ["InUnit", "into_unit", "to_asu"]


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
        M/ISYM is brought up to date.
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
    line = f"indices brought into the {convention.upper()} asymmetric unit of {group.name}"
    return with_history(result, line)


class InUnit(NamedTuple):
    """Reflections in the asymmetric unit.

    Attributes
    ----------
    moved : Moved
        Their indices there, packed, and shifts of the phase.
    isym : ndarray of int32
        Which operation has led there, as in M/ISYM.
    mate : ndarray of bool
        Only the Friedel mate gets there. Centric reflections are never meant: an operation
        brings them to the indices of their mate.
    """

    moved: Moved
    isym: NDArray[np.int32]
    mate: NDArray[np.bool_]


def into_unit(
    hkl: Any,
    group: SpaceGroup,
    convention: str = "ccp4",
    operations: Sequence[Op] | None = None,
    phases: bool = True,
) -> InUnit:
    """Bring Miller indices into the asymmetric unit.

    Parameters
    ----------
    hkl : tuple of three arrays
    group : SpaceGroup
    convention : {"ccp4", "tnt"}
    operations : sequence of Op, optional
        Those that ISYM counts; the primitive ones of the group by default.
    phases : bool
        Whether shifts of the phase are needed; they are 0 if not.

    Examples
    --------
    >>> unit = into_unit(([1], [-3], [2]), SpaceGroup("P 1 21 1"))
    >>> [int(index[0]) for index in unit.moved.hkl], int(unit.isym[0]), bool(unit.mate[0])
    ([1, 3, 2], 4, True)
    """
    columns = as_miller(tuple(hkl))
    operations = group.primitive_operations if operations is None else operations
    isym = asu_numbers(columns, group, convention, operations)
    by = isym
    mate = (isym & 1) == 0
    centric = np.flatnonzero(mate & group.centric(columns)) if mate.any() else mate[:0]
    if centric.size:
        by = isym.copy()
        some = as_miller(tuple(index[centric] for index in columns))
        by[centric] = asu_numbers(some, group, convention, operations, mates=False)
        mate[centric] = False
    moved = move(columns, by, operations, shift=phases)
    if not phases:
        moved = moved._replace(shift=np.broadcast_to(np.int8(0), isym.shape))
    return InUnit(moved, isym, mate)


def _merged(ds: xr.Dataset, group: SpaceGroup, convention: str) -> xr.Dataset:
    old = merged_index(ds)
    unit = into_unit(old.miller, group, convention, phases=has_phases(ds))
    require_inequivalent(unit.moved.keys, old)
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
    label = next((n for n, c in ds.data_vars.items() if c.attrs.get("mtz_type") == "Y"), None)
    phases = has_phases(ds)

    def columns(h: Any, k: Any, l: Any, operations: Sequence[Op] | None) -> tuple[Any, ...]:
        unit = into_unit((h, k, l), group, convention, operations, phases)
        return *unit.moved.hkl, unit.moved.shift, unit.mate, unit.isym

    def brought(one: xr.Dataset, operations: Sequence[Op] | None) -> list[xr.Variable]:
        types = [np.int32] * 3 + [np.int8, np.bool_, np.int32]
        return list(
            xr.apply_ufunc(
                partial(columns, operations=operations),
                *(one.variables[name] for name in "hkl"),
                output_core_dims=[[]] * len(types),
                dask="parallelized",
                output_dtypes=types,
            )
        )

    h, k, l, shift, mate, _ = brought(ds, None)
    result = ds.assign(changed_columns(ds, Changes(shift, mate), "obs"))
    if label is not None:
        # M/ISYM leads back to the original indices, wherever these observations were
        original = ds if kind_of_indices(ds) == "original" else to_original_hkl(ds)
        isym = brought(original, counted_operations(ds))[-1]
        flag = xr.apply_ufunc(
            lambda misym, isym: (whole_misym(misym) & ~np.int32(0xFF)) | isym,
            ds.variables[label],
            isym,
            dask="parallelized",
            output_dtypes=[np.int32],
        )
        result = result.assign({label: (flag.dims, flag.data, ds[label].attrs)})
    return with_indices(result, (h, k, l), "asu")
