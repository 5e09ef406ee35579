"""The density of a model on a grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import xarray as xr

from xrefl.errors import CrystalError
from xrefl.fourier.layout import new_map
from xrefl.fourier.values import sum_over_mates
from xrefl.models.blur import Blur
from xrefl.models.gaussians import gaussian_atoms
from xrefl.models.sampling import Sampling, sampling
from xrefl.models.scatterers import Radiation, Scatterers, scatterers
from xrefl.scattering.density import atom_density
from xrefl.scattering.form_factor import FormFactor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["density", "of_one_unit"]

_UNITS = {"xray": "e/Å³", "electron": "Å/Å³", "neutron": "fm/Å³", "mott_bethe": "e/Å³"}


def density(
    model: xr.Dataset,
    dmin: float | None = None,
    *,
    rate: float = 1.5,
    size: Sequence[int] | None = None,
    blur: Blur = 0.0,
    cutoff: float = 1e-5,
    kind: Radiation = "xray",
    use_charge: bool = False,
    normalized: bool = False,
    form_factors: Mapping[str, FormFactor] | None = None,
    addends: Mapping[str, complex] | None = None,
) -> xr.DataArray:
    """Return the density of a model, of electrons or of what else scatters, in one unit cell.

    An atom is the sum of Gaussians that are the Fourier transform of its form factor times its
    displacement factor; the constant of the form factor is one of them, of width B alone. See
    `FormFactor.density_iso`. Atoms are summed over all operations of the space group.

    Without blur atoms are too narrow for a grid, whose structure factors are then off by waves
    that it takes for longer ones. For 5wkd to 2 Å Σ|ΔF|/Σ|F| is 0.025 at the rate 1.5, 0.0021 at 2
    and 9·10⁻⁶ at 3. For structure factors use ``blur="auto"``, or `structure_factors`, which does.

    Parameters
    ----------
    model : Dataset
        Along ``atom``, as `xrefl.open_model` gives it.
    dmin : float, optional
        Resolution in Å that the map is for: it has steps of dmin/(2 rate) or less.
    rate : float
        How many times as fine the grid is as structure factors to ``dmin`` need; at least 1.
    size : sequence of 3 int, optional
        Points along the axes, instead of ``dmin``.
    blur : float or {"auto", "refmac", "servalcat"}
        B in Å² that is added to all atoms, since the grid is too coarse for narrow ones. It is in
        ``attrs["blur"]`` of the map, also of one that was written by `to_ccp4`, where
        ``to_structure_factors`` finds what to undo. A negative number sharpens. "auto" is dmin²
        ln 10⁴/(rate (rate - 1)) less the smallest B of an atom, so that waves that the grid takes
        for those at ``dmin`` are 10⁻⁴ of them; it is at most 4 dmin² ln 10³, so that undoing it
        does not make much of rounding.
        "refmac" is the rule of that program, 8π²/1.1 (dmin/(2 rate))² less the smallest B. Both are
        0 where they would be negative; "servalcat" is the latter without that limit.
    cutoff : float
        Atoms end where their density is this, in the units of the map.
    kind : {"xray", "electron", "neutron", "mott_bethe"}
        What is scattered. "mott_bethe" gives the density of electrons less that of protons, of
        which ``to_structure_factors`` makes structure factors of electrons.
    use_charge, normalized, form_factors
        As for `structure_factors`.
    addends : mapping of str to float, optional
        What is added to the form factors of elements, such as f', in electrons for X-rays and fm
        for neutrons.

    Returns
    -------
    DataArray, dims (x, y, z), float32
        In e/Å³ for X-rays, Å/Å³ for electrons, fm/Å³ for neutrons. Attributes have ``kind`` and
        ``blur``.

    Raises
    ------
    CrystalError
        An atom is too narrow; the map needs more than half of the memory; an addend is complex; a
        number makes no sense; neither ``dmin`` nor ``size`` is given, or both; or the model has no
        atoms, no crystal, or unknown elements.
    MissingColumnError
        A variable is not there.

    Warns
    -----
    CrystalWarning
        The B of an atom is 0 to rounding (within 0.01 Å², blur included), and counts as 0.01 Å²;
        or ``use_charge`` finds ions that are not in the table.

    Examples
    --------
    >>> import xrefl
    >>> model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    >>> rho = model.xtal.density(1.8, blur="auto")
    >>> rho.shape, rho.attrs["units"]
    ((90, 8, 30), 'e/Å³')
    >>> calc = rho.xtal.to_structure_factors(dmin=1.8)
    >>> round(calc.F.sel(hkl=(1, 1, 1)).item(), 1)
    234.5
    """
    atoms = scatterers(
        model,
        kind=kind,
        use_charge=use_charge,
        normalized=normalized,
        form_factors=form_factors,
        addends=addends,
    )
    if atoms.addend.imag.any():
        raise CrystalError(
            "a map is of real numbers, and addends with an imaginary part (f'') have no place in "
            "it: give f' alone, or use .xtal.structure_factors(method='fft')"
        )
    how = sampling(atoms, dmin, rate=rate, size=size, blur=blur, cutoff=cutoff)
    data = of_one_unit(atoms, how)
    sum_over_mates(data, atoms.spacegroup)
    rho = new_map(data, atoms.cell, atoms.spacegroup).rename("density")
    return rho.assign_attrs(units=_UNITS[kind], blur=how.blur, kind=kind)


def of_one_unit(
    atoms: Scatterers, how: Sampling, *, imaginary: bool = False
) -> NDArray[np.float32]:
    """Return the density of the atoms themselves, without their symmetry mates."""
    gaussians = gaussian_atoms(atoms, how.blur, imaginary=imaginary)
    return atom_density(gaussians, how.size, atoms.cell.orthogonalization, how.cutoff)
