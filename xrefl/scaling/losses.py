"""What a difference between calculated and observed amplitude costs in a fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["L1_STEPS", "LOSSES", "Loss", "spread"]

Array = NDArray[np.float64]
_Function = Callable[[Array], Array]


class Loss(NamedTuple):
    """A loss ρ of z = (r/c)², for residuals r and a scale c; ρ(z) is z for small z."""

    number: int
    """What `xrefl.scaling._kernels` calls it."""
    slope: _Function
    """ρ'"""
    influence_slope: _Function
    """Derivative of the influence r ρ'(z) with respect to r: ρ' + 2 z ρ''."""


def _one(z: Array) -> Array:
    return np.ones_like(z)


# Huber (1964), Ann. Math. Stat. 35, 73; the others as reviewed by Triggs et al. (2000),
# Bundle Adjustment - A Modern Synthesis, Lect. Notes Comput. Sci. 1883, 298.
_SOFT = Loss(1, lambda z: 1 / np.sqrt(1 + z), lambda z: (1 + z) ** -1.5)
LOSSES = {
    "linear": Loss(0, _one, _one),
    "soft_l1": _SOFT,
    "huber": Loss(2, lambda z: 1 / np.sqrt(np.maximum(z, 1)), lambda z: (z <= 1).astype(float)),
    "cauchy": Loss(3, lambda z: 1 / (1 + z), lambda z: (1 - z) / (1 + z) ** 2),
    "l1": _SOFT,
}
"""Losses by name: z, 2(√(1 + z) - 1), z up to 1 and then 2√z - 1, and ln(1 + z).

The last, "l1", is the sum of absolute differences, the limit of soft_l1 for c -> 0.
"""

L1_STEPS = (1.0, 0.1, 0.01, 0.001)
"""Scales, in units of the spread, that lead from squares to absolute values."""


def spread(residuals: Array) -> float:
    """Return the standard deviation of the core of residuals: 1.4826 times their median size."""
    return 1.4826 * float(np.median(np.abs(residuals)))
