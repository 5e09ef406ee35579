"""The Wilson plot: overall B factor and scale of intensities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.crystal.cell import UnitCell
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalError, MillerIndexError
from xrefl.hkl import reflections
from xrefl.hkl.crystal import crystal
from xrefl.scattering.form_factor import form_factor
from xrefl.statistics._default_shells import default_shells
from xrefl.statistics.columns import Column
from xrefl.statistics.groups import grouping
from xrefl.statistics.intensity import per_epsilon, single_column
from xrefl.statistics.shells import Shells, require_shells

__all__ = ["WilsonResult", "wilson"]

# Atoms of an average amino-acid residue, as the program WILSON of CCP4 counts them.
_RESIDUE = {"C": 5.0, "N": 1.35, "O": 1.5, "H": 8.0}
# Of protein crystals: Å³ for each dalton (Matthews, 1968), and dalton for each residue.
_MATTHEWS, _DALTON = 2.4, 110.0
_FEWEST_SHELLS, _MOST_SHELLS, _IN_A_SHELL = 3, 50, 50


class WilsonResult(NamedTuple):
    """The straight line of a Wilson plot."""

    b: float
    """Overall B factor in Å²."""
    se_b: float
    """Standard error of B, from the scatter of the shells about the line."""
    scale: float
    """k, in observed intensity = k × intensity in electrons²."""
    plot: xr.Dataset
    """Along ``shell``: ``inv_d2``, ``ln_ratio``, ``fitted``, and ``n``, the reflections."""


def wilson(
    ds: xr.Dataset,
    column: Column,
    *,
    residues: float | None = None,
    atoms: Mapping[str, float] | None = None,
    shells: Shells | None = None,
    dmax: float | None = 4.0,
) -> WilsonResult:
    """Estimate the overall B factor and the absolute scale from a Wilson plot.

    In shells of resolution ln(<I/ε> / Σf²) = ln k - B/(2 d²) (Wilson, 1942, Nature 150, 152;
    French & Wilson, 1978, Acta Cryst. A34, 517). The sum is over all atoms of the cell; f are the
    form factors of neutral atoms at rest (International Tables C, table 6.1.1.4), and I is divided
    by Σf² reflection by reflection. The line is fitted by least squares with the weights that
    Wilson's distribution gives: the number of acentric and half that of centric reflections.
    Absent reflections, 0 0 0 and missing values are left out; negative intensities count.

    A fit must have numbers: dask-backed data are computed.

    Parameters
    ----------
    ds : Dataset
        Reflections, merged or unmerged.
    column : str or DataArray
        Amplitudes, which are squared, or intensities; ``mtz_type`` tells which.
    residues : float, optional
        Amino-acid residues in the asymmetric unit, each of C5 N1.35 O1.5 H8, the average of the
        program WILSON of CCP4.
    atoms : mapping, optional
        Instead of residues: number of atoms of each element in the asymmetric unit, as
        ``{"C": 400, "N": 100}``.
    shells : Shells, optional
        By default, shells of an equal number of the reflections within ``dmax``: some 50 in each,
        but at least 3 and at most 50 shells.
    dmax : float or None
        Reflections with a larger d (Å) are left out: below 4 Å solvent and structure bend the
        plot. None takes all.

    Returns
    -------
    WilsonResult
        (b, se_b, scale, plot)

    Raises
    ------
    MissingColumnError
        There is no such column.
    ValueError
        It holds neither amplitudes nor intensities, or has further dimensions.
    CrystalError
        The contents of the asymmetric unit are not given, are given twice, are not positive, or
        have an element without form factor.
    CrystalMismatchError
        The shells are of another crystal.
    MillerIndexError
        Fewer than 3 shells have a positive mean intensity.

    Examples
    --------
    >>> import xrefl
    >>> ds = xrefl.tutorial.open("5e5z")
    >>> found = ds.xtal.wilson("FP", residues=7)
    >>> round(found.b, 1), round(found.se_b, 1)
    (3.3, 2.0)
    """
    cell, group = crystal(ds)
    contents = _contents(cell, group, residues, atoms)
    values = xr.Dataset(
        {
            "intensity": per_epsilon(ds, single_column(ds, column)),
            "inv_d2": reflections.inv_d2(ds),
            "centric": reflections.centric(ds),
        }
    ).compute()
    x = values["inv_d2"].values
    y = values["intensity"].values
    used = np.isfinite(y) & (x >= (0.0 if dmax is None else 1.0 / dmax**2))
    x, y, centric = x[used], y[used], values["centric"].values[used]
    if shells is None:
        if not len(x):
            raise _too_few(0, dmax)
        hkl = [ds[name].values for name in "hkl"]
        shells = default_shells(
            cell, group, hkl, used, each=_IN_A_SHELL, fewest=_FEWEST_SHELLS, most=_MOST_SHELLS
        )
    codes, size = grouping(ds, require_shells(shells)).codes.values[used], len(shells)

    def sums(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(codes, weights, size).astype(np.float64, copy=False)

    factors = {element: form_factor(element).sf(x / 4) for element in contents}
    ratio = y / sum(number * factors[element] ** 2 for element, number in contents.items())
    n = np.bincount(codes, minlength=size)
    weight = sums(np.where(centric, 0.5, 1.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        inv_d2, mean = sums(x) / n, sums(ratio) / n
        ln_ratio = np.where(mean > 0, np.log(mean), np.nan)
    usable = np.isfinite(ln_ratio)
    if usable.sum() < _FEWEST_SHELLS:
        raise _too_few(int(usable.sum()), dmax)
    slope, error, intercept = _line(inv_d2[usable], ln_ratio[usable], weight[usable])
    plot = xr.Dataset(
        {
            "inv_d2": ("shell", inv_d2, {"long_name": "mean 1/d²", "units": "Å⁻²"}),
            "ln_ratio": ("shell", ln_ratio, {"long_name": "ln(<I/ε> / Σf²)"}),
            "fitted": ("shell", intercept + slope * inv_d2, {"long_name": "ln k - B/(2 d²)"}),
            "n": ("shell", n, {"long_name": "number of reflections"}),
        },
        coords={"shell": shells.labels},
    )
    return WilsonResult(-2 * slope, 2 * error, float(np.exp(intercept)), plot)


def _contents(
    cell: UnitCell,
    group: SpaceGroup,
    residues: float | None,
    atoms: Mapping[str, float] | None,
) -> dict[str, float]:
    """Return the number of atoms of each element in the cell."""
    if (residues is None) == (atoms is None):
        estimate = cell.volume / len(group.operations) / _MATTHEWS / _DALTON
        raise CrystalError(
            "the scattering of the asymmetric unit is "
            + ("not known" if atoms is None else "given twice")
            + f": give either residues=, the number of amino-acid residues in it (about "
            f'{max(estimate, 1):.0f} in a protein crystal of this volume), or atoms={{"C": ...}}'
        )
    in_asu = atoms or {element: number * (residues or 0.0) for element, number in _RESIDUE.items()}
    if not all(np.isfinite(number) and number >= 0 for number in in_asu.values()) or not any(
        in_asu.values()
    ):
        raise CrystalError(
            f"numbers of residues or atoms must be positive, found {residues or dict(in_asu)}"
        )
    return {element: number * len(group.operations) for element, number in in_asu.items()}


def _line(
    x: NDArray[np.float64], y: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[float, float, float]:
    """Return the slope of a weighted least-squares line, its standard error, and the intercept."""
    centre, level = np.average(x, weights=weight), np.average(y, weights=weight)
    spread = float(weight @ (x - centre) ** 2)
    slope = float(weight @ ((x - centre) * y)) / spread
    scatter = float(weight @ (y - level - slope * (x - centre)) ** 2) / (len(x) - 2)
    return slope, float(np.sqrt(scatter / spread)), float(level - slope * centre)


def _too_few(count: int, dmax: float | None) -> MillerIndexError:
    limit = "" if dmax is None else f" within dmax={dmax:g} Å"
    remedy = "give more shells, or a larger dmax (None for all reflections)"
    if count == 0:
        remedy = f"check that the column has values there; if it has, {remedy}"
    return MillerIndexError(
        f"a Wilson plot needs {_FEWEST_SHELLS} shells with a positive mean intensity, and there "
        f"are {count}{limit}: {remedy}"
    )
