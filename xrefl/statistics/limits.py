"""Where shells of resolution begin and end."""

from __future__ import annotations

import math
import operator
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from xrefl.errors import MillerIndexError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["METHODS", "shell_limits"]

METHODS = ("equal_count", "dstar", "dstar2", "dstar3")
"""How limits are chosen: equal numbers of reflections, or equal steps of a power of 1/d."""

# The power of 1/d² that is divided into equal steps.
_POWER = {"dstar": 0.5, "dstar2": 1.0, "dstar3": 1.5}
# Limits of equal counts: bins of the histogram, and how many values are sorted without one.
_BINS = 4096
_FEW = 20_000


def shell_limits(inv_d2: ArrayLike, n: int, method: str) -> tuple[tuple[float, ...], float, float]:
    """Choose the limits of shells.

    Parameters
    ----------
    inv_d2 : array_like of float
        Å⁻². NaN, infinite and zero (0 0 0) do not count.
    n : int
        Number of shells.
    method : {"equal_count", "dstar", "dstar2", "dstar3"}

    Returns
    -------
    upper : tuple of float
        Upper limits of the shells in Å⁻², the last of them infinite.
    low, high : float
        Smallest and largest 1/d².

    Raises
    ------
    MillerIndexError
        There are no reflections.
    ValueError
        The method is not known, or there are too few reflections for so many shells.

    Examples
    --------
    >>> shell_limits([0.125, 0.25, 0.5, 0.625], 2, "dstar2")
    ((0.375, inf), 0.125, 0.625)
    """
    n = operator.index(n)
    if n < 1:
        raise ValueError(f"the number of shells must be at least 1, not {n}")
    if method not in METHODS:
        names = ", ".join(map(repr, METHODS))
        raise ValueError(f"method {method!r} is not known: use one of {names}")
    values = np.asarray(inv_d2, np.float64).ravel()
    low, high = _range(values)
    if not (low > 0 and high < math.inf):  # where there is a NaN, too
        values = values[(values > 0) & (values < math.inf)]
        if values.size == 0:
            raise MillerIndexError("there are no reflections to divide into shells")
        low, high = _range(values)
    if n > values.size:
        raise ValueError(
            f"{n} shells are more than there are reflections, {values.size}; ask for fewer"
        )
    if method == "equal_count":
        ranks = np.array([int(values.size / n * i) for i in range(1, n)], np.intp)
        inner = _at_ranks(values, low, high, ranks).tolist()
    else:
        power = _POWER[method]
        start = low**power
        step = (high**power - start) / n
        inner = [(start + step * i) ** (1 / power) for i in range(1, n)]
    if any(limit >= following for limit, following in pairwise([*inner, high])):
        raise ValueError(
            f"{n} shells of {method!r} would leave one empty: {values.size} reflections have "
            f"{np.unique(values).size} different resolutions; ask for fewer shells"
        )
    return (*inner, math.inf), low, high


def _range(values: NDArray[np.float64]) -> tuple[float, float]:
    return (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)


def _at_ranks(
    values: NDArray[np.float64], low: float, high: float, ranks: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return ``np.sort(values)[ranks]``, sorting no more than the bins of a histogram need."""
    with np.errstate(divide="ignore", over="ignore"):
        scale = (_BINS - 1) / np.float64(high - low)
    if values.size < _FEW or not np.isfinite(scale):
        return np.sort(values)[ranks]
    bins = ((values - low) * scale).astype(np.intp)
    counts = np.bincount(bins, minlength=_BINS)
    wanted = np.searchsorted(counts.cumsum(), ranks, side="right")
    chosen = np.zeros(_BINS, np.bool_)
    chosen[wanted] = True
    below = np.where(chosen, 0, counts).cumsum()  # values that are left out
    found: NDArray[np.float64] = np.sort(values[chosen[bins]])[ranks - below[wanted]]
    return found
