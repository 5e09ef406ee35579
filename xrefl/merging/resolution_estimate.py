"""To which resolution merged data are good, by CC1/2 and I/σ."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.hkl.reflections import spacing

__all__ = ["resolution_estimate"]

# What CC1/2 may depart from the curve, beside its standard error.
_MISFIT = 0.02
_FEWEST_SHELLS = 3
_ROUNDS = 3


def resolution_estimate(
    stats: xr.Dataset, *, cc_half: float = 0.3, i_over_sigma: float = 2.0
) -> xr.Dataset:
    """Estimate to which resolution data are good.

    CC1/2 is fitted by (1 - tanh((s - s₀)/r))/2 with s = 1/d² (Evans & Murshudov, 2013, Acta
    Cryst. D69, 1204). That is what CC1/2 is if intensities fall off as exp(-B s/2) and errors
    do not. Shells are weighted by 1/v, with v = (1 - CC²)²/(n - 3) + 0.02², CC being that of the
    curve: Fisher's z has the variance 1/(n - 3), and no curve is quite true. Mean I/σ is
    interpolated between the outermost shell that reaches the threshold and the next.

    Parameters
    ----------
    stats : Dataset
        What ``ds.xtal.merging_statistics`` returns, in shells.
    cc_half : float
        Threshold of CC1/2, between 0 and 1.
    i_over_sigma : float
        Threshold of the mean I/σ(I) of merged intensities.

    Returns
    -------
    Dataset
        Along ``criterion`` ("cc_half", "i_over_sigma"): ``d``, where the criterion falls to its
        ``threshold`` (Å), and ``reached``, whether it does. Where it does not, d is the limit of
        the data. Where not even the first shell is good, d is NaN, as it is where too few shells
        have values for an answer, and ``reached`` False then. Along ``shell``, ``cc_half_fitted``.

    Raises
    ------
    ValueError
        These are not statistics in shells, or a threshold makes no sense.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> s = np.array([0.05, 0.15, 0.25, 0.35])
    >>> curve = 0.5 * (1 - np.tanh((s - 0.25) / 0.1))
    >>> values = {"cc_half": curve, "i_over_sigma": [20.0, 8, 3, 1], "n_repeated": [900] * 4}
    >>> coords = {"inv_d2": s, "dmin": 1 / np.sqrt(s + 0.05), "dmax": 1 / np.sqrt(s - 0.0499)}
    >>> stats = xr.Dataset(
    ...     {name: ("shell", value) for name, value in values.items()},
    ...     {name: ("shell", value) for name, value in coords.items()},
    ... )
    >>> resolution_estimate(stats).d.values.round(2)
    array([1.85, 1.83])
    """
    if not 0 < cc_half < 1:
        raise ValueError(f"the threshold of CC1/2 must be between 0 and 1, not {cc_half!r}")
    if not 0 < i_over_sigma < np.inf:
        raise ValueError(f"the threshold of I/σ must be a positive number, not {i_over_sigma!r}")
    names = ("inv_d2", "dmin", "dmax", "cc_half", "n_repeated", "i_over_sigma")
    missing = [name for name in names if name not in stats.variables or not stats[name].ndim]
    if missing:
        raise ValueError(
            f"resolution is estimated from statistics in shells, and there is no "
            f"{', '.join(missing)} along shells; use ds.xtal.merging_statistics(shells=20)"
        )
    data = _Shells(*(stats[name].values.astype(np.float64) for name in names))
    at, curve = _by_cc_half(data, cc_half)
    found = [_limit(data, at), _limit(data, _by_i_over_sigma(data, i_over_sigma))]
    what = ["cc_half", "i_over_sigma"]
    return xr.Dataset(
        {
            "d": ("criterion", [d for d, _ in found], {"long_name": "d", "units": "Å"}),
            "reached": ("criterion", [reached for _, reached in found]),
            "threshold": ("criterion", [cc_half, i_over_sigma]),
            "cc_half_fitted": ("shell", curve, {"long_name": "curve fitted to CC1/2"}),
        },
        {
            "criterion": what,
            **{name: c for name, c in stats.coords.items() if c.dims == ("shell",)},
        },
    )


class _Shells(NamedTuple):
    inv_d2: NDArray[np.float64]
    dmin: NDArray[np.float64]
    dmax: NDArray[np.float64]
    cc_half: NDArray[np.float64]
    n: NDArray[np.float64]
    i_over_sigma: NDArray[np.float64]


def _limit(data: _Shells, inv_d2: float) -> tuple[float, bool]:
    """Return d and whether it is reached, from where a criterion falls to its threshold."""
    if np.isnan(inv_d2):
        return np.nan, False
    if inv_d2 <= 1 / data.dmax[0] ** 2:
        return np.nan, True
    if inv_d2 >= 1 / data.dmin[-1] ** 2:
        return float(data.dmin[-1]), False
    return spacing(inv_d2), True


def _by_cc_half(data: _Shells, threshold: float) -> tuple[float, NDArray[np.float64]]:
    """Return where a curve fitted to CC1/2 has a value, and the curve in each shell.

    (1 - tanh(x))/2 is the logistic function of -2x.
    """
    from scipy.optimize import least_squares
    from scipy.special import expit

    usable = np.isfinite(data.cc_half) & (data.n > 3)
    if usable.sum() < _FEWEST_SHELLS:
        return np.nan, np.full(len(data.cc_half), np.nan)
    s, cc, n = data.inv_d2[usable], data.cc_half[usable], data.n[usable]
    width = s[-1] - s[0]

    def curve(parameters: Any, x: Any) -> Any:
        middle, steepness = parameters
        return expit(2 * np.exp(steepness) * (middle - (x - s[0]) / width))

    parameters, fitted = np.array([1.0, 1.0]), np.clip(cc, 0, 0.999)
    for _ in range(_ROUNDS):
        error = np.sqrt((1 - fitted**2) ** 2 / (n - 3) + _MISFIT**2)

        def residuals(trial: Any, error: Any = error) -> Any:
            return (curve(trial, s) - cc) / error

        parameters = least_squares(residuals, parameters, bounds=([-20.0, -3.0], [20.0, 6.0])).x
        fitted = curve(parameters, s)
    middle, steepness = parameters
    place = middle + np.log(1 / threshold - 1) / (2 * np.exp(steepness))
    return float(s[0] + width * place), curve(parameters, data.inv_d2)


def _by_i_over_sigma(data: _Shells, threshold: float) -> float:
    """Return 1/d² where I/σ falls to a value, beyond the data if it does not."""
    there = np.isfinite(data.i_over_sigma)
    s, values = data.inv_d2[there], data.i_over_sigma[there]
    if not len(s):
        return np.nan
    good = np.flatnonzero(values >= threshold)
    if not len(good):
        return 0.0
    last = int(good[-1])
    if last == len(s) - 1:
        return np.inf
    share = (values[last] - threshold) / (values[last] - values[last + 1])
    return float(s[last] + share * (s[last + 1] - s[last]))
