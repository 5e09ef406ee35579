"""Minimum, maximum, mean and deviation of values that pass by in pieces."""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrefl._parallel import over_rows
from xrefl.io.ccp4.header import Statistics

__all__ = ["Tally"]

_BLOCK = 65_536


class Tally:
    """Counts values as they pass by; NaN is skipped.

    Blocks are joined by the formulas of Chan, Golub & LeVeque (1979).
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks: dict[int, tuple[int, float, float, float, float]] = {}
        self._seen = 0

    def add(self, values: NDArray[np.float32]) -> None:
        """Count an array, C-contiguous."""
        flat = values.reshape(-1)
        nblock = -(-flat.size // _BLOCK)

        def blocks(start: int, stop: int) -> None:
            buffer = np.empty(min(_BLOCK, flat.size))
            for i in range(start, stop):
                found = _of_block(flat[i * _BLOCK : (i + 1) * _BLOCK], buffer)
                with self._lock:
                    self._blocks[self._seen + i] = found

        over_rows(blocks, nblock, min_rows=8, slices_per_thread=2)
        self._seen += nblock

    def total(self) -> Statistics:
        """Return the account; zeros if there was no value."""
        count, low, high, mean, squares = 0, math.inf, -math.inf, 0.0, 0.0
        for _, (n, block_low, block_high, block_mean, block_squares) in sorted(
            self._blocks.items()
        ):
            if n == 0:
                continue
            delta = block_mean - mean
            both = count + n
            mean += delta * n / both
            squares += block_squares + delta * delta * count * n / both
            low, high, count = min(low, block_low), max(high, block_high), both
        if not count:
            return Statistics(0.0, 0.0, 0.0, 0.0)
        return Statistics(low, high, mean, math.sqrt(squares / count))


def _of_block(
    values: NDArray[Any], buffer: NDArray[np.float64]
) -> tuple[int, float, float, float, float]:
    """Return number, minimum, maximum, mean, and sum of squared deviations from the mean."""
    low, high = float(values.min()), float(values.max())
    if math.isnan(low):
        values = values[~np.isnan(values)]
        if not values.size:
            return 0, 0.0, 0.0, 0.0, 0.0
        low, high = float(values.min()), float(values.max())
    exact = buffer[: values.size]
    np.copyto(exact, values)
    mean = float(exact.sum()) / values.size
    exact -= mean
    np.multiply(exact, exact, out=exact)
    return values.size, low, high, mean, float(exact.sum())
