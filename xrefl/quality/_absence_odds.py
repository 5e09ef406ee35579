"""Whether a reflection is absent: the odds, by its intensity and by what others are like."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.crystal.op import Op
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.fourier.patterson import patterson_group
from xrefl.hkl import reflections
from xrefl.quality._falloff import anisotropic_falloff

__all__ = ["log_odds"]

Array = NDArray[np.float64]

# No reflection counts for more than this, in ln of the odds: 1:1000 and 10:1.
_BOUNDS = -np.log(1000.0), np.log(10.0)
# A tenth of the absent reflections may keep some share of the mean, by multiple diffraction say.
_DISTURBED, _LEFT = 0.1, 0.02
# General reflections in a shell, of which the mean intensity is taken.
_IN_A_SHELL = 100
_NODES = 64
_WIDTH = 6.0


def log_odds(data: xr.Dataset, group: SpaceGroup, rows: NDArray[np.int64]) -> Array:
    """Return ln of the likelihood of reflections being absent over that of being there.

    See `xrefl.quality.absences.absences` for the distributions.

    Parameters
    ----------
    data : Dataset
        Measured intensities ``I`` and ``SIGI``.
    group : SpaceGroup
        Their space group, whose screw axes and glide planes do not matter.
    rows : ndarray of int
        Which reflections.
    """
    mean = _mean_intensity(data, patterson_group(group))[rows]
    some = data.isel(hkl=rows)
    hkl = np.column_stack([some[name].values for name in "hkl"])
    mean = mean * _without_shifts(group).epsilon(hkl)
    return _log_ratio(some["I"].values, some["SIGI"].values, mean, reflections.centric(some).values)


def _without_shifts(group: SpaceGroup) -> SpaceGroup:
    """Return the group of rotations and centring vectors alone."""
    identity = Op("x,y,z").rotation
    rotations = [Op.from_numerators(op.rotation) for op in group.primitive_operations]
    centring = [Op.from_numerators(identity, vector) for vector in group.centring_vectors]
    return SpaceGroup.from_operations([*rotations, *centring])


def _mean_intensity(data: xr.Dataset, laue: SpaceGroup) -> Array:
    """Return the mean intensity of general reflections at the place of each, with anisotropy."""
    hkl = np.column_stack([data[name].values for name in "hkl"])
    x = reflections.inv_d2(data).values
    general = np.flatnonzero(~laue.absent(hkl) & (laue.epsilon(hkl, centering=False) == 1))
    if len(general) < 10:  # so few that special ones must do
        general = np.flatnonzero(~laue.absent(hkl))
    falloff = anisotropic_falloff(data, data.isel(hkl=general))
    values = data["I"].values / falloff
    shells = np.array_split(
        general[np.argsort(x[general], kind="stable")], max(len(general) // _IN_A_SHELL, 1)
    )
    centres = np.array([x[rows].mean() for rows in shells])
    means = np.array([values[rows].mean() for rows in shells])
    usable = means > 0
    if not usable.any():
        return np.full(len(x), np.nan)
    return np.asarray(falloff * np.exp(np.interp(x, centres[usable], np.log(means[usable]))))


def _log_ratio(intensity: Array, sigma: Array, mean: Array, centric: NDArray[np.bool_]) -> Array:
    """Return ln of the likelihood of being absent over that of being there, within bounds."""
    disturbed = np.hypot(sigma, _LEFT * mean)
    normal = (1 - _DISTURBED) * _normal(intensity, sigma)
    with np.errstate(divide="ignore"):  # far from 0, or far from what is expected
        absent = np.log(normal + _DISTURBED * _normal(intensity, disturbed))
        there = np.log(_wilson_with_error(intensity, sigma, mean, centric))
        return np.asarray(np.clip(np.nan_to_num(absent - there), *_BOUNDS))


def _wilson_with_error(
    intensity: Array, sigma: Array, mean: Array, centric: NDArray[np.bool_]
) -> Array:
    """Return the density of Wilson's distribution convoluted with a normal distribution.

    With J = u² the integral of Wilson(J) N(I - J, σ²) has no pole at 0. It is taken over
    the range where the normal distribution is not negligible, by the rule of Gauss.
    """
    low = np.sqrt(np.maximum(intensity - _WIDTH * sigma, 0.0))
    high = np.sqrt(np.maximum(intensity, 0.0) + _WIDTH * sigma)
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    u = low + (high - low) * (nodes[:, np.newaxis] + 1) / 2
    J = u**2
    density = np.where(
        centric,
        2 * np.exp(-J / (2 * mean)) / np.sqrt(2 * np.pi * mean),
        2 * u * np.exp(-J / mean) / mean,
    )
    return np.asarray(weights @ (density * _normal(intensity - J, sigma)) * (high - low) / 2)


def _normal(x: Array, sigma: Array) -> Array:
    return np.asarray(np.exp(-0.5 * (x / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi)))
