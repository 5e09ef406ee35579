"""Special positions: how many symmetry operations leave an atom where it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xrefl.crystal.cell import UnitCell
from xrefl.crystal.spacegroup import SpaceGroup

__all__ = ["NEAR", "SAME_SITE", "site_symmetry_order"]

SAME_SITE = 0.15  # Å; the PDB calls a position special up to it (REMARK 375)
NEAR = 0.4  # Å; two atoms cannot be so close
_STEPS = 30
_EXACT = 1e-9
_BLOCK = 1024  # positions at a time, with all their images

Floats = NDArray[np.float64]


def site_symmetry_order(
    xyz: Floats, cell: UnitCell, group: SpaceGroup, tolerance: float = SAME_SITE
) -> NDArray[np.int16]:
    """Return how many operations of the space group leave each position in place.

    Lattice translations may be added to an operation, so that the order is that of the site
    symmetry group, and the multiplicity of the site is the number of operations divided by it.

    Parameters
    ----------
    xyz : ndarray, shape (n, 3)
        Å, in the orientation of `UnitCell.orthogonalization`.
    cell, group
        The crystal.
    tolerance : float
        Å, from a position to its image.

    Returns
    -------
    ndarray of int16, shape (n,)
        1 for general positions.

    Examples
    --------
    >>> cell, group = UnitCell(10, 10, 10, 90, 90, 90), SpaceGroup("P m -3 m")
    >>> site_symmetry_order(np.array([[0, 0, 0], [5, 5, 0], [1, 2, 3.0]]), cell, group).tolist()
    [48, 16, 1]
    """
    operations = [
        (op.matrix - np.eye(3), op.vector)
        for op in group.operations
        if not np.array_equal(op.matrix, np.eye(3))
    ]
    order = np.ones(len(xyz), np.int16)
    fract = cell.fractionalize(xyz)
    for rotation, translation in operations:
        close = _candidates(fract, rotation, translation, cell, tolerance)
        order[close] += _is_near(_shift(fract[close], rotation, translation), cell, tolerance)
    special = np.flatnonzero(order > 1)
    for start in range(0, special.size, _BLOCK):
        rows = special[start : start + _BLOCK]
        order[rows] = _orders_of_sites(fract[rows], operations, cell, tolerance)
    return order


def _orders_of_sites(
    place: Floats, operations: list[tuple[Floats, Floats]], cell: UnitCell, tolerance: float
) -> NDArray[np.int16]:
    """Return the orders of the sites that positions are near to.

    Within the tolerance of a symmetry element some operations may do and others not. The mean of
    a position and its close images is nearer to all elements they share.
    """
    rotations, translations = (np.array(parts) for parts in zip(*operations, strict=True))
    for _ in range(_STEPS):
        shift = np.einsum("oij,nj->noi", rotations, place) + translations
        shift -= np.rint(shift)
        near = _is_near(shift, cell, tolerance)
        count = 1 + near.sum(axis=1)
        step = np.where(near[..., None], shift, 0).sum(axis=1) / count[:, None]
        if np.abs(step).max() < _EXACT:
            break
        place = place + step
    orders: NDArray[np.int16] = count.astype(np.int16)
    return orders


def _candidates(
    fract: Floats, rotation: Floats, translation: Floats, cell: UnitCell, tolerance: float
) -> NDArray[np.intp]:
    """Return the positions that the operation shifts by less than the tolerance along each axis.

    These are few, and the component of a shift along a is at most its length times a*.
    """
    rows = np.arange(len(fract))
    for axis, length in enumerate(cell.reciprocal_constants[:3]):
        if rotation[axis].any():
            shift = fract[rows] @ rotation[axis] + translation[axis]
        else:
            shift = np.full(rows.size, translation[axis])
        rows = rows[np.abs(shift - np.rint(shift)) <= tolerance * length]
    return rows


def _shift(fract: Floats, rotation: Floats, translation: Floats) -> Floats:
    """Return what the operation adds to each position, without whole lattice translations."""
    shift: Floats = fract @ rotation.T + translation
    return shift - np.rint(shift)


def _is_near(shift: Floats, cell: UnitCell, tolerance: float) -> NDArray[np.bool_]:
    near: NDArray[np.bool_] = np.square(cell.orthogonalize(shift)).sum(axis=-1) < tolerance**2
    return near
