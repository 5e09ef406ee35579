"""Reflections and all their equivalents, in the space group P 1."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.crystal.miller import as_miller
from xrefl.crystal.moves import move
from xrefl.crystal.op import Op
from xrefl.crystal.reflections import centric
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import NotMergedError
from xrefl.hkl.centric_mates import with_both_mates
from xrefl.hkl.changes import Changes, changed_columns, has_phases
from xrefl.hkl.crystal import is_merged, merged_index, space_group
from xrefl.hkl.index import HKLIndex
from xrefl.hkl.packing import pack
from xrefl.hkl.rebuild import called, rebuilt, require_no_equivalents, with_history
from xrefl.hkl.rows import take_rows

__all__ = ["expand_to_p1"]


def expand_to_p1(ds: xr.Dataset) -> xr.Dataset:
    """Return each reflection with all its equivalents, as a data set of space group P 1.

    Of h R and -h R one is listed, h R for the first operation that leads to either. The columns
    of every copy are those of its indices, as `to_asu` has them: phases and Hendrickson-Lattman
    coefficients are shifted. In P 1 the mate of a centric reflection is another reflection, so
    where F(+) or F(-) of one is missing, the other half serves for both.

    Parameters
    ----------
    ds : Dataset
        Merged reflections; dask-backed columns stay lazy.

    Returns
    -------
    Dataset
        The reflections under their own indices come first, then those of the second operation,
        and so on; `to_asu` and `sort_hkl` bring them into the asymmetric unit and in order.

    Raises
    ------
    NotMergedError
        These are observations, each of which was made once, under its original indices.
    MillerIndexError
        Reflections are equivalent to each other.

    Examples
    --------
    >>> import xrefl
    >>> ds = xrefl.tutorial.open("5e5z")
    >>> whole = ds.xtal.expand_to_p1()
    >>> ds.sizes["hkl"], whole.sizes["hkl"], whole.attrs["spacegroup"]
    (441, 780, 'P 1')
    """
    if not is_merged(ds):
        raise NotMergedError(
            "observations are not repeated by symmetry; for those that were made, in P 1, call "
            ".xtal.to_original_hkl().xtal.assign_crystal(spacegroup='P 1')"
        )
    group = space_group(ds)
    old = merged_index(ds)
    operations = distinct_operations(group)
    require_no_equivalents(old, group)
    pieces = _rows_of_copies(old, operations)
    number = np.repeat(
        np.arange(1, 2 * len(operations), 2, dtype=np.int32), [len(rows) for rows in pieces]
    )
    rows = np.concatenate(pieces, dtype=np.uint32, casting="unsafe")
    filled = with_both_mates(ds, group)
    own = ("hkl", "h", "k", "l")
    sources = {n: v for n, v in filled.variables.items() if "hkl" in v.dims and n not in own}
    indices = {name: xr.Variable("hkl", one) for name, one in zip("hkl", old.miller, strict=True)}
    copies = take_rows({**sources, **indices}, "hkl", rows)
    columns = as_miller(tuple(copies.pop(name).values for name in "hkl"))
    moved = move(columns, number, operations, shift=has_phases(ds))
    index = HKLIndex.from_moved(moved, cell=old.cell, spacegroup="P 1")
    coords = index.coordinates({name: ds.variables[name] for name in own})
    result = rebuilt(filled, "hkl", coords, copies)
    if moved.shift.size:
        mate = xr.Variable("hkl", np.broadcast_to(np.False_, number.shape))
        changes = Changes(xr.Variable("hkl", moved.shift), mate)
        result = result.assign(changed_columns(result, changes, "hkl"))
    result.attrs["spacegroup"] = "P 1"
    result.attrs.pop("symmetry_operations", None)
    return with_history(result, f"expanded from {called(group)} to P 1")


def distinct_operations(group: SpaceGroup) -> list[Op]:
    """Return operations that lead to different reflections: of R and -R the first.

    Examples
    --------
    >>> [str(op) for op in distinct_operations(SpaceGroup("P 1 21/c 1"))]
    ['x,y,z', '-x,y+1/2,-z+1/2']
    """
    distinct: dict[tuple[int, ...], Op] = {}
    for op in group.primitive_operations:
        flat = tuple(value for row in op.rotation for value in row)
        if tuple(-value for value in flat) not in distinct:
            distinct[flat] = op
    return list(distinct.values())


def _rows_of_copies(index: HKLIndex, operations: list[Op]) -> list[NDArray[np.intp]]:
    """Return, for each operation, the rows of reflections that it takes to new places."""
    hkl = as_miller(index.miller)
    rotations = np.array([op.rotation for op in operations]) // 24
    # only reflections that an operation takes to themselves or their mates have fewer copies
    special = np.flatnonzero(centric(hkl, np.concatenate([rotations, -rotations[1:]])))
    few = np.array([column[special] for column in hkl]).T
    seen: list[NDArray[np.int64]] = []
    pieces = []
    for rotation in rotations:
        h, k, l = (few @ rotation).T
        place = np.maximum(pack(h, k, l), pack(-h, -k, -l))
        keep = np.ones(len(index.keys), np.bool_)
        keep[special] = ~np.any([place == other for other in seen], axis=0) if seen else True
        seen.append(place)
        pieces.append(np.flatnonzero(keep))
    return pieces
