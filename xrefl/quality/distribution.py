"""The distribution of intensities, beside those of theory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.hkl import reflections
from xrefl.quality._falloff import isotropic
from xrefl.quality._measured import called, measured, strong_limit, within
from xrefl.statistics.columns import Column
from xrefl.statistics.normalize import normalize
from xrefl.statistics.shells import Shells

__all__ = ["intensity_distribution"]

Array = NDArray[np.float64]

_KINDS = np.array(["acentric", "centric"])
_Z = np.linspace(0.0, 2.0, 41)


def intensity_distribution(
    ds: xr.Dataset,
    intensity: Column,
    sigma: Column | None = None,
    *,
    z: Sequence[float] | Array | None = None,
    dmin: float | None = None,
    shells: Shells | None = None,
) -> xr.Dataset:
    """Return the cumulative distribution of normalized intensities, and what theory expects.

    N(z) is the share of reflections with I/<I> below z, where <I> is the mean at their resolution,
    times ε, as `xrefl.statistics.normalize.normalize` finds it. An anisotropic falloff, if it is
    well beyond its errors, is taken out before: it would make more weak reflections, which could
    hide a twin. Expected are (Howells, Phillips & Rogers, 1950, Acta Cryst. 3, 210; Stanley, 1972,
    J. Appl. Cryst. 5, 191)

    ==========  =====================  =======================
    N(z)        single crystal         perfect merohedral twin
    ==========  =====================  =======================
    acentric    1 - exp(-z)            1 - (1 + 2z) exp(-2z)
    centric     erf(√(z/2))            1 - exp(-z)
    ==========  =====================  =======================

    (The centric column for twins is where both mates are centric.) Below the curve of a single
    crystal, near z = 0, the data have too few weak reflections, as twins have; above it, too many,
    as from translational non-crystallographic symmetry. Negative intensities count.

    Parameters
    ----------
    ds : Dataset
        Merged reflections; dask-backed columns are computed. Equivalents are averaged; what is
        absent and 0 0 0 do not count.
    intensity : str or DataArray
        Intensities, or amplitudes, which are squared; ``mtz_type`` tells which. Amplitudes
        made by the method of French & Wilson have too few weak reflections where data are weak.
    sigma : str or DataArray, optional
        Standard deviations, for a resolution limit: where fewer than 85 % of the reflections of a
        shell have I/σ >= 3, but not before 3.5 Å nor the first 100 reflections (Zwart,
        Grosse-Kunstleve & Adams, 2005, CCP4 Newsletter 42). Weak data at high resolution blur the
        distribution.
    z : sequence of float, optional
        Where N(z) is wanted; by default from 0 to 2 in steps of 0.05.
    dmin : float, optional
        Resolution limit in Å instead.
    shells : Shells, optional
        Shells of resolution for <I>; by default as `normalize` chooses them.

    Returns
    -------
    Dataset
        Along ``centric`` ("acentric", "centric") and ``z``: ``observed``, ``expected`` and
        ``twin``, the two columns above. Along ``centric``: ``n``, the number of reflections, and
        ``deviation``, the mean of observed - expected for z up to 1. NaN where there are none.
        The scalar ``dmin`` (Å) is the limit used.

    Raises
    ------
    NotMergedError
        These are observations.
    MissingColumnError, FormatError, ValueError
        There is no such column, or it is not of intensities, amplitudes or standard deviations; z
        is negative.
    MillerIndexError
        No reflection has a value.
    CrystalMismatchError
        The shells are of another crystal.

    Examples
    --------
    >>> import xrefl
    >>> found = xrefl.tutorial.open("5e5z").xtal.intensity_distribution("FP", z=[0.2, 0.6, 1])
    >>> found.observed.sel(centric="acentric").values.round(2)
    array([0.29, 0.59, 0.72])
    >>> found.expected.sel(centric="acentric").values.round(2)
    array([0.18, 0.45, 0.63])
    """
    places = np.asarray(_Z if z is None else z, np.float64)
    if places.ndim != 1 or not len(places) or not (places >= 0).all():
        raise ValueError(f"z must be a list of numbers that are not negative, not {z!r}")
    data = measured(ds, intensity, sigma)
    data = within(data, strong_limit(data) if dmin is None else dmin)
    e2 = normalize(isotropic(data, shells=shells), "I", squared=True, shells=shells).values
    centric = reflections.centric(data).values
    observed = np.full((2, len(places)), np.nan)
    deviation, n = np.full(2, np.nan), np.zeros(2, np.int64)
    inner = np.linspace(0, 1, 201)
    for kind, rows in enumerate((~centric, centric)):
        values = np.sort(e2[rows & np.isfinite(e2)])
        n[kind] = len(values)
        if len(values):
            observed[kind] = np.searchsorted(values, places) / len(values)
            share = np.searchsorted(values, inner) / len(values)
            deviation[kind] = (share - _single(inner)[kind]).mean()
    dims = "centric", "z"
    return xr.Dataset(
        {
            "observed": (dims, observed, {"long_name": "N(z), observed"}),
            "expected": (
                dims,
                _single(places),
                {"long_name": "N(z) of a single crystal"},
            ),
            "twin": (
                dims,
                _twin(places),
                {"long_name": "N(z) of a perfect merohedral twin"},
            ),
            "dmin": (
                (),
                reflections.resolution(data)[1],
                {"long_name": "resolution limit", "units": "Å"},
            ),
            "n": ("centric", n, {"long_name": "number of reflections"}),
            "deviation": (
                "centric",
                deviation,
                {"long_name": "mean of observed - expected N(z) for z from 0 to 1"},
            ),
        },
        {"centric": _KINDS, "z": ("z", places, {"long_name": "I/<I>"})},
        called(data),
    )


def _single(z: Array) -> Array:
    """Return N(z) of acentric and of centric reflections of a single crystal, shape (2, n)."""
    from scipy.special import erf

    return np.stack([-np.expm1(-z), erf(np.sqrt(z / 2))])


def _twin(z: Array) -> Array:
    """Return N(z) of acentric and of centric reflections of a perfect twin, shape (2, n)."""
    return np.stack([1 - (1 + 2 * z) * np.exp(-2 * z), -np.expm1(-z)])
