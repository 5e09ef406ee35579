"""The Mott-Bethe formula: electrons are scattered by what scatters X-rays, less the nuclei."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["mott_bethe_factor"]

# Bohr radius in Å (CODATA 2018).
_BOHR = 0.529177210903


def mott_bethe_factor(inv_d2: ArrayLike) -> NDArray[np.float64]:
    """Return -d²/(2π² a0) in Å, with a0 the Bohr radius.

    Structure factors of X-rays less those of the nuclei, f - Z, times it become those of electrons
    (International Tables C, section 4.3.1).

    Parameters
    ----------
    inv_d2 : array_like
        1/d² in Å⁻².

    Returns
    -------
    ndarray of float64
        NaN at 0 0 0, where there is none.

    Examples
    --------
    >>> mott_bethe_factor([0.25, 0.0]).round(4)
    array([-0.3829,     nan])
    """
    squares = np.asarray(inv_d2, np.float64)
    with np.errstate(divide="ignore"):
        spacing2 = np.where(squares > 0, 1 / squares, np.nan)
    factor: NDArray[np.float64] = spacing2 / (-2 * np.pi**2 * _BOHR)
    return factor
