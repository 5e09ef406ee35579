"""Coefficients of 2mFo-DFc and mFo-DFc maps."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.hkl import reflections
from xrefl.hkl.crystal import crystal, merged_index
from xrefl.hkl.values import amplitude_phase
from xrefl.scaling.observations import labelled_observations
from xrefl.scaling.sigma_a import agreement
from xrefl.statistics.columns import Column, find_column
from xrefl.statistics.shells import Shells

__all__ = ["map_coefficients_from"]

Array = NDArray[np.float64]


def map_coefficients_from(
    ds: xr.Dataset,
    f_obs: Column,
    sigma: Column | None,
    f_calc: Column,
    *,
    free: Column | None = None,
    shells: Shells | None = None,
    fill_missing: bool = False,
) -> xr.Dataset:
    """Return coefficients of maps in which the bias of the model is least.

    With sigma_A in shells (see `sigma_a`) and linear in 1/d² between their centres,
    D = sigma_A √(<F_obs²/ε> / <|F_calc|²/ε>) and the figure of merit
    m = I1(X)/I0(X) for acentric and tanh(X/2) for centric reflections, where
    X = 2 sigma_A E_obs E_calc / (1 - sigma_A² + errors). The maps are (Read, 1986, Acta Cryst.
    A42, 140): 2mF_obs - DF_calc (mF_obs where centric), and mF_obs - DF_calc, with the phases of
    F_calc.

    Parameters
    ----------
    ds : Dataset
        Merged reflections.
    f_obs, sigma, f_calc, free, shells
        As for `sigma_a`. F_calc on the scale of the data, as `xrefl.scale` gives it
        (``result.f_total``).
    fill_missing : bool
        Whether reflections that are not observed have DF_calc in the first map. They have
        nothing (NaN) otherwise.

    Returns
    -------
    Dataset
        Along the reflections of ``f_calc``: FWT and PHWT, DELFWT and PHDELWT (phases in degrees),
        and FOM, all NaN where nothing is known.

    Raises
    ------
    MissingColumnError, MillerIndexError, FormatError, CrystalMismatchError, NotMergedError
        As for `sigma_a`.

    Examples
    --------
    >>> import xrefl
    >>> ds = xrefl.tutorial.open("5wkd")
    >>> f_calc = ds.xtal.structure_factor("FC_ALL", "PHIC_ALL")
    >>> maps = ds.xtal.map_coefficients_from("FP", "SIGFP", f_calc)
    >>> list(maps.data_vars)
    ['FWT', 'PHWT', 'DELFWT', 'PHDELWT', 'FOM']
    >>> maps.xtal.to_map(*maps.xtal.map_coefficients("fofc")).dims
    ('x', 'y', 'z')
    """
    f_calc = find_column(ds, f_calc)
    known = labelled_observations(ds, f_obs, sigma, f_calc, free)
    found = agreement(known, shells)
    s2 = reflections.inv_d2(f_calc).values
    usable = np.isfinite(found.sigma_a) & (found.calculated > 0)
    centres = found.inv_d2[usable]

    def curve(values: Array) -> Array:
        return np.asarray(np.interp(s2, centres, values[usable]))

    correlation = curve(found.sigma_a)
    observed, calculated = (
        np.exp(curve(np.log(one))) for one in (found.observed, found.calculated)
    )
    epsilon = reflections.epsilon(f_calc).values
    centric = reflections.centric(f_calc).values
    absolute = np.abs(f_calc.values)
    fo = xr.align(f_calc, known.f_obs, join="left")[1].values
    e_obs = fo / np.sqrt(epsilon * observed)
    e_calc = absolute / np.sqrt(epsilon * calculated)
    error = np.zeros(len(s2))
    if known.weighted:
        standard = known.f_obs.copy(data=1 / known.weight)
        error = xr.align(f_calc, standard, join="left")[1].values / np.sqrt(epsilon * observed)
    variance = 1 - correlation**2 + np.where(centric, 1, 2) * error**2
    m = _figure_of_merit(2 * correlation * e_obs * e_calc / variance, centric)
    damped = correlation * np.sqrt(observed / calculated) * absolute
    best = np.where(centric, m * fo, 2 * m * fo - damped)
    if fill_missing:
        best = np.where(np.isnan(fo), damped, best)
    phase = amplitude_phase(f_calc)["PHI"].values
    dtype = phase.dtype
    columns = {
        **_polar("FWT", "PHWT", best, phase),
        **_polar("DELFWT", "PHDELWT", m * fo - damped, phase),
        "FOM": ("hkl", m.astype(dtype), {"mtz_type": "W", "long_name": "figure of merit"}),
    }
    of = crystal(f_calc)
    attrs = {"cell": list(of.cell.parameters), "spacegroup": of.spacegroup.name}
    return xr.Dataset(columns, merged_index(f_calc).coordinates(), attrs)


def _polar(f: str, phi: str, values: Array, phase: NDArray[Any]) -> dict[str, Any]:
    """Return columns of amplitudes and phases of real multiples of structure factors."""
    turned = np.where(values < 0, np.where(phase > 0, phase - 180, phase + 180), phase)
    turned = turned.astype(phase.dtype)
    turned = np.where(np.isnan(values), np.nan, np.where(turned == -180, -turned, turned))
    return {
        f: ("hkl", np.abs(values).astype(phase.dtype), {"mtz_type": "F"}),
        phi: ("hkl", turned, {"mtz_type": "P", "units": "degree"}),
    }


def _figure_of_merit(x: Array, centric: NDArray[np.bool_]) -> Array:
    from scipy.special import i0e, i1e

    return np.where(centric, np.tanh(x / 2), i1e(x) / i0e(x))
