"""Standard errors by the jackknife, leaving out one unique reflection after the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xrefl.merging.cc_half import sigma_tau

__all__ = ["error_of_ratio", "error_of_sigma_tau"]

Floats = NDArray[np.float64]


def error_of_ratio(codes: NDArray[np.int32], size: int, above: Floats, below: Floats) -> Floats:
    """Return the standard error of Σ above / Σ below in each group.

    The square of the error is (n - 1)/n Σ(θᵢ - <θ>)², θᵢ being the ratio without reflection i
    (Efron & Stein, 1981, Ann. Statist. 9, 586).

    Parameters
    ----------
    codes : ndarray of int32, shape (n,)
        Numbers of the groups, 0 or more.
    size : int
        Number of groups.
    above, below : ndarray of float64, shape (n,)

    Returns
    -------
    ndarray, shape (size,)
        NaN for groups of fewer than three reflections, or where what is divided by is not
        positive.

    Examples
    --------
    >>> values = np.array([1.0, 2.0, 6.0])  # of a mean, it is that of every textbook
    >>> error_of_ratio(np.zeros(3, np.int32), 1, values, np.ones(3)).round(6)
    array([1.527525])
    """
    top, bottom = (np.bincount(codes, values, size)[codes] - values for values in (above, below))
    return _spread(codes, size, top / np.where(bottom > 0, bottom, np.nan))


def error_of_sigma_tau(codes: NDArray[np.int32], size: int, mean: Floats, error: Floats) -> Floats:
    """Return the standard error of CC1/2 by the σ-τ method in each group.

    Parameters
    ----------
    codes, size
        As in `error_of_ratio`.
    mean : ndarray of float64, shape (n,)
        Merged intensities.
    error : ndarray of float64, shape (n,)
        Squares of their standard errors, s²/n.

    Returns
    -------
    ndarray, shape (size,)
        NaN for groups of fewer than three reflections.
    """
    n = np.bincount(codes, minlength=size).astype(np.float64)
    some = np.maximum(n, 1)
    step = mean - (np.bincount(codes, mean, size) / some)[codes]
    squares = np.bincount(codes, step * step, size)
    n, some = n[codes], np.maximum(n[codes] - 1, 1)
    without = squares[codes] - n / some * step * step
    rest = np.bincount(codes, error, size)[codes] - error
    return _spread(codes, size, sigma_tau(n - 1, np.maximum(without, 0), rest))


def _spread(codes: NDArray[np.int32], size: int, without: Floats) -> Floats:
    n = np.bincount(codes, minlength=size).astype(np.float64)
    n = np.where(n > 2, n, np.nan)
    step = without - (np.bincount(codes, without, size) / n)[codes]
    spread: Floats = np.sqrt((n - 1) / n * np.bincount(codes, step * step, size))
    return spread
