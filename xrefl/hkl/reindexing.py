"""Reflections on other axes."""

from __future__ import annotations

import functools
from collections.abc import Hashable
from typing import Any

import numpy as np
import xarray as xr

from xrefl._memory import empty, empty_columns
from xrefl._parallel import over_rows
from xrefl.crystal.cell import UnitCell
from xrefl.crystal.miller import as_miller
from xrefl.crystal.moves import Moved
from xrefl.crystal.op import DEN, Matrix, Op
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalError, CrystalWarning, DroppedWarning, MillerIndexError, warn_caller
from xrefl.hkl.changes import Changes, changed_columns
from xrefl.hkl.crystal import merged_index, reflection_dim, space_group, unit_cell
from xrefl.hkl.index import HKLIndex
from xrefl.hkl.orientation import with_axes
from xrefl.hkl.original import kind_of_indices, to_asu_hkl, to_original_hkl, with_indices
from xrefl.hkl.packing import pack
from xrefl.hkl.rebuild import called, rebuilt, with_history
from xrefl.hkl.sorting import with_rows

__all__ = ["reindex"]

_MIN_ROWS = 100_000


def reindex(ds: xr.Dataset, op: Op | str) -> xr.Dataset:
    """Return the same reflections on other axes of the crystal, or with another origin.

    The Miller indices, the unit cells (of the crystal, of data sets and of batches), the
    orientation matrices of batches and the space group change together. Where the origin moves
    by p, phases change by 360° h'·p, and Hendrickson-Lattman coefficients and complex columns
    with them. In a chiral space group, an operation that changes the hand of the axes gives a
    `CrystalWarning`: the crystal is then described by its mirror image, with anomalous
    differences of the other hand.

    Parameters
    ----------
    ds : Dataset
        Merged or unmerged reflections; dask-backed columns stay lazy. Observations are brought
        to their original indices first, if they have a column M/ISYM, and afterwards into the
        new asymmetric unit. Merged reflections are not: `to_asu` does that.
    op : Op or str
        What becomes of Miller indices, as ``"k,l,h"``; the new axes in terms of the old, as
        ``"b,c,a"``; or what becomes of coordinates, as ``"y,z,x"``, which may have a
        translation. These three mean the same. Reflections whose indices would become
        fractional, as those with odd h by ``"h/2,k,l"``, are dropped with a `DroppedWarning`
        that counts them; for this the indices of dask-backed observations are computed.

    Returns
    -------
    Dataset
        Its space group is called by the name of its new setting.

    Raises
    ------
    CrystalError
        The operation is no change of basis: it is singular, or the symmetry of the crystal does
        not map the new axes onto each other.

    Examples
    --------
    >>> import xrefl
    >>> ds = xrefl.tutorial.open("5e5z").xtal.reindex("k,l,h")
    >>> ds.xtal.spacegroup, ds.attrs["cell"]
    (SpaceGroup("P 21 1 1"), [9.609, 19.029, 9.643, 101.224, 90.0, 90.0])
    >>> ds.attrs["history"][0]
    'reindexed by k,l,h (coordinates by y,z,x): P 1 21 1 becomes P 21 1 1'
    """
    dim = reflection_dim(ds)
    old_cell, old_group = unit_cell(ds), space_group(ds)
    to_hkl, to_xyz = _operations(op)
    group = _group_on(old_group, to_xyz)
    cell = old_cell.transformed(to_hkl)

    counted = dim == "obs" and any(c.attrs.get("mtz_type") == "Y" for c in ds.data_vars.values())
    in_unit = counted and kind_of_indices(ds) == "asu"
    source, dropped = _without_fractional(to_original_hkl(ds) if in_unit else ds, dim, to_hkl)
    source = _shifted(source, dim, to_hkl, to_xyz)
    result = _rotated(source, dim, to_hkl, cell, group)
    result.attrs |= {"cell": list(cell.parameters), "spacegroup": group.name}
    result.attrs.pop("symmetry_operations", None)
    result = to_asu_hkl(result) if in_unit else result
    names = f"{called(old_group)} becomes {called(group)}"
    line = f"reindexed by {to_hkl} (coordinates by {to_xyz}): {names}"
    if dropped:
        line += f"; {dropped:,} of {ds.sizes[dim]:,} reflections dropped, of fractional indices"
        warn_caller(line, DroppedWarning)
    chiral = all(operation.determinant > 0 for operation in old_group.primitive_operations)
    if chiral and to_hkl.determinant < 0:
        other = Op.from_numerators(_negative(to_hkl.rotation), notation="h")
        warn_caller(
            f"{to_hkl} changes the hand of the axes: the crystal is then described by its mirror "
            f"image; {other} has the same axes, all reversed, and keeps the hand",
            CrystalWarning,
        )
    return with_history(result, line)


def _negative(rotation: Matrix) -> Matrix:
    (a, b, c), (d, e, f), (g, h, i) = rotation
    return (-a, -b, -c), (-d, -e, -f), (-g, -h, -i)


def _operations(op: Op | str) -> tuple[Op, Op]:
    """Return what becomes of Miller indices, and what of coordinates."""
    if not isinstance(op, str | Op):
        raise TypeError(
            f"the operation is text such as 'k,l,h', or an xrefl.Op, not {type(op).__name__}; "
            "a matrix becomes one by xrefl.Op.from_matrix"
        )
    op = Op(op) if isinstance(op, str) else op
    if op.notation == "a":  # axes transform as Miller indices do
        op = Op(op.triplet().translate(str.maketrans("abc", "hkl")))
    to_xyz = op.inverse() if op.notation == "h" else op
    to_xyz = Op.from_numerators(to_xyz.rotation, to_xyz.translation)
    return Op.from_numerators(to_xyz.inverse().rotation, notation="h"), to_xyz


