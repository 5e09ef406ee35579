"""Estimates of the twin fraction for each law that a lattice allows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.crystal.op import DEN, Op
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.hkl import reflections
from xrefl.hkl.crystal import crystal
from xrefl.hkl.packing import pack
from xrefl.quality._falloff import isotropic
from xrefl.quality._measured import called, measured, strong_limit, within
from xrefl.quality.twin_laws import laws_of, twin_laws
from xrefl.statistics.columns import Column
from xrefl.statistics.normalize import normalize

__all__ = ["Pairs", "pairs_of", "twin_fractions"]

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

_FEWEST = 20
# Variances of E² as small are none.
_ROUNDING = 1e-12
# The part of a Britton plot that the line is fitted to, in shares of negative intensities.
_BRITTON = np.linspace(0.2, 0.8, 61)
_LABELS = {
    "n": "number of pairs of reflections",
    "r_twin": "sum of |I1 - I2| over sum of I1 + I2",
    "cc": "correlation of E² of related reflections",
    "alpha_cc": "twin fraction of the correlation",
    "n_acentric": "number of pairs of acentric reflections",
    "mean_abs_h": "<|H|>",
    "mean_h2": "<H²>",
    "alpha_h": "twin fraction of <|H|>",
    "alpha_h2": "twin fraction of <H²>",
    "alpha_britton": "twin fraction of the Britton plot",
}
_COUNTS = "n", "n_acentric"


def twin_fractions(
    ds: xr.Dataset,
    intensity: Column,
    sigma: Column | None = None,
    *,
    max_delta: float = 3.0,
    dmin: float | None = None,
) -> xr.Dataset:
    """Estimate the twin fraction α for each twin law of a lattice.

    Over pairs of reflections h₁ and h₂ that a law relates:

    - R_twin = Σ|I₁ - I₂| / Σ(I₁ + I₂), 0 for perfect twins and symmetry, near 0.5 for untwinned
      crystals (Lebedev, Vagin & Murshudov, 2006, Acta Cryst. D62, 83);
    - Pearson's correlation cc of normalized intensities, anisotropy taken out, and the α that makes
      it: cc is 2α(1 - α)/(1 - 2α(1 - α)) if the intensities of the domains do not correlate; with
      ``sigma`` the variance that errors of measurement add is taken away for this;
    - H = (I₁ - I₂)/(I₁ + I₂) of acentric pairs: α = 1/2 - <|H|> and α = (1 - √(3<H²>))/2 (Yeates,
      1988, Acta Cryst. A44, 142);
    - a Britton plot: the share of acentric reflections that are negative once the
      data have been corrected for a twin fraction a, which is 0 up to a = α and grows in a straight
      line to a = 1/2 (Britton, 1972, Acta Cryst. A28, 296; Fisher & Sweet, 1980, Acta Cryst. A36,
      755). A correction leaves the weaker of a pair negative if a > I/(I₁ + I₂). The line is fitted
      where the share of such pairs is from 0.2 to 0.8 and followed down to none.

    Where the crystal is twinned by another law, H and the Britton plot show some twinning all the
    same, since twinned intensities differ less than others; the correlation does not.
    What makes the pairs alike for another reason looks as twins do: a symmetry of the crystal
    that its space group lacks (α near 0.5), or non-crystallographic symmetry along the axis of
    the law. The L-test, which knows no law, tells twins from those. Translational
    non-crystallographic symmetry makes classes of reflections strong and others weak: where the law
    keeps the classes, mates correlate without twinning (alpha_cc is 0.1 or so), but H and the
    Britton plot stay right. Errors of measurement lower
    the estimates but for that of the correlation. Intensities below 0 count as 0 in H and in the
    Britton plot, which use pairs of equal ε.

    Parameters
    ----------
    ds : Dataset
        Merged reflections; dask-backed columns are computed. Equivalents are averaged.
    intensity : str or DataArray
        Intensities, or amplitudes, which are squared; ``mtz_type`` tells which.
    sigma : str or DataArray, optional
        Standard deviations, for the correlation and for a resolution limit: where fewer than 85 %
        of the reflections of a shell have I/σ >= 3, but not before 3.5 Å nor the first 100
        reflections.
    max_delta : float
        The largest obliquity of a law, see `xrefl.quality.twin_laws.twin_laws`.
    dmin : float, optional
        Resolution limit in Å instead of that of ``sigma``.

    Returns
    -------
    Dataset
        Along ``law``: ``kind`` and ``obliquity`` as `twin_laws` gives them; ``n``, ``r_twin``,
        ``cc``, ``alpha_cc``, ``n_acentric``, ``mean_abs_h``, ``mean_h2``, ``alpha_h``, ``alpha_h2``
        and ``alpha_britton``. NaN where there are fewer than 20 pairs. Estimates are not bound to
        0 to 0.5: those of an untwinned crystal scatter about 0. Without laws it has no length.
        The scalar ``dmin`` is the limit used.

    Raises
    ------
    NotMergedError
        These are observations.
    MissingColumnError, FormatError, ValueError
        There is no such column, or it is not of intensities, amplitudes or standard deviations.
    MillerIndexError
        No reflection has a value.
    CrystalError
        ``max_delta`` is no angle from 0 to 45.

    Examples
    --------
    >>> import numpy as np, xarray as xr, xrefl
    >>> hkl = xrefl.miller_indices((60, 60, 90, 90, 90, 120), "P 3", dmin=3)
    >>> crystal = {"cell": (60, 60, 90, 90, 90, 120), "spacegroup": "P 3"}
    >>> index = xrefl.HKLIndex.from_miller(*hkl.T, **crystal)
    >>> J = xr.DataArray(np.random.default_rng(0).exponential(size=len(hkl)), index.coordinates())
    >>> mate = J.to_dataset(name="J").xtal.reindex("k,h,-l").xtal.to_asu().J
    >>> twin = (0.8 * J + 0.2 * mate).assign_attrs(mtz_type="J").to_dataset(name="I")
    >>> found = twin.xtal.twin_fractions("I")
    >>> for name in ("r_twin", "alpha_cc", "alpha_h", "alpha_britton"):
    ...     print(name, found[name].values.round(2), *found.law.values)
    r_twin [0.3  0.42 0.43] k,h,-l -h,-k,l -k,-h,-l
    alpha_cc [0.2  0.02 0.01] k,h,-l -h,-k,l -k,-h,-l
    alpha_h [0.2  0.09 0.09] k,h,-l -h,-k,l -k,-h,-l
    alpha_britton [0.2  0.1  0.09] k,h,-l -h,-k,l -k,-h,-l
    """
    cell, group = crystal(ds)
    laws = laws_of(cell, group, max_delta)
    data = measured(ds, intensity, sigma)
    data = within(data, strong_limit(data) if dmin is None else dmin)
    values = _values(data)
    rows = [_of_law(values, group, law) for law in laws]
    found = {
        name: (
            "law",
            np.array([row[name] for row in rows], np.int64 if name in _COUNTS else np.float64),
            {"long_name": label},
        )
        for name, label in _LABELS.items()
    }
    limit = reflections.resolution(data)[1]
    return (
        twin_laws(ds, max_delta=max_delta)
        .assign(found)
        .assign(dmin=((), limit, {"long_name": "resolution limit", "units": "Å"}))
        .assign_attrs(called(data))
    )


class Pairs(NamedTuple):
    """Rows of reflections that a twin law relates, each pair once."""

    first: Integers
    second: Integers


def pairs_of(hkl: NDArray[np.int32], group: SpaceGroup, law: Op) -> Pairs:
    """Return the pairs of different reflections that a law relates.

    Parameters
    ----------
    hkl : ndarray of int, shape (n, 3)
        Unique reflections in the asymmetric unit of CCP4, sorted.
    group : SpaceGroup
    law : Op
        Of Miller indices. Where it has fractions, mates that are no reflections are left out.
    """
    moved = hkl @ np.array(law.rotation)
    whole = np.flatnonzero((moved % DEN == 0).all(axis=1))
    keys = pack(*hkl.T)
    wanted = pack(*group.to_asu(moved[whole] // DEN)[0].T)
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    there = (keys[places] == wanted) & (places != whole)
    ends = np.sort(np.stack([whole[there], places[there]]), axis=0)
    first, second = np.divmod(np.unique(ends[0] * len(keys) + ends[1]), len(keys))
    return Pairs(first, second)


class _Values(NamedTuple):
    """What a law is judged by, of each reflection."""

    hkl: NDArray[np.int32]
    intensity: Array
    e2: Array
    noise: Array
    """Variance of E² by errors of measurement; 0 where they are not known."""
    epsilon: NDArray[np.int32]
    """0 of centric reflections."""


def _values(data: xr.Dataset) -> _Values:
    intensity, e2 = data["I"].values, normalize(isotropic(data), "I", squared=True).values
    noise = np.zeros(len(e2))
    if "SIGI" in data:
        factor = np.divide(e2, intensity, out=np.zeros(len(e2)), where=intensity != 0)
        noise = np.nan_to_num((data["SIGI"].values * factor) ** 2)
    epsilon = np.where(reflections.centric(data).values, 0, reflections.epsilon(data).values)
    hkl = np.column_stack([data[name].values for name in "hkl"])
    return _Values(hkl, intensity, e2, noise, epsilon)


def _of_law(values: _Values, group: SpaceGroup, law: Op) -> dict[str, float]:
    first, second = pairs_of(values.hkl, group, law)
    found = dict.fromkeys(_LABELS, np.nan) | {"n": len(first)}
    intensity, e2, noise = values.intensity, values.e2, values.noise
    if len(first) >= _FEWEST:
        one, two = intensity[first], intensity[second]
        if (total := float((one + two).sum())) > 0:
            found["r_twin"] = float(np.abs(one - two).sum()) / total
        found["cc"] = _correlation(e2[first], e2[second])
        errors = float(noise[first].mean()), float(noise[second].mean())
        cc = min(_correlation(e2[first], e2[second], errors), 1.0)
        if cc > -1:  # which NaN is not
            found["alpha_cc"] = float((1 - np.sqrt((1 - cc) / (1 + cc))) / 2)
    epsilon = values.epsilon
    alike = (epsilon[first] == epsilon[second]) & (epsilon[first] > 0)
    one, two = (np.maximum(intensity[rows[alike]], 0.0) for rows in (first, second))
    one, two = one[one + two > 0], two[one + two > 0]
    found["n_acentric"] = len(one)
    if len(one) >= _FEWEST:
        h = np.abs(one - two) / (one + two)
        found["mean_abs_h"], found["mean_h2"] = float(h.mean()), float((h**2).mean())
        found["alpha_h"] = 0.5 - found["mean_abs_h"]
        found["alpha_h2"] = (1 - np.sqrt(3 * found["mean_h2"])) / 2
        found["alpha_britton"] = _britton(h)
    return found


def _correlation(one: Array, two: Array, errors: tuple[float, float] = (0.0, 0.0)) -> float:
    """Return Pearson's correlation of values without the variances that errors add to them."""
    left = float(one.var()) - errors[0], float(two.var()) - errors[1]
    if min(left) <= _ROUNDING:
        return np.nan
    covariance = float(((one - one.mean()) * (two - two.mean())).mean())
    return covariance / float(np.sqrt(left[0] * left[1]))


def _britton(h: Array) -> float:
    """Return where the line through the middle part of a Britton plot meets 0."""
    turning = np.quantile((1 - h) / 2, _BRITTON)  # a at which these shares are negative
    return float(np.polyfit(_BRITTON, turning, 1)[1])
