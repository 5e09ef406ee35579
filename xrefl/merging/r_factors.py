"""R factors of merging, and the weightings that programs calculate them with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from xrefl.merging.table import MEAN, WMEAN

__all__ = ["WEIGHTINGS", "Weighting", "WeightingName", "r_factors", "weighting_called"]

WeightingName: TypeAlias = Literal["aimless", "xds", "unweighted"]
"""As Aimless and MRFANA, as XDS and cctbx, and as R factors were published."""


class Weighting(NamedTuple):
    """Which means R factors and correlations are of."""

    mean: int
    """Column of `xrefl.merging.table.Table.sums` with the means <I>."""
    deviation: int
    """Column of the deviations |I - <I>| from these."""
    divisor: int
    """Column of the means whose sum over the observations R factors are divided by."""


WEIGHTINGS = {
    "aimless": Weighting(WMEAN, 0, WMEAN),
    "xds": Weighting(WMEAN, 0, MEAN),
    "unweighted": Weighting(MEAN, 1, MEAN),
}


def weighting_called(name: str) -> Weighting:
    """Return a weighting.

    Raises
    ------
    ValueError
        There is none of this name.
    """
    if name not in WEIGHTINGS:
        names = ", ".join(map(repr, WEIGHTINGS))
        raise ValueError(f"weighting {name!r} is not known: use one of {names}")
    return WEIGHTINGS[name]


def r_factors(sums: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """Return Rmerge, Rmeas and Rpim.

    R = Σ f Σ|I - <I>| / Σ Σ I, over the unique reflections that were observed n >= 2 times, with
    f = 1 for Rmerge, √(n/(n - 1)) for Rmeas (Diederichs & Karplus, 1997, Nature Struct. Biol. 4,
    269) and √(1/(n - 1)) for Rpim (Weiss, 2001, J. Appl. Cryst. 34, 130). With the weighting
    "unweighted", <I> is the plain mean, as published; with "xds" the mean with the weights
    1/σ²; with "aimless" that is also what takes the place of I in the divisor.

    Parameters
    ----------
    sums : dict of ndarray
        What the kernel ``shell_sums`` adds up, by name.

    Returns
    -------
    dict
        ``r_merge``, ``r_meas`` and ``r_pim``; NaN where the divisor is not positive.
    """
    divisor = np.where(sums["divisor"] > 0, sums["divisor"], np.nan)
    return {name: sums[name] / divisor for name in ("r_merge", "r_meas", "r_pim")}
