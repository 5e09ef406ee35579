"""CC1/2, the correlation of merged intensities of two halves of the observations, and CC*."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from xrefl.merging._sums import Layout, sums_in_shells

__all__ = ["cc_star", "correlation", "sigma_tau"]

_LAYOUT = Layout(
    names=("n", "a", "b", "aa", "bb", "ab"),
    counted="n",
    means=("a", "b"),
    moments=(("aa", "a", "a"), ("bb", "b", "b"), ("ab", "a", "b")),
)


def sigma_tau(
    n: NDArray[np.float64], squares: NDArray[np.float64], error: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return CC1/2 by the σ-τ method, which needs no halves.

    CC1/2 = (σy² - σε²/2) / (σy² + σε²/2), where σy² is the variance of the merged intensities,
    and σε²/2 the mean of s²/n, s² being the variance of the n observations of a reflection
    (Assmann, Brehm & Diederichs, 2016, J. Appl. Cryst. 49, 1021). Reflections with n >= 2 count.
    With weights, <I> = Σwᵢ Iᵢ/Σwᵢ and s² = n/(n - 1) Σwᵢ(Iᵢ - <I>)²/Σwᵢ, with w = 1/σ².

    Parameters
    ----------
    n : ndarray
        Number of reflections.
    squares : ndarray
        Sum of the squared differences of their intensities from the mean of these.
    error : ndarray
        Sum of s²/n.

    Returns
    -------
    ndarray
        NaN where there are fewer than two reflections.

    Examples
    --------
    >>> sigma_tau(np.array([3.0]), np.array([2.0]), np.array([0.3])).round(3)
    array([0.818])
    """
    variance = squares / np.where(n > 1, n - 1, np.nan)
    half = error / np.where(n > 1, n, np.nan)
    total = variance + half
    return (variance - half) / np.where(total > 0, total, np.nan)


def cc_star(cc_half: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return CC* = √(2 CC1/2 / (1 + CC1/2)) (Karplus & Diederichs, 2012, Science 336, 1030).

    It estimates the correlation of merged intensities with the true ones. NaN where CC1/2 is
    negative.

    Examples
    --------
    >>> cc_star(np.array([0.9, 0.143, -0.1])).round(2)
    array([0.97, 0.5 ,  nan])
    """
    positive = np.where(cc_half >= 0, cc_half, np.nan)
    star: NDArray[np.float64] = np.sqrt(2 * positive / (1 + positive))
    return star


def correlation(
    shell: NDArray[np.int32], pairs: Sequence[NDArray[np.float64]], size: int
) -> NDArray[np.float64]:
    """Return Pearson's correlation in each shell, and over all of them as the last.

    Parameters
    ----------
    shell : ndarray of int32, shape (n,)
        Numbers of shells, -1 for those that do not count.
    pairs : two ndarray of float64, shape (n,)
        Pairs with a NaN do not count.
    size : int
        Number of shells.

    Returns
    -------
    ndarray, shape (size + 1,)
        NaN where there are fewer than two pairs, or values that are all the same.
    """
    from xrefl.merging import _statistics_kernels

    sums = sums_in_shells(_statistics_kernels.correlate, size, _LAYOUT, [(shell, *pairs)])
    scale = np.sqrt(sums["aa"] * sums["bb"])
    return sums["ab"] / np.where((sums["n"] > 1) & (scale > 0), scale, np.nan)
