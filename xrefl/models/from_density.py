"""Structure factors by Fourier transform of the density of a model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from xrefl._parallel import over_rows
from xrefl.crystal.miller import as_miller
from xrefl.crystal.op import DEN
from xrefl.fourier.transform import analysis
from xrefl.models.blur import require_reversible
from xrefl.models.density import of_one_unit
from xrefl.models.sampling import sampling

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from xrefl.crystal.miller import Column
    from xrefl.crystal.spacegroup import SpaceGroup
    from xrefl.models.blur import Blur
    from xrefl.models.scatterers import Radiation, Scatterers

__all__ = ["fft_sum"]

_CUTOFF = {"xray": 1e-6, "electron": 1e-7, "neutron": 1e-6, "mott_bethe": 1e-8}
_WIDE = 50.0, 5000.0  # Å²
_COARSEST = 4.0  # Å; on coarser grids a blur spreads atoms over more than cutoffs are meant for
_MIN_ROWS = 20_000
_ROUNDING = 1e-9  # the resolution of a reflection is not to leave its indices out


def fft_sum(
    atoms: Scatterers,
    hkl: tuple[ArrayLike, ArrayLike, ArrayLike],
    *,
    kind: Radiation,
    rate: float = 1.5,
    blur: Blur = "auto",
    cutoff: float | None = None,
) -> NDArray[np.complex128]:
    """Return F(h) = exp(B/(4d²)) Σ exp(2πi h·t) F₁(h R), over all operations.

    F₁ is the Fourier transform of the density of the atoms without their symmetry mates, blurred by
    B (L. F. Ten Eyck, Acta Cryst. A33 (1977) 486-492). Addends f'' are the density of a map of
    their own, times i.

    Parameters
    ----------
    atoms : Scatterers
    hkl : tuple of three array_like
        Miller indices; the highest resolution among them is what the grid is made for, or 4 Å.
    kind : {"xray", "electron", "neutron", "mott_bethe"}
        What is scattered.
    rate, blur, cutoff
        As for `density`. By default the cutoff is 10⁻⁶ e/Å³ or fm/Å³, 10⁻⁷ Å/Å³ for electrons, and
        10⁻⁸ e/Å³ for the Mott-Bethe formula, where electrons and protons cancel at low angles.
        It falls as the heights of atoms do, with B^(-3/2), where the narrowest of them has B, with
        the blur, from 50 to 5000 Å².

    Returns
    -------
    ndarray of complex, shape (n,)

    Raises
    ------
    CrystalError
        A number makes no sense, or ``blur`` leaves an atom without a width, or too little of
        reflections.
    """
    columns = as_miller(hkl)
    inv_d2 = atoms.cell.inv_d2(columns)
    # the resolution of 0 0 0 alone is that of the longest edge
    highest = max(inv_d2.max(initial=0.0), max(atoms.cell.parameters[:3]) ** -2)
    dmin = (1 - _ROUNDING) / math.sqrt(highest)
    coarsest = min(dmin, _COARSEST)
    usual = _CUTOFF[kind] if cutoff is None else cutoff
    how = sampling(atoms, coarsest, rate=rate, size=None, blur=blur, cutoff=usual)
    require_reversible(how.blur, dmin)
    if cutoff is None:
        wide = np.clip(atoms.narrowest + how.blur, *_WIDE)
        how = how._replace(cutoff=usual * (_WIDE[0] / wide) ** 1.5)
    limits = atoms.cell.hkl_limits(dmin)
    out = np.zeros(columns[0].size, np.complex128)
    for imaginary in (False, True) if atoms.addend.imag.any() else (False,):
        rho = of_one_unit(atoms, how, imaginary=imaginary)
        grid = analysis(rho, limits, atoms.cell.volume)
        del rho
        out += (1j if imaginary else 1.0) * _gathered(columns, grid, atoms.spacegroup)
    out *= np.exp(inv_d2 * (how.blur / 4))
    return out


def _gathered(
    hkl: tuple[Column, ...], grid: NDArray[np.complex64], group: SpaceGroup
) -> NDArray[np.complex128]:
    """Return the sums over symmetry mates of what reflections have in the transform of a part."""
    from xrefl.scattering import _density_kernels

    out = np.empty(hkl[0].size, np.complex128)
    args: tuple[Any, ...] = (
        grid,
        group.rotations.astype(np.int64),
        group.translations.astype(np.int64),
        np.exp(2j * np.pi * np.arange(DEN) / DEN),
    )
    over_rows(_density_kernels.gather_mates, out.size, *hkl, *args, out, min_rows=_MIN_ROWS)
    return out
