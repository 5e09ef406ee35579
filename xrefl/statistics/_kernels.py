"""Kernels of statistics: shells, and moments of pairs of values by groups."""

from __future__ import annotations

from typing import Any

import numpy as np

from xrefl._numba import kernel

# Columns of a table of groups.
COUNT, WEIGHT, MEAN_X, MEAN_Y, XX, YY, XY, DIFFERENCE = range(8)
WIDTH = 8


@kernel
def shell_numbers(start: Any, stop: Any, inner: Any, values: Any, out: Any) -> None:
    """Count the limits below each value, -1 for NaN; neighbours are often in one shell."""
    number = 0
    for i in range(start, stop):
        value = values[i]
        if value != value:
            out[i] = -1
            continue
        above = number > 0 and value <= inner[number - 1]
        if above or (number < inner.size and value > inner[number]):
            number, left = 0, inner.size
            while left > 0:
                half = left // 2
                if inner[number + half] < value:
                    number += half + 1
                    left -= half + 1
                else:
                    left = half
        out[i] = number


@kernel
def moments(
    start: Any,
    stop: Any,
    codes: Any,
    x: Any,
    y: Any,
    weights: Any,
    second: Any,
    rows: Any,
    tables: Any,
) -> None:
    """Means, and about them the second moments, of pairs of values in each group.

    Block i has ``rows`` rows and the table ``tables[i]``, which has a row of zeros for each
    group. Pairs that are not finite do not count, nor do those with a weight that is not positive
    and finite; all weights are 1 if there are none. ``second`` says whether second moments are
    wanted.
    """
    for block in range(start, stop):
        table = tables[block]
        first, last = block * rows, min((block + 1) * rows, codes.size)
        for i in range(first, last):
            g, a, b = codes[i], np.float64(x[i]), np.float64(y[i])
            w = np.float64(weights[i]) if weights.size > 0 else 1.0
            if g >= 0 and abs(a) < np.inf and abs(b) < np.inf and 0.0 < w < np.inf:
                table[g, COUNT] += 1.0
                table[g, WEIGHT] += w
                table[g, MEAN_X] += w * a
                table[g, MEAN_Y] += w * b
                table[g, DIFFERENCE] += w * abs(a - b)
        for g in range(table.shape[0]):
            if table[g, COUNT] > 0.0:
                table[g, MEAN_X] /= table[g, WEIGHT]
                table[g, MEAN_Y] /= table[g, WEIGHT]
                table[g, DIFFERENCE] /= table[g, WEIGHT]
        if not second:
            continue
        for i in range(first, last):
            g, a, b = codes[i], np.float64(x[i]), np.float64(y[i])
            w = np.float64(weights[i]) if weights.size > 0 else 1.0
            if g >= 0 and abs(a) < np.inf and abs(b) < np.inf and 0.0 < w < np.inf:
                a -= table[g, MEAN_X]
                b -= table[g, MEAN_Y]
                table[g, XX] += w * a * a
                table[g, YY] += w * b * b
                table[g, XY] += w * a * b
