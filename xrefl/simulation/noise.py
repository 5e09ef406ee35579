"""Errors of measurement."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np

__all__ = ["Noise"]


@dataclass(frozen=True)
class Noise:
    """Errors of a counting detector, on the scale of the intensities.

    With g = <I>/``counts`` the intensity of one photon, an observation with the expected intensity
    I has the variance

    σ² = g I + ``background`` g² + (``instability`` I)²

    of which the first two terms are the statistics of counting photons in the spot and under it
    (the variance of a Poisson distribution is its mean), and the third is all that is proportional
    to the intensity, from the beam to absorption (Diederichs 2010, Acta Cryst. D66, 733-740; SDADD
    in Evans 2011, Acta Cryst. D67, 282-292). A negative I counts as 0. The error has a normal
    distribution with exactly this variance. <I> is the mean of the true intensities of both mates,
    so that the numbers below mean the same on any scale.

    Parameters
    ----------
    counts : float
        How many photons a reflection of the mean intensity has.
    background : float
        How many photons are counted under each reflection and subtracted.
    instability : float
        Relative error of strong reflections; its inverse is the limit of I/σ.
    outliers : float
        The fraction of observations that are off by another 10 to 30 σ (uniform), to either side,
        without their σ telling. A column OUTLIER marks them.

    Raises
    ------
    ValueError
        A number is out of its range.

    Examples
    --------
    >>> import xrefl
    >>> noise = xrefl.Noise(counts=400.0, background=0.0, instability=0.0)
    >>> noise.sigma(100.0, mean=100.0)  # 400 counts are known to 1 in 20
    5.0
    """

    counts: float = 200.0
    background: float = 50.0
    instability: float = 0.02
    outliers: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            number = isinstance(value, int | float | np.integer | np.floating)
            if not (number and math.isfinite(value) and value >= 0):
                raise ValueError(
                    f"{field.name} must be a number that is not negative, not {value!r}"
                )
            object.__setattr__(self, field.name, float(value))  # NumPy's may have fewer digits
        if self.counts == 0:
            raise ValueError("counts must be positive: without photons there is no intensity")
        if self.outliers > 1:
            raise ValueError(f"outliers is a fraction, from 0 to 1, not {self.outliers!r}")

    def terms(self, mean: float) -> tuple[float, float]:
        """Return g and ``background`` g², where the mean intensity is given."""
        gain = mean / self.counts
        return gain, self.background * gain**2

    def sigma(self, intensity: float, *, mean: float) -> float:
        """Return σ of an intensity, where the mean intensity is given.

        Parameters
        ----------
        intensity, mean : float
            On one scale, whichever.
        """
        gain, background = self.terms(mean)
        counted = max(intensity, 0.0)
        return math.sqrt(gain * counted + background + (self.instability * counted) ** 2)