def _group_on(group: SpaceGroup, to_xyz: Op) -> SpaceGroup:
    """Return the space group on the new axes.

    Axes that are no vectors of the lattice become so: whoever halves an axis says that the
    crystal repeats after half of it.
    """
    try:
        return group.change_basis(to_xyz)
    except CrystalError:
        axes = zip(*to_xyz.inverse().rotation, strict=True)
        identity = Op("x,y,z").rotation
        steps = [Op.from_numerators(identity, axis).wrapped() for axis in axes]
    try:
        return SpaceGroup.from_operations([*group.operations, *steps]).change_basis(to_xyz)
    except CrystalError as error:
        raise CrystalError(
            f"{to_xyz} for coordinates is no change of basis for {group.name}, not even on a finer "
            f"lattice: {error}"
        ) from None


def _without_fractional(ds: xr.Dataset, dim: str, to_hkl: Op) -> tuple[xr.Dataset, int]:
    """Return the reflections that have whole indices on the new axes, and how many have not."""
    numerators = np.array(to_hkl.rotation)
    if not (numerators % DEN).any():
        return ds, 0
    hkl = np.array([ds[name].values for name in "hkl"], np.int64)
    whole = ((hkl.T @ numerators) % DEN == 0).all(axis=1)
    rows = np.flatnonzero(whole)
    if not rows.size:
        raise MillerIndexError(
            f"no reflection has whole indices after {to_hkl}; is it the operation you mean? "
            f"The inverse is {to_hkl.inverse()}"
        )
    return (ds if whole.all() else with_rows(ds, rows)), len(whole) - rows.size


def _rotated(ds: xr.Dataset, dim: str, to_hkl: Op, cell: UnitCell, group: SpaceGroup) -> xr.Dataset:
    """Return the reflections, and the cells of data sets and batches, on the new axes."""
    changed: dict[Hashable, xr.Variable] = {
        name: _with_cells(ds.variables[name], to_hkl)
        for name in ("dataset_cell", "batch_floats")
        if name in ds.coords
    }
    if dim == "obs":
        hkl = xr.apply_ufunc(
            lambda *hkl: _rotate(hkl, to_hkl).hkl,
            *(ds.variables[name] for name in "hkl"),
            output_core_dims=[[], [], []],
            dask="parallelized",
            output_dtypes=[np.int32] * 3,
        )
        return with_indices(ds, hkl, kind_of_indices(ds)).assign_coords(changed)
    moved = _rotate(merged_index(ds).miller, to_hkl)
    index = HKLIndex.from_moved(moved, cell=cell.parameters, spacegroup=group.name)
    coords = index.coordinates({name: ds.variables[name] for name in ("hkl", *"hkl")})
    same = {n: v for n, v in ds.variables.items() if dim in v.dims and n not in coords}
    return rebuilt(ds, dim, coords, {**same, **changed})


def _rotate(hkl: tuple[Any, ...], to_hkl: Op) -> Moved:
    from xrefl.hkl import _kernels

    columns = as_miller(tuple(hkl))
    count = columns[0].size
    order = _permutation(to_hkl)
    if order is None:
        *new, keys = empty_columns(count, [np.int32] * 3 + [np.int64])
    else:  # the indices change places, and need no copies
        new, keys = [np.empty(0, np.int32)] * 3, empty(count, np.int64)
    matrix = tuple(map(tuple, to_hkl.matrix.tolist()))
    beyond = np.zeros(1, np.bool_)
    args = *columns, matrix, *new, keys, beyond
    over_rows(_kernels.rotate, count, *args, min_rows=_MIN_ROWS)
    if order is not None:
        new = [columns[axis] for axis in order]
    if beyond[0]:
        pack(*new)  # says which index it is
    for index in new:
        index.setflags(write=False)
    return Moved(tuple(new), keys, np.empty(0, np.int8))


def _permutation(op: Op) -> list[int] | None:
    """Return which old index each new one is, None if any is something else."""
    columns = np.array(op.rotation).T.tolist()
    if all(sorted(column) == [0, 0, DEN] for column in columns):
        return [column.index(DEN) for column in columns]
    return None


def _shifted(ds: xr.Dataset, dim: str, to_hkl: Op, to_xyz: Op) -> xr.Dataset:
    """Return structure factors of the new origin: exp(2 pi i h'.(P x + p)) has the factor of p."""
    origin = np.array(to_xyz.translation)
    if not origin.any():
        return ds
    turn = to_hkl.matrix @ origin  # h'.p = h.(R p)

    shift = xr.apply_ufunc(
        lambda h, k, l: (np.rint(h * turn[0] + k * turn[1] + l * turn[2]) % DEN).astype(np.int8),
        *(ds.variables[name].astype(np.float64) for name in "hkl"),
        dask="parallelized",
        output_dtypes=[np.int8],
    )
    changes = Changes(shift, xr.zeros_like(shift, dtype=np.bool_))
    return ds.assign(changed_columns(ds, changes, dim))


def _with_cells(words: xr.Variable, to_hkl: Op) -> xr.Variable:
    """Return cells of data sets, or words of batch headers, on the new axes."""
    core = [words.dims[-1:]]
    new: xr.Variable = xr.apply_ufunc(
        functools.partial(with_axes, to_hkl=to_hkl),
        words,
        input_core_dims=core,
        output_core_dims=core,
        dask="parallelized",
        output_dtypes=[words.dtype],
    )
    new.attrs, new.encoding = dict(words.attrs), dict(words.encoding)
    return new
