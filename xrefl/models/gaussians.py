"""The atoms of a model as sums of Gaussians."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from xrefl.errors import CrystalError
from xrefl.scattering.density import GaussianAtoms, displacement_range

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xrefl.models.scatterers import Scatterers

    Floats = NDArray[np.float64]

__all__ = ["displacements", "gaussian_atoms", "least_b"]

_TO_B = 8 * math.pi**2


def displacements(atoms: Scatterers) -> Floats:
    """Return U in Å² (n, 6); isotropic atoms have one component and NaN."""
    u = np.full((atoms.index.size, 6), np.nan)
    u[:, 0] = atoms.b_iso / _TO_B
    u[atoms.is_anisotropic] = atoms.u_aniso[atoms.is_anisotropic]
    return u


def least_b(atoms: Scatterers) -> float:
    """Return the B in Å² of the narrowest atom, in the direction in which it is narrowest."""
    least, _ = displacement_range(displacements(atoms))
    return float(_TO_B * least.min()) if least.size else 0.0


def gaussian_atoms(atoms: Scatterers, blur: float, *, imaginary: bool = False) -> GaussianAtoms:
    """Return atoms as sums of Gaussians, the constant of a form factor among them.

    Parameters
    ----------
    atoms : Scatterers
    blur : float
        B in Å² that is added to all atoms.
    imaginary : bool
        Whether the density is that of f'' alone, rather than of all the rest.

    Raises
    ------
    CrystalError
        A Gaussian of an atom has no width.
    """
    a, b, c = atoms.gaussians
    if imaginary:
        a, b, c = a[:, :0], b[:, :0], atoms.addend.imag
    else:
        c = c + atoms.addend.real
    heights, widths = np.column_stack([a, c]), np.column_stack([b, np.zeros(len(c))])
    needed = heights.any(axis=0)
    if needed.any():
        heights, widths = heights[:, needed], widths[:, needed]
    narrowest = np.where(heights != 0, widths, np.inf).min(axis=1, initial=np.inf)
    widest = np.where(heights != 0, widths, 0.0).max(axis=1, initial=0.0)
    widths = np.where(heights != 0, widths, widest[:, None])  # nothing has any width
    order = np.argsort(widths, axis=1, kind="stable")
    u = displacements(atoms)
    least = _TO_B * displacement_range(u)[0] + blur
    _require_width(atoms, least + narrowest[atoms.index], least)
    return GaussianAtoms(
        atoms.fract,
        atoms.index,
        atoms.weight,
        u,
        np.ascontiguousarray(np.take_along_axis(heights, order, axis=1)),
        np.ascontiguousarray(np.take_along_axis(widths, order, axis=1) + blur) / _TO_B,
    )


def _require_width(atoms: Scatterers, totals: Floats, displaced: Floats) -> None:
    rows = np.flatnonzero(~(totals > 0))
    if rows.size:
        row = rows[np.argmin(totals[rows])]
        what = "the least eigenvalue of 8π²U" if atoms.is_anisotropic[row] else "B"
        raise CrystalError(
            f"{atoms.names(rows)}: with {what} = {displaced[row]:.4g} Å² (blur included) a "
            f"Gaussian of the density has the width {totals[row]:.4g} Å², and must have a positive "
            "one; blur all atoms, such as with blur='auto', or sum over atoms with "
            ".xtal.structure_factors(method='direct')"
        )
