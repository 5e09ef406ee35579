"""Translational non-crystallographic symmetry, from the native Patterson map."""

from __future__ import annotations

from itertools import product

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.crystal.cell import UnitCell
from xrefl.crystal.generate import count_reflections
from xrefl.crystal.op import DEN
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import MillerIndexError
from xrefl.fourier.patterson import patterson_group, to_patterson
from xrefl.hkl.crystal import crystal
from xrefl.quality._measured import called, measured, within
from xrefl.statistics.columns import Column

__all__ = ["patterson_p_value", "translational_ncs"]

Array = NDArray[np.float64]

_SAMPLE_RATE = 4.0
# Peaks of less than this share of the origin peak are not listed; more is translational symmetry.
_LISTED, _SIGNIFICANT = 0.05, 0.2
# Peaks nearer to each other than this (Å) are one.
_ONE_PEAK = 3.5
_NEIGHBOURS = np.array([step for step in product((-1, 0, 1), repeat=3) if any(step)])
# Fractional coordinates as close to 1 are 0.
_ROUNDING = 5e-5
_COARSE = 16
_CELLS = np.array(list(product((-1, 0, 1), repeat=3)), np.float64)


def translational_ncs(
    ds: xr.Dataset,
    intensity: Column,
    *,
    dmax: float = 10.0,
    dmin: float = 5.0,
    min_distance: float = 15.0,
    max_peaks: int = 10,
) -> xr.Dataset:
    """Look for translations that nearly repeat the contents of the asymmetric unit.

    They make a peak of the Patterson map of the data from 10 to 5 Å, far from the origin, that is
    higher than chance allows. A peak of 20 % of that at the origin or more is taken as significant
    (Zwart, Grosse-Kunstleve & Adams, 2005, CCP4 Newsletter 42); `patterson_p_value` tells how often
    a crystal without such symmetry has one as high. Heights and places are those of
    a parabola through the highest grid point and its neighbours along each axis.

    Parameters
    ----------
    ds : Dataset
        Merged reflections; dask-backed columns are computed. Equivalents are averaged.
    intensity : str or DataArray
        Intensities, or amplitudes, which are squared; ``mtz_type`` tells which.
    dmax, dmin : float
        Range of resolution in Å.
    min_distance : float
        Peaks nearer to the origin (Å), or to a lattice point, are left out: they are of
        vectors within molecules.
    max_peaks : int
        How many peaks to list, at most; none below 5 % of the origin.

    Returns
    -------
    Dataset
        Along ``peak``, by height, each of a set of equivalent ones once: ``xyz`` (fractional
        coordinates along ``axis``), ``height`` (share of the origin peak), ``distance`` (Å from
        the nearest lattice point), ``p_value`` and ``significant`` (bool). Scalars ``completeness``
        and ``n`` of the reflections used: below a completeness of 0.75 peaks say little. In
        small cells, where no point is so far from the lattice points, and where there are no
        reflections in the range, there are no peaks, and ``attrs["reason"]`` says why.

    Raises
    ------
    NotMergedError
        These are observations.
    MissingColumnError, ValueError
        There is no such column, or it is not of intensities or amplitudes; a limit makes no
        sense.
    MillerIndexError
        No reflection has a value.

    Examples
    --------
    >>> import xrefl
    >>> found = xrefl.tutorial.open("5e5z").xtal.translational_ncs("FP")
    >>> len(found.peak), found.attrs["reason"]
    (0, 'no point of the cell is 15 Å or more from all lattice points')
    """
    if not 0 < dmin < dmax or max_peaks < 1:
        raise ValueError(
            f"dmin must be positive and less than dmax, and max_peaks 1 or more, not {dmin!r}, "
            f"{dmax!r} and {max_peaks!r}"
        )
    data = measured(ds, intensity)
    cell, group = crystal(data)
    lattice = np.array(group.centring_vectors, np.float64) / DEN
    try:
        part = within(data, dmin, dmax)
    except MillerIndexError as problem:
        return _result([], 0, np.nan, reason=str(problem)).assign_attrs(called(data))
    completeness = part.sizes["hkl"] / count_reflections(cell, group, dmin, dmax * (1 + 1e-6))
    if not _has_room(lattice, cell, min_distance):
        reason = f"no point of the cell is {min_distance:g} Å or more from all lattice points"
        return _result([], part.sizes["hkl"], completeness, reason).assign_attrs(called(data))
    patterson = to_patterson(part, "I", sample_rate=_SAMPLE_RATE)
    rho = patterson.values.astype(np.float64)
    if rho[0, 0, 0] <= 0:
        reason = "the mean intensity is not positive"
        return _result([], part.sizes["hkl"], completeness, reason).assign_attrs(called(data))
    peaks = [
        (xyz, height)
        for xyz, height in _peaks(rho)
        if _distance(xyz[np.newaxis], lattice, cell)[0] >= min_distance
    ]
    unique = _unique(peaks, patterson_group(group), cell)[:max_peaks]
    rows = [
        (xyz, height, float(_distance(xyz[np.newaxis], lattice, cell)[0])) for xyz, height in unique
    ]
    return _result(rows, part.sizes["hkl"], completeness).assign_attrs(called(data))


