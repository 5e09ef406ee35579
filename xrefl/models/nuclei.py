"""Nuclei that are not where the electrons of their atoms are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from xrefl.errors import CrystalError
from xrefl.scattering.form_factor import FormFactor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xrefl.models.scatterers import Scatterers

__all__ = ["with_own_places"]


def with_own_places(atoms: Scatterers, nuclei: NDArray[np.float64]) -> Scatterers:
    """Return atoms the nuclei of some of which are elsewhere, as atoms of their own.

    The electrons of hydrogen in a bond are nearer to the other atom than the proton. Nuclei move
    as their atoms do.

    Parameters
    ----------
    atoms : Scatterers
        Whose addends are minus the numbers of protons.
    nuclei : ndarray of float, shape (n, 3)
        Where nuclei are, in Å; NaN for those that are where their electrons are.

    Raises
    ------
    CrystalError
        A place is given in part.
    """
    given = ~np.isnan(nuclei).all(axis=1)
    wrong = np.flatnonzero(given & ~np.isfinite(nuclei).all(axis=1))
    if wrong.size:
        raise CrystalError(
            f"xyz_nucleus of {atoms.names(wrong)} is {nuclei[wrong[0]]}: give three coordinates, "
            "or NaN for a nucleus at xyz"
        )
    rows = np.flatnonzero(given)
    if not rows.size:
        return atoms
    count = len(atoms.types)
    index = atoms.index.copy()
    index[rows] += count  # electrons alone
    bare = [FormFactor(element=one.element, kind=one.kind) for one in atoms.types]
    return replace(
        atoms,
        types=[*atoms.types, *atoms.types, *bare],
        addend=np.concatenate([atoms.addend, 0 * atoms.addend, atoms.addend]),
        index=np.concatenate([index, atoms.index[rows] + np.int32(2 * count)]),
        fract=np.concatenate([atoms.fract, atoms.cell.fractionalize(nuclei[rows])]),
        weight=np.concatenate([atoms.weight, atoms.weight[rows]]),
        b_iso=np.concatenate([atoms.b_iso, atoms.b_iso[rows]]),
        u_aniso=np.concatenate([atoms.u_aniso, atoms.u_aniso[rows]]),
        is_anisotropic=np.concatenate([atoms.is_anisotropic, atoms.is_anisotropic[rows]]),
        _labels={name: np.concatenate([v, v[rows]]) for name, v in atoms._labels.items()},
    )
