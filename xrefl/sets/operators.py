"""Ways to index the same crystal that its space group leaves open."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrefl.crystal.cell import UnitCell
from xrefl.crystal.lattice import lattice_symmetry
from xrefl.crystal.op import DEN, Matrix, Op
from xrefl.crystal.spacegroup import SpaceGroup

__all__ = ["lattice_cosets", "reindexing_operators"]

# Systematic absences are told apart by indices up to this one: screw axes and glide planes do
# not need more than six.
_LARGEST = 6


def reindexing_operators(
    cell: UnitCell | Sequence[float],
    spacegroup: SpaceGroup | str | int,
    *,
    tolerance: float = 3.0,
) -> tuple[Op, ...]:
    """Return the operations that give another indexing of a crystal in the same space group.

    They are rotations of the lattice, within a tolerance, that are no symmetry of intensities,
    one of each class: those that differ by an operation of the Laue group are the same. They
    leave the point group and the systematic absences as they are: indexed either way, the crystal
    has this space group. Where it is not known which axes are screw axes, give the space group
    without them, and where it is not known which is the polar axis, as of P m m 2, that with
    all rotations, P 2 2 2. Twins by merohedry and pseudo-merohedry have these operations as
    their laws.

    Parameters
    ----------
    cell : UnitCell or six numbers
        Å and degrees.
    spacegroup : SpaceGroup, name or number
    tolerance : float
        By how many degrees the lattice may depart from the symmetry (its obliquity, see
        `xrefl.crystal.lattice.lattice_symmetry`).

    Returns
    -------
    tuple of Op
        Of Miller indices, the identity first; only the identity if there is no ambiguity. Of a
        class, a twofold axis if there is one, with the fewest terms and minus signs.

    Raises
    ------
    CrystalError
        The cell, the space group or the tolerance does not make sense.

    Examples
    --------
    >>> [str(op) for op in reindexing_operators((50, 50, 70, 90, 90, 120), "P 3")]
    ['h,k,l', 'k,h,-l', '-h,-k,l', '-k,-h,-l']
    >>> [str(op) for op in reindexing_operators((50, 60, 70, 90, 90, 90), "P 21 21 21")]
    ['h,k,l']
    """
    cell = cell if isinstance(cell, UnitCell) else UnitCell.from_parameters(cell)
    group = SpaceGroup(spacegroup)
    of_group = {op.rotation for op in group.primitive_operations}
    hkl = np.array(list(product(range(-_LARGEST, _LARGEST + 1), repeat=3)))
    absent = group.absent(hkl)
    identity, *others = lattice_cosets(cell, group, tolerance)
    return (
        identity,
        *(
            op
            for op in others
            if _normalizes(op.rotation, of_group) and _keeps_absences(op, group, hkl, absent)
        ),
    )


def lattice_cosets(cell: UnitCell, group: SpaceGroup, tolerance: float = 3.0) -> tuple[Op, ...]:
    """Return the rotations of a lattice that give different orientations of a crystal.

    One of each class: those that differ by an operation of the Laue group that follows are the
    same. Besides `reindexing_operators`, among them are those after which the axes of the crystal
    lie along others, as of a tetragonal crystal with a cubic lattice.

    Parameters
    ----------
    cell : UnitCell
    group : SpaceGroup
    tolerance : float
        As for `reindexing_operators`.

    Returns
    -------
    tuple of Op
        Of Miller indices, the identity first; of a class the operation that is easiest to read.
        On the axes of a centred cell an operation may have fractions.

    Raises
    ------
    CrystalError
        The tolerance does not make sense.

    Examples
    --------
    >>> cell = UnitCell(50, 50, 50, 90, 90, 90)
    >>> [str(op) for op in lattice_cosets(cell, SpaceGroup("P 4 2 2"))]
    ['h,k,l', 'l,-k,h', '-h,l,k']
    """
    own = {_proper(op.rotation) for op in group.primitive_operations}
    lattice = [op.rotation for op in lattice_symmetry(cell, group, tolerance) if op.determinant > 0]
    found: list[Op] = []
    classes: set[Matrix] = set()
    for rotation in sorted(lattice, key=lambda one: (one not in own, _complexity(one))):
        if rotation not in classes:
            classes |= {_times(rotation, symmetry) for symmetry in own}
            found.append(Op.from_numerators(rotation, notation="h"))
    return (Op.from_numerators(Op("h,k,l").rotation, notation="h"), *found[1:])


def _proper(rotation: Matrix) -> Matrix:
    matrix = np.array(rotation)
    return _tuples(matrix if np.linalg.det(matrix) > 0 else -matrix)


def _times(first: Matrix, second: Matrix) -> Matrix:
    return _tuples(np.array(first) @ np.array(second) // DEN)


def _normalizes(rotation: Matrix, of_group: set[Matrix]) -> bool:
    """Tell whether the rotations of the group, improper ones too, are the same on the new axes."""
    R = np.array(rotation, float) / DEN
    inverse = np.linalg.inv(R)
    return all(_tuples(np.rint(R @ np.array(one) @ inverse)) in of_group for one in of_group)


def _keeps_absences(
    op: Op, group: SpaceGroup, hkl: NDArray[np.int64], absent: NDArray[np.bool_]
) -> bool:
    moved = hkl @ np.array(op.rotation)
    whole = (moved % DEN == 0).all(axis=1)
    if not whole[~absent].all():
        return False
    return bool((group.absent(moved[whole] // DEN) == absent[whole]).all())


def _complexity(rotation: Matrix) -> tuple[bool, float, int, tuple[float, ...]]:
    """Return what is small for twofold axes that are written with few terms and minus signs."""
    elements = np.array(rotation).T.ravel()
    twofold = _times(rotation, rotation) == Op("h,k,l").rotation
    return (
        not twofold,
        float(np.abs(elements).sum()),
        int((elements < 0).sum()),
        tuple((-elements).tolist()),
    )


def _tuples(matrix: Any) -> Matrix:
    (a, b, c), (d, e, f), (g, h, i) = np.asarray(matrix).astype(int).tolist()
    return (a, b, c), (d, e, f), (g, h, i)
