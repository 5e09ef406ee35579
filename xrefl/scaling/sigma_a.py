"""How well calculated structure factors agree with data: sigma_A in shells."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.errors import FormatError, MillerIndexError
from xrefl.hkl import reflections
from xrefl.hkl.crystal import crystal
from xrefl.scaling.observations import Observations, labelled_observations
from xrefl.statistics._default_shells import default_shells
from xrefl.statistics.columns import Column
from xrefl.statistics.shells import Shells, require_shells

__all__ = ["Agreement", "agreement", "log_i0", "sigma_a"]

Array = NDArray[np.float64]

# Reflections that determine sigma_A in a shell, and the most shells.
_IN_A_SHELL, _MOST_SHELLS = 50, 20
_LIMITS = (1e-3, 0.999)


class Agreement(NamedTuple):
    """sigma_A and the mean intensities, at the centres of shells."""

    inv_d2: Array
    """Mean 1/d² in Å⁻²."""
    sigma_a: Array
    observed: Array
    """<F_obs²/ε>"""
    calculated: Array
    """<|F_calc|²/ε>"""
    n: NDArray[np.int64]
    """Reflections that determined sigma_A."""
    shells: Shells


def sigma_a(
    ds: xr.Dataset,
    f_obs: Column,
    sigma: Column | None,
    f_calc: Column,
    *,
    free: Column | None = None,
    shells: Shells | None = None,
) -> xr.Dataset:
    """Estimate sigma_A in shells of resolution, by maximum likelihood.

    sigma_A is the correlation of true and calculated normalized structure factors E, as complex
    numbers. Given E_calc, E_obs is distributed about sigma_A E_calc with the variance
    1 - sigma_A² (Srinivasan & Ramachandran, 1965, Acta Cryst. 19, 1008; Read, 1986, Acta Cryst.
    A42, 140), to which errors of measurement add 2σ² for acentric and σ² for centric
    reflections. E are normalized by the mean intensity of the shell.

    It must have numbers: dask-backed data are computed.

    Parameters
    ----------
    ds : Dataset
        Merged reflections.
    f_obs : str or DataArray
        Observed amplitudes.
    sigma : str, DataArray or None
        Their standard deviations; None if they are not to count.
    f_calc : str or DataArray
        Complex structure factors. Their scale does not matter.
    free : str or DataArray, optional
        Flags of the free set (see `xrefl.scale`), from which sigma_A is then estimated: reflections
        that a model was refined against agree better than they should.
    shells : Shells, optional
        By default shells with an equal number of reflections, at least about 50 of those that
        sigma_A is estimated from, and at most 20.

    Returns
    -------
    Dataset
        Along ``shell``: ``sigma_a``, ``n`` (reflections it was estimated from), ``inv_d2`` (mean
        1/d², Å⁻²), with the coordinates ``dmin`` and ``dmax`` (Å).

    Raises
    ------
    MissingColumnError
        There is no such column.
    MillerIndexError
        No reflection is both observed and calculated, or none is free in all shells.
    FormatError, CrystalMismatchError, NotMergedError
        As for `xrefl.scale`.

    Examples
    --------
    >>> import xrefl
    >>> ds = xrefl.tutorial.open("5wkd")
    >>> f_calc = ds.xtal.structure_factor("FC_ALL", "PHIC_ALL")
    >>> ds.xtal.sigma_a("FP", "SIGFP", f_calc).sigma_a.values.round(2)
    array([...])
    """
    found = agreement(labelled_observations(ds, f_obs, sigma, f_calc, free), shells)
    dmin = found.shells.dmin.copy()
    dmin[-1] = found.shells.max_inv_d2**-0.5
    return xr.Dataset(
        {
            "sigma_a": ("shell", found.sigma_a, {"long_name": "sigma_A"}),
            "n": ("shell", found.n, {"long_name": "reflections it was estimated from"}),
            "inv_d2": ("shell", found.inv_d2, {"units": "Å^-2"}),
        },
        coords={
            "shell": found.shells.labels,
            "dmin": ("shell", dmin, {"units": "Å"}),
            "dmax": ("shell", found.shells.dmax, {"units": "Å"}),
        },
    )


def agreement(known: Observations, shells: Shells | None) -> Agreement:
    """Return sigma_A of the free reflections, or of all if none is free."""
    if known.f_calc.dtype.kind != "c":
        raise FormatError("f_calc is not complex; ds.xtal.structure_factor(f, phi) makes it so")
    used = known.free if known.free.any() else np.ones(len(known.weight), np.bool_)
    f_obs = known.f_obs
    used = used & ~reflections.absent(f_obs).values
    if not used.any():
        raise MillerIndexError("there are no reflections that sigma_A could be estimated from")
    if shells is None:
        cell, group = crystal(f_obs)
        hkl = [f_obs[name].values for name in "hkl"]
        shells = default_shells(
            cell, group, hkl, used, each=_IN_A_SHELL, fewest=1, most=_MOST_SHELLS
        )
    codes, size = require_shells(shells).assign(f_obs).values, len(shells)
    epsilon = reflections.epsilon(f_obs).values
    s2 = reflections.inv_d2(f_obs).values
    present = np.bincount(codes, minlength=size)

    def means(values: Array) -> Array:
        sums = np.bincount(codes, values, size)
        result: Array = np.divide(sums, present, out=np.full(size, np.nan), where=present > 0)
        return result

    observed = means(f_obs.values**2 / epsilon)
    calculated = means(np.abs(known.f_calc.values) ** 2 / epsilon)
    e_obs = f_obs.values / np.sqrt(epsilon * observed[codes])
    e_calc = np.abs(known.f_calc.values) / np.sqrt(epsilon * calculated[codes])
    error = np.zeros(len(codes))
    if known.weighted:
        error = 1 / (known.weight * np.sqrt(epsilon * observed[codes]))
    centric = reflections.centric(f_obs).values
    values = np.full(size, np.nan)
    for shell in np.unique(codes[used]):
        rows = used & (codes == shell)
        values[shell] = _most_likely(e_obs[rows], e_calc[rows], error[rows], centric[rows])
    n = np.bincount(codes[used], minlength=size)
    return Agreement(means(s2), values, observed, calculated, n, shells)


def log_i0(x: Array) -> Array:
    """Return ln I0(x), I0 the modified Bessel function, without overflow."""
    from scipy.special import i0e

    return np.asarray(np.log(i0e(x)) + x)


def _most_likely(e_obs: Array, e_calc: Array, error: Array, centric: NDArray[np.bool_]) -> float:
    from scipy.optimize import minimize_scalar

    def cost(value: float) -> float:
        """Return minus ln of the likelihood, without what does not depend on sigma_A."""
        variance = 1 - value * value + np.where(centric, 1, 2) * error**2
        about = e_obs**2 + (value * e_calc) ** 2
        x = 2 * value * e_obs * e_calc / variance
        acentric = about / variance - log_i0(x) + np.log(variance)
        # ln cosh(x/2), without overflow
        half = np.abs(x) / 2
        ln_cosh = half + np.log1p(np.exp(-2 * half)) - np.log(2)
        of_centric = about / (2 * variance) - ln_cosh + np.log(variance) / 2
        return float(np.where(centric, of_centric, acentric).sum())

    return float(minimize_scalar(cost, bounds=_LIMITS, method="bounded").x)
