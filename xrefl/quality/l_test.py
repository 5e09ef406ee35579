"""The L-test for twinning: differences of intensities that are neighbours."""

from __future__ import annotations

from itertools import product

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.hkl import reflections
from xrefl.hkl.packing import pack
from xrefl.quality._measured import called, measured, strong_limit, within
from xrefl.statistics.columns import Column

__all__ = ["l_test", "mean_abs_l", "twin_fraction_of"]

Array = NDArray[np.float64]

_UNTWINNED, _PERFECT_TWIN = (1 / 2, 1 / 3), (3 / 8, 1 / 5)
_LARGEST_STEP = 4
# Half of the steps; the others lead back.
_STEPS = [
    step
    for step in product(range(-_LARGEST_STEP, _LARGEST_STEP + 1, 2), repeat=3)
    if 0 < sum(map(abs, step)) <= _LARGEST_STEP and step > (0, 0, 0)
]
_L = np.linspace(0.0, 1.0, 51)


def l_test(
    ds: xr.Dataset, intensity: Column, sigma: Column | None = None, *, dmin: float | None = None
) -> xr.Dataset:
    """Compare the intensities of neighbouring reflections, which twinning makes alike.

    L = (I₁ - I₂)/(I₁ + I₂) of pairs of acentric reflections whose indices differ by even
    numbers with |Δh| + |Δk| + |Δl| <= 4, so that neither anisotropy nor translational
    non-crystallographic symmetry by halves of the axes matter (Padilla & Yeates, 2003, Acta Cryst.
    D59, 1124). Expected are

    ==========  ==============  ============
    statistic   single crystal  perfect twin
    ==========  ==============  ============
    <|L|>       1/2             3/8
    <L²>        1/3             1/5
    N(|L|)      |L|             |L|(3 - L²)/2
    ==========  ==============  ============

    and between them the twin fraction α follows from <|L|>, see `mean_abs_l`. The test does not
    need a twin law; it tells less of the fraction than those that have one. Other translations than
    by halves make <|L|> larger, so that twins may look untwinned. Reflections with
    errors of the size of their intensities look less twinned. A negative intensity counts as
    0, pairs of two such do not count. Half way between single crystals and perfect twins is
    <|L|> = 0.4375, that of a twin fraction of 0.1.

    Parameters
    ----------
    ds : Dataset
        Merged reflections; dask-backed columns are computed. Equivalents are averaged.
    intensity : str or DataArray
        Intensities, or amplitudes, which are squared; ``mtz_type`` tells which.
    sigma : str or DataArray, optional
        Standard deviations, for a resolution limit: where fewer than 85 % of the
        reflections of a shell have I/σ >= 3, but not before 3.5 Å nor the first 100 reflections
        (Zwart, Grosse-Kunstleve & Adams, 2005, CCP4 Newsletter 42).
    dmin : float, optional
        Resolution limit in Å instead.

    Returns
    -------
    Dataset
        ``mean_abs_l``, ``mean_l2``, ``twin_fraction`` (0 to 0.5), ``n`` (pairs) and ``dmin`` (Å);
        along ``l``, which is |L|: ``observed``, ``expected`` and ``twin``, the cumulative
        distribution N(|L|) and the two of theory. NaN if there are no pairs.

    Raises
    ------
    NotMergedError
        These are observations.
    MissingColumnError, FormatError, ValueError
        There is no such column, or it is not of intensities, amplitudes or standard deviations.
    MillerIndexError
        No reflection has a value.

    Examples
    --------
    >>> import xrefl
    >>> found = xrefl.tutorial.open("5e5z").xtal.l_test("FP", "SIGFP")
    >>> float(found.mean_abs_l.round(3)), int(found.n), float(found.twin_fraction)
    (0.548, 985, 0.0)
    """
    data = measured(ds, intensity, sigma)
    data = within(data, strong_limit(data) if dmin is None else dmin)
    acentric = data.isel(hkl=np.flatnonzero(~reflections.centric(data).values))
    values = _l_values([acentric[name].values for name in "hkl"], acentric["I"].values)
    mean, square = (float(np.mean(v)) if len(v) else np.nan for v in (values, values**2))
    observed = np.searchsorted(np.sort(values), _L, side="right") / max(len(values), 1)
    return xr.Dataset(
        {
            "mean_abs_l": ((), mean, {"long_name": "<|L|>"}),
            "mean_l2": ((), square, {"long_name": "<L²>"}),
            "twin_fraction": ((), twin_fraction_of(mean), {"long_name": "twin fraction of <|L|>"}),
            "n": ((), len(values), {"long_name": "number of pairs of reflections"}),
            "dmin": (
                (),
                reflections.resolution(data)[1],
                {"long_name": "resolution limit", "units": "Å"},
            ),
            "observed": (
                "l",
                observed if len(values) else np.full(len(_L), np.nan),
                {"long_name": "N(|L|), observed"},
            ),
            "expected": ("l", _L, {"long_name": "N(|L|) of a single crystal"}),
            "twin": ("l", _L * (3 - _L**2) / 2, {"long_name": "N(|L|) of a perfect twin"}),
        },
        {"l": ("l", _L, {"long_name": "|L|"})},
        called(data),
    )


