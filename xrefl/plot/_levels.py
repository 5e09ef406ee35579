"""The contours of a section: their unit, their levels, their colours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.errors import FormatError
from xrefl.plot._axes import NEGATIVE, POSITIVE

__all__ = [
    "Scale",
    "Sigma",
    "checked_levels",
    "checked_sigma",
    "default_levels",
    "line_width",
    "scale",
    "shades",
]

Sigma = bool | float | xr.DataArray
# Contours that nobody has asked for are no more than these, of either sign.
_MOST = 8
# A map whose holes are so deep, in σ, and by this part as deep as its peaks, has both signs.
_DEEP, _AS_DEEP = 3, 0.7
# Up to so many contours of a sign are drawn with thicker lines.
_FEW = 3

Array = NDArray[np.float64]


class Scale(NamedTuple):
    """What levels are: (ρ - zero)/unit."""

    zero: float
    unit: float


def checked_levels(levels: Sequence[float]) -> Array:
    """Return levels in their order.

    Raises
    ------
    FormatError
        They are not finite numbers.
    """
    numbers = np.atleast_1d(np.asarray(levels))
    if numbers.dtype.kind not in "fiu" or numbers.ndim != 1 or not np.isfinite(numbers).all():
        raise FormatError(f"levels are numbers, as [1, 2, 3], not {levels!r}")
    return np.unique(numbers.astype(np.float64))


def checked_sigma(sigma: Any) -> bool | float:
    """Return whether levels are of σ, or σ itself.

    Raises
    ------
    FormatError
        It is neither, or not positive.
    """
    if isinstance(sigma, bool | np.bool_):
        return bool(sigma)
    try:
        number = math.nan if isinstance(sigma, str) else float(sigma)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 < number < math.inf:
        raise FormatError(
            "sigma is True for σ of this map, False for levels in its own units, or a positive "
            f"number, σ of another map, as other.std(): not {sigma!r}"
        )
    return number


def scale(sigma: bool | float, known: xr.Dataset) -> Scale:
    """Return what levels are, by mean and standard deviation of the map if they are known."""
    if sigma is True:
        return Scale(float(known["mean"]), float(known["std"]))
    return Scale(0.0, 1.0 if sigma is False else sigma)


def default_levels(known: xr.Dataset, sigma: bool | float) -> Array:
    """Return contours up to the largest value of a map, of both signs for a difference map.

    Of σ they are whole numbers from 1 up, each twice the one before if there would be many; else
    they are at even steps of 1, 2 or 5 times a power of ten. Those of a difference map begin at
    3 σ, or at half the largest value.

    Parameters
    ----------
    known : Dataset
        min and max of the map, and mean and std unless σ is a number.
    """
    zero, unit = scale(sigma, known)
    if not unit > 0:  # a flat map, or one without values
        return np.array([])
    low, high = ((float(known[one]) - zero) / unit for one in ("min", "max"))
    if not _has_both_signs(known, sigma):
        return _of_sigma(1, high) if sigma else _even(high)
    largest = max(-low, high)
    even = _even(largest)
    levels = _of_sigma(_DEEP, largest) if sigma else even[even >= largest / 2]
    return np.concatenate([-levels[::-1], levels])


def _has_both_signs(known: xr.Dataset, sigma: bool | float) -> bool:
    """Tell whether the holes of a map are about as deep as its peaks are high."""
    zero, unit = scale(sigma or True, known)
    low, high = ((float(known[one]) - zero) for one in ("min", "max"))
    return min(-low, high) > _DEEP * unit and -low > _AS_DEEP * high


def _of_sigma(first: int, largest: float) -> Array:
    if not (math.isfinite(largest) and largest >= first):
        return np.array([])
    if largest < first + _MOST:
        return np.arange(float(first), int(largest) + 1)
    return np.array([first * 2.0**i for i in range(int(math.log2(largest / first)) + 1)])


def _even(largest: float) -> Array:
    if not (math.isfinite(largest) and largest > 0):
        return np.array([])
    power = 10.0 ** math.floor(math.log10(largest / _MOST))
    steps = (power, 2 * power, 5 * power, 10 * power)
    step = next(one for one in steps if largest / one < _MOST + 1)
    return np.arange(1.0, int(largest / step) + 1) * step


def shades(levels: Array, color: str | None) -> list[Any]:
    """Return colours of levels, darker the farther they are from zero.

    The palest of many is pale; that of few has nearly the full colour.
    """
    from matplotlib.colors import to_rgb

    found = []
    for level in levels:
        shade = np.array(to_rgb(color or (NEGATIVE if level < 0 else POSITIVE)))
        same = _same_sign(levels, level)
        if color is None and len(same) > 1:
            palest = -min(0.5, 0.1 * (len(same) - 1))
            rank = np.searchsorted(same, abs(level)) / (len(same) - 1)
            depth = palest + (0.5 - palest) * rank
            shade = shade * (1 - depth) if depth > 0 else shade - (1 - shade) * depth
        found.append(tuple(shade.tolist()))
    return found


def line_width(levels: Array) -> float:
    """Return the width of the lines of contours, in those of other lines."""
    most = max((len(_same_sign(levels, level)) for level in levels), default=0)
    return 0.9 if most <= _FEW else 0.7


def _same_sign(levels: Array, level: float) -> Array:
    return np.sort(np.abs(levels[np.sign(levels) == np.sign(level)]))
