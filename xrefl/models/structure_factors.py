"""Structure factors of atomic models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
import xarray as xr

from xrefl.errors import CrystalError, CrystalWarning, warn_caller
from xrefl.fourier.structure_factors import UNITS
from xrefl.hkl.crystal import Crystal
from xrefl.hkl.values import amplitude_phase
from xrefl.models.blur import Blur
from xrefl.models.direct import direct_sum
from xrefl.models.reflections import Reflections, Wanted, as_indices, wanted_reflections
from xrefl.models.scatterers import Radiation, Scatterers, scatterers
from xrefl.models.symmetry import as_symmetry_demands
from xrefl.scattering.form_factor import FormFactor
from xrefl.scattering.mott_bethe import mott_bethe_factor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xrefl.crystal.cell import UnitCell
    from xrefl.crystal.miller import Column

__all__ = ["structure_factors"]

# Å²; U in four decimals, as PDB files have it, may be off by as much.
_ROUNDING = 0.01


def structure_factors(
    model: xr.Dataset,
    hkl: Wanted | None = None,
    *,
    dmin: float | None = None,
    method: Literal["direct", "fft"] | None = None,
    kind: Radiation = "xray",
    addends: Mapping[str, complex] | None = None,
    friedel: bool = False,
    use_charge: bool = False,
    normalized: bool = False,
    form_factors: Mapping[str, FormFactor] | None = None,
    rate: float = 1.5,
    blur: Blur = "auto",
    cutoff: float | None = None,
) -> xr.Dataset:
    """Return the structure factors of an atomic model.

    F(h) = Σ q (f(s) + f' + i f'') T(h R) exp(2πi h·(R x + t)), over atoms and all operations of the
    space group, with q = occupancy / occupancy_divisor, s = 1/(2d), and the displacement factor T =
    exp(-B s²), or exp(-2π² h F U Fᵀ hᵀ) where ``u_aniso`` is given, with F the fractionalization
    matrix (International Tables B, section 1.2).

    Parameters
    ----------
    model : Dataset
        Along ``atom``, as `xrefl.open_model` gives it. Its values are needed: dask-backed variables
        are computed.
    hkl : Dataset, DataArray or Miller indices, optional
        The reflections: merged or unmerged ones, whose coordinates the result has; or a list of
        tuples, an array (n, 3), one tuple (h, k, l), a tuple of three arrays, or a DataFrame with
        columns or levels of its index named h, k, l or H, K, L. Chunks of dask-backed reflections
        are calculated when they are needed.
    dmin : float, optional
        In place of ``hkl``: all unique reflections with d >= dmin, in Å, without 0 0 0 and absent
        ones.
    method : {"direct", "fft"}, optional
        Sum over the atoms for each reflection, or transform the density on a grid. By default the
        sum for ``hkl`` and the transform for ``dmin``.
    kind : {"xray", "electron", "neutron", "mott_bethe"}
        What is scattered: X-rays (F in electrons), electrons (Å), neutrons (fm), or electrons by
        the form factors of X-rays and the Mott-Bethe formula (Å; there is none at 0 0 0, which
        becomes NaN). For the last one the model may have a variable ``xyz_nucleus`` like ``xyz``,
        in Å, with NaN where a nucleus is at ``xyz``: so protons of hydrogens may be farther out
        than their electrons.
    addends : mapping of str to complex, optional
        What is added to the form factors of elements at all angles, {"Se": -1.4 + 0.7j}, in
        electrons for X-rays and fm for neutrons (electrons take none). `addends` looks f' + i f''
        of X-rays up. Elements that are not in it get nothing.
    friedel : bool
        Give F(+) and PHI(+) of h, and F(-) and PHI(-) of -h. Without f'' they only differ in the
        sign of the phase.
    use_charge : bool
        Use form factors of ions where the model has charges; ions that are not in the table count
        as neutral atoms.
    normalized : bool
        Scale form factors for X-rays to the number of electrons at s = 0. Those of the tables are
        off by up to 0.1 %.
    form_factors : mapping of str to FormFactor, optional
        Form factors of your own for elements.
    rate, blur, cutoff
        Of the density that is transformed: see `density`. By default the cutoff is such that the
        result is within some 10⁻⁵ of the sum (root mean square). A blur is undone, and must be less
        than 4 dmin² ln 10⁴; rates below 1.3 are less accurate.

    Returns
    -------
    Dataset
        Merged reflections, or observations, with ``F`` and ``PHI`` (degrees), float64.
        ``ds.xtal.structure_factor("F", "PHI")`` makes complex numbers of them. Attributes say what
        was calculated, ``kind`` and ``method``. Absent reflections are exactly 0; without f''
        phases of centric ones are exactly 0 or 180 degrees, or what else they are restricted to.

    Raises
    ------
    CrystalError
        The model has no atoms, more than one model, no cell or space group; an element is not
        known; a coordinate, occupancy or B is missing; arguments make no sense; no reflections are
        within ``dmin``, or more than half of the memory holds.
    CrystalMismatchError
        The reflections are of another crystal.
    MillerIndexError
        A reflection is in the list twice, or has indices that are none.

    Warns
    -----
    CrystalWarning
        An atom has a negative B: it scatters more with angle. Or ``use_charge`` finds ions that
        are not in the table, which count as neutral atoms.

    Examples
    --------
    >>> import xrefl
    >>> model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    >>> calc = model.xtal.structure_factors([(0, 0, 2), (1, 1, 1)])
    >>> calc.F.values.round(2), calc.PHI.values.round(2)
    (array([228.09, 234.49]), array([ 180.  , -149.66]))
    >>> observed = xrefl.tutorial.open("5wkd")
    >>> calc = model.xtal.structure_factors(observed)
    >>> observed.assign(FC=calc.F).xtal.correlation("FP", "FC").cc.item()
    0.9...
    """
    if method not in (None, "direct", "fft"):
        raise CrystalError(f"method must be 'direct' or 'fft', not {method!r}")
    atoms = scatterers(
        model,
        kind=kind,
        use_charge=use_charge,
        normalized=normalized,
        form_factors=form_factors,
        addends=addends,
    )
    wanted = wanted_reflections(hkl, dmin, Crystal(atoms.cell, atoms.spacegroup))
    method = method or ("direct" if dmin is None else "fft")
    if method == "direct":
        if (rate, blur, cutoff) != (1.5, "auto", None):
            raise CrystalError("rate, blur and cutoff are of a density: use method='fft'")
        calculate = partial(direct_sum, atoms)
    else:
        from xrefl.models.from_density import fft_sum

        calculate = partial(fft_sum, atoms, kind=kind, rate=rate, blur=blur, cutoff=cutoff)
        wanted = wanted.in_one_chunk()
    _warn_of_growth(atoms)
    calculate = partial(_symmetric, calculate, atoms)
    f = _values(wanted.hkl, calculate, atoms, kind)
    if not friedel:
        result = _columns(f, wanted, kind)
    else:
        if atoms.addend.imag.any():
            mates = _values(tuple(-one for one in wanted.hkl), calculate, atoms, kind)
        else:
            mates = f.conj() + 0  # no -0.0, which would make -180 of 180 degrees
        minus = _columns(mates, wanted, kind, "(-)")
        result = _columns(f, wanted, kind, "(+)").assign(minus.data_vars)
    attrs = {"cell": list(atoms.cell.parameters), "spacegroup": atoms.spacegroup.name}
    return result.assign_attrs(attrs, kind=kind, method=method)


def _symmetric(
    calculate: Callable[..., NDArray[np.complex128]], atoms: Scatterers, hkl: tuple[Column, ...]
) -> NDArray[np.complex128]:
    real = not atoms.addend.imag.any()
    return as_symmetry_demands(calculate(hkl), hkl, atoms.spacegroup, real=real)


def _values(
    hkl: tuple[xr.Variable, ...],
    calculate: Callable[..., NDArray[np.complex128]],
    atoms: Scatterers,
    kind: Radiation,
) -> xr.Variable:
    """Return the structure factors of Miller indices, lazy where these are."""
    values: xr.Variable = xr.apply_ufunc(
        partial(_of_rows, calculate, atoms.cell if kind == "mott_bethe" else None),
        *hkl,
        dask="parallelized",
        output_dtypes=[np.complex128],
        keep_attrs=False,
    )
    return values


def _of_rows(
    calculate: Callable[..., NDArray[np.complex128]],
    cell: UnitCell | None,
    *hkl: NDArray[np.int32],
) -> NDArray[np.complex128]:
    """Return structure factors; those of X-rays become those of electrons where a cell is given."""
    indices = as_indices(hkl)
    f = calculate(indices)
    if cell is not None:
        f *= mott_bethe_factor(cell.inv_d2(indices))
    return f


def _columns(f: xr.Variable, wanted: Reflections, kind: Radiation, half: str = "") -> xr.Dataset:
    """Return amplitudes and phases, those of Friedel mates with a mark in their labels."""
    values = xr.DataArray(f, wanted.coords)
    ds = amplitude_phase(values, amplitude=f"F{half}", phase=f"PHI{half}")
    ds[f"F{half}"].attrs |= {"mtz_type": "G" if half else "F", "units": UNITS[kind]}
    return ds


def _warn_of_growth(atoms: Scatterers) -> None:
    rows = np.flatnonzero(atoms.least_b < -_ROUNDING)
    if rows.size:
        warn_caller(
            f"the B of {atoms.names(rows)} is negative ({atoms.least_b[rows[0]]:.3g} Å²): what "
            "such atoms scatter grows with angle",
            CrystalWarning,
        )
