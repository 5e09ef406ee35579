"""The two halves of a Friedel pair where symmetry makes them equal."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import xarray as xr

from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.hkl.changes import Changes, changed_columns
from xrefl.hkl.crystal import merged_index
from xrefl.hkl.friedel import FRIEDEL, friedel_pairs, plus_first

__all__ = ["with_both_mates"]


def with_both_mates(ds: xr.Dataset, group: SpaceGroup) -> xr.Dataset:
    """Return merged reflections with both halves of the centric ones in columns of mates.

    An operation takes h to -h, and so F(h) to F(-h): where one half is missing, it follows from
    the other.

    Parameters
    ----------
    ds : Dataset
        Merged reflections.
    group : SpaceGroup
        Their space group.
    """
    pairs = friedel_pairs(ds)
    stacked = [name for name, column in ds.data_vars.items() if FRIEDEL in column.dims]
    if not pairs and not stacked:
        return ds
    hkl = np.array(merged_index(ds).miller, np.int64).T
    rows = np.flatnonzero(group.centric(hkl))
    shift = np.zeros(len(hkl), np.int8)
    for op in group.primitive_operations:
        reversed_rows = rows[(hkl[rows] @ (np.array(op.rotation) // 24) == -hkl[rows]).all(axis=1)]
        shift[reversed_rows] = -(hkl[reversed_rows] @ np.array(op.translation)) % 24
    changes = Changes(xr.Variable("hkl", shift), xr.Variable("hkl", np.zeros(len(hkl), np.bool_)))
    at_mate = ds.assign(changed_columns(ds, changes, "hkl"))

    centric = np.zeros(len(hkl), np.bool_)
    centric[rows] = True
    single = xr.DataArray(xr.Variable("hkl", centric))
    bare = ds.drop_vars(["hkl", "h", "k", "l"])
    at_mate = at_mate.drop_vars(["hkl", "h", "k", "l"])
    filled: dict[Hashable, xr.DataArray] = {}
    for plus, minus in pairs:
        for name, other in ((plus, minus), (minus, plus)):
            known = bare[name].notnull() | ~single
            filled[name] = bare[name].where(known, at_mate[other])
    for name in stacked:
        plus_first(ds)
        other_half = at_mate[name].isel({FRIEDEL: slice(None, None, -1)}).drop_vars(FRIEDEL)
        half = bare[name].drop_vars(FRIEDEL)
        filled[name] = half.where(half.notnull() | ~single, other_half)
    return ds.assign(
        {
            name: xr.Variable(one.dims, one.data, ds[name].attrs, ds[name].encoding)
            for name, one in filled.items()
        }
    )
