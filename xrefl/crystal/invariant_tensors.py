"""Symmetric tensors that the symmetry of a crystal allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from xrefl._parallel import over_rows
from xrefl.crystal.tensor import PLACES, components

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from xrefl.crystal.cell import UnitCell
    from xrefl.crystal.spacegroup import SpaceGroup

__all__ = ["invariant_tensors", "quadratic_forms"]

_SLICE = 8192


def invariant_tensors(cell: UnitCell, group: SpaceGroup) -> NDArray[np.float64]:
    """Return a basis of the symmetric tensors that a point group leaves alone.

    Parameters
    ----------
    cell : UnitCell
    group : SpaceGroup

    Returns
    -------
    ndarray, shape (n, 3, 3), float64
        On Cartesian axes (those of `UnitCell.orthogonalization`), orthonormal. Six for triclinic
        crystals, four for monoclinic, three for orthorhombic, two for tetragonal, trigonal and
        hexagonal ones, one for cubic ones.

    Examples
    --------
    >>> from xrefl import SpaceGroup, UnitCell
    >>> cell = UnitCell(10, 10, 10, 90, 90, 90)
    >>> [len(invariant_tensors(cell, SpaceGroup(name))) for name in ("P 1", "C 2", "P 4", "P 2 3")]
    [6, 4, 2, 1]
    """
    units = np.zeros((6, 3, 3))
    for unit, (i, j) in zip(units, PLACES, strict=True):
        unit[i, j] = unit[j, i] = 1.0 if i == j else np.sqrt(0.5)
    rotations = cell.orthogonalization @ group.primitive_rotations @ cell.fractionalization
    means = np.einsum("nij,ujk,nlk->uil", rotations, units, rotations) / len(rotations)
    # The mean over a group is a projection; its trace is the dimension of what it projects on.
    projection = np.einsum("uij,vij->vu", means, units)
    vectors = np.linalg.svd(projection)[0][:, : round(float(np.trace(projection)))]
    return np.asarray(np.einsum("uc,uij->cij", vectors, units))


def quadratic_forms(
    hkl: Sequence[ArrayLike], cell: UnitCell, tensors: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return s T s of each reflection and tensor, shape (m, n).

    Parameters
    ----------
    hkl : sequence of three array_like of int, shape (n,)
        Miller indices; s is their vector on Cartesian axes, of length 1/d.
    cell : UnitCell
    tensors : ndarray, shape (m, 3, 3)
        On Cartesian axes.
    """
    recip = np.einsum("ai,nij,bj->nab", cell.fractionalization, tensors, cell.fractionalization)
    terms = components(recip) * (1, 1, 1, 2, 2, 2)

    h = [np.asarray(index) for index in hkl]
    forms = np.empty((len(tensors), len(h[0])))

    def rows(start: int, stop: int) -> None:
        for first in range(start, stop, _SLICE):
            part = slice(first, min(first + _SLICE, stop))
            index = [one[part].astype(np.float64) for one in h]
            squares = np.stack([index[i] * index[j] for i, j in PLACES])
            np.matmul(terms, squares, out=forms[:, part])

    over_rows(rows, len(h[0]))
    return forms