def patterson_p_value(height: float | Array) -> Array:
    """Return how likely a crystal has a Patterson peak as high without translational symmetry.

    1 - exp(-(q/0.06789)^-3.5628) with q = height/(1 - height), which was fitted to the highest
    peaks of protein crystals (Zwart, Grosse-Kunstleve & Adams, 2005, CCP4 Newsletter 42).

    Parameters
    ----------
    height : float or ndarray
        As a share of the origin peak.

    Examples
    --------
    >>> [round(float(p), 4) for p in patterson_p_value(np.array([0.05, 0.1, 0.2, 0.4]))]
    [0.916, 0.1588, 0.0096, 0.0003]
    """
    share = np.clip(np.asarray(height, np.float64), 1e-6, 1 - 1e-12)
    return np.asarray(-np.expm1(-((share / (1 - share) / 0.06789) ** -3.5628)))


def _distance(xyz: Array, lattice: Array, cell: UnitCell) -> Array:
    """Return the distance of points (n, 3) from the nearest lattice point in Å."""
    nearest = np.full(len(xyz), np.inf)
    for vector in lattice:
        offset = xyz - vector
        offset -= np.round(offset)
        for neighbour in _CELLS:
            moved = offset + neighbour
            square = np.einsum("ni,ij,nj->n", moved, cell.metric, moved)
            np.minimum(nearest, square, out=nearest)
    return np.asarray(np.sqrt(nearest))


def _has_room(lattice: Array, cell: UnitCell, distance: float) -> bool:
    """Tell whether any point of a coarse grid is so far (Å) from all lattice points."""
    places = np.arange(_COARSE) / _COARSE
    grid = np.stack(np.meshgrid(places, places, places, indexing="ij"), axis=-1)
    return bool((_distance(grid.reshape(-1, 3), lattice, cell) >= distance).any())


def _peaks(rho: Array) -> list[tuple[Array, float]]:
    """Return the peaks of a map, the highest first: place, and share of the peak at the origin."""
    origin = rho[0, 0, 0]
    highest = rho >= _LISTED * origin
    for step in _NEIGHBOURS:
        highest &= rho >= np.roll(rho, step, axis=(0, 1, 2))
    found = []
    for place in np.argwhere(highest):
        shift, height = np.zeros(3), rho[tuple(place)]
        top = height
        for axis, step in enumerate(np.eye(3, dtype=int)):
            low, high = (rho[tuple((place + sign * step) % rho.shape)] for sign in (-1, 1))
            curvature = low - 2 * top + high
            if curvature < 0:
                shift[axis] = (low - high) / (2 * curvature)
                height -= (low - high) ** 2 / (8 * curvature)
        found.append(((place + shift) / rho.shape % 1.0, float(height / origin)))
    return sorted(found, key=lambda peak: -round(peak[1], 6))


def _unique(
    peaks: list[tuple[Array, float]], group: SpaceGroup, cell: UnitCell
) -> list[tuple[Array, float]]:
    """Return one of each set of equivalent peaks, in the half or less of the cell from 0 on."""
    kept: list[tuple[Array, float]] = []
    equivalents: list[Array] = []
    for xyz, height in peaks:
        mates = (np.einsum("nij,j->ni", group.rotations, xyz) + group.translations / DEN) % 1.0
        known = np.concatenate(equivalents) if equivalents else np.empty((0, 3))
        if (
            len(known)
            and _distance(xyz[np.newaxis] - known, np.zeros((1, 3)), cell).min() < _ONE_PEAK
        ):
            continue
        equivalents.append(mates)
        mates[mates > 1 - _ROUNDING] = 0.0
        kept.append((mates[np.lexsort(mates.round(4).T[::-1])[0]], height))
    return kept


def _result(
    rows: list[tuple[Array, float, float]], n: int, completeness: float, reason: str = ""
) -> xr.Dataset:
    height = np.array([row[1] for row in rows], np.float64)
    xyz = np.array([row[0] for row in rows], np.float64).reshape(-1, 3)
    return xr.Dataset(
        {
            "xyz": (("peak", "axis"), xyz, {"long_name": "fractional coordinates"}),
            "height": ("peak", height, {"long_name": "height as a share of the origin peak"}),
            "distance": (
                "peak",
                np.array([row[2] for row in rows], np.float64),
                {"long_name": "distance from the nearest lattice point", "units": "Å"},
            ),
            "p_value": (
                "peak",
                patterson_p_value(height),
                {"long_name": "probability of a peak as high without translational symmetry"},
            ),
            "significant": (
                "peak",
                height >= _SIGNIFICANT,
                {"long_name": f"height >= {_SIGNIFICANT:g}"},
            ),
            "n": ((), n, {"long_name": "number of reflections used"}),
            "completeness": ((), completeness, {"long_name": "completeness of those used"}),
        },
        {"axis": ["x", "y", "z"]},
        {"reason": reason} if reason else {},
    )
