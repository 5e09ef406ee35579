"""Classes of reflections that a group of rotations takes to each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.crystal.cell import UnitCell
from xrefl.crystal.miller import LIMIT, ORIGIN, WEIGHTS
from xrefl.crystal.op import DEN, Op
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import MillerIndexError, NotMergedError
from xrefl.hkl.crystal import is_merged
from xrefl.hkl.packing import unpack

__all__ = ["class_keys", "laue_rotations", "mean_inv_d2", "merged_indices"]

_BLOCK = 16_384
_DIGITS = 12


def merged_indices(obj: xr.Dataset | xr.DataArray) -> tuple[NDArray[np.int32], ...]:
    """Return h, k and l of merged reflections, which there must be.

    Raises
    ------
    NotMergedError
        These are observations.
    MillerIndexError
        There are no reflections.
    """
    if not is_merged(obj):
        raise NotMergedError(
            "free flags belong to merged reflections, and these are unmerged observations, of "
            "which each flag would mark some only; merge them first"
        )
    if obj.sizes["hkl"] == 0:
        raise MillerIndexError("there are no reflections, and so no free flags")
    return tuple(obj[name].values for name in "hkl")


def laue_rotations(spacegroup: SpaceGroup) -> list[Op]:
    """Return the rotations of a space group; `class_keys` adds the inversion."""
    return [Op.from_numerators(op.rotation) for op in spacegroup.primitive_operations]


def class_keys(hkl: Sequence[NDArray[np.int32]], operations: Sequence[Op]) -> NDArray[np.int64]:
    """Return one number for all reflections of a class: the largest of their packed keys.

    Friedel mates are of one class. A packed key is a linear function of the indices, so each
    operation is one linear form of h, k and l, and the inversion a change of its sign.

    Parameters
    ----------
    hkl : sequence of three (n,) ndarray of int32
    operations : sequence of Op
        The rotations of a group, with or without the inversion. Where rotations have fractions,
        as those of a centred lattice may, all indices are multiplied by their denominator.

    Raises
    ------
    MillerIndexError
        Equivalent indices do not fit into a packed key.
    """
    rotations = _proper(operations)
    rotations //= np.gcd.reduce(rotations, axis=None)
    largest = [int(np.abs(index).max(initial=0)) for index in hkl]
    if (np.abs(rotations).transpose(0, 2, 1) @ largest).max() >= LIMIT:
        raise MillerIndexError(
            f"Miller indices to {largest} have equivalents beyond {LIMIT - 1}; check the indices, "
            "and the unit cell in attrs"
        )
    forms = rotations @ np.array(WEIGHTS)
    keys = np.empty(len(hkl[0]), np.int64)
    for start in range(0, keys.size, _BLOCK):  # a block and its equivalents stay in the cache
        rows = slice(start, start + _BLOCK)
        equivalent = forms @ np.stack([index[rows] for index in hkl]).astype(np.int64)
        np.abs(equivalent, out=equivalent).max(axis=0, out=keys[rows])
    keys += ORIGIN
    return keys


def mean_inv_d2(
    keys: NDArray[np.int64], cell: UnitCell, operations: Sequence[Op]
) -> NDArray[np.float64]:
    """Return the mean of 1/d² over the members of classes, up to one factor for all.

    It follows from the keys alone, so it is the same to the last bit whichever members there
    are; and it is rounded, so that classes of equal 1/d² are equal on all machines.
    """
    rotations = _proper(operations) / DEN
    mean = np.mean(rotations @ cell.reciprocal_metric @ rotations.transpose(0, 2, 1), axis=0)
    hkl = np.stack(unpack(keys)).astype(np.float64)
    return np.asarray(np.einsum("in,ij,jn->n", hkl, mean, hkl).round(_DIGITS))


def _proper(operations: Sequence[Op]) -> NDArray[np.int64]:
    """Return the rotations in 1/24, improper ones times -1, each once."""
    return np.unique(
        [np.multiply(op.rotation, 1 if op.determinant > 0 else -1) for op in operations], axis=0
    )