def mean_abs_l(twin_fraction: float | Array) -> Array:
    """Return <|L|> of acentric reflections of a twin.

    I = (1 - α) J₁ + α J₂ with J exponentially distributed (Rees, 1980, Acta Cryst. A36, 578). The
    distribution of L of two such intensities integrates to

    <|L|> = (1/2 - 3p - 4p² ln(4p) / (1 - 4p)) / (1 - 4p),  p = α(1 - α)

    which is 1/2 for α = 0 and 3/8 for α = 1/2, the values of Padilla & Yeates (2003).

    Parameters
    ----------
    twin_fraction : float or ndarray
        α, from 0 to 1.

    Examples
    --------
    >>> mean_abs_l(np.array([0.0, 0.1, 0.3, 0.5])).round(4)
    array([0.5   , 0.4402, 0.3889, 0.375 ])
    """
    alpha = np.asarray(twin_fraction, np.float64)
    p = alpha * (1 - alpha)
    rest = 1 - 4 * p  # (1 - 2α)²
    with np.errstate(divide="ignore", invalid="ignore"):
        exact = (0.5 - 3 * p - np.where(p > 0, 4 * p**2 * np.log(4 * p), 0.0) / rest) / rest
    # near 1/2 both terms cancel; the series of the logarithm has 3/8 + rest/12 + rest²/48 + ...
    series = 3 / 8 + rest / 12 + rest**2 / 48 + rest**3 / 120
    return np.where(rest > 1e-3, exact, series)


def twin_fraction_of(mean: float) -> float:
    """Return the twin fraction, from 0 to 1/2, that gives a value of <|L|>; NaN for NaN."""
    if np.isnan(mean):
        return float("nan")
    low, high = 0.0, 0.5
    for _ in range(50):  # <|L|> falls all the way
        middle = (low + high) / 2
        low, high = (middle, high) if mean_abs_l(middle) > mean else (low, middle)
    return 0.0 if mean >= mean_abs_l(0.0) else 0.5 if mean <= mean_abs_l(0.5) else (low + high) / 2


def _l_values(hkl: list[NDArray[np.int32]], intensity: Array) -> Array:
    """Return |L| of all pairs of neighbours, each once; the indices are sorted."""
    keys, values = pack(*hkl), np.maximum(intensity, 0.0)
    origin = pack(0, 0, 0)
    found = []
    for step in _STEPS:
        wanted = keys + (pack(*step) - origin)
        places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        first = np.flatnonzero(keys[places] == wanted)
        one, other = values[first], values[places[first]]
        total = one + other
        some = total > 0
        found.append(np.abs(one - other)[some] / total[some])
    return np.concatenate(found)
