"""The atoms of a model as sums of Gaussians."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from xrefl.crystal.tensor import components, tensor
from xrefl.errors import CrystalError, CrystalWarning, warn_caller
from xrefl.scattering.density import GaussianAtoms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xrefl.models.scatterers import Scatterers

    Floats = NDArray[np.float64]

__all__ = ["gaussian_atoms"]

_TO_B = 8 * math.pi**2
# Å²; U in four decimals, as PDB files have it, may be off by as much.
_ROUNDING = 0.01


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

    Warns
    -----
    CrystalWarning
        The B of an atom is 0 to rounding, and is taken for 0.01 Å².
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
    least = atoms.least_b + blur
    totals = least + narrowest[atoms.index]
    flat = np.flatnonzero((totals <= 0) & (least > -_ROUNDING))
    u = atoms.displacements
    if flat.size:
        u, totals[flat] = _lifted(atoms, flat, blur), _ROUNDING
    _require_width(atoms, totals, least, blur)
    return GaussianAtoms(
        atoms.fract,
        atoms.index,
        atoms.weight,
        u,
        np.ascontiguousarray(np.take_along_axis(heights, order, axis=1)),
        np.ascontiguousarray(np.take_along_axis(widths, order, axis=1) + blur) / _TO_B,
    )


def _lifted(atoms: Scatterers, rows: NDArray[np.intp], blur: float) -> Floats:
    """Return displacements, those of some atoms with at least a small width, and warn."""
    warn_caller(
        f"{atoms.names(rows)}: B with the blur is {atoms.least_b[rows].min() + blur:.2g} Å², 0 to "
        f"rounding, and counts as {_ROUNDING:g} Å². Such an atom is too narrow for any grid; blur "
        "all atoms, such as with blur='auto'",
        CrystalWarning,
    )
    u, least = atoms.displacements.copy(), (_ROUNDING - blur) / _TO_B
    u[rows, 0] = np.maximum(u[rows, 0], least)
    rows = rows[atoms.is_anisotropic[rows]]
    values, axes = np.linalg.eigh(tensor(atoms.u_aniso[rows]))
    raised = np.maximum(values, least)[:, None, :]
    u[rows] = components((axes * raised) @ axes.transpose(0, 2, 1))
    return u


def _require_width(atoms: Scatterers, totals: Floats, displaced: Floats, blur: float) -> None:
    rows = np.flatnonzero(~(totals > 0))
    if rows.size:
        row = rows[np.argmin(totals[rows])]
        what = "the least eigenvalue of 8π²U" if atoms.is_anisotropic[row] else "B"
        raise CrystalError(
            f"{atoms.names(rows)}: with {what} = {displaced[row]:.4g} Å² (blur included) a "
            f"Gaussian of the density has the width {totals[row]:.4g} Å², and must have a positive "
            f"one: take a blur above {blur - totals[row]:.4g} Å², such as blur='auto', or sum over "
            "atoms with .xtal.structure_factors(method='direct')"
        )
