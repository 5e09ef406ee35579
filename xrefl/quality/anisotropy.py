"""Anisotropy of the falloff of intensities, and how far the data reach along its axes."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.crystal.cell import UnitCell
from xrefl.hkl import reflections
from xrefl.hkl.crystal import crystal
from xrefl.hkl.reflections import spacing
from xrefl.quality._falloff import fit_falloff
from xrefl.quality._measured import called, measured
from xrefl.statistics.columns import Column

__all__ = ["anisotropy"]

Array = NDArray[np.float64]

_STARS = np.array(["a*", "b*", "c*"])
# Principal values of B closer to each other than this (Å²) are one by symmetry.
_ALIKE = 1e-6
# Reflections in a shell of a cone, and how many shells there are.
_IN_A_SHELL, _FEWEST_SHELLS, _MOST_SHELLS = 50, 3, 20
_ORDER = [list(order) for order in permutations(range(3))]


def anisotropy(
    ds: xr.Dataset,
    intensity: Column,
    sigma: Column | None = None,
    *,
    half_angle: float = 20.0,
    i_over_sigma: float = 2.0,
) -> xr.Dataset:
    """Return the anisotropic part of the falloff, and the resolution along its principal axes.

    Intensities fall off as exp(-s B s / 2) with a tensor B = 8π²U without trace that has the
    symmetry of the point group, s the vector of a reflection, of length 1/d. It is fitted by
    maximum likelihood under Wilson's distribution within shells of resolution (Popov & Bourenkov,
    2003, Acta Cryst. D59, 1145), as by `xrefl.statistics.normalize.normalize`; with ``sigma``, only
    to shells of 100 reflections in which the mean of I is not below that of σ, a limit of our own,
    since errors do not have that distribution. The data are weakest where B is largest.
    ``delta_b`` is the largest principal value less the smallest: the Diffraction Anisotropy Server
    (Strong et al., 2006, PNAS 103, 8060) calls 10 Å² mild, 25 Å² strong, and 50 Å² severe. It is
    never negative, and of an isotropic crystal it is about as large as its error.

    With ``sigma``, the mean I/σ is calculated in shells of a double cone about each axis, all
    equivalents counted, as Aimless does (Evans & Murshudov, 2013, Acta Cryst. D69, 1204). The
    resolution along the axis is where it falls below ``i_over_sigma`` for good, linear in 1/d²
    between the shells.

    Parameters
    ----------
    ds : Dataset
        Merged reflections; dask-backed columns are computed. Equivalents are averaged.
    intensity : str or DataArray
        Intensities, or amplitudes, which are squared; ``mtz_type`` tells which.
    sigma : str or DataArray, optional
        Standard deviations.
    half_angle : float
        Of the cones, in degrees.
    i_over_sigma : float
        The mean I/σ that limits the resolution.

    Returns
    -------
    Dataset
        Along ``axis`` (0 to 2, each the one that is next to a*, b* and c*): ``b``, the principal
        values in Å², and ``b_error``; ``direction``, unit vectors along ``xyz``, on the Cartesian
        axes of the cell; ``angle`` to ``star`` (a*, b*, c*) in degrees; and ``label``, the
        direction as a sum of unit vectors, "a*" or "0.96a* + 0.28c*". ``u_aniso`` is U in Å²
        along ``component`` (11, 22, 33, 12, 13, 23); ``delta_b`` in Å², and ``delta_b_error``.
        Standard errors follow from Fisher's information. With ``sigma``: ``resolution`` in Å,
        ``at_limit`` (bool), whether I/σ is above the threshold up to the limit of the data in the
        cone; along ``shell`` the curves, ``i_over_sigma`` and ``inv_d2``. Axes that are alike
        by symmetry have the same values. NaN where there are too few reflections: 10 for each
        component of the tensor, 30 in a cone.

    Raises
    ------
    NotMergedError
        These are observations.
    MissingColumnError, FormatError, ValueError
        There is no such column, or it is not of intensities, amplitudes or standard deviations;
        the half-angle is not from 0 to 90 degrees.
    MillerIndexError
        No reflection has a value.

    Examples
    --------
    >>> import xrefl
    >>> found = xrefl.tutorial.open("5e5z").xtal.anisotropy("FP", "SIGFP")
    >>> for label, b, d in zip(found.label, found.b, found.resolution):
    ...     print(f"{label.item():16} {b:5.1f} Å² {d:.2f} Å")
    1.01a* - 0.33c*    3.2 Å² 1.75 Å
    b*                 2.2 Å² nan Å
    0.13a* + 0.97c*   -5.3 Å² 1.67 Å
    """
    if not 0 < half_angle <= 90:
        raise ValueError(f"half_angle must be from 0 to 90 degrees, not {half_angle!r}")
    data = measured(ds, intensity, sigma)
    cell = crystal(data).cell
    fit = fit_falloff(data)
    stars = cell.fractionalization / np.linalg.norm(cell.fractionalization, axis=1)[:, np.newaxis]
    values, axes = _principal(8 * np.pi**2 * fit.U, stars)
    forms = np.einsum("ai,aj->aij", axes, axes)
    most_and_least = forms[np.argmax(values)] - forms[np.argmin(values)]
    errors = 8 * np.pi**2 * np.array([fit.error(one) for one in (*forms, most_and_least)])
    cosines = np.clip(axes @ stars.T, -1, 1)
    result = xr.Dataset(
        {
            "b": ("axis", values, {"long_name": "principal value of B", "units": "Å²"}),
            "b_error": ("axis", errors[:3], {"long_name": "standard error of b", "units": "Å²"}),
            "delta_b": (
                (),
                float(values.max() - values.min()),
                {"long_name": "largest less smallest principal value of B", "units": "Å²"},
            ),
            "delta_b_error": (
                (),
                float(errors[3]),
                {"long_name": "standard error of delta_b", "units": "Å²"},
            ),
            "direction": (("axis", "xyz"), axes, {"long_name": "unit vector of the axis"}),
            "angle": (
                ("axis", "star"),
                np.degrees(np.arccos(np.abs(cosines))),
                {"long_name": "angle between axis and reciprocal axis", "units": "degree"},
            ),
            "label": (
                "axis",
                np.array([_label(axis, stars) for axis in axes]),
                {"long_name": "direction of the axis"},
            ),
            "u_aniso": (
                "component",
                fit.U[(0, 1, 2, 0, 0, 1), (0, 1, 2, 1, 2, 2)],
                {"long_name": "anisotropic part of U", "units": "Å²"},
            ),
        },
        {
            "axis": np.arange(3),
            "xyz": ["x", "y", "z"],
            "star": _STARS,
            "component": ["11", "22", "33", "12", "13", "23"],
        },
        called(data),
    )
    if sigma is None:
        return result
    return result.assign(_limits(data, axes, cell, half_angle, i_over_sigma))


def _principal(B: Array, stars: Array) -> tuple[Array, Array]:
    """Return principal values and axes, in the order of the reciprocal axes next to them.

    Where values are alike, any axes in their plane would do: they are turned to lie next to
    the reciprocal axes, that of a* first.
    """
    if not np.isfinite(B).all():
        return np.full(3, np.nan), np.linalg.qr(stars.T)[0].T
    values, vectors = np.linalg.eigh(B)
    axes = vectors.T.copy()
    for start in range(3):
        alike = np.flatnonzero(np.abs(values - values[start]) < _ALIKE)
        if len(alike) > 1 and alike[0] == start:
            axes[alike] = _turned(axes[alike], stars)
    cosines = np.abs(axes @ stars.T)
    best = max(_ORDER, key=lambda order: cosines[order, [0, 1, 2]].sum())
    axes, values = axes[best], values[best]
    signs = np.sign(np.einsum("ij,ij->i", axes, stars))
    return values, axes * np.where(signs == 0, 1, signs)[:, np.newaxis] + 0.0  # no -0


def _turned(axes: Array, stars: Array) -> Array:
    """Return other orthonormal axes of the same plane or space, along reciprocal axes if any."""
    projected = stars @ axes.T @ axes
    lengths = np.linalg.norm(projected, axis=1)
    chosen: list[Array] = []
    for row in sorted(range(3), key=lambda row: (-round(float(lengths[row]), 6), row)):
        rest = projected[row] - sum((projected[row] @ one * one for one in chosen), np.zeros(3))
        if len(chosen) < len(axes) and np.linalg.norm(rest) > 1e-3:
            chosen.append(rest / np.linalg.norm(rest))
    return np.array(chosen)


def _label(axis: Array, stars: Array) -> str:
    """Return a direction as a sum of unit vectors along the reciprocal axes."""
    terms = np.linalg.solve(stars.T, axis)
    text = ""
    for term, star in zip(terms, _STARS, strict=True):
        if abs(term) < 0.005:
            continue
        number = "" if abs(abs(term) - 1) < 0.005 else f"{abs(term):.2f}"
        sign = (" - " if term < 0 else " + ") if text else ("-" if term < 0 else "")
        text += f"{sign}{number}{star}"
    return text


def _limits(
    data: xr.Dataset, axes: Array, cell: UnitCell, half_angle: float, threshold: float
) -> dict[str, tuple[str | tuple[str, ...], NDArray[Any], dict[str, str]]]:
    """Return the curves of I/σ in cones about the axes, and where they fall below a threshold."""
    hkl = np.column_stack([data[name].values for name in "hkl"])
    x = reflections.inv_d2(data).values
    ratio = data["I"].values / data["SIGI"].values
    known = np.isfinite(ratio)
    hkl, x, ratio = hkl[known], x[known], ratio[known]
    group = crystal(data).spacegroup
    cosine, length = np.cos(np.radians(half_angle)), np.sqrt(x)
    # a reflection counts once for an axis, however many of its equivalents are in the cone
    inside = np.zeros((3, len(x)), np.bool_)
    for R in np.unique(group.primitive_rotations, axis=0):
        s = hkl @ R @ cell.fractionalization
        along = np.abs(s @ axes.T).T
        inside |= along >= cosine * length
    curves = [_curve(x[rows], ratio[rows]) for rows in inside]
    size = max((len(one) for one, _ in curves), default=0)
    table = np.full((2, 3, size), np.nan)
    limits, at_limit = np.full(3, np.nan), np.zeros(3, np.bool_)
    for row, (place, mean) in enumerate(curves):
        table[0, row, : len(place)], table[1, row, : len(mean)] = place, mean
        if len(place):
            limits[row], at_limit[row] = _crossing(place, mean, x[inside[row]].max(), threshold)
    return {
        "inv_d2": (("axis", "shell"), table[0], {"long_name": "mean 1/d²", "units": "Å⁻²"}),
        "i_over_sigma": (("axis", "shell"), table[1], {"long_name": "mean I/σ in the cone"}),
        "resolution": (
            "axis",
            limits,
            {"long_name": f"where the mean I/σ falls below {threshold:g}", "units": "Å"},
        ),
        "at_limit": ("axis", at_limit, {"long_name": "the data end before I/σ has fallen"}),
    }


def _curve(x: Array, ratio: Array) -> tuple[Array, Array]:
    """Return the means of 1/d² and of I/σ in shells of equal numbers of reflections."""
    count = min(len(x) // _IN_A_SHELL, _MOST_SHELLS)
    if count < _FEWEST_SHELLS:
        count = _FEWEST_SHELLS if len(x) >= 10 * _FEWEST_SHELLS else 0
    if not count:
        return np.empty(0), np.empty(0)
    shells = np.array_split(np.argsort(x, kind="stable"), count)
    means = np.array([[one[rows].mean() for rows in shells] for one in (x, ratio)])
    return means[0], means[1]


def _crossing(x: Array, mean: Array, end: float, threshold: float) -> tuple[float, bool]:
    """Return the resolution (Å) beyond which a curve stays below a threshold, and if none is."""
    above = np.flatnonzero(mean >= threshold)
    if not len(above):
        return float("nan"), False
    last = int(above[-1])
    if last == len(x) - 1:
        return spacing(end), True
    share = (mean[last] - threshold) / (mean[last] - mean[last + 1])
    return spacing(float(x[last] + share * (x[last + 1] - x[last]))), False
