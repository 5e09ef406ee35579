"""Columns of other reflections, under the indices of these."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import xarray as xr

from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import MissingColumnError, XreflError
from xrefl.hkl.asu import InUnit, into_unit, to_asu
from xrefl.hkl.changes import Changes, changed_columns, has_phases
from xrefl.hkl.crystal import merged_index, space_group
from xrefl.hkl.index import HKLIndex
from xrefl.hkl.rebuild import require_inequivalent, with_history

__all__ = ["add"]


def add(ds: xr.Dataset, other: xr.Dataset, *, columns: Sequence[str] | None = None) -> xr.Dataset:
    """Return reflections with columns of another Dataset, found by symmetry.

    ``ds.assign(FC=other.FC)`` pairs equal Miller indices. This pairs equivalent ones, Friedel
    mates included, and brings what depends on the indices, such as phases, to those of ``ds``
    (see `to_asu`).

    Parameters
    ----------
    ds : Dataset
        Merged reflections, whose rows and order stay.
    other : Dataset
        Merged reflections of the same crystal, in any order and under any equivalent indices.
        Those that ``ds`` does not have are left out.
    columns : sequence of str, optional
        Labels; by default all columns of ``other``.

    Returns
    -------
    Dataset
        Reflections that ``other`` does not have are missing (NaN) in the new columns, and whole
        numbers become float32 where any is missing, as in files.

    Raises
    ------
    MissingColumnError
        ``other`` has no such column.
    CrystalMismatchError
        The crystals differ.
    MillerIndexError
        Reflections of either are equivalent to each other.
    XreflError
        A column is in ``ds`` already.

    Examples
    --------
    >>> import xrefl
    >>> ds = xrefl.tutorial.open("5wkd")
    >>> other = ds[["FC", "PHIC"]].xtal.to_asu(convention="tnt").xtal.sort_hkl()
    >>> both = ds.drop_vars(["FC", "PHIC"]).xtal.add(other)
    >>> float(abs(both.FC - ds.FC).max())
    0.0
    """
    index, other_index = merged_index(ds), merged_index(other)
    index.crystal.combine(other_index.crystal)
    labels = list(map(str, other.data_vars)) if columns is None else list(columns)
    for label in labels:
        if label not in other.data_vars:
            raise MissingColumnError(
                f"the other Dataset has no column {label!r}; its columns are "
                f"{', '.join(map(str, other.data_vars))}"
            )
        if label in ds.variables:
            raise XreflError(
                f"there is a column {label!r} already; drop it first, or rename one of the two: "
                f"other.rename({label}=...)"
            )
    group = space_group(ds)
    unique = to_asu(other[labels])
    unit, places = _places(index, group)
    found = merged_index(unique).lookup.positions(places.keys)
    brought = unique.isel(hkl=np.maximum(found, 0)) if unique.sizes["hkl"] else unique
    back = ds.drop_vars(list(ds.data_vars)).drop_attrs(deep=False)
    present = xr.Variable("hkl", found >= 0)
    taken: dict[Hashable, xr.Variable] = {}
    for name, variable in brought.variables.items():
        if name in labels:
            taken[name] = _masked(variable, present)
    result = back.assign(taken)
    result = result.assign(changed_columns(result, _way_back(unit, has_phases(result)), "hkl"))
    line = f"columns {', '.join(labels)} added from other reflections"
    return with_history(ds.assign(dict(result.data_vars)), line)


def _places(index: HKLIndex, group: SpaceGroup) -> tuple[InUnit, HKLIndex]:
    unit = into_unit(index.miller, group)
    places = HKLIndex.from_moved(unit.moved, cell=index.cell, spacegroup=index.spacegroup)
    require_inequivalent(places, index)
    return unit, places


def _way_back(unit: InUnit, phases: bool) -> Changes:
    """Return the changes from the asymmetric unit: φ = s φ' - δ where φ' = s (φ + δ)."""
    sign = np.where(unit.mate, 1, -1).astype(np.int8)
    shift = (unit.moved.shift * sign) % 24 if phases else unit.moved.shift
    return Changes(xr.Variable("hkl", shift), xr.Variable("hkl", unit.mate))


def _masked(variable: xr.Variable, present: xr.Variable) -> xr.Variable:
    """Return a column with NaN where a reflection is not there, "" in text, False in bool."""
    if bool(present.all()):
        return variable
    if variable.dtype.kind in "iu":
        variable = variable.astype(np.float32)
    fill = {"U": "", "b": False}.get(variable.dtype.kind, np.nan)
    kept: xr.Variable = xr.apply_ufunc(
        np.where, present, variable, fill, dask="parallelized", output_dtypes=[variable.dtype]
    )
    kept = kept.transpose(*variable.dims)
    kept.attrs = dict(variable.attrs)
    return kept
