"""Minimum, maximum, mean and deviation of values that pass by in pieces."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xrefl.fourier.statistics import Moments, block_moments, join_moments
from xrefl.io.ccp4.header import Statistics

__all__ = ["Tally"]

_BLOCK = 65_536


class Tally:
    """Counts values as they pass by; what is not finite is skipped."""

    def __init__(self) -> None:
        self._blocks: dict[tuple[int, int], Moments] = {}

    def add(self, values: NDArray[np.float32], place: int = 0) -> None:
        """Count an array, C-contiguous; those of other threads may come before or after it.

        The result is that of the order of their places, whatever the order they come in.
        """
        flat = values.reshape(-1)
        buffer = np.empty(min(_BLOCK, flat.size))
        for first in range(0, flat.size, _BLOCK):
            self._blocks[place, first] = block_moments(flat[first : first + _BLOCK], buffer)

    def total(self) -> Statistics:
        """Return the account; zeros if there was no value."""
        found = join_moments(self._blocks[place] for place in sorted(self._blocks))
        if not found.number:
            return Statistics(0.0, 0.0, 0.0, 0.0)
        return Statistics(found.low, found.high, found.mean, found.sigma)
